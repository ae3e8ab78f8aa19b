//! One session: messages in and out, and the memory that they carry.

use std::{collections::HashMap, path::Path, ptr::NonNull, slice, time::Duration};

use agave_scheduler_bindings::{
    LEADER_READY, MAX_TRANSACTIONS_PER_MESSAGE, NOT_LEADER, PackToWorkerMessage, ProgressMessage,
    SharablePubkeys, SharableTransactionBatchRegion, SharableTransactionRegion, TpuToPackMessage,
    TransactionResponseRegion, WorkerToPackMessage,
    pack_message_flags::{self, check_flags, execution_flags},
    processed_codes, tpu_message_flags,
    worker_message_types::{
        CHECK_RESPONSE, CheckResponse, EXECUTION_RESPONSE, ExecutionResponse,
        fee_payer_balance_flags, not_included_reasons, parsing_and_sanitization_flags,
        resolve_flags, status_check_flags,
    },
};
use ahash::RandomState;
use lockstep_interface::Address;
use rts_alloc::Allocator;
use shaq::spsc::{Consumer, Producer};

use super::handshake::{GLOBAL_FILES, HandshakeError, SessionOptions, log_on};

/// The most transactions of one request.
pub const TRANSACTIONS_MAX: usize = MAX_TRANSACTIONS_PER_MESSAGE;

/// Bytes of one address.
const ADDRESS_SIZE: usize = 32;

/// A transaction in shared memory that this side owns.
#[derive(Debug)]
pub struct Region(SharableTransactionRegion);

/// A transaction from the network.
#[derive(Debug)]
pub struct Received {
    /// Where it is.
    pub region: Region,
    /// Whether it is a simple vote.
    pub is_vote: bool,
}

/// Whether the validator makes a block now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LeaderState {
    /// It does not.
    NotLeader,
    /// It is about to: there is no bank yet.
    Starting,
    /// It does.
    Ready,
}

/// How far the validator is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Whether it makes a block.
    pub state: LeaderState,
    /// The slot.
    pub slot: u64,
    /// Hundredths of the slot that are over.
    pub percent: u8,
    /// Units of cost that the block still takes, if it makes one.
    pub cost_left: u64,
    /// Its next slots as leader, the first and the last; `None` if they are not known.
    pub next_leader_slots: Option<(u64, u64)>,
}

/// What a worker is asked to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    /// To check transactions: their age, their payer's balance, the addresses that they look up.
    Check,
    /// To execute transactions and include them in the block.
    Execute {
        /// Leave out those that fail, without a fee (`DROP_ON_FAILURE`).
        drop_on_failure: bool,
        /// Include all or none (`ALL_OR_NOTHING`).
        all_or_nothing: bool,
    },
}

/// A request to a worker.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What to do.
    pub work: Work,
    /// The last slot in which to do it.
    pub slot_max: u64,
    /// The caller's name for it, which the answer has.
    pub token: u64,
}

/// What a worker says of one transaction that it checked.
#[derive(Clone, Debug)]
pub struct Check {
    /// The rule that it breaks.
    pub refusal: Option<&'static str>,
    /// Lamports of its payer, if they were looked up.
    pub payer_balance: Option<u64>,
    /// The addresses that it looks up: those that it writes, then the others.
    pub loaded: Vec<Address>,
}

/// What a worker says of one transaction that it executed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Execution {
    /// It is in the block.
    Included {
        /// Units of cost that the block was charged.
        cost: u64,
    },
    /// It was processed before.
    Processed,
    /// The block has no room for it.
    NoRoom,
    /// It can be tried again.
    Again,
    /// No block will include it.
    Refused {
        /// Agave's number of the reason.
        reason: u8,
    },
}

/// What became of the transactions of a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Of a request to check.
    Checked(Vec<Check>),
    /// Of a request to execute.
    Executed(Vec<Execution>),
    /// The worker has not looked at them: the slot was over, or the message was invalid.
    Skipped {
        /// Whether the slot was over.
        is_late: bool,
    },
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request's.
    pub token: u64,
    /// What became of its transactions, in its order.
    pub outcome: Outcome,
}

/// The queues of one worker.
struct Worker {
    requests: Producer<PackToWorkerMessage>,
    answers: Consumer<WorkerToPackMessage>,
}

