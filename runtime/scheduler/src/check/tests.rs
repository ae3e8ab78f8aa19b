//! Each rule is broken once.

use super::*;
use crate::access::Access;
use crate::plan::{Dispatch, LANES_WITH_WAITS_MAX, Wait};

/// Transactions as strings of accounts: a capital letter writes, a small one reads.
fn table(transactions: &[&str]) -> AccessTable {
    let mut table = AccessTable::new();
    for transaction in transactions {
        let accesses = transaction.bytes().map(|letter| {
            let account = AccountIndex(u32::from(letter.to_ascii_lowercase() - b'a'));
            if letter.is_ascii_uppercase() {
                Access::write(account)
            } else {
                Access::read(account)
            }
        });
        table.push(accesses, 1);
    }
    table
}

fn plan(batches: &[&[&[u32]]], waits: &[(u32, u32)]) -> Plan {
    let lane = |lane: &&[u32]| lane.iter().map(|&index| TransactionIndex(index)).collect();
    let batches = batches
        .iter()
        .map(|lanes| lanes.iter().map(lane).collect())
        .collect();
    let wait = |&(transaction, after): &(u32, u32)| Wait {
        transaction: TransactionIndex(transaction),
        after: TransactionIndex(after),
    };
    Plan::from_nested(batches, waits.iter().map(wait).collect())
}

/// Checks a plan in both modes and compares the verdicts' texts; empty for a good plan.
fn expect(
    transactions: &[&str],
    batches: &[&[&[u32]]],
    waits: &[(u32, u32)],
    produce: &str,
    replay: &str,
) {
    let table = table(transactions);
    for (mode, expected) in [(Mode::Produce, produce), (Mode::Replay, replay)] {
        let plan = plan(batches, waits);
        let verdict = match check(plan.clone(), &table, mode) {
            Ok(checked) => {
                assert_eq!((checked.plan(), checked.mode()), (&plan, mode));
                assert_eq!(checked.table().transaction_count(), transactions.len());
                assert_eq!(checked.into_plan(), plan);
                String::new()
            }
            Err(refused) => {
                assert_eq!(refused.plan, plan);
                refused.to_string()
            }
        };
        assert_eq!(verdict, expected, "{mode}\n{plan}");
    }
}

fn expect_both(transactions: &[&str], batches: &[&[&[u32]]], waits: &[(u32, u32)], verdict: &str) {
    expect(transactions, batches, waits, verdict, verdict);
}

#[test]
fn every_transaction_occurs_once() {
    expect_both(&[], &[], &[], "");
    expect_both(&["A", "B"], &[&[&[0], &[1]]], &[], "");
    expect_both(
        &["A", "B"],
        &[&[&[0]]],
        &[],
        "the plan leaves out transaction 1",
    );
    expect_both(
        &["A"],
        &[&[&[0]], &[&[0]]],
        &[],
        "the plan runs transaction 0 twice",
    );
    expect_both(
        &["A"],
        &[&[&[0, 1]]],
        &[],
        "the plan names transaction 1 of a block of 1",
    );
    expect_both(
        &["A", "B"],
        &[&[&[1], &[0, 1]]],
        &[(0, 1)],
        "the plan runs transaction 1 twice",
    );
}

#[test]
fn lanes_of_a_batch_do_not_conflict() {
    let clash = |first, second| {
        format!("transactions {first} and {second} conflict on account 0 in two lanes of batch 0")
    };
    expect_both(&["A", "A"], &[&[&[0], &[1]]], &[], &clash(0, 1));
    expect_both(&["A", "a"], &[&[&[0], &[1]]], &[], &clash(0, 1));
    expect_both(&["a", "A"], &[&[&[0], &[1]]], &[], &clash(0, 1));
    expect_both(&["a", "a"], &[&[&[0], &[1]]], &[], "");
    expect_both(&["A", "A"], &[&[&[0, 1]]], &[], "");
    expect_both(&["A", "A"], &[&[&[0]], &[&[1]]], &[], "");
    // A reader in the writer's own lane must not hide one in an earlier lane.
    expect_both(&["a", "a", "A"], &[&[&[0], &[1, 2]]], &[], &clash(0, 2));
    expect_both(
        &["a", "a", "a", "A"],
        &[&[&[0], &[1], &[2, 3]]],
        &[],
        &clash(1, 3),
    );
    // A writer that reads later in its lane stays a writer.
    expect_both(&["A", "a", "a"], &[&[&[0, 1], &[2]]], &[], &clash(0, 2));
    // Users in an earlier batch do no harm.
    expect_both(&["a", "a", "A"], &[&[&[0], &[1]], &[&[2]]], &[], "");
}

