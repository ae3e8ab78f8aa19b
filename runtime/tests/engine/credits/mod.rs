//! Transactions that only credit an account share it, and the result does not show it.

mod clerk;
mod counted;
mod dealer;
mod property;
mod tokens;

use std::sync::Arc;

use lockstep_interface::{
    Account, AccountMeta, Address, Instruction, InstructionError, TransactionError,
    address::program_ids,
};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{bank::FrozenBank, block::Recording, engine::Engine, wire::WireBlock};
use lockstep_scheduler::{Layered, Mode, Strategy, strategies};

use self::dealer::{Dealer, Deed};
use crate::common::{
    ledger::{FEE, Ledger, RICH, address, data_account, rent_exempt, transaction},
    plans::{RandomLanes, RandomWaits},
    program::hush_panics_on_purpose,
    run::{
        LOGS, Outcome, SUCCEEDED, Verdict, assert_serial, difference, failed_at, options, parse,
        recorded, run_parsed, serial_recorded, timestamp, verdict,
    },
};

/// The wallet that all others pay.
const SHOP: u64 = 1_000;
/// An account of the dealer.
const VAULT: u64 = 2_000;

/// Rich wallets 0 to 99, and the shop with this balance.
fn ledger(shop: u64) -> Ledger {
    hush_panics_on_purpose();
    let mut ledger = Ledger::with_wallets(0..100).with_program(Dealer);
    ledger.put(address(SHOP), Account::wallet(shop));
    ledger.put(address(VAULT), data_account(dealer::ADDRESS, vec![0; 8]));
    ledger
}

fn pay(payer: u64, lamports: u64) -> (u64, Instruction) {
    let instruction = system::transfer(&address(payer), &address(SHOP), lamports);
    (payer, instruction)
}

/// Payments of one lamport by these wallets.
fn payments(payers: std::ops::Range<u64>) -> Vec<(u64, Instruction)> {
    payers.map(|payer| pay(payer, 1)).collect()
}

/// A deed on the vault, the shop, and the payer.
fn deal(payer: u64, deed: Deed, declared: u8, amount: u64) -> (u64, Instruction) {
    let accounts = vec![
        AccountMeta::writable(address(VAULT), false),
        AccountMeta::writable(address(SHOP), false),
        AccountMeta::writable(address(payer), true),
        AccountMeta::readonly(program_ids::SYSTEM, false),
        AccountMeta::readonly(dealer::ADDRESS, false),
    ];
    (payer, deed.instruction(accounts, declared, amount))
}

/// What a block came to.
struct Found {
    outcome: Outcome,
    /// Accesses that were credits in the end.
    credit_count: usize,
}

impl Found {
    fn batch_count(&self) -> usize {
        self.outcome.plan.batch_count()
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let fates = self.outcome.receipts.iter();
        fates
            .map(|fate| verdict(&fate.cloned().map_err(Clone::clone)))
            .collect()
    }

    fn lamports(&self, address: &Address) -> u64 {
        let account = self.outcome.bank.get(address);
        let account = account.expect("a store in memory does not fail");
        account.map_or(0, |account| account.lamports)
    }
}

/// Runs a block of transactions, each by its payer, in layers on two threads, and compares it
/// with the serial run.
fn run_with(
    mut engine: Engine,
    recording: Recording,
    ledger: Ledger,
    drafts: &[(u64, Vec<Instruction>)],
) -> Found {
    let bank = ledger.open();
    let transactions = drafts
        .iter()
        .map(|(payer, instructions)| transaction(address(*payer), bank.block_hash(), instructions));
    let block: WireBlock = transactions.collect();
    let slot = bank.slot() + 1;
    let options = recorded(&Layered, Mode::Replay, recording);
    let child = bank.child(slot, timestamp(slot));
    let parsed = parse(&engine, &block, false);
    let processed = run_parsed(&mut engine, child, &parsed, &options);
    let processed = processed.expect("strategy and store do not fail");
    let outcome = Outcome {
        bank: processed.bank,
        receipts: processed.receipts,
        plan: processed.plan,
    };
    let expected = serial_recorded(&engine, &bank, &block, None, recording);
    assert_eq!(difference(&outcome, &expected), None);
    Found {
        outcome,
        credit_count: processed.prepared.table().credit_count(),
    }
}

/// The same on two threads, with logs.
fn run_all(ledger: Ledger, drafts: &[(u64, Vec<Instruction>)]) -> Found {
    let engine = Engine::new(2).expect("threads can be started");
    run_with(engine, LOGS, ledger, drafts)
}

/// The same with an instruction in each transaction.
fn run(ledger: Ledger, drafts: &[(u64, Instruction)]) -> Found {
    run_all(ledger, &alone(drafts))
}

