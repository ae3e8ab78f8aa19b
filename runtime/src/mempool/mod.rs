//! Transactions that wait for a block: what a block producer keeps between receiving them and
//! packing them.
//!
//! ```text
//! wire bytes -> Candidate -> submit -> waiting -> select -> taken -> forget     (processed)
//!                 |            |          |                   |
//!              Rejection   Rejection   evicted, expired    give_back   (the block came to nothing)
//! ```
//!
//! A pool is a value: no thread, no clock, no bank of its own. What it holds is a function of the
//! calls made to it. Every call is O(log n) for each candidate that it adds, takes, or removes.
//!
//! A bundle is one candidate: it is taken, evicted and forgotten as a whole.
//!
//! # Order
//! By [`Priority`], the fee for each unit of cost, and among equals by arrival.
//!
//! # Who gets in, who has to go
//! The pool is bounded in bytes of memory and in candidates, and so is what one payer has in it,
//! and what waits for one account. A newcomer to a full pool, or to a full account, is taken in
//! place of the worst, if it has more priority than each that has to go.
//!
//! # Fairness
//! A hot account can neither fill the pool ([`MempoolLimits::per_account`]) nor keep the others
//! from a block, whose [`Room`] limits what may write one account. What is left to fear is that
//! somebody is always outbid. So a candidate that was passed over [`Fairness::patience`] times is
//! *aged*, and a reserve of each block goes to the aged in order of arrival, with a limit for each
//! account again, so that those who wait for a hot account do not use up the reserve either.
//!
//! *Bound.* A candidate is taken, or evicted by a better one, or dropped as unfit, at the latest in
//! selection `patience + 1 + before` after it came, where `before` is the number of candidates in
//! the pool when it came: in each selection the first of the aged is tried on an empty block. In
//! general it is far less. With candidates of cost `c`, `n` aged before it of which `h` write an
//! account of its, it is `patience + 1 + n / (aged_cost / c) + h / (aged_account_cost / c)`, all
//! quotients but the inner ones rounded up, as long as no more than 1,024 of the open queue find
//! their accounts used up.

mod candidate;
mod crowds;
mod index;
mod priority;
mod rejection;
mod select;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use ahash::RandomState;
pub use candidate::Candidate;
use crowds::{Crowds, OPEN, QueueNumber};
use index::Index;
use lockstep_interface::{Address, Hash};
use lockstep_store::StoreError;
pub use priority::Priority;
use priority::{Arrival, Rank};
pub use rejection::Rejection;
pub use select::{BlockRoom, Room, Selection, Verdict};
use select::{choose, choose_aged};

use crate::{
    bank::{Bank, BlockhashQueue},
    limits::{BUNDLE_COUNT_MAX, COMPUTE_UNITS_MAX, TRANSACTION_COST},
    threads::Threads,
    verify::Signatures,
    wire::WireBlock,
};

/// Cost units of a bundle that asks for all it can.
const MOST_COST: u64 = (TRANSACTION_COST + COMPUTE_UNITS_MAX as u64) * BUNDLE_COUNT_MAX as u64;

/// How much a pool holds. All limits are ours.
#[derive(Clone, Copy, Debug)]
pub struct MempoolLimits {
    /// Bytes of memory, by [`Candidate::memory`].
    pub bytes: usize,
    /// Candidates.
    pub candidates: usize,
    /// Candidates of one payer.
    pub per_payer: u32,
    /// Candidates that write one account. More are taken only in place of worse ones.
    pub per_account: u32,
    /// Cost units of one candidate.
    pub candidate_cost: u64,
    /// How blocks are shared.
    pub fairness: Fairness,
}

/// How blocks are shared between those who pay much and those who wait long.
#[derive(Clone, Copy, Debug)]
pub struct Fairness {
    /// Candidates that wait for one account until it is crowded and has a queue of its own; in
    /// [1, [`MempoolLimits::per_account`]].
    pub crowd: u32,
    /// Selections that may pass over a candidate before it is aged.
    pub patience: u64,
    /// Cost units of a block that go to aged candidates first.
    pub aged_cost: u64,
    /// Those of them that may write one account.
    pub aged_account_cost: u64,
}

impl MempoolLimits {
    /// Limits for blocks of Solana's size, 60 M compute units of which 24 M may write one account:
    /// a quarter of the block, an eighth for one account, goes to the aged first.
    pub const STANDARD: Self = Self {
        bytes: 256 << 20,
        candidates: 100_000,
        per_payer: 256,
        per_account: 10_000,
        candidate_cost: MOST_COST,
        fairness: Fairness {
            crowd: 64,
            patience: 16,
            aged_cost: 15_000_000,
            aged_account_cost: 3_000_000,
        },
    };
}

