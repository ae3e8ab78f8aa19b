//! What tokens are worth, and what a liquidation takes for what it repays, as pure functions.
//!
//! A value is in 10^-9 of the currency that prices are quoted in. The tokens of a mint with d
//! digits at a price with p digits have a scale of d + p. `None` means that a number exceeds 128
//! bits.

use super::PARTS;

/// Digits of a value behind the point.
const VALUE_DIGITS: u8 = 9;
/// The largest scale, with which a power of ten fits 128 bits.
pub const SCALE_MAX: u8 = 36;

/// A price of one token, in its smallest units.
///
/// ```
/// use lockstep_market::debt::value::Priced;
/// // Tokens of 6 digits at 2.50, in a price of 2 digits.
/// let priced = Priced { price: 250, scale: 8 };
/// assert_eq!(priced.value(3_000_000), Some(7_500_000_000));
/// assert_eq!(priced.tokens(7_500_000_000), Some(3_000_000));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Priced {
    /// In the price's unit, above 0.
    pub price: u64,
    /// Digits of the token and the price together, at most [`SCALE_MAX`].
    pub scale: u8,
}

impl Priced {
    /// Factors of value and of tokens times price: `value * .0 = tokens * price * .1`.
    fn factors(&self) -> Option<[u128; 2]> {
        let power = |digits: u8| 10_u128.checked_pow(digits.into());
        Some([
            power(self.scale.saturating_sub(VALUE_DIGITS))?,
            power(VALUE_DIGITS.saturating_sub(self.scale))?,
        ])
    }

    /// The value of tokens, rounded down.
    pub fn value(&self, amount: u128) -> Option<u128> {
        let [divisor, factor] = self.factors()?;
        let product = amount.checked_mul(self.price.into())?;
        product.checked_mul(factor)?.checked_div(divisor)
    }

    /// The value of tokens, rounded up.
    pub fn value_up(&self, amount: u128) -> Option<u128> {
        let [divisor, factor] = self.factors()?;
        let product = amount.checked_mul(self.price.into())?;
        Some(product.checked_mul(factor)?.div_ceil(divisor))
    }

    /// The tokens that a value buys, rounded down.
    pub fn tokens(&self, value: u128) -> Option<u128> {
        let [factor, divisor] = self.factors()?;
        let divisor = u128::from(self.price).checked_mul(divisor)?;
        value.checked_mul(factor)?.checked_div(divisor)
    }

    /// The tokens that it takes to have a value, rounded up.
    pub fn tokens_up(&self, value: u128) -> Option<u128> {
        let [factor, divisor] = self.factors()?;
        let divisor = u128::from(self.price).checked_mul(divisor)?;
        (divisor > 0).then_some(value.checked_mul(factor)?.div_ceil(divisor))
    }
}

/// Whether a debt is at most this part of its collateral's value.
///
/// ```
/// use lockstep_market::debt::value::is_covered;
/// assert_eq!([75, 76].map(|debt| is_covered(debt, 100, 7_500)), [Some(true), Some(false)]);
/// ```
pub fn is_covered(debt: u128, collateral: u128, parts: u16) -> Option<bool> {
    let debt = debt.checked_mul(PARTS.into())?;
    Some(debt <= collateral.checked_mul(parts.into())?)
}

/// The collateral that a liquidation takes for `repaid` tokens of the debt: their value and the
/// bonus on top, rounded down. If there is less, it takes all, and `repaid` is what that is worth
/// without the bonus, rounded up. Returns both.
///
/// ```
/// use lockstep_market::debt::value::{Priced, seized};
/// let one = Priced { price: 1, scale: 9 };
/// assert_eq!(seized([one, one], 100, 1_000, 500), Some((100, 105)));
/// assert_eq!(seized([one, one], 100, 63, 500), Some((60, 63)));
/// ```
pub fn seized(
    [debt, collateral]: [Priced; 2],
    repaid: u128,
    available: u128,
    bonus: u16,
) -> Option<(u128, u128)> {
    let (parts, whole) = (u128::from(PARTS), PARTS.checked_add(bonus)?);
    let value = debt.value(repaid)?.checked_mul(whole.into())?;
    let taken = collateral.tokens(value.checked_div(parts)?)?;
    if taken <= available {
        return Some((repaid, taken));
    }
    let value = collateral.value_up(available)?.checked_mul(parts)?;
    let covered = debt.tokens_up(value.div_ceil(whole.into()))?;
    Some((covered.min(repaid), available))
}
