//! Looks at waiting transactions and finds a worker for each, or what it has to wait for.

use super::accounts::{Bar, Room, is_write};
use super::config::{Assignment, Orders, WorkerIndex};
use super::order::Bound;
use super::slots::{NONE, State};
use super::{FIRST, Queue, SECOND, StreamScheduler, USED_BITS};

/// What a look at a transaction comes to.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    /// Its deadline is over.
    Late,
    /// The block has too little left.
    Aside,
    /// The block takes no more of what writes one of its accounts.
    Shut,
    /// A transaction before it has a claim on this account, or the eldest wants it.
    Blocked(u32),
    /// Nothing in flight is in its way.
    Anywhere,
    /// It may be assigned to this worker, behind what is in its way there.
    Place(WorkerIndex),
    /// It has to go to this worker, because of this account, and there is no room.
    Busy(WorkerIndex, u32),
    /// These workers all have something in flight that is in its way.
    Spread(u64),
}

impl StreamScheduler {
    /// Assigns to every worker that has room what it is to run next.
    ///
    /// To be called whenever something arrived or completed, and when time has passed while a
    /// block with a [`fill_time`](super::StreamBlock::fill_time) is open. O(accesses + log waiting)
    /// for each transaction that it assigns or parks, of which there are at most
    /// [`looks_max`](super::StreamConfig::looks_max) in one call.
    pub fn schedule(&mut self, now: u64, orders: &mut Orders) {
        orders.clear();
        if !self.is_open() {
            return;
        }
        self.choose_eldest(now);
        let mut looks_left = self.config.looks_max;
        while self.filling != 0 && looks_left > 0 && self.block.is_on_pace(now) {
            let Some(slot) = self.next() else {
                break;
            };
            if !self.look(now, slot, orders) {
                looks_left -= 1;
            }
        }
    }

    /// Takes out the transaction that is to be looked at next: the first of all that are ready and
    /// of those that have to go to a worker that has room.
    fn next(&mut self) -> Option<u32> {
        while let Some(first) = self.ready.peek()
            && !self.slots.is_valid(first)
        {
            self.ready.pop();
        }
        let mut best: Option<(Bound, usize)> = None;
        for worker in bits(self.filling) {
            if !self.bound[worker].is_empty()
                && let Some(bound) = self.first_bound(worker)
                && best.is_none_or(|(other, _)| other < bound)
            {
                best = Some((bound, worker));
            }
        }
        match best {
            Some((bound, worker)) if self.ready.peek().is_none_or(|first| bound > *first) => {
                Some(self.take_bound(worker, bound.account))
            }
            _ => self.ready.pop().map(|entry| entry.slot),
        }
    }

    /// Takes out the first of those that wait for an account.
    fn take_bound(&mut self, worker: usize, index: u32) -> u32 {
        self.bound[worker].pop();
        let account = self.accounts.get_mut(index);
        account.unbind();
        let entry = account.parked.pop().expect("it was seen there");
        account.exposed = entry.slot;
        self.slots.get_mut(entry.slot).exposed_by = index;
        entry.slot
    }

    /// The first of those that have to go to a worker.
    fn first_bound(&mut self, worker: usize) -> Option<Bound> {
        loop {
            let bound = *self.bound[worker].peek()?;
            let account = self.accounts.get(bound.account);
            let is_here = account.workers() & (1 << worker) != 0;
            if !account.is_bound_by(&bound) {
                self.bound[worker].pop();
                continue;
            }
            // Otherwise it is looked at because of the account, wherever it has to go.
            let first = if is_here {
                self.leader(bound.account)
            } else {
                None
            };
            if first.is_some_and(|first| first.arrival == bound.arrival) {
                return Some(bound);
            }
            self.bound[worker].pop();
            let account = self.accounts.get_mut(bound.account);
            account.unbind();
            if let Some(first) = first {
                let here = WorkerIndex(crate::ids::narrow(worker));
                self.bound[worker].push(account.bind(&first, bound.account, here));
            }
        }
    }

