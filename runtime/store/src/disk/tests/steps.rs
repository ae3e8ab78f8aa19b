//! One step after the other: what is written is read, before and after the store is opened again.

use std::fs;

use super::{
    super::{
        layout::{SCHEMA, SCHEMA_KEY, put},
        medium::Medium,
        open::open_engine,
    },
    *,
};
use crate::{MemoryStore, load_trie};

#[test]
fn every_block_is_there_when_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::new(Shape::SMALL);
    let memory = MemoryStore::new();
    for slot in 0..25 {
        let (store, trie) = open(folder.path()).unwrap();
        assert_eq!(store.tip().map_or(0, |tip| tip.slot), slot);
        assert_eq!(model.check(&store), Ok(()));
        assert_eq!(load_trie(&memory, &Serial).unwrap(), trie);
        assert_eq!(
            store.account_count().unwrap(),
            memory.account_count().unwrap()
        );
        let mut producer = Producer::after(Shape::SMALL, &store, trie);
        producer.commit(&store).unwrap();
        model.advance(slot + 1);
        assert_eq!(model.check(&store), Ok(()));
        let changes = Shape::SMALL.changes(slot + 1);
        let batch = BlockBatch {
            record: store.tip().unwrap(),
            changes: &changes,
            body: &Shape::body(slot + 1),
        };
        memory.commit(&batch).unwrap();
        assert_eq!(memory.tip(), store.tip());
        let block = store.block(slot + 1).unwrap();
        assert_eq!(memory.block(slot + 1).unwrap(), block);
        // Once more changes nothing.
        memory.commit(&batch).unwrap();
        store.commit(&batch).unwrap();
        let addresses: Vec<Address> = (0..600).map(address).collect();
        let mut loaded = [vec![Account::default(); 600], vec![Account::default(); 600]];
        store.load(&addresses, &mut loaded[0]).unwrap();
        memory.load(&addresses, &mut loaded[1]).unwrap();
        assert_eq!(loaded[0], loaded[1]);
    }
}

#[test]
fn accounts_of_every_size_survive() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [0, 1, 54, 1 << 10, 1 << 16, ACCOUNT_DATA_SIZE_MAX];
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let changes: Vec<Change> = (0..)
        .zip(sizes)
        .map(|(number, size)| {
            let lamports = 1 + number;
            let account = account(&mut random, size);
            (
                address(number),
                Account {
                    lamports,
                    ..account
                },
            )
        })
        .collect();
    {
        let (store, trie) = open(folder.path()).unwrap();
        let record = record(1, &trie.update(&changes, &Serial));
        let body = &[7; 3 << 20];
        let changes = &changes;
        let batch = BlockBatch {
            record,
            changes,
            body,
        };
        store.commit(&batch).unwrap();
    }
    let (store, _) = open(folder.path()).unwrap();
    for (address, account) in &changes {
        assert_eq!(store.get(address).unwrap().as_ref(), Some(account));
    }
    assert_eq!(store.block(1).unwrap().unwrap().body, [7; 3 << 20]);
}

#[test]
fn the_last_change_of_an_address_wins() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trie) = open(folder.path()).unwrap();
    let changes = &[3, 0, 4].map(|lamports| (address(1), Account::wallet(lamports)));
    let record = record(1, &trie.update(changes, &Serial));
    let body = &[];
    store
        .commit(&BlockBatch {
            record,
            changes,
            body,
        })
        .unwrap();
    assert_eq!(store.get(&address(1)).unwrap(), Some(Account::wallet(4)));
}

#[test]
fn blocks_that_do_not_follow_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trie) = open(folder.path()).unwrap();
    let memory = MemoryStore::new();
    let changes = &[(address(1), Account::wallet(1))];
    let other = &[(address(1), Account::wallet(2))];
    let good = record(5, &trie.update(changes, &Serial));
    let body = &[];
    let commit = |record, changes| -> [Result<(), StoreError>; 2] {
        let batch = BlockBatch {
            record,
            changes,
            body,
        };
        [store.commit(&batch), memory.commit(&batch)]
    };
    assert!(commit(good, changes).iter().all(Result::is_ok));
    let earlier = BlockRecord { slot: 4, ..good };
    let orphan = BlockRecord { slot: 6, ..good };
    let twin = BlockRecord {
        block_id: block_id(77),
        ..good
    };
    for bad in [earlier, orphan, twin] {
        for result in commit(bad, other) {
            let error = result.unwrap_err();
            assert!(matches!(error, StoreError::OutOfOrder { .. }), "{error}");
            assert!(error.to_string().contains("of slot 5"), "{error}");
        }
    }
    for store in [&store as &dyn Store, &memory] {
        assert_eq!(store.tip(), Some(good));
        assert_eq!(store.get(&address(1)).unwrap(), Some(Account::wallet(1)));
    }
    // Slots may be left out.
    let next = BlockRecord {
        slot: 90,
        block_id: block_id(90),
        parent_id: good.block_id,
        ..good
    };
    assert!(commit(next, &[]).iter().all(Result::is_ok));
}

