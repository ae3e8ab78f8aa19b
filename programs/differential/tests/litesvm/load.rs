//! Seeded transactions of instructions that a program's load makes.

use lockstep_interface::{Account, Address, Instruction};
use lockstep_programs::compute_budget::instruction::{
    request_heap_frame, set_compute_unit_limit, set_compute_unit_price,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::both::{Beginning, Both, Draft, Tally};

/// Blocks of one ledger, and transactions of a block at most. Few, since a load makes those of a
/// block for the accounts as they are before it.
const BLOCKS: usize = 12;
const BLOCK_SIZE: usize = 5;
/// Differences that are looked for before a test ends.
const SHOWN_MAX: usize = 4;
/// Lamports of each wallet that pays fees.
const PAYER_LAMPORTS: u64 = 1_000_000_000;

/// Accounts, and instructions on them that mostly fit.
pub(crate) trait Load {
    /// The accounts that the ledger begins with.
    fn accounts(&self) -> Vec<(Address, Account)>;

    /// Learns what has become of the accounts.
    fn look(&mut self, ledger: &Both);

    /// The next instruction.
    fn instruction(&mut self, rng: &mut ChaCha8Rng) -> Instruction;

    /// The instructions of a transaction.
    fn instructions(&mut self, count: usize, rng: &mut ChaCha8Rng) -> Vec<Instruction> {
        (0..count).map(|_| self.instruction(rng)).collect()
    }

    /// A wallet among the accounts that can pay fees, too.
    fn wallet(&self, rng: &mut ChaCha8Rng) -> Address;
}

/// Transactions of each program: few where tests have to be short, all with `LOCKSTEP_FULL`.
fn count() -> usize {
    match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => 10_000,
        None => 500,
    }
}

/// Runs the transactions of a load on both sides, seed after seed.
///
/// # Panics
/// If anything differs, with the first difference of up to [`SHOWN_MAX`] seeds.
pub(crate) fn hold<L: Load>(name: &str, beginning: &Beginning, begin: impl Fn(u64) -> L) {
    let mut sum = Tally::default();
    let mut differences = Vec::new();
    for seed in 0.. {
        if sum.count() >= count() || differences.len() == SHOWN_MAX {
            break;
        }
        let (tally, result) = run(beginning, begin(seed), seed);
        differences.extend(result.err());
        sum.succeeded += tally.succeeded;
        sum.failed += tally.failed;
        sum.refused += tally.refused;
    }
    eprintln!("{name}: {sum:?}");
    assert!(differences.is_empty(), "{name}\n{}", differences.join("\n"));
    assert!(sum.succeeded > sum.count() / 4, "{name}: {sum:?}");
    assert!(sum.failed > sum.count() / 20, "{name}: {sum:?}");
}

fn run(beginning: &Beginning, mut load: impl Load, seed: u64) -> (Tally, Result<(), String>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let payers: Vec<Address> = (0..BLOCK_SIZE).map(|_| address(&mut rng)).collect();
    let wallets = payers.iter();
    let wallets = wallets.map(|payer| (*payer, Account::wallet(PAYER_LAMPORTS)));
    let accounts: Vec<_> = wallets.chain(load.accounts()).collect();
    let mut both = Both::new(beginning, &accounts);
    for block in 0..BLOCKS {
        load.look(&both);
        let size = rng.random_range(1..=BLOCK_SIZE);
        let drafts: Vec<Draft> = payers[..size]
            .iter()
            .map(|payer| draft(&mut load, *payer, &mut rng))
            .collect();
        if let Err(error) = both.run(&drafts) {
            let error = format!("seed {seed}, block {block}, {error}");
            return (both.tally, Err(error));
        }
    }
    (both.tally, Ok(()))
}

/// A transaction of a few instructions, often with a budget, rarely one that is too small.
fn draft(load: &mut impl Load, payer: Address, rng: &mut ChaCha8Rng) -> Draft {
    let count = match rng.random_range(0..100) {
        0..70 => 1,
        70..88 => 2,
        88..98 => 4,
        // If they fit a packet, their log does not fit its limit.
        _ => 45,
    };
    let payer = match rng.random_bool(0.05) {
        true => load.wallet(rng),
        false => payer,
    };
    let mut instructions = load.instructions(count, rng);
    let units = match rng.random_range(0..20) {
        0..10 => None,
        10 => Some(rng.random_range(0..3_000)),
        11 => Some(rng.random_range(0..15_000)),
        12 => Some(rng.random_range(0..60_000)),
        _ => Some(rng.random_range(200_000..1_500_000)),
    };
    let mut budget: Vec<Instruction> = units.map(set_compute_unit_limit).into_iter().collect();
    if rng.random_bool(0.1) {
        budget.push(set_compute_unit_price(rng.random_range(0..20_000)));
    }
    if rng.random_bool(0.1) {
        let bytes = 1_024 * rng.random_range(31..257);
        budget.push(request_heap_frame(bytes));
    }
    for own in budget {
        let place = rng.random_range(0..=instructions.len());
        instructions.insert(place, own);
    }
    Draft {
        payer,
        instructions,
        is_v0: rng.random_bool(0.3),
    }
}

/// A random address, at which nothing is.
pub(crate) fn address(rng: &mut ChaCha8Rng) -> Address {
    Address::new_from_array(rng.random())
}
