//! Subtrees out of memory, for a trie that is larger than it may be.
//!
//! ```text
//! arena:  fork -> fork -> cold 9: hash | a path | where it parts | leaves
//! file:   page 9: 32 x (path 32 | value hash 32)
//! ```
//! An arena with a bound holds at most that many leaves in memory while nothing is done with it.
//! Beyond the bound, subtrees of at most one page go to a file, first those that no path has led to
//! since the last time. What paths lead to is read before they are followed, so that nothing else
//! knows of it. A subtree that is read must have the hash that stayed in memory, which proves it:
//! the file needs no checksum, and is of no use to another process.

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, Error, ErrorKind, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use metrics::counter;

use super::{
    SHARD_COUNT,
    arena::{Arena, Leaf, Link, Node, Pair, Side, number},
    hash::{Bytes, bit, common_bits},
};

/// Leaves of a page.
const PAGE_LEAVES: usize = 32;
/// Bytes of a leaf in a file.
pub(super) const LEAF_SIZE: usize = 64;
const PAGE_SIZE: usize = PAGE_LEAVES * LEAF_SIZE;
/// Bytes that a leaf takes in memory, with its fork and what both leave unused.
const HOT_LEAF_SIZE: usize = 160;
/// Leaves of a shard that are in memory at the least.
const HOT_LEAVES_MIN: usize = 4 * PAGE_LEAVES;

/// How much of a trie is in memory, and where the rest of it is.
///
/// On top come 7 bytes for each account out of memory, and for the time of an update what its
/// changes lead to: at most 32 accounts for each.
#[derive(Clone, Debug)]
pub struct TrieBound {
    /// Where files without a name are made, which go with the trie.
    pub directory: PathBuf,
    /// Bytes of memory for accounts of the trie; an account takes 160.
    pub size: usize,
}

impl TrieBound {
    /// A file for one of the shards.
    pub(super) fn file(&self) -> io::Result<File> {
        #[cfg(feature = "disk")]
        return tempfile::tempfile_in(&self.directory);
        #[cfg(not(feature = "disk"))]
        return Err(Error::from(ErrorKind::Unsupported));
    }

    /// Leaves of a shard in memory.
    fn leaf_max(&self) -> usize {
        (self.size / (SHARD_COUNT * HOT_LEAF_SIZE)).max(HOT_LEAVES_MIN)
    }
}

/// Pages that the tries which come from one have read and written.
#[derive(Debug, Default)]
pub struct PageCounts {
    read: AtomicU64,
    written: AtomicU64,
}

impl PageCounts {
    /// Pages of 2 KiB read and written so far.
    pub fn get(&self) -> (u64, u64) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (count(&self.read), count(&self.written))
    }
}

/// A subtree out of memory; the page of the same number has its leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subtree {
    /// The hash of its highest fork, where that parts.
    pub(super) hash: Bytes,
    /// The path of its first leaf.
    pub(super) path: Bytes,
    pub(super) parting: u8,
    leaf_count: u8,
}

/// What of a shard is out of memory.
#[derive(Debug)]
pub(crate) struct Cold {
    file: File,
    /// Leaves of the arena above which there is too much in memory.
    leaf_max: usize,
    subtrees: Vec<Subtree>,
    free: Vec<u32>,
    leaf_count: usize,
    counts: Arc<PageCounts>,
}

impl Cold {
    fn read(&self, page: usize) -> io::Result<Vec<Leaf>> {
        let mut bytes = [0; PAGE_SIZE];
        let count = usize::from(self.subtrees[page].leaf_count);
        let bytes = &mut bytes[..count.saturating_mul(LEAF_SIZE)];
        let mut file = &self.file;
        file.seek(place(page))?;
        file.read_exact(bytes)?;
        self.counts.read.fetch_add(1, Ordering::Relaxed);
        counter!("lockstep_trie_pages_read_total").increment(1);
        Ok(leaves_of(bytes))
    }

    fn write(&mut self, parting: usize, hash: Bytes, leaves: &[Leaf]) -> io::Result<usize> {
        let page = self.free.last().map(|page| *page as usize);
        let page = page.unwrap_or(self.subtrees.len());
        let mut bytes = Vec::with_capacity(PAGE_SIZE);
        bytes.extend(leaves.iter().flat_map(|leaf| leaf.0.as_flattened()));
        self.file.seek(place(page))?;
        self.file.write_all(&bytes)?;
        self.counts.written.fetch_add(1, Ordering::Relaxed);
        counter!("lockstep_trie_pages_written_total").increment(1);
        let subtree = Subtree {
            hash,
            path: *leaves[0].path(),
            parting: u8::try_from(parting).expect("different paths share at most 255 bits"),
            leaf_count: u8::try_from(leaves.len()).expect("at most a page of them"),
        };
        if self.free.pop().is_some() {
            self.subtrees[page] = subtree;
        } else {
            self.subtrees.push(subtree);
        }
        self.leaf_count = self.leaf_count.saturating_add(leaves.len());
        Ok(page)
    }

