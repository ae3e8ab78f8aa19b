//! Makes blocks: one when it is time, or as soon as one is full.
//!
//! ```text
//! pool -> build (this thread) -> results noted, commit (one more) -> recent, history, subscribers
//! ```
//! A block is durable before any client hears of it. The slot goes on with the clock, also where
//! an empty block is left out.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lockstep_interface::{Hash, address::program_ids};
use lockstep_runtime::{
    bank::FrozenBank,
    block::Recording,
    chain::{
        BuildError, BuildRequest, BuiltBlock, Chain, CommitError, PoolSource, UnknownBlock,
        pipeline::{self, Overlap},
    },
    engine::Cancel,
    mempool::Mempool,
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{Change, StoreError, sync::Shared};
use metrics::gauge;
use thiserror::Error;
use tokio::sync::broadcast;

use crate::{
    content::Content,
    history::{History, Logged},
    recent::Recent,
    samples::Samples,
};

/// What receipts carry: all that clients may ask for.
pub const RECORDING: Recording = Recording {
    logs: true,
    balances: true,
    uses: false,
    data_of: Some(program_ids::TOKEN),
    accounts: false,
};
/// Blocks between two cuts of the log.
pub(crate) const PRUNE_INTERVAL: u64 = 256;

/// Why no further block is made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LeaderError {
    /// A block was not built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A block was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A block is gone.
    #[error(transparent)]
    Unknown(#[from] UnknownBlock),
    /// What is kept with a block could not be written.
    #[error("cannot keep the results of a block: {0}")]
    Note(#[from] std::io::Error),
    /// The log could not be cut.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A durable block on its way to subscribers.
#[derive(Debug)]
pub struct Published {
    /// The block.
    pub content: Arc<Content>,
    /// The accounts that it changed, in ascending order of addresses.
    pub changes: Vec<Change>,
}

/// When blocks are made.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time of a slot.
    pub slot_time: Duration,
    /// Of empty blocks, one in this number of slots is made; at least 1.
    pub empty_every: u64,
}

/// What a test may do to time and accounts, with `--dev`.
#[derive(Debug, Default)]
pub struct Warp {
    /// The next slot is at least this.
    pub slot: AtomicU64,
    /// Seconds that blocks are ahead of the clock.
    pub seconds: AtomicI64,
    /// Accounts that the next block puts in place.
    pub given: Shared<Given>,
}

/// Accounts of a test on their way into a block.
#[derive(Debug, Default)]
pub struct Given {
    /// Those that wait.
    pub waiting: Vec<Change>,
    /// The slot of the block that those before them are in.
    pub slot: u64,
}

impl Given {
    fn take(&mut self, slot: u64) -> Vec<Change> {
        if !self.waiting.is_empty() {
            self.slot = slot;
        }
        std::mem::take(&mut self.waiting)
    }
}

/// Where durable blocks are told of.
pub(crate) struct Publisher<'p> {
    pub(crate) recent: &'p Recent,
    pub(crate) samples: &'p Samples,
    pub(crate) published: &'p broadcast::Sender<Arc<Published>>,
    pub(crate) to_history: Sender<Logged>,
}

impl Publisher<'_> {
    /// Tells of a block that takes `size` bytes of the log.
    pub(crate) fn publish(&self, content: Arc<Content>, changes: Vec<Change>, size: usize) {
        self.recent.push(&content);
        self.samples.add(&content);
        // The history may have failed, which the chain does not mind.
        let _ = self.to_history.send(Logged {
            slot: content.slot(),
            size: size as u64,
        });
        let published = Published { content, changes };
        // Without subscribers there is no receiver.
        let _ = self.published.send(Arc::new(published));
    }
}

/// What the leader works with.
pub(crate) struct Leader<'l> {
    pub(crate) chain: &'l Chain,
    pub(crate) pool: &'l Shared<Mempool>,
    pub(crate) tip: &'l Shared<Arc<FrozenBank>>,
    pub(crate) history: &'l History,
    pub(crate) publisher: Publisher<'l>,
    pub(crate) warp: &'l Warp,
    pub(crate) pace: Pace,
    /// Whether no block ever leaves the log.
    pub(crate) keeps_all: bool,
    pub(crate) ending: &'l AtomicBool,
}

