//! A validator in small, on Agave's side of the shared memory.
#![allow(
    unsafe_code,
    dead_code,
    reason = "Agave's helpers; not every test uses all"
)]

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use agave_scheduler_bindings::{
    LEADER_READY, MAX_TRANSACTIONS_PER_MESSAGE, NOT_LEADER, PackToWorkerMessage, ProgressMessage,
    SharablePubkeys, SharableTransactionRegion, TpuToPackMessage, WorkerToPackMessage,
    pack_message_flags, processed_codes,
    worker_message_types::{CheckResponse, ExecutionResponse, not_included_reasons},
};
use agave_scheduling_utils::{
    handshake::{AgaveSession, AgaveTpuToPackSession, AgaveWorkerSession, server::Server},
    responses_region::{execution_responses_from_iter, resolve_responses_from_iter},
    transaction_ptr::TransactionPtrBatch,
};
use lockstep_agave::v4_3::{HandshakeError, Session, SessionOptions};
use lockstep_interface::{Address, Hash};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::wire::{
    MessageBuilder, SigningKey, TransactionConfig, TransactionView, VerificationKeyBytes,
};

/// Cost that a transaction is charged.
const COST: u64 = 700;
/// Wallets that pay each other.
const WALLETS: u8 = 12;

fn key(number: u8) -> SigningKey {
    SigningKey::from([number + 1; 32])
}

fn wallet(number: u8) -> Address {
    Address::new_from_array(VerificationKeyBytes::from(&key(number)).into())
}

/// Signed transfers between a few wallets, so that many conflict.
pub(crate) fn transfers(count: u64) -> Vec<Vec<u8>> {
    let transfer = |number: u64| {
        let from = (number % u64::from(WALLETS)) as u8;
        let to = (number * 7 % u64::from(WALLETS)) as u8;
        let to = if to == from { (to + 1) % WALLETS } else { to };
        let pay = [transfer(&wallet(from), &wallet(to), number + 1)];
        let message = MessageBuilder::new(wallet(from), [9; 32], &pay).v1(TransactionConfig {
            compute_unit_limit: Some(1_000),
            priority_fee: Some(number * 37 % 101),
            ..TransactionConfig::default()
        });
        let message = message.compile().expect("it is small");
        message
            .sign(&[&key(from)])
            .expect("it has its key")
            .to_vec()
    };
    (0..count).map(transfer).collect()
}

/// What the validator's chain knows.
#[derive(Debug, Default)]
struct Ledger {
    /// How often each message was executed.
    executed: HashMap<Hash, u32>,
    /// Accounts that workers write just now, by worker.
    written: HashMap<Address, usize>,
}

/// What all threads of the validator share.
#[derive(Debug, Default)]
struct Shared {
    ledger: Mutex<Ledger>,
    has_bank: AtomicBool,
    /// Transactions that workers execute until one of them dies; `usize::MAX` for ever.
    until_death: AtomicUsize,
    /// Sessions that the TPU has been told of.
    sessions: AtomicUsize,
    ends: AtomicBool,
}

/// Words for the thread that stands for the TPU and the progress tracker.
enum Word {
    Session(AgaveTpuToPackSession, shaq::spsc::Producer<ProgressMessage>),
    Receive(Vec<Vec<u8>>),
    Lead(u64),
    Rest(u64),
}

/// A validator that listens on a socket of its own.
pub(crate) struct Validator {
    _folder: tempfile::TempDir,
    path: PathBuf,
    shared: Arc<Shared>,
    words: Sender<Word>,
    threads: Vec<JoinHandle<()>>,
}

