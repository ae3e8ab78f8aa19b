//! What transactions cost, learned from those that were executed.
//!
//! ```text
//! parent's table -> estimates -> plan -> receipts -> learn -> this bank's table
//! ```
//!
//! A transaction's *kind* is made of its instructions' programs and of the first bytes of their
//! data: those that, by the program, tell its instructions apart. The table holds the mean of the
//! compute units that transactions of a kind have used, recent blocks counting more. It is a
//! function of the parent's table and of the block's receipts: sums over a block do not depend on
//! its order, and so neither on plan nor threads.
//!
//! Estimates shape plans and nothing else. A wrong one costs time alone.

use lockstep_interface::{Address, Hash, program::TAG_SIZE_MAX};
use sha2::{Digest, Sha256};

use crate::limits::{COST_KINDS_MAX, TRANSACTION_COST};

/// A kind that occurs once is remembered for about this many blocks, half of them at full weight.
const WEIGHT_OF_ONE: u64 = 16;
/// The most that a kind weighs: each block adds at most 2^32 transactions, and an eighth is lost.
const WEIGHT_MAX: u64 = WEIGHT_OF_ONE << 35;

/// A fingerprint of a transaction's instructions. It is the same on every machine; two kinds that
/// share one share their estimate.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct CostKind(u64);

impl CostKind {
    /// The kind of a transaction without instructions.
    pub const NOTHING: Self = Self(0);

    /// The kind of a transaction of this kind with one more instruction, of `program`, whose data
    /// begin with `tag`: as many bytes as [`Program::tag_size`](lockstep_interface::Program) says,
    /// of which at most eight count.
    #[must_use]
    pub fn and(self, program: &Address, tag: &[u8]) -> Self {
        let mut kind = self.0;
        for word in program.as_array().as_chunks().0 {
            kind = mix(kind, u64::from_le_bytes(*word));
        }
        let tag = tag.first_chunk().copied().unwrap_or_else(|| {
            let mut filled = [0; TAG_SIZE_MAX];
            filled[..tag.len()].copy_from_slice(tag);
            filled
        });
        Self(mix(kind, u64::from_le_bytes(tag)))
    }
}

/// One round of a multiplicative hash; the factor is 2^64 divided by the golden ratio.
fn mix(state: u64, word: u64) -> u64 {
    let product = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (product ^ (product >> 32)).wrapping_add(1)
}

/// The entry of one kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entry {
    kind: CostKind,
    compute_units: u64,
    /// How often it occurred, older blocks counting less.
    weight: u64,
}

/// What transactions of each kind cost, in compute units; at most [`COST_KINDS_MAX`] kinds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CostTable {
    /// In ascending order of kinds.
    entries: Vec<Entry>,
}

impl CostTable {
    /// The number of kinds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was learned yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The compute units that transactions of a kind use; `None` without recent ones.
    pub fn compute_units(&self, kind: CostKind) -> Option<u64> {
        let found = self.entries.binary_search_by_key(&kind, |entry| entry.kind);
        found.ok().map(|place| self.entries[place].compute_units)
    }

    /// The estimated cost of a transaction in cost units: [`TRANSACTION_COST`], and the compute
    /// units learned, or its limit where that is less or nothing was learned.
    pub fn estimate(&self, kind: CostKind, compute_unit_limit: u32) -> u64 {
        let limit = u64::from(compute_unit_limit);
        let learned = self.compute_units(kind).unwrap_or(limit);
        TRANSACTION_COST.saturating_add(learned.min(limit))
    }

    /// The table after a block whose included transactions used these compute units, in any
    /// order. Of a known kind the new figure is three quarters the old one and one quarter the
    /// block's mean. Beyond [`COST_KINDS_MAX`] kinds the least frequent are forgotten.
    ///
    /// O(n log n + kinds); less if there are few kinds among the transactions.
    #[must_use]
    pub fn learn(&self, mut used: Vec<(CostKind, u64)>) -> Self {
        used.sort_unstable();
        let mut known = self.entries.iter().map(faded).peekable();
        let mut entries = Vec::with_capacity(self.entries.len());
        for block in used.chunk_by(|one, other| one.0 == other.0) {
            let seen = mean(block);
            while let Some(entry) = known.next_if(|entry| entry.kind < seen.kind) {
                entries.push(entry);
            }
            let before = known.next_if(|entry| entry.kind == seen.kind);
            entries.push(before.map_or(seen, |before| blend(before, seen)));
        }
        entries.extend(known);
        entries.retain(|entry| entry.weight > 0);
        if entries.len() > COST_KINDS_MAX {
            entries.sort_unstable_by_key(|entry| (u64::MAX.wrapping_sub(entry.weight), entry.kind));
            entries.truncate(COST_KINDS_MAX);
            entries.sort_unstable_by_key(|entry| entry.kind);
        }
        Self { entries }
    }

    /// Kind, compute units and weight of each entry, as `u64`, little-endian, in ascending order
    /// of kinds.
    pub fn encode(&self) -> Vec<u8> {
        let entries = self.entries.iter();
        let numbers = entries.flat_map(|entry| [entry.kind.0, entry.compute_units, entry.weight]);
        numbers.flat_map(u64::to_le_bytes).collect()
    }

