//! Why a transaction does not get into a pool: one variant a rule.

use lockstep_interface::{Address, TransactionError};
use thiserror::Error;

use super::Priority;
use crate::{prepare::LimitExceeded, verify::Refusal, wire::ParseError};

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
    /// A transaction before it in the same bundle uses up its durable nonce.
    #[error("a transaction before it in the bundle uses up the nonce of account {account}")]
    NonceUsedUp {
        /// The nonce account.
        account: Address,
    },
    /// Not even an empty block has room for it.
    #[error("no block has room for it: {0}")]
    TooBig(LimitExceeded<Address>),
    /// Another candidate with the same durable nonce waits, of which a block can include one only.
    #[error(
        "a transaction with the nonce of account {account} waits; \
         this one has {priority}, and must beat {to_beat}"
    )]
    NonceTaken {
        /// The nonce account.
        account: Address,
        /// Its priority.
        priority: Priority,
        /// The priority that it had to be above; [`Priority::MAX`] if a block is being made of
        /// the other.
        to_beat: Priority,
    },
    /// Its payer has as many in the pool as one payer may, all of them with as much priority.
    #[error(
        "its payer {payer} has {limit} transactions here, and may not have more; \
         this one has {priority}, and must beat {to_beat}"
    )]
    PayerShare {
        /// The payer.
        payer: Address,
        /// [`MempoolLimits::per_payer`](super::MempoolLimits::per_payer).
        limit: u32,
        /// Its priority.
        priority: Priority,
        /// The priority that it had to be above.
        to_beat: Priority,
    },
    /// Its payer cannot pay its fee besides those of the payer's candidates with as much priority.
    #[error(
        "its payer {payer} has {funds} lamports for fees, of which candidates here need {promised}; \
         this one needs {fee}, has {priority}, and must beat {to_beat}"
    )]
    Overdraft {
        /// The payer.
        payer: Address,
        /// Lamports that it can pay in fees.
        funds: u64,
        /// Lamports that its candidates in the pool will pay.
        promised: u64,
        /// Lamports that this one would pay.
        fee: u64,
        /// Its priority.
        priority: Priority,
        /// The priority that it had to be above; [`Priority::MAX`] if nothing can make room.
        to_beat: Priority,
    },
    /// As much waits for an account that it writes as may, all of it with as much priority.
    #[error(
        "as much waits for its account {account} as may, {waiting} candidates; \
         this one has {priority}, and must beat {to_beat}"
    )]
    AccountShare {
        /// The account.
        account: Address,
        /// How many candidates write it.
        waiting: u32,
        /// Its priority.
        priority: Priority,
        /// The priority that it had to be above; [`Priority::MAX`] if nothing can make room.
        to_beat: Priority,
    },
    /// The part of the pool for candidates that may be refused because of others is full of such
    /// with as much priority. This one is a bundle, or durable, or signed by an account that signs
    /// another one too.
    #[error(
        "the part of the pool for bundles, durable transactions, and further ones of a signer is \
         full; this one has {priority}, and must beat {to_beat}"
    )]
    RiskShare {
        /// Its priority.
        priority: Priority,
        /// The priority that it had to be above; [`Priority::MAX`] if nothing can make room.
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
