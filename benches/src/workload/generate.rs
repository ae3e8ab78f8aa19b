//! Drafts into blocks of signed wire bytes, in parallel.
//!
//! A block is cut into chunks of fixed size. Each chunk has a random stream of its own, drawn
//! from seed, block and chunk, so the result does not depend on the number of threads.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::OnceLock;

use lockstep_interface::{Account, Address, ProgramTable, Rent};
use lockstep_runtime::wire::WireBlock;
use lockstep_runtime::wire::limits::PACKET_SIZE_MAX;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use sha2::{Digest, Sha256};

use super::draft::{Draft, Place};
use super::families::Family;
use super::families::recorded::RecordedBlocks;
use super::lookup::table_account;
use super::options::{SpecError, WorkloadSpec};
use crate::access::AccessList;
use crate::trace::Trace;

/// Transactions that share a random stream and a run of signatures.
const CHUNK_SIZE: usize = 256;

/// How long a generated stream is and where it is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamShape {
    /// Transactions in all.
    pub transaction_count: usize,
    /// Transactions of each block but the last, which has what is left.
    pub block_size: usize,
}

/// The places of one chunk.
type Places<'a> = &'a mut dyn Iterator<Item = Place>;

/// A source of genesis accounts and blocks.
///
/// ```
/// use std::num::NonZeroUsize;
/// use lockstep_benches::workload::{StreamShape, Workload};
///
/// let shape = StreamShape { transaction_count: 25, block_size: 10 };
/// let workload = Workload::new(&"transfers:accounts=7".parse()?, 1, shape, NonZeroUsize::MIN)?;
/// assert_eq!((workload.genesis().count(), workload.block_count()), (7, 3));
/// assert_eq!(workload.block(2, [9; 32]).len(), 5);
/// assert_eq!(workload.access_lists(2)[4].writes.len(), 2);
/// # Ok::<(), lockstep_benches::workload::SpecError>(())
/// ```
#[derive(Debug)]
pub struct Workload {
    name: String,
    seed: u64,
    family: Box<dyn Family>,
    blocks: Blocks,
    left_out: usize,
    pool: ThreadPool,
    /// Accounts that can be credited by several transactions at once; found when asked for.
    creditable: OnceLock<HashSet<Address>>,
}

/// Where the stream is cut.
#[derive(Debug)]
enum Blocks {
    Even(StreamShape),
    Given(Vec<usize>),
}

impl Blocks {
    fn count(&self) -> usize {
        match self {
            Self::Even(shape) => shape.transaction_count.div_ceil(shape.block_size),
            Self::Given(sizes) => sizes.len(),
        }
    }

    /// Index of the block's first transaction in the stream, and the block's size.
    fn span(&self, index: usize) -> (usize, usize) {
        match self {
            Self::Even(shape) => {
                let start = index.saturating_mul(shape.block_size);
                let left = shape.transaction_count.saturating_sub(start);
                (start, left.min(shape.block_size))
            }
            Self::Given(sizes) => {
                let start = sizes.iter().take(index).sum();
                (start, sizes.get(index).copied().unwrap_or(0))
            }
        }
    }
}

impl Workload {
    /// A generated workload. Makes its keys at once, about 0.3 us each.
    ///
    /// # Errors
    /// If the workload needs a file that is not there or that it cannot use.
    ///
    /// # Panics
    /// If the block size is 0.
    pub fn new(
        spec: &WorkloadSpec,
        seed: u64,
        shape: StreamShape,
        threads: NonZeroUsize,
    ) -> Result<Self, SpecError> {
        assert!(shape.block_size > 0, "a block holds a transaction");
        let pool = pool(threads);
        let family = pool.install(|| (spec.family().build)(spec, seed))?;
        Ok(Self {
            name: spec.to_string(),
            seed,
            family,
            blocks: Blocks::Even(shape),
            left_out: 0,
            pool,
            creditable: OnceLock::new(),
        })
    }

    /// Recorded blocks as a workload; `path` names it. Transactions that lock more accounts than
    /// one may are [left out](Workload::left_out).
    pub fn recorded(path: &Path, trace: Trace, threads: NonZeroUsize) -> Self {
        let pool = pool(threads);
        let family = pool.install(|| RecordedBlocks::new(trace));
        Self {
            name: file_name(path),
            seed: 0,
            blocks: Blocks::Given(family.block_sizes()),
            left_out: family.left_out(),
            family: Box::new(family),
            pool,
            creditable: OnceLock::new(),
        }
    }

    /// Name and options, or the name of the trace file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The seed that it is made from; `None` for recorded blocks.
    pub fn seed(&self) -> Option<u64> {
        match self.blocks {
            Blocks::Even(_) => Some(self.seed),
            Blocks::Given(_) => None,
        }
    }

    /// Transactions of each generated block but the last; `None` for recorded blocks.
    pub fn even_size(&self) -> Option<usize> {
        match self.blocks {
            Blocks::Even(shape) => Some(shape.block_size),
            Blocks::Given(_) => None,
        }
    }

    /// Transactions of a trace that are not part of the workload because they lock too many
    /// accounts.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The number of blocks.
    pub fn block_count(&self) -> usize {
        self.blocks.count()
    }

    /// The number of transactions of a block; 0 if there is no such block.
    pub fn block_size(&self, index: usize) -> usize {
        self.blocks.span(index).1
    }

