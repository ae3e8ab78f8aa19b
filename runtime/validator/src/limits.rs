//! The bounds and times of a validator. All are ours; those marked consensus must be the same on
//! all members of a network.

use std::time::Duration;

/// Members of a network, at most (consensus): a certificate holds a signature of two thirds of
/// them, and each is verified by every member.
pub const MEMBER_COUNT_MAX: usize = 256;
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
