//! What committing, pruning and filling leave.

use std::slice;

use lockstep_interface::{Account, Hash, limits::ACCOUNT_DATA_SIZE_MAX};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Model, Producer, Shape, Written, fine, load::block_id, test_account, test_address};
use crate::{BlockBatch, BlockRecord, Change, Store, StoreError, StoredBlock, Trie};

pub(super) fn the_last_change_of_an_address_wins(store: &dyn Store) {
    let wallet = |number, lamports| (test_address(number), Account::wallet(lamports));
    let changes = [
        wallet(1, 3),
        wallet(2, 1),
        wallet(1, 0),
        wallet(2, 0),
        wallet(1, 4),
    ];
    Written::on(store).commit(1, &changes, b"");
    assert_eq!(fine(store.get(&test_address(1))), Some(Account::wallet(4)));
    assert_eq!(fine(store.get(&test_address(2))), None);
    assert_eq!(fine(store.account_count()), 1);
}

pub(super) fn an_account_without_lamports_is_gone(store: &dyn Store) {
    let mut written = Written::on(store);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut account = test_account(&mut random, 100);
    account.lamports = 5;
    written.commit(1, &[(test_address(1), account.clone())], b"");
    assert_eq!(fine(store.get(&test_address(1))), Some(account.clone()));
    // Its data and owner go with its lamports.
    account.lamports = 0;
    written.commit(2, &[(test_address(1), account.clone())], b"");
    let mut found = [Account::wallet(9)];
    fine(store.load(&[test_address(1)], &mut found));
    assert_eq!(found, [Account::default()]);
    assert_eq!(fine(store.page(None)), []);
    // One that never was may cease to exist as well, and one that ceased may come back.
    written.commit(3, &[(test_address(2), account)], b"");
    written.pay(4, 1, 7);
    assert_eq!(fine(store.get(&test_address(1))), Some(Account::wallet(7)));
    assert_eq!(fine(store.account_count()), 1);
}

pub(super) fn accounts_and_bodies_of_every_size_are_kept(store: &dyn Store) {
    let mut written = Written::on(store);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let sizes = [0, 1, 54, 1 << 10, 1 << 16, ACCOUNT_DATA_SIZE_MAX];
    for (slot, size) in (1..).zip(sizes) {
        let mut account = test_account(&mut random, size);
        account.lamports = slot;
        let body = vec![7; size >> 1];
        let change = (test_address(slot), account);
        let record = written.commit(slot, slice::from_ref(&change), &body);
        let (address, account) = change;
        let found = fine(store.get(&address));
        assert!(
            found == Some(account),
            "an account with {size} bytes of data"
        );
        let block = fine(store.block(slot));
        assert!(
            block == Some(StoredBlock { record, body }),
            "half as many of a body"
        );
    }
}

pub(super) fn committing_the_newest_block_again_changes_nothing(store: &dyn Store) {
    let mut written = Written::on(store);
    let changes = [(test_address(1), Account::wallet(4))];
    for slot in 1..3 {
        let record = written.commit(slot, &changes, b"body");
        for _ in 0..2 {
            let body = b"body";
            let changes = &changes;
            fine(store.commit(&BlockBatch {
                record,
                changes,
                body,
            }));
            assert_eq!(store.tip(), Some(record));
        }
    }
    assert_eq!(fine(store.records(10)).len(), 2);
    assert_eq!(fine(store.get(&test_address(1))), Some(Account::wallet(4)));
}

pub(super) fn a_block_that_does_not_follow_is_refused_and_changes_nothing(store: &dyn Store) {
    let mut written = Written::on(store);
    let first = written.pay(4, 1, 1);
    let newest = written.pay(5, 1, 2);
    let (next, _) = written.next(6, &[]);
    let refused = [
        ("an earlier slot", BlockRecord { slot: 4, ..next }),
        ("the newest slot", BlockRecord { slot: 5, ..next }),
        (
            "another parent",
            BlockRecord {
                parent_id: block_id(77),
                ..next
            },
        ),
        (
            "no parent",
            BlockRecord {
                parent_id: Hash::default(),
                ..next
            },
        ),
        ("the block before", first),
        (
            "the newest under another id",
            BlockRecord {
                block_id: block_id(77),
                ..newest
            },
        ),
        (
            "the newest with another root",
            BlockRecord {
                delta_root: block_id(77),
                ..newest
            },
        ),
    ];
    for (what, record) in refused {
        let changes = &[
            (test_address(1), Account::wallet(9)),
            (test_address(2), Account::wallet(9)),
        ];
        let body = b"other";
        let result = store.commit(&BlockBatch {
            record,
            changes,
            body,
        });
        let is_refused = matches!(result, Err(StoreError::OutOfOrder { .. }));
        assert!(
            is_refused,
            "{what}: expected an error of order, found {result:?}"
        );
        assert_eq!(store.tip(), Some(newest), "{what}");
        assert_eq!(fine(store.records(10)), [first, newest], "{what}");
        assert_eq!(
            fine(store.get(&test_address(1))),
            Some(Account::wallet(2)),
            "{what}"
        );
        assert_eq!(fine(store.get(&test_address(2))), None, "{what}");
        assert_eq!(fine(store.block(6)), None, "{what}");
    }
    written.pay(6, 1, 3);
}

