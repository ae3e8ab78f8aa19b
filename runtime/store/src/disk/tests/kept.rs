//! The trie that a store keeps when it is closed in order.

use std::fs;

use lockstep_interface::{Account, Address, Hash};

use super::super::kept;
use super::*;
use crate::{BlockBatch, BlockRecord, Change};

fn record(slot: u64, trie: &Trie) -> BlockRecord {
    let id = |slot: u64| Hash::new_from_array([slot.to_le_bytes()[0]; 32]);
    BlockRecord {
        slot,
        block_id: id(slot),
        parent_id: id(slot.saturating_sub(1)),
        delta_root: Hash::default(),
        state_root: Some(trie.root()),
    }
}

fn changes(slot: u64) -> Vec<Change> {
    let change = |number: u64| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(number * 7 + slot).to_le_bytes());
        (Address::new_from_array(key), Account::wallet(slot + number))
    };
    (0..300).map(change).collect()
}

fn commit(store: &DiskStore, trie: &mut Trie, slot: u64) -> BlockRecord {
    let changes = changes(slot);
    *trie = trie.update(&changes, &Serial);
    let record = record(slot, trie);
    let block = BlockBatch {
        record,
        changes: &changes,
        body: b"",
    };
    store.commit(&block).unwrap();
    record
}

/// A store with two blocks whose trie was kept, closed.
fn kept_store(path: &Path) -> (BlockRecord, Trie) {
    let (store, mut trie) = open(path).unwrap();
    commit(&store, &mut trie, 1);
    let tip = commit(&store, &mut trie, 2);
    store.keep_trie(&trie).unwrap();
    (tip, trie)
}

#[test]
fn a_kept_trie_is_that_of_the_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let (tip, trie) = kept_store(folder.path());
    let read = kept::read(folder.path(), &tip, None, &Serial).unwrap();
    assert_eq!((read.root(), read.account_count()), (trie.root(), 600));
    let (store, opened) = open(folder.path()).unwrap();
    assert_eq!(opened, trie);
    // It grows as the one from all accounts does.
    let (next, one, other) = (changes(3), opened, trie);
    assert_eq!(one.update(&next, &Serial), other.update(&next, &Serial));
    assert_eq!(one.prove(&next[0].0), other.prove(&next[0].0));
    drop(store);
}

#[test]
fn a_trie_with_a_bound_is_the_same_kept_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let (_, trie) = kept_store(folder.path());
    assert!(trie.page_counts().is_none());
    for is_kept in [true, false] {
        let within = DiskOptions::within(0);
        let (store, mut bounded) = DiskStore::open(folder.path(), within, &Serial).unwrap();
        assert_eq!(bounded, trie);
        let (_, written) = bounded.page_counts().unwrap().get();
        assert!(written > 0, "the accounts do not fit in memory");
        if is_kept {
            fs::remove_file(folder.path().join(kept::NAME)).unwrap();
            continue;
        }
        let free = trie.update(&changes(3), &Serial);
        commit(&store, &mut bounded, 3);
        assert_eq!(bounded, free);
        assert_eq!(
            bounded.prove(&changes(3)[0].0),
            free.prove(&changes(3)[0].0)
        );
        store.keep_trie(&bounded).unwrap();
        drop(store);
        assert_eq!(open(folder.path()).unwrap().1, free);
    }
}

#[test]
fn the_next_block_makes_it_useless() {
    let folder = tempfile::tempdir().unwrap();
    let (tip, _) = kept_store(folder.path());
    let file = folder.path().join(kept::NAME);
    let bytes = fs::read(&file).unwrap();
    let (store, mut trie) = open(folder.path()).unwrap();
    // Of other accounts than the newest block's none is kept.
    store.keep_trie(&Trie::default()).unwrap();
    let next = commit(&store, &mut trie, 3);
    assert!(!file.exists());
    drop(store);
    // As after a crash in which the removal was lost.
    fs::write(&file, bytes).unwrap();
    assert!(kept::read(folder.path(), &tip, None, &Serial).is_some());
    assert!(kept::read(folder.path(), &next, None, &Serial).is_none());
    assert_eq!(open(folder.path()).unwrap().1, trie);
}

#[test]
fn a_damaged_one_is_left_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (tip, trie) = kept_store(folder.path());
    let file = folder.path().join(kept::NAME);
    let bytes = fs::read(&file).unwrap();
    for place in (0..600).chain((600..bytes.len()).step_by(97)) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        fs::write(&file, damaged).unwrap();
        assert!(
            kept::read(folder.path(), &tip, None, &Serial).is_none(),
            "{place}"
        );
    }
    for size in [0, 10, 56, 63, 64, 1_000, bytes.len() - 1] {
        fs::write(&file, &bytes[..size]).unwrap();
        assert!(
            kept::read(folder.path(), &tip, None, &Serial).is_none(),
            "{size}"
        );
    }
    assert_eq!(open(folder.path()).unwrap().1, trie);
    let checked = DiskOptions {
        check_accounts: true,
        ..options()
    };
    fs::write(&file, bytes).unwrap();
    let opened = DiskStore::open(folder.path(), checked, &Serial).unwrap();
    assert_eq!(opened.1, trie);
}
