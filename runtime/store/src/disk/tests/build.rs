//! Stores that are filled before they get their name, and states that come in pieces.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use lockstep_interface::{Account, Address, Hash};

use crate::{
    BlockBatch, BlockRecord, CachedStore, Change, DiskOptions, DiskStore, MemoryStore, Serial,
    Store, StoreError, Trie, disk::build,
};

fn change(number: u16, size: usize) -> Change {
    let mut address = [7; 32];
    address[..2].copy_from_slice(&number.to_le_bytes());
    let account = Account {
        data: vec![1; size].into(),
        ..Account::wallet(1 + u64::from(number))
    };
    (Address::new_from_array(address), account)
}

/// More than a page of accounts, in ascending order.
fn changes() -> Vec<Change> {
    let mut changes: Vec<Change> = (0..300).map(|number| change(number, 30_000)).collect();
    changes.push(change(400, 5 << 20));
    changes.sort_by_key(|(address, _)| *address);
    changes
}

fn record(accounts: &[Change]) -> BlockRecord {
    BlockRecord {
        slot: 3,
        block_id: Hash::new_from_array([9; 32]),
        parent_id: Hash::default(),
        delta_root: Hash::default(),
        state_root: Some(Trie::default().update(accounts, &Serial).root()),
    }
}

fn fill(store: &dyn Store, accounts: &[Change]) -> Result<(), StoreError> {
    for part in accounts.chunks(77) {
        store.fill(part)?;
    }
    store.commit(&BlockBatch {
        record: record(accounts),
        changes: &[],
        body: b"",
    })
}

fn check_pages(store: &dyn Store, expected: &[Change]) {
    let mut found = Vec::new();
    let mut page_count = 0;
    store
        .scan(&mut |page| {
            found.extend_from_slice(page);
            page_count += 1;
            Ok(())
        })
        .unwrap();
    assert!(found == expected, "{} accounts", found.len());
    assert!(page_count > 2, "{page_count} pages");
    let (last, _) = expected.last().unwrap();
    assert_eq!(store.page(Some(last)).unwrap(), []);
    let (third, _) = &expected[2];
    assert_eq!(store.page(Some(third)).unwrap()[0].0, expected[3].0);
}

#[test]
fn what_is_filled_in_pieces_is_shown_in_pages() {
    let changes = changes();
    let memory = MemoryStore::new();
    fill(&memory, &changes).unwrap();
    check_pages(&memory, &changes);
    let cached = CachedStore::new(MemoryStore::new(), 1 << 20);
    fill(&cached, &changes).unwrap();
    check_pages(&cached, &changes);
    assert_eq!(
        cached.get(&changes[5].0).unwrap().as_ref(),
        Some(&changes[5].1)
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let build = |store: &DiskStore| fill(store, &changes);
    DiskStore::build(&path, DiskOptions::default(), &Serial, build).unwrap();
    let (store, trie) = DiskStore::open(&path, DiskOptions::default(), &Serial).unwrap();
    check_pages(&store, &changes);
    assert_eq!(trie.account_count(), changes.len());
    assert_eq!(store.account_count().unwrap(), changes.len());
}

#[test]
fn a_store_that_was_filled_in_part_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = || DiskStore::open(folder.path(), DiskOptions::default(), &Serial);
    open().unwrap().0.fill(&[change(1, 0)]).unwrap();
    let error = open().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

/// Leaves what a process does that is killed while it makes a store.
fn leave(path: &Path) {
    let left = build::begin(path).unwrap();
    let options = DiskOptions::default();
    let (store, _) = DiskStore::open(&left.directory, options, &Serial).unwrap();
    store.fill(&[change(1, 0)]).unwrap();
}

#[test]
fn what_no_build_has_left_stays() {
    type Plant = fn(&Path);
    let plants: [(&str, Plant); 5] = [
        ("a file", |path| fs::write(path, "mine").unwrap()),
        ("an empty directory", |path| fs::create_dir(path).unwrap()),
        ("a directory", |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("note"), "mine").unwrap();
        }),
        ("a file of the mark's name", |path| {
            fs::create_dir(path).unwrap();
            fs::write(path.join("UNFINISHED"), "mine").unwrap();
        }),
        ("a store", |path| {
            let options = DiskOptions::default();
            let (store, _) = DiskStore::open(path, options, &Serial).unwrap();
            fill(&store, &[change(1, 0)]).unwrap();
        }),
    ];
    for (name, plant) in plants {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let unfinished = folder.path().join("store.unfinished");
        plant(&unfinished);
        let before = files(folder.path());
        let work = |_: &DiskStore| Ok::<_, StoreError>(());
        let built = DiskStore::build(&path, DiskOptions::default(), &Serial, work);
        let is_named = matches!(&built, Err(StoreError::Foreign { path }) if *path == unfinished);
        assert!(is_named, "{name}: {built:?}");
        assert_eq!(files(folder.path()), before, "{name}");
    }
}

/// All below a directory.
fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.insert(path);
    }
    found
}

#[test]
fn of_many_builds_at_once_one_makes_the_store() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        if round % 2 == 1 {
            leave(&path);
        }
        let build = |number| {
            let work = |store: &DiskStore| fill(store, &[change(number, 0)]);
            DiskStore::build(&path, DiskOptions::default(), &Serial, work)
        };
        let results: Vec<Result<(), StoreError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|number| scope.spawn(move || build(number)))
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let made = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(made, 1, "{results:?}");
        for error in results.into_iter().filter_map(Result::err) {
            let is_named = matches!(error, StoreError::Locked { .. } | StoreError::Exists { .. });
            assert!(is_named, "{error}");
        }
        let (store, _) = DiskStore::open(&path, DiskOptions::default(), &Serial).unwrap();
        assert_eq!(store.account_count().unwrap(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_failed_build_leaves_nothing_and_an_interrupted_one_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let unfinished = folder.path().join("store.unfinished");
    let options = DiskOptions::default();
    let failed = DiskStore::build(&path, options, &Serial, |store| {
        assert_eq!(store.path(), unfinished);
        let again = DiskStore::build(&path, options, &Serial, |_| Ok::<_, StoreError>(()));
        assert!(matches!(again, Err(StoreError::Locked { .. })), "{again:?}");
        store.fill(&[change(1, 0)])?;
        Err::<(), _>(StoreError::Medium {
            operation: "stop",
            source: "enough".into(),
        })
    });
    assert_eq!(
        failed.unwrap_err().to_string(),
        "account store: stop: enough"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    // What a killed process leaves.
    leave(&path);
    DiskStore::build(&path, options, &Serial, |store| {
        fill(store, &[change(2, 0)])
    })
    .unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let again = DiskStore::build(&path, options, &Serial, |_| Ok::<_, StoreError>(()));
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    let (store, _) = DiskStore::open(&path, options, &Serial).unwrap();
    assert_eq!(store.account_count().unwrap(), 1);
}
