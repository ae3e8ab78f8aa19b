//! Runs an instruction case and compares everything it leaves with what was recorded.

use std::sync::Arc;

use lockstep_interface::{
    Account, Address, Environment, Hash, InstructionError, ProgramTable, Rent, RuleSet, Sysvars,
    address::{program_ids, sysvar_ids},
    context::{AccountSlot, InstructionAccount, TransactionContext},
    sysvar::{Clock, RecentBlockhash, decode_recent_blockhashes},
};
use lockstep_programs::builtin_programs;

use super::{Expectation, InstructionCase, Outcome, RecordedAccount};

/// Accounts that one context holds.
const ACCOUNTS_MAX: usize = 256;

/// Runs instruction cases.
#[derive(Debug)]
pub struct InstructionRunner {
    programs: ProgramTable,
}

/// What an instruction left.
struct Left {
    result: Result<(), InstructionError>,
    compute_units: u64,
    return_data: Vec<u8>,
    /// The accounts that differ where the instruction ended. Recorded failures were not rolled
    /// back, so that they show how far the program had come.
    modified: Vec<RecordedAccount>,
    /// The accounts that still differ once a failure is undone; there must be none.
    kept_after_undo: Vec<RecordedAccount>,
}

impl InstructionRunner {
    /// A runner with all programs of ours.
    pub fn new() -> Self {
        Self {
            programs: builtin_programs(),
        }
    }

    /// Runs one case by the rules that it was recorded with.
    pub fn run(&self, case: &InstructionCase, rules: RuleSet) -> Outcome {
        if !self.has_programs(case) {
            return Outcome::Skipped;
        }
        // One place is kept for the program.
        if case.accounts.len() >= ACCOUNTS_MAX {
            return Outcome::Failed(format!("more than {ACCOUNTS_MAX} accounts"));
        }
        let environment = Environment {
            sysvars: sysvars(case),
            rules,
            programs: self.programs.clone(),
        };
        let left = execute(&environment, &self.linked(case));
        match first_difference(&case.expect, &left, rules) {
            None => Outcome::Passed,
            Some(difference) => Outcome::Failed(difference),
        }
    }
}

impl InstructionRunner {
    /// True if the program called is one of ours, and so are all that it may call. Solana's own
    /// programs call none that a case hands them.
    fn has_programs(&self, case: &InstructionCase) -> bool {
        let ours = |address| self.programs.get(address).is_some();
        let is_deployed = matches!(case.expect, Expectation::Deployed { .. });
        let mut named = case.metas.iter().filter_map(|meta| {
            let recorded = case.accounts.get(usize::from(meta.index))?;
            let is_bytecode = is_deployed_program(&recorded.account);
            is_bytecode.then_some(&recorded.address)
        });
        ours(&case.program) && (!is_deployed || named.all(ours))
    }

    /// The case with programs that are deployed as bytecode replaced by ours.
    fn linked(&self, case: &InstructionCase) -> InstructionCase {
        let mut linked = case.clone();
        for recorded in &mut linked.accounts {
            if LOADERS.contains(&recorded.account.owner)
                && self.programs.get(&recorded.address).is_some()
            {
                recorded.account = built_in();
            }
        }
        linked
    }
}

/// The owners of deployed programs.
pub(super) const LOADERS: [Address; 4] = [
    program_ids::LOADER_1,
    program_ids::LOADER_2,
    program_ids::UPGRADEABLE_LOADER,
    program_ids::LOADER_4,
];

fn is_deployed_program(account: &Account) -> bool {
    account.executable && LOADERS.contains(&account.owner)
}

