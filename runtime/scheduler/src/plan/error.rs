//! Names the rules that a plan may break.
//!
//! The [checker](crate::check) judges a plan by all of them, [`Plan::relabelled`](super::Plan) by
//! those that it needs.

use super::Wait;
use crate::ids::{AccountIndex, TransactionIndex};

/// The most lanes that a batch with waits may have; the limit is ours.
///
/// Whether a chain of waits orders two transactions is known from one clock per lane for each
/// awaited transaction: 512 bytes at this limit, which keeps a hostile plan from using much memory.
pub const LANES_WITH_WAITS_MAX: usize = 128;

/// A rule that a plan breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The plan names a transaction that the block does not have.
    #[error("the plan names transaction {transaction} of a block of {transaction_count}")]
    Unknown {
        /// The one named.
        transaction: TransactionIndex,
        /// How many the block has.
        transaction_count: usize,
    },
    /// The plan runs a transaction more than once.
    #[error("the plan runs transaction {transaction} twice")]
    Repeated {
        /// The one repeated.
        transaction: TransactionIndex,
    },
    /// The plan leaves a transaction out.
    #[error("the plan leaves out transaction {transaction}")]
    Missing {
        /// The lowest-numbered one left out.
        transaction: TransactionIndex,
    },
    /// Two transactions that may run at the same time use an account, and one writes it.
    #[error(
        "transactions {first} and {second} conflict on account {account} in two lanes of batch \
         {batch}"
    )]
    Conflict {
        /// The one that comes first in canonical order.
        first: TransactionIndex,
        /// The other one.
        second: TransactionIndex,
        /// The account that both use.
        account: AccountIndex,
        /// The batch of both.
        batch: usize,
    },
    /// In replay, two conflicting transactions are not in block order.
    #[error(
        "transaction {first} conflicts with {second} on account {account} and comes first, \
         against block order"
    )]
    Inverted {
        /// The one that the plan runs first; its number is the higher one.
        first: TransactionIndex,
        /// The one that the block has first.
        second: TransactionIndex,
        /// The account that both use.
        account: AccountIndex,
    },
    /// A wait names a transaction that is not in the plan.
    #[error("transaction {} waits for {}, and one of them is not in the plan", .wait.transaction, .wait.after)]
    WaitUnknown {
        /// The wait.
        wait: Wait,
    },
    /// A wait orders two transactions of different batches: the barrier does, or it cannot be.
    #[error("transaction {} waits for {}, which is in another batch", .wait.transaction, .wait.after)]
    WaitAcrossBatches {
        /// The wait.
        wait: Wait,
    },
    /// A wait orders two transactions of one lane: the lane's order does, or it cannot be.
    #[error("transaction {} waits for {}, which is in the same lane", .wait.transaction, .wait.after)]
    WaitInsideLane {
        /// The wait.
        wait: Wait,
    },
    /// A wait closes a circle through lanes and other waits, so that its lanes stand still.
    #[error("transaction {} waits for {}, which waits for it in turn", .wait.transaction, .wait.after)]
    WaitCircle {
        /// One wait of the circle, or one held up by it.
        wait: Wait,
    },
    /// The canonical order does not have as many transactions as the lanes.
    #[error("the canonical order has {found} transactions and the lanes have {expected}")]
    OrderLength {
        /// How many the order has.
        found: usize,
        /// How many the lanes have.
        expected: usize,
    },
    /// The canonical order is no merge of a batch's lanes: it repeats a transaction, leaves one
    /// out, takes one from another batch, or turns the order of a lane round.
    #[error(
        "the canonical order has transaction {transaction} in batch {batch}, where it is next in \
         no lane"
    )]
    OrderBroken {
        /// The first transaction that is out of place.
        transaction: TransactionIndex,
        /// The batch whose lanes the order should merge at that place.
        batch: usize,
    },
    /// A batch with waits has more than [`LANES_WITH_WAITS_MAX`] lanes under static dispatch.
    #[error("batch {batch} has waits and {lane_count} lanes, more than {LANES_WITH_WAITS_MAX}")]
    TooManyLanes {
        /// The batch.
        batch: usize,
        /// How many lanes it has.
        lane_count: usize,
    },
}
