//! One transaction from loaded accounts to its outcome.
//!
//! On entry the context holds the transaction's accounts in message order. On exit they are as
//! the outcome says: a refused transaction changed nothing, a failed one paid its fee and
//! advanced its nonce, one that succeeded changed what its programs changed.

use lockstep_interface::{
    Account, AccountData, Address, InstructionError, Rent, RuleSet, TransactionContext,
    TransactionError,
    address::{INCINERATOR, program_ids},
    context::{AccountSlot, AccountUse},
    nonce::NonceState,
};

use crate::{
    block::{Details, Outcome, Receipt, Recording},
    fence::fenced,
    prepare::{Lifetime, SanitizedTransaction},
    rules::{
        fee::check_payer,
        loaded::{check_program, loaded_size, stored_size},
        locks::PAYER,
        nonce::advanced_nonce,
        rent::rent_allows,
    },
};

/// Runs a transaction on the accounts in `context`.
pub(super) fn process(
    context: &mut TransactionContext<'_>,
    transaction: &SanitizedTransaction<'_>,
    recording: Recording,
) -> Outcome {
    let balances_before = recording.balances.then(|| balances(context));
    let data_before = data_of(context, recording.data_of);
    let mut written = if recording.accounts {
        writable(context)
    } else {
        Vec::new()
    };
    let nonce = match prepare(context, transaction) {
        Ok(nonce) => nonce,
        Err(error) => return Outcome::Refused(error),
    };
    let rent = context.environment().rent();
    let mut status = check_loaded(context, transaction);
    if status.is_ok() {
        status = run_instructions(context, transaction);
        if status.is_ok() {
            status = check_result(context, &rent);
        }
        if status.is_err() {
            context.undo();
        }
    }
    if let (Err(_), Some((account, advanced))) = (&status, nonce) {
        let stored = context.store_nonce(account, &advanced);
        assert!(
            stored,
            "a verified nonce account is writable and large enough"
        );
    }
    for (index, [_, after]) in &mut written {
        after.clone_from(context.slot(usize::from(*index)).account());
    }
    let limit = u64::from(transaction.budget.compute_unit_limit);
    let details = recording.any().then(|| {
        Box::new(Details {
            logs: context.records().logs().to_vec(),
            inner_instructions: context.records().inner_instructions().to_vec(),
            events: context.records().events().to_vec(),
            return_data: context.records().return_data().clone(),
            diagnostic: status.is_err().then(|| context.diagnostic()).flatten(),
            balances_before: balances_before.unwrap_or_default(),
            balances_after: if recording.balances {
                balances(context)
            } else {
                Vec::new()
            },
            uses: if recording.uses {
                uses(context, transaction)
            } else {
                Vec::new()
            },
            data_before,
            data_after: data_of(context, recording.data_of),
            written,
        })
    });
    Outcome::Included(Receipt {
        status,
        signature_fee: transaction.budget.signature_fee,
        priority_fee: transaction.budget.priority_fee,
        compute_units: limit.saturating_sub(context.compute_units_left()),
        details,
    })
}

/// The outcomes of a bundle of `count` whose transaction number `culprit` failed or was refused:
/// it keeps its reason, and the others are cancelled.
pub(super) fn cancelled(count: usize, culprit: usize, error: TransactionError) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Refused(TransactionError::CommitCancelled); count];
    outcomes[culprit] = Outcome::Refused(error);
    outcomes
}

/// Why a bundle with this outcome in it has no effect.
pub(super) fn failure(outcome: &Outcome) -> Option<TransactionError> {
    match outcome {
        Outcome::Refused(error) => Some(error.clone()),
        Outcome::Included(receipt) => receipt.status.clone().err(),
    }
}

fn balances(context: &mut TransactionContext<'_>) -> Vec<u64> {
    let count = context.account_count();
    (0..count)
        .map(|index| context.slot(index).lamports())
        .collect()
}

/// The accounts that the transaction may write, by index: as they are, and room for what they
/// become.
fn writable(context: &mut TransactionContext<'_>) -> Vec<(u8, [Account; 2])> {
    let count = context.account_count();
    let mut written = Vec::with_capacity(count);
    for (index, place) in (0..=u8::MAX).zip(0..count) {
        let slot = context.slot(place);
        if slot.is_writable() {
            written.push((index, [slot.account().clone(), Account::default()]));
        }
    }
    written
}

/// Data of the accounts that a program owns, by index.
fn data_of(
    context: &mut TransactionContext<'_>,
    program: Option<Address>,
) -> Vec<(u8, AccountData)> {
    let Some(program) = program else {
        return Vec::new();
    };
    let count = context.account_count();
    (0..=u8::MAX)
        .zip(0..count)
        .filter_map(|(index, place)| {
            let account = context.slot(place).account();
            (account.owner == program).then(|| (index, account.data.clone()))
        })
        .collect()
}

/// What was done with each account. A program counts as read also where an instruction before its
/// own failed: whether it can run is checked before the first one.
fn uses(
    context: &mut TransactionContext<'_>,
    transaction: &SanitizedTransaction<'_>,
) -> Vec<AccountUse> {
    let count = context.account_count();
    let mut uses: Vec<AccountUse> = (0..count).map(|index| context.slot(index).used()).collect();
    let programs = transaction.view.instructions();
    let programs = programs.map(|instruction| usize::from(instruction.program_index));
    let nonce = match transaction.lifetime {
        Lifetime::Blockhash => None,
        Lifetime::Nonce { account } => Some(usize::from(account)),
    };
    for index in programs.chain(nonce) {
        uses[index] = uses[index].max(AccountUse::Read);
    }
    uses
}

