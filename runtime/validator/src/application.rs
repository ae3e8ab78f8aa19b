//! Proposing and verifying: what consensus asks, and what the ledger answers.
//!
//! ```text
//! ancestry, newest first -> down to a block that is known -> executed upwards
//!                                                       propose: build on the newest
//!                                                       verify:  the newest is one of them
//! ```
//! A block is executed on a parent that may have no certificate yet. If the parent loses, the chain
//! forgets both. A vote follows the execution: a member never votes for what it has not run.

use std::{
    fmt,
    future::{Future, pending},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use commonware_consensus::{
    Handoff, Heightable as _,
    marshal::ancestry::Ancestry,
    simplex::{scheme::ed25519::Scheme, types::Context},
};
use commonware_cryptography::{Digested, Digestible as _, ed25519::PublicKey};
use commonware_runtime::{Clock, Spawner};
use futures::StreamExt as _;
use lockstep_store::sync::Shared;

use crate::{
    block::{Block, BlockDigest},
    engine::{BlockEngine, Refusal},
    failure::Failure,
    limits::{CLOCK_DRIFT_SECONDS, Timing},
};

/// How often it is looked whether the pool fills a block by itself.
const FULL_INTERVAL: Duration = Duration::from_millis(10);

/// What consensus calls. Clones are the same application.
#[derive(Clone)]
pub struct Application {
    engine: Arc<dyn BlockEngine>,
    block_interval: Duration,
    /// When the newest block was first seen.
    last_block: Arc<Shared<Option<(u64, SystemTime)>>>,
    failure: Failure,
}

/// What came of bringing the ledger to a block.
enum Adopted {
    /// It is known.
    Yes(Digested<Block>),
    /// It or an ancestor breaks a rule, or conflicts with what is final: for ever.
    Never(String),
    /// Something is missing, or the ledger fails; there is no verdict.
    Unknown,
}

impl fmt::Debug for Application {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Application");
        shown.field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Application {
    /// An application on a ledger.
    pub fn new(engine: Arc<dyn BlockEngine>, timing: &Timing, failure: Failure) -> Self {
        Self {
            engine,
            block_interval: timing.block_interval,
            last_block: Arc::default(),
            failure,
        }
    }

    /// Executes the newest block of an ancestry, after those before it that are not known.
    async fn adopt<E: Spawner>(&self, context: &E, mut ancestry: impl Ancestry<Block>) -> Adopted {
        let Some(newest) = ancestry.next().await else {
            return Adopted::Unknown;
        };
        let mut path = Vec::new();
        let mut next = newest.clone();
        while !self.engine.knows(&next.inner().id()) {
            if next.height().get() <= self.engine.head().1.slot {
                return Adopted::Never("it conflicts with a final block".to_owned());
            }
            let Some(parent) = ancestry.next().await else {
                return Adopted::Unknown;
            };
            if next.inner().header().parent_id != parent.inner().id() {
                return Adopted::Never("its header names another parent".to_owned());
            }
            path.push(std::mem::replace(&mut next, parent));
        }
        for block in path.into_iter().rev() {
            let engine = Arc::clone(&self.engine);
            let executed = blocking(context, move || {
                engine.execute(block.inner().bytes()[..].into())
            });
            match executed.await {
                Some(Ok(())) => {}
                Some(Err(Refusal::ParentMissing)) => {
                    return Adopted::Never("an ancestor has lost".to_owned());
                }
                Some(Err(Refusal::Failed(failure))) => {
                    self.failure.set(&failure);
                    return Adopted::Unknown;
                }
                Some(Err(refusal)) => return Adopted::Never(refusal.to_string()),
                None => return Adopted::Unknown,
            }
        }
        Adopted::Yes(newest)
    }

    /// Notes when a block was first seen; the interval to the next one runs from there.
    fn see(&self, height: u64, now: SystemTime) -> SystemTime {
        let mut last = self.last_block.write();
        match *last {
            Some((seen, time)) if seen >= height => time,
            _ => {
                *last = Some((height, now));
                now
            }
        }
    }

    /// Waits until a child of a block is due.
    async fn wait_for_turn<E: Clock>(&self, context: &E, seen: SystemTime) {
        let due = seen.checked_add(self.block_interval).unwrap_or(seen);
        while context.current() < due && !self.engine.has_full_block() {
            let left = due.duration_since(context.current()).unwrap_or_default();
            context.sleep(left.min(FULL_INTERVAL)).await;
        }
    }

    async fn build<E: Spawner + Clock>(
        &self,
        context: &E,
        ancestry: impl Ancestry<Block>,
    ) -> Option<Digested<Block>> {
        let parent = match self.adopt(context, ancestry).await {
            Adopted::Yes(parent) => parent,
            Adopted::Never(reason) => {
                tracing::warn!(reason, "no proposal: the parent is invalid");
                return None;
            }
            Adopted::Unknown => return None,
        };
        let height = parent.height().get();
        let seen = self.see(height, context.current());
        self.wait_for_turn(context, seen).await;
        let time = unix_seconds(context.current());
        let header = *parent.inner().header();
        let engine = Arc::clone(&self.engine);
        let built = blocking(context, move || {
            let time = time.max(header.unix_timestamp);
            engine.build(&header.id(), height.saturating_add(1), time)
        });
        match built.await? {
            Ok(bytes) => {
                let block = Block::new(parent.digest(), bytes);
                Some(
                    block
                        .expect("the chain builds blocks with headers")
                        .digested(),
                )
            }
            Err(Refusal::Failed(failure)) => {
                self.failure.set(&failure);
                None
            }
            Err(refusal) => {
                tracing::debug!(%refusal, "no proposal");
                None
            }
        }
    }
}

impl<E: Spawner + Clock> commonware_consensus::Application<E> for Application {
    type SigningScheme = Scheme;
    type Context = Context<BlockDigest, PublicKey>;
    type Block = Block;
    type Input = ();

    /// Builds on a parent that has no certificate yet, sends the block, and leaves the vote until
    /// the parent has one.
    async fn prepare(
        &mut self,
        (context, _): (E, Self::Context),
        ancestry: impl Ancestry<Block>,
        (): (),
    ) -> Handoff<Digested<Block>> {
        let built = self.build(&context, ancestry).await;
        built.map_or(Handoff::Wait, Handoff::Stage)
    }

    async fn propose(
        &mut self,
        (context, _): (E, Self::Context),
        ancestry: impl Ancestry<Block>,
        (): (),
    ) -> Option<Digested<Block>> {
        self.build(&context, ancestry).await
    }

    async fn verify(
        &mut self,
        (context, _): (E, Self::Context),
        ancestry: impl Ancestry<Block>,
    ) -> bool {
        match self.adopt(&context, ancestry).await {
            Adopted::Yes(block) => {
                self.see(block.height().get(), context.current());
                let time = block.inner().header().unix_timestamp;
                wait_until(&context, time.saturating_sub(CLOCK_DRIFT_SECONDS)).await;
                true
            }
            Adopted::Never(reason) => {
                tracing::warn!(reason, "an invalid block was proposed");
                false
            }
            // Consensus cancels the request when the view is over.
            Adopted::Unknown => pending().await,
        }
    }
}

/// Runs what may block on a thread where it holds up nothing; `None` if the runtime ends.
pub(crate) async fn blocking<E: Spawner, R: Send + 'static>(
    context: &E,
    work: impl FnOnce() -> R + Send + 'static,
) -> Option<R> {
    let spawner = context.child("ledger").shared(true);
    spawner.spawn(move |_| async move { work() }).await.ok()
}

/// Seconds since 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Waits until the clock shows a time, in seconds since 1970.
fn wait_until<E: Clock>(context: &E, time: i64) -> impl Future<Output = ()> + Send {
    let time = Duration::from_secs(u64::try_from(time).unwrap_or(0));
    let deadline = UNIX_EPOCH.checked_add(time);
    // A clock that cannot show the time never will.
    let sleep = deadline.map(|deadline| context.sleep_until(deadline));
    async move {
        match sleep {
            Some(sleep) => sleep.await,
            None => pending().await,
        }
    }
}
