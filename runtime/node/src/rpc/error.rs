//! Why a request has no result, with Solana's numbers.

use jsonrpsee::types::ErrorObjectOwned;
use lockstep_runtime::chain::{SimulateError, UnknownBlock, ViewError};
use lockstep_store::StoreError;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{history::HistoryError, intake::IntakeError, node::BlockReadError};

/// The answer to a request.
pub(crate) type Answer = Result<Value, RpcError>;

/// An error of a request. The number that clients see is [`RpcError::code`].
#[derive(Debug, Error)]
pub(crate) enum RpcError {
    /// A parameter is missing or stands for nothing.
    #[error("{0}")]
    Params(String),
    /// The request cannot be served in the form in which it was made.
    #[error("{0}")]
    Request(&'static str),
    /// A transaction came to nothing when it was tried, and was not sent.
    #[error("Transaction simulation failed: {message}")]
    Preflight {
        /// The error for people.
        message: String,
        /// The result of the simulation.
        data: Box<Value>,
    },
    /// A signature of a transaction is wrong.
    #[error("Transaction signature verification failure")]
    Signature,
    /// There is no block of this slot yet.
    #[error("Block not available for slot {0}")]
    NotAvailable(u64),
    /// The block of this slot is not kept any more.
    #[error("Block {slot} cleaned up, does not exist on node. First available block: {first}")]
    CleanedUp {
        /// The slot.
        slot: u64,
        /// The oldest that is kept.
        first: u64,
    },
    /// No block was made in this slot.
    #[error("Slot {0} was skipped, or missing due to ledger jump to recent snapshot")]
    Skipped(u64),
    /// The node cannot take more, or is behind.
    #[error("{0}")]
    Unhealthy(String),
    /// An index has more than a look-up goes through, or leaves out the key.
    #[error("{0} excluded from account secondary indexes; this RPC method unavailable for key")]
    Excluded(String),
    /// The client does not know transactions of this version.
    #[error(
        "Transaction version ({0}) is not supported by the requesting client. Please try the \
         request again with the following configuration parameter: \
         \"maxSupportedTransactionVersion\": {0}"
    )]
    Version(u8),
    /// The newest block is older than the client wants.
    #[error("Minimum context slot has not been reached")]
    MinContextSlot(u64),
    /// Store, chain or history failed.
    #[error("internal error: {0}")]
    Internal(String),
}

impl RpcError {
    /// A parameter that stands for nothing.
    pub(crate) fn params(text: impl Into<String>) -> Self {
        Self::Params(text.into())
    }

    /// Solana's number.
    pub(crate) fn code(&self) -> i32 {
        match self {
            Self::Params(_) => -32602,
            Self::Request(_) => -32600,
            Self::CleanedUp { .. } => -32001,
            Self::Preflight { .. } => -32002,
            Self::Signature => -32003,
            Self::NotAvailable(_) => -32004,
            Self::Unhealthy(_) => -32005,
            Self::Skipped(_) => -32007,
            Self::Excluded(_) => -32010,
            Self::Version(_) => -32015,
            Self::MinContextSlot(_) => -32016,
            Self::Internal(_) => -32603,
        }
    }

    fn data(&self) -> Option<Value> {
        match self {
            Self::Preflight { data, .. } => Some((**data).clone()),
            Self::MinContextSlot(slot) => Some(json!({ "contextSlot": slot })),
            Self::Unhealthy(_) => Some(json!({ "numSlotsBehind": null })),
            _ => None,
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        Self::owned(error.code(), error.to_string(), error.data())
    }
}

impl From<ErrorObjectOwned> for RpcError {
    /// What the server's own parser says of parameters.
    fn from(error: ErrorObjectOwned) -> Self {
        let detail = error.data().map(|data| data.get().trim_matches('"'));
        Self::Params(format!(
            "Invalid params: {}",
            detail.unwrap_or(error.message())
        ))
    }
}

macro_rules! internal {
    ($($error:ty),*) => {
        $(impl From<$error> for RpcError {
            fn from(error: $error) -> Self {
                Self::Internal(error.to_string())
            }
        })*
    };
}

internal!(
    UnknownBlock,
    ViewError,
    StoreError,
    BlockReadError,
    SimulateError,
    std::io::Error
);

impl From<HistoryError> for RpcError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Behind { .. } => Self::Unhealthy(error.to_string()),
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<IntakeError> for RpcError {
    /// Those that are no verdict on the transaction.
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Store(cause) => Self::Internal(cause),
            error => Self::Unhealthy(error.to_string()),
        }
    }
}
