//! What blocks that are not final have changed, in few sorted runs however many blocks there are.
//!
//! Each block adds a run of its own. Eight neighbouring runs of equally many blocks become one, as
//! in a log-structured merge tree: `n` blocks make at most `7 log8 n + 8` runs, and each change is
//! copied `log8 n` times.
//!
//! A run stays right while the blocks in it become final one by one: the store then says the same
//! of an account that the run's older blocks changed, and the run goes first.

use std::sync::Arc;

use lockstep_interface::{Account, Address};
use lockstep_store::Change;

/// Runs of one size that become one.
const MERGED_COUNT: usize = 8;

/// What some neighbouring blocks changed.
#[derive(Clone, Debug)]
struct Run {
    block_count: usize,
    newest_slot: u64,
    /// In strictly ascending order of addresses.
    changes: Arc<Vec<Change>>,
}

/// The runs of a bank and its ancestors, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers(Vec<Run>);

impl Layers {
    /// Those of a block on these: `changes` are in strictly ascending order of addresses. Runs that
    /// ended by `final_slot` are in the store and left out.
    #[must_use]
    pub(super) fn with(&self, slot: u64, changes: Arc<Vec<Change>>, final_slot: u64) -> Self {
        let unfinal = self.0.iter().filter(|run| run.newest_slot > final_slot);
        let mut runs: Vec<Run> = unfinal.cloned().collect();
        runs.push(Run {
            block_count: 1,
            newest_slot: slot,
            changes,
        });
        while let Some(first) = runs.len().checked_sub(MERGED_COUNT)
            && runs[first].block_count == runs[runs.len().saturating_sub(1)].block_count
        {
            let merged = merge(&runs[first..]);
            runs.truncate(first);
            runs.push(merged);
        }
        Self(runs)
    }

    /// The account at an address, if a block changed it.
    pub(super) fn get(&self, address: &Address) -> Option<&Account> {
        self.0.iter().rev().find_map(|run| {
            let place = run.changes.binary_search_by(|(key, _)| key.cmp(address));
            place.ok().map(|place| &run.changes[place].1)
        })
    }

    /// Number of runs.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

/// One run of neighbouring ones, oldest first.
fn merge(runs: &[Run]) -> Run {
    let newest_first = runs.iter().rev().flat_map(|run| run.changes.iter());
    let mut changes: Vec<Change> = newest_first.cloned().collect();
    // A stable sort keeps an account's newest change before the others.
    changes.sort_by_key(|(address, _)| *address);
    changes.dedup_by_key(|(address, _)| *address);
    Run {
        block_count: runs.iter().map(|run| run.block_count).sum(),
        newest_slot: runs.last().map_or(0, |run| run.newest_slot),
        changes: Arc::new(changes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> Address {
        Address::new_from_array([number; 32])
    }

    /// The accounts that a block of this slot changes, of twenty.
    fn changed(slot: u64) -> impl Iterator<Item = u8> {
        let step = slot.rem_euclid(7).saturating_add(1);
        (0..20u8).filter(move |number| u64::from(*number).is_multiple_of(step))
    }

    /// The block gives each of them its slot in lamports.
    fn changes(slot: u64) -> Arc<Vec<Change>> {
        let changes = changed(slot).map(|number| (address(number), Account::wallet(slot)));
        Arc::new(changes.collect())
    }

    #[test]
    fn the_newest_change_of_an_account_counts_and_runs_stay_few() {
        let mut layers = Layers::default();
        let mut expected = [None; 20];
        for slot in 1..=5_000u64 {
            layers = layers.with(slot, changes(slot), 0);
            for number in changed(slot) {
                expected[usize::from(number)] = Some(slot);
            }
            for (number, expected) in (0..).zip(&expected) {
                let found = layers.get(&address(number));
                assert_eq!(found.map(|account| account.lamports), *expected);
            }
            assert!(layers.len() <= 35, "{} runs at slot {slot}", layers.len());
        }
        assert_eq!(layers.get(&address(20)), None);
    }

    #[test]
    fn final_runs_are_left_out_once_all_of_their_blocks_are_final() {
        let mut layers = Layers::default();
        for slot in 1..=8 {
            layers = layers.with(slot, changes(slot), 0);
        }
        assert_eq!(layers.len(), 1);
        let kept = layers.with(9, changes(9), 7);
        assert_eq!(kept.len(), 2);
        assert_eq!(
            kept.get(&address(0)).map(|account| account.lamports),
            Some(9)
        );
        let left = layers.with(9, changes(9), 8);
        assert_eq!(left.len(), 1);
        assert_eq!(left.get(&address(1)), None);
    }
}
