//! Random calls to a pool and to a naive model, which is a list that is searched and sorted anew
//! each time. Both must answer alike.

use std::{cmp::Reverse, sync::Arc};

use lockstep_interface::{Address, Hash, sysvar::RecentBlockhash};
use lockstep_runtime::{
    bank::BlockhashQueue,
    block::BlockLimits,
    mempool::{
        BlockRoom, Candidate, Fairness, Mempool, MempoolLimits, Payment as Fee, Priority,
        Rejection, Room, Verdict,
    },
    prepare::{BLOCK_PARTS, BlockUsage},
};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{BLOCKHASHES, POOR, Payment, bank, candidate, name, names};

/// Small, so that each is met often; the model has no need of the limits on misses then.
const LIMITS: MempoolLimits = MempoolLimits {
    block: BlockLimits {
        compute_units_max: 120_000,
        account_compute_units_max: 90_000,
        transaction_bytes_max: 4_000,
        transaction_count_max: 6,
        ..BlockLimits::UNLIMITED
    },
    bytes: 23_000,
    evicted_bytes: 9_000,
    candidates: 13,
    blocks: 4,
    per_payer: 5,
    per_account: 6,
    blocks_per_account: 2,
    fairness: Fairness {
        crowd: 2,
        patience: 2,
        aged_per_mille: 600,
        aged_account_per_mille: 300,
    },
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Waiting,
    Taken,
    Evicted,
}

#[derive(Clone, Debug)]
struct Entry {
    candidate: Candidate,
    share: u64,
    is_risky: bool,
    arrival: u64,
    since: u64,
    state: State,
    /// Arrivals of those that it evicted.
    hanging: Vec<u64>,
}

type Rank = (Reverse<Priority>, u64);

impl Entry {
    fn priority(&self) -> Priority {
        Priority::of(self.candidate.fee(), self.share)
    }

    /// Best first.
    fn rank(&self) -> Rank {
        (Reverse(self.priority()), self.arrival)
    }

    fn hash(&self) -> Hash {
        name(&self.candidate)
    }

    fn writes(&self, account: &Address) -> bool {
        self.candidate.written().contains(account)
    }

    fn fee_of(&self, payer: &Address) -> Option<u64> {
        let mut payments = self.candidate.payments().iter();
        payments
            .find(|payment| payment.payer == *payer)
            .map(|payment| payment.fee)
    }

    fn has_message(&self, candidate: &Candidate) -> bool {
        let mut messages = self.candidate.message_hashes();
        messages.any(|message| candidate.message_hashes().any(|other| message == other))
    }
}

#[derive(Default)]
struct Model {
    entries: Vec<Entry>,
    arrivals: u64,
    selections: u64,
}

fn blocks(count: u32) -> u64 {
    u64::from(count) * BLOCK_PARTS
}

fn signers(candidate: &Candidate) -> impl Iterator<Item = &Address> {
    std::iter::once(candidate.payer()).chain(candidate.cosigners())
}

fn share(candidate: &Candidate) -> u64 {
    LIMITS.block.share(&candidate.demand())
}

