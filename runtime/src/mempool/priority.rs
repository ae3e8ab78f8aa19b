//! What orders candidates: fee for room, then arrival.

use std::{cmp::Reverse, fmt};

use crate::prepare::BLOCK_PARTS;

/// Lamports that a block full of such candidates would pay; more is better.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Priority(pub u64);

impl Priority {
    /// More than any other.
    pub const MAX: Self = Self(u64::MAX);

    /// The priority of what pays `fee` lamports and takes `share` of a block, in [`BLOCK_PARTS`],
    /// rounded down.
    ///
    /// ```
    /// use lockstep_runtime::{mempool::Priority, prepare::BLOCK_PARTS};
    ///
    /// assert_eq!(Priority::of(5_000, BLOCK_PARTS / 20_000), Priority(100_000_000));
    /// assert_eq!(Priority::of(u64::MAX, 1), Priority::MAX);
    /// ```
    pub fn of(fee: u64, share: u64) -> Self {
        let parts = u128::from(fee).saturating_mul(u128::from(BLOCK_PARTS));
        let lamports = parts.checked_div(u128::from(share));
        Self(lamports.map_or(u64::MAX, |lamports| {
            u64::try_from(lamports).unwrap_or(u64::MAX)
        }))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lamports a block", self.0)
    }
}

/// Which candidate a pool took when, counted from 0; no two are the same.
pub(super) type Arrival = u64;

/// A candidate's place in the order of priorities, best first: of equals the first to arrive.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Rank {
    pub(super) priority: Reverse<Priority>,
    pub(super) arrival: Arrival,
}

impl Rank {
    pub(super) const FIRST: Self = Self {
        priority: Reverse(Priority::MAX),
        arrival: 0,
    };
    pub(super) const LAST: Self = Self {
        priority: Reverse(Priority(0)),
        arrival: Arrival::MAX,
    };

    pub(super) fn new(priority: Priority, arrival: Arrival) -> Self {
        Self {
            priority: Reverse(priority),
            arrival,
        }
    }

    /// Whether this one has less priority than the other. Of equals neither has.
    pub(super) fn is_worse_than(self, other: Self) -> bool {
        self.priority > other.priority
    }
}