    fn free(&mut self, page: usize) {
        let count = usize::from(self.subtrees[page].leaf_count);
        self.leaf_count = self.leaf_count.saturating_sub(count);
        self.free.push(number(page));
    }
}

fn place(page: usize) -> SeekFrom {
    SeekFrom::Start((page as u64).saturating_mul(PAGE_SIZE as u64))
}

/// Leaves from their bytes.
pub(super) fn leaves_of(bytes: &[u8]) -> Vec<Leaf> {
    let leaves = bytes.as_chunks::<32>().0.as_chunks::<2>().0;
    leaves.iter().map(|leaf| Pair(*leaf)).collect()
}

impl Arena {
    /// The arena of some leaves in strictly ascending order of paths, all of it out of memory but
    /// for the forks above pages. What is in memory is stale.
    pub(super) fn bounded(
        leaves: &[Leaf],
        bound: &TrieBound,
        counts: &Arc<PageCounts>,
    ) -> io::Result<Self> {
        let cold = Cold {
            file: bound.file()?,
            leaf_max: bound.leaf_max(),
            subtrees: Vec::new(),
            free: Vec::new(),
            leaf_count: 0,
            counts: Arc::clone(counts),
        };
        let mut arena = Self::default();
        arena.cold = Some(Box::new(cold));
        let root = (!leaves.is_empty()).then(|| arena.lay_out(leaves));
        arena.set_root(root.transpose()?);
        Ok(arena)
    }

    /// The subtree of some leaves, at least one.
    fn lay_out(&mut self, leaves: &[Leaf]) -> io::Result<Link> {
        let [first, .., last] = leaves else {
            return Ok(Link::leaf(self.add_leaf(leaves[0])));
        };
        let parting = common_bits(first.path(), last.path());
        if leaves.len() <= PAGE_LEAVES {
            let mut page = Self::of(leaves.to_vec());
            let root = page.root().expect("there are leaves");
            let hash = page.hash_stale(root, parting);
            let cold = self.cold.as_mut().expect("the arena has a bound");
            return Ok(Link::cold(cold.write(parting, hash, leaves)?));
        }
        let left = leaves.partition_point(|leaf| !bit(leaf.path(), parting));
        let (left, right) = leaves.split_at(left);
        let children = [self.lay_out(left)?, self.lay_out(right)?];
        Ok(self.add_fork(children, parting))
    }

    pub(super) fn subtree(&self, slot: usize) -> &Subtree {
        let cold = self
            .cold
            .as_ref()
            .expect("a cold link is of an arena with a bound");
        &cold.subtrees[slot]
    }

    /// The number of leaves, in memory or not.
    pub(crate) fn leaf_count(&self) -> usize {
        let cold = self.cold.as_ref().map_or(0, |cold| cold.leaf_count);
        self.hot_count().saturating_add(cold)
    }

    /// How often pages were read and written; none without a bound.
    pub(super) fn page_counts(&self) -> Option<Arc<PageCounts>> {
        self.cold.as_ref().map(|cold| Arc::clone(&cold.counts))
    }