/// A session with a validator.
pub struct Session {
    // Dropped in this order; the queues hold mappings of their own.
    tpu: Consumer<TpuToPackMessage>,
    progress: Consumer<ProgressMessage>,
    workers: Vec<Worker>,
    allocator: Allocator,
    /// Batches that workers have, by offset.
    lent: HashMap<usize, u64, RandomState>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("workers", &self.workers.len())
            .field("lent", &self.lent.len())
            .finish_non_exhaustive()
    }
}

/// What a library's error says.
fn join_error(name: &'static str, reason: impl std::fmt::Debug) -> HandshakeError {
    HandshakeError::Join {
        name,
        reason: format!("{reason:?}"),
    }
}

impl Session {
    /// Logs on at a validator's socket.
    ///
    /// # Errors
    /// [`HandshakeError`]: the socket, a refusal, or an answer of another protocol.
    pub fn connect(
        path: &Path,
        options: &SessionOptions,
        timeout: Duration,
    ) -> Result<Self, HandshakeError> {
        let files = log_on(path, options, timeout)?;
        let (global, queues) = files.split_at(GLOBAL_FILES);
        let allocator =
            Allocator::join(&global[0]).map_err(|error| join_error("the allocator", error))?;
        // SAFETY: (queues) of files that the handshake has just given.
        let tpu = unsafe { Consumer::join(&global[1]) };
        let tpu = tpu.map_err(|error| join_error("the queue of transactions", error))?;
        // SAFETY: (queues) of files that the handshake has just given.
        let progress = unsafe { Consumer::join(&global[2]) };
        let progress = progress.map_err(|error| join_error("the queue of progress", error))?;
        let mut workers = Vec::with_capacity(options.workers);
        for pair in queues.chunks_exact(2) {
            // SAFETY: (queues) of files that the handshake has just given.
            let requests = unsafe { Producer::join(&pair[0]) };
            // SAFETY: (queues) of files that the handshake has just given.
            let answers = unsafe { Consumer::join(&pair[1]) };
            workers.push(Worker {
                requests: requests.map_err(|error| join_error("a queue of requests", error))?,
                answers: answers.map_err(|error| join_error("a queue of answers", error))?,
            });
        }
        Ok(Self {
            tpu,
            progress,
            workers,
            allocator,
            lent: HashMap::default(),
        })
    }

    /// The number of workers.
    pub fn worker_count(&self) -> usize {
        self.workers.len()
    }

    /// Requests that workers have not answered.
    pub fn lent_count(&self) -> usize {
        self.lent.len()
    }

    /// Takes up to `count` transactions that came from the network.
    pub fn receive(&mut self, count: usize, out: &mut Vec<Received>) {
        self.tpu.sync();
        let before = out.len();
        while out.len() - before < count
            && let Some(message) = self.tpu.try_read()
        {
            out.push(Received {
                region: Region(message.transaction),
                is_vote: message.flags & tpu_message_flags::IS_SIMPLE_VOTE != 0,
            });
        }
        self.tpu.finalize();
    }

    /// The newest word on how far the validator is, if there was one since the last call.
    pub fn progress(&mut self) -> Option<Progress> {
        self.progress.sync();
        let mut newest = None;
        while let Some(message) = self.progress.try_read() {
            newest = Some(*message);
        }
        self.progress.finalize();
        let message = newest?;
        let is_known = message.next_leader_slot != u64::MAX;
        Some(Progress {
            state: match message.leader_state {
                NOT_LEADER => LeaderState::NotLeader,
                LEADER_READY => LeaderState::Ready,
                _ => LeaderState::Starting,
            },
            slot: message.current_slot,
            percent: message.current_slot_progress,
            cost_left: message.remaining_cost_units,
            next_leader_slots: is_known
                .then_some((message.next_leader_slot, message.leader_range_end)),
        })
    }

    /// The bytes of a transaction.
    pub fn bytes(&self, region: &Region) -> &[u8] {
        // SAFETY: (regions of Agave's, or of ours) that were not freed, since a region is consumed
        // by that.
        let start = unsafe { self.allocator.ptr_from_offset(region.0.offset) };
        // SAFETY: as above; nothing writes it while this side owns it.
        unsafe { slice::from_raw_parts(start.as_ptr(), region.0.length as usize) }
    }

    /// Puts a transaction into shared memory; `None` if there is no room for it.
    pub fn allocate(&mut self, bytes: &[u8]) -> Option<Region> {
        let length = u32::try_from(bytes.len()).ok()?;
        let start = self.allocator.allocate(length)?;
        // SAFETY: (regions of ours) it was just allocated, with this length.
        let offset = unsafe {
            start.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
            self.allocator.offset(start)
        };
        Some(Region(SharableTransactionRegion { offset, length }))
    }