/// What the pool knows of a candidate besides itself.
#[derive(Clone, Debug)]
struct Slot {
    candidate: Arc<Candidate>,
    rank: Rank,
    queue: QueueNumber,
    /// Selections before it came.
    since: u64,
    /// Whether a block is being made of it; then it is in no order.
    is_taken: bool,
}

/// A candidate that is in the pool now.
#[derive(Debug)]
pub struct Accepted {
    /// Its priority.
    pub priority: Priority,
    /// Those that had to go for it.
    pub evicted: Vec<Arc<Candidate>>,
}

/// Transactions that wait for a block. See the [module](self).
///
/// ```
/// # use std::sync::Arc;
/// # use ed25519_zebra::{SigningKey, VerificationKeyBytes};
/// # use lockstep_interface::{Account, Address};
/// # use lockstep_programs::{builtin_programs, system::instruction::transfer};
/// # use lockstep_runtime::{bank::Genesis, threads::Threads};
/// # use lockstep_runtime::block::BlockLimits;
/// # use lockstep_runtime::wire::WireBlock;
/// # use lockstep_runtime::{verify::*, wire::MessageBuilder, mempool::*};
/// # let key = SigningKey::from([1; 32]);
/// # let payer = Address::new_from_array(VerificationKeyBytes::from(&key).into());
/// # let genesis = Genesis::new(vec![(payer, Account::wallet(1_000_000_000))], builtin_programs());
/// # let tip = genesis.open(Arc::new(lockstep_store::MemoryStore::new()))?;
/// # let pay = [transfer(&payer, &Address::new_from_array([9; 32]), 1_000_000)];
/// # let message = MessageBuilder::new(payer, tip.block_hash().to_bytes(), &pay).compile()?;
/// # let bytes = message.sign(&[&key])?;
/// let threads = Threads::new(1)?;
/// let mut pool = Mempool::new(MempoolLimits::STANDARD);
/// // The same transaction twice, and bytes that are none.
/// let batch = WireBlock::from_iter([&bytes[..], &bytes[..], b"none"]);
/// let bank = tip.child(1, 0);
/// let verifier = Verifier::default();
/// let signatures = Signatures::Verify(&verifier);
/// let results = pool.submit_batch(&batch, &bank, signatures, &threads)?;
/// assert!(results[0].is_ok());
/// assert_eq!(results[1].as_ref().err(), Some(&Rejection::Duplicate));
/// assert!(matches!(results[2], Err(Rejection::Malformed(_))));
///
/// let selection = pool.select(&mut BlockRoom::new(BlockLimits::MAINNET));
/// let block = selection.to_block();
/// assert_eq!(block.wire().get(0), Some(&bytes[..]));
/// pool.forget(selection.taken.iter().flat_map(|candidate| candidate.message_hashes()));
/// assert_eq!((pool.len(), pool.bytes()), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Mempool {
    limits: MempoolLimits,
    /// For look-up only, as all tables here.
    slots: HashMap<Arrival, Slot, RandomState>,
    messages: HashMap<Hash, Arrival, RandomState>,
    blockhashes: BTreeSet<(Hash, Arrival)>,
    payers: HashMap<Address, u32, RandomState>,
    crowds: Crowds,
    index: Index,
    bytes: usize,
    /// Candidates that were ever accepted.
    arrivals: Arrival,
    /// Selections so far.
    selections: u64,
}

impl Mempool {
    /// An empty pool.
    pub fn new(limits: MempoolLimits) -> Self {
        Self {
            limits,
            slots: HashMap::default(),
            messages: HashMap::default(),
            blockhashes: BTreeSet::new(),
            payers: HashMap::default(),
            crowds: Crowds::new(limits.fairness.crowd),
            index: Index::default(),
            bytes: 0,
            arrivals: 0,
            selections: 0,
        }
    }

    /// The number of candidates, taken ones included.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The number of candidates that wait to be selected.
    pub fn waiting_count(&self) -> usize {
        self.index.len()
    }

    /// Bytes of memory in use, by [`Candidate::memory`].
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reads a batch ([`Candidate::read_batch`]) and submits its transactions in order.
    ///
    /// # Errors
    /// If the store fails; the pool has not changed then.
    pub fn submit_batch(
        &mut self,
        batch: &WireBlock,
        bank: &Bank,
        signatures: Signatures<'_>,
        threads: &Threads,
    ) -> Result<Vec<Result<Accepted, Rejection>>, StoreError> {
        let candidates = Candidate::read_batch(batch, bank, signatures, threads)?;
        let results = candidates.into_iter();
        Ok(results
            .map(|candidate| candidate.and_then(|candidate| self.submit(candidate)))
            .collect())
    }

