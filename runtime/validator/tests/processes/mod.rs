//! Members as processes of this machine, and a client that sends to all of them.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{Address, Hash};
use lockstep_node::{
    client::call,
    keys::{address_of, read_key},
};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::wire::{MessageBuilder, SigningKey};
use lockstep_validator::testnet::Testnet;
use serde_json::{Value, json};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Short, so that every test passes the ends of some.
pub(crate) const EPOCH_SLOTS: u64 = 24;

/// Whether a network of this process runs: one at a time has the ports and the processors.
static IS_RUNNING: AtomicBool = AtomicBool::new(false);

/// Processes that end with the test, in a directory that goes with it.
pub(crate) struct Members {
    pub(crate) folder: PathBuf,
    pub(crate) urls: Vec<String>,
    /// The first port of other members; the next one's is 10 higher.
    pub(crate) peer_port: u16,
    running: Vec<Option<Child>>,
    /// The words before the command of a member that is started, as `env NAME=VALUE`.
    pub(crate) wrapper: Vec<String>,
    /// Whether another network of the process runs beside this one, and ends after it.
    is_second: bool,
}

impl Members {
    /// A network with a number of members, and a number of milliseconds between blocks.
    pub(crate) fn new(name: &str, count: u16, block_millis: u64) -> Self {
        Self::with_epochs(name, count, block_millis, EPOCH_SLOTS)
    }

    /// The same with a number of slots in an epoch.
    pub(crate) fn with_epochs(name: &str, count: u16, block_millis: u64, epoch_slots: u64) -> Self {
        while IS_RUNNING.swap(true, Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
        }
        Self::prepare(name, count, block_millis, epoch_slots)
    }

    /// A second network, beside one that runs.
    pub(crate) fn beside(
        _running: &Self,
        name: &str,
        (count, block_millis, epoch_slots): (u16, u64, u64),
    ) -> Self {
        let mut members = Self::prepare(name, count, block_millis, epoch_slots);
        members.is_second = true;
        members
    }

    fn prepare(name: &str, count: u16, block_millis: u64, epoch_slots: u64) -> Self {
        let name = format!("lockstep-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let port = free_ports(count * 10 + 200);
        let testnet = Testnet {
            directory: folder.clone(),
            validator_count: count,
            rpc_port: port,
            peer_port: port + 100,
            block_millis,
            epoch_slots,
        };
        testnet.prepare().unwrap();
        let urls = testnet.urls().unwrap();
        Self {
            running: urls.iter().map(|_| None).collect(),
            urls,
            folder,
            peer_port: port + 100,
            wrapper: Vec::new(),
            is_second: false,
        }
    }

    pub(crate) fn folder(&self, place: usize) -> PathBuf {
        self.folder.join(format!("validator-{}", place + 1))
    }

    pub(crate) fn start(&mut self, place: usize) {
        let output = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder(place).join("output.log"))
            .unwrap();
        let program = env!("CARGO_BIN_EXE_lockstep-validator").to_owned();
        let mut words = self.wrapper.iter().cloned().chain([program]);
        let child = Command::new(words.next().unwrap())
            .args(words)
            .args(["validator", "--config"])
            .arg(self.folder(place).join("member.json"))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        assert!(self.running[place].replace(child).is_none());
    }

