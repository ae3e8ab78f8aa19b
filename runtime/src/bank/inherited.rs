//! What all children of a bank show alike: blockhashes, and slots and ids, of their ancestors.
//!
//! A producer that executes its own block, a simulation and a serial check each open a child of the
//! same bank. The lists and the accounts over them, 50 KB together, are made for the first.

use std::sync::{Arc, OnceLock};

use lockstep_interface::{
    Account, Sysvars,
    address::sysvar_ids,
    sysvar::{RecentBlockhash, SLOT_HASHES_MAX, SlotHash},
};
use lockstep_store::Change;

use super::BlockhashQueue;

/// Sysvars that a child takes over.
#[derive(Debug)]
pub(super) struct Inherited {
    recent_blockhashes: Arc<Vec<RecentBlockhash>>,
    slot_hashes: Arc<Vec<SlotHash>>,
    /// The RecentBlockhashes account.
    account: Account,
    /// The SlotHashes account; made for the first child that shows it.
    slot_hashes_account: OnceLock<Account>,
}

impl Inherited {
    /// Those of the children of the bank `newest`, which has seen the slots `older`, newest first.
    pub(super) fn new(blockhashes: &BlockhashQueue, newest: SlotHash, older: &[SlotHash]) -> Self {
        let recent_blockhashes = Arc::new(blockhashes.sysvar());
        let shown = Sysvars {
            recent_blockhashes: Some(Arc::clone(&recent_blockhashes)),
            ..Sysvars::default()
        };
        let account = shown.accounts().pop();
        let (_, account) = account.expect("a sysvar that is set has an account");
        let mut slot_hashes = Vec::with_capacity(SLOT_HASHES_MAX);
        slot_hashes.push(newest);
        let kept = older.len().min(SLOT_HASHES_MAX.saturating_sub(1));
        slot_hashes.extend_from_slice(&older[..kept]);
        Self {
            recent_blockhashes,
            slot_hashes: Arc::new(slot_hashes),
            account,
            slot_hashes_account: OnceLock::new(),
        }
    }

    /// Adds them to the sysvars of a child; gives the accounts of all, in ascending order of
    /// addresses. That of SlotHashes is there on chains with loaders: only compiled programs read
    /// it, and it changes 20 KB of the state with each block.
    pub(super) fn complete(&self, sysvars: &mut Sysvars, has_loaders: bool) -> Vec<Change> {
        sysvars.recent_blockhashes = None;
        let mut accounts = sysvars.accounts();
        accounts.push((sysvar_ids::RECENT_BLOCKHASHES, self.account.clone()));
        sysvars.recent_blockhashes = Some(Arc::clone(&self.recent_blockhashes));
        sysvars.slot_hashes = Some(Arc::clone(&self.slot_hashes));
        if has_loaders {
            let account = self.slot_hashes_account.get_or_init(|| {
                let account = sysvars.slot_hashes_account();
                account.expect("a sysvar that is set has an account")
            });
            accounts.push((sysvar_ids::SLOT_HASHES, account.clone()));
        }
        accounts.sort_unstable_by_key(|(address, _)| *address);
        sysvars.environment_blockhash = self.recent_blockhashes.first().copied();
        accounts
    }
}