/// Each instruction in a transaction of its own.
fn alone(drafts: &[(u64, Instruction)]) -> Vec<(u64, Vec<Instruction>)> {
    let alone = |(payer, instruction): &(u64, Instruction)| (*payer, vec![instruction.clone()]);
    drafts.iter().map(alone).collect()
}

/// The data of an instruction that does one of `all` deeds.
fn deed_data<D: PartialEq>(all: &[D], deed: &D, declared: u8, amount: u64) -> Vec<u8> {
    let number = all.iter().position(|known| known == deed);
    let number = number.and_then(|number| u8::try_from(number).ok());
    let mut data = vec![number.expect("it is one of a few"), declared];
    data.extend(amount.to_le_bytes());
    data
}

/// Runs a block under every strategy, in every mode and on these numbers of threads, and compares
/// it with the serial run.
fn assert_every_plan(bank: &Arc<FrozenBank>, block: &WireBlock, threads: &[usize], seed: u64) {
    let mut all: Vec<Box<dyn Strategy>> = strategies();
    all.retain(|strategy| strategy.name() != "iterated");
    all.push(Box::new(RandomLanes(seed)));
    all.push(Box::new(RandomWaits(seed)));
    for threads in threads {
        let mut engine = Engine::new(*threads).expect("threads can be started");
        let expected = serial_recorded(&engine, bank, block, None, LOGS);
        for strategy in &all {
            for mode in Mode::ALL {
                let options = recorded(&**strategy, mode, LOGS);
                assert_serial(&mut engine, bank, block, &options, &expected, seed);
            }
        }
    }
}

#[test]
fn payments_to_one_receiver_need_no_order() {
    let found = run(ledger(RICH), &payments(0..50));
    assert_eq!((found.credit_count, found.batch_count()), (50, 1));
    assert_eq!(found.lamports(&address(SHOP)), RICH + 50);

    let engine = Engine::new(2).expect("threads can be started");
    let engine = engine.without_credits();
    let found = run_with(engine, LOGS, ledger(RICH), &alone(&payments(0..50)));
    assert_eq!((found.credit_count, found.batch_count()), (0, 50));
}

#[test]
fn who_records_balances_has_the_account_for_himself() {
    let engine = Engine::new(2).expect("threads can be started");
    let recording = options(&Layered, Mode::Replay).recording;
    let found = run_with(engine, recording, ledger(RICH), &alone(&payments(0..50)));
    assert_eq!((found.credit_count, found.batch_count()), (0, 50));
}

#[test]
fn a_receiver_that_pays_now_and_then_is_still_shared() {
    let mut drafts = payments(0..20);
    drafts.push((SHOP, system::transfer(&address(SHOP), &address(0), RICH)));
    drafts.extend(payments(20..40));
    let found = run(ledger(2 * RICH), &drafts);
    // Before it, itself, and after it.
    assert_eq!((found.credit_count, found.batch_count()), (40, 3));
    assert_eq!(found.lamports(&address(SHOP)), RICH + 40 - FEE);
}

#[test]
fn a_receiver_that_is_read_now_and_then_is_still_shared() {
    let mut drafts = payments(0..20);
    let accounts = [
        AccountMeta::writable(address(VAULT), false),
        AccountMeta::readonly(address(SHOP), false),
    ];
    let look = Deed::Look.instruction(accounts.to_vec(), 0, 0);
    drafts.push((50, look));
    drafts.extend(payments(20..40));
    let found = run(ledger(RICH), &drafts);
    assert_eq!((found.credit_count, found.batch_count()), (40, 3));
    let vault = found.outcome.bank.get(&address(VAULT));
    let vault = vault.expect("memory does not fail").expect("it exists");
    assert_eq!(*vault.data, (RICH + 20).to_le_bytes());
}

#[test]
fn a_drained_receiver_takes_its_credits_back() {
    let drain = system::transfer(&address(SHOP), &address(0), RICH - FEE);
    // Which of these leave the account above its minimum depends on their order.
    let mut drafts = vec![
        (SHOP, drain),
        pay(2, rent_exempt(0) - 1),
        pay(3, rent_exempt(0)),
        pay(4, 1),
    ];
    // The credits of other transactions are kept.
    for payer in [5, 6] {
        let transfer = system::transfer(&address(payer), &address(99), 1);
        drafts.push((payer, transfer));
    }
    let found = run(ledger(RICH), &drafts);
    let below = TransactionError::InsufficientFundsForRent { account_index: 1 };
    let mut expected = vec![SUCCEEDED; 6];
    expected[1] = Ok(Err(below));
    assert_eq!(found.verdicts(), expected);
    assert_eq!(found.credit_count, 2);
}

