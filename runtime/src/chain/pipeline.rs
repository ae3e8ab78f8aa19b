//! Blocks one behind the other, in three stages that work side by side.
//!
//! ```text
//! block n + 2   read ahead: parsed, signatures verified      a thread for each of some blocks
//! block n + 1   built or executed: roots, bytes              the caller's, and the chain's threads
//! block n       committed behind: durable, visible           one thread
//! ```
//!
//! Each stage works on a block of its own, and the system shares the cores among them: while one
//! waits for the disk or for a barrier, another works. A stage that is ahead by two blocks waits.
//! The stages know nothing of where blocks come from.

use std::{
    num::NonZeroUsize,
    sync::{
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, Scope},
    time::Instant,
};

use lockstep_interface::Hash;
use lockstep_scheduler::{Mode, Strategy};
use lockstep_store::sync::Shared;
use thiserror::Error;

use super::{BuildError, BuildRequest, BuiltBlock, Chain, ChainOptions, CommitError};
use crate::{block::Recording, engine::Cancel, verify::ParsedBlock, wire::WireBlock};

/// Nanoseconds of a commit below which handing it to another thread takes longer than making it.
const HAND_OVER: u64 = 50_000;

/// Which stages have threads of their own.
///
/// Where blocks are short, a surplus thread costs more than it gains: the workers of a block wait
/// for each other, and a worker that has lost its core to another stage holds up all. Measured on
/// two cores with transfers over a million accounts (`run --workload transfers`, with and without
/// `--verify`): reading short transactions ahead takes a third off the rate, reading ahead with
/// signatures adds a tenth to it, committing behind adds a fifth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overlap {
    /// The caller's thread reads, builds and commits one block after the other.
    None,
    /// Blocks are committed on one more thread, unless that takes longer than it saves.
    Behind,
    /// Besides, this number of threads read ahead, each a block of its own.
    Both(NonZeroUsize),
}

/// Runs blocks through the three stages, in their order.
///
/// # Errors
/// The first error of `build` or `commit`. Blocks that were committed before stay so; those under
/// way are dropped.
pub fn run<I: Send, A: Send, E: Send>(
    items: impl Iterator<Item = I> + Send,
    overlap: Overlap,
    ahead: impl Fn(I) -> A + Sync,
    mut build: impl FnMut(A) -> Result<Hash, E>,
    mut commit: impl FnMut(Hash) -> Result<(), E> + Send + Sync,
) -> Result<(), E> {
    if overlap == Overlap::None {
        let mut blocks = items.map(ahead);
        return blocks.try_for_each(|block| build(block).and_then(&mut commit));
    }
    let commits = Commits {
        commit: Shared::new(commit),
        under_way: AtomicUsize::new(0),
        last: AtomicU64::new(0),
    };
    let ahead = &ahead;
    thread::scope(|scope| match overlap {
        Overlap::Both(reader_count) => {
            let read = read_ahead(scope, items, reader_count, ahead);
            commit_behind(scope, read, &mut build, &commits)
        }
        _ => commit_behind(scope, items.map(ahead), &mut build, &commits),
    })
}

/// The commits of a run, which are made one after the other.
struct Commits<C> {
    commit: Shared<C>,
    /// Blocks that were handed over and are not committed yet.
    under_way: AtomicUsize,
    /// Nanoseconds of the newest commit.
    last: AtomicU64,
}

impl<C> Commits<C> {
    /// Commits a block on this thread.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time decides which thread commits, and nothing of what it commits"
    )]
    fn make<E>(&self, id: Hash) -> Result<(), E>
    where
        C: FnMut(Hash) -> Result<(), E>,
    {
        let start = Instant::now();
        let result = self.commit.write()(id);
        let taken = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last.store(taken, Ordering::Relaxed);
        result
    }

    /// Whether a commit now would be over before another thread had woken for it.
    fn is_short(&self) -> bool {
        // All that was handed over is committed.
        self.under_way.load(Ordering::Acquire) == 0 && self.last.load(Ordering::Relaxed) < HAND_OVER
    }
}

