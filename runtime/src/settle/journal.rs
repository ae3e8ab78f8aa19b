//! From a block that has been executed to its journal, and to the claim that is posted of it.

use std::{collections::HashMap, sync::Arc};

use ahash::RandomState;
use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{Messages, StoreError, Trie, account_hash, account_hashes};
use thiserror::Error;

use super::{
    Claim, DEPTH_MAX, DEPTH_MIN, Entry, Item, Nodes, Opening, PARENT, Step, Transition,
    refutation::Opened, step::leaf_hash, transition::bucket_of,
};
use crate::{
    bank::FrozenBank,
    block::{Receipt, append_receipt},
    execute::Loaders,
    merkle::{self, Node},
    rules::FeePolicy,
    threads::Threads,
    wire::{TransactionView, WireBlock},
};

/// Transactions whose steps are made by one task.
const TASK_SIZE: usize = 256;

/// What a block did, step by step. It is published with its claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Journal {
    /// What the block itself wrote.
    pub opening: Opening,
    /// Its transactions.
    pub steps: Vec<Step>,
    /// From the state before to that after.
    pub transition: Transition,
    /// The receipts, with what each transaction found. They are not published: steps have the
    /// hashes.
    pub receipts: Arc<Vec<Receipt>>,
}

/// Why a block has no journal.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The chain computes no state root.
    #[error("expected a chain with a state root, found one without")]
    NoStateRoot,
    /// The receipts do not have the accounts.
    #[error(
        "expected {expected} receipts with accounts, found one without at {found}: execute with \
         Recording::accounts, and blocks that share no credits"
    )]
    NotRecorded {
        /// Transactions.
        expected: usize,
        /// The first receipt without accounts.
        found: usize,
    },
    /// A transaction takes accounts out of lookup tables, which is not settled.
    #[error("transaction {0} takes accounts out of lookup tables, which cannot be settled")]
    Lookup(usize),
    /// The block pays fees out, which no step shows.
    #[error("expected a chain that burns all fees, found one that pays leaders or stakers")]
    FeesPaid,
    /// Programs out of accounts are not called where a refutation is judged.
    #[error("expected a chain whose programs are all linked in, found one with loaders")]
    Loaders,
    /// The depth is none that claims have.
    #[error("expected a depth in [{DEPTH_MIN}, {DEPTH_MAX}], found {0}")]
    Depth(u8),
    /// The trie cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Nodes {
    /// The nodes of a bank's trie. It takes the least time while the bank is the newest.
    ///
    /// # Errors
    /// If there is no trie, the depth is not one of claims, or the trie cannot be read.
    pub fn of(bank: &FrozenBank, depth: u8, threads: &Threads) -> Result<Self, JournalError> {
        if !(DEPTH_MIN..=DEPTH_MAX).contains(&depth) {
            return Err(JournalError::Depth(depth));
        }
        let trie: &Trie = bank.trie().ok_or(JournalError::NoStateRoot)?;
        Ok(Self::over(&trie.layer(depth.into(), threads)?, threads))
    }
}

