//! Observers of a chain: subscribers that are slow or gone, figures, spans.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::TryRecvError,
    },
};

use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::chain::{Chain, Interest};

use lockstep_scheduler::{Layered, Mode};
use lockstep_store::{CachedStore, MemoryStore, sync::Shared};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tracing::{Event, Subscriber, span};
use tracing_core::span::Current;

use crate::{
    common::{generate::Shape, ledger::transaction},
    setting::{Setting, adopt, build, build_on, head, open_on, options, planned},
};

/// Builds and commits a block.
fn step(setting: &Setting, chain: &Chain, random: &mut ChaCha8Rng) -> Vec<u8> {
    let parent = head(chain);
    let bank = chain.bank(&parent).unwrap();
    let transactions = setting.world.block(random, &bank, 20);
    let built = build_on(chain, parent, &transactions);
    chain.commit(&built.id).unwrap();
    built.bytes().to_vec()
}

#[test]
fn a_slow_subscriber_misses_blocks_and_holds_nobody_up() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let (slow, patient, gone) = (
        chain.subscribe(Interest::blocks(2)),
        chain.subscribe(Interest::blocks(9)),
        chain.subscribe(Interest::blocks(1)),
    );
    drop(gone);
    let blocks: Vec<Vec<u8>> = (0..5)
        .map(|_| step(&setting, &chain, &mut random))
        .collect();
    for bytes in &blocks {
        let told = patient.recv().unwrap();
        assert_eq!(told.bytes(), bytes);
        assert_eq!(told.id, told.header.id());
        // What is told of is in the store.
        let stored = chain.store().block(told.header.slot).unwrap().unwrap();
        assert_eq!(stored.record.block_id, told.id);
    }
    assert_eq!((slow.missed(), patient.missed()), (3, 0));
    for bytes in &blocks[..2] {
        assert_eq!(slow.try_recv().unwrap().bytes(), bytes);
    }
    assert_eq!(slow.try_recv().unwrap_err(), TryRecvError::Empty);
    let bytes = step(&setting, &chain, &mut random);
    assert_eq!(slow.recv().unwrap().bytes(), bytes);
    drop(chain);
    assert!(slow.recv().is_err());
}

/// Figures by name and labels.
#[derive(Clone, Debug, Default)]
struct Figures(Arc<Shared<BTreeMap<String, Arc<Figure>>>>);

/// A figure, and how often it was recorded if it is one of many.
#[derive(Debug, Default)]
struct Figure(AtomicU64, AtomicU64);

impl CounterFn for Figure {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Whole numbers are shown; of fractions it does not matter here which.
fn whole(value: f64) -> u64 {
    let whole = (0..=1_000).find(|number: &u32| f64::from(*number) == value);
    whole.unwrap_or_default().into()
}

impl GaugeFn for Figure {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        self.0.store(whole(value), Ordering::Relaxed);
    }
}

