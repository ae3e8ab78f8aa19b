//! A node whose blocks four members certify, as those of `runtime/validator` do: the genesis that
//! lists them, and proofs in the form that `lockstep-light` and the page check.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::Address;
use lockstep_node::{Node, genesis::GenesisFile};
use lockstep_runtime::wire::{SigningKey, VerificationKeyBytes};
use lockstep_store::encode_account;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The account that lists the members.
const MEMBERS: [u8; 32] = [
    0x06, 0xa1, 0xd8, 0x19, 0x62, 0xb1, 0xa9, 0xa6, 0x5e, 0x95, 0x65, 0x46, 0xae, 0x7b, 0x1f, 0x44,
    0xf6, 0x84, 0x7e, 0x29, 0xab, 0xb9, 0xba, 0x64, 0x6a, 0x2d, 0xc0, 0x2e, 0x00, 0x00, 0x00, 0x00,
];
/// The program that owns it.
const STAKING_PROGRAM: [u8; 32] = [
    0x06, 0xa1, 0xd8, 0x19, 0x62, 0xaf, 0x07, 0x3c, 0xbd, 0x18, 0x8f, 0xd2, 0x98, 0x54, 0x62, 0x11,
    0x26, 0x67, 0x06, 0x9b, 0x7a, 0xa0, 0xe4, 0x4e, 0x2b, 0xbd, 0xe9, 0x50, 0x00, 0x00, 0x00, 0x00,
];
/// What a block of a network has besides: its parent's digest, and the hash of its body.
const PARENT: [u8; 32] = [3; 32];
const BODY: [u8; 32] = [4; 32];

fn public(key: &SigningKey) -> [u8; 32] {
    VerificationKeyBytes::from(key).into()
}

/// The members' keys, in the order of their public keys.
fn keys() -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = (1..=4).map(|seed| SigningKey::from([seed; 32])).collect();
    keys.sort_by_key(public);
    keys
}

/// A genesis that lists the members.
pub(crate) fn genesis() -> GenesisFile {
    let keys = keys();
    let mut data = vec![5, 0, 4, 0, 0, 0];
    for key in &keys {
        data.extend(public(key));
        data.extend(1u64.to_le_bytes());
    }
    let file = json!({ "accounts": [{
        "address": Address::new_from_array(MEMBERS).to_string(),
        "lamports": 1_000_000_000,
        "owner": Address::new_from_array(STAKING_PROGRAM).to_string(),
        "data": BASE64_STANDARD.encode(data),
    }] });
    serde_json::from_value(file).expect("the genesis is of the form that files have")
}

/// The certified proof of an account at the newest block.
pub(crate) fn proof(node: &Node, address: &Address) -> Result<Vec<u8>, String> {
    let proven = node.chain.prove(address);
    let proven = proven.map_err(|error| error.to_string())?;
    let header = proven.header.encode();
    let block = Sha256::new_with_prefix(b"lockstep validator block")
        .chain_update(PARENT)
        .chain_update(&header[..])
        .chain_update(BODY)
        .finalize();
    let namespace = [
        &b"lockstep network "[..],
        node.genesis_hash.as_ref(),
        b"_FINALIZE",
    ];
    let namespace = namespace.concat();
    let size = u8::try_from(namespace.len()).expect("the namespace is short");
    // Epoch 0, view 2 on view 1.
    let message = [&[size][..], &namespace, &[0, 2, 1], &block].concat();
    let mut bytes = vec![1];
    for number in [0u64, 2, 1] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(3u16.to_le_bytes());
    for (place, key) in (0u16..).zip(keys().iter().take(3)) {
        bytes.extend(place.to_le_bytes());
        bytes.extend(<[u8; 64]>::from(key.sign(&message)));
    }
    bytes.extend([&PARENT[..], &header, &BODY].concat());
    match &proven.account {
        Some(account) => {
            let encoded = encode_account(account);
            bytes.push(1);
            let size = u32::try_from(encoded.len()).expect("accounts are small");
            bytes.extend(size.to_le_bytes());
            bytes.extend(encoded);
        }
        None => bytes.push(0),
    }
    bytes.extend(proven.proof.to_bytes());
    Ok(bytes)
}
