//! What makes a body, and what does not: each rule with its error.

use lockstep_runtime::{
    block::{BlockBody, BodyError},
    wire::WireBlock,
};
use lockstep_scheduler::{AccountIndex, Plan, TransactionIndex, Wait};

const fn t(index: u32) -> TransactionIndex {
    TransactionIndex(index)
}

/// One batch of these lanes.
fn plan(lanes: &[&[u32]], waits: &[(u32, u32)]) -> Plan {
    let lane = |lane: &&[u32]| lane.iter().map(|&index| t(index)).collect();
    let wait = |&(transaction, after): &(u32, u32)| Wait {
        transaction: t(transaction),
        after: t(after),
    };
    let lanes = lanes.iter().map(lane).collect();
    Plan::from_nested(vec![lanes], waits.iter().map(wait).collect())
}

/// Asserts what a body of transactions of these sizes comes to.
fn check(sizes: &[usize], plan: Plan, shared: &[u32], expected: Result<(), BodyError>) {
    let transactions: WireBlock = sizes.iter().map(|size| vec![1; *size]).collect();
    let shared = shared.iter().copied().map(AccountIndex).collect();
    let found = BlockBody::new(transactions, plan, shared).map(|_| ());
    assert_eq!(found, expected);
}

#[test]
fn transactions_have_a_size() {
    let one = || plan(&[&[0]], &[]);
    check(&[], Plan::new(), &[], Ok(()));
    check(&[1], one(), &[], Ok(()));
    check(&[4_096], one(), &[], Ok(()));
    for found in [0, 4_097] {
        let error = BodyError::TransactionSize {
            position: 1,
            found,
            limit: 4_096,
        };
        check(&[1, found], plan(&[&[0, 1]], &[]), &[], Err(error));
    }
}

#[test]
fn the_plan_is_over_positions_in_canonical_order() {
    let lengths = |found| BodyError::PlanLength { expected: 2, found };
    check(&[1, 1], plan(&[&[0]], &[]), &[], Err(lengths(1)));
    check(&[1, 1], plan(&[&[0, 1, 2]], &[]), &[], Err(lengths(3)));
    let order = |position, found| BodyError::PlanOrder {
        position,
        found: t(found),
    };
    check(&[1, 1], plan(&[&[1], &[0]], &[]), &[], Err(order(0, 1)));
    check(&[1, 1], plan(&[&[0], &[0]], &[]), &[], Err(order(1, 0)));
    check(&[1, 1], plan(&[&[0], &[7]], &[]), &[], Err(order(1, 7)));
    // Canonical order is that of the waits: 1 comes before 2 though its lane is behind.
    check(&[1; 3], plan(&[&[0, 2], &[1]], &[(1, 0)]), &[], Ok(()));
    check(&[1; 3], plan(&[&[0, 2], &[1]], &[]), &[], Err(order(1, 2)));
}

#[test]
fn waits_name_transactions() {
    for (transaction, after) in [(1, 2), (2, 1)] {
        let wait = Wait {
            transaction: t(transaction),
            after: t(after),
        };
        let error = BodyError::Wait {
            wait,
            transaction_count: 2,
        };
        let plan = plan(&[&[0, 1]], &[(transaction, after)]);
        check(&[1, 1], plan, &[], Err(error));
    }
    // A circle is for the checker to find.
    check(&[1, 1], plan(&[&[0], &[1]], &[(0, 1), (1, 0)]), &[], Ok(()));
}

#[test]
fn shared_accounts_ascend_and_exist() {
    let one = || plan(&[&[0]], &[]);
    check(&[1], one(), &[0, 3, 63], Ok(()));
    let error = BodyError::SharedAccount {
        position: 1,
        found: AccountIndex(64),
        limit: 64,
    };
    check(&[1], one(), &[0, 64], Err(error));
    for found in [3, 2] {
        let error = BodyError::SharedAccountOrder {
            position: 1,
            found: AccountIndex(found),
        };
        check(&[1], one(), &[3, found], Err(error));
    }
}
