//! A network of local processes: what `lockstep-validator testnet` does.
//!
//! ```text
//! DIR/network.json  DIR/faucet.json
//! DIR/validator-1/  member.json  key.json  output.log  data/
//! DIR/validator-2/  ...
//! ```
//! A second start in the same directory goes on where the first one ended.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use lockstep_node::{
    client::call,
    keys::{address_of, random_key, read_key, write_key},
};
use serde_json::{Value, json};

/// The file of a network in its directory.
const NETWORK_FILE: &str = "network.json";
/// The key that airdrops come from.
const FAUCET_FILE: &str = "faucet.json";
/// The file of a member.
const MEMBER_FILE: &str = "member.json";
/// The stake of each member in lamports.
const STAKE: u64 = 1_000_000_000;
/// Lamports of each member's wallet.
const WALLET: u64 = 1_000_000_000;
/// Ports from one member to the next.
const PORTS_EACH: u16 = 10;
/// How often the table is printed.
const TABLE_INTERVAL: Duration = Duration::from_secs(1);

/// A network on this machine.
#[derive(Clone, Debug)]
pub struct Testnet {
    /// Its directory.
    pub directory: PathBuf,
    /// Members of a new one.
    pub validator_count: u16,
    /// The first member's port of JSON-RPC; the next member's is 10 higher.
    pub rpc_port: u16,
    /// The first member's port for other members; the next member's is 10 higher.
    pub peer_port: u16,
    /// Milliseconds between blocks that are not full.
    pub block_millis: u64,
    /// Slots of an epoch of a new network.
    pub epoch_slots: u64,
}

impl Testnet {
    /// Makes keys and files, unless they are there.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn prepare(&self) -> io::Result<()> {
        if self.directory.join(NETWORK_FILE).exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        let faucet = random_key()?;
        write_key(&self.directory.join(FAUCET_FILE), &faucet)?;
        let mut members = Vec::new();
        for place in self.places() {
            let folder = self.folder(place);
            fs::create_dir_all(&folder)?;
            let key = random_key()?;
            write_key(&folder.join("key.json"), &key)?;
            let port = self.port(self.peer_port, place);
            members.push((address_of(&key).to_string(), format!("127.0.0.1:{port}")));
        }
        for (place, (_, listen)) in self.places().zip(&members) {
            let others = members.iter().filter(|(_, other)| other != listen);
            let peers = others.map(|(key, address)| json!({ "key": key, "address": address }));
            let member = json!({
                "key": "key.json",
                "network": format!("../{NETWORK_FILE}"),
                "directory": "data",
                "listen": listen,
                "rpcPort": self.port(self.rpc_port, place),
                "peers": peers.collect::<Vec<Value>>(),
                "faucetKey": format!("../{FAUCET_FILE}"),
                "blockMillis": self.block_millis,
            });
            write_json(&self.folder(place).join(MEMBER_FILE), &member)?;
        }
        // For the fees of their duties.
        let wallets = members.iter();
        let wallets = wallets.map(|(key, _)| json!({ "address": key, "lamports": WALLET }));
        let wallets: Vec<Value> = wallets.collect();
        let validators = members.iter();
        let validators = validators.map(|(key, _)| json!({ "key": key, "stake": STAKE }));
        let network = json!({
            "validators": validators.collect::<Vec<Value>>(),
            "faucet": address_of(&faucet).to_string(),
            "chain": { "accounts": wallets },
            "staking": {
                "epochSlots": self.epoch_slots,
                "cooldownEpochs": 2,
                "slashParts": 1_000,
                "stakeMin": STAKE / 2,
            },
        });
        // Last, so that a directory that is half made is made again.
        write_json(&self.directory.join(NETWORK_FILE), &network)
    }

    /// Starts all members, each a process of its own.
    ///
    /// # Errors
    /// If the directory is no network's, or a process cannot be started.
    pub fn start(&self, program: &Path) -> io::Result<Processes> {
        let mut processes = Processes(Vec::new());
        let mut place = 1;
        while self.folder(place).join(MEMBER_FILE).exists() {
            let folder = self.folder(place);
            let output = File::options()
                .create(true)
                .append(true)
                .open(folder.join("output.log"))?;
            let child = Command::new(program)
                .args(["validator", "--config"])
                .arg(folder.join(MEMBER_FILE))
                .stdin(Stdio::null())
                .stdout(output.try_clone()?)
                .stderr(output)
                .spawn()?;
            processes.0.push(child);
            place = place.saturating_add(1);
        }
        if processes.0.is_empty() {
            let text = format!("{}: no validators here", self.directory.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        Ok(processes)
    }

    /// Where the members answer JSON-RPC.
    ///
    /// # Errors
    /// If a member's file cannot be read.
    pub fn urls(&self) -> io::Result<Vec<String>> {
        let mut urls = Vec::new();
        for place in 1.. {
            let file = self.folder(place).join(MEMBER_FILE);
            if !file.exists() {
                break;
            }
            let member: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
            urls.push(format!("http://127.0.0.1:{}", member["rpcPort"]));
        }
        Ok(urls)
    }

    /// The address that the first lamports went to.
    ///
    /// # Errors
    /// If its key cannot be read.
    pub fn faucet(&self) -> io::Result<String> {
        let key = read_key(&self.directory.join(FAUCET_FILE))?;
        Ok(address_of(&key).to_string())
    }

    fn places(&self) -> impl Iterator<Item = u16> + use<> {
        1..=self.validator_count
    }

    fn folder(&self, place: u16) -> PathBuf {
        self.directory.join(format!("validator-{place}"))
    }

    fn port(&self, first: u16, place: u16) -> u16 {
        let step = place.saturating_sub(1).saturating_mul(PORTS_EACH);
        first.saturating_add(step)
    }
}

/// The processes of a network, which end with this value.
#[derive(Debug)]
pub struct Processes(Vec<Child>);

impl Processes {
    /// Prints a line for each member again and again, until all processes have ended.
    pub fn show(&mut self, urls: &[String], mut print: impl FnMut(String)) {
        loop {
            let ended: Vec<bool> = self
                .0
                .iter_mut()
                .map(|child| !matches!(child.try_wait(), Ok(None)))
                .collect();
            if ended.iter().all(|ended| *ended) {
                return;
            }
            for ((place, url), ended) in (1..).zip(urls).zip(&ended) {
                print(match ended {
                    true => format!("validator-{place}  {url}  ended: see its output.log"),
                    false => row(place, url),
                });
            }
            thread::sleep(TABLE_INTERVAL);
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Fails if it has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a member says of itself.
fn row(place: u16, url: &str) -> String {
    let ask = |method: &str| call(url, method, &json!([]));
    let (Ok(slot), Ok(count)) = (ask("getSlot"), ask("getTransactionCount")) else {
        return format!("validator-{place}  {url}  starting");
    };
    let hash = call(url, "getLatestBlockhash", &json!([]));
    let hash = hash.map_or(Value::Null, |answer| answer["value"]["blockhash"].clone());
    let hash = hash.as_str().unwrap_or_default();
    format!("validator-{place}  {url}  slot {slot}  transactions {count}  newest block {hash}")
}

fn write_json(path: &Path, value: &Value) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    fs::write(path, format!("{text}\n"))
}