    /// Finds a place for a transaction that was taken out. False if there is none now.
    fn look(&mut self, now: u64, slot: u32, orders: &mut Orders) -> bool {
        let exposed_by = self.unexpose(slot);
        let verdict = self.judge(now, slot);
        let mut parked_on = NONE;
        let place = match verdict {
            Verdict::Anywhere => Some(self.least_busy()),
            Verdict::Place(worker) => Some(worker),
            _ => None,
        };
        if let Some(worker) = place {
            let ticket = self.slots.ticket(slot);
            orders.assigned.push(Assignment { worker, ticket });
            self.assign(slot, worker, exposed_by);
            return true;
        }
        match verdict {
            Verdict::Anywhere | Verdict::Place(_) => {}
            Verdict::Late => {
                orders.expired.push(self.slots.ticket(slot));
                self.settle_waiting(slot);
            }
            Verdict::Aside | Verdict::Shut => self.put_aside(slot, verdict),
            Verdict::Blocked(account) => {
                self.park(slot, account, SECOND);
                parked_on = account;
            }
            Verdict::Busy(worker, account) => {
                self.park(slot, account, FIRST);
                self.bind_parked(worker, account, slot);
                parked_on = account;
            }
            Verdict::Spread(workers) => parked_on = self.wait_for_all_but_one(slot, workers),
        }
        // Where it waits again for the same account, others are behind it, unless it fell back.
        if exposed_by != NONE && (exposed_by != parked_on || !self.is_first(slot, parked_on)) {
            self.expose(exposed_by);
        }
        false
    }

    fn judge(&self, now: u64, slot: u32) -> Verdict {
        let place = self.slots.get(slot);
        if place.deadline < now {
            return Verdict::Late;
        }
        if place.cost > self.block.available() {
            return Verdict::Aside;
        }
        let limits = self.block.limits();
        let account_cost_max = limits.map_or(u64::MAX, |limits| limits.account_cost_max);
        let is_eldest = slot == self.eldest;
        if let Some(account) = self.accounts.blocked_by(slot, place, is_eldest) {
            return Verdict::Blocked(account);
        }
        let mut workers = 0;
        let mut held = NONE;
        for access in &place.accesses {
            let account = self.accounts.get(access.account().0);
            let is_write = is_write(*access);
            if is_write {
                match account.room(self.block.number(), place.cost, account_cost_max) {
                    Room::Enough => {}
                    Room::Later => return Verdict::Blocked(access.account().0),
                    Room::Never => return Verdict::Shut,
                }
            }
            let here = account.held(is_write);
            if here != 0 {
                workers |= here;
                held = access.account().0;
            }
        }
        match workers.count_ones() {
            0 => Verdict::Anywhere,
            1 => {
                let worker = WorkerIndex(workers.trailing_zeros());
                if self.filling & workers != 0 {
                    Verdict::Place(worker)
                } else {
                    Verdict::Busy(worker, held)
                }
            }
            _ => Verdict::Spread(workers),
        }
    }

    /// The worker with the least work among those that have room; one that no line of conflicting
    /// transactions has to go to comes first.
    fn least_busy(&self) -> WorkerIndex {
        let mut best = (WorkerIndex(0), (true, u64::MAX));
        for worker in bits(self.filling) {
            let key = (!self.bound[worker].is_empty(), self.queues[worker].work);
            if key < best.1 {
                best = (WorkerIndex(crate::ids::narrow(worker)), key);
            }
        }
        best.0
    }

