//! What a transaction found and what it left, as a leaf that is judged by itself.
//!
//! ```text
//! leaf 0   opening   what the block itself writes before its first transaction
//! leaf 1   step      the first transaction, and so on
//! ```
//! Leaves are Borsh; a leaf's hash is SHA-256 over its kind (6 for an opening, 7 for a step) and
//! its bytes, and the tree over them is binary.

use lockstep_interface::{Address, Hash};
use sha2::{Digest, Sha256};

use crate::{
    merkle::{self, Node},
    wire::TransactionView,
};

/// In place of a step: the account is as the block's parent has it.
pub const PARENT: u32 = u32::MAX;

/// Bytes of an entry whose account may be written.
const ENTRY_SIZE_MAX: usize = 4 + 32 + 1 + 32;

/// The accounts that a block writes itself, sysvars, and their hashes afterwards.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Opening(pub Vec<(Address, Hash)>);

/// An account of a transaction. A hash of zeros stands for one that does not exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The leaf that wrote it last, or [`PARENT`].
    pub source: u32,
    /// Its hash before.
    pub before: Hash,
    /// Its hash afterwards, if the transaction may write it.
    pub after: Option<Hash>,
}

/// A transaction with its outcome.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// The transaction with its signatures.
    pub transaction: Vec<u8>,
    /// Its receipt, as [`receipts_hash`](crate::block::receipts_hash) takes it.
    pub receipt: Vec<u8>,
    /// Its accounts in message order.
    pub entries: Vec<Entry>,
}

impl Opening {
    pub(super) fn encode(&self) -> Vec<u8> {
        let pairs = self.0.iter();
        let pairs = pairs.map(|(address, hash)| (address.to_bytes(), hash.to_bytes()));
        let pairs: Vec<([u8; 32], [u8; 32])> = pairs.collect();
        borsh::to_vec(&pairs).expect("a vector takes any bytes")
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let pairs: Vec<([u8; 32], [u8; 32])> = borsh::from_slice(bytes).ok()?;
        let pairs = pairs
            .into_iter()
            .map(|(address, hash)| (Address::new_from_array(address), Hash::new_from_array(hash)));
        Some(Self(pairs.collect()))
    }

    /// What it leaves of an account.
    pub fn written(&self, address: &Address) -> Option<Hash> {
        let mut pairs = self.0.iter();
        pairs.find_map(|(written, hash)| (written == address).then_some(*hash))
    }
}

type Fields = (Vec<u8>, Vec<u8>, Vec<(u32, [u8; 32], Option<[u8; 32]>)>);

impl Step {
    /// The bytes of its leaf.
    pub fn encode(&self) -> Vec<u8> {
        let mut leaf = Vec::new();
        let entries = self.entries.iter().copied();
        append_leaf(&self.transaction, &self.receipt, entries, &mut leaf);
        leaf
    }

    /// The step of a leaf; `None` if it cannot be read.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (transaction, receipt, entries): Fields = borsh::from_slice(bytes).ok()?;
        let entries = entries.into_iter().map(|(source, before, after)| Entry {
            source,
            before: Hash::new_from_array(before),
            after: after.map(Hash::new_from_array),
        });
        Some(Self {
            transaction,
            receipt,
            entries: entries.collect(),
        })
    }

    /// Its transaction; `None` if it is none that can be settled: no transaction at all, or one
    /// that takes accounts out of lookup tables, or has not as many as the step.
    pub(super) fn view(&self) -> Option<TransactionView<'_>> {
        let view = TransactionView::parse(&self.transaction).ok()?;
        let has_all = view.lookups().next().is_none();
        (has_all && view.static_keys().len() == self.entries.len()).then_some(view)
    }

    /// The address of an account.
    pub fn address(&self, account: usize) -> Option<Address> {
        self.view()?.static_key(account)
    }

    /// What it leaves of an account.
    pub fn written(&self, address: &Address) -> Option<Hash> {
        let view = self.view()?;
        let mut keys = view.static_keys().iter().zip(&self.entries);
        keys.find_map(|(key, entry)| entry.after.filter(|_| key == address.as_array()))
    }
}

/// Appends the leaf of a step.
pub(super) fn append_leaf(
    transaction: &[u8],
    receipt: &[u8],
    entries: impl ExactSizeIterator<Item = Entry>,
    leaf: &mut Vec<u8>,
) {
    let list = |leaf: &mut Vec<u8>, length: usize| {
        let length = u32::try_from(length).expect("a transaction is far below 4 GiB");
        leaf.extend(length.to_le_bytes());
    };
    let entries_size = entries.len().saturating_mul(ENTRY_SIZE_MAX);
    let lists = [transaction.len(), receipt.len(), entries_size, 3 * 4];
    leaf.reserve(lists.into_iter().fold(0, usize::saturating_add));
    for part in [transaction, receipt] {
        list(leaf, part.len());
        leaf.extend_from_slice(part);
    }
    list(leaf, entries.len());
    for entry in entries {
        leaf.extend_from_slice(&entry.source.to_le_bytes());
        leaf.extend_from_slice(entry.before.as_bytes());
        leaf.push(u8::from(entry.after.is_some()));
        if let Some(after) = &entry.after {
            leaf.extend_from_slice(after.as_bytes());
        }
    }
}

/// The hash of a leaf at a position.
pub(super) fn leaf_hash(position: u32, bytes: &[u8]) -> Node {
    let kind = if position == 0 {
        merkle::OPENING
    } else {
        merkle::STEP
    };
    Sha256::new_with_prefix([kind])
        .chain_update(bytes)
        .finalize()
        .into()
}
