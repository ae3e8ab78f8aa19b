//! The rules of every store, and what is special about one in a directory.

use std::fs;

use super::{
    super::{
        layout::{APPLIED_KEY, SCHEMA, SCHEMA_KEY, SCHEMA_UNPENDING, changes_key, put, remove},
        medium::{Medium, Space},
        open::open_engine,
    },
    *,
};

#[test]
fn keeps_the_rules_of_a_store() {
    let open = |folder: &tempfile::TempDir| open(folder.path()).unwrap().0;
    suite::run_reopened(|| tempfile::tempdir().unwrap(), open);
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
                    found: 3,
                    known: 2,
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

#[test]
fn a_store_of_the_schema_before_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trie) = open(folder.path()).unwrap();
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    for _ in 0..5 {
        producer.commit(&store).unwrap();
    }
    // What that schema had: all accounts in their places, no changes beside them, no marker.
    store.accounts.apply().unwrap();
    drop(store);
    let medium = open_engine(folder.path(), "engine", options()).unwrap();
    let old = vec![
        put(SCHEMA_KEY, &SCHEMA_UNPENDING.to_le_bytes()),
        remove(Space::State, APPLIED_KEY),
    ];
    medium.write(old).unwrap();
    drop(medium);
    let mut model = Model::new(Shape::SMALL);
    model.advance(5);
    for _ in 0..2 {
        let (store, _) = open(folder.path()).unwrap();
        assert_eq!(model.check(&store), Ok(()));
    }
    let (store, trie) = open(folder.path()).unwrap();
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    producer.commit(&store).unwrap();
    drop(store);
    model.advance(6);
    assert_eq!(model.check(&open(folder.path()).unwrap().0), Ok(()));
}

#[test]
fn changes_that_are_lost_before_they_are_applied_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trie) = DiskStore::open(folder.path(), unapplied(), &Serial).unwrap();
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    for _ in 0..5 {
        producer.commit(&store).unwrap();
    }
    drop(store);
    let medium = open_engine(folder.path(), "engine", unapplied()).unwrap();
    medium
        .write(vec![remove(Space::Changes, &changes_key(3))])
        .unwrap();
    drop(medium);
    let error = open(folder.path()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StoreError::Damaged { .. }), "{text}");
    assert!(text.contains("the changes of slot 3 are missing"), "{text}");
}

#[test]
fn pages_show_accounts_that_wait_among_those_that_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let (store, trie) = DiskStore::open(folder.path(), unapplied(), &Serial).unwrap();
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    let mut model = Model::new(Shape::SMALL);
    for slot in 1..40 {
        producer.commit(&store).unwrap();
        if slot % 7 == 0 {
            store.accounts.apply().unwrap();
        }
        model.advance(slot);
        assert_eq!(model.check(&store), Ok(()), "slot {slot}");
    }
}