    /// Reads what some paths lead to. Whatever fails, the arena is of the same leaves.
    ///
    /// O(paths x depth), and a page for each path at the most.
    pub(super) fn warm<'p>(&mut self, paths: impl Iterator<Item = &'p Bytes>) -> io::Result<()> {
        if self.cold.is_none() {
            return Ok(());
        }
        for path in paths {
            let (mut next, mut above) = (self.root(), None);
            while let Some(link) = next.take() {
                match link.node() {
                    Node::Leaf(_) => {}
                    Node::Fork(slot) => {
                        let fork = self.fork_mut(slot);
                        fork.is_used = true;
                        let side = usize::from(bit(path, fork.parting.into()));
                        next = Some(fork.children[side]);
                        above = Some(Side { slot, side });
                    }
                    Node::Cold(page) => {
                        let read = self.read(page)?;
                        self.set(above, read);
                        next = Some(read);
                    }
                }
            }
        }
        Ok(())
    }

    /// Brings a subtree into memory.
    fn read(&mut self, page: usize) -> io::Result<Link> {
        let cold = self.cold.as_ref().expect("the arena has a bound");
        let (leaves, subtree) = (cold.read(page)?, cold.subtrees[page]);
        let is_in_order = leaves.is_sorted_by(|one, other| one.path() < other.path());
        let slots = leaves.into_iter().map(|leaf| self.add_leaf(leaf));
        let slots: Vec<usize> = slots.collect();
        if !is_in_order {
            slots
                .iter()
                .for_each(|slot| self.release(Link::leaf(*slot)));
            return Err(other_bytes(page));
        }
        let root = self.join(&slots);
        let parting = usize::from(subtree.parting);
        if self.hash_stale(root, parting) != subtree.hash {
            self.release(root);
            return Err(other_bytes(page));
        }
        self.cold.as_mut().expect("the same").free(page);
        Ok(root)
    }

    /// Puts subtrees out of memory if there are more leaves than the bound; nothing is stale. What
    /// cannot be written stays, until the next time.
    ///
    /// O(leaves in memory) once for a quarter of the bound of them.
    pub(super) fn cool(&mut self) {
        let Some(cold) = &self.cold else { return };
        let (most, count) = (cold.leaf_max, self.hot_count());
        let Some(root) = self.root().filter(|_| count > most) else {
            return;
        };
        let mut excess = count.saturating_sub(most.saturating_sub(most / 4));
        let mut candidates = Vec::new();
        self.sweep(root, &mut candidates);
        for goes_if_used in [false, true] {
            candidates.retain(|Candidate { side, count }| {
                let Node::Fork(slot) = self.fork(side.slot).children[side.side].node() else {
                    return false;
                };
                let is_kept = self.fork(slot).is_used && !goes_if_used;
                self.fork_mut(slot).is_used = false;
                if is_kept || excess == 0 {
                    return true;
                }
                if self.put_out(*side, slot).is_ok() {
                    excess = excess.saturating_sub(*count);
                }
                false
            });
        }
    }

    /// Finds the largest subtrees that fit a page. Gives the leaves of this one, if it fits one and
    /// is in memory.
    fn sweep(&self, link: Link, candidates: &mut Vec<Candidate>) -> Option<usize> {
        let slot = match link.node() {
            Node::Leaf(_) => return Some(1),
            Node::Cold(_) => return None,
            Node::Fork(slot) => slot,
        };
        let children = self.fork(slot).children;
        let counts = children.map(|child| self.sweep(child, candidates));
        if let [Some(left), Some(right)] = counts
            && left.saturating_add(right) <= PAGE_LEAVES
        {
            return Some(left.saturating_add(right));
        }
        for (side, count) in counts.into_iter().enumerate() {
            if let Some(count) = count.filter(|count| *count > 1) {
                let side = Side { slot, side };
                candidates.push(Candidate { side, count });
            }
        }
        None
    }

    /// Puts the subtree of a fork out of memory.
    fn put_out(&mut self, side: Side, slot: usize) -> io::Result<()> {
        let (link, parting) = (Link::fork(slot), self.fork(slot).parting.into());
        let hash = self.hash_at(link, parting);
        let mut leaves = Vec::with_capacity(PAGE_LEAVES);
        self.visit(link, &mut |leaf| {
            leaves.push(*leaf);
            Ok(())
        })?;
        let cold = self.cold.as_mut().expect("the arena has a bound");
        let page = cold.write(parting, hash, &leaves)?;
        self.set(Some(side), Link::cold(page));
        self.release(link);
        Ok(())
    }

    /// Shows all leaves of a subtree in the order of their paths.
    pub(super) fn visit(
        &self,
        subtree: Link,
        visit: &mut impl FnMut(&Leaf) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut open = vec![subtree];
        while let Some(link) = open.pop() {
            match link.node() {
                Node::Leaf(slot) => visit(self.leaf(slot))?,
                Node::Fork(slot) => open.extend(self.fork(slot).children.into_iter().rev()),
                Node::Cold(page) => {
                    let cold = self.cold.as_ref().expect("the arena has a bound");
                    cold.read(page)?.iter().try_for_each(&mut *visit)?;
                }
            }
        }
        Ok(())
    }
}

/// A subtree that can go, by the side that it is on, and its leaves.
struct Candidate {
    side: Side,
    count: usize,
}

fn other_bytes(page: usize) -> Error {
    let what = format!("page {page} of the trie's file has other bytes than were written there");
    Error::new(ErrorKind::InvalidData, what)
}
