//! Trying transactions out.

use lockstep_interface::Hash;
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::Change;
use thiserror::Error;

use super::{
    Chain,
    error::{UnknownBlock, base58},
};
use crate::{
    block::{Receipt, Recording},
    engine::{BlockOptions, EngineError},
    prepare::Refusal,
    wire::WireBlock,
};

/// What is to be tried out.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The transactions in their order, which counts.
    pub transactions: WireBlock,
    /// Accounts that are to be different; the last of an address counts, and one without lamports
    /// is one that is not there.
    pub overrides: Vec<Change>,
    /// The slot; none for the one after the block's.
    pub slot: Option<u64>,
    /// Seconds since 1970; none for the block's.
    pub unix_timestamp: Option<i64>,
    /// Whether signatures are verified.
    pub verify: bool,
    /// What receipts carry.
    pub recording: Recording,
}

impl Simulation {
    /// Transactions on the state as it is, without their signatures, with full receipts.
    pub fn new(transactions: WireBlock) -> Self {
        Self {
            transactions,
            overrides: Vec::new(),
            slot: None,
            unix_timestamp: None,
            verify: false,
            recording: Recording::ALL,
        }
    }
}

/// Why nothing was tried out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The block is not known.
    #[error("cannot simulate: {0}")]
    Unknown(#[from] UnknownBlock),
    /// The slot is not above the block's.
    #[error("cannot simulate: slot {slot} does not follow slot {block}")]
    Slot {
        /// The slot that was asked for.
        slot: u64,
        /// The block's.
        block: u64,
    },
    /// The commit of a block on this one failed, and the store may have something of both.
    #[error("cannot simulate on block {}: the commit of the one after it failed", base58(.0))]
    Unsettled(Hash),
    /// The engine failed.
    #[error("cannot simulate: {0}")]
    Engine(#[from] EngineError),
}

pub(super) fn simulate(
    chain: &Chain,
    at: &Hash,
    simulation: &Simulation,
) -> Result<Vec<Result<Receipt, Refusal>>, SimulateError> {
    // The engine first: commits need not wait until it is free.
    let mut engine = chain.engine.write();
    // The state below the block stays as it is meanwhile.
    let _settled = chain.settled();
    let block = {
        let forks = chain.forks.read();
        if forks.is_unsettled(at) {
            return Err(SimulateError::Unsettled(*at));
        }
        forks.bank(at)?
    };
    let slot = simulation.slot.unwrap_or(block.slot().saturating_add(1));
    if slot <= block.slot() {
        let block = block.slot();
        return Err(SimulateError::Slot { slot, block });
    }
    let time = simulation.unix_timestamp;
    let time = time.unwrap_or(block.header().unix_timestamp);
    let options = BlockOptions {
        strategy: &Auto,
        mode: Mode::Replay,
        verify: simulation.verify,
        recording: simulation.recording,
        finalize: None,
    };
    let bank = block.overridden(simulation.overrides.clone());
    let bank = bank.child(slot, time);
    let processed = engine.process(bank, &simulation.transactions, &options, &mut ())?;
    let results = processed.receipts.iter();
    Ok(results
        .map(|result| result.cloned().map_err(Clone::clone))
        .collect())
}
