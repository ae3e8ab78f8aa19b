//! Simulated members: started, crashed, and started again on what they left.

use std::{
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use commonware_consensus::{
    marshal::{Identifier, core::Mailbox, standard::Standard},
    simplex::scheme::ed25519::Scheme,
    types::Height,
};
use commonware_cryptography::{Signer as _, ed25519::PublicKey};
use commonware_p2p::simulated::SplitForwarder;
use commonware_runtime::{Handle, Spawner as _, Supervisor as _};
use commonware_utils::sync::Mutex;
use futures::channel::mpsc::UnboundedReceiver;
use lockstep_interface::Instruction;
use lockstep_validator::{
    block::Block,
    duties::Duties,
    epochs::Epochs,
    evidence::{Offence, Witness},
    failure::Failure,
    limits::{KEEP_BLOCKS, SnapshotRules, Timing},
    member::{self, Setup, StartError},
    snapshot::{
        join::{JoinSetup, Joined, join as join_network},
        offer::Certificate,
        partial::{discard, stored_offer},
        shelf::Shelf,
    },
};

use crate::{
    ledger::{Judge, JudgedEngine, Ledger, Vice},
    network::{Context, Filter, Joined as Networks, Peers, join},
    world::World,
};

/// Short times, so that little simulated time shows much.
const TIMING: Timing = Timing {
    block_interval: Duration::from_millis(200),
    leader: Duration::from_millis(1_000),
    certification: Duration::from_millis(2_000),
    retry: Duration::from_millis(1_500),
    fetch: Duration::from_millis(500),
    skip: Duration::from_millis(8_000),
};

/// Small, so that a snapshot of few accounts has several chunks.
const RULES: SnapshotRules = SnapshotRules {
    interval: 4,
    chunk_size: 2 << 10,
};

type Marshal = Mailbox<Scheme, Standard<Block>>;

/// What a member that runs is made of.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) engine: Arc<JudgedEngine>,
    pub(crate) epochs: Epochs,
    duties: Arc<Mutex<(Duties, UnboundedReceiver<Offence>)>>,
    marshal: Marshal,
    failure: Failure,
}

/// A member that comes and goes.
pub(crate) struct SimMember {
    pub(crate) place: usize,
    world: World,
    pub(crate) ledger: Ledger,
    /// The ledger of the twin, if there is one.
    twin: Option<Ledger>,
    filter: Filter,
    handles: Vec<Handle<()>>,
    live: Arc<Mutex<Option<Live>>>,
    /// Why it did not start.
    pub(crate) refused: Arc<Mutex<Option<StartError>>>,
    starts: usize,
    /// Where its snapshots are.
    folder: PathBuf,
    /// Disks that it has lost.
    wipes: usize,
    /// Disks of which it took part again by a snapshot.
    pub(crate) joined: Arc<Mutex<usize>>,
}

impl SimMember {
    pub(crate) fn new(
        place: usize,
        world: &World,
        judge: &Arc<Judge>,
        vice: Vice,
        filter: Filter,
        folder: &Path,
    ) -> Self {
        let twin = matches!(filter, Filter::Halves(_) | Filter::Doubles(_));
        let judge = if twin { &Arc::default() } else { judge };
        Self {
            place,
            world: world.clone(),
            ledger: Ledger::new(place, world, judge, vice),
            // A judge of its own, since its blocks may differ from all others.
            twin: twin.then(|| Ledger::new(place, world, &Arc::default(), Vice::None)),
            filter,
            handles: Vec::new(),
            live: Arc::default(),
            refused: Arc::default(),
            starts: 0,
            folder: folder.join(format!("member-{place}")),
            wipes: 0,
            joined: Arc::default(),
        }
    }

    /// Ends it, and takes its disk away.
    pub(crate) async fn wipe(&mut self) {
        self.crash().await;
        self.wipes += 1;
        self.ledger.wipe();
        discard(&self.folder).unwrap();
    }

