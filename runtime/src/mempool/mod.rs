//! Transactions that wait for a block: what a block producer keeps between receiving them and
//! packing them.
//!
//! ```text
//! wire bytes -> Candidate -> submit -> waiting -> select -> taken -> forget     (included)
//!                 |            |          |                   |----> fall_out   (refused)
//!              Rejection   Rejection   evicted, expired    give_back   (the block came to nothing)
//! ```
//!
//! A pool is a value: no thread, no clock, no bank of its own. What it holds is a function of the
//! calls made to it. Every call is O(log n) for each candidate that it adds, takes, or removes; a
//! selection looks at each that waits once at the most.
//!
//! A bundle is one candidate: it is taken, evicted and forgotten as a whole.
//!
//! # Order
//! By [`Priority`], the fee for the room that a block charges for the candidate, and among equals
//! by arrival.
//!
//! # Admission
//! What an empty block has no room for is rejected. Every other limit is kept by what has to go: a
//! newcomer takes the place of the worst of those that the limit counts, if it has more priority
//! than each that goes, and else is rejected by the limit's name.
//!
//! - *Nonce*: one candidate for each value of a durable nonce, since a block can include one only.
//! - *Payer*: at most [`MempoolLimits::per_payer`], with fees that its balance covers together, as
//!   it was when the newcomer was read.
//! - *Account*: at most [`MempoolLimits::per_account`] that write it, which fill at most
//!   [`MempoolLimits::blocks_per_account`] blocks.
//! - *Risk*: those that may be refused because of others (below) take at most half of the pool.
//! - *Pool*: candidates, bytes of memory, blocks that all of them fill.
//!
//! An evicted candidate comes back, if there is room, when what evicted it falls out: is refused,
//! expires, or is dropped. When that is included, it is gone for good.
//!
//! # Risk
//! A candidate may be refused in a block because of another one: its payer's balance is spent, its
//! nonce is used up, a transaction of its bundle fails. The room that it took is lost then. A
//! candidate is safe if no other one that was chosen is signed by its payer, and if it is neither
//! a bundle nor durable. Of the room that is left when a selection begins, at most half goes to
//! others before all that is safe has been offered; those that may spend what others pay with come
//! last. A block that lost room is filled again from what is left
//! ([`select_more`](Mempool::select_more)), so that after `n` times at most the 2^-n-th part of it
//! is lost to candidates that turn out not to pay.
//!
//! # Fairness
//! A hot account can neither fill the pool nor keep the others from a block, whose [`Room`] limits
//! what may write one account. What is left to fear is to be outbid always. So a candidate that was
//! passed over [`Fairness::patience`] times is *aged*, and a reserve of each block goes to the aged
//! in order of arrival, with a limit for each account again, so that those that wait for a hot
//! account do not use up the reserve either.
//!
//! *Bound.* Let `r` be the reserve, `a` the part of it for one account, and `m` the largest
//! candidate, as parts of a block. A candidate is taken, refused, evicted by a better one, or
//! dropped, at the latest in selection
//!
//! ```text
//! patience + 1 + blocks / (r - m) + blocks_per_account / (a - m) for each contended account
//! ```
//!
//! after it came, quotients rounded up. Each selection that passes over it has either filled the
//! reserve, or the reserve of one of its accounts, with candidates that came before; and those are
//! limited, and fewer each time. An account is contended if others wait for it.

mod candidate;
mod crowds;
mod evicted;
mod index;
mod limits;
mod outside;
mod places;
mod priority;
mod read;
mod rejection;
mod restore;
mod risk;
mod room;
mod select;
mod signers;

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    ops::Bound,
    sync::Arc,
};

use ahash::RandomState;
pub use candidate::{Candidate, Nonce, Payment};
use crowds::{Crowds, OPEN, QueueNumber};
use evicted::{Evicted, Hanging};
use index::{Index, Place};
pub use limits::{Fairness, MempoolLimits};
use lockstep_interface::Hash;
use lockstep_store::StoreError;
use places::{Newcomer, Used};
pub use priority::Priority;
use priority::{Arrival, Rank};
pub use rejection::Rejection;
use restore::Bundles;
pub use room::{BlockRoom, Room, Verdict};
pub use select::Selection;
use select::{Choice, Chooser};
use signers::Signers;

use crate::{
    bank::{Bank, BlockhashQueue},
    prepare::{BLOCK_PARTS, BlockUsage},
    threads::Threads,
    verify::Signatures,
    wire::WireBlock,
};

/// What becomes of a candidate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// It can be selected.
    Waiting,
    /// A block is being made of it; it is in no order.
    Taken,
    /// It may come back; it is in no order and counts towards no limit.
    Evicted,
}

