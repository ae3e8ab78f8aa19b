//! What happens to a network, drawn from a seed, and what must hold whatever happens.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use commonware_cryptography::Signer as _;
use commonware_runtime::{Clock as _, deterministic};
use lockstep_interface::Instruction;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    ledger::{Judge, Vice},
    member::{Live, SimMember},
    network::{self, Context, Filter, Peers, Weather},
    world::World,
};

/// Heights that each member must usually gain after the network is whole again.
const PROGRESS: u64 = 5;
/// Simulated time for that.
const PATIENCE: Duration = Duration::from_secs(60);
/// Simulated time until a wiped member has its snapshot: some blocks have to become final first,
/// and each view that it leads is skipped.
const JOIN_PATIENCE: Duration = Duration::from_secs(120);
/// Heights of a network before a member's disk is taken away.
const WIPE_HEIGHT: u64 = 17;
/// How often staking is.
const STAKING_INTERVAL: Duration = Duration::from_secs(1);
/// How often members are looked at.
const WATCH: Duration = Duration::from_millis(50);

/// A network and its fate.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) vices: Vec<Vice>,
    pub(crate) filters: Vec<Filter>,
    /// Things that happen before the network heals.
    pub(crate) events: usize,
    /// Heights that each member must gain after that.
    pub(crate) heights: u64,
    /// Whether one member stays down at the end.
    pub(crate) stays_down: Option<usize>,
    /// Whether all members crash at once, and lose what was not durable.
    pub(crate) restarts: bool,
    /// The member whose disk then has lost its last writes.
    pub(crate) loses_writes: Option<usize>,
    /// Slots of an epoch; without, the first never ends.
    pub(crate) epoch_slots: Option<u64>,
    /// Whether the last member is a follower at first, and takes the place of the first one.
    pub(crate) replaces: bool,
    /// The member that has to be jailed for its votes.
    pub(crate) jailed: Option<usize>,
    /// The member whose disk is replaced by a new one after the events, while all goes on.
    pub(crate) wiped: Option<usize>,
}

impl Scenario {
    /// A network where nothing goes wrong.
    pub(crate) fn fair(seed: u64, member_count: usize) -> Self {
        Self {
            seed,
            vices: vec![Vice::None; member_count],
            filters: vec![Filter::All; member_count],
            events: 0,
            heights: PROGRESS,
            stays_down: None,
            restarts: false,
            loses_writes: None,
            epoch_slots: None,
            replaces: false,
            jailed: None,
            wiped: None,
        }
    }

    /// What a seed stands for: 4 or 7 members, of which at most f lie or stay down.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let member_count = if random.random_ratio(1, 6) { 7 } else { 4 };
        let mut scenario = Self::fair(seed, member_count);
        scenario.events = random.random_range(2..6);
        scenario.restarts = random.random_ratio(1, 3);
        let faulty = random.random_range(0..member_count);
        match random.random_range(0..13) {
            0 => scenario.vices[faulty] = Vice::WrongRoot,
            1 => scenario.vices[faulty] = Vice::WrongPlan,
            2 => scenario.vices[faulty] = Vice::WrongSignature,
            3 => scenario.vices[faulty] = Vice::Silence,
            4 => scenario.filters[faulty] = Filter::NoBlocks,
            5 => {
                let peers = scenario.world().public_keys();
                scenario.filters[faulty] = Filter::Halves(peers);
            }
            6 => scenario.stays_down = Some(faulty),
            7 => scenario.wiped = Some(faulty),
            8 => {
                scenario.wiped = Some(faulty);
                scenario.vices[(faulty + 1) % member_count] = Vice::WrongSnapshot;
            }
            9 => {
                scenario.wiped = Some(faulty);
                scenario.vices[(faulty + 1) % member_count] = Vice::WrongChunks;
            }
            10 => {
                scenario.vices.push(Vice::None);
                scenario.filters.push(Filter::All);
                scenario.replaces = true;
            }
            _ => {}
        }
        if scenario.replaces || random.random_ratio(1, 2) {
            scenario.epoch_slots = Some(random.random_range(4..20));
        }
        scenario
    }

    pub(crate) fn world(&self) -> World {
        World::new(self.vices.len(), self.epoch_slots, self.replaces)
    }

    /// Lets it happen. Gives what was wrong, and a digest of all that happened.
    pub(crate) fn run(&self) -> (Vec<String>, String) {
        let (wrong, state, _) = self.run_all();
        (wrong, state)
    }

    /// Lets it happen. Gives what was wrong, and the height in the end.
    pub(crate) fn run_heights(&self) -> (Vec<String>, u64) {
        let (wrong, _, height) = self.run_all();
        (wrong, height)
    }

    fn run_all(&self) -> (Vec<String>, String, u64) {
        let world = self.world();
        let judge = Arc::new(Judge::default());
        let folder = Folder::new();
        let parts = self.vices.iter().zip(&self.filters).enumerate();
        let mut members: Vec<SimMember> = parts
            .map(|(place, (vice, filter))| {
                SimMember::new(place, &world, &judge, *vice, filter.clone(), &folder.0)
            })
            .collect();
        let config = deterministic::Config::new().with_seed(self.seed);
        let first = deterministic::Runner::new(config);
        let sim = || Simulation {
            scenario: self.clone(),
            world: world.clone(),
            judge: Arc::clone(&judge),
        };
        let (returned, checkpoint) =
            first.start_and_recover(|context| sim().play(context, members, self.events));
        members = returned;
        if let Some(place) = self.loses_writes {
            members[place].ledger.lose_writes();
        }
        let mut state = checkpoint.auditor().state();
        if self.restarts && judge.wrong().is_empty() {
            let second = deterministic::Runner::from(checkpoint);
            let (_, checkpoint) =
                second.start_and_recover(|context| sim().play(context, members, 0));
            state = checkpoint.auditor().state();
        }
        (judge.wrong(), state, judge.height())
    }

    /// Whether a member keeps to the protocol and comes back.
    fn is_honest(&self, place: usize) -> bool {
        // A member with a bug is one that should keep to the protocol.
        let lies = self.vices[place].is_malice()
            || !matches!(self.filters[place], Filter::All | Filter::Counted(_));
        !lies && self.stays_down != Some(place)
    }
}

