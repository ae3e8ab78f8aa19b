//! Puts fields into a block's bytes, and takes them off the front again, each with its name for
//! errors.
//!
//! Borsh writes. Its reader cannot say where it failed, nor refuse a count before it allocates, so
//! reading is done here.

use borsh::BorshSerialize;

use super::error::BlockDecodeError;

/// Appends a value.
pub(super) fn put(out: &mut Vec<u8>, value: &(impl BorshSerialize + ?Sized)) {
    value.serialize(out).expect("a vector takes any bytes");
}

/// Appends a list as Borsh has it: its length as `u32`, then its entries.
///
/// # Panics
/// With 2^32 entries or more.
pub(super) fn put_list<T: BorshSerialize>(
    out: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = T>,
) {
    let count = u32::try_from(entries.len()).expect("a block has fewer than 2^32 of anything");
    put(out, &count);
    for entry in entries {
        put(out, &entry);
    }
}

/// The bytes not read yet, and how many came before them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            offset: 0,
        }
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// The next `size` bytes.
    pub(super) fn bytes(
        &mut self,
        field: &'static str,
        size: usize,
    ) -> Result<&'a [u8], BlockDecodeError> {
        let Some((bytes, rest)) = self.rest.split_at_checked(size) else {
            return Err(BlockDecodeError::Truncated {
                field,
                offset: self.offset,
                needed: size,
                found: self.rest.len(),
            });
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(size);
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], BlockDecodeError> {
        let bytes = self.bytes(field, N)?;
        Ok(*bytes
            .first_chunk()
            .expect("the cursor gives the bytes asked for"))
    }

    /// A byte of at most `limit`.
    pub(super) fn byte(&mut self, field: &'static str, limit: u8) -> Result<u8, BlockDecodeError> {
        let offset = self.offset;
        let [found] = self.array(field)?;
        if found > limit {
            return Err(BlockDecodeError::TooLarge {
                field,
                offset,
                limit: limit.into(),
                found: found.into(),
            });
        }
        Ok(found)
    }

    /// A byte that can only be this one.
    pub(super) fn expect_byte(
        &mut self,
        field: &'static str,
        expected: u8,
    ) -> Result<(), BlockDecodeError> {
        let offset = self.offset;
        let [found] = self.array(field)?;
        if found != expected {
            return Err(BlockDecodeError::Unexpected {
                field,
                offset,
                expected: expected.into(),
                found: found.into(),
            });
        }
        Ok(())
    }

    /// A number of at most `limit`.
    pub(super) fn number(
        &mut self,
        field: &'static str,
        limit: u64,
    ) -> Result<u32, BlockDecodeError> {
        let offset = self.offset;
        let number = u32::from_le_bytes(self.array(field)?);
        let found = u64::from(number);
        if found > limit {
            return Err(BlockDecodeError::TooLarge {
                field,
                offset,
                limit,
                found,
            });
        }
        Ok(number)
    }

    /// A list of at most `limit` entries of `N` bytes each.
    pub(super) fn list<const N: usize>(
        &mut self,
        field: &'static str,
        limit: u64,
    ) -> Result<List<'a, N>, BlockDecodeError> {
        let count = self.number(field, limit)?;
        let offset = self.offset;
        let size = (count as usize).saturating_mul(N);
        let bytes = self.bytes(field, size)?;
        Ok(List {
            field,
            offset,
            entries: bytes.as_chunks::<N>().0,
        })
    }

    /// Refuses bytes that are left.
    pub(super) fn finish(self) -> Result<(), BlockDecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(BlockDecodeError::TrailingBytes {
            offset: self.offset,
            found: self.rest.len(),
        })
    }
}

/// A list of entries of `N` bytes, still encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a, const N: usize> {
    field: &'static str,
    /// Where the first entry starts.
    offset: usize,
    pub(super) entries: &'a [[u8; N]],
}

impl<const N: usize> List<'_, N> {
    /// Where an entry starts.
    pub(super) fn offset_of(&self, position: usize) -> usize {
        self.offset.saturating_add(position.saturating_mul(N))
    }

    /// The complaint that an entry is not in canonical form.
    pub(super) fn not_canonical(&self, position: usize, found: u32) -> BlockDecodeError {
        BlockDecodeError::NotCanonical {
            field: self.field,
            offset: self.offset_of(position),
            found: found.into(),
        }
    }

    /// The complaint that the list has a count, or a sum, that it cannot have.
    pub(super) fn unexpected(&self, expected: usize, found: usize) -> BlockDecodeError {
        BlockDecodeError::Unexpected {
            field: self.field,
            offset: self.offset,
            expected: expected as u64,
            found: found as u64,
        }
    }
}

impl List<'_, 2> {
    /// The entries as numbers.
    pub(super) fn numbers(&self) -> impl ExactSizeIterator<Item = u16> + Clone + '_ {
        self.entries.iter().map(|entry| u16::from_le_bytes(*entry))
    }
}

impl List<'_, 4> {
    /// The entries as numbers.
    pub(super) fn numbers(&self) -> impl ExactSizeIterator<Item = u32> + Clone + '_ {
        self.entries.iter().map(|entry| u32::from_le_bytes(*entry))
    }

    /// Refuses entries that are zero, or that do not sum up to the number of what they divide.
    pub(super) fn check_sizes(&self, total: usize) -> Result<(), BlockDecodeError> {
        let mut sum = 0usize;
        for (position, size) in self.numbers().enumerate() {
            if size == 0 {
                return Err(self.not_canonical(position, size));
            }
            sum = sum.saturating_add(size as usize);
        }
        if sum != total {
            return Err(self.unexpected(total, sum));
        }
        Ok(())
    }
}

impl List<'_, 8> {
    /// The entries as pairs of numbers.
    pub(super) fn pair(&self, position: usize) -> Option<(u32, u32)> {
        let ([first, second], []) = self.entries.get(position)?.as_chunks() else {
            return None;
        };
        Some((u32::from_le_bytes(*first), u32::from_le_bytes(*second)))
    }
}
