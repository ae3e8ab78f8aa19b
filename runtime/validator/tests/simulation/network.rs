//! The simulated network: links that delay and drop, and members that send to some only.

use std::{sync::Arc, time::Duration};

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{
    Recipients,
    simulated::{
        Config, Control, Link, Network, Oracle, Receiver, SplitForwarder, SplitOrigin, SplitSender,
        SplitTarget,
    },
};
use commonware_runtime::{IoBuf, Quota, Supervisor as _, deterministic};
use commonware_utils::{NZU32, NZUsize, Probability, probability, sync::Mutex};
use lockstep_validator::member::{Networks, channels};

pub(crate) type Context = deterministic::Context;
pub(crate) type Peers = Oracle<PublicKey, Context>;

/// More than members ever send.
const QUOTA: Quota = Quota::per_second(NZU32!(10_000));
/// The channels, in the order of [`Networks`].
const CHANNELS: [u64; 6] = [
    channels::VOTES,
    channels::CERTIFICATES,
    channels::REQUESTS,
    channels::BLOCKS,
    channels::BACKFILL,
    channels::SNAPSHOTS,
];

/// How messages fare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Milliseconds on the way, at most.
    pub(crate) latency: u64,
    /// Of 100 messages those that arrive.
    pub(crate) success: u64,
}

impl Weather {
    pub(crate) const FAIR: Self = Self {
        latency: 20,
        success: 100,
    };

    fn link(self) -> Link {
        Link {
            latency: Duration::from_millis(self.latency),
            jitter: Duration::from_millis(self.latency / 4),
            success_rate: Probability::new(self.success, 100).unwrap_or(probability!(1.0)),
        }
    }
}

/// Messages and bytes of each channel, of all members together; a message to several peers counts
/// for each.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    peer_count: u64,
    channels: Arc<Mutex<[(u64, u64); CHANNELS.len()]>>,
}

impl Counts {
    pub(crate) fn new(member_count: usize) -> Self {
        Self {
            peer_count: member_count as u64 - 1,
            channels: Arc::default(),
        }
    }

    fn add(&self, channel: u64, recipients: &Recipients<PublicKey>, size: usize) {
        let peers = match recipients {
            Recipients::All => self.peer_count,
            Recipients::Some(peers) => peers.len() as u64,
            Recipients::One(_) => 1,
        };
        let (messages, bytes) = &mut self.channels.lock()[channel as usize];
        *messages += peers;
        *bytes += peers * size as u64;
    }

    pub(crate) fn get(&self) -> [(u64, u64); CHANNELS.len()] {
        *self.channels.lock()
    }
}

/// What a member lets through of what it sends.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    All,
    /// All, and counts it.
    Counted(Counts),
    /// No blocks at all.
    NoBlocks,
    /// Of two members with one key, each to one half of the peers.
    Halves(Vec<PublicKey>),
    /// The same, but that the votes of both go to all peers.
    Doubles(Vec<PublicKey>),
}

pub(crate) async fn start(context: &Context, peers: &[PublicKey]) -> Peers {
    let config = Config {
        max_size: 4 << 20,
        max_peers_per_set: NZUsize!(peers.len()),
        disconnect_on_block: true,
        tracked_peer_sets: NZUsize!(1),
    };
    let network = Network::new_with_peers(context.child("network"), config, peers.to_vec());
    let (network, oracle) = network.await;
    network.start();
    oracle
}

/// Links all peers that `joined` says are, and unlinks the others.
pub(crate) async fn link(
    oracle: &Peers,
    peers: &[PublicKey],
    weather: Weather,
    joined: impl Fn(usize, usize) -> bool,
) {
    for (i, from) in peers.iter().enumerate() {
        for (j, to) in peers.iter().enumerate().filter(|(j, _)| *j != i) {
            // Fails if there was no link.
            let _ = oracle.remove_link(from.clone(), to.clone()).await;
            if joined(i, j) {
                let link = weather.link();
                oracle
                    .add_link(from.clone(), to.clone(), link)
                    .await
                    .unwrap();
            }
        }
    }
}

fn forwarder(filter: Filter, channel: u64) -> impl SplitForwarder<PublicKey> {
    move |origin: SplitOrigin, recipients: &Recipients<PublicKey>, message: &IoBuf| match &filter {
        Filter::All => Some(recipients.clone()),
        Filter::Counted(counts) => {
            counts.add(channel, recipients, message.as_ref().len());
            Some(recipients.clone())
        }
        Filter::NoBlocks => {
            let has_blocks = matches!(channel, channels::BLOCKS | channels::BACKFILL);
            (!has_blocks).then(|| recipients.clone())
        }
        Filter::Doubles(_) if channel == channels::VOTES => Some(recipients.clone()),
        Filter::Halves(peers) | Filter::Doubles(peers) => {
            let half = half(peers, matches!(origin, SplitOrigin::Primary));
            let some = match recipients {
                Recipients::All => half,
                Recipients::Some(some) => {
                    half.into_iter().filter(|key| some.contains(key)).collect()
                }
                Recipients::One(one) => half.into_iter().filter(|key| key == one).collect(),
            };
            Some(Recipients::Some(some))
        }
    }
}

fn half(peers: &[PublicKey], is_first: bool) -> Vec<PublicKey> {
    let (first, second) = peers.split_at(peers.len() / 2);
    if is_first { first } else { second }.to_vec()
}

pub(crate) type Joined<F> = Networks<SplitSender<PublicKey, Context, F>, Receiver<PublicKey>>;

/// The channels of a member, and of its twin if it has one.
pub(crate) async fn join(
    context: &Context,
    control: &Control<PublicKey, Context>,
    filter: &Filter,
) -> (
    Joined<impl SplitForwarder<PublicKey> + use<>>,
    Option<Joined<impl SplitForwarder<PublicKey> + use<>>>,
) {
    let mut first = Vec::new();
    let mut second = Vec::new();
    for channel in CHANNELS {
        let (sender, receiver) = control.register(channel, QUOTA).await.unwrap();
        let (one, other) = sender.split_with(forwarder(filter.clone(), channel));
        match filter {
            Filter::Halves(peers) | Filter::Doubles(peers) => {
                let firsts = half(peers, true);
                let child = context.child("twins").with_attribute("channel", channel);
                let (receives, too) = receiver.split_with(child, move |(from, _)| {
                    if firsts.contains(from) {
                        SplitTarget::Primary
                    } else {
                        SplitTarget::Secondary
                    }
                });
                first.push((one, receives));
                second.push((other, too));
            }
            _ => first.push((one, receiver)),
        }
    }
    let networks = |ends: Vec<_>| {
        let [votes, certificates, requests, blocks, backfill, snapshots] = ends.try_into().ok()?;
        Some(Networks {
            votes,
            certificates,
            requests,
            blocks,
            backfill,
            snapshots,
        })
    };
    (networks(first).unwrap(), networks(second))
}
