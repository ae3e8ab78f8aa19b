//! The threads of a chain: most blocks of tests hold one call, and need none.

use lockstep_runtime::engine::Engine;

/// An engine on the thread of the test for blocks of one call, and one with threads of its own,
/// which starts with the first block of several.
#[derive(Debug)]
pub(crate) struct Engines {
    threads: usize,
    alone: Engine,
    pooled: Option<Engine>,
}

impl Engines {
    /// Engines whose larger blocks run on this number of threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads,
            alone: start(1),
            pooled: None,
        }
    }

    /// The engine for a block of this number of calls.
    ///
    /// # Panics
    /// If the system refuses a thread.
    #[track_caller]
    pub(crate) fn for_block(&mut self, call_count: usize) -> &mut Engine {
        if self.threads <= 1 || call_count <= 1 {
            return &mut self.alone;
        }
        self.pooled.get_or_insert_with(|| start(self.threads))
    }
}

/// An engine with threads of its own; 1 is the caller's.
///
/// # Panics
/// If the system refuses a thread.
#[track_caller]
pub(crate) fn start(threads: usize) -> Engine {
    match Engine::new(threads) {
        Ok(engine) => engine,
        Err(error) => panic!("{error}"),
    }
}