/// A folder of one run, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lockstep-simulation-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Simulation {
    scenario: Scenario,
    world: World,
    judge: Arc<Judge>,
}

impl Simulation {
    async fn play(
        self,
        context: Context,
        mut members: Vec<SimMember>,
        events: usize,
    ) -> Vec<SimMember> {
        let peers = self.world.public_keys();
        let oracle = network::start(&context, &peers).await;
        network::link(&oracle, &peers, Weather::FAIR, |_, _| true).await;
        for member in &mut members {
            member.start(&context, &oracle).await;
        }
        let mut random = StdRng::seed_from_u64(self.scenario.seed ^ 0x5eed);
        let mut number = self.judge.height() * 1_000;
        for _ in 0..events {
            self.happen(&context, &oracle, &mut members, &mut random)
                .await;
            let span = random.random_range(500..4_000);
            self.watch(&context, &members, Duration::from_millis(span), &mut number)
                .await;
        }
        if let Some(place) = self.scenario.wiped
            && events > 0
        {
            let wiped = (&mut members[..], place);
            self.wipe(&context, &oracle, wiped, &mut number).await;
        }
        network::link(&oracle, &peers, Weather::FAIR, |_, _| true).await;
        for member in &mut members {
            if self.scenario.stays_down == Some(member.place) {
                member.crash().await;
            } else if !member.is_up() {
                member.start(&context, &oracle).await;
            }
        }
        self.expect_progress(&context, &members, &mut number).await;
        for member in &mut members {
            member.crash().await;
        }
        members
    }

    /// Takes a member's disk away once the network has begun, and lets it join under load.
    async fn wipe(
        &self,
        context: &Context,
        oracle: &Peers,
        (members, place): (&mut [SimMember], usize),
        number: &mut u64,
    ) {
        let peers = self.world.public_keys();
        let poor = Weather {
            latency: 50,
            success: 98,
        };
        network::link(oracle, &peers, poor, |_, _| true).await;
        for member in members.iter_mut().filter(|member| !member.is_up()) {
            member.start(context, oracle).await;
        }
        let second = Duration::from_secs(1);
        for _ in 0..PATIENCE.as_secs() {
            if self.judge.height() > WIPE_HEIGHT {
                break;
            }
            self.watch(context, members, second, number).await;
        }
        let before = self.judge.height();
        members[place].wipe().await;
        members[place].start(context, oracle).await;
        for _ in 0..JOIN_PATIENCE.as_secs() * 5 {
            let joined = *members[place].joined.lock();
            if joined > 0 || !self.judge.wrong().is_empty() {
                return;
            }
            self.watch(context, members, second / 5, number).await;
        }
        let after = self.judge.height();
        let what = format!(
            "member {place} was wiped at height {before}, and has no snapshot at height {after}, \
             after {JOIN_PATIENCE:?}"
        );
        self.judge.accuse(what);
    }

