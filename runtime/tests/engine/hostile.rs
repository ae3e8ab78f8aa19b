//! Programs that misbehave: each fails its own transaction with an error that does not depend on
//! threads, leaves its neighbours alone, and the engine goes on with the next block.

use lockstep_interface::{
    AccountMeta, Instruction, InstructionError, InvokeContext,
    address::program_ids,
    limits::{EVENT_SIZE_MAX, RETURN_DATA_SIZE_MAX},
};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{engine::Engine, wire::WireBlock};
use lockstep_scheduler::{Dispatch, Lanes, Mode, strategies};

use crate::common::{
    ledger::{FEE, Ledger, RICH, address, data_account, transaction},
    plans::{RandomDispatch, RandomWaits},
    program::{ADDRESS, Behaviour, Grenade, OnPurpose, TestProgram, call, hush_panics_on_purpose},
    run::{Chain, SUCCEEDED, failed_at, options, process, serial, verdict},
};

/// What a program does, and the error its transaction fails with. All are called on an account of
/// theirs, a read-only account of theirs, a signing wallet, the System program and themselves.
const MISDEEDS: &[(&str, Behaviour, InstructionError)] = &[
    ("panic", |_| std::panic::panic_any(OnPurpose), FIXED),
    (
        "panic with an odd payload",
        |_| std::panic::panic_any(Grenade),
        FIXED,
    ),
    ("panic while dropping", panic_in_drop, FIXED),
    ("panic while borrowing", panic_while_borrowing, FIXED),
    ("panic after writing", panic_after_writing, FIXED),
    (
        "panic of an invoked program",
        |context| invoke(context, PANICS),
        FIXED,
    ),
    (
        "swallowing the panic of an invoked program",
        swallow_panic,
        FIXED,
    ),
    (
        "endless recursion",
        endless_recursion,
        InstructionError::CallDepth,
    ),
    (
        "spending everything",
        spend_everything,
        InstructionError::ComputationalBudgetExceeded,
    ),
    (
        "spending more than there is",
        spend_too_much,
        InstructionError::ComputationalBudgetExceeded,
    ),
    (
        "growing without end",
        grow,
        InstructionError::InvalidRealloc,
    ),
    (
        "return data without end",
        |context| context.set_return_data(&[1; RETURN_DATA_SIZE_MAX + 1]),
        FIXED,
    ),
    (
        "events without end",
        |context| context.emit(vec![1; EVENT_SIZE_MAX + 1]),
        FIXED,
    ),
    (
        "making lamports",
        |context| context.account_mut(0)?.credit(1),
        InstructionError::UnbalancedInstruction,
    ),
    (
        "losing lamports",
        |context| context.account_mut(0)?.debit(1),
        InstructionError::UnbalancedInstruction,
    ),
    (
        "making lamports before an invoke",
        unbalanced_invoke,
        InstructionError::UnbalancedInstruction,
    ),
    (
        "crediting a read-only account",
        |context| context.account_mut(1)?.credit(1),
        InstructionError::ReadonlyLamportChange,
    ),
    (
        "writing a read-only account",
        write_readonly,
        InstructionError::ReadonlyDataModified,
    ),
    (
        "giving away a read-only account",
        give_away_readonly,
        InstructionError::ModifiedProgramId,
    ),
    (
        "debiting a wallet",
        |context| context.account_mut(2)?.debit(1),
        InstructionError::ExternalAccountLamportSpend,
    ),
    (
        "writing a wallet's data",
        |context| context.account_mut(2)?.resize(1),
        InstructionError::AccountDataSizeChanged,
    ),
    (
        "borrowing an account twice",
        borrow_twice,
        InstructionError::AccountBorrowFailed,
    ),
    (
        "keeping a borrow for ever",
        keep_borrow,
        InstructionError::AccountBorrowFailed,
    ),
    (
        "reaching for an account it was not given",
        |context| context.account(9).map(drop),
        InstructionError::MissingAccount,
    ),
    (
        "invoking with an account it was not given",
        invoke_stranger,
        InstructionError::MissingAccount,
    ),
    (
        "signing for another account",
        forge_signature,
        InstructionError::PrivilegeEscalation,
    ),
    (
        "writing by invoke what is read-only",
        escalate,
        InstructionError::PrivilegeEscalation,
    ),
    (
        "swallowing the error of an invoked program",
        swallow_error,
        InstructionError::Custom(1),
    ),
];

