//! Keys and signatures against a verifier, on any number of threads.

use super::*;
use ed25519_zebra::{Signature, VerificationKey};

fn array_of(number: u32) -> [u8; 32] {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn verify(ring: &Keyring, number: usize, message: &[u8], signature: [u8; 64]) -> bool {
    let key = VerificationKey::try_from(ring.address(number).to_bytes()).unwrap();
    key.verify(&Signature::from(signature), message).is_ok()
}

#[test]
fn signatures_verify_and_changed_ones_do_not() {
    let originals: Vec<Address> = (0..700_u32)
        .map(|number| Address::new_from_array(array_of(number)))
        .collect();
    for ring in [Keyring::generate(3, 700), Keyring::stand_ins(&originals)] {
        let messages: Vec<(usize, Vec<u8>)> = (0..700)
            .map(|number| (number * 7 % 700, number.to_string().into_bytes()))
            .collect();
        let signatures = ring.sign(b"block", &messages);
        for ((number, message), mut signature) in messages.iter().zip(signatures) {
            assert!(verify(&ring, *number, message, signature));
            assert!(!verify(&ring, (number + 1) % 700, message, signature));
            signature[40] ^= 1;
            assert!(!verify(&ring, *number, message, signature));
        }
    }
}

#[test]
fn keys_depend_on_the_seed_alone() {
    let ring = |seed, count, threads| {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = builder.build().unwrap();
        pool.install(|| Keyring::generate(seed, count)).addresses
    };
    let many = ring(1, 1_500, 1);
    assert_eq!(many, ring(1, 1_500, 3));
    assert_eq!(many[..40], ring(1, 40, 2));
    assert_ne!(many[..40], ring(2, 40, 2));
    let mut distinct = many.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), many.len());
}

#[test]
fn key_pairs_of_schemes_sign_what_a_verifier_takes() {
    use lockstep_runtime::verify::verify;
    use lockstep_runtime::wire::{MessageBuilder, TransactionView};

    for (signing, schemes) in [
        (Signing::Ed25519, 0),
        (Signing::Falcon, 1),
        (Signing::MlDsa, 1),
        (Signing::Mixed, 2),
    ] {
        let ring = Keyring::generate(3, 70).signing(signing, 3);
        assert_eq!(ring.has_schemes(), schemes > 0);
        let mut distinct = ring.addresses().to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 70);
        let signed = [0, 1, 2, 69].map(|number| {
            let message = MessageBuilder::new(ring.address(number), [5; 32], &[]);
            ring.sign_alone(number, message.compile().unwrap()).unwrap()
        });
        let views = signed
            .each_ref()
            .map(|bytes| TransactionView::parse(bytes).unwrap());
        assert_eq!(verify(&views), [true; 4], "{signing:?}");
        let schedule = ring.schedule().map(|(_, account)| account);
        let schedule = schedule
            .and_then(|account| lockstep_interface::activation::Schedule::from_account(&account));
        assert_eq!(
            schedule.map_or(0, |schedule| schedule.activations.len()),
            schemes
        );
    }
}
