//! Plans are taken apart and put together again.

use super::*;
use crate::PlanError;

fn nested(batches: &[&[&[u32]]]) -> Vec<Vec<Vec<TransactionIndex>>> {
    let lane = |lane: &&[u32]| lane.iter().map(|&index| TransactionIndex(index)).collect();
    batches
        .iter()
        .map(|lanes| lanes.iter().map(lane).collect())
        .collect()
}

fn wait((transaction, after): &(u32, u32)) -> Wait {
    Wait {
        transaction: TransactionIndex(*transaction),
        after: TransactionIndex(*after),
    }
}

fn plan(batches: &[&[&[u32]]], waits: &[(u32, u32)]) -> Plan {
    Plan::from_nested(nested(batches), waits.iter().map(wait).collect())
}

/// Builds a plan and compares its print and its canonical order.
fn check(batches: &[&[&[u32]]], waits: &[(u32, u32)], print: &str, order: &[u32]) {
    let plan = plan(batches, waits);
    assert_eq!(plan.to_string(), print);
    let found: Vec<u32> = plan
        .order()
        .iter()
        .map(|transaction| transaction.0)
        .collect();
    assert_eq!(found, order, "{plan}");
    let again = Plan::from_nested(plan.to_nested(), plan.waits().to_vec());
    assert_eq!(again, plan);
    let by_batch: Vec<_> = plan
        .batches()
        .flat_map(|batch| batch.order().to_vec())
        .collect();
    assert_eq!(by_batch, plan.order());
    let waits: usize = plan.batches().map(|batch| batch.waits().len()).sum();
    assert_eq!(waits + plan.stranger_waits().len(), plan.waits().len());
}

#[test]
fn without_waits_the_order_is_lane_by_lane() {
    check(&[], &[], "", &[]);
    check(&[&[&[5]]], &[], "batch 0: [5]\n", &[5]);
    check(
        &[&[&[3, 1], &[], &[2]], &[&[]], &[], &[&[0]]],
        &[],
        "batch 0: [3 1] [2]\nbatch 1: [0]\n",
        &[3, 1, 2, 0],
    );
}

#[test]
fn with_waits_the_lowest_ready_number_is_next() {
    // Lanes and waits ascend: block order.
    check(
        &[&[&[0, 3], &[1, 2]]],
        &[(3, 1), (2, 0), (3, 1)],
        "batch 0: [0 3 after 1] [1 2 after 0]\n",
        &[0, 1, 2, 3],
    );
    // 5 holds back 0, and 4 holds back 1.
    check(
        &[&[&[5, 1], &[0, 4], &[2, 3]]],
        &[(0, 5), (1, 4), (1, 3)],
        "batch 0: [5 1 after 3,4] [0 after 5 4] [2 3]\n",
        &[2, 3, 5, 0, 4, 1],
    );
    // Only the second batch has waits.
    check(
        &[&[&[4], &[3]], &[&[2], &[0, 1]]],
        &[(0, 2)],
        "batch 0: [4] [3]\nbatch 1: [2] [0 after 2 1]\n",
        &[4, 3, 2, 0, 1],
    );
    // A wait for an earlier batch is met at once.
    check(
        &[&[&[1]], &[&[0], &[2]]],
        &[(0, 1)],
        "batch 0: [1]\nbatch 1: [0 after 1] [2]\n",
        &[1, 0, 2],
    );
}

#[test]
fn nonsense_still_makes_a_plan() {
    // A circle, an unknown transaction, one that waits for a stranger, and a wait of a stranger.
    check(
        &[&[&[0, 9], &[1, 2]]],
        &[(0, 2), (1, 0), (7, 1), (2, 8)],
        "batch 0: [0 after 2 9] [1 after 0 2 after 8]\n",
        &[0, 9, 1, 2],
    );
    check(
        &[&[&[1], &[1]]],
        &[(1, 1)],
        "batch 0: [1 after 1] [1]\n",
        &[1, 1],
    );
    // A circle in the first batch, and one of its transactions again in the second.
    check(
        &[&[&[0, 3], &[1, 2]], &[&[2, 4], &[5]]],
        &[(0, 2), (1, 3), (4, 5)],
        "batch 0: [0 after 2 3] [1 after 3 2]\nbatch 1: [2 4 after 5] [5]\n",
        &[0, 3, 1, 2, 2, 5, 4],
    );
    let plan = plan(&[&[&[0]]], &[(7, 1)]);
    assert_eq!(plan.stranger_waits(), [wait(&(7, 1))]);
    assert!(plan.batch(0).waits().is_empty());
}

