//! Searches the block that takes a verifier longest among those that the main network's limits
//! allow, and compares it with a block of plain transfers that fills the same limits.
//!
//! `cargo bench -p lockstep-benches --bench worst -- --evaluations 200 --seed 1`. A block is made
//! of transactions of one shape, as many as fit. First each part of a shape is tried alone, then
//! the worst are changed at random. Each asks for the compute units and the loaded data that it
//! needs and no more, or for too little. A time is that of reading, verifying and executing on two
//! threads, without a commit: the median of three. Accounts are in memory.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    reason = "a search counts small numbers and shows ratios"
)]

use std::{
    env,
    fmt::{self, Write as _},
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{Account, AccountMeta, Address, Hash, Instruction, address::program_ids};
use lockstep_programs::{
    associated_token::instruction::create_idempotent,
    builtin_programs,
    compute_budget::instruction::{set_compute_unit_limit, set_loaded_accounts_data_size_limit},
    system::instruction::{allocate_with_seed, transfer},
};
use lockstep_runtime::{
    bank::Genesis,
    block::{BlockLimits, Recording},
    chain::{BuildRequest, BuiltBlock, Chain, ChainOptions, Simulation},
    engine::Cancel,
    mempool::Candidate,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::{LookupTable, MessageBuilder, WireBlock},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{MemoryStore, Trie};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REASON: &str = "the search's own load is sound";
/// Transactions that could all be of one block have payers of their own.
const WALLETS: u32 = 40_000;
/// Large accounts, of a mebibyte each.
const LARGE: u32 = 60;
/// Addresses of each lookup table.
const TABLE_LENGTH: usize = 256;
/// Pieces of each part of a shape, at most.
const MOST: [u32; PARTS] = [8, 20, 40, 3, 30, 30, 300, 2, 40, 1, 1];
const PARTS: usize = 11;
const NAMES: [&str; PARTS] = [
    "signers",
    "transfers",
    "proofs",
    "allocations",
    "large read",
    "large credited",
    "logged bytes",
    "invokes",
    "looked up",
    "hot",
    "asks too little",
];
/// Bytes that an allocation asks for.
const ALLOCATED: u64 = 10 << 20;

/// How many pieces of each part a transaction has, by [`NAMES`].
#[derive(Clone, Copy, Eq, PartialEq)]
struct Shape([u32; PARTS]);

impl Shape {
    const PLAIN: Self = Self([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    fn with(mut self, part: usize, pieces: u32) -> Self {
        self.0[part] = pieces;
        self
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = NAMES.iter().zip(self.0).filter(|(_, pieces)| *pieces > 0);
        for (name, pieces) in parts {
            write!(formatter, "{name} {pieces}, ")?;
        }
        Ok(())
    }
}

/// A block's time, and what is in it.
#[derive(Clone, Copy)]
struct Figures {
    time: Duration,
    count: usize,
    succeeded: usize,
    size: usize,
}

/// Two chains of the same genesis, and keys of its wallets.
struct Arena {
    producer: Chain,
    verifier: Chain,
    keys: Vec<SigningKey>,
    tables: Vec<LookupTable>,
}

fn numbered(kind: u8, number: u32) -> Address {
    let digest = Sha256::digest([&[kind][..], &number.to_le_bytes()].concat());
    Address::new_from_array(digest.into())
}

fn wallet(key: &SigningKey) -> Address {
    Address::new_from_array(VerificationKeyBytes::from(key).into())
}

fn mint() -> Address {
    numbered(1, 0)
}

fn data_account(data: Vec<u8>, owner: Address) -> Account {
    Account {
        lamports: 100_000_000_000,
        data: data.into(),
        owner,
        executable: false,
    }
}

impl Arena {
    fn new() -> Self {
        let keys: Vec<SigningKey> = (0..WALLETS)
            .map(|number| SigningKey::from(Sha256::digest(number.to_le_bytes()).0))
            .collect();
        let rich = Account::wallet(1_000_000_000_000);
        let mut accounts: Vec<_> = keys.iter().map(|key| (wallet(key), rich.clone())).collect();
        for number in 0..LARGE {
            let account = data_account(vec![7; 1 << 20], program_ids::SYSTEM);
            accounts.push((numbered(2, number), account));
        }
        let mut mint_data = vec![0; 82];
        mint_data[45] = 1;
        accounts.push((mint(), data_account(mint_data, program_ids::TOKEN)));
        let tables: Vec<LookupTable> = (0..2).map(table).collect();
        for table in &tables {
            let mut data = vec![0; 56];
            data[0] = 1;
            data[4..12].fill(255);
            data.extend(
                table
                    .addresses
                    .iter()
                    .flat_map(|address| address.to_bytes()),
            );
            let account = data_account(data, program_ids::ADDRESS_LOOKUP_TABLE);
            accounts.push((table.address, account));
        }
        let chain = || {
            let genesis = Genesis::new(accounts.clone(), builtin_programs());
            let options = ChainOptions::new(Threads::new(2).expect(REASON));
            let store = Arc::new(MemoryStore::new());
            Chain::open(store, Trie::default(), genesis, options).expect(REASON)
        };
        Self {
            producer: chain(),
            verifier: chain(),
            keys,
            tables,
        }
    }

    /// The transaction of that number; `None` if no packet carries it.
    fn transaction(&self, shape: Shape, number: u32, budget: [u32; 2]) -> Option<Vec<u8>> {
        let [signers, ..] = shape.0;
        let spread = |piece: u32| {
            number
                .wrapping_mul(97)
                .wrapping_add(piece.wrapping_mul(7_919))
        };
        let key = |piece: u32| &self.keys[(spread(piece) % WALLETS) as usize];
        let payer = &self.keys[(number % WALLETS) as usize];
        let from = wallet(payer);
        let [units, loaded] = budget;
        let mut instructions = vec![
            set_compute_unit_limit(units),
            set_loaded_accounts_data_size_limit(loaded),
        ];
        instructions.extend(self.instructions(shape, number, payer));
        let mut signing = vec![payer];
        for piece in 1..signers {
            let other = wallet(key(piece));
            if other != from && !signing.iter().any(|key| wallet(key) == other) {
                instructions.push(transfer(&other, &from, 1));
                signing.push(key(piece));
            }
        }
        let tables: &[LookupTable] = if shape.0[8] > 0 { &self.tables } else { &[] };
        let newest = self.producer.head().0.to_bytes();
        let message = MessageBuilder::new(from, newest, &instructions).v0(tables);
        message.compile().ok()?.sign(&signing).ok()
    }

    fn instructions(&self, shape: Shape, number: u32, payer: &SigningKey) -> Vec<Instruction> {
        let from = wallet(payer);
        let [
            _,
            transfers,
            proofs,
            allocations,
            reads,
            credits,
            logged,
            invokes,
            lookups,
            hot,
            _,
        ] = shape.0;
        let mut all = Vec::new();
        for piece in 0..transfers {
            let to = if hot == 1 && piece == 0 {
                numbered(3, 0)
            } else {
                wallet(&self.keys[(number.wrapping_add(piece * 31) % WALLETS) as usize])
            };
            // Large enough for an account of its own.
            all.push(transfer(&from, &to, 1_000_000));
        }
        if proofs > 0 {
            all.push(proof(payer, number, proofs));
        }
        for piece in 0..allocations {
            let seed = format!("{piece}");
            let target = lockstep_interface::address::create_with_seed(
                &from,
                seed.as_bytes(),
                &program_ids::SYSTEM,
            );
            let target = target.expect(REASON);
            let system = program_ids::SYSTEM;
            all.push(allocate_with_seed(
                &target, &from, &seed, ALLOCATED, &system,
            ));
        }
        for piece in 0..credits {
            let to = numbered(2, number.wrapping_add(piece) % LARGE);
            all.push(transfer(&from, &to, 1));
        }
        let read = (0..reads).map(|piece| numbered(2, number.wrapping_add(piece) % LARGE));
        let looked_up = (0..lookups).map(|piece| {
            let place = (number.wrapping_add(piece) as usize) % (2 * TABLE_LENGTH);
            self.tables[place / TABLE_LENGTH].addresses[place % TABLE_LENGTH]
        });
        let named = read.chain(looked_up);
        let named: Vec<AccountMeta> = named.map(|at| AccountMeta::readonly(at, false)).collect();
        if logged > 0 || !named.is_empty() {
            all.push(Instruction {
                program: program_ids::MEMO,
                // The memo program asks of each account that it signs.
                accounts: Vec::new(),
                data: vec![b'm'; logged as usize],
            });
            // The System program leaves accounts behind its own alone.
            let mut none = transfer(&from, &from, 1);
            none.accounts.extend(named);
            all.push(none);
        }
        for piece in 0..invokes {
            let owner = numbered(4, number.wrapping_mul(3).wrapping_add(piece));
            all.push(create_idempotent(&from, &owner, &mint()));
        }
        all
    }

    /// What the first transaction uses of compute units and of loaded data.
    fn budget(&self, shape: Shape) -> Option<[u32; 2]> {
        let most = [1_400_000, 64 << 20];
        if shape.0[10] == 1 {
            return Some([0, 1]);
        }
        let first = self.transaction(shape, 0, most)?;
        let at = self.producer.head().0;
        let simulation = Simulation::new(WireBlock::from_iter([first]));
        let fates = self.producer.simulate(&at, &simulation).expect(REASON);
        let receipt = fates.first()?.as_ref().ok()?;
        let units = u32::try_from(receipt.compute_units).ok()?;
        let [_, transfers, .., lookups, _, _] = shape.0;
        let large = shape.0[4].saturating_add(shape.0[5]).min(LARGE);
        let small = transfers.saturating_add(lookups).saturating_add(32);
        Some([
            units,
            large.saturating_mul((1 << 20) + 64) + small.saturating_mul(10_000),
        ])
    }

    /// A full block of a shape; `None` if there is none.
    fn block(&self, shape: Shape) -> Option<BuiltBlock> {
        let budget = self.budget(shape)?;
        let at = self.producer.head().0;
        let first = self.transaction(shape, 0, budget)?;
        let bank = self.producer.bank(&at).expect(REASON).child(1, 1);
        let threads = &self.producer.options().threads;
        let batch = WireBlock::from_iter([first]);
        let read = Candidate::read_batch(&batch, &bank, Signatures::Trusted, threads);
        let candidate = read.expect(REASON).pop()?.ok()?;
        let (limits, demand) = (BlockLimits::MAINNET, candidate.demand());
        let room = |limit: u64, each: u64| limit / each.max(1);
        let count = [
            room(limits.compute_units_max, demand.compute_units),
            room(limits.transaction_bytes_max, demand.size as u64),
            room(limits.allocated_size_max, demand.allocated_size),
            limits.transaction_count_max.into(),
        ];
        let count = u32::try_from(count.into_iter().min()?).ok()?;
        let block = (0..count).filter_map(|number| self.transaction(shape, number, budget));
        let wire: WireBlock = block.collect();
        let mut source = ParsedBlock::new(wire, Signatures::Trusted, threads);
        let request = BuildRequest {
            parent: at,
            slot: 1,
            unix_timestamp: 1,
            strategy: &Auto,
            mode: Mode::Produce,
            recording: Recording::NONE,
        };
        let built = self
            .producer
            .build(&request, &mut source, &Cancel::default());
        let built = built.expect(REASON);
        self.producer.discard(&built.id).expect(REASON);
        Some(built)
    }

    fn measure(&self, shape: Shape) -> Option<Figures> {
        let built = self.block(shape)?;
        let bytes: Arc<[u8]> = built.bytes().into();
        let mut times: Vec<Duration> = (0..3).map(|_| self.verify(&bytes, built.id)).collect();
        times.sort_unstable();
        Some(Figures {
            time: times[1],
            count: built.receipts.len(),
            succeeded: built
                .receipts
                .iter()
                .filter(|one| one.status.is_ok())
                .count(),
            size: bytes.len(),
        })
    }

    fn verify(&self, bytes: &Arc<[u8]>, id: Hash) -> Duration {
        let start = Instant::now();
        let read = self.verifier.read(Arc::clone(bytes)).expect(REASON);
        let executed = self.verifier.execute(&read, &Cancel::default());
        let time = start.elapsed();
        executed.expect(REASON);
        self.verifier.discard(&id).expect(REASON);
        time
    }
}

fn table(number: u32) -> LookupTable {
    LookupTable {
        address: numbered(5, number),
        addresses: (0..TABLE_LENGTH)
            .map(|place| numbered(6, number * 1_000 + u32::try_from(place).expect(REASON)))
            .collect(),
    }
}

/// An instruction of the ed25519 program that proves one signature several times.
fn proof(key: &SigningKey, number: u32, proofs: u32) -> Instruction {
    let count = u8::try_from(proofs).expect(REASON);
    let start = 2 + u16::from(count) * 14;
    let signed = number.to_le_bytes();
    let mut data = vec![count, 0];
    for _ in 0..count {
        let fields = [
            start,
            u16::MAX,
            start + 64,
            u16::MAX,
            start + 96,
            4,
            u16::MAX,
        ];
        data.extend(fields.into_iter().flat_map(u16::to_le_bytes));
    }
    data.extend(key.sign(&signed).to_bytes());
    data.extend(wallet(key).to_bytes());
    data.extend(signed);
    Instruction {
        program: program_ids::ED25519,
        accounts: Vec::new(),
        data,
    }
}

/// The number behind an option of the command line.
fn option(name: &str, default: u64) -> u64 {
    let mut rest = env::args().skip_while(|argument| argument != name).skip(1);
    rest.next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Shapes of one part each, all alone and beside a plain transfer, in three sizes.
fn first_shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (part, most) in MOST.into_iter().enumerate().skip(1) {
        for pieces in [most, most / 2, most / 8] {
            let alone = Shape::PLAIN.with(1, 0).with(part, pieces);
            shapes.extend([alone, Shape::PLAIN.with(part, pieces)]);
            shapes.extend([alone.with(10, 1)]);
        }
    }
    shapes
}

/// A shape with one or two of its parts changed.
fn changed(shape: Shape, random: &mut ChaCha8Rng) -> Shape {
    (0..random.random_range(1..3)).fold(shape, |shape, _| {
        let part = random.random_range(0..PARTS);
        let lowest = u32::from(part == 0);
        shape.with(part, random.random_range(lowest..=MOST[part]))
    })
}

fn show(shape: Shape, figures: &Figures, plain: &Figures) -> String {
    let mut line = String::new();
    let ratio = figures.time.as_secs_f64() / plain.time.as_secs_f64();
    let milliseconds = figures.time.as_secs_f64() * 1e3;
    let Figures {
        count,
        succeeded,
        size,
        ..
    } = figures;
    let kibibytes = size >> 10;
    let _ = write!(
        line,
        "{ratio:5.2} times, {milliseconds:7.1} ms: {count} transactions ({succeeded} succeed), \
         {kibibytes} KiB: {shape}"
    );
    line
}

fn main() -> ExitCode {
    // Cargo asks every bench to prove that it runs when it is tested.
    let is_test = env::args().any(|argument| argument == "--test");
    let evaluations = option("--evaluations", if is_test { 1 } else { 150 });
    let mut random = ChaCha8Rng::seed_from_u64(option("--seed", 1));
    let arena = Arena::new();
    let plain = arena.measure(Shape::PLAIN).expect("plain transfers fit");
    let mut out = io::stdout().lock();
    let mut say = |line: String| writeln!(out, "{line}").is_ok();
    say(format!("plain: {}", show(Shape::PLAIN, &plain, &plain)));
    let mut found: Vec<(Shape, Figures)> = Vec::new();
    let mut queue = first_shapes();
    queue.reverse();
    for _ in 0..evaluations {
        let shape = queue.pop().unwrap_or_else(|| {
            let best = random.random_range(0..found.len().clamp(1, 5));
            let from = found.get(best).map_or(Shape::PLAIN, |(shape, _)| *shape);
            changed(from, &mut random)
        });
        if found.iter().any(|(known, _)| *known == shape) {
            continue;
        }
        let Some(figures) = arena.measure(shape) else {
            continue;
        };
        found.push((shape, figures));
        found.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.time));
        if found[0].0 == shape {
            say(show(shape, &figures, &plain));
        }
    }
    say("the worst:".to_owned());
    for (shape, figures) in found.iter().take(12) {
        say(show(*shape, figures, &plain));
    }
    ExitCode::SUCCESS
}
