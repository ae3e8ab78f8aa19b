//! One member on sockets and disk: what `lockstep-validator validator` does.
//!
//! ```text
//! this thread: ledger, node, JSON-RPC, signals
//! one thread:  the engine's runtime: peers, consensus, gossip
//! ```

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
    thread,
    time::Duration,
};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::{
    marshal::{core::Mailbox, standard::Standard},
    simplex::scheme::ed25519::Scheme,
};
use commonware_cryptography::ed25519::{PrivateKey, PublicKey};
use commonware_runtime::{
    Clock as _, Runner as _, Spawner as _, Supervisor as _, tokio as runtime,
};
use futures::{
    executor::block_on,
    future::{Either, select},
};
use lockstep_interface::Address;
use lockstep_node::{
    Certify, Figures, Follower, GENESIS_FILE, HISTORY_FOLDER, Ledger, Node, NodeError, NodeOptions,
    Pace, RECORDING, Ready, ServerOptions, keys::read_key, serve_running,
};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::Genesis,
    block::BlockHeader,
    chain::{Chain, ChainOptions, OpenError},
    threads::{Threads, ThreadsError},
    wire::SigningKey,
};
use lockstep_store::{CachedStore, DiskOptions, DiskStore, Store, StoreError};
use lockstep_validator::{
    block::Block,
    certificate::certify,
    config::{ConfigError, MemberFile, NetworkFile},
    engine::ChainEngine,
    epochs::Epochs,
    evidence::Witness,
    gossip,
    host::Host as _,
    limits::{SnapshotRules, Timing},
    member::{self, Running, Setup, StartError},
    node_host::NodeHost,
    snapshot::{offer::Certificate, shelf::Shelf},
};
use thiserror::Error;

use crate::{
    begin::{BeginError, PARTITION, Places, begin},
    chores::Chores,
    connect::{Connected, Identity, connect},
};

/// The ledger's directory in a member's.
const LEDGER_FOLDER: &str = "ledger";
/// The engine's directory in a member's.
const CONSENSUS_FOLDER: &str = "consensus";
/// The folder of the snapshot that a member has joined with.
const SNAPSHOT_FOLDER: &str = "snapshot";
/// The folder of snapshots for other members.
const SHELF_FOLDER: &str = "snapshots";
/// Bytes of accounts that are kept in memory.
const CACHE_SIZE: usize = 64 << 20;
/// Slots whose blocks and history are kept.
const KEEP_SLOTS: u64 = 432_000;
/// How often the engine's thread looks whether it is to end.
const WATCH: Duration = Duration::from_millis(100);

/// Why a member does not run.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    /// A file is of no use.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file or a thread cannot be had.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("the ledger: {0}")]
    Store(#[from] StoreError),
    /// The chain cannot be opened.
    #[error("the ledger: {0}")]
    Open(#[from] OpenError),
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// The ledger is that of another network.
    #[error(
        "{path}: the ledger is of another network: expected the genesis {expected}, found {found}"
    )]
    OtherNetwork {
        /// The ledger.
        path: PathBuf,
        /// By the network's file.
        expected: String,
        /// In the ledger.
        found: String,
    },
    /// There is no ledger, and none can be had.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// The member has to end.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The node failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Consensus has ended.
    #[error("{0}")]
    Ended(String),
}