/// Reads items on threads of their own, and gives the results in their order.
fn read_ahead<'scope, I: Send + 'scope, A: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    items: impl Iterator<Item = I> + Send + 'scope,
    reader_count: NonZeroUsize,
    ahead: &'scope (impl Fn(I) -> A + Sync),
) -> impl Iterator<Item = A> {
    let mut to_readers = Vec::with_capacity(reader_count.get());
    let mut read = Vec::with_capacity(reader_count.get());
    for _ in 0..reader_count.get() {
        let (to_reader, unread) = mpsc::sync_channel::<I>(1);
        let (to_build, receiver) = mpsc::sync_channel(1);
        to_readers.push(to_reader);
        read.push(receiver);
        // A send fails once a later stage has given up.
        scope.spawn(move || {
            let mut unread = unread.into_iter();
            unread.all(|item| to_build.send(ahead(item)).is_ok())
        });
    }
    scope.spawn(move || {
        let mut pairs = items.zip(to_readers.iter().cycle());
        pairs.all(|(item, reader)| reader.send(item).is_ok())
    });
    let mut next = 0usize;
    std::iter::from_fn(move || {
        let block = read[next].recv().ok();
        next = next.saturating_add(1).checked_rem(read.len()).unwrap_or(0);
        block
    })
}

/// Builds on the caller's thread, and commits on one more what takes long to commit.
fn commit_behind<'scope, A, E, C>(
    scope: &'scope Scope<'scope, '_>,
    mut read: impl Iterator<Item = A>,
    mut build: impl FnMut(A) -> Result<Hash, E>,
    commits: &'scope Commits<C>,
) -> Result<(), E>
where
    E: Send + 'scope,
    C: FnMut(Hash) -> Result<(), E> + Send + Sync,
{
    let (to_commit, built) = mpsc::sync_channel(1);
    let committer = scope.spawn(move || {
        built.into_iter().try_for_each(|id| {
            commits.make(id)?;
            commits.under_way.fetch_sub(1, Ordering::Release);
            Ok(())
        })
    });
    let result = read.try_for_each(|block| {
        let id = build(block).map_err(Some)?;
        if commits.is_short() {
            return commits.make(id).map_err(Some);
        }
        commits.under_way.fetch_add(1, Ordering::Relaxed);
        // Fails once a commit has failed, whose error says why.
        to_commit.send(id).map_err(|_| None)
    });
    drop((to_commit, read));
    let committed = committer.join().expect("committing does not panic");
    match result {
        Err(Some(error)) => Err(error),
        _ => committed,
    }
}

/// A block that is to be built.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Its slot, above those of all before.
    pub slot: u64,
    /// Seconds since 1970, as programs will see them.
    pub unix_timestamp: i64,
    /// Its transactions, those that are preferred first.
    pub transactions: WireBlock,
}

/// How proposed blocks are built.
#[derive(Clone, Copy, Debug)]
pub struct ProduceOptions<'s> {
    /// The planner.
    pub strategy: &'s dyn Strategy,
    /// Whether the planner may choose the order.
    pub mode: Mode,
    /// What receipts carry.
    pub recording: Recording,
}

/// Why no further block was produced.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// A block was not built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A block was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Chain {
    /// The stages that overlap where this chain's blocks follow each other: none on a single
    /// thread, reading only where signatures are verified.
    pub fn overlap(&self) -> Overlap {
        let ChainOptions {
            threads, verifier, ..
        } = self.options();
        match (NonZeroUsize::new(threads.count()), verifier) {
            (None | Some(NonZeroUsize::MIN), _) => Overlap::None,
            (Some(_), None) => Overlap::Behind,
            (Some(count), Some(_)) => Overlap::Both(count),
        }
    }

    /// Builds and commits blocks on the head, one behind the other, while the signatures of the
    /// next are verified. `built` is handed each block before it is durable, `committed` its id
    /// when it is.
    ///
    /// # Errors
    /// If a block was not built, or not committed; those before stay committed.
    pub fn produce(
        &self,
        proposals: impl Iterator<Item = Proposal> + Send,
        options: &ProduceOptions<'_>,
        mut built: impl FnMut(BuiltBlock),
        committed: impl Fn(&Hash) + Sync,
    ) -> Result<(), ProduceError> {
        let (mut parent, _) = self.head();
        let ahead = |proposal: Proposal| {
            let signatures = self.options().signatures();
            let readers = &self.options().reader_threads;
            let parsed = ParsedBlock::new(proposal.transactions, signatures, readers);
            (proposal.slot, proposal.unix_timestamp, parsed)
        };
        let build = |(slot, unix_timestamp, mut parsed): (u64, i64, ParsedBlock)| {
            let request = BuildRequest {
                parent,
                slot,
                unix_timestamp,
                strategy: options.strategy,
                mode: options.mode,
                recording: options.recording,
            };
            let block = self.build(&request, &mut parsed, &Cancel::default())?;
            parent = block.id;
            built(block);
            Ok(parent)
        };
        let commit = |id: Hash| {
            self.commit(&id)?;
            committed(&id);
            Ok(())
        };
        run(proposals, self.overlap(), ahead, build, commit)
    }
}
