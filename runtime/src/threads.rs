//! The worker threads: the only module that names rayon.

use std::{num::NonZeroU32, sync::Arc};

use lockstep_store::{Parallel, sync::Shared};
use rayon::prelude::*;

/// Nanoseconds of work on one thread from which on several are sooner done with it, the time to
/// wake them included. Measured with `run --workload transfers --block-size N` on two cores:
/// blocks of 64 transfers, 29 us of execution, break even.
const SHARED_WORK_MIN: u64 = 30_000;

/// Threads that the runtime owns or was handed; never rayon's global pool.
#[derive(Clone, Debug)]
pub struct Threads {
    /// `None` for a single thread, which is the caller's.
    pool: Option<Arc<rayon::ThreadPool>>,
    /// Held while a block is being executed: its workers wait for one another, and two blocks
    /// that have half of the threads each would wait for ever.
    turn: Arc<Shared<()>>,
}

/// The worker threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {count} worker threads: {source}")]
pub struct ThreadsError {
    count: usize,
    source: rayon::ThreadPoolBuildError,
}

impl Threads {
    /// Starts `count` threads; for 1 the caller's own thread does all work.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(count: usize) -> Result<Self, ThreadsError> {
        if count <= 1 {
            return Ok(Self::with_pool(None));
        }
        let builder = rayon::ThreadPoolBuilder::new().num_threads(count);
        let pool = builder
            .thread_name(|index| format!("lockstep-{index}"))
            .build();
        let pool = pool.map_err(|source| ThreadsError { count, source })?;
        Ok(Self::with_pool(Some(Arc::new(pool))))
    }

    fn with_pool(pool: Option<Arc<rayon::ThreadPool>>) -> Self {
        let turn = Arc::default();
        Self { pool, turn }
    }

    /// Works on a pool of the embedder's. Engines that share a pool must share clones of this
    /// value, so that they execute their blocks in turn.
    ///
    /// A block that is executed from one of the pool's own jobs runs on that job's thread alone:
    /// the others may be waiting for the job. Its result is the same.
    pub fn on_pool(pool: Arc<rayon::ThreadPool>) -> Self {
        Self::with_pool(Some(pool))
    }

    /// The number of worker threads.
    pub fn count(&self) -> usize {
        self.pool
            .as_ref()
            .map_or(1, |pool| pool.current_num_threads())
    }

    /// The same as planners want it.
    pub fn worker_count(&self) -> NonZeroU32 {
        let count = u32::try_from(self.count()).unwrap_or(u32::MAX);
        NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
    }

    /// Whether the caller is one of these threads.
    pub(crate) fn is_inside(&self) -> bool {
        let pool = self.pool.as_ref();
        pool.is_some_and(|pool| pool.current_thread_index().is_some())
    }

    /// These threads for `count` pieces of work that take one of them `each` nanoseconds; the
    /// caller's alone if it is done before another has woken.
    pub(crate) fn fit(&self, each: u64, count: usize) -> Self {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if each.saturating_mul(count) < SHARED_WORK_MIN {
            Self::alone()
        } else {
            self.clone()
        }
    }

    /// The caller's thread alone.
    pub(crate) fn alone() -> Self {
        Self::with_pool(None)
    }

    /// Runs `work` on one of the threads, so that the calls inside need not enter the pool again.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// The same for work that may call [`Threads::broadcast`]; one such work at a time.
    pub fn enter_alone<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let _turn = self.turn.write();
        self.enter(work)
    }

    /// Runs both, in parallel if there are threads.
    pub fn join<A: Send, B: Send>(
        &self,
        one: impl FnOnce() -> A + Send,
        other: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match &self.pool {
            Some(pool) => pool.install(|| rayon::join(one, other)),
            None => (one(), other()),
        }
    }

    /// Maps chunks of `size` items; results in the order of the chunks.
    pub fn map_chunks<T: Sync, R: Send>(
        &self,
        items: &[T],
        size: usize,
        work: impl Fn(&[T]) -> R + Send + Sync,
    ) -> Vec<R> {
        match &self.pool {
            Some(pool) => pool.install(|| items.par_chunks(size).map(work).collect()),
            None => items.chunks(size).map(work).collect(),
        }
    }

    /// Maps chunks of `size` items that may be changed, each with the index of its first item;
    /// results in the order of the chunks.
    pub fn map_chunks_mut<T: Send, R: Send>(
        &self,
        items: &mut [T],
        size: usize,
        work: impl Fn(usize, &mut [T]) -> R + Send + Sync,
    ) -> Vec<R> {
        let work = |(chunk, items): (usize, &mut [T])| work(chunk.saturating_mul(size), items);
        match &self.pool {
            Some(pool) => pool.install(|| {
                let chunks = items.par_chunks_mut(size).enumerate();
                chunks.map(work).collect()
            }),
            None => items.chunks_mut(size).enumerate().map(work).collect(),
        }
    }

    /// Maps items; results in their order.
    pub fn map_each<T: Send, R: Send>(
        &self,
        items: Vec<T>,
        work: impl Fn(T) -> R + Send + Sync,
    ) -> Vec<R> {
        match &self.pool {
            Some(pool) => pool.install(|| items.into_par_iter().map(work).collect()),
            None => items.into_iter().map(work).collect(),
        }
    }

    /// Maps the numbers below `count`; results in their order.
    pub fn map_indices<R: Send>(
        &self,
        count: usize,
        work: impl Fn(usize) -> R + Send + Sync,
    ) -> Vec<R> {
        match &self.pool {
            Some(pool) => pool.install(|| (0..count).into_par_iter().map(work).collect()),
            None => (0..count).map(work).collect(),
        }
    }

    /// Calls `work` for pairs of chunks of `size` items of two slices of the same length. Returns
    /// one of the values that `work` returned, if any.
    pub fn zip_chunks<A: Sync, B: Send, R: Send>(
        &self,
        one: &[A],
        other: &mut [B],
        size: usize,
        work: impl Fn(&[A], &mut [B]) -> Option<R> + Send + Sync,
    ) -> Option<R> {
        match &self.pool {
            Some(pool) => pool.install(|| {
                let pairs = one.par_chunks(size).zip(other.par_chunks_mut(size));
                pairs
                    .filter_map(|(one, other)| work(one, other))
                    .reduce_with(|first, _| first)
            }),
            None => {
                let pairs = one.chunks(size).zip(other.chunks_mut(size));
                pairs.filter_map(|(one, other)| work(one, other)).last()
            }
        }
    }

    /// Sorts, not stably.
    pub fn sort<T: Ord + Send>(&self, items: &mut [T]) {
        match &self.pool {
            Some(pool) => pool.install(|| items.par_sort_unstable()),
            None => items.sort_unstable(),
        }
    }

    /// Runs one job on every thread at once, handing each its number, and waits for all.
    pub fn broadcast(&self, job: impl Fn(usize) + Sync) {
        match &self.pool {
            Some(pool) => {
                pool.broadcast(|context| job(context.index()));
            }
            None => job(0),
        }
    }
}

impl Parallel for Threads {
    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Send + Sync) -> Vec<R> {
        self.map_indices(count, work)
    }
}
