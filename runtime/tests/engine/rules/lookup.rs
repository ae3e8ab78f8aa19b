//! Address lookup tables as a block at a certain slot finds them.

use lockstep_interface::{Account, TransactionError, address::program_ids};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::wire::{LookupTable, MessageBuilder};

use super::{ledger, payer};
use crate::common::{
    ledger::{Table, address, data_account, unsigned},
    run::{Chain, SUCCEEDED, Verdict, refused, verdict},
};

const TABLE: u64 = 900;
/// The slot of the block that uses the table; its parent's is one less.
const SLOT: u64 = 3;

/// Looks up the account at `position` of the table as one to be paid.
fn check(account: Option<Account>, position: u8, expected: Verdict, what: &str) {
    let mut ledger = ledger();
    ledger
        .accounts
        .extend(account.map(|account| (address(TABLE), account)));
    let mut chain = Chain::new(ledger.open());
    while chain.tip.slot() + 1 < SLOT {
        chain.run(&[]);
    }
    // The target is at position 0, and the message is made to say another position.
    let tables = [LookupTable {
        address: address(TABLE),
        addresses: vec![address(5)],
    }];
    let instructions = [system::transfer(&payer(), &address(5), 1)];
    let builder = MessageBuilder::new(payer(), chain.blockhash().to_bytes(), &instructions);
    let mut message = builder.v0(&tables).compile().expect("all can be counted");
    message.lookups[0].writable = vec![position];
    assert_eq!(
        verdict(&chain.run_one(unsigned(&message))),
        expected,
        "{what}"
    );
}

fn table() -> Table {
    Table::of((5..9).map(address).collect())
}

fn check_table(table: &Table, position: u8, expected: Verdict, what: &str) {
    check(Some(table.account()), position, expected, what);
}

#[test]
fn positions_end_with_the_table() {
    let past = || refused(TransactionError::InvalidAddressLookupTableIndex);
    check_table(&table(), 0, SUCCEEDED, "first");
    check_table(&table(), 3, SUCCEEDED, "last");
    check_table(&table(), 4, past(), "one past it");
    check_table(&table(), 255, past(), "far past it");
    check_table(&Table::of(Vec::new()), 0, past(), "an empty table");
}

#[test]
fn an_account_must_be_a_table() {
    check(
        None,
        0,
        refused(TransactionError::AddressLookupTableNotFound),
        "no account",
    );
    let foreign = data_account(program_ids::SYSTEM, table().encode());
    let wrong_owner = refused(TransactionError::InvalidAddressLookupTableOwner);
    check(
        Some(foreign),
        0,
        wrong_owner,
        "an account of another program",
    );

    let no_table = || refused(TransactionError::InvalidAddressLookupTableData);
    let mut damages: Vec<(&str, Vec<u8>)> = Vec::new();
    let whole = table().encode();
    damages.push(("no data", Vec::new()));
    damages.push(("a short header", whole[..55].to_vec()));
    damages.push(("half an address", whole[..whole.len() - 1].to_vec()));
    for (what, place, value) in [
        ("uninitialized", 0, 0),
        ("another kind", 0, 2),
        ("authority", 21, 2),
    ] {
        let mut data = whole.clone();
        data[place] = value;
        damages.push((what, data));
    }
    for (what, data) in damages {
        let account = data_account(program_ids::ADDRESS_LOOKUP_TABLE, data);
        check(Some(account), 0, no_table(), what);
    }
}

#[test]
fn a_deactivated_table_serves_while_its_slot_is_recent() {
    let gone = || refused(TransactionError::AddressLookupTableNotFound);
    let deactivated = |deactivation_slot| Table {
        deactivation_slot,
        ..table()
    };
    check_table(&deactivated(SLOT), 0, SUCCEEDED, "in this slot");
    check_table(&deactivated(SLOT - 1), 0, SUCCEEDED, "in the slot before");
    check_table(&deactivated(SLOT - 2), 0, SUCCEEDED, "two slots ago");
    check_table(&deactivated(SLOT + 1), 0, gone(), "in a slot to come");
    check_table(&deactivated(u64::MAX), 0, SUCCEEDED, "never");
}

#[test]
fn addresses_added_in_this_slot_cannot_be_used_yet() {
    let past = refused(TransactionError::InvalidAddressLookupTableIndex);
    let extended = |last_extended_slot| Table {
        last_extended_slot,
        extension_start: 2,
        ..table()
    };
    check_table(
        &extended(SLOT - 1),
        3,
        SUCCEEDED,
        "added in the slot before",
    );
    check_table(&extended(SLOT), 1, SUCCEEDED, "there before the extension");
    check_table(&extended(SLOT), 2, past, "added in this slot");
}

#[test]
fn a_table_is_seen_as_the_block_found_it() {
    // What a transaction of the same block does to the table's account does not show.
    let mut ledger = ledger();
    let table = LookupTable {
        address: address(TABLE),
        addresses: vec![address(5)],
    };
    ledger.put(address(TABLE), Table::of(table.addresses.clone()).account());
    let mut chain = Chain::new(ledger.open());
    let blockhash = chain.blockhash();
    let topped_up = system::transfer(&payer(), &address(TABLE), 1);
    let topped_up = crate::common::ledger::transaction(payer(), blockhash, &[topped_up]);
    let instructions = [system::transfer(&address(1), &address(5), 1)];
    let tables = [table];
    let builder = MessageBuilder::new(address(1), blockhash.to_bytes(), &instructions);
    let looked_up = unsigned(&builder.v0(&tables).compile().expect("all can be counted"));
    let fates = chain.run(&[topped_up, looked_up]);
    assert!(
        fates.iter().all(|fate| verdict(fate) == SUCCEEDED),
        "{fates:?}"
    );
}
