//! Long weather: a producer with a pool on a ledger on disk lives, is killed, and lives again.
//!
//! `cargo bench -p lockstep-benches --bench soak -- --seconds 28800 --seed 1`. One process
//! produces, which is this program again: 19 of 20 transactions that reach its pool are hostile,
//! blocks have rivals that lose, finality stalls for up to a hundred blocks and then comes at
//! once, snapshots are written and imported, the log is pruned, the ledger is opened again.
//! Another process kills it at a random instant, opens the ledger, holds it against a serial chain
//! in memory that executes the same blocks, and begins anew. It fails if an acknowledged block is
//! lost, if an id, and with it a state root, differs from the model's, or if memory grows within a
//! life.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    reason = "a soak counts small numbers and shows means"
)]

use std::{
    env,
    error::Error,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use lockstep_interface::{Account, Address, Hash};
use lockstep_programs::{
    builtin_programs,
    compute_budget::instruction::{set_compute_unit_limit, set_compute_unit_price},
    system::instruction::transfer,
};
use lockstep_runtime::{
    bank::Genesis,
    block::{BlockLimits, Recording},
    chain::{BuildRequest, BuiltBlock, Chain, ChainOptions, Executor, LostBlock, PoolSource},
    engine::Cancel,
    mempool::{Mempool, MempoolLimits},
    threads::Threads,
    verify::Signatures,
    wire::{MessageBuilder, WireBlock},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{CachedStore, DiskOptions, DiskStore, MemoryStore, Trie, sync::Shared};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Honest wallets; a block has payments of one in 20.
const HONEST: u32 = 4_000;
/// Hostile wallets: of ten one is rich, the others can pay one fee or none.
const HOSTILE: u32 = 2_000;
const RICH: u64 = 1 << 50;
/// Honest transactions that come for each block, and hostile ones for each of them.
const HONEST_A_BLOCK: u32 = 200;
const HOSTILE_SHARE: u32 = 19;
/// Small blocks, so that they are full.
const LIMITS: BlockLimits = BlockLimits {
    compute_units_max: 4_000_000,
    account_compute_units_max: 1_600_000,
    ..BlockLimits::MAINNET
};
/// Slots of the log that stay.
const KEPT_SLOTS: u64 = 700;
/// Growth of memory within a life that is weather and not climate.
const GROWTH_MAX: f64 = 1.25;
/// Seconds of a quarter of a life from which on growth is judged: caches and write buffers are full
/// then.
const QUARTER_MIN: usize = 60;
/// Resident kibibytes that no life may reach.
const RESIDENT_MAX: u64 = 512 << 10;

fn wallet(number: u32) -> Address {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_le_bytes());
    bytes[4..8].copy_from_slice(&number.to_le_bytes());
    bytes[31] = 1;
    Address::new_from_array(bytes)
}

fn genesis() -> Genesis {
    let wallets = (0..HONEST + HOSTILE).map(|number| {
        let lamports = match number.checked_sub(HONEST) {
            None => RICH,
            Some(hostile) if hostile % 10 == 0 => RICH,
            Some(hostile) => 890_880 + u64::from(hostile % 2) * 5_000,
        };
        (wallet(number), Account::wallet(lamports))
    });
    Genesis {
        limits: LIMITS,
        ..Genesis::new(wallets.collect(), builtin_programs())
    }
}

fn options(threads: usize, executor: Executor) -> Result<ChainOptions> {
    Ok(ChainOptions {
        verifier: None,
        executor,
        ..ChainOptions::new(Threads::new(threads)?)
    })
}

fn open(ledger: &Path) -> Result<Chain> {
    let options = options(2, Executor::Lockstep)?;
    let (disk, trie) = DiskStore::open(ledger, DiskOptions::default(), &options.threads)?;
    let store = Arc::new(CachedStore::new(disk, 32 << 20));
    Ok(Chain::open(store, trie, genesis(), options)?)
}

fn in_memory(options: ChainOptions) -> Result<Chain> {
    let store = Arc::new(MemoryStore::new());
    Ok(Chain::open(store, Trie::default(), genesis(), options)?)
}

/// The producer's side.
struct Producer<'p> {
    folder: &'p Path,
    chain: Chain,
    pool: Shared<Mempool>,
    lost: mpsc::Receiver<LostBlock>,
    random: ChaCha8Rng,
    /// Blocks that are not final, oldest first; the last one is built upon.
    unfinal: Vec<BuiltBlock>,
    /// Every committed block's bytes, for the model.
    blocks: File,
    /// Blocks until finality comes again.
    stall: u32,
    number: u64,
}

