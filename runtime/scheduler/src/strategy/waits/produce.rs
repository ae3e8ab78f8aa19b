//! Plays a block through in free order: whenever a worker is idle, it starts the runnable
//! transaction whose accounts have the most work left.
//!
//! Transactions are tried in the order of a rank, made from the work on their accounts at the
//! start, and anew after each round. One that finds an account in use is parked at that
//! account. When the account is free again, one parked transaction is woken; if it starts, the
//! others stay where they are, and if it finds another account in use and is parked there, the
//! next one is woken. So an account with a million users costs each of them a few steps.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the table and the number of lanes, counts by the readers"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::super::rank::sort_by_falling;
use super::Slot;
use crate::access::Access;
use crate::ids::{TransactionIndex, narrow};
use crate::plan::LANES_WITH_WAITS_MAX;
use crate::request::PlanRequest;
use crate::table::AccessTable;

/// After so many woken transactions have been parked again, idle workers stay idle until another
/// transaction ends. Bounds the work on blocks in which most transactions use two busy accounts.
const VAIN_TRIES_MAX: u32 = 512;

const _: () = assert!(LANES_WITH_WAITS_MAX == u128::BITS as usize);

#[derive(Clone, Copy, Default)]
struct Account {
    is_written: bool,
    reader_count: u32,
    /// One more than the lane that used the account last.
    last_lane: u32,
}

impl Account {
    fn admits(&self, is_write: bool) -> bool {
        !self.is_written && (!is_write || self.reader_count == 0)
    }

    fn is_free(&self) -> bool {
        self.admits(true)
    }

    fn last_lane(&self) -> Option<u32> {
        self.last_lane.checked_sub(1)
    }
}

struct Play<'a> {
    table: &'a AccessTable,
    rank: Rank,
    /// How many transactions start before the others are ranked anew.
    round: usize,
    next_round: usize,
    /// By account: the work of the writers that have not started.
    heat: Vec<u64>,
    /// By rank.
    is_started: Vec<bool>,
    wait: u64,
    /// By rank.
    by_rank: Vec<TransactionIndex>,
    accounts: Vec<Account>,
    /// By account: ranks of those that found it in use.
    parked: Vec<BinaryHeap<Reverse<u32>>>,
    /// The lowest rank that was not tried yet.
    untried: usize,
    /// Ranks of those that may be tried again, and the accounts where they were parked.
    woken: BinaryHeap<Reverse<(u32, u32)>>,
    /// When each busy lane ends, and what it runs.
    busy: BinaryHeap<Reverse<(u64, u32, TransactionIndex)>>,
    /// One bit a lane.
    idle: u128,
    schedule: Vec<Slot>,
    /// How often an access was looked at to find what keeps a transaction from starting.
    step_count: u64,
}

/// A schedule, and what it took to find it.
pub(super) struct Found {
    pub(super) schedule: Vec<Slot>,
    /// Accesses that were looked at.
    pub(super) step_count: u64,
}

/// What a transaction is ranked by, the larger the earlier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rank {
    /// The work on its busiest account, then that on its second-busiest.
    Busiest,
    /// The work on all its accounts together.
    Sum,
}

/// The schedule; the transactions that are left are ranked anew `round_count - 1` times.
/// O(accesses + accounts + rounds x n log n).
pub(super) fn schedule(
    table: &AccessTable,
    request: &PlanRequest,
    lane_count: usize,
    rank: Rank,
    round_count: usize,
) -> Found {
    let count = table.transaction_count();
    let mut play = Play {
        table,
        rank,
        round: count.div_ceil(round_count).max(1),
        wait: request.costs.wait,
        heat: heat(table),
        by_rank: Vec::new(),
        is_started: Vec::new(),
        next_round: 0,
        accounts: vec![Account::default(); table.account_count()],
        parked: vec![BinaryHeap::new(); table.account_count()],
        untried: 0,
        woken: BinaryHeap::new(),
        busy: BinaryHeap::with_capacity(lane_count),
        idle: u128::MAX >> (LANES_WITH_WAITS_MAX - lane_count),
        schedule: Vec::with_capacity(table.transaction_count()),
        step_count: 0,
    };
    play.sort(table.transactions().collect());
    let mut now = 0;
    loop {
        play.start_all(now);
        let Some(&Reverse((end, _, _))) = play.busy.peek() else {
            break;
        };
        now = end;
        // All that ends now frees its accounts before anything new starts.
        while let Some(&Reverse((end, lane, transaction))) = play.busy.peek()
            && end == now
        {
            play.busy.pop();
            play.end(lane, transaction);
        }
    }
    assert_eq!(
        play.schedule.len(),
        table.transaction_count(),
        "every transaction starts"
    );
    Found {
        schedule: play.schedule,
        step_count: play.step_count,
    }
}

/// The work of all writers of each account.
fn heat(table: &AccessTable) -> Vec<u64> {
    let mut heat = vec![0_u64; table.account_count()];
    for transaction in table.transactions() {
        for access in table
            .accesses(transaction)
            .iter()
            .filter(|access| access.is_write())
        {
            let sum = &mut heat[access.account().index()];
            *sum = sum.saturating_add(table.cost(transaction));
        }
    }
    heat
}

