//! What a transaction locks and what it costs, all that a planner wants to know of it.

use lockstep_interface::Address;

/// Cost units of a transaction without recorded compute units.
pub const COST_DEFAULT: u64 = 1_000;

/// The accounts that one transaction declares, by address, and its cost.
///
/// No address occurs twice, neither within a list nor in both.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccessList {
    /// Accounts locked for writing.
    pub writes: Vec<Address>,
    /// Accounts locked for reading.
    pub reads: Vec<Address>,
    /// Which of `writes`, by position, are only credited.
    pub credits: Vec<usize>,
    /// The programs that its instructions name, each once; none if they are not known.
    pub programs: Vec<Address>,
    /// Cost units, about a nanosecond each, as the engine counts them: what every transaction
    /// costs, and its compute units.
    pub cost: u64,
}

impl AccessList {
    /// The number of accounts locked.
    pub fn len(&self) -> usize {
        self.writes.len().saturating_add(self.reads.len())
    }

    /// True if no account is locked.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.reads.is_empty()
    }
}
