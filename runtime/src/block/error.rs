//! Why bytes are not a block, and why transactions and a plan do not make a body.

use lockstep_scheduler::{AccountIndex, TransactionIndex, Wait};

/// A rule that the bytes of a block break, and where.
///
/// Offsets count bytes from the start of the input. Of several broken rules the first that the
/// decoder meets is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockDecodeError {
    /// The bytes end inside a field.
    #[error("{field} at {offset} needs {needed} bytes, {found} are left")]
    Truncated {
        /// The field.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// Bytes that it takes.
        needed: usize,
        /// Bytes from its start to the end.
        found: usize,
    },
    /// A field has a value that it cannot have.
    #[error("{field} at {offset} is {found}, expected at most {limit}")]
    TooLarge {
        /// The field.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// The largest value that is allowed.
        limit: u64,
        /// The value.
        found: u64,
    },
    /// A field does not have the one value that the fields before it leave.
    #[error("{field} at {offset} is {found}, expected {expected}")]
    Unexpected {
        /// The field.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// The value that it must have.
        expected: u64,
        /// The value.
        found: u64,
    },
    /// A list is redundant, or not in the one order that it must have.
    #[error("{field} at {offset} is not in canonical form: found {found}")]
    NotCanonical {
        /// The field.
        field: &'static str,
        /// Where the offending entry starts.
        offset: usize,
        /// The entry.
        found: u64,
    },
    /// The parts decode, but break a rule of bodies.
    #[error("body at {offset}: {error}")]
    Body {
        /// Where the faulty part starts.
        offset: usize,
        /// The rule.
        #[source]
        error: BodyError,
    },
    /// Bytes follow the end.
    #[error("{found} bytes follow the end at {offset}")]
    TrailingBytes {
        /// Where the end is.
        offset: usize,
        /// Bytes after it.
        found: usize,
    },
}

/// A rule that makes transactions, plan and shared accounts a body, and that they break.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// A transaction is empty or larger than any can be.
    #[error("transaction {position} has {found} bytes, expected 1 to {limit}")]
    TransactionSize {
        /// Its position.
        position: usize,
        /// Its bytes.
        found: usize,
        /// [`V1_SIZE_MAX`](crate::wire::limits::V1_SIZE_MAX).
        limit: usize,
    },
    /// There are more transactions than 32 bits count, or more bytes.
    #[error("the block has {found} {what}, at most {limit} can be encoded")]
    TooLarge {
        /// Transactions or bytes.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The largest number.
        limit: usize,
    },
    /// The plan is for another number of transactions.
    #[error("the plan has {found} transactions, the body has {expected}")]
    PlanLength {
        /// Transactions of the body.
        expected: usize,
        /// Transactions of the plan.
        found: usize,
    },
    /// The canonical order of the plan is not the order of the body.
    #[error(
        "transaction {found} stands at place {position} of the plan's canonical order, expected {position}"
    )]
    PlanOrder {
        /// The first place that another transaction has.
        position: usize,
        /// That transaction.
        found: TransactionIndex,
    },
    /// A wait names a transaction that the body does not have.
    #[error("transaction {} waits for {} in a body of {transaction_count}", .wait.transaction, .wait.after)]
    Wait {
        /// The wait.
        wait: Wait,
        /// Transactions of the body.
        transaction_count: usize,
    },
    /// Shared accounts are not in strictly ascending order.
    #[error("shared account {found} at place {position} is not above the one before it")]
    SharedAccountOrder {
        /// Its place among the shared accounts.
        position: usize,
        /// The account.
        found: AccountIndex,
    },
    /// A shared account has a number that no account of the block can have.
    #[error("shared account {found} at place {position}, the transactions name at most {limit}")]
    SharedAccount {
        /// Its place among the shared accounts.
        position: usize,
        /// The account.
        found: AccountIndex,
        /// The most accounts that the transactions can name.
        limit: usize,
    },
}