/// The error of every panic, and of output past its limits.
const FIXED: InstructionError = InstructionError::ProgramFailedToComplete;
/// Place of the plain panic in the list.
const PANICS: u8 = 0;
/// Number of the behaviour behind the misdeeds that does what it should.
const GOOD: u8 = 28;

fn panic_in_drop(_: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let grenade = Grenade;
    drop(grenade);
    Ok(())
}

fn panic_while_borrowing(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let mut borrowed = context.account_mut(0)?;
    borrowed.data_mut()?[0] = 99;
    std::panic::panic_any(OnPurpose)
}

fn panic_after_writing(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.account_mut(0)?.resize(5_000)?;
    context.account_mut(0)?.data_mut()?.fill(9);
    context.account_mut(0)?.debit(1_000_000)?;
    context.account_mut(2)?.credit(1_000_000)?;
    std::panic::panic_any(OnPurpose)
}

/// Invokes the program itself on the same accounts.
fn invoke(context: &mut InvokeContext<'_, '_>, behaviour: u8) -> Result<(), InstructionError> {
    let mut metas = Vec::new();
    for position in 0..context.account_count() {
        metas.push(AccountMeta {
            address: *context.address(position)?,
            is_signer: context.is_signer(position)?,
            is_writable: context.is_writable(position)?,
        });
    }
    context.invoke(&call(behaviour, metas, &[]))
}

fn swallow_panic(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let call = std::panic::AssertUnwindSafe(|| invoke(context, PANICS));
    std::panic::catch_unwind(call).expect_err("the invoked program panics");
    Ok(())
}

fn endless_recursion(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let itself = context.data()[0];
    invoke(context, itself)
}

fn spend_everything(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    loop {
        context.consume(1_000)?;
    }
}

fn spend_too_much(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    // That it goes on after the error gains it nothing.
    drop(context.consume(u64::MAX));
    context.consume(1)
}

fn grow(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let mut account = context.account_mut(0)?;
    loop {
        let size = account.data.len() + 1_000;
        account.resize(size)?;
    }
}

fn unbalanced_invoke(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.account_mut(0)?.credit(5)?;
    let paid = invoke(context, GOOD);
    context.account_mut(0)?.debit(5)?;
    paid
}

fn write_readonly(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.account_mut(1)?.data_mut()?[0] = 1;
    Ok(())
}

fn give_away_readonly(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.account_mut(1)?.set_owner(&program_ids::SYSTEM)
}

fn borrow_twice(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let _first = context.account_mut(0)?;
    context.account(0).map(drop)
}

fn keep_borrow(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    std::mem::forget(context.account_mut(0)?);
    context.account_mut(0).map(drop)
}

fn invoke_stranger(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let payment = system::transfer(context.address(2)?, &address(12_345), 1);
    context.invoke(&payment)
}

fn forge_signature(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let payment = system::transfer(context.address(0)?, context.address(2)?, 1);
    context.invoke(&payment)
}

fn escalate(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let payment = system::transfer(context.address(2)?, context.address(1)?, 1);
    context.invoke(&payment)
}

fn swallow_error(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let payment = system::transfer(context.address(2)?, context.address(0)?, u64::MAX);
    context
        .invoke(&payment)
        .expect_err("no account holds as much");
    Ok(())
}

fn good(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    let mut account = context.account_mut(0)?;
    let first = &mut account.data_mut()?[0];
    *first = first.wrapping_add(1);
    Ok(())
}

const BEHAVIOURS: [Behaviour; MISDEEDS.len() + 1] = {
    let mut behaviours: [Behaviour; MISDEEDS.len() + 1] = [good; MISDEEDS.len() + 1];
    let mut index = 0;
    while index < MISDEEDS.len() {
        behaviours[index] = MISDEEDS[index].1;
        index += 1;
    }
    behaviours
};
const _: () = assert!(GOOD as usize == MISDEEDS.len());

/// Numbers of the accounts that transaction `number` works on.
fn accounts_of(number: u64) -> [u64; 3] {
    [1_000_000 + number, 2_000_000 + number, number]
}