impl Validator {
    /// Starts one that gives this many sessions.
    pub(crate) fn start(sessions: usize) -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("scheduler_bindings.ipc");
        let mut server = Server::new(&path).expect("the path is free");
        let shared = Arc::new(Shared::default());
        shared.has_bank.store(true, Ordering::Relaxed);
        shared.until_death.store(usize::MAX, Ordering::Relaxed);
        let (words, read) = mpsc::channel();
        let mut threads = vec![{
            let shared = Arc::clone(&shared);
            thread::spawn(move || talk(&shared, &read))
        }];
        threads.push({
            let (shared, words) = (Arc::clone(&shared), words.clone());
            thread::spawn(move || {
                for _ in 0..sessions {
                    let Ok(session) = server.accept() else {
                        continue;
                    };
                    let AgaveSession {
                        tpu_to_pack,
                        progress_tracker,
                        workers,
                        ..
                    } = session;
                    let _ = words.send(Word::Session(tpu_to_pack, progress_tracker));
                    for (number, worker) in workers.into_iter().enumerate() {
                        let shared = Arc::clone(&shared);
                        thread::spawn(move || work(&shared, worker, number));
                    }
                }
            })
        });
        Self {
            _folder: folder,
            path,
            shared,
            words,
            threads,
        }
    }

    pub(crate) fn connect(&self, options: &SessionOptions) -> Result<Session, HandshakeError> {
        let before = self.shared.sessions.load(Ordering::Relaxed);
        let session = Session::connect(&self.path, options, Duration::from_secs(5))?;
        // What comes from now on is for the new connection.
        while self.shared.sessions.load(Ordering::Relaxed) == before {
            thread::yield_now();
        }
        Ok(session)
    }

    fn say(&self, word: Word) {
        self.words.send(word).expect("the validator runs");
    }

    /// Transactions come from the network.
    pub(crate) fn receive(&self, transactions: &[Vec<u8>]) {
        self.say(Word::Receive(transactions.to_vec()));
    }

    /// The validator is leader of a slot.
    pub(crate) fn lead(&self, slot: u64) {
        self.say(Word::Lead(slot));
    }

    /// It is not.
    pub(crate) fn rest(&self, slot: u64) {
        self.say(Word::Rest(slot));
    }

    /// Whether workers find a bank.
    pub(crate) fn set_banks(&self, has_bank: bool) {
        self.shared.has_bank.store(has_bank, Ordering::Relaxed);
    }

    /// The worker ends before it answers the last of this number of further transactions.
    pub(crate) fn kill_worker_after(&self, count: usize) {
        self.shared.until_death.store(count, Ordering::Relaxed);
    }

    /// Fails unless these and no others were executed, each once.
    pub(crate) fn check(&self, transactions: &[Vec<u8>], count: usize) {
        let ledger = self.shared.ledger.lock().expect("no worker panicked");
        let expected: HashSet<Hash> = transactions.iter().map(|bytes| hash(bytes)).collect();
        assert_eq!(expected.len(), count);
        assert_eq!(ledger.executed.len(), count);
        for (hash, times) in &ledger.executed {
            assert!(expected.contains(hash));
            assert_eq!(*times, 1);
        }
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        // The thread that accepts waits for a client that does not come.
        let talker = self.threads.swap_remove(0);
        let _ = talker.join();
    }
}

fn hash(bytes: &[u8]) -> Hash {
    let view = TransactionView::parse(bytes).expect("it was made here");
    view.message_hash()
}

/// Sends transactions and progress to the newest session.
fn talk(shared: &Shared, words: &Receiver<Word>) {
    let mut session = None;
    let mut progress = message(NOT_LEADER, 0);
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    while !shared.ends.load(Ordering::Relaxed) {
        match words.recv_timeout(Duration::from_millis(1)) {
            Ok(Word::Session(tpu, tracker)) => {
                session = Some((tpu, tracker));
                shared.sessions.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Word::Receive(transactions)) => waiting.extend(transactions),
            Ok(Word::Lead(slot)) => progress = message(LEADER_READY, slot),
            Ok(Word::Rest(slot)) => progress = message(NOT_LEADER, slot),
            Err(_) => {}
        }
        let Some((tpu, tracker)) = &mut session else {
            continue;
        };
        for bytes in waiting.drain(..) {
            let start = tpu
                .allocator
                .allocate(bytes.len() as u32)
                .expect("there is room");
            // SAFETY: it was just allocated, with this length.
            let offset = unsafe {
                start
                    .as_ptr()
                    .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                tpu.allocator.offset(start)
            };
            let written = tpu.producer.try_write(TpuToPackMessage {
                transaction: SharableTransactionRegion {
                    offset,
                    length: bytes.len() as u32,
                },
                flags: 0,
                src_addr: [0; 16],
            });
            written.expect("the queue is long enough");
        }
        tpu.producer.commit();
        tracker.sync();
        let _ = tracker.try_write(progress);
        tracker.commit();
    }
}

fn message(leader_state: u8, slot: u64) -> ProgressMessage {
    ProgressMessage {
        leader_state,
        current_slot_progress: 0,
        epoch: 0,
        current_slot: slot,
        next_leader_slot: u64::MAX,
        leader_range_end: u64::MAX,
        remaining_cost_units: 50_000_000,
        latest_blockhash: [9; 32],
    }
}