impl Model {
    fn live(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.state != State::Evicted)
    }

    fn bytes(&self) -> usize {
        self.live().map(|entry| entry.candidate.memory()).sum()
    }

    fn get(&mut self, arrival: u64) -> &mut Entry {
        let mut entries = self.entries.iter_mut();
        entries
            .find(|entry| entry.arrival == arrival)
            .expect("it is known")
    }

    /// Those that count but for these, best first.
    fn others(&self, gone: &[u64]) -> Vec<&Entry> {
        let live = self.live().filter(|entry| !gone.contains(&entry.arrival));
        let mut live: Vec<&Entry> = live.collect();
        live.sort_by_key(|entry| entry.rank());
        live
    }

    /// The arrival of the worst of these that waits.
    ///
    /// # Errors
    /// With what there is to beat.
    fn worse(among: &[&Entry], priority: Priority) -> Result<u64, Priority> {
        let waiting = among.iter().filter(|entry| entry.state == State::Waiting);
        let worst = waiting.max_by_key(|entry| entry.rank());
        match worst {
            Some(worst) if worst.priority() < priority => Ok(worst.arrival),
            worst => Err(worst.map_or(Priority::MAX, |worst| worst.priority())),
        }
    }

    fn risks(&self, candidate: &Candidate) -> bool {
        let signs = |entry: &Entry| {
            signers(&entry.candidate).any(|one| signers(candidate).any(|other| one == other))
        };
        let is_bundle = candidate.transactions().len() > 1;
        is_bundle || !candidate.nonces().is_empty() || self.live().any(signs)
    }

    fn places(&self, candidate: &Candidate, is_risky: bool) -> Result<Vec<u64>, Rejection> {
        let share = share(candidate);
        let priority = Priority::of(candidate.fee(), share);
        let mut gone: Vec<u64> = Vec::new();
        for nonce in candidate.nonces() {
            let holders = self.others(&[]);
            let holder: Vec<&Entry> = holders
                .into_iter()
                .filter(|entry| entry.candidate.nonces().contains(nonce))
                .collect();
            if !holder.is_empty() {
                let place = Self::worse(&holder, priority);
                gone.push(place.map_err(|to_beat| Rejection::NonceTaken {
                    account: nonce.account,
                    priority,
                    to_beat,
                })?);
            }
        }
        for Fee { payer, fee, funds } in candidate.payments().iter().copied() {
            loop {
                let mut own = self.others(&gone);
                own.retain(|entry| entry.fee_of(&payer).is_some());
                let fees = own.iter().filter_map(|entry| entry.fee_of(&payer));
                let promised: u64 = fees.sum();
                let affords = own.is_empty() || promised + fee <= funds;
                let limit = LIMITS.per_payer;
                if affords && own.len() < limit as usize {
                    break;
                }
                let place = Self::worse(&own, priority);
                gone.push(place.map_err(|to_beat| {
                    if affords {
                        Rejection::PayerShare {
                            payer,
                            limit,
                            priority,
                            to_beat,
                        }
                    } else {
                        Rejection::Overdraft {
                            payer,
                            funds,
                            promised,
                            fee,
                            priority,
                            to_beat,
                        }
                    }
                })?);
            }
        }
        for account in candidate.written() {
            loop {
                let mut writers = self.others(&gone);
                writers.retain(|entry| entry.writes(account));
                let room: u64 = writers.iter().map(|entry| entry.share).sum();
                let fits = writers.is_empty() || room + share <= blocks(LIMITS.blocks_per_account);
                if fits && writers.len() < LIMITS.per_account as usize {
                    break;
                }
                let place = Self::worse(&writers, priority);
                gone.push(place.map_err(|to_beat| Rejection::AccountShare {
                    account: *account,
                    waiting: u32::try_from(self.count(account)).expect("they are few"),
                    priority,
                    to_beat,
                })?);
            }
        }
        for part in [2, 1].into_iter().skip(usize::from(!is_risky)) {
            self.free_part(candidate, part, &mut gone)?;
        }
        Ok(gone)
    }

    /// Frees a half of the pool for those at risk, or the whole for all.
    fn free_part(
        &self,
        candidate: &Candidate,
        part: usize,
        gone: &mut Vec<u64>,
    ) -> Result<(), Rejection> {
        let share = share(candidate);
        let priority = Priority::of(candidate.fee(), share);
        loop {
            let mut others = self.others(gone);
            others.retain(|entry| part == 1 || entry.is_risky);
            let bytes: usize = others.iter().map(|entry| entry.candidate.memory()).sum();
            let room: u64 = others.iter().map(|entry| entry.share).sum();
            let is_full = bytes + candidate.memory() > LIMITS.bytes / part
                || others.len() + 1 > LIMITS.candidates / part
                || !others.is_empty() && room + share > blocks(LIMITS.blocks) / part as u64;
            if !is_full {
                return Ok(());
            }
            let place = Self::worse(&others, priority);
            gone.push(place.map_err(|to_beat| match part {
                1 => Rejection::Full { priority, to_beat },
                _ => Rejection::RiskShare { priority, to_beat },
            })?);
        }
    }

    fn count(&self, account: &Address) -> usize {
        self.live().filter(|entry| entry.writes(account)).count()
    }

    fn submit(&mut self, candidate: Candidate) -> Result<Vec<Hash>, Rejection> {
        if self.live().any(|entry| entry.has_message(&candidate)) {
            return Err(Rejection::Duplicate);
        }
        let empty = BlockUsage::new(LIMITS.block);
        empty
            .check(&candidate.demand())
            .map_err(Rejection::TooBig)?;
        let is_risky = self.risks(&candidate);
        let mut gone = self.places(&candidate, is_risky)?;
        self.entries.retain(|entry| !entry.has_message(&candidate));
        gone.sort_by_key(|arrival| self.get(*arrival).rank());
        let mut hanging = Vec::new();
        let mut evicted = Vec::new();
        for arrival in gone {
            let entry = self.get(arrival);
            entry.state = State::Evicted;
            hanging.append(&mut entry.hanging);
            hanging.push(arrival);
            evicted.push(entry.hash());
        }
        let arrival = self.arrivals;
        self.entries.push(Entry {
            share: share(&candidate),
            is_risky,
            candidate,
            arrival,
            since: self.selections,
            state: State::Evicted,
            hanging,
        });
        self.get(arrival).state = State::Waiting;
        loop {
            let is_evicted = |entry: &&Entry| entry.state == State::Evicted;
            let evicted = self.entries.iter().filter(is_evicted);
            let bytes: usize = evicted.clone().map(|entry| entry.candidate.memory()).sum();
            if bytes <= LIMITS.evicted_bytes {
                break;
            }
            let worst = evicted.max_by_key(|entry| entry.rank());
            let worst = worst.expect("something takes memory").arrival;
            self.entries.retain(|entry| entry.arrival != worst);
        }
        self.arrivals += 1;
        Ok(evicted)
    }

    /// Drops one, and all that hung on it.
    fn forget(&mut self, hash: &Hash) {
        let entries = self.entries.iter();
        let Some(entry) = { entries }.find(|entry| has_hash(entry, hash)).cloned() else {
            return;
        };
        let hangs =
            |other: &Entry| other.state == State::Evicted && entry.hanging.contains(&other.arrival);
        self.entries
            .retain(|other| other.arrival != entry.arrival && !hangs(other));
    }

    /// Drops one; what hung on it comes back if there is room.
    fn fall_out(&mut self, hash: &Hash) {
        let entries = self.entries.iter();
        let Some(entry) = { entries }.find(|entry| has_hash(entry, hash)).cloned() else {
            return;
        };
        self.entries.retain(|other| other.arrival != entry.arrival);
        if entry.state == State::Evicted {
            return;
        }
        let hangs = |other: &&Entry| {
            other.state == State::Evicted && entry.hanging.contains(&other.arrival)
        };
        let mut hanging: Vec<Entry> = self.entries.iter().filter(hangs).cloned().collect();
        hanging.sort_by_key(Entry::rank);
        let mut first = None;
        let mut left = Vec::new();
        for entry in hanging {
            if self
                .places(&entry.candidate, entry.is_risky)
                .is_ok_and(|gone| gone.is_empty())
            {
                self.get(entry.arrival).state = State::Waiting;
                first.get_or_insert(entry.arrival);
            } else {
                left.push(entry.arrival);
            }
        }
        match first {
            Some(first) => self.get(first).hanging.append(&mut left),
            None => self.entries.retain(|entry| !left.contains(&entry.arrival)),
        }
    }

    /// Taken ones, how many of them by age, and unfit ones.
    fn select(&mut self, room: &mut BlockRoom, is_new: bool) -> (Vec<Hash>, usize, Vec<Hash>) {
        let mut choice = Choice::new(room);
        let waiting = self.entries.iter();
        let waiting = waiting.filter(|entry| entry.state == State::Waiting);
        let mut waiting: Vec<Entry> = waiting.cloned().collect();
        let mut unfit: Vec<Hash> = Vec::new();
        if is_new {
            waiting.sort_by_key(|entry| entry.arrival);
            unfit = choice.choose_aged(room, &waiting, self.selections);
            self.selections += 1;
        }
        let aged_count = choice.taken.len();
        waiting.sort_by_key(Entry::rank);
        waiting.retain(|entry| {
            let is_taken = choice
                .taken
                .iter()
                .any(|other| other.arrival == entry.arrival);
            !is_taken && !unfit.contains(&entry.hash())
        });
        choice.choose(room, &waiting);
        let taken: Vec<Hash> = choice.taken.iter().map(Entry::hash).collect();
        for entry in &mut self.entries {
            if taken.contains(&entry.hash()) {
                entry.state = State::Taken;
            }
        }
        for hash in &unfit {
            self.fall_out(hash);
        }
        (taken, aged_count, unfit)
    }
}

