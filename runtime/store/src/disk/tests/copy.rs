//! Stores that are read while they are in use, or cannot be written.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use lockstep_interface::{Account, Address, Hash};

use super::{
    super::{copy, mark},
    *,
};
use crate::{BlockBatch, BlockRecord, Change};

fn open_to_read(path: &Path) -> Result<(DiskStore, Trie), StoreError> {
    DiskStore::open_to_read(path, options(), &Serial)
}

/// Commits the next block of a load.
fn commit(store: &DiskStore, trie: &mut Trie, slot: u64) {
    let tip = store.tip();
    let number = u8::try_from(slot % 251).unwrap();
    let changes: Vec<Change> = (0..40)
        .map(|place| {
            let mut address = [place; 32];
            address[1] = number;
            let account = Account {
                data: vec![number; 300].into(),
                ..Account::wallet(slot)
            };
            (Address::new_from_array(address), account)
        })
        .collect();
    *trie = trie.update(&changes, &Serial);
    let record = BlockRecord {
        slot,
        block_id: Hash::new_from_array([number; 32]),
        parent_id: tip.map_or_else(Hash::default, |tip| tip.block_id),
        delta_root: Hash::default(),
        state_root: Some(trie.root()),
    };
    let body = vec![number; 2_000];
    store
        .commit(&BlockBatch {
            record,
            changes: &changes,
            body: &body,
        })
        .unwrap();
}

#[test]
fn a_store_in_use_is_read_as_it_was_at_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (store, mut trie) = open(path).unwrap();
    commit(&store, &mut trie, 1);
    let (acknowledged, is_done) = (AtomicU64::new(1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // With buffers this small, files come and go every few blocks.
            for slot in 2.. {
                if is_done.load(Ordering::SeqCst) {
                    break;
                }
                commit(&store, &mut trie, slot);
                acknowledged.store(slot, Ordering::SeqCst);
                std::thread::sleep(std::time::Duration::from_millis(8));
            }
        });
        let mut read = 0;
        for _ in 0..5 * scale() {
            let before = acknowledged.load(Ordering::SeqCst);
            match copy::open(path, options(), &Serial) {
                Ok((copy, _)) => {
                    read += 1;
                    let tip = copy.tip().unwrap();
                    assert!(tip.slot >= before, "{} < {before}", tip.slot);
                    for record in copy.records(usize::MAX).unwrap() {
                        let block = copy.block(record.slot).unwrap().unwrap();
                        assert_eq!(block.body.len(), 2_000);
                    }
                    assert!(copy.copied().unwrap() > 0);
                    assert_eq!(copy.path(), path);
                }
                Err(StoreError::Busy { .. }) => {}
                Err(error) => {
                    is_done.store(true, Ordering::SeqCst);
                    panic!("{error}");
                }
            }
        }
        is_done.store(true, Ordering::SeqCst);
        assert!(read > 0, "every copy was overtaken");
    });
    let (copy, copied_trie) = open_to_read(path).unwrap();
    assert_eq!((copy.tip(), copied_trie), (store.tip(), trie));
    drop((copy, store));
    let (store, _) = open_to_read(path).unwrap();
    assert_eq!(store.copied(), None);
}

#[test]
fn a_damaged_store_in_use_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (store, mut trie) = open(path).unwrap();
    for slot in 1..200 {
        commit(&store, &mut trie, slot);
    }
    let tables = path.join("engine/keyspaces/1/tables");
    for table in fs::read_dir(tables).unwrap() {
        fs::write(table.unwrap().path(), b"").unwrap();
    }
    let error = open_to_read(path).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
    assert!(!error.contains("lockstep-copy-"), "{error}");
}

#[test]
fn a_copy_goes_with_the_store_and_one_that_was_left_goes_with_the_next() {
    let copies = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let names = paths.filter(|path| path.to_str().unwrap().contains("lockstep-copy-"));
        names.collect::<Vec<_>>()
    };
    let folder = tempfile::tempdir().unwrap();
    let (store, mut trie) = open(folder.path()).unwrap();
    commit(&store, &mut trie, 1);
    let temporary = std::env::temp_dir();
    // One is of other origin, though its name is like those of ours.
    let foreign = temporary.join(format!("lockstep-copy-{}", std::process::id()));
    fs::create_dir_all(&foreign).unwrap();
    let left = tempfile::Builder::new()
        .prefix("lockstep-copy-")
        .tempdir()
        .unwrap()
        .keep();
    drop(mark::Mark::create(&left).unwrap());
    fs::write(left.join("file"), "left").unwrap();
    let (copy, _) = copy::open(folder.path(), options(), &Serial).unwrap();
    let found = copies(&temporary);
    assert!(
        !found.contains(&left) && found.contains(&foreign),
        "{found:?}"
    );
    drop(copy);
    fs::remove_dir(foreign).unwrap();
}
