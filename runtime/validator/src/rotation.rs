//! Consensus of one epoch after the other, each among its own members.
//!
//! ```text
//! votes, certificates, requests -- of the present epoch --> its engine
//!                               `- of a later one --------> the present one is over: marshal asks
//!                                                           for the certificate of its last block
//! ```
//! The messages of an epoch travel in a channel of its number, so that none of another is taken for
//! one of it. An engine ends once its epoch's last block is durable; a member that is behind gets
//! that block's certificate from one that has gone on.

use std::pin::pin;

use commonware_consensus::{
    CertifiableAutomaton, Epochable as _, Relay, Reporter, Reporters,
    marshal::{core::Mailbox, standard::Standard},
    simplex::{
        self, Floor, ForwardPolicy, SkipBudget, SkipPolicy,
        scheme::ed25519::Scheme,
        types::{Activity, Context},
    },
    types::{Epoch, Epocher as _, ViewDelta},
};
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{
    Blocker, Receiver, Sender,
    utils::mux::{Builder as _, MuxHandle, Muxer},
};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_utils::channel::mpsc as queue;
use commonware_utils::{NZDuration, NZUsize, non_empty_vec};
use futures::{
    StreamExt as _,
    channel::mpsc,
    future::{Either, select},
};
use rand_core::CryptoRng;

use crate::{
    block::{Block, BlockDigest},
    elector::StakeElector,
    epochs::{Epochs, Era},
    evidence::Witness,
    limits::{MAILBOX_SIZE, REPLAY_BUFFER_SIZE, Timing, VIEW_RETENTION, WRITE_BUFFER_SIZE},
    members::namespace,
    snapshot::offer::Certificate,
};

/// The ends of a channel.
type Ends<S, R> = (S, R);

/// How one engine is told to agree.
type Config<B, A> =
    simplex::Config<Scheme, StakeElector, B, BlockDigest, A, A, Reporters<A, Witness>, Sequential>;

/// What all epochs have in common.
pub(crate) struct Rotation<B, A> {
    pub(crate) epochs: Epochs,
    pub(crate) blocker: B,
    pub(crate) automaton: A,
    pub(crate) witness: Witness,
    pub(crate) marshal: Mailbox<Scheme, Standard<Block>>,
    pub(crate) partition: String,
    pub(crate) timing: Timing,
    /// The certificate of the block that the ledger began with.
    pub(crate) floor: Option<Certificate>,
    pub(crate) cache: CacheRef,
    /// The epoch of the block that comes next.
    pub(crate) epoch: u64,
    /// Epochs that begin.
    pub(crate) entered: mpsc::UnboundedReceiver<u64>,
}

