//! Kills a process that commits block after block, at any instant, and opens what it left.
//!
//! The child is this test binary once more; an environment variable tells it what it is. It
//! acknowledges each block on its standard output once the store did. Children with a planted fault
//! show that the check would notice one.

use std::{
    env,
    io::{self, BufRead, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::{
    super::{
        medium::{Fjall, Medium, Write},
        open::{open_anchor, open_engine, open_on},
    },
    *,
};

/// Tells the child its fault and the store's directory.
const CHILD: &str = "LOCKSTEP_STORE_CHILD";

/// What is wrong with a child.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    Nothing,
    /// Blocks are acknowledged before they are committed.
    Early,
    /// Blocks are written in two batches.
    Split,
}

const FAULTS: [(&str, Fault); 3] = [
    ("nothing", Fault::Nothing),
    ("early", Fault::Early),
    ("split", Fault::Split),
];

fn tell(what: &str, slot: u64) {
    let mut output = io::stdout().lock();
    writeln!(output, "{what} {slot}").unwrap();
    output.flush().unwrap();
}

/// Commits blocks until it is killed.
fn run_child(fault: Fault, path: &Path) -> ! {
    let options = DiskOptions {
        buffer_size: 4 << 20,
        ..options()
    };
    let (store, trie) = if fault == Fault::Split {
        // What makes a store is not what is tested here.
        drop(DiskStore::open(path, options, &Serial).unwrap());
        let anchored = open_anchor(path).unwrap();
        let medium = Arc::new(Faulty {
            inner: open_engine(path, "engine", options).unwrap(),
            write: |inner: &Fjall, mut writes: Vec<Write>| {
                let later = writes.split_off(writes.len() / 2);
                inner.write(writes)?;
                inner.write(later)
            },
        });
        open_on(path, anchored, medium, options, &Serial).unwrap()
    } else {
        DiskStore::open(path, options, &Serial).unwrap()
    };
    let mut producer = Producer::after(Shape::FULL, &store, trie);
    tell("\nopen", producer.slot);
    loop {
        if fault == Fault::Early {
            tell("committed", producer.slot + 1);
        }
        let slot = producer.commit(&store).unwrap();
        tell("committed", slot);
    }
}

/// Becomes the child if this process was started as one.
fn be_child() {
    let Some(task) = env::var_os(CHILD) else {
        return;
    };
    let task = task.into_string().unwrap();
    let (name, path) = task.split_once(' ').unwrap();
    let (_, fault) = FAULTS.iter().find(|(known, _)| *known == name).unwrap();
    run_child(*fault, &PathBuf::from(path));
}

fn start(test: &str, fault: Fault, path: &Path) -> Child {
    let (name, _) = FAULTS.iter().find(|(_, known)| *known == fault).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([
        &format!("disk::tests::crash::{test}"),
        "--exact",
        "--nocapture",
    ]);
    command.env(CHILD, format!("{name} {}", path.display()));
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Lets a child work for a while and kills it; returns the last slot that it acknowledged.
fn round(test: &str, fault: Fault, path: &Path, random: &mut ChaCha8Rng) -> Option<u64> {
    let mut child = start(test, fault, path);
    let output = child.stdout.take().unwrap();
    let mut lines = BufReader::new(output).lines().map(Result::unwrap);
    let mut told = Vec::new();
    // One child in eight may be killed while it opens the store, and a new one while it is made.
    let mut delay = random.random_range(0..60_000);
    if path.exists() && !random.random_ratio(1, 8) {
        told.extend(lines.by_ref().find(|line| line.starts_with("open")));
        delay = random.random_range(0..400_000);
    }
    thread::sleep(Duration::from_micros(delay));
    child.kill().unwrap();
    child.wait().unwrap();
    told.extend(lines);
    let mut slots = told.iter().filter_map(|line| {
        let (_, slot) = line
            .split_once(' ')
            .filter(|(what, _)| *what == "committed")?;
        slot.parse().ok()
    });
    slots.next_back()
}

/// Opens what a child left and compares all of it.
pub(super) fn inspect(path: &Path, model: &mut Model, acknowledged: u64) -> Result<(), String> {
    let (store, _) = open(path).map_err(|error| error.to_string())?;
    let slot = store.tip().map_or(0, |tip| tip.slot);
    if !(acknowledged..=acknowledged + 1).contains(&slot) {
        return Err(format!(
            "slot {acknowledged} was acknowledged, {slot} is there"
        ));
    }
    model.advance(slot);
    model.check(&store)
}

#[test]
fn acknowledged_blocks_survive_a_kill_and_no_block_is_half_there() {
    be_child();
    let folder = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut model = Model::new(Shape::FULL);
    let mut acknowledged = 0;
    for number in 0..30 * scale() {
        let test = "acknowledged_blocks_survive_a_kill_and_no_block_is_half_there";
        let newest = round(test, Fault::Nothing, folder.path(), &mut random);
        acknowledged = newest.unwrap_or(acknowledged);
        let result = inspect(folder.path(), &mut model, acknowledged);
        assert_eq!(result, Ok(()), "round {number}");
        acknowledged = model.slot;
    }
    eprintln!("{acknowledged} blocks");
    assert!(
        acknowledged > 30,
        "children committed {acknowledged} blocks only"
    );
}

/// Runs faulty children until the check notices.
fn is_noticed(test: &str, fault: Fault) -> bool {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    (0..40).any(|_| {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Model::new(Shape::FULL);
        let acknowledged = round(test, fault, folder.path(), &mut random).unwrap_or(0);
        inspect(folder.path(), &mut model, acknowledged).is_err()
    })
}

#[test]
fn a_store_that_was_killed_while_it_was_made_can_be_opened() {
    be_child();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let folder = tempfile::tempdir().unwrap();
    for number in 0..20 * scale() {
        let path = folder.path().join(number.to_string());
        let test = "a_store_that_was_killed_while_it_was_made_can_be_opened";
        let acknowledged = round(test, Fault::Nothing, &path, &mut random).unwrap_or(0);
        let result = inspect(&path, &mut Model::new(Shape::FULL), acknowledged);
        assert_eq!(result, Ok(()), "round {number}");
    }
}

#[test]
fn an_early_acknowledgement_is_noticed() {
    be_child();
    assert!(is_noticed(
        "an_early_acknowledgement_is_noticed",
        Fault::Early
    ));
}

#[test]
fn a_split_batch_is_noticed() {
    be_child();
    assert!(is_noticed("a_split_batch_is_noticed", Fault::Split));
}
