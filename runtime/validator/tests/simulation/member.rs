//! Simulated members: started, crashed, and started again on what they left.

use std::{sync::Arc, time::Duration};

use commonware_consensus::{
    marshal::{Identifier, core::Mailbox, standard::Standard},
    simplex::scheme::ed25519::Scheme,
    types::Height,
};
use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::SplitForwarder;
use commonware_runtime::{Handle, Spawner as _, Supervisor as _};
use commonware_utils::sync::Mutex;
use lockstep_validator::{
    block::Block,
    failure::Failure,
    limits::Timing,
    member::{self, Setup, StartError},
};

use crate::{
    ledger::{Judge, JudgedEngine, Ledger, Vice},
    network::{Context, Filter, Joined, Peers, join},
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

type Marshal = Mailbox<Scheme, Standard<Block>>;

/// What a member that runs is made of.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) engine: Arc<JudgedEngine>,
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
}

impl SimMember {
    pub(crate) fn new(
        place: usize,
        world: &World,
        judge: &Arc<Judge>,
        vice: Vice,
        filter: Filter,
    ) -> Self {
        let twin = matches!(filter, Filter::Halves(_));
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

    fn run<F: SplitForwarder<commonware_cryptography::ed25519::PublicKey>>(
        &self,
        context: &Context,
        oracle: &Peers,
        name: &'static str,
        ledger: &Ledger,
        networks: Joined<F>,
        live: Arc<Mutex<Option<Live>>>,
    ) -> Handle<()> {
        let engine = ledger.open();
        let key = self.world.keys[self.place].clone();
        let setup = Setup {
            members: self.world.members.clone(),
            genesis: self.world.first_header(),
            limits: *engine.chain().limits(),
            engine: Arc::clone(&engine) as _,
            blocker: oracle.control(key.public_key()),
            peers: oracle.manager(),
            partition: format!("member-{}-{name}", self.place),
            timing: TIMING,
            key,
        };
        let refused = Arc::clone(&self.refused);
        context.child(name).spawn(move |context| async move {
            match member::start(context, setup, networks).await {
                Ok(mut running) => {
                    *live.lock() = Some(Live {
                        engine,
                        marshal: running.marshal.clone(),
                        failure: running.failure.clone(),
                    });
                    running.ended().await;
                }
                Err(error) => *refused.lock() = Some(error),
            }
        })
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

impl Live {
    pub(crate) fn height(&self) -> u64 {
        use lockstep_validator::engine::BlockEngine as _;
        self.engine.head().1.slot
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
