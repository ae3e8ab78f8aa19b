//! Which accounts may pay the fee, and what has to be left.

use lockstep_interface::{
    Account, Hash, TransactionError,
    address::{program_ids, sysvar_ids},
    nonce::NONCE_ACCOUNT_SIZE,
};

use super::{ADDRESS, ledger, nothing};
use crate::common::{
    ledger::{FEE, RICH, address, data_account, nonce_account, rent_exempt},
    run::{Chain, SUCCEEDED, Verdict, refused, verdict},
};

const PAYER: u64 = 50;

/// A chain in which this account pays for a transaction that does nothing.
fn check(account: Account, expected: Verdict) {
    let before = account.lamports;
    let mut ledger = ledger();
    ledger.put(address(PAYER), account);
    let mut chain = Chain::new(ledger.open());
    let fate = chain.send(address(PAYER), &[nothing()]);
    assert_eq!(verdict(&fate), expected, "{before} lamports");
    let paid = if expected == SUCCEEDED { FEE } else { 0 };
    assert_eq!(chain.lamports(&address(PAYER)), before - paid);
}

#[test]
fn a_wallet_pays_down_to_its_rent_exempt_minimum_or_to_nothing() {
    let unfunded = || refused(TransactionError::InsufficientFundsForFee);
    let minimum = rent_exempt(0);
    check(
        Account::wallet(0),
        refused(TransactionError::AccountNotFound),
    );
    check(Account::wallet(FEE - 1), unfunded());
    check(Account::wallet(FEE), SUCCEEDED);
    // A wallet that was below the minimum before may stay there.
    check(Account::wallet(FEE + 1), SUCCEEDED);
    check(Account::wallet(minimum - 1), SUCCEEDED);
    let account_index = 0;
    let below_rent = || refused(TransactionError::InsufficientFundsForRent { account_index });
    check(Account::wallet(minimum), below_rent());
    check(Account::wallet(minimum + FEE - 1), below_rent());
    check(Account::wallet(minimum + FEE), SUCCEEDED);
}

#[test]
fn only_wallets_and_nonce_accounts_pay() {
    let invalid = || refused(TransactionError::InvalidAccountForFee);
    check(data_account(ADDRESS, Vec::new()), invalid());
    check(data_account(ADDRESS, vec![0; 80]), invalid());
    check(data_account(program_ids::SYSTEM, vec![0; 8]), invalid());
    check(
        data_account(program_ids::SYSTEM, vec![0; NONCE_ACCOUNT_SIZE]),
        invalid(),
    );
    let mut longer = nonce_account(address(1), &Hash::default(), RICH);
    longer.data.resize(NONCE_ACCOUNT_SIZE + 1);
    check(longer, invalid());
}

#[test]
fn a_nonce_account_pays_down_to_its_minimum() {
    let nonce = |lamports| nonce_account(address(1), &Hash::default(), lamports);
    let minimum = rent_exempt(NONCE_ACCOUNT_SIZE);
    check(nonce(minimum + FEE), SUCCEEDED);
    let unfunded = || refused(TransactionError::InsufficientFundsForFee);
    check(nonce(minimum + FEE - 1), unfunded());
    check(nonce(FEE), unfunded());
    check(nonce(FEE - 1), unfunded());
}

#[test]
fn programs_and_sysvars_do_not_pay() {
    let mut chain = Chain::new(ledger().open());
    let invalid = refused(TransactionError::InvalidAccountForFee);
    for payer in [
        program_ids::SYSTEM,
        super::OTHER,
        sysvar_ids::CLOCK,
        sysvar_ids::RENT,
    ] {
        assert_eq!(
            verdict(&chain.send(payer, &[nothing()])),
            invalid,
            "{payer}"
        );
    }
}

#[test]
fn each_signature_costs() {
    let mut chain = Chain::new(ledger().open());
    let signers =
        (0..4).map(|number| lockstep_interface::AccountMeta::readonly(address(number), true));
    let call = crate::common::program::call(super::NOTHING, signers.collect(), &[]);
    let receipt = chain.send(address(0), &[call]).expect("the payer is rich");
    assert_eq!(receipt.signature_fee, 4 * FEE);
    assert_eq!(chain.lamports(&address(0)), RICH - 4 * FEE);
    assert_eq!(chain.lamports(&address(1)), RICH);
}
