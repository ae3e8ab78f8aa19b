//! From transactions that clients send to the pool: verified together, as many as have come.
//!
//! ```text
//! client -> queue, bounded -> one thread: read_batch (signatures in one sum) -> pool
//!                                `-> the client that waits: accepted, or the rule
//! ```
//! A transaction that another validator passes on may come before the block whose hash it names: it
//! is judged by the next blocks, too.
//!
//! One transaction is verified as soon as it is there. Under load those that come while others
//! are verified are the next batch, so that batches grow with the load and the cost of each
//! transaction falls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use lockstep_runtime::{
    bank::FrozenBank,
    chain::Chain,
    mempool::{Candidate, Mempool, Rejection},
    wire::WireBlock,
};
use lockstep_store::{StoreError, sync::Shared};
use metrics::counter;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::limits::{EARLY_COUNT_MAX, EARLY_PATIENCE, INTAKE_BATCH_MAX, INTAKE_COUNT_MAX};

/// How often the thread looks whether it is to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// Why a transaction is not in the pool.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// As many wait to be verified as may.
    #[error("{INTAKE_COUNT_MAX} transactions wait to be verified already: send it again later")]
    Full,
    /// The pool does not take it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// The node ends.
    #[error("the node is shutting down")]
    Ending,
}

/// A transaction on its way to the pool.
#[derive(Debug)]
struct Submission {
    bytes: Vec<u8>,
    /// Whether another node has passed it on.
    is_relayed: bool,
    answer: Option<oneshot::Sender<Result<(), IntakeError>>>,
    /// Until when it is judged again if no block with its blockhash is known.
    until: Option<Instant>,
}

/// Where clients' transactions go.
#[derive(Debug)]
pub struct Intake {
    sender: SyncSender<Submission>,
}

/// Where they come out.
#[derive(Debug)]
pub(crate) struct Outlet(Receiver<Submission>);

impl Intake {
    pub(crate) fn new() -> (Self, Outlet) {
        let (sender, receiver) = sync_channel(INTAKE_COUNT_MAX);
        (Self { sender }, Outlet(receiver))
    }

    /// Sends a transaction without waiting for what becomes of it.
    ///
    /// # Errors
    /// If too many wait, or the node ends.
    pub fn send(&self, bytes: Vec<u8>) -> Result<(), IntakeError> {
        self.push(Submission {
            bytes,
            is_relayed: false,
            answer: None,
            until: None,
        })
    }

    /// The same for a transaction that another node has passed on, which goes no further.
    ///
    /// # Errors
    /// If too many wait, or the node ends.
    pub fn relay(&self, bytes: Vec<u8>) -> Result<(), IntakeError> {
        self.push(Submission {
            bytes,
            is_relayed: true,
            answer: None,
            until: Instant::now().checked_add(EARLY_PATIENCE),
        })
    }

    /// Sends a transaction. What is returned gives the pool's verdict.
    ///
    /// # Errors
    /// If too many wait, or the node ends.
    pub fn submit(
        &self,
        bytes: Vec<u8>,
    ) -> Result<oneshot::Receiver<Result<(), IntakeError>>, IntakeError> {
        let (sender, receiver) = oneshot::channel();
        self.push(Submission {
            bytes,
            is_relayed: false,
            answer: Some(sender),
            until: None,
        })?;
        Ok(receiver)
    }

    fn push(&self, submission: Submission) -> Result<(), IntakeError> {
        self.sender.try_send(submission).map_err(|error| {
            counter!("lockstep_intake_total", "outcome" => "full").increment(1);
            match error {
                TrySendError::Full(_) => IntakeError::Full,
                TrySendError::Disconnected(_) => IntakeError::Ending,
            }
        })
    }
}

/// What the thread works with.
pub(crate) struct Work<'w> {
    pub(crate) chain: &'w Chain,
    pub(crate) pool: &'w Shared<Mempool>,
    /// The newest block that is built, whose child could include what comes.
    pub(crate) tip: &'w Shared<Arc<FrozenBank>>,
    /// Told when the pool fills a block.
    pub(crate) full: SyncSender<()>,
    /// Where the transactions of clients go on to, once they are in the pool.
    pub(crate) onward: Option<SyncSender<Vec<u8>>>,
    pub(crate) ending: &'w AtomicBool,
}

