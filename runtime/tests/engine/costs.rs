//! Costs are learned from receipts, inherited by children, and used by planners.

use lockstep_programs::{compute_budget::instruction as budget, system::instruction as system};
use lockstep_runtime::{
    engine::Engine,
    limits::{INSTRUCTION_COMPUTE_UNITS, TRANSACTION_COST},
    wire::WireBlock,
};
use lockstep_scheduler::{Layered, Mode, TransactionIndex};

use crate::common::{
    ledger::{Ledger, address, transaction},
    run::{assert_serial, options, parse, run_parsed, serial, timestamp},
};

/// Payments with a compute-unit limit, each from a wallet of its own.
fn payments(blockhash: lockstep_interface::Hash, first: u64, limit: u32) -> WireBlock {
    let payment = |number: u64| {
        let payer = address(number);
        let instructions = [
            budget::set_compute_unit_limit(limit),
            system::transfer(&payer, &address(900 + number), number),
        ];
        transaction(payer, blockhash, &instructions)
    };
    (first..first + 10).map(payment).collect()
}

#[test]
fn the_next_block_is_planned_with_what_this_one_used() {
    let genesis = Ledger::with_wallets(0..1_000).open();
    assert!(genesis.costs().is_empty());
    let mut engine = Engine::new(2).expect("threads can be started");
    let options = options(&Layered, Mode::Replay);
    let mut cost = |parent: &std::sync::Arc<lockstep_runtime::bank::FrozenBank>, first, limit| {
        let slot = parent.slot() + 1;
        let block = payments(parent.block_hash(), first, limit);
        let bank = parent.child(slot, timestamp(slot));
        let parsed = parse(&engine, &block, false);
        let processed = run_parsed(&mut engine, bank, &parsed, &options);
        let processed = processed.expect("strategy and store do not fail");
        assert_eq!(processed.receipts.counts(), (10, 0, 0));
        let used = processed
            .receipts
            .iter()
            .map(|fate| fate.expect("it is included"));
        let used: Vec<u64> = used.map(|receipt| receipt.compute_units).collect();
        (
            processed.prepared.table().cost(TransactionIndex(3)),
            used[3],
            processed.bank,
        )
    };
    // Nothing is known yet: the limit is all there is.
    let limit = INSTRUCTION_COMPUTE_UNITS;
    let (planned, used, first) = cost(&genesis, 0, limit);
    assert_eq!(planned, TRANSACTION_COST + u64::from(limit));
    assert_eq!(first.costs().len(), 1);
    // Amounts and limits make no kind of their own.
    let (planned, _, second) = cost(&first, 20, limit + 1);
    assert_eq!(planned, TRANSACTION_COST + used);
    assert_eq!(second.costs().len(), 1);
    // The sibling of the first block starts from the same parent and knows nothing.
    let (planned, _, sibling) = cost(&genesis, 40, limit);
    assert_eq!(planned, TRANSACTION_COST + u64::from(limit));
    assert_eq!(sibling.costs().digest(), first.costs().digest());
    assert_ne!(second.costs().digest(), first.costs().digest());
}

#[test]
fn every_plan_teaches_the_same() {
    let genesis = Ledger::with_wallets(0..1_000).open();
    let block = payments(genesis.block_hash(), 0, 5_000);
    for threads in [1, 2, 4] {
        let mut engine = Engine::new(threads).expect("threads can be started");
        let expected = serial(&engine, &genesis, &block, None);
        assert!(!expected.bank.costs().is_empty());
        for strategy in lockstep_scheduler::strategies() {
            for mode in Mode::ALL {
                // Compares the learned costs, too.
                let options = options(&*strategy, mode);
                assert_serial(&mut engine, &genesis, &block, &options, &expected, 0);
            }
        }
    }
}
