//! What was found out about the keys of signers before.
//!
//! Most signers sign again before long. Decoding a key of ed25519 takes a square root, a quarter of
//! the work for a signature; a key of another scheme is decoded and held against its address, which
//! takes a square root and two hashes of a kilobyte.

use std::{collections::HashMap, fmt};

use ahash::RandomState;
use lockstep_store::sync::Shared;

use crate::wire::limits::ADDRESS_SIZE;

const SHARD_COUNT: usize = 256;

/// For look-up only.
type Table<V> = HashMap<[u8; ADDRESS_SIZE], V, RandomState>;

/// The newest signers and what is known of each, up to a number; shared between threads.
pub(super) struct KeyCache<V> {
    /// By the first byte of the address.
    shards: Box<[Shared<Shard<V>>]>,
    /// Signers of one generation of a shard.
    generation_size: usize,
}

/// Once the young ones reach their maximum, they become the old ones.
struct Shard<V> {
    young: Table<V>,
    old: Table<V>,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self {
            young: Table::default(),
            old: Table::default(),
        }
    }
}

impl<V> fmt::Debug for KeyCache<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("KeyCache");
        shown.field("generation_size", &self.generation_size);
        shown.finish_non_exhaustive()
    }
}

impl<V: Clone> KeyCache<V> {
    /// Room for about `count` signers.
    pub(super) fn new(count: usize) -> Self {
        Self {
            shards: (0..SHARD_COUNT).map(|_| Shared::default()).collect(),
            generation_size: (count / 2) / SHARD_COUNT,
        }
    }

    /// What is known of a signer, or else what `make` finds out; `None` if that is nothing.
    pub(super) fn get_or(
        &self,
        address: &[u8; ADDRESS_SIZE],
        make: impl FnOnce() -> Option<V>,
    ) -> Option<V> {
        if self.generation_size == 0 {
            return make();
        }
        let shard = &self.shards[usize::from(address[0])];
        let known = {
            let shard = shard.read();
            if let Some(value) = shard.young.get(address) {
                return Some(value.clone());
            }
            shard.old.get(address).cloned()
        };
        let value = known.or_else(make)?;
        let mut shard = shard.write();
        if shard.young.len() >= self.generation_size {
            // The old generation is dropped, and its memory is used again.
            let Shard { young, old } = &mut *shard;
            std::mem::swap(young, old);
            young.clear();
        }
        shard.young.insert(*address, value.clone());
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::edwards::CompressedEdwardsY;

    use super::*;

    #[test]
    fn a_key_has_the_same_point_however_often_it_is_asked_for() {
        let keys = (0..=255u8).flat_map(|first| (0..8u8).map(move |last| (first, last)));
        let keys: Vec<[u8; ADDRESS_SIZE]> = keys
            .map(|(first, last)| {
                let mut key = [last; ADDRESS_SIZE];
                key[0] = first % 4;
                key[1] = first;
                key
            })
            .collect();
        for size in [0, 1_024, 1 << 20] {
            let cache = KeyCache::new(size);
            for key in keys.iter().chain(&keys).chain(keys.iter().rev()) {
                let point = || CompressedEdwardsY(*key).decompress();
                assert_eq!(cache.get_or(key, point), point());
            }
            for shard in &cache.shards {
                let shard = shard.read();
                assert!(shard.young.len() <= cache.generation_size);
                assert!(shard.old.len() <= cache.generation_size);
            }
        }
    }
}