impl Leader<'_> {
    /// Makes blocks until the node ends; the last is durable then.
    pub(crate) fn run(&self, full: Receiver<()>) -> Result<(), LeaderError> {
        let head = self.publisher.recent.head();
        let ticks = Ticks {
            leader: self,
            full,
            slot: head.slot,
            next: Instant::now(),
            empty: 0,
        };
        let mut height = head.height;
        let built = Shared::new(BTreeMap::new());
        let overlap = match self.chain.options().threads.count() {
            1 => Overlap::None,
            _ => Overlap::Behind,
        };
        pipeline::run(
            ticks,
            overlap,
            |slot| slot,
            |slot| -> Result<Hash, LeaderError> {
                let parent_slot = self.tip.read().slot();
                let block = self.build(slot)?;
                height = height.saturating_add(1);
                let id = block.id;
                let made = Made {
                    changes: self.chain.bank(&id)?.changes(),
                    block,
                    height,
                    parent_slot,
                };
                built.write().insert(id, made);
                Ok(id)
            },
            |id| {
                let made = built.write().remove(&id);
                self.commit(made.expect("it was built"))
            },
        )
    }

    fn build(&self, slot: u64) -> Result<BuiltBlock, LeaderError> {
        let parent = Arc::clone(&self.tip.read());
        let ahead = self.warp.seconds.load(Ordering::Relaxed);
        let now = unix_time().saturating_add(ahead);
        let request = BuildRequest {
            parent: parent.block_hash(),
            slot,
            unix_timestamp: now.max(parent.header().unix_timestamp),
            strategy: &Auto,
            mode: Mode::Produce,
            recording: RECORDING,
        };
        let given = self.warp.given.write().take(slot);
        let built = match given.is_empty() {
            true => self.build_of_pool(&request)?,
            // The pool waits for the next slot.
            false => self.chain.build_given(&request, given)?,
        };
        *self.tip.write() = self.chain.bank(&built.id)?;
        gauge!("lockstep_pool_transactions").set(count(self.pool.read().len()));
        Ok(built)
    }

    fn build_of_pool(&self, request: &BuildRequest<'_>) -> Result<BuiltBlock, LeaderError> {
        let mut source = PoolSource::new(self.pool);
        let built = self.chain.build(request, &mut source, &Cancel::default())?;
        let settled = source.settle(&built);
        for (candidate, refusal) in &settled.refused {
            tracing::debug!(payer = %candidate.payer(), ?refusal, "refused while it ran");
        }
        Ok(built)
    }

    fn commit(&self, made: Made) -> Result<(), LeaderError> {
        let Made {
            block,
            height,
            parent_slot,
            changes,
        } = made;
        let content = Content::of_built(&block, height, parent_slot);
        let note = content.note()?;
        let size = note.len().saturating_add(block.bytes().len());
        self.chain.attach(&block.id, &note)?;
        self.chain.commit(&block.id)?;
        self.publisher.publish(content, changes, size);
        if !self.keeps_all && height.is_multiple_of(PRUNE_INTERVAL) {
            // The history forgets first.
            self.chain.prune(self.history.oldest())?;
        }
        Ok(())
    }
}

/// A block that is built, and what else is known of it.
struct Made {
    block: BuiltBlock,
    height: u64,
    parent_slot: u64,
    changes: Vec<Change>,
}

/// The slots of blocks that are to be made now.
struct Ticks<'l> {
    leader: &'l Leader<'l>,
    /// Told when the pool fills a block.
    full: Receiver<()>,
    slot: u64,
    /// When the slot ends.
    next: Instant,
    /// Slots without a block.
    empty: u64,
}

impl Iterator for Ticks<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let Pace {
            slot_time,
            empty_every,
        } = self.leader.pace;
        let mut is_full = self.leader.pool.read().fills_block();
        loop {
            if self.leader.ending.load(Ordering::Relaxed) {
                return None;
            }
            let now = Instant::now();
            if !is_full && now < self.next {
                match self
                    .full
                    .recv_timeout(self.next.saturating_duration_since(now))
                {
                    Ok(()) => is_full = self.leader.pool.read().fills_block(),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
                continue;
            }
            // A slot that was late is not made up for.
            self.next = self.next.max(now).checked_add(slot_time)?;
            let warp = self.leader.warp.slot.load(Ordering::Relaxed);
            self.slot = self.slot.saturating_add(1).max(warp);
            self.empty = self.empty.saturating_add(1);
            let is_given = !self.leader.warp.given.read().waiting.is_empty();
            let has_work = is_given || self.leader.pool.read().waiting_count() > 0;
            if has_work || self.empty >= empty_every {
                self.empty = 0;
                return Some(self.slot);
            }
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_time() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

/// Milliseconds since 1970.
pub(crate) fn unix_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// A number as figures have it.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