/// Runs a member until the process gets SIGINT or SIGTERM, or the member cannot go on.
///
/// # Errors
/// If it does not start, or cannot go on.
pub(crate) fn run(
    path: &Path,
    figures: Option<Figures>,
    ready: impl FnOnce(&Ready),
) -> Result<(), RunError> {
    let file = &MemberFile::read(path)?;
    let network = NetworkFile::read(&file.network)?;
    let members = network.members()?;
    check_free(file.listen)?;
    let wallet = read_key(&file.key).map_err(system("the member's key"))?;
    let key = engine_key(&wallet)?;
    let genesis = network.genesis(&builtin_programs())?;
    let first = network.first_header(&builtin_programs())?;
    let identity = Identity {
        key,
        genesis: first,
        limits: genesis.limits,
        listen: file.listen,
        peers: peers(file)?,
    };
    let places = places(file)?;
    let length = network.epoch_slots()?;
    let epochs = Epochs::new(&first, members, length, identity.key.clone());
    let threads = Threads::new(file.threads)?;
    let floor = begin(&places, &identity, &epochs, &genesis, &threads)?;
    let shelf = file.directory.join(SHELF_FOLDER);
    let shelf = Shelf::new(&shelf, SnapshotRules::STANDARD)
        .map_err(system(format!("{}", shelf.display())))?;
    let options = ChainOptions {
        reader_threads: Threads::new(1)?,
        recording: RECORDING,
        leader: Some(network.leader(&epochs.public_key())),
        ..ChainOptions::new(threads)
    };
    let ledger = open_ledger(file, &places.ledger, genesis, &first, options)?;
    let options = NodeOptions {
        pace: Pace {
            slot_time: Duration::from_millis(file.block_millis),
            empty_every: 1,
        },
        keep_slots: KEEP_SLOTS,
        keep_bytes: 0,
        is_dev: false,
    };
    let (node, follower, accepted) = Follower::start(ledger, options)?;
    let part = Part {
        file: file.clone(),
        path: path.to_owned(),
        identity,
        wallet,
        epochs,
        floor,
        shelf: Arc::new(shelf),
        ending: Arc::default(),
    };
    let (ending, ends) = (Arc::clone(&part.ending), EndsNode(Arc::clone(&node.node)));
    let consensus = thread::Builder::new().name("consensus".to_owned());
    let consensus = consensus.spawn(move || {
        let _ends = ends;
        part.run(follower, accepted)
    });
    let consensus = consensus.map_err(system("cannot start a thread"))?;
    let server = ServerOptions {
        bind: file.rpc_address,
        port: file.rpc_port,
        socket_port: None,
        cors: None,
        figures,
        rate: 0,
        patience: Duration::from_secs(30),
    };
    let mut ended = Ok(());
    let served = serve_running(node, server, ready, || {
        ending.store(true, Ordering::Relaxed);
        let joined = consensus.join();
        ended = joined.unwrap_or_else(|_| Err(RunError::Ended("consensus panicked".to_owned())));
    });
    ended.and(served.map_err(RunError::from))
}

/// Ends a node where it goes out of scope, by a panic too.
struct EndsNode(Arc<Node>);

impl Drop for EndsNode {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What the engine's thread works with.
pub(crate) struct Part {
    file: MemberFile,
    /// Where that file is.
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    /// The member's key as a wallet has it.
    pub(crate) wallet: SigningKey,
    pub(crate) epochs: Epochs,
    floor: Option<Certificate>,
    shelf: Arc<Shelf>,
    ending: Arc<AtomicBool>,
}

impl Part {
    fn run(self, follower: Follower, accepted: Receiver<Vec<u8>>) -> Result<(), RunError> {
        let host = Arc::new(NodeHost::new(follower));
        let directory = self.file.directory.join(CONSENSUS_FOLDER);
        let config = runtime::Config::new()
            .with_storage_directory(directory)
            .with_worker_threads(2)
            .with_tcp_nodelay(Some(true));
        runtime::Runner::new(config).start(|context| async move {
            let Connected {
                networks,
                transactions: (sender, receiver),
                oracle,
                handle: peers,
            } = connect(&context, &self.identity);
            let (witness, offences) = Witness::new();
            let engine = Arc::new(ChainEngine::new(Arc::clone(&host), RECORDING));
            let setup = Setup {
                epochs: self.epochs.clone(),
                genesis: self.identity.genesis,
                limits: *host.chain().limits(),
                engine: Arc::clone(&engine) as _,
                blocker: oracle.clone(),
                peers: oracle.clone(),
                partition: PARTITION.to_owned(),
                timing: timing(self.file.block_millis),
                floor: self.floor.clone(),
                shelf: Arc::clone(&self.shelf),
                keep_blocks: self.file.keep_blocks,
                witness,
            };
            let mut running = member::start(context.child("member"), setup, networks).await?;
            running.add(peers);
            let node = Arc::clone(host.follower().node());
            let certifier = MemberCertifier {
                engine: Arc::downgrade(&engine),
                marshal: running.marshal.clone(),
                epochs: self.epochs.clone(),
            };
            node.certifier.set(Arc::new(certifier));
            let receiving = gossip::receive(receiver, sender.clone(), Arc::clone(&node));
            context.child("gossip").spawn(|_| receiving);
            let ending = Arc::clone(&self.ending);
            let sending = context.child("gossip_sender").dedicated();
            sending.spawn(move |_| async move { gossip::send(sender, &accepted, &node, &ending) });
            let mut chores =
                Chores::new(&self, Arc::clone(host.follower().node()), offences, oracle);
            let child = context.child("chores");
            let doing = child.spawn(move |context| async move { chores.run(&context).await });
            running.add(doing);
            let ended = self.watch(&context, &mut running).await;
            // The runtime waits for the thread that sends transactions, which looks at this.
            self.ending.store(true, Ordering::Relaxed);
            host.follower().node().certifier.clear();
            running.stop().await;
            ended
        })
    }

