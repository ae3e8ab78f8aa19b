//! Builds batches of lanes that keep block order.
//!
//! Each transaction goes, in block order, to the latest batch that holds a conflicting
//! predecessor: behind it, if all such predecessors of that batch are in one lane; else to the
//! shortest lane of the next batch. One without predecessors goes to the shortest lane of the
//! first batch.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "there are at most as many batches as transactions"
)]

use super::LaneLengths;
use crate::dependencies::LastUses;
use crate::ids::{TransactionIndex, narrow};
use crate::plan::{Plan, PlanBuilder};
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// In several lanes.
const SEVERAL: u32 = u32::MAX;

/// The latest batch that holds certain transactions, and the lane in which all those of that batch
/// are. Batches count from 1 here, 0 is before the first.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Spot {
    batch: u32,
    lane: u32,
}

impl Spot {
    /// The spot after which something must come that comes after both.
    fn join(self, other: Self) -> Self {
        match self.batch.cmp(&other.batch) {
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Equal if self.lane == other.lane => self,
            std::cmp::Ordering::Equal => Self {
                lane: SEVERAL,
                ..self
            },
        }
    }
}

struct OpenBatch {
    lengths: LaneLengths,
    lanes: Vec<Vec<TransactionIndex>>,
}

/// The plan.
pub(super) fn plan(table: &AccessTable, request: &PlanRequest) -> Plan {
    let mut uses = LastUses::new(table.account_count());
    let mut spots: Vec<Spot> = Vec::with_capacity(table.transaction_count());
    let mut batches: Vec<OpenBatch> = Vec::new();
    for transaction in table.transactions() {
        let mut after = Spot::default();
        uses.visit(transaction, table.accesses(transaction), |before, _| {
            after = after.join(spots[before.index()]);
        });
        let goes_behind = after.batch > 0 && after.lane != SEVERAL;
        let batch = if goes_behind {
            after.batch
        } else {
            after.batch + 1
        };
        if batch as usize > batches.len() {
            let lengths = LaneLengths::new(request.workers.get() as usize);
            batches.push(OpenBatch {
                lengths,
                lanes: Vec::new(),
            });
        }
        let open = &mut batches[batch as usize - 1];
        let lane = if goes_behind {
            after.lane
        } else {
            open.lengths.shortest()
        };
        open.lengths.add(lane, table.cost(transaction));
        if lane as usize == open.lanes.len() {
            open.lanes.push(Vec::new());
        }
        open.lanes[lane as usize].push(transaction);
        spots.push(Spot { batch, lane });
    }
    build(table, batches)
}

/// The plan with each batch's longest lane first.
fn build(table: &AccessTable, batches: Vec<OpenBatch>) -> Plan {
    let mut builder = PlanBuilder::with_capacity(table.transaction_count());
    for batch in &batches {
        let mut order: Vec<u32> = (0..narrow(batch.lanes.len())).collect();
        order.sort_by_key(|&lane| std::cmp::Reverse(batch.lengths.length(lane)));
        for lane in order {
            for &transaction in &batch.lanes[lane as usize] {
                builder.push(transaction);
            }
            builder.end_lane();
        }
        builder.end_batch();
    }
    builder.finish()
}