impl Default for InstructionRunner {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs the instruction and takes what it left, then undoes it if it failed and takes that too.
fn execute(environment: &Environment, case: &InstructionCase) -> Left {
    let built_in = built_in();
    let recorded = case.accounts.iter();
    let mut accounts: Vec<Account> = recorded.map(|recorded| recorded.account.clone()).collect();
    let mut context = TransactionContext::new(environment);
    context.begin(case.cu, false);
    for (recorded, account) in case.accounts.iter().zip(&mut accounts) {
        context.push(AccountSlot::owned(&recorded.address, account, false));
    }
    let is_program = |recorded: &RecordedAccount| recorded.address == case.program;
    let program = case.accounts.iter().position(is_program);
    let program = program.unwrap_or_else(|| {
        context.push(AccountSlot::shared(&case.program, &built_in, false));
        case.accounts.len()
    });
    let program = u8::try_from(program).expect("there are at most 256 accounts");
    let rights = case.metas.iter().map(|meta| InstructionAccount {
        index: meta.index,
        is_signer: meta.is_signer,
        is_writable: meta.is_writable,
    });
    let rights: Vec<_> = rights.collect();
    let result = context.process_instruction_with_rights(program, &rights, &case.data);
    let modified = changes(&mut context, case);
    let mut kept_after_undo = Vec::new();
    if result.is_err() {
        context.undo();
        kept_after_undo = changes(&mut context, case);
    }
    Left {
        result,
        compute_units: context.compute_units_left(),
        return_data: context.records().return_data().data.clone(),
        modified,
        kept_after_undo,
    }
}

/// The account of a program that is linked in.
fn built_in() -> Account {
    Account {
        lamports: 1,
        owner: program_ids::NATIVE_LOADER,
        executable: true,
        ..Account::default()
    }
}

/// The accounts that are not what they were before.
fn changes(context: &mut TransactionContext<'_>, case: &InstructionCase) -> Vec<RecordedAccount> {
    let mut changed = Vec::new();
    for (index, before) in case.accounts.iter().enumerate() {
        let account = context.slot(index).account();
        if *account != before.account {
            changed.push(RecordedAccount {
                address: before.address,
                account: account.clone(),
            });
        }
    }
    changed
}

/// The sysvars that a case's own accounts hold, as the recording harness read them.
fn sysvars(case: &InstructionCase) -> Sysvars {
    let held = |address| {
        let mut recorded = case.accounts.iter();
        let found = recorded.find(|recorded| recorded.address == address)?;
        (found.account.exists()).then_some(&found.account)
    };
    let rent = held(sysvar_ids::RENT).and_then(|account: &Account| Rent::decode(&account.data));
    let rent = case.rent.map(Rent::from).or(rent);
    let recent = held(sysvar_ids::RECENT_BLOCKHASHES);
    let recent = recent.and_then(|account| decode_recent_blockhashes(&account.data));
    let last = recent.as_ref().and_then(|list| list.last().copied());
    Sysvars {
        clock: Some(Clock {
            slot: case.slot,
            unix_timestamp: case.unix_timestamp,
            ..Clock::default()
        }),
        rent: Some(rent.unwrap_or(Rent::MAINNET)),
        recent_blockhashes: recent.map(Arc::new),
        slot_hashes: None,
        environment_blockhash: Some(last.unwrap_or(RecentBlockhash {
            blockhash: Hash::default(),
            lamports_per_signature: 0,
        })),
    }
}

/// The first thing that is not as recorded.
fn first_difference(expected: &Expectation, left: &Left, rules: RuleSet) -> Option<String> {
    if expected.is_refusal() {
        let kept = left.kept_after_undo.first();
        return match (&left.result, kept) {
            (Ok(()), _) => Some("refused by the runtime, found success".to_owned()),
            (Err(_), Some(kept)) => Some(format!("not undone: {kept:?}")),
            (Err(_), None) => None,
        };
    }
    let Some(result) = expected_result(expected) else {
        return Some(format!("no such result: {expected:?}"));
    };
    let found = match (&left.result, expected) {
        // Recordings of deployed programs have one number for both.
        #[expect(deprecated, reason = "deployed programs report the older error")]
        (
            Err(InstructionError::MissingAccount),
            Expectation::Deployed {
                instr_error: None, ..
            },
        ) => Err(InstructionError::NotEnoughAccountKeys),
        (result, _) => result.clone(),
    };
    if result != found {
        return Some(format!("{result:?}, found {found:?}"));
    }
    if let Expectation::Native { cu_left, .. } = *expected
        && cu_left != left.compute_units
    {
        let units = left.compute_units;
        return Some(format!("{cu_left} compute units left, found {units}"));
    }
    if expected.return_data() != left.return_data {
        return Some(format!(
            "return data {:02x?}, found {:02x?}",
            expected.return_data(),
            left.return_data
        ));
    }
    if let Some(kept) = left.kept_after_undo.first() {
        return Some(format!("not undone: {kept:?}"));
    }
    // Recordings of today tell no effects of a failure.
    let tells_effects = rules == RuleSet::December2024 || left.result.is_ok();
    tells_effects
        .then(|| modified_difference(expected.modified(), &left.modified))
        .flatten()
}

fn modified_difference(expected: &[RecordedAccount], found: &[RecordedAccount]) -> Option<String> {
    for account in expected {
        if !found.contains(account) {
            let instead = found.iter().find(|found| found.address == account.address);
            return Some(format!("account {account:?}, found {instead:?}"));
        }
    }
    let unexpected = found.iter().find(|account| !expected.contains(account))?;
    Some(format!(
        "unchanged {}, found {unexpected:?}",
        unexpected.address
    ))
}

/// The recorded result; `None` if its number stands for nothing.
fn expected_result(expected: &Expectation) -> Option<Result<(), InstructionError>> {
    let error = match *expected {
        Expectation::Native { result: 0, .. } => return Some(Ok(())),
        Expectation::Native { result, custom, .. } => {
            let index = usize::try_from(result).ok()?.checked_sub(1)?;
            match InstructionError::VARIANTS.get(index)? {
                InstructionError::Custom(_) => InstructionError::Custom(custom),
                error => error.clone(),
            }
        }
        Expectation::Deployed {
            program_result: 0, ..
        } => return Some(Ok(())),
        Expectation::Deployed {
            instr_error: Some(number),
            program_result,
            ..
        } => {
            let index = usize::try_from(number).ok()?.checked_sub(1)?;
            match InstructionError::VARIANTS.get(index)? {
                // Zero is told by the program error that stands for it.
                InstructionError::Custom(_) => {
                    InstructionError::Custom(u32::try_from(program_result).unwrap_or(0))
                }
                error => error.clone(),
            }
        }
        Expectation::Deployed { program_result, .. } => match u32::try_from(program_result) {
            Ok(code) => InstructionError::Custom(code),
            Err(_) => {
                let index = usize::try_from(program_result >> 32).ok()?.checked_sub(1)?;
                PROGRAM_ERRORS.get(index)?.clone()
            }
        },
    };
    Some(Err(error))
}

/// The errors of deployed programs in the order of their numbers, from 1 (Solana:
/// `ProgramError`).
#[expect(
    deprecated,
    reason = "deployed programs still report the older error for missing accounts"
)]
const PROGRAM_ERRORS: [InstructionError; 18] = [
    InstructionError::Custom(0),
    InstructionError::InvalidArgument,
    InstructionError::InvalidInstructionData,
    InstructionError::InvalidAccountData,
    InstructionError::AccountDataTooSmall,
    InstructionError::InsufficientFunds,
    InstructionError::IncorrectProgramId,
    InstructionError::MissingRequiredSignature,
    InstructionError::AccountAlreadyInitialized,
    InstructionError::UninitializedAccount,
    InstructionError::NotEnoughAccountKeys,
    InstructionError::AccountBorrowFailed,
    InstructionError::MaxSeedLengthExceeded,
    InstructionError::InvalidSeeds,
    InstructionError::BorshIoError,
    InstructionError::AccountNotRentExempt,
    InstructionError::UnsupportedSysvar,
    InstructionError::IllegalOwner,
];
