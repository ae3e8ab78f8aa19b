//! A running node: its chain, what is known of the past, and the threads that keep it going.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

use lockstep_interface::{Address, Hash};
use lockstep_runtime::{
    bank::FrozenBank,
    chain::{Chain, UnknownBlock, View},
    mempool::{Mempool, MempoolLimits},
    wire::SigningKey,
};
use lockstep_store::{StoreError, sync::Shared};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::sync::broadcast;

use crate::{
    content::{Content, ContentError, logged_height},
    history::{History, HistoryError, Keep, Logged},
    intake::{Intake, Outlet, Work},
    leader::{Leader, LeaderError, Pace, Published, Publisher, Warp},
    ledger::{Ledger, LedgerError},
    limits::{BLOCKS_WAITING_MAX, ONWARD_WAITING_MAX},
    recent::{Head, Recent},
    samples::Samples,
    subscribers::Subscribers,
};

/// How a node works.
#[derive(Clone, Copy, Debug)]
pub struct NodeOptions {
    /// When blocks are made.
    pub pace: Pace,
    /// Slots whose blocks are kept; all if 0.
    pub keep_slots: u64,
    /// Bytes of blocks and results that are kept; all if 0.
    pub keep_bytes: u64,
    /// Whether methods that only tests need are there.
    pub is_dev: bool,
}

/// Why a node does not start, or has ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The history cannot be opened.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The leader gave up.
    #[error(transparent)]
    Leader(#[from] LeaderError),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The newest block is gone.
    #[error(transparent)]
    Unknown(#[from] UnknownBlock),
    /// A port cannot be listened on, or a thread not be started.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A thread panicked: a bug.
    #[error("the {0} thread panicked")]
    Panicked(&'static str),
}

/// What certifies blocks: a member of a network. Its proofs are those of
/// [`lockstep-light`](../../light).
pub trait Certify: Send + Sync {
    /// The certified proof of an account; `None` if the newest block has no certificate yet.
    ///
    /// # Errors
    /// If the state cannot be read.
    fn proof(&self, address: &Address) -> Result<Option<Vec<u8>>, String>;

    /// What proves the members of the epoch behind this one; `None` while this one lasts.
    fn passage(&self, epoch: u64) -> Option<Vec<u8>>;
}

/// What certifies a node's blocks, if it is a member of a network.
#[derive(Default)]
pub struct Certifier(Shared<Option<Arc<dyn Certify>>>);

impl Certifier {
    /// From now on proofs are made by this.
    pub fn set(&self, certify: Arc<dyn Certify>) {
        *self.0.write() = Some(certify);
    }

    /// What makes proofs.
    pub fn get(&self) -> Option<Arc<dyn Certify>> {
        self.0.read().clone()
    }

    /// No more proofs are made.
    pub fn clear(&self) {
        *self.0.write() = None;
    }
}

impl fmt::Debug for Certifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Certifier").finish_non_exhaustive()
    }
}

/// What all threads and connections of a node share.
#[derive(Debug)]
pub struct Node {
    /// The chain.
    pub chain: Chain,
    /// The newest blocks.
    pub recent: Recent,
    /// The past.
    pub history: History,
    /// Where transactions go.
    pub intake: Intake,
    /// Durable blocks.
    pub published: broadcast::Sender<Arc<Published>>,
    /// Where these go.
    pub subscribers: Subscribers,
    /// What the chain did lately.
    pub samples: Samples,
    /// The key that airdrops come from.
    pub faucet: Option<SigningKey>,
    /// Id of the genesis block.
    pub genesis_hash: Hash,
    /// What the node is called by; nothing is signed with it.
    pub identity: Address,
    /// What certifies its blocks.
    pub certifier: Certifier,
    /// What tests do to time.
    pub warp: Warp,
    /// How it works.
    pub options: NodeOptions,
    /// Where the ledger is; `None` in memory.
    pub history_path: Option<PathBuf>,
    pub(crate) pool: Shared<Mempool>,
    pub(crate) tip: Shared<Arc<FrozenBank>>,
    pub(crate) ending: AtomicBool,
    /// Makes airdrops differ.
    pub(crate) airdrops: AtomicU32,
    /// Subscriptions of all connections.
    pub(crate) subscriptions: AtomicUsize,
}

impl Node {
    /// The state after the newest durable block.
    ///
    /// # Errors
    /// If the chain has stopped.
    pub fn view(&self) -> Result<View, UnknownBlock> {
        // Between the two calls another block may have become final.
        let mut result = self.chain.view(&self.chain.head().0);
        for _ in 0..8 {
            if result.is_ok() {
                break;
            }
            result = self.chain.view(&self.chain.head().0);
        }
        result
    }