    /// The table of these bytes; `None` if they are not what [`CostTable::encode`] gives, also if a
    /// figure is larger than any that is learned.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks() else {
            return None;
        };
        let numbers: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let (triples, []) = numbers.as_chunks() else {
            return None;
        };
        let entries = triples.iter().map(|&[kind, compute_units, weight]| Entry {
            kind: CostKind(kind),
            compute_units,
            weight,
        });
        let entries: Vec<Entry> = entries.collect();
        let ascends = entries.is_sorted_by(|one, other| one.kind < other.kind);
        let can_be = |entry: &Entry| {
            entry.compute_units <= u32::MAX.into() && (1..=WEIGHT_MAX).contains(&entry.weight)
        };
        let is_table = ascends && entries.len() <= COST_KINDS_MAX && entries.iter().all(can_be);
        is_table.then_some(Self { entries })
    }

    /// SHA-256 over the encoded table.
    pub fn digest(&self) -> Hash {
        Hash::new_from_array(Sha256::digest(self.encode()).into())
    }
}

/// An entry as the next block finds it.
fn faded(entry: &Entry) -> Entry {
    let lost = entry.weight.div_ceil(8);
    Entry {
        weight: entry.weight.checked_sub(lost).expect("an eighth is less"),
        ..*entry
    }
}

/// What transactions of one kind used, as an entry.
fn mean(used: &[(CostKind, u64)]) -> Entry {
    let count = u64::try_from(used.len()).expect("a block has fewer than 2^32");
    let sum = used.iter().fold(0u64, |sum, (_, units)| {
        sum.checked_add(*units)
            .expect("a limit has 32 bits, as a block's length")
    });
    Entry {
        kind: used[0].0,
        compute_units: sum.checked_div(count).expect("a chunk is not empty"),
        weight: count
            .checked_mul(WEIGHT_OF_ONE)
            .expect("the count has 32 bits"),
    }
}

/// A known entry and what a block adds to it.
fn blend(before: Entry, seen: Entry) -> Entry {
    let parts = before.compute_units.checked_mul(3);
    let sum = parts.and_then(|parts| parts.checked_add(seen.compute_units));
    let weight = before.weight.checked_add(seen.weight);
    Entry {
        kind: seen.kind,
        compute_units: sum.expect("compute units are far from 64 bits") / 4,
        weight: weight.expect("weights stay below eight blocks' worth"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(blocks: &[&[(u64, u64)]]) -> CostTable {
        let learn = |table: CostTable, block: &&[(u64, u64)]| {
            table.learn(
                block
                    .iter()
                    .map(|used| (CostKind(used.0), used.1))
                    .collect(),
            )
        };
        blocks.iter().fold(CostTable::default(), learn)
    }

    fn units(table: &CostTable, kind: u64) -> Option<u64> {
        table.compute_units(CostKind(kind))
    }

    #[test]
    fn a_kind_has_its_mean_and_follows_slowly() {
        let learned = table(&[&[(7, 100), (3, 5), (7, 201)]]);
        assert_eq!(
            (units(&learned, 7), units(&learned, 3), units(&learned, 5)),
            (Some(150), Some(5), None)
        );
        let later = table(&[&[(7, 100), (3, 5), (7, 201)], &[(7, 550)]]);
        assert_eq!((units(&later, 7), units(&later, 3)), (Some(250), Some(5)));
    }

    #[test]
    fn the_order_of_a_block_does_not_matter() {
        let [one, other] = [
            [(1, 8), (2, 4), (1, 3), (2, 9)],
            [(2, 9), (1, 3), (2, 4), (1, 8)],
        ];
        let first: &[_] = &[(1, 70), (4, 1)];
        let (one, other) = (table(&[first, &one]), table(&[first, &other]));
        assert_eq!((&one, one.digest()), (&other, other.digest()));
        assert_ne!(one.digest(), table(&[first]).digest());
        assert_eq!(CostTable::decode(&one.encode()), Some(one.clone()));
        assert_eq!(CostTable::decode(&one.encode()[1..]), None);
        assert_eq!(CostTable::decode(&one.encode().repeat(2)), None);
    }

    #[test]
    fn what_does_not_come_again_is_forgotten() {
        let mut blocks: Vec<&[(u64, u64)]> = vec![&[(1, 8), (2, 4), (2, 4), (2, 4)]];
        let mut kinds_left = Vec::new();
        while kinds_left.last() != Some(&0) {
            kinds_left.push(table(&blocks).len());
            blocks.push(&[]);
        }
        assert!(
            kinds_left.is_sorted_by(|a, b| a >= b) && kinds_left.contains(&1),
            "{kinds_left:?}"
        );
        assert!((10..30).contains(&kinds_left.len()), "{kinds_left:?}");
    }

    #[test]
    fn the_least_frequent_kinds_make_room() {
        let common = [(u64::MAX, 9), (u64::MAX, 9)];
        let rare = |count: usize| (0..).map(|kind| (kind, 1)).take(count);
        for (count, lost) in [(COST_KINDS_MAX - 1, None), (COST_KINDS_MAX, Some(1_023))] {
            let block: Vec<(u64, u64)> = common.into_iter().chain(rare(count)).collect();
            let table = table(&[&block]);
            assert_eq!(
                (table.len(), units(&table, u64::MAX)),
                (COST_KINDS_MAX, Some(9))
            );
            assert!(lost.is_none_or(|lost| units(&table, lost).is_none()));
            assert_eq!(units(&table, 1_022), Some(1));
        }
    }

    #[test]
    fn an_estimate_is_at_most_the_limit() {
        let table = table(&[&[(7, 100)]]);
        for (kind, limit, units) in [(7, 1_000, 100), (7, 60, 60), (8, 1_000, 1_000)] {
            assert_eq!(
                table.estimate(CostKind(kind), limit),
                TRANSACTION_COST + units
            );
        }
    }
}
