//! An account: lamports, owner and data, one cache line plus the shared data behind it.

use std::{fmt, ops::Deref, sync::Arc};

use crate::Address;

/// The bytes of an account, shared between banks until somebody writes them.
///
/// Cloning costs one reference count; empty data owns no memory at all.
/// Two are equal if their bytes are.
#[derive(Clone, Default)]
pub struct AccountData(Option<Arc<[u8]>>);

impl AccountData {
    /// Data without a byte.
    pub const EMPTY: Self = Self(None);

    /// True if nobody else holds these bytes, so that writing them copies nothing.
    pub fn is_unique(&mut self) -> bool {
        self.0
            .as_mut()
            .is_none_or(|bytes| Arc::get_mut(bytes).is_some())
    }

    /// The bytes for writing; copies them first if another bank shares them.
    pub fn make_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], Arc::make_mut)
    }

    /// Cuts the bytes or extends them with zeros, in memory of their own. O(size).
    pub fn resize(&mut self, size: usize) {
        let kept = self.len().min(size);
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(&self[..kept]);
        bytes.resize(size, 0);
        *self = bytes.into();
    }
}

impl Eq for AccountData {}

impl PartialEq for AccountData {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.0, &other.0) {
            (Some(this), Some(other)) => Arc::ptr_eq(this, other),
            (None, None) => true,
            _ => false,
        };
        is_same || **self == **other
    }
}

impl Deref for AccountData {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<u8>> for AccountData {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl From<&[u8]> for AccountData {
    fn from(bytes: &[u8]) -> Self {
        Self((!bytes.is_empty()).then(|| bytes.into()))
    }
}

impl fmt::Debug for AccountData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self[..self.len().min(16)];
        write!(formatter, "{} bytes {shown:02x?}", self.len())
    }
}

/// The state kept under one address.
///
/// An account with zero lamports does not exist: it is dropped when its block is committed.
/// The rent epoch of older Solana accounts is not kept, since rent is no longer collected.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Account {
    /// Balance in lamports, 10^-9 of a token.
    pub lamports: u64,
    /// Content, at most [`ACCOUNT_DATA_SIZE_MAX`](crate::limits::ACCOUNT_DATA_SIZE_MAX) bytes.
    pub data: AccountData,
    /// The program that may debit the account and change its data.
    pub owner: Address,
    /// True for programs.
    pub executable: bool,
}

impl Account {
    /// A wallet: a system-owned account without data.
    pub fn wallet(lamports: u64) -> Self {
        Self {
            lamports,
            ..Self::default()
        }
    }

    /// True if the account is to be kept, that is, holds lamports.
    pub fn exists(&self) -> bool {
        self.lamports != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_without_a_byte_is_empty_however_it_came_about() {
        let mut emptied = AccountData::from(vec![7]);
        emptied.resize(0);
        assert_eq!(emptied, AccountData::EMPTY);
        assert!(emptied.make_mut().is_empty());
        assert_ne!(AccountData::from(vec![0]), AccountData::EMPTY);
    }

    #[test]
    fn resizing_keeps_the_front_and_adds_zeros() {
        let mut data = AccountData::from(vec![1, 2, 3]);
        let shared = data.clone();
        data.resize(2);
        assert_eq!(&data[..], [1, 2]);
        data.resize(4);
        assert_eq!(
            (&data[..], &shared[..]),
            (&[1, 2, 0, 0][..], &[1, 2, 3][..])
        );
    }

    #[test]
    fn writing_shared_data_leaves_the_others_as_they_are() {
        let mut written = AccountData::from(vec![1, 2]);
        let shared = written.clone();
        assert!(!written.is_unique());
        written.make_mut()[0] = 9;
        assert_eq!((&written[..], &shared[..]), (&[9, 2][..], &[1, 2][..]));
        assert!(written.is_unique());
    }
}
