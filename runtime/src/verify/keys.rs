//! The points of keys that were decoded before.
//!
//! Decoding a key takes a square root, a quarter of the work for a signature. Most signers sign
//! again before long.

use std::{collections::HashMap, fmt};

use ahash::RandomState;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use lockstep_store::sync::Shared;

use crate::wire::limits::ADDRESS_SIZE;

const SHARD_COUNT: usize = 256;

/// For look-up only.
type Points = HashMap<[u8; ADDRESS_SIZE], EdwardsPoint, RandomState>;

/// The newest keys and their points, up to a number; shared between threads.
pub(super) struct KeyCache {
    /// By the first byte of the key.
    shards: Box<[Shared<Shard>]>,
    /// Keys of one generation of a shard.
    generation_size: usize,
}

/// Once the young ones reach their maximum, they become the old ones.
#[derive(Default)]
struct Shard {
    young: Points,
    old: Points,
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("KeyCache");
        shown.field("generation_size", &self.generation_size);
        shown.finish_non_exhaustive()
    }
}

impl KeyCache {
    /// Room for about `key_count` keys.
    pub(super) fn new(key_count: usize) -> Self {
        Self {
            shards: (0..SHARD_COUNT).map(|_| Shared::default()).collect(),
            generation_size: (key_count / 2) / SHARD_COUNT,
        }
    }

    /// The point of a key; `None` if it has none.
    pub(super) fn decode(&self, key: &[u8; ADDRESS_SIZE]) -> Option<EdwardsPoint> {
        let decode = || CompressedEdwardsY(*key).decompress();
        if self.generation_size == 0 {
            return decode();
        }
        let shard = &self.shards[usize::from(key[0])];
        let known = {
            let shard = shard.read();
            if let Some(point) = shard.young.get(key) {
                return Some(*point);
            }
            shard.old.get(key).copied()
        };
        let point = known.or_else(decode)?;
        let mut shard = shard.write();
        if shard.young.len() >= self.generation_size {
            // The old generation is dropped, and its memory is used again.
            let Shard { young, old } = &mut *shard;
            std::mem::swap(young, old);
            young.clear();
        }
        shard.young.insert(*key, point);
        Some(point)
    }
}

#[cfg(test)]
mod tests {
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
                let expected = CompressedEdwardsY(*key).decompress();
                assert_eq!(cache.decode(key), expected);
            }
            for shard in &cache.shards {
                let shard = shard.read();
                assert!(shard.young.len() <= cache.generation_size);
                assert!(shard.old.len() <= cache.generation_size);
            }
        }
    }
}
