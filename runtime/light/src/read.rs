//! Taking a proof apart.

use crate::LightError;

/// The bytes that are left.
pub(crate) struct Reader<'p>(pub(crate) &'p [u8]);

impl<'p> Reader<'p> {
    pub(crate) fn take(&mut self, size: usize) -> Result<&'p [u8], LightError> {
        let (taken, rest) = self.0.split_at_checked(size).ok_or(LightError::Size)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], LightError> {
        let taken = self.take(N)?.first_chunk();
        taken.copied().ok_or(LightError::Size)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, LightError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, LightError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, LightError> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}
