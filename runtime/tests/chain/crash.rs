//! Kills a process that builds and commits block after block, at any instant, and goes on with
//! what it left.
//!
//! The child is this test binary once more; an environment variable tells it what it is. It says
//! on its standard output what it has committed. Balances are compared with plain sums, and every
//! account with a chain in memory that builds the same blocks and is never killed.

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use lockstep_interface::{Account, Address, Hash};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    block::Receipt,
    chain::{BuiltBlock, Chain, CommitError},
};
use lockstep_store::{CachedStore, DiskOptions, DiskStore, Serial, StoreError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::ledger::{FEE, RICH, address, transaction},
    setting::{all_accounts, build_on, head, open, options},
};

/// Tells the child its fault, how many transactions a block has at most, and the directory.
const CHILD: &str = "LOCKSTEP_CHAIN_CHILD";
const WALLET_COUNT: u64 = 3_000;

/// What is wrong with a child.
const NOTHING: &str = "nothing";
/// It says that a block is committed before it is.
const EARLY: &str = "early";

/// One payment of a block.
struct Payment {
    payer: u64,
    payee: u64,
    lamports: u64,
}

/// The payments of a slot; one in ten is more than any wallet has.
fn payments(slot: u64, count_max: usize) -> Vec<Payment> {
    let mut random = ChaCha8Rng::seed_from_u64(slot);
    let limit = 1usize << random.random_range(0..=14);
    let count = random.random_range(1..=limit.min(count_max));
    let payments = (0..count as u64).map(|number| {
        let too_much = random.random_ratio(1, 10);
        Payment {
            payer: random.random_range(0..WALLET_COUNT),
            payee: random.random_range(0..WALLET_COUNT),
            // Another amount each time makes each another transaction.
            lamports: if too_much { u64::MAX - number } else { number },
        }
    });
    payments.collect()
}

fn build_slot(chain: &Chain, parent: Hash, count_max: usize) -> BuiltBlock {
    let slot = chain.bank(&parent).unwrap().slot() + 1;
    let payments = payments(slot, count_max);
    let transactions: Vec<Vec<u8>> = payments
        .iter()
        .map(|payment| {
            let (payer, payee) = (address(payment.payer), address(payment.payee));
            let pay = [transfer(&payer, &payee, payment.lamports)];
            transaction(payer, parent, &pay)
        })
        .collect();
    let built = build_on(chain, parent, &transactions);
    assert_eq!(built.refused, []);
    built
}

fn genesis() -> Genesis {
    let wallets = (0..WALLET_COUNT).map(|number| (address(number), Account::wallet(RICH)));
    Genesis::new(wallets.collect(), builtin_programs()).without_limits()
}

fn open_disk(path: &Path) -> Result<Chain, StoreError> {
    let sizes = DiskOptions {
        buffer_size: 1 << 20,
        ..DiskOptions::default()
    };
    let (disk, trie) = DiskStore::open(path, sizes, &Serial)?;
    let store = Arc::new(CachedStore::new(disk, 1 << 20));
    Ok(Chain::open(store, trie, genesis(), options(2)).unwrap())
}

fn tell(what: &str, slot: u64) {
    let mut output = io::stdout().lock();
    writeln!(output, "{what} {slot}").unwrap();
    output.flush().unwrap();
}

/// Builds and commits blocks until it is killed, every third time two at once.
fn run_child(fault: &str, count_max: usize, path: &Path) -> ! {
    let chain = open_disk(path).unwrap();
    tell("\nopen", chain.head().1.slot);
    loop {
        let mut newest = build_slot(&chain, head(&chain), count_max);
        if newest.header.slot.is_multiple_of(3) {
            newest = build_slot(&chain, newest.id, count_max);
        }
        if fault == EARLY {
            tell("committed", newest.header.slot);
        }
        chain.commit(&newest.id).unwrap();
        tell("committed", newest.header.slot);
    }
}

