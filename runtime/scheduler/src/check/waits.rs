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
//! predecessor in the lane and behind those it waits for. The walk proves both: the order comes
//! from the plan, and each of its transactions has to be the next of a lane of the batch. An order
//! as long as all lanes together then holds each transaction once, and each lane in its own order.

use super::{Coverage, Latest, inverted};
use crate::ids::{AccountIndex, TransactionIndex, narrow};
use crate::plan::{Batch, Dispatch, LANES_WITH_WAITS_MAX, Plan, PlanError, Wait};
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

/// What is left of a lane on the walk through its batch.
struct Head<'a> {
    /// The item that comes next; one past the lane's last item at its end.
    next: u32,
    waits: &'a [Wait],
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
    /// By transaction: where its clock at the end is kept; [`NOBODY`] if nothing waits for it.
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
    let mut order = plan.order();
    if order.len() != count {
        return Err(PlanError::OrderLength {
            found: order.len(),
            expected: count,
        });
    }
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
        let (own, rest) = order.split_at(batch.transactions().len());
        order = rest;
        if is_dynamic {
            walk.batch::<true>(index, batch, own, first)?;
        } else {
            walk.batch::<false>(index, batch, own, first)?;
        }
        first.item += narrow(own.len());
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

/// The lanes of a batch, none of whose transactions was walked yet.
fn heads(batch: Batch<'_>, first: Place) -> Vec<Head<'_>> {
    let mut next = first.item;
    batch
        .lanes_with_waits()
        .map(|lane| {
            let head = Head {
                next,
                waits: lane.waits,
            };
            next += narrow(lane.transactions.len());
            head
        })
        .collect()
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
    /// Walks a batch in `order`, its part of the canonical order.
    fn batch<const DYNAMIC: bool>(
        &mut self,
        index: usize,
        batch: Batch<'_>,
        order: &[TransactionIndex],
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
        let mut heads = heads(batch, first);
        self.clocks.clear();
        for &transaction in order {
            let (lane, place) = self.next(&mut heads, transaction, index, first)?;
            let clock = &mut now[lane * width..(lane + usize::from(has_clocks)) * width];
            self.join::<DYNAMIC>(&mut heads[lane], transaction, place, clock)?;
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

    /// Steps over the next transaction of the order: its lane in the batch, and its place. Refuses
    /// one that is not the next of a lane of this batch.
    #[inline]
    fn next(
        &self,
        heads: &mut [Head<'_>],
        transaction: TransactionIndex,
        batch: usize,
        first: Place,
    ) -> Result<(usize, Place), PlanError> {
        let broken = PlanError::OrderBroken { transaction, batch };
        let place = *self.places.get(transaction.index()).ok_or(broken)?;
        let lane = place.lane.wrapping_sub(first.lane) as usize;
        let head = heads.get_mut(lane).ok_or(broken)?;
        if head.next != place.item {
            return Err(broken);
        }
        head.next += 1;
        Ok((lane, place))
    }

    /// Joins the clocks of what a transaction waits for to its lane's.
    fn join<const DYNAMIC: bool>(
        &mut self,
        head: &mut Head<'_>,
        transaction: TransactionIndex,
        place: Place,
        clock: &mut [u32],
    ) -> Result<(), PlanError> {
        while let Some((wait, rest)) = head.waits.split_first() {
            if wait.transaction != transaction {
                break;
            }
            let kept = self.kept[wait.after.index()];
            if kept >= AWAITED {
                return Err(PlanError::WaitCircle { wait: *wait });
            }
            let theirs = &self.clocks[kept as usize..][..clock.len()];
            for (mine, theirs) in clock.iter_mut().zip(theirs) {
                *mine = (*mine).max(*theirs);
            }
            if DYNAMIC {
                let after = self.places[wait.after.index()];
                self.waited_by[after.item as usize] = place.item;
            }
            head.waits = rest;
        }
        Ok(())
    }

    /// Refuses senseless waits and marks what is waited for.
    fn check_waits(&mut self, batch: Batch<'_>, first: Place) -> Result<(), PlanError> {
        let lanes = first.lane..first.lane + narrow(batch.lane_count());
        for &wait in batch.waits() {
            let place = |one: TransactionIndex| self.places.get(one.index());
            let (Some(own), Some(after)) = (place(wait.transaction), place(wait.after)) else {
                return Err(PlanError::WaitUnknown { wait });
            };
            if !lanes.contains(&after.lane) {
                return Err(PlanError::WaitAcrossBatches { wait });
            }
            if after.lane == own.lane {
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
