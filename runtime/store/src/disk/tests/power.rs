//! Loss of power: what a medium acknowledged and had not yet synced is gone. A medium that syncs
//! too late, and one that tears a batch, show that the store notices.

use super::{
    super::{
        medium::{Fjall, Medium, Write},
        open::{open_anchor, open_engine, open_on},
    },
    crash::inspect,
    *,
};
use crate::sync::Shared;

/// Opens the store on a medium that writes so.
fn open_with(
    path: &Path,
    write: impl Fn(&Fjall, Vec<Write>) -> Result<(), fjall::Error> + Send + Sync + 'static,
) -> (DiskStore, Trie) {
    drop(open(path).unwrap());
    let anchored = open_anchor(path).unwrap();
    let medium = Arc::new(Faulty {
        inner: open_engine(path, "engine", unapplied()).unwrap(),
        write,
    });
    open_on(path, anchored, medium, unapplied(), &Serial).unwrap()
}

/// Commits some blocks on a medium that syncs once in `sync_interval` writes, and cuts the power.
fn blocks_until_power_loss(path: &Path, sync_interval: usize) {
    // What was written and not synced is nowhere but here.
    let unsynced: Arc<Shared<Vec<Vec<Write>>>> = Arc::default();
    let buffer = Arc::clone(&unsynced);
    let (store, trie) = open_with(path, move |inner, writes| {
        let mut unsynced = buffer.write();
        unsynced.push(writes);
        if unsynced.len() == sync_interval {
            for writes in unsynced.drain(..) {
                inner.write(writes)?;
            }
        }
        Ok(())
    });
    let mut producer = Producer::after(Shape::SMALL, &store, trie);
    for _ in 0..5 {
        producer.commit(&store).unwrap();
    }
}

#[test]
fn a_sync_that_is_skipped_is_noticed_when_the_power_fails() {
    for sync_interval in [1, 2, 3, 100] {
        let folder = tempfile::tempdir().unwrap();
        blocks_until_power_loss(folder.path(), sync_interval);
        let result = inspect(folder.path(), &mut Model::new(Shape::SMALL), 5);
        if sync_interval == 1 {
            assert_eq!(result, Ok(()), "a sync for each block loses none");
            continue;
        }
        let error = result.expect_err("acknowledged blocks are gone");
        assert!(error.contains("acknowledged"), "{error}");
        // Accepting the loss gives a whole state, from which a chain can go on.
        let accepting = DiskOptions {
            accept_rollback: true,
            ..options()
        };
        let (store, trie) = DiskStore::open(folder.path(), accepting, &Serial).unwrap();
        let slot = store.tip().map_or(0, |tip| tip.slot);
        let synced = 5 / sync_interval * sync_interval;
        assert_eq!(slot, u64::try_from(synced).unwrap());
        let mut model = Model::new(Shape::SMALL);
        model.advance(slot);
        assert_eq!(model.check(&store), Ok(()));
        Producer::after(Shape::SMALL, &store, trie)
            .commit(&store)
            .unwrap();
    }
}

/// Cuts the power after the first writes of a batch, wherever that is.
#[test]
fn a_batch_that_is_torn_is_noticed_wherever_it_is_torn() {
    let mut kept = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let count = Arc::new(Shared::new(0));
        let seen = Arc::clone(&count);
        let (store, trie) = open_with(folder.path(), move |inner, mut writes| {
            if *seen.read() == 0 {
                // The first block is written as it should be.
                *seen.write() = 1;
                return inner.write(writes);
            }
            *seen.write() = writes.len();
            writes.truncate(kept);
            inner.write(writes)?;
            Err(fjall::Error::Io(std::io::Error::other("no power")))
        });
        let mut producer = Producer::after(Shape::SMALL, &store, trie);
        producer.commit(&store).unwrap();
        producer.commit(&store).unwrap_err();
        drop(store);
        let result = inspect(folder.path(), &mut Model::new(Shape::SMALL), 1);
        let is_whole = kept == 0 || kept == *count.read();
        assert_eq!(result.is_ok(), is_whole, "{kept} writes: {result:?}");
        if kept == *count.read() {
            break;
        }
        kept += 1;
    }
    assert!(kept > 3, "the batch has {kept} writes");
}
