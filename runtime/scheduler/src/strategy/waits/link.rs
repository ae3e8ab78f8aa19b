//! Turns a schedule into a plan with the waits that it needs.
//!
//! A [dependency](Dependencies) inside a lane needs nothing. One between lanes needs a wait,
//! unless the lane already knows: each lane keeps, for every other lane, how far that one has
//! surely come, and a wait passes on all that the awaited transaction's lane knew at its end.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the schedule's length, clocks by the number of lanes"
)]

use super::{LaneInWork, Slot, build};
use crate::dependencies::Dependencies;
use crate::ids::block_order;
use crate::plan::{Plan, Wait};
use crate::table::AccessTable;

/// Arguments: a schedule that holds every transaction once, each behind those that it must wait
/// for, in lanes below `lane_count`. Returns its plan, of one batch.
/// O(accesses + accounts + waits x lanes).
pub(super) fn plan(table: &AccessTable, schedule: &[Slot], lane_count: usize) -> Plan {
    // Here transactions are numbered by their place in the schedule.
    let order = schedule.iter().map(|slot| slot.transaction);
    let dependencies = Dependencies::in_order(table, order);
    let is_awaited = is_awaited(schedule, &dependencies);
    let mut lanes = vec![LaneInWork::default(); lane_count];
    // clocks[a * lane_count + b]: lane b's transactions up to this place, exclusive, have finished
    // when lane a comes to its next one.
    let mut clocks = vec![0_u32; lane_count * lane_count];
    // The clocks of awaited transactions at their ends, and by place where each is.
    let mut kept: Vec<u32> = Vec::new();
    let mut kept_at = vec![0; schedule.len()];
    for (place, slot) in block_order(schedule.len()).zip(schedule) {
        let lane = slot.lane as usize;
        let clock = &mut clocks[lane * lane_count..(lane + 1) * lane_count];
        // The latest first: it tends to imply the others.
        for before in dependencies.of_transaction(place).iter().rev() {
            let other = schedule[before.index()];
            if other.lane == slot.lane || clock[other.lane as usize] > before.0 {
                continue;
            }
            lanes[lane].waits.push(Wait {
                transaction: slot.transaction,
                after: other.transaction,
            });
            let known = &kept[kept_at[before.index()]..][..lane_count];
            for (mine, theirs) in clock.iter_mut().zip(known) {
                *mine = (*mine).max(*theirs);
            }
        }
        clock[lane] = place.0 + 1;
        lanes[lane].transactions.push(slot.transaction);
        if is_awaited[place.index()] {
            kept_at[place.index()] = kept.len();
            kept.extend_from_slice(clock);
        }
    }
    build(lanes)
}

/// By place: whether a transaction of another lane depends on it.
fn is_awaited(schedule: &[Slot], dependencies: &Dependencies) -> Vec<bool> {
    let mut is_awaited = vec![false; schedule.len()];
    for (place, slot) in block_order(schedule.len()).zip(schedule) {
        for before in dependencies.of_transaction(place) {
            is_awaited[before.index()] |= schedule[before.index()].lane != slot.lane;
        }
    }
    is_awaited
}