/// Checks nonce and payer, and takes the fee. Gives the nonce account and what it holds if the
/// transaction fails.
///
/// # Errors
/// Any error refuses the transaction, and nothing has changed.
fn prepare(
    context: &mut TransactionContext<'_>,
    transaction: &SanitizedTransaction<'_>,
) -> Result<Option<(usize, NonceState)>, TransactionError> {
    let environment = context.environment();
    let nonce = match transaction.lifetime {
        Lifetime::Blockhash => None,
        Lifetime::Nonce { account } => {
            let account = usize::from(account);
            let stored = context.slot(account).account();
            let advanced = advanced_nonce(stored, &transaction.view, environment);
            Some((
                account,
                advanced.ok_or(TransactionError::BlockhashNotFound)?,
            ))
        }
    };
    let rent = context.environment().rent();
    let payer = context.slot(PAYER).account();
    let fee = transaction.budget.fee();
    check_payer(payer, fee, &rent)?;
    if !context.charge_fee(PAYER, fee) {
        return Err(TransactionError::InvalidAccountForFee);
    }
    Ok(nonce)
}

/// Checks what was loaded: its size, and that every instruction's program can run.
///
/// # Errors
/// An error fails the transaction before its first instruction.
fn check_loaded(
    context: &mut TransactionContext<'_>,
    transaction: &SanitizedTransaction<'_>,
) -> Result<(), TransactionError> {
    let environment = context.environment();
    let rules = environment.rules;
    let mut size = u64::from(transaction.table_size);
    for index in 0..context.account_count() {
        let slot = context.slot(index);
        if !slot.is_made() {
            size = size.saturating_add(loaded_size(slot.account(), rules));
        }
    }
    size = size.saturating_add(files_size(context, rules));
    if size > u64::from(transaction.budget.loaded_data_size_max) {
        return Err(TransactionError::MaxLoadedAccountsDataSizeExceeded);
    }
    for instruction in transaction.view.instructions() {
        let program = context.slot(usize::from(instruction.program_index));
        let program = program.account();
        let is_loaded = program.owner != program_ids::NATIVE_LOADER
            && environment.programs.loader(&program.owner).is_some();
        check_program(program, is_loaded, rules)?;
    }
    Ok(())
}

/// Bytes counted for the files of program accounts that lie in accounts which the transaction does
/// not name itself.
fn files_size(context: &mut TransactionContext<'_>, rules: RuleSet) -> u64 {
    let Some(executables) = context.executables() else {
        return 0;
    };
    let count = context.account_count();
    let addresses: Vec<Address> = (0..count)
        .map(|index| *context.slot(index).address())
        .collect();
    let mut counted: Vec<Address> = Vec::new();
    let mut size = 0u64;
    for entry in addresses
        .iter()
        .filter_map(|program| executables.entry(program))
    {
        if let Some(bytes) = entry.file_size
            && !addresses.contains(&entry.file)
            && !counted.contains(&entry.file)
        {
            counted.push(entry.file);
            size = size.saturating_add(stored_size(bytes, rules));
        }
    }
    size
}

fn run_instructions(
    context: &mut TransactionContext<'_>,
    transaction: &SanitizedTransaction<'_>,
) -> Result<(), TransactionError> {
    for (index, instruction) in (0u8..=u8::MAX).zip(transaction.view.instructions()) {
        let (program, accounts) = (instruction.program_index, instruction.accounts);
        // The context stays whole when a program panics: borrows end as the stack unwinds, and
        // the transaction is undone.
        let call = || context.process_instruction(index, program, accounts, instruction.data);
        let result = fenced(call).unwrap_or(Err(InstructionError::ProgramFailedToComplete));
        result.map_err(|error| TransactionError::InstructionError(index, error))?;
    }
    Ok(())
}

/// Checks what the programs left: no account may have fallen below its rent-exempt minimum, and
/// no lamport may have appeared or vanished.
fn check_result(context: &mut TransactionContext<'_>, rent: &Rent) -> Result<(), TransactionError> {
    let mut sum_before = 0u128;
    let mut sum_after = 0u128;
    for index in 0..context.account_count() {
        let slot = context.slot(index);
        if !slot.is_writable() {
            continue;
        }
        let (before, after) = (slot.lamports_before(), slot.lamports());
        sum_before = sum_before.saturating_add(u128::from(before));
        sum_after = sum_after.saturating_add(u128::from(after));
        if slot.is_changed() && !slot_keeps_rent_rule(slot, rent) {
            let minimum = rent.minimum_balance(slot.account().data.len());
            context.diagnose_rent(index, minimum);
            let account_index = u8::try_from(index).unwrap_or(u8::MAX);
            return Err(TransactionError::InsufficientFundsForRent { account_index });
        }
    }
    if sum_before != sum_after {
        return Err(TransactionError::UnbalancedTransaction);
    }
    Ok(())
}

fn slot_keeps_rent_rule(slot: &AccountSlot<'_>, rent: &Rent) -> bool {
    let before = (slot.lamports_before(), slot.size_before());
    let after = (slot.lamports(), slot.account().data.len());
    rent_allows(rent, before, after) || *slot.address() == INCINERATOR
}
