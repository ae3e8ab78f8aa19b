//! Where a transaction runs: the state before it, and what was recorded of it.

use std::slice;

use lockstep_interface::{Account, Address, Hash};
use lockstep_runtime::chain::{Chain, SimulateError, Simulated, Simulation};
use lockstep_runtime::wire::WireBlock;
use lockstep_store::Change;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// What the chain says that the transaction came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Recorded {
    /// The error in Solana's form; null for success.
    pub(super) error: Value,
    pub(super) compute_units: u64,
    pub(super) fee: u64,
}

/// A transaction in its place.
pub(super) struct Stage {
    pub(super) slot: u64,
    pub(super) place: Option<usize>,
    pub(super) unix_timestamp: i64,
    pub(super) bytes: Vec<u8>,
    /// Its accounts in message order.
    pub(super) keys: Vec<Address>,
    pub(super) recorded: Option<Recorded>,
    /// Whether all accounts are as they were.
    pub(super) is_exact: bool,
    pub(super) chain: Chain,
    /// The block that the state is of.
    pub(super) parent: Hash,
    /// Accounts that differ from that state, right before the transaction.
    pub(super) before: Vec<Change>,
}

impl Stage {
    /// Runs transactions on the state before this one, with some accounts replaced.
    pub(super) fn simulate(
        &self,
        transactions: WireBlock,
        given: &[Change],
    ) -> Result<Simulated, SimulateError> {
        let mut simulation = Simulation::new(transactions);
        simulation.overrides = [&self.before, given].concat();
        simulation.slot = Some(self.slot);
        simulation.unix_timestamp = Some(self.unix_timestamp);
        self.chain.simulate_changes(&self.parent, &simulation)
    }

    /// The transaction's accounts right before it, with some replaced.
    pub(super) fn accounts(&self, given: &[Change]) -> Result<Vec<Account>, Failure> {
        let view = self.chain.view(&self.parent).map_err(Failure::other)?;
        let mut accounts = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let mut changed = given.iter().rev().chain(self.before.iter().rev());
            let account = match changed.find(|(known, _)| known == key) {
                Some((_, account)) => account.clone(),
                None => {
                    let mut account = Account::default();
                    view.load(slice::from_ref(key), slice::from_mut(&mut account))
                        .map_err(Failure::other)?;
                    account
                }
            };
            accounts.push(account);
        }
        Ok(accounts)
    }
}
