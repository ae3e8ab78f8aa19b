//! The rules that guard accounts, each met once at its edge, through a program of one closure.

mod credit;
mod diagnostic;
mod invoke;
mod undo;

use std::fmt;

use super::*;
use crate::{
    Account, AccountMeta, Address, Environment, Instruction, InstructionError, Positions, Program,
    ProgramTable, RuleSet, Sysvars,
    address::program_ids,
    limits::{INSTRUCTION_GROWTH_MAX, RETURN_DATA_SIZE_MAX},
};

type Process = fn(&mut InvokeContext<'_, '_>) -> Result<(), InstructionError>;

struct Closure(Address, Process);

impl fmt::Debug for Closure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "program {}", self.0)
    }
}

impl Program for Closure {
    fn address(&self) -> Address {
        self.0
    }
    fn name(&self) -> &'static str {
        "closure"
    }
    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        (self.1)(context)
    }
}

const PROGRAM: Address = Address::new_from_array([1; 32]);
const CALLEE: Address = Address::new_from_array([2; 32]);
const OWNED: Address = Address::new_from_array([3; 32]);
const WALLET: Address = Address::new_from_array([4; 32]);
const READONLY: Address = Address::new_from_array([5; 32]);

fn program_account() -> Account {
    Account {
        lamports: 1,
        owner: program_ids::NATIVE_LOADER,
        ..Account::default()
    }
}

/// Runs `process` on accounts 0 owned, 1 wallet (signer), 2 read-only (owned), 3 the callee, with
/// 1,000 compute units. Returns the result and the accounts as they are after undoing a failure.
fn run(process: Process, callee: Process) -> (Result<(), InstructionError>, Vec<Account>) {
    let environment = Environment {
        sysvars: Sysvars::default(),
        rules: RuleSet::Current,
        programs: ProgramTable::new()
            .with(Closure(PROGRAM, process))
            .with(Closure(CALLEE, callee)),
    };
    let mut owned = Account {
        lamports: 100,
        data: vec![7; 4].into(),
        owner: PROGRAM,
        executable: false,
    };
    let (program, callee) = (program_account(), program_account());
    let readonly = owned.clone();
    let mut wallet = Account::wallet(50);
    let mut context = TransactionContext::new(&environment);
    context.begin(1_000, true);
    context.push(AccountSlot::owned(&OWNED, &mut owned, false));
    context.push(AccountSlot::owned(&WALLET, &mut wallet, true));
    context.push(AccountSlot::shared(&READONLY, &readonly, false));
    context.push(AccountSlot::shared(&CALLEE, &callee, false));
    context.push(AccountSlot::shared(&PROGRAM, &program, false));
    let result = context.process_instruction(0, 4, &[0, 1, 2, 3, 4], &[]);
    if result.is_err() {
        context.undo();
    }
    let accounts = context.drain().map(|slot| slot.account().clone()).collect();
    (result, accounts)
}

fn check(process: Process, expected: Result<(), InstructionError>) {
    let (result, accounts) = run(process, |_| Ok(()));
    assert_eq!(result, expected);
    if expected.is_err() {
        let (_, before) = run(|_| Ok(()), |_| Ok(()));
        assert_eq!(accounts, before, "a failure must leave nothing behind");
    }
}

#[test]
fn lamports_follow_the_owner_rules() {
    check(
        |context| {
            context.account_mut(0)?.debit(30)?;
            context.account_mut(1)?.credit(30)
        },
        Ok(()),
    );
    check(
        |context| context.account_mut(0)?.debit(1),
        Err(InstructionError::UnbalancedInstruction),
    );
    check(
        |context| context.account_mut(1)?.debit(1),
        Err(InstructionError::ExternalAccountLamportSpend),
    );
    check(
        |context| context.account_mut(2)?.credit(1),
        Err(InstructionError::ReadonlyLamportChange),
    );
    check(
        |context| context.account_mut(0)?.debit(101),
        Err(InstructionError::ArithmeticOverflow),
    );
}