/// Wallets, and two accounts of the program for each.
fn ledger(count: u64) -> Ledger {
    hush_panics_on_purpose();
    let mut ledger = Ledger::with_wallets(0..count).with_program(TestProgram::new(&BEHAVIOURS));
    for number in 0..count {
        let [own, readonly, _] = accounts_of(number);
        ledger.put(address(own), data_account(ADDRESS, vec![1; 64]));
        ledger.put(address(readonly), data_account(ADDRESS, vec![2; 64]));
    }
    ledger
}

/// A call by wallet `number`, on accounts that no other number uses.
fn deed(behaviour: u8, number: u64) -> Instruction {
    let [own, readonly, wallet] = accounts_of(number).map(address);
    let metas = vec![
        AccountMeta::writable(own, false),
        AccountMeta::readonly(readonly, false),
        AccountMeta::writable(wallet, true),
        AccountMeta::readonly(program_ids::SYSTEM, false),
        AccountMeta::readonly(ADDRESS, false),
    ];
    call(behaviour, metas, &[])
}

#[test]
fn every_misdeed_has_its_error() {
    let mut chain = Chain::new(ledger(1).open());
    for (behaviour, (what, _, error)) in (0u8..).zip(MISDEEDS) {
        let accounts = accounts_of(0).map(address);
        let before = accounts.map(|address| chain.account(&address));
        let fate = chain.send(address(0), &[deed(behaviour, 0)]);
        assert_eq!(verdict(&fate), failed_at(0, error.clone()), "{what}");
        let mut after = accounts.map(|address| chain.account(&address));
        after[2].lamports += FEE;
        assert_eq!(after, before, "{what}");
        // The transaction ends where it failed, also where the instructions before were good.
        let three = [deed(GOOD, 0), deed(behaviour, 0), deed(GOOD, 0)];
        let fate = chain.send(address(0), &three);
        assert_eq!(verdict(&fate), failed_at(1, error.clone()), "{what}");
        assert_eq!(chain.account(&accounts[0]), before[0], "{what}");
    }
    assert_eq!(
        verdict(&chain.send(address(0), &[deed(GOOD, 0)])),
        SUCCEEDED
    );
}

#[test]
fn neighbours_are_untouched_on_any_number_of_threads() {
    let count = 60 * MISDEEDS.len() as u64;
    let parent = ledger(count).open();
    let blockhash = parent.block_hash();
    // Every second transaction is good; misdeeds take turns.
    let behaviour = |number: u64| match number % 2 {
        0 => GOOD,
        _ => u8::try_from(number / 2 % u64::from(GOOD)).expect("few misdeeds"),
    };
    let transactions = (0..count).map(|number| {
        transaction(
            address(number),
            blockhash,
            &[deed(behaviour(number), number)],
        )
    });
    let block: WireBlock = transactions.collect();
    let next = |blockhash| -> WireBlock {
        let good =
            (0..count).map(|number| transaction(address(number), blockhash, &[deed(GOOD, number)]));
        good.collect()
    };
    let mut expected = None;
    let mut strategies = strategies();
    strategies.push(Box::new(RandomWaits(1)));
    strategies.push(Box::new(RandomDispatch(1, Dispatch::Queued)));
    strategies.push(Box::new(RandomDispatch(1, Dispatch::Ranked)));
    for threads in [1, 2, 4, 8] {
        let mut engine = Engine::new(threads).expect("threads can be started");
        for strategy in &strategies {
            for mode in Mode::ALL {
                let options = options(&**strategy, mode);
                let outcome = process(&mut engine, &parent, &block, &options);
                let outcome = outcome.expect("the engine survives");
                let expected =
                    expected.get_or_insert_with(|| serial(&engine, &parent, &block, None));
                // Nothing conflicts, so the order of the plan does not matter.
                assert_eq!(
                    outcome.receipts,
                    expected.receipts,
                    "{} {threads}",
                    strategy.name()
                );
                assert_eq!(outcome.bank.block_hash(), expected.bank.block_hash());

                let block = next(outcome.bank.block_hash());
                let outcome = process(&mut engine, &outcome.bank, &block, &options);
                let (succeeded, failed, refused) =
                    outcome.expect("the engine goes on").receipts.counts();
                assert_eq!((succeeded as u64, failed, refused), (count, 0, 0));
            }
        }
    }
    let expected = expected.expect("some run was made");
    for (number, fate) in (0..count).zip(expected.receipts.iter()) {
        let receipt = fate.expect("all payers are rich");
        assert_eq!(receipt.status.is_ok(), number % 2 == 0, "{number}");
        let [own, _, wallet] =
            accounts_of(number).map(|number| expected.bank.get(&address(number)));
        let own = own.expect("memory does not fail").expect("it exists");
        assert_eq!(own.data[0], if number % 2 == 0 { 2 } else { 1 }, "{number}");
        let wallet = wallet.expect("memory does not fail").expect("it exists");
        assert_eq!(wallet.lamports, RICH - FEE, "{number}");
    }
}

