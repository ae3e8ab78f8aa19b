//! Candidates that the bank of another validator has checked.
//!
//! A scheduler beside another validator has no bank of its own: that validator says that a
//! transaction is recent and new, which addresses it looks up, and what its payer has. What is left
//! is to be read from the message.

use lockstep_interface::{Address, Hash, RuleSet, address::program_ids};
use smallvec::smallvec;

use super::{Candidate, Nonce, Payment, Rejection, candidate::Member};
use crate::{
    rules::{budget_of, cost_of},
    wire::TransactionView,
};

/// The first bytes of a System instruction that advances a durable nonce.
const ADVANCE_NONCE: [u8; 4] = 4u32.to_le_bytes();

impl Candidate {
    /// Makes a candidate of one transaction, by today's rules.
    ///
    /// `loaded` are the addresses that it looks up, those that it writes first. `payer_balance` is
    /// what its payer has, in lamports. Accounts count as written where the message asks for it.
    ///
    /// # Errors
    /// If the bytes are no transaction, or ask for what no transaction gets; or if `loaded` is not
    /// as long as the message says, which is [`Rejection::Rule`] with
    /// `InvalidAddressLookupTableIndex`.
    pub fn checked_outside(
        bytes: &[u8],
        loaded: &[Address],
        payer_balance: u64,
    ) -> Result<Self, Rejection> {
        let view = TransactionView::parse(bytes)?;
        let keys = view.static_keys();
        if view.account_count() != keys.len().saturating_add(loaded.len()) {
            let error = lockstep_interface::TransactionError::InvalidAddressLookupTableIndex;
            return Err(error.into());
        }
        let budget = budget_of(&view, RuleSet::Current)?;
        let cost = cost_of(&view, &budget, RuleSet::Current);
        let address = |index: usize| Address::new_from_array(keys[index]);
        let is_written = |index: &usize| view.is_writable_static(*index);
        let own = (0..keys.len()).filter(is_written).map(address);
        let looked_up = loaded.iter().take(view.writable_lookup_count()).copied();
        let written: Box<[Address]> = own.chain(looked_up).collect();
        let signers = (1..keys.len()).filter(|index| view.is_signer(*index));
        let cosigners = signers.filter(is_written).map(address).collect();
        let payer = Address::new_from_array(*view.fee_payer());
        let blockhash = Hash::new_from_array(*view.recent_blockhash());
        let nonce = nonce_account(&view).map(|account| Nonce {
            account,
            value: blockhash,
        });
        Ok(Self {
            members: smallvec![Member {
                bytes: bytes.into(),
                frame: view.frame(),
                message_hash: view.message_hash(),
            }],
            blockhashes: match nonce {
                None => smallvec![blockhash],
                Some(_) => smallvec![],
            },
            nonces: nonce.into_iter().collect(),
            payer,
            payments: smallvec![Payment {
                payer,
                fee: budget.fee(),
                funds: payer_balance,
            }],
            cosigners,
            written,
            fee: budget.fee(),
            compute_units: cost.compute_units,
            allocated_size: cost.allocated_size,
        })
    }
}

/// The account whose nonce a transaction claims to carry, if it is one of its own keys.
fn nonce_account(view: &TransactionView<'_>) -> Option<Address> {
    let first = view.instructions().next()?;
    let program = view.static_key(usize::from(first.program_index))?;
    let account = usize::from(*first.accounts.first()?);
    let is_advance = program == program_ids::SYSTEM && first.data.starts_with(&ADVANCE_NONCE);
    (is_advance && view.is_writable_static(account)).then(|| view.static_key(account))?
}
