//! Flips, cuts, zeros and swaps bytes in the files of a store. It must open at its last
//! acknowledged block with everything right, or not at all.

use std::collections::BTreeMap;
use std::{fs, path::PathBuf};

use rand::seq::IndexedRandom;

use super::*;

/// The blocks of the store.
const SLOT_COUNT: u64 = 60;

/// A store, and a copy of it from some blocks before.
struct Origin {
    folder: tempfile::TempDir,
    model: Model,
}

impl Origin {
    /// Small buffers leave sorted files behind, large ones nothing but a journal.
    fn new(buffer_size: u64) -> Self {
        let options = DiskOptions {
            buffer_size,
            ..options()
        };
        let open = |path: &Path| DiskStore::open(path, options, &Serial);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        for end in [SLOT_COUNT - 20, SLOT_COUNT] {
            let (store, trie) = open(&path).unwrap();
            let mut producer = Producer::after(Shape::SMALL, &store, trie);
            while producer.slot < end {
                producer.commit(&store).unwrap();
            }
            // Opening cuts the space that the journal reserved, which would be damaged in vain.
            drop(store);
            drop(open(&path).unwrap());
            if end < SLOT_COUNT {
                copy(&path, &folder.path().join("old"));
            }
        }
        let mut model = Model::new(Shape::SMALL);
        model.advance(SLOT_COUNT);
        Self { folder, model }
    }

    /// Opens a damaged copy and compares all of it with what it should hold at its newest block.
    fn damaged(&self, accept_rollback: bool, damage: impl FnOnce(&Path)) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        copy(&self.folder.path().join("new"), &path);
        damage(&path);
        let options = DiskOptions {
            accept_rollback,
            ..options()
        };
        let (store, _) = match DiskStore::open(&path, options, &Serial) {
            Ok(opened) => opened,
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(path.to_str().unwrap()) || text.contains("state root"));
                return Outcome::Refused(text);
            }
        };
        let slot = store.tip().map_or(0, |tip| tip.slot);
        let mut model = self.model.clone();
        if slot != SLOT_COUNT {
            assert!(accept_rollback, "acknowledged blocks are gone");
            model = Model::new(Shape::SMALL);
            model.advance(slot);
        }
        match model.check(&store) {
            Ok(()) => Outcome::Whole(slot),
            // A body is read when it is asked for, and refused then.
            Err(text) if text.contains("account store") => Outcome::Refused(text),
            Err(text) => panic!("a silent wrong value: {text}"),
        }
    }
}