#[test]
fn colours_become_batches() {
    let print = |colours: &[u32]| Plan::from_colours(colours).to_string();
    assert_eq!(print(&[]), "");
    assert_eq!(
        print(&[0, 2, 0, 1]),
        "batch 0: [0] [2]\nbatch 1: [3]\nbatch 2: [1]\n"
    );
    assert_eq!(print(&[4, 0]), "batch 0: [1]\nbatch 1: [0]\n");
    assert_eq!(Plan::from_colours(&[1, 0]), plan(&[&[&[1]], &[&[0]]], &[]));
}

#[test]
fn a_batch_gives_its_lanes_by_number() {
    let plan = plan(&[&[&[0]], &[&[1, 2], &[3]]], &[(3, 1)]);
    let batch = plan.batch(1);
    assert_eq!((batch.lane_count(), batch.lanes().len()), (2, 2));
    assert_eq!(batch.transactions().len(), 3);
    assert_eq!(batch.lane(0).waits, []);
    assert_eq!(batch.lane(1).waits, [wait(&(3, 1))]);
    assert_eq!(batch.lane(1).transactions, [TransactionIndex(3)]);
    assert_eq!(batch.transactions_of(0..2), batch.transactions());
    assert_eq!(batch.transactions_of(1..2), batch.lane(1).transactions);
    assert_eq!(batch.transactions_of(1..1), []);
}

/// Builds a plan, relabels it, and compares its print and the order it was in.
fn check_relabelled(batches: &[&[&[u32]]], waits: &[(u32, u32)], print: &str, order: &[u32]) {
    let plan = plan(batches, waits);
    let (relabelled, found) = plan.relabelled().expect("it holds each once");
    assert_eq!(relabelled.to_string(), print);
    let found: Vec<u32> = found.iter().map(|transaction| transaction.0).collect();
    assert_eq!(found, order);
    let again = Plan::from_nested(relabelled.to_nested(), relabelled.waits().to_vec());
    assert_eq!(relabelled, again);
    assert_eq!(again.relabelled().map(|(plan, _)| plan), Ok(relabelled));
}

#[test]
fn a_plan_is_numbered_by_its_canonical_order() {
    check_relabelled(&[], &[], "", &[]);
    check_relabelled(
        &[&[&[3, 1], &[2]], &[&[0]]],
        &[],
        "batch 0: [0 1] [2]\nbatch 1: [3]\n",
        &[3, 1, 2, 0],
    );
    // The two waits of 1 change places: 4 becomes 4, and 3 becomes 1.
    check_relabelled(
        &[&[&[5, 1], &[0, 4], &[2, 3]]],
        &[(0, 5), (1, 4), (1, 3)],
        "batch 0: [2 5 after 1,4] [3 after 2 4] [0 1]\n",
        &[2, 3, 5, 0, 4, 1],
    );
    // A circle stays one.
    check_relabelled(
        &[&[&[0, 3], &[1, 2]]],
        &[(0, 2), (1, 3)],
        "batch 0: [0 after 3 1] [2 after 1 3]\n",
        &[0, 3, 1, 2],
    );
}

#[test]
fn only_a_plan_of_whole_numbers_is_relabelled() {
    let t = TransactionIndex;
    let refused = |batches: &[&[&[u32]]], waits: &[(u32, u32)]| {
        let relabelled = plan(batches, waits).relabelled();
        relabelled.expect_err("a number is missing")
    };
    assert_eq!(
        refused(&[&[&[0, 3], &[1]]], &[]),
        PlanError::Unknown {
            transaction: t(3),
            transaction_count: 3
        }
    );
    let transaction = t(1);
    assert_eq!(
        refused(&[&[&[1], &[1]]], &[]),
        PlanError::Repeated { transaction }
    );
    for unknown in [(1, 2), (2, 1)] {
        let wait = wait(&unknown);
        assert_eq!(
            refused(&[&[&[0], &[1]]], &[unknown]),
            PlanError::WaitUnknown { wait }
        );
    }
}
