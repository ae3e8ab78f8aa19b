//! Checks a plan with waits by walking its canonical order with a clock per lane.
//!
//! `clock[a][b] = k` says: when lane `a` comes to its next transaction, the first `k` items of the
//! plan that belong to lane `b` have surely finished. Lane order moves a lane's own clock, a wait
//! joins the clock that the awaited transaction had at its end. Two transactions of a batch are
//! ordered exactly if the second one's clock covers the first.
//!
//! A plan of dynamic dispatch may have a lane for every transaction, so it keeps no clocks: each
//! transaction has to wait for all that it directly depends on.
//!
//! The canonical order itself proves that nothing deadlocks: every transaction comes behind its
//! predecessor in the lane and behind those it waits for.

use super::{Coverage, LANES_WITH_WAITS_MAX, Latest, PlanError, inverted};
use crate::ids::{AccountIndex, TransactionIndex, narrow};
use crate::plan::{Batch, Dispatch, Plan};
use crate::request::Mode;
use crate::table::AccessTable;

const NOBODY: u32 = u32::MAX;

/// Where a transaction stands: its item position and its lane, counted through the whole plan.
#[derive(Clone, Copy)]
struct Place {
    item: u32,
    lane: u32,
}

/// Uses of an account in the current batch.
#[derive(Clone, Copy)]
struct Users {
    /// The last writer.
    writer: u32,
    /// The head of the list of readers since then.
    readers: u32,
    batch: u32,
}

/// A link in a list of readers.
#[derive(Clone, Copy)]
struct Reader {
    transaction: u32,
    next: u32,
}

struct Walk<'a> {
    plan: &'a Plan,
    table: &'a AccessTable,
    /// By transaction.
    places: Vec<Place>,
    /// By account.
    users: Vec<Users>,
    readers: Vec<Reader>,
    /// By transaction: where its clock at the end is kept; `NOBODY` if nothing waits for it.
    kept: Vec<u32>,
    clocks: Vec<u32>,
    /// By transaction: the last one that waited for it.
    waited_by: Vec<u32>,
}

/// Refuses a plan that breaks a rule.
pub(super) fn check(plan: &Plan, table: &AccessTable, mode: Mode) -> Result<(), PlanError> {
    let places = places(plan, table)?;
    if let Some(&wait) = plan.stranger_waits().first() {
        return Err(PlanError::WaitUnknown { wait });
    }
    let mut walk = Walk {
        plan,
        table,
        places,
        users: vec![
            Users {
                writer: NOBODY,
                readers: NOBODY,
                batch: NOBODY
            };
            table.account_count()
        ],
        readers: Vec::new(),
        kept: vec![NOBODY; table.transaction_count()],
        clocks: Vec::new(),
        waited_by: vec![NOBODY; table.transaction_count()],
    };
    let mut first_lane = 0;
    for (index, batch) in plan.batches().enumerate() {
        walk.batch(index, batch, first_lane)?;
        first_lane += batch.lane_count();
    }
    if mode == Mode::Replay {
        check_block_order(plan, table)?;
    }
    Ok(())
}

/// Where each transaction stands. Refuses a plan that does not hold each exactly once.
fn places(plan: &Plan, table: &AccessTable) -> Result<Vec<Place>, PlanError> {
    let mut coverage = Coverage::new(table);
    let mut places = vec![
        Place {
            item: NOBODY,
            lane: NOBODY
        };
        table.transaction_count()
    ];
    let (mut item, mut lane) = (0, 0);
    for transactions in plan.batches().flat_map(|batch| batch.lanes()) {
        for &transaction in transactions {
            coverage.visit(transaction)?;
            places[transaction.index()] = Place { item, lane };
            item += 1;
        }
        lane += 1;
    }
    coverage.finish()?;
    Ok(places)
}

fn check_block_order(plan: &Plan, table: &AccessTable) -> Result<(), PlanError> {
    let mut latest = vec![Latest::default(); table.account_count()];
    for &transaction in plan.order() {
        for access in table.accesses(transaction) {
            if !latest[access.account().index()].visit(transaction, access.is_write()) {
                return Err(inverted(plan, table, transaction, access.account()));
            }
        }
    }
    Ok(())
}

