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
use network::{Counts, Filter};
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

#[test]
fn a_wiped_member_joins_under_load_beside_liars() {
    let mut scenario = Scenario::fair(5, 4);
    scenario.events = 1;
    scenario.wiped = Some(1);
    // Its offer is not the state, and that of the other is not what it sends.
    scenario.vices[2] = Vice::WrongSnapshot;
    scenario.vices[3] = Vice::WrongChunks;
    assert_eq!(scenario.run().0, Vec::<String>::new());
}

#[test]
fn a_follower_takes_the_place_of_a_member_at_the_end_of_an_epoch() {
    let mut scenario = Scenario::fair(7, 5);
    scenario.epoch_slots = Some(8);
    scenario.replaces = true;
    scenario.restarts = true;
    assert_eq!(scenario.run().0, Vec::<String>::new());
}

#[test]
fn a_member_that_votes_twice_is_reported_and_jailed() {
    let mut scenario = Scenario::fair(9, 5);
    scenario.epoch_slots = Some(8);
    // It leads soon.
    scenario.filters[4] = Filter::Doubles(scenario.world().public_keys());
    scenario.jailed = Some(4);
    assert_eq!(scenario.run().0, Vec::<String>::new());
}

#[test]
fn a_wiped_member_joins_in_a_later_epoch() {
    let mut scenario = Scenario::fair(8, 4);
    scenario.epoch_slots = Some(5);
    scenario.events = 1;
    scenario.wiped = Some(2);
    assert_eq!(scenario.run().0, Vec::<String>::new());
}

/// What a block costs on the wire; `LOCKSTEP_FULL=1` counts 20 members, too.
#[test]
fn messages_of_a_block_are_as_many_as_the_protocol_needs() {
    let is_full = std::env::var_os("LOCKSTEP_FULL").is_some();
    let sizes: &[usize] = if is_full { &[4, 20] } else { &[4] };
    for member_count in sizes {
        let counts = Counts::new(*member_count);
        let mut scenario = Scenario::fair(6, *member_count);
        scenario.filters = vec![Filter::Counted(counts.clone()); *member_count];
        scenario.heights = 10;
        let (wrong, heights) = scenario.run_heights();
        assert_eq!(wrong, Vec::<String>::new());
        let names = [
            "votes",
            "certificates",
            "requests",
            "blocks",
            "backfill",
            "snapshots",
        ];
        for (name, (messages, bytes)) in names.iter().zip(counts.get()) {
            let (of_block, of_message) = (messages / heights, bytes / messages.max(1));
            println!(
                "{member_count} members, {heights} blocks: {name}: {of_block} messages a block, \
                 {of_message} bytes each"
            );
        }
        let [votes, certificates, _, blocks, _, snapshots] = counts.get();
        let pairs = (member_count * (member_count - 1)) as u64;
        // To notarize and to finalize, of each to each; views that are skipped at the start add.
        assert!(votes.0 >= 2 * pairs * (heights - 2), "{votes:?}");
        assert!(votes.0 <= 3 * pairs * (heights + 2), "{votes:?}");
        assert!(
            certificates.0 <= 3 * pairs * (heights + 2),
            "{certificates:?}"
        );
        // By the leader to each, and by those with a certificate to each whose vote is not there.
        assert!(blocks.0 <= pairs * (heights + 2), "{blocks:?}");
        assert_eq!(snapshots, (0, 0), "no member joins");
    }
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
