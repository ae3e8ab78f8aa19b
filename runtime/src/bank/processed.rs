//! Which transactions were processed already.
//!
//! A transaction can be processed again only while its blockhash is valid, so what is remembered
//! hangs on blockhashes and goes with them. A durable transaction needs no memory beyond its block:
//! its nonce has advanced, and the value it carries is never stored again.

use std::collections::{HashMap, HashSet};

use ahash::RandomState;
use lockstep_interface::Hash;
use lockstep_store::sync::Shared;

use super::BlockhashQueue;
use crate::wire::TransactionView;

/// What a transaction is known by: the blockhash that it refers to, and its message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MessageKey {
    /// The blockhash, or durable nonce, that dates it.
    pub blockhash: Hash,
    /// SHA-256 of the signed message.
    pub message_hash: Hash,
}

impl MessageKey {
    /// That of a parsed transaction. Hashes its message.
    pub fn of(view: &TransactionView<'_>) -> Self {
        Self {
            blockhash: Hash::new_from_array(*view.recent_blockhash()),
            message_hash: view.message_hash(),
        }
    }
}

/// The bytes of a message hash that are kept. Finding another message for 16 given ones takes
/// 2^128 hashes. Of two messages made to agree in them, one is refused.
type Key = [u8; 16];

/// For look-up only.
type KeySet = HashSet<Key, RandomState>;

fn key_of(message_hash: &Hash) -> Key {
    *message_hash
        .as_bytes()
        .first_chunk()
        .expect("a hash has 32 bytes")
}

/// The transactions of one block, by blockhash.
#[derive(Debug, Default)]
pub struct ProcessedSet {
    /// Few blockhashes occur in one block; the last one found is tried first.
    sets: Vec<(Hash, KeySet)>,
    latest: usize,
    /// Room to make for a new blockhash's transactions.
    capacity: usize,
}

impl ProcessedSet {
    /// An empty set for a block of about `capacity` transactions.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            sets: Vec::new(),
            latest: 0,
            capacity,
        }
    }

    /// Adds a transaction; false if it was there.
    pub fn insert(&mut self, transaction: MessageKey) -> bool {
        let MessageKey {
            blockhash,
            message_hash,
        } = transaction;
        let is_same = |set: Option<&(Hash, KeySet)>| set.is_some_and(|set| set.0 == blockhash);
        if !is_same(self.sets.get(self.latest)) {
            let known = self.sets.iter().position(|set| set.0 == blockhash);
            self.latest = known.unwrap_or(self.sets.len());
            if known.is_none() {
                // Most blocks have one blockhash, or many; both are served without waste.
                let capacity = std::mem::take(&mut self.capacity);
                let set = HashSet::with_capacity_and_hasher(capacity, RandomState::new());
                self.sets.push((blockhash, set));
            }
        }
        self.sets[self.latest].1.insert(key_of(&message_hash))
    }

    /// Takes out a transaction that was refused after all.
    pub fn remove(&mut self, transaction: &MessageKey) {
        let blockhash = transaction.blockhash;
        if let Some((_, set)) = self.sets.iter_mut().find(|set| set.0 == blockhash) {
            set.remove(&key_of(&transaction.message_hash));
        }
    }

    /// True if the transaction is in the set.
    pub fn contains(&self, transaction: &MessageKey) -> bool {
        let blockhash = transaction.blockhash;
        let set = self.sets.iter().find(|set| set.0 == blockhash);
        set.is_some_and(|(_, set)| set.contains(&key_of(&transaction.message_hash)))
    }
}

/// The transactions of blocks of which their messages' hashes are known and not their blockhashes.
///
/// They count until the newest of these blocks is no valid blockhash any more: each transaction
/// refers to an older one.
#[derive(Debug, Default)]
pub struct ImportedSet {
    keys: KeySet,
    newest: Hash,
}

impl ImportedSet {
    /// Adds the transactions of the next block.
    pub fn extend(&mut self, block_id: Hash, message_hashes: &[Hash]) {
        self.keys.extend(message_hashes.iter().map(key_of));
        self.newest = block_id;
    }
}

/// The transactions of the finalised blocks whose blockhash is still valid.
#[derive(Debug, Default)]
pub struct ProcessedHistory(Shared<History>);

#[derive(Debug, Default)]
struct History {
    sets: HashMap<Hash, KeySet, RandomState>,
    imported: Option<ImportedSet>,
}

impl ProcessedHistory {
    /// A history that begins with imported blocks.
    pub fn new(imported: ImportedSet) -> Self {
        Self(Shared::new(History {
            sets: HashMap::default(),
            imported: Some(imported).filter(|imported| !imported.keys.is_empty()),
        }))
    }

    /// Sets the flag of each transaction that a remembered block has.
    pub fn mark(&self, transactions: &[MessageKey], flags: &mut [bool]) {
        let history = self.0.read();
        let mut latest: Option<(Hash, Option<&KeySet>)> = None;
        for (transaction, flag) in transactions.iter().zip(flags) {
            let blockhash = transaction.blockhash;
            if latest.is_none_or(|(known, _)| known != blockhash) {
                latest = Some((blockhash, history.sets.get(&blockhash)));
            }
            if let Some((_, Some(set))) = latest {
                *flag |= set.contains(&key_of(&transaction.message_hash));
            }
            if let Some(imported) = &history.imported {
                *flag |= imported.keys.contains(&key_of(&transaction.message_hash));
            }
        }
    }

    /// Remembers a finalised block, and forgets what hangs on blockhashes that are not valid for
    /// its children.
    pub fn push(&self, block: ProcessedSet, blockhashes: &BlockhashQueue) {
        let mut history = self.0.write();
        let History { sets, imported } = &mut *history;
        for (blockhash, set) in block.sets {
            let known = sets.entry(blockhash).or_default();
            if known.len() < set.len() {
                let fewer = std::mem::replace(known, set);
                known.extend(fewer);
            } else {
                known.extend(set);
            }
        }
        sets.retain(|blockhash, _| blockhashes.contains(blockhash));
        imported.take_if(|imported| !blockhashes.contains(&imported.newest));
    }
}
