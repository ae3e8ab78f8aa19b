//! What a transaction must leave behind: rent-exempt accounts, and every lamport.

use lockstep_interface::{InstructionError, TransactionError, address::INCINERATOR};
use lockstep_programs::system::instruction as system;

use super::{CREDIT, MOVE, OWNED, RESIZE, chain, on, payer};
use crate::common::{
    ledger::{FEE, RICH, address, rent_exempt},
    run::{SUCCEEDED, Verdict, failed, failed_at, verdict},
};

fn below_rent(account_index: u8) -> Verdict {
    failed(TransactionError::InsufficientFundsForRent { account_index })
}

#[test]
fn new_accounts_are_rent_exempt() {
    let mut chain = chain();
    let minimum = rent_exempt(0);
    let pay = |lamports| [system::transfer(&payer(), &address(200), lamports)];
    assert_eq!(
        verdict(&chain.send(payer(), &pay(minimum - 1))),
        below_rent(1)
    );
    assert_eq!(chain.lamports(&address(200)), 0);
    assert_eq!(chain.lamports(&payer()), RICH - FEE);
    assert_eq!(verdict(&chain.send(payer(), &pay(minimum))), SUCCEEDED);
    assert_eq!(chain.lamports(&address(200)), minimum);
    assert_eq!(verdict(&chain.send(payer(), &pay(0))), SUCCEEDED);
}

#[test]
fn only_the_incinerator_may_hold_less() {
    let mut chain = chain();
    let burn = system::transfer(&payer(), &INCINERATOR, 1);
    assert_eq!(verdict(&chain.send(payer(), &[burn])), SUCCEEDED);
    assert_eq!(chain.lamports(&INCINERATOR), 1);
}

#[test]
fn an_account_ends_rent_exempt_or_empty() {
    let minimum = rent_exempt(0);
    for (left, expected) in [
        (minimum, SUCCEEDED),
        (minimum - 1, below_rent(0)),
        (1, below_rent(0)),
        (0, SUCCEEDED),
    ] {
        let mut chain = chain();
        let payment = system::transfer(&payer(), &address(1), RICH - FEE - left);
        assert_eq!(
            verdict(&chain.send(payer(), &[payment])),
            expected,
            "{left}"
        );
        let kept = if expected == SUCCEEDED {
            left
        } else {
            RICH - FEE
        };
        assert_eq!(chain.lamports(&payer()), kept);
        assert_eq!(
            chain.lamports(&payer()) + chain.lamports(&address(1)),
            2 * RICH - FEE
        );
    }
}

#[test]
fn an_account_that_grows_needs_more_rent() {
    let lamports = rent_exempt(100) + RICH;
    for (size, spare, expected) in [
        (500, 0, SUCCEEDED),
        (501, 0, below_rent(1)),
        (501, 6_960, SUCCEEDED),
    ] {
        let mut chain = chain();
        let kept = rent_exempt(500) + spare;
        let resize = on(RESIZE, &[OWNED], &[size]);
        let shed = on(MOVE, &[OWNED, 1], &[lamports - kept]);
        // Accounts stand in the order of their addresses behind the payer.
        let expected = match expected {
            SUCCEEDED => SUCCEEDED,
            _ => {
                let mut numbers = [address(OWNED), address(1)];
                numbers.sort();
                let place = numbers.iter().position(|number| *number == address(OWNED));
                below_rent(u8::try_from(place.expect("it is named") + 1).expect("few accounts"))
            }
        };
        assert_eq!(
            verdict(&chain.send(payer(), &[resize, shed])),
            expected,
            "{size}"
        );
    }
}

#[test]
fn no_instruction_makes_or_loses_lamports() {
    let mut chain = chain();
    let unbalanced = failed_at(0, InstructionError::UnbalancedInstruction);
    let before = chain.lamports(&address(OWNED));
    assert_eq!(
        verdict(&chain.send(payer(), &[on(CREDIT, &[OWNED], &[1])])),
        unbalanced
    );
    assert_eq!(
        verdict(&chain.send(payer(), &[on(CREDIT, &[OWNED], &[0])])),
        SUCCEEDED
    );
    let overflow = failed_at(0, InstructionError::ArithmeticOverflow);
    assert_eq!(
        verdict(&chain.send(payer(), &[on(CREDIT, &[OWNED], &[u64::MAX])])),
        overflow
    );
    assert_eq!(chain.lamports(&address(OWNED)), before);
}

#[test]
fn only_the_owner_debits() {
    let mut chain = chain();
    assert_eq!(
        verdict(&chain.send(payer(), &[on(MOVE, &[OWNED, 1], &[5])])),
        SUCCEEDED
    );
    assert_eq!(chain.lamports(&address(1)), RICH + 5);
    let foreign = failed_at(0, InstructionError::ExternalAccountLamportSpend);
    assert_eq!(
        verdict(&chain.send(payer(), &[on(MOVE, &[1, OWNED], &[5])])),
        foreign
    );
    assert_eq!(chain.lamports(&address(1)), RICH + 5);
}

#[test]
fn a_drained_account_is_gone_for_the_next_transaction() {
    let mut chain = chain();
    let held = chain.lamports(&address(OWNED));
    let blockhash = chain.blockhash();
    let send = |instruction| crate::common::ledger::transaction(payer(), blockhash, &[instruction]);
    let fates = chain.run(&[
        send(on(MOVE, &[OWNED, 1], &[held])),
        // Owner and data went with the lamports, so the program may no longer resize it.
        send(on(RESIZE, &[OWNED], &[7])),
        send(system::transfer(&payer(), &address(OWNED), rent_exempt(0))),
    ]);
    assert_eq!(verdict(&fates[0]), SUCCEEDED);
    let foreign = InstructionError::AccountDataSizeChanged;
    assert_eq!(verdict(&fates[1]), failed_at(0, foreign));
    assert_eq!(verdict(&fates[2]), SUCCEEDED);
    let expected = lockstep_interface::Account::wallet(rent_exempt(0));
    assert_eq!(chain.account(&address(OWNED)), expected);
}