    /// Lets a candidate in, in place of worse ones if need be.
    ///
    /// # Errors
    /// See [`Rejection`]; the pool has not changed then.
    pub fn submit(&mut self, candidate: Candidate) -> Result<Accepted, Rejection> {
        let priority = candidate.priority();
        let rank = Rank::new(priority, self.arrivals);
        self.check_shares(&candidate)?;
        let rival = self.rival(&candidate, rank)?;
        let worst = self.make_room(&candidate, rank, rival)?;
        let mut evicted = Vec::new();
        for arrival in rival.into_iter().chain(worst) {
            evicted.push(self.remove(arrival));
        }
        self.insert(candidate, rank);
        Ok(Accepted { priority, evicted })
    }

    /// Checks what no eviction can mend.
    fn check_shares(&self, candidate: &Candidate) -> Result<(), Rejection> {
        let mut messages = candidate.message_hashes();
        if messages.any(|message| self.messages.contains_key(message)) {
            return Err(Rejection::Duplicate);
        }
        let (cost, limit) = (candidate.cost(), self.limits.candidate_cost);
        if cost > limit {
            return Err(Rejection::TooBig { cost, limit });
        }
        let (payer, limit) = (*candidate.payer(), self.limits.per_payer);
        if self.payers.get(&payer).copied().unwrap_or(0) >= limit {
            return Err(Rejection::PayerShare { payer, limit });
        }
        Ok(())
    }

    /// Who has to go because as many wait for the newcomer's busiest account as may.
    fn rival(&self, candidate: &Candidate, rank: Rank) -> Result<Option<Arrival>, Rejection> {
        let limit = self.limits.per_account;
        let busiest = self.crowds.busiest(candidate.written());
        let Some((account, _, queue)) = busiest.filter(|(_, count, _)| *count >= limit) else {
            return Ok(None);
        };
        let worst = (queue != OPEN)
            .then(|| self.index.worst_of(queue))
            .flatten();
        match worst {
            Some(worst) if worst.priority > rank.priority => Ok(Some(worst.arrival)),
            _ => Err(Rejection::AccountShare {
                account,
                limit,
                priority: rank.priority.0,
                to_beat: worst.map_or(Priority::MAX, |worst| worst.priority.0),
            }),
        }
    }

    /// Who else has to go for want of memory.
    fn make_room(
        &self,
        candidate: &Candidate,
        rank: Rank,
        rival: Option<Arrival>,
    ) -> Result<Vec<Arrival>, Rejection> {
        let memory = |arrival: &Arrival| self.slots[arrival].candidate.memory();
        let mut bytes = self.bytes.saturating_add(candidate.memory());
        let mut count = self.slots.len().saturating_add(1);
        if let Some(rival) = rival {
            bytes = bytes.saturating_sub(memory(&rival));
            count = count.saturating_sub(1);
        }
        let mut evicted = Vec::new();
        let mut worst = self.index.worst_first();
        while bytes > self.limits.bytes || count > self.limits.candidates {
            let next = worst.find(|next| Some(next.arrival) != rival);
            let Some(next) = next.filter(|next| next.priority > rank.priority) else {
                return Err(Rejection::Full {
                    priority: rank.priority.0,
                    to_beat: next.map_or(Priority::MAX, |next| next.priority.0),
                });
            };
            bytes = bytes.saturating_sub(memory(&next.arrival));
            count = count.saturating_sub(1);
            evicted.push(next.arrival);
        }
        Ok(evicted)
    }

    fn insert(&mut self, candidate: Candidate, rank: Rank) {
        let arrival = rank.arrival;
        self.arrivals = self.arrivals.checked_add(1).expect("64 bits last");
        for message in candidate.message_hashes() {
            self.messages.insert(*message, arrival);
        }
        for blockhash in candidate.blockhashes() {
            self.blockhashes.insert((*blockhash, arrival));
        }
        let payer = self.payers.entry(*candidate.payer()).or_default();
        *payer = payer.checked_add(1).expect("a pool is smaller");
        let queue = self.crowds.enter(candidate.written());
        self.index.insert(queue, rank);
        self.bytes = self.bytes.saturating_add(candidate.memory());
        let slot = Slot {
            candidate: Arc::new(candidate),
            rank,
            queue,
            since: self.selections,
            is_taken: false,
        };
        self.slots.insert(arrival, slot);
    }

