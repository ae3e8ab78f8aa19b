//! Durable nonces: a value kept in an account that dates a transaction in place of a blockhash.

use lockstep_interface::{
    Account, Address, Environment, Hash, RuleSet,
    address::program_ids,
    nonce::{NonceData, NonceState, durable_nonce},
};

use super::AccountKey;
use crate::wire::TransactionView;

/// The state that a nonce account has after a failed transaction, if the account holds the nonce
/// that the transaction carries and an authority that signed its first instruction.
///
/// Source: Agave's `check_nonce_transaction_validity`.
pub(crate) fn advanced_nonce(
    account: &Account,
    view: &TransactionView<'_>,
    environment: &Environment,
) -> Option<NonceState> {
    let newest = environment.sysvars.environment_blockhash?;
    if account.owner != program_ids::SYSTEM {
        return None;
    }
    let carried = Hash::new_from_array(*view.recent_blockhash());
    let state = NonceState::decode(&account.data)?;
    let data = state.verify(&carried)?;
    let next = durable_nonce(&newest.blockhash);
    let may_advance =
        next != carried && first_instruction_signers(view).any(|signer| signer == data.authority);
    may_advance.then_some(NonceState::initialized(NonceData {
        authority: data.authority,
        durable_nonce: next,
        lamports_per_signature: newest.lamports_per_signature,
    }))
}

/// The account whose durable nonce the transaction claims to carry: the first instruction's
/// first account, if that instruction is a System `AdvanceNonceAccount` and may write it.
///
/// Source: Agave's `SVMMessage::get_durable_nonce`.
pub(crate) fn nonce_account(
    view: &TransactionView<'_>,
    keys: &[AccountKey],
    rules: RuleSet,
) -> Option<u8> {
    const ADVANCE_NONCE: [u8; 4] = 4u32.to_le_bytes();
    let first = view.instructions().next()?;
    let program = keys.get(usize::from(first.program_index))?;
    if program.address != program_ids::SYSTEM || !first.data.starts_with(&ADVANCE_NONCE) {
        return None;
    }
    let account = *first.accounts.first()?;
    let is_static = usize::from(account) < view.static_keys().len();
    if !is_static && !rules.allows_nonce_from_lookup_table() {
        return None;
    }
    keys.get(usize::from(account))?
        .is_writable
        .then_some(account)
}

/// The addresses that sign the first instruction; the nonce's authority must be among them.
fn first_instruction_signers<'a>(
    view: &'a TransactionView<'_>,
) -> impl Iterator<Item = Address> + 'a {
    let accounts = view
        .instructions()
        .next()
        .map_or(&[][..], |first| first.accounts);
    accounts
        .iter()
        .filter(|index| view.is_signer(usize::from(**index)))
        .filter_map(|index| view.static_key(usize::from(*index)))
}
