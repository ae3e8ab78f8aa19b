//! How rewards are divided: an index grows by what one lamport of stake has earned, and a stake has
//! earned its lamports times the growth since it began.
//!
//! ```text
//! epoch      4         5         6
//! index     i4 ------- i5 ------ i6      of all stake, and of each validator's
//! a stake of 9 lamports that is active in 4 and 5 has earned  9 * (i6 - i4) / SCALE
//! ```
//! Indexes wrap around; only differences count.

use lockstep_sdk::prelude::{InstructionError, Result, U128};

/// What an index grows by where one lamport of stake earns one lamport.
pub const SCALE: u128 = 1_000_000_000_000_000_000;
/// Epochs whose indexes are kept.
pub const HISTORY: usize = 32;
/// What shares are counted in: a commission of all has this number of parts.
pub const PARTS: u16 = 10_000;

/// The indexes at the beginnings of the last epochs, by epoch modulo their number.
pub type Indexes = [U128; HISTORY];

/// Divides lamports among all stake: what the index grows by, and how many of the lamports that
/// takes at most. Without stake there is nothing to divide among.
///
/// ```
/// use lockstep_stake::reward::{SCALE, spread};
/// assert_eq!(spread(10, 5), (2 * SCALE, 10));
/// assert_eq!(spread(10, 3), (10 * SCALE / 3, 10));
/// assert_eq!(spread(10, 0), (0, 0));
/// ```
pub fn spread(lamports: u64, stake: u64) -> (u128, u64) {
    // Below 2^124.
    let scaled = u128::from(lamports).saturating_mul(SCALE);
    let growth = scaled.checked_div(stake.into()).unwrap_or(0);
    let spent = growth.saturating_mul(stake.into()).div_ceil(SCALE);
    (growth, u64::try_from(spent).unwrap_or(lamports))
}

/// What a stake earns while an index grows by this much, rounded down.
///
/// # Errors
/// `ArithmeticOverflow` if that is more lamports than there can be.
pub fn earned(stake: u64, growth: u128) -> Result<u64> {
    let scaled = u128::from(stake).checked_mul(growth);
    let earned = scaled.and_then(|scaled| scaled.checked_div(SCALE));
    let earned = earned.and_then(|earned| u64::try_from(earned).ok());
    earned.ok_or(InstructionError::ArithmeticOverflow)
}

/// The lamports that `parts` of [`PARTS`] are, rounded down.
///
/// ```
/// assert_eq!(lockstep_stake::reward::part(9_999, 1_000), 999);
/// ```
pub fn part(lamports: u64, parts: u16) -> u64 {
    let product = u128::from(lamports).saturating_mul(parts.into());
    let part = product.checked_div(PARTS.into()).unwrap_or(0);
    u64::try_from(part).unwrap_or(lamports)
}

/// The index at the beginning of an epoch, of those that are known in epoch `now`; `None` if it is
/// older than they are, or to come.
pub fn index_at(indexes: &Indexes, now: u64, epoch: u64) -> Option<u128> {
    let age = now.checked_sub(epoch)?;
    let is_kept = usize::try_from(age).is_ok_and(|age| age < HISTORY);
    is_kept.then(|| indexes[place(epoch)].get())
}

/// The oldest index that is known in epoch `now`.
pub fn oldest(indexes: &Indexes, now: u64) -> u128 {
    let age = u64::try_from(HISTORY).unwrap_or(u64::MAX).saturating_sub(1);
    indexes[place(now.saturating_sub(age))].get()
}

/// Keeps the index at the beginning of an epoch, in place of that of [`HISTORY`] epochs before.
pub fn keep(indexes: &mut Indexes, epoch: u64, index: u128) {
    indexes[place(epoch)].set(index);
}

fn place(epoch: u64) -> usize {
    let history = u64::try_from(HISTORY).unwrap_or(1);
    let place = epoch.checked_rem(history).unwrap_or(0);
    usize::try_from(place).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_more_is_earned_than_was_spread(
            lamports in any::<u64>(), stakes in proptest::collection::vec(1..=u64::MAX / 64, 1..40)
        ) {
            let total: u64 = stakes.iter().sum();
            let (growth, spent) = spread(lamports, total);
            prop_assert!(spent <= lamports);
            let each = stakes.iter().map(|stake| u128::from(earned(*stake, growth).unwrap()));
            let sum: u128 = each.sum();
            prop_assert!(sum <= u128::from(spent));
            // One lamport for each stake is lost to rounding at most, and one part of an index.
            let lost = u128::from(lamports) - sum;
            let index_loss = u128::from(total) / SCALE + 1;
            prop_assert!(lost <= index_loss + stakes.len() as u128);
        }
    }

    #[test]
    fn indexes_are_known_for_32_epochs() {
        let mut indexes: Indexes = [U128::new(0); HISTORY];
        for epoch in 0..100u64 {
            keep(&mut indexes, epoch, u128::from(epoch) * 7);
        }
        assert_eq!(index_at(&indexes, 99, 99), Some(693));
        assert_eq!(index_at(&indexes, 99, 68), Some(476));
        assert_eq!(index_at(&indexes, 99, 67), None);
        assert_eq!(index_at(&indexes, 99, 100), None);
        assert_eq!(oldest(&indexes, 99), 476);
        assert_eq!(oldest(&indexes, 5), index_at(&indexes, 5, 0).unwrap());
    }
}
