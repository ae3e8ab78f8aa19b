//! `mainnet-mix`: the account counts, sizes, popularity, compute units and failures of real
//! traffic, replayed by the trace program.
//!
//! ```text
//! payer --+-- accounts of its own (cold: uniform, written)
//!         +-- markets, drawn by popularity: state and vaults (written), oracle, settings (read)
//!         +-- programs that all of them read
//! ```
//!
//! A transaction locks 12 accounts in the mean, of which 7 for writing, and 3 to 60 of them; 8 %
//! fail. Compute units grow with the accounts. The tables below are quantiles of what the blocks
//! of slots 254170887 (March 2024) and 332254855 (April 2025) of Solana's main network recorded,
//! votes left out.

use lockstep_interface::{Account, AccountMeta, Address, Instruction};
use lockstep_programs::compute_budget::instruction as compute_budget;
use lockstep_programs::trace::{self, TraceInstruction};
use lockstep_runtime::wire::LookupTable;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Family, FamilySpec};
use crate::workload::accounts::{PAYER_BALANCE, read_account, written_account};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::lookup::{TABLE_SIZE_MAX, derived_address, table};
use crate::workload::options::{OptionKind, OptionSpec, WorkloadSpec};
use crate::workload::sample::{Buckets, Quantiles, Zipf};

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "mainnet-mix",
    about: "account counts, popularity, compute units and failures of real traffic",
    options: &[
        count_option(
            "payers",
            20_000,
            1,
            1_000_000,
            "wallets that sign and pay fees",
        ),
        count_option(
            "accounts",
            100_000,
            100,
            10_000_000,
            "accounts that few transactions share",
        ),
        count_option(
            "markets",
            1_000,
            16,
            100_000,
            "groups of accounts that many share",
        ),
        super::zipf::EXPONENT,
        percent_option(
            "failing",
            8,
            "transactions that fail once they have done their work",
        ),
        percent_option(
            "versioned",
            40,
            "v0 messages among those that use a market and fit legacy",
        ),
        percent_option(
            "overdeclared",
            0,
            "written accounts that are then only read, or a third of them not used at all",
        ),
    ],
    build: |spec, seed| Ok(Box::new(MainnetMix::new(spec, seed))),
};

const fn count_option(
    name: &'static str,
    default: u64,
    min: u64,
    max: u64,
    about: &'static str,
) -> OptionSpec {
    OptionSpec {
        name,
        kind: OptionKind::Count,
        default,
        min,
        max,
        about,
    }
}

const fn percent_option(name: &'static str, default: u64, about: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        kind: OptionKind::Percent,
        default,
        min: 0,
        max: 100,
        about,
    }
}

/// Accounts of a transaction, programs included: per mille, least, most.
const ACCOUNT_COUNTS: Buckets = Buckets(&[
    (280, 3, 4),
    (200, 5, 8),
    (220, 9, 12),
    (140, 13, 18),
    (90, 19, 28),
    (44, 29, 40),
    (26, 41, 60),
]);
/// Per mille of the accounts that are written: 1,000 / 12 * 7 in the mean.
const WRITTEN_SHARE: (usize, usize) = (400, 680);
/// Compute units for each account that a transaction locks, in steps of 5 %. The recorded last
/// step goes on to 237,668; cut off, since one such transaction outweighs a whole block.
const COMPUTE_UNITS_PER_ACCOUNT: Quantiles<21> = Quantiles([
    25, 288, 724, 965, 1_100, 1_161, 1_239, 1_574, 1_990, 2_193, 2_329, 2_443, 2_504, 3_299, 4_651,
    5_014, 5_566, 6_547, 7_325, 9_332, 20_000,
]);
/// Compute-unit limit in per cent of what is used, in steps of 10 %.
const LIMIT_PERCENT: Quantiles<11> =
    Quantiles([100, 125, 141, 184, 237, 311, 341, 384, 591, 1_076, 2_000]);
