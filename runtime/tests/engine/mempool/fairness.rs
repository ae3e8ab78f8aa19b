//! How long a candidate can be passed over, and that a long line costs no time.

use std::collections::BTreeMap;

use lockstep_interface::{Address, Hash};
use lockstep_runtime::{
    block::BlockLimits,
    mempool::{BlockRoom, Candidate, Fairness, Mempool, MempoolLimits, Room, Verdict},
};
use proptest::prelude::*;

use super::{BLOCKHASHES, Payment, bank, good, name, names, read, target};

/// Compute units of every payment here.
const UNITS: u32 = 7_000;

fn payment(number: u64, target: u64, priority_fee: u64) -> Payment {
    Payment {
        payer: number,
        targets: vec![target],
        lamports: 1,
        priority_fee,
        compute_units: UNITS,
        blockhash: Some(BLOCKHASHES[0]),
    }
}

/// An overload: the candidates that come in each block, and how many blocks have room for.
#[derive(Clone, Copy, Debug)]
struct Load {
    hot_accounts: u64,
    hot_a_block: u64,
    others_a_block: u64,
    room: u64,
    room_for_one: u64,
    aged: u64,
    aged_for_one: u64,
    patience: u64,
}

fn load() -> impl Strategy<Value = Load> {
    let traffic = (1..4u64, 3..9u64, 1..4u64);
    let room = (6..12u64, 2..6u64, 2..5u64, 1..3u64, 1..6u64);
    (traffic, room).prop_map(
        |((hot_accounts, hot, others), (room, one, aged, aged_one, patience))| Load {
            hot_accounts,
            hot_a_block: hot,
            others_a_block: others,
            room,
            room_for_one: one,
            aged: aged.max(others),
            aged_for_one: aged_one.min(one),
            patience,
        },
    )
}

/// When a candidate came, and by when it must have been taken or evicted.
struct Promise {
    deadline: u64,
    written: Vec<Address>,
    is_hot: bool,
}

/// Runs blocks under the load; a hot payment pays more than any other. Gives how many others and
/// how many hot ones were taken.
fn run(load: Load, block_count: u64, mut fee: impl FnMut() -> u64) -> (usize, usize) {
    let bank = bank();
    // Each candidate takes ten thousandths of a block of the pool's.
    let per_mille = |count: u64| u32::try_from(count * 10).expect("it is small");
    let mut pool = Mempool::new(MempoolLimits {
        block: BlockLimits {
            compute_units_max: 100 * u64::from(UNITS),
            ..BlockLimits::UNLIMITED
        },
        bytes: 64 << 20,
        candidates: 10_000,
        blocks: 100,
        per_payer: 1,
        per_account: 30,
        blocks_per_account: 100,
        fairness: Fairness {
            crowd: 4,
            patience: load.patience,
            aged_per_mille: per_mille(load.aged),
            aged_account_per_mille: per_mille(load.aged_for_one),
        },
        ..MempoolLimits::STANDARD
    });
    let mut promises: BTreeMap<Hash, Promise> = BTreeMap::new();
    let mut number = 0;
    let mut taken = (0, 0);
    for block in 0..block_count {
        for turn in 0..load.hot_a_block * load.hot_accounts + load.others_a_block {
            let is_hot = turn >= load.others_a_block;
            let (to, fee) = if is_hot {
                (turn % load.hot_accounts, 10_000 + fee())
            } else {
                (100 + number, fee() % 100)
            };
            let candidate = good(&bank, &payment(number, to, fee));
            number += 1;
            // All that wait are before it, aged or not.
            let before = promises.len() as u64;
            let shares = |promise: &&Promise| {
                let mut written = promise.written.iter();
                written.any(|address| candidate.written().contains(address))
            };
            let rivals = promises.values().filter(shares).count() as u64;
            let delay = before.div_ceil(load.aged) + rivals.div_ceil(load.aged_for_one);
            let promise = Promise {
                deadline: block + load.patience + delay,
                written: candidate.written().to_vec(),
                is_hot,
            };
            let hash = name(&candidate);
            let Ok(accepted) = pool.submit(candidate) else {
                assert!(is_hot, "an account of one's own is never too crowded");
                continue;
            };
            promises.insert(hash, promise);
            for evicted in names(&accepted.evicted) {
                let gone = promises.remove(&evicted).expect("it waited");
                assert!(gone.is_hot, "a hot account pushes out none but its own");
            }
        }
        let units = u64::from(UNITS);
        let (room, one) = (load.room * units, load.room_for_one * units);
        let selection = pool.select(&mut BlockRoom::new(BlockLimits {
            compute_units_max: room,
            account_compute_units_max: one,
            ..BlockLimits::UNLIMITED
        }));
        assert!(selection.unfit.is_empty());
        let chosen = names(&selection.taken);
        for hash in &chosen {
            let promise = promises.remove(hash).expect("it waited");
            *if promise.is_hot {
                &mut taken.1
            } else {
                &mut taken.0
            } += 1;
        }
        pool.forget(&chosen);
        for promise in promises.values() {
            let Promise {
                deadline, is_hot, ..
            } = promise;
            assert!(
                *deadline > block,
                "{load:?}: passed over too often, hot: {is_hot}"
            );
        }
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Under a constant overload on hot accounts at higher fees, every candidate is taken, or
    /// evicted by a better one, within the bound that the module states.
    #[test]
    fn nobody_waits_for_ever(load in load(), seed: u64) {
        let mut state = seed;
        let fee = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 5_000
        };
        let (others, hot) = run(load, 140, fee);
        prop_assert!(others as u64 >= load.others_a_block * 10, "others: {others}");
        prop_assert!(hot >= 140, "hot: {hot}");
    }
}

/// Counts what it is offered.
struct Counting(BlockRoom, usize);

impl Room for Counting {
    fn offer(&mut self, candidate: &Candidate) -> Verdict {
        self.1 += 1;
        self.0.offer(candidate)
    }
}

/// Of 3,000 that wait for one account at the best price five fit; the others are reached without
/// offering all of the line.
#[test]
fn a_long_line_is_left_alone() {
    let bank = bank();
    let mut pool = Mempool::new(MempoolLimits::STANDARD);
    let hot = (0..3_000).map(|number| payment(number, 0, 9_000));
    let others = (3_000..3_400).map(|number| payment(number, number, 1));
    let transactions: Vec<Vec<u8>> = hot.chain(others).map(|payment| payment.bytes()).collect();
    for candidate in read(&bank, &transactions) {
        let candidate = candidate.expect("the payments keep all rules");
        pool.submit(candidate).expect("there is room for all");
    }
    let room = BlockRoom::new(BlockLimits {
        account_compute_units_max: 5 * u64::from(UNITS),
        ..BlockLimits::UNLIMITED
    });
    let mut room = Counting(room, 0);
    let selection = pool.select(&mut room);
    let is_hot = |candidate: &&_| Candidate::written(candidate).contains(&target(0));
    let hot = selection
        .taken
        .iter()
        .filter(|candidate| is_hot(&&***candidate))
        .count();
    assert_eq!((hot, selection.taken.len()), (5, 405));
    // 64 came before the account was crowded; 16 more are tried from its queue.
    assert_eq!(room.1, 405 + (64 - 5) + 16);
}
