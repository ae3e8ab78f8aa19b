//! The keys and values of a store on disk.
//!
//! ```text
//! state   00 "schema"              u32, little-endian
//!         00 "tip"                 record of the newest block
//!         00 "applied"             slot of the newest block whose changes the accounts below have
//!         00 "parameters"          the ledger's, if its owner has kept any
//!         01 | address 32          account, as `encode_account` gives it
//!         02 | slot u64            record | SHA-256 of the body
//! bodies  slot u64                 body
//! changes slot u64                 of a block behind "applied", in order of addresses:
//!                                  address 32 | size u32, 0 if it is gone | account, ..
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
    encoding::{DecodeError, HEAD_SIZE, append_account, decode_account},
};

/// The bytes of a record.
const RECORD_SIZE: usize = 8 + 3 * 32 + 1 + 32;
/// The bytes of a change without the account's data.
pub(crate) const ENTRY_SIZE: usize = 32 + 4 + HEAD_SIZE;
/// The schema that is drawn above.
pub(crate) const SCHEMA: u32 = 2;
/// The schema without "applied" and changes: accounts were written with each block.
pub(crate) const SCHEMA_UNPENDING: u32 = 1;

pub(crate) const SCHEMA_KEY: &[u8] = b"\0schema";
pub(crate) const TIP_KEY: &[u8] = b"\0tip";
pub(crate) const APPLIED_KEY: &[u8] = b"\0applied";
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
    put_in(Space::State, key, value)
}

/// Sets a key.
pub(crate) fn put_in(space: Space, key: &[u8], value: &[u8]) -> Write {
    Write {
        space,
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

/// The key and the value of an account, which has no value if it does not exist.
pub(crate) fn encode_account_entry(
    (address, account): &Change,
    bytes: &mut Vec<u8>,
) -> (Slice, Option<Slice>) {
    let value = account.exists().then(|| {
        bytes.clear();
        append_account(account, bytes);
        Slice::new(bytes)
    });
    (Slice::new(&account_key(address)), value)
}

/// The key of a block's changes.
pub(crate) fn changes_key(slot: u64) -> [u8; 8] {
    slot_key(slot)
}

/// The bytes of some changes.
pub(crate) fn encode_changes(changes: &[Change]) -> Vec<u8> {
    let sizes = changes.iter().map(|(_, account)| account.data.len());
    let size = sizes.fold(
        changes.len().saturating_mul(ENTRY_SIZE),
        usize::saturating_add,
    );
    let mut bytes = Vec::with_capacity(size);
    for (address, account) in changes {
        bytes.extend_from_slice(address.as_array());
        let size = match account.exists() {
            true => HEAD_SIZE.saturating_add(account.data.len()),
            false => 0,
        };
        let size = u32::try_from(size).expect("an account takes at most 10 MiB");
        bytes.extend_from_slice(&size.to_le_bytes());
        if account.exists() {
            append_account(account, &mut bytes);
        }
    }
    bytes
}

/// The slot and the changes of an entry; `None` if they are none.
pub(crate) fn decode_changes(key: &[u8], mut bytes: &[u8]) -> Option<(u64, Vec<Change>)> {
    #[expect(
        clippy::big_endian_bytes,
        reason = "big-endian numbers sort as numbers do"
    )]
    let slot = u64::from_be_bytes(key.try_into().ok()?);
    let mut changes: Vec<Change> = Vec::new();
    while !bytes.is_empty() {
        let (address, rest) = bytes.split_first_chunk::<32>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        let (account, rest) = rest.split_at_checked(size)?;
        let account = match size {
            0 => Account::default(),
            _ => decode_account(account).ok()?,
        };
        changes.push((Address::new_from_array(*address), account));
        bytes = rest;
    }
    let is_sorted = changes.is_sorted_by(|(one, _), (other, _)| one < other);
    is_sorted.then_some((slot, changes))
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
    fn changes_survive_their_bytes_and_nothing_else_is_taken_for_some() {
        let change = |number: u8, lamports, size| {
            let mut account = Account::wallet(lamports);
            account.data = vec![number; size].into();
            (Address::new_from_array([number; 32]), account)
        };
        let gone = (Address::new_from_array([2; 32]), Account::default());
        let changes = vec![change(1, 5, 0), gone, change(3, 7, 9)];
        let bytes = encode_changes(&changes);
        let key = changes_key(0x0102);
        assert_eq!(
            decode_changes(&key, &bytes),
            Some((0x0102, changes.clone()))
        );
        assert_eq!(decode_changes(&key, &[]), Some((0x0102, Vec::new())));
        assert_eq!(decode_changes(&key[1..], &bytes), None);
        for end in 1..bytes.len() {
            let is_whole = [32 + 4 + 45, 2 * (32 + 4) + 45].contains(&end);
            assert_eq!(
                decode_changes(&key, &bytes[..end]).is_some(),
                is_whole,
                "{end}"
            );
        }
        let twice = encode_changes(&[&changes[..1], &changes[..1]].concat());
        assert_eq!(decode_changes(&key, &twice), None);
    }

    #[test]
    fn keys_sort_as_slots_and_addresses_do() {
        assert!(record_key(255) < record_key(256));
        assert!(RECORDS.0[..] < record_key(0)[..] && record_key(u64::MAX)[..] < RECORDS.1[..]);
        let last = account_key(&Address::new_from_array([255; 32]));
        assert!(ACCOUNTS.0[..] < last[..] && last[..] < ACCOUNTS.1[..]);
    }
}
