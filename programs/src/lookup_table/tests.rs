//! Tables through their life: created, extended, deactivated, closed, or frozen.

use std::sync::Arc;

use lockstep_interface::{
    Account, Address, Hash, InstructionError, Rent,
    sysvar::{Clock, SlotHash},
};

use super::{
    ADDRESSES_MAX, TableHeader,
    instruction::{close, create, deactivate, extend, freeze, table_address},
};
use crate::testing::{Ledger, address};

const RECENT_SLOT: u64 = 99;

fn authority() -> Address {
    address(1)
}

fn payer() -> Address {
    address(2)
}

/// A ledger at slot 100 with a payer.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    set_slot(&mut ledger, 100);
    ledger.put(payer(), Account::wallet(10_000_000_000));
    ledger
}

/// Moves to a slot before which all slots held a block.
fn set_slot(ledger: &mut Ledger, slot: u64) {
    ledger.environment.sysvars.clock = Some(Clock {
        slot,
        ..Clock::default()
    });
    let recent = (slot.saturating_sub(512)..slot).rev().map(|slot| SlotHash {
        slot,
        hash: Hash::default(),
    });
    ledger.environment.sysvars.slot_hashes = Some(Arc::new(recent.collect()));
}

fn header(ledger: &Ledger, table: &Address) -> (TableHeader, usize) {
    TableHeader::decode(&ledger.get(table).data).unwrap()
}

/// A ledger with a table of `count` addresses.
fn with_table(count: u8) -> (Ledger, Address) {
    let mut ledger = ledger();
    ledger
        .run(&create(&authority(), &payer(), RECENT_SLOT))
        .unwrap();
    let (table, _) = table_address(&authority(), RECENT_SLOT);
    let addresses: Vec<_> = (0..count).map(address).collect();
    if count > 0 {
        let extend = extend(&table, &authority(), &payer(), &addresses);
        ledger.run(&extend).unwrap();
    }
    (ledger, table)
}

#[test]
fn a_table_is_created_where_authority_and_slot_say() {
    let (mut ledger, table) = with_table(0);
    let expected = (TableHeader::new(authority()), 0);
    assert_eq!(header(&ledger, &table), expected);
    assert_eq!(ledger.lamports(&table), Rent::MAINNET.minimum_balance(56));
    // Creating it again changes nothing.
    let before = ledger.get(&table);
    assert_eq!(
        ledger.run(&create(&authority(), &payer(), RECENT_SLOT)),
        Ok(())
    );
    assert_eq!(ledger.get(&table), before);

    let old = create(&authority(), &payer(), 100);
    let invalid = Err(InstructionError::InvalidInstructionData);
    assert_eq!(ledger.run(&old), invalid);
    let mut elsewhere = create(&authority(), &payer(), 98);
    elsewhere.accounts[0].address = address(9);
    assert_eq!(
        ledger.run(&elsewhere),
        Err(InstructionError::InvalidArgument)
    );
    let mut unsigned = create(&authority(), &payer(), 98);
    unsigned.accounts[2].is_signer = false;
    let missing = Err(InstructionError::MissingRequiredSignature);
    assert_eq!(ledger.run(&unsigned), missing);
}

#[test]
fn extending_pays_rent_and_remembers_the_slot() {
    let (mut ledger, table) = with_table(3);
    assert_eq!(
        ledger.lamports(&table),
        Rent::MAINNET.minimum_balance(56 + 3 * 32)
    );
    let (first, count) = header(&ledger, &table);
    assert_eq!(
        (first.last_extended_slot, first.last_extended_start, count),
        (100, 0, 3)
    );
    set_slot(&mut ledger, 101);
    let more = extend(&table, &authority(), &payer(), &[address(7)]);
    assert_eq!(ledger.run(&more), Ok(()));
    let (second, count) = header(&ledger, &table);
    assert_eq!(
        (second.last_extended_slot, second.last_extended_start, count),
        (101, 3, 4)
    );
    assert_eq!(ledger.get(&table).data[56 + 3 * 32..], [7; 32]);

    let nothing = extend(&table, &authority(), &payer(), &[]);
    let invalid = Err(InstructionError::InvalidInstructionData);
    assert_eq!(ledger.run(&nothing), invalid);
    let stranger = extend(&table, &address(8), &payer(), &[address(7)]);
    assert_eq!(
        ledger.run(&stranger),
        Err(InstructionError::IncorrectAuthority)
    );
}

#[test]
fn a_table_holds_256_addresses_and_no_more() {
    let (mut ledger, table) = with_table(0);
    let twenty = vec![address(7); 20];
    for _ in 0..12 {
        let more = extend(&table, &authority(), &payer(), &twenty);
        assert_eq!(ledger.run(&more), Ok(()));
    }
    let too_many = extend(&table, &authority(), &payer(), &twenty[..17]);
    let invalid = Err(InstructionError::InvalidInstructionData);
    assert_eq!(ledger.run(&too_many), invalid);
    let last = extend(&table, &authority(), &payer(), &twenty[..16]);
    assert_eq!(ledger.run(&last), Ok(()));
    assert_eq!(header(&ledger, &table).1, ADDRESSES_MAX);
    let full = extend(&table, &authority(), &payer(), &twenty[..1]);
    assert_eq!(ledger.run(&full), Err(InstructionError::InvalidArgument));
}

#[test]
fn a_frozen_table_stays_as_it_is() {
    let (mut ledger, table) = with_table(1);
    assert_eq!(ledger.run(&freeze(&table, &authority())), Ok(()));
    assert_eq!(header(&ledger, &table).0.authority, None);
    let more = extend(&table, &authority(), &payer(), &[address(7)]);
    let immutable = Err(InstructionError::Immutable);
    for call in [
        more,
        deactivate(&table, &authority()),
        freeze(&table, &authority()),
    ] {
        assert_eq!(ledger.run(&call), immutable);
    }
    let (mut ledger, empty) = with_table(0);
    let invalid = Err(InstructionError::InvalidInstructionData);
    assert_eq!(ledger.run(&freeze(&empty, &authority())), invalid);
}

#[test]
fn a_table_closes_once_its_deactivation_is_forgotten() {
    let (mut ledger, table) = with_table(1);
    let receiver = address(5);
    let close = close(&table, &authority(), &receiver);
    let too_early = Err(InstructionError::InvalidArgument);
    assert_eq!(ledger.run(&close), too_early);
    assert_eq!(ledger.run(&deactivate(&table, &authority())), Ok(()));
    assert_eq!(ledger.run(&deactivate(&table, &authority())), too_early);
    for slot in [100, 101, 612] {
        set_slot(&mut ledger, slot);
        assert_eq!(ledger.run(&close), too_early, "slot {slot}");
    }
    set_slot(&mut ledger, 613);
    let lamports = ledger.lamports(&table);
    assert_eq!(ledger.run(&close), Ok(()));
    assert_eq!(
        (ledger.lamports(&table), ledger.lamports(&receiver)),
        (0, lamports)
    );
}

#[test]
fn what_is_no_table_is_refused() {
    let mut ledger = ledger();
    ledger.put(address(3), Account::wallet(1));
    let freeze_wallet = freeze(&address(3), &authority());
    let owner = Err(InstructionError::InvalidAccountOwner);
    assert_eq!(ledger.run(&freeze_wallet), owner);
    let (mut ledger, table) = with_table(1);
    let mut unsigned = freeze(&table, &authority());
    unsigned.accounts[1].is_signer = false;
    let missing = Err(InstructionError::MissingRequiredSignature);
    assert_eq!(ledger.run(&unsigned), missing);
}
