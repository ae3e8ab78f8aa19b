//! One transaction from loaded accounts to its outcome.
//!
//! On entry the context holds the transaction's accounts in message order. On exit they are as
//! the outcome says: a refused transaction changed nothing, a failed one paid its fee and
//! advanced its nonce, one that succeeded changed what its programs changed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep_interface::{
    Account, InstructionError, Rent, TransactionContext, TransactionError,
    address::{INCINERATOR, program_ids},
    context::{AccountSlot, AccountUse},
    nonce::{NONCE_ACCOUNT_SIZE, NonceState},
};

use super::{Details, Outcome, Receipt, Recording};
use crate::{
    limits::LOADED_ACCOUNT_SIZE,
    sanitize::{Lifetime, SanitizedTransaction, advanced_nonce},
};
use lockstep_interface::RuleSet;

/// Index of the account that pays.
const PAYER: usize = 0;

/// Runs a transaction on the accounts in `context`.
pub(super) fn process(
    context: &mut TransactionContext<'_>,
    transaction: &SanitizedTransaction<'_>,
    recording: Recording,
) -> Outcome {
    let balances_before = recording.balances.then(|| balances(context));
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

/// Makes nothing of an account without lamports: it does not exist for the transactions after.
pub(super) fn forget_empty(account: &mut Account) {
    if !account.exists() {
        *account = Account::default();
    }
}

fn balances(context: &mut TransactionContext<'_>) -> Vec<u64> {
    let count = context.account_count();
    (0..count)
        .map(|index| context.slot(index).lamports())
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

/// True if an account may go from the first balance and size to the second: it may end empty, or
/// rent-exempt, or stay below the minimum if it was below, kept its size and gained nothing.
///
/// Source: Agave's `transition_allowed`.
fn rent_allows(rent: &Rent, before: (u64, usize), after: (u64, usize)) -> bool {
    if after.0 == 0 || rent.is_exempt(after.0, after.1) {
        return true;
    }
    let was_below = before.0 != 0 && !rent.is_exempt(before.0, before.1);
    was_below && after.1 == before.1 && after.0 <= before.0
}

/// Checks what was loaded: its size, and that every instruction's program can run.
///
/// # Errors
/// An error fails the transaction before its first instruction.
fn check_loaded(
    context: &mut TransactionContext<'_>,
    transaction: &SanitizedTransaction<'_>,
) -> Result<(), TransactionError> {
    let rules = context.environment().rules;
    let mut size = u64::from(transaction.table_size);
    for index in 0..context.account_count() {
        let account = context.slot(index).account();
        let data = u64::try_from(account.data.len()).unwrap_or(u64::MAX);
        size = size.saturating_add(data);
        if rules == RuleSet::Current && account.exists() {
            size = size.saturating_add(LOADED_ACCOUNT_SIZE);
        }
    }
    if size > u64::from(transaction.budget.loaded_data_size_max) {
        return Err(TransactionError::MaxLoadedAccountsDataSizeExceeded);
    }
    for instruction in transaction.view.instructions() {
        let program = context
            .slot(usize::from(instruction.program_index))
            .account();
        if !program.exists() {
            return Err(TransactionError::ProgramAccountNotFound);
        }
        let is_frozen_rule_broken = rules.freezes_executable_accounts() && !program.executable;
        if program.owner != program_ids::NATIVE_LOADER || is_frozen_rule_broken {
            return Err(TransactionError::InvalidProgramForExecution);
        }
    }
    Ok(())
}

fn run_instructions(
    context: &mut TransactionContext<'_>,
    transaction: &SanitizedTransaction<'_>,
) -> Result<(), TransactionError> {
    for (index, instruction) in (0u8..=u8::MAX).zip(transaction.view.instructions()) {
        let (program, accounts) = (instruction.program_index, instruction.accounts);
        // The context stays whole when a program panics: borrows end as the stack unwinds, and
        // the transaction is undone.
        let call = AssertUnwindSafe(|| {
            context.process_instruction(index, program, accounts, instruction.data)
        });
        let result = catch_unwind(call).unwrap_or_else(|payload| {
            // Dropping the payload may panic in turn; leaking it cannot.
            std::mem::forget(payload);
            Err(InstructionError::ProgramFailedToComplete)
        });
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