fn has_hash(entry: &Entry, hash: &Hash) -> bool {
    let mut messages = entry.candidate.message_hashes();
    messages.any(|message| message == hash)
}

/// What a selection took so far.
struct Choice {
    taken: Vec<Entry>,
    is_full: bool,
    signers: Vec<Address>,
    risk_left: u64,
}

impl Choice {
    fn new(room: &BlockRoom) -> Self {
        Self {
            taken: Vec::new(),
            is_full: false,
            signers: Vec::new(),
            risk_left: room.left() / 2,
        }
    }

    /// Whether others may lose their payers' lamports, or it may be refused itself.
    fn risk(&self, entry: &Entry) -> (bool, bool) {
        let candidate = &entry.candidate;
        let known = |address: &Address| self.signers.contains(address);
        let is_bundle = candidate.transactions().len() > 1;
        let own = is_bundle || !candidate.nonces().is_empty() || known(candidate.payer());
        (candidate.cosigners().iter().any(known), own)
    }

    fn offer(&mut self, room: &mut BlockRoom, entry: &Entry) -> Verdict {
        let verdict = room.offer(&entry.candidate);
        if verdict == Verdict::Taken {
            if self.risk(entry) != (false, false) {
                self.risk_left = self.risk_left.saturating_sub(entry.share);
            }
            self.signers.push(*entry.candidate.payer());
            self.signers.extend(entry.candidate.cosigners());
            self.taken.push(entry.clone());
        }
        self.is_full |= verdict == Verdict::Full;
        verdict
    }

