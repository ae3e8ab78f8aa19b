//! Roots over transactions and receipts, and proofs under them.

use lockstep_interface::{Hash, InstructionError, TransactionError};
use lockstep_runtime::block::{
    BlockHeader, InclusionProof, prove_inclusion, receipts_root, transaction_root, verify_inclusion,
};
use lockstep_runtime::block::{Receipt, encode_error};
use lockstep_runtime::threads::Threads;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use rand::Rng;
use sha2::{Digest, Sha256};

use super::generate;

/// The definition: level by level, with leaves that are hashed already.
fn plain_root(mut level: Vec<[u8; 32]>) -> Hash {
    let node = |children: &[[u8; 32]]| -> [u8; 32] {
        Sha256::digest([&[3], children.as_flattened()].concat()).into()
    };
    if let [leaf] = level[..] {
        return Hash::new_from_array(node(&[leaf]));
    }
    while level.len() > 1 {
        level = level.chunks(16).map(node).collect();
    }
    Hash::new_from_array(level.first().copied().unwrap_or_default())
}

fn hashes(seed: u64, count: usize) -> Vec<Hash> {
    let mut rng = generate::rng(seed);
    (0..count)
        .map(|_| Hash::new_from_array(rng.random()))
        .collect()
}

fn header(hashes: &[Hash]) -> BlockHeader {
    BlockHeader {
        transaction_root: transaction_root(hashes, &Threads::new(1).unwrap()),
        ..generate::header(&mut generate::rng(0), hashes.len())
    }
}

fn leaf(tag: u8, bytes: &[u8]) -> [u8; 32] {
    Sha256::digest([&[tag], bytes].concat()).into()
}

proptest! {
    #[test]
    fn the_transaction_root_is_as_defined(seed in any::<u64>(), count in 0..700_usize) {
        let hashes = hashes(seed, count);
        let expected = plain_root(hashes.iter().map(|one| leaf(4, one.as_ref())).collect());
        for threads in [1, 3] {
            let threads = Threads::new(threads).unwrap();
            prop_assert_eq!(transaction_root(&hashes, &threads), expected);
        }
    }

    #[test]
    fn an_inclusion_is_proved_and_nothing_else(
        seed in any::<u64>(), count in 1..300_usize, pick in any::<u32>(),
    ) {
        let hashes = hashes(seed, count);
        let header = header(&hashes);
        let index = pick % count as u32;
        let hash = &hashes[index as usize];
        let proof = prove_inclusion(&hashes, index).unwrap();
        prop_assert!(verify_inclusion(&header, hash, &proof));
        prop_assert!(proof.siblings.len() <= 15 * (count.ilog(16) as usize + 1));

        let stranger = Hash::new_from_array([1; 32]);
        prop_assert!(!verify_inclusion(&header, &stranger, &proof));
        let elsewhere = InclusionProof { index: (index + 1) % (count as u32 + 1), ..proof.clone() };
        prop_assert!(!verify_inclusion(&header, hash, &elsewhere));
        let mut longer = proof.clone();
        longer.siblings.push(stranger);
        prop_assert!(!verify_inclusion(&header, hash, &longer));
        let fewer = BlockHeader { transaction_count: index, ..header };
        prop_assert!(!verify_inclusion(&fewer, hash, &proof));
        for level in 0..proof.siblings.len() {
            let mut other = proof.clone();
            other.siblings[level] = stranger;
            prop_assert!(!verify_inclusion(&header, hash, &other));
            other.siblings.remove(level);
            prop_assert!(!verify_inclusion(&header, hash, &other));
        }
    }
}

#[test]
fn nothing_proves_what_is_not_there() {
    assert_eq!(prove_inclusion(&[], 0), None);
    assert_eq!(prove_inclusion(&hashes(1, 5), 5), None);
    let empty = header(&[]);
    assert_eq!(empty.transaction_root, Hash::default());
    let proof = InclusionProof {
        index: 0,
        siblings: Vec::new(),
    };
    assert!(!verify_inclusion(&empty, &Hash::default(), &proof));
}

fn receipt(status: Result<(), TransactionError>, numbers: [u64; 3]) -> Receipt {
    let [signature_fee, priority_fee, compute_units] = numbers;
    Receipt {
        status,
        signature_fee,
        priority_fee,
        compute_units,
        details: None,
    }
}

#[test]
fn the_receipts_root_is_as_defined() {
    let error = TransactionError::InstructionError(3, InstructionError::Custom(7));
    let receipts = [
        receipt(Ok(()), [5_000, 0, 150]),
        receipt(Err(error.clone()), [10_000, 1, 300]),
        receipt(Ok(()), [5_000, 2, 0]),
    ];
    let numbers = |receipt: &Receipt| {
        let numbers = [
            receipt.signature_fee,
            receipt.priority_fee,
            receipt.compute_units,
        ];
        numbers.map(u64::to_le_bytes).concat()
    };
    let success = |receipt| leaf(5, &[&[0][..], &numbers(receipt)].concat());
    let code = encode_error(&error);
    let size = (code.len() as u32).to_le_bytes();
    let failure = leaf(
        5,
        &[&[1][..], &size, &code, &numbers(&receipts[1])].concat(),
    );
    let expected = plain_root(vec![success(&receipts[0]), failure, success(&receipts[2])]);
    let [a, b, c] = &receipts;
    let threads = Threads::new(2).unwrap();
    assert_eq!(receipts_root(&[a, b, c], &threads), expected);
    assert_ne!(receipts_root(&[b, a, c], &threads), expected);
    assert_ne!(receipts_root(&[a, b], &threads), expected);
    assert_eq!(receipts_root(&[], &threads), Hash::default());
}
