//! The bounds and times of a validator. All are ours; those marked consensus must be the same on
//! all members of a network.

use std::time::Duration;

/// Members of a network, at most (consensus): a certificate holds a signature of two thirds of
/// them, and each is verified by every member.
/// The staking program lists as many.
pub const MEMBER_COUNT_MAX: usize = 128;
/// Slots of an epoch, at least (consensus).
pub const EPOCH_SLOTS_MIN: u64 = 2;
/// Seconds that a block's time may be ahead of a member's clock; a block that is further ahead
/// gets its vote when the clock has come near.
pub const CLOCK_DRIFT_SECONDS: i64 = 5;
/// Finalised blocks that are handed to the ledger before the first of them is acknowledged, and so
/// the number that is made durable together by a member that is behind.
pub const FINALISED_WAITING_MAX: usize = 16;
/// Missing blocks that are asked for at once.
pub const REPAIR_COUNT_MAX: usize = 16;
/// Messages that wait for one part of the engine.
pub const MAILBOX_SIZE: usize = 1_024;
/// Blocks of one sender that are kept until a certificate asks for them.
pub const BLOCKS_PER_SENDER_MAX: usize = 16;
/// Views behind the newest finalised one of which votes and blocks are kept.
pub const VIEW_RETENTION: u64 = 64;
/// Items of one section of the engine's archives, the unit in which they are pruned.
pub const ARCHIVE_SECTION_ITEMS: u64 = 1_024;
/// Bytes of a page of the engine's page cache.
pub const PAGE_SIZE: u16 = 4_096;
/// Pages of that cache.
pub const PAGE_COUNT: usize = 1_024;
/// Bytes of a buffer in front of the engine's journals.
pub const WRITE_BUFFER_SIZE: usize = 64 << 10;
/// Bytes that are read at once when a journal is replayed.
pub const REPLAY_BUFFER_SIZE: usize = 1 << 20;

/// Heights below which a network begins: a member without a ledger starts from the genesis while
/// its peers are there, and takes a snapshot of them later.
pub const JOIN_HEIGHT_MIN: u64 = 16;
/// Blocks that must become final after a member without a ledger has asked for the tip, before the
/// block of its snapshot. The views that its lost disk may have voted in are over then.
pub const JOIN_MARGIN: u64 = 8;
/// Blocks ahead of a member's tip at which it can be asked for a snapshot.
pub const SNAPSHOT_AHEAD_MAX: u64 = 1_024;
/// Snapshots that a member keeps for others. The older one is there while the newer one is made.
pub const SNAPSHOTS_KEPT: usize = 2;
/// Chunks of a snapshot, so that the hashes of all fit one message.
pub const CHUNK_COUNT_MAX: usize = 1 << 16;
/// Chunks that a peer is asked for before the first of them has come.
pub const CHUNKS_AT_ONCE: usize = 8;
/// Time between two questions to the same peers.
pub const ASK_INTERVAL: Duration = Duration::from_millis(500);
/// Time after the first offer of a snapshot in which more members than can lie must offer the same
/// one; the one that most offer is taken later.
pub const OFFER_PATIENCE: Duration = Duration::from_secs(5);
/// Time for a chunk.
pub const CHUNK_PATIENCE: Duration = Duration::from_secs(3);
/// Time without any chunk after which a snapshot is given up and a newer one taken.
pub const STALL_PATIENCE: Duration = Duration::from_secs(15);
/// Final blocks that a member keeps for its peers unless its file says otherwise: six hours of
/// blocks every 250 ms.
pub const KEEP_BLOCKS: u64 = 86_400;

/// How snapshots are made. Members with others make snapshots that differ, so that a joining
/// member finds no two alike.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SnapshotRules {
    /// Snapshots are of heights that are multiples of this; at least 1.
    pub interval: u64,
    /// Bytes of a chunk; at least 1.
    pub chunk_size: u32,
}

impl SnapshotRules {
    /// Every 32 blocks, in pieces of 256 KiB.
    pub const STANDARD: Self = Self {
        interval: 32,
        chunk_size: 256 << 10,
    };
}

/// How long a member waits, for what. A member's own choice, except that members with very
/// different times hinder each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// Least time between two blocks. A block that is full is made at once.
    pub block_interval: Duration,
    /// Time for a leader's proposal; more than the interval.
    pub leader: Duration,
    /// Time until a proposal has its certificate; more than that for the proposal.
    pub certification: Duration,
    /// Time between two votes to skip a view.
    pub retry: Duration,
    /// Time for the answer to a request.
    pub fetch: Duration,
    /// Time after which a member that has not been heard of is passed over as a leader.
    pub skip: Duration,
}

impl Timing {
    /// Time between two requests for the same thing.
    pub(crate) fn fetch_retry(&self) -> Duration {
        self.fetch.checked_div(4).unwrap_or(self.fetch)
    }

    /// Blocks every 250 ms, for members that are at most some hundred milliseconds apart.
    pub const STANDARD: Self = Self {
        block_interval: Duration::from_millis(250),
        leader: Duration::from_millis(1_500),
        certification: Duration::from_millis(3_000),
        retry: Duration::from_millis(2_000),
        fetch: Duration::from_millis(1_000),
        skip: Duration::from_millis(10_000),
    };
}
