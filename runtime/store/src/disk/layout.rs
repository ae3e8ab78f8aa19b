//! The keys and values of a store on disk.
//!
//! ```text
//! state   00 "schema"              u32, little-endian
//!         00 "tip"                 record of the newest block
//!         00 "parameters"          the ledger's, if its owner has kept any
//!         01 | address 32          account, as `encode_account` gives it
//!         02 | slot u64            record | SHA-256 of the body
//! bodies  slot u64                 body
//!
//! record  slot u64 | block 32 | parent 32 | delta root 32 | 0 or 1 | state root 32, zeros after 0
//! ```
//! Integers are little-endian, except slots in keys, which are big-endian so that they sort as
//! numbers do.

use fjall::Slice;
use lockstep_interface::{Account, Address, Hash};

use super::medium::{Space, Write};
use crate::{
    BlockRecord, Change,
    encoding::{DecodeError, append_account, decode_account},
};

/// The bytes of a record.
const RECORD_SIZE: usize = 8 + 3 * 32 + 1 + 32;
/// The schema that is drawn above.
pub(crate) const SCHEMA: u32 = 1;

pub(crate) const SCHEMA_KEY: &[u8] = b"\0schema";
pub(crate) const TIP_KEY: &[u8] = b"\0tip";
pub(crate) const PARAMETERS_KEY: &[u8] = b"\0parameters";
const ACCOUNT_TAG: u8 = 1;
const RECORD_TAG: u8 = 2;
/// All accounts are between these.
pub(crate) const ACCOUNTS: ([u8; 1], [u8; 1]) = ([ACCOUNT_TAG], [ACCOUNT_TAG + 1]);
/// All records are between these.
pub(crate) const RECORDS: ([u8; 1], [u8; 1]) = ([RECORD_TAG], [RECORD_TAG + 1]);

/// A slot as a key.
pub(crate) fn slot_key(slot: u64) -> [u8; 8] {
    #[expect(
        clippy::big_endian_bytes,
        reason = "big-endian numbers sort as numbers do"
    )]
    slot.to_be_bytes()
}

/// The key of a slot's record.
pub(crate) fn record_key(slot: u64) -> [u8; 9] {
    let mut key = [RECORD_TAG; 9];
    key[1..].copy_from_slice(&slot_key(slot));
    key
}

/// The key of an account.
pub(crate) fn account_key(address: &Address) -> [u8; 33] {
    let mut key = [ACCOUNT_TAG; 33];
    key[1..].copy_from_slice(address.as_array());
    key
}

/// The bytes of a record.
pub(crate) fn encode_record(record: &BlockRecord) -> [u8; RECORD_SIZE] {
    let mut bytes = [0; RECORD_SIZE];
    bytes[..8].copy_from_slice(&record.slot.to_le_bytes());
    bytes[8..40].copy_from_slice(record.block_id.as_bytes());
    bytes[40..72].copy_from_slice(record.parent_id.as_bytes());
    bytes[72..104].copy_from_slice(record.delta_root.as_bytes());
    bytes[104] = u8::from(record.state_root.is_some());
    bytes[105..].copy_from_slice(record.state_root.unwrap_or_default().as_bytes());
    bytes
}

/// The record of some bytes; `None` if they are none.
pub(crate) fn decode_record(bytes: &[u8]) -> Option<BlockRecord> {
    let bytes: &[u8; RECORD_SIZE] = bytes.try_into().ok()?;
    let hash = |start: usize| {
        let hash = bytes.get(start..)?.first_chunk()?;
        Some(Hash::new_from_array(*hash))
    };
    let state_root = match bytes[104] {
        0 if bytes[105..] == [0; 32] => None,
        1 => Some(hash(105)?),
        _ => return None,
    };
    Some(BlockRecord {
        slot: u64::from_le_bytes(*bytes.first_chunk()?),
        block_id: hash(8)?,
        parent_id: hash(40)?,
        delta_root: hash(72)?,
        state_root,
    })
}

/// A record with the hash of its body.
pub(crate) fn encode_header(record: &BlockRecord, body_hash: [u8; 32]) -> Vec<u8> {
    let mut bytes = encode_record(record).to_vec();
    bytes.extend(body_hash);
    bytes
}

/// The opposite; `None` if the bytes are no header.
pub(crate) fn decode_header(bytes: &[u8]) -> Option<(BlockRecord, [u8; 32])> {
    let (record, body_hash) = bytes.split_at_checked(RECORD_SIZE)?;
    Some((decode_record(record)?, body_hash.try_into().ok()?))
}

/// The account of an entry; `None` if the key is none of an account.
pub(crate) fn decode_entry(
    key: &[u8],
    value: &[u8],
) -> Option<Result<(Address, Account), DecodeError>> {
    let (_, address) = key.split_first()?;
    let address = Address::new_from_array(address.try_into().ok()?);
    Some(decode_account(value).map(|account| (address, account)))
}

/// Sets a key of the state.
pub(crate) fn put(key: &[u8], value: &[u8]) -> Write {
    Write {
        space: Space::State,
        key: Slice::new(key),
        value: Some(Slice::new(value)),
    }
}

/// Removes a key.
pub(crate) fn remove(space: Space, key: &[u8]) -> Write {
    Write {
        space,
        key: Slice::new(key),
        value: None,
    }
}

/// Sets accounts, or removes those that do not exist.
pub(crate) fn put_accounts<'c>(
    changes: impl IntoIterator<Item = &'c Change>,
) -> impl Iterator<Item = Write> {
    let mut bytes = Vec::new();
    changes.into_iter().map(move |(address, account)| Write {
        space: Space::State,
        key: Slice::new(&account_key(address)),
        value: account.exists().then(|| {
            bytes.clear();
            append_account(account, &mut bytes);
            Slice::new(&bytes)
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_their_bytes() {
        let mut record = BlockRecord {
            slot: 0x0102,
            block_id: Hash::new_from_array([1; 32]),
            parent_id: Hash::new_from_array([2; 32]),
            delta_root: Hash::new_from_array([3; 32]),
            state_root: Some(Hash::new_from_array([4; 32])),
        };
        let bytes = encode_record(&record);
        assert_eq!(bytes[..9], [2, 1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(bytes[103..107], [3, 1, 4, 4]);
        assert_eq!(decode_record(&bytes), Some(record));
        record.state_root = None;
        let mut bytes = encode_record(&record);
        assert_eq!(decode_record(&bytes), Some(record));
        assert_eq!(decode_record(&bytes[1..]), None);
        bytes[RECORD_SIZE - 1] = 1;
        assert_eq!(decode_record(&bytes), None);
        bytes[104] = 2;
        assert_eq!(decode_record(&bytes), None);
    }

    #[test]
    fn keys_sort_as_slots_and_addresses_do() {
        assert!(record_key(255) < record_key(256));
        assert!(RECORDS.0[..] < record_key(0)[..] && record_key(u64::MAX)[..] < RECORDS.1[..]);
        let last = account_key(&Address::new_from_array([255; 32]));
        assert!(ACCOUNTS.0[..] < last[..] && last[..] < ACCOUNTS.1[..]);
    }
}
