//! Counters in accounts to which many transactions add at once.

use lockstep_interface::{Account, AccountMeta, Instruction, InstructionError};
use lockstep_programs::system::instruction as system;
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::{collection::vec, prop_oneof, strategy::Just, strategy::Strategy as Generator};

use super::{
    Found, assert_every_plan,
    clerk::{self, Clerk, Deed},
    run,
};
use crate::common::{
    ledger::{Ledger, RICH, address, data_account, rent_exempt, transaction},
    program::hush_panics_on_purpose,
    run::{SUCCEEDED, failed_at},
};

/// The account that all count in, and others of the clerk.
const TALLY: u64 = 1_000;
/// Declares that it only adds to both counters.
const BOTH: u8 = 0b111;
/// The same of the first counter alone.
const FIRST: u8 = 0b011;

/// Rich wallets 0 to 99, and accounts of the clerk with these first counters.
fn ledger(counts: &[u64]) -> Ledger {
    hush_panics_on_purpose();
    let mut ledger = Ledger::with_wallets(0..100).with_program(Clerk);
    for (number, count) in (TALLY..).zip(counts) {
        let mut data = count.to_le_bytes().to_vec();
        data.resize(clerk::SIZE, 0);
        ledger.put(address(number), data_account(clerk::ADDRESS, data));
    }
    ledger
}

fn deed(payer: u64, tally: u64, deed: Deed, declared: u8, amount: u64) -> (u64, Instruction) {
    let accounts = vec![
        AccountMeta::writable(address(tally), false),
        AccountMeta::writable(address(payer), true),
        AccountMeta::readonly(clerk::ADDRESS, false),
    ];
    (payer, deed.instruction(accounts, declared, amount))
}

/// Counts of one by these wallets.
fn counts(payers: std::ops::Range<u64>) -> Vec<(u64, Instruction)> {
    let count = |payer| deed(payer, TALLY, Deed::Count, BOTH, 1);
    payers.map(count).collect()
}

fn counters(found: &Found) -> [u64; 2] {
    let account = found.outcome.bank.get(&address(TALLY));
    let account = account.expect("memory does not fail").expect("it exists");
    [0, 8].map(|offset| {
        let bytes = account.data[offset..].first_chunk();
        u64::from_le_bytes(*bytes.expect("it has two counters"))
    })
}

#[test]
fn counts_in_one_account_need_no_order() {
    let mut drafts = counts(0..40);
    drafts.push(deed(40, TALLY, Deed::CountBoth, BOTH, 5));
    drafts.push(deed(41, TALLY, Deed::CountUnnamed, BOTH, 7));
    // Lamports are one more number.
    let tip = system::transfer(&address(42), &address(TALLY), 9);
    drafts.push((42, tip));
    let found = run(ledger(&[100]), &drafts);
    assert_eq!((found.credit_count, found.batch_count()), (43, 1));
    assert_eq!(counters(&found), [152, 1]);
    assert_eq!(
        found.lamports(&address(TALLY)),
        RICH + rent_exempt(clerk::SIZE) + 9
    );
}

#[test]
fn who_reads_or_names_the_account_stands_between_counts() {
    for between in [Deed::Copy, Deed::Name] {
        let mut drafts = counts(0..20);
        drafts.push(deed(50, TALLY, between, 0, 6));
        drafts.extend(counts(20..40));
        let found = run(ledger(&[0]), &drafts);
        assert_eq!((found.credit_count, found.batch_count()), (40, 3));
        let copied = if between == Deed::Copy { 20 } else { 0 };
        assert_eq!(counters(&found), [40, copied]);
    }
}

#[test]
fn a_declaration_of_counters_binds() {
    let refused = || failed_at(0, InstructionError::PrivilegeEscalation);
    for (kind, declared, verdict) in [
        (Deed::Count, BOTH, SUCCEEDED),
        (Deed::CountBoth, BOTH, SUCCEEDED),
        (Deed::CountUnnamed, BOTH, SUCCEEDED),
        (Deed::Peep, BOTH, SUCCEEDED),
        (Deed::Forward, BOTH, SUCCEEDED),
        (Deed::Betray, BOTH, refused()),
        (Deed::Betray, FIRST, refused()),
        // Of an account without counters nothing may be known, and none may be added to.
        (Deed::Count, 1, refused()),
        (Deed::CountUnnamed, 1, refused()),
        (Deed::Copy, BOTH, refused()),
        (Deed::Name, BOTH, refused()),
        (Deed::Shrink, BOTH, refused()),
        (Deed::Withdraw, BOTH, refused()),
        (Deed::Fail, BOTH, failed_at(0, InstructionError::Custom(3))),
        (
            Deed::Panic,
            BOTH,
            failed_at(0, InstructionError::ProgramFailedToComplete),
        ),
    ] {
        let mut drafts = counts(0..10);
        drafts.push(deed(50, TALLY, kind, declared, 2));
        drafts.extend(counts(10..20));
        let found = run(ledger(&[0]), &drafts);
        assert_eq!(found.verdicts()[10], verdict, "{kind:?} {declared:b}");
    }
}

#[test]
fn different_counters_of_one_account_are_not_shared() {
    let mut drafts = counts(0..20);
    drafts.push(deed(50, TALLY, Deed::Count, FIRST, 1));
    let found = run(ledger(&[0]), &drafts);
    assert_eq!((found.credit_count, found.batch_count()), (0, 21));
    // Nor is one of which a transaction names different ones.
    let (payer, instruction) = deed(50, TALLY, Deed::Count, BOTH, 1);
    assert_eq!(payer, 50);
    let twice = [instruction, deed(50, TALLY, Deed::Count, FIRST, 1).1];
    let found = super::run_all(ledger(&[0]), &[(50, twice.to_vec())]);
    assert_eq!(found.verdicts(), [SUCCEEDED]);
}