    /// Waits until the member is to end, or does by itself.
    async fn watch(
        &self,
        context: &runtime::Context,
        running: &mut Running,
    ) -> Result<(), RunError> {
        loop {
            if self.ending.load(Ordering::Relaxed) {
                return Ok(());
            }
            let has_ended = {
                let ended = std::pin::pin!(running.ended());
                let waited = std::pin::pin!(context.sleep(WATCH));
                matches!(select(ended, waited).await, Either::Left(_))
            };
            if has_ended {
                let why = running.failure.get();
                let why = why.unwrap_or_else(|| "a part of consensus has ended".to_owned());
                return Err(RunError::Ended(why));
            }
        }
    }
}

/// What proves a member's blocks to clients, on threads of theirs.
struct MemberCertifier {
    engine: Weak<ChainEngine<NodeHost>>,
    marshal: Mailbox<Scheme, Standard<Block>>,
    epochs: Epochs,
}

impl Certify for MemberCertifier {
    fn proof(&self, address: &Address) -> Result<Option<Vec<u8>>, String> {
        let engine = self.engine.upgrade().ok_or("the member is ending")?;
        let proof = block_on(certify(&*engine, &self.marshal, address));
        proof.map_err(|error| error.to_string())
    }

    fn passage(&self, epoch: u64) -> Option<Vec<u8>> {
        self.epochs.passage(epoch).map(|passage| passage.to_vec())
    }
}

/// The times of a member that makes blocks at this pace.
fn timing(block_millis: u64) -> Timing {
    let block_interval = Duration::from_millis(block_millis);
    Timing {
        block_interval,
        leader: Timing::STANDARD.leader.saturating_add(block_interval),
        certification: Timing::STANDARD
            .certification
            .saturating_add(block_interval),
        ..Timing::STANDARD
    }
}

/// The engine panics where its port is taken, and does not say which.
fn check_free(listen: SocketAddr) -> Result<(), RunError> {
    let bound = TcpListener::bind(listen);
    let what = format!("cannot listen at {listen} for other members");
    bound.map(drop).map_err(system(what))
}

fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> RunError {
    let what = what.into();
    move |source| RunError::System { what, source }
}

/// A wallet's key as the engine has it.
fn engine_key(wallet: &SigningKey) -> Result<PrivateKey, RunError> {
    let bytes: [u8; 32] = (*wallet).into();
    let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "the bytes are no secret key");
    let key = PrivateKey::decode(Copying(&bytes)).map_err(wrong);
    key.map_err(system("the member's key"))
}

pub(crate) fn peers(file: &MemberFile) -> Result<Vec<(PublicKey, SocketAddr)>, ConfigError> {
    let peers = file.peers.iter();
    peers.map(|peer| Ok((peer.key()?, peer.address))).collect()
}

/// Where a member's files are; the directory is made if it is missing.
fn places(file: &MemberFile) -> Result<Places, RunError> {
    let directory = &file.directory;
    std::fs::create_dir_all(directory).map_err(system(format!("{}", directory.display())))?;
    Ok(Places {
        ledger: directory.join(LEDGER_FOLDER),
        consensus: directory.join(CONSENSUS_FOLDER),
        snapshot: directory.join(SNAPSHOT_FOLDER),
    })
}

/// Opens the ledger of a member, or makes it.
fn open_ledger(
    file: &MemberFile,
    path: &Path,
    genesis: Genesis,
    first: &BlockHeader,
    options: ChainOptions,
) -> Result<Ledger, RunError> {
    let (disk, trie) = DiskStore::open(path, DiskOptions::default(), &options.threads)?;
    if let Some(stored) = disk.block(0)?
        && stored.record.block_id != first.id()
    {
        return Err(RunError::OtherNetwork {
            path: path.to_owned(),
            expected: first.id().to_string(),
            found: stored.record.block_id.to_string(),
        });
    }
    let store = Arc::new(CachedStore::new(disk, CACHE_SIZE));
    let chain = Chain::open(store, trie, genesis, options)?;
    keep_genesis(&chain, path)?;
    let faucet = file.faucet_key.as_deref().map(read_key).transpose();
    Ok(Ledger {
        chain,
        faucet: faucet.map_err(system("the key of the faucet"))?,
        history: Some(path.join(HISTORY_FOLDER)),
    })
}

/// Keeps the first state of a new ledger beside it, at which `lockstep verify` begins.
fn keep_genesis(chain: &Chain, path: &Path) -> Result<(), RunError> {
    let (file, unfinished) = (path.join(GENESIS_FILE), path.join("genesis.new"));
    if chain.head().1.slot > 0 || file.exists() {
        return Ok(());
    }
    let failed = |source: io::Error| RunError::System {
        what: format!("{}", file.display()),
        source,
    };
    let mut out = BufWriter::new(File::create(&unfinished).map_err(failed)?);
    let exported = chain.export(&mut out, &mut |_| ());
    exported.map_err(|error| failed(io::Error::other(error)))?;
    let out = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    out.sync_all().map_err(failed)?;
    fs::rename(unfinished, &file).map_err(failed)
}
