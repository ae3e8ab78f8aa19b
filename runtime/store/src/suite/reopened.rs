//! What a store keeps while it is closed.

use lockstep_interface::Account;

use super::{Model, Producer, Shape, Written, fine, test_address};
use crate::{BlockBatch, Serial, Store, Trie, load_trie};

/// Opens the store of a place, lends it, and closes it.
type Opened<'o> = dyn FnMut(&mut dyn FnMut(&dyn Store)) + 'o;

/// The rules of a store that is closed and opened again.
pub(super) const RULES: [fn(&mut Opened<'_>); 4] = [
    an_empty_store_is_still_empty,
    every_block_is_there,
    the_newest_block_may_be_committed_again,
    pruned_blocks_and_parameters_stay_as_they_were,
];

fn an_empty_store_is_still_empty(open: &mut Opened<'_>) {
    for _ in 0..3 {
        open(&mut |store| super::reading::an_empty_store_has_nothing(store));
    }
}

fn every_block_is_there(open: &mut Opened<'_>) {
    let mut model = Model::new(Shape::SMALL);
    for slot in 0..20 {
        open(&mut |store| {
            assert_eq!(store.tip().map_or(0, |tip| tip.slot), slot);
            fine(model.check(store));
            // The root that the newest block states is that of the accounts.
            let trie = fine(load_trie(store, &Serial));
            let mut producer = Producer::after(Shape::SMALL, store, trie);
            let committed = fine(producer.commit(store));
            model.advance(committed);
            fine(model.check(store));
        });
    }
    open(&mut |store| {
        let slots = fine(store.records(100)).into_iter();
        let slots: Vec<u64> = slots.map(|record| record.slot).collect();
        assert_eq!(slots, (1..=20).collect::<Vec<u64>>());
    });
}

fn the_newest_block_may_be_committed_again(open: &mut Opened<'_>) {
    let changes = &[(test_address(1), Account::wallet(4))];
    let mut record = None;
    open(&mut |store| record = Some(Written::on(store).commit(3, changes, b"body")));
    let record = record.expect("the block was committed");
    for _ in 0..2 {
        open(&mut |store| {
            let body = b"body";
            fine(store.commit(&BlockBatch {
                record,
                changes,
                body,
            }));
            assert_eq!(fine(store.records(9)), [record]);
            assert_eq!(fine(store.account_count()), 1);
        });
    }
}

fn pruned_blocks_and_parameters_stay_as_they_were(open: &mut Opened<'_>) {
    open(&mut |store| {
        let mut producer = Producer::after(Shape::SMALL, store, Trie::default());
        for _ in 0..10 {
            fine(producer.commit(store));
        }
        fine(store.prune(7));
        fine(store.keep_parameters(b"first"));
        fine(store.keep_parameters(b"second"));
    });
    open(&mut |store| {
        assert_eq!(fine(store.parameters()).as_deref(), Some(&b"second"[..]));
        assert_eq!(fine(store.block(6)), None);
        assert_eq!(fine(store.records(100)).len(), 4);
        fine(store.keep_parameters(b""));
        fine(store.prune(u64::MAX));
    });
    open(&mut |store| {
        assert_eq!(fine(store.parameters()).as_deref(), Some(&b""[..]));
        assert_eq!(fine(store.records(100)).len(), 1);
        let trie = fine(load_trie(store, &Serial));
        fine(Producer::after(Shape::SMALL, store, trie).commit(store));
    });
}
