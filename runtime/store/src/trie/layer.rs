//! All nodes of a trie at one depth.
//!
//! ```text
//! depth 0            o             a layer has a node for every beginning of a path, in order:
//!                   / \            the subtree below it, the lone leaf of it wherever that stands,
//! depth 1          o   \           or 32 zero bytes; so the layer above is made of neighbours
//! depth 2         L1 L2 L3 ..      (`merge_nodes`), and the layer at depth 0 is the root
//! ```

use lockstep_interface::Hash;

use super::{
    Parallel, SHARD_COUNT, SHARD_DEPTH, Trie,
    arena::{Arena, Link, Node},
    hash::{Bytes, TERMINATOR, as_internal, bit, is_fork, parent},
    unreadable,
};
use crate::{StoreError, sha256::hash_pairs};

/// The deepest layer that is made.
pub const LAYER_DEPTH_MAX: usize = 16;

impl Trie {
    /// The nodes at a depth, in [6, 16], from left to right: 2^depth of them. O(2^depth).
    ///
    /// ```
    /// use lockstep_interface::{Account, Address};
    /// use lockstep_store::{Serial, Trie, merge_layer};
    ///
    /// let address = |byte| Address::new_from_array([byte; 32]);
    /// let accounts: Vec<_> = (0..99).map(|byte| (address(byte), Account::wallet(5))).collect();
    /// let trie = Trie::default().update(&accounts, &Serial);
    /// let mut layer = trie.layer(6, &Serial)?;
    /// while let [_, _, ..] = &layer[..] {
    ///     layer = merge_layer(&layer);
    /// }
    /// assert_eq!(layer, [trie.root()]);
    /// # Ok::<(), lockstep_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Trie::try_update`].
    ///
    /// # Panics
    /// With another depth.
    pub fn layer(&self, depth: usize, parallel: &impl Parallel) -> Result<Vec<Hash>, StoreError> {
        assert!(
            (SHARD_DEPTH..=LAYER_DEPTH_MAX).contains(&depth),
            "a depth of layers"
        );
        let shards = parallel.map(SHARD_COUNT, |shard| {
            self.with_shard(shard, |arena| {
                let height = depth.saturating_sub(SHARD_DEPTH);
                let mut nodes = vec![TERMINATOR; 1 << height];
                // One path to each of them, so that none is out of memory.
                let paths: Vec<Bytes> = (0..nodes.len())
                    .map(|node| path_to(shard << height | node, depth))
                    .collect();
                arena.warm(paths.iter())?;
                if let Some(root) = arena.root() {
                    arena.fill(root, SHARD_DEPTH, depth, &mut nodes);
                }
                arena.cool();
                Ok(nodes)
            })
        });
        let mut layer = Vec::with_capacity(1 << depth);
        for nodes in shards {
            let nodes = nodes.map_err(unreadable)?;
            layer.extend(nodes.into_iter().map(Hash::new_from_array));
        }
        Ok(layer)
    }
}

impl Arena {
    /// Writes the nodes at `end` of a subtree at `depth`, which all go into `nodes`.
    fn fill(&self, link: Link, depth: usize, end: usize, nodes: &mut [Bytes]) {
        if let Node::Fork(slot) = link.node()
            && usize::from(self.fork(slot).parting) == depth
            && depth < end
        {
            let below = depth.saturating_add(1);
            let (left, right) = nodes.split_at_mut(nodes.len() / 2);
            let [one, other] = self.fork(slot).children;
            self.fill(one, below, end, left);
            self.fill(other, below, end, right);
            return;
        }
        if depth == end {
            nodes[0] = self.hash_at(link, end);
            return;
        }
        // The subtree is one-sided here.
        let (left, right) = nodes.split_at_mut(nodes.len() / 2);
        let side = if bit(self.any_path(link), depth) {
            right
        } else {
            left
        };
        self.fill(link, depth.saturating_add(1), end, side);
    }
}

/// A path that begins with the bits of a number.
fn path_to(number: usize, depth: usize) -> Bytes {
    let mut path = TERMINATOR;
    for place in 0..depth {
        let is_set = number >> depth.saturating_sub(place).saturating_sub(1) & 1 == 1;
        path[place >> 3] |= u8::from(is_set) << (7 ^ (place & 7));
    }
    path
}

/// The node above two neighbours: 32 zero bytes over nothing, a lone leaf as it is, otherwise a
/// hash of both.
pub fn merge_nodes(left: &Hash, right: &Hash) -> Hash {
    Hash::new_from_array(parent(left.as_bytes(), right.as_bytes()))
}

/// The layer above a layer: of each two neighbours what [`merge_nodes`] makes of them.
pub fn merge_layer(layer: &[Hash]) -> Vec<Hash> {
    let pairs = layer.as_chunks::<2>().0.iter();
    let pairs: Vec<[Bytes; 2]> = pairs.map(|pair| pair.map(|node| node.to_bytes())).collect();
    let forks: Vec<&[Bytes; 2]> = pairs.iter().filter(|pair| is_fork(pair)).collect();
    let mut hashes = Vec::new();
    hash_pairs(forks.into_iter(), &mut hashes);
    let mut hashes = hashes.iter();
    let above = pairs.iter().map(|pair| {
        let node = match is_fork(pair) {
            true => as_internal(hashes.next().expect("one for each")),
            false => parent(&pair[0], &pair[1]),
        };
        Hash::new_from_array(node)
    });
    above.collect()
}

#[cfg(test)]
mod tests {
    use lockstep_interface::{Account, Address};
    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{Serial, account_hash, key_path};

    fn root_over(mut layer: Vec<Hash>) -> Hash {
        while layer.len() > 1 {
            let pairs = layer.as_chunks::<2>().0.iter();
            let above: Vec<Hash> = pairs
                .map(|[left, right]| merge_nodes(left, right))
                .collect();
            assert_eq!(merge_layer(&layer), above);
            layer = above;
        }
        layer[0]
    }

    /// Changes one by one lead from each node to the next, as whole tries do.
    #[test]
    fn layers_follow_from_single_changes() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for size in [0, 1, 2, 5, 40, 700] {
            let address = |number: u16| {
                let mut bytes = [3; 32];
                bytes[..2].copy_from_slice(&number.to_le_bytes());
                Address::new_from_array(bytes)
            };
            let accounts: Vec<_> = (0..size)
                .map(|number| (address(number), Account::wallet(5)))
                .collect();
            let mut trie = Trie::default().update(&accounts, &Serial);
            for round in 0..200 {
                let depth = [6, 7, 9, 16][round % 4];
                let changed = address(random.random_range(0..size + 9));
                let lamports = random.random_range(0..3);
                let next = trie.update(&[(changed, Account::wallet(lamports))], &Serial);
                let hash = account_hash(&Account::wallet(lamports));
                let hash = (lamports > 0).then_some(&hash);
                let proof = trie.prove(&changed).below(depth, &changed);
                let nodes = proof.replaced(&changed, hash, depth);
                let path = key_path(&changed);
                let place = usize::from(path[0]) << 8 | usize::from(path[1]);
                let place = place >> (16 - depth);
                let [before, after] = [&trie, &next].map(|trie| {
                    let layer = trie.layer(depth, &Serial).unwrap();
                    assert_eq!(root_over(layer.clone()), trie.root());
                    layer[place]
                });
                assert_eq!(nodes, Ok([before, after]), "{size} accounts, round {round}");
                trie = next;
            }
        }
    }
}
