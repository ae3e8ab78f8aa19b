//! A member of a network: consensus, marshal and the application, put together.
//!
//! ```text
//! peers --votes, certificates, requests--> simplex --activity--> marshal --final blocks--> ledger
//!       --blocks-------------------------> buffer ---blocks----^   |   ends of epochs--v
//!       --missing blocks----------------------------------------^  |  rotation: the next simplex
//!                                                                  propose, verify: application
//! ```
//! Everything here is generic over runtime and network, so that the same member runs in the
//! deterministic simulation and on sockets.

use std::{fmt, sync::Arc};

use commonware_broadcast::buffered;
use commonware_consensus::{
    marshal::{
        Config as MarshalConfig, Start,
        core::{Actor, Mailbox},
        resolver::p2p as backfill,
        standard::{Inline, Standard},
    },
    simplex::{scheme::ed25519::Scheme, types::Finalization},
    types::{FixedEpocher, ViewDelta},
};
use commonware_cryptography::{
    Digested, Signer as _, certificate::Verifier as _, ed25519::PublicKey,
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_storage::{
    archive::{Error as ArchiveError, prunable},
    translator::EightCap,
};
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize};
use futures::{channel::mpsc, future::select_all};
use lockstep_runtime::block::{BlockHeader, BlockLimits};
use rand_core::CryptoRng;
use thiserror::Error;

use crate::{
    application::Application,
    block::{Block, BlockDigest, BlockSize, block_size},
    crossing::Crossing,
    engine::BlockEngine,
    epochs::Epochs,
    evidence::Witness,
    failure::Failure,
    finaliser::Finaliser,
    limits::{
        ARCHIVE_SECTION_ITEMS, BLOCKS_PER_SENDER_MAX, FINALISED_WAITING_MAX, MAILBOX_SIZE,
        PAGE_COUNT, PAGE_SIZE, REPAIR_COUNT_MAX, REPLAY_BUFFER_SIZE, Timing, VIEW_RETENTION,
        WRITE_BUFFER_SIZE,
    },
    passages::{Passages, PassagesError},
    rotation::Rotation,
    snapshot::{Maker, offer::Certificate, serve, shelf::Shelf},
};

/// The channels of a member, by number.
pub mod channels {
    /// Votes.
    pub const VOTES: u64 = 0;
    /// Certificates.
    pub const CERTIFICATES: u64 = 1;
    /// Requests for certificates.
    pub const REQUESTS: u64 = 2;
    /// Blocks of leaders.
    pub const BLOCKS: u64 = 3;
    /// Requests for blocks.
    pub const BACKFILL: u64 = 4;
    /// Transactions.
    pub const TRANSACTIONS: u64 = 5;
    /// Snapshots.
    pub const SNAPSHOTS: u64 = 6;
}

/// The two ends of each channel of consensus.
#[derive(Debug)]
pub struct Networks<S, R> {
    /// Votes.
    pub votes: (S, R),
    /// Certificates.
    pub certificates: (S, R),
    /// Requests for certificates.
    pub requests: (S, R),
    /// Blocks of leaders.
    pub blocks: (S, R),
    /// Requests for blocks.
    pub backfill: (S, R),
    /// Snapshots.
    pub snapshots: (S, R),
}

/// What a member is made of.
pub struct Setup<B, P> {
    /// The members of the network, epoch by epoch, and the key of this one. One that is in no
    /// epoch's set follows the network, and never votes.
    pub epochs: Epochs,
    /// The header of the chain's first block, to which all signatures are bound.
    pub genesis: BlockHeader,
    /// The chain's limits of blocks.
    pub limits: BlockLimits,
    /// The ledger.
    pub engine: Arc<dyn BlockEngine>,
    /// What keeps peers away that break the protocol.
    pub blocker: B,
    /// What tells which peers there are.
    pub peers: P,
    /// What the names of the engine's files begin with.
    pub partition: String,
    /// How long it waits.
    pub timing: Timing,
    /// The certificate of the block whose state the ledger began with; `None` if it began with the
    /// genesis.
    pub floor: Option<Certificate>,
    /// The snapshots that it has for others.
    pub shelf: Arc<Shelf>,
    /// Final blocks that it keeps for others, at least.
    pub keep_blocks: u64,
    /// Told of members that vote twice.
    pub witness: Witness,
}

impl<B, P> fmt::Debug for Setup<B, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Setup")
            .field("epochs", &self.epochs)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

