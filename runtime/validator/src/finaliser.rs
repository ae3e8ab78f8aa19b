//! Final blocks on their way into the ledger: committed, then acknowledged.
//!
//! ```text
//! marshal -> queue -> as many as wait: executed if they are not known -> the last committed,
//!                     and with it all before -> all acknowledged
//! ```
//! Where a snapshot is due, or an epoch ends, the commit ends with its block, so that its state can
//! be held, or names the next members.
//!
//! Until a block is acknowledged marshal delivers it again after a restart. So a block that was
//! acknowledged is durable here, and one that is durable may be delivered again.

use std::{fmt, sync::Arc};

use commonware_actor::Feedback;
use commonware_consensus::{Heightable as _, Reporter, marshal::Update};
use commonware_cryptography::Digested;
use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use commonware_utils::{Acknowledgement as _, acknowledgement::Exact};
use futures::{StreamExt as _, channel::mpsc};

use crate::{
    application::blocking,
    block::Block,
    crossing::Crossing,
    engine::{BlockEngine, Refusal},
    failure::{EngineFailure, Failure},
    snapshot::Maker,
};

type Finalised = (Digested<Block>, Exact);

/// Where marshal puts final blocks.
#[derive(Clone, Debug)]
pub struct Finaliser {
    sender: mpsc::UnboundedSender<Finalised>,
}

/// Where they come out.
pub struct Queue {
    receiver: mpsc::UnboundedReceiver<Finalised>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Finaliser {
    /// A queue, in which marshal never lets more than
    /// [`FINALISED_WAITING_MAX`](crate::limits::FINALISED_WAITING_MAX) blocks wait.
    pub fn new() -> (Self, Queue) {
        let (sender, receiver) = mpsc::unbounded();
        (Self { sender }, Queue { receiver })
    }
}

impl Reporter for Finaliser {
    type Activity = Update<Block>;

    fn report(&mut self, update: Update<Block>) -> Feedback {
        let Update::Block(block, acknowledgement) = update else {
            return Feedback::Ok;
        };
        match self.sender.unbounded_send((block, acknowledgement)) {
            Ok(()) => Feedback::Ok,
            Err(_) => Feedback::Closed,
        }
    }
}

impl Queue {
    /// Commits what comes, until marshal ends or the ledger fails.
    pub(crate) async fn run<E: Clock + Spawner>(
        mut self,
        context: E,
        engine: Arc<dyn BlockEngine>,
        (maker, mut crossing): (Maker, Crossing<impl Clock + Storage + Metrics>),
        failure: Failure,
    ) {
        // A member that ended there makes its proof now.
        crossing = match crossing.cross(&context, &engine).await {
            Ok(crossing) => crossing,
            Err(error) => return failure.set(&error),
        };
        while let Some(first) = self.receiver.next().await {
            let mut batch = vec![first];
            while let Ok(next) = self.receiver.try_recv() {
                batch.push(next);
            }
            let epochs = crossing.epochs.clone();
            let ends = |(block, _): &Finalised| {
                let height = block.height().get();
                maker.is_due(height) || epochs.ends(height)
            };
            for part in batch.split_inclusive(ends) {
                let blocks: Vec<_> = part.iter().map(|(block, _)| block.clone()).collect();
                let Some(last) = blocks.last().cloned() else {
                    continue;
                };
                let ledger = Arc::clone(&engine);
                let committed = blocking(&context, move || finalise(&*ledger, &blocks));
                match committed.await {
                    Some(Ok(())) => {
                        crossing = match crossing.cross(&context, &engine).await {
                            Ok(crossing) => crossing,
                            Err(error) => return failure.set(&error),
                        };
                        maker.committed(&context, &engine, &last).await;
                    }
                    // Acknowledgements that are dropped stop marshal, and with it the member.
                    Some(Err(error)) => return failure.set(&error),
                    None => return,
                }
            }
            let acknowledgements = batch
                .into_iter()
                .map(|(_, acknowledgement)| acknowledgement);
            acknowledgements.for_each(|acknowledgement| acknowledgement.acknowledge());
        }
    }
}

/// Makes blocks durable that are final, in their order.
///
/// # Errors
/// If the ledger fails, or a final block does not follow from what is in the ledger.
pub fn finalise(engine: &dyn BlockEngine, blocks: &[Digested<Block>]) -> Result<(), EngineFailure> {
    let mut last = None;
    for block in blocks {
        let (block, slot) = (block.inner(), block.height().get());
        let id = block.id();
        let (head, header) = engine.head();
        if slot < header.slot {
            continue;
        }
        if slot == header.slot {
            if id != head {
                return Err(differs(slot, "the ledger has another block"));
            }
            continue;
        }
        if !engine.knows(&id) {
            let executed = engine.execute(block.bytes()[..].into());
            executed.map_err(|refusal| match refusal {
                Refusal::Failed(failure) => failure,
                refusal => differs(slot, &refusal.to_string()),
            })?;
        }
        last = Some(id);
    }
    last.map_or(Ok(()), |id| engine.commit(&id))
}

/// A final block that this ledger cannot take: more members are faulty than the network bears, or
/// this ledger is another's.
fn differs(slot: u64, why: &str) -> EngineFailure {
    EngineFailure(format!(
        "the block of slot {slot} is final, and cannot be committed: {why}"
    ))
}