/// Price in micro-lamports per compute unit, in steps of 10 %.
const PRICES: Quantiles<11> = Quantiles([
    1, 100, 100, 1_000, 3_916, 9_868, 25_008, 50_000, 125_107, 500_004, 2_000_000,
]);
/// Per cent of transactions that ask for a limit and offer a price.
const PRICED_PERCENT: u32 = 60;

/// One of so many accounts that are declared as written in vain is not touched either.
const UNWRITTEN_TO_UNTOUCHED: u32 = 3;

/// Accounts of a market that transactions write; the first of them in every one.
const MARKET_WRITTEN: usize = 12;
/// Accounts of a market that are only read.
const MARKET_READ: usize = 6;
const MARKET_SIZE: usize = MARKET_WRITTEN + MARKET_READ;
/// The written account of a market that is read where it is not written, as an oracle is.
const ORACLE: usize = MARKET_WRITTEN - 1;
/// Most accounts of one market that a transaction writes.
const WRITTEN_OF_MARKET_MAX: usize = 5;
const MARKETS_PER_TABLE: usize = TABLE_SIZE_MAX / MARKET_SIZE;
/// Most cold accounts of a transaction: no table has them, so they take 32 bytes each.
const COLD_MAX: usize = 16;
/// Programs and mints that all transactions read.
const SHARED_COUNT: usize = 32;
/// More accounts than this do not fit a legacy message.
const LEGACY_ACCOUNTS_MAX: usize = 30;
/// Fewer accounts than this leave room for none of a market.
const MARKET_ACCOUNTS_MIN: usize = 5;

/// Compute units of a compute-budget instruction.
const BUDGET_INSTRUCTION_UNITS: u64 = 150;
/// Compute units that a transaction may use without asking.
const COMPUTE_UNITS_UNASKED: u64 = 200_000;
const COMPUTE_UNITS_MAX: u64 = 1_400_000;

/// Bytes of a written account, as a token account has them.
const WRITTEN_SIZE: usize = 165;

#[derive(Debug)]
struct MainnetMix {
    payers: Keyring,
    cold: Vec<Address>,
    /// The accounts of market m stand from m * MARKET_SIZE, the written ones first.
    markets: Vec<Address>,
    shared: Vec<Address>,
    tables: Vec<LookupTable>,
    popularity: Zipf,
    shared_popularity: Zipf,
    failing: u64,
    versioned: u64,
    overdeclared: u64,
}

