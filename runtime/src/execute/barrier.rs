//! Where the workers of a block wait for each other: spin for a while, then sleep.
//!
//! A generation counter tells rounds apart, so that a fast worker can enter the next round while
//! slow ones still leave this one. A worker that panics poisons the barrier, which releases the
//! others at once.
#![allow(
    clippy::disallowed_types,
    reason = "sleeping needs a lock and a condition variable; a model checker's is not disallowed"
)]

use std::{sync::LazyLock, thread};

use super::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, PoisonError, spin_loop};
use super::wait::Patience;

/// Rounds of spinning before a worker sleeps; about 100 microseconds.
const SPINS_MAX: u32 = 10_000;

/// The cores of the process. Asking takes some files and 20 microseconds.
static CORE_COUNT: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));

/// A meeting point of a fixed number of workers.
#[derive(Debug)]
pub(super) struct Barrier {
    worker_count: usize,
    spins_max: u32,
    arrived: AtomicUsize,
    generation: AtomicUsize,
    is_poisoned: AtomicBool,
    sleep: Mutex<()>,
    wake: Condvar,
}

/// Another worker panicked; nothing may be read or written any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Poisoned;

impl Barrier {
    /// A barrier for `worker_count` workers. They spin only if each can have a core of its own.
    pub(super) fn new(worker_count: usize) -> Self {
        let has_cores = worker_count <= *CORE_COUNT;
        Self::with_spins(worker_count, if has_cores { SPINS_MAX } else { 0 })
    }

    /// A barrier whose workers look `spins_max` times before they sleep.
    pub(super) fn with_spins(worker_count: usize, spins_max: u32) -> Self {
        Self {
            worker_count,
            spins_max,
            arrived: AtomicUsize::new(0),
            generation: AtomicUsize::new(0),
            is_poisoned: AtomicBool::new(false),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// Waits until all workers are here. What any of them wrote before is visible to all after.
    ///
    /// # Errors
    /// If a worker has panicked.
    pub(super) fn wait(&self) -> Result<(), Poisoned> {
        let generation = self.generation.load(Ordering::Acquire);
        let arrived = self.arrived.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        if arrived == self.worker_count {
            self.arrived.store(0, Ordering::Relaxed);
            self.release(generation.wrapping_add(1));
        } else {
            self.wait_while(|| self.generation.load(Ordering::Acquire) == generation);
        }
        self.check()
    }

    /// How a worker waits for anything else: it spins as long as it would here.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.spins_max)
    }

    /// Releases all workers for good.
    pub(super) fn poison(&self) {
        self.is_poisoned.store(true, Ordering::Release);
        self.release(self.generation.load(Ordering::Acquire).wrapping_add(1));
    }

    /// # Errors
    /// If a worker has panicked.
    pub(super) fn check(&self) -> Result<(), Poisoned> {
        if self.is_poisoned.load(Ordering::Acquire) {
            Err(Poisoned)
        } else {
            Ok(())
        }
    }

    fn release(&self, generation: usize) {
        // Under the lock, so that no worker falls asleep between its look and the wake-up.
        let guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.generation.store(generation, Ordering::Release);
        drop(guard);
        self.wake.notify_all();
    }

    fn wait_while(&self, must_wait: impl Fn() -> bool) {
        for _ in 0..self.spins_max {
            if !must_wait() {
                return;
            }
            spin_loop();
        }
        let mut guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        while must_wait() && self.check().is_ok() {
            guard = self
                .wake
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
