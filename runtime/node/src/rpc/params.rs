//! Parameters of requests: positional, the last ones optional, as Solana's clients send them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jsonrpsee::types::{Params, params::ParamsSequence};
use lockstep_interface::{Address, Hash, Signature};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::error::RpcError;
use crate::{limits::REQUEST_SIZE_MAX, node::Node};

/// The parameters of a request, read one after the other.
#[derive(Debug)]
pub(crate) struct Arguments<'a>(ParamsSequence<'a>);

impl<'a> Arguments<'a> {
    pub(crate) fn new(params: &'a Params<'_>) -> Self {
        Self(params.sequence())
    }

    /// The next one.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, RpcError> {
        let value: Option<T> = self.optional()?;
        value.ok_or_else(|| RpcError::params(format!("Invalid params: expected {name}")))
    }

    /// The next one, if there is one that is not null.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        Ok(self.0.optional_next()?)
    }

    /// The next one, or its default.
    pub(crate) fn or_default<T: DeserializeOwned + Default>(&mut self) -> Result<T, RpcError> {
        Ok(self.optional()?.unwrap_or_default())
    }

    /// An address.
    pub(crate) fn address(&mut self) -> Result<Address, RpcError> {
        address(&self.required::<String>("an address in base58")?)
    }

    /// A signature.
    pub(crate) fn signature(&mut self) -> Result<[u8; 64], RpcError> {
        signature(&self.required::<String>("a signature in base58")?)
    }
}

/// The address of a text.
pub(crate) fn address(text: &str) -> Result<Address, RpcError> {
    text.parse()
        .map_err(|_| RpcError::params("Invalid param: WrongSize"))
}

/// The hash of a text.
pub(crate) fn hash(text: &str) -> Result<Hash, RpcError> {
    text.parse()
        .map_err(|_| RpcError::params("Invalid param: WrongSize"))
}

/// The signature of a text.
pub(crate) fn signature(text: &str) -> Result<[u8; 64], RpcError> {
    let signature: Result<Signature, _> = text.parse();
    let signature = signature.map_err(|_| RpcError::params("Invalid param: WrongSize"))?;
    Ok(signature.into())
}

/// How much a client wants a block to be settled. Every block that is shown is durable and will
/// never be replaced, so that all levels see the same.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Commitment {
    /// It was executed.
    Processed,
    /// It will probably stay.
    Confirmed,
    /// It will stay.
    Finalized,
    /// Older names of the three.
    #[serde(alias = "recent", alias = "single", alias = "singleGossip")]
    #[serde(alias = "root", alias = "max")]
    Other,
}

/// What every request about the state may ask for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContextConfig {
    /// All levels see the same; the field is read for its spelling.
    #[expect(dead_code, reason = "a wrong name is an error of the request")]
    pub(crate) commitment: Option<Commitment>,
    pub(crate) min_context_slot: Option<u64>,
}

impl ContextConfig {
    /// The slot of the newest block, which must not be older than the client wants.
    pub(crate) fn slot(&self, node: &Node) -> Result<u64, RpcError> {
        let slot = node.head().slot;
        match self.min_context_slot {
            Some(wanted) if wanted > slot => Err(RpcError::MinContextSlot(slot)),
            _ => Ok(slot),
        }
    }
}

/// A commitment that stands where one with more fields may stand.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum LastSlot<C> {
    Slot(u64),
    Config(C),
}

/// How bytes of transactions are encoded.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum WireEncoding {
    /// Base58; slow, and the default of old.
    #[default]
    Base58,
    /// Base64.
    Base64,
}

impl WireEncoding {
    /// The bytes of a text.
    pub(crate) fn decode(self, text: &str) -> Result<Vec<u8>, RpcError> {
        let size_max = REQUEST_SIZE_MAX as usize;
        if text.len() > size_max {
            return Err(RpcError::params("base64 encoded transaction too large"));
        }
        match self {
            Self::Base58 => {
                let bytes = bs58::decode(text).into_vec();
                bytes.map_err(|error| {
                    RpcError::params(format!("invalid base58 encoding: {error:?}"))
                })
            }
            Self::Base64 => {
                let bytes = BASE64_STANDARD.decode(text);
                bytes.map_err(|error| {
                    RpcError::params(format!("invalid base64 encoding: {error:?}"))
                })
            }
        }
    }
}

/// A field of a configuration that some clients give as null in place of leaving it out.
pub(crate) fn or_default<'de, D, T>(field: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let value: Option<T> = Option::deserialize(field)?;
    Ok(value.unwrap_or_default())
}
