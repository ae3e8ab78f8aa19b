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

/// Where a transaction stands: its item position, from 1, and its lane, counted through the whole
/// plan. The items of a batch so are all higher than those of the batches before.
#[derive(Clone, Copy, Default)]
struct Place {
    item: u32,
    lane: u32,
}

/// Uses of an account; those of earlier batches do not count.
#[derive(Clone, Copy)]
struct Users {
    /// The last writer.
    writer: Place,
    /// The head of the list of readers since then.
    readers: u32,
}

/// A link in a list of readers.
#[derive(Clone, Copy)]
struct Reader {
    place: Place,
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
    /// Under dynamic dispatch, by item: that of the last one that waited for it.
    waited_by: Vec<u32>,
}

/// Refuses a plan that breaks a rule.
pub(super) fn check(plan: &Plan, table: &AccessTable, mode: Mode) -> Result<(), PlanError> {
    let places = places(plan, table)?;
    if let Some(&wait) = plan.stranger_waits().first() {
        return Err(PlanError::WaitUnknown { wait });
    }
    let is_dynamic = plan.dispatch() != Dispatch::Static;
    let count = table.transaction_count();
    let mut walk = Walk {
        plan,
        table,
        places,
        users: vec![
            Users {
                writer: Place::default(),
                readers: NOBODY
            };
            table.account_count()
        ],
        readers: Vec::new(),
        kept: vec![NOBODY; count],
        clocks: Vec::new(),
        waited_by: vec![0; if is_dynamic { count + 1 } else { 0 }],
    };
    let mut first = Place { item: 1, lane: 0 };
    for (index, batch) in plan.batches().enumerate() {
        if is_dynamic {
            walk.batch::<true>(index, batch, first)?;
        } else {
            walk.batch::<false>(index, batch, first)?;
        }
        first.item += narrow(batch.transactions().len());
        first.lane += narrow(batch.lane_count());
    }
    if mode == Mode::Replay {
        check_block_order(plan, table)?;
    }
    Ok(())
}

/// Where each transaction stands. Refuses a plan that does not hold each exactly once.
fn places(plan: &Plan, table: &AccessTable) -> Result<Vec<Place>, PlanError> {
    let mut coverage = Coverage::new(table);
    let mut places = vec![Place::default(); table.transaction_count()];
    let mut place = Place::default();
    for transactions in plan.batches().flat_map(|batch| batch.lanes()) {
        for &transaction in transactions {
            coverage.visit(transaction)?;
            place.item += 1;
            places[transaction.index()] = place;
        }
        place.lane += 1;
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
    fn batch<const DYNAMIC: bool>(
        &mut self,
        index: usize,
        batch: Batch<'_>,
        first: Place,
    ) -> Result<(), PlanError> {
        let lane_count = batch.lane_count();
        let has_clocks = !DYNAMIC && !batch.waits().is_empty();
        if has_clocks && lane_count > LANES_WITH_WAITS_MAX {
            return Err(PlanError::TooManyLanes {
                batch: index,
                lane_count,
            });
        }
        self.check_waits(batch, first)?;
        // Without waits a lane knows of no other one, and an empty clock says so.
        let width = if has_clocks { lane_count } else { 0 };
        let mut now = vec![0_u32; width * width];
        let mut pending: Vec<_> = batch.lanes_with_waits().map(|lane| lane.waits).collect();
        self.clocks.clear();
        for &transaction in batch.order() {
            let place = self.places[transaction.index()];
            let lane = (place.lane - first.lane) as usize;
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
                if DYNAMIC {
                    let after = self.places[wait.after.index()];
                    self.waited_by[after.item as usize] = place.item;
                }
                pending[lane] = rest;
            }
            self.check_uses::<DYNAMIC>(index, transaction, clock, first)?;
            if has_clocks {
                clock[lane] = place.item;
            }
            if self.kept[transaction.index()] == AWAITED {
                self.kept[transaction.index()] = narrow(self.clocks.len());
                self.clocks.extend_from_slice(clock);
            }
        }
        Ok(())
    }

    /// Refuses senseless waits and marks what is waited for.
    fn check_waits(&mut self, batch: Batch<'_>, first: Place) -> Result<(), PlanError> {
        let lanes = first.lane..first.lane + narrow(batch.lane_count());
        for &wait in batch.waits() {
            let Some(after) = self.places.get(wait.after.index()) else {
                return Err(PlanError::WaitUnknown { wait });
            };
            if !lanes.contains(&after.lane) {
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
    fn check_uses<const DYNAMIC: bool>(
        &mut self,
        batch: usize,
        transaction: TransactionIndex,
        clock: &[u32],
        first: Place,
    ) -> Result<(), PlanError> {
        let own = self.places[transaction.index()];
        let waited_by = &self.waited_by;
        let precedes = |other: Place| {
            let in_time = || match clock.get((other.lane - first.lane) as usize) {
                Some(&finished) => other.item <= finished,
                None => false,
            };
            let is_awaited = || DYNAMIC && waited_by[other.item as usize] == own.item;
            other.lane == own.lane || in_time() || is_awaited()
        };
        let conflict = |other: Place, account: AccountIndex| PlanError::Conflict {
            first: self.plan.lane_order()[other.item as usize - 1],
            second: transaction,
            account,
            batch,
        };
        for access in self.table.accesses(transaction) {
            let users = &mut self.users[access.account().index()];
            if access.is_write() {
                // Each reader is looked at once, by the next writer.
                let mut next = std::mem::replace(&mut users.readers, NOBODY);
                let mut has_readers = false;
                while let Some(reader) = self.readers.get(next as usize)
                    && reader.place.item >= first.item
                {
                    if !precedes(reader.place) {
                        return Err(conflict(reader.place, access.account()));
                    }
                    has_readers = true;
                    next = reader.next;
                }
                // Readers were ordered after the writer when they were looked at.
                let writer = std::mem::replace(&mut users.writer, own);
                if !has_readers && writer.item >= first.item && !precedes(writer) {
                    return Err(conflict(writer, access.account()));
                }
            } else {
                if users.writer.item >= first.item && !precedes(users.writer) {
                    return Err(conflict(users.writer, access.account()));
                }
                let next = std::mem::replace(&mut users.readers, narrow(self.readers.len()));
                self.readers.push(Reader { place: own, next });
            }
        }
        Ok(())
    }
}

/// Marks a transaction that is waited for and has not been walked yet.
const AWAITED: u32 = u32::MAX - 1;