/// Blocks in a row in which every misdeed takes its turns between two good neighbours.
#[test]
fn the_threads_survive_ten_thousand_blocks_of_misdeeds() {
    const BLOCK_COUNT: usize = 10_000;
    let mut newest = Vec::new();
    for threads in [1, 2, 4] {
        let mut engine = Engine::new(threads).expect("threads can be started");
        let mut bank = ledger(3).open();
        for number in 0..BLOCK_COUNT {
            let misdeed = u8::try_from(number % MISDEEDS.len()).expect("few misdeeds");
            let deeds = [(GOOD, 0), (misdeed, 1), (GOOD, 2)];
            let transactions = deeds.map(|(behaviour, wallet)| {
                let instructions = [deed(behaviour, wallet)];
                transaction(address(wallet), bank.block_hash(), &instructions)
            });
            let block: WireBlock = transactions.into_iter().collect();
            let options = options(&Lanes, Mode::Produce);
            let outcome = process(&mut engine, &bank, &block, &options);
            let outcome = outcome.expect("the engine goes on");
            assert_eq!(outcome.receipts.counts(), (2, 1, 0), "block {number}");
            bank = outcome.bank;
            bank.finalize().expect("a store in memory does not fail");
        }
        for (wallet, count) in [(0, BLOCK_COUNT), (1, 0), (2, BLOCK_COUNT)] {
            let [own, ..] = accounts_of(wallet).map(address);
            let own = bank.get(&own).expect("memory does not fail");
            // They count in one byte, from 1.
            let expected = (count + 1).to_le_bytes()[0];
            assert_eq!(own.expect("it exists").data[0], expected);
        }
        newest.push(bank.block_hash());
    }
    assert_eq!(newest, [newest[0]; 3], "on every number of threads");
}

#[test]
fn a_strategy_that_panics_leaves_the_engine_usable() {
    use lockstep_runtime::engine::EngineError;
    use lockstep_scheduler::{AccessTable, Layered, Plan, PlanRequest, Strategy, StrategyError};
    use std::panic::panic_any;

    const PANICS: [(fn(), &str); 4] = [
        (|| panic_any(OnPurpose), "without a text"),
        (|| panic_any(Grenade), "without a text"),
        (|| panic_any("on purpose"), "on purpose"),
        (|| panic_any(format!("on {}", "purpose")), "on purpose"),
    ];
    #[derive(Debug)]
    struct Panicking(fn());
    impl Strategy for Panicking {
        fn name(&self) -> &str {
            "panicking"
        }
        fn plan(&self, _: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
            (self.0)();
            unreachable!("it has panicked")
        }
    }
    hush_panics_on_purpose();
    let parent = ledger(2).open();
    let good = transaction(address(0), parent.block_hash(), &[deed(GOOD, 0)]);
    let block: WireBlock = [good].into_iter().collect();
    for threads in [1, 2] {
        let mut engine = Engine::new(threads).expect("threads can be started");
        for (act, said) in PANICS {
            let panicking = Panicking(act);
            let options = options(&panicking, Mode::Replay);
            let error = process(&mut engine, &parent, &block, &options);
            let error = error.expect_err("there is no plan");
            assert!(
                matches!(error, EngineError::StrategyPanicked { .. }),
                "{error}"
            );
            let expected = format!("strategy panicking panicked: {said}");
            assert_eq!(error.to_string(), expected);
        }
        let outcome = process(
            &mut engine,
            &parent,
            &block,
            &options(&Layered, Mode::Replay),
        );
        assert_eq!(
            outcome.expect("the engine goes on").receipts.counts(),
            (1, 0, 0)
        );
    }
}
