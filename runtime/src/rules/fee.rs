//! The fee payer: whether an account can pay for a transaction.

use lockstep_interface::{
    Account, Rent, TransactionError,
    address::program_ids,
    nonce::{NONCE_ACCOUNT_SIZE, NonceState},
};

use super::rent::rent_allows;

/// Whether an account can pay a fee.
///
/// Source: Agave's `validate_fee_payer`.
pub(crate) fn check_payer(payer: &Account, fee: u64, rent: &Rent) -> Result<(), TransactionError> {
    if !payer.exists() {
        return Err(TransactionError::AccountNotFound);
    }
    if payer.owner != program_ids::SYSTEM {
        return Err(TransactionError::InvalidAccountForFee);
    }
    let kept = if payer.data.is_empty() {
        0
    } else {
        let is_nonce = payer.data.len() == NONCE_ACCOUNT_SIZE
            && NonceState::decode(&payer.data).is_some_and(|state| state.data.is_some());
        if !is_nonce {
            return Err(TransactionError::InvalidAccountForFee);
        }
        rent.minimum_balance(NONCE_ACCOUNT_SIZE)
    };
    let rest = payer
        .lamports
        .checked_sub(fee)
        .ok_or(TransactionError::InsufficientFundsForFee)?;
    if rest < kept {
        return Err(TransactionError::InsufficientFundsForFee);
    }
    let size = payer.data.len();
    if !rent_allows(rent, (payer.lamports, size), (rest, size)) {
        return Err(TransactionError::InsufficientFundsForRent { account_index: 0 });
    }
    Ok(())
}