#[test]
fn pruned_blocks_are_gone_and_the_newest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let memory = MemoryStore::new();
    let mut model = Model::new(Shape::SMALL);
    for (below, first) in [(0, 1), (10, 10), (5, 10), (u64::MAX, 30)] {
        let (store, trie) = open(folder.path()).unwrap();
        let mut producer = Producer::after(Shape::SMALL, &store, trie);
        while producer.slot < 30 {
            let slot = producer.commit(&store).unwrap();
            let body = &Shape::body(slot);
            let record = store.tip().unwrap();
            let changes = &[];
            memory
                .commit(&BlockBatch {
                    record,
                    changes,
                    body,
                })
                .unwrap();
        }
        model.advance(30);
        for store in [&store as &dyn Store, &memory] {
            store.prune(below).unwrap();
            for count in [0, 1, 5, 20, 21, 100] {
                let slots = store.records(count).unwrap().into_iter();
                let slots: Vec<u64> = slots.map(|record| record.slot).collect();
                let kept: Vec<u64> = (first..=30).collect();
                assert_eq!(slots, kept[kept.len().saturating_sub(count)..]);
            }
            for slot in 1..=30 {
                let is_there = store.block(slot).unwrap().is_some();
                assert_eq!(is_there, slot >= first, "slot {slot} below {below}");
            }
        }
        assert_eq!(store.tip().unwrap().slot, 30);
        assert_eq!(store.account_count().unwrap(), model.accounts.len());
    }
    let (store, trie) = open(folder.path()).unwrap();
    Producer::after(Shape::SMALL, &store, trie)
        .commit(&store)
        .unwrap();
}

#[test]
fn other_directories_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    for (path, cause) in [
        (file.as_path(), "is a file"),
        (folder.path(), "other files"),
    ] {
        let error = open(path).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(cause) && text.contains(path.to_str().unwrap()),
            "{text}"
        );
    }
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // A new one is made, with the directories above it.
    open(&folder.path().join("new/store")).unwrap();
}

#[test]
fn a_store_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(first);
    open(folder.path()).unwrap();
}

#[test]
fn what_was_left_unfinished_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // The anchor has its name, but says nothing yet.
    fs::write(path.join("ANCHOR"), "").unwrap();
    drop(open(path).unwrap());
    // The engine was being made.
    fs::rename(path.join("engine"), path.join("engine.unfinished")).unwrap();
    fs::remove_file(path.join("engine.unfinished/version")).unwrap();
    let (store, trie) = open(path).unwrap();
    Producer::after(Shape::SMALL, &store, trie)
        .commit(&store)
        .unwrap();
    drop(store);
    assert!(!path.join("engine.unfinished").exists());
    // An engine that is gone is not made again once it had something to lose.
    fs::remove_dir_all(path.join("engine")).unwrap();
    let error = open(path).unwrap_err();
    assert!(
        matches!(error, StoreError::RolledBack { found: None, .. }),
        "{error}"
    );
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let set = |schema: &[u8]| {
        let medium = open_engine(folder.path(), "engine", options()).unwrap();
        medium.write(vec![put(SCHEMA_KEY, schema)]).unwrap();
    };
    set(&(SCHEMA + 1).to_le_bytes());
    for _ in 0..2 {
        let error = open(folder.path()).unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Schema {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("newer release"), "{error}");
    }
    for nonsense in [&[0, 0, 0, 0][..], b"?"] {
        set(nonsense);
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
    set(&SCHEMA.to_le_bytes());
    open(folder.path()).unwrap();
}
