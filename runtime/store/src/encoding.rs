//! The one byte form of an account: what its hash covers and what a store keeps.
//!
//! ```text
//! lamports u64 | owner 32 | executable u8 (0 or 1) | data size u32 | data
//! ```
//! Integers are little-endian. These are the bytes that borsh gives for a struct of these fields in
//! this order. The address is not part of it.

use lockstep_interface::{Account, Address, Hash, limits::ACCOUNT_DATA_SIZE_MAX};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::sha256::{HASHED_ALONE_SIZE, Messages};

/// Bytes before the data.
pub(crate) const HEAD_SIZE: usize = 8 + 32 + 1 + 4;

/// Why bytes are no account.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Fewer bytes than every account has.
    #[error("the account has {0} bytes, expected at least {HEAD_SIZE}")]
    TooShort(usize),
    /// The flag is neither 0 nor 1.
    #[error("the executable flag is {0}, expected 0 or 1")]
    Flag(u8),
    /// The stated size of the data is not the number of bytes that follow.
    #[error("the account states {stated} bytes of data, {found} follow")]
    DataSize {
        /// What the head says.
        stated: u32,
        /// What is there.
        found: usize,
    },
    /// More data than an account may hold.
    #[error("the account has {0} bytes of data, expected at most {ACCOUNT_DATA_SIZE_MAX}")]
    TooLong(usize),
}

/// The bytes before the data.
pub(crate) fn encode_head(account: &Account) -> [u8; HEAD_SIZE] {
    let size = u32::try_from(account.data.len()).expect("account data is far below 4 GiB");
    let mut head = [0; HEAD_SIZE];
    head[..8].copy_from_slice(&account.lamports.to_le_bytes());
    head[8..40].copy_from_slice(account.owner.as_array());
    head[40] = u8::from(account.executable);
    head[41..].copy_from_slice(&size.to_le_bytes());
    head
}

/// The bytes of an account, 45 plus its data.
///
/// ```
/// use lockstep_interface::Account;
/// use lockstep_store::{decode_account, encode_account};
///
/// let account = Account::wallet(7);
/// assert_eq!(encode_account(&account).len(), 45);
/// assert_eq!(decode_account(&encode_account(&account)), Ok(account));
/// ```
pub fn encode_account(account: &Account) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_SIZE.saturating_add(account.data.len()));
    append_account(account, &mut bytes);
    bytes
}

/// Appends what [`encode_account`] gives.
pub(crate) fn append_account(account: &Account, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&encode_head(account));
    bytes.extend_from_slice(&account.data);
}

/// The account of some bytes. Only what [`encode_account`] gives is accepted.
///
/// # Errors
/// If the bytes are no account.
pub fn decode_account(bytes: &[u8]) -> Result<Account, DecodeError> {
    let (head, data) = bytes
        .split_first_chunk::<HEAD_SIZE>()
        .ok_or(DecodeError::TooShort(bytes.len()))?;
    let (lamports, rest) = head.split_first_chunk().expect("the head has 45 bytes");
    let (owner, rest) = rest.split_first_chunk().expect("37 bytes are left");
    let (executable, size) = match rest {
        [0, size @ ..] => (false, size),
        [1, size @ ..] => (true, size),
        [flag, ..] => return Err(DecodeError::Flag(*flag)),
        [] => unreachable!("five bytes are left"),
    };
    let stated = u32::from_le_bytes(*size.first_chunk().expect("four bytes are left"));
    if usize::try_from(stated).ok() != Some(data.len()) {
        let found = data.len();
        return Err(DecodeError::DataSize { stated, found });
    }
    if data.len() > ACCOUNT_DATA_SIZE_MAX {
        return Err(DecodeError::TooLong(data.len()));
    }
    Ok(Account {
        lamports: u64::from_le_bytes(*lamports),
        data: data.into(),
        owner: Address::new_from_array(*owner),
        executable,
    })
}

/// SHA-256 of [`encode_account`]: the value hash of the state trie. A wallet's takes one block.
pub fn account_hash(account: &Account) -> Hash {
    let digest = if account.data.is_empty() {
        Sha256::digest(encode_head(account))
    } else {
        Sha256::new()
            .chain_update(encode_head(account))
            .chain_update(&*account.data)
            .finalize()
    };
    Hash::new_from_array(digest.into())
}

/// The hashes of many accounts, zeros for one that does not exist. O(bytes).
pub fn account_hashes(accounts: &[&Account]) -> Vec<Hash> {
    let is_many = |account: &Account| account.exists() && account.data.len() < HASHED_ALONE_SIZE;
    let mut messages = Messages::with_capacity(accounts.len());
    for account in accounts.iter().filter(|account| is_many(account)) {
        messages.push([&encode_head(account)[..], &account.data]);
    }
    let mut many = messages.hashes().into_iter();
    let hash = |account: &&Account| match account {
        account if is_many(account) => {
            Hash::new_from_array(many.next().expect("one for each message"))
        }
        account if account.exists() => account_hash(account),
        _ => Hash::default(),
    };
    accounts.iter().map(hash).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Account {
        Account {
            lamports: 0x0102_0304,
            data: vec![9, 8].into(),
            owner: Address::new_from_array([5; 32]),
            executable: true,
        }
    }

    #[test]
    fn the_bytes_are_as_drawn() {
        let mut expected = vec![4, 3, 2, 1, 0, 0, 0, 0];
        expected.extend([5; 32]);
        expected.extend([1, 2, 0, 0, 0, 9, 8]);
        assert_eq!(encode_account(&program()), expected);
        let hash: [u8; 32] = Sha256::digest(&expected).into();
        assert_eq!(account_hash(&program()).to_bytes(), hash);
        let wallet = Account::wallet(3);
        let hash: [u8; 32] = Sha256::digest(encode_account(&wallet)).into();
        assert_eq!(account_hash(&wallet).to_bytes(), hash);
    }

    #[test]
    fn only_what_is_encoded_is_decoded() {
        let bytes = encode_account(&program());
        assert_eq!(decode_account(&bytes), Ok(program()));
        assert_eq!(decode_account(&bytes[..44]), Err(DecodeError::TooShort(44)));
        let error = DecodeError::DataSize {
            stated: 2,
            found: 1,
        };
        assert_eq!(decode_account(&bytes[..46]), Err(error));
        let mut flagged = bytes;
        flagged[40] = 2;
        assert_eq!(decode_account(&flagged), Err(DecodeError::Flag(2)));
    }

    #[test]
    fn the_largest_account_is_decoded_and_one_byte_more_is_not() {
        let mut account = program();
        account.data = vec![1; ACCOUNT_DATA_SIZE_MAX].into();
        assert_eq!(decode_account(&encode_account(&account)), Ok(account));
        let mut account = program();
        account.data = vec![1; ACCOUNT_DATA_SIZE_MAX + 1].into();
        let error = DecodeError::TooLong(ACCOUNT_DATA_SIZE_MAX + 1);
        assert_eq!(decode_account(&encode_account(&account)), Err(error));
    }
}