    /// The accounts to begin with, each address once, made one by one. Among them is a schedule
    /// that activates the schemes that transactions are signed with, if there are others than
    /// ed25519.
    pub fn genesis(&self) -> impl Iterator<Item = (Address, Account)> {
        let tables = self.family.tables().iter().map(table_account);
        let schedule = self.family.keys().schedule();
        self.family.genesis().chain(tables).chain(schedule)
    }

    /// The programs of a chain that runs its blocks.
    pub fn programs(&self) -> ProgramTable {
        self.family.programs()
    }

    /// The transactions of block `index`, each with this blockhash and signed; none if there is
    /// no such block. Two blocks differ as long as their blockhashes do.
    pub fn block(&self, index: usize, blockhash: [u8; 32]) -> WireBlock {
        let chunks = self.in_chunks(index, |chunk, places, rng| {
            let drafts = places.map(|place| self.family.draft(place, rng));
            self.wire(index, chunk, &drafts.collect::<Vec<_>>(), blockhash)
        });
        let mut block = WireBlock::default();
        for transaction in chunks.iter().flatten() {
            block.push(transaction);
        }
        block
    }

    /// What the transactions of block `index` declare, as [`Workload::block`] makes them. Credited
    /// are accounts that exist, rent-exempt, from the beginning.
    pub fn access_lists(&self, index: usize) -> Vec<AccessList> {
        let chunks = self.in_chunks(index, |_, places, rng| {
            let lists = places.map(|place| self.family.access_list(place, rng));
            lists.collect::<Vec<_>>()
        });
        let mut lists: Vec<AccessList> = chunks.into_iter().flatten().collect();
        for list in lists.iter_mut().filter(|list| !list.credits.is_empty()) {
            let creditable = self.creditable.get_or_init(|| self.find_creditable());
            let writes = &list.writes;
            list.credits.retain(|at| creditable.contains(&writes[*at]));
        }
        lists
    }

    fn find_creditable(&self) -> HashSet<Address> {
        let accounts = self.genesis().filter(|(_, account)| {
            let size = account.data.len();
            !account.executable && Rent::MAINNET.is_exempt(account.lamports, size)
        });
        accounts.map(|(address, _)| address).collect()
    }

    /// The priority fees of the same transactions, in micro-lamports.
    pub fn priority_fees(&self, index: usize) -> Vec<u64> {
        let chunks = self.in_chunks(index, |_, places, rng| {
            let drafts = places.map(|place| self.family.draft(place, rng));
            drafts.map(|draft| draft.priority_fee()).collect::<Vec<_>>()
        });
        chunks.into_iter().flatten().collect()
    }

    /// Runs `make` on the places of each chunk of a block, in parallel; results in block order.
    fn in_chunks<T: Send>(
        &self,
        block: usize,
        make: impl Fn(usize, Places<'_>, &mut ChaCha8Rng) -> T + Sync,
    ) -> Vec<T> {
        let (first, count) = self.blocks.span(block);
        let chunks = 0..count.div_ceil(CHUNK_SIZE);
        self.pool.install(|| {
            let chunks = chunks.into_par_iter().map(|chunk| {
                let start = chunk.saturating_mul(CHUNK_SIZE);
                let end = start.saturating_add(CHUNK_SIZE).min(count);
                let mut places = (start..end).map(|index| Place {
                    block,
                    index,
                    number: first.saturating_add(index),
                });
                let mut rng = self.random_stream(block, chunk);
                make(chunk, &mut places, &mut rng)
            });
            chunks.collect()
        })
    }

    fn wire(
        &self,
        block: usize,
        chunk: usize,
        drafts: &[Draft],
        blockhash: [u8; 32],
    ) -> Vec<Vec<u8>> {
        let (keys, tables) = (self.family.keys(), self.family.tables());
        if keys.has_schemes() {
            let signed = drafts.iter().map(|draft| {
                let message = draft.message(keys, tables, blockhash);
                let message = message.and_then(|message| keys.sign_alone(draft.payer, message));
                message.expect("drafts stay within the format")
            });
            return signed.collect();
        }
        let messages: Vec<(usize, Vec<u8>)> = drafts
            .iter()
            .map(|draft| {
                let message = draft.message(keys, tables, blockhash);
                let message = message.and_then(|message| message.encode());
                (draft.payer, message.expect("drafts stay within the format"))
            })
            .collect();
        let signatures = keys.sign(&self.label(b"sign", block, chunk), &messages);
        let wire = signatures
            .iter()
            .zip(&messages)
            .map(|(signature, (_, message))| {
                let bytes = [&[1], &signature[..], message].concat();
                assert!(
                    bytes.len() <= PACKET_SIZE_MAX,
                    "a transaction of {} bytes is too large for the wire",
                    bytes.len()
                );
                bytes
            });
        wire.collect()
    }

    fn random_stream(&self, block: usize, chunk: usize) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.label(b"draw", block, chunk))
    }

    fn label(&self, purpose: &[u8], block: usize, chunk: usize) -> [u8; 32] {
        let number = |index: usize| u64::try_from(index).expect("a length fits u64");
        let hasher = Sha256::new()
            .chain_update(purpose)
            .chain_update(self.seed.to_le_bytes())
            .chain_update(number(block).to_le_bytes())
            .chain_update(number(chunk).to_le_bytes())
            .chain_update(self.name.as_bytes());
        hasher.finalize().into()
    }
}

/// The name of a file, as reports show it.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.display().to_string()
}

fn pool(threads: NonZeroUsize) -> ThreadPool {
    let builder = ThreadPoolBuilder::new().num_threads(threads.get());
    let builder = builder.thread_name(|number| format!("workload-{number}"));
    builder.build().expect("the system starts another thread")
}
