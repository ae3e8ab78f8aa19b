//! What is left of a block while it is filled from a pool.

use lockstep_interface::Address;

use super::Candidate;
use crate::{
    block::BlockLimits,
    prepare::{BLOCK_PARTS, BlockUsage, LimitExceeded, Resource},
};

/// What a block's room says to a candidate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is in.
    Taken,
    /// There is no room for it, but there may be for others.
    Passed,
    /// There is no room for what writes this account, which it does.
    Shut(Address),
    /// There is no room for any candidate.
    Full,
    /// No block on this chain will take it: the pool drops it.
    Refused,
}

/// What is left of a block's limits while it is being filled.
pub trait Room {
    /// Takes the candidate in if there is room for it.
    fn offer(&mut self, candidate: &Candidate) -> Verdict;

    /// Whether the room would take the candidate if it were empty. The pool drops an aged
    /// candidate that no room would take.
    fn could_take(&self, candidate: &Candidate) -> bool {
        let _ = candidate;
        true
    }

    /// The part of a block that is left, in [`BLOCK_PARTS`].
    fn left(&self) -> u64 {
        BLOCK_PARTS
    }
}

/// What a block's limits leave, counted as its builder and its verifiers do.
///
/// A bundle asks for all its transactions together, so that it may be passed over where its
/// transactions one by one would not be, never the other way round.
#[derive(Clone, Debug)]
pub struct BlockRoom(BlockUsage<Address>);

impl BlockRoom {
    /// An empty block under these limits. That on waits is the planner's.
    pub fn new(limits: BlockLimits) -> Self {
        Self(BlockUsage::new(limits))
    }

    /// The room that is left of a block with this usage.
    pub fn after(usage: BlockUsage<Address>) -> Self {
        Self(usage)
    }

    /// What the room would say to the candidate.
    pub fn verdict(&self, candidate: &Candidate) -> Verdict {
        if self.0.is_full() {
            return Verdict::Full;
        }
        Self::judge(self.0.check(&candidate.demand()))
    }

    fn judge(result: Result<(), LimitExceeded<Address>>) -> Verdict {
        match result {
            Ok(()) => Verdict::Taken,
            Err(LimitExceeded {
                resource: Resource::AccountComputeUnits(account),
                ..
            }) => Verdict::Shut(account),
            Err(_) => Verdict::Passed,
        }
    }
}

impl Room for BlockRoom {
    fn offer(&mut self, candidate: &Candidate) -> Verdict {
        if self.0.is_full() {
            return Verdict::Full;
        }
        Self::judge(self.0.admit(&candidate.demand()))
    }

    fn could_take(&self, candidate: &Candidate) -> bool {
        let empty = BlockUsage::new(*self.0.limits());
        empty.check(&candidate.demand()).is_ok()
    }

    fn left(&self) -> u64 {
        self.0.left()
    }
}
