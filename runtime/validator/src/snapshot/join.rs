//! A member without a ledger finds out where the network is, and takes a snapshot if it has begun.
//!
//! ```text
//! resume what an earlier process has left
//! tip      as many peers as make a quorum with this member; the tip is one that an honest one has
//! choose   offers that are checked, after the members of their epoch were proved, from those of
//!          the genesis on; the offer that more peers make than can lie
//! fetch    chunks from all peers at once, each checked on arrival
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Metrics, Storage};
use futures::future::{Either, select};
use lockstep_light::LightError;
use rand_core::CryptoRng;
use thiserror::Error;

use super::{
    message::Message,
    offer::{Offer, OfferError},
    partial::{Partial, discard},
};
use crate::epochs::Epochs;
use crate::limits::{
    ASK_INTERVAL, CHUNK_PATIENCE, CHUNKS_AT_ONCE, JOIN_HEIGHT_MIN, JOIN_MARGIN, OFFER_PATIENCE,
    STALL_PATIENCE,
};
use crate::passages::{Passages, PassagesError};

/// Why a member cannot join.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The file system fails.
    #[error("the snapshot in {path}: {source}")]
    Disk {
        /// The snapshot's folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The proofs of past sets of members are of no use.
    #[error(transparent)]
    Passages(#[from] PassagesError),
    /// The network has ended.
    #[error("the connections to the other members have ended")]
    NetworkEnded,
}

/// What a joining member begins with.
#[derive(Debug)]
pub enum Joined {
    /// The genesis: the network has only begun.
    Genesis,
    /// A snapshot, all of whose chunks have come.
    Snapshot(Box<Partial>),
}

/// What a joining member knows.
#[derive(Clone, Debug)]
pub struct JoinSetup {
    /// The other members.
    pub peers: Vec<PublicKey>,
    /// The members as far as they are known, to which peers' passages are added.
    pub epochs: Epochs,
    /// What the names of the engine's files begin with.
    pub partition: String,
    /// Where the snapshot is kept meanwhile.
    pub folder: PathBuf,
    /// Snapshots that were of no use, by their subjects.
    pub refused: Vec<[u8; 32]>,
}

/// Joins a network. Ends once all of a snapshot has come, or it is known that none is needed; until
/// enough peers answer it waits.
///
/// # Errors
/// If the file system fails, or the network ends.
pub async fn join<E, B, S, R>(
    context: &mut E,
    setup: JoinSetup,
    blocker: B,
    network: (&mut S, &mut R),
) -> Result<Joined, JoinError>
where
    E: Clock + CryptoRng + Storage + Metrics,
    B: Blocker<PublicKey = PublicKey>,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let (sender, receiver) = network;
    let child = context.child("passages");
    let passages = Passages::open(child, &setup.partition, &setup.epochs).await?;
    let mut joiner = Joiner {
        context,
        liar_count_max: setup.peers.len() / 3,
        setup,
        blocker,
        sender,
        receiver,
        dropped: BTreeSet::new(),
    };
    joiner.run(passages).await
}

struct Joiner<'n, E, B, S, R> {
    context: &'n mut E,
    setup: JoinSetup,
    /// Of `3f + 1` members, `f`.
    liar_count_max: usize,
    blocker: B,
    sender: &'n mut S,
    receiver: &'n mut R,
    /// Peers that have lied.
    dropped: BTreeSet<PublicKey>,
}

