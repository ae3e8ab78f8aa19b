//! What a selection takes: by fee for the room that a block charges, and at little risk.

use lockstep_interface::Hash;
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{
    bank::Bank,
    block::BlockLimits,
    mempool::{BlockRoom, Candidate, Mempool, MempoolLimits, Room, Verdict},
    threads::Threads,
    verify::Signatures,
    wire::{MessageBuilder, WireBlock},
};

use super::{BLOCKHASHES, Payment, bank, candidate, good, name, names};
use crate::common::ledger::{RICH, address, unsigned};

fn payment(payer: u64, priority_fee: u64, compute_units: u32) -> Payment {
    Payment {
        payer,
        targets: vec![payer],
        lamports: 1,
        priority_fee,
        compute_units,
        blockhash: Some(BLOCKHASHES[0]),
    }
}

fn filled(bank: &Bank, payments: impl IntoIterator<Item = Payment>) -> Mempool {
    let mut pool = Mempool::new(MempoolLimits::STANDARD);
    for payment in payments {
        pool.submit(good(bank, &payment)).expect("there is room");
    }
    pool
}

/// Fees that a selection pays.
fn fees(taken: &[std::sync::Arc<Candidate>]) -> u64 {
    taken.iter().map(|candidate| candidate.fee()).sum()
}

/// Those that ask for much and use little were preferred, as what they cost is learned.
#[test]
fn priority_is_fee_for_the_room_that_is_charged() {
    let bank = bank();
    let greedy = (0..60).map(|payer| payment(payer, 5_000, 1_400_000));
    let modest = (100..1_100).map(|payer| payment(payer, 0, 3_000));
    let mut pool = filled(&bank, greedy.chain(modest));
    let taken = pool.select(&mut BlockRoom::new(BlockLimits::MAINNET)).taken;
    // 1,000 that ask for 3 M units, and as many of 1.4 M as the other 57 M hold.
    assert_eq!(taken.len(), 1_000 + 40);
    assert_eq!(fees(&taken[..1_000]), 5_000_000);
}

/// On a chain whose blocks have little room for bytes, bytes are what is paid for.
#[test]
fn room_is_what_is_scarce() {
    let bank = bank();
    let long = |payer| Payment {
        targets: (0..20).map(|number| 100 * payer + number).collect(),
        ..payment(payer, 4_000, 1_000)
    };
    let short = |payer| payment(payer, 0, 1_000);
    let size = |payment: &Payment| payment.bytes().len() as u64;
    assert!(size(&long(1)) > 3 * size(&short(1)));
    let block = BlockLimits {
        transaction_bytes_max: 10 * size(&short(1)),
        ..BlockLimits::MAINNET
    };
    let mut pool = Mempool::new(MempoolLimits {
        block,
        ..MempoolLimits::STANDARD
    });
    for payer in 10..20 {
        pool.submit(good(&bank, &long(payer))).expect("it fits");
        pool.submit(good(&bank, &short(20 + payer)))
            .expect("it fits");
    }
    let taken = pool.select(&mut BlockRoom::new(block)).taken;
    assert_eq!((taken.len(), fees(&taken)), (10, 50_000));
}

#[test]
fn a_second_selection_for_a_block_drops_nothing_that_fits_another() {
    let bank = bank();
    let mut limits = MempoolLimits::STANDARD;
    limits.fairness.patience = 1;
    let mut pool = Mempool::new(limits);
    for (payer, units) in [(1, 900_000), (2, 800_000), (4, 950_000)] {
        pool.submit(good(&bank, &payment(payer, 0, units)))
            .expect("there is room");
    }
    let block = |compute_units_max| BlockLimits {
        compute_units_max,
        ..BlockLimits::UNLIMITED
    };
    let mut room = BlockRoom::new(block(930_000));
    for (taken, unfit) in [(1, 0), (0, 1), (0, 0)] {
        let selection = pool.select(&mut room);
        let found = (selection.taken.len(), selection.unfit.len());
        assert_eq!(found, (taken, unfit));
    }
    // What was dropped fits no such block, and what was kept does.
    assert_eq!((pool.len(), pool.waiting_count()), (2, 1));
    let next = pool.select(&mut BlockRoom::new(block(930_000)));
    assert_eq!(next.taken.len(), 1);
}

/// A room that refuses a payer.
struct Strict(BlockRoom, u64);

impl Room for Strict {
    fn offer(&mut self, candidate: &Candidate) -> Verdict {
        if *candidate.payer() == address(self.1) {
            return Verdict::Refused;
        }
        self.0.offer(candidate)
    }
}

