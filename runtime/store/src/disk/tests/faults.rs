//! Writes that fail: the caller is told, the store accepts nothing more, and still reads.

use std::{
    env, io,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    super::{
        layout::APPLIED_KEY,
        medium::{Fjall, Medium, Write},
        open::{open_anchor, open_engine, open_on},
    },
    *,
};

/// Where a write fails.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Nothing was written.
    Before,
    /// Everything was written, without a confirmation.
    After,
}

#[test]
fn a_failed_commit_stops_the_store_and_leaves_it_readable() {
    for failure in [Failure::Before, Failure::After] {
        for good in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            drop(open(folder.path()).unwrap());
            let anchored = open_anchor(folder.path()).unwrap();
            // Writes until the one that fails.
            let left = AtomicU32::new(good);
            let medium = Arc::new(Faulty {
                inner: open_engine(folder.path(), "engine", unapplied()).unwrap(),
                write: move |inner: &Fjall, writes: Vec<Write>| {
                    let is_due = left.fetch_sub(1, Ordering::Relaxed) == 0;
                    if !is_due || matches!(failure, Failure::After) {
                        inner.write(writes)?;
                    }
                    if is_due {
                        let error = io::Error::other("no space on purpose");
                        return Err(fjall::Error::Io(error));
                    }
                    Ok(())
                },
            });
            let opened = open_on(folder.path(), anchored, medium, unapplied(), &Serial);
            let (store, trie) = opened.unwrap();
            let mut producer = Producer::after(Shape::SMALL, &store, trie);
            for _ in 0..good {
                producer.commit(&store).unwrap();
            }
            let error = producer.commit(&store).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, StoreError::Engine { .. }), "{text}");
            assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
            assert!(text.contains("commit a block"), "{text}");
            assert!(text.contains("no space on purpose"), "{text}");
            for _ in 0..2 {
                let error = producer.commit(&store).unwrap_err();
                assert!(matches!(error, StoreError::Stopped { .. }), "{error}");
            }
            let mut model = Model::new(Shape::SMALL);
            model.advance(u64::from(good));
            assert_eq!(store.tip().map_or(0, |tip| tip.slot), u64::from(good));
            if matches!(failure, Failure::Before) {
                assert_eq!(model.check(&store), Ok(()));
            }
            drop(store);

            // Opened again, it has the block or has it not, and goes on either way.
            let (store, trie) = open(folder.path()).unwrap();
            let slot = store.tip().map_or(0, |tip| tip.slot);
            let is_there = matches!(failure, Failure::After);
            assert_eq!(slot, u64::from(good) + u64::from(is_there));
            model.advance(slot);
            assert_eq!(model.check(&store), Ok(()));
            Producer::after(Shape::SMALL, &store, trie)
                .commit(&store)
                .unwrap();
        }
    }
}

#[test]
fn accounts_that_cannot_be_applied_stop_the_store_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let anchored = open_anchor(folder.path()).unwrap();
    let medium = Arc::new(Faulty {
        inner: open_engine(folder.path(), "engine", options()).unwrap(),
        write: |inner: &Fjall, writes: Vec<Write>| {
            if writes.iter().any(|write| *write.key == *APPLIED_KEY) {
                let error = io::Error::other("no space on purpose");
                return Err(fjall::Error::Io(error));
            }
            inner.write(writes)
        },
    });
    let opened = open_on(folder.path(), anchored, medium, options(), &Serial);
    let (store, trie) = opened.unwrap();
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    let error = loop {
        match producer.commit(&store) {
            Ok(slot) => assert!(slot < 10_000, "nothing is ever applied"),
            Err(error) => break error,
        }
    };
    let is_expected = matches!(
        error,
        StoreError::Engine { .. } | StoreError::Stopped { .. }
    );
    assert!(is_expected, "{error}");
    let error = producer.commit(&store).unwrap_err();
    assert!(matches!(error, StoreError::Stopped { .. }), "{error}");
    drop(store);
    // Whether the last block is there is unknown to its committer.
    let (store, trie) = open(folder.path()).unwrap();
    let slot = store.tip().map_or(0, |tip| tip.slot);
    assert!(
        (producer.slot..=producer.slot + 1).contains(&slot),
        "{slot}"
    );
    let mut model = Model::new(Shape::SMALL);
    model.advance(slot);
    assert_eq!(model.check(&store), Ok(()));
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    producer.commit(&store).unwrap();
}

/// Tells the child its store's directory.
const CHILD: &str = "LOCKSTEP_STORE_LIMITED";

/// Commits until the system refuses to let files grow.
fn run_child(path: &Path) {
    let (store, trie) = open(path).unwrap();
    let mut model = Model::new(Shape::SMALL);
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    let error = loop {
        match producer.commit(&store) {
            Ok(slot) => assert!(slot < 10_000, "files grow without a limit"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Engine { .. }), "{error}");
    let error = producer.commit(&store).unwrap_err();
    assert!(matches!(error, StoreError::Stopped { .. }), "{error}");
    model.advance(producer.slot);
    assert_eq!(model.check(&store), Ok(()));
}

#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_store_and_loses_nothing() {
    if let Some(path) = env::var_os(CHILD) {
        return run_child(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    {
        let (store, trie) = open(&path).unwrap();
        Producer::after(Shape::SMALL, &store, trie)
            .commit(&store)
            .unwrap();
    }
    drop(open(&path).unwrap());
    // Files may have 1,000 blocks of 512 bytes; writing on gives an error instead of a signal.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\""]);
    command.arg(env::current_exe().unwrap());
    command.arg("disk::tests::faults::a_full_disk_stops_the_store_and_loses_nothing");
    command.args(["--exact", "--nocapture"]);
    let output = command.env(CHILD, &path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let (store, trie) = open(&path).unwrap();
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    assert!(producer.slot > 3, "slot {} is the last", producer.slot);
    let mut model = Model::new(Shape::SMALL);
    model.advance(producer.slot);
    assert_eq!(model.check(&store), Ok(()));
    producer.commit(&store).unwrap();
}