impl MainnetMix {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let addresses = |kind: &[u8], count: usize| {
            let numbers = 0..u64::try_from(count).expect("a length fits u64");
            let addresses = numbers.map(|number| derived_address(kind, number, seed));
            addresses.collect::<Vec<_>>()
        };
        let market_count = spec.count("markets");
        let markets = addresses(b"market", market_count.saturating_mul(MARKET_SIZE));
        let shared = addresses(b"shared", SHARED_COUNT);
        let lists = markets.chunks(MARKETS_PER_TABLE * MARKET_SIZE);
        let lists = lists.chain([&shared[..]]).enumerate();
        Self {
            payers: Keyring::generate(seed, spec.count("payers")),
            cold: addresses(b"cold", spec.count("accounts")),
            tables: lists
                .map(|(number, list)| table(number, list.to_vec()))
                .collect(),
            markets,
            shared,
            popularity: Zipf::new(market_count, spec.value("exponent")),
            shared_popularity: Zipf::new(SHARED_COUNT, 1_000),
            failing: spec.value("failing"),
            versioned: spec.value("versioned"),
            overdeclared: spec.value("overdeclared"),
        }
    }

    /// Different markets, by popularity.
    fn draw_markets(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count {
            let mut market = self.popularity.sample(rng);
            // There are more markets than any transaction uses, so this ends.
            while drawn.contains(&market) {
                market = rng.random_range(0..self.market_count());
            }
            drawn.push(market);
        }
        drawn
    }

    fn market_count(&self) -> usize {
        self.markets.len() / MARKET_SIZE
    }

    fn market_accounts(&self, market: usize) -> &[Address] {
        let accounts = self.markets.chunks_exact(MARKET_SIZE).nth(market);
        accounts.expect("markets are drawn below their count")
    }

    fn account_metas(&self, shape: &Shape, rng: &mut ChaCha8Rng) -> Vec<AccountMeta> {
        let payer = self.payers.address(shape.payer);
        let mut metas = vec![AccountMeta::writable(payer, true)];
        let write = |address: &Address| AccountMeta::writable(*address, false);
        let read = |address: &Address| AccountMeta::readonly(*address, false);

        let start = rng.random_range(0..self.cold.len());
        let cold = self.cold.iter().cycle().skip(start).take(shape.cold);
        metas.extend(cold.map(write));
        let (mut writes_left, mut reads_left) = (shape.market_writes, shape.market_reads);
        for &market in &shape.markets {
            let accounts = self.market_accounts(market);
            let writes = writes_left.min(WRITTEN_OF_MARKET_MAX);
            writes_left = writes_left.saturating_sub(writes);
            let mut written = vec![0];
            let rotation = rng.random_range(1..MARKET_WRITTEN);
            let others = (1..MARKET_WRITTEN).cycle().skip(rotation);
            written.extend(others.take(writes.saturating_sub(1)));
            metas.extend(written.iter().map(|&position| write(&accounts[position])));

            let oracle = (!written.contains(&ORACLE)).then_some(&accounts[ORACLE]);
            let readable = oracle.into_iter().chain(&accounts[MARKET_WRITTEN..]);
            let before = metas.len();
            metas.extend(readable.take(reads_left).map(read));
            reads_left = reads_left.saturating_sub(metas.len().saturating_sub(before));
        }
        let start = self.shared_popularity.sample(rng);
        let shared = self.shared.iter().cycle().skip(start).take(shape.shared);
        metas.extend(shared.map(read));
        metas
    }

    /// The numbers of the tables of these markets and of the shared programs and mints.
    fn tables_of(&self, markets: &[usize]) -> Vec<usize> {
        let mut numbers: Vec<usize> = markets.iter().map(|m| m / MARKETS_PER_TABLE).collect();
        numbers.push(self.tables.len().saturating_sub(1));
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// How many accounts of which kind a transaction names.
struct Shape {
    payer: usize,
    cold: usize,
    markets: Vec<usize>,
    market_writes: usize,
    market_reads: usize,
    shared: usize,
    /// All of them and the programs.
    count: usize,
}

impl Shape {
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "counts of accounts are below 100"
    )]
    fn draw(mix: &MainnetMix, has_budget: bool, rng: &mut ChaCha8Rng) -> Self {
        let count = ACCOUNT_COUNTS.sample(rng) as usize;
        let share = rng.random_range(WRITTEN_SHARE.0..=WRITTEN_SHARE.1);
        // The payer, and one account at least that it does something to.
        let writes = (count * share).div_ceil(1_000).max(2);
        let programs = 1 + usize::from(has_budget);
        let reads = count.saturating_sub(writes + programs);
        let others = writes - 1;
        let market_writes = if count < MARKET_ACCOUNTS_MIN {
            0
        } else {
            others.div_ceil(2)
        };
        let cold = (others - market_writes).min(COLD_MAX);
        let market_writes = if market_writes == 0 { 0 } else { others - cold };
        let markets = mix.draw_markets(market_writes.div_ceil(WRITTEN_OF_MARKET_MAX), rng);
        let market_reads = (reads / 2).min(markets.len() * MARKET_READ);
        Self {
            payer: rng.random_range(0..mix.payers.len()),
            cold,
            market_writes,
            market_reads,
            shared: (reads - market_reads).min(SHARED_COUNT),
            count: writes + reads + programs,
            markets,
        }
    }
}

impl Family for MainnetMix {
    fn keys(&self) -> &Keyring {
        &self.payers
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let payers = self.payers.addresses().iter();
        let payers = payers.map(|&address| (address, Account::wallet(PAYER_BALANCE)));
        let cold = self
            .cold
            .iter()
            .map(|&address| (address, written_account(WRITTEN_SIZE)));
        let markets = self.markets.iter().enumerate().map(|(number, &address)| {
            let is_written = number % MARKET_SIZE < MARKET_WRITTEN;
            let account = if is_written {
                written_account(WRITTEN_SIZE)
            } else {
                read_account(&address)
            };
            (address, account)
        });
        let shared = self
            .shared
            .iter()
            .map(|address| (*address, read_account(address)));
        Box::new(payers.chain(cold).chain(markets).chain(shared))
    }

