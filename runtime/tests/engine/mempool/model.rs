//! Random calls to a pool and to a naive model, which is a list that is searched and sorted anew
//! each time. Both must answer alike.

use std::{cmp::Reverse, sync::Arc};

use lockstep_interface::{Address, Hash, sysvar::RecentBlockhash};
use lockstep_runtime::{
    bank::BlockhashQueue,
    block::BlockLimits,
    mempool::{
        BlockRoom, Candidate, Fairness, Mempool, MempoolLimits, Priority, Rejection, Room, Verdict,
    },
};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{BLOCKHASHES, Payment, bank, candidate, name, names};

/// Small, so that each is met often; the model has no need of the limits on misses then.
const LIMITS: MempoolLimits = MempoolLimits {
    bytes: 17_000,
    candidates: 13,
    per_payer: 5,
    per_account: 6,
    candidate_cost: 11_000,
    fairness: Fairness {
        crowd: 2,
        patience: 2,
        aged_cost: 9_000,
        aged_account_cost: 4_000,
    },
};

#[derive(Clone, Debug)]
struct Entry {
    candidate: Candidate,
    arrival: u64,
    since: u64,
    queue: Option<Address>,
    is_taken: bool,
}

impl Entry {
    /// Best first.
    fn rank(&self) -> (Reverse<Priority>, u64) {
        (Reverse(self.candidate.priority()), self.arrival)
    }

    fn hash(&self) -> Hash {
        name(&self.candidate)
    }
}

#[derive(Default)]
struct Model {
    entries: Vec<Entry>,
    /// Accounts that are crowded, or were and are not deserted since.
    crowded: Vec<Address>,
    arrivals: u64,
    selections: u64,
}

impl Model {
    fn bytes(&self) -> usize {
        self.entries
            .iter()
            .map(|entry| entry.candidate.memory())
            .sum()
    }

    fn count(&self, address: &Address) -> usize {
        let writes = |entry: &&Entry| entry.candidate.written().contains(address);
        self.entries.iter().filter(writes).count()
    }

    fn busiest(&self, candidate: &Candidate) -> (Address, usize) {
        let mut busiest = (candidate.written()[0], 0);
        for address in candidate.written() {
            if self.count(address) > busiest.1 {
                busiest = (*address, self.count(address));
            }
        }
        busiest
    }

    /// The waiting ones of a queue, or of all, the worst first.
    fn worst(&self, queue: Option<Address>) -> Vec<Entry> {
        let mut waiting = self.entries.clone();
        waiting.retain(|entry| !entry.is_taken && (queue.is_none() || entry.queue == queue));
        waiting.sort_by_key(Entry::rank);
        waiting.reverse();
        waiting
    }

    fn submit(&mut self, candidate: Candidate) -> Result<Vec<Hash>, Rejection> {
        let shares_message = |entry: &Entry| {
            let mut messages = entry.candidate.message_hashes();
            messages.any(|message| candidate.message_hashes().any(|other| message == other))
        };
        if self.entries.iter().any(shares_message) {
            return Err(Rejection::Duplicate);
        }
        let (cost, limit) = (candidate.cost(), LIMITS.candidate_cost);
        if cost > limit {
            return Err(Rejection::TooBig { cost, limit });
        }
        let payer = *candidate.payer();
        let of_payer = |entry: &&Entry| *entry.candidate.payer() == payer;
        if self.entries.iter().filter(of_payer).count() >= LIMITS.per_payer as usize {
            let limit = LIMITS.per_payer;
            return Err(Rejection::PayerShare { payer, limit });
        }
        let priority = candidate.priority();
        let mut evicted = Vec::new();
        let (account, count) = self.busiest(&candidate);
        if count >= LIMITS.per_account as usize {
            let worst = self.worst(Some(account));
            let to_beat = worst
                .first()
                .map_or(Priority::MAX, |entry| entry.candidate.priority());
            if to_beat >= priority {
                let limit = LIMITS.per_account;
                return Err(Rejection::AccountShare {
                    account,
                    limit,
                    priority,
                    to_beat,
                });
            }
            evicted.push(worst[0].hash());
        }
        let before = self.entries.clone();
        self.drop_all(&evicted);
        while self.bytes() + candidate.memory() > LIMITS.bytes
            || self.entries.len() + 1 > LIMITS.candidates
        {
            let worst = self.worst(None);
            let to_beat = worst
                .first()
                .map_or(Priority::MAX, |entry| entry.candidate.priority());
            if to_beat >= priority {
                self.entries = before;
                return Err(Rejection::Full { priority, to_beat });
            }
            evicted.push(worst[0].hash());
            self.drop_all(&[worst[0].hash()]);
        }
        self.forget_deserted();
        let (account, count) = self.busiest(&candidate);
        let is_crowd = count >= LIMITS.fairness.crowd as usize;
        let queue = is_crowd.then_some(account);
        self.crowded.extend(queue);
        self.entries.push(Entry {
            candidate,
            arrival: self.arrivals,
            since: self.selections,
            queue,
            is_taken: false,
        });
        self.arrivals += 1;
        Ok(evicted)
    }