impl Journal {
    /// The journal of the block that made `bank`: its transactions and receipts in its order, and
    /// the nodes of its parent, which say how deep its own go.
    ///
    /// O(accesses + nodes).
    ///
    /// # Errors
    /// If receipts lack accounts, or the chain or a transaction cannot be settled.
    pub fn of(
        parent: &Arc<FrozenBank>,
        before: Nodes,
        bank: &FrozenBank,
        transactions: &WireBlock,
        receipts: &Arc<Vec<Receipt>>,
        threads: &Threads,
    ) -> Result<Self, JournalError> {
        let header = bank.header();
        let child = parent.child(header.slot, header.unix_timestamp);
        if *child.fee_policy() != FeePolicy::BURNED {
            return Err(JournalError::FeesPaid);
        }
        if !Loaders::of(&child.environment().programs).is_empty() {
            return Err(JournalError::Loaders);
        }
        let own = child.own_accounts().iter();
        let opening = Opening(
            own.map(|(address, account)| (*address, hash(account)))
                .collect(),
        );
        let numbers: Vec<usize> = (0..transactions.len()).collect();
        let found = receipts.iter().position(|receipt| {
            let details = receipt.details.as_ref();
            details.is_none_or(|details| details.accounts_before.is_empty())
        });
        if let Some(found) = found.or((receipts.len() < numbers.len()).then_some(receipts.len())) {
            let expected = numbers.len();
            return Err(JournalError::NotRecorded { expected, found });
        }
        let views = threads.map_chunks(&numbers, TASK_SIZE, |numbers| {
            let numbers = numbers.iter();
            let views = numbers.map(|at| view((*at, transactions.get(*at).unwrap_or_default())));
            views.collect::<Result<Vec<_>, JournalError>>()
        });
        let views = views.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let afters = threads.map_chunks(&numbers, TASK_SIZE, |numbers| {
            let details = numbers
                .iter()
                .filter_map(|at| receipts[*at].details.as_ref());
            let accounts = details.flat_map(|details| details.accounts_after.iter().flatten());
            account_hashes(&accounts.collect::<Vec<_>>())
        });
        let mut walk = Walk::new(&opening, numbers.len());
        let mut afters = afters.into_iter().flatten();
        for (view, receipt) in views.iter().zip(receipts.iter()) {
            let details = receipt.details.as_ref().expect("it was looked for");
            walk.pass(view, &details.accounts_after, &mut afters);
        }
        let firsts = walk.firsts.iter();
        let firsts: Vec<&Account> = firsts
            .map(|(at, place)| {
                let details = receipts[*at].details.as_ref().expect("it was looked for");
                &details.accounts_before[*place]
            })
            .collect();
        let firsts = threads
            .map_chunks(&firsts, TASK_SIZE, account_hashes)
            .concat();
        let depth = before.depth();
        let transition = Transition {
            before,
            after: Nodes::of(bank, depth, threads)?,
            buckets: walk.buckets(depth, threads),
        };
        let steps = threads.map_chunks(&numbers, TASK_SIZE, |numbers| {
            let steps = numbers.iter().map(|at| {
                let mut receipt = Vec::with_capacity(32);
                append_receipt(&receipts[*at], &mut receipt);
                Step {
                    transaction: views[*at].bytes().to_vec(),
                    receipt,
                    entries: walk.entries(*at, &firsts),
                }
            });
            steps.collect::<Vec<_>>()
        });
        Ok(Self {
            opening,
            steps: steps.into_iter().flatten().collect(),
            transition,
            receipts: Arc::clone(receipts),
        })
    }

    /// What a transaction found, in message order; nothing if there is none.
    pub fn accounts(&self, place: usize) -> &[Account] {
        let details = self
            .receipts
            .get(place)
            .and_then(|receipt| receipt.details.as_ref());
        details.map_or(&[], |details| &details.accounts_before)
    }

    /// The claim that states it, of the block with this id, slot and time.
    ///
    /// O(steps + nodes) hashes, spread over the threads.
    pub fn claim(&self, bank: &FrozenBank, threads: &Threads) -> Claim {
        let header = bank.header();
        let claim = Claim {
            block_id: bank.block_hash(),
            slot: header.slot,
            unix_timestamp: header.unix_timestamp,
            transaction_count: 0,
            state_root: header.state_root.unwrap_or_default(),
            steps_root: Hash::default(),
            nodes_root: Hash::default(),
            depth: self.transition.depth(),
        };
        self.stated(claim, threads)
    }

    /// A claim with its roots in place of others.
    #[must_use]
    pub fn stated(&self, claim: Claim, threads: &Threads) -> Claim {
        let count = u32::try_from(self.steps.len()).expect("a block has fewer than 2^32");
        let leaves: Vec<usize> = (0..=self.steps.len()).collect();
        Claim {
            transaction_count: count,
            steps_root: merkle::root::<2, _>(&leaves, threads, |leaves| self.leaves(leaves)),
            nodes_root: self.transition.root(threads),
            ..claim
        }
    }

    /// Opens the leaf at a position: 0 for the opening, n + 1 for the n-th transaction. `None` if
    /// there is none. O(steps) hashes.
    pub fn step(&self, position: u32) -> Option<Opened> {
        let at = usize::try_from(position).ok()?;
        let leaf = match at.checked_sub(1) {
            None => self.opening.encode(),
            Some(step) => self.steps.get(step)?.encode(),
        };
        let leaves: Vec<usize> = (0..=self.steps.len()).collect();
        Opened::new(position, leaf, self.leaves(&leaves), at)
    }

    /// Opens a node, by its number in the heap. `None` if there is none. O(nodes) hashes.
    pub fn node(&self, node: usize) -> Option<Opened> {
        if !(1..self.transition.before.0.len()).contains(&node) {
            return None;
        }
        let leaf = self.transition.encode(node);
        let leaves = self.transition.leaves(&Threads::alone());
        Opened::new(
            u32::try_from(node).ok()?,
            leaf,
            leaves,
            node.checked_sub(1)?,
        )
    }

    fn leaves(&self, leaves: &[usize]) -> Vec<Node> {
        let mut messages = Messages::with_capacity(leaves.len().saturating_mul(8));
        let mut bytes = Vec::new();
        let mut first = None;
        for leaf in leaves {
            let Some(step) = leaf.checked_sub(1) else {
                first = Some(leaf_hash(0, &self.opening.encode()));
                continue;
            };
            bytes.clear();
            self.steps[step].append(&mut bytes);
            messages.push([&[merkle::STEP], &bytes[..]]);
        }
        first.into_iter().chain(messages.hashes()).collect()
    }
}