    /// One thing that goes wrong.
    async fn happen(
        &self,
        context: &Context,
        oracle: &Peers,
        members: &mut [SimMember],
        random: &mut StdRng,
    ) {
        let peers = self.world.public_keys();
        let chosen = random.random_range(0..members.len());
        match random.random_range(0..5) {
            0 => {
                let weather = Weather {
                    latency: random.random_range(5..400),
                    success: random.random_range(50..=100),
                };
                network::link(oracle, &peers, weather, |_, _| true).await;
            }
            1 => {
                let cut = random.random_range(1..members.len());
                network::link(oracle, &peers, Weather::FAIR, |i, j| (i < cut) == (j < cut)).await;
            }
            2 => {
                network::link(oracle, &peers, Weather::FAIR, |i, j| {
                    i != chosen && j != chosen
                })
                .await
            }
            3 => {
                members[chosen].crash().await;
                if random.random_ratio(1, 2) {
                    members[chosen].start(context, oracle).await;
                }
            }
            _ => {
                for member in &mut *members {
                    if !member.is_up() {
                        member.start(context, oracle).await;
                    }
                }
                network::link(oracle, &peers, Weather::FAIR, |_, _| true).await;
            }
        }
    }

    /// Lets time pass under load, and looks at the members meanwhile.
    async fn watch(
        &self,
        context: &Context,
        members: &[SimMember],
        span: Duration,
        number: &mut u64,
    ) {
        let end = context.current() + span;
        let mut staked = context.current();
        while context.current() < end {
            if context.current() >= staked && self.scenario.epoch_slots.is_some() {
                staked = context.current() + STAKING_INTERVAL;
                self.do_staking(members);
            }
            context.sleep(WATCH).await;
            for member in members {
                if let Some(refused) = &*member.refused.lock() {
                    self.judge
                        .accuse(format!("member {}: {refused}", member.place));
                }
                if self.scenario.vices[member.place] == Vice::WrongChunks {
                    member.spoil_chunks();
                }
                let Some(live) = member.live() else {
                    continue;
                };
                // A client sends to two members at once.
                let recent = live.engine.chain().head().0;
                let transfer = self.world.transfer(*number / 2, recent);
                *number += 1;
                live.engine.submit(&transfer);
                if self.scenario.is_honest(member.place)
                    && let Some(complaint) = live.complaint().await
                {
                    self.judge
                        .accuse(format!("member {}: {complaint}", member.place));
                }
            }
            if !self.judge.wrong().is_empty() {
                return;
            }
        }
    }

    /// What staking asks of members, and what lets one replace another; sent to all.
    fn do_staking(&self, members: &[SimMember]) {
        let live: Vec<Live> = members.iter().filter_map(SimMember::live).collect();
        let mut calls: Vec<(usize, Vec<Instruction>)> = Vec::new();
        for member in members {
            let due = member.live().map(|live| live.duties());
            calls.extend(due.into_iter().flatten().map(|calls| (member.place, calls)));
        }
        let Some(newest) = live.iter().max_by_key(|live| live.height()) else {
            return;
        };
        let recent = newest.engine.chain().head().0;
        if self.scenario.replaces {
            let state = newest.engine.chain().view(&recent).unwrap();
            calls.extend(self.world.replace_first(&state));
        }
        for (place, calls) in calls {
            let transaction = self.world.operate(place, &calls, recent);
            live.iter()
                .for_each(|live| live.engine.submit(&transaction));
        }
    }

    async fn expect_progress(&self, context: &Context, members: &[SimMember], number: &mut u64) {
        let goal = self.judge.height() + self.scenario.heights;
        let end = context.current() + PATIENCE;
        loop {
            let honest = || {
                members
                    .iter()
                    .filter(|one| self.scenario.is_honest(one.place))
            };
            let heights = honest().map(|member| member.live().map_or(0, |live| live.height()));
            let lowest = heights.min().unwrap_or(0);
            let is_replaced = !self.scenario.replaces
                || honest().all(|member| {
                    let latest = member.live().map(|live| live.epochs.latest());
                    latest.is_some_and(|latest| {
                        latest.members.keys().iter().eq(&self.world.replaced())
                    })
                });
            let is_jailed = self.scenario.jailed.is_none_or(|place| {
                let key = self.world.keys[place].public_key();
                honest().all(|member| {
                    let latest = member.live().map(|live| live.epochs.latest());
                    latest.is_some_and(|latest| latest.members.keys().position(&key).is_none())
                })
            });
            if (lowest >= goal && is_replaced && is_jailed) || !self.judge.wrong().is_empty() {
                return;
            }
            if context.current() >= end {
                let heights: Vec<_> = members
                    .iter()
                    .map(|one| one.live().map(|one| one.height()))
                    .collect();
                let what = format!("no progress to height {goal} in {PATIENCE:?}: {heights:?}");
                return self.judge.accuse(what);
            }
            self.watch(context, members, Duration::from_millis(500), number)
                .await;
        }
    }
}