#[test]
fn replay_keeps_block_order() {
    let inverted = |first, second| {
        format!(
            "transaction {first} conflicts with {second} on account 0 and comes first, against \
             block order"
        )
    };
    expect(&["A", "A"], &[&[&[1, 0]]], &[], "", &inverted(1, 0));
    expect(&["A", "A"], &[&[&[1]], &[&[0]]], &[], "", &inverted(1, 0));
    expect(&["A", "a"], &[&[&[1]], &[&[0]]], &[], "", &inverted(1, 0));
    expect(&["a", "A"], &[&[&[1, 0]]], &[], "", &inverted(1, 0));
    expect_both(&["a", "a"], &[&[&[1, 0]]], &[], "");
    expect_both(&["A", "B"], &[&[&[1, 0]]], &[], "");
    // Not only the latest use counts.
    expect(
        &["a", "A", "a"],
        &[&[&[2, 0]], &[&[1]]],
        &[],
        "",
        &inverted(2, 1),
    );
    expect(
        &["A", "B", "A"],
        &[&[&[2], &[1]], &[&[0]]],
        &[],
        "",
        &inverted(2, 0),
    );
    expect(
        &["A", "B", "A"],
        &[&[&[2, 0], &[1]]],
        &[(0, 1)],
        "",
        &inverted(2, 0),
    );
}

#[test]
fn waits_order_lanes() {
    let clash = |first, second| {
        format!("transactions {first} and {second} conflict on account 0 in two lanes of batch 0")
    };
    expect_both(&["A", "A"], &[&[&[0], &[1]]], &[(1, 0)], "");
    expect_both(
        &["A", "B", "A"],
        &[&[&[0], &[1], &[2]]],
        &[(1, 0)],
        &clash(0, 2),
    );
    // Through a chain of waits and lane order: 0 before 1, 1 before 2 in its lane, 2 before 3.
    expect_both(
        &["A", "B", "C", "A"],
        &[&[&[0], &[1, 2], &[3]]],
        &[(1, 0), (3, 2)],
        "",
    );
    // 3 waits for 1, which says nothing about 2 behind it.
    expect_both(
        &["B", "C", "A", "A"],
        &[&[&[1, 2], &[3], &[0]]],
        &[(3, 1)],
        &clash(2, 3),
    );
    // Each reader since the last writer needs an order of its own.
    expect_both(
        &["a", "a", "A"],
        &[&[&[0], &[1], &[2]]],
        &[(2, 1)],
        &clash(0, 2),
    );
    expect_both(
        &["a", "a", "A"],
        &[&[&[0], &[1], &[2]]],
        &[(2, 0), (2, 1)],
        "",
    );
    // A batch without waits beside one with waits.
    expect_both(&["A", "A", "A"], &[&[&[0], &[1]], &[&[2]]], &[(1, 0)], "");
    expect_both(
        &["A", "A", "B", "B"],
        &[&[&[0], &[1]], &[&[2], &[3]]],
        &[(1, 0)],
        "transactions 2 and 3 conflict on account 1 in two lanes of batch 1",
    );
}

#[test]
fn senseless_waits_are_refused() {
    let verdict = |rule: &str| format!("transaction 1 waits for 0, {rule}");
    let other_batch = verdict("which is in another batch");
    expect_both(&["A", "B"], &[&[&[0]], &[&[1]]], &[(1, 0)], &other_batch);
    expect_both(&["A", "B"], &[&[&[1]], &[&[0]]], &[(1, 0)], &other_batch);
    expect_both(
        &["A", "B"],
        &[&[&[0, 1]]],
        &[(1, 0)],
        &verdict("which is in the same lane"),
    );
    let own = "transaction 1 waits for 1, which is in the same lane";
    expect_both(&["A", "B"], &[&[&[0], &[1]]], &[(1, 1)], own);
    let stranger = "transaction 1 waits for 2, and one of them is not in the plan";
    expect_both(&["A", "B"], &[&[&[0], &[1]]], &[(1, 2)], stranger);
    let stranger = "transaction 2 waits for 1, and one of them is not in the plan";
    expect_both(&["A", "B"], &[&[&[0], &[1]]], &[(2, 1)], stranger);
    let circle = "transaction 0 waits for 3, which waits for it in turn";
    expect_both(
        &["A", "B", "C", "D"],
        &[&[&[0, 1], &[2, 3]]],
        &[(0, 3), (2, 1)],
        circle,
    );
}

#[test]
fn under_dynamic_dispatch_each_dependency_is_a_wait() {
    let verdict = |transactions: &[&str], waits: &[(u32, u32)], mode| {
        let table = table(transactions);
        let lanes: Vec<[u32; 1]> = (0..narrow(transactions.len())).map(|lane| [lane]).collect();
        let lanes: Vec<&[u32]> = lanes.iter().map(|lane| &lane[..]).collect();
        let plan = plan(&[&lanes], waits).with_dispatch(Dispatch::Queued);
        match check(plan, &table, mode) {
            Ok(checked) => checked.plan().dispatch().name().to_owned(),
            Err(refused) => refused.to_string(),
        }
    };
    let replay = |transactions, waits| verdict(transactions, waits, Mode::Replay);
    assert_eq!(replay(&["A", "A"], &[(1, 0)]), "queued");
    // Through the readers in between, and not through what is no dependency.
    assert_eq!(
        replay(&["A", "a", "a", "A"], &[(1, 0), (2, 0), (3, 1), (3, 2)]),
        "queued"
    );
    let conflict = "transactions 0 and 2 conflict on account 0 in two lanes of batch 0";
    assert_eq!(replay(&["AB", "B", "A"], &[(1, 0), (2, 1)]), conflict);
    assert_eq!(
        replay(&["A", "a", "A"], &[(2, 0), (1, 0)]),
        "transactions 1 and 2 conflict on account 0 in two lanes of batch 0"
    );
    assert_eq!(verdict(&["A", "A"], &[(0, 1)], Mode::Produce), "queued");
    let inverted =
        "transaction 1 conflicts with 0 on account 0 and comes first, against block order";
    assert_eq!(replay(&["A", "A"], &[(0, 1)]), inverted);
    let circle = "transaction 0 waits for 1, which waits for it in turn";
    assert_eq!(replay(&["A", "A"], &[(0, 1), (1, 0)]), circle);
    // No clocks, no limit.
    let many = vec!["a"; LANES_WITH_WAITS_MAX + 1];
    assert_eq!(replay(&many, &[(1, 0)]), "queued");
}

