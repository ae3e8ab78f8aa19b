//! Committed blocks to subscribers, and figures to operators.
//!
//! ```text
//! commit, durable -> bounded queue of each subscriber -> the subscriber's thread
//!                                `-> full: the block is counted as missed
//! ```
//!
//! Spans and figures are named in the documentation of the chain.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc::{self, Receiver, RecvError, SyncSender, TryRecvError, TrySendError},
};

use lockstep_interface::{Hash, TransactionError};
use lockstep_scheduler::{Bounds, CostModel, Mode, Plan, efficiency_per_mille, predict};
use lockstep_store::{Change, sync::Shared};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use super::{
    forks::{Forks, Node},
    log::{self, Entry},
};
use crate::{
    block::{BlockHeader, Receipt},
    engine::UnsealedBlock,
    threads::Threads,
    verify::Refusal,
};

/// What a subscriber wants of each block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Interest {
    /// Blocks that wait for the subscriber; one that finds so many is missed.
    pub capacity: usize,
    /// Whether receipts are wanted.
    pub receipts: bool,
    /// Whether changed accounts are wanted.
    pub changes: bool,
}

impl Interest {
    /// Blocks alone.
    pub const fn blocks(capacity: usize) -> Self {
        Self {
            capacity,
            receipts: false,
            changes: false,
        }
    }
}

/// A block that has become final and durable. Clones share what is in it.
#[derive(Clone, Debug)]
pub struct CommittedBlock {
    /// Its id.
    pub id: Hash,
    /// Its header.
    pub header: BlockHeader,
    /// What became of its transactions, in the order of its body, if the subscriber wants to know.
    pub receipts: Option<Arc<Vec<Receipt>>>,
    /// The accounts that it changed, in ascending order of addresses, if the subscriber wants to
    /// know; one without lamports is one that is gone.
    pub changes: Option<Arc<Vec<Change>>>,
    entry: Entry,
}

impl CommittedBlock {
    pub(super) fn new(node: &Node) -> Self {
        Self {
            id: node.bank.block_hash(),
            header: *node.bank.header(),
            receipts: Some(Arc::clone(&node.receipts)),
            changes: node.bank.shared_changes(),
            entry: Arc::clone(&node.entry),
        }
    }

    /// The block's bytes.
    pub fn bytes(&self) -> &[u8] {
        log::logged_block(&self.entry).expect("the entry was made with a block")
    }

    fn of_interest(&self, interest: Interest) -> Self {
        let mut block = self.clone();
        block.receipts.take_if(|_| !interest.receipts);
        block.changes.take_if(|_| !interest.changes);
        block
    }
}

/// Gets committed blocks, in their order, after they are durable.
///
/// Committing does not wait for a subscriber: a block that finds the queue full is missed. The
/// number of missed blocks is known, and the store has them.
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver<CommittedBlock>,
    missed: Arc<AtomicU64>,
}

impl Subscription {
    /// Waits for the next block.
    ///
    /// # Errors
    /// If the chain has been dropped, so that no block will follow.
    pub fn recv(&self) -> Result<CommittedBlock, RecvError> {
        self.receiver.recv()
    }

    /// The next block if there is one already.
    ///
    /// # Errors
    /// If there is none yet, or the chain has been dropped.
    pub fn try_recv(&self) -> Result<CommittedBlock, TryRecvError> {
        self.receiver.try_recv()
    }

    /// The number of blocks that have found the queue full.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// Where a subscriber's blocks go.
#[derive(Debug)]
struct Subscriber {
    interest: Interest,
    sender: SyncSender<CommittedBlock>,
    missed: Arc<AtomicU64>,
}

/// All subscribers of a chain.
#[derive(Debug, Default)]
pub(super) struct Subscribers(Shared<Vec<Subscriber>>);

impl Subscribers {
    pub(super) fn subscribe(&self, interest: Interest) -> Subscription {
        let (sender, receiver) = mpsc::sync_channel(interest.capacity);
        let missed = Arc::new(AtomicU64::new(0));
        let subscriber = Subscriber {
            interest,
            sender,
            missed: Arc::clone(&missed),
        };
        self.0.write().push(subscriber);
        Subscription { receiver, missed }
    }

