//! Which step wrote each account of each transaction last.
//!
//! ```text
//! tasks    views, hashes afterwards, paths     of neighbouring transactions, in parallel
//! shards   uses in order -> last writers       of accounts below one part of the trie, in parallel
//! tasks    steps                               again of neighbouring transactions
//! ```
//! A shard has whole buckets, so that their items are found where the last writers are.

use std::{collections::HashMap, ops::Range};

use ahash::RandomState;
use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{Change, account_hashes, key_path, key_paths};

use super::{
    DEPTH_MIN, Entry, Item, JournalError, Opening, PARENT,
    journal::hash_in,
    step::append_leaf,
    transition::{bucket_at, first_bits},
};
use crate::{
    bank::FrozenBank,
    block::{Receipt, append_receipt},
    wire::{TransactionView, WireBlock},
};

/// The first bits of a path that say which shard it is in. No bucket is in two.
const SHARD_DEPTH: u8 = 5;
/// How many shards there are.
pub(super) const SHARD_COUNT: usize = 1 << SHARD_DEPTH;
const _: () = assert!(SHARD_DEPTH <= DEPTH_MIN);

/// An account of a transaction.
struct Use<'b> {
    address: Address,
    /// The transaction's leaf.
    step: u32,
    /// The first bits of the account's path.
    path: u16,
    /// Before, if the transaction may write it.
    before: Option<&'b Account>,
    /// Afterwards, if the transaction may write it.
    after: Option<Hash>,
}

/// Some neighbouring transactions.
pub(super) struct Task<'b> {
    views: Vec<TransactionView<'b>>,
    receipts: &'b [Receipt],
    /// Their accounts.
    uses: Vec<Use<'b>>,
    /// Places among the accounts, by shard, in ascending order.
    places: Vec<Vec<u32>>,
}

impl<'b> Task<'b> {
    /// Of some transactions that have been executed.
    pub(super) fn new(
        numbers: Range<usize>,
        transactions: &'b WireBlock,
        receipts: &'b [Receipt],
    ) -> Result<Self, JournalError> {
        let receipts = &receipts[numbers.clone()];
        let mut views = Vec::with_capacity(numbers.len());
        let mut uses: Vec<Use<'b>> = Vec::with_capacity(numbers.len().saturating_mul(4));
        let mut afters = Vec::with_capacity(uses.capacity());
        for (number, receipt) in numbers.zip(receipts) {
            let view = TransactionView::parse(transactions.get(number).unwrap_or_default()).ok();
            let view = view.filter(|view| view.lookups().next().is_none());
            let view = view.ok_or(JournalError::Lookup(number))?;
            let details = receipt.details.as_ref();
            let mut written = details.map_or(&[][..], |details| &details.written).iter();
            let mut next = written.next();
            for (index, address) in (0..=u8::MAX).zip(view.static_keys()) {
                let own = next.filter(|(written, _)| *written == index);
                if let Some((_, [_, after])) = own {
                    afters.push(after);
                    next = written.next();
                }
                uses.push(Use {
                    address: Address::new_from_array(*address),
                    step: u32::try_from(number)
                        .expect("fewer than 2^32")
                        .saturating_add(1),
                    path: 0,
                    before: own.map(|(_, [before, _])| before),
                    after: own.map(|_| Hash::default()),
                });
            }
            views.push(view);
        }
        let hashes = account_hashes(&afters);
        let written = uses.iter_mut().filter_map(|one| one.after.as_mut());
        written.zip(hashes).for_each(|(after, hash)| *after = hash);
        let mut places = vec![Vec::new(); SHARD_COUNT];
        let paths = key_paths(uses.iter().map(|one| &one.address));
        for ((place, one), path) in (0..).zip(&mut uses).zip(paths) {
            one.path = first_bits(&path);
            places[shard_of(one.path)].push(place);
        }
        Ok(Self {
            views,
            receipts,
            uses,
            places,
        })
    }

    /// The leaves of its transactions; `found` is what each shard found, and `task` this one's
    /// number.
    pub(super) fn steps(&self, task: usize, shards: &[Shard]) -> Vec<Vec<u8>> {
        let nothing = (PARENT, Hash::default());
        let mut sources = vec![nothing; self.uses.len()];
        for (places, shard) in self.places.iter().zip(shards) {
            for (place, source) in places.iter().zip(&shard.sources[task]) {
                sources[*place as usize] = match *source {
                    Source::Parent { first } => (PARENT, shard.firsts[first]),
                    Source::Leaf { writer, hash } => (writer, hash),
                };
            }
        }
        let mut entries = sources.iter().zip(&self.uses).map(|(source, one)| Entry {
            source: source.0,
            before: source.1,
            after: one.after,
        });
        let mut receipt = Vec::with_capacity(32);
        let transactions = self.views.iter().zip(self.receipts);
        let steps = transactions.map(|(view, own)| {
            receipt.clear();
            append_receipt(own, &mut receipt);
            let mut leaf = Vec::new();
            let entries = entries.by_ref().take(view.static_keys().len());
            append_leaf(view.bytes(), &receipt, entries, &mut leaf);
            leaf
        });
        steps.collect()
    }
}