#[test]
fn data_follows_the_owner_rules() {
    check(
        |context| {
            context.account_mut(0)?.data_mut()?[0] = 9;
            Err(InstructionError::Custom(1))
        },
        Err(InstructionError::Custom(1)),
    );
    check(
        |context| context.account_mut(1)?.data_mut().map(|_| ()),
        Err(InstructionError::ExternalAccountDataModified),
    );
    check(
        |context| context.account_mut(2)?.data_mut().map(|_| ()),
        Err(InstructionError::ReadonlyDataModified),
    );
    check(
        |context| context.account_mut(0)?.resize(4 + INSTRUCTION_GROWTH_MAX),
        Ok(()),
    );
    check(
        |context| context.account_mut(0)?.resize(5 + INSTRUCTION_GROWTH_MAX),
        Err(InstructionError::InvalidRealloc),
    );
    check(
        |context| context.account_mut(1)?.resize(1),
        Err(InstructionError::AccountDataSizeChanged),
    );
    check(
        |context| context.account_mut(0)?.set_owner(&CALLEE),
        Err(InstructionError::ModifiedProgramId),
    );
    check(
        |context| {
            let mut account = context.account_mut(0)?;
            account.data_mut()?.fill(0);
            account.set_owner(&CALLEE)
        },
        Ok(()),
    );
}

#[test]
fn an_account_is_borrowed_once() {
    check(
        |context| {
            let _first = context.account_mut(0)?;
            context.account(0).map(|_| ())
        },
        Err(InstructionError::AccountBorrowFailed),
    );
    check(
        |context| context.account(5).map(|_| ()),
        Err(InstructionError::MissingAccount),
    );
}

#[test]
fn meters_stop_at_their_limits() {
    check(|context| context.consume(1_000), Ok(()));
    check(
        |context| context.consume(1_001),
        Err(InstructionError::ComputationalBudgetExceeded),
    );
    check(
        |context| context.set_return_data(&[0; RETURN_DATA_SIZE_MAX]),
        Ok(()),
    );
    check(
        |context| context.set_return_data(&[0; RETURN_DATA_SIZE_MAX + 1]),
        Err(InstructionError::ProgramFailedToComplete),
    );
}

fn call(accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program: CALLEE,
        accounts,
        data: Vec::new(),
    }
}

#[test]
fn an_invoke_lends_no_right_its_caller_lacks() {
    check(
        |context| context.invoke(&call(vec![AccountMeta::writable(WALLET, true)])),
        Ok(()),
    );
    check(
        |context| context.invoke(&call(vec![AccountMeta::writable(READONLY, false)])),
        Err(InstructionError::PrivilegeEscalation),
    );
    check(
        |context| context.invoke(&call(vec![AccountMeta::readonly(OWNED, true)])),
        Err(InstructionError::PrivilegeEscalation),
    );
    let stranger = |context: &mut InvokeContext<'_, '_>| {
        context.invoke(&call(vec![AccountMeta::readonly(
            Address::new_from_array([77; 32]),
            false,
        )]))
    };
    check(stranger, Err(InstructionError::MissingAccount));
}

#[test]
fn a_failed_invoke_fails_the_transaction() {
    let (result, _) = run(
        |context| {
            let _ignored = context.invoke(&call(Vec::new()));
            Ok(())
        },
        |_| Err(InstructionError::Custom(5)),
    );
    assert_eq!(result, Err(InstructionError::Custom(5)));
}

#[test]
fn calls_nest_five_deep_and_do_not_reenter() {
    let recurse: Process = |context| {
        let this = *context.program();
        let depth = u8::try_from(context.depth()).unwrap();
        context.set_return_data(&[depth])?;
        context.invoke(&Instruction {
            program: this,
            accounts: vec![AccountMeta::readonly(this, false)],
            data: Vec::new(),
        })
    };
    let (result, _) = run(recurse, |_| Ok(()));
    assert_eq!(result, Err(InstructionError::CallDepth));
    let (result, _) = run(
        |context| context.invoke(&call(vec![AccountMeta::readonly(PROGRAM, false)])),
        |context| {
            context.invoke(&Instruction {
                program: PROGRAM,
                accounts: vec![],
                data: vec![],
            })
        },
    );
    assert_eq!(result, Err(InstructionError::ReentrancyNotAllowed));
}
