//! Fields of an account's data that instructions add to without reading them.

use std::ops::Range;

use crate::InstructionError;

/// Bytes of a counter.
const SIZE: usize = 8;

/// Some of the 8-byte little-endian unsigned fields of an account's data, by their offsets: the
/// counters to which an instruction does nothing but add
/// ([`Program::counters`](crate::Program::counters)).
///
/// ```
/// use lockstep_interface::Counters;
///
/// const VOTES: Counters = Counters::at(&[40, 48]);
/// assert_eq!(VOTES.offsets(), [40, 48]);
/// assert_eq!(VOTES.met_by(&(44..46)), Some(40));
/// assert_eq!(VOTES.met_by(&(0..40)), None);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Counters {
    count: u8,
    offsets: [u16; Self::COUNT_MAX],
}

impl Counters {
    /// How many counters an account may have.
    pub const COUNT_MAX: usize = 4;

    /// No counter.
    pub const NONE: Self = Self {
        count: 0,
        offsets: [0; Self::COUNT_MAX],
    };

    /// Counters at these offsets.
    ///
    /// # Panics
    /// If there are more than [`Counters::COUNT_MAX`], if they are not in ascending order, or if
    /// two overlap; at compile time where the list is a constant.
    pub const fn at(offsets: &[u16]) -> Self {
        assert!(
            offsets.len() <= Self::COUNT_MAX,
            "an account has at most 4 counters"
        );
        let mut counters = Self::NONE;
        let mut rest = offsets;
        let mut free = 0_usize;
        let mut place = 0_usize;
        while let [offset, later @ ..] = rest {
            let start = *offset as usize;
            assert!(
                free <= start,
                "counters are in ascending order and do not overlap"
            );
            counters.offsets[place] = *offset;
            counters.count = counters.count.saturating_add(1);
            free = start.saturating_add(SIZE);
            place = place.saturating_add(1);
            rest = later;
        }
        counters
    }

    /// The offsets in ascending order.
    pub fn offsets(&self) -> &[u16] {
        &self.offsets[..usize::from(self.count)]
    }

    /// True if there is no counter.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The counters of an account of which two declarations name these and others: the same ones,
    /// or none in one of both. `None` if they name different ones.
    ///
    /// ```
    /// use lockstep_interface::Counters;
    /// let [one, other] = [Counters::at(&[8]), Counters::at(&[16])];
    /// assert_eq!(one.joined(Counters::NONE), Some(one));
    /// assert_eq!(one.joined(other), None);
    /// ```
    pub fn joined(self, others: Self) -> Option<Self> {
        match (self.is_empty(), others.is_empty()) {
            (true, _) => Some(others),
            (false, true) => Some(self),
            (false, false) => (self == others).then_some(self),
        }
    }

    /// Which of the counters is at an offset.
    pub fn place(&self, offset: usize) -> Option<usize> {
        let mut offsets = self.offsets().iter();
        offsets.position(|counter| usize::from(*counter) == offset)
    }

    /// The offset of the first counter that has a byte in a range of the data.
    pub fn met_by(&self, range: &Range<usize>) -> Option<usize> {
        let mut offsets = self.offsets().iter().map(|offset| usize::from(*offset));
        offsets.find(|offset| *offset < range.end && range.start < offset.saturating_add(SIZE))
    }

    /// Puts zeros in the place of the counters in bytes that lie at `start` of the data.
    pub(crate) fn clear(&self, bytes: &mut [u8], start: usize) {
        for offset in self.offsets() {
            let first = usize::from(*offset);
            let end = first.saturating_add(SIZE).saturating_sub(start);
            let range = first.saturating_sub(start)..end.min(bytes.len());
            if let Some(counter) = bytes.get_mut(range) {
                counter.fill(0);
            }
        }
    }

    /// The counter at an offset of some data.
    ///
    /// # Errors
    /// `AccountDataTooSmall` if it is not within.
    pub fn read(data: &[u8], offset: usize) -> Result<u64, InstructionError> {
        let bytes = data.get(offset..).and_then(<[u8]>::first_chunk);
        let bytes = bytes.ok_or(InstructionError::AccountDataTooSmall)?;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// Sets the counter at an offset of some data.
    ///
    /// # Errors
    /// As [`Counters::read`].
    pub fn write(data: &mut [u8], offset: usize, value: u64) -> Result<(), InstructionError> {
        let bytes = data.get_mut(offset..).and_then(<[u8]>::first_chunk_mut);
        *bytes.ok_or(InstructionError::AccountDataTooSmall)? = value.to_le_bytes();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_meets_the_counters_that_it_has_a_byte_of() {
        let counters = Counters::at(&[8, 16, 60_000]);
        for (range, expected) in [
            (0..8, None),
            (0..9, Some(8)),
            (15..16, Some(8)),
            (16..17, Some(16)),
            (24..60_000, None),
            (24..60_001, Some(60_000)),
            (60_007..60_008, Some(60_000)),
            (60_008..70_000, None),
        ] {
            assert_eq!(counters.met_by(&range), expected, "{range:?}");
        }
        assert_eq!((counters.place(16), counters.place(17)), (Some(1), None));
    }

    #[test]
    fn counters_are_cleared_whole_or_in_part() {
        let counters = Counters::at(&[2, 12]);
        for start in 0..24 {
            for size in 0..24 {
                let mut bytes = vec![1; size];
                counters.clear(&mut bytes, start);
                for (byte, place) in bytes.iter().zip(start..) {
                    let is_counted = (2..10).contains(&place) || (12..20).contains(&place);
                    assert_eq!(*byte == 0, is_counted, "{start} {size} {place}");
                }
            }
        }
    }

    #[test]
    fn a_counter_lies_within_the_data() {
        let mut data = [0; 12];
        let outside = InstructionError::AccountDataTooSmall;
        assert_eq!(Counters::write(&mut data, 4, 7), Ok(()));
        assert_eq!(Counters::read(&data, 4), Ok(7));
        assert_eq!(Counters::write(&mut data, 5, 7), Err(outside.clone()));
        assert_eq!(Counters::read(&data, 5), Err(outside.clone()));
        assert_eq!(Counters::read(&data, usize::MAX), Err(outside));
    }
}