    /// The transactions that wait for a block.
    pub fn pool(&self) -> &Shared<Mempool> {
        &self.pool
    }

    /// The newest durable block.
    pub fn head(&self) -> Head {
        self.recent.head()
    }

    /// The block of a slot, of memory or of the log.
    ///
    /// # Errors
    /// If the store fails or the log is damaged.
    pub fn block(&self, slot: u64) -> Result<Option<Arc<Content>>, BlockReadError> {
        if let Some(content) = self.recent.block(slot) {
            return Ok(Some(content));
        }
        let stored = self.chain.store().block(slot)?;
        let content = stored.map(|stored| Content::of_stored(&stored));
        Ok(content.transpose()?.map(Arc::new))
    }

    /// Where a transaction is.
    ///
    /// # Errors
    /// If the history fails.
    pub fn spot(&self, signature: &[u8; 64]) -> Result<Option<(u64, u32)>, HistoryError> {
        match self.recent.status(signature) {
            Some(status) => Ok(Some((status.slot, status.place))),
            None => self.history.spot(signature),
        }
    }

    /// Asks the node to end, since what decides on its blocks has.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// True once the node has been asked to end, or its leader has given up.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

/// Why a block was not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BlockReadError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is damaged.
    #[error(transparent)]
    Content(#[from] ContentError),
}

/// A node with its threads.
#[derive(Debug)]
pub struct Running {
    /// The node.
    pub node: Arc<Node>,
    /// What makes blocks; `None` if they are decided on elsewhere.
    leader: Option<JoinHandle<Result<(), LeaderError>>>,
    others: Vec<(&'static str, JoinHandle<()>)>,
}

impl Running {
    /// Starts a node on a ledger, whose blocks it makes itself.
    ///
    /// # Errors
    /// If the history cannot be opened, or the system refuses a thread.
    pub fn start(ledger: Ledger, options: NodeOptions) -> Result<Self, NodeError> {
        let Opened {
            node,
            missing,
            outlet,
        } = Opened::of(ledger, options)?;
        let (to_history, slots) = channel();
        let (full, fulls) = sync_channel(1);
        let others = node.spawn(missing, slots, outlet, full, None)?;
        let leading = Arc::clone(&node);
        let leader = thread("leader", move || {
            let made = leading.leader(to_history).run(fulls);
            leading.ending.store(true, Ordering::Relaxed);
            made
        })?;
        Ok(Self {
            node,
            leader: Some(leader),
            others,
        })
    }

    /// Starts a node on a ledger, whose blocks are told to it.
    pub(crate) fn follow(ledger: Ledger, options: NodeOptions) -> Result<Following, NodeError> {
        let Opened {
            node,
            missing,
            outlet,
        } = Opened::of(ledger, options)?;
        let (to_history, slots) = channel();
        let (full, _) = sync_channel(1);
        let (onward, accepted) = sync_channel(ONWARD_WAITING_MAX);
        let others = node.spawn(missing, slots, outlet, full, Some(onward))?;
        let running = Self {
            node,
            leader: None,
            others,
        };
        Ok(Following {
            running,
            to_history,
            accepted,
        })
    }

    /// Asks the node to end, and waits until its last block is durable and indexed.
    ///
    /// # Errors
    /// If the leader had given up, or a thread panicked.
    pub fn stop(self) -> Result<(), NodeError> {
        self.node.ending.store(true, Ordering::Relaxed);
        let made = self.leader.map_or(Ok(Ok(())), JoinHandle::join);
        for (name, thread) in self.others {
            thread.join().map_err(|_| NodeError::Panicked(name))?;
        }
        made.map_err(|_| NodeError::Panicked("leader"))??;
        if let Err(error) = self.node.chain.keep_trie() {
            tracing::warn!(%error, "the next start reads all accounts");
        }
        Ok(())
    }

