//! What a pool of two tokens of one worth takes and gives, as pure functions of its reserves.
//!
//! ```text
//! 4A(x + y) + D = 4AD + D^3 / 4xy       A the amplification, D what the pool is worth
//! ```
//!
//! Where both reserves are near each other the price is near 1, and the more so the larger A is;
//! where one runs out it is that of a constant product. A trade leaves D at least what it was: the
//! equation is asked of whole numbers, multiplied out in 256 bits, so that D is compared exactly.
//! `None` means that no such trade exists or that a number exceeds 64 bits. Knows no accounts.

use std::cmp::Ordering;

use ruint::aliases::U256;

/// The highest amplification of a pool. With it no product below exceeds 256 bits.
pub const AMPLIFICATION_MAX: u16 = 10_000;

/// Whether a pool of reserves x and y is worth more than `worth`, that, or less.
fn compare([x, y]: [u64; 2], worth: u128, amplification: u16) -> Ordering {
    let [x, y, worth] = [x.into(), y.into(), worth].map(|number: u128| U256::from(number));
    let (four, product) = (U256::from(4_u8), x.saturating_mul(y));
    let product = product.saturating_mul(four);
    let scale = U256::from(amplification).saturating_mul(four);
    let sum = scale.saturating_mul(x.saturating_add(y));
    let more = product.saturating_mul(sum.saturating_add(worth));
    let cube = worth.saturating_mul(worth).saturating_mul(worth);
    let less = product.saturating_mul(scale).saturating_mul(worth);
    more.cmp(&less.saturating_add(cube))
}

/// The largest number up to `bound` of which something holds; `None` if it does not hold of 0.
/// What holds of a number holds of all smaller ones. The closer the guess, the faster.
///
/// # Complexity
/// O(log of the distance from the guess), at most 256 questions.
fn largest(guess: u128, bound: u128, holds: impl Fn(u128) -> bool) -> Option<u128> {
    let (mut low, mut high) = (guess.min(bound), bound.saturating_add(1));
    let mut step = 1_u128;
    if holds(low) {
        while low < bound {
            let next = low.saturating_add(step).min(bound);
            if !holds(next) {
                high = next;
                break;
            }
            (low, step) = (next, step.saturating_mul(2));
        }
    } else {
        loop {
            if low == 0 {
                return None;
            }
            (high, low) = (low, low.saturating_sub(step));
            if holds(low) {
                break;
            }
            step = step.saturating_mul(2);
        }
    }
    while high.saturating_sub(low) > 1 {
        let middle = low.midpoint(high);
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// What a pool is worth, rounded up, so that no trade takes what is behind the point.
///
/// ```
/// use lockstep_market::curve::stable::worth;
/// assert_eq!(worth([500, 500], 100), Some(1_000));
/// assert_eq!(worth([100, 900], 100), Some(996));
/// assert_eq!(worth([0, 900], 100), None);
/// ```
pub fn worth(reserves: [u64; 2], amplification: u16) -> Option<u128> {
    let [x, y] = reserves.map(u128::from);
    let is_sound = x > 0 && y > 0 && (1..=AMPLIFICATION_MAX).contains(&amplification);
    let sum = is_sound.then_some(x.saturating_add(y))?;
    let is_reached = |worth| compare(reserves, worth, amplification) != Ordering::Less;
    let found = largest(sum, sum, is_reached)?;
    let is_exact = compare(reserves, found, amplification) == Ordering::Equal;
    Some(found.saturating_add((!is_exact).into()))
}

/// What `paid` tokens, the fee taken off, give of the other reserve.
///
/// ```
/// use lockstep_market::curve::stable::sale;
/// assert_eq!(sale([1_000_000, 1_000_000], 1_000, 100), Some(999));
/// assert_eq!(sale([1_000_000, 1_000_000], 0, 100), Some(0));
/// ```
pub fn sale([x, y]: [u64; 2], paid: u64, amplification: u16) -> Option<u64> {
    let worth = worth([x, y], amplification)?;
    let grown = x.checked_add(paid)?;
    let bound = u128::from(y.checked_sub(1)?);
    let is_covered = |got: u128| {
        let left = u64::try_from(u128::from(y).saturating_sub(got));
        left.is_ok_and(|left| compare([grown, left], worth, amplification) != Ordering::Less)
    };
    let got = largest(paid.into(), bound, is_covered).unwrap_or(0);
    u64::try_from(got).ok()
}

/// What has to be paid, without the fee, to get `wanted` tokens of the other reserve.
///
/// ```
/// use lockstep_market::curve::stable::purchase;
/// assert_eq!(purchase([1_000_000, 1_000_000], 999, 100), Some(1_000));
/// assert_eq!(purchase([1_000_000, 1_000_000], 1_000_000, 100), None);
/// ```
pub fn purchase([x, y]: [u64; 2], wanted: u64, amplification: u16) -> Option<u64> {
    if wanted == 0 {
        return Some(0);
    }
    let worth = worth([x, y], amplification)?;
    let left = y.checked_sub(wanted).filter(|left| *left > 0)?;
    let bound = u64::MAX.checked_sub(x)?;
    let is_too_little = |paid: u128| {
        let grown = u64::try_from(u128::from(x).saturating_add(paid));
        grown.is_ok_and(|grown| compare([grown, left], worth, amplification) == Ordering::Less)
    };
    let paid = largest(wanted.into(), bound.into(), is_too_little);
    let paid = paid.map_or(1, |paid| paid.saturating_add(1));
    u64::try_from(paid).ok().filter(|paid| *paid <= bound)
}
