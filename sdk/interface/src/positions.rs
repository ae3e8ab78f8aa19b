//! A set of positions in a short list of accounts, in one machine word.

/// Some of the first 64 accounts of an instruction or of a transaction, by position.
///
/// ```
/// use lockstep_interface::Positions;
///
/// let both = Positions::only(1).union(Positions::only(3));
/// assert!(both.contains(3) && !both.contains(2));
/// assert_eq!(both.without(Positions::only(1)), Positions::only(3));
/// assert_eq!(both.iter().collect::<Vec<_>>(), [1, 3]);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Positions(u64);

impl Positions {
    /// How many positions there are: a set holds those below it.
    pub const COUNT: usize = 64;

    /// No position.
    pub const NONE: Self = Self(0);

    /// One position; none if it is [`Positions::COUNT`] or more.
    pub const fn only(position: usize) -> Self {
        if position < Self::COUNT {
            Self(1 << position)
        } else {
            Self::NONE
        }
    }

    /// The positions of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The positions of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The positions of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// True if the position is in the set.
    pub const fn contains(self, position: usize) -> bool {
        self.0 & Self::only(position).0 != 0
    }

    /// True if no position is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The positions in ascending order. O(positions in the set).
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let position = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (position < u64::BITS).then_some(position as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_ends_at_its_limit() {
        let last = Positions::only(Positions::COUNT - 1);
        assert!(last.contains(63) && !last.contains(64) && !last.is_empty());
        assert_eq!(Positions::only(Positions::COUNT), Positions::NONE);
        assert_eq!(
            last.union(Positions::only(0)).iter().collect::<Vec<_>>(),
            [0, 63]
        );
        assert_eq!(Positions::NONE.iter().next(), None);
    }
}