    fn tables(&self) -> &[LookupTable] {
        &self.tables
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let has_price = rng.random_range(0..100) < PRICED_PERCENT;
        let shape = Shape::draw(self, has_price, rng);
        let accounts = u64::try_from(shape.count).expect("a length fits u64");
        let drawn = COMPUTE_UNITS_PER_ACCOUNT
            .sample(rng)
            .saturating_mul(accounts);
        let units = drawn.min(COMPUTE_UNITS_MAX);
        let failure = (rng.random_range(0..100) < self.failing).then(|| rng.random_range(1..7_000));
        let mut instructions = budget(units, has_price, rng);
        let budget_units = instructions.iter().map(|_| BUDGET_INSTRUCTION_UNITS).sum();
        let cost = u32::try_from(units.saturating_sub(budget_units)).expect("units are limited");
        let mut accounts = self.account_metas(&shape, rng);
        let (unwritten, untouched) = overdeclare(&mut accounts, self.overdeclared, rng);
        let replayed = TraceInstruction {
            cost,
            failure,
            unwritten,
            untouched,
        };
        let mut data = replayed.encode();
        data.extend_from_slice(&place.tag().to_le_bytes());
        instructions.push(Instruction {
            program: trace::ADDRESS,
            accounts,
            data,
        });
        let is_versioned = shape.count > LEGACY_ACCOUNTS_MAX
            || !shape.markets.is_empty() && rng.random_range(0..100) < self.versioned;
        Draft {
            payer: shape.payer,
            instructions,
            tables: is_versioned.then(|| self.tables_of(&shape.markets)),
            cost: units.max(budget_units),
        }
    }
}

/// Picks so many per cent of the written accounts, except for the payer, and puts them last, where
/// the trace program leaves them alone: first those it only reads, then those it does not touch.
/// Gives how many of each there are.
fn overdeclare(accounts: &mut Vec<AccountMeta>, percent: u64, rng: &mut ChaCha8Rng) -> (u8, u8) {
    if percent == 0 {
        return (0, 0);
    }
    let (mut unwritten, mut untouched) = (Vec::new(), Vec::new());
    let mut is_payer = true;
    accounts.retain(|meta| {
        let is_picked = !is_payer && meta.is_writable && rng.random_range(0..100) < percent;
        is_payer = false;
        if is_picked {
            let picked = match rng.random_range(0..UNWRITTEN_TO_UNTOUCHED) {
                0 => &mut untouched,
                _ => &mut unwritten,
            };
            picked.push(*meta);
        }
        !is_picked
    });
    let counts = [&unwritten, &untouched]
        .map(|picked| u8::try_from(picked.len()).expect("a transaction has few accounts"));
    accounts.extend(unwritten);
    accounts.extend(untouched);
    counts.into()
}

/// The compute-budget instructions of a transaction that uses this number of units.
fn budget(units: u64, has_price: bool, rng: &mut ChaCha8Rng) -> Vec<Instruction> {
    let mut instructions = Vec::new();
    if has_price || units > COMPUTE_UNITS_UNASKED {
        // At least what the compute-budget instructions themselves take.
        let needed = units.max(BUDGET_INSTRUCTION_UNITS.saturating_mul(2));
        let percent = LIMIT_PERCENT.sample(rng);
        let asked = needed
            .saturating_mul(percent)
            .div_ceil(100)
            .min(COMPUTE_UNITS_MAX);
        let limit = u32::try_from(asked).expect("units are limited");
        instructions.push(compute_budget::set_compute_unit_limit(limit));
    }
    if has_price {
        instructions.push(compute_budget::set_compute_unit_price(PRICES.sample(rng)));
    }
    instructions
}
