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
mod tests;