    /// Tells every subscriber with room in its queue; forgets those that are gone.
    pub(super) fn tell(&self, block: &CommittedBlock) {
        let mut subscribers = self.0.write();
        subscribers.retain(|subscriber| {
            let block = block.of_interest(subscriber.interest);
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

/// Says what each figure means, to the recorder that is installed.
pub(super) fn describe() {
    describe_counter!("lockstep_blocks_total", "Blocks, by event");
    describe_counter!(
        "lockstep_transactions_total",
        "Transactions of built and executed blocks, by outcome"
    );
    describe_counter!(
        "lockstep_failures_total",
        "Failed and refused transactions, by rule"
    );
    describe_counter!(
        "lockstep_batches_total",
        "Batches of the plans of built and executed blocks"
    );
    describe_counter!("lockstep_lanes_total", "Lanes of these plans");
    describe_counter!("lockstep_waits_total", "Waits of these plans");
    describe_histogram!(
        "lockstep_plan_efficiency",
        "Lower bound over predicted makespan of these plans, in thousandths"
    );
    describe_histogram!(
        "lockstep_seconds",
        Unit::Seconds,
        "Time of a block in a stage"
    );
    describe_gauge!(
        "lockstep_forks",
        "Known blocks that are not final and have no child"
    );
    describe_gauge!("lockstep_unfinal_blocks", "Known blocks that are not final");
    describe_gauge!(
        "lockstep_store_lag_slots",
        "Slots from the newest committed to the newest known block"
    );
    describe_counter!(
        "lockstep_missed_notices_total",
        "Committed blocks that found a subscriber's queue full"
    );
    describe_counter!(
        "lockstep_cache_hits_total",
        "Accounts that a cached store had in memory"
    );
    describe_counter!(
        "lockstep_cache_misses_total",
        "Accounts that it had to look for below"
    );
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

/// Records the efficiency of a block's plan on these threads.
pub(super) fn show_efficiency(block: &UnsealedBlock<'_>, mode: Mode, threads: &Threads) {
    let (table, workers) = (block.prepared.table(), threads.worker_count());
    let bound = Bounds::of(table).lower_bound(mode, workers);
    let makespan = predict(&block.plan, table, workers, &CostModel::STANDARD);
    let efficiency = efficiency_per_mille(bound, makespan);
    histogram!("lockstep_plan_efficiency").record(narrow(efficiency));
}

/// Figures are floats, exact up to 32 bits; a larger number is shown as the largest.
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
    let mut refused_count = 0u64;
    for (_, refusal) in refused
        .iter()
        .filter(|(_, refusal)| !found_no_room(refusal))
    {
        let rule = match refusal {
            Refusal::Malformed(_) => "Malformed".to_owned(),
            Refusal::Rule(error) => rule(error),
        };
        refused_count = refused_count.saturating_add(1);
        counter!("lockstep_failures_total", "rule" => rule).increment(1);
    }
    let no_room_count = (refused.len() as u64).saturating_sub(refused_count);
    let succeeded = (receipts.len() as u64).saturating_sub(failed_count);
    for (outcome, count) in [
        ("succeeded", succeeded),
        ("failed", failed_count),
        ("refused", refused_count),
        ("no_room", no_room_count),
    ] {
        counter!("lockstep_transactions_total", "outcome" => outcome).increment(count);
    }
    counter!("lockstep_batches_total").increment(plan.batch_count() as u64);
    counter!("lockstep_lanes_total").increment(plan.lane_count() as u64);
    counter!("lockstep_waits_total").increment(plan.waits().len() as u64);
}

/// Whether a transaction is out of a block only because others filled it.
fn found_no_room(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Rule(
            TransactionError::WouldExceedMaxBlockCostLimit
                | TransactionError::WouldExceedMaxAccountCostLimit
        )
    )
}

/// The name of a rule, without the details of one case.
fn rule(error: &TransactionError) -> String {
    let name = format!("{error:?}");
    let end = name.find(|letter: char| !letter.is_ascii_alphanumeric());
    name[..end.unwrap_or(name.len())].to_owned()
}
