//! Puts a node under load: real transactions, signed here, sent over its JSON-RPC.
//!
//! ```text
//! faucet -> root wallet -> senders          before the clock runs
//! signed ahead of time -> batches over HTTP, at the rate asked for
//! stream of the node -> signature, error -> latency from sending to durable
//! ```

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use ahash::RandomState;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jsonrpsee::{
    core::{ClientError, client::ClientT, params::BatchRequestBuilder},
    rpc_params,
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use lockstep_interface::{Address, Hash, Instruction};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::wire::{MessageBuilder, MessageError, SigningKey};
use lockstep_store::sync::Shared;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::runtime::Builder;

use super::{connect, stream};
use crate::{keys::address_of, limits::BATCH_COUNT_MAX};

/// Lamports of a sender: more than it can spend on fees.
const SENDER_LAMPORTS: u64 = 1_000_000_000;
/// Senders that one transaction funds.
const FUNDED_COUNT: usize = 18;
/// Time between two batches of a lane.
const BEAT: Duration = Duration::from_millis(20);
/// How often a blockhash is asked for.
const BLOCKHASH_AGE: Duration = Duration::from_millis(500);
/// How long transactions that were sent are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What kind of transactions is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Workload {
    /// Transfers between wallets that seldom meet.
    Transfers,
    /// Transfers to one wallet.
    Hot,
    /// Every tenth transfer is of more than its sender has, and fails.
    Failing,
}

/// How much load is made.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The node's HTTP.
    pub http: String,
    /// The node's WebSocket.
    pub socket: String,
    /// The kind.
    pub workload: Workload,
    /// Transactions per second.
    pub rate: u64,
    /// How long.
    pub time: Duration,
    /// Wallets that send.
    pub senders: usize,
    /// Connections that send at once.
    pub lanes: usize,
}

/// Latencies in milliseconds, from sending to durable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// Half of all are below.
    pub p50: u64,
    /// Nine of ten are.
    pub p90: u64,
    /// Ninety-nine of a hundred are.
    pub p99: u64,
    /// All are at or below.
    pub max: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadReport {
    /// Transactions that the node took.
    pub accepted: u64,
    /// Those that it did not.
    pub refused: u64,
    /// Those in a durable block.
    pub confirmed: u64,
    /// Those of them that failed there.
    pub failed: u64,
    /// Those that were accepted and are in no block.
    pub lost: u64,
    /// Milliseconds from the first that was sent to the last that was confirmed.
    pub millis: u64,
    /// How long they took.
    pub latency: Latency,
}

/// Why no load was made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The node cannot be reached, or refuses what the load is prepared with.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// A transaction was not made.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The node answers something else than expected.
    #[error("the node answered {0}")]
    Answer(Value),
    /// The senders got no lamports in time.
    #[error("the senders were not funded within {} s", PATIENCE.as_secs())]
    Unfunded,
    /// The system refuses a thread or a socket.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Puts a node under load. `progress` is shown what there is so far, about once a second.
///
/// # Errors
/// If the node cannot be reached, or the senders cannot be funded.
pub fn load(
    options: &LoadOptions,
    progress: &mut dyn FnMut(&LoadReport),
) -> Result<LoadReport, LoadError> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(run(options, progress));
    runtime.shutdown_timeout(Duration::from_secs(1));
    report
}

/// A key of a load, the same in every run with the same node and time.
fn key(tag: &[u8], number: usize) -> SigningKey {
    let digest = Sha256::new_with_prefix(b"lockstep load")
        .chain_update(tag)
        .chain_update(number.to_le_bytes())
        .finalize();
    SigningKey::from(<[u8; 32]>::from(digest))
}

fn signed(
    key: &SigningKey,
    blockhash: Hash,
    instructions: &[Instruction],
) -> Result<Vec<u8>, MessageError> {
    let message = MessageBuilder::new(address_of(key), blockhash.to_bytes(), instructions);
    message.compile()?.sign(&[key])
}

/// The first signature, which stands behind the count of them.
fn signature(bytes: &[u8]) -> [u8; 64] {
    let first = bytes.get(1..).and_then(|rest| rest.first_chunk());
    first.copied().unwrap_or([0; 64])
}

async fn blockhash(client: &HttpClient) -> Result<Hash, LoadError> {
    let answer: Value = client.request("getLatestBlockhash", rpc_params![]).await?;
    let text = answer["value"]["blockhash"].as_str().unwrap_or_default();
    text.parse().map_err(|_| LoadError::Answer(answer.clone()))
}

async fn balance(client: &HttpClient, address: &Address) -> Result<u64, LoadError> {
    let answer: Value = client
        .request("getBalance", rpc_params![address.to_string()])
        .await?;
    let lamports = answer["value"].as_u64();
    lamports.ok_or(LoadError::Answer(answer))
}

