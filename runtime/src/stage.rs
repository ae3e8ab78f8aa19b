//! What operators see of a stage: a span while it is under way, and how long it took.
//!
//! Nothing depends on either. The clock is read twice a block and stage, never in between.

use std::time::Instant;

use metrics::histogram;
use tracing::span::EnteredSpan;

/// A stage that is under way on this thread, until it is dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    name: &'static str,
    start: Instant,
    _span: EnteredSpan,
}

impl Stage {
    #[expect(
        clippy::disallowed_methods,
        reason = "what operators are shown tells of time, and nothing depends on it"
    )]
    pub(crate) fn enter(name: &'static str, span: EnteredSpan) -> Self {
        let start = Instant::now();
        Self {
            name,
            start,
            _span: span,
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        histogram!("lockstep_seconds", "stage" => self.name).record(seconds);
    }
}

/// Enters the stage of this name, with these fields of its span.
macro_rules! stage {
    ($name:literal $($fields:tt)*) => {
        $crate::stage::Stage::enter($name, tracing::debug_span!($name $($fields)*).entered())
    };
}
pub(crate) use stage;
