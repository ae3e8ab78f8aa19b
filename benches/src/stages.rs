//! How long each stage of the runtime's pipeline was at work, summed up from its spans.
//!
//! Spans carry no time of their own: this subscriber reads the clock where a thread enters one and
//! where it leaves it. Stages overlap, so their sum may exceed the time that passed.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The stages, by the names of their spans.
pub const NAMES: [&str; 10] = [
    "parse", "verify", "prepare", "plan", "check", "load", "run", "seal", "root", "commit",
];

/// Nanoseconds in each stage, of all threads, since the process began.
static TOTALS: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

thread_local! {
    /// When the spans that are open on this thread were entered, outermost first.
    static ENTERED: RefCell<Vec<Instant>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug)]
struct StageClock;

impl Subscriber for StageClock {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && NAMES.contains(&metadata.name())
    }

    /// Spans of one stage share an id: nothing is kept of a single one.
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let name = span.metadata().name();
        let place = NAMES.iter().position(|stage| *stage == name);
        Id::from_u64(place.map_or(0, |place| place as u64).saturating_add(1))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(Instant::now()));
    }

    fn exit(&self, id: &Id) {
        let entered = ENTERED.with_borrow_mut(Vec::pop);
        let place = id
            .into_u64()
            .checked_sub(1)
            .and_then(|place| place.try_into().ok());
        let total = place.and_then(|place: usize| TOTALS.get(place));
        if let (Some(entered), Some(total)) = (entered, total) {
            let nanoseconds = u64::try_from(entered.elapsed().as_nanos()).unwrap_or(u64::MAX);
            total.fetch_add(nanoseconds, Ordering::Relaxed);
        }
    }
}

/// Time in each stage so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageTimes([Duration; NAMES.len()]);

impl StageTimes {
    /// The times up to now, of all threads of the process. The first call sets the process's
    /// subscriber; where another one is set already, all times stay zero.
    pub fn now() -> Self {
        static INSTALLED: OnceLock<bool> = OnceLock::new();
        INSTALLED.get_or_init(|| tracing::subscriber::set_global_default(StageClock).is_ok());
        Self(std::array::from_fn(|place| {
            Duration::from_nanos(TOTALS[place].load(Ordering::Relaxed))
        }))
    }

    /// Seconds that passed in each of the stages since `earlier`, in the order of [`NAMES`].
    pub fn each_since(&self, earlier: &Self) -> [f64; NAMES.len()] {
        std::array::from_fn(|place| {
            let passed = self.0[place].saturating_sub(earlier.0[place]);
            passed.as_secs_f64()
        })
    }

    /// Seconds that passed in the stages of these names since `earlier`.
    pub fn seconds_since(&self, earlier: &Self, names: &[&str]) -> f64 {
        let stages = NAMES.iter().zip(self.0.iter().zip(&earlier.0));
        let chosen = stages.filter(|(name, _)| names.contains(name));
        chosen
            .map(|(_, (now, then))| now.saturating_sub(*then).as_secs_f64())
            .sum()
    }
}