    /// Gives those that are unfit.
    fn choose_aged(&mut self, room: &mut BlockRoom, waiting: &[Entry], now: u64) -> Vec<Hash> {
        let part = |per_mille: u32| BLOCK_PARTS / 1_000 * u64::from(per_mille);
        let size = part(LIMITS.fairness.aged_per_mille);
        let account_size = part(LIMITS.fairness.aged_account_per_mille);
        let mut unfit = Vec::new();
        for entry in waiting {
            let sum = |writes: &dyn Fn(&Entry) -> bool| -> u64 {
                let taken = self.taken.iter().filter(|entry| writes(entry));
                taken.map(|entry| entry.share).sum()
            };
            let fits = |used: u64, size: u64| used == 0 || used + entry.share <= size;
            if now - entry.since < LIMITS.fairness.patience || !fits(sum(&|_| true), size) {
                break;
            }
            let is_used_up = |account: &Address| {
                let used = sum(&|other| other.writes(account));
                !fits(used, account_size)
            };
            let is_shut = entry.candidate.written().iter().any(is_used_up);
            let verdict = if is_shut {
                Verdict::Passed
            } else {
                self.offer(room, entry)
            };
            match verdict {
                Verdict::Full => break,
                Verdict::Taken => {}
                _ if !room.could_take(&entry.candidate) => unfit.push(entry.hash()),
                _ => {}
            }
        }
        unfit
    }

