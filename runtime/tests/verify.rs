//! Batches of signatures against ed25519-zebra's verification of each alone.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "points, scalars and small numbers of test cases"
)]

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_zebra::{Signature, SigningKey, VerificationKey, VerificationKeyBytes};
use lockstep_runtime::verify::{BATCH_SIZE, verify};
use lockstep_runtime::wire::{CompiledInstruction, Header, Message, TransactionView, Version};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha512};
use solana_address::Address;

/// A message that these keys sign, with a few bytes to tell it from others.
fn message(version: Version, signers: &[[u8; 32]], note: u64) -> Message {
    let count = u8::try_from(signers.len()).expect("few signers");
    let mut static_keys: Vec<_> = signers
        .iter()
        .copied()
        .map(Address::new_from_array)
        .collect();
    static_keys.push(Address::new_from_array([8; 32]));
    Message {
        header: Header {
            required_signatures: count,
            readonly_signed: 0,
            readonly_unsigned: 1,
        },
        static_keys,
        instructions: vec![CompiledInstruction {
            program_index: count,
            accounts: vec![],
            data: note.to_le_bytes().to_vec(),
        }],
        ..Message::new(version)
    }
}

fn key_bytes(key: &SigningKey) -> [u8; 32] {
    VerificationKeyBytes::from(key).into()
}

fn signing_key(byte: u8) -> SigningKey {
    SigningKey::from([byte; 32])
}

/// Each signature alone, as ed25519-zebra sees it.
fn judge(view: &TransactionView<'_>) -> bool {
    let mut signed = view.static_keys().iter().zip(view.signatures());
    signed.all(|(key, signature)| {
        let signature = Signature::from(*signature);
        let key = VerificationKey::try_from(*key);
        key.is_ok_and(|key| key.verify(&signature, view.message_bytes()).is_ok())
    })
}

/// Asserts the same verdicts as the judge's, for all transactions at once and for each alone.
fn check(transactions: &[Vec<u8>]) -> Vec<bool> {
    let views: Vec<_> = transactions
        .iter()
        .map(|bytes| TransactionView::parse(bytes).expect("damage spares the structure"))
        .collect();
    let verdicts = verify(&views);
    let expected: Vec<_> = views.iter().map(judge).collect();
    assert_eq!(verdicts, expected);
    let alone: Vec<_> = views.iter().flat_map(|view| verify(&[*view])).collect();
    assert_eq!(alone, expected);
    verdicts
}

/// The 14 encodings of the 8 points of small order: 8 canonical, 6 not.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut encodings: Vec<_> = EIGHT_TORSION
        .iter()
        .map(|point| point.compress().0)
        .collect();
    // p = 2^255 - 19, little-endian; the top bit is the sign of x.
    let mut p = [0xff_u8; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    let signed = |mut encoding: [u8; 32]| {
        encoding[31] |= 0x80;
        encoding
    };
    let plus = |offset: u8| {
        let mut encoding = p;
        encoding[0] = encoding[0].wrapping_add(offset);
        encoding
    };
    let mut one = [0; 32];
    one[0] = 1;
    // The identity (y = 1) and the point of order 2 (y = -1) have x = 0, which has no sign.
    encodings.extend([signed(one), signed(plus(0xff))]);
    // y = 0 and y = 1, unreduced.
    encodings.extend([plus(0), signed(plus(0)), plus(1), signed(plus(1))]);
    encodings
}

#[test]
fn small_order_keys_and_commitments_are_accepted() {
    let encodings = small_order_encodings();
    assert_eq!(encodings.len(), 14);
    let mut distinct = encodings.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 14);

    let mut transactions = Vec::new();
    for key in &encodings {
        for commitment in &encodings {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(commitment);
            let message = message(Version::Legacy, &[*key], 0);
            transactions.push(message.with_signatures(&[signature]).expect("short"));
        }
    }
    assert!(check(&transactions).iter().all(|&verdict| verdict));
}

/// Signs such that key and commitment have parts outside of the large subgroup.
fn sign_off_subgroup(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut random = || Scalar::from_bytes_mod_order(rng.random());
    let (secret, nonce) = (random(), random());
    let torsion = || EIGHT_TORSION.iter();
    let key = EdwardsPoint::mul_base(&secret) + torsion().nth(rng.random_range(0..8)).expect("8");
    let commitment =
        EdwardsPoint::mul_base(&nonce) + torsion().nth(rng.random_range(0..8)).expect("8");
    let (key, commitment) = (key.compress().0, commitment.compress().0);
    let message = message(Version::V1, &[key], rng.random());
    let challenge = Sha512::new()
        .chain_update(commitment)
        .chain_update(key)
        .chain_update(message.encode().expect("short"))
        .finalize();
    let challenge = Scalar::from_bytes_mod_order_wide(&challenge.into());
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&commitment);
    signature[32..].copy_from_slice((nonce + challenge * secret).as_bytes());
    message.with_signatures(&[signature]).expect("short")
}