impl HistogramFn for Figure {
    fn record(&self, value: f64) {
        self.0.store(whole(value), Ordering::Relaxed);
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

impl Figures {
    fn figure(&self, key: &Key) -> Arc<Figure> {
        let labels: Vec<&str> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        let mut figures = self.0.write();
        Arc::clone(figures.entry(name.trim().to_owned()).or_default())
    }

    /// The newest value, or the sum of a counter.
    fn get(&self, name: &str) -> u64 {
        let figures = self.0.read();
        let figure = figures.get(name);
        figure.map_or(0, |figure| figure.0.load(Ordering::Relaxed))
    }

    /// How many values a histogram has.
    fn count(&self, name: &str) -> u64 {
        let figures = self.0.read();
        let figure = figures.get(name);
        figure.map_or(0, |figure| figure.1.load(Ordering::Relaxed))
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.figure(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.figure(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.figure(key))
    }
}

#[test]
fn figures_add_up() {
    let setting = Setting::new(Shape::FEW);
    let (chain, other) = (setting.chain(1), setting.chain(2));
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let figures = Figures::default();
    let mut count = 0;
    metrics::with_local_recorder(&figures, || {
        for _ in 0..4 {
            let bytes = step(&setting, &chain, &mut random);
            count += 20;
            adopt(&other, &bytes);
        }
        // Two forks, of which one loses.
        let parent = head(&chain);
        let bank = chain.bank(&parent).unwrap();
        let [one, two] = [0, 1].map(|_| {
            let transactions = setting.world.block(&mut random, &bank, 20);
            build_on(&chain, parent, &transactions)
        });
        count += 40;
        assert_eq!(figures.get("lockstep_unfinal_blocks"), 2);
        assert_eq!(figures.get("lockstep_forks"), 2);
        assert_eq!(figures.get("lockstep_store_lag_slots"), 1);
        chain.commit(&one.id).unwrap();
        assert_ne!(one.id, two.id);
        let mut bytes = one.bytes().to_vec();
        bytes.pop();
        assert!(chain.read(bytes.into()).is_err());
        // A fork of two blocks, of which none is wanted.
        let unwanted = build_on(&chain, one.id, &[]);
        let child = build_on(&chain, unwanted.id, &[]);
        assert_eq!(figures.get("lockstep_forks"), 1);
        assert_eq!(figures.get("lockstep_store_lag_slots"), 2);
        chain.discard(&child.id).unwrap();
        assert_eq!(figures.get("lockstep_unfinal_blocks"), 1);
        assert_eq!(figures.get("lockstep_store_lag_slots"), 1);
        chain.discard(&unwanted.id).unwrap();
    });
    let get = |name: &str| figures.get(name);
    for (event, expected) in [
        ("built", 8),
        ("executed", 4),
        ("committed", 5),
        ("dropped", 1),
        ("invalid", 1),
    ] {
        assert_eq!(get(&format!("lockstep_blocks_total {event}")), expected);
    }
    let outcome = |name: &str| get(&format!("lockstep_transactions_total {name}"));
    let (succeeded, failed) = (outcome("succeeded"), outcome("failed"));
    let refused = outcome("refused");
    assert!(succeeded > 0 && failed > 0 && refused > 0);
    // Each transaction was built with, and those in blocks of four were executed again.
    assert!(succeeded + failed + refused > count);
    let rules: u64 = {
        let all = figures.0.write();
        let rules = all
            .iter()
            .filter(|(name, _)| name.starts_with("lockstep_failures_total"));
        rules
            .map(|(_, figure)| figure.0.load(Ordering::Relaxed))
            .sum()
    };
    assert_eq!(rules, failed + refused);
    for (stage, expected) in [("read", 5), ("build", 8), ("execute", 4), ("commit", 5)] {
        let found = figures.count(&format!("lockstep_seconds {stage}"));
        assert_eq!(found, expected, "{stage}");
    }
    for gauge in ["forks", "unfinal_blocks", "store_lag_slots"] {
        assert_eq!(get(&format!("lockstep_{gauge}")), 0, "{gauge}");
    }
    assert!(get("lockstep_batches_total") >= 10 && get("lockstep_lanes_total") >= 10);
    assert_eq!(figures.count("lockstep_plan_efficiency"), 12);
}

/// One account that all blocks pay into, in an order that has to be kept.
fn queue(setting: &Setting, chain: &Chain, count: u64) -> Vec<Vec<u8>> {
    let payer = setting.payer();
    let payments = (1..=count).map(|number| transfer(&payer, &payer, number));
    payments
        .map(|pay| transaction(payer, head(chain), &[pay]))
        .collect()
}

#[test]
fn a_plan_is_as_efficient_as_its_block_allows() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let figures = Figures::default();
    let built = metrics::with_local_recorder(&figures, || {
        let transactions = queue(&setting, &chain, 8);
        build_on(&chain, head(&chain), &transactions)
    });
    assert_eq!(built.receipts.len(), 8);
    // One worker has nothing to wait for, and one lane no barrier.
    assert_eq!(built.plan.batch_count(), 1);
    assert_eq!(figures.get("lockstep_plan_efficiency"), 1_000);

    // A plan of as many batches as transactions pays for the barriers between them.
    let layered = metrics::with_local_recorder(&figures, || {
        let request = planned(&chain, head(&chain), &Layered, Mode::Replay);
        build(&chain, &request, &queue(&setting, &chain, 8))
    });
    let batches = layered.plan.batch_count() as u64;
    assert_eq!(batches, 8);
    let efficiency = figures.get("lockstep_plan_efficiency");
    assert!(efficiency < 1_000, "{efficiency}");
    assert_eq!(figures.count("lockstep_plan_efficiency"), 2);
}

#[test]
fn a_cache_tells_what_it_had() {
    let setting = Setting::new(Shape::FEW);
    let store = Arc::new(CachedStore::new(MemoryStore::new(), 1 << 20));
    let figures = Figures::default();
    metrics::with_local_recorder(&figures, || {
        let below: Arc<CachedStore<MemoryStore>> = Arc::clone(&store);
        let chain = open_on(below, setting.genesis(), options(1));
        let mut random = ChaCha8Rng::seed_from_u64(11);
        for _ in 0..3 {
            step(&setting, &chain, &mut random);
        }
    });
    let counts = store.counts();
    assert!(counts.0 > 0 && counts.1 > 0, "{counts:?}");
    let shown = ["hits", "misses"].map(|name| figures.get(&format!("lockstep_cache_{name}_total")));
    assert_eq!(shown, <[u64; 2]>::from(counts));
}

/// The spans of one thread in the order of their making; the id is the place, from 1.
#[derive(Clone, Debug, Default)]
struct Spans(Arc<Shared<Vec<Seen>>>);

#[derive(Clone, Debug)]
struct Seen {
    metadata: &'static tracing::Metadata<'static>,
    parent: Option<u64>,
    entered: u32,
    left: u32,
}

impl Seen {
    fn is_open(&self) -> bool {
        self.entered > self.left
    }
}

impl Spans {
    fn change(&self, id: &span::Id, change: impl FnOnce(&mut Seen)) {
        let place = usize::try_from(id.into_u64() - 1).unwrap();
        change(&mut self.0.write()[place]);
    }
}

impl Subscriber for Spans {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let current = self.current_span();
        let current = current.id().filter(|_| attributes.is_contextual());
        let parent = attributes.parent().or(current).map(span::Id::into_u64);
        let mut spans = self.0.write();
        spans.push(Seen {
            metadata: attributes.metadata(),
            parent,
            entered: 0,
            left: 0,
        });
        span::Id::from_u64(spans.len() as u64)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &span::Id) {
        self.change(id, |span| span.entered += 1);
    }

    fn exit(&self, id: &span::Id) {
        self.change(id, |span| span.left += 1);
    }

    fn current_span(&self) -> Current {
        let spans = self.0.read();
        let place = spans.iter().rposition(Seen::is_open);
        place.map_or_else(Current::none, |place| {
            let id = span::Id::from_u64(place as u64 + 1);
            Current::new(id, spans[place].metadata)
        })
    }
}

#[test]
fn a_subscriber_is_told_what_it_asked_for() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(2);
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let blocks = Interest::blocks(4);
    let wanted = [(false, false), (true, false), (false, true), (true, true)];
    let subscriptions = wanted.map(|(receipts, changes)| {
        chain.subscribe(Interest {
            receipts,
            changes,
            ..blocks
        })
    });
    let bank = chain.bank(&head(&chain)).unwrap();
    let given = setting.world.block(&mut random, &bank, 40);
    let built = build_on(&chain, head(&chain), &given);
    let changes = chain.bank(&built.id).unwrap().changes();
    assert!(!changes.is_empty());
    chain.commit(&built.id).unwrap();
    for (subscription, (has_receipts, has_changes)) in subscriptions.iter().zip(wanted) {
        let block = subscription.try_recv().unwrap();
        assert_eq!((block.id, block.bytes()), (built.id, built.bytes()));
        let receipts = has_receipts.then_some(&built.receipts);
        assert_eq!(block.receipts.as_ref(), receipts);
        assert_eq!(block.changes.as_deref(), has_changes.then_some(&changes));
    }
}

