//! Proofs that tests make: members of any keys, and a state of any account.
#![allow(
    dead_code,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "no test uses all of it, and each fails where something is missing"
)]

use std::{num::NonZeroU64, ops::Range};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_light::{MEMBERS, Network, STAKING_PROGRAM, Succession};
use sha2::{Digest as _, Sha256};

pub(crate) const EPOCH_SLOTS: u64 = 10;
pub(crate) const GENESIS: [u8; 32] = [9; 32];

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

/// Whether a long run is asked for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("LOCKSTEP_FULL").is_some()
}

/// Keys of members, in the order of their public keys.
pub(crate) fn keys(seeds: Range<u8>) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = seeds.map(|seed| SigningKey::from([seed + 1; 32])).collect();
    keys.sort_by_key(public);
    keys
}

pub(crate) fn public(key: &SigningKey) -> [u8; 32] {
    VerificationKeyBytes::from(key).into()
}

/// The network of these members.
pub(crate) fn network(keys: &[SigningKey]) -> Network {
    Network {
        genesis: GENESIS,
        members: keys.iter().map(public).collect(),
    }
}

/// The same, to be followed from its first epoch.
pub(crate) fn followed(keys: &[SigningKey]) -> Succession {
    Succession::new(network(keys), NonZeroU64::new(EPOCH_SLOTS).unwrap())
}

/// The data of the account that lists these members.
pub(crate) fn list(keys: &[SigningKey]) -> Vec<u8> {
    let keys: Vec<_> = keys.iter().map(public).collect();
    list_of(&keys)
}

/// The same of any keys.
pub(crate) fn list_of(keys: &[[u8; 32]]) -> Vec<u8> {
    let mut data = vec![5, 0];
    data.extend((keys.len() as u32).to_le_bytes());
    for (key, stake) in keys.iter().zip(1u64..) {
        data.extend(key);
        data.extend(stake.to_le_bytes());
    }
    data.resize(20 + data.len(), 0);
    data
}

/// What members sign about a state of one account, and the proof of it.
#[derive(Clone)]
pub(crate) struct Signed<'k> {
    pub(crate) keys: &'k [SigningKey],
    pub(crate) epoch: u64,
    pub(crate) slot: u64,
    pub(crate) address: [u8; 32],
    pub(crate) owner: [u8; 32],
    pub(crate) data: Vec<u8>,
}

/// The list of the next members under the last block of an epoch.
pub(crate) fn handover<'k>(keys: &'k [SigningKey], next: &[SigningKey], epoch: u64) -> Signed<'k> {
    Signed {
        keys,
        epoch,
        slot: (epoch + 1) * EPOCH_SLOTS - 1,
        address: MEMBERS,
        owner: STAKING_PROGRAM,
        data: list(next),
    }
}

impl Signed<'_> {
    /// The proof with the signatures of a quorum.
    pub(crate) fn proof(&self) -> Vec<u8> {
        self.parts(&[]).signed(self.keys)
    }

    /// What is signed, the account as many steps below the root as there are siblings.
    pub(crate) fn parts(&self, siblings: &[[u8; 32]]) -> Parts {
        let mut account = 7u64.to_le_bytes().to_vec();
        account.extend(self.owner);
        account.push(0);
        account.extend((self.data.len() as u32).to_le_bytes());
        account.extend(&self.data);
        let place = Place::of(&self.address);
        Parts {
            epoch: self.epoch,
            slot: self.slot,
            end: Some((place.0, sha256(&[&account]))),
            place,
            account: Some(account),
            siblings: siblings.to_vec(),
            root_flag: 1,
        }
    }
}

/// The path to an address.
#[derive(Clone)]
pub(crate) struct Place([u8; 32]);

impl Place {
    pub(crate) fn of(address: &[u8; 32]) -> Self {
        Self(sha256(&[address]))
    }

    /// Another path, which parts from this one at its last bit.
    pub(crate) fn beside(&self) -> [u8; 32] {
        let mut path = self.0;
        path[31] ^= 1;
        path
    }

    fn is_right_at(&self, depth: usize) -> bool {
        let byte = self.0.get(depth / 8).copied().unwrap_or_default();
        byte >> (7 - depth % 8) & 1 == 1
    }
}

