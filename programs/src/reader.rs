//! Fields of instruction data, read one after the other. Every reader gives `None` where the bytes
//! end too early or stand for nothing.

use lockstep_interface::Address;

/// What is still to be read.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    #[inline]
    fn take<const SIZE: usize>(&mut self) -> Option<&'a [u8; SIZE]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| *byte)
    }

    /// The number that bincode writes for a variant.
    #[inline]
    pub(crate) fn kind(&mut self) -> Option<u32> {
        self.take().copied().map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn integer(&mut self) -> Option<u64> {
        self.take().copied().map(u64::from_le_bytes)
    }

    pub(crate) fn address(&mut self) -> Option<Address> {
        self.take().copied().map(Address::new_from_array)
    }

    /// As many addresses as a `u64` in front of them says.
    pub(crate) fn addresses(&mut self) -> Option<&'a [[u8; 32]]> {
        let count = usize::try_from(self.integer()?).ok()?;
        let addresses = self.0.as_chunks::<32>().0.get(..count)?;
        self.0 = self.0.get(addresses.as_flattened().len()..)?;
        Some(addresses)
    }

    /// As many bytes of UTF-8 as a `u64` in front of them says.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let size = usize::try_from(self.integer()?).ok()?;
        let (text, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
