//! What a replayed transaction leaves depends on everything it read, and on when it ran.

use lockstep_interface::{AccountMeta, Instruction, Rent};
use proptest::prelude::*;

use super::*;
use crate::testing::{Ledger, address};

const PAYER: Address = Address::new_from_array([1; 32]);
const READ: Address = Address::new_from_array([2; 32]);
const WORD: Address = Address::new_from_array([3; 32]);
const SHORT: Address = Address::new_from_array([4; 32]);
const WALLET: Address = Address::new_from_array([5; 32]);
const FOREIGN: Address = Address::new_from_array([6; 32]);

/// Accounts of the program with this much data, and lamports far above the minimum.
fn own(data: Vec<u8>) -> Account {
    Account {
        lamports: 10_000_000,
        data: data.into(),
        owner: ADDRESS,
        executable: false,
    }
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.put(PAYER, Account::wallet(10_000_000));
    ledger.put(READ, own(vec![1; 20]));
    ledger.put(WORD, own(vec![2; 20]));
    ledger.put(SHORT, own(vec![3; 7]));
    ledger.put(WALLET, Account::wallet(1_000_000));
    let mut foreign = own(vec![4; 20]);
    foreign.owner = address(99);
    ledger.put(FOREIGN, foreign);
    ledger
}

fn writable(address: Address) -> AccountMeta {
    AccountMeta::writable(address, false)
}

fn replay(accounts: Vec<AccountMeta>) -> Instruction {
    instruction(accounts, 100, None)
}

/// Payer and the read account, then what is written, then the System program.
fn replay_all(written: &[Address]) -> Instruction {
    let mut accounts = vec![
        AccountMeta::writable(PAYER, true),
        AccountMeta::readonly(READ, false),
    ];
    accounts.extend(written.iter().copied().map(writable));
    accounts.push(AccountMeta::readonly(program_ids::SYSTEM, false));
    replay(accounts)
}

#[test]
fn every_account_declared_as_written_changes_and_no_other() {
    let written = [WORD, SHORT, WALLET];
    for count in 1..=written.len() {
        for start in 0..=written.len() - count {
            let written = &written[start..start + count];
            let (before, mut ledger) = (ledger(), ledger());
            assert_eq!(ledger.run(&replay_all(written)), Ok(()));
            for address in written.iter().chain([&PAYER]) {
                assert_ne!(ledger.get(address), before.get(address), "{address}");
            }
            assert_eq!(ledger.get(&READ), before.get(&READ));
            assert_eq!(ledger.total(), before.total());
        }
    }
}

#[test]
fn only_the_first_word_of_data_and_the_lamports_change() {
    let (before, mut ledger) = (ledger(), ledger());
    let mut call = replay_all(&[WORD, WALLET, FOREIGN]);
    assert_eq!(ledger.run(&call), Ok(()));
    assert_eq!(ledger.get(&WORD).data[8..], before.get(&WORD).data[8..]);
    assert_ne!(ledger.get(&WORD).data[..8], before.get(&WORD).data[..8]);
    let credit = ledger.lamports(&WALLET) - before.lamports(&WALLET);
    assert!((1..=1_000).contains(&credit));
    assert_eq!(ledger.get(&FOREIGN), before.get(&FOREIGN));

    call.accounts[2] = AccountMeta::readonly(WORD, false);
    let word = ledger.get(&WORD);
    assert_eq!(ledger.run(&call), Ok(()));
    assert_eq!(ledger.get(&WORD), word);
}

#[test]
fn a_change_in_any_account_changes_all_that_are_written() {
    let call = replay_all(&[WORD, SHORT, WALLET]);
    let mut reference = ledger();
    assert_eq!(reference.run(&call), Ok(()));
    let changes: [fn(&mut Account); 4] = [
        |account| account.lamports -= 1,
        |account| account.lamports += 1 << 40,
        |account| account.data.resize(24),
        |account| account.data = vec![9; 9].into(),
    ];
    for change in changes {
        let mut ledger = ledger();
        let mut account = ledger.get(&READ);
        change(&mut account);
        ledger.put(READ, account);
        assert_eq!(ledger.run(&call), Ok(()));
        for address in [WORD, SHORT, WALLET] {
            assert_ne!(ledger.get(&address), reference.get(&address), "{address}");
        }
    }
}

#[test]
fn the_order_of_two_conflicting_transactions_shows() {
    // The first writes what the second reads, and the second writes what the first reads.
    let first = replay(vec![writable(WORD), AccountMeta::readonly(SHORT, false)]);
    let second = replay(vec![writable(READ), AccountMeta::readonly(WORD, false)]);
    let third = instruction(first.accounts.clone(), 101, None);
    let after = |calls: [&Instruction; 2]| {
        let mut ledger = ledger();
        for call in calls {
            assert_eq!(ledger.run(call), Ok(()));
        }
        [WORD, READ].map(|address| ledger.get(&address))
    };
    assert_eq!(after([&first, &second])[0], after([&second, &first])[0]);
    assert_ne!(after([&first, &second])[1], after([&second, &first])[1]);
    assert_ne!(after([&first, &third]), after([&third, &first]));
}

