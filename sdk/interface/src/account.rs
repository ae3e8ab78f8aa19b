//! An account: lamports, owner and data, one cache line plus the shared data behind it.

use std::{fmt, ops::Deref};

use triomphe::Arc;

use crate::Address;

/// Bytes that [`AccountData::touch`] reaches.
const TOUCHED_SIZE: usize = 1_024;
/// Bytes that memory gives at once, on today's processors at least.
const CACHE_LINE_SIZE: usize = 64;

/// The bytes of an account, shared between banks until a holder writes them.
///
/// Cloning costs one reference count; empty data owns no memory at all.
/// Two are equal if their bytes are.
#[derive(Clone, Default)]
pub struct AccountData(Option<Arc<[u8]>>);

impl AccountData {
    /// Data without a byte.
    pub const EMPTY: Self = Self(None);

    /// True if these bytes have no other holder, so that writing them copies nothing.
    #[inline]
    pub fn is_unique(&self) -> bool {
        self.0.as_ref().is_none_or(Arc::is_unique)
    }

    /// The bytes for writing; copies them first if another bank shares them.
    #[inline]
    pub fn make_mut(&mut self) -> &mut [u8] {
        self.detach();
        let bytes = self.0.as_mut();
        bytes.map_or(&mut [], |bytes| {
            Arc::get_mut(bytes).expect("they have no other holder")
        })
    }

    /// Copies the bytes if they have another holder, too, and gives what is shared with it.
    #[inline]
    pub fn detach(&mut self) -> Option<Self> {
        let shared = self.0.as_mut().filter(|bytes| !bytes.is_unique())?;
        let copy = Arc::from(&**shared);
        Some(Self(Some(std::mem::replace(shared, copy))))
    }

    /// Reads a byte of each cache line of the first kilobyte: a caller that does so for several
    /// accounts, and only then looks into the first, waits for memory once. The value means
    /// nothing; a caller that gives it to [`std::hint::black_box`] keeps the compiler from leaving
    /// the reads out.
    #[inline]
    pub fn touch(&self) -> u8 {
        let lines = self.iter().take(TOUCHED_SIZE).step_by(CACHE_LINE_SIZE);
        lines.fold(0, |value, byte| value ^ byte)
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

    #[inline]
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
        assert!(written.is_unique() && shared.is_unique());
    }

    #[test]
    fn detaching_gives_what_is_shared_once() {
        let shared = AccountData::from(vec![1, 2]);
        let mut detached = shared.clone();
        let before = detached.detach().expect("two hold the bytes");
        assert!(!before.is_unique() && detached.is_unique());
        assert_eq!((&before, &detached), (&shared, &shared));
        assert_eq!(detached.detach(), None);
        assert_eq!(AccountData::default().detach(), None);
    }
}
