//! Whether a refutation holds: the claim and the one before, the rules, and nothing else.

use std::sync::Arc;

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{BlockRecord, Change, MemoryStore, StateProof, Store as _, merge_nodes};
use lockstep_store::{ProofError, verify_proof};
use thiserror::Error;

use super::{
    Claim, DEPTH_MAX, DEPTH_MIN, Item, Opening, PARENT, Refutation, Step,
    journal::hash,
    refutation::Opened,
    step::leaf_hash,
    transition::{Pair, bucket_of, node_hash},
};
use crate::{
    bank::{Bank, CostTable, Genesis, ImportedSet, Resumed},
    block::{BlockHeader, Outcome, append_receipt},
    engine::Engine,
    execute::execute_on,
    threads::Threads,
    verify::{ParsedBlock, Signatures, Verifier},
    wire::WireBlock,
};

/// What a claim is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    /// The chain's rules and programs, as its genesis has them; features that begin later are not
    /// settled. Its accounts do not matter.
    pub genesis: &'t Genesis,
    /// The claim before.
    pub parent: &'t Claim,
    /// The claim.
    pub claim: &'t Claim,
    /// The ids of the blocks before, oldest first, up to the parent's: 151, or all.
    pub blockhashes: &'t [Hash],
}

/// Why a refutation refutes nothing.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum NotRefuted {
    /// The claim is right in what was looked at.
    #[error("the claim is right in what the refutation is about")]
    Right,
    /// One of the claims cannot be, or the blockhashes do not end with the parent's.
    #[error("expected a claim behind its parent, and blockhashes that end with the parent's id")]
    Terms,
    /// A leaf is not one of the claim's.
    #[error("leaf {0} of the refutation is not in the claim")]
    Leaf(u32),
    /// Leaves or accounts are others than the refutation is about, or as many as it needs.
    #[error("the refutation lacks what it is about, or has something else in its place")]
    Parts,
    /// An account is not the one that the step names.
    #[error("account {0} of the refutation is not the one before the step")]
    Account(usize),
    /// A proof of the state is not one.
    #[error("a proof of the state is wrong: {0}")]
    Proof(#[from] ProofError),
    /// The judge's own surroundings failed.
    #[error("the refutation could not be judged here")]
    Failed,
}

type Verdict = Result<(), NotRefuted>;

/// A leaf of the tree of steps.
enum Found {
    Opening(Opening),
    Step(Step),
}

impl Found {
    fn written(&self, address: &Address) -> Option<Hash> {
        match self {
            Self::Opening(opening) => opening.written(address),
            Self::Step(step) => step.written(address),
        }
    }
}

/// Refuted if it holds.
fn refuted_if(is_wrong: bool) -> Verdict {
    is_wrong.then_some(()).ok_or(NotRefuted::Right)
}