    fn drop_all(&mut self, hashes: &[Hash]) {
        let is_named = |entry: &Entry| {
            let mut messages = entry.candidate.message_hashes();
            messages.any(|message| hashes.contains(message))
        };
        self.entries.retain(|entry| !is_named(entry));
    }

    fn forget_deserted(&mut self) {
        let mut crowded = std::mem::take(&mut self.crowded);
        crowded.retain(|account| self.count(account) > 0);
        self.crowded = crowded;
    }

    /// Taken ones, how many of them by age, and unfit ones.
    fn select(&mut self, room: &mut BlockRoom) -> (Vec<Hash>, usize, Vec<Hash>) {
        let Fairness {
            patience,
            aged_cost,
            aged_account_cost,
            ..
        } = LIMITS.fairness;
        let mut waiting = self.worst(None);
        waiting.sort_by_key(|entry| entry.arrival);
        let (mut taken, mut unfit): (Vec<Entry>, Vec<Hash>) = Default::default();
        let mut is_full = false;
        for entry in &waiting {
            let cost = entry.candidate.cost();
            let sum = |taken: &[Entry], writes: &dyn Fn(&Entry) -> bool| -> u64 {
                let taken = taken.iter().filter(|entry| writes(entry));
                taken.map(|entry| entry.candidate.cost()).sum()
            };
            let all = sum(&taken, &|_| true);
            if self.selections - entry.since < patience || all > 0 && all + cost > aged_cost {
                break;
            }
            let is_used_up = |address: &Address| {
                let used = sum(&taken, &|other| other.candidate.written().contains(address));
                used > 0 && used + cost > aged_account_cost
            };
            if entry.candidate.written().iter().any(is_used_up) {
                continue;
            }
            match room.offer(&entry.candidate) {
                Verdict::Taken => taken.push(entry.clone()),
                Verdict::Passed if taken.is_empty() => unfit.push(entry.hash()),
                Verdict::Passed => {}
                Verdict::Full => {
                    is_full = true;
                    break;
                }
            }
        }
        let aged_count = taken.len();
        waiting.sort_by_key(Entry::rank);
        for entry in waiting {
            let is_settled = taken.iter().any(|other| other.arrival == entry.arrival);
            if is_full || is_settled || unfit.contains(&entry.hash()) {
                continue;
            }
            match room.offer(&entry.candidate) {
                Verdict::Taken => taken.push(entry),
                Verdict::Passed => {}
                Verdict::Full => is_full = true,
            }
        }
        let taken: Vec<Hash> = taken.iter().map(Entry::hash).collect();
        for entry in &mut self.entries {
            entry.is_taken |= taken.contains(&entry.hash());
        }
        self.drop_all(&unfit);
        self.forget_deserted();
        self.selections += 1;
        (taken, aged_count, unfit)
    }
}

