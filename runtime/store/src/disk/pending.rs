//! What committed blocks changed and the accounts on the medium do not have yet.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use lockstep_interface::{Account, Address};

use super::layout::ENTRY_SIZE;
use crate::Change;

/// What one block changed.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) slot: u64,
    /// In strictly ascending order of addresses.
    changes: Vec<Change>,
    size: usize,
}

impl Run {
    /// That of a block; `changes` are in strictly ascending order of addresses.
    pub(super) fn new(slot: u64, changes: Vec<Change>) -> Self {
        let sizes = changes.iter().map(|(_, account)| account.data.len());
        let size = sizes.fold(
            changes.len().saturating_mul(ENTRY_SIZE),
            usize::saturating_add,
        );
        Self {
            slot,
            changes,
            size,
        }
    }
}

/// The runs of the newest blocks, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    runs: VecDeque<Arc<Run>>,
    size: usize,
}

impl Pending {
    /// Adds the next block's.
    pub(super) fn push(&mut self, run: Run) {
        self.size = self.size.saturating_add(run.size);
        self.runs.push_back(Arc::new(run));
    }

    /// Takes out the runs up to a slot.
    pub(super) fn forget(&mut self, slot: u64) {
        while let Some(run) = self.runs.pop_front_if(|run| run.slot <= slot) {
            self.size = self.size.saturating_sub(run.size);
        }
    }

    /// The bytes that its changes take on the medium.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The slot of the newest run.
    pub(super) fn newest(&self) -> Option<u64> {
        self.runs.back().map(|run| run.slot)
    }

    /// The slots of the runs.
    pub(super) fn slots(&self) -> impl Iterator<Item = u64> {
        self.runs.iter().map(|run| run.slot)
    }

    /// The account at an address, if a run has it. O(runs x log changes).
    pub(super) fn get(&self, address: &Address) -> Option<&Account> {
        self.runs.iter().rev().find_map(|run| {
            let place = run.changes.binary_search_by(|(key, _)| key.cmp(address));
            place.ok().map(|place| &run.changes[place].1)
        })
    }

    /// The newest change of each account behind an address up to another, in order.
    pub(super) fn range(
        &self,
        after: Option<&Address>,
        end: Option<&Address>,
    ) -> BTreeMap<&Address, &Account> {
        let runs = self.runs.iter().flat_map(|run| {
            let start = after.map_or(0, |after| {
                run.changes.partition_point(|(key, _)| key <= after)
            });
            let changes = run.changes[start..].iter();
            changes.take_while(move |(key, _)| end.is_none_or(|end| key <= end))
        });
        runs.map(|(address, account)| (address, account)).collect()
    }

    /// The newest change of each account, in order. O(changes x log changes).
    pub(super) fn merged(&self) -> Vec<&Change> {
        let newest_first = self.runs.iter().rev().flat_map(|run| &run.changes);
        let mut changes: Vec<(u64, &Change)> = newest_first
            .map(|change| (beginning(&change.0), change))
            .collect();
        // A stable sort keeps the newest change of an account before the others.
        changes.sort_by(|(one_beginning, one), (other_beginning, other)| {
            one_beginning
                .cmp(other_beginning)
                .then_with(|| one.0.cmp(&other.0))
        });
        changes.dedup_by(|(_, later), (_, kept)| later.0 == kept.0);
        changes.into_iter().map(|(_, change)| change).collect()
    }
}

/// The first bytes of an address, whose order is that of addresses; most differ in them.
fn beginning(address: &Address) -> u64 {
    #[expect(
        clippy::big_endian_bytes,
        reason = "the order of bytes is that of addresses"
    )]
    address
        .as_array()
        .first_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: u8, lamports: u64) -> Change {
        (
            Address::new_from_array([number; 32]),
            Account::wallet(lamports),
        )
    }

    #[test]
    fn the_newest_change_of_an_account_counts() {
        let mut pending = Pending::default();
        pending.push(Run::new(1, vec![change(1, 1), change(2, 1), change(5, 1)]));
        pending.push(Run::new(2, vec![change(2, 2), change(3, 2)]));
        pending.push(Run::new(4, vec![change(3, 0), change(9, 4)]));
        let all = [
            change(1, 1),
            change(2, 2),
            change(3, 0),
            change(5, 1),
            change(9, 4),
        ];
        assert_eq!(pending.merged(), all.iter().collect::<Vec<_>>());
        assert!(
            all.iter()
                .all(|(key, account)| pending.get(key) == Some(account))
        );
        assert_eq!(pending.get(&change(4, 0).0), None);
        let (after, end) = (change(1, 0).0, change(5, 0).0);
        let range = pending.range(Some(&after), Some(&end));
        let expected = all[1..4].iter().map(|(key, account)| (key, account));
        assert_eq!(range, expected.collect());
        assert_eq!(pending.range(None, None).len(), 5);

        let size = pending.size();
        pending.forget(2);
        assert_eq!(pending.slots().collect::<Vec<_>>(), [4]);
        assert_eq!(pending.newest(), Some(4));
        assert_eq!(pending.get(&change(2, 0).0), None);
        assert!(0 < pending.size() && pending.size() < size);
        pending.forget(9);
        assert_eq!((pending.size(), pending.newest()), (0, None));
    }
}
