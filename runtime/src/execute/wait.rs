//! How a worker waits: it spins, then yields its core.

use super::sync::{spin_loop, yield_now};

/// Keeps counters that different workers change on different cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// Spins for a while, then yields, since the awaited worker may need this very core. On a busy
/// machine a core that was yielded comes back after milliseconds, so spinning comes first.
#[derive(Debug)]
pub(super) struct Patience {
    rounds: u32,
    spins_max: u32,
}

impl Patience {
    /// Spins for at most `spins_max` rounds after each [`renew`](Self::renew).
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

    /// The worker has done something: the next wait spins again.
    pub(super) fn renew(&mut self) {
        self.rounds = 0;
    }
}
