//! Simulates transactions on the state after a block.

use lockstep_interface::Hash;
use lockstep_scheduler::{Mode, Serial};
use lockstep_store::Change;
use thiserror::Error;

use super::{
    Chain,
    error::{UnknownBlock, base58},
};
use crate::{
    bank::{SysvarGiven, given_accounts},
    block::{Receipt, Recording},
    engine::{Cancel, Engine, EngineError, How},
    verify::{ParsedBlock, Refusal, Signatures, Verifier},
    wire::WireBlock,
};

/// The transactions to simulate, and on what.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The transactions, in the order in which they run.
    pub transactions: WireBlock,
    /// Accounts that replace those of the block. The last one of an address counts; one without
    /// lamports does not exist, and a sysvar is refused.
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

/// What simulated transactions came to.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The result of each transaction, in their order.
    pub results: Vec<Result<Receipt, Refusal>>,
    /// The accounts that they changed, sysvars included, in ascending order of addresses.
    pub changes: Vec<Change>,
}

/// Why nothing was simulated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// The block is not known.
    #[error("cannot simulate: {0}")]
    Unknown(#[from] UnknownBlock),
    /// The slot is not above the block's.
    #[error("cannot simulate: slot {slot} must be above the block's slot {block}")]
    Slot {
        /// The slot that was asked for.
        slot: u64,
        /// The block's.
        block: u64,
    },
    /// The commit of a block on this one failed, and the store may have something of both.
    #[error("cannot simulate on block {}: the commit of the one after it failed", base58(.0))]
    Unsettled(Hash),
    /// An override is a sysvar.
    #[error("cannot simulate: {0}")]
    Sysvar(#[from] SysvarGiven),
    /// The engine failed.
    #[error("cannot simulate: {0}")]
    Engine(#[from] EngineError),
}

impl Chain {
    /// Runs transactions in their order, on the state after a block with some accounts replaced,
    /// and drops the result. Runs on the caller's thread, and holds up no other call but commits.
    ///
    /// # Errors
    /// If the block is not known, a commit failed on it, an override is a sysvar, or the engine
    /// fails.
    pub fn simulate(
        &self,
        at: &Hash,
        simulation: &Simulation,
    ) -> Result<Vec<Result<Receipt, Refusal>>, SimulateError> {
        Ok(self.simulate_changes(at, simulation)?.results)
    }

    /// The same with the accounts that the transactions changed.
    ///
    /// # Errors
    /// As [`Chain::simulate`].
    pub fn simulate_changes(
        &self,
        at: &Hash,
        simulation: &Simulation,
    ) -> Result<Simulated, SimulateError> {
        // No commit changes the state below the block meanwhile.
        let _settled = self.settled();
        let block = {
            let forks = self.forks.read();
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
        let own = Verifier::new(0);
        let signatures = if simulation.verify {
            Signatures::Verify(self.options.verifier.as_ref().unwrap_or(&own))
        } else {
            Signatures::Trusted
        };
        // An engine of its own can neither stall nor poison the one that makes blocks.
        let mut engine = Engine::new(1).expect("one thread needs no pool");
        let transactions = simulation.transactions.clone();
        let parsed = ParsedBlock::new(transactions, signatures, engine.threads());
        let bank = block.overridden(given_accounts(simulation.overrides.clone())?);
        let bank = bank.child(slot, time);
        let prepared = engine.prepare(&bank, &parsed)?;
        let how = How::Planned {
            strategy: &Serial,
            mode: Mode::Replay,
        };
        let cancel = Cancel::default();
        let unsealed = engine.execute(bank, prepared, how, simulation.recording, &cancel)?;
        let results = unsealed.receipts();
        let results = results.iter();
        Ok(Simulated {
            results: results
                .map(|result| result.cloned().map_err(Clone::clone))
                .collect(),
            changes: unsealed.executed.changes().to_vec(),
        })
    }
}
