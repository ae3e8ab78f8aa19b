//! Good signatures pass, and each way of being bad has its number.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "offsets into the few bytes of a test's own data"
)]

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{Instruction, InstructionError, address::program_ids};
use proptest::prelude::*;

use super::Ed25519Error;
use crate::testing::Ledger;

/// Data in the order of Solana's clients: descriptions, then key, signature and message of each.
fn data(messages: &[&[u8]]) -> Vec<u8> {
    let mut data = vec![u8::try_from(messages.len()).unwrap(), 0];
    data.resize(2 + 14 * messages.len(), 0);
    for (index, message) in messages.iter().enumerate() {
        let key = SigningKey::from([7; 32]);
        let start = u16::try_from(data.len()).unwrap();
        data.extend(<[u8; 32]>::from(VerificationKeyBytes::from(&key)));
        data.extend(<[u8; 64]>::from(key.sign(message)));
        data.extend(*message);
        let size = u16::try_from(message.len()).unwrap();
        let own = u16::MAX;
        let fields = [start + 32, own, start, own, start + 96, size, own];
        let at = 2 + 14 * index;
        data[at..at + 14].copy_from_slice(&fields.map(u16::to_le_bytes).concat());
    }
    data
}

fn run(data: Vec<u8>) -> Result<(), InstructionError> {
    run_beside(data, &[])
}

/// Runs the program in a transaction with other instructions behind its own.
fn run_beside(data: Vec<u8>, others: &[Vec<u8>]) -> Result<(), InstructionError> {
    let instruction = Instruction {
        program: program_ids::ED25519,
        accounts: Vec::new(),
        data,
    };
    Ledger::new().run_beside(&instruction, others)
}

#[track_caller]
fn check_refused(data: Vec<u8>, error: Ed25519Error) {
    assert_eq!(run(data), Err(error.into()));
}

#[test]
fn good_signatures_pass() {
    assert_eq!(run(data(&[b"one"])), Ok(()));
    assert_eq!(run(data(&[b"one", b"", b"three"])), Ok(()));
    assert_eq!(run(vec![0, 0]), Ok(()));
    // Its own index means the same as the index for the running instruction.
    let mut own_index = data(&[b"one"]);
    own_index[4..6].fill(0);
    assert_eq!(run(own_index), Ok(()));
}

#[test]
fn parts_may_lie_in_other_instructions() {
    let own = data(&[b"one"]);
    let parts = [&own[48..112], &own[16..48], &own[112..]].map(<[u8]>::to_vec);
    // Signature, key and message, each at the start of an instruction of its own.
    let fields = [0, 1, 0, 2, 0, 3, 3].map(u16::to_le_bytes).concat();
    let elsewhere = [vec![1, 0], fields].concat();
    assert_eq!(run_beside(elsewhere.clone(), &parts), Ok(()));

    let check = |data: Vec<u8>, others: &[Vec<u8>], error: Ed25519Error| {
        assert_eq!(run_beside(data, others), Err(error.into()));
    };
    // The message's instruction is missing, too short, or another.
    check(
        elsewhere.clone(),
        &parts[..2],
        Ed25519Error::InvalidDataOffsets,
    );
    let [signature, key, message] = parts;
    let short = [signature.clone(), key.clone(), message[..2].to_vec()];
    check(elsewhere.clone(), &short, Ed25519Error::InvalidDataOffsets);
    let other = [signature.clone(), key.clone(), b"two".to_vec()];
    check(elsewhere.clone(), &other, Ed25519Error::InvalidSignature);
    // A bad key is found before a missing message.
    let bad_key = [vec![2], vec![0; 31]].concat();
    check(
        elsewhere,
        &[signature, bad_key],
        Ed25519Error::InvalidPublicKey,
    );
}

#[test]
fn sizes_and_offsets_have_to_fit() {
    check_refused(vec![], Ed25519Error::InvalidInstructionDataSize);
    check_refused(vec![1], Ed25519Error::InvalidInstructionDataSize);
    check_refused(vec![0, 0, 0], Ed25519Error::InvalidInstructionDataSize);
    check_refused(
        data(&[b"one"])[..15].to_vec(),
        Ed25519Error::InvalidInstructionDataSize,
    );
    let mut cut = data(&[b"one"]);
    cut.pop();
    check_refused(cut, Ed25519Error::InvalidDataOffsets);
    let mut elsewhere = data(&[b"one"]);
    elsewhere[4..6].copy_from_slice(&[1, 0]);
    check_refused(elsewhere, Ed25519Error::InvalidDataOffsets);
}

#[test]
fn bad_keys_and_small_orders_are_refused() {
    let key_at = 16;
    let mut no_point = data(&[b"one"]);
    no_point[key_at..key_at + 32].fill(0);
    no_point[key_at] = 2;
    check_refused(no_point, Ed25519Error::InvalidPublicKey);
    // With the identity as key and commitment, zero fits every message under laxer rules.
    let mut identity = data(&[b"one"]);
    identity[key_at..key_at + 96].fill(0);
    identity[key_at] = 1;
    identity[key_at + 32] = 1;
    check_refused(identity, Ed25519Error::InvalidSignature);
    // S above the group order.
    let mut large = data(&[b"one"]);
    large[key_at + 64..key_at + 96].fill(0xff);
    check_refused(large, Ed25519Error::InvalidSignature);
}

proptest! {
    #[test]
    fn no_flipped_bit_passes(bit in 0..8 * (32usize + 64 + 3)) {
        let mut flipped = data(&[b"one"]);
        flipped[16 + bit / 8] ^= 1 << (bit % 8);
        let result = run(flipped);
        let expected = [Ed25519Error::InvalidPublicKey, Ed25519Error::InvalidSignature];
        prop_assert!(expected.iter().any(|error| result == Err((*error).into())), "{result:?}");
    }
}
