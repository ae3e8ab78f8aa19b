//! Calls between programs: what the callee gets, what the caller gets back, and the limits.

use super::*;
use crate::{
    address::{DeriveError, create_program_address, find_program_address},
    limits::{
        DERIVED_SIGNERS_MAX, INSTRUCTION_ACCOUNTS_MAX, INSTRUCTION_TRACE_MAX, INVOKED_DATA_SIZE_MAX,
    },
};

const SEED: &[u8] = b"vault";

/// The address that the calling program can sign for, and its bump seed.
fn vault() -> (Address, u8) {
    find_program_address(&[SEED], &PROGRAM)
}

/// Runs `process` on the vault (wallet of 50, writable, not a signer), the callee, and twice the
/// read-only account, recording everything.
fn run_with_vault(
    process: Process,
    callee: Process,
) -> (
    Result<(), InstructionError>,
    Vec<InnerInstruction>,
    ReturnData,
) {
    let environment = Environment {
        sysvars: Sysvars::default(),
        rules: RuleSet::Current,
        programs: ProgramTable::new()
            .with(Closure(PROGRAM, process))
            .with(Closure(CALLEE, callee)),
    };
    let (vault, _) = vault();
    let mut vault_account = Account {
        owner: CALLEE,
        ..Account::wallet(50)
    };
    let readonly = Account::wallet(1);
    let (program, callee) = (program_account(), program_account());
    let mut context = TransactionContext::new(&environment);
    context.begin(1_000, true);
    context.push(AccountSlot::owned(&vault, &mut vault_account, false));
    context.push(AccountSlot::shared(&CALLEE, &callee, false));
    context.push(AccountSlot::shared(&READONLY, &readonly, false));
    context.push(AccountSlot::shared(&PROGRAM, &program, false));
    let result = context.process_instruction(7, 3, &[2, 0, 1, 2], &[]);
    let records = context.records();
    (
        result,
        records.inner_instructions().to_vec(),
        records.return_data().clone(),
    )
}

fn call_callee(accounts: Vec<AccountMeta>, data: Vec<u8>) -> Instruction {
    Instruction {
        program: CALLEE,
        accounts,
        data,
    }
}

fn call_with_vault_signing() -> Instruction {
    call_callee(vec![AccountMeta::writable(vault().0, true)], vec![5, 6])
}

/// Fails with a number of its own unless it was handed the vault, writable and signed for.
fn expect_vault(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let vault = context.account_mut(0)?;
    let is_right = vault.is_signer() && vault.is_writable() && *vault.address() == self::vault().0;
    drop(vault);
    let has_signed = context.has_signed(&self::vault().0);
    if !is_right || !has_signed || context.data() != [5, 6] || context.depth() != 2 {
        return Err(InstructionError::Custom(404));
    }
    context.set_return_data(b"seen")
}

#[test]
fn a_program_signs_for_the_addresses_it_derives() {
    let (result, inner, returned) = run_with_vault(
        |context| {
            let bump = [vault().1];
            context.invoke_signed(&call_with_vault_signing(), &[&[SEED, &bump]])?;
            let seen = context.return_data();
            if seen.program != CALLEE || seen.data != b"seen" {
                return Err(InstructionError::Custom(405));
            }
            Ok(())
        },
        expect_vault,
    );
    assert_eq!(result, Ok(()));
    assert_eq!(
        inner,
        [InnerInstruction {
            instruction_index: 7,
            depth: 2,
            program_index: 1,
            accounts: vec![0],
            data: vec![5, 6],
        }]
    );
    assert_eq!(
        (returned.program, returned.data),
        (CALLEE, b"seen".to_vec())
    );
}

#[test]
fn other_seeds_sign_for_nothing() {
    let unsigned: Process = |context| context.invoke(&call_with_vault_signing());
    let (result, inner, _) = run_with_vault(unsigned, expect_vault);
    assert_eq!(result, Err(InstructionError::PrivilegeEscalation));
    assert_eq!(inner, []);

    let other_seeds: Process = |context| {
        let other = find_program_address(&[b"other"], &PROGRAM).1;
        context.invoke_signed(&call_with_vault_signing(), &[&[b"other", &[other]]])
    };
    let (result, ..) = run_with_vault(other_seeds, expect_vault);
    assert_eq!(result, Err(InstructionError::PrivilegeEscalation));

    let too_long: Process =
        |context| context.invoke_signed(&call_with_vault_signing(), &[&[&[0; 33]]]);
    let (result, ..) = run_with_vault(too_long, expect_vault);
    let number = DeriveError::SeedTooLong as u32;
    assert_eq!(result, Err(InstructionError::Custom(number)));
}

