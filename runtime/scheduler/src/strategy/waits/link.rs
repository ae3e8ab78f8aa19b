//! Turns a schedule into a plan with the waits that it needs.
//!
//! Walking the schedule, a transaction depends on the last writer of each account that it uses,
//! and if it writes the account, on the readers since. A dependency inside a lane needs nothing.
//! One between lanes needs a wait, unless the lane already knows: each lane keeps, for every
//! other lane, how far that one has surely come, and a wait passes on all that the awaited
//! transaction's lane knew at its end.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the schedule's length, clocks by the number of lanes"
)]

use super::Slot;
use crate::ids::{TransactionIndex, narrow};
use crate::plan::{Plan, PlanBuilder};
use crate::table::AccessTable;

const NOBODY: u32 = u32::MAX;

/// Arguments: a schedule that holds every transaction once, each behind those that it must wait
/// for, in lanes below `lane_count`. Returns its plan, of one batch.
/// O(accesses + accounts + waits x lanes).
pub(super) fn plan(table: &AccessTable, schedule: &[Slot], lane_count: usize) -> Plan {
    let dependencies = Dependencies::of(table, schedule);
    let waits = waits(schedule, &dependencies, lane_count);
    build(schedule, &waits, lane_count)
}

/// Who depends on whom across lanes, as positions in the schedule.
struct Dependencies {
    /// Where each position's list ends.
    ends: Vec<u32>,
    lists: Vec<u32>,
    /// By position: whether anybody depends on it.
    is_awaited: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Account {
    writer: u32,
    /// The head of the list of readers since.
    readers: u32,
}

impl Dependencies {
    fn of(table: &AccessTable, schedule: &[Slot]) -> Self {
        let mut accounts = vec![
            Account {
                writer: NOBODY,
                readers: NOBODY
            };
            table.account_count()
        ];
        // Links of (position, next).
        let mut readers: Vec<(u32, u32)> = Vec::new();
        let mut found = Self {
            ends: Vec::with_capacity(schedule.len()),
            lists: Vec::new(),
            is_awaited: vec![false; schedule.len()],
        };
        for (position, slot) in (0_u32..).zip(schedule) {
            for access in table.accesses(slot.transaction) {
                let account = &mut accounts[access.account().index()];
                found.add(schedule, slot, account.writer);
                if access.is_write() {
                    let mut next = account.readers;
                    while next != NOBODY {
                        let (reader, behind) = readers[next as usize];
                        found.add(schedule, slot, reader);
                        next = behind;
                    }
                    *account = Account {
                        writer: position,
                        readers: NOBODY,
                    };
                } else {
                    readers.push((position, account.readers));
                    account.readers = narrow(readers.len()) - 1;
                }
            }
            found.ends.push(narrow(found.lists.len()));
        }
        found
    }

    fn add(&mut self, schedule: &[Slot], slot: &Slot, before: u32) {
        if before != NOBODY && schedule[before as usize].lane != slot.lane {
            self.lists.push(before);
            self.is_awaited[before as usize] = true;
        }
    }
}

/// For each position, the transactions to wait for.
struct Waits {
    ends: Vec<u32>,
    lists: Vec<TransactionIndex>,
}

/// Leaves out the dependencies that lane order and other waits imply.
fn waits(schedule: &[Slot], dependencies: &Dependencies, lane_count: usize) -> Waits {
    let mut waits = Waits {
        ends: Vec::with_capacity(schedule.len()),
        lists: Vec::new(),
    };
    // clocks[a * lane_count + b]: lane b's transactions up to this position, exclusive, have
    // finished when lane a comes to its next one.
    let mut clocks = vec![0_u32; lane_count * lane_count];
    let mut kept_at = vec![NOBODY; schedule.len()];
    let mut kept: Vec<u32> = Vec::new();
    let mut start = 0;
    let mut latest_first = Vec::new();
    for (position, slot) in schedule.iter().enumerate() {
        let lane = slot.lane as usize;
        let clock = &mut clocks[lane * lane_count..(lane + 1) * lane_count];
        let end = dependencies.ends[position] as usize;
        // The latest first: it tends to imply the others.
        latest_first.clear();
        latest_first.extend_from_slice(&dependencies.lists[start..end]);
        latest_first.sort_unstable_by(|a, b| b.cmp(a));
        start = end;
        for &before in &latest_first {
            let Slot { transaction, lane } = schedule[before as usize];
            if clock[lane as usize] > before {
                continue;
            }
            waits.lists.push(transaction);
            let known = &kept[kept_at[before as usize] as usize..][..lane_count];
            for (mine, theirs) in clock.iter_mut().zip(known) {
                *mine = (*mine).max(*theirs);
            }
        }
        clock[lane] = narrow(position) + 1;
        if dependencies.is_awaited[position] {
            kept_at[position] = narrow(kept.len());
            kept.extend_from_slice(clock);
        }
        waits.ends.push(narrow(waits.lists.len()));
    }
    waits
}

fn build(schedule: &[Slot], waits: &Waits, lane_count: usize) -> Plan {
    let mut lanes = vec![Vec::new(); lane_count];
    for (position, slot) in schedule.iter().enumerate() {
        lanes[slot.lane as usize].push(position);
    }
    let mut builder = PlanBuilder::with_capacity(schedule.len());
    for lane in lanes {
        for position in lane {
            builder.push(schedule[position].transaction);
            let start = position
                .checked_sub(1)
                .map_or(0, |before| waits.ends[before] as usize);
            for &after in &waits.lists[start..waits.ends[position] as usize] {
                builder.wait(after);
            }
        }
        builder.end_lane();
    }
    builder.finish()
}
