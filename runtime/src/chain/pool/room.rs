//! A block's room that looks at the state too: a candidate that was right when it came may have
//! lost its payer's balance or its nonce since.

use std::collections::HashMap;

use ahash::RandomState;
use lockstep_interface::{
    Account, Address, Rent, TransactionError, address::program_ids, nonce::NonceState,
};

use crate::{
    bank::FrozenBank,
    mempool::{BlockRoom, Candidate, Nonce, Room, Verdict},
    rules::fee::check_payer,
};

/// Room in a block on a state.
#[derive(Debug)]
pub(super) struct StateRoom<'s> {
    room: BlockRoom,
    state: &'s FrozenBank,
    rent: Rent,
    /// Lamports that the payers of candidates in the room pay.
    promised: HashMap<Address, u64, RandomState>,
    /// Why candidates were refused, in their order.
    pub(super) refusals: Vec<TransactionError>,
}

impl<'s> StateRoom<'s> {
    pub(super) fn new(room: BlockRoom, state: &'s FrozenBank) -> Self {
        Self {
            room,
            state,
            rent: state.environment().rent(),
            promised: HashMap::default(),
            refusals: Vec::new(),
        }
    }

    /// An account; `None` if the store fails, which the builder of the block will meet too.
    fn account(&self, address: &Address) -> Option<Account> {
        let account = self.state.get(address).ok()?;
        Some(account.unwrap_or_default())
    }

    fn has_nonce(&self, nonce: &Nonce) -> bool {
        self.account(&nonce.account).is_none_or(|account| {
            let state = NonceState::decode(&account.data);
            let is_stored = state.is_some_and(|state| state.verify(&nonce.value).is_some());
            account.owner == program_ids::SYSTEM && is_stored
        })
    }

    /// Whether the payers can pay, besides what they promised.
    ///
    /// # Errors
    /// If one could not even if it had promised nothing.
    fn can_pay(&self, candidate: &Candidate) -> Result<Verdict, TransactionError> {
        for payment in candidate.payments() {
            let Some(account) = self.account(&payment.payer) else {
                continue;
            };
            check_payer(&account, payment.fee, &self.rent)?;
            let promised = self.promised.get(&payment.payer).copied().unwrap_or(0);
            let sum = promised.saturating_add(payment.fee);
            if promised > 0 && check_payer(&account, sum, &self.rent).is_err() {
                return Ok(Verdict::Shut(payment.payer));
            }
        }
        Ok(Verdict::Taken)
    }
}

impl Room for StateRoom<'_> {
    fn offer(&mut self, candidate: &Candidate) -> Verdict {
        let verdict = self.room.verdict(candidate);
        if verdict != Verdict::Taken {
            return verdict;
        }
        let judged = if candidate.nonces().iter().all(|nonce| self.has_nonce(nonce)) {
            self.can_pay(candidate)
        } else {
            Err(TransactionError::BlockhashNotFound)
        };
        match judged {
            Ok(Verdict::Taken) => {}
            Ok(other) => return other,
            Err(error) => {
                self.refusals.push(error);
                return Verdict::Refused;
            }
        }
        for payment in candidate.payments() {
            let promised = self.promised.entry(payment.payer).or_default();
            *promised = promised.saturating_add(payment.fee);
        }
        self.room.offer(candidate)
    }

    fn could_take(&self, candidate: &Candidate) -> bool {
        self.room.could_take(candidate)
    }

    fn left(&self) -> u64 {
        self.room.left()
    }
}
