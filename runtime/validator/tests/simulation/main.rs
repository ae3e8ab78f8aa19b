//! Networks in the engine's deterministic runtime: whatever happens to messages, processes and up
//! to a third of the members, no two blocks become final at one height, nothing final is lost, and
//! after the network is whole again it goes on.
//!
//! A failing seed is printed; `LOCKSTEP_SEED=N` runs it alone. `LOCKSTEP_FULL=1` runs 1,000.

mod ledger;
mod member;
mod network;
mod scenario;
mod world;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use ledger::Vice;
use scenario::Scenario;

/// Seeds of a usual run, and of a long one.
const SEED_COUNTS: [u64; 2] = [12, 1_000];
/// Seeds that run at once.
const THREAD_COUNT: usize = 2;

fn seeds() -> Vec<u64> {
    if let Ok(seed) = std::env::var("LOCKSTEP_SEED") {
        return vec![seed.parse().expect("LOCKSTEP_SEED is a number")];
    }
    let is_full = std::env::var_os("LOCKSTEP_FULL").is_some();
    (0..SEED_COUNTS[usize::from(is_full)]).collect()
}

#[test]
fn four_members_agree_on_transfers_and_a_seed_replays() {
    let (wrong, state) = Scenario::fair(1, 4).run();
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(Scenario::fair(1, 4).run().1, state);
}

#[test]
fn every_seed_is_safe_and_goes_on() {
    let seeds = seeds();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREAD_COUNT {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let scenario = Scenario::draw(*seed);
                    let (wrong, _) = scenario.run();
                    assert!(wrong.is_empty(), "SEED={seed} {scenario:?}: {wrong:?}");
                }
            });
        }
    });
}

/// Runs a scenario with a planted fault, which must be found.
fn find(scenario: &Scenario, expected: &str) {
    let (wrong, _) = scenario.run();
    let found = wrong.iter().any(|what| what.contains(expected));
    assert!(found, "expected {expected:?}, found {wrong:?}");
}

#[test]
fn a_commit_before_the_certificate_is_found() {
    let mut scenario = Scenario::fair(2, 4);
    scenario.vices[1] = Vice::CommitsEarly;
    find(&scenario, "is durable, and only");
}

#[test]
fn votes_for_a_block_that_was_not_executed_are_found() {
    let mut scenario = Scenario::fair(3, 4);
    scenario.vices = vec![Vice::VotesUnexecuted; 4];
    // The member with the greatest stake lies, and leads soon.
    scenario.vices[3] = Vice::WrongRoot;
    scenario.heights = 40;
    find(&scenario, "state root");
}

#[test]
fn a_write_that_was_lost_after_its_acknowledgement_is_found() {
    let mut scenario = Scenario::fair(4, 4);
    scenario.restarts = true;
    scenario.loses_writes = Some(2);
    find(&scenario, "a write was lost");
}
