//! What orders candidates: fee for cost, then arrival.

use std::{cmp::Reverse, fmt};

use crate::limits::MICRO_LAMPORTS;

/// Micro-lamports for each cost unit; more is better.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Priority(pub u64);

impl Priority {
    /// More than any other.
    pub const MAX: Self = Self(u64::MAX);

    /// The priority of what pays `fee` lamports and costs `cost` cost units, rounded down.
    ///
    /// ```
    /// use lockstep_runtime::mempool::Priority;
    ///
    /// assert_eq!(Priority::of(5_000, 500), Priority(10_000_000));
    /// assert_eq!(Priority::of(u64::MAX, 0), Priority::MAX);
    /// ```
    pub fn of(fee: u64, cost: u64) -> Self {
        let micro_lamports = u128::from(fee).saturating_mul(MICRO_LAMPORTS);
        let price = micro_lamports.checked_div(u128::from(cost));
        Self(price.map_or(u64::MAX, |price| u64::try_from(price).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} micro-lamports a cost unit", self.0)
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
}