    /// Changes what it will send of its snapshots, behind the hashes that it offers.
    pub(crate) fn spoil_chunks(&self) {
        let Ok(files) = fs::read_dir(self.folder.join("one-shelf")) else {
            return;
        };
        for file in files {
            let file = fs::File::options().write(true).open(file.unwrap().path());
            file.unwrap().write_all_at(&[0xff; 8], 300).unwrap();
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        !self.handles.is_empty()
    }

    /// What it runs on, once it has started.
    pub(crate) fn live(&self) -> Option<Live> {
        self.live.lock().clone()
    }

    pub(crate) async fn start(&mut self, context: &Context, oracle: &Peers) {
        assert!(!self.is_up());
        self.starts += 1;
        let context = context
            .child("member")
            .with_attribute("place", self.place)
            .with_attribute("start", self.starts);
        let control = oracle.control(self.world.keys[self.place].public_key());
        let (first, second) = join(&context, &control, &self.filter).await;
        let live = Arc::clone(&self.live);
        self.handles
            .push(self.run(&context, oracle, "one", &self.ledger, first, live));
        if let (Some(twin), Some(networks)) = (&self.twin, second) {
            let handle = self.run(&context, oracle, "two", twin, networks, Arc::default());
            self.handles.push(handle);
        }
    }

    fn run<F: SplitForwarder<PublicKey>>(
        &self,
        context: &Context,
        oracle: &Peers,
        name: &'static str,
        ledger: &Ledger,
        networks: Networks<F>,
        live: Arc<Mutex<Option<Live>>>,
    ) -> Handle<()> {
        let begin = Begin {
            world: self.world.clone(),
            place: self.place,
            ledger: ledger.clone(),
            snapshot: self.folder.join(format!("{name}-snapshot")),
            partition: format!("member-{}-{name}-{}", self.place, self.wipes),
            epochs: self.epochs(),
            is_wiped: self.wipes > 0,
            joined: Arc::clone(&self.joined),
        };
        let shelf = self.folder.join(format!("{name}-shelf"));
        let shelf = Arc::new(Shelf::new(&shelf, RULES).unwrap());
        let key = &self.world.keys[self.place];
        let (blocker, peers) = (oracle.control(key.public_key()), oracle.manager());
        let refused = Arc::clone(&self.refused);
        context.child(name).spawn(move |mut context| async move {
            let mut networks = networks;
            let floor = begin.run(&mut context, &mut networks, blocker.clone());
            let floor = floor.await;
            let engine = begin.ledger.open();
            let (witness, offences) = Witness::new();
            let duties = Duties::new(begin.epochs.clone());
            let setup = Setup {
                epochs: begin.epochs.clone(),
                genesis: begin.world.first_header(),
                limits: *engine.chain().limits(),
                engine: Arc::clone(&engine) as _,
                blocker,
                peers,
                partition: begin.partition.clone(),
                timing: TIMING,
                floor,
                shelf,
                keep_blocks: KEEP_BLOCKS,
                witness,
            };
            match member::start(context, setup, networks).await {
                Ok(mut running) => {
                    *live.lock() = Some(Live {
                        engine,
                        epochs: begin.epochs.clone(),
                        duties: Arc::new(Mutex::new((duties, offences))),
                        marshal: running.marshal.clone(),
                        failure: running.failure.clone(),
                    });
                    running.ended().await;
                }
                Err(error) => *refused.lock() = Some(error),
            }
        })
    }

    /// What it knows of the members when it starts.
    fn epochs(&self) -> Epochs {
        Epochs::new(
            &self.world.first_header(),
            self.world.members.clone(),
            self.world.epoch_slots,
            self.world.keys[self.place].clone(),
        )
    }

    /// Ends it at once; what was not durable is gone.
    pub(crate) async fn crash(&mut self) {
        for handle in self.handles.drain(..) {
            handle.abort();
            // Fails because it was aborted.
            let _ = handle.await;
        }
        *self.live.lock() = None;
    }
}

/// Where a member begins.
struct Begin {
    world: World,
    place: usize,
    ledger: Ledger,
    snapshot: PathBuf,
    partition: String,
    epochs: Epochs,
    is_wiped: bool,
    joined: Arc<Mutex<usize>>,
}

impl Begin {
    /// Takes a snapshot if the disk is new, and gives the certificate that the ledger began with.
    async fn run<F: SplitForwarder<PublicKey>>(
        &self,
        context: &mut Context,
        networks: &mut Networks<F>,
        blocker: impl commonware_p2p::Blocker<PublicKey = PublicKey>,
    ) -> Option<Certificate> {
        let key = self.world.keys[self.place].public_key();
        let mut refused = Vec::new();
        while self.is_wiped && self.ledger.is_empty() {
            let peers = self.world.public_keys().into_iter();
            let setup = JoinSetup {
                peers: peers.filter(|peer| *peer != key).collect(),
                epochs: self.epochs.clone(),
                partition: self.partition.clone(),
                folder: self.snapshot.clone(),
                refused: refused.clone(),
            };
            let (sender, receiver) = &mut networks.snapshots;
            let joined = join_network(context, setup, blocker.clone(), (sender, receiver));
            let Ok(Joined::Snapshot(partial)) = joined.await else {
                return None;
            };
            let id = partial.offer().header().id();
            let mut source: Box<dyn io::Read> = Box::new(partial.reader().unwrap());
            match self.ledger.import(&mut source, &id) {
                Ok(()) => {
                    let kept = self.snapshot.join("kept");
                    partial.finish(&kept).unwrap();
                    *self.joined.lock() += 1;
                }
                Err(_) => refused.push(partial.offer().subject()),
            }
        }
        let offer = stored_offer(&self.snapshot).unwrap();
        offer.map(|offer| offer.certificate)
    }
}

impl Live {
    pub(crate) fn height(&self) -> u64 {
        use lockstep_validator::engine::BlockEngine as _;
        self.engine.head().1.slot
    }

    /// Transactions that staking asks of it.
    pub(crate) fn duties(&self) -> Vec<Vec<Instruction>> {
        let (duties, offences) = &mut *self.duties.lock();
        while let Ok(offence) = offences.try_recv() {
            duties.note(offence);
        }
        duties.due(self.engine.chain()).unwrap()
    }

    /// What is wrong with the member now.
    pub(crate) async fn complaint(&self) -> Option<String> {
        if let Some(failure) = self.failure.get() {
            return Some(format!("it ended: {failure}"));
        }
        // What is durable was final before.
        let durable = self.height();
        let (known, _) = self.marshal.get_info(Identifier::Latest).await?;
        (known < Height::new(durable))
            .then(|| format!("height {durable} is durable, and only {known} has a certificate"))
    }
}