/// What the pool knows of a candidate besides itself.
#[derive(Clone, Debug)]
struct Slot {
    candidate: Arc<Candidate>,
    rank: Rank,
    /// The part of a block that it takes.
    share: u64,
    /// Whether it could be refused because of another one when it came.
    is_risky: bool,
    queue: QueueNumber,
    /// Selections before it came.
    since: u64,
    state: State,
    /// What comes back if it falls out.
    hanging: Hanging,
}

impl Slot {
    fn is_taken(&self) -> bool {
        self.state == State::Taken
    }

    fn place(&self) -> Place {
        Place {
            rank: self.rank,
            queue: self.queue,
            is_risky: self.is_risky,
        }
    }
}

/// A candidate that is in the pool now.
#[derive(Debug)]
pub struct Accepted {
    /// The candidate, as selections will give it.
    pub candidate: Arc<Candidate>,
    /// Its priority.
    pub priority: Priority,
    /// Those that had to go for it, best first. They may come back.
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
/// # use lockstep_runtime::wire::{MessageBuilder, WireBlock};
/// # use lockstep_runtime::{verify::*, mempool::*};
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
    /// For look-up only, as all tables here. Evicted ones are among them.
    slots: HashMap<Arrival, Slot, RandomState>,
    messages: HashMap<Hash, Arrival, RandomState>,
    blockhashes: BTreeSet<(Hash, Arrival)>,
    nonces: HashMap<Nonce, Arrival, RandomState>,
    signers: Signers,
    crowds: Crowds,
    index: Index,
    used: Used,
    /// What those at risk take of it.
    risky: Used,
    evicted: Evicted,
    bundles: Bundles,
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
            nonces: HashMap::default(),
            signers: Signers::default(),
            crowds: Crowds::new(limits.fairness.crowd),
            index: Index::default(),
            used: Used::default(),
            risky: Used::default(),
            evicted: Evicted::default(),
            bundles: Bundles::default(),
            arrivals: 0,
            selections: 0,
        }
    }

    /// The number of candidates, taken ones included.
    pub fn len(&self) -> usize {
        self.used.count
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of candidates that wait to be selected.
    pub fn waiting_count(&self) -> usize {
        self.index.len()
    }

    /// The candidates that wait to be selected: queue by queue, the best of each first.
    pub fn waiting(&self) -> impl Iterator<Item = &Arc<Candidate>> {
        let ranks = self.index.by_rank().into_iter().flatten();
        ranks.map(|(_, rank)| &self.slots[&rank.arrival].candidate)
    }

    /// Whether its candidates fill a block together, as far as it can be told without regard to
    /// the accounts that they write.
    pub fn fills_block(&self) -> bool {
        self.used.share >= u128::from(BLOCK_PARTS)
    }

    /// The number of candidates that were evicted and may come back.
    pub fn evicted_count(&self) -> usize {
        self.evicted.len()
    }

    /// Bytes of memory in use, by [`Candidate::memory`], but for evicted candidates.
    pub fn bytes(&self) -> usize {
        self.used.bytes
    }

    /// The limits.
    pub fn limits(&self) -> &MempoolLimits {
        &self.limits
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
        let repeated = self.repeated(&candidate)?;
        let demand = candidate.demand();
        let block = self.limits.block;
        BlockUsage::new(block)
            .check(&demand)
            .map_err(Rejection::TooBig)?;
        let share = block.share(&demand);
        let priority = Priority::of(candidate.fee(), share);
        let rank = Rank::new(priority, self.arrivals);
        let is_risky = self.signers.risks(&candidate);
        let gone = self.places(&Newcomer {
            candidate: &candidate,
            rank,
            share,
            is_risky,
        })?;
        for rank in repeated {
            self.drop_evicted(rank);
        }
        self.arrivals = self.arrivals.checked_add(1).expect("64 bits last");
        let candidate = Arc::new(candidate);
        self.list(Slot {
            candidate: Arc::clone(&candidate),
            rank,
            share,
            is_risky,
            queue: OPEN,
            since: self.selections,
            state: State::Waiting,
            hanging: Hanging::new(),
        });
        let evicted = self.evict(&gone, rank.arrival);
        self.enter(rank.arrival);
        Ok(Accepted {
            candidate,
            priority,
            evicted,
        })
    }

    /// The evicted candidates that have a message of the newcomer's.
    ///
    /// # Errors
    /// If another one that has waits.
    fn repeated(&self, candidate: &Candidate) -> Result<BTreeSet<Rank>, Rejection> {
        let mut repeated = BTreeSet::new();
        for message in candidate.message_hashes() {
            let slot = self.messages.get(message).map(|known| &self.slots[known]);
            match slot.map(|slot| (slot.state, slot.rank)) {
                None => {}
                Some((State::Evicted, rank)) => {
                    repeated.insert(rank);
                }
                Some(_) => return Err(Rejection::Duplicate),
            }
        }
        Ok(repeated)
    }

    /// Makes a candidate known.
    fn list(&mut self, slot: Slot) {
        let arrival = slot.rank.arrival;
        for message in slot.candidate.message_hashes() {
            self.messages.insert(*message, arrival);
        }
        for blockhash in slot.candidate.blockhashes() {
            self.blockhashes.insert((*blockhash, arrival));
        }
        self.slots.insert(arrival, slot);
    }

    /// Makes a candidate unknown.
    fn unlist(&mut self, arrival: Arrival) -> Slot {
        let slot = self.slots.remove(&arrival).expect("it is known");
        for message in slot.candidate.message_hashes() {
            self.messages.remove(message);
        }
        for blockhash in slot.candidate.blockhashes() {
            self.blockhashes.remove(&(*blockhash, arrival));
        }
        slot
    }

    /// Lets a known candidate wait.
    fn enter(&mut self, arrival: Arrival) {
        let slot = self.slots.get_mut(&arrival).expect("it is known");
        let candidate = &slot.candidate;
        for nonce in candidate.nonces() {
            self.nonces.insert(*nonce, arrival);
        }
        self.signers.enter(candidate);
        slot.queue = self.crowds.enter(candidate.written(), slot.share);
        self.used.add(candidate.memory(), slot.share);
        if slot.is_risky {
            self.risky.add(candidate.memory(), slot.share);
        }
        slot.state = State::Waiting;
        self.order(arrival);
    }

    /// Takes a known candidate out of all that counts it.
    fn leave(&mut self, arrival: Arrival) {
        if !self.slots[&arrival].is_taken() {
            self.disorder(arrival);
        }
        let slot = &self.slots[&arrival];
        let candidate = &slot.candidate;
        for nonce in candidate.nonces() {
            self.nonces.remove(nonce);
        }
        self.signers.leave(candidate);
        self.crowds.leave(candidate.written(), slot.share);
        self.used.subtract(candidate.memory(), slot.share);
        if slot.is_risky {
            self.risky.subtract(candidate.memory(), slot.share);
        }
    }

    /// Puts a candidate in the orders.
    fn order(&mut self, arrival: Arrival) {
        let slot = &self.slots[&arrival];
        let written = slot.candidate.written().iter();
        let accounts = written.map(|account| self.crowds.get(account).number);
        let payments = slot.candidate.payments().iter();
        let payers = payments.map(|payment| self.signers.get(&payment.payer).number);
        self.index.insert(slot.place(), accounts, payers);
    }

    /// Takes a candidate out of the orders.
    fn disorder(&mut self, arrival: Arrival) {
        let slot = &self.slots[&arrival];
        let written = slot.candidate.written().iter();
        let accounts = written.map(|account| self.crowds.get(account).number);
        let payments = slot.candidate.payments().iter();
        let payers = payments.map(|payment| self.signers.get(&payment.payer).number);
        self.index.remove(slot.place(), accounts, payers);
    }

    /// Takes a candidate out of everything; what hung on it is with it.
    fn remove(&mut self, arrival: Arrival) -> Slot {
        self.leave(arrival);
        self.unlist(arrival)
    }

    /// Drops a candidate that is in the pool, and lets those come back that it evicted.
    fn lose(&mut self, arrival: Arrival) -> Arc<Candidate> {
        let mut slot = self.remove(arrival);
        self.bring_back(mem::take(&mut slot.hanging));
        slot.candidate
    }

    /// Takes candidates for the next block as far as there is room, and drops those that no block
    /// has room for.
    ///
    /// What is taken stays in the pool, counts towards its limits, and is not selected again,
    /// until the block is made ([`forget`](Self::forget), [`fall_out`](Self::fall_out)) or has come
    /// to nothing ([`give_back`](Self::give_back)).
    ///
    /// O(taken log n + queues log n) and one look at each that finds no room, of which there are
    /// few unless they write used-up accounts: at the most all that wait.
    pub fn select(&mut self, room: &mut impl Room) -> Selection {
        let (fairness, slots) = (self.limits.fairness, &self.slots);
        let now = self.selections;
        let aged = |arrival: Arrival| {
            let slot = &slots[&arrival];
            let age = now.saturating_sub(slot.since);
            (age >= fairness.patience).then_some(slot)
        };
        let mut chooser = Chooser::new(room, &self.crowds);
        chooser.choose_aged(self.index.by_arrival(), aged, &fairness);
        let choice = chooser.choose(self.index.by_rank(), |rank: Rank| &slots[&rank.arrival]);
        self.selections = self.selections.checked_add(1).expect("64 bits last");
        self.settle(choice)
    }

    /// Takes more candidates for a block that lost some of those that it was given. It is no new
    /// selection: no candidate gets older, and none is taken by age.
    pub fn select_more(&mut self, room: &mut impl Room) -> Selection {
        let slots = &self.slots;
        let chooser = Chooser::new(room, &self.crowds);
        let choice = chooser.choose(self.index.by_rank(), |rank: Rank| &slots[&rank.arrival]);
        self.settle(choice)
    }

    fn settle(&mut self, choice: Choice) -> Selection {
        let taken = choice.taken.into_iter();
        let taken = taken.map(|arrival| self.take(arrival)).collect();
        let mut drop_all = |arrivals: Vec<Arrival>| {
            let arrivals = arrivals.into_iter();
            arrivals.map(|arrival| self.lose(arrival)).collect()
        };
        Selection {
            taken,
            aged_count: choice.aged_count,
            unfit: drop_all(choice.unfit),
            refused: drop_all(choice.refused),
        }
    }

    fn take(&mut self, arrival: Arrival) -> Arc<Candidate> {
        self.disorder(arrival);
        let slot = self.slots.get_mut(&arrival).expect("it waits");
        slot.state = State::Taken;
        Arc::clone(&slot.candidate)
    }

    /// Lets candidates wait again that were taken for a block that came to nothing. They are
    /// where they were: same priority, same arrival, same age. Those that expired meanwhile stay
    /// away.
    pub fn give_back<'c>(&mut self, taken: impl IntoIterator<Item = &'c Arc<Candidate>>) {
        for candidate in taken {
            let message = candidate.message_hashes().next();
            let arrival = message
                .and_then(|message| self.messages.get(message))
                .copied();
            let slot = arrival.and_then(|arrival| self.slots.get_mut(&arrival));
            if let Some(slot) = slot.filter(|slot| slot.is_taken()) {
                slot.state = State::Waiting;
                let arrival = slot.rank.arrival;
                self.order(arrival);
            }
        }
    }

    /// Drops the transactions with these message hashes: those that a block includes, made here or
    /// elsewhere. With one of a bundle goes the bundle. Hashes of others are passed over.
    pub fn forget<'h>(&mut self, included: impl IntoIterator<Item = &'h Hash>) {
        for message in included {
            let Some(arrival) = self.messages.get(message).copied() else {
                continue;
            };
            let slot = &self.slots[&arrival];
            self.bundles.note(&slot.candidate);
            if slot.state == State::Evicted {
                self.drop_evicted(slot.rank);
            } else {
                let slot = self.remove(arrival);
                self.drop_hanging(slot.hanging);
            }
        }
    }

    /// Drops the transactions with these message hashes, which no block will include. Unlike
    /// those that are [forgotten](Self::forget), they leave their place to those that they
    /// evicted.
    pub fn fall_out<'h>(&mut self, refused: impl IntoIterator<Item = &'h Hash>) {
        for message in refused {
            let Some(arrival) = self.messages.get(message).copied() else {
                continue;
            };
            let slot = &self.slots[&arrival];
            if slot.state == State::Evicted {
                self.drop_evicted(slot.rank);
            } else {
                self.lose(arrival);
            }
        }
    }

    /// Drops and gives those with a blockhash that is none of these. Durable transactions stay:
    /// what ends them is that their nonce is advanced, and then a block refuses them.
    ///
    /// O(dropped log n), and O(log n) for each blockhash in the pool.
    pub fn expire(&mut self, blockhashes: &BlockhashQueue) -> Vec<Arc<Candidate>> {
        let mut expired = BTreeSet::new();
        let mut next = self.blockhashes.first().copied();
        while let Some((blockhash, _)) = next {
            let all = (blockhash, 0)..=(blockhash, Arrival::MAX);
            if !blockhashes.contains(&blockhash) {
                let arrivals = self.blockhashes.range(all.clone());
                expired.extend(arrivals.map(|(_, arrival)| *arrival));
            }
            let later = (Bound::Excluded(*all.end()), Bound::Unbounded);
            next = self.blockhashes.range(later).next().copied();
        }
        // Nothing that has expired itself may come back.
        expired.retain(|arrival| {
            let slot = &self.slots[arrival];
            let is_evicted = slot.state == State::Evicted;
            if is_evicted {
                self.drop_evicted(slot.rank);
            }
            !is_evicted
        });
        let expired = expired.into_iter();
        expired.map(|arrival| self.lose(arrival)).collect()
    }
}