#[test]
fn only_accounts_above_their_minimum_are_shared() {
    for (balance, credit_count) in [
        (0, 0),
        (1, 0),
        (rent_exempt(0) - 1, 0),
        (rent_exempt(0), 2),
        (1 << 62, 2),
        (1 << 63, 0),
        ((1 << 63) + 1, 0),
        (u64::MAX - 2, 0),
    ] {
        let found = run(ledger(balance), &payments(0..2));
        assert_eq!(found.credit_count, credit_count, "{balance}");
    }
}

#[test]
fn a_single_credit_is_a_write() {
    assert_eq!(run(ledger(RICH), &payments(0..1)).credit_count, 0);
}

#[test]
fn sums_near_the_limit_of_64_bits_keep_their_order() {
    let giver = 3_000;
    let mut ledger = ledger((1 << 63) - 50);
    ledger.put(address(giver), Account::wallet(u64::MAX));
    let found = run(ledger, &[pay(giver, 1 << 63), pay(0, 49), pay(1, 1)]);
    let overflow = failed_at(0, InstructionError::ArithmeticOverflow);
    assert_eq!(found.verdicts(), [SUCCEEDED, SUCCEEDED, overflow]);
    assert_eq!(found.credit_count, 0);
}

#[test]
fn an_attempt_near_the_limit_keeps_its_order_although_it_fails() {
    // Fits what was there at first, and not what is there by then.
    let attempt = deal(9, Deed::Overfill, 2, RICH + 5);
    let found = run(ledger(RICH), &[pay(0, 6), attempt.clone(), pay(1, 1)]);
    assert_eq!(found.verdicts(), vec![SUCCEEDED; 3]);
    assert_eq!(found.credit_count, 0);
    let found = run(ledger(RICH), &[pay(0, 5), attempt, pay(1, 1)]);
    let fits = failed_at(0, InstructionError::Custom(1));
    assert_eq!(found.verdicts(), [SUCCEEDED, fits, SUCCEEDED]);
}

#[test]
fn a_declaration_binds() {
    let refused = || failed_at(0, InstructionError::PrivilegeEscalation);
    let lamports = 10;
    for (deed, declared, verdict, shared) in [
        (Deed::Pay, 2, SUCCEEDED, 1),
        (Deed::Pay, 0, SUCCEEDED, 0),
        // The vault pays, and so must not be declared.
        (Deed::Pay, 3, refused(), 1),
        (Deed::PayBackwards, 2, SUCCEEDED, 1),
        (Deed::Look, 2, refused(), 1),
        (Deed::Look, 0, SUCCEEDED, 0),
        (Deed::Peep, 2, SUCCEEDED, 1),
        (Deed::Forward, 2, SUCCEEDED, 1),
        (Deed::Forward, 0, SUCCEEDED, 0),
        // Invoked programs must not be declared either.
        (Deed::Forward, 2 | 8, SUCCEEDED, 1),
        (Deed::Betray, 2, refused(), 1),
        (Deed::Betray, 0, SUCCEEDED, 0),
        (Deed::Fail, 2, failed_at(0, InstructionError::Custom(2)), 1),
        (
            Deed::Panic,
            2,
            failed_at(0, InstructionError::ProgramFailedToComplete),
            1,
        ),
        (Deed::PayTwice, 2, SUCCEEDED, 1),
    ] {
        let mut drafts = payments(0..10);
        drafts.push(deal(50, deed, declared, lamports));
        drafts.extend(payments(10..20));
        let found = run(ledger(RICH), &drafts);
        assert_eq!(found.verdicts()[10], verdict, "{deed:?} {declared}");
        assert_eq!(found.credit_count, 20 + shared, "{deed:?} {declared}");
    }
}

#[test]
fn an_account_named_in_two_ways_is_written() {
    let twice = |other: AccountMeta| {
        let (payer, mut instruction) = deal(50, Deed::Pay, 2, 10);
        instruction.accounts.push(other);
        (payer, instruction)
    };
    let shop = AccountMeta::readonly(address(SHOP), false);
    let mut drafts = payments(0..30);
    drafts.push(twice(shop));
    // To itself, as the payer and as the account that was paid before.
    drafts.push((SHOP, system::transfer(&address(SHOP), &address(SHOP), 1)));
    drafts.push((51, system::transfer(&address(SHOP), &address(SHOP), 1)));
    let found = run(ledger(RICH), &drafts);
    assert_eq!(found.verdicts(), vec![SUCCEEDED; 33]);
    assert_eq!(found.credit_count, 30);
    assert_eq!(found.lamports(&address(SHOP)), RICH + 40 - FEE);
}
