//! The rules of a store over an embedder's functions, and functions that break theirs.

use std::{
    collections::BTreeMap,
    ptr,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use lockstep_store::suite;

use super::*;
use crate::sink::tests::put;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Storages by number, which is their `user`. Nothing here follows it as a pointer.
static STORAGES: LazyLock<Shared<Vec<Map>>> = LazyLock::new(Shared::default);
static RELEASED: AtomicUsize = AtomicUsize::new(0);

/// Bytes that this library lends to a function of the storage.
fn read(bytes: &Bytes) -> Vec<u8> {
    crate::given::testing::bytes_of(bytes)
}

extern "C" fn get(user: *mut c_void, keys: *const Bytes, count: usize, values: *mut Sink) -> u32 {
    let storages = STORAGES.read();
    let map = &storages[user.addr()];
    for key in crate::given::testing::list_of(keys, count) {
        put(values, map.get(&read(key)).map(Vec::as_slice));
    }
    0
}

extern "C" fn apply(user: *mut c_void, writes: *const Write, count: usize) -> u32 {
    let mut storages = STORAGES.write();
    let map = &mut storages[user.addr()];
    for write in crate::given::testing::list_of(writes, count) {
        match write.value.size {
            0 => map.remove(&read(&write.key)),
            _ => map.insert(read(&write.key), read(&write.value)),
        };
    }
    0
}

extern "C" fn scan(
    user: *mut c_void,
    start: Bytes,
    end: Bytes,
    is_descending: u32,
    limit: usize,
    entries: *mut Sink,
) -> u32 {
    let storages = STORAGES.read();
    let range = storages[user.addr()].range(read(&start)..read(&end));
    let found: Vec<_> = match is_descending {
        0 => range.take(limit).collect(),
        _ => range.rev().take(limit).collect(),
    };
    for (key, value) in found {
        put(entries, Some(key));
        put(entries, Some(value));
    }
    0
}

extern "C" fn release(_: *mut c_void) {
    RELEASED.fetch_add(1, Ordering::SeqCst);
}

fn storage(number: usize) -> Storage {
    Storage {
        size: size_of::<Storage>(),
        user: ptr::without_provenance_mut(number),
        get: Some(get),
        apply: Some(apply),
        scan: Some(scan),
        release: Some(release),
    }
}

/// Room for one more storage.
fn place() -> usize {
    let mut storages = STORAGES.write();
    storages.push(Map::new());
    storages.len().saturating_sub(1)
}

fn open(number: &usize) -> HostStore {
    HostStore::open(&storage(*number), Arc::default()).expect("the storage works")
}

#[test]
fn it_keeps_the_rules_of_a_store() {
    suite::run(|| open(&place()));
    suite::run_reopened(place, open);
}

#[test]
fn it_releases_what_belongs_to_it() {
    let is_owned = Arc::new(AtomicBool::new(false));
    let before = RELEASED.load(Ordering::SeqCst);
    drop(HostStore::open(&storage(place()), Arc::clone(&is_owned)));
    assert_eq!(RELEASED.load(Ordering::SeqCst), before);
    is_owned.store(true, Ordering::SeqCst);
    drop(HostStore::open(&storage(place()), is_owned));
    assert_eq!(RELEASED.load(Ordering::SeqCst), before.wrapping_add(1));
}

extern "C" fn fail_to_get(_: *mut c_void, _: *const Bytes, _: usize, _: *mut Sink) -> u32 {
    7
}

extern "C" fn get_too_little(_: *mut c_void, _: *const Bytes, _: usize, _: *mut Sink) -> u32 {
    0
}

extern "C" fn get_noise(_: *mut c_void, _: *const Bytes, count: usize, values: *mut Sink) -> u32 {
    for _ in 0..count {
        put(values, Some(b"noise"));
    }
    0
}

extern "C" fn scan_backwards(
    user: *mut c_void,
    start: Bytes,
    end: Bytes,
    is_descending: u32,
    limit: usize,
    entries: *mut Sink,
) -> u32 {
    scan(user, start, end, 1 ^ is_descending, limit, entries)
}

#[test]
fn functions_that_break_their_rules_are_errors() {
    let number = place();
    let store = open(&number);
    let accounts: Vec<Change> = [1, 2, 3]
        .map(|byte| (Address::new_from_array([byte; 32]), Account::wallet(5)))
        .to_vec();
    store.fill(&accounts).expect("the storage works");
    let broken = |get: Get, expected: &str| {
        let mut store = open(&number);
        store.get = get;
        let error = store.get(&accounts[0].0).expect_err("it breaks its rules");
        assert!(error.to_string().contains(expected), "{error}");
    };
    broken(fail_to_get, "gave 7, expected 0");
    broken(get_too_little, "expected 1 values, found 0");
    broken(get_noise, "the account has 5 bytes");
    let mut backwards = open(&number);
    backwards.scan = scan_backwards;
    let error = backwards.page(None).expect_err("it breaks its rules");
    assert!(error.to_string().contains("out of order"), "{error}");
    assert_eq!(store.page(None).expect("the storage works"), accounts);
}
