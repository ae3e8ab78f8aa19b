//! What a caller asks a planner for: what fixes the order, how many workers will run the plan, and
//! what synchronisation costs them.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// What fixes the order of conflicting transactions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// The planner: the plan's canonical order becomes the block's order.
    Produce,
    /// The block: of two conflicting transactions the one with the smaller index runs first.
    Replay,
}

impl Mode {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::Produce, Self::Replay];

    /// The mode's name on the command line: `produce` or `replay`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Replay => "replay",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is no mode's name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown mode {0:?}, expected \"produce\" or \"replay\"")]
pub struct ParseModeError(pub String);

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|mode| mode.name() == text);
        found.ok_or_else(|| ParseModeError(text.to_owned()))
    }
}

/// What synchronising costs, in cost units (about a nanosecond each).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CostModel {
    /// From the end of a batch's last lane to the start of the next batch. Charged between two
    /// batches; behind the last one every plan ends alike, also the serial one.
    pub barrier: u64,
    /// Finding out that an awaited transaction has finished. Charged once a wait.
    pub wait: u64,
}

impl CostModel {
    /// One microsecond a barrier, a tenth of that a wait, at one nanosecond a cost unit.
    pub const STANDARD: Self = Self {
        barrier: 1_000,
        wait: 100,
    };

    /// Synchronisation for nothing: what a plan's shape alone allows.
    pub const FREE: Self = Self {
        barrier: 0,
        wait: 0,
    };
}

/// What a [`Strategy`](crate::Strategy) is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PlanRequest {
    /// What fixes the order.
    pub mode: Mode,
    /// How many workers the plan is shaped for; it stays valid for any other number.
    pub workers: NonZeroU32,
    /// What synchronising costs.
    pub costs: CostModel,
}

impl PlanRequest {
    /// A request at [`CostModel::STANDARD`].
    pub const fn new(mode: Mode, workers: NonZeroU32) -> Self {
        Self {
            mode,
            workers,
            costs: CostModel::STANDARD,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_names_go_both_ways() {
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        let error = "Replay".parse::<Mode>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown mode \"Replay\", expected \"produce\" or \"replay\""
        );
    }
}
