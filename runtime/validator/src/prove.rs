//! Certified proofs of an account from a node that is not trusted: asked for, and checked against
//! the members that the network's file names, and those that they have named since.

use std::{num::NonZeroU64, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::Address;
use lockstep_light::{Certified, LightError, Succession};
use lockstep_node::client::{CallError, call};
use lockstep_programs::builtin_programs;
use serde_json::{Value, json};
use thiserror::Error;

use crate::config::{ConfigError, NetworkFile};

/// Why nothing is proved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The text is no address.
    #[error("expected an address, 32 bytes in base58, found {0:?}")]
    Address(String),
    /// The network's file is of no use.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The node does not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The node has no proof.
    #[error("the node has no proof: its newest block has no certificate yet, try again")]
    None,
    /// The proof is wrong.
    #[error("the node's proof is wrong: {0}")]
    Wrong(#[from] LightError),
}

/// What a network's file trusts: the members of its first epoch.
///
/// # Errors
/// If the file is of no use.
pub fn trusted(network: &Path) -> Result<Succession, ProveError> {
    let file = NetworkFile::read(network)?;
    let header = file.first_header(&builtin_programs())?;
    let network = file.members()?.network(&header.id());
    let length = file.epoch_slots()?.unwrap_or(NonZeroU64::MAX);
    Ok(Succession::new(network, length))
}

/// Follows the members up to the epoch of a proof by what a node says of them, and checks it.
fn follow(
    network: &mut Succession,
    address: &Address,
    proof: &[u8],
    url: &str,
) -> Result<Certified, ProveError> {
    loop {
        match network.verify(address.as_array(), proof) {
            Err(LightError::Epoch { expected, found }) if expected < found => {
                network.advance(&ask(url, "getMembersProof", &json!([expected]))?)?;
            }
            verified => return Ok(verified?),
        }
    }
}

/// Asks a node for a proof.
fn ask(url: &str, method: &str, arguments: &Value) -> Result<Vec<u8>, ProveError> {
    let proof = call(url, method, arguments)?;
    let proof = proof.as_str().ok_or(ProveError::None)?;
    BASE64_STANDARD.decode(proof).map_err(|_| ProveError::None)
}

/// Asks for the proof of an account, and checks it. Gives what is proved.
///
/// # Errors
/// If the node has no proof, or a wrong one.
pub fn prove(address: &str, network: &Path, url: &str) -> Result<Value, ProveError> {
    let mut network = trusted(network)?;
    let parsed: Result<Address, _> = address.parse();
    let parsed = parsed.map_err(|_| ProveError::Address(address.to_owned()))?;
    let proof = ask(url, "getCertifiedProof", &json!([address]))?;
    let proven = follow(&mut network, &parsed, &proof, url)?;
    let account = proven.account.map(|account| {
        json!({
            "lamports": account.lamports,
            "owner": Address::new_from_array(account.owner).to_string(),
            "executable": account.executable,
            "data": BASE64_STANDARD.encode(account.data),
        })
    });
    Ok(json!({
        "slot": proven.slot,
        "blockId": Address::new_from_array(proven.block_id).to_string(),
        "unixTimestamp": proven.unix_timestamp,
        "account": account,
        "epoch": network.epoch(),
        "members": network.network().members.len(),
    }))
}
