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

/// The transactions of one block.
#[derive(Debug, Default)]
pub struct ProcessedSet {
    /// A message holds its blockhash, so its hash alone tells it from others.
    keys: KeySet,
    /// The blockhash of each, in the order of insertion; those taken out again stay here.
    blockhashes: Vec<(Hash, Key)>,
}

impl ProcessedSet {
    /// An empty set for a block of about `capacity` transactions.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            keys: HashSet::with_capacity_and_hasher(capacity, RandomState::new()),
            blockhashes: Vec::with_capacity(capacity),
        }
    }

    /// Adds a transaction; false if it was there.
    pub fn insert(&mut self, transaction: MessageKey) -> bool {
        let key = key_of(&transaction.message_hash);
        let is_new = self.keys.insert(key);
        if is_new {
            self.blockhashes.push((transaction.blockhash, key));
        }
        is_new
    }

    /// Takes out a transaction that was refused after all.
    pub fn remove(&mut self, transaction: &MessageKey) {
        self.keys.remove(&key_of(&transaction.message_hash));
    }

    /// True if the transaction is in the set.
    pub fn contains(&self, transaction: &MessageKey) -> bool {
        self.keys.contains(&key_of(&transaction.message_hash))
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
    /// The blockhashes that were valid for the children of the newest block.
    blockhashes: BlockhashQueue,
    imported: Option<ImportedSet>,
}

impl ProcessedHistory {
    /// A history that begins with imported blocks.
    pub fn new(imported: ImportedSet) -> Self {
        Self(Shared::new(History {
            imported: Some(imported).filter(|imported| !imported.keys.is_empty()),
            ..History::default()
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
    /// its children. Blocks come in their order.
    pub fn push(&self, block: ProcessedSet, blockhashes: &BlockhashQueue) {
        let mut history = self.0.write();
        let History {
            sets,
            blockhashes: valid,
            imported,
        } = &mut *history;
        for blockhash in valid.expired(blockhashes) {
            // A genesis may list one twice.
            if !blockhashes.contains(blockhash) {
                sets.remove(blockhash);
            }
        }
        valid.clone_from(blockhashes);
        let ProcessedSet {
            keys,
            blockhashes: dated,
        } = block;
        let all_are_left = keys.len() == dated.len();
        let is_left = |key: &&Key| all_are_left || keys.contains(*key);
        for of_one in dated.chunk_by(|(one, _), (other, _)| one == other) {
            let blockhash = of_one[0].0;
            // Durable transactions need no memory, and others hang on few blockhashes.
            if let Some(known) = sets.get_mut(&blockhash) {
                known.extend(of_one.iter().map(|(_, key)| key).filter(is_left));
            } else if blockhashes.contains(&blockhash) {
                let mut known = KeySet::with_capacity_and_hasher(of_one.len(), RandomState::new());
                known.extend(of_one.iter().map(|(_, key)| key).filter(is_left));
                sets.insert(blockhash, known);
            }
        }
        imported.take_if(|imported| !blockhashes.contains(&imported.newest));
    }
}
