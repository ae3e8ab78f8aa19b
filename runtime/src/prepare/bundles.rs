//! Bundles of a block: which transactions are one, and what their accesses are.
//!
//! ```text
//! transaction   0        1          2          3
//! bundle                 [---------------------]
//! declares      W a      W b, R c   W c        W d, R b
//! in the table  W a      -          -          W b, W c, W d    cost: that of all three
//! ```
//!
//! The last transaction of a bundle stands for all of it: in the access table it has the union of
//! their accesses and the sum of their costs, and the others have none. So planners, the checker
//! and the encoding of plans know nothing of bundles. Executors run the bundle at the place of its
//! last transaction, and skip the others.

use std::ops::RangeInclusive;

use lockstep_interface::{Address, TransactionError};
use lockstep_scheduler::{Access, AccessTable, TransactionIndex};

use super::sanitize::SanitizedChunk;
use crate::{bank::ProcessedSet, limits::ACCOUNT_LOCKS_MAX, wire::BundleRange};

/// The bundles of a block that are whole.
#[derive(Debug)]
pub(crate) struct Bundles {
    /// By position in the wire block.
    ranges: Vec<BundleRange>,
    /// In ascending order of indices.
    members: Vec<Member>,
}

/// A transaction of a bundle.
#[derive(Debug)]
struct Member {
    index: TransactionIndex,
    /// The bundle's first.
    first: TransactionIndex,
    is_last: bool,
    cost: u64,
    /// In message order.
    accesses: Vec<Access>,
}

/// What an executor does where a plan names a transaction.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// It runs the transaction.
    Alone,
    /// It runs these, one after the other.
    Bundle(RangeInclusive<u32>),
    /// Nothing: the bundle's last transaction stands for this one.
    Void,
}

/// The bundle that a position is in.
fn place_of(ranges: &[BundleRange], position: u32) -> Option<usize> {
    let place = ranges.partition_point(|range| range.end() <= position);
    let range = ranges.get(place)?;
    (range.start <= position).then_some(place)
}

impl Bundles {
    pub(super) fn new(ranges: &[BundleRange]) -> Self {
        Self {
            ranges: ranges.to_vec(),
            members: Vec::new(),
        }
    }

    /// Whether the block has none.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Appends the next transaction to the table, as what it stands for there.
    pub(super) fn push(
        &mut self,
        table: &mut AccessTable,
        position: u32,
        accesses: impl Iterator<Item = Access>,
        cost: u64,
    ) -> TransactionIndex {
        let Some(place) = place_of(&self.ranges, position) else {
            return table.push(accesses, cost);
        };
        let range = self.ranges[place];
        let index = u32::try_from(table.transaction_count()).expect("indices have 32 bits");
        // Only whole bundles are left, so that their members are neighbours here too.
        let rank = position.checked_sub(range.start);
        let first = rank.and_then(|rank| index.checked_sub(rank));
        let is_last = position.checked_add(1) == Some(range.end());
        self.members.push(Member {
            index: TransactionIndex(index),
            first: TransactionIndex(first.expect("the members before are in the table")),
            is_last,
            cost,
            accesses: accesses.collect(),
        });
        if is_last {
            let start = self.members.len().saturating_sub(range.count as usize);
            let members = &self.members[start..];
            let sum = |sum: u64, member: &Member| sum.saturating_add(member.cost);
            let cost = members.iter().fold(0, sum);
            let union = members.iter().flat_map(|member| &member.accesses);
            table.push(union.copied(), cost)
        } else {
            table.push([], 0)
        }
    }

    /// The accesses of a transaction in message order, if it is in a bundle.
    pub(crate) fn accesses(&self, index: TransactionIndex) -> Option<&[Access]> {
        self.member(index).map(|member| &*member.accesses)
    }

    /// What there is to do where a plan names a transaction. O(log members).
    pub(crate) fn turn(&self, index: TransactionIndex) -> Turn {
        match self.member(index) {
            None => Turn::Alone,
            Some(member) if member.is_last => Turn::Bundle(member.first.0..=index.0),
            Some(_) => Turn::Void,
        }
    }

    fn member(&self, index: TransactionIndex) -> Option<&Member> {
        let place = self
            .members
            .binary_search_by_key(&index.0, |member| member.index.0);
        place.ok().map(|place| &self.members[place])
    }
}

/// What is left of a bundle after each transaction was judged by itself.
#[derive(Clone, Debug, Default)]
struct Rest {
    count: u32,
    locked: Vec<Address>,
}

impl Rest {
    /// Why the bundle cannot be part of the block, if it cannot: what its transactions are refused
    /// for that have no reason of their own.
    fn error(mut self, range: &BundleRange) -> Option<TransactionError> {
        self.locked.sort_unstable();
        self.locked.dedup();
        if self.count < range.count {
            Some(TransactionError::CommitCancelled)
        } else if self.locked.len() > ACCOUNT_LOCKS_MAX {
            Some(TransactionError::TooManyAccountLocks)
        } else {
            None
        }
    }
}

/// Refuses what is left of bundles that have lost a transaction, and those that lock too many
/// accounts. No transaction of a bundle only credits afterwards: what it writes is taken back if
/// another one fails.
pub(super) fn refuse_broken(
    chunks: &mut [SanitizedChunk<'_>],
    ranges: &[BundleRange],
    processed: &mut ProcessedSet,
) {
    if ranges.is_empty() {
        return;
    }
    let mut rests = vec![Rest::default(); ranges.len()];
    for chunk in &mut *chunks {
        let mut start = 0;
        for (transaction, end) in chunk.transactions.iter().zip(&chunk.key_ends) {
            let end = *end as usize;
            if let Some(place) = place_of(ranges, transaction.position) {
                let rest = &mut rests[place];
                rest.count = rest.count.saturating_add(1);
                for key in &mut chunk.keys[start..end] {
                    key.is_only_credited = false;
                    rest.locked.push(key.address);
                }
            }
            start = end;
        }
    }
    let rests = rests.into_iter().zip(ranges);
    let errors: Vec<_> = rests.map(|(rest, range)| rest.error(range)).collect();
    for chunk in chunks {
        for index in (0..chunk.transactions.len()).rev() {
            let transaction = &chunk.transactions[index];
            let place = place_of(ranges, transaction.position);
            if let Some(error) = place.and_then(|place| errors[place].clone()) {
                processed.remove(&transaction.message_key());
                chunk.refuse(index, error);
            }
        }
    }
}
