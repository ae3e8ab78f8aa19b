//! Who watches a chain: subscribers that are slow or gone, figures, spans.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::TryRecvError,
    },
};

use lockstep_runtime::chain::{BlockEngine, Chain};
use lockstep_store::sync::Shared;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tracing::{Event, Subscriber, span};

use crate::{
    common::generate::Shape,
    setting::{Setting, adopt, build_on, head},
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
    let (slow, patient, gone) = (chain.subscribe(2), chain.subscribe(9), chain.subscribe(1));
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

#[derive(Debug, Default)]
struct Figure(AtomicU64);

impl CounterFn for Figure {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl GaugeFn for Figure {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        // Whole numbers are shown.
        let shown = (0..100).find(|number: &u32| f64::from(*number) == value);
        self.0.store(shown.unwrap().into(), Ordering::Relaxed);
    }
}

impl HistogramFn for Figure {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Figures {
    fn figure(&self, key: &Key) -> Arc<Figure> {
        let labels: Vec<&str> = key.labels().map(|label| label.value()).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        let mut figures = self.0.write();
        Arc::clone(figures.entry(name.trim().to_owned()).or_default())
    }

    fn get(&self, name: &str) -> u64 {
        let figures = self.0.write();
        figures
            .get(name)
            .map_or(0, |figure| figure.0.load(Ordering::Relaxed))
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
        assert_eq!(figures.get("lockstep_store_lag_slots"), 1);
        chain.commit(&one.id).unwrap();
        assert_ne!(one.id, two.id);
        let mut bytes = one.bytes().to_vec();
        bytes.pop();
        assert!(chain.read(bytes.into()).is_err());
    });
    let get = |name: &str| figures.get(name);
    for (event, expected) in [
        ("built", 6),
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
    assert_eq!(get("lockstep_seconds build"), 6);
    assert_eq!(get("lockstep_seconds commit"), 5);
    assert_eq!(get("lockstep_unfinal_blocks"), 0);
    assert!(get("lockstep_batches_total") >= 10 && get("lockstep_lanes_total") >= 10);
}

/// The names of spans and events.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Shared<Vec<&'static str>>>);

impl Subscriber for Names {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut names = self.0.write();
        names.push(attributes.metadata().name());
        span::Id::from_u64(names.len() as u64)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut names = self.0.write();
        let has_lanes = event.metadata().fields().field("lanes").is_some();
        names.push(if has_lanes { "batch" } else { "event" });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn spans_tell_what_is_going_on() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let names = Names::default();
    tracing::subscriber::with_default(names.clone(), || {
        step(&setting, &chain, &mut random);
    });
    let names = names.0.write();
    for name in ["build", "batch", "commit"] {
        assert!(names.contains(&name), "{name} is not among {:?}", *names);
    }
}