    pub(crate) fn start_all(&mut self) {
        for place in 0..self.urls.len() {
            self.start(place);
        }
        for url in &self.urls {
            wait("a first block", || slot(url).filter(|slot| *slot > 2));
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, place: usize) {
        let mut child = self.running[place].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(&mut self, place: usize) {
        self.signal(place, "-TERM");
        self.running[place].take().unwrap().wait().unwrap();
    }

    /// Whether the process has ended by itself.
    pub(crate) fn has_ended(&mut self, place: usize) -> bool {
        let child = self.running[place].as_mut().unwrap();
        child.try_wait().unwrap().is_some()
    }

    /// KiB of a member's memory.
    pub(crate) fn memory(&self, place: usize) -> u64 {
        let id = self.running[place].as_ref().unwrap().id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let mut words = line.unwrap().split_whitespace();
        words.nth(1).unwrap().parse().unwrap()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, place: usize, signal: &str) {
        let id = self.running[place].as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success(), "kill {signal}");
    }

    /// Takes the disk of a member away that is not running.
    pub(crate) fn wipe(&self, place: usize) {
        assert!(self.running[place].is_none());
        fs::remove_dir_all(self.folder(place).join("data")).unwrap();
    }

    /// Waits until all members are at or past the tip that the first is at now, and have the same
    /// block there. Gives its slot.
    pub(crate) fn expect_one_tip(&self) -> u64 {
        let tip = wait("a tip", || slot(&self.urls[0]));
        for (place, url) in self.urls.iter().enumerate() {
            let what = format!("member {place} at the tip {tip}");
            wait(&what, || slot(url).filter(|slot| *slot >= tip));
        }
        let ids = self.urls.iter().map(|url| {
            let block = || {
                let config = json!({ "transactionDetails": "none", "rewards": false });
                call(url, "getBlock", &json!([tip, config])).ok()
            };
            wait("the block of the tip", block)["blockhash"].clone()
        });
        let ids: Vec<Value> = ids.collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "slot {tip}: {ids:?}");
        tip
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for child in self.running.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            eprintln!("what the members wrote is in {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
        if !self.is_second {
            IS_RUNNING.store(false, Ordering::Relaxed);
        }
    }
}

/// The first of a run of ports that are free. Systems give ports from 32,768 up to those that
/// connect, and would give one away while its member is down.
fn free_ports(count: u16) -> u16 {
    let seed = u16::try_from(std::process::id() % 80).unwrap();
    (0..80)
        .map(|step| 10_000 + (seed + step) % 80 * 280)
        .find(|port| {
            let ports = (*port..*port + count).step_by(10);
            ports
                .clone()
                .all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        })
        .expect("some ports are free")
}

/// Waits until something is so.
pub(crate) fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn slot(url: &str) -> Option<u64> {
    call(url, "getSlot", &json!([])).ok()?.as_u64()
}

pub(crate) fn balance(url: &str, address: &str) -> Option<u64> {
    call(url, "getBalance", &json!([address])).ok()?["value"].as_u64()
}

/// The receiver of all that the client sends.
const SINK: Address = Address::new_from_array([7; 32]);

/// Sends a transfer to one member after the other, each of another amount, and looks which of them
/// the members call final.
pub(crate) struct Client {
    ending: Arc<AtomicBool>,
    sent: Arc<Mutex<BTreeMap<String, Sent>>>,
    threads: Vec<JoinHandle<()>>,
}

struct Sent {
    amount: u64,
    /// A member said so.
    is_final: bool,
}

impl Client {
    pub(crate) fn start(members: &Members, pause: Duration) -> Self {
        let key = read_key(&members.folder.join("faucet.json")).unwrap();
        let ending = Arc::new(AtomicBool::new(false));
        let sent: Arc<Mutex<BTreeMap<String, Sent>>> = Arc::default();
        let sending = {
            let (urls, ending, sent) = (members.urls.clone(), ending.clone(), sent.clone());
            thread::spawn(move || {
                for number in 0.. {
                    if ending.load(Ordering::Relaxed) {
                        return;
                    }
                    let amount = 1_000_000 + number as u64;
                    if let Some(signature) = send(&urls[number % urls.len()], &key, amount) {
                        let is_final = false;
                        sent.lock()
                            .unwrap()
                            .insert(signature, Sent { amount, is_final });
                    }
                    thread::sleep(pause);
                }
            })
        };
        let watching = {
            let (urls, ending, sent) = (members.urls.clone(), ending.clone(), sent.clone());
            thread::spawn(move || {
                for number in 0.. {
                    if ending.load(Ordering::Relaxed) {
                        return;
                    }
                    watch(&urls[number % urls.len()], &sent);
                    thread::sleep(Duration::from_millis(300));
                }
            })
        };
        Self {
            ending,
            sent,
            threads: vec![sending, watching],
        }
    }

    /// Transactions that a member called final so far.
    pub(crate) fn final_count(&self) -> usize {
        let sent = self.sent.lock().unwrap();
        sent.values().filter(|sent| sent.is_final).count()
    }