    fn assign(&mut self, slot: u32, worker: WorkerIndex, exposed_by: u32) {
        self.waiting -= 1;
        self.in_flight += 1;
        let was_eldest = self.unseat(slot);
        let place = self.slots.get_mut(slot);
        place.state = State::InFlight(worker);
        let claimed = std::mem::take(&mut place.claimed);
        let kept = place.kept;
        let cost = place.cost;
        let work = cost.saturating_mul(self.used) >> USED_BITS;
        place.work = work;
        let number = self.block.number();
        place.block = number;
        if claimed != 0 {
            self.end_claims(kept);
        }
        for position in 0..self.slots.get(slot).accesses.len() {
            let (index, is_write) = self.access(slot, position);
            self.accounts.lock(index, is_write, worker);
            let account = self.accounts.get_mut(index);
            if is_write {
                account.charge(number, cost);
            }
            let is_claimed = claimed & (1 << position) != 0;
            if is_claimed {
                account.unclaim(is_write);
            }
            if is_claimed || was_eldest || index == exposed_by {
                // What waits for the account and writes, or waits for a writer, has to go where
                // this one is. Readers may go anywhere.
                if is_write {
                    self.bind(worker, index);
                } else {
                    self.expose(index);
                }
            }
        }
        self.block.assign(cost, work);
        let share = u128::from(cost) * u128::from(self.config.aged_per_mille);
        self.aged_credit = self.aged_credit.saturating_add(share);
        let queue = &mut self.queues[worker.index()];
        queue.work = queue.work.saturating_add(work);
        queue.count += 1;
        let Queue { work, count } = *queue;
        let is_high = work >= self.config.queue_high >> self.shortened();
        if is_high && count >= self.config.queue_count_min {
            self.filling &= !worker.bit();
        }
    }

    /// Lets a transaction wait for an account, with no more than a priority.
    fn park(&mut self, slot: u32, account: u32, priority_max: u64) {
        let priority = self.goes_by(slot).min(priority_max);
        let entry = self.slots.entry(slot, priority);
        let place = self.accounts.get_mut(account);
        place.park(entry, self.waiting, &self.slots);
    }

    /// Tells a worker that the first of those that wait for an account has to go there.
    fn bind(&mut self, worker: WorkerIndex, account: u32) {
        if let Some(first) = self.leader(account) {
            let place = self.accounts.get_mut(account);
            let bound = place.bind(&first, account, worker);
            self.bound[worker.index()].push(bound);
        }
    }

    /// The same after a transaction was parked, which may be behind others that the worker knows.
    fn bind_parked(&mut self, worker: WorkerIndex, account: u32, slot: u32) {
        let is_known = self.accounts.get(account).is_bound_to(worker);
        if !is_known || self.is_first(slot, account) {
            self.bind(worker, account);
        }
    }

    /// Whether a transaction is the first of those that wait for an account.
    fn is_first(&self, slot: u32, account: u32) -> bool {
        let first = self.accounts.get(account).parked.peek();
        first.is_some_and(|first| first.slot == slot)
    }

    /// Lets a transaction wait for another block, or for more room in this one.
    fn put_aside(&mut self, slot: u32, verdict: Verdict) {
        let was_eldest = slot == self.eldest;
        self.step_back(slot);
        let place = self.slots.get(slot);
        let (priority, cost, turn) = (place.priority, place.cost, place.turn);
        let entry = self.slots.entry(slot, priority);
        if was_eldest {
            self.aged_credit = self.aged_credit.saturating_add(credit_for(cost));
            self.ages.push_back((slot, turn));
        }
        if matches!(verdict, Verdict::Shut) {
            self.shut.push(entry);
        } else {
            self.aside_cost_min = self.aside_cost_min.min(cost);
            self.aside.push(entry);
        }
    }

    /// Lets a transaction wait that several workers have something in the way of, and returns the
    /// account that it waits for.
    ///
    /// It claims its accounts when it is its turn at the worker that is kept, and few claim for
    /// that worker: each claim keeps accounts from others until the worker takes the transaction.
    fn wait_for_all_but_one(&mut self, slot: u32, workers: u64) -> u32 {
        let (kept, kept_account) = self.kept(slot, workers);
        let worker = WorkerIndex(kept.trailing_zeros());
        let may_claim = self.slots.get(slot).has_claims() || slot == self.eldest;
        if !may_claim && self.filling & kept == 0 && kept_account != NONE {
            self.park(slot, kept_account, FIRST);
            self.bind_parked(worker, kept_account, slot);
            return kept_account;
        }
        let blocker = self.blocker(slot, kept);
        if may_claim || self.claims[worker.index()] < self.config.claims_max {
            self.claim(slot, worker);
        }
        self.park(slot, blocker, FIRST);
        blocker
    }

