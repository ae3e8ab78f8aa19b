//! How much a pool holds, and how blocks are shared between high payers and long waiters. All
//! limits are ours but those of blocks, which are the chain's.

use crate::block::BlockLimits;

/// How much a pool holds.
#[derive(Clone, Copy, Debug)]
pub struct MempoolLimits {
    /// The limits of the chain's blocks. A candidate that an empty block has no room for is
    /// rejected, and room is counted in shares of such a block.
    pub block: BlockLimits,
    /// Bytes of memory, by [`Candidate::memory`](super::Candidate::memory).
    pub bytes: usize,
    /// Bytes of memory, besides, for evicted candidates that may come back.
    pub evicted_bytes: usize,
    /// Candidates.
    pub candidates: usize,
    /// Blocks that all candidates fill together.
    pub blocks: u32,
    /// Candidates of one payer.
    pub per_payer: u32,
    /// Candidates that write one account.
    pub per_account: u32,
    /// Blocks that the candidates that write one account fill together.
    pub blocks_per_account: u32,
    /// How blocks are shared.
    pub fairness: Fairness,
}

/// How blocks are shared between those that pay much and those that wait long.
#[derive(Clone, Copy, Debug)]
pub struct Fairness {
    /// Candidates that wait for one account until it is crowded and has a queue of its own; in
    /// [1, [`MempoolLimits::per_account`]].
    pub crowd: u32,
    /// Selections that may pass over a candidate before it is aged.
    pub patience: u64,
    /// Thousandths of a block that go to aged candidates first; in [0, 1000].
    pub aged_per_mille: u32,
    /// Those of them that may write one account; in [0, 1000].
    pub aged_account_per_mille: u32,
}

impl MempoolLimits {
    /// Limits for Solana's blocks, of which 40 % may write one account: a quarter of the block, a
    /// tenth for one account, goes to the aged first. With them the bound on waiting that the
    /// [module](super) states is 88 selections, and 40 more for each contended account; a
    /// blockhash lasts 151 blocks.
    ///
    /// A chain with other limits takes these with its own [`block`](Self::block).
    pub const STANDARD: Self = Self {
        block: BlockLimits::MAINNET,
        bytes: 256 << 20,
        evicted_bytes: 32 << 20,
        candidates: 100_000,
        blocks: 16,
        per_payer: 256,
        per_account: 10_000,
        blocks_per_account: 3,
        fairness: Fairness {
            crowd: 64,
            patience: 16,
            aged_per_mille: 250,
            aged_account_per_mille: 100,
        },
    };
}
