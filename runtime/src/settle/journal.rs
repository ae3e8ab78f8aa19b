//! From a block that has been executed to its journal, and to the claim that is posted of it.

use std::sync::Arc;

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{Change, Messages, StoreError, Trie, account_hash, key_path};
use thiserror::Error;

use super::{
    Claim, DEPTH_MAX, DEPTH_MIN, Nodes, Opening, PARENT, Step, Transition,
    refutation::Opened,
    step::leaf_hash,
    walk::{SHARD_COUNT, Shard, Task},
};
use crate::{
    bank::FrozenBank,
    block::Receipt,
    execute::Loaders,
    merkle::{self, Node},
    rules::FeePolicy,
    threads::Threads,
    wire::WireBlock,
};

/// Transactions whose steps are made by one task.
const TASK_SIZE: usize = 256;

/// What a block did, step by step. It is published with its claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Journal {
    /// What the block itself wrote.
    pub opening: Opening,
    /// The leaves of its transactions: steps as bytes ([`Step::decode`]).
    pub steps: Vec<Vec<u8>>,
    /// From the state before to that after.
    pub transition: Transition,
    /// The receipts, with what each transaction found. They are not published: steps have the
    /// hashes.
    pub receipts: Arc<Vec<Receipt>>,
    /// Accounts that the block writes itself, and those of the parent that were read before they
    /// were written, by address. They are not published either.
    read: Arc<Vec<Change>>,
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
    /// The parent no longer has an account, as later blocks are final. Journals are made before.
    #[error("expected account {0} as the parent has it, found it as later blocks have left it")]
    Superseded(Address),
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
        let count = transactions.len();
        let found = receipts.iter().position(|receipt| {
            let details = receipt.details.as_ref();
            details.is_none_or(|details| details.written.is_empty())
        });
        if let Some(found) = found.or((receipts.len() < count).then_some(receipts.len())) {
            let expected = count;
            return Err(JournalError::NotRecorded { expected, found });
        }
        let own = child.own_accounts();
        let opening = own
            .iter()
            .map(|(address, account)| (*address, hash(account)));
        let opening = Opening(opening.collect());
        let depth = before.depth();

        let starts: Vec<usize> = (0..count).step_by(TASK_SIZE).collect();
        let tasks = threads.map_each(starts, |start| {
            let end = count.min(start.saturating_add(TASK_SIZE));
            Task::new(start..end, transactions, receipts)
        });
        let tasks = tasks.into_iter().collect::<Result<Vec<_>, _>>()?;
        let shards = threads.map_each((0..SHARD_COUNT).collect(), |shard| {
            Shard::pass(shard, &tasks, &opening, parent, depth)
        });
        let mut shards = shards.into_iter().collect::<Result<Vec<_>, _>>()?;
        let steps = threads.map_each(tasks.iter().enumerate().collect(), |(number, task)| {
            task.steps(number, &shards)
        });
        let mut read = own.to_vec();
        read.extend(shards.iter_mut().flat_map(|shard| shard.read.drain(..)));
        read.sort_unstable_by_key(|(address, _)| *address);
        Ok(Self {
            opening,
            steps: steps.into_iter().flatten().collect(),
            transition: Transition {
                before,
                after: Nodes::of(bank, depth, threads)?,
                buckets: shards.into_iter().flat_map(|shard| shard.buckets).collect(),
            },
            receipts: Arc::clone(receipts),
            read: Arc::new(read),
        })
    }

    /// The step of a transaction. `None` if there is none, or its leaf cannot be read.
    pub fn read_step(&self, place: usize) -> Option<Step> {
        Step::decode(self.steps.get(place)?)
    }

    /// What a transaction found, in message order. `None` if the journal is not of this node's
    /// own making, or has no such step.
    pub fn accounts(&self, place: usize) -> Option<Vec<Account>> {
        let step = self.read_step(place)?;
        let view = step.view()?;
        let keys = (0..=u8::MAX).zip(view.static_keys()).zip(&step.entries);
        let accounts = keys.map(|((index, key), entry)| {
            if let Some([before, _]) = self.written(place, index) {
                return Some(before.clone());
            }
            let address = Address::new_from_array(*key);
            let writer = (entry.source as usize).checked_sub(1);
            let Some(writer) = writer.filter(|_| entry.source != PARENT) else {
                let read = self.read.binary_search_by_key(&address, |(read, _)| *read);
                return Some(self.read[read.ok()?].1.clone());
            };
            let step = self.read_step(writer)?;
            let mut keys = (0..=u8::MAX).zip(step.view()?.static_keys());
            let (index, _) = keys.find(|(_, other)| *other == key)?;
            Some(self.written(writer, index)?[1].clone())
        });
        accounts.collect()
    }

    /// An account that a transaction may write, before and afterwards.
    fn written(&self, place: usize, index: u8) -> Option<&[Account; 2]> {
        let written = &self.receipts.get(place)?.details.as_ref()?.written;
        let own = written.binary_search_by_key(&index, |(index, _)| *index);
        Some(&written[own.ok()?].1)
    }

    /// All accounts that the block read or wrote, as this node has seen them.
    pub(super) fn seen(&self) -> impl Iterator<Item = &Account> {
        let details = self.receipts.iter();
        let details = details.filter_map(|receipt| receipt.details.as_ref());
        let written = details.flat_map(|details| &details.written);
        let written = written.flat_map(|(_, accounts)| accounts);
        written.chain(self.read.iter().map(|(_, account)| account))
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
            Some(step) => self.steps.get(step)?.clone(),
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
        let mut first = None;
        for leaf in leaves {
            let Some(step) = leaf.checked_sub(1) else {
                first = Some(leaf_hash(0, &self.opening.encode()));
                continue;
            };
            messages.push([&[merkle::STEP], &self.steps[step][..]]);
        }
        first.into_iter().chain(messages.hashes()).collect()
    }
}

/// The hash of an account; zeros if it does not exist.
pub(super) fn hash(account: &Account) -> Hash {
    match account.exists() {
        true => account_hash(account),
        false => Hash::default(),
    }
}

/// The hash of an account in a state; zeros if it does not exist.
pub(super) fn hash_in(trie: &Trie, address: &Address) -> Result<Hash, StoreError> {
    let path = key_path(address);
    let leaf = trie.try_prove(address)?.leaf;
    let own = leaf.filter(|leaf| leaf.key_path == path);
    Ok(own
        .map(|leaf| Hash::new_from_array(leaf.value_hash))
        .unwrap_or_default())
}