#[derive(Clone, Debug)]
enum Call {
    Submit(Vec<Payment>),
    /// The candidate of an earlier call once more.
    Repeat(prop::sample::Index),
    Select(BlockLimits),
    /// Gives back about so many of what was taken last.
    GiveBack(usize),
    /// Forgets so many of what was taken first, and one that was not taken.
    Forget(usize, prop::sample::Index),
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
    let parts = (0..4u64, targets, 0..1_000u64, 0..12u64, 1..6u32, blockhash);
    parts.prop_map(
        |(payer, targets, lamports, fee, units, blockhash)| Payment {
            // The authority of the nonce account has to sign.
            payer: if blockhash.is_none() { 0 } else { payer },
            targets,
            lamports,
            priority_fee: fee * 900,
            compute_units: units * 1_000 + u32::try_from(lamports % 2).expect("it is small"),
            blockhash,
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        20 => vec(payment(), 1..4).prop_map(Call::Submit),
        1 => index().prop_map(Call::Repeat),
        3 => (1..20u64, 1..10u64, 0..9u64, 0..9u32).prop_map(|(units, account, size, count)| {
            Call::Select(BlockLimits {
                compute_units_max: units * 1_000,
                account_compute_units_max: account * 1_000,
                transaction_bytes_max: size * 400,
                transaction_count_max: count,
                ..BlockLimits::UNLIMITED
            })
        }),
        1 => (0..9usize).prop_map(Call::GiveBack),
        2 => (0..9usize, index()).prop_map(|(count, other)| Call::Forget(count, other)),
        1 => vec(select(BLOCKHASHES.to_vec()), 1..4).prop_map(Call::Expire),
    ]
}

/// Makes the calls to both.
fn check(calls: &[Call]) {
    let bank = bank();
    let mut pool = Mempool::new(LIMITS);
    let mut model = Model::default();
    let mut sent: Vec<Candidate> = Vec::new();
    let mut taken: Vec<Arc<Candidate>> = Vec::new();
    for call in calls {
        match call {
            Call::Submit(_) | Call::Repeat(_) => {
                let candidate = match call {
                    Call::Submit(payments) => match candidate(&bank, payments) {
                        Ok(candidate) => candidate,
                        // One payment twice in a bundle.
                        Err(_) => continue,
                    },
                    Call::Repeat(_) if sent.is_empty() => continue,
                    Call::Repeat(index) => index.get(&sent).clone(),
                    _ => unreachable!("these two submit"),
                };
                sent.push(candidate.clone());
                let found = pool.submit(candidate.clone());
                let found = found.map(|accepted| names(&accepted.evicted));
                assert_eq!(found, model.submit(candidate));
            }
            Call::Select(limits) => {
                let found = pool.select(&mut BlockRoom::new(*limits));
                let hashes = (names(&found.taken), found.aged_count, names(&found.unfit));
                assert_eq!(hashes, model.select(&mut BlockRoom::new(*limits)));
                taken.extend(found.taken);
            }
            Call::GiveBack(count) => {
                let kept = taken.len().saturating_sub(*count);
                let given = taken.split_off(kept);
                pool.give_back(&given);
                let given = names(&given);
                for entry in &mut model.entries {
                    entry.is_taken &= !given.contains(&entry.hash());
                }
            }
            Call::Forget(count, other) => {
                let gone = taken.drain(..taken.len().min(*count));
                let mut gone = names(&gone.collect::<Vec<_>>());
                if !sent.is_empty() {
                    let other = other.get(&sent).message_hashes().last();
                    gone.extend(other.copied());
                }
                pool.forget(&gone);
                model.drop_all(&gone);
                model.forget_deserted();
            }
            Call::Expire(valid) => {
                let recent = |blockhash: &Hash| RecentBlockhash {
                    blockhash: *blockhash,
                    lamports_per_signature: 0,
                };
                let queue = BlockhashQueue::new(valid.iter().map(recent).collect());
                let mut found = names(&pool.expire(&queue));
                let entries = model.entries.iter();
                let is_old = |hash: &Hash| !valid.contains(hash);
                let expired =
                    entries.filter(|entry| entry.candidate.blockhashes().iter().any(is_old));
                let mut expected: Vec<Hash> = expired.map(Entry::hash).collect();
                model.drop_all(&expected);
                model.forget_deserted();
                found.sort();
                expected.sort();
                assert_eq!(found, expected);
            }
        }
        let waiting = model.entries.iter().filter(|entry| !entry.is_taken).count();
        let expected = (model.entries.len(), waiting, model.bytes());
        assert_eq!((pool.len(), pool.waiting_count(), pool.bytes()), expected);
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
        check(&calls);
    }
}
