//! The connections of a member to the others, and the channels on them.

use std::{net::SocketAddr, num::NonZeroUsize, time::Duration};

use commonware_cryptography::{
    ChaCha20Poly1305, Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{
    Address, AddressableManager as _,
    authenticated::lookup::{Config, Network, Oracle, Receiver, Sender},
};
use commonware_runtime::{Handle, Quota, Supervisor as _, tokio::Context};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, ordered::Map};
use lockstep_runtime::block::{BlockHeader, BlockLimits};
use lockstep_validator::{
    block::block_size_max,
    limits::{MAILBOX_SIZE, MEMBER_COUNT_MAX},
    member::{Networks, channels},
    members::namespace,
};

/// Peers at most, unless the file has more: members, and some that follow.
const PEER_COUNT_MAX: usize = 2 * MEMBER_COUNT_MAX;
/// Peers that memory is set aside for at least: messages of each second, for each of them.
const PEER_COUNT_MIN: usize = 16;
/// Bytes of a message besides a block: certificates of the largest network, frames.
const MESSAGE_HEAD_SIZE: usize = 64 << 10;
/// Bytes that a message can have, whatever blocks may: the offer of a large snapshot.
const MESSAGE_SIZE_MIN: usize = 4 << 20;
/// Messages of one channel that a peer may send in a second.
const MESSAGES_PER_SECOND: Quota = Quota::per_second(NZU32!(256));
/// The same for the channels that carry blocks.
const BLOCKS_PER_SECOND: Quota = Quota::per_second(NZU32!(128));

/// What a member needs to reach the others.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) key: PrivateKey,
    /// The header of the chain's first block.
    pub(crate) genesis: BlockHeader,
    pub(crate) limits: BlockLimits,
    pub(crate) listen: SocketAddr,
    /// The other members.
    pub(crate) peers: Vec<(PublicKey, SocketAddr)>,
}

impl Identity {
    /// Peers that there may be while the process runs, this member among them: twice as many as at
    /// its start.
    pub(crate) fn peer_count_max(&self) -> usize {
        let now = self.peers.len().saturating_add(1);
        let twice = now.saturating_mul(2);
        twice.clamp(PEER_COUNT_MIN, PEER_COUNT_MAX.max(now))
    }

    /// Where this member and these others are.
    pub(crate) fn everyone(&self, peers: &[(PublicKey, SocketAddr)]) -> Map<PublicKey, Address> {
        let own = (self.key.public_key(), self.listen);
        let all = peers.iter().cloned().chain([own]);
        Map::from_iter_dedup(all.map(|(key, address)| (key, Address::from(address))))
    }
}

type Ends = (Sender<PublicKey, Context>, Receiver<PublicKey>);

/// The connections of a member.
pub(crate) struct Connected {
    /// The channels of consensus.
    pub(crate) networks: Networks<Sender<PublicKey, Context>, Receiver<PublicKey>>,
    /// The channel of clients' transactions.
    pub(crate) transactions: Ends,
    /// Says which peers there are, and keeps some away.
    pub(crate) oracle: Oracle<PublicKey>,
    /// The task behind all of it.
    pub(crate) handle: Handle<()>,
}

/// Connects a member to the others, again and again while it runs.
pub(crate) fn connect(context: &Context, identity: &Identity) -> Connected {
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake {
            signer: identity.key.clone(),
            synchrony_bound: Duration::from_secs(5),
            max_handshake_age: Duration::from_secs(10),
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let size = block_size_max(&identity.limits).saturating_add(MESSAGE_HEAD_SIZE);
    let mut config = Config::local(
        handshake,
        &namespace(&identity.genesis.id()),
        identity.listen,
        NonZeroUsize::new(identity.peer_count_max()).expect("at least this member"),
        u32::try_from(size.max(MESSAGE_SIZE_MIN)).unwrap_or(u32::MAX),
        NZUsize!(MAILBOX_SIZE),
    );
    config.allow_private_ips = true;
    let (mut network, mut oracle) = Network::new(context.child("network"), config);
    oracle.track(0, identity.everyone(&identity.peers));
    let networks = Networks {
        votes: network.register(channels::VOTES, MESSAGES_PER_SECOND),
        certificates: network.register(channels::CERTIFICATES, MESSAGES_PER_SECOND),
        requests: network.register(channels::REQUESTS, MESSAGES_PER_SECOND),
        blocks: network.register(channels::BLOCKS, BLOCKS_PER_SECOND),
        backfill: network.register(channels::BACKFILL, BLOCKS_PER_SECOND),
        snapshots: network.register(channels::SNAPSHOTS, MESSAGES_PER_SECOND),
    };
    let transactions = network.register(channels::TRANSACTIONS, MESSAGES_PER_SECOND);
    Connected {
        networks,
        transactions,
        oracle,
        handle: network.start(),
    }
}