/// Checks a plan of two batches, both with waits, under a canonical order that is claimed for it.
/// `[0 1] [2 3]` where 3 waits for 0, then `[4] [5]` where 5 waits for 4.
fn expect_order(order: &[u32], verdict: &str) {
    let table = table(&["A", "B", "C", "A", "D", "D"]);
    let order: Vec<TransactionIndex> = order.iter().copied().map(TransactionIndex).collect();
    for dispatch in [Dispatch::Static, Dispatch::Queued] {
        let good = plan(&[&[&[0, 1], &[2, 3]], &[&[4], &[5]]], &[(3, 0), (5, 4)]);
        let forged = good
            .with_dispatch(dispatch)
            .with_forged_order(order.clone());
        for mode in Mode::ALL {
            let found = match check(forged.clone(), &table, mode) {
                Ok(_) => String::new(),
                Err(refused) => refused.to_string(),
            };
            assert_eq!(found, verdict, "{mode} {dispatch:?} {order:?}");
        }
    }
}

#[test]
fn a_canonical_order_merges_the_lanes_of_each_batch() {
    expect_order(&[0, 1, 2, 3, 4, 5], "");
    // Any merge will do: conflicting transactions are ordered by lanes, waits and barriers.
    expect_order(&[2, 0, 3, 1, 4, 5], "");
}

#[test]
fn an_order_of_another_length_is_refused() {
    let verdict =
        |found: usize| format!("the canonical order has {found} transactions and the lanes have 6");
    expect_order(&[], &verdict(0));
    expect_order(&[0, 1, 2, 3, 4], &verdict(5));
    expect_order(&[0, 1, 2, 3, 4, 5, 5], &verdict(7));
}

#[test]
fn a_forged_order_is_refused() {
    let verdict = |transaction: u32, batch: usize| {
        format!(
            "the canonical order has transaction {transaction} in batch {batch}, where it is next \
             in no lane"
        )
    };
    // Out of range.
    expect_order(&[0, 1, 2, 6, 4, 5], &verdict(6, 0));
    expect_order(&[0, 1, 2, u32::MAX, 4, 5], &verdict(u32::MAX, 0));
    // Repeated, and so another one missing, of the batch or of the last one.
    expect_order(&[0, 1, 2, 2, 4, 5], &verdict(2, 0));
    expect_order(&[0, 1, 2, 1, 4, 5], &verdict(1, 0));
    expect_order(&[0, 1, 2, 3, 4, 4], &verdict(4, 1));
    expect_order(&[0, 1, 2, 3, 4, 3], &verdict(3, 1));
    // A lane turned round.
    expect_order(&[1, 0, 2, 3, 4, 5], &verdict(1, 0));
    expect_order(&[0, 1, 3, 2, 4, 5], &verdict(3, 0));
    // Batches interleaved: past the end of a batch's last lane lies the next batch's first.
    expect_order(&[0, 1, 2, 4, 3, 5], &verdict(4, 0));
    expect_order(&[4, 5, 0, 1, 2, 3], &verdict(4, 0));
}

#[test]
fn an_order_that_starts_before_its_wait_is_refused() {
    let circle = |transaction: u32, after: u32| {
        format!("transaction {transaction} waits for {after}, which waits for it in turn")
    };
    expect_order(&[2, 3, 0, 1, 4, 5], &circle(3, 0));
    expect_order(&[0, 1, 2, 3, 5, 4], &circle(5, 4));
}

#[test]
fn a_batch_with_waits_has_limited_lanes() {
    for (lane_count, verdict) in [
        (LANES_WITH_WAITS_MAX, ""),
        (
            LANES_WITH_WAITS_MAX + 1,
            "batch 0 has waits and 129 lanes, more than 128",
        ),
    ] {
        let transactions = vec!["a"; lane_count];
        let lanes: Vec<[u32; 1]> = (0..narrow(lane_count)).map(|lane| [lane]).collect();
        let lanes: Vec<&[u32]> = lanes.iter().map(|lane| &lane[..]).collect();
        expect_both(&transactions, &[&lanes], &[(1, 0)], verdict);
    }
}