#[test]
fn about_half_of_all_seeds_derive_an_address() {
    let derived =
        (0..=u8::MAX).filter(|seed| create_program_address(&[&[*seed]], &PROGRAM).is_ok());
    assert!((80..=176).contains(&derived.count()));
    let many: Vec<&[u8]> = vec![&[]; 17];
    let too_many = Err(DeriveError::SeedTooLong);
    assert_eq!(create_program_address(&many, &PROGRAM), too_many);
    assert!(create_program_address(&many[1..], &PROGRAM) != too_many);
}

#[test]
fn an_account_named_twice_has_the_rights_of_both_names() {
    let (result, ..) = run_with_vault(
        |context| {
            let vault = vault().0;
            let metas = vec![
                AccountMeta::readonly(vault, false),
                AccountMeta::writable(vault, false),
            ];
            context.invoke(&call_callee(metas, Vec::new()))
        },
        |context| {
            if !context.is_writable(0)? || context.account_count() != 2 {
                return Err(InstructionError::Custom(404));
            }
            let _first = context.account_mut(0)?;
            match context.account_mut(1) {
                Err(InstructionError::AccountBorrowFailed) => Ok(()),
                _ => Err(InstructionError::Custom(405)),
            }
        },
    );
    assert_eq!(result, Ok(()));
}

#[test]
fn calls_are_limited_in_size_and_number() {
    let check_call = |process: Process, expected| {
        let (result, ..) = run_with_vault(process, |_| Ok(()));
        assert_eq!(result, expected);
    };
    check_call(
        |context| {
            context.invoke(&call_callee(Vec::new(), vec![0; INVOKED_DATA_SIZE_MAX]))?;
            let metas = vec![AccountMeta::readonly(READONLY, false); INSTRUCTION_ACCOUNTS_MAX];
            context.invoke(&call_callee(metas, Vec::new()))
        },
        Ok(()),
    );
    check_call(
        |context| context.invoke(&call_callee(Vec::new(), vec![0; INVOKED_DATA_SIZE_MAX + 1])),
        Err(InstructionError::InvalidArgument),
    );
    check_call(
        |context| {
            let metas = vec![AccountMeta::readonly(READONLY, false); INSTRUCTION_ACCOUNTS_MAX + 1];
            context.invoke(&call_callee(metas, Vec::new()))
        },
        Err(InstructionError::MaxAccountsExceeded),
    );
    check_call(
        |context| {
            let bump = [vault().1];
            let seeds: &[&[u8]] = &[SEED, &bump];
            let signers = [seeds; DERIVED_SIGNERS_MAX + 1];
            context.invoke_signed(&call_callee(Vec::new(), Vec::new()), &signers)
        },
        Err(InstructionError::MaxAccountsExceeded),
    );
    // The top-level instruction counts as one.
    check_call(
        |context| {
            for _ in 1..INSTRUCTION_TRACE_MAX {
                context.invoke(&call_callee(Vec::new(), Vec::new()))?;
            }
            Ok(())
        },
        Ok(()),
    );
    check_call(
        |context| {
            for _ in 0..INSTRUCTION_TRACE_MAX {
                context.invoke(&call_callee(Vec::new(), Vec::new()))?;
            }
            Ok(())
        },
        Err(InstructionError::MaxInstructionTraceLengthExceeded),
    );
}

#[test]
fn lamports_balance_before_and_after_every_call() {
    let pays_late: Process = |context| {
        context.account_mut(1)?.credit(5)?;
        context.invoke(&call_callee(Vec::new(), Vec::new()))
    };
    let (result, ..) = run_with_vault(pays_late, |_| Ok(()));
    assert_eq!(result, Err(InstructionError::UnbalancedInstruction));

    let calls: Process = |context| {
        let metas = vec![AccountMeta::writable(vault().0, false)];
        context.invoke(&call_callee(metas, Vec::new()))
    };
    let (result, ..) = run_with_vault(calls, |context| context.account_mut(0)?.debit(5));
    assert_eq!(result, Err(InstructionError::UnbalancedInstruction));
}

#[test]
fn only_programs_can_be_called() {
    let calls_account: Process = |context| {
        context.invoke(&Instruction {
            program: READONLY,
            accounts: Vec::new(),
            data: Vec::new(),
        })
    };
    let (result, ..) = run_with_vault(calls_account, |_| Ok(()));
    assert_eq!(result, Err(InstructionError::UnsupportedProgramId));

    // The callee was not handed itself, so it cannot name itself.
    let (result, ..) = run_with_vault(
        |context| context.invoke(&call_callee(Vec::new(), Vec::new())),
        |context| context.invoke(&call_callee(Vec::new(), Vec::new())),
    );
    assert_eq!(result, Err(InstructionError::MissingAccount));
}