impl Terms<'_> {
    /// Judges a refutation. A few dozen hashes, and for one of an execution the transaction and its
    /// signatures.
    ///
    /// # Errors
    /// If it does not refute the claim.
    pub fn check(&self, refutation: &Refutation) -> Result<(), NotRefuted> {
        if !self.claim.follows(self.parent)
            || self.blockhashes.last() != Some(&self.parent.block_id)
        {
            return Err(NotRefuted::Terms);
        }
        match refutation {
            Refutation::Execution { step, accounts } => self.execution(step, accounts),
            Refutation::Opening { step } => self.opening(step),
            Refutation::Origin {
                step,
                account,
                proof,
            } => self.origin(step, *account, proof),
            Refutation::Source {
                step,
                account,
                writer,
            } => self.source(step, *account, writer.as_ref()),
            Refutation::Skipped {
                step,
                account,
                writer,
            } => self.skipped(step, *account, writer),
            Refutation::Replay {
                step,
                other,
                earlier,
            } => self.replay(step, other, earlier.as_ref()),
            Refutation::Root { top } => self.root(top),
            Refutation::Fork { node, left, right } => self.fork(node, left, right),
            Refutation::Bucket { bucket, proofs } => self.bucket(bucket, proofs),
            Refutation::Item {
                bucket,
                item,
                writer,
            } => self.item(bucket, *item, writer.as_ref()),
            Refutation::Missing {
                bucket,
                account,
                writer,
            } => self.missing(bucket, *account, writer),
        }
    }

    /// The leaf of a step; `None` if it cannot be read, which refutes the claim.
    fn leaf(&self, claim: &Claim, opened: &Opened) -> Result<Option<Found>, NotRefuted> {
        let count = claim.transaction_count as usize;
        let hash = leaf_hash(opened.position, &opened.leaf);
        let (place, count) = (opened.position as usize, count.saturating_add(1));
        if !opened.leads_to(hash, place, count, &claim.steps_root) {
            return Err(NotRefuted::Leaf(opened.position));
        }
        Ok(match opened.position {
            0 => Opening::decode(&opened.leaf).map(Found::Opening),
            _ => Step::decode(&opened.leaf).map(Found::Step),
        })
    }

    fn step(&self, opened: &Opened) -> Result<Option<Step>, NotRefuted> {
        match self.leaf(self.claim, opened)? {
            None => Ok(None),
            Some(Found::Step(step)) => Ok(Some(step)),
            Some(Found::Opening(_)) => Err(NotRefuted::Parts),
        }
    }

    /// A node's leaf; `None` if it cannot be read.
    fn node(&self, opened: &Opened) -> Result<Option<Pair>, NotRefuted> {
        let buckets = 1_usize << self.claim.depth;
        let node = opened.position as usize;
        let place = node.checked_sub(1).ok_or(NotRefuted::Parts)?;
        let hash = node_hash(node >= buckets, &opened.leaf);
        let count = buckets.saturating_mul(2).saturating_sub(1);
        if !opened.leads_to(hash, place, count, &self.claim.nodes_root) {
            return Err(NotRefuted::Leaf(opened.position));
        }
        Ok(Pair::decode(&opened.leaf, node >= buckets))
    }

    fn is_bucket(&self, opened: &Opened) -> bool {
        opened.position as usize >= 1_usize << self.claim.depth
    }

    /// The parent's bank, of what the claims have of it, and these accounts.
    fn bank(&self, accounts: &[Change]) -> Option<Bank> {
        let store = MemoryStore::new();
        store.fill(accounts).ok()?;
        let Claim {
            slot,
            unix_timestamp,
            state_root,
            ..
        } = *self.parent;
        let zero = Hash::default();
        let records = self.blockhashes.iter().map(|block_id| BlockRecord {
            slot,
            block_id: *block_id,
            parent_id: zero,
            delta_root: zero,
            state_root: None,
        });
        let header = BlockHeader {
            parent_id: zero,
            slot,
            unix_timestamp,
            transaction_count: 0,
            transaction_root: zero,
            receipts_root: zero,
            delta_root: zero,
            state_root: Some(state_root),
            plan_digest: zero,
        };
        let resumed = Resumed {
            genesis: self.genesis,
            store: Arc::new(store),
            trie: None,
            records: records.collect(),
            header,
            costs: CostTable::default(),
            imported: ImportedSet::default(),
            processed: Vec::new(),
        };
        let parent = resumed.open().ok()?;
        Some(parent.child(self.claim.slot, self.claim.unix_timestamp))
    }

    fn execution(&self, opened: &Opened, accounts: &[Account]) -> Verdict {
        let Some(step) = self.step(opened)? else {
            return Ok(());
        };
        let Some(view) = step.view() else {
            return Ok(());
        };
        let keys: Vec<Address> = view.static_keys().iter().copied().map(Into::into).collect();
        if accounts.len() != keys.len() {
            return Err(NotRefuted::Parts);
        }
        // One that does not exist is the default account, whatever else has no lamports.
        let is_it = |account: &Account| account.exists() || *account == Account::default();
        let mut pairs = accounts.iter().zip(&step.entries);
        let other =
            pairs.position(|(account, entry)| !is_it(account) || hash(account) != entry.before);
        if let Some(place) = other {
            return Err(NotRefuted::Account(place));
        }
        let mut sorted: Vec<Change> = keys.iter().copied().zip(accounts.iter().cloned()).collect();
        sorted.sort_unstable_by_key(|(address, _)| *address);
        let bank = self.bank(&sorted).ok_or(NotRefuted::Failed)?;
        let threads = Threads::alone();
        let verifier = Verifier::default();
        let wire = WireBlock::from_iter([&step.transaction]);
        let parsed = ParsedBlock::new(wire, Signatures::Verify(&verifier), &threads);
        let engine = Engine::with_threads(threads);
        let prepared = engine
            .prepare(&bank, &parsed)
            .map_err(|_| NotRefuted::Failed)?;
        // A transaction that is refused is in no block.
        if !prepared.refused().is_empty() || prepared.table().transaction_count() != 1 {
            return Ok(());
        }
        let executed = execute_on(&bank, &prepared, sorted);
        let (outcome, after) = executed.map_err(|_| NotRefuted::Failed)?;
        let Outcome::Included(receipt) = outcome else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        append_receipt(&receipt, &mut bytes);
        let first = prepared.table().transactions().next();
        let first = first.ok_or(NotRefuted::Failed)?;
        let writable = &prepared.transaction(first).writable;
        let left = |place: usize, key: &Address| {
            writable
                .contains(place)
                .then(|| after.get(key).map(hash).unwrap_or_default())
        };
        let mut entries = keys.iter().zip(&step.entries).enumerate();
        let is_other = entries.any(|(place, (key, entry))| entry.after != left(place, key));
        refuted_if(is_other || bytes != step.receipt)
    }

    fn opening(&self, opened: &Opened) -> Verdict {
        let opening = match self.leaf(self.claim, opened)? {
            None => return Ok(()),
            Some(Found::Opening(opening)) => opening,
            Some(Found::Step(_)) => return Err(NotRefuted::Parts),
        };
        let bank = self.bank(&[]).ok_or(NotRefuted::Failed)?;
        let own = bank
            .own_accounts()
            .iter()
            .map(|(key, account)| (*key, hash(account)));
        refuted_if(opening.0 != own.collect::<Vec<_>>())
    }

    fn origin(&self, opened: &Opened, account: u32, proof: &StateProof) -> Verdict {
        let Some(step) = self.step(opened)? else {
            return Ok(());
        };
        let (address, entry) = entry_of(&step, account)?;
        if entry.source != PARENT {
            return Err(NotRefuted::Parts);
        }
        let path = lockstep_store::key_path(&address);
        let leaf = proof.leaf.filter(|leaf| leaf.key_path == path);
        let found = leaf.map(|leaf| Hash::new_from_array(leaf.value_hash));
        verify_proof(&self.parent.state_root, &address, found.as_ref(), proof)?;
        refuted_if(found.unwrap_or_default() != entry.before)
    }

    fn source(&self, opened: &Opened, account: u32, writer: Option<&Opened>) -> Verdict {
        let Some(step) = self.step(opened)? else {
            return Ok(());
        };
        let (address, entry) = entry_of(&step, account)?;
        match writer {
            None => refuted_if(entry.source != PARENT && entry.source >= opened.position),
            Some(writer) if writer.position == entry.source && entry.source < opened.position => {
                let Some(found) = self.leaf(self.claim, writer)? else {
                    return Ok(());
                };
                refuted_if(found.written(&address) != Some(entry.before))
            }
            Some(_) => Err(NotRefuted::Parts),
        }
    }

    fn skipped(&self, opened: &Opened, account: u32, writer: &Opened) -> Verdict {
        let Some(step) = self.step(opened)? else {
            return Ok(());
        };
        let (address, entry) = entry_of(&step, account)?;
        let is_later = entry.source == PARENT || writer.position > entry.source;
        if !is_later || writer.position >= opened.position {
            return Err(NotRefuted::Parts);
        }
        let Some(found) = self.leaf(self.claim, writer)? else {
            return Ok(());
        };
        refuted_if(found.written(&address).is_some())
    }

    fn replay(&self, opened: &Opened, other: &Opened, earlier: Option<&Claim>) -> Verdict {
        if earlier.is_none() && other.position >= opened.position {
            return Err(NotRefuted::Parts);
        }
        let Some(step) = self.step(opened)? else {
            return Ok(());
        };
        let found = self.leaf(earlier.unwrap_or(self.claim), other)?;
        let Some(Found::Step(other)) = found else {
            return Err(NotRefuted::Parts);
        };
        match (step.view(), other.view()) {
            (Some(one), Some(other)) => refuted_if(one.message_hash() == other.message_hash()),
            _ => Err(NotRefuted::Parts),
        }
    }

    fn root(&self, top: &Opened) -> Verdict {
        if top.position != 1 {
            return Err(NotRefuted::Parts);
        }
        let Some(pair) = self.node(top)? else {
            return Ok(());
        };
        let roots = [self.parent.state_root, self.claim.state_root];
        refuted_if([pair.before, pair.after] != roots)
    }

    fn fork(&self, node: &Opened, left: &Opened, right: &Opened) -> Verdict {
        let first = node.position.checked_mul(2).ok_or(NotRefuted::Parts)?;
        if left.position != first || right.position != first | 1 {
            return Err(NotRefuted::Parts);
        }
        let (node, left, right) = (self.node(node)?, self.node(left)?, self.node(right)?);
        let (Some(node), Some(left), Some(right)) = (node, left, right) else {
            return Ok(());
        };
        let before = merge_nodes(&left.before, &right.before);
        let after = merge_nodes(&left.after, &right.after);
        refuted_if([node.before, node.after] != [before, after])
    }

    /// A bucket's node, which names its items in order.
    fn items(&self, bucket: &Opened) -> Result<Option<Pair>, NotRefuted> {
        if !self.is_bucket(bucket) {
            return Err(NotRefuted::Parts);
        }
        self.node(bucket)
    }

    fn bucket(&self, opened: &Opened, proofs: &[StateProof]) -> Verdict {
        let Some(pair) = self.items(opened)? else {
            return Ok(());
        };
        let depth = self.claim.depth;
        let number = (opened.position as usize).saturating_sub(1 << depth);
        let is_ours = |item: &Item| bucket_of(&item.address, depth) == number;
        let ascends = pair
            .items
            .is_sorted_by(|one, next| one.address < next.address);
        if !ascends || !pair.items.iter().all(is_ours) {
            return Ok(());
        }
        if proofs.len() != pair.items.len() {
            return Err(NotRefuted::Parts);
        }
        let mut node = pair.before;
        for (item, proof) in pair.items.iter().zip(proofs) {
            let after = Some(&item.after).filter(|hash| **hash != Hash::default());
            let [before, after] = proof.replaced(&item.address, after, depth.into())?;
            if before != node {
                return Err(NotRefuted::Parts);
            }
            node = after;
        }
        refuted_if(node != pair.after)
    }

    fn item(&self, bucket: &Opened, item: u32, writer: Option<&Opened>) -> Verdict {
        let Some(pair) = self.items(bucket)? else {
            return Ok(());
        };
        let item = pair.items.get(item as usize).ok_or(NotRefuted::Parts)?;
        let Some(writer) = writer else {
            return refuted_if(item.writer > self.claim.transaction_count);
        };
        let Some(found) = self.leaf(self.claim, writer)? else {
            return Ok(());
        };
        let written = found.written(&item.address);
        match writer.position.cmp(&item.writer) {
            std::cmp::Ordering::Less => Err(NotRefuted::Parts),
            std::cmp::Ordering::Equal => refuted_if(written != Some(item.after)),
            std::cmp::Ordering::Greater => refuted_if(written.is_some()),
        }
    }

    fn missing(&self, bucket: &Opened, account: u32, writer: &Opened) -> Verdict {
        let Some(pair) = self.items(bucket)? else {
            return Ok(());
        };
        let place = account as usize;
        let address = match self.leaf(self.claim, writer)? {
            None => return Ok(()),
            Some(Found::Opening(opening)) => opening.0.get(place).map(|(address, _)| *address),
            Some(Found::Step(step)) => {
                let is_written = step
                    .entries
                    .get(place)
                    .is_some_and(|one| one.after.is_some());
                step.address(place).filter(|_| is_written)
            }
        };
        let address = address.ok_or(NotRefuted::Parts)?;
        let number = bucket_of(&address, self.claim.depth);
        if number.saturating_add(1 << self.claim.depth) != bucket.position as usize {
            return Err(NotRefuted::Parts);
        }
        refuted_if(pair.items.iter().all(|item| item.address != address))
    }
}

/// An account of a step.
fn entry_of(step: &Step, account: u32) -> Result<(Address, super::Entry), NotRefuted> {
    let place = account as usize;
    let address = step.address(place).ok_or(NotRefuted::Parts)?;
    let entry = step.entries.get(place).ok_or(NotRefuted::Parts)?;
    Ok((address, *entry))
}

// Depths are shifts of `usize` here.
const _: () = assert!(DEPTH_MIN < DEPTH_MAX && DEPTH_MAX < 30);
