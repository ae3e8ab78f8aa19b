//! Why a transaction does not get into a pool: one variant a rule.

use lockstep_interface::{Address, TransactionError};
use thiserror::Error;

use super::Priority;
use crate::{verify::Refusal, wire::ParseError};

/// Why a pool does not take a transaction. The pool has not changed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Rejection {
    /// Its bytes are no transaction.
    #[error("not a transaction: {0}")]
    Malformed(#[from] ParseError),
    /// It breaks a rule of the bank it was held against; also a wrong signature.
    #[error("breaks a rule: {0}")]
    Rule(TransactionError),
    /// A transaction of the bundle is not taken, and so none of it.
    #[error("transaction {member} of the bundle: {source}")]
    Bundle {
        /// Which, from 0.
        member: usize,
        /// Why.
        source: Box<Rejection>,
    },
    /// It was processed before, or waits already.
    #[error("a transaction with this message was processed before, or waits already")]
    Duplicate,
    /// Its blockhash is too old or was never there, and it carries no valid durable nonce.
    #[error("its blockhash is none of the recent ones, nor the stored nonce of its nonce account")]
    UnknownBlockhash,
    /// It would use up more of a block than one candidate may.
    #[error("costs {cost} cost units, at most {limit} are allowed")]
    TooBig {
        /// Its cost, in cost units.
        cost: u64,
        /// [`MempoolLimits::candidate_cost`](super::MempoolLimits::candidate_cost).
        limit: u64,
    },
    /// Its payer has as many in the pool as one payer may.
    #[error("its payer {payer} has {limit} transactions here, and may not have more")]
    PayerShare {
        /// Who pays.
        payer: Address,
        /// [`MempoolLimits::per_payer`](super::MempoolLimits::per_payer).
        limit: u32,
    },
    /// An account it writes has as many waiting for it as may, all of them with as much priority.
    #[error("{limit} wait for its account {account}; it has {priority}, and must beat {to_beat}")]
    AccountShare {
        /// The account.
        account: Address,
        /// [`MempoolLimits::per_account`](super::MempoolLimits::per_account).
        limit: u32,
        /// Its priority.
        priority: Priority,
        /// The priority that it had to be above.
        to_beat: Priority,
    },
    /// The pool is full of candidates with as much priority.
    #[error("the pool is full; it has {priority}, and must beat {to_beat}")]
    Full {
        /// Its priority.
        priority: Priority,
        /// The priority that it had to be above; [`Priority::MAX`] if nothing can make room.
        to_beat: Priority,
    },
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(error) => Self::Malformed(error),
            Refusal::Rule(error) => Self::from(error),
        }
    }
}

impl From<TransactionError> for Rejection {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::AlreadyProcessed => Self::Duplicate,
            TransactionError::BlockhashNotFound => Self::UnknownBlockhash,
            error => Self::Rule(error),
        }
    }
}