impl<E, B, S, R> Joiner<'_, E, B, S, R>
where
    E: Clock + CryptoRng,
    B: Blocker<PublicKey = PublicKey>,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    async fn run(
        &mut self,
        mut passages: Passages<impl Clock + Storage + Metrics>,
    ) -> Result<Joined, JoinError> {
        let folder = self.setup.folder.clone();
        let left = Partial::resume(&folder).map_err(disk(&folder))?;
        if let Some(mut partial) = left
            && !self.setup.refused.contains(&partial.offer().subject())
            && partial
                .offer()
                .check(self.context, &self.setup.epochs)
                .is_ok()
            && self.fetch(&mut partial).await?
        {
            return Ok(Joined::Snapshot(Box::new(partial)));
        }
        loop {
            discard(&folder).map_err(disk(&folder))?;
            let tip = self.tip().await?;
            if tip < JOIN_HEIGHT_MIN {
                return Ok(Joined::Genesis);
            }
            let offer = self.choose(tip.saturating_add(JOIN_MARGIN)).await?;
            // Kept before the offer is, which is checked by them when it is resumed.
            let saved = passages.save(&self.setup.epochs).await;
            passages = saved.map_err(PassagesError::from)?;
            let mut partial = Partial::create(&folder, offer).map_err(disk(&folder))?;
            if self.fetch(&mut partial).await? {
                return Ok(Joined::Snapshot(Box::new(partial)));
            }
        }
    }

    /// A height that is final, or was told by more peers than can lie. Waits for as many peers as
    /// make a quorum with this member, without which no network goes on either.
    async fn tip(&mut self) -> Result<u64, JoinError> {
        let needed = self.setup.peers.len().saturating_sub(self.liar_count_max);
        let mut tips = BTreeMap::new();
        while tips.len() < needed {
            self.send(Recipients::All, &Message::AskTip);
            let end = self.after(ASK_INTERVAL);
            while let Some((peer, message)) = self.hear(end).await? {
                if let Message::Tip(tip) = message {
                    tips.insert(peer, tip);
                }
            }
        }
        let mut tips: Vec<u64> = tips.into_values().collect();
        tips.sort_unstable_by(|one, other| other.cmp(one));
        Ok(tips.get(self.liar_count_max).copied().unwrap_or(0))
    }

    /// Waits for a snapshot of at least this height.
    async fn choose(&mut self, at_least: u64) -> Result<Offer, JoinError> {
        let mut offers: BTreeMap<PublicKey, Offer> = BTreeMap::new();
        let mut deadline: Option<SystemTime> = None;
        loop {
            self.send(Recipients::All, &Message::AskOffer { at_least });
            let end = self.after(ASK_INTERVAL);
            while let Some((peer, message)) = self.hear(end).await? {
                let bytes = match message {
                    Message::Offer(bytes) => bytes,
                    Message::Passage(passage) => {
                        self.advance(&peer, &passage);
                        continue;
                    }
                    _ => continue,
                };
                let Some(offer) = self.read_offer(&peer, &bytes) else {
                    offers.remove(&peer);
                    continue;
                };
                if offer.height() < at_least {
                    continue;
                }
                let subject = offer.subject();
                offers.insert(peer, offer);
                let alike = offers.values().filter(|one| one.subject() == subject);
                if alike.count() > self.liar_count_max {
                    let offer = offers.into_values().find(|one| one.subject() == subject);
                    return Ok(offer.expect("it was just inserted"));
                }
                let patience = self.after(OFFER_PATIENCE);
                deadline.get_or_insert(patience);
            }
            if deadline.is_some_and(|deadline| deadline <= self.context.current())
                && let Some(offer) = most_offered(&offers)
            {
                return Ok(offer);
            }
        }
    }

    /// The offer, if it is one that is worth a look.
    fn read_offer(&mut self, peer: &PublicKey, bytes: &[u8]) -> Option<Offer> {
        let offer = Offer::decode(bytes).and_then(|offer| {
            offer.check(self.context, &self.setup.epochs)?;
            Ok(offer)
        });
        match offer {
            Ok(offer) if self.setup.refused.contains(&offer.subject()) => {
                self.drop_peer(
                    peer,
                    "it offers a snapshot that is not the state of its block",
                );
                None
            }
            Ok(offer) => Some(offer),
            // It is offered again.
            Err(OfferError::Epoch(_)) => {
                self.ask_passage(peer);
                None
            }
            Err(error) => {
                self.drop_peer(peer, &error.to_string());
                None
            }
        }
    }

    fn ask_passage(&mut self, peer: &PublicKey) {
        let epoch = self.setup.epochs.latest().number;
        self.send(
            Recipients::One(peer.clone()),
            &Message::AskPassage { epoch },
        );
    }

    /// Goes on by a peer's passage to the next epoch, and asks for the one after it.
    fn advance(&mut self, peer: &PublicKey, passage: &[u8]) {
        match self.setup.epochs.advance(passage) {
            Ok(()) => self.ask_passage(peer),
            // Another peer was faster.
            Err(LightError::Epoch { expected, found }) if found < expected => {}
            Err(error) => self.drop_peer(peer, &error.to_string()),
        }
    }

    /// Fetches what is missing. False if peers have it no longer, or nothing comes.
    async fn fetch(&mut self, partial: &mut Partial) -> Result<bool, JoinError> {
        let height = partial.offer().height();
        let mut requests = Requests::new(self.setup.peers.iter(), &self.dropped);
        let mut stalled = self.after(STALL_PATIENCE);
        while !partial.missing().is_empty() {
            let now = self.context.current();
            if requests.holders.is_empty() || now >= stalled {
                return Ok(false);
            }
            let due = self.after(CHUNK_PATIENCE);
            for (peer, index) in requests.next(partial.missing(), now, due) {
                let index = u32::try_from(index).expect("at most 65,536 chunks");
                self.send(Recipients::One(peer), &Message::AskChunk { height, index });
            }
            let end = self.after(ASK_INTERVAL);
            let Some((peer, message)) = self.hear(end).await? else {
                continue;
            };
            match message {
                Message::Chunk {
                    height: found,
                    index,
                    bytes,
                } if found == height => {
                    let place = usize::try_from(index).unwrap_or(usize::MAX);
                    if !requests.take(&peer, place) {
                        continue;
                    }
                    let folder = self.setup.folder.clone();
                    if partial.put(place, &bytes).map_err(disk(&folder))? {
                        stalled = self.after(STALL_PATIENCE);
                    } else {
                        requests.remove(&peer);
                        self.drop_peer(&peer, "a chunk of its snapshot has another hash");
                    }
                }
                Message::Gone { height: gone } if gone == height => requests.remove(&peer),
                _ => {}
            }
        }
        Ok(true)
    }

    /// The next message of a member that has not lied; `None` once the time has come. What peers
    /// ask meanwhile is answered: nothing is here.
    async fn hear(&mut self, end: SystemTime) -> Result<Option<(PublicKey, Message)>, JoinError> {
        loop {
            let heard = {
                let message = std::pin::pin!(self.receiver.recv());
                let waited = std::pin::pin!(self.context.sleep_until(end));
                match select(message, waited).await {
                    Either::Left((heard, _)) => heard.map_err(|_| JoinError::NetworkEnded)?,
                    Either::Right(_) => return Ok(None),
                }
            };
            let (peer, message) = heard;
            if self.dropped.contains(&peer) || !self.setup.peers.contains(&peer) {
                continue;
            }
            match Message::decode(message.as_ref()) {
                Some(Message::AskTip | Message::AskOffer { .. }) => {
                    self.send(Recipients::One(peer), &Message::Tip(0));
                }
                Some(Message::AskPassage { .. }) => {}
                Some(Message::AskChunk { height, .. }) => {
                    self.send(Recipients::One(peer), &Message::Gone { height });
                }
                Some(answer) => return Ok(Some((peer, answer))),
                None => self.drop_peer(&peer, "it sends what is no message"),
            }
        }
    }

    fn after(&self, span: Duration) -> SystemTime {
        let now = self.context.current();
        now.checked_add(span).unwrap_or(now)
    }

    fn send(&mut self, recipients: Recipients<PublicKey>, message: &Message) {
        // What is lost on the way is asked for again.
        let _ = self.sender.send(recipients, message.encode(), false);
    }

    fn drop_peer(&mut self, peer: &PublicKey, why: &str) {
        self.dropped.insert(peer.clone());
        commonware_p2p::block!(self.blocker, peer.clone(), why, "a peer is dropped");
    }
}