    /// Frees a transaction that no worker has.
    pub fn free(&mut self, region: Region) {
        // SAFETY: (regions of Agave's, or of ours) it is owned here, and consumed.
        unsafe { self.allocator.free_offset(region.0.offset) };
    }

    /// Asks a worker to do something with up to [`TRANSACTIONS_MAX`] transactions. False if its
    /// queue or the memory is full: nothing was sent then.
    ///
    /// The regions must not be freed before the answer.
    pub fn send<'r>(
        &mut self,
        worker: usize,
        request: Request,
        regions: impl ExactSizeIterator<Item = &'r Region>,
    ) -> bool {
        let count = regions.len();
        let Some(transactions) = u8::try_from(count)
            .ok()
            .filter(|_| (1..=TRANSACTIONS_MAX).contains(&count))
        else {
            return false;
        };
        let size = count * size_of::<SharableTransactionRegion>();
        let size = u32::try_from(size).expect("64 regions are a kibibyte");
        let Some(start) = self.allocator.allocate(size) else {
            return false;
        };
        let first = start.cast::<SharableTransactionRegion>();
        for (position, region) in regions.enumerate() {
            // SAFETY: (regions of ours) it was just allocated for this many, and is aligned for
            // them: sizes of allocations are powers of two from 256 on.
            unsafe { first.add(position).write(region.0) };
        }
        // SAFETY: (regions of ours) it was just allocated.
        let offset = unsafe { self.allocator.offset(start) };
        let message = PackToWorkerMessage {
            flags: flags(request.work),
            max_working_slot: request.slot_max,
            batch: SharableTransactionBatchRegion {
                num_transactions: transactions,
                transactions_offset: offset,
            },
        };
        let queue = &mut self.workers[worker].requests;
        queue.sync();
        if queue.try_write(message).is_err() {
            // SAFETY: (regions of ours) it was not lent.
            unsafe { self.allocator.free_offset(offset) };
            return false;
        }
        queue.commit();
        self.lent.insert(offset, request.token);
        true
    }

    /// The next answer of a worker.
    pub fn answer(&mut self, worker: usize) -> Option<Answer> {
        loop {
            let queue = &mut self.workers[worker].answers;
            queue.sync();
            let message = *queue.try_read()?;
            queue.finalize();
            // What was never lent is not answered: nothing of it is touched.
            let Some(token) = self.lent.remove(&message.batch.transactions_offset) else {
                continue;
            };
            // SAFETY: (regions of ours) the worker has given it back by this answer.
            unsafe {
                let offset = message.batch.transactions_offset;
                self.allocator.free_offset(offset);
            };
            let outcome = match message.processed_code {
                processed_codes::PROCESSED => self.outcome(&message.responses),
                code => Outcome::Skipped {
                    is_late: code == processed_codes::MAX_WORKING_SLOT_EXCEEDED,
                },
            };
            return Some(Answer { token, outcome });
        }
    }

    /// Reads and frees the answers of a message.
    fn outcome(&mut self, region: &TransactionResponseRegion) -> Outcome {
        let count = usize::from(region.num_transaction_responses);
        let offset = region.transaction_responses_offset;
        // SAFETY: (regions of Agave's) the message transfers it.
        let start = unsafe { self.allocator.ptr_from_offset(offset) };
        let outcome = match region.tag {
            CHECK_RESPONSE => {
                // SAFETY: (regions of Agave's) the tag says what it holds, and how many.
                let all = unsafe { slice::from_raw_parts(start.cast().as_ptr(), count) };
                Outcome::Checked(all.iter().map(|check| self.check(check)).collect())
            }
            EXECUTION_RESPONSE => {
                // SAFETY: (regions of Agave's) the tag says what it holds, and how many.
                let all: &[ExecutionResponse] =
                    unsafe { slice::from_raw_parts(start.cast().as_ptr(), count) };
                Outcome::Executed(all.iter().map(execution).collect())
            }
            _ => Outcome::Skipped { is_late: false },
        };
        // SAFETY: (regions of Agave's) it is owned here, and nothing of it is used any more.
        unsafe { self.allocator.free_offset(offset) };
        outcome
    }

    fn check(&self, check: &CheckResponse) -> Check {
        let is_resolved = check.resolve_flags & resolve_flags::PERFORMED != 0
            && check.resolve_flags & resolve_flags::FAILED == 0;
        let loaded = match is_resolved {
            true => self.take_addresses(&check.resolved_pubkeys),
            false => Vec::new(),
        };
        let has_balance = check.fee_payer_balance_flags & fee_payer_balance_flags::PERFORMED != 0;
        Check {
            refusal: refusal(check),
            payer_balance: has_balance.then_some(check.fee_payer_balance),
            loaded,
        }
    }

    /// Reads and frees resolved addresses.
    fn take_addresses(&self, addresses: &SharablePubkeys) -> Vec<Address> {
        let count = addresses.num_pubkeys as usize;
        if count == 0 {
            return Vec::new();
        }
        // SAFETY: (regions of Agave's) the answer transfers it.
        let start = unsafe { self.allocator.ptr_from_offset(addresses.offset) };
        // SAFETY: as above, with as many addresses of 32 bytes.
        let bytes = unsafe { slice::from_raw_parts(start.as_ptr(), count * ADDRESS_SIZE) };
        let (chunks, _) = bytes.as_chunks::<ADDRESS_SIZE>();
        let read = chunks.iter().map(|chunk| Address::new_from_array(*chunk));
        let read = read.collect();
        // SAFETY: (regions of Agave's) it is owned here, and copied.
        unsafe { self.allocator.free_offset(addresses.offset) };
        read
    }
}

