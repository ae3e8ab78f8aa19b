//! Proofs that a network has certified, as `runtime/validator` made them: each is right, and wrong
//! with any bit changed.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test fails where something is missing, and shows how long a check takes"
)]

mod common;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use common::{Made, is_full};
use lockstep_light::{LightError, Network, verify};
use serde::Deserialize;

/// Bits of each proof that are changed in a usual run; all of them in a long one.
const BIT_COUNT: usize = 40;
/// Proofs besides, made for this, of which all bits are changed: in a usual run, and in a long one.
const MADE_COUNTS: [usize; 2] = [1, 1_000];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vectors {
    genesis: String,
    members: Vec<String>,
    proofs: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    address: String,
    proof: String,
    block_id: String,
    slot: String,
    lamports: Option<String>,
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors.json")
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn vectors() -> (Network, Vec<Vector>) {
    let text = std::fs::read_to_string(file()).unwrap();
    let vectors: Vectors = serde_json::from_str(&text).unwrap();
    let network = Network {
        genesis: bytes(&vectors.genesis),
        members: vectors.members.iter().map(|key| bytes(key)).collect(),
    };
    (network, vectors.proofs)
}

#[test]
fn proofs_of_a_network_are_accepted() {
    let (network, proofs) = vectors();
    let start = Instant::now();
    for vector in &proofs {
        let proof = hex::decode(&vector.proof).unwrap();
        let proven = verify(&network, &bytes(&vector.address), &proof).unwrap();
        assert_eq!(proven.block_id, bytes(&vector.block_id));
        assert_eq!(proven.slot.to_string(), vector.slot);
        let lamports = proven.account.map(|account| account.lamports.to_string());
        assert_eq!(lamports, vector.lamports);
    }
    eprintln!("{} proofs in {:?}", proofs.len(), start.elapsed());
    assert!(proofs.iter().any(|vector| vector.lamports.is_some()));
    assert!(proofs.iter().any(|vector| vector.lamports.is_none()));
}

#[test]
fn proofs_with_a_changed_bit_are_refused() {
    let (network, proofs) = vectors();
    for vector in &proofs {
        let address = bytes(&vector.address);
        let proof = hex::decode(&vector.proof).unwrap();
        let size = proof.len() * 8;
        let step = if is_full() { 1 } else { size / BIT_COUNT };
        for place in (0..size).step_by(step) {
            let mut mutated = proof.clone();
            mutated[place >> 3] ^= 1 << (place & 7);
            assert!(verify(&network, &address, &mutated).is_err(), "bit {place}");
        }
        for end in [0, 1, proof.len() / 2, proof.len() - 1] {
            assert!(verify(&network, &address, &proof[..end]).is_err());
        }
        let longer = [&proof[..], &[0]].concat();
        assert_eq!(verify(&network, &address, &longer), Err(LightError::Size));
    }
}

#[test]
fn no_bit_of_a_proof_is_free() {
    let made = common::made(MADE_COUNTS[usize::from(is_full())]);
    let mut refused = 0usize;
    for Made {
        network,
        address,
        proof,
    } in &made
    {
        verify(network, address, proof).unwrap();
        let mut mutated = proof.clone();
        for place in 0..proof.len() * 8 {
            mutated[place >> 3] ^= 1 << (place & 7);
            assert!(verify(network, address, &mutated).is_err(), "bit {place}");
            mutated[place >> 3] ^= 1 << (place & 7);
            refused += 1;
        }
    }
    eprintln!("{} proofs, {refused} mutations, all refused", made.len());
}

#[test]
fn other_networks_members_and_addresses_are_told_apart() {
    let (network, proofs) = vectors();
    let vector = &proofs[0];
    let address: [u8; 32] = bytes(&vector.address);
    let proof = hex::decode(&vector.proof).unwrap();
    let mut other = network.clone();
    other.genesis[0] ^= 1;
    let found = verify(&other, &address, &proof);
    assert!(matches!(found, Err(LightError::Signature(_))), "{found:?}");
    let mut other = network.clone();
    other.members.extend([[7; 32]; 8]);
    let found = verify(&other, &address, &proof);
    assert!(matches!(found, Err(LightError::Quorum { .. })), "{found:?}");
    let mut other = address;
    other[0] ^= 1;
    assert_eq!(verify(&network, &other, &proof), Err(LightError::State));
}