impl<'p> Producer<'p> {
    fn new(folder: &'p Path, seed: u64) -> Result<Self> {
        let chain = open(&folder.join("ledger"))?;
        let limits = MempoolLimits {
            block: LIMITS,
            candidates: 3_000,
            blocks: 6,
            per_account: 500,
            ..MempoolLimits::STANDARD
        };
        Ok(Self {
            folder,
            lost: chain.subscribe_lost(64),
            chain,
            pool: Shared::new(Mempool::new(limits)),
            random: ChaCha8Rng::seed_from_u64(seed),
            unfinal: Vec::new(),
            blocks: OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder.join("blocks"))?,
            stall: 0,
            number: seed << 32,
        })
    }

    fn tip(&self) -> Hash {
        let newest = self.unfinal.last();
        newest.map_or_else(|| self.chain.head().0, |block| block.id)
    }

    fn transaction(&mut self, at: &Hash) -> Vec<u8> {
        self.number += 1;
        let is_honest = self.random.random_range(0..=HOSTILE_SHARE) == 0;
        let payer = if is_honest {
            self.random.random_range(0..HONEST)
        } else {
            // Some do not exist at all.
            HONEST + self.random.random_range(0..HOSTILE + 200)
        };
        let to = self.random.random_range(0..HONEST);
        let stale = !is_honest && self.random.random_range(0..8) == 0;
        let blockhash = if stale { [9; 32] } else { at.to_bytes() };
        let units = if is_honest {
            1_000
        } else {
            self.random.random_range(300..400_000)
        };
        let instructions = [
            set_compute_unit_limit(units),
            set_compute_unit_price(self.random.random_range(0..3_000_000)),
            transfer(&wallet(payer), &wallet(to), 1_000_000 + self.number % 1_000),
        ];
        let message = MessageBuilder::new(wallet(payer), blockhash, &instructions);
        let message = message.compile().expect("few accounts are named");
        message.with_signatures(&[[0; 64]]).expect("one signs")
    }

    fn submit(&mut self) -> Result<()> {
        let tip = self.tip();
        let count = HONEST_A_BLOCK * (HOSTILE_SHARE + 1);
        let batch: WireBlock = (0..count).map(|_| self.transaction(&tip)).collect();
        let bank = self.chain.bank(&tip)?;
        let bank = bank.child(bank.slot() + 1, 0);
        let threads = &self.chain.options().threads;
        let pool = &self.pool;
        pool.write()
            .submit_batch(&batch, &bank, Signatures::Trusted, threads)?;
        Ok(())
    }

    /// Builds a block on a parent, `gap` slots later.
    fn build(&self, parent: Hash, gap: u64) -> Result<BuiltBlock> {
        let header = *self.chain.bank(&parent)?.header();
        let request = BuildRequest {
            parent,
            slot: header.slot + gap,
            unix_timestamp: header.unix_timestamp + 1,
            strategy: &Auto,
            mode: Mode::Produce,
            recording: Recording::NONE,
        };
        let mut source = PoolSource::new(&self.pool);
        let built = self
            .chain
            .build(&request, &mut source, &Cancel::default())?;
        source.settle(&built);
        Ok(built)
    }

    fn round(&mut self) -> Result<()> {
        self.submit()?;
        let parent = self.tip();
        let first = self.build(parent, 1)?;
        let winner = if self.random.random_range(0..6) == 0 {
            let rival = self.build(parent, 2)?;
            let (winner, loser) = if self.random.random_bool(0.5) {
                (first, rival)
            } else {
                (rival, first)
            };
            self.chain.discard(&loser.id)?;
            winner
        } else {
            first
        };
        self.unfinal.push(winner);
        self.restore()?;
        if self.stall > 0 {
            self.stall -= 1;
        } else if self.random.random_range(0..40) == 0 {
            self.stall = self.random.random_range(1..100);
        } else {
            let lag = self.random.random_range(0..3).min(self.unfinal.len());
            self.commit(self.unfinal.len() - lag)?;
        }
        match self.random.random_range(0..400) {
            0 => self.snapshot(),
            1 if self.unfinal.is_empty() => self.reopen(),
            2..6 => {
                let below = self.chain.head().1.slot.saturating_sub(KEPT_SLOTS);
                self.chain.prune(below)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What lost waits again.
    fn restore(&self) -> Result<()> {
        let bank = self.chain.bank(&self.tip())?;
        let bank = bank.child(bank.slot() + 1, 0);
        while let Ok(block) = self.lost.try_recv() {
            block.restore(&self.pool, &bank, &self.chain.options().threads)?;
        }
        Ok(())
    }

    /// Makes the oldest blocks final, and says so once they are.
    fn commit(&mut self, count: usize) -> Result<()> {
        let Some(newest) = count.checked_sub(1) else {
            return Ok(());
        };
        let newest = (self.unfinal[newest].id, self.unfinal[newest].header.slot);
        let mut bytes = Vec::new();
        for block in self.unfinal.drain(..count) {
            let size = u32::try_from(block.bytes().len())?;
            bytes.extend(size.to_le_bytes());
            bytes.extend(block.bytes());
        }
        self.blocks.write_all(&bytes)?;
        self.chain.commit(&newest.0)?;
        say(&format!("committed {} {}", newest.1, newest.0))
    }

    fn snapshot(&self) -> Result<()> {
        let mut bytes = Vec::new();
        self.chain.export(&mut bytes, &mut |_| ())?;
        let options = options(1, Executor::Lockstep)?;
        let store = Arc::new(MemoryStore::new());
        let mut source = &bytes[..];
        let head = self.chain.head();
        let expected = Some(&head.0);
        let imported = Chain::import(
            &mut source,
            store,
            genesis(),
            options,
            expected,
            &mut |_| (),
        )?;
        if imported.head() != head {
            return Err("a snapshot was imported as another chain".into());
        }
        say("snapshot")
    }

    fn reopen(&mut self) -> Result<()> {
        let before = self.chain.head();
        // The old one has to be gone before its ledger is opened.
        self.chain = in_memory(options(1, Executor::Lockstep)?)?;
        self.chain = open(&self.folder.join("ledger"))?;
        self.lost = self.chain.subscribe_lost(64);
        if self.chain.head() != before {
            return Err("the ledger was opened elsewhere than it was left".into());
        }
        say("opened")
    }
}

/// Tells the other process.
fn say(line: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Produces until killed.
fn produce(folder: &Path, seed: u64) -> Result<()> {
    let mut producer = Producer::new(folder, seed)?;
    let mut told = Instant::now();
    loop {
        producer.round()?;
        if told.elapsed() > Duration::from_secs(1) {
            told = Instant::now();
            let (resident, files) = usage()?;
            let waiting = producer.pool.read().len();
            say(&format!("usage {resident} {files} {waiting}"))?;
        }
    }
}

/// Resident kibibytes and open files of this process.
fn usage() -> Result<(u64, usize)> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let resident = line.and_then(|line| line.split_whitespace().nth(1));
    let resident = resident.and_then(|number| number.parse().ok());
    let files = fs::read_dir("/proc/self/fd")?.count();
    Ok((resident.ok_or("no resident size")?, files))
}

/// What one life of the producer told.
#[derive(Debug, Default)]
struct Life {
    /// The newest block that was acknowledged.
    acknowledged: Option<String>,
    commits: usize,
    snapshots: usize,
    openings: usize,
    resident: Vec<u64>,
    files: Vec<usize>,
    waiting_most: usize,
}

impl Life {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["committed", _, id] => {
                self.acknowledged = Some(id.to_owned());
                self.commits += 1;
            }
            ["snapshot"] => self.snapshots += 1,
            ["opened"] => self.openings += 1,
            ["usage", resident, files, waiting] => {
                self.resident.extend(resident.parse::<u64>());
                self.files.extend(files.parse::<usize>());
                let waiting = waiting.parse().unwrap_or(0);
                self.waiting_most = self.waiting_most.max(waiting);
            }
            _ => {}
        }
    }

    /// The last quarter's mean of memory over that of the second; 1 if the life was short.
    fn growth(&self) -> f64 {
        let quarter = self.resident.len() / 4;
        if quarter < QUARTER_MIN {
            return 1.0;
        }
        let mean = |part: &[u64]| part.iter().sum::<u64>() as f64 / part.len() as f64;
        mean(&self.resident[3 * quarter..]) / mean(&self.resident[quarter..2 * quarter])
    }
}

