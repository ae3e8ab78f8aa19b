//! What is read from a store, alone and while it is written.

use std::thread;

use lockstep_interface::{Account, Address};

use super::{Written, fine, test_address};
use crate::{Change, Store};

/// Blocks that are committed while others read.
const RACE_BLOCK_COUNT: u64 = 300;
/// Accounts that each of them changes.
const RACE_ACCOUNT_COUNT: u64 = 40;

pub(super) fn an_empty_store_has_nothing(store: &dyn Store) {
    assert_eq!(store.tip(), None);
    assert_eq!(fine(store.block(0)), None);
    assert_eq!(fine(store.records(10)), []);
    assert_eq!(fine(store.page(None)), []);
    assert_eq!(fine(store.page(Some(&test_address(1)))), []);
    assert_eq!(fine(store.parameters()), None);
    assert_eq!(fine(store.account_count()), 0);
    assert_eq!(fine(store.get(&test_address(1))), None);
    fine(store.prune(u64::MAX));
    assert_eq!(store.tip(), None);
}

pub(super) fn accounts_are_read_in_the_order_asked_for(store: &dyn Store) {
    let changes: Vec<Change> = (0..200u64)
        .step_by(2)
        .map(|number| {
            let lamports = number.saturating_add(1);
            (test_address(number), Account::wallet(lamports))
        })
        .collect();
    Written::on(store).commit(1, &changes, b"");
    // Backwards, each twice, and every other one missing. What was there before is replaced.
    let numbers: Vec<u64> = (0..200).rev().flat_map(|number| [number, number]).collect();
    let addresses: Vec<Address> = numbers.iter().map(|number| test_address(*number)).collect();
    let mut accounts = vec![Account::wallet(77); addresses.len()];
    fine(store.load(&addresses, &mut accounts));
    for (number, account) in numbers.into_iter().zip(accounts) {
        let is_there = number.is_multiple_of(2);
        let expected = if is_there {
            number.saturating_add(1)
        } else {
            0
        };
        let expected = Account {
            lamports: expected,
            ..Account::default()
        };
        assert_eq!(account, expected, "account {number}");
    }
    fine(store.load(&[], &mut []));
}

pub(super) fn pages_hold_every_account_once_in_order(store: &dyn Store) {
    // More bytes than a page holds.
    let mut changes: Vec<Change> = (0..3_000)
        .map(|number| {
            let mut account = Account::wallet(1);
            account.data = vec![7; 4_000].into();
            (test_address(number), account)
        })
        .collect();
    let mut written = Written::on(store);
    written.commit(1, &changes, b"");
    changes.sort_by_key(|(address, _)| *address);
    let mut seen: Vec<Change> = Vec::new();
    fine(store.scan(&mut |page| {
        assert!(page.len() < changes.len(), "a page takes some megabytes");
        seen.extend_from_slice(page);
        Ok(())
    }));
    assert_eq!(seen.len(), changes.len());
    assert!(seen == changes, "accounts in ascending order of addresses");
    assert_eq!(fine(store.account_count()), changes.len());
    // Behind an address that has no account as well.
    for (place, (address, _)) in changes.iter().enumerate().step_by(500) {
        let behind = place.saturating_add(1);
        let page = fine(store.page(Some(address)));
        assert_eq!(page.first(), changes.get(behind), "behind account {place}");
        written.commit(
            u64::try_from(behind).unwrap_or(u64::MAX).saturating_add(1),
            &[(*address, Account::default())],
            b"",
        );
        let page = fine(store.page(Some(address)));
        assert_eq!(page.first(), changes.get(behind), "behind account {place}");
    }
    assert_eq!(
        fine(store.page(Some(&Address::new_from_array([255; 32])))),
        []
    );
}

/// The accounts of a racing block, all with the slot as lamports and in their data.
fn race_changes(slot: u64) -> Vec<Change> {
    let changes = (0..RACE_ACCOUNT_COUNT).map(|number| {
        let mut account = Account::wallet(slot);
        account.data = slot.to_le_bytes().repeat(16).into();
        (test_address(number), account)
    });
    changes.collect()
}

pub(super) fn a_reader_sees_whole_accounts_and_none_older_than_the_tip(store: &dyn Store) {
    let mut written = Written::on(store);
    written.commit(1, &race_changes(1), b"");
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for slot in 2..=RACE_BLOCK_COUNT {
                written.commit(slot, &race_changes(slot), b"");
            }
        });
        let addresses: Vec<Address> = (0..RACE_ACCOUNT_COUNT).map(test_address).collect();
        let mut accounts = vec![Account::default(); addresses.len()];
        while !writer.is_finished() {
            let oldest = store.tip().map_or(0, |tip| tip.slot);
            fine(store.load(&addresses, &mut accounts));
            for account in &accounts {
                let slot = account.lamports;
                assert!(
                    slot >= oldest,
                    "slot {oldest} is the tip, an account is of {slot}"
                );
                let data = slot.to_le_bytes().repeat(16);
                assert_eq!(*account.data, *data, "balance and data are of one block");
            }
        }
    });
    let count = fine(store.account_count());
    assert_eq!(u64::try_from(count), Ok(RACE_ACCOUNT_COUNT));
}

pub(super) fn blocks_and_records_are_read_while_others_are_committed_and_pruned(store: &dyn Store) {
    let mut written = Written::on(store);
    written.pay(1, 1, 1);
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for slot in 2..=RACE_BLOCK_COUNT {
                written.pay(slot, 1, slot);
                if slot.is_multiple_of(10) {
                    fine(store.prune(slot.saturating_sub(20)));
                }
            }
        });
        while !writer.is_finished() {
            let records = fine(store.records(5));
            let follows = |pair: &[crate::BlockRecord]| pair[0].block_id == pair[1].parent_id;
            assert!(records.windows(2).all(follows), "records: {records:?}");
            // Until it is pruned, the oldest block is there whole.
            let log = fine(store.records(usize::MAX));
            while let Some(oldest) = log.first()
                && !writer.is_finished()
                && let Some(block) = fine(store.block(oldest.slot))
            {
                assert_eq!(block.record, *oldest);
                assert_eq!(block.body, oldest.slot.to_le_bytes());
            }
            let newest = store.tip().expect("slot 1 is there");
            let Some(block) = fine(store.block(newest.slot)) else {
                // The writer was many blocks faster, and has pruned it meanwhile.
                let tip = store.tip().expect("slot 1 is there");
                assert!(
                    tip.slot >= newest.slot.saturating_add(10),
                    "slot {} is missing at slot {}",
                    newest.slot,
                    tip.slot
                );
                continue;
            };
            assert_eq!(block.record, newest);
            assert_eq!(block.body, newest.slot.to_le_bytes());
        }
    });
}
