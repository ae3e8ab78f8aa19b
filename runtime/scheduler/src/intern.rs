//! Turns 32-byte addresses into dense account ids: the one place where a block's addresses are
//! hashed and compared. From here on an account is an array position.
//!
//! ```text
//! slots (8 bytes each)            keys (32 bytes each, in order of first appearance)
//! [ tag | id+base ] ---- id ----> [ address 0 ][ address 1 ][ address 2 ] ..
//! ```
//!
//! A look-up that misses touches one slot; one that hits touches one slot and one key. Ids
//! depend on the order of the calls alone, never on the hash, so a seeded hash cannot leak into
//! a plan.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "slot positions are masked by the table size, and ids are bounded by AccountIndex::MAX"
)]

use ahash::RandomState;

use crate::ids::{AccountIndex, narrow};

/// Size of the smallest table; a power of two. A block of one transaction has few accounts.
const SLOT_COUNT_MIN: usize = 1 << 4;

#[derive(Clone, Copy, Default)]
struct Slot {
    /// The upper half of the hash.
    tag: u32,
    /// The id plus the table's base plus one; at most the base for an entry of an earlier block.
    stamp: u32,
}

/// A block-local table from addresses to dense ids, in order of first appearance.
///
/// Clearing takes constant time and keeps the memory, so one interner serves block after block.
///
/// ```
/// use lockstep_scheduler::{AccountIndex, Interner};
///
/// let mut interner = Interner::new();
/// let (alice, bob) = ([1; 32], [2; 32]);
/// let hash = interner.hash(&alice);
/// assert_eq!(interner.intern(&alice, hash), AccountIndex(0));
/// let hash = interner.hash(&bob);
/// assert_eq!(interner.intern(&bob, hash), AccountIndex(1));
/// assert_eq!(interner.keys(), [alice, bob]);
/// ```
pub struct Interner {
    slots: Vec<Slot>,
    keys: Vec<[u8; 32]>,
    /// Stamps up to here belong to earlier blocks, so their slots count as empty.
    base: u32,
    hasher: RandomState,
}

impl Interner {
    /// An empty interner with a hash seeded at random, so that no client can choose addresses that
    /// collide.
    pub fn new() -> Self {
        Self::with_hasher(RandomState::new())
    }

    /// An empty interner with a given hash: several interners may share the hashes that an
    /// earlier stage computed.
    pub fn with_hasher(hasher: RandomState) -> Self {
        Self::with_capacity(0, hasher)
    }

    /// An empty interner with a given hash, and memory for as many addresses.
    pub fn with_capacity(address_count: usize, hasher: RandomState) -> Self {
        // At three quarters the table would grow.
        let slot_count = (address_count.saturating_add(1))
            .saturating_mul(4)
            .div_ceil(3)
            .next_power_of_two()
            .max(SLOT_COUNT_MIN);
        Self {
            slots: vec![Slot::default(); slot_count],
            keys: Vec::with_capacity(address_count),
            base: 0,
            hasher,
        }
    }

    /// Forgets all addresses and keeps the memory. Constant time.
    pub fn clear(&mut self) {
        let used = narrow(self.keys.len());
        self.keys.clear();
        match self.base.checked_add(used) {
            // Every stamp of the next block, at most base + MAX + 1, must fit.
            Some(base) if base < u32::MAX - AccountIndex::MAX.0 => self.base = base,
            _ => {
                self.slots.fill(Slot::default());
                self.base = 0;
            }
        }
    }