    /// An account of a transaction that is in its way on another worker than the kept one.
    fn blocker(&self, slot: u32, kept: u64) -> u32 {
        let mut accesses = self.slots.get(slot).accesses.iter();
        let blocker = accesses.rfind(|access| {
            let account = self.accounts.get(access.account().0);
            account.held(is_write(**access)) & !kept != 0
        });
        let blocker = blocker.expect("one of several workers is not kept");
        blocker.account().0
    }

    /// Claims for a transaction what it would else not find free: its accounts that are in flight
    /// on other workers than the one that is kept, and those that are not in flight.
    fn claim(&mut self, slot: u32, kept: WorkerIndex) {
        if !self.slots.get(slot).has_claims() {
            self.slots.get_mut(slot).kept = kept.0;
            self.claims[kept.index()] += 1;
            self.claimants += 1;
        }
        for position in 0..self.slots.get(slot).accesses.len() {
            let (index, is_write) = self.access(slot, position);
            let held = self.accounts.get(index).held(is_write);
            let is_claimed = self.slots.get(slot).claimed & (1 << position) != 0;
            if !is_claimed && held != kept.bit() {
                self.accounts.get_mut(index).claim(is_write, slot);
                self.slots.get_mut(slot).claimed |= 1 << position;
            }
        }
    }

    /// Of the workers that are in a transaction's way, the one to send it to in the end, as a bit:
    /// that of the account with the longest line, which comes with it, or else the first one.
    fn kept(&self, slot: u32, workers: u64) -> (u64, u32) {
        let accesses = self.slots.get(slot).accesses.iter();
        let single = accesses.filter_map(|access| {
            let account = self.accounts.get(access.account().0);
            let held = account.held(is_write(*access));
            let is_single = held.count_ones() == 1;
            is_single.then_some((account.parked.len(), held, access.account().0))
        });
        // Of equals the last is the largest, which is the first here.
        let longest = single.rev().max_by_key(|(length, ..)| *length);
        longest.map_or(
            (workers & workers.wrapping_neg(), NONE),
            |(_, held, account)| (held, account),
        )
    }

    /// Seats the oldest of the aged, if the seat is free and their share of the cost allows it.
    fn choose_eldest(&mut self, now: u64) {
        while self.eldest == NONE
            && let Some((slot, turn)) = self.ages.front().copied()
        {
            let place = self.slots.get(slot);
            if place.turn == turn && place.state == State::Waiting {
                let is_aged = place.arrived.saturating_add(self.config.age_max) <= now;
                let credit = credit_for(place.cost);
                if !is_aged || credit > self.aged_credit {
                    return;
                }
                self.aged_credit -= credit;
                self.seat(slot);
            }
            self.ages.pop_front();
        }
    }

    fn seat(&mut self, slot: u32) {
        self.step_back(slot);
        self.eldest = slot;
        for position in 0..self.slots.get(slot).accesses.len() {
            let (account, is_write) = self.access(slot, position);
            self.accounts.get_mut(account).bar = match is_write {
                true => Bar::All,
                false => Bar::Writers,
            };
        }
        self.ready.push(self.slots.entry(slot, SECOND));
    }
}

/// The positions of a word's bits.
#[inline]
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = word.trailing_zeros() as usize;
        let is_left = word != 0;
        word &= word.wrapping_sub(1);
        is_left.then_some(position)
    })
}

/// What an aged transaction takes of the share of the aged, in thousandths of cost.
fn credit_for(cost: u64) -> u128 {
    u128::from(cost) * 1_000
}
