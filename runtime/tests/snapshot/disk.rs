//! Snapshots that become ledgers on disk, and imports that are killed on the way.

use std::{
    env, fs,
    io::{self, Read},
    path::Path,
    process::Command,
    sync::{Arc, LazyLock},
};

use lockstep_runtime::{
    chain::{
        Chain,
        snapshot::{self, ImportError},
    },
    threads::Threads,
};
use lockstep_store::{DiskOptions, DiskStore, sync::Shared};

use super::{
    check_same,
    setting::{export, extend, genesis, open, options},
};

/// Held while a child is started, or a ledger opened again: a child has its parent's locks until
/// it is a program of its own.
static ALONE: LazyLock<Shared<()>> = LazyLock::new(Shared::default);

/// Tells a child the snapshot, where to import it, and after how many bytes it dies.
const CHILD: &str = "LOCKSTEP_SNAPSHOT_CHILD";

fn import_to(source: &mut dyn Read, path: &Path) -> Result<(), ImportError> {
    let threads = Threads::new(1).unwrap();
    let options = DiskOptions {
        buffer_size: 4 << 20,
        ..DiskOptions::default()
    };
    DiskStore::build(path, options, &threads, |store| {
        snapshot::import(source, store, &genesis(&[]), None, &threads, &mut |_| ()).map(drop)
    })
}

fn open_at(path: &Path) -> Chain {
    let threads = Threads::new(1).unwrap();
    let (store, trie) = DiskStore::open(path, DiskOptions::default(), &threads).unwrap();
    Chain::open(Arc::new(store), trie, genesis(&[]), options()).unwrap()
}

#[test]
fn a_ledger_on_disk_is_made_of_a_snapshot_and_goes_on_whenever_it_is_opened() {
    let _alone = ALONE.write();
    let original = open(genesis(&[50, 2 << 20]));
    let mut blocks = extend(&original, 12, 4);
    let bytes = export(&original);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    import_to(&mut &bytes[..], &path).unwrap();
    let imported = open_at(&path);
    assert!(export(&imported) == bytes);
    check_same(&original, &imported, &blocks);
    drop(imported);
    // Of its newest blocks it now has some in full, and the others as summaries.
    let reopened = open_at(&path);
    assert!(export(&reopened) == export(&original));
    blocks.truncate(3);
    check_same(&original, &reopened, &blocks);
}

/// Ends the process where its bytes end.
struct Deadly<'b>(&'b [u8]);

impl Read for Deadly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            std::process::abort();
        }
        self.0.read(buffer)
    }
}

/// The child's part of the next test; by itself it does nothing.
#[test]
fn import_and_die() {
    let Some(order) = env::var_os(CHILD) else {
        return;
    };
    let order = order.into_string().unwrap();
    let [file, path, end] = order.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let bytes = fs::read(file).unwrap();
    let end: usize = end.parse().unwrap();
    let _ = import_to(&mut Deadly(&bytes[..end]), Path::new(path));
    unreachable!("the import has to read on");
}

#[test]
fn an_import_that_is_killed_leaves_nothing_under_the_name_and_can_be_repeated() {
    let _alone = ALONE.write();
    let original = open(genesis(&[50, 3 << 20, 3 << 20]));
    extend(&original, 12, 4);
    let bytes = export(&original);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot");
    fs::write(&file, &bytes).unwrap();
    let path = folder.path().join("ledger");
    let quarter = bytes.len() / 4;
    for end in [
        10,
        3_000,
        quarter,
        2 * quarter,
        3 * quarter,
        bytes.len() - 1,
        bytes.len(),
    ] {
        let order = [
            file.to_str().unwrap(),
            path.to_str().unwrap(),
            &end.to_string(),
        ]
        .join("\n");
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "disk::import_and_die", "--nocapture"])
            .env(CHILD, order)
            .output()
            .unwrap();
        assert!(!child.status.success());
        let errors = String::from_utf8_lossy(&child.stderr);
        assert!(!errors.contains("panicked"), "{errors}");
        assert!(!path.exists(), "killed after {end} bytes");
    }
    import_to(&mut &bytes[..], &path).unwrap();
    assert!(export(&open_at(&path)) == bytes);
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["ledger", "snapshot"]);
}

#[test]
fn a_damaged_snapshot_leaves_nothing() {
    let _alone = ALONE.write();
    let original = open(genesis(&[3 << 20, 3 << 20]));
    extend(&original, 3, 4);
    let mut bytes = export(&original);
    let place = bytes.len() - 200;
    bytes[place] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let error = import_to(&mut &bytes[..], &folder.path().join("ledger")).unwrap_err();
    assert!(matches!(error, ImportError::Damaged { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
