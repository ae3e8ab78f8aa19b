//! From a seed to blocks: random access lists, planned by every strategy, and random bytes in place
//! of transactions, since the format does not read them.

use std::num::NonZeroU32;

use lockstep_interface::Hash;
use lockstep_runtime::{
    block::{Block, BlockBody, BlockHeader},
    wire::WireBlock,
};
use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Mode, Plan, PlanRequest, check, strategies,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Access lists over few accounts, so that there are conflicts of every shape.
fn table(rng: &mut ChaCha8Rng, transaction_count: usize) -> AccessTable {
    let mut table = AccessTable::new();
    let account_count = rng.random_range(1..=40);
    for _ in 0..transaction_count {
        let accesses: Vec<Access> = (0..rng.random_range(0..5))
            .map(|_| {
                let account = AccountIndex(rng.random_range(0..account_count));
                match rng.random_range(0..3) {
                    0 => Access::read(account),
                    1 => Access::credit(account),
                    _ => Access::write(account),
                }
            })
            .collect();
        table.push(accesses, rng.random_range(1..100_000));
    }
    table
}

/// Strategies whose plans are those of others as far as the format goes, and that take long.
const SLOW: [&str; 2] = ["dsatur", "iterated"];

/// The plans of every strategy for one block, each over positions in its canonical order. Checked
/// in the mode in which a verifier checks them.
pub(crate) fn plans(seed: u64, transaction_count: usize) -> Vec<(String, Plan)> {
    let table = table(&mut rng(seed), transaction_count);
    let workers = NonZeroU32::new(1 + (seed % 9) as u32).unwrap();
    let mut plans = Vec::new();
    for strategy in strategies() {
        for mode in Mode::ALL {
            if SLOW.contains(&strategy.name()) && transaction_count > 40 {
                continue;
            }
            let request = PlanRequest::new(mode, workers);
            let plan = strategy.plan(&table, &request).unwrap();
            let plan = check(plan, &table, mode).unwrap().into_plan();
            let (plan, _) = plan.relabelled().unwrap();
            plans.push((format!("{} {mode}", strategy.name()), plan));
        }
    }
    plans
}

/// A block of this plan; its transactions, shared accounts and header are random.
pub(crate) fn block(seed: u64, plan: Plan) -> Block {
    let mut rng = rng(seed);
    let transactions: WireBlock = (0..plan.transaction_count())
        .map(|_| {
            let size = rng.random_range(1..=60);
            (0..size).map(|_| rng.random()).collect::<Vec<u8>>()
        })
        .collect();
    let limit = 64 * u32::try_from(plan.transaction_count()).unwrap();
    let shared = (0..limit).step_by(7).filter(|_| rng.random_bool(0.1));
    let shared = shared.map(AccountIndex).collect();
    Block {
        header: header(&mut rng, transactions.len()),
        body: BlockBody::new(transactions, plan, shared).unwrap(),
    }
}

pub(crate) fn header(rng: &mut ChaCha8Rng, transaction_count: usize) -> BlockHeader {
    let mut hash = || Hash::new_from_array(rng.random());
    let (parent_id, transaction_root, receipts_root) = (hash(), hash(), hash());
    let (delta_root, state_root, plan_digest) = (hash(), hash(), hash());
    BlockHeader {
        parent_id,
        slot: rng.random(),
        unix_timestamp: rng.random(),
        transaction_count: transaction_count.try_into().unwrap(),
        transaction_root,
        receipts_root,
        delta_root,
        state_root: rng.random_bool(0.5).then_some(state_root),
        plan_digest,
    }
}
