//! Takes fields off the front of a byte slice and remembers how far it got.

use super::error::ParseError;

/// What is left of some bytes. The parser looks at the size first, so positions fit 16 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// Bytes that there were in all.
    size: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at `position`; at the end if that is past it.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], position: u16) -> Self {
        Self {
            rest: bytes.get(usize::from(position)..).unwrap_or_default(),
            size: bytes.len(),
        }
    }

    #[inline]
    pub(super) fn position(&self) -> u16 {
        u16::try_from(self.offset()).expect("longer transactions are refused before")
    }

    #[inline]
    fn offset(&self) -> usize {
        self.size.saturating_sub(self.rest.len())
    }

    #[inline]
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub(super) fn peek(&self) -> Result<u8, ParseError> {
        match self.rest.first() {
            Some(&byte) => Ok(byte),
            None => Err(self.truncated(1)),
        }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, ParseError> {
        let [byte] = *self.array::<1>()?;
        Ok(byte)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], ParseError> {
        let Some((array, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(N));
        };
        self.rest = rest;
        Ok(array)
    }

    #[inline]
    pub(super) fn slice(&mut self, size: usize) -> Result<&'a [u8], ParseError> {
        let Some((slice, rest)) = self.rest.split_at_checked(size) else {
            return Err(self.truncated(size));
        };
        self.rest = rest;
        Ok(slice)
    }

    /// Takes `count` fields of `N` bytes each.
    #[inline]
    pub(super) fn arrays<const N: usize>(
        &mut self,
        count: usize,
    ) -> Result<&'a [[u8; N]], ParseError> {
        // Counts are 16 bits wide, so the product cannot overflow.
        let bytes = self.slice(count.saturating_mul(N))?;
        Ok(bytes.as_chunks::<N>().0)
    }

    /// Reads a compact-u16: seven bits a byte, lowest first, the top bit says that more follow.
    /// Only the shortest form of a value is one (Solana's `ShortU16`).
    #[inline]
    pub(super) fn compact_u16(&mut self) -> Result<usize, ParseError> {
        match self.rest.split_first() {
            Some((&first, rest)) if first < 0x80 => {
                self.rest = rest;
                Ok(usize::from(first))
            }
            _ => self.long_compact_u16(),
        }
    }

    #[cold]
    fn long_compact_u16(&mut self) -> Result<usize, ParseError> {
        let offset = self.offset();
        let mut value = usize::from(self.byte()? & 0x7f);
        let second = self.byte()?;
        value |= usize::from(second & 0x7f) << 7;
        let last = if second < 0x80 {
            second
        } else {
            let third = self.byte()?;
            // Two bits are left of the sixteen, and there is no fourth byte.
            if third > 0b11 {
                return Err(ParseError::LengthOverflow { offset });
            }
            value |= usize::from(third) << 14;
            third
        };
        if last == 0 {
            return Err(ParseError::LengthNotMinimal { offset });
        }
        Ok(value)
    }

    /// Asserts that nothing is left.
    #[inline]
    pub(super) fn finish(self) -> Result<(), ParseError> {
        match self.rest.len() {
            0 => Ok(()),
            found => Err(ParseError::TrailingBytes {
                offset: self.offset(),
                found,
            }),
        }
    }

    #[cold]
    fn truncated(&self, needed: usize) -> ParseError {
        ParseError::Truncated {
            offset: self.offset(),
            needed,
            available: self.rest.len(),
        }
    }
}

/// Appends a compact-u16 in its shortest form.
#[inline]
pub(super) fn push_compact_u16(value: u16, out: &mut Vec<u8>) {
    let [low, high] = value.to_le_bytes();
    let middle = (low >> 7) | ((high & 0x3f) << 1);
    let top = high >> 6;
    match (middle, top) {
        (0, 0) => out.push(low),
        (_, 0) => out.extend_from_slice(&[low | 0x80, middle]),
        (_, _) => out.extend_from_slice(&[low | 0x80, middle | 0x80, top]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(usize, u16), ParseError> {
        let mut cursor = Cursor::new(bytes, 0);
        let value = cursor.compact_u16()?;
        Ok((value, cursor.position()))
    }

    #[test]
    fn every_compact_u16_reads_back() {
        for value in 0..=u16::MAX {
            let mut bytes = Vec::new();
            push_compact_u16(value, &mut bytes);
            let size = match value {
                0..0x80 => 1,
                0x80..0x4000 => 2,
                _ => 3,
            };
            assert_eq!(bytes.len(), usize::from(size));
            assert_eq!(read(&bytes), Ok((usize::from(value), size)));
        }
    }

    #[test]
    fn every_three_bytes_read_as_one_value_or_none() {
        // All values that three bytes can spell, against the definition.
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for third in [0, 1, 2, 3, 4, 0x7f, 0x80, 0x81, 0xff] {
                    let bytes = [first, second, third];
                    let Ok((value, size)) = read(&bytes) else {
                        continue;
                    };
                    let value = u16::try_from(value).expect("a compact-u16 has 16 bits");
                    let mut again = Vec::new();
                    push_compact_u16(value, &mut again);
                    assert_eq!(again, bytes[..usize::from(size)]);
                }
            }
        }
    }

    #[test]
    fn refusals_name_their_rule() {
        let offset = 0;
        assert_eq!(
            read(&[0x80, 0]),
            Err(ParseError::LengthNotMinimal { offset })
        );
        assert_eq!(
            read(&[0xff, 0x80, 0]),
            Err(ParseError::LengthNotMinimal { offset })
        );
        assert_eq!(
            read(&[0xff, 0xff, 4]),
            Err(ParseError::LengthOverflow { offset })
        );
        assert_eq!(
            read(&[0xff, 0xff, 0x80]),
            Err(ParseError::LengthOverflow { offset })
        );
        let truncated = ParseError::Truncated {
            offset: 2,
            needed: 1,
            available: 0,
        };
        assert_eq!(read(&[0xff, 0xff]), Err(truncated));
    }
}
