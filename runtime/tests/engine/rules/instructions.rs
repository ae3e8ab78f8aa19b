//! How many instructions, how deep, and how much accounts may grow.

use lockstep_interface::{
    AccountMeta, InstructionError, TransactionError,
    address::program_ids,
    limits::{ACCOUNT_DATA_SIZE_MAX, INSTRUCTION_GROWTH_MAX, INSTRUCTION_TRACE_MAX},
};
use lockstep_programs::system::{SystemError, instruction as system};
use lockstep_runtime::limits::INSTRUCTIONS_MAX;

use super::{
    ADDRESS, ALLOCATE, BOUNCE, OWNED, RECURSE, REPEAT, RESIZE, chain, nothing, on, on_itself, payer,
};
use crate::common::{
    ledger::{address, rent_exempt},
    program::{arguments, call},
    run::{SUCCEEDED, failed_at, refused, verdict},
};

#[test]
fn sixty_four_instructions_are_the_most() {
    let mut chain = chain();
    let many = |count| (0..count).map(|_| nothing()).collect::<Vec<_>>();
    assert_eq!(verdict(&chain.send(payer(), &[])), SUCCEEDED, "none at all");
    assert_eq!(
        verdict(&chain.send(payer(), &many(INSTRUCTIONS_MAX))),
        SUCCEEDED
    );
    let too_many = refused(TransactionError::SanitizeFailure);
    assert_eq!(
        verdict(&chain.send(payer(), &many(INSTRUCTIONS_MAX + 1))),
        too_many
    );
}

#[test]
fn invoked_instructions_count_with_the_others() {
    let mut chain = chain();
    let most = INSTRUCTION_TRACE_MAX as u64;
    let too_many = InstructionError::MaxInstructionTraceLengthExceeded;
    assert_eq!(
        verdict(&chain.send(payer(), &[on_itself(REPEAT, &[most - 1])])),
        SUCCEEDED
    );
    let fate = chain.send(payer(), &[on_itself(REPEAT, &[most])]);
    assert_eq!(verdict(&fate), failed_at(0, too_many.clone()));
    let receipt = fate.expect("it is included");
    let details = receipt.details.expect("all is recorded");
    assert_eq!(details.inner_instructions.len() as u64, most - 1);

    let fits = [on_itself(REPEAT, &[most - 2]), nothing()];
    assert_eq!(verdict(&chain.send(payer(), &fits)), SUCCEEDED);
    let one_more = [on_itself(REPEAT, &[most - 2]), nothing(), nothing()];
    assert_eq!(
        verdict(&chain.send(payer(), &one_more)),
        failed_at(2, too_many)
    );
}

#[test]
fn programs_invoke_four_deep() {
    let mut chain = chain();
    assert_eq!(
        verdict(&chain.send(payer(), &[on_itself(RECURSE, &[5])])),
        SUCCEEDED
    );
    let too_deep = failed_at(0, InstructionError::CallDepth);
    assert_eq!(
        verdict(&chain.send(payer(), &[on_itself(RECURSE, &[6])])),
        too_deep
    );
}

#[test]
fn a_program_is_not_entered_again_from_another() {
    let mut chain = chain();
    assert_eq!(
        verdict(&chain.send(payer(), &[on_itself(BOUNCE, &[2])])),
        SUCCEEDED
    );
    let again = failed_at(0, InstructionError::ReentrancyNotAllowed);
    assert_eq!(
        verdict(&chain.send(payer(), &[on_itself(BOUNCE, &[3])])),
        again
    );
}

#[test]
fn an_account_grows_by_ten_kibibytes_an_instruction() {
    let most = 100 + INSTRUCTION_GROWTH_MAX as u64;
    let resize = |size| on(RESIZE, &[OWNED], &[size]);
    let too_much = InstructionError::InvalidRealloc;
    for (sizes, expected) in [
        (vec![most], SUCCEEDED),
        (vec![most + 1], failed_at(0, too_much.clone())),
        (vec![most, most + INSTRUCTION_GROWTH_MAX as u64], SUCCEEDED),
        (
            vec![most, most + INSTRUCTION_GROWTH_MAX as u64 + 1],
            failed_at(1, too_much),
        ),
        (vec![0, INSTRUCTION_GROWTH_MAX as u64], SUCCEEDED),
    ] {
        let mut chain = chain();
        let instructions: Vec<_> = sizes.iter().map(|size| resize(*size)).collect();
        assert_eq!(
            verdict(&chain.send(payer(), &instructions)),
            expected,
            "{sizes:?}"
        );
        let size = sizes.last().copied().filter(|_| expected == SUCCEEDED);
        let found = chain.account(&address(OWNED)).data.len() as u64;
        assert_eq!(
            found,
            size.unwrap_or(100),
            "a failure takes all growth back"
        );
    }
}

#[test]
fn the_system_program_grows_accounts_without_that_limit_at_the_top_only() {
    let invoked = |space: u64| {
        let accounts = vec![
            AccountMeta::writable(address(1), true),
            AccountMeta::readonly(program_ids::SYSTEM, false),
        ];
        call(ALLOCATE, accounts, &arguments(&[space]))
    };
    let mut chain = chain();
    let most = INSTRUCTION_GROWTH_MAX as u64;
    let too_much = failed_at(0, InstructionError::InvalidRealloc);
    assert_eq!(
        verdict(&chain.send(payer(), &[invoked(most + 1)])),
        too_much
    );
    assert_eq!(verdict(&chain.send(payer(), &[invoked(most)])), SUCCEEDED);

    let most = ACCOUNT_DATA_SIZE_MAX as u64;
    let too_long = failed_at(0, SystemError::InvalidAccountDataLength.into());
    let allocate = |number, size| system::allocate(&address(number), size);
    assert_eq!(
        verdict(&chain.send(payer(), &[allocate(2, most + 1)])),
        too_long
    );
    let account_index = 1;
    let unpaid = Ok(Err(TransactionError::InsufficientFundsForRent {
        account_index,
    }));
    assert_eq!(
        verdict(&chain.send(payer(), &[allocate(payer_number(), 0)])),
        SUCCEEDED
    );
    assert_eq!(
        verdict(&chain.send(address(3), &[allocate(300, 1), fund(300, 1)])),
        unpaid
    );
}

fn payer_number() -> u64 {
    super::PAYER
}

/// Pays lamports of wallet 3 to an address.
fn fund(target: u64, lamports: u64) -> lockstep_interface::Instruction {
    system::transfer(&address(3), &address(target), lamports)
}

#[test]
fn a_transaction_grows_its_accounts_by_twenty_mebibytes() {
    let largest = ACCOUNT_DATA_SIZE_MAX;
    let create = |number, size: usize| {
        let lamports = rent_exempt(size);
        system::create_account(
            &address(3),
            &address(number),
            lamports,
            size as u64,
            &ADDRESS,
        )
    };
    let mut chain = chain();
    let three = [create(300, largest), create(301, largest), create(302, 1)];
    let too_much = InstructionError::MaxAccountsDataAllocationsExceeded;
    assert_eq!(
        verdict(&chain.send(address(3), &three)),
        failed_at(2, too_much)
    );
    assert_eq!(chain.lamports(&address(300)), 0);
    assert_eq!(verdict(&chain.send(address(3), &three[..2])), SUCCEEDED);
    assert_eq!(chain.account(&address(301)).data.len(), largest);

    let one_more = on(RESIZE, &[300], &[largest as u64 + 1]);
    let too_long = failed_at(0, InstructionError::InvalidRealloc);
    assert_eq!(verdict(&chain.send(address(3), &[one_more])), too_long);
}