/// Lets a producer live for so long, and kills it.
fn live(folder: &Path, seed: u64, time: Duration) -> Result<Life> {
    let mut producer: Child = Command::new(env::current_exe()?)
        .args(["--produce", &seed.to_string()])
        .arg("--folder")
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = producer.stdout.take().ok_or("no output")?;
    let (sender, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(io::Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let end = Instant::now() + time;
    let mut life = Life::default();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => life.hear(&line),
            Err(mpsc::RecvTimeoutError::Timeout) => break,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = producer.wait()?;
                return Err(format!("the producer ended by itself: {status}").into());
            }
        }
    }
    producer.kill()?;
    producer.wait()?;
    // What it said before it died counts.
    lines.iter().for_each(|line| life.hear(&line));
    reader
        .join()
        .map_err(|_| "the reader of the output panicked")?;
    Ok(life)
}

/// The blocks that the producer wrote down before it committed them; the last may be cut.
fn written(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = fs::read(folder.join("blocks"))?;
    let mut rest = &bytes[..];
    let mut blocks = Vec::new();
    while let Some((size, behind)) = rest.split_first_chunk() {
        let Some((block, others)) = behind.split_at_checked(u32::from_le_bytes(*size) as usize)
        else {
            break;
        };
        blocks.push(block.to_vec());
        rest = others;
    }
    Ok(blocks)
}

