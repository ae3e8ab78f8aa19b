//! Prints what a node's stream brings.

use std::{io, time::Duration};

use jsonrpsee::core::ClientError;
use serde_json::Value;
use thiserror::Error;
use tokio::runtime::Builder;

use super::{connect, stream};

/// How long to wait before a lost connection is made again.
const PAUSE: Duration = Duration::from_millis(500);
/// Connections in a row that may fail.
const FAILURES_MAX: u32 = 20;

/// Why a stream is not followed any longer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The node cannot be reached, or does not stream.
    #[error("{url}: {source}")]
    Client {
        /// The node.
        url: String,
        /// Why.
        source: Box<ClientError>,
    },
    /// No thread can be started, or the reader of the notes failed.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Hands every note of a node's stream to `show`, from a slot on or from the next block on, until
/// it says no. A lost connection is made again where it broke off.
///
/// # Errors
/// If the node cannot be reached, or `show` fails.
pub fn follow(
    url: &str,
    from_slot: Option<u64>,
    show: &mut dyn FnMut(&Value) -> Result<bool, io::Error>,
) -> Result<(), FollowError> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut next = from_slot;
        let mut failures = 0u32;
        loop {
            match read(url, &mut next, show, &mut failures).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(FollowError::Client { .. }) if failures < FAILURES_MAX && next.is_some() => {
                    failures = failures.saturating_add(1);
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// Reads until the connection breaks, or the reader has enough. Notes the slot to go on at.
async fn read(
    url: &str,
    next: &mut Option<u64>,
    show: &mut dyn FnMut(&Value) -> Result<bool, io::Error>,
    failures: &mut u32,
) -> Result<bool, FollowError> {
    let failed = |source| FollowError::Client {
        url: url.to_owned(),
        source: Box::new(source),
    };
    let client = connect(url).await.map_err(failed)?;
    let mut notes = stream(&client, *next, "full").await.map_err(failed)?;
    while let Some(Ok(note)) = notes.next().await {
        *failures = 0;
        let slot = note.get("slot").and_then(Value::as_u64);
        let behind = slot.map(|slot| slot.saturating_add(1));
        *next = behind
            .or(note.get("nextSlot").and_then(Value::as_u64))
            .or(*next);
        if !show(&note)? {
            return Ok(false);
        }
    }
    Ok(true)
}
