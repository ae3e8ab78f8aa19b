//! Who is told of committed blocks, and what operators count.
//!
//! ```text
//! commit, durable -> bounded queue of each subscriber -> his own thread
//!                                |-> full: the block is counted as missed, and nobody waits
//! ```
//!
//! Spans and figures are named in the documentation of the chain.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvError, SyncSender, TryRecvError, TrySendError},
    },
    time::Instant,
};

use lockstep_interface::Hash;
use lockstep_scheduler::{Bounds, CostModel, Mode, Plan, efficiency_per_mille, predict};
use lockstep_store::sync::Shared;
use metrics::{counter, gauge, histogram};

use super::{
    forks::Forks,
    log::{self, Entry},
};
use crate::{
    block::{BlockHeader, Receipt},
    engine::UnsealedBlock,
    threads::Threads,
    verify::Refusal,
};

/// A block that has become final and durable.
#[derive(Clone, Debug)]
pub struct CommittedBlock {
    /// Its id.
    pub id: Hash,
    /// Its header.
    pub header: BlockHeader,
    entry: Entry,
}

impl CommittedBlock {
    /// The block's bytes.
    pub fn bytes(&self) -> &[u8] {
        log::logged_block(&self.entry).expect("the entry was made with a block")
    }
}

/// Gets committed blocks, in their order, after they are durable.
///
/// Nobody waits for a subscriber: of blocks that find his queue full he is not told. Their number
/// is known, and the store has them.
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver<CommittedBlock>,
    missed: Arc<AtomicU64>,
}

impl Subscription {
    /// Waits for the next block.
    ///
    /// # Errors
    /// If there will be none, because the chain is gone.
    pub fn recv(&self) -> Result<CommittedBlock, RecvError> {
        self.receiver.recv()
    }

    /// The next block if there is one already.
    ///
    /// # Errors
    /// If there is none yet, or the chain is gone.
    pub fn try_recv(&self) -> Result<CommittedBlock, TryRecvError> {
        self.receiver.try_recv()
    }

    /// How many blocks found the queue full so far.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// Where a subscriber's blocks go.
#[derive(Debug)]
struct Subscriber {
    sender: SyncSender<CommittedBlock>,
    missed: Arc<AtomicU64>,
}

/// Everybody who wants to be told.
#[derive(Debug, Default)]
pub(super) struct Subscribers(Shared<Vec<Subscriber>>);

impl Subscribers {
    pub(super) fn subscribe(&self, capacity: usize) -> Subscription {
        let (sender, receiver) = mpsc::sync_channel(capacity);
        let missed = Arc::new(AtomicU64::new(0));
        let subscriber = Subscriber {
            sender,
            missed: Arc::clone(&missed),
        };
        self.0.write().push(subscriber);
        Subscription { receiver, missed }
    }

    /// Tells everybody, except those whose queue is full; forgets those who left.
    pub(super) fn tell(&self, id: Hash, header: BlockHeader, entry: &Entry) {
        let mut subscribers = self.0.write();
        subscribers.retain(|subscriber| {
            let entry = Arc::clone(entry);
            let block = CommittedBlock { id, header, entry };
            match subscriber.sender.try_send(block) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    subscriber.missed.fetch_add(1, Ordering::Relaxed);
                    counter!("lockstep_missed_notices_total").increment(1);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            }
        });
    }
}

/// Measures how long a stage takes, until it is dropped.
#[derive(Debug)]
pub(super) struct Timed {
    stage: &'static str,
    start: Instant,
}

impl Timed {
    #[expect(
        clippy::disallowed_methods,
        reason = "what operators are shown tells of time, and nothing depends on it"
    )]
    pub(super) fn start(stage: &'static str) -> Self {
        let start = Instant::now();
        Self { stage, start }
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        histogram!("lockstep_seconds", "stage" => self.stage).record(seconds);
    }
}

/// Counts what happens to blocks.
pub(super) fn count_blocks(event: &'static str, count: usize) {
    counter!("lockstep_blocks_total", "event" => event).increment(count as u64);
}

/// Shows how much is waiting to become final.
pub(super) fn show_forks(forks: &Forks) {
    gauge!("lockstep_forks").set(narrow(forks.tip_count() as u64));
    gauge!("lockstep_unfinal_blocks").set(narrow(forks.len() as u64));
    gauge!("lockstep_store_lag_slots").set(narrow(forks.lag()));
}

/// Shows how near the plan of a block comes to what is possible on these threads.
pub(super) fn show_efficiency(block: &UnsealedBlock<'_>, mode: Mode, threads: &Threads) {
    let (table, workers) = (block.prepared.table(), threads.worker_count());
    let bound = Bounds::of(table).lower_bound(mode, workers);
    let makespan = predict(&block.plan, table, workers, &CostModel::STANDARD);
    let efficiency = efficiency_per_mille(bound, makespan);
    histogram!("lockstep_plan_efficiency").record(narrow(efficiency));
}

/// Figures are floats; beyond 32 bits it no longer matters how much it is.
fn narrow(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Counts the transactions and the plan of a block that has run.
pub(super) fn count_run(plan: &Plan, receipts: &[Receipt], refused: &[(u32, Refusal)]) {
    let failed = receipts
        .iter()
        .filter_map(|receipt| receipt.status.as_ref().err());
    let mut failed_count = 0u64;
    for error in failed {
        failed_count = failed_count.saturating_add(1);
        counter!("lockstep_failures_total", "rule" => rule(error)).increment(1);
    }
    for (_, refusal) in refused {
        let rule = match refusal {
            Refusal::Malformed(_) => "Malformed".to_owned(),
            Refusal::Rule(error) => rule(error),
        };
        counter!("lockstep_failures_total", "rule" => rule).increment(1);
    }
    let succeeded = (receipts.len() as u64).saturating_sub(failed_count);
    for (outcome, count) in [
        ("succeeded", succeeded),
        ("failed", failed_count),
        ("refused", refused.len() as u64),
    ] {
        counter!("lockstep_transactions_total", "outcome" => outcome).increment(count);
    }
    counter!("lockstep_batches_total").increment(plan.batch_count() as u64);
    counter!("lockstep_lanes_total").increment(plan.lane_count() as u64);
    counter!("lockstep_waits_total").increment(plan.waits().len() as u64);
}

/// The name of a rule, without what it says of one case.
fn rule(error: &lockstep_interface::TransactionError) -> String {
    let name = format!("{error:?}");
    let end = name.find(|letter: char| !letter.is_ascii_alphanumeric());
    name[..end.unwrap_or(name.len())].to_owned()
}
