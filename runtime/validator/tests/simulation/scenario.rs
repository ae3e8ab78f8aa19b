//! What happens to a network, drawn from a seed, and what must hold whatever happens.

use std::{sync::Arc, time::Duration};

use commonware_runtime::{Clock as _, deterministic};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    ledger::{Judge, Vice},
    member::SimMember,
    network::{self, Context, Filter, Peers, Weather},
    world::World,
};

/// Heights that each member must usually gain after the network is whole again.
const PROGRESS: u64 = 5;
/// Simulated time for that.
const PATIENCE: Duration = Duration::from_secs(60);
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
        match random.random_range(0..8) {
            0 => scenario.vices[faulty] = Vice::WrongRoot,
            1 => scenario.vices[faulty] = Vice::WrongPlan,
            2 => scenario.vices[faulty] = Vice::WrongSignature,
            3 => scenario.vices[faulty] = Vice::Silence,
            4 => scenario.filters[faulty] = Filter::NoBlocks,
            5 => {
                let peers = World::new(member_count).public_keys();
                scenario.filters[faulty] = Filter::Halves(peers);
            }
            6 => scenario.stays_down = Some(faulty),
            _ => {}
        }
        scenario
    }

    /// Lets it happen. Gives what was wrong, and a digest of all that happened.
    pub(crate) fn run(&self) -> (Vec<String>, String) {
        let member_count = self.vices.len();
        let world = World::new(member_count);
        let judge = Arc::new(Judge::default());
        let parts = self.vices.iter().zip(&self.filters).enumerate();
        let mut members: Vec<SimMember> = parts
            .map(|(place, (vice, filter))| {
                SimMember::new(place, &world, &judge, *vice, filter.clone())
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
        (judge.wrong(), state)
    }

    /// Whether a member keeps to the protocol and comes back.
    fn is_honest(&self, place: usize) -> bool {
        // A member with a bug is one that should keep to the protocol.
        let lies = self.vices[place].is_malice() || !matches!(self.filters[place], Filter::All);
        !lies && self.stays_down != Some(place)
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
        while context.current() < end {
            context.sleep(WATCH).await;
            for member in members {
                if let Some(refused) = &*member.refused.lock() {
                    self.judge
                        .accuse(format!("member {}: {refused}", member.place));
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
            if lowest >= goal || !self.judge.wrong().is_empty() {
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
