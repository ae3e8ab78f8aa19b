//! Undoing a transaction, what survives it, and the limits of a transaction as a whole.

use solana_hash::Hash;

use super::*;
use crate::{
    AccountData,
    limits::{ACCOUNT_DATA_SIZE_MAX, EVENT_SIZE_MAX, LOG_SIZE_MAX},
    nonce::{NONCE_ACCOUNT_SIZE, NonceData, NonceState},
};

/// An account of the program with this data and 100 lamports.
fn own(data: AccountData) -> Account {
    Account {
        lamports: 100,
        data,
        owner: PROGRAM,
        executable: false,
    }
}

/// Runs `process` as instructions 0 to `count` of one transaction, on two accounts that the
/// program owns, until one fails; then hands result and context to `check`.
fn run_many(
    mut accounts: [Account; 2],
    count: u8,
    process: Process,
    check: impl FnOnce(Result<(), InstructionError>, &mut TransactionContext<'_>),
) {
    let environment = Environment {
        sysvars: Sysvars::default(),
        rules: RuleSet::Current,
        programs: ProgramTable::new().with(Closure(PROGRAM, process)),
    };
    let program = program_account();
    let mut context = TransactionContext::new(&environment);
    context.begin(1_000, true);
    let [first, second] = &mut accounts;
    context.push(AccountSlot::owned(&OWNED, first, false));
    context.push(AccountSlot::owned(&WALLET, second, true));
    context.push(AccountSlot::shared(&PROGRAM, &program, false));
    let mut run = |index| context.process_instruction(index, 2, &[0, 1], &[]);
    let result = (0..count).try_for_each(&mut run);
    check(result, &mut context);
}

#[test]
fn undoing_returns_every_field_however_often_it_was_written() {
    let before = [own(vec![1, 2, 3].into()), own(AccountData::EMPTY)];
    let process: Process = |context| {
        let mut first = context.account_mut(0)?;
        first.resize(2)?;
        first.data_mut()?.fill(9);
        first.resize(5)?;
        first.debit(10)?;
        drop(first);
        let mut second = context.account_mut(1)?;
        second.credit(10)?;
        if context.instruction_index() == 1 {
            second.resize(4)?;
            second.set_owner(&CALLEE)?;
        }
        Ok(())
    };
    run_many(before.clone(), 2, process, |result, context| {
        assert_eq!(result, Ok(()));
        let first = context.slot(0);
        assert!(first.is_changed());
        assert_eq!(first.account().data[..], [9, 9, 0, 0, 0]);
        assert_eq!(context.slot(1).account().owner, CALLEE);
        assert_eq!(context.growth(), 6);
        context.undo();
        assert_eq!(context.growth(), 0);
        for (index, before) in before.iter().enumerate() {
            assert_eq!(context.slot(index).account(), before);
            assert!(!context.slot(index).is_changed());
        }
    });
}

#[test]
fn data_that_others_share_is_copied_when_written_and_given_back_when_undone() {
    let shared = AccountData::from(vec![1; 100]);
    let accounts = [own(shared.clone()), own(AccountData::EMPTY)];
    let process: Process = |context| {
        context.account_mut(0)?.data_mut()?[0] = 2;
        Ok(())
    };
    run_many(accounts, 2, process, |result, context| {
        assert_eq!(result, Ok(()));
        assert_eq!(context.slot(0).account().data[0], 2);
        assert_eq!(shared[0], 1);
        context.undo();
        let data = &context.slot(0).account().data;
        assert!(std::ptr::eq(data.as_ptr(), shared.as_ptr()));
    });
}

#[test]
fn a_fee_and_an_advanced_nonce_survive_a_failure() {
    let mut payer = own(AccountData::EMPTY);
    let mut nonce = own(vec![0; NONCE_ACCOUNT_SIZE].into());
    let environment = Environment {
        sysvars: Sysvars::default(),
        rules: RuleSet::Current,
        programs: ProgramTable::new().with(Closure(PROGRAM, |context| {
            context.account_mut(1)?.data_mut()?.fill(7);
            context.account_mut(0)?.debit(1)
        })),
    };
    let program = program_account();
    let mut context = TransactionContext::new(&environment);
    context.begin(1_000, false);
    context.push(AccountSlot::owned(&OWNED, &mut payer, true));
    context.push(AccountSlot::owned(&WALLET, &mut nonce, false));
    context.push(AccountSlot::shared(&PROGRAM, &program, false));
    assert!(!context.charge_fee(0, 101));
    assert!(!context.charge_fee(2, 1), "a shared account pays nothing");
    assert!(context.charge_fee(0, 40));
    let result = context.process_instruction(0, 2, &[0, 1], &[]);
    assert_eq!(result, Err(InstructionError::UnbalancedInstruction));

    context.undo();
    let state = NonceState::initialized(NonceData {
        authority: OWNED,
        durable_nonce: Hash::new_from_array([3; 32]),
        lamports_per_signature: 5_000,
    });
    assert!(context.store_nonce(1, &state));
    assert!(!context.store_nonce(0, &state), "an account without data");
    assert!(!context.store_nonce(2, &state), "a shared account");
    let accounts: Vec<_> = context
        .drain()
        .filter_map(AccountSlot::into_owned)
        .collect();
    assert_eq!(accounts.len(), 2);
    assert_eq!(accounts[0].lamports, 60);
    assert_eq!(NonceState::decode(&accounts[1].data), Some(state));
}

#[test]
fn a_context_forgets_the_last_transaction() {
    let accounts = [own(vec![1].into()), own(AccountData::EMPTY)];
    let process: Process = |context| {
        context.consume(999)?;
        context.log(|| "line".into());
        context.emit(vec![1])?;
        context.set_return_data(&[1])?;
        context.account_mut(0)?.resize(2)?;
        context.account_mut(0)?.debit(1)
    };
    run_many(accounts, 1, process, |result, context| {
        assert_eq!(result, Err(InstructionError::UnbalancedInstruction));
        assert_eq!(context.records().logs().len(), 4);
        assert_eq!(context.records().events().len(), 1);
        context.begin(5, false);
        assert_eq!(
            (context.account_count(), context.compute_units_left()),
            (0, 5)
        );
        assert_eq!(context.growth(), 0);
        assert!(context.records().logs().is_empty());
        assert!(context.records().events().is_empty());
        assert!(context.records().return_data().data.is_empty());
    });
}

#[test]
fn accounts_grow_step_by_step_up_to_their_limit() {
    // What an instruction may add counts from where it began, so the next may add as much.
    let steps: Process = |context| {
        let mut account = context.account_mut(0)?;
        let size = account.data.len();
        account.resize(size + INSTRUCTION_GROWTH_MAX)
    };
    let accounts = || [own(AccountData::EMPTY), own(AccountData::EMPTY)];
    run_many(accounts(), 3, steps, |result, context| {
        assert_eq!(result, Ok(()));
        assert_eq!(context.growth(), 3 * 10 * 1_024);
    });
    let full = own(vec![0; ACCOUNT_DATA_SIZE_MAX].into());
    let past_the_end: Process = |context| {
        let mut account = context.account_mut(0)?;
        account.resize(ACCOUNT_DATA_SIZE_MAX - 1)?;
        account.resize(ACCOUNT_DATA_SIZE_MAX)?;
        account.resize(ACCOUNT_DATA_SIZE_MAX + 1)
    };
    run_many(
        [full, own(AccountData::EMPTY)],
        1,
        past_the_end,
        |result, _| {
            assert_eq!(result, Err(InstructionError::InvalidRealloc));
        },
    );
}

#[test]
fn a_transaction_grows_by_20_mib_in_all() {
    /// The System program alone may allocate more than 10 KiB at once.
    fn allocate(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let position = usize::from(context.instruction_index());
        let size = [ACCOUNT_DATA_SIZE_MAX, ACCOUNT_DATA_SIZE_MAX, 1][position];
        context.account_mut(position)?.resize(size)
    }
    let environment = Environment {
        sysvars: Sysvars::default(),
        rules: RuleSet::Current,
        programs: ProgramTable::new().with(Closure(program_ids::SYSTEM, allocate)),
    };
    let program = program_account();
    let mut context = TransactionContext::new(&environment);
    context.begin(1_000, false);
    let mut accounts = [(); 3].map(|()| Account::wallet(1));
    for (address, account) in [&OWNED, &WALLET, &READONLY].into_iter().zip(&mut accounts) {
        context.push(AccountSlot::owned(address, account, false));
    }
    context.push(AccountSlot::shared(&program_ids::SYSTEM, &program, false));
    let mut run = |index| context.process_instruction(index, 3, &[0, 1, 2], &[]);
    assert_eq!(run(0), Ok(()));
    assert_eq!(run(1), Ok(()));
    let exceeded = Err(InstructionError::MaxAccountsDataAllocationsExceeded);
    assert_eq!(run(2), exceeded);
}

#[test]
fn logs_are_cut_and_events_refused_at_their_limits() {
    let accounts = || [own(AccountData::EMPTY), own(AccountData::EMPTY)];
    let chatty: Process = |context| {
        for _ in 0..LOG_SIZE_MAX {
            context.log(|| "0123456789".into());
        }
        Ok(())
    };
    run_many(accounts(), 2, chatty, |result, context| {
        assert_eq!(result, Ok(()));
        let logs = context.records().logs();
        assert!(logs.len() < LOG_SIZE_MAX / 10);
        assert_eq!(logs.last(), Some(&LogEntry::Truncated));
        assert_eq!(logs[1].to_string(), "Program log: 0123456789");
        let cuts = logs.iter().filter(|entry| **entry == LogEntry::Truncated);
        assert_eq!(cuts.count(), 1);
    });
    let emits: Process = |context| {
        context.emit(vec![0; EVENT_SIZE_MAX])?;
        context.emit(vec![0])
    };
    run_many(accounts(), 1, emits, |result, context| {
        assert_eq!(result, Err(InstructionError::ProgramFailedToComplete));
        assert_eq!(context.records().events().len(), 1);
    });
}
