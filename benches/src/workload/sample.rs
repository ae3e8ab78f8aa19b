//! Random draws with a given distribution.
//!
//! All of them end in integers: the same seed gives the same draws in every build.

use rand::Rng;

/// Ranks from 0, of which rank r is drawn in proportion to (r + 1)^-exponent.
///
/// The weights are kept as a table of sums, 8 bytes a rank; a draw is a binary search.
#[derive(Clone, Debug)]
pub struct Zipf {
    sums: Vec<u64>,
}

/// Weight of rank 0. Ten million ranks of this weight still fit 64 bits, and 10^-7 of it is
/// still some hundreds.
const WEIGHT_MAX: f64 = 4_294_967_296.0;

impl Zipf {
    /// A distribution over `count` ranks; the exponent is in thousandths.
    ///
    /// # Panics
    /// If `count` is 0.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "weights are positive and below 2^33; ranks are far below 2^52"
    )]
    pub fn new(count: usize, exponent_thousandths: u64) -> Self {
        assert!(count > 0, "a distribution has at least one rank");
        let exponent = exponent_thousandths as f64 / 1_000.0;
        let mut sum = 0_u64;
        let weights = (1..=count).map(|rank| WEIGHT_MAX / (rank as f64).powf(exponent));
        let sums = weights.map(|weight| {
            // A rank too rare for its weight to count keeps the least one.
            sum = sum.saturating_add((weight as u64).max(1));
            sum
        });
        Self {
            sums: sums.collect(),
        }
    }

    /// Draws a rank.
    pub fn sample(&self, rng: &mut impl Rng) -> usize {
        let total = *self.sums.last().expect("there is a rank");
        let ticket = rng.random_range(0..total);
        self.sums.partition_point(|&sum| sum <= ticket)
    }
}

/// A distribution given by its quantiles at equal steps from 0 to 1, linear between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantiles<const N: usize>(pub(super) [u32; N]);

impl<const N: usize> Quantiles<N> {
    /// Draws a value between the first and the last quantile.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "values are 32 bits and sums 64"
    )]
    pub(super) fn sample(&self, rng: &mut impl Rng) -> u64 {
        const { assert!(N >= 2, "a distribution has two ends") };
        let step = rng.random_range(0..N - 1);
        let (low, high) = (u64::from(self.0[step]), u64::from(self.0[step + 1]));
        rng.random_range(low.min(high)..=low.max(high))
    }
}

/// Ranges with weights in per mille.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets(pub(super) &'static [(u32, u32, u32)]);

impl Buckets {
    /// Draws a value: a range by weight, then one of its values, each alike.
    pub(super) fn sample(&self, rng: &mut impl Rng) -> u32 {
        let mut ticket = rng.random_range(0..1_000_u32);
        for &(weight, low, high) in self.0 {
            match ticket.checked_sub(weight) {
                Some(rest) => ticket = rest,
                None => return rng.random_range(low..=high),
            }
        }
        unreachable!("the weights of buckets add up to 1,000")
    }
}

#[cfg(test)]
mod tests {
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
}
