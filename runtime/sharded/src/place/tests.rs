//! Random blocks, homes and counts of shards: every plan passes the runtime's checker.

use std::num::NonZeroU32;

use lockstep_scheduler::{
    Access, AccessTable, AccountIndex, Lanes, Mode, PlanRequest, Strategy as _, check,
};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;

/// A block of accounts drawn by popularity: of `n`, the number of the account is at most the square
/// of a uniform draw.
fn block(rng: &mut ChaCha8Rng, count: usize, accounts: u32) -> AccessTable {
    let mut table = AccessTable::new();
    for _ in 0..count {
        let accesses = (0..rng.random_range(1..5)).map(|_| {
            let draw = u64::from(rng.random_range(0..accounts));
            let number = u32::try_from(draw * draw / u64::from(accounts)).unwrap();
            let account = AccountIndex(number);
            match rng.random_range(0..10) {
                0 | 1 => Access::read(account),
                2 => Access::credit(account),
                _ => Access::write(account),
            }
        });
        let accesses: Vec<Access> = accesses.collect();
        table.push(accesses, rng.random_range(100..2_000));
    }
    table
}

fn layout(rng: &mut ChaCha8Rng, table: &AccessTable, shard_count: u32) -> Layout {
    let count = table.account_count();
    let home = |rng: &mut ChaCha8Rng| match rng.random_range(0..20) {
        // Never written, as a sysvar.
        0 => EVERYWHERE,
        _ => rng.random_range(0..shard_count),
    };
    let mut homes: Vec<u32> = (0..count).map(|_| home(rng)).collect();
    for index in table.transactions() {
        for access in table.accesses(index) {
            let home = &mut homes[access.account().index()];
            if *home == EVERYWHERE && access.mode() != AccessMode::Read {
                *home = 0;
            }
        }
    }
    let sizes = (0..count).map(|_| rng.random_range(77..500));
    Layout {
        homes,
        sizes: sizes.collect(),
        shard_count,
    }
}

#[track_caller]
fn check_placed(placed: &Placed, table: &AccessTable, mode: Mode, shard_count: u32, seed: u64) {
    let lanes = placed.plan.batches().map(|batch| batch.lane_count());
    let shards = placed.shards.iter().map(Vec::len);
    assert!(lanes.eq(shards), "SEED={seed}: a shard for each lane");
    for shards in &placed.shards {
        assert!(
            shards.is_sorted_by(|one, next| one < next),
            "SEED={seed}: one lane a shard"
        );
        assert!(
            shards.iter().all(|shard| *shard < shard_count),
            "SEED={seed}"
        );
    }
    if let Err(refused) = check(placed.plan.clone(), table, mode) {
        panic!("SEED={seed}: {}", refused.error);
    }
}

#[test]
fn every_plan_passes_the_checker() {
    for seed in 0..300 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (count, accounts) = (rng.random_range(0..200), rng.random_range(1..100));
        let table = block(&mut rng, count, accounts);
        let shard_count = rng.random_range(1..9);
        let layout = layout(&mut rng, &table, shard_count);
        let placed = kept(&table, &layout);
        check_placed(&placed, &table, Mode::Replay, shard_count, seed);
        let placed = free(&table, &layout);
        check_placed(&placed, &table, Mode::Produce, shard_count, seed);
        let request = PlanRequest::new(Mode::Replay, NonZeroU32::new(4).unwrap());
        let plan = Lanes.plan(&table, &request).unwrap();
        if let Some(placed) = follow(&table, &layout, &plan) {
            check_placed(&placed, &table, Mode::Replay, shard_count, seed);
        }
    }
}

#[test]
fn one_shard_takes_one_round() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let table = block(&mut rng, 100, 30);
    let layout = Layout {
        homes: vec![0; table.account_count()],
        sizes: vec![100; table.account_count()],
        shard_count: 1,
    };
    assert_eq!(kept(&table, &layout).plan.batch_count(), 1);
    // Accounts that more transactions share than write wait for the second round.
    assert!(free(&table, &layout).plan.batch_count() <= 3);
}

#[test]
fn what_is_left_is_next_to_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let table = block(&mut rng, 10_000, 2_000);
    let layout = layout(&mut rng, &table, 8);
    let placed = free(&table, &layout);
    let sizes: Vec<usize> = placed
        .plan
        .batches()
        .map(|batch| batch.transactions().len())
        .collect();
    // Each of 10,000 transactions uses up to four accounts, which live anywhere.
    let left = sizes.get(16).copied().unwrap_or(0);
    assert!(left < 100, "{sizes:?}");
}

#[test]
fn a_block_without_transactions_takes_no_round() {
    let layout = Layout {
        homes: Vec::new(),
        sizes: Vec::new(),
        shard_count: 3,
    };
    let table = AccessTable::new();
    assert_eq!(kept(&table, &layout), Placed::default());
    assert_eq!(free(&table, &layout), Placed::default());
    assert_eq!(
        follow(&table, &layout, &Plan::new()),
        Some(Placed::default())
    );
}