    /// Takes a candidate out of everything.
    fn remove(&mut self, arrival: Arrival) -> Arc<Candidate> {
        let slot = self.slots.remove(&arrival).expect("it is in the pool");
        let candidate = slot.candidate;
        if !slot.is_taken {
            self.index.remove(slot.queue, slot.rank);
        }
        for message in candidate.message_hashes() {
            self.messages.remove(message);
        }
        for blockhash in candidate.blockhashes() {
            self.blockhashes.remove(&(*blockhash, arrival));
        }
        let payer = self.payers.get_mut(candidate.payer());
        let payer = payer.expect("it was counted when it came");
        *payer = payer.checked_sub(1).expect("it was counted when it came");
        if *payer == 0 {
            self.payers.remove(candidate.payer());
        }
        self.crowds.leave(candidate.written());
        let rest = self.bytes.checked_sub(candidate.memory());
        self.bytes = rest.expect("it was counted when it came");
        candidate
    }

    /// Takes candidates for the next block as far as there is room, and drops those that no block
    /// has room for.
    ///
    /// What is taken stays in the pool, counts towards its limits, and is not selected again,
    /// until the block is made ([`forget`](Self::forget)) or has come to nothing
    /// ([`give_back`](Self::give_back)).
    ///
    /// O(taken log n + queues log n): of each queue no more are passed over than are taken, and a
    /// fixed number.
    pub fn select(&mut self, room: &mut impl Room) -> Selection {
        let (fairness, slots) = (self.limits.fairness, &self.slots);
        let now = self.selections;
        let aged = |arrival: Arrival| {
            let slot = &slots[&arrival];
            let age = now.saturating_sub(slot.since);
            (age >= fairness.patience).then_some(&*slot.candidate)
        };
        let aged = choose_aged(self.index.by_arrival(), aged, &fairness, room);
        let unfit = aged
            .unfit
            .iter()
            .map(|arrival| self.remove(*arrival))
            .collect();
        let mut taken = self.take(&aged.taken);
        if !aged.is_full {
            let slots = &self.slots;
            let candidate = |rank: Rank| (rank.arrival, &*slots[&rank.arrival].candidate);
            let best = choose(self.index.by_rank(), candidate, room);
            taken.append(&mut self.take(&best.taken));
        }
        self.selections = self.selections.checked_add(1).expect("64 bits last");
        Selection {
            taken,
            aged_count: aged.taken.len(),
            unfit,
        }
    }

    fn take(&mut self, arrivals: &[Arrival]) -> Vec<Arc<Candidate>> {
        let taken = arrivals.iter().map(|arrival| {
            let slot = self.slots.get_mut(arrival).expect("it waits");
            slot.is_taken = true;
            self.index.remove(slot.queue, slot.rank);
            Arc::clone(&slot.candidate)
        });
        taken.collect()
    }

    /// Lets candidates wait again that were taken for a block that came to nothing. They are
    /// where they were: same priority, same arrival, same age. Those that expired meanwhile stay
    /// away.
    pub fn give_back<'c>(&mut self, taken: impl IntoIterator<Item = &'c Arc<Candidate>>) {
        for candidate in taken {
            let message = candidate.message_hashes().next();
            let arrival = message.and_then(|message| self.messages.get(message));
            let slot = arrival.and_then(|arrival| self.slots.get_mut(arrival));
            if let Some(slot) = slot.filter(|slot| slot.is_taken) {
                slot.is_taken = false;
                self.index.insert(slot.queue, slot.rank);
            }
        }
    }

    /// Drops the transactions with these message hashes: those of a block that was made here or
    /// elsewhere, included or refused. With one of a bundle goes the bundle. Hashes of others are
    /// passed over.
    pub fn forget<'h>(&mut self, processed: impl IntoIterator<Item = &'h Hash>) {
        for message in processed {
            if let Some(arrival) = self.messages.get(message) {
                self.remove(*arrival);
            }
        }
    }

    /// Drops and gives those with a blockhash that is none of these. Durable transactions stay:
    /// what ends them is that somebody advances their nonce, and then a block refuses them.
    ///
    /// O(dropped log n), and O(log n) for each blockhash in the pool.
    pub fn expire(&mut self, blockhashes: &BlockhashQueue) -> Vec<Arc<Candidate>> {
        let mut expired = BTreeSet::new();
        let mut next = self.blockhashes.first().copied();
        while let Some((blockhash, _)) = next {
            let all = (blockhash, 0)..=(blockhash, Arrival::MAX);
            if !blockhashes.contains(&blockhash) {
                expired.extend(
                    self.blockhashes
                        .range(all.clone())
                        .map(|(_, arrival)| *arrival),
                );
            }
            let later = self.blockhashes.range((
                std::ops::Bound::Excluded(*all.end()),
                std::ops::Bound::Unbounded,
            ));
            next = { later }.next().copied();
        }
        expired
            .into_iter()
            .map(|arrival| self.remove(arrival))
            .collect()
    }
}
