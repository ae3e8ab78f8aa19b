//! The end of an epoch: its last block is durable, and the next members are proved, kept, and told.
//!
//! ```text
//! last block committed -> proof of the list after it -> disk -> epochs -> consensus of the next
//! ```
//! All of it happens before the next block is committed, so that a member that starts again knows
//! the epoch of its ledger, or is at its end and makes the proof then.

use std::{sync::Arc, time::Duration};

use commonware_consensus::{
    marshal::{core::Mailbox, standard::Standard},
    simplex::scheme::ed25519::Scheme,
    types::Height,
};
use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use futures::channel::mpsc;

use crate::{
    application::blocking,
    block::Block,
    certificate::encode,
    engine::BlockEngine,
    epochs::{Epochs, LIST},
    failure::EngineFailure,
    passages::Passages,
};

/// How often it is looked for the certificate of an epoch's last block.
const CERTIFICATE_INTERVAL: Duration = Duration::from_millis(20);

/// What a member does at the end of an epoch.
pub(crate) struct Crossing<E: Clock + Storage + Metrics> {
    pub(crate) epochs: Epochs,
    pub(crate) marshal: Mailbox<Scheme, Standard<Block>>,
    pub(crate) passages: Passages<E>,
    /// Told of each epoch that begins.
    pub(crate) entered: mpsc::UnboundedSender<u64>,
}

impl<E: Clock + Storage + Metrics> Crossing<E> {
    /// Goes on to the next epoch if the newest durable block is the last one of its own.
    ///
    /// # Errors
    /// If the state or the disk fails, or the proof that was made here proves nothing.
    pub(crate) async fn cross(
        mut self,
        context: &(impl Clock + Spawner),
        engine: &Arc<dyn BlockEngine>,
    ) -> Result<Self, EngineFailure> {
        let height = engine.head().1.slot;
        if !self.epochs.ends(height) {
            return Ok(self);
        }
        let next = self.epochs.containing(height).saturating_add(1);
        if self.epochs.get(next).is_none() {
            let Some(passage) = self.prove(context, engine, height).await? else {
                return Ok(self);
            };
            let advanced = self.epochs.advance(&passage);
            advanced.map_err(EngineFailure::of)?;
            let saved = self.passages.save(&self.epochs).await;
            self.passages = saved.map_err(EngineFailure::of)?;
        }
        let members = self.epochs.latest().members.len();
        tracing::info!(epoch = next, members, "an epoch begins");
        // Fails if the member ends.
        let _ = self.entered.unbounded_send(next);
        Ok(self)
    }

    /// The certified proof of the list after the newest durable block, which has a certificate of
    /// its own, since no block of its epoch follows it; `None` if the member ends.
    async fn prove(
        &self,
        context: &(impl Clock + Spawner),
        engine: &Arc<dyn BlockEngine>,
        height: u64,
    ) -> Result<Option<Vec<u8>>, EngineFailure> {
        let ledger = Arc::clone(engine);
        let Some(proven) = blocking(context, move || ledger.prove(&LIST)).await else {
            return Ok(None);
        };
        let proven = proven?;
        loop {
            let finalization = self.marshal.get_finalization(Height::new(height)).await;
            let block = self.marshal.get_block(Height::new(height)).await;
            if let (Some(finalization), Some(block)) = (finalization, block) {
                let passage = encode(&finalization, block.inner(), &proven);
                return Ok(Some(passage.map_err(EngineFailure::of)?));
            }
            context.sleep(CERTIFICATE_INTERVAL).await;
        }
    }
}
