//! How a worker spends time in which it has nothing to do.

use super::sync::{spin_loop, yield_now};

/// Keeps counters that different workers change on different cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// Rounds of spinning before the core is given away.
const SPINS_MAX: u32 = 64;

/// Spins for a while, then yields: what is waited for may need this very core.
#[derive(Debug, Default)]
pub(super) struct Patience {
    rounds: u32,
}

impl Patience {
    /// One round.
    pub(super) fn wait(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > SPINS_MAX {
            yield_now();
        } else {
            spin_loop();
        }
    }

    /// There was something to do: spins again next time.
    pub(super) fn renew(&mut self) {
        self.rounds = 0;
    }
}