/// Where a transaction has an account from.
#[derive(Clone, Copy)]
enum Source {
    /// The parent has it so; the shard's first uses have its hash.
    Parent { first: usize },
    /// A leaf left it so.
    Leaf { writer: u32, hash: Hash },
}

/// What is known of the accounts below one part of the trie.
pub(super) struct Shard {
    /// For each task, where it has each of its accounts from that are in this shard.
    sources: Vec<Vec<Source>>,
    /// Accounts of the parent, as hashes.
    firsts: Vec<Hash>,
    /// Those of them that no transaction writes when it first uses them.
    pub(super) read: Vec<Change>,
    /// What was written, by bucket.
    pub(super) buckets: Vec<Vec<Item>>,
}

impl Shard {
    /// Passes all uses of the accounts in a shard, in the order of the block.
    pub(super) fn pass(
        number: usize,
        tasks: &[Task<'_>],
        opening: &Opening,
        parent: &FrozenBank,
        depth: u8,
    ) -> Result<Self, JournalError> {
        let sizes = tasks.iter().map(|task| task.places[number].len());
        let size = sizes.sum::<usize>().saturating_add(opening.0.len());
        let mut last: HashMap<&Address, (u16, Source), RandomState> =
            HashMap::with_capacity_and_hasher(size, RandomState::new());
        for (address, hash) in &opening.0 {
            let (path, hash) = (first_bits(&key_path(address)), *hash);
            if shard_of(path) == number {
                last.insert(address, (path, Source::Leaf { writer: 0, hash }));
            }
        }
        let mut firsts: Vec<&Use<'_>> = Vec::with_capacity(size);
        let sources = tasks.iter().map(|task| {
            let uses = task.places[number].iter();
            let uses = uses.map(|place| &task.uses[*place as usize]);
            let sources = uses.map(|one| {
                let first = firsts.len();
                let (_, last) = last.entry(&one.address).or_insert_with(|| {
                    firsts.push(one);
                    (one.path, Source::Parent { first })
                });
                let source = *last;
                if let Some(hash) = one.after {
                    let writer = one.step;
                    *last = Source::Leaf { writer, hash };
                }
                source
            });
            sources.collect()
        });
        let sources = sources.collect();
        let read = read(&firsts, parent)?;
        let mut loaded = read.iter().map(|(_, account)| account);
        let accounts = firsts.iter();
        let accounts = accounts.filter_map(|first| first.before.or_else(|| loaded.next()));
        let firsts = account_hashes(&accounts.collect::<Vec<_>>());
        let mut buckets = vec![Vec::new(); 1 << depth.saturating_sub(SHARD_DEPTH)];
        let before = number << depth.saturating_sub(SHARD_DEPTH);
        let written = last.into_iter().filter_map(|(address, (path, last))| {
            let Source::Leaf { writer, hash } = last else {
                return None;
            };
            let item = Item {
                address: *address,
                after: hash,
                writer,
            };
            Some((bucket_at(path, depth).saturating_sub(before), item))
        });
        written.for_each(|(place, item)| buckets[place].push(item));
        let sorted = buckets.iter_mut();
        sorted.for_each(|bucket: &mut Vec<Item>| bucket.sort_unstable());
        Ok(Self {
            sources,
            firsts,
            read,
            buckets,
        })
    }
}

/// The accounts that these uses do not have, as the parent has them.
fn read(firsts: &[&Use<'_>], parent: &FrozenBank) -> Result<Vec<Change>, JournalError> {
    let unknown = firsts.iter().filter(|first| first.before.is_none());
    let addresses: Vec<Address> = unknown.map(|first| first.address).collect();
    let mut accounts = vec![Account::default(); addresses.len()];
    parent.load(&addresses, &mut accounts)?;
    let trie = parent.trie().ok_or(JournalError::NoStateRoot)?;
    let hashes = account_hashes(&accounts.iter().collect::<Vec<_>>());
    for (address, hash) in addresses.iter().zip(hashes) {
        // A bank whose child is final has the accounts of that child.
        if hash_in(trie, address)? != hash {
            return Err(JournalError::Superseded(*address));
        }
    }
    Ok(addresses.into_iter().zip(accounts).collect())
}

fn shard_of(path: u16) -> usize {
    bucket_at(path, SHARD_DEPTH)
}