/// A worker: checks and executes until the validator ends, or it is killed.
fn work(shared: &Shared, mut session: AgaveWorkerSession, number: usize) {
    while !shared.ends.load(Ordering::Relaxed) {
        session.pack_to_worker.sync();
        let Some(message) = session.pack_to_worker.try_read().copied() else {
            thread::yield_now();
            continue;
        };
        session.pack_to_worker.finalize();
        let Some(answer) = answer(shared, &session, &message, number) else {
            return;
        };
        session.worker_to_pack.sync();
        session
            .worker_to_pack
            .try_write(answer)
            .expect("the queue is long enough");
        session.worker_to_pack.commit();
    }
}

fn answer(
    shared: &Shared,
    session: &AgaveWorkerSession,
    message: &PackToWorkerMessage,
    number: usize,
) -> Option<WorkerToPackMessage> {
    let count = usize::from(message.batch.num_transactions);
    assert!((1..=MAX_TRANSACTIONS_PER_MESSAGE).contains(&count));
    // SAFETY: the scheduler has lent the batch.
    let batch: TransactionPtrBatch<'_> = unsafe {
        TransactionPtrBatch::from_sharable_transaction_batch_region(
            &message.batch,
            &session.allocator,
        )
    };
    let bytes: Vec<Vec<u8>> = batch
        .iter()
        .map(|(transaction, _)| {
            use agave_transaction_view::transaction_data::TransactionData;
            transaction.data().to_vec()
        })
        .collect();
    assert_eq!(bytes.len(), count);
    let responses = if message.flags & 1 == pack_message_flags::EXECUTE {
        let executed = execute(shared, &bytes, message.max_working_slot, number)?;
        execution_responses_from_iter(&session.allocator, executed.into_iter())
    } else {
        let checked: Vec<CheckResponse> = bytes.iter().map(|_| check()).collect();
        resolve_responses_from_iter(&session.allocator, checked.into_iter())
    };
    Some(WorkerToPackMessage {
        batch: message.batch,
        processed_code: processed_codes::PROCESSED,
        responses: responses.expect("there is room"),
    })
}

/// Each account is one worker's until its batch is done, which is what the scheduler promises.
fn execute(
    shared: &Shared,
    bytes: &[Vec<u8>],
    slot: u64,
    number: usize,
) -> Option<Vec<ExecutionResponse>> {
    let mut held = Vec::new();
    {
        let mut ledger = shared.ledger.lock().expect("no worker panicked");
        for bytes in bytes {
            let view = TransactionView::parse(bytes).expect("it was made here");
            for index in (0..view.static_keys().len()).filter(|i| view.is_writable_static(*i)) {
                let address = view.static_key(index).expect("it has as many");
                let other = *ledger.written.entry(address).or_insert(number);
                assert_eq!(other, number, "two workers write {address}");
                held.push(address);
            }
        }
    }
    // Another worker with the same accounts would be seen now.
    thread::sleep(Duration::from_micros(50));
    let mut ledger = shared.ledger.lock().expect("no worker panicked");
    for address in held {
        ledger.written.remove(&address);
    }
    let has_bank = shared.has_bank.load(Ordering::Relaxed);
    let mut responses = Vec::new();
    let mut dies = false;
    for bytes in bytes {
        let hash = hash(bytes);
        let reason = if !has_bank {
            not_included_reasons::BANK_NOT_AVAILABLE
        } else if ledger.executed.contains_key(&hash) {
            not_included_reasons::ALREADY_PROCESSED
        } else {
            *ledger.executed.entry(hash).or_default() += 1;
            let left = shared.until_death.load(Ordering::Relaxed);
            if left != usize::MAX {
                dies |= left <= 1;
                let left = if left <= 1 { usize::MAX } else { left - 1 };
                shared.until_death.store(left, Ordering::Relaxed);
            }
            not_included_reasons::NONE
        };
        responses.push(ExecutionResponse {
            execution_slot: slot,
            not_included_reason: reason,
            cost_units: COST,
            fee_payer_balance: 1 << 40,
        });
    }
    (!dies).then_some(responses)
}

fn check() -> CheckResponse {
    CheckResponse {
        parsing_and_sanitization_flags: 0,
        status_check_flags: 3,
        fee_payer_balance_flags: 3,
        resolve_flags: 3,
        included_slot: 0,
        balance_slot: 1,
        fee_payer_balance: 1 << 40,
        resolution_slot: 1,
        min_alt_deactivation_slot: u64::MAX,
        resolved_pubkeys: SharablePubkeys {
            offset: 0,
            num_pubkeys: 0,
        },
    }
}