/// Becomes the child if this process was started as one.
fn be_child() {
    let Some(task) = env::var_os(CHILD) else {
        return;
    };
    let task = task.into_string().unwrap();
    let mut words = task.splitn(3, ' ');
    let (fault, count_max) = (words.next().unwrap(), words.next().unwrap());
    let path = PathBuf::from(words.next().unwrap());
    run_child(fault, count_max.parse().unwrap(), &path);
}

fn start(test: &str, fault: &str, count_max: usize, path: &Path) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([&format!("crash::{test}"), "--exact", "--nocapture"]);
    command.env(CHILD, format!("{fault} {count_max} {}", path.display()));
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Lets a child work for a while and kills it; the last slot that it acknowledged.
fn round(
    test: &str,
    fault: &str,
    count_max: usize,
    path: &Path,
    random: &mut ChaCha8Rng,
) -> Option<u64> {
    let mut child = start(test, fault, count_max, path);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut slots = lines.filter_map(|line| {
        let line = line.unwrap();
        let (what, slot) = line.split_once(' ')?;
        let is_told = ["open", "committed"].contains(&what);
        is_told.then(|| slot.parse().unwrap())
    });
    // One in four may be killed while it opens the chain or makes it, the others a while after
    // they have opened it or committed a block or two.
    let told = slots.by_ref().take(random.random_range(0..4)).last();
    thread::sleep(Duration::from_micros(random.random_range(0..100_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    slots.last().or(told)
}

/// What the blocks should come to.
struct Model {
    count_max: usize,
    lamports: BTreeMap<Address, u64>,
    /// A chain that is never killed.
    steady: Chain,
}

impl Model {
    fn new(count_max: usize) -> Self {
        Self {
            count_max,
            lamports: (0..WALLET_COUNT)
                .map(|number| (address(number), RICH))
                .collect(),
            // As many threads, since plans depend on how many there are.
            steady: open(genesis(), options(2)),
        }
    }

    fn slot(&self) -> u64 {
        self.steady.head().1.slot
    }

    fn advance(&mut self, slot: u64) {
        while self.slot() < slot {
            let built = build_slot(&self.steady, head(&self.steady), self.count_max);
            self.steady.commit(&built.id).unwrap();
            let mut failed = 0;
            for payment in payments(built.header.slot, self.count_max) {
                let mut add = |number, lamports: u64| {
                    let balance = self.lamports.get_mut(&address(number)).unwrap();
                    *balance = balance.wrapping_add(lamports);
                };
                add(payment.payer, FEE.wrapping_neg());
                if payment.lamports < RICH {
                    add(payment.payer, payment.lamports.wrapping_neg());
                    add(payment.payee, payment.lamports);
                } else {
                    failed += 1;
                }
            }
            let is_failure = |receipt: &&Receipt| receipt.status.is_err();
            assert_eq!(built.receipts.iter().filter(is_failure).count(), failed);
        }
    }

    /// Opens what a child left, compares all of it, and goes on by a block that is dropped again.
    fn inspect(&mut self, path: &Path, acknowledged: u64) -> Result<(), String> {
        let chain = open_disk(path).map_err(|error| error.to_string())?;
        let (id, header) = chain.head();
        // Two blocks at most are committed in one go.
        if !(acknowledged..=acknowledged + 2).contains(&header.slot) {
            let slot = header.slot;
            return Err(format!(
                "slot {acknowledged} was acknowledged, {slot} is there"
            ));
        }
        self.advance(header.slot);
        if chain.head() != self.steady.head() {
            return Err(format!("another block of slot {}", header.slot));
        }
        let accounts = all_accounts(&**chain.store());
        if accounts != all_accounts(&**self.steady.store()) {
            return Err(format!("other accounts after slot {}", header.slot));
        }
        for (address, lamports) in &self.lamports {
            assert_eq!(accounts[address], Account::wallet(*lamports));
        }
        let next = [&chain, &self.steady].map(|chain| build_slot(chain, id, self.count_max).id);
        assert_eq!(next[0], next[1]);
        self.steady.discard(&next[1]).unwrap();
        Ok(())
    }
}

/// 1 in the ordinary run, 10 if LOCKSTEP_FULL is set.
pub(crate) fn scale() -> usize {
    if env::var_os("LOCKSTEP_FULL").is_some() {
        10
    } else {
        1
    }
}

fn survive(test: &str, rounds: usize, count_max: usize) {
    be_child();
    let folder = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut model = Model::new(count_max);
    let mut acknowledged = 0;
    for number in 0..rounds {
        let newest = round(test, NOTHING, count_max, folder.path(), &mut random);
        acknowledged = newest.unwrap_or(acknowledged);
        let result = model.inspect(folder.path(), acknowledged);
        assert_eq!(result, Ok(()), "round {number}");
        acknowledged = model.slot();
    }
    eprintln!("{rounds} kills, {acknowledged} blocks");
    assert!(
        acknowledged > rounds as u64 / 2,
        "{acknowledged} blocks only"
    );
}

#[test]
fn a_chain_goes_on_after_every_kill() {
    survive("a_chain_goes_on_after_every_kill", 20 * scale(), 10_000);
}

/// Small blocks, so that most kills hit the disk's work.
#[test]
fn a_chain_of_small_blocks_goes_on_after_every_kill() {
    let test = "a_chain_of_small_blocks_goes_on_after_every_kill";
    survive(test, 10 * scale(), 20);
}

#[test]
fn an_early_acknowledgement_is_noticed() {
    be_child();
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let is_noticed = (0..40).any(|_| {
        let folder = tempfile::tempdir().unwrap();
        let test = "an_early_acknowledgement_is_noticed";
        let acknowledged = round(test, EARLY, 2_000, folder.path(), &mut random);
        let mut model = Model::new(2_000);
        let result = model.inspect(folder.path(), acknowledged.unwrap_or(0));
        result.is_err_and(|error| error.contains("was acknowledged"))
    });
    assert!(is_noticed);
}

/// Tells the child the directory of a chain that has little room.
const LIMITED: &str = "LOCKSTEP_CHAIN_LIMITED";

/// Commits until the system refuses to let files grow; reads go on.
fn run_limited(path: &Path) {
    let chain = open_disk(path).unwrap();
    let mut model = Model::new(200);
    loop {
        let head = chain.head();
        let built = build_slot(&chain, head.0, 200);
        match chain.commit(&built.id) {
            Ok(_) => assert!(built.header.slot < 10_000, "files grow without a limit"),
            Err(error) => {
                assert!(matches!(error, CommitError::Store { .. }), "{error}");
                let again = chain.commit(&built.id).unwrap_err();
                assert!(matches!(again, CommitError::Stopped), "{again}");
                assert_eq!(chain.head(), head);
                break;
            }
        }
    }
    model.advance(chain.head().1.slot);
    let view = chain.view(&head(&chain)).unwrap();
    for (address, lamports) in &model.lamports {
        let found = view.get(address).unwrap();
        assert_eq!(found, Some(Account::wallet(*lamports)));
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_chain_and_loses_nothing() {
    if let Some(path) = env::var_os(LIMITED) {
        return run_limited(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    drop(open_disk(&path).unwrap());
    // Files may have 2,000 blocks of 512 bytes; writing on gives an error instead of a signal.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\""]);
    command.arg(env::current_exe().unwrap());
    command.arg("crash::a_full_disk_stops_the_chain_and_loses_nothing");
    command.args(["--exact", "--nocapture"]);
    let output = command.env(LIMITED, &path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let slot = {
        let chain = open_disk(&path).unwrap();
        chain.head().1.slot
    };
    assert!(slot > 3, "slot {slot} is the last");
    let mut model = Model::new(200);
    assert_eq!(model.inspect(&path, slot), Ok(()));
}