impl Walk<'_> {
    fn batch(
        &mut self,
        index: usize,
        batch: Batch<'_>,
        first_lane: usize,
    ) -> Result<(), PlanError> {
        let lane_count = batch.lane_count();
        let is_static = self.plan.dispatch() == Dispatch::Static;
        let has_clocks = is_static && !batch.waits().is_empty();
        if has_clocks && lane_count > LANES_WITH_WAITS_MAX {
            return Err(PlanError::TooManyLanes {
                batch: index,
                lane_count,
            });
        }
        self.check_waits(batch, first_lane)?;
        // Without waits a lane knows of no other one, and an empty clock says so.
        let width = if has_clocks { lane_count } else { 0 };
        let mut now = vec![0_u32; width * width];
        let mut pending: Vec<_> = batch.lanes_with_waits().map(|lane| lane.waits).collect();
        self.clocks.clear();
        self.readers.clear();
        for &transaction in batch.order() {
            let place = self.places[transaction.index()];
            let lane = place.lane as usize - first_lane;
            let clock = &mut now[lane * width..(lane + usize::from(has_clocks)) * width];
            while let Some((wait, rest)) = pending[lane].split_first() {
                if wait.transaction != transaction {
                    break;
                }
                let kept = self.kept[wait.after.index()];
                if kept >= AWAITED {
                    return Err(PlanError::WaitCircle { wait: *wait });
                }
                let theirs = &self.clocks[kept as usize..][..width];
                for (mine, theirs) in clock.iter_mut().zip(theirs) {
                    *mine = (*mine).max(*theirs);
                }
                self.waited_by[wait.after.index()] = transaction.0;
                pending[lane] = rest;
            }
            self.check_uses(index, transaction, clock, first_lane)?;
            if has_clocks {
                clock[lane] = place.item + 1;
            }
            if self.kept[transaction.index()] == AWAITED {
                self.kept[transaction.index()] = narrow(self.clocks.len());
                self.clocks.extend_from_slice(clock);
            }
        }
        Ok(())
    }

    /// Refuses senseless waits and marks what is waited for.
    fn check_waits(&mut self, batch: Batch<'_>, first_lane: usize) -> Result<(), PlanError> {
        let lanes = first_lane..first_lane + batch.lane_count();
        for &wait in batch.waits() {
            let Some(after) = self.places.get(wait.after.index()) else {
                return Err(PlanError::WaitUnknown { wait });
            };
            if !lanes.contains(&(after.lane as usize)) {
                return Err(PlanError::WaitAcrossBatches { wait });
            }
            if after.lane == self.places[wait.transaction.index()].lane {
                return Err(PlanError::WaitInsideLane { wait });
            }
            self.kept[wait.after.index()] = AWAITED;
        }
        Ok(())
    }

    /// Refuses a use that is not ordered after each conflicting use before it in the batch. It is
    /// enough to look at the last writer and the readers since: they are ordered after the rest.
    fn check_uses(
        &mut self,
        batch: usize,
        transaction: TransactionIndex,
        clock: &[u32],
        first_lane: usize,
    ) -> Result<(), PlanError> {
        let own = self.places[transaction.index()];
        let (places, waited_by) = (&self.places, &self.waited_by);
        let precedes = |other: u32| {
            let is_awaited = waited_by[other as usize] == transaction.0;
            let other = places[other as usize];
            is_awaited
                || other.lane == own.lane
                || clock
                    .get(other.lane as usize - first_lane)
                    .is_some_and(|&k| other.item < k)
        };
        let conflict = |first: u32, account: AccountIndex| PlanError::Conflict {
            first: TransactionIndex(first),
            second: transaction,
            account,
            batch,
        };
        for access in self.table.accesses(transaction) {
            let account = access.account();
            let users = &mut self.users[account.index()];
            if users.batch != narrow(batch) {
                *users = Users {
                    writer: NOBODY,
                    readers: NOBODY,
                    batch: narrow(batch),
                };
            }
            // Readers were ordered after the writer when they were looked at.
            let has_readers = access.is_write() && users.readers != NOBODY;
            if !has_readers && users.writer != NOBODY && !precedes(users.writer) {
                return Err(conflict(users.writer, account));
            }
            if access.is_write() {
                // Each reader is looked at once, by the next writer.
                let mut next = std::mem::replace(&mut users.readers, NOBODY);
                while next != NOBODY {
                    let reader = self.readers[next as usize];
                    if !precedes(reader.transaction) {
                        return Err(conflict(reader.transaction, account));
                    }
                    next = reader.next;
                }
                users.writer = transaction.0;
            } else {
                let link = narrow(self.readers.len());
                self.readers.push(Reader {
                    transaction: transaction.0,
                    next: users.readers,
                });
                users.readers = link;
            }
        }
        debug_assert_eq!(self.plan.transaction_count(), self.places.len());
        Ok(())
    }
}

/// Marks a transaction that is waited for and has not been walked yet.
const AWAITED: u32 = u32::MAX - 1;