/// Why a member does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The archives of the engine cannot be opened.
    #[error("the archives of consensus: {0}")]
    Archive(#[from] ArchiveError),
    /// The proofs of past sets of members are of no use.
    #[error(transparent)]
    Passages(#[from] PassagesError),
    /// They do not reach the epoch of the ledger.
    #[error(
        "the members are known up to epoch {known}, and the ledger ends in epoch {ledger}: files of \
         consensus were lost; remove both the ledger and the directory of consensus, and let the \
         member join again"
    )]
    EpochUnknown {
        /// The last known epoch.
        known: u64,
        /// The epoch of the ledger's newest block.
        ledger: u64,
    },
    /// The ledger lacks blocks that it acknowledged.
    #[error(
        "the ledger ends at slot {ledger}, and consensus knows that it was durable up to slot \
         {acknowledged}: a write was lost, or the ledger was replaced by an older copy; remove \
         both the ledger and the directory of consensus, and let the member join again"
    )]
    LostWrite {
        /// The slot of the ledger's newest block.
        ledger: u64,
        /// The newest acknowledged one.
        acknowledged: u64,
    },
}

/// A member that runs. Its tasks end when it is dropped together with the context that it was
/// started from, or by [`Running::stop`].
pub struct Running {
    /// Final blocks and their certificates.
    pub marshal: Mailbox<Scheme, Standard<Block>>,
    /// Why it cannot go on, once it cannot.
    pub failure: Failure,
    handles: Vec<Handle<()>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Running");
        shown
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Ends all tasks at once, as a crash would.
    pub async fn stop(self) {
        for handle in &self.handles {
            handle.abort();
        }
        for handle in self.handles {
            // Fails because it was aborted.
            let _ = handle.await;
        }
    }

    /// Counts another task as one of the member's: if it ends, so does the member.
    pub fn add(&mut self, task: Handle<()>) {
        self.handles.push(task);
    }

    /// Waits until one of the tasks ends, which none does while all is well.
    pub async fn ended(&mut self) {
        let (_, place, _) = select_all(&mut self.handles).await;
        drop(self.handles.swap_remove(place));
    }
}

/// Starts a member.
///
/// # Errors
/// If the engine's files cannot be opened, or do not go with the ledger.
pub async fn start<E, B, P, S, R>(
    context: E,
    setup: Setup<B, P>,
    networks: Networks<S, R>,
) -> Result<Running, StartError>
where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
    B: Blocker<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let passages = open_passages(&context, &setup).await?;
    let ledger = setup.engine.head().1.slot;
    let genesis = Block::genesis(&setup.genesis).digested();
    let failure = Failure::default();
    let cache = CacheRef::new(NZU16!(PAGE_SIZE), NZUsize!(PAGE_COUNT));
    let archives = open_archives(&context, &setup, &cache).await?;
    let config = marshal_config(&setup, genesis, cache.clone());
    let child = context.child("marshal");
    let (marshal, mailbox, floor) = Actor::init(child, archives.0, archives.1, config).await;
    let acknowledged = floor.processed().map_or(0, |floor| floor.height().get());
    expect_durable(ledger, acknowledged)?;
    let (buffer, blocks) = buffered::Engine::new(context.child("buffer"), buffer_config(&setup));
    let resolver = backfill::init(
        context.child("backfill"),
        backfill_config(&setup),
        networks.backfill,
    );
    let (finaliser, queue) = Finaliser::new();
    let application = Application::new(Arc::clone(&setup.engine), &setup.timing, failure.clone());
    let inline = Inline::new(
        context.child("application"),
        application,
        mailbox.clone(),
        setup.epochs.epocher(),
    );
    let (entered, entering) = mpsc::unbounded();
    let crossing = Crossing {
        epochs: setup.epochs.clone(),
        marshal: mailbox.clone(),
        passages,
        entered,
    };
    let maker = Maker {
        shelf: Arc::clone(&setup.shelf),
        marshal: mailbox.clone(),
        keep_blocks: setup.keep_blocks,
    };
    maker.shelf.set_tip(ledger);
    let (engine, noted) = (Arc::clone(&setup.engine), failure.clone());
    let committing = context
        .child("finaliser")
        .spawn(move |context| queue.run(context, engine, (maker, crossing), noted));
    let shown = (Arc::clone(&setup.shelf), setup.epochs.clone());
    let serving = context
        .child("snapshots")
        .spawn(move |context| serve(context, networks.snapshots, shown));
    let rotation = Rotation {
        epoch: setup.epochs.containing(ledger.saturating_add(1)),
        epochs: setup.epochs,
        blocker: setup.blocker,
        automaton: inline,
        witness: setup.witness,
        marshal: mailbox.clone(),
        partition: setup.partition,
        timing: setup.timing,
        floor: setup.floor,
        cache,
        entered: entering,
    };
    let channels = [networks.votes, networks.certificates, networks.requests];
    let agreeing = context
        .child("rotation")
        .spawn(move |context| rotation.run(context, channels));
    let handles = vec![
        committing,
        serving,
        buffer.start(networks.blocks),
        marshal.start(finaliser, blocks, resolver),
        agreeing,
    ];
    Ok(Running {
        marshal: mailbox,
        failure,
        handles,
    })
}

/// What consensus knows to be durable must be in the ledger.
fn expect_durable(ledger: u64, acknowledged: u64) -> Result<(), StartError> {
    match ledger < acknowledged {
        true => Err(StartError::LostWrite {
            ledger,
            acknowledged,
        }),
        false => Ok(()),
    }
}