#[test]
fn an_account_named_twice_is_held_to_both_names() {
    let refused = || failed_at(0, InstructionError::PrivilegeEscalation);
    // As an account of counters and as one that is only credited, and with other counters.
    let [plain, other] = [BOTH | 0b1000, FIRST | 0b11000];
    for (kind, declared, verdict) in [
        (Deed::Count, plain, SUCCEEDED),
        (Deed::Copy, plain, refused()),
        (Deed::Name, plain, refused()),
        (Deed::Peep, plain, SUCCEEDED),
        // With two lists of counters nothing is declared, and everything may be done.
        (Deed::Count, other, SUCCEEDED),
        (Deed::Copy, other, SUCCEEDED),
        (Deed::Peep, other, SUCCEEDED),
    ] {
        let mut drafts = counts(0..10);
        let (payer, mut instruction) = deed(50, TALLY, kind, declared, 2);
        let again = instruction.accounts[0];
        instruction.accounts[2] = again;
        drafts.push((payer, instruction));
        drafts.extend(counts(10..20));
        let found = run(ledger(&[0]), &drafts);
        assert_eq!(found.verdicts()[10], verdict, "{kind:?} {declared:b}");
    }
}

#[test]
fn an_account_that_is_not_the_programs_is_not_added_to() {
    let mut ledger = ledger(&[]);
    ledger.put(
        address(TALLY),
        data_account(address(7), vec![0; clerk::SIZE]),
    );
    let found = run(ledger, &counts(0..4));
    let refused = failed_at(0, InstructionError::ExternalAccountDataModified);
    assert_eq!(found.verdicts(), vec![refused; 4]);
}

#[test]
fn only_accounts_with_room_for_their_counters_are_shared() {
    for (count, size, credit_count) in [
        (0, clerk::SIZE, 3),
        (1 << 63, clerk::SIZE, 3),
        ((1 << 63) + 1, clerk::SIZE, 0),
        (u64::MAX, clerk::SIZE, 0),
        (0, 16, 3),
        (0, 15, 0),
    ] {
        let mut ledger = ledger(&[]);
        let mut data = count.to_le_bytes().to_vec();
        data.resize(size, 0);
        ledger.put(address(TALLY), data_account(clerk::ADDRESS, data));
        let found = run(ledger, &counts(0..3));
        // Where the sum passes half of what fits, the block is run again in order.
        let expected = if count == 1 << 63 { 0 } else { credit_count };
        assert_eq!(found.credit_count, expected, "{count} {size}");
    }
}

#[test]
fn the_limit_of_64_bits_keeps_its_order() {
    let near = u64::MAX - 1;
    let drafts = [
        deed(0, TALLY, Deed::Count, BOTH, 1),
        deed(1, TALLY, Deed::Count, BOTH, 1),
        deed(2, TALLY, Deed::Count, BOTH, 0),
    ];
    let found = run(ledger(&[near]), &drafts);
    let overflow = failed_at(0, InstructionError::ArithmeticOverflow);
    assert_eq!(found.verdicts(), [SUCCEEDED, overflow, SUCCEEDED]);
    // An attempt that fails tells of the order, too.
    let attempt = deed(3, TALLY, Deed::Overfill, BOTH, 5);
    let count = |payer, amount| deed(payer, TALLY, Deed::Count, BOTH, amount);
    let found = run(ledger(&[0]), &[count(0, 6), attempt.clone(), count(1, 1)]);
    assert_eq!(found.verdicts(), vec![SUCCEEDED; 3]);
    let found = run(ledger(&[0]), &[count(0, 5), attempt, count(1, 1)]);
    let fits = failed_at(0, InstructionError::Custom(2));
    assert_eq!(found.verdicts(), [SUCCEEDED, fits, SUCCEEDED]);
}

/// A transaction: its payer, and what it does with which accounts.
type Draft = (u64, Vec<(Deed, u64, u8, u64)>);

fn draft() -> impl Generator<Value = Draft> {
    let deed = prop_oneof![
        8 => Just(Deed::Count),
        8 => (0..Deed::ALL.len()).prop_map(|number| Deed::ALL[number]),
    ];
    let declared = prop_oneof![8 => Just(BOTH), 1 => Just(FIRST), 2 => Just(0), 1 => 0..8_u8];
    let amount = prop_oneof![
        8 => 0..100_u64,
        1 => Just(1 << 62),
        1 => Just(1 << 63),
        1 => Just(u64::MAX),
        1 => Just(rent_exempt(clerk::SIZE)),
    ];
    let tally = prop_oneof![6 => Just(0), 3 => Just(1), 1 => 2..5_u64];
    let step = (deed, tally, declared, amount);
    (0..60_u64, vec(step, 1..3))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_plan_of_counts_equals_the_serial_run(
        drafts in vec(draft(), 1..60),
        seed in any::<u64>(),
    ) {
        let mut ledger = ledger(&[0, 7, (1 << 63) - 60, u64::MAX - 60]);
        ledger.put(address(TALLY + 4), Account::wallet(rent_exempt(0)));
        let bank = ledger.open();
        let transactions = drafts.iter().map(|(payer, steps)| {
            let instructions: Vec<_> = steps
                .iter()
                .map(|&(kind, tally, declared, amount)| {
                    deed(*payer, TALLY + tally, kind, declared, amount).1
                })
                .collect();
            transaction(address(*payer), bank.block_hash(), &instructions)
        });
        let block = transactions.collect();
        assert_every_plan(&bank, &block, &[1, 2, 4], seed);
    }
}
