//! Verdicts: the same for a transaction alone and among others, and right signatures alone hold.

use std::sync::LazyLock;

use lockstep_interface::{Address, SignatureScheme};
use lockstep_runtime::{
    verify::{Verifier, verify},
    wire::{
        MessageBuilder, ParseError, SchemeKey, Signed, TransactionConfig, TransactionView,
        limits::V1_SIZE_MAX,
    },
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::keys::{KEYS, Key, message, signed};

const TO: Address = Address::new_from_array([9; 32]);

/// The verdict, which is the same where keys are remembered.
fn holds(bytes: &[u8]) -> bool {
    static REMEMBERING: LazyLock<Verifier> = LazyLock::new(Verifier::default);
    let Ok(view) = TransactionView::parse(bytes) else {
        return false;
    };
    let verdict = verify(&[view])[0];
    for _ in 0..2 {
        assert_eq!(REMEMBERING.verify(&[view]), [verdict]);
    }
    verdict
}

/// An honest transaction of each scheme, without ed25519.
fn honest() -> impl Iterator<Item = (SignatureScheme, Vec<u8>)> {
    KEYS.iter().filter_map(|key| match key {
        Key::Ed25519(_) => None,
        Key::Scheme(own) => Some((own.scheme(), signed(key, &TO, 5, [3; 32]))),
    })
}

/// What an honest transaction's signer adds, and its message.
fn parts(key: &Key) -> (lockstep_runtime::wire::Message, Signed) {
    let message = message(key, &TO, 5, [3; 32]);
    let signed = key.sign(&message.encode().unwrap());
    (message, signed)
}

/// With one part changed.
fn changed(signed: &Signed, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>, &mut u8)) -> Signed {
    let mut signed = signed.clone();
    if let Signed::Scheme {
        bump,
        key,
        signature,
        ..
    } = &mut signed
    {
        change(key, signature, bump);
    }
    signed
}

#[test]
fn verdicts_are_those_of_each_alone() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut transactions = Vec::new();
    let mut expected = Vec::new();
    for number in 0..120 {
        let key = &KEYS[random.random_range(0..KEYS.len())];
        let mut bytes = signed(key, &TO, number, [3; 32]);
        let is_right = random.random_bool(0.7);
        if !is_right {
            // Amount, signature or key: all behind the header, which decides on the structure.
            let last = bytes.len() - 1;
            let place = if random.random() { last } else { last - 70 };
            bytes[place] ^= 1;
        }
        transactions.push(bytes);
        expected.push(is_right);
    }
    let views = transactions
        .iter()
        .map(|bytes| TransactionView::parse(bytes));
    let views: Vec<_> = views.map(Result::unwrap).collect();
    assert_eq!(verify(&views), expected);
    for size in [1, 7, 50] {
        let verdicts = views.chunks(size).flat_map(verify);
        assert_eq!(verdicts.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for (scheme, bytes) in honest().step_by(2) {
        assert!(holds(&bytes));
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 << random.random_range(0..8);
            assert!(!holds(&bytes), "{scheme:?} {place}");
        }
    }
}

/// Each bit of a Falcon signature: among them the sign of a zero, and padding behind the last
/// coefficient.
#[test]
fn every_bit_of_a_falcon_signature_counts() {
    let bytes = signed(&KEYS[2], &TO, 5, [3; 32]);
    let start = bytes.len() - SignatureScheme::Falcon512.signature_size();
    for place in start..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 << bit;
            assert!(!holds(&bytes), "{place} {bit}");
        }
    }
}

#[test]
fn sizes_are_exact() {
    for (scheme, bytes) in honest() {
        let size = scheme.key_size() + scheme.signature_size();
        let without = bytes.len() - size;
        for cut in [without + 1, bytes.len() - 1] {
            let found = TransactionView::parse(&bytes[..cut]);
            assert!(
                matches!(found, Err(ParseError::Truncated { .. })),
                "{scheme:?}"
            );
        }
        let longer = [&bytes[..], &[0]].concat();
        let found = TransactionView::parse(&longer);
        assert!(
            matches!(found, Err(ParseError::TrailingBytes { found: 1, .. })),
            "{scheme:?}"
        );
        // A mark alone is a wrong signature of ed25519.
        let view = TransactionView::parse(&bytes[..without]).unwrap();
        assert!(!view.has_scheme_signatures());
        assert_eq!(verify(&[view]), [false]);
    }
}