/// Opens the proofs of past sets of members, which must reach the epoch of the ledger.
async fn open_passages<E, B, P>(context: &E, setup: &Setup<B, P>) -> Result<Passages<E>, StartError>
where
    E: Clock + Storage + Metrics,
{
    let epochs = &setup.epochs;
    let passages = Passages::open(context.child("passages"), &setup.partition, epochs).await?;
    let passages = passages.save(epochs).await.map_err(PassagesError::from)?;
    let known = epochs.latest().number;
    let ledger = epochs.containing(setup.engine.head().1.slot);
    if ledger > known {
        return Err(StartError::EpochUnknown { known, ledger });
    }
    Ok(passages)
}

type Archive<E, V> = prunable::Archive<EightCap, E, BlockDigest, V>;
type Certificates<E> = Archive<E, Finalization<Scheme, BlockDigest>>;

/// Opens the archives of certificates and of final blocks.
async fn open_archives<E, B, P>(
    context: &E,
    setup: &Setup<B, P>,
    cache: &CacheRef,
) -> Result<(Certificates<E>, Archive<E, Arc<Block>>), ArchiveError>
where
    E: Clock + Spawner + Storage + Metrics,
{
    let certificates = prunable::Archive::init(
        context.child("certificates"),
        archive_config(
            format!("{}-certificates", setup.partition),
            Scheme::certificate_codec_config_unbounded(),
            cache,
        ),
    );
    let certificates = certificates.await?;
    let blocks = prunable::Archive::init(
        context.child("blocks"),
        archive_config(
            format!("{}-blocks", setup.partition),
            block_size(&setup.limits),
            cache,
        ),
    );
    Ok((certificates, blocks.await?))
}

fn archive_config<C>(name: String, codec: C, cache: &CacheRef) -> prunable::Config<EightCap, C> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{name}-metadata"),
        key_partition: format!("{name}-keys"),
        key_page_cache: cache.clone(),
        value_partition: format!("{name}-values"),
        compression: None,
        codec_config: codec,
        items_per_section: NZU64!(ARCHIVE_SECTION_ITEMS),
        key_write_buffer: NZUsize!(WRITE_BUFFER_SIZE),
        value_write_buffer: NZUsize!(WRITE_BUFFER_SIZE),
        replay_buffer: NZUsize!(REPLAY_BUFFER_SIZE),
    }
}

type Marshal = MarshalConfig<Epochs, FixedEpocher, Sequential, Block, Digested<Block>>;

fn marshal_config<B, P>(setup: &Setup<B, P>, genesis: Digested<Block>, cache: CacheRef) -> Marshal {
    MarshalConfig {
        provider: setup.epochs.clone(),
        epocher: setup.epochs.epocher(),
        start: setup
            .floor
            .clone()
            .map_or(Start::Genesis(genesis), Start::Floor),
        partition_prefix: format!("{}-marshal", setup.partition),
        mailbox_size: NZUsize!(MAILBOX_SIZE),
        view_retention: ViewDelta::new(VIEW_RETENTION),
        prunable_items_per_section: NZU64!(ARCHIVE_SECTION_ITEMS),
        page_cache: cache,
        replay_buffer: NZUsize!(REPLAY_BUFFER_SIZE),
        key_write_buffer: NZUsize!(WRITE_BUFFER_SIZE),
        value_write_buffer: NZUsize!(WRITE_BUFFER_SIZE),
        block_codec_config: block_size(&setup.limits),
        max_repair: NZUsize!(REPAIR_COUNT_MAX),
        max_pending_acks: NZUsize!(FINALISED_WAITING_MAX),
        strategy: Sequential,
    }
}

fn buffer_config<B, P>(setup: &Setup<B, P>) -> buffered::Config<PublicKey, BlockSize, P, Sequential>
where
    P: Provider<PublicKey = PublicKey>,
{
    buffered::Config {
        public_key: setup.epochs.key().public_key(),
        mailbox_size: NZUsize!(MAILBOX_SIZE),
        deque_size: BLOCKS_PER_SENDER_MAX,
        priority: false,
        codec_config: block_size(&setup.limits),
        peer_provider: setup.peers.clone(),
        strategy: Sequential,
    }
}

fn backfill_config<B, P>(setup: &Setup<B, P>) -> backfill::Config<PublicKey, P, B>
where
    B: Blocker<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
{
    backfill::Config {
        public_key: setup.epochs.key().public_key(),
        peer_provider: setup.peers.clone(),
        blocker: setup.blocker.clone(),
        mailbox_size: NZUsize!(MAILBOX_SIZE),
        fetch_timeout: NZDuration!(setup.timing.fetch),
        fetch_retry_delay: setup.timing.fetch_retry(),
        priority_requests: false,
        priority_responses: false,
    }
}