#[derive(Debug)]
enum Outcome {
    /// Everything is as it was after a slot, whether or not it was repaired.
    Whole(u64),
    Refused(String),
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// All files that hold anything, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else if entry.metadata().unwrap().len() > 0 {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// A place in any file: half of them by file, half of them by size.
fn place(random: &mut ChaCha8Rng, folder: &Path) -> (PathBuf, Vec<u8>, usize) {
    let files = files(folder);
    let file = if random.random() {
        files.choose(random)
    } else {
        let size = |file: &PathBuf| fs::metadata(file).unwrap().len();
        files.choose_weighted(random, size).ok()
    };
    let file = file.unwrap().clone();
    let bytes = fs::read(&file).unwrap();
    let offset = random.random_range(0..bytes.len());
    (file, bytes, offset)
}

/// Damages a store many times; prints what came of it.
fn check(count: usize, damage: impl Fn(&mut ChaCha8Rng, &Path, &Path)) {
    let origin = Origin::new(options().buffer_size);
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (mut whole, mut refused) = (0, BTreeMap::<String, usize>::new());
    for _ in 0..count * scale() {
        let old = origin.folder.path().join("old");
        match origin.damaged(false, |path| damage(&mut random, path, &old)) {
            Outcome::Whole(_) => whole += 1,
            Outcome::Refused(text) => {
                let cause = text.rsplit("store:").next().unwrap_or_default();
                let cause: String = cause.chars().take(60).collect();
                *refused.entry(cause).or_default() += 1;
            }
        }
    }
    eprintln!("{whole} whole, refused: {refused:#?}");
    assert!(!refused.is_empty(), "the damage did nothing");
}

#[test]
fn flipped_bits_are_noticed() {
    check(100, |random, path, _| {
        let (file, mut bytes, offset) = place(random, path);
        bytes[offset] ^= 1 << random.random_range(0..8);
        fs::write(file, bytes).unwrap();
    });
}

#[test]
fn cut_files_are_noticed() {
    check(30, |random, path, _| {
        let (file, bytes, offset) = place(random, path);
        fs::write(file, &bytes[..offset]).unwrap();
    });
}

#[test]
fn zeroed_tails_are_noticed() {
    check(30, |random, path, _| {
        let (file, mut bytes, offset) = place(random, path);
        bytes[offset..].fill(0);
        fs::write(file, bytes).unwrap();
    });
}

/// What a lost power supply may leave of a journal that was not synced. A journal that ends early
/// is cut back to its last whole batch; where zeros stand for what was not written, the engine may
/// take some of them for sizes and give up.
#[test]
fn a_torn_journal_is_rolled_back_to_a_whole_block() {
    let origin = Origin::new(64 << 20);
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (mut slots, mut refused) = (Vec::new(), 0);
    for round in 0..30 * scale() {
        let outcome = origin.damaged(true, |path| {
            let journal = files(path)
                .into_iter()
                .rfind(|file| file.extension().is_some_and(|kind| kind == "jnl"))
                .unwrap();
            let mut bytes = fs::read(&journal).unwrap();
            let size = random.random_range(0..bytes.len());
            if round % 2 == 0 {
                bytes.truncate(size);
            } else {
                bytes[size..].fill(0);
            }
            fs::write(journal, bytes).unwrap();
        });
        match outcome {
            Outcome::Whole(slot) => slots.push(slot),
            Outcome::Refused(text) => {
                assert!(round % 2 == 1, "a journal that ends early: {text}");
                refused += 1;
            }
        }
    }
    slots.sort_unstable();
    slots.dedup();
    eprintln!("rolled back to {slots:?}, {refused} refused");
    assert!(slots.len() > 3, "the tears did nothing");
}

#[test]
fn files_from_before_and_missing_files_are_noticed() {
    check(30, |random, path, old| {
        let (file, _, _) = place(random, path);
        let before = old.join(file.strip_prefix(path).unwrap());
        if before.exists() {
            fs::copy(before, file).unwrap();
        } else {
            fs::remove_file(file).unwrap();
        }
    });
}

#[test]
fn a_lost_tail_is_refused_until_the_rollback_is_accepted() {
    let origin = Origin::new(options().buffer_size);
    let old = origin.folder.path().join("old");
    let new = origin.folder.path().join("new");
    // All of an older store but what it acknowledged: nothing in it contradicts itself.
    fs::copy(new.join("ANCHOR"), old.join("ANCHOR")).unwrap();
    for _ in 0..2 {
        let error = open(&old).unwrap_err();
        let is_expected = matches!(
            error,
            StoreError::RolledBack {
                acknowledged: SLOT_COUNT,
                found: Some(40),
                ..
            }
        );
        assert!(is_expected, "{error}");
        assert!(error.to_string().contains("accept the rollback"), "{error}");
    }
    let accepting = DiskOptions {
        accept_rollback: true,
        ..options()
    };
    let (store, trie) = DiskStore::open(&old, accepting, &Serial).unwrap();
    let mut model = Model::new(Shape::SMALL);
    model.advance(40);
    assert_eq!(model.check(&store), Ok(()));
    Producer::after(Shape::SMALL, &store, trie)
        .commit(&store)
        .unwrap();
    drop(store);
    assert_eq!(open(&old).unwrap().0.tip().unwrap().slot, 41);
}