    fn choose(&mut self, room: &mut BlockRoom, waiting: &[Entry]) {
        let mut aside = Vec::new();
        for entry in waiting {
            let (others, own) = self.risk(entry);
            if self.is_full {
                return;
            } else if others || own && entry.share > self.risk_left {
                aside.push(entry);
            } else {
                self.offer(room, entry);
            }
        }
        for entry in aside {
            if !self.is_full {
                self.offer(room, entry);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Call {
    Submit(Vec<Payment>),
    /// The candidate of an earlier call once more.
    Repeat(prop::sample::Index),
    /// True for a new block.
    Select(BlockLimits, bool),
    /// Gives back about so many of what was taken last.
    GiveBack(usize),
    /// Forgets so many of what was taken first, and one that was not taken.
    Forget(usize, prop::sample::Index),
    /// The same, but these are refused.
    FallOut(usize, prop::sample::Index),
    /// Expires all but these blockhashes.
    Expire(Vec<Hash>),
}

fn payment() -> impl Strategy<Value = Payment> {
    let blockhash = select(vec![
        None,
        Some(BLOCKHASHES[0]),
        Some(BLOCKHASHES[1]),
        Some(BLOCKHASHES[2]),
    ]);
    let targets = select(vec![
        vec![0],
        vec![0],
        vec![1],
        vec![0, 1],
        vec![2],
        vec![3, 0],
        vec![4],
    ]);
    let parts = (0..=POOR, targets, 0..1_000u64, 0..12u64, 1..6u32, blockhash);
    parts.prop_map(
        |(payer, targets, lamports, fee, units, blockhash)| Payment {
            // The authority of the nonce account has to sign.
            payer: if blockhash.is_none() { 0 } else { payer },
            targets,
            lamports,
            priority_fee: fee * 900,
            compute_units: units * 10_000 + u32::try_from(lamports % 2).expect("it is small"),
            blockhash,
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let index = any::<prop::sample::Index>;
    let limits = (1..20u64, 1..10u64, 0..9u64, 0..9u32);
    prop_oneof![
        20 => vec(payment(), 1..4).prop_map(Call::Submit),
        1 => index().prop_map(Call::Repeat),
        3 => (limits, any::<bool>()).prop_map(|((units, account, size, count), is_new)| {
            let limits = BlockLimits {
                compute_units_max: units * 10_000,
                account_compute_units_max: account * 10_000,
                transaction_bytes_max: size * 400,
                transaction_count_max: count,
                ..BlockLimits::UNLIMITED
            };
            Call::Select(limits, is_new)
        }),
        1 => (0..9usize).prop_map(Call::GiveBack),
        2 => (0..9usize, index()).prop_map(|(count, other)| Call::Forget(count, other)),
        2 => (0..9usize, index()).prop_map(|(count, other)| Call::FallOut(count, other)),
        1 => vec(select(BLOCKHASHES.to_vec()), 1..4).prop_map(Call::Expire),
    ]
}

/// A pool, its model, and what was done with both.
struct Trial {
    bank: lockstep_runtime::bank::Bank,
    pool: Mempool,
    model: Model,
    sent: Vec<Candidate>,
    taken: Vec<Arc<Candidate>>,
}

impl Trial {
    fn submit(&mut self, candidate: Candidate) {
        self.sent.push(candidate.clone());
        let found = self.pool.submit(candidate.clone());
        let found = found.map(|accepted| names(&accepted.evicted));
        assert_eq!(found, self.model.submit(candidate));
    }

    /// So many of what was taken first, and one of those that were sent.
    fn some(&mut self, count: usize, other: &prop::sample::Index) -> Vec<Hash> {
        let some = self.taken.drain(..self.taken.len().min(count));
        let mut some = names(&some.collect::<Vec<_>>());
        if !self.sent.is_empty() {
            let other = other.get(&self.sent).message_hashes().last();
            some.extend(other.copied());
        }
        some
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Submit(payments) => {
                // One payment twice in a bundle, or one nonce, is no candidate.
                if let Ok(candidate) = candidate(&self.bank, payments) {
                    self.submit(candidate);
                }
            }
            Call::Repeat(index) => {
                if !self.sent.is_empty() {
                    self.submit(index.get(&self.sent).clone());
                }
            }
            Call::Select(limits, is_new) => {
                let (mut room, mut other) = (BlockRoom::new(*limits), BlockRoom::new(*limits));
                let found = if *is_new {
                    self.pool.select(&mut room)
                } else {
                    self.pool.select_more(&mut room)
                };
                let hashes = (names(&found.taken), found.aged_count, names(&found.unfit));
                assert_eq!(hashes, self.model.select(&mut other, *is_new));
                assert!(found.refused.is_empty());
                self.taken.extend(found.taken);
            }
            Call::GiveBack(count) => {
                let kept = self.taken.len().saturating_sub(*count);
                let given = self.taken.split_off(kept);
                self.pool.give_back(&given);
                for hash in names(&given) {
                    let entries = self.model.entries.iter_mut();
                    let mut taken = entries.filter(|entry| entry.state == State::Taken);
                    if let Some(entry) = taken.find(|entry| entry.hash() == hash) {
                        entry.state = State::Waiting;
                    }
                }
            }
            Call::Forget(count, other) => {
                let gone = self.some(*count, other);
                self.pool.forget(&gone);
                gone.iter().for_each(|hash| self.model.forget(hash));
            }
            Call::FallOut(count, other) => {
                let gone = self.some(*count, other);
                self.pool.fall_out(&gone);
                gone.iter().for_each(|hash| self.model.fall_out(hash));
            }
            Call::Expire(valid) => self.expire(valid),
        }
    }

    fn expire(&mut self, valid: &[Hash]) {
        let recent = |blockhash: &Hash| RecentBlockhash {
            blockhash: *blockhash,
            lamports_per_signature: 0,
        };
        let queue = BlockhashQueue::new(valid.iter().map(recent).collect());
        let found = names(&self.pool.expire(&queue));
        let is_old = |hash: &Hash| !valid.contains(hash);
        let is_expired = |entry: &Entry| entry.candidate.blockhashes().iter().any(is_old);
        self.model
            .entries
            .retain(|entry| entry.state != State::Evicted || !is_expired(entry));
        let mut expired: Vec<Entry> = self.model.live().cloned().collect();
        expired.retain(is_expired);
        expired.sort_by_key(|entry| entry.arrival);
        let expected: Vec<Hash> = expired.iter().map(Entry::hash).collect();
        for hash in &expected {
            self.model.fall_out(hash);
        }
        assert_eq!(found, expected);
    }

    fn compare(&self) {
        let (pool, model) = (&self.pool, &self.model);
        let count = |state| {
            let entries = model.entries.iter();
            entries.filter(|entry| entry.state == state).count()
        };
        let expected = (model.live().count(), count(State::Waiting), model.bytes());
        assert_eq!((pool.len(), pool.waiting_count(), pool.bytes()), expected);
        assert_eq!(pool.evicted_count(), count(State::Evicted));
        assert!(pool.bytes() <= LIMITS.bytes && pool.len() <= LIMITS.candidates);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_pool_answers_as_its_model_does(calls in vec(call(), 1..160)) {
        let mut trial = Trial {
            bank: bank(),
            pool: Mempool::new(LIMITS),
            model: Model::default(),
            sent: Vec::new(),
            taken: Vec::new(),
        };
        for call in &calls {
            trial.call(call);
            trial.compare();
        }
    }
}