pub(super) fn slots_may_be_left_out(store: &dyn Store) {
    let mut written = Written::on(store);
    let slots = [0, 1, 5, 1_000, u64::from(u32::MAX), u64::MAX >> 1];
    let records = slots.map(|slot| written.pay(slot, 1, 7));
    for (record, slot) in records.into_iter().zip(slots) {
        let body = slot.to_le_bytes().to_vec();
        assert_eq!(fine(store.block(slot)), Some(StoredBlock { record, body }));
    }
    assert_eq!(fine(store.block(2)), None);
    assert_eq!(fine(store.records(4)), records[2..]);
    assert_eq!(fine(store.records(7)), records);
    assert_eq!(fine(store.records(0)), []);
}

pub(super) fn pruned_blocks_are_gone_and_the_newest_stays(store: &dyn Store) {
    let mut written = Written::on(store);
    for slot in 1..=30 {
        written.pay(slot, slot, slot);
    }
    for (below, first) in [(0, 1), (10, 10), (5, 10), (25, 25), (u64::MAX, 30)] {
        fine(store.prune(below));
        for count in [0, 1, 5, 20, 21, 100] {
            let slots = fine(store.records(count)).into_iter();
            let slots: Vec<u64> = slots.map(|record| record.slot).collect();
            let kept: Vec<u64> = (first..=30).collect();
            assert_eq!(slots, kept[kept.len().saturating_sub(count)..]);
        }
        for slot in 1..=30 {
            let is_there = fine(store.block(slot)).is_some();
            assert_eq!(
                is_there,
                slot >= first,
                "slot {slot} after pruning below {below}"
            );
        }
        assert_eq!(store.tip().map(|tip| tip.slot), Some(30));
        assert_eq!(fine(store.account_count()), 30, "accounts stay");
    }
    written.pay(31, 1, 5);
    assert_eq!(fine(store.records(10)).len(), 2);
}

pub(super) fn filled_accounts_belong_to_no_block(store: &dyn Store) {
    let filled: Vec<Change> = (1..100)
        .map(|number| (test_address(number), Account::wallet(number)))
        .collect();
    for chunk in filled.chunks(30) {
        fine(store.fill(chunk));
    }
    assert_eq!(store.tip(), None);
    assert_eq!(fine(store.records(1)), []);
    assert_eq!(fine(store.account_count()), 99);
    // The first block states the root of them all.
    let trie = Trie::default().update(&filled, &crate::Serial);
    let record = super::load::record(7, &trie);
    fine(store.commit(&BlockBatch {
        record,
        changes: &[],
        body: b"",
    }));
    assert_eq!(store.tip(), Some(record));
    assert_eq!(
        fine(store.get(&test_address(42))),
        Some(Account::wallet(42))
    );
    let loaded = fine(crate::load_trie(store, &crate::Serial));
    assert_eq!(loaded, trie);
}

pub(super) fn the_last_parameters_are_kept(store: &dyn Store) {
    let long = [3; 60_000];
    let mut written = Written::on(store);
    for (slot, parameters) in (1..).zip([&b"one"[..], b"", &long, b"another"]) {
        fine(store.keep_parameters(parameters));
        assert_eq!(fine(store.parameters()).as_deref(), Some(parameters));
        written.pay(slot, 1, slot);
        fine(store.prune(u64::MAX));
        assert_eq!(fine(store.parameters()).as_deref(), Some(parameters));
    }
    assert_eq!(fine(store.account_count()), 1, "parameters are no account");
}

pub(super) fn many_blocks_leave_what_a_map_holds(store: &dyn Store) {
    let mut producer = Producer::after(Shape::SMALL, store, Trie::default());
    let mut model = Model::new(Shape::SMALL);
    for _ in 0..60 {
        let slot = fine(producer.commit(store));
        model.advance(slot);
        fine(model.check(store));
        for number in 0..Shape::SMALL.account_count {
            let address = test_address(number);
            let expected = model.accounts.get(&address).cloned();
            assert_eq!(
                fine(store.get(&address)),
                expected,
                "account {number} at {slot}"
            );
        }
    }
}
