//! Calls that calculate with points and are in no recording, held against each other and against
//! published points.

use std::sync::Arc;

use k256::ecdsa::{Signature, SigningKey};
use lockstep_interface::InvokeContext;
use solana_sbpf::ebpf::MM_HEAP_START;

use crate::{
    recorded_calls::within,
    sync::Turns,
    syscalls::call_named,
    vm::{Recorded, call_recorded},
};

/// What the numbers of BLS12-381 have besides for big endian bytes.
const BIG_ENDIAN: u64 = 0x80;
/// The generators of its groups, compressed, in big endian bytes.
const FIRST: &str = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1a\
                     effb3af00adb22c6bb";
const SECOND: &str = "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf1121394\
                      5d57e5ac7d055d042b7e024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b64\
                      7ae3d1770bac0326a805bbefd48056c8c121bdb8";
/// Where a call finds its inputs, and writes its result.
const PLACES: [usize; 2] = [0, 1_024];
const RESULT: usize = 2_048;

/// Makes a call on inputs in memory. Returns its result, or what it wrote.
fn call(
    name: &str,
    inputs: [&[u8]; 2],
    arguments: impl Fn([u64; 3]) -> [u64; 5] + Send + Sync + 'static,
) -> Result<Vec<u8>, u64> {
    let mut heap = vec![0; 4_096];
    for (place, input) in PLACES.into_iter().zip(inputs) {
        heap[place..][..input.len()].copy_from_slice(input);
    }
    let call = call_named(name).unwrap();
    let end = Arc::new(Turns::default());
    let kept = Arc::clone(&end);
    let work = move |context: &mut InvokeContext<'_, '_>| {
        let mut memory = Recorded {
            stack: Vec::new(),
            gap: 0,
            heap: heap.clone(),
            inputs: Vec::new(),
        };
        let places = [PLACES[0], PLACES[1], RESULT];
        let places = places.map(|place| MM_HEAP_START.saturating_add(place as u64));
        let result = call_recorded(call, arguments(places), context, &[], &mut memory);
        kept.with(|end| *end = Some((result.unwrap(), memory.heap)));
    };
    within(work, 1_000_000);
    match end.with(Option::take).unwrap() {
        (0, heap) => Ok(heap[RESULT..].to_vec()),
        (number, _) => Err(number),
    }
}

/// A point of the first group (5) or the second one (6).
fn operate(curve: u64, operation: u64, left: &[u8], right: &[u8]) -> Vec<u8> {
    let size = if curve & 7 == 5 { 96 } else { 192 };
    let operate = move |[left, right, result]: [u64; 3]| [curve, operation, left, right, result];
    let mut result = call("sol_curve_group_op", [left, right], operate).unwrap();
    result.truncate(size);
    result
}

/// The bytes of numbers of 48 bytes in the other order; those of the second group are pairs.
fn swapped(point: &[u8], is_paired: bool) -> Vec<u8> {
    let mut numbers: Vec<Vec<u8>> = point.chunks(48).map(<[u8]>::to_vec).collect();
    numbers.iter_mut().for_each(|number| number.reverse());
    if is_paired {
        numbers.chunks_mut(2).for_each(<[Vec<u8>]>::reverse);
    }
    numbers.concat()
}

#[test]
fn points_of_bls12_381_add_up_and_pair() {
    let generators = [(5, FIRST, 96), (6, SECOND, 192)].map(|(curve, compressed, size)| {
        let curve = curve | BIG_ENDIAN;
        let compressed = hex::decode(compressed).unwrap();
        let at = move |[point, _, result]: [u64; 3]| [curve, point, result, 0, 0];
        let mut point = call("sol_curve_decompress", [&compressed, &[]], at).unwrap();
        point.truncate(size);
        let at = move |[point, ..]: [u64; 3]| [curve, point, 0, 0, 0];
        assert!(call("sol_curve_validate_point", [&point, &[]], at).is_ok());
        let mut wrong = point.clone();
        wrong[size - 1] ^= 1;
        assert_eq!(call("sol_curve_validate_point", [&wrong, &[]], at), Err(1));
        point
    });
    let mut three = [0; 32];
    three[31] = 3;
    let mut tripled = Vec::new();
    for (curve, generator) in [5, 6].into_iter().zip(&generators) {
        let big = curve | BIG_ENDIAN;
        let double = operate(big, 0, generator, generator);
        let triple = operate(big, 2, &three, generator);
        assert_eq!(operate(big, 0, &double, generator), triple);
        assert_eq!(operate(big, 1, &triple, generator), double);
        let mut little = three;
        little.reverse();
        let is_paired = curve == 6;
        let found = operate(curve, 2, &little, &swapped(generator, is_paired));
        assert_eq!(swapped(&found, is_paired), triple);
        tripled.push(triple);
    }
    let pair = |first: &[u8], second: &[u8]| {
        let at = |[first, second, result]: [u64; 3]| [4 | BIG_ENDIAN, 1, first, second, result];
        call("sol_curve_pairing_map", [first, second], at).unwrap()[..576].to_vec()
    };
    let once = pair(&generators[0], &generators[1]);
    let thrice = pair(&tripled[0], &generators[1]);
    assert_eq!(thrice, pair(&generators[0], &tripled[1]));
    assert_ne!(thrice, once);
}

#[test]
fn a_key_is_recovered_from_either_form_of_a_signature() {
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let hash = [9; 32];
    let (signature, recovery) = key.sign_prehash_recoverable(&hash);
    let (r, s) = signature.split_scalars();
    let other = Signature::from_scalars(r, -s).unwrap();
    let recovery = u64::from(recovery.to_byte());
    let expected = key.verifying_key().to_sec1_point(false);
    for (signature, recovery) in [(signature, recovery), (other, recovery ^ 1)] {
        let at = move |[hash, signature, result]: [u64; 3]| [hash, recovery, signature, result, 0];
        let found = call("sol_secp256k1_recover", [&hash, &signature.to_bytes()], at);
        assert_eq!(found.unwrap()[..64], expected.as_bytes()[1..]);
    }
    let wrong = |recovery: u64| {
        let at = move |[hash, signature, result]: [u64; 3]| [hash, recovery, signature, result, 0];
        call("sol_secp256k1_recover", [&hash, &[0; 64]], at)
    };
    assert_eq!([wrong(4), wrong(256), wrong(0)], [Err(2), Err(2), Err(3)]);
}
