//! What must hold of any bytes: the body of a fuzz target, run by tests on mutated blocks too.

use lockstep_runtime::block::{Block, BlockBody, BlockHeader, BlockLimits, plan_digest};
use lockstep_scheduler::{AccessTable, Mode, check};

/// A body's version and four transactions of one byte: put before any bytes, they soon make a
/// fuzzer meet plans.
const PREFIX: [u8; 21] = [
    1, 4, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 4, 0, 0, 0, 9, 9, 9, 9,
];

/// Decodes the bytes as all that they could be. What decodes must encode to the same bytes.
pub(crate) fn judge(bytes: &[u8]) {
    if let Ok(header) = BlockHeader::decode(bytes) {
        assert_eq!(header.encode(), bytes);
    }
    if let Ok(block) = Block::decode(bytes, &BlockLimits::MAINNET) {
        assert_eq!(block.encode(), bytes);
        judge_plan(&block.body);
    }
    for bytes in [bytes, &[&PREFIX[..], bytes].concat()] {
        if let Ok(body) = BlockBody::decode(bytes, &BlockLimits::MAINNET) {
            assert_eq!(body.as_parts().encode(), bytes);
            judge_plan(&body);
        }
    }
}

/// The checker can be handed the plan, whatever it says to it.
fn judge_plan(body: &BlockBody) {
    // Transactions that touch nothing, so that the plan's own shape is judged.
    let mut table = AccessTable::new();
    for _ in body.transactions().iter() {
        table.push([], 1);
    }
    let plan = body.plan();
    let judged = match check(plan.clone(), &table, Mode::Replay) {
        Ok(checked) => checked.into_plan(),
        Err(refused) => refused.plan,
    };
    let digest = |plan| plan_digest(plan, body.shared_accounts());
    assert_eq!(digest(&judged), digest(plan));
    // A plan in canonical order is relabelled to itself.
    let relabelled = plan.relabelled();
    let (relabelled, order) = relabelled.expect("the decoder saw each once");
    assert!(order.is_sorted());
    assert_eq!(relabelled, *plan);
}