/// Executes what is new on the model, and holds it against the ledger. Gives the new blocks' number
/// of transactions.
fn compare(folder: &Path, model: &Chain, life: &Life) -> Result<u64> {
    let head = open(&folder.join("ledger"))?.head();
    let mut transactions = 0;
    let mut is_acknowledged = life.acknowledged.is_none();
    for bytes in written(folder)? {
        if model.head().0 == head.0 {
            break;
        }
        let block = model.read(bytes.into())?;
        let accepted = model.execute(&block, &Cancel::default())?;
        model.commit(&accepted.id)?;
        let count = accepted.receipts.map_or(0, |receipts| receipts.len());
        transactions += count as u64;
        is_acknowledged |= life.acknowledged.as_deref() == Some(&accepted.id.to_string());
    }
    if !is_acknowledged {
        return Err(format!("an acknowledged block is lost: {:?}", life.acknowledged).into());
    }
    if model.head() != head {
        return Err(format!("the ledger is at {head:?}, the model at {:?}", model.head()).into());
    }
    fs::remove_file(folder.join("blocks"))?;
    Ok(transactions)
}

fn soak(seconds: u64, seed: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder: PathBuf = folder.path().to_owned();
    let model = in_memory(options(1, Executor::Serial)?)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let start = Instant::now();
    let (mut lives, mut transactions) = (0, 0);
    while start.elapsed() < Duration::from_secs(seconds) {
        let longest = (seconds / 6).clamp(4, 600);
        let time = Duration::from_millis(random.random_range(1_000..=longest * 1_000));
        let life = live(&folder, seed + lives, time)?;
        lives += 1;
        transactions += compare(&folder, &model, &life)?;
        let most = life.files.iter().max().copied().unwrap_or(0);
        let least = life.files.iter().min().copied().unwrap_or(0);
        let growth = life.growth();
        say(&format!(
            "life {lives}: {time:.1?}, {} commits, {} snapshots, {} openings, at most {} waiting, \
             {} MiB, grown {growth:.2} times, {least} to {most} files, slot {}",
            life.commits,
            life.snapshots,
            life.openings,
            life.waiting_most,
            life.resident.last().unwrap_or(&0) >> 10,
            model.head().1.slot
        ))?;
        let is_large = life
            .resident
            .iter()
            .any(|resident| *resident > RESIDENT_MAX);
        if growth > GROWTH_MAX || is_large {
            return Err(format!("memory grew {growth:.2} times: {:?}", life.resident).into());
        }
    }
    let passed = start.elapsed();
    say(&format!(
        "{lives} lives in {passed:.0?}: {transactions} transactions, nothing lost, all roots equal"
    ))
}

/// What stands behind an option of the command line.
fn option(name: &str) -> Option<String> {
    env::args().skip_while(|argument| argument != name).nth(1)
}

fn main() -> ExitCode {
    let number = |name: &str, default: u64| {
        let text = option(name);
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    // Cargo asks every bench to prove that it runs when it is tested.
    let is_test = env::args().any(|argument| argument == "--test");
    let done = match option("--folder") {
        Some(folder) => produce(Path::new(&folder), number("--produce", 1)),
        None => soak(
            number("--seconds", if is_test { 8 } else { 60 }),
            number("--seed", 1),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "soak: {error}");
            ExitCode::FAILURE
        }
    }
}
