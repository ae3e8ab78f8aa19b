//! Turns an account id and the way it is used into one packed word.

use crate::ids::AccountIndex;

/// How a transaction uses an account.
///
/// | held / wanted | `Read` | `Write` |
/// |---|---|---|
/// | `Read` | together | conflict |
/// | `Write` | conflict | conflict |
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum AccessMode {
    /// The account is only looked at: any number of readers may run at once.
    Read = 0,
    /// The account may change: nobody else may use it meanwhile.
    Write = 1,
}

impl AccessMode {
    /// Whether two uses of one account by two transactions must be put in an order.
    ///
    /// This is the transcript of the rule "two transactions conflict when one writes what the
    /// other reads or writes". It is symmetric.
    #[inline]
    pub const fn conflicts_with(self, other: Self) -> bool {
        !matches!((self, other), (Self::Read, Self::Read))
    }

    /// The mode that covers both uses, for one transaction that names an account twice.
    #[inline]
    pub const fn strongest(self, other: Self) -> Self {
        match (self, other) {
            (Self::Read, Self::Read) => Self::Read,
            _ => Self::Write,
        }
    }

    /// Whether the mode is [`AccessMode::Write`].
    #[inline]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Write)
    }
}

/// One account as one transaction uses it: the id in the upper 30 bits, the mode in the lower 2.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Access(u32);

const MODE_BITS: u32 = 2;
const MODE_MASK: u32 = 0b11;

impl Access {
    /// Packs an account and a mode.
    ///
    /// # Panics
    /// If the account is above [`AccountIndex::MAX`].
    #[inline]
    pub const fn new(account: AccountIndex, mode: AccessMode) -> Self {
        assert!(
            account.0 <= AccountIndex::MAX.0,
            "an account id has 30 bits"
        );
        Self(account.0 << MODE_BITS | mode as u32)
    }

    /// A use of `account` that may change it.
    #[inline]
    pub const fn write(account: AccountIndex) -> Self {
        Self::new(account, AccessMode::Write)
    }

    /// A use of `account` that only looks at it.
    #[inline]
    pub const fn read(account: AccountIndex) -> Self {
        Self::new(account, AccessMode::Read)
    }

    /// The account.
    #[inline]
    pub const fn account(self) -> AccountIndex {
        AccountIndex(self.0 >> MODE_BITS)
    }

    /// The mode.
    #[inline]
    pub const fn mode(self) -> AccessMode {
        if self.0 & MODE_MASK == AccessMode::Read as u32 {
            AccessMode::Read
        } else {
            AccessMode::Write
        }
    }

    /// Whether the account may change.
    #[inline]
    pub const fn is_write(self) -> bool {
        self.mode().is_write()
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({})", self.mode(), self.account())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_both_parts() {
        for account in [AccountIndex(0), AccountIndex(77), AccountIndex::MAX] {
            for mode in [AccessMode::Read, AccessMode::Write] {
                let access = Access::new(account, mode);
                assert_eq!((access.account(), access.mode()), (account, mode));
            }
        }
        assert_eq!(format!("{:?}", Access::write(AccountIndex(3))), "Write(3)");
    }

    #[test]
    #[should_panic(expected = "30 bits")]
    fn one_past_the_largest_account_is_refused() {
        let _ = Access::read(AccountIndex(AccountIndex::MAX.0.wrapping_add(1)));
    }

    #[test]
    fn only_two_reads_go_together() {
        use AccessMode::{Read, Write};
        assert!(!Read.conflicts_with(Read));
        assert!(Read.conflicts_with(Write) && Write.conflicts_with(Read));
        assert!(Write.conflicts_with(Write));
        assert_eq!(Read.strongest(Read), Read);
        assert_eq!(Read.strongest(Write), Write);
    }
}