/// Gives every sender its lamports.
async fn fund(client: &HttpClient, senders: &[SigningKey]) -> Result<(), LoadError> {
    let root = key(b"root", senders.len());
    let from = address_of(&root);
    let needed = SENDER_LAMPORTS.saturating_mul((senders.len() as u64).saturating_add(1));
    let mut have = balance(client, &from).await?;
    while have < needed {
        let rest = needed.saturating_sub(have).min(crate::limits::AIRDROP_MAX);
        let asked = rpc_params![from.to_string(), rest];
        let _: String = client.request("requestAirdrop", asked).await?;
        let before = have;
        wait(async || {
            have = balance(client, &from).await?;
            Ok(have > before)
        })
        .await?;
    }
    let newest = blockhash(client).await?;
    for senders in senders.chunks(FUNDED_COUNT) {
        let pays = senders.iter().map(|sender| {
            let to = address_of(sender);
            transfer(&from, &to, SENDER_LAMPORTS)
        });
        let bytes = signed(&root, newest, &pays.collect::<Vec<_>>())?;
        let config = json!({ "encoding": "base64" });
        let sent = rpc_params![BASE64_STANDARD.encode(bytes), config];
        let _: String = client.request("sendTransaction", sent).await?;
    }
    let Some(last) = senders.last().map(address_of) else {
        return Ok(());
    };
    wait(async || Ok(balance(client, &last).await? > 0)).await
}

/// Asks again and again, for some seconds.
async fn wait(mut done: impl AsyncFnMut() -> Result<bool, LoadError>) -> Result<(), LoadError> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if done().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(LoadError::Unfunded)
}

/// What is known of the transactions that were sent.
#[derive(Debug, Default)]
struct Ledger {
    /// When each was sent that is not confirmed; for look-up only.
    sent: HashMap<[u8; 64], Instant, RandomState>,
    report: LoadReport,
    /// How many took how long, in milliseconds.
    times: Vec<u64>,
    first: Option<Instant>,
}

impl Ledger {
    fn confirm(&mut self, signature: &[u8; 64], is_failed: bool, now: Instant) {
        let Some(sent) = self.sent.remove(signature) else {
            return;
        };
        self.report.confirmed = self.report.confirmed.saturating_add(1);
        self.report.failed = self.report.failed.saturating_add(is_failed.into());
        let millis = now.saturating_duration_since(sent).as_millis();
        let millis = usize::try_from(millis).unwrap_or(usize::MAX).min(60_000);
        if self.times.len() <= millis {
            self.times.resize(millis.saturating_add(1), 0);
        }
        self.times[millis] = self.times[millis].saturating_add(1);
        if let Some(first) = self.first {
            let millis = now.saturating_duration_since(first).as_millis();
            self.report.millis = u64::try_from(millis).unwrap_or(u64::MAX);
        }
    }

    fn report(&self) -> LoadReport {
        let total: u64 = self.times.iter().sum();
        let at = |per_mille: u64| {
            let rank = total.saturating_mul(per_mille).div_ceil(1_000);
            let mut seen = 0u64;
            let place = self.times.iter().position(|count| {
                seen = seen.saturating_add(*count);
                seen >= rank
            });
            place.unwrap_or_default() as u64
        };
        LoadReport {
            lost: self.sent.len() as u64,
            latency: Latency {
                p50: at(500),
                p90: at(900),
                p99: at(990),
                max: at(1_000),
            },
            ..self.report
        }
    }
}