#[test]
fn points_off_the_large_subgroup_are_judged_alike_alone_and_together() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let transactions: Vec<_> = (0..300).map(|_| sign_off_subgroup(rng)).collect();
    assert!(check(&transactions).iter().all(|&verdict| verdict));
}

#[test]
fn responses_beyond_the_group_order_are_refused() {
    let key = signing_key(1);
    let message = message(Version::Legacy, &[key_bytes(&key)], 0);
    let mut signature = key.sign(&message.encode().expect("short")).to_bytes();
    let right = message.with_signatures(&[signature]).expect("short");
    // The group order, little-endian: the same response modulo it.
    let mut order = [0; 32];
    let low = 27_742_317_777_372_353_535_851_937_790_883_648_493_u128;
    order[..16].copy_from_slice(&low.to_le_bytes());
    order[31] = 0x10;
    let mut carry = 0;
    for (byte, addend) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    let wrong = message.with_signatures(&[signature]).expect("short");
    assert_eq!(check(&[right, wrong]), [true, false]);
}

/// Transactions with one to three signers out of a few.
fn signed_transactions(rng: &mut ChaCha8Rng, count: usize) -> Vec<Vec<u8>> {
    let mut keys: Vec<_> = (1..20).map(signing_key).collect();
    let versions = [Version::Legacy, Version::V0, Version::V1];
    (0..count)
        .map(|_| {
            keys.shuffle(rng);
            let keys = &keys[..rng.random_range(1..=3)];
            let signers: Vec<_> = keys.iter().map(key_bytes).collect();
            let message = message(versions[rng.random_range(0..3)], &signers, rng.random());
            message
                .sign(&keys.iter().collect::<Vec<_>>())
                .expect("all keys are given")
        })
        .collect()
}

#[test]
fn a_wrong_signature_is_found_wherever_it_is() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let count = BATCH_SIZE + 100;
    let transactions = signed_transactions(rng, count);
    assert!(check(&transactions).iter().all(|&verdict| verdict));
    let last = BATCH_SIZE - 1;
    for wrong in [
        &[0][..],
        &[7, 8],
        &[127],
        &[1, 128, 129, last],
        &[last - 1, BATCH_SIZE, count - 1],
    ] {
        let mut transactions = transactions.clone();
        for place in wrong {
            let bytes = &mut transactions[*place];
            let view = TransactionView::parse(bytes).expect("it is signed");
            let data = offset(bytes, view.instructions().next().expect("it has one").data);
            bytes[data] ^= 1;
        }
        let views: Vec<_> = transactions
            .iter()
            .map(|bytes| TransactionView::parse(bytes).expect("the structure is spared"))
            .collect();
        let expected: Vec<_> = (0..count).map(|index| !wrong.contains(&index)).collect();
        assert_eq!(verify(&views), expected);
    }
}

#[test]
fn damage_is_judged_alike() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let mut wrong = 0;
    for round in 0..60 {
        let count = rng.random_range(1..80);
        let mut transactions = signed_transactions(rng, count);
        let share = [0.02, 0.3, 1.0][round % 3];
        for transaction in &mut transactions {
            if rng.random_bool(share) {
                damage(rng, transaction);
            }
        }
        wrong += check(&transactions)
            .iter()
            .filter(|&&verdict| !verdict)
            .count();
        // Verdicts follow their transactions.
        transactions.reverse();
        check(&transactions);
    }
    assert!(wrong > 300, "{wrong} wrong");
}

/// Where `part` of `whole` starts.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - whole.as_ptr().addr()
}

/// Changes a signature, a key or what is signed, sometimes back into something right.
fn damage(rng: &mut ChaCha8Rng, bytes: &mut [u8]) {
    let view = TransactionView::parse(bytes).expect("damage starts from a valid transaction");
    let signature = offset(bytes, &view.signatures()[0]);
    let key = offset(bytes, &view.static_keys()[0]);
    let data = offset(bytes, view.instructions().next().expect("it has one").data);
    let encodings = small_order_encodings();
    let encoding = encodings[rng.random_range(0..14)];
    match rng.random_range(0..8) {
        0 => bytes[signature + rng.random_range(0..64)] ^= 1 << rng.random_range(0..8),
        1 => bytes[key + rng.random_range(0..32)] ^= 1 << rng.random_range(0..8),
        2 => bytes[data] ^= 1,
        3 => bytes[signature..signature + 32].copy_from_slice(&encoding),
        4 => bytes[key..key + 32].copy_from_slice(&encoding),
        5 => bytes[signature..signature + 64].fill(0),
        6 => bytes[signature + 32..signature + 64].fill(0xff),
        _ => {
            bytes[key..key + 32].copy_from_slice(&encoding);
            bytes[signature..signature + 32].copy_from_slice(&encoding);
            bytes[signature + 32..signature + 64].fill(0);
        }
    }
}

#[test]
fn nothing_to_verify() {
    assert!(verify(&[]).is_empty());
}