fn flags(work: Work) -> u16 {
    match work {
        Work::Check => {
            pack_message_flags::CHECK
                | check_flags::STATUS_CHECKS
                | check_flags::LOAD_FEE_PAYER_BALANCE
                | check_flags::LOAD_ADDRESS_LOOKUP_TABLES
        }
        Work::Execute {
            drop_on_failure,
            all_or_nothing,
        } => {
            let drop = u16::from(drop_on_failure) * execution_flags::DROP_ON_FAILURE;
            let all = u16::from(all_or_nothing) * execution_flags::ALL_OR_NOTHING;
            pack_message_flags::EXECUTE | drop | all
        }
    }
}

/// The first rule that a check found broken.
fn refusal(check: &CheckResponse) -> Option<&'static str> {
    let status = check.status_check_flags;
    let rules = [
        (
            check.parsing_and_sanitization_flags & parsing_and_sanitization_flags::FAILED,
            "malformed",
        ),
        (status & status_check_flags::TOO_OLD, "too old"),
        (
            status & status_check_flags::ALREADY_PROCESSED,
            "already processed",
        ),
        (status & status_check_flags::INVALID_NONCE, "invalid nonce"),
        (
            status & status_check_flags::UNSUPPORTED_VERSION,
            "unsupported version",
        ),
        (
            check.resolve_flags & resolve_flags::FAILED,
            "unknown lookup table",
        ),
    ];
    let broken = rules.iter().find(|(flag, _)| *flag != 0);
    broken.map(|(_, rule)| *rule)
}

fn execution(response: &ExecutionResponse) -> Execution {
    match response.not_included_reason {
        not_included_reasons::NONE => Execution::Included {
            cost: response.cost_units,
        },
        not_included_reasons::ALREADY_PROCESSED => Execution::Processed,
        not_included_reasons::WOULD_EXCEED_MAX_BLOCK_COST_LIMIT
        | not_included_reasons::WOULD_EXCEED_MAX_ACCOUNT_COST_LIMIT
        | not_included_reasons::WOULD_EXCEED_MAX_VOTE_COST_LIMIT
        | not_included_reasons::WOULD_EXCEED_ACCOUNT_DATA_BLOCK_LIMIT
        | not_included_reasons::WOULD_EXCEED_ACCOUNT_DATA_TOTAL_LIMIT => Execution::NoRoom,
        not_included_reasons::BANK_NOT_AVAILABLE
        | not_included_reasons::PARTIAL_BATCH_CANCELLED
        | not_included_reasons::ALL_OR_NOTHING_BATCH_FAILURE
        | not_included_reasons::ACCOUNT_IN_USE
        | not_included_reasons::CLUSTER_MAINTENANCE
        | not_included_reasons::RESANITIZATION_NEEDED
        | not_included_reasons::PROGRAM_CACHE_HIT_MAX_LIMIT => Execution::Again,
        reason => Execution::Refused { reason },
    }
}