#[test]
fn spans_tell_what_is_going_on() {
    let setting = Setting::new(Shape::FEW);
    let (chain, other) = (setting.chain(1), setting.chain(1));
    let mut random = ChaCha8Rng::seed_from_u64(7);
    // While there is but one subscriber, a span that another test registers at this moment asks
    // that test's thread alone, which has none, and stays silent for good.
    let _other = tracing::Dispatch::new(Spans::default());
    let spans = Spans::default();
    tracing::subscriber::with_default(spans.clone(), || {
        let bytes = step(&setting, &chain, &mut random);
        adopt(&other, &bytes);
    });
    let spans = spans.0.read();
    let named = |name: &str| {
        let places = (1u64..).zip(spans.iter());
        let named = places.filter(|(_, span)| span.metadata.name() == name);
        named.map(|(id, _)| id).collect::<Vec<u64>>()
    };
    let calls = ["build", "commit", "read", "execute"].map(|name| {
        let [id] = named(name)[..] else {
            panic!("one {name}: {:?}", *spans);
        };
        assert_eq!(spans[usize::try_from(id).unwrap() - 1].parent, None);
        id
    });
    // Stages and batches belong to the call that runs them, and nothing is left open.
    let [build, _, _, execute] = calls;
    let call_of = |span: &Seen| {
        let parents = std::iter::successors(span.parent, |id| {
            spans[usize::try_from(*id).unwrap() - 1].parent
        });
        parents.last()
    };
    for name in ["prepare", "plan", "check", "load", "run", "root", "batch"] {
        let stages: Vec<&Seen> = spans
            .iter()
            .filter(|span| span.metadata.name() == name)
            .collect();
        for parent in [build, execute] {
            let has_one = stages.iter().any(|stage| call_of(stage) == Some(parent));
            // A block from elsewhere brings its plan.
            assert!(
                has_one || (name, parent) == ("plan", execute),
                "{name} {parent}"
            );
        }
        for stage in stages {
            assert!(
                [Some(build), Some(execute)].contains(&call_of(stage)),
                "{name}"
            );
            assert_eq!((stage.entered, stage.left), (1, 1));
        }
    }
    assert!(!spans.iter().any(Seen::is_open));
}