impl<B, A> Rotation<B, A>
where
    B: Blocker<PublicKey = PublicKey>,
    A: CertifiableAutomaton<Digest = BlockDigest, Context = Context<BlockDigest, PublicKey>>
        + Relay<Digest = BlockDigest, PublicKey = PublicKey, Plan = simplex::Plan<PublicKey>>
        + Reporter<Activity = Activity<Scheme, BlockDigest>>,
{
    /// Takes part epoch by epoch, until the network or the member ends.
    pub(crate) async fn run<E, S, R>(
        mut self,
        context: E,
        [votes, certificates, requests]: [Ends<S, R>; 3],
    ) where
        E: Clock + CryptoRng + Spawner + Storage + Metrics,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let (muxer, mut votes, mut ahead) =
            Muxer::builder(context.child("votes"), votes.0, votes.1)
                .with_backup()
                .build();
        muxer.start();
        let mut certificates = divide(context.child("certificates"), certificates);
        let mut requests = divide(context.child("requests"), requests);
        loop {
            let Some(era) = self.known().await else {
                return;
            };
            let registered = (
                votes.register(era.number).await,
                certificates.register(era.number).await,
                requests.register(era.number).await,
            );
            let (Ok(votes), Ok(certificates), Ok(requests)) = registered else {
                return;
            };
            let child = context.child("simplex").with_attribute("epoch", era.number);
            let engine = simplex::Engine::new(child, self.config(&era));
            let mut engine = engine.start(votes, certificates, requests);
            let has_ended = self.stay(&mut engine, &mut ahead).await;
            engine.abort();
            // Fails because it was aborted.
            let _ = engine.await;
            if has_ended {
                return;
            }
            // What is left of it would only take room.
            let _ = context.remove(&self.journal(era.number), None).await;
        }
    }

    /// The present epoch, as soon as it is known; `None` if the member ends.
    async fn known(&mut self) -> Option<Era> {
        loop {
            if let Some(era) = self.epochs.get(self.epoch) {
                return Some(era);
            }
            self.entered.next().await?;
        }
    }

    /// Stays in the present epoch until the next one begins; true if a part of the member has
    /// ended.
    async fn stay<M>(
        &mut self,
        engine: &mut Handle<()>,
        ahead: &mut queue::Receiver<(u64, (PublicKey, M))>,
    ) -> bool {
        loop {
            let event = {
                let (entered, ahead) = (pin!(self.entered.next()), pin!(ahead.recv()));
                match select(select(entered, ahead), &mut *engine).await {
                    Either::Left((Either::Left((entered, _)), _)) => Either::Left(entered),
                    Either::Left((Either::Right((message, _)), _)) => Either::Right(message),
                    Either::Right(_) => return true,
                }
            };
            match event {
                Either::Left(Some(epoch)) if epoch > self.epoch => {
                    self.epoch = epoch;
                    return false;
                }
                Either::Left(Some(_)) => {}
                Either::Right(Some((epoch, (peer, _)))) if epoch > self.epoch => {
                    self.ask_for_end(peer);
                }
                Either::Right(Some(_)) => {}
                Either::Left(None) | Either::Right(None) => return true,
            }
        }
    }

    /// Asks a member that has gone on for the certificate of the present epoch's last block.
    fn ask_for_end(&self, peer: PublicKey) {
        if let Some(last) = self.epochs.epocher().last(Epoch::new(self.epoch)) {
            self.marshal.hint_finalized(last, non_empty_vec![peer]);
        }
    }

    fn journal(&self, epoch: u64) -> String {
        format!("{}-simplex-{epoch}", self.partition)
    }

    /// How agreement is reached in an epoch.
    fn config(&self, era: &Era) -> Config<B, A> {
        let floor = self.floor.clone();
        let floor = floor.filter(|floor| floor.epoch().get() == era.number);
        simplex::Config {
            scheme: (**era.scheme()).clone(),
            elector: StakeElector::new(&namespace(self.epochs.genesis()), &era.members),
            blocker: self.blocker.clone(),
            automaton: self.automaton.clone(),
            relay: self.automaton.clone(),
            reporter: (self.automaton.clone(), self.witness.clone()).into(),
            track_historical_votes: false,
            strategy: Sequential,
            partition: self.journal(era.number),
            mailbox_size: NZUsize!(MAILBOX_SIZE),
            epoch: Epoch::new(era.number),
            // The journal knows of later ones.
            floor: floor.map_or(Floor::Genesis(era.parent), Floor::Finalized),
            replay_buffer: NZUsize!(REPLAY_BUFFER_SIZE),
            write_buffer: NZUsize!(WRITE_BUFFER_SIZE),
            page_cache: self.cache.clone(),
            leader_timeout: self.timing.leader,
            certification_timeout: self.timing.certification,
            timeout_retry: self.timing.retry,
            view_retention: ViewDelta::new(VIEW_RETENTION),
            skip: SkipPolicy::Enabled {
                timeout: self.timing.skip,
                budget: SkipBudget::Participants,
            },
            fetch_timeout: NZDuration!(self.timing.fetch),
            fetch_retry_delay: self.timing.fetch_retry(),
            forward: ForwardPolicy::SilentLeader,
        }
    }
}

/// Divides a channel by epochs.
fn divide<E, S, R>(context: E, (sender, receiver): Ends<S, R>) -> MuxHandle<S>
where
    E: Spawner,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let (muxer, handle) = Muxer::new(context, sender, receiver);
    muxer.start();
    handle
}