#[test]
fn whoever_stays_rent_exempt_pays() {
    let minimum = Rent::MAINNET.minimum_balance(20);
    let call = replay_all(&[WORD, WALLET]);

    let mut paid_by_word = ledger();
    assert_eq!(paid_by_word.run(&call), Ok(()));
    // The payer at position 0 is credited too, since another account can pay.
    assert!(paid_by_word.lamports(&PAYER) > 10_000_000);
    assert!(paid_by_word.lamports(&WORD) < 10_000_000);
    assert_eq!(paid_by_word.compute_units_left, 1_400_000 - 100);

    let mut paid_by_payer = ledger();
    let mut word = own(vec![2; 20]);
    word.lamports = minimum;
    paid_by_payer.put(WORD, word);
    assert_eq!(paid_by_payer.run(&call), Ok(()));
    assert_eq!(paid_by_payer.lamports(&WORD), minimum);
    assert!(paid_by_payer.lamports(&PAYER) < 10_000_000);
    let units_left = 1_400_000 - 100 - system::COMPUTE_UNITS;
    assert_eq!(paid_by_payer.compute_units_left, units_left);

    let mut paid_by_nobody = ledger();
    let without_system = replay(call.accounts[..4].to_vec());
    let poor = Account {
        lamports: minimum,
        ..own(vec![2; 20])
    };
    paid_by_nobody.put(WORD, poor);
    assert_eq!(paid_by_nobody.run(&without_system), Ok(()));
    assert_eq!(paid_by_nobody.lamports(&WALLET), 1_000_000);
    assert_eq!(paid_by_nobody.lamports(&PAYER), 10_000_000);
}

#[test]
fn a_recorded_failure_comes_after_the_work_and_keeps_nothing() {
    let (before, mut ledger) = (ledger(), ledger());
    let accounts = replay_all(&[WORD, WALLET]).accounts;
    let call = instruction(accounts.clone(), 500, Some(6_001));
    assert_eq!(ledger.run(&call), Err(InstructionError::Custom(6_001)));
    assert_eq!(ledger.compute_units_left, 1_400_000 - 500);
    assert_eq!(ledger.get(&WORD), before.get(&WORD));

    ledger.compute_units = 499;
    let exceeded = Err(InstructionError::ComputationalBudgetExceeded);
    assert_eq!(ledger.run(&instruction(accounts, 500, None)), exceeded);
}

#[test]
fn what_was_declared_in_vain_is_left_alone() {
    let shorter = |spared: TraceInstruction, lamports| {
        let mut ledger = ledger();
        let mut read = own(vec![9; 20]);
        read.lamports = lamports;
        ledger.put(WORD, read);
        let mut call = replay_all(&[SHORT]);
        call.accounts.push(writable(WORD));
        call.data = TraceInstruction {
            cost: 100,
            ..spared
        }
        .encode();
        assert_eq!(ledger.run(&call), Ok(()));
        assert_eq!(ledger.get(&WORD).data, vec![9; 20].into());
        assert_eq!(ledger.get(&WORD).lamports, lamports);
        (ledger.get(&SHORT), ledger.get(&PAYER))
    };
    let unwritten = TraceInstruction {
        unwritten: 1,
        ..TraceInstruction::default()
    };
    let untouched = TraceInstruction {
        untouched: 1,
        ..TraceInstruction::default()
    };
    // What is read decides on what is written, what is not touched does not.
    assert_ne!(
        shorter(unwritten, 10_000_000),
        shorter(unwritten, 20_000_000)
    );
    assert_eq!(
        shorter(untouched, 10_000_000),
        shorter(untouched, 20_000_000)
    );
}

proptest! {
    #[test]
    fn data_decodes_to_what_encodes_to_it(
        bytes in prop::collection::vec(0..4u8, 8..13),
        cost in any::<u32>(),
        failure in any::<Option<u32>>(),
        (unwritten, untouched) in any::<(u8, u8)>(),
    ) {
        let call = TraceInstruction { cost, failure, unwritten, untouched };
        prop_assert_eq!(TraceInstruction::decode(&call.encode()), Some(call));
        if let Some(call) = TraceInstruction::decode(&bytes) {
            // What stands behind the instruction is a memo and means nothing.
            prop_assert!(bytes.starts_with(&call.encode()));
        }
    }
}
