//! How a worker spends time in which it has nothing to do.

use super::sync::{spin_loop, yield_now};

/// Keeps counters that different workers change on different cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// Spins for a while, then yields: what is waited for may need this very core. Not at once, as
/// on a busy machine a core that was given away does not come back for milliseconds.
#[derive(Debug)]
pub(super) struct Patience {
    rounds: u32,
    spins_max: u32,
}

impl Patience {
    /// Spins for so many rounds, each time anew.
    pub(super) fn new(spins_max: u32) -> Self {
        Self {
            rounds: 0,
            spins_max,
        }
    }

    /// One round.
    pub(super) fn wait(&mut self) {
        if self.rounds >= self.spins_max {
            yield_now();
        } else {
            self.rounds = self.rounds.saturating_add(1);
            spin_loop();
        }
    }

    /// There was something to do: spins again next time.
    pub(super) fn renew(&mut self) {
        self.rounds = 0;
    }
}
