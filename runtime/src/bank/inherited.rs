//! What all children of a bank show alike: blockhashes and slots of their ancestors.
//!
//! A producer that executes its own block, a simulation and a serial check each open a child of the
//! same bank. The lists and the account over them, 16 KB together, are made for the first.

use std::sync::Arc;

use lockstep_interface::{
    Account, Sysvars,
    address::sysvar_ids,
    sysvar::{RECENT_SLOTS_MAX, RecentBlockhash},
};
use lockstep_store::Change;

use super::BlockhashQueue;

/// Sysvars that a child takes over.
#[derive(Debug)]
pub(super) struct Inherited {
    recent_blockhashes: Arc<Vec<RecentBlockhash>>,
    recent_slots: Arc<Vec<u64>>,
    /// The RecentBlockhashes account.
    account: Account,
}

impl Inherited {
    /// Those of the children of the bank at `slot`, which has seen the slots `older`, newest first.
    pub(super) fn new(blockhashes: &BlockhashQueue, slot: u64, older: &[u64]) -> Self {
        let recent_blockhashes = Arc::new(blockhashes.sysvar());
        let shown = Sysvars {
            recent_blockhashes: Some(Arc::clone(&recent_blockhashes)),
            ..Sysvars::default()
        };
        let account = shown.accounts().pop();
        let (_, account) = account.expect("a sysvar that is set has an account");
        let mut recent_slots = Vec::with_capacity(RECENT_SLOTS_MAX);
        recent_slots.push(slot);
        let kept = older.len().min(RECENT_SLOTS_MAX.saturating_sub(1));
        recent_slots.extend_from_slice(&older[..kept]);
        Self {
            recent_blockhashes,
            recent_slots: Arc::new(recent_slots),
            account,
        }
    }

    /// Adds them to the sysvars of a child; gives the accounts of all, in ascending order of
    /// addresses.
    pub(super) fn complete(&self, sysvars: &mut Sysvars) -> Vec<Change> {
        sysvars.recent_blockhashes = None;
        let mut accounts = sysvars.accounts();
        accounts.push((sysvar_ids::RECENT_BLOCKHASHES, self.account.clone()));
        accounts.sort_unstable_by_key(|(address, _)| *address);
        sysvars.recent_blockhashes = Some(Arc::clone(&self.recent_blockhashes));
        sysvars.recent_slots = Some(Arc::clone(&self.recent_slots));
        sysvars.environment_blockhash = self.recent_blockhashes.first().copied();
        accounts
    }
}
