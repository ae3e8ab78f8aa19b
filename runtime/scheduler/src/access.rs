//! Turns an account id and the way it is used into one packed word.

use crate::ids::AccountIndex;

/// How a transaction uses an account.
///
/// | held / wanted | `Read` | `Write` | `Credit` |
/// |---|---|---|---|
/// | `Read` | together | conflict | conflict |
/// | `Write` | conflict | conflict | conflict |
/// | `Credit` | conflict | conflict | together |
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum AccessMode {
    /// The account is only looked at: any number of readers may run at once.
    Read = 0,
    /// The account may change: no other transaction may use it meanwhile.
    Write = 1,
    /// Lamports are added and nothing else is done or seen: additions commute, so any number of
    /// transactions may credit at once.
    Credit = 2,
}

impl AccessMode {
    /// Whether two uses of one account by two transactions must be put in an order.
    ///
    /// This is the transcript of the rule "two transactions conflict when one writes what the
    /// other reads or writes", where a credit is a write to all uses but another credit. It is
    /// symmetric.
    #[inline]
    pub const fn conflicts_with(self, other: Self) -> bool {
        !matches!(
            (self, other),
            (Self::Read, Self::Read) | (Self::Credit, Self::Credit)
        )
    }

    /// The mode that covers both uses, for one transaction that names an account twice.
    #[inline]
    pub const fn strongest(self, other: Self) -> Self {
        match (self, other) {
            (Self::Read, Self::Read) => Self::Read,
            (Self::Credit, Self::Credit) => Self::Credit,
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

    /// A use of `account` that only adds lamports.
    #[inline]
    pub const fn credit(account: AccountIndex) -> Self {
        Self::new(account, AccessMode::Credit)
    }

    /// The account.
    #[inline]
    pub const fn account(self) -> AccountIndex {
        AccountIndex(self.0 >> MODE_BITS)
    }

    /// The mode.
    #[inline]
    pub const fn mode(self) -> AccessMode {
        const READ: u32 = AccessMode::Read as u32;
        const CREDIT: u32 = AccessMode::Credit as u32;
        match self.0 & MODE_MASK {
            READ => AccessMode::Read,
            CREDIT => AccessMode::Credit,
            _ => AccessMode::Write,
        }
    }

    /// Whether the transaction needs the account for itself. Uses that do not are *shared*: an
    /// [`AccessTable`](crate::AccessTable) never mixes their two modes on one account, so that
    /// planners need to ask nothing else.
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
            for mode in [AccessMode::Read, AccessMode::Write, AccessMode::Credit] {
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
    fn only_two_reads_and_two_credits_go_together() {
        let all = [AccessMode::Read, AccessMode::Write, AccessMode::Credit];
        for one in all {
            for other in all {
                let is_shared = one == other && one != AccessMode::Write;
                assert_eq!(one.conflicts_with(other), !is_shared, "{one:?} {other:?}");
                let both = if is_shared { one } else { AccessMode::Write };
                assert_eq!(one.strongest(other), both, "{one:?} {other:?}");
            }
        }
    }
}
