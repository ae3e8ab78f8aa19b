//! Random and damaged transactions, judged by both sides.

use lockstep_runtime::wire::{TransactionView, Version};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::generate;
use crate::oracle::assert_agreement;

/// Runs `case` on each of `count` seeds; one that fails is printed by the harness.
fn for_seeds(count: u64, mut case: impl FnMut(&mut ChaCha8Rng)) {
    struct Seed(u64);
    impl Drop for Seed {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("SEED={}", self.0);
            }
        }
    }
    for seed in 0..count {
        let seed = Seed(seed);
        case(&mut ChaCha8Rng::seed_from_u64(seed.0));
    }
}

#[test]
fn valid_transactions_are_accepted() {
    let mut versions = [0; 3];
    for_seeds(30_000, |rng| {
        let bytes = generate::transaction(rng);
        assert!(assert_agreement(&bytes));
        let view = TransactionView::parse(&bytes).expect("agreed on");
        versions[match view.version() {
            Version::Legacy => 0,
            Version::V0 => 1,
            Version::V1 => 2,
        }] += 1;
    });
    assert!(versions.iter().all(|&count| count > 5_000), "{versions:?}");
}

#[test]
fn damaged_transactions_are_judged_alike() {
    let mut accepted = 0;
    let cases = 200_000;
    for_seeds(cases, |rng| {
        let mut bytes = generate::transaction(rng);
        let other = generate::transaction(rng);
        generate::mutate(rng, &mut bytes, &other);
        accepted += u64::from(assert_agreement(&bytes));
    });
    // Both outcomes have to be common for the comparison to mean something.
    assert!(
        accepted > cases / 20 && accepted < cases * 9 / 10,
        "{accepted} of {cases}"
    );
}

#[test]
fn every_prefix_is_refused() {
    for_seeds(200, |rng| {
        let bytes = generate::transaction(rng);
        for end in 0..bytes.len() {
            assert!(!assert_agreement(&bytes[..end]));
        }
    });
}

#[test]
fn every_byte_value_at_every_place_is_judged_alike() {
    for_seeds(3_000, |rng| {
        let bytes = generate::transaction(rng);
        if bytes.len() > 260 {
            return;
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            for value in [0, 1, 2, 3, 0x7f, 0x80, 0x81, 0xff, rng.random()] {
                damaged[at] = value;
                assert_agreement(&damaged);
            }
        }
    });
}

#[test]
fn noise_is_judged_alike() {
    for_seeds(20_000, |rng| {
        let size = rng.random_range(0..200);
        let mut bytes: Vec<u8> = (0..size).map(|_| rng.random()).collect();
        if let Some(first) = bytes.first_mut() {
            *first = [0, 1, 0x80, 0x81, *first][rng.random_range(0..5)];
        }
        assert_agreement(&bytes);
    });
}
