//! Drawn numbers against their distributions.

use super::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[test]
fn zipf_draws_in_proportion() {
    for (exponent, expected) in [(0, [250, 250, 250, 250]), (1_000, [480, 240, 160, 120])] {
        let zipf = Zipf::new(4, exponent);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0_i64; 4];
        for _ in 0..100_000 {
            counts[zipf.sample(&mut rng)] += 10;
        }
        for (count, expected) in counts.iter().zip(expected) {
            assert!(
                (count / 1_000 - expected).abs() < 8,
                "{exponent} {counts:?}"
            );
        }
    }
}

#[test]
fn zipf_covers_extremes() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    assert_eq!(Zipf::new(1, 3_000).sample(&mut rng), 0);
    let steep = Zipf::new(100_000, 3_000);
    assert!((0..1_000).all(|_| steep.sample(&mut rng) < 100_000));
}

#[test]
fn quantiles_and_buckets_stay_in_range() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let quantiles = Quantiles([5, 10, 10, 400]);
    let buckets = Buckets(&[(400, 1, 2), (600, 7, 7)]);
    let mut middle = 0;
    for _ in 0..3_000 {
        let value = quantiles.sample(&mut rng);
        assert!((5..=400).contains(&value));
        middle += u32::from(value == 10);
        assert!(matches!(buckets.sample(&mut rng), 1 | 2 | 7));
    }
    assert!((900..1_400).contains(&middle), "{middle}");
}