impl Play<'_> {
    /// Ranks what is left anew by the work that is left, and forgets what is parked.
    fn sort(&mut self, left: Vec<TransactionIndex>) {
        let keys: Vec<(u64, u64)> = left.iter().map(|&one| self.key(one)).collect();
        self.by_rank = left;
        sort_by_falling(&mut self.by_rank, &keys);
        self.is_started = vec![false; self.by_rank.len()];
        self.untried = 0;
        self.woken.clear();
        self.parked.iter_mut().for_each(BinaryHeap::clear);
        self.next_round = self.schedule.len() + self.round;
    }

    fn key(&self, transaction: TransactionIndex) -> (u64, u64) {
        let cost = self.table.cost(transaction);
        let (mut first, mut second, mut sum) = (cost, 0, 0_u64);
        for access in self.table.accesses(transaction) {
            let heat = self.heat[access.account().index()];
            sum = sum.saturating_add(heat);
            if heat > first {
                second = first;
                first = heat;
            } else {
                second = second.max(heat);
            }
        }
        match self.rank {
            Rank::Busiest => (first, second),
            Rank::Sum => (sum, cost),
        }
    }

    /// Starts what can start, as long as a lane is idle.
    fn start_all(&mut self, now: u64) {
        if self.schedule.len() >= self.next_round {
            let left = self.by_rank.iter().zip(&self.is_started);
            let left = left
                .filter(|(_, is_started)| !**is_started)
                .map(|(&left, _)| left);
            self.sort(left.collect());
        }
        let mut vain_tries = 0;
        while self.idle != 0 && vain_tries < VAIN_TRIES_MAX {
            let woken = self.woken.peek().map(|woken| woken.0);
            let woken = woken.filter(|(rank, _)| (*rank as usize) < self.untried);
            let rank = if let Some((rank, _)) = woken {
                self.woken.pop();
                rank as usize
            } else if self.untried < self.by_rank.len() {
                self.untried += 1;
                self.untried - 1
            } else {
                break;
            };
            let transaction = self.by_rank[rank];
            match self.blocker(transaction) {
                Some(account) => {
                    self.parked[account].push(Reverse(narrow(rank)));
                    if let Some((_, freed)) = woken {
                        vain_tries += 1;
                        self.wake_other(freed as usize, account);
                    }
                }
                None => {
                    self.is_started[rank] = true;
                    self.start(now, transaction);
                    if woken.is_some() {
                        self.wake_readers(transaction);
                    }
                }
            }
        }
    }

    /// The first account that keeps a transaction from starting.
    fn blocker(&mut self, transaction: TransactionIndex) -> Option<usize> {
        let accesses = self.table.accesses(transaction);
        let blocks =
            |access: &Access| !self.accounts[access.account().index()].admits(access.is_write());
        let place = accesses.iter().position(blocks);
        let seen = place.map_or(accesses.len(), |place| place + 1);
        self.step_count = self.step_count.saturating_add(seen as u64);
        place.map(|place| accesses[place].account().index())
    }

    fn start(&mut self, now: u64, transaction: TransactionIndex) {
        let accesses = self.table.accesses(transaction);
        let cost = self.table.cost(transaction);
        // The lane that used a written account last has nothing to wait for there; the next ones
        // of a busy account will want to follow.
        let writes = accesses.iter().filter(|access| access.is_write());
        let lasts = writes.filter_map(|access| self.accounts[access.account().index()].last_lane());
        let same = accesses
            .iter()
            .filter(|access| access.is_write())
            .filter_map(|access| {
                let index = access.account().index();
                let lane = self.accounts[index].last_lane()?;
                (self.idle & lane_bit(lane) != 0).then_some((self.heat[index], lane))
            });
        let lane = same
            .max()
            .map_or(self.idle.trailing_zeros(), |(_, lane)| lane);
        let wait = if lasts.clone().any(|last| last != lane) {
            self.wait
        } else {
            0
        };
        self.idle &= !lane_bit(lane);
        for access in accesses {
            let account = &mut self.accounts[access.account().index()];
            if access.is_write() {
                account.is_written = true;
                let heat = &mut self.heat[access.account().index()];
                *heat = heat.saturating_sub(cost);
            } else {
                account.reader_count += 1;
            }
            account.last_lane = lane + 1;
        }
        let end = now
            .saturating_add(wait)
            .saturating_add(self.table.cost(transaction));
        self.busy.push(Reverse((end, lane, transaction)));
        self.schedule.push(Slot { transaction, lane });
    }

    /// Gives a transaction's accounts free, and wakes one of those parked at each.
    fn end(&mut self, lane: u32, transaction: TransactionIndex) {
        self.idle |= lane_bit(lane);
        for access in self.table.accesses(transaction) {
            let index = access.account().index();
            let account = &mut self.accounts[index];
            if access.is_write() {
                account.is_written = false;
            } else {
                account.reader_count -= 1;
            }
            if account.is_free() {
                self.wake(index);
            }
        }
    }

    fn wake(&mut self, account: usize) {
        if let Some(Reverse(rank)) = self.parked[account].pop() {
            self.woken.push(Reverse((rank, narrow(account))));
        }
    }

    /// After one that was woken at `freed` was parked at `blocker`, wakes the next one there.
    fn wake_other(&mut self, freed: usize, blocker: usize) {
        if freed != blocker && self.accounts[freed].is_free() {
            self.wake(freed);
        }
    }

    /// After a woken transaction started, wakes others that may read beside it.
    fn wake_readers(&mut self, transaction: TransactionIndex) {
        for access in self.table.accesses(transaction) {
            if !access.is_write() {
                self.wake(access.account().index());
            }
        }
    }
}

fn lane_bit(lane: u32) -> u128 {
    1 << lane
}