#[test]
fn what_a_room_refuses_is_dropped() {
    let bank = bank();
    let mut pool = filled(&bank, (1..3).map(|payer| payment(payer, payer, 1_000)));
    let selection = pool.select(&mut Strict(BlockRoom::new(BlockLimits::MAINNET), 2));
    let hash = |payer| name(&good(&bank, &payment(payer, payer, 1_000)));
    assert_eq!(names(&selection.taken), [hash(1)]);
    assert_eq!(names(&selection.refused), [hash(2)]);
    assert_eq!((pool.len(), pool.waiting_count()), (1, 0));
}

/// A transfer by `payer` that others sign too, and may lose lamports by.
fn cosigned(bank: &Bank, payer: u64, others: &[u64]) -> Candidate {
    let mut instructions = vec![system::transfer(&address(payer), &address(payer), 1)];
    for other in others {
        instructions.push(system::transfer(
            &address(*other),
            &address(payer),
            RICH / 2,
        ));
    }
    let message = MessageBuilder::new(address(payer), BLOCKHASHES[0].to_bytes(), &instructions);
    let message = message.compile().expect("few accounts are named");
    let batch = WireBlock::from_iter([unsigned(&message)]);
    let threads = Threads::new(1).expect("one thread needs no pool");
    let candidates = Candidate::read_batch(&batch, bank, Signatures::Trusted, &threads);
    let mut candidates = candidates.expect("a store in memory does not fail");
    candidates.remove(0).expect("it keeps all rules")
}

#[test]
fn what_may_be_refused_for_another_takes_half_of_a_block_first() {
    let bank = bank();
    // One payer's 60 pay best, and the first of them could spend what the others pay with.
    let crowd = (0..60u64).map(|number| Payment {
        lamports: 1 + number,
        ..payment(1, 2_000_000, 1_400_000)
    });
    let honest = (10..35).map(|payer| payment(payer, 1_000, 1_400_000));
    let mut pool = filled(&bank, crowd.chain(honest));
    let block = BlockLimits {
        account_compute_units_max: 60_000_000,
        ..BlockLimits::MAINNET
    };
    let taken = pool.select(&mut BlockRoom::new(block)).taken;
    let is_crowd = |candidate: &&std::sync::Arc<Candidate>| *candidate.payer() == address(1);
    // The first risks nothing; 21 more take half of 60 M units.
    assert_eq!(taken.iter().filter(is_crowd).count(), 22);
    assert_eq!(taken.len(), 42);
    // Where there are not enough others, they fill the block.
    pool.forget(
        taken
            .iter()
            .flat_map(|candidate| candidate.message_hashes()),
    );
    let taken = pool.select(&mut BlockRoom::new(block)).taken;
    assert_eq!(taken.iter().filter(is_crowd).count(), 37);
    assert_eq!(taken.len(), 42);
}

#[test]
fn what_may_spend_the_fees_of_others_comes_last() {
    let bank = bank();
    let mut pool = filled(&bank, [payment(1, 5_000, 1_000), payment(2, 0, 1_000)]);
    let spender = cosigned(&bank, 4, &[1]);
    let harmless = cosigned(&bank, 5, &[6]);
    for candidate in [&spender, &harmless] {
        pool.submit(candidate.clone()).expect("there is room");
    }
    let taken = pool.select(&mut BlockRoom::new(BlockLimits::MAINNET)).taken;
    let order: Vec<Hash> = names(&taken);
    assert_eq!(order.len(), 4);
    assert_eq!(order[3], name(&spender));
    // Bundles risk their own room.
    let pair = |payer: u64| {
        [
            payment(payer, 900_000, 20_000),
            payment(payer + 1, 0, 20_000),
        ]
    };
    let block = BlockLimits {
        compute_units_max: 100_000,
        ..BlockLimits::UNLIMITED
    };
    let mut pool = Mempool::new(MempoolLimits {
        block,
        ..MempoolLimits::STANDARD
    });
    for payer in 30..40 {
        let single = good(&bank, &payment(payer, 0, 1_000));
        pool.submit(single).expect("there is room");
    }
    for payer in [10, 12, 14] {
        let bundle = candidate(&bank, &pair(payer)).expect("the payments keep all rules");
        pool.submit(bundle).expect("there is room");
    }
    let taken = pool.select(&mut BlockRoom::new(block)).taken;
    let counts: Vec<usize> = taken.iter().map(|one| one.transactions().len()).collect();
    assert_eq!(counts, [[2].as_slice(), &[1; 10], &[2]].concat());
}
