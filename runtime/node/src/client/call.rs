//! One request to a node, ours or of others.

use std::io;

use jsonrpsee::core::{ClientError, client::ClientT, params::ArrayParams};
use jsonrpsee_http_client::HttpClientBuilder;
use serde_json::Value;
use thiserror::Error;
use tokio::runtime::Builder;

use crate::limits::RESPONSE_SIZE_MAX;

/// Why a request has no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The node answers with an error.
    #[error("{url}: {method}: {message} (error {code})")]
    Refused {
        /// The node.
        url: String,
        /// What was asked for.
        method: String,
        /// The error's number.
        code: i32,
        /// What it says.
        message: String,
    },
    /// The node cannot be reached, or answers with something else.
    #[error("{url}: {method}: {source}")]
    Client {
        /// The node.
        url: String,
        /// What was asked for.
        method: String,
        /// Why.
        source: Box<ClientError>,
    },
    /// No thread or socket can be had.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The parameters are no list.
    #[error("parameters of {0}: expected a list")]
    Parameters(String),
}

/// Asks a node over HTTP or HTTPS and waits for the answer, at most a minute.
///
/// # Errors
/// If the node cannot be reached, or answers with an error.
pub fn call(url: &str, method: &str, params: &Value) -> Result<Value, CallError> {
    let list = params.as_array();
    let list = list.ok_or_else(|| CallError::Parameters(method.to_owned()))?;
    let mut asked = ArrayParams::new();
    for param in list {
        let inserted = asked.insert(param);
        inserted.map_err(|_| CallError::Parameters(method.to_owned()))?;
    }
    let failed = |source: ClientError| match source {
        ClientError::Call(error) => CallError::Refused {
            url: url.to_owned(),
            method: method.to_owned(),
            code: error.code(),
            message: error.message().to_owned(),
        },
        source => CallError::Client {
            url: url.to_owned(),
            method: method.to_owned(),
            source: Box::new(source),
        },
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let client = HttpClientBuilder::default()
            .max_response_size(RESPONSE_SIZE_MAX)
            .build(url)?;
        client.request(method, asked).await
    });
    answer.map_err(failed)
}