    /// The hash of an address; give it to [`Interner::intern`] and [`Interner::get`].
    #[inline]
    pub fn hash(&self, key: &[u8; 32]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The id of an address, a new one if it was not seen since the last [`Interner::clear`].
    ///
    /// Any function of the address serves as `hash`, as long as it is the same function for the
    /// whole block; a bad one costs time, never correctness. Constant time on average.
    ///
    /// # Panics
    /// With more than [`AccountIndex::MAX`] distinct addresses.
    #[inline]
    pub fn intern(&mut self, key: &[u8; 32], hash: u64) -> AccountIndex {
        // Three quarters full at most, so probes stay short and always end.
        if self.keys.len() >= self.slots.len() / 4 * 3 {
            self.grow();
        }
        match self.probe(key, hash) {
            Ok(id) => id,
            Err(position) => {
                let id = AccountIndex(narrow(self.keys.len()));
                assert!(id <= AccountIndex::MAX, "a block has at most 2^30 accounts");
                self.slots[position] = Slot {
                    tag: tag(hash),
                    stamp: self.base + id.0 + 1,
                };
                self.keys.push(*key);
                id
            }
        }
    }

    /// The id of an address that was interned before.
    #[inline]
    pub fn get(&self, key: &[u8; 32], hash: u64) -> Option<AccountIndex> {
        self.probe(key, hash).ok()
    }

    /// All addresses; the position is the id.
    #[inline]
    pub fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    /// All addresses; the position is the id. Ends the interner.
    pub fn into_keys(self) -> Vec<[u8; 32]> {
        self.keys
    }

    /// The number of distinct addresses.
    #[inline]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no address was interned since the last [`Interner::clear`].
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The id of the address, or the slot where it belongs.
    #[inline]
    fn probe(&self, key: &[u8; 32], hash: u64) -> Result<AccountIndex, usize> {
        let tag = tag(hash);
        let mask = self.slots.len() - 1;
        let mut position = home(tag, self.slots.len());
        loop {
            let slot = self.slots[position];
            if slot.stamp <= self.base {
                return Err(position);
            }
            let id = slot.stamp - self.base - 1;
            if slot.tag == tag && self.keys[id as usize] == *key {
                return Ok(AccountIndex(id));
            }
            position = (position + 1) & mask;
        }
    }

    /// Doubles the table. A slot's home follows from its tag, so no address is hashed again.
    #[cold]
    fn grow(&mut self) {
        let slot_count = self.slots.len() * 2;
        let mut slots = vec![Slot::default(); slot_count];
        for slot in self.slots.iter().filter(|slot| slot.stamp > self.base) {
            let mut position = home(slot.tag, slot_count);
            while slots[position].stamp > self.base {
                position = (position + 1) & (slot_count - 1);
            }
            slots[position] = *slot;
        }
        self.slots = slots;
    }
}

impl Default for Interner {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Interner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interner")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The 32 bits of a hash that a slot keeps. The multiplication spreads a caller's hash whose
/// upper bits say little.
#[inline]
fn tag(hash: u64) -> u32 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 / golden ratio, made odd
    let [_, _, _, _, a, b, c, d] = hash.wrapping_mul(SPREAD).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The slot at which a probe for the tag begins: the tag's upper bits.
#[inline]
fn home(tag: u32, slot_count: usize) -> usize {
    (tag as usize * slot_count) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> [u8; 32] {
        let mut key = [7; 32];
        key[..4].copy_from_slice(&number.to_le_bytes());
        key
    }

    /// Interns 5,000 addresses twice in each of three blocks and looks one past the end up.
    fn check_with(hash_of: impl Fn(&Interner, &[u8; 32]) -> u64) {
        let mut interner = Interner::new();
        for block in 0..3 {
            assert!(interner.is_empty());
            for round in 0..2 {
                for number in 0..5_000 {
                    let key = key(number * 3 + block);
                    let hash = hash_of(&interner, &key);
                    assert_eq!(interner.intern(&key, hash), AccountIndex(number), "{round}");
                }
            }
            assert_eq!(interner.len(), 5_000);
            assert_eq!(interner.keys()[4_999], key(4_999 * 3 + block));
            let stranger = key(1_000_000);
            assert_eq!(interner.get(&stranger, hash_of(&interner, &stranger)), None);
            interner.clear();
        }
    }

    #[test]
    fn ids_follow_first_appearance_block_after_block() {
        check_with(Interner::hash);
    }

    #[test]
    fn ids_do_not_depend_on_the_hash() {
        check_with(|_, _| 0);
        check_with(|_, key| u64::from(key[0]));
        check_with(|_, key| u64::from(u32::from_le_bytes([key[0], key[1], key[2], key[3]])));
    }

    #[test]
    fn a_worn_out_base_starts_again() {
        let mut interner = Interner::new();
        interner.intern(&key(1), 1);
        interner.base = u32::MAX - AccountIndex::MAX.0 - 2;
        interner.slots.fill(Slot::default());
        interner.keys.clear();
        for number in 0..2 {
            assert_eq!(interner.intern(&key(number), 5), AccountIndex(number));
        }
        interner.clear();
        assert_eq!(interner.base, 0);
        assert_eq!(interner.get(&key(0), 5), None);
        assert_eq!(interner.intern(&key(1), 5), AccountIndex(0));
    }
}
