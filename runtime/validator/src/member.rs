//! A member of a network: consensus, marshal and the application, put together.
//!
//! ```text
//! peers --votes, certificates, requests--> simplex --activity--> marshal --final blocks--> ledger
//!       --blocks-------------------------> buffer ---blocks----^   |
//!       --missing blocks----------------------------------------^  propose, verify: application
//! ```
//! Everything here is generic over runtime and network, so that the same member runs in the
//! deterministic simulation and on sockets.

use std::{fmt, sync::Arc};

use commonware_broadcast::buffered;
use commonware_consensus::{
    CertifiableAutomaton, Relay, Reporter,
    marshal::{
        Config as MarshalConfig, Start,
        core::{Actor, Mailbox},
        resolver::p2p as backfill,
        standard::{Inline, Standard},
    },
    simplex::{
        self, Floor, ForwardPolicy, SkipBudget, SkipPolicy,
        scheme::ed25519::Scheme,
        types::{Activity, Context, Finalization},
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{
    Digested, Digestible as _, Signer as _,
    certificate::{ConstantProvider, Verifier as _},
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_storage::{
    archive::{Error as ArchiveError, prunable},
    translator::EightCap,
};
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize};
use futures::future::select_all;
use lockstep_runtime::block::{BlockHeader, BlockLimits};
use rand_core::CryptoRng;
use thiserror::Error;

use crate::{
    application::Application,
    block::{Block, BlockDigest, BlockSize, block_size},
    elector::StakeElector,
    engine::BlockEngine,
    failure::Failure,
    finaliser::Finaliser,
    limits::{
        ARCHIVE_SECTION_ITEMS, BLOCKS_PER_SENDER_MAX, FINALISED_WAITING_MAX, MAILBOX_SIZE,
        PAGE_COUNT, PAGE_SIZE, REPAIR_COUNT_MAX, REPLAY_BUFFER_SIZE, Timing, VIEW_RETENTION,
        WRITE_BUFFER_SIZE,
    },
    members::{Members, namespace},
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
    /// Its key. One that is no member's follows the network, and never votes.
    pub key: PrivateKey,
    /// The members of the network.
    pub members: Members,
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
}

impl<B, P> fmt::Debug for Setup<B, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Setup")
            .field("key", &self.key.public_key())
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
    let genesis_id = setup.genesis.id();
    let scheme = setup.members.scheme(&genesis_id, Some(setup.key.clone()));
    let genesis = Block::genesis(&setup.genesis).digested();
    let genesis_digest = genesis.digest();
    let failure = Failure::default();
    let cache = CacheRef::new(NZU16!(PAGE_SIZE), NZUsize!(PAGE_COUNT));
    let archives = open_archives(&context, &setup, &cache).await?;
    let config = marshal_config(&setup, scheme.clone(), genesis, cache.clone());
    let child = context.child("marshal");
    let (marshal, mailbox, floor) = Actor::init(child, archives.0, archives.1, config).await;
    let acknowledged = floor.processed().map_or(0, |floor| floor.height().get());
    let ledger = setup.engine.head().1.slot;
    if ledger < acknowledged {
        return Err(StartError::LostWrite {
            ledger,
            acknowledged,
        });
    }
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
        epochs(),
    );
    let engine = Arc::clone(&setup.engine);
    let noted = failure.clone();
    let maker = Maker {
        shelf: Arc::clone(&setup.shelf),
        marshal: mailbox.clone(),
        keep_blocks: setup.keep_blocks,
    };
    maker.shelf.set_tip(ledger);
    let committing = context
        .child("finaliser")
        .spawn(move |context| queue.run(context, engine, maker, noted));
    let shelf = Arc::clone(&setup.shelf);
    let serving = context
        .child("snapshots")
        .spawn(move |context| serve(context, networks.snapshots, shelf));
    let config = consensus_config(setup, scheme, genesis_digest, inline, cache);
    let simplex = simplex::Engine::new(context.child("simplex"), config);
    let handles = vec![
        committing,
        serving,
        buffer.start(networks.blocks),
        marshal.start(finaliser, blocks, resolver),
        simplex.start(networks.votes, networks.certificates, networks.requests),
    ];
    Ok(Running {
        marshal: mailbox,
        failure,
        handles,
    })
}

/// How agreement is reached, with `inline` as what is asked and told of it.
fn consensus_config<B, P, A>(
    setup: Setup<B, P>,
    scheme: Scheme,
    genesis: BlockDigest,
    inline: A,
    cache: CacheRef,
) -> simplex::Config<Scheme, StakeElector, B, BlockDigest, A, A, A, Sequential>
where
    B: Blocker<PublicKey = PublicKey>,
    A: CertifiableAutomaton<Context = Context<BlockDigest, PublicKey>>
        + Relay
        + Reporter<Activity = Activity<Scheme, BlockDigest>>,
{
    let namespace = namespace(&setup.genesis.id());
    simplex::Config {
        scheme,
        elector: StakeElector::new(&namespace, &setup.members),
        blocker: setup.blocker,
        automaton: inline.clone(),
        relay: inline.clone(),
        reporter: inline,
        track_historical_votes: false,
        strategy: Sequential,
        partition: format!("{}-simplex", setup.partition),
        mailbox_size: NZUsize!(MAILBOX_SIZE),
        epoch: Epoch::zero(),
        // The journal knows of later ones.
        floor: setup
            .floor
            .map_or(Floor::Genesis(genesis), Floor::Finalized),
        replay_buffer: NZUsize!(REPLAY_BUFFER_SIZE),
        write_buffer: NZUsize!(WRITE_BUFFER_SIZE),
        page_cache: cache,
        leader_timeout: setup.timing.leader,
        certification_timeout: setup.timing.certification,
        timeout_retry: setup.timing.retry,
        view_retention: ViewDelta::new(VIEW_RETENTION),
        skip: SkipPolicy::Enabled {
            timeout: setup.timing.skip,
            budget: SkipBudget::Participants,
        },
        fetch_timeout: NZDuration!(setup.timing.fetch),
        fetch_retry_delay: setup.timing.fetch / 4,
        forward: ForwardPolicy::SilentVoters,
    }
}

/// One epoch for ever.
fn epochs() -> FixedEpocher {
    FixedEpocher::new(NZU64!(u64::MAX))
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

type Schemes = ConstantProvider<Scheme, Epoch>;
type Marshal = MarshalConfig<Schemes, FixedEpocher, Sequential, Block, Digested<Block>>;

fn marshal_config<B, P>(
    setup: &Setup<B, P>,
    scheme: Scheme,
    genesis: Digested<Block>,
    cache: CacheRef,
) -> Marshal {
    MarshalConfig {
        provider: ConstantProvider::new(scheme),
        epocher: epochs(),
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
        public_key: setup.key.public_key(),
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
        public_key: setup.key.public_key(),
        peer_provider: setup.peers.clone(),
        blocker: setup.blocker.clone(),
        mailbox_size: NZUsize!(MAILBOX_SIZE),
        fetch_timeout: NZDuration!(setup.timing.fetch),
        fetch_retry_delay: setup.timing.fetch / 4,
        priority_requests: false,
        priority_responses: false,
    }
}