/// What a proof says, each part as a test wants it.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) epoch: u64,
    pub(crate) slot: u64,
    pub(crate) place: Place,
    pub(crate) account: Option<Vec<u8>>,
    /// Path and value of the leaf at the end.
    pub(crate) end: Option<([u8; 32], [u8; 32])>,
    pub(crate) siblings: Vec<[u8; 32]>,
    /// What the header has in front of the state root.
    pub(crate) root_flag: u8,
}

const PARENT: [u8; 32] = [3; 32];
const BODY: [u8; 32] = [4; 32];

impl Parts {
    fn root(&self) -> [u8; 32] {
        let mut node = self.end.map_or([0; 32], |(path, value)| {
            let mut leaf = sha256(&[&path, &value]);
            leaf[0] |= 0x80;
            leaf
        });
        for (depth, sibling) in self.siblings.iter().enumerate().rev() {
            node = match self.place.is_right_at(depth) {
                true => sha256(&[sibling, &node]),
                false => sha256(&[&node, sibling]),
            };
            node[0] &= 0x7f;
        }
        node
    }

    fn header(&self) -> [u8; 214] {
        let mut header = [0; 214];
        header[0] = 1;
        header[33..41].copy_from_slice(&self.slot.to_le_bytes());
        header[41..49].copy_from_slice(&1_700_000_000i64.to_le_bytes());
        header[149] = self.root_flag;
        header[150..182].copy_from_slice(&self.root());
        header
    }

    /// What each member signs.
    pub(crate) fn message(&self) -> Vec<u8> {
        let block = sha256(&[b"lockstep validator block", &PARENT, &self.header(), &BODY]);
        let namespace = [&b"lockstep network "[..], &GENESIS, b"_FINALIZE"].concat();
        let mut message = vec![namespace.len() as u8];
        message.extend(namespace);
        message.extend([self.epoch as u8, 5, 4]);
        message.extend(block);
        message
    }

    /// The proof with the signatures of the first members, as many as a quorum needs.
    pub(crate) fn signed(&self, keys: &[SigningKey]) -> Vec<u8> {
        let count = keys.len() - (keys.len() - 1) / 3;
        let message = self.message();
        let signed = keys.iter().take(count);
        let signed: Vec<_> = (0..)
            .zip(signed.map(|key| key.sign(&message).into()))
            .collect();
        self.with(&signed)
    }

    /// The proof with these signatures of members at these places.
    pub(crate) fn with(&self, signatures: &[(u16, [u8; 64])]) -> Vec<u8> {
        let mut proof = vec![1];
        for number in [self.epoch, 5, 4] {
            proof.extend(number.to_le_bytes());
        }
        proof.extend((signatures.len() as u16).to_le_bytes());
        for (place, signature) in signatures {
            proof.extend(place.to_le_bytes());
            proof.extend(signature);
        }
        proof.extend([&PARENT[..], &self.header(), &BODY].concat());
        match &self.account {
            Some(account) => {
                proof.push(1);
                proof.extend((account.len() as u32).to_le_bytes());
                proof.extend(account);
            }
            None => proof.push(0),
        }
        proof.push(1);
        match self.end {
            Some((path, value)) => proof.extend([&[1][..], &path, &value].concat()),
            None => proof.push(0),
        }
        proof.extend((self.siblings.len() as u16).to_le_bytes());
        proof.extend(self.siblings.concat());
        proof
    }
}

/// A proof, and what it is checked against.
pub(crate) struct Made {
    pub(crate) network: Network,
    pub(crate) address: [u8; 32],
    pub(crate) proof: Vec<u8>,
}

/// Proofs that differ in members, accounts and depth; each third says that there is no account.
pub(crate) fn made(count: usize) -> Vec<Made> {
    let made = (0..count).map(|place| {
        let start = (place % 240) as u8;
        let keys = keys(start..start + 1 + (place % 4) as u8);
        let address = sha256(&[&place.to_le_bytes()]);
        let signed = Signed {
            keys: &keys,
            epoch: place as u64 % 100,
            slot: place as u64,
            address,
            owner: [2; 32],
            data: vec![place as u8; place % 40],
        };
        let siblings = (0..place % 5).map(|depth| sha256(&[&address, &depth.to_le_bytes()]));
        let mut parts = signed.parts(&siblings.collect::<Vec<_>>());
        if place % 3 == 2 {
            parts.account = None;
            parts.end = (place % 2 == 1).then(|| (parts.place.beside(), [3; 32]));
        }
        Made {
            network: network(&keys),
            address,
            proof: parts.signed(&keys),
        }
    });
    made.collect()
}