impl Outlet {
    /// Verifies what comes and puts it into the pool, until the node ends.
    pub(crate) fn run(self, work: &Work<'_>) {
        let mut early = Early::default();
        while !work.ending.load(Ordering::Relaxed) {
            let first = match self.0.recv_timeout(PATIENCE) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let tip = work.tip.read().slot();
            let due = early.due(tip).into_iter().chain(first);
            let more = self.0.try_iter().take(INTAKE_BATCH_MAX.saturating_sub(1));
            let batch: Vec<Submission> = due.chain(more).collect();
            if !batch.is_empty() {
                early.hold(tip, work.take(batch));
            }
        }
    }
}

/// Transactions whose blockhash is that of a block to come, perhaps.
#[derive(Debug, Default)]
struct Early {
    /// The slot of the block by which they were judged.
    tip: u64,
    waiting: Vec<Submission>,
}

impl Early {
    /// Those that a newer block may know.
    fn due(&mut self, tip: u64) -> Vec<Submission> {
        match tip > self.tip {
            true => std::mem::take(&mut self.waiting),
            false => Vec::new(),
        }
    }

    fn hold(&mut self, tip: u64, unknown: Vec<Submission>) {
        self.tip = tip;
        let room = EARLY_COUNT_MAX.saturating_sub(self.waiting.len());
        self.waiting.extend(unknown.into_iter().take(room));
    }
}

impl Work<'_> {
    /// Judges a batch. Gives those back that are to be judged again by a newer block.
    fn take(&self, batch: Vec<Submission>) -> Vec<Submission> {
        let wire: WireBlock = batch.iter().map(|one| &one.bytes).collect();
        let verdicts = match self.judge(&wire) {
            Ok(verdicts) => verdicts,
            Err(error) => {
                let failed = || Err(IntakeError::Store(error.to_string()));
                batch.iter().map(|_| failed()).collect()
            }
        };
        let accepted = verdicts.iter().filter(|verdict| verdict.is_ok()).count() as u64;
        let judged = verdicts.len() as u64;
        let mut early = Vec::new();
        for (submission, verdict) in batch.into_iter().zip(verdicts) {
            let is_unknown = matches!(
                verdict,
                Err(IntakeError::Rejected(Rejection::UnknownBlockhash))
            );
            if is_unknown && submission.until.is_some_and(|until| Instant::now() < until) {
                early.push(submission);
                continue;
            }
            if let Some(onward) = &self.onward
                && verdict.is_ok()
                && !submission.is_relayed
            {
                // What there is no room for stays in this pool alone.
                let _ = onward.try_send(submission.bytes);
            }
            if let Some(answer) = submission.answer {
                // The client may be gone.
                let _ = answer.send(verdict);
            }
        }
        let rejected = judged
            .saturating_sub(accepted)
            .saturating_sub(early.len() as u64);
        counter!("lockstep_intake_total", "outcome" => "accepted").increment(accepted);
        counter!("lockstep_intake_total", "outcome" => "rejected").increment(rejected);
        early
    }

    fn judge(&self, wire: &WireBlock) -> Result<Vec<Result<(), IntakeError>>, StoreError> {
        let options = self.chain.options();
        let tip = Arc::clone(&self.tip.read());
        let time = tip.header().unix_timestamp;
        let bank = tip.child(tip.slot().saturating_add(1), time);
        let signatures = options.signatures();
        let threads = &options.reader_threads;
        let candidates = Candidate::read_batch(wire, &bank, signatures, threads)?;
        let mut pool = self.pool.write();
        let candidates = candidates.into_iter();
        let verdicts = candidates.map(|candidate| {
            let accepted = candidate.and_then(|candidate| pool.submit(candidate));
            accepted.map(|_| ()).map_err(IntakeError::from)
        });
        let verdicts = verdicts.collect();
        if pool.fills_block() {
            // One word is enough.
            let _ = self.full.try_send(());
        }
        Ok(verdicts)
    }
}
