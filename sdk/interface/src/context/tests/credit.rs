//! Accounts that a program declares to credit only.

use super::*;
use crate::Counters;

/// A program of one closure that declares the positions in its instruction's data.
struct Declaring(Process);

impl fmt::Debug for Declaring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("declaring program")
    }
}

impl Program for Declaring {
    fn address(&self) -> Address {
        PROGRAM
    }
    fn name(&self) -> &'static str {
        "declaring"
    }
    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        (self.0)(context)
    }
    fn credit_only(&self, data: &[u8], _: usize) -> Positions {
        data.iter().fold(Positions::NONE, |all, position| {
            all.union(Positions::only(usize::from(*position)))
        })
    }
}

/// Which way the wallet is held.
#[derive(Clone, Copy, Debug)]
enum Way {
    Owned,
    Shared,
}

/// Runs `process` on accounts 0 owned (100 lamports), 1 wallet, 2 and 3 read-only, then those
/// named in `more`, with `declared` positions. Returns the result, what the wallet gained, and
/// all that was tried.
fn run_declaring(
    way: Way,
    wallet: u64,
    more: &[u8],
    declared: &[u8],
    process: Process,
) -> (Result<(), InstructionError>, u64, u64) {
    let environment = Environment {
        sysvars: Sysvars::default(),
        rules: RuleSet::Current,
        programs: ProgramTable::new()
            .with(Declaring(process))
            .with(Closure(CALLEE, |context| context.credit(0, 5))),
    };
    let mut owned = Account {
        owner: PROGRAM,
        ..Account::wallet(100)
    };
    let wallet = Account::wallet(wallet);
    let mut own_wallet = wallet.clone();
    let (program, callee) = (program_account(), program_account());
    let mut context = TransactionContext::new(&environment);
    context.begin(1_000, true);
    context.push(AccountSlot::owned(&OWNED, &mut owned, false));
    context.push(match way {
        Way::Owned => AccountSlot::owned(&WALLET, &mut own_wallet, false),
        Way::Shared => AccountSlot::credit_only(&WALLET, &wallet, Counters::NONE, false),
    });
    context.push(AccountSlot::shared(&READONLY, &wallet, false));
    context.push(AccountSlot::shared(&CALLEE, &callee, false));
    context.push(AccountSlot::shared(&PROGRAM, &program, false));
    let accounts = [&[0, 1, 2, 3], more].concat();
    let result = context.process_instruction(0, 4, &accounts, declared);
    if result.is_err() {
        context.undo();
    }
    let slot = context.slot(1);
    assert!(slot.is_writable());
    let gained = slot.lamports().abs_diff(slot.lamports_before());
    assert_eq!(slot.is_changed(), gained > 0);
    (result, gained, slot.credited().tried)
}

/// Both ways of holding the wallet must look the same to the program.
fn check_both(
    more: &[u8],
    declared: &[u8],
    process: Process,
    expected: Result<(), InstructionError>,
    gained: u64,
) {
    for way in [Way::Owned, Way::Shared] {
        let found = run_declaring(way, 50, more, declared, process);
        assert_eq!((found.0, found.1), (expected.clone(), gained), "{way:?}");
    }
}

const PAY: Process = |context| {
    context.account_mut(0)?.debit(7)?;
    context.credit(1, 3)?;
    context.credit(1, 4)
};

#[test]
fn a_declared_account_can_be_credited_and_nothing_else() {
    let refused = || Err(InstructionError::PrivilegeEscalation);
    check_both(&[], &[1], PAY, Ok(()), 7);
    check_both(
        &[],
        &[1],
        |context| context.account(1).map(drop),
        refused(),
        0,
    );
    check_both(
        &[],
        &[1],
        |context| context.account_mut(1).map(drop),
        refused(),
        0,
    );
    check_both(&[], &[1], |context| context.credit(1, 1), unbalanced(), 0);
    let facts: Process = |context| {
        assert_eq!(*context.address(1)?, WALLET);
        assert!(context.is_writable(1)? && !context.is_signer(1)?);
        Ok(())
    };
    check_both(&[], &[1], facts, Ok(()), 0);
}

fn unbalanced() -> Result<(), InstructionError> {
    Err(InstructionError::UnbalancedInstruction)
}

#[test]
fn a_declaration_counts_where_it_is_true_of_the_whole_instruction() {
    let look: Process = |context| context.account(1).map(drop);
    let look_at_owned: Process = |context| context.account(0).map(drop);
    let (result, ..) = run_declaring(Way::Owned, 50, &[], &[], look);
    assert_eq!(result, Ok(()), "not declared");
    let (result, ..) = run_declaring(Way::Owned, 50, &[1], &[1], look);
    assert_eq!(result, Ok(()), "named a second time");
    let (result, ..) = run_declaring(Way::Owned, 50, &[1], &[1, 4], look);
    assert_eq!(result, Err(InstructionError::PrivilegeEscalation));
    let (result, ..) = run_declaring(Way::Owned, 50, &[], &[2, 9, 70], look_at_owned);
    assert_eq!(result, Ok(()), "read-only or not there");
    let credit_readonly: Process = |context| context.credit(2, 0);
    let (result, ..) = run_declaring(Way::Owned, 50, &[], &[2], credit_readonly);
    assert_eq!(result, Err(InstructionError::ReadonlyLamportChange));
    let past_the_end: Process = |context| context.credit(9, 0);
    let (result, ..) = run_declaring(Way::Owned, 50, &[], &[9], past_the_end);
    assert_eq!(result, Err(InstructionError::MissingAccount));
}

#[test]
fn a_declared_account_goes_only_to_programs_that_declare_it_too() {
    let refused = || Err(InstructionError::PrivilegeEscalation);
    let pass: Process = |context| context.invoke(&call(vec![AccountMeta::writable(WALLET, false)]));
    // The callee declares nothing.
    check_both(&[], &[1], pass, refused(), 0);
    let pass_readonly: Process =
        |context| context.invoke(&call(vec![AccountMeta::readonly(WALLET, false)]));
    check_both(&[], &[1], pass_readonly, refused(), 0);
    let pass_to_itself: Process = |context| {
        if context.depth() == 2 {
            return PAY(context);
        }
        let accounts = [OWNED, WALLET].map(|address| AccountMeta::writable(address, false));
        context.invoke(&Instruction {
            program: PROGRAM,
            accounts: accounts.to_vec(),
            data: vec![1],
        })
    };
    check_both(&[4], &[1], pass_to_itself, Ok(()), 7);
    let invoked: Process = |context| {
        context.invoke(&Instruction {
            program: WALLET,
            accounts: Vec::new(),
            data: Vec::new(),
        })
    };
    check_both(&[], &[1], invoked, refused(), 0);
}

#[test]
fn what_was_tried_is_remembered_though_it_failed() {
    let (result, gained, tried) = run_declaring(Way::Shared, 50, &[], &[1], |context| {
        context.credit(1, 40)?;
        context.credit(1, u64::MAX - 90)
    });
    assert_eq!(result, unbalanced());
    assert_eq!((gained, tried), (0, u64::MAX - 50));
    let overflow: Process = |context| {
        context.credit(1, 40)?;
        context.credit(1, u64::MAX - 89)
    };
    let (result, gained, tried) = run_declaring(Way::Shared, 50, &[], &[1], overflow);
    assert_eq!(result, Err(InstructionError::ArithmeticOverflow));
    assert_eq!((gained, tried), (0, u64::MAX - 49));
    let (result, ..) = run_declaring(Way::Owned, 50, &[], &[1], overflow);
    assert_eq!(result, Err(InstructionError::ArithmeticOverflow));
}