fn view((place, bytes): (usize, &[u8])) -> Result<TransactionView<'_>, JournalError> {
    let view = TransactionView::parse(bytes).ok();
    let view = view.filter(|view| view.lookups().next().is_none());
    view.ok_or(JournalError::Lookup(place))
}

/// The hash of an account; zeros if it does not exist.
pub(super) fn hash(account: &Account) -> Hash {
    match account.exists() {
        true => account_hash(account),
        false => Hash::default(),
    }
}

/// What is known of accounts while transactions are passed in order.
struct Walk {
    /// The last writer of each account, and its place among `hashes`.
    last: HashMap<Address, Last, RandomState>,
    /// Of the entries of all transactions: where the hash before is, and what was written.
    entries: Vec<(Last, Option<Hash>)>,
    /// Where the entries of each transaction end.
    ends: Vec<usize>,
    /// The first uses of accounts: transaction and place in its message.
    firsts: Vec<(usize, usize)>,
}

/// The last writer of an account.
#[derive(Clone, Copy)]
enum Last {
    /// None: the account is that of the parent, and this first use shows it.
    Parent {
        first: usize,
    },
    Leaf {
        writer: u32,
        hash: Hash,
    },
}

impl Walk {
    fn new(opening: &Opening, count: usize) -> Self {
        // Most transactions name two accounts of their own.
        let size = count.saturating_mul(2);
        let mut last = HashMap::with_capacity_and_hasher(size, RandomState::new());
        let written = opening.0.iter();
        last.extend(written.map(|(address, hash)| {
            let hash = *hash;
            (*address, Last::Leaf { writer: 0, hash })
        }));
        Self {
            last,
            entries: Vec::with_capacity(size.saturating_add(count)),
            ends: Vec::with_capacity(count),
            firsts: Vec::with_capacity(size),
        }
    }

    /// Passes a transaction; `afters` are the hashes of what it may write.
    fn pass(
        &mut self,
        view: &TransactionView<'_>,
        accounts_after: &[Option<Account>],
        afters: &mut impl Iterator<Item = Hash>,
    ) {
        let number = self.ends.len();
        let writer = u32::try_from(number)
            .expect("fewer than 2^32")
            .saturating_add(1);
        let keys = view.static_keys().iter().zip(accounts_after).enumerate();
        for (place, (key, after)) in keys {
            let address = Address::new_from_array(*key);
            let first = self.firsts.len();
            let last = self.last.entry(address).or_insert_with(|| {
                self.firsts.push((number, place));
                Last::Parent { first }
            });
            let before = *last;
            let after = after.as_ref().map(|_| afters.next().expect("one for each"));
            if let Some(hash) = after {
                *last = Last::Leaf { writer, hash };
            }
            self.entries.push((before, after));
        }
        self.ends.push(self.entries.len());
    }

    /// What was written, by bucket.
    fn buckets(&self, depth: u8, threads: &Threads) -> Vec<Vec<Item>> {
        let written = self.last.iter().filter_map(|(address, last)| match last {
            Last::Parent { .. } => None,
            Last::Leaf { writer, hash } => Some(Item {
                address: *address,
                after: *hash,
                writer: *writer,
            }),
        });
        let written: Vec<Item> = written.collect();
        let numbers = threads.map_chunks(&written, TASK_SIZE, |items| {
            let numbers = items.iter().map(|item| bucket_of(&item.address, depth));
            numbers.collect::<Vec<_>>()
        });
        let mut buckets = vec![Vec::new(); 1 << depth];
        for (number, item) in numbers.into_iter().flatten().zip(written) {
            buckets[number].push(item);
        }
        buckets
            .iter_mut()
            .for_each(|bucket: &mut Vec<Item>| bucket.sort_unstable());
        buckets
    }

    /// The entries of a transaction.
    fn entries(&self, transaction: usize, firsts: &[Hash]) -> Vec<Entry> {
        let before = transaction.checked_sub(1);
        let start = before.map_or(0, |before| self.ends[before]);
        let entries = self.entries[start..self.ends[transaction]].iter();
        let entry = |(last, after): &(Last, Option<Hash>)| match last {
            Last::Parent { first } => Entry {
                source: PARENT,
                before: firsts[*first],
                after: *after,
            },
            Last::Leaf { writer, hash } => Entry {
                source: *writer,
                before: *hash,
                after: *after,
            },
        };
        entries.map(entry).collect()
    }
}