/// Which peer was asked for which chunk.
struct Requests {
    /// Peers that may have the snapshot.
    holders: Vec<PublicKey>,
    /// For each chunk that was asked for, its peer, and until when it may come.
    asked: BTreeMap<usize, (PublicKey, SystemTime)>,
    /// Peers that let a request's time pass, and how many of them.
    late: BTreeMap<PublicKey, usize>,
}

impl Requests {
    fn new<'p>(peers: impl Iterator<Item = &'p PublicKey>, dropped: &BTreeSet<PublicKey>) -> Self {
        Self {
            holders: peers
                .filter(|peer| !dropped.contains(peer))
                .cloned()
                .collect(),
            asked: BTreeMap::new(),
            late: BTreeMap::new(),
        }
    }

    /// What to ask for now: of each peer at most [`CHUNKS_AT_ONCE`], of one that was late one.
    fn next(
        &mut self,
        missing: &BTreeSet<usize>,
        now: SystemTime,
        due: SystemTime,
    ) -> Vec<(PublicKey, usize)> {
        let late = self.asked.extract_if(.., |_, (_, due)| *due <= now);
        for (_, (peer, _)) in late {
            let count = self.late.entry(peer).or_default();
            *count = count.saturating_add(1);
        }
        let mut free: Vec<usize> = missing
            .iter()
            .filter(|index| !self.asked.contains_key(index))
            .copied()
            .collect();
        free.reverse();
        let mut requests = Vec::new();
        for peer in &self.holders {
            let is_late = self.late.contains_key(peer);
            let at_once = if is_late { 1 } else { CHUNKS_AT_ONCE };
            let open = self.asked.values().filter(|(asked, _)| asked == peer);
            for _ in open.count()..at_once {
                let Some(index) = free.pop() else {
                    break;
                };
                self.asked.insert(index, (peer.clone(), due));
                requests.push((peer.clone(), index));
            }
        }
        requests
    }

    /// Notes that a chunk has come; false if the peer was not asked for it.
    fn take(&mut self, peer: &PublicKey, index: usize) -> bool {
        let is_asked = self
            .asked
            .get(&index)
            .is_some_and(|(asked, _)| asked == peer);
        if is_asked {
            self.asked.remove(&index);
            self.late.remove(peer);
        }
        is_asked
    }

    /// Asks a peer for nothing more; others get its chunks.
    fn remove(&mut self, peer: &PublicKey) {
        self.holders.retain(|holder| holder != peer);
        self.asked.retain(|_, (asked, _)| asked != peer);
    }
}

/// The offer that most peers make.
fn most_offered(offers: &BTreeMap<PublicKey, Offer>) -> Option<Offer> {
    let count = |offer: &Offer| {
        let subject = offer.subject();
        offers
            .values()
            .filter(|one| one.subject() == subject)
            .count()
    };
    offers.values().max_by_key(|offer| count(offer)).cloned()
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> JoinError {
    let path = path.to_owned();
    move |source| JoinError::Disk { path, source }
}