    /// True once the leader has given up, and [`Running::stop`] tells why; or once what decides on
    /// blocks has.
    pub fn has_failed(&self) -> bool {
        match &self.leader {
            Some(leader) => leader.is_finished(),
            None => self.node.is_ending(),
        }
    }
}

/// A node whose blocks are told to it.
pub(crate) struct Following {
    pub(crate) running: Running,
    /// Where the history is told of blocks.
    pub(crate) to_history: Sender<Logged>,
    /// Transactions of clients that are in the pool.
    pub(crate) accepted: Receiver<Vec<u8>>,
}

/// A node before its threads.
struct Opened {
    node: Arc<Node>,
    /// Slots that the history lacks.
    missing: Vec<u64>,
    outlet: Outlet,
}

impl Opened {
    fn of(ledger: Ledger, options: NodeOptions) -> Result<Self, NodeError> {
        let Ledger {
            chain,
            faucet,
            history: history_path,
        } = ledger;
        let (head_id, header) = chain.head();
        let stored = chain.store().block(header.slot)?;
        let height = stored.and_then(|stored| match stored.body.is_empty() {
            true => Some(0),
            false => logged_height(&stored.body),
        });
        let recent = Recent::default();
        recent.begin(Head {
            slot: header.slot,
            height: height.unwrap_or(header.slot),
        });
        let history = History::open(
            history_path.as_deref(),
            &**chain.store(),
            Keep {
                slots: options.keep_slots,
                bytes: options.keep_bytes,
            },
        )?;
        let missing = history.missing(&**chain.store())?;
        let limits = MempoolLimits {
            block: *chain.limits(),
            ..MempoolLimits::STANDARD
        };
        let genesis_hash = genesis_hash(&chain)?;
        let tip = chain.bank(&head_id)?;
        let (intake, outlet) = Intake::new();
        let (published, _) = broadcast::channel(BLOCKS_WAITING_MAX);
        let node = Arc::new(Node {
            recent,
            history,
            intake,
            published,
            subscribers: Subscribers::default(),
            samples: Samples::new(),
            faucet,
            identity: identity(&genesis_hash),
            genesis_hash,
            certifier: Certifier::default(),
            warp: Warp::default(),
            options,
            history_path,
            pool: Shared::new(Mempool::new(limits)),
            tip: Shared::new(tip),
            ending: AtomicBool::new(false),
            airdrops: AtomicU32::new(0),
            subscriptions: AtomicUsize::new(0),
            chain,
        });
        Ok(Self {
            node,
            missing,
            outlet,
        })
    }
}

impl Node {
    /// Starts the threads of history and intake.
    fn spawn(
        self: &Arc<Self>,
        missing: Vec<u64>,
        slots: Receiver<Logged>,
        outlet: Outlet,
        full: SyncSender<()>,
        onward: Option<SyncSender<Vec<u8>>>,
    ) -> Result<Vec<(&'static str, JoinHandle<()>)>, NodeError> {
        let node = Arc::clone(self);
        let history = thread("history", move || {
            let store = node.chain.store();
            let ran = node.history.run(missing, &slots, &node.recent, store);
            if let Err(error) = ran {
                tracing::error!(%error, "the history has stopped");
            }
        })?;
        let node = Arc::clone(self);
        let intake = thread("intake", move || {
            outlet.run(&Work {
                chain: &node.chain,
                pool: &node.pool,
                tip: &node.tip,
                full,
                onward,
                ending: &node.ending,
            });
        })?;
        Ok(vec![("history", history), ("intake", intake)])
    }

    /// Whether no block ever leaves the log.
    pub(crate) fn keeps_all(&self) -> bool {
        self.options.keep_slots == 0 && self.options.keep_bytes == 0
    }

    /// Where this node's durable blocks are told of.
    pub(crate) fn publisher(&self, to_history: Sender<Logged>) -> Publisher<'_> {
        Publisher {
            recent: &self.recent,
            samples: &self.samples,
            published: &self.published,
            to_history,
        }
    }

    fn leader(&self, to_history: Sender<Logged>) -> Leader<'_> {
        Leader {
            chain: &self.chain,
            pool: &self.pool,
            tip: &self.tip,
            history: &self.history,
            publisher: self.publisher(to_history),
            warp: &self.warp,
            pace: self.options.pace,
            keeps_all: self.keeps_all(),
            ending: &self.ending,
        }
    }
}

fn thread<R: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<JoinHandle<R>, NodeError> {
    let builder = thread::Builder::new().name(format!("node-{name}"));
    builder.spawn(work).map_err(|source| NodeError::System {
        what: format!("cannot start the {name} thread"),
        source,
    })
}

/// The id of the first block. A ledger that has forgotten it goes by its parameters.
fn genesis_hash(chain: &Chain) -> Result<Hash, StoreError> {
    if let Some(first) = chain.store().block(chain.parameters().slot)? {
        return Ok(first.record.block_id);
    }
    let kept = chain.store().parameters()?.unwrap_or_default();
    Ok(Hash::new_from_array(Sha256::digest(kept).into()))
}

/// An address that stands for the node.
fn identity(genesis: &Hash) -> Address {
    let digest = Sha256::new_with_prefix(b"lockstep node").chain_update(genesis);
    Address::new_from_array(digest.finalize().into())
}