async fn run(
    options: &LoadOptions,
    progress: &mut dyn FnMut(&LoadReport),
) -> Result<LoadReport, LoadError> {
    let client = HttpClientBuilder::default().build(&options.http)?;
    let senders: Vec<SigningKey> = (0..options.senders.max(1))
        .map(|number| key(b"sender", number))
        .collect();
    fund(&client, &senders).await?;
    let socket = connect(&options.socket).await?;
    let mut notes = stream(&socket, None, "signatures").await?;
    let ledger = Arc::new(Shared::new(Ledger::default()));
    let reader = tokio::spawn({
        let ledger = Arc::clone(&ledger);
        async move {
            while let Some(Ok(note)) = notes.next().await {
                let now = Instant::now();
                let mut ledger = ledger.write();
                for one in note["transactions"].as_array().into_iter().flatten() {
                    let text = one["signature"].as_str().unwrap_or_default();
                    let mut signature = [0; 64];
                    if bs58::decode(text).onto(&mut signature).is_ok() {
                        ledger.confirm(&signature, !one["err"].is_null(), now);
                    }
                }
            }
        }
    });
    let newest = Arc::new(Shared::new(blockhash(&client).await?));
    let senders = Arc::new(senders);
    ledger.write().first = Some(Instant::now());
    let lanes = options.lanes.max(1);
    let mut tasks = Vec::with_capacity(lanes);
    for lane in 0..lanes {
        let lane = Lane {
            client: HttpClientBuilder::default().build(&options.http)?,
            senders: Arc::clone(&senders),
            ledger: Arc::clone(&ledger),
            newest: Arc::clone(&newest),
            workload: options.workload,
            lane,
            lanes,
            rate: options.rate,
            time: options.time,
        };
        tasks.push(tokio::spawn(lane.run()));
    }
    let start = Instant::now();
    let mut shown = Instant::now();
    while tasks.iter().any(|task| !task.is_finished()) {
        tokio::time::sleep(BLOCKHASH_AGE).await;
        let fresh = blockhash(&client).await?;
        *newest.write() = fresh;
        if shown.elapsed() >= Duration::from_secs(1) {
            shown = Instant::now();
            progress(&ledger.read().report());
        }
    }
    while !ledger.read().sent.is_empty() && start.elapsed() < options.time.saturating_add(PATIENCE)
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    reader.abort();
    let report = ledger.read().report();
    Ok(report)
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

/// One connection that sends its part of the load.
struct Lane {
    client: HttpClient,
    senders: Arc<Vec<SigningKey>>,
    ledger: Arc<Shared<Ledger>>,
    newest: Arc<Shared<Hash>>,
    workload: Workload,
    lane: usize,
    lanes: usize,
    rate: u64,
    time: Duration,
}

impl Lane {
    async fn run(self) {
        let start = Instant::now();
        let mut sent = 0u64;
        let mut beat = tokio::time::interval(BEAT);
        // A lane that is late does not hurry.
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while start.elapsed() < self.time {
            beat.tick().await;
            let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            let due = self.rate.saturating_mul(millis) / 1_000;
            let due = due.checked_div(self.lanes as u64).unwrap_or(due);
            let count = due.saturating_sub(sent).min(BATCH_COUNT_MAX.into());
            if count > 0 {
                self.send(sent, count).await;
                sent = sent.saturating_add(count);
            }
        }
    }

    /// Makes and sends a batch.
    async fn send(&self, first: u64, count: u64) {
        let newest = *self.newest.read();
        let mut batch = BatchRequestBuilder::new();
        let mut signatures = Vec::new();
        for number in first..first.saturating_add(count) {
            let number = number.saturating_mul(self.lanes as u64);
            let number = number.saturating_add(self.lane as u64);
            let Ok(bytes) = self.transaction(number, newest) else {
                continue;
            };
            signatures.push(signature(&bytes));
            let config = json!({ "encoding": "base64", "skipPreflight": true });
            let sent = rpc_params![BASE64_STANDARD.encode(bytes), config];
            if batch.insert("sendTransaction", sent).is_err() {
                return;
            }
        }
        let now = Instant::now();
        {
            // Before they are sent: a block may be faster than the answer.
            let mut ledger = self.ledger.write();
            ledger.sent.extend(signatures.iter().map(|one| (*one, now)));
        }
        let answers = self.client.batch_request::<String>(batch).await;
        let mut ledger = self.ledger.write();
        match answers {
            Ok(answers) => {
                for (answer, signature) in answers.into_iter().zip(&signatures) {
                    match answer {
                        Ok(_) => add(&mut ledger.report.accepted, 1),
                        Err(_) => {
                            add(&mut ledger.report.refused, 1);
                            ledger.sent.remove(signature);
                        }
                    }
                }
            }
            Err(_) => {
                add(&mut ledger.report.refused, signatures.len() as u64);
                for signature in &signatures {
                    ledger.sent.remove(signature);
                }
            }
        }
    }

    fn transaction(&self, number: u64, newest: Hash) -> Result<Vec<u8>, MessageError> {
        let place = usize::try_from(number).unwrap_or_default();
        let at = |place: usize| place.checked_rem(self.senders.len()).unwrap_or(0);
        let sender = &self.senders[at(place)];
        let other = at(place.wrapping_mul(31).wrapping_add(7));
        let to = match self.workload {
            Workload::Hot => address_of(&self.senders[0]),
            _ => address_of(&self.senders[other]),
        };
        // Amounts make transactions of one sender differ.
        let lamports = match self.workload {
            Workload::Failing if number.is_multiple_of(10) => {
                SENDER_LAMPORTS.saturating_mul(100).saturating_add(number)
            }
            _ => (number % 1_000_000).saturating_add(1),
        };
        signed(
            sender,
            newest,
            &[transfer(&address_of(sender), &to, lamports)],
        )
    }
}
