//! Members that change: each set proved by the one before, and nothing by any other.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test fails where something is missing, and counts small numbers"
)]

use std::num::NonZeroU64;

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_light::{LightError, MEMBERS, Network, STAKING_PROGRAM, Succession, verify};
use sha2::{Digest as _, Sha256};

const EPOCH_SLOTS: u64 = 10;
const GENESIS: [u8; 32] = [9; 32];

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

/// Keys of members, in the order of their public keys.
fn keys(seeds: std::ops::Range<u8>) -> Vec<SigningKey> {
    let mut keys: Vec<SigningKey> = seeds.map(|seed| SigningKey::from([seed + 1; 32])).collect();
    keys.sort_by_key(public);
    keys
}

fn public(key: &SigningKey) -> [u8; 32] {
    VerificationKeyBytes::from(key).into()
}

/// The account that lists these members.
fn list(keys: &[SigningKey]) -> Vec<u8> {
    let mut data = vec![5, 0];
    data.extend((keys.len() as u32).to_le_bytes());
    for (key, stake) in keys.iter().zip(1u64..) {
        data.extend(public(key));
        data.extend(stake.to_le_bytes());
    }
    data.resize(200 + data.len(), 0);
    data
}

/// What members sign about a state of one account, and the proof of it.
struct Signed<'k> {
    keys: &'k [SigningKey],
    epoch: u64,
    slot: u64,
    address: [u8; 32],
    owner: [u8; 32],
    data: Vec<u8>,
}

impl Signed<'_> {
    fn proof(&self) -> Vec<u8> {
        let mut account = 7u64.to_le_bytes().to_vec();
        account.extend(self.owner);
        account.push(0);
        account.extend((self.data.len() as u32).to_le_bytes());
        account.extend(&self.data);
        // A trie with one leaf.
        let (path, value) = (sha256(&[&self.address]), sha256(&[&account]));
        let mut root = sha256(&[&path, &value]);
        root[0] |= 0x80;
        let mut header = [0; 214];
        header[0] = 1;
        header[33..41].copy_from_slice(&self.slot.to_le_bytes());
        header[149] = 1;
        header[150..182].copy_from_slice(&root);
        let (parent, body) = ([3; 32], [4; 32]);
        let block = sha256(&[b"lockstep validator block", &parent, &header, &body]);

        let namespace = [&b"lockstep network "[..], &GENESIS, b"_FINALIZE"].concat();
        let mut message = vec![namespace.len() as u8];
        message.extend(namespace);
        message.extend([self.epoch as u8, 5, 4]);
        message.extend(block);
        let count = self.keys.len() - (self.keys.len() - 1) / 3;
        let mut proof = vec![1];
        for number in [self.epoch, 5, 4] {
            proof.extend(number.to_le_bytes());
        }
        proof.extend((count as u16).to_le_bytes());
        for (place, key) in self.keys.iter().enumerate().take(count) {
            proof.extend((place as u16).to_le_bytes());
            proof.extend(<[u8; 64]>::from(key.sign(&message)));
        }
        proof.extend(parent);
        proof.extend(header);
        proof.extend(body);
        proof.push(1);
        proof.extend((account.len() as u32).to_le_bytes());
        proof.extend(account);
        proof.extend([1, 1]);
        proof.extend(path);
        proof.extend(value);
        proof.extend(0u16.to_le_bytes());
        proof
    }
}

/// The list of the next members under the last block of an epoch.
fn handover<'k>(keys: &'k [SigningKey], next: &[SigningKey], epoch: u64) -> Signed<'k> {
    Signed {
        keys,
        epoch,
        slot: (epoch + 1) * EPOCH_SLOTS - 1,
        address: MEMBERS,
        owner: STAKING_PROGRAM,
        data: list(next),
    }
}

fn followed(keys: &[SigningKey]) -> Succession {
    let network = Network {
        genesis: GENESIS,
        members: keys.iter().map(public).collect(),
    };
    Succession::new(network, NonZeroU64::new(EPOCH_SLOTS).unwrap())
}

#[test]
fn a_network_is_followed_from_set_to_set() {
    let sets = [keys(0..4), keys(2..7), keys(6..8), keys(6..13)];
    let mut followed = followed(&sets[0]);
    for (epoch, pair) in (0..).zip(sets.windows(2)) {
        let proof = handover(&pair[0], &pair[1], epoch).proof();
        followed.advance(&proof).unwrap();
        let members: Vec<_> = pair[1].iter().map(public).collect();
        assert_eq!(followed.network().members, members);
        assert_eq!(followed.epoch(), epoch + 1);
        // Other accounts are proved by the members of now, and by no others.
        let mut other = handover(&pair[1], &[], epoch + 1);
        other.address = [1; 32];
        assert_eq!(
            followed.verify(&[1; 32], &other.proof()).unwrap().slot,
            other.slot
        );
        let mut former = handover(&pair[0], &[], epoch + 1);
        former.address = [1; 32];
        assert!(followed.verify(&[1; 32], &former.proof()).is_err());
        // That they are others is told by the epoch, before a signature is looked at.
        former.epoch = epoch;
        let (expected, found) = (epoch + 1, epoch);
        assert_eq!(
            followed.verify(&[1; 32], &former.proof()),
            Err(LightError::Epoch { expected, found })
        );
    }
}

#[test]
fn nothing_but_the_list_at_the_end_of_the_epoch_is_taken() {
    let (now, next) = (keys(0..4), keys(4..8));
    let start = followed(&now);
    let refused = |signed: &Signed<'_>| {
        let mut followed = start.clone();
        let error = followed.advance(&signed.proof()).unwrap_err();
        assert_eq!(followed, start);
        error
    };
    let mut early = handover(&now, &next, 0);
    early.slot -= 1;
    let expected = LightError::Slot {
        expected: 9,
        found: 8,
    };
    assert_eq!(refused(&early), expected);
    let other = handover(&now, &next, 1);
    let expected = LightError::Epoch {
        expected: 0,
        found: 1,
    };
    assert_eq!(refused(&other), expected);
    let mut elsewhere = handover(&now, &next, 0);
    elsewhere.address = [1; 32];
    assert_eq!(refused(&elsewhere), LightError::State);
    assert!(matches!(
        refused(&handover(&next, &next, 0)),
        LightError::Signature(0)
    ));
    // Every bit counts here, too.
    let proof = handover(&now, &next, 0).proof();
    for place in (0..proof.len()).step_by(5) {
        let mut wrong = proof.clone();
        wrong[place] ^= 1 << (place % 8);
        assert!(start.clone().advance(&wrong).is_err(), "byte {place}");
    }
    let network = start.network();
    assert!(verify(network, &MEMBERS, &proof).is_ok());
}

#[test]
fn a_list_of_no_use_leaves_the_members() {
    let (now, next) = (keys(0..4), keys(4..8));
    let swapped = [next[1], next[0]];
    let mut foreign = handover(&now, &next, 0);
    foreign.owner = [1; 32];
    let mut cut = handover(&now, &next, 0);
    cut.data.truncate(100);
    let mut tagged = handover(&now, &next, 0);
    tagged.data[0] = 4;
    for signed in [
        handover(&now, &[], 0),
        handover(&now, &swapped, 0),
        foreign,
        cut,
        tagged,
    ] {
        let mut followed = followed(&now);
        followed.advance(&signed.proof()).unwrap();
        assert_eq!(followed.epoch(), 1);
        assert_eq!(
            followed.network().members,
            now.iter().map(public).collect::<Vec<_>>()
        );
    }
}