    /// Waits until more transactions are final.
    pub(crate) fn expect_progress(&self) {
        let before = self.final_count();
        wait("final transactions", || {
            (self.final_count() > before + 5).then_some(())
        });
    }

    /// Ends, and checks that all that was called final is there, and that on every member the sink
    /// has what the final transactions brought: each once. Gives the number of transactions that
    /// were sent, that were called final meanwhile, and that are final.
    pub(crate) fn finish(mut self, members: &Members) -> [usize; 3] {
        self.ending.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        let sent = self.sent.lock().unwrap();
        // Until all have come into a block, or never will.
        let (sink, mut received) = (SINK.to_string(), u64::MAX);
        wait("the last transactions", || {
            let now = balance(&members.urls[0], &sink)?;
            let is_still = now == received;
            received = now;
            thread::sleep(Duration::from_secs(2));
            is_still.then_some(())
        });
        members.expect_one_tip();
        let signatures: Vec<&String> = sent.keys().collect();
        let (mut expected, mut found) = (0, 0);
        for some in signatures.chunks(200) {
            for (signature, is_there) in some.iter().zip(statuses(&members.urls[0], some).unwrap())
            {
                let sent = &sent[*signature];
                assert!(
                    is_there || !sent.is_final,
                    "{signature} was final, and is not there"
                );
                expected += if is_there { sent.amount } else { 0 };
                found += usize::from(is_there);
            }
        }
        for (place, url) in members.urls.iter().enumerate() {
            let found = wait("a balance", || balance(url, &sink));
            assert_eq!(found, expected, "the sink's balance, member {place}");
        }
        let called = sent.values().filter(|sent| sent.is_final).count();
        [sent.len(), called, found]
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}

/// Asks a member which transactions are final.
fn watch(url: &str, sent: &Mutex<BTreeMap<String, Sent>>) {
    let open: Vec<String> = {
        let sent = sent.lock().unwrap();
        let open = sent.iter().filter(|(_, sent)| !sent.is_final);
        open.map(|(signature, _)| signature.clone()).collect()
    };
    for some in open.chunks(200) {
        let Some(found) = statuses(url, &some.iter().collect::<Vec<_>>()) else {
            return;
        };
        let mut sent = sent.lock().unwrap();
        for (signature, is_there) in some.iter().zip(found) {
            if let Some(sent) = sent.get_mut(signature) {
                sent.is_final |= is_there;
            }
        }
    }
}

/// Which of some transactions are final on a member; `None` if it does not answer.
fn statuses(url: &str, signatures: &[&String]) -> Option<Vec<bool>> {
    let config = json!({ "searchTransactionHistory": true });
    let answer = call(url, "getSignatureStatuses", &json!([signatures, config])).ok()?;
    let found = answer["value"].as_array()?.iter();
    let found = found.map(|status| {
        let is_final = status["confirmationStatus"] == "finalized";
        assert!(!is_final || status["err"].is_null(), "{status}");
        is_final
    });
    Some(found.collect())
}

fn send(url: &str, key: &SigningKey, amount: u64) -> Option<String> {
    let newest = call(url, "getLatestBlockhash", &json!([])).ok()?;
    let blockhash: Hash = newest["value"]["blockhash"].as_str()?.parse().ok()?;
    let payer = address_of(key);
    let pay = [transfer(&payer, &SINK, amount)];
    let message = MessageBuilder::new(payer, blockhash.to_bytes(), &pay);
    let bytes = message.compile().unwrap().sign(&[key]).unwrap();
    // With a verdict of the pool, so that only what is accepted counts.
    let config = json!({ "encoding": "base64" });
    let parameters = json!([BASE64_STANDARD.encode(bytes), config]);
    let signature = call(url, "sendTransaction", &parameters).ok()?;
    signature.as_str().map(ToOwned::to_owned)
}

/// Whether the long profile runs.
pub(crate) fn is_full() -> bool {
    std::env::var_os("LOCKSTEP_FULL").is_some()
}

/// The bytes of a member's directory.
pub(crate) fn size_of(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return fs::metadata(path).map_or(0, |metadata| metadata.len());
    };
    entries.flatten().map(|entry| size_of(&entry.path())).sum()
}