#[test]
fn a_key_answers_for_its_own_addresses_only() {
    for pair in KEYS[2..].chunks(2) {
        let [first, second] = pair else {
            panic!("two keys of each scheme");
        };
        let (message, right) = parts(first);
        let by_other = second.sign(&message.encode().unwrap());
        assert!(holds(
            &message.with_signed(std::slice::from_ref(&right)).unwrap()
        ));
        assert!(!holds(&message.with_signed(&[by_other]).unwrap()));
        let bumped = changed(&right, |_, _, bump| *bump = bump.wrapping_add(1));
        assert!(!holds(&message.with_signed(&[bumped]).unwrap()));
    }
}

#[test]
fn each_of_a_keys_addresses_can_sign_and_none_on_the_curve() {
    let key = SchemeKey::from_seed(SignatureScheme::MlDsa44, [5; 32]).unwrap();
    let of = |key: SchemeKey| signed(&Key::Scheme(key), &TO, 5, [3; 32]);
    let others: Vec<SchemeKey> = key.addresses().collect();
    assert!((90..166).contains(&others.len()));
    for other in others.into_iter().take(5) {
        assert!(holds(&of(other)));
    }
}

/// A mark has one form: what does not enter the verdict would be free to be changed on the way.
#[test]
fn marks_and_signatures_do_not_stand_for_each_other() {
    for (_, bytes) in honest() {
        let view = TransactionView::parse(&bytes).unwrap();
        let mark = view.message_bytes().len();
        for place in [0, 31, 32, 61, 62] {
            let mut bytes = bytes.clone();
            bytes[mark + place] ^= 0x40;
            assert!(!holds(&bytes), "{place}");
        }
        let mut other = bytes.clone();
        other[mark + 63] = 0xf3;
        assert!(TransactionView::parse(&other).is_err());
    }
    // A right signature of ed25519 with something behind it.
    let bytes = signed(&KEYS[0], &TO, 5, [3; 32]);
    assert!(holds(&bytes));
    assert!(!holds(&[&bytes[..], &[0; 1_563]].concat()));
}

/// The coefficients of a Falcon key are below 12,289 in 14 bits each, so that small ones have a
/// second form.
#[test]
fn keys_of_falcon_have_one_form() {
    let (_, right) = parts(&KEYS[2]);
    let Signed::Scheme { key, .. } = &right else {
        panic!("a key of Falcon");
    };
    let bits = |key: &[u8]| -> Vec<u32> {
        let mut coefficients = Vec::new();
        let (mut rest, mut count) = (0u32, 0);
        for byte in &key[1..] {
            rest = rest << 8 | u32::from(*byte);
            count += 8;
            if count >= 14 {
                count -= 14;
                coefficients.push(rest >> count & 0x3fff);
                rest &= (1 << count) - 1;
            }
        }
        coefficients
    };
    let small = bits(key).iter().position(|value| *value < 0x4000 - 12_289);
    let small = small.expect("a quarter of them are small");
    let mut other = key.clone();
    // Adds 12,289 to the coefficient, from its lowest bit up.
    let end = 8 + 14 * (small + 1);
    for bit in 0..14 {
        let carry_in = (bits(key)[small] + 12_289) >> bit & 1;
        let place = end - 1 - bit;
        let mask = 0x80 >> (place % 8);
        other[place / 8] &= !mask;
        if carry_in == 1 {
            other[place / 8] |= mask;
        }
    }
    assert_eq!(bits(&other)[small], bits(key)[small] + 12_289);
    // The other form has an address of its own, and is no key.
    let (address, bump) = SignatureScheme::Falcon512.find_address(&other).unwrap();
    let message = MessageBuilder::new(address, [3; 32], &[]);
    let message = message.v1(TransactionConfig::default()).compile().unwrap();
    let own = KEYS[2].sign(&message.encode().unwrap());
    let forged = changed(&own, |key, _, own_bump| {
        key.clone_from(&other);
        *own_bump = bump;
    });
    assert!(!holds(&message.with_signed(&[forged]).unwrap()));
}

/// Hints of an ML-DSA signature are positions in ascending order, then zeros, then how many each
/// polynomial has.
#[test]
fn hints_of_ml_dsa_have_one_form() {
    let (message, right) = parts(&KEYS[4]);
    let check = |change: &dyn Fn(&mut [u8])| {
        let forged = changed(&right, |_, signature, _| change(&mut signature[2_336..]));
        assert!(!holds(&message.with_signed(&[forged]).unwrap()));
    };
    check(&|hints| {
        let first = usize::from(hints[80]);
        assert!(first >= 2);
        hints[..first].reverse();
    });
    check(&|hints| hints[1] = hints[0]);
    check(&|hints| {
        let used = usize::from(hints[83]);
        assert!(used < 80);
        hints[used] = 1;
    });
    check(&|hints| hints[83] = 81);
    check(&|hints| hints[81] = hints[80].wrapping_sub(1));
}

