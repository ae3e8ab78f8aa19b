//! Schedules against predictions, and against the rules of a plan.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "tests count, and subtract what is smaller"
)]

use std::num::NonZeroU32;

use lockstep_scheduler::{Access, AccountIndex, Mode, predict, strategies};

use super::*;

/// A block of small transactions on few accounts, the same for the same seed.
fn table(mut seed: u64, count: u32) -> AccessTable {
    let mut next = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((seed >> 33) % below).expect("it is below a small number")
    };
    let mut table = AccessTable::new();
    for _ in 0..count {
        let [one, two, read] = [next(40), next(40), next(60)].map(AccountIndex);
        let accesses = [Access::write(one), Access::write(two), Access::read(read)];
        table.push(accesses, u64::from(next(3_000)));
    }
    table
}

#[test]
fn a_schedule_ends_when_the_prediction_says() {
    for (seed, count) in [(1, 0), (2, 1), (3, 40), (4, 300)] {
        let table = table(seed, count);
        for strategy in strategies() {
            for (mode, workers) in [
                (Mode::Produce, 1),
                (Mode::Produce, 3),
                (Mode::Replay, 8),
                (Mode::Replay, 64),
            ] {
                let workers = NonZeroU32::new(workers).expect("none is zero");
                let request = PlanRequest::new(mode, workers);
                let plan = strategy.plan(&table, &request).expect("the block is small");
                let schedule = Schedule::of(&plan, &table, &request);
                let expected = predict(&plan, &table, workers, &request.costs);
                assert_eq!(schedule.makespan(), expected, "{} {mode}", strategy.name());
                check_slices(&schedule, &table, workers);
            }
        }
    }
}

/// Every transaction once, none at once with another of its worker or one in conflict.
fn check_slices(schedule: &Schedule, table: &AccessTable, workers: NonZeroU32) {
    let mut seen = vec![0; table.transaction_count()];
    let mut free_at = vec![0; workers.get() as usize];
    for slice in &schedule.slices {
        seen[slice.transaction.index()] += 1;
        assert!(slice.start >= free_at[slice.worker as usize]);
        assert_eq!(slice.end - slice.start, table.cost(slice.transaction));
        free_at[slice.worker as usize] = slice.end;
    }
    assert!(seen.iter().all(|&count| count == 1), "{seen:?}");
    for (place, one) in schedule.slices.iter().enumerate() {
        for other in &schedule.slices[..place] {
            let is_apart = one.start >= other.end || other.start >= one.end;
            assert!(is_apart || !table.conflict(one.transaction, other.transaction));
        }
    }
}