/// Test cases 1 to 3 of NIST's ML-DSA-keyGen-FIPS204: seeds, and the SHA-256 of their keys.
#[test]
fn keys_of_ml_dsa_are_those_of_the_standard() {
    let cases = [
        (
            "93ef2e6ef1fb08999d142abe0295482370d3f43bdb254a78e2b0d5168eca065f",
            "6995b20ecd5cde41719035028a712ccf35b1adf53b913030423d9d6fa188d673",
        ),
        (
            "d6a5d2325b94ca1b993a0151e24ab95b396f415831dc14a08404820ae58a2ad1",
            "51bced8954e17da402e93fc5275f723aed1b9101bdf4fac5afc2b5c227d9e674",
        ),
        (
            "8a5e79b82dc81553bbe821ee367f0adfa54f59a3e8a71ca626f873f638636dd7",
            "190ba0b968c4fc62435a5269c72a81bfdcfa1531f95abed1c03be42733c9620d",
        ),
    ];
    for (seed, expected) in cases {
        let seed = hex::decode(seed).unwrap().try_into().unwrap();
        let key = SchemeKey::from_seed(SignatureScheme::MlDsa44, seed).unwrap();
        let Signed::Scheme { key, .. } = key.sign(b"") else {
            panic!("a key of ML-DSA");
        };
        assert_eq!(hex::encode(Sha256::digest(key)), expected);
    }
}

#[test]
fn a_transfer_fits_the_wire_with_every_scheme() {
    for (scheme, bytes) in honest() {
        assert!(bytes.len() <= V1_SIZE_MAX, "{scheme:?}: {}", bytes.len());
    }
}

#[test]
fn several_signers_of_several_schemes_sign_one_message() {
    let transfers = [0, 2, 3].map(|key: usize| {
        lockstep_programs::system::instruction::transfer(&KEYS[key].address(), &TO, 1)
    });
    let message = MessageBuilder::new(KEYS[2].address(), [3; 32], &transfers);
    let message = message.v1(TransactionConfig::default()).compile().unwrap();
    let encoded = message.encode().unwrap();
    let signers = usize::from(message.header.required_signatures);
    let signed: Vec<Signed> = message.static_keys[..signers]
        .iter()
        .map(|address| {
            let mut keys = KEYS.iter();
            keys.find(|key| key.address() == *address)
                .unwrap()
                .sign(&encoded)
        })
        .collect();
    assert_eq!(signed.len(), 3);
    let bytes = message.with_signed(&signed).unwrap();
    assert!(holds(&bytes));
    let view = TransactionView::parse(&bytes).unwrap();
    assert_eq!(view.scheme_signatures().count(), 2);
    for place in 0..3 {
        let mut damaged = signed.clone();
        damaged[place] = match &damaged[place] {
            Signed::Ed25519(_) => Signed::Ed25519([1; 64]),
            scheme => changed(scheme, |_, signature, _| signature[100] ^= 1),
        };
        assert!(!holds(&message.with_signed(&damaged).unwrap()), "{place}");
    }
}

proptest! {
    /// Any key and signature of the right lengths, behind a mark and an address that fit.
    #[test]
    fn forgeries_are_refused(seed: u64, is_falcon: bool, keeps_key: bool) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (scheme, honest) = if is_falcon {
            (SignatureScheme::Falcon512, &KEYS[2])
        } else {
            (SignatureScheme::MlDsa44, &KEYS[4])
        };
        let mut bytes = |size: usize| {
            let mut bytes = vec![0; size];
            random.fill(&mut bytes[..]);
            bytes
        };
        let (mut key, mut signature) = (bytes(scheme.key_size()), bytes(scheme.signature_size()));
        if is_falcon {
            // The heads of a key and a signature of degree 512.
            key[0] = 0x09;
            signature[0] = 0x39;
        }
        if let (true, Signed::Scheme { key: own, .. }) = (keeps_key, honest.sign(b"")) {
            key = own;
        }
        let (address, bump) = scheme.find_address(&key).unwrap();
        let message = MessageBuilder::new(address, [3; 32], &[]);
        let message = message.v1(TransactionConfig::default()).compile().unwrap();
        let signed = Signed::Scheme { scheme, bump, key, signature };
        prop_assert!(!holds(&message.with_signed(&[signed]).unwrap()));
    }
}
