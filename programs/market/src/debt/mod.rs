//! What a reserve owes and is owed, as pure functions of its books and the slots that pass.
//!
//! ```text
//! liquidity + debt = cushion + assets       assets belong to the shares of depositors
//! debt = debt shares * index                the index grows by (1 + rate)^slots, and never falls
//! ```
//!
//! Amounts are of the smallest unit of the mint. Every division is rounded so that what is lost
//! stays in the reserve: deposits give fewer shares, debts are rounded up, repayments down. Hence
//! neither the worth of a share nor a debt falls by rounding. `None` means that a number exceeds
//! its bound. Knows no accounts, prices or slots of a chain.
//! [`value`] is what tokens are worth.

pub mod value;

/// The index of a new reserve, and the unit of rates: 10^-15.
pub const ONE: u128 = 1_000_000_000_000_000;
/// Where the index stops to grow: a debt of ten thousand times what was borrowed.
pub const INDEX_MAX: u128 = ONE.saturating_mul(10_000);
/// The highest rate of a slot, in 10^-15: a ten-thousandth.
pub const RATE_MAX: u64 = 100_000_000_000;
/// The parts of which utilisation, cushion, fees and limits are given.
pub const PARTS: u16 = 10_000;
/// What a reserve can be allowed to hold. The product of all shares and all assets then fits 128
/// bits, so that no interest keeps a depositor from leaving.
pub const DEPOSITS_MAX: u64 = 1 << 56;
/// Shares at most, twice the above.
const SHARES_MAX: u64 = 1 << 57;
/// Shares of the first deposit that no account holds, so that no share becomes so dear that
/// deposits round to nothing.
pub const SHARES_LOCKED: u64 = 1_000;
/// The unit of utilisation in between.
const FINE: u128 = 1_000_000_000;
/// [`PARTS`] among numbers of 128 bits.
const WHOLE: u128 = PARTS as u128;

/// How interest follows from utilisation: from the first rate straight to the second one, which
/// holds at the kink, and on to the third, which holds where all is lent.
///
/// ```
/// use lockstep_market::debt::Slope;
/// let slope = Slope { rates: [100, 500, 10_500], kink: 8_000 };
/// let rates = [0, 4_000, 8_000, 9_000, 10_000].map(|lent| slope.rate(lent.into(), 10_000 - lent));
/// assert_eq!(rates, [100, 300, 500, 5_500, 10_500]);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slope {
    /// Interest of a slot, in 10^-15, ascending, at most [`RATE_MAX`].
    pub rates: [u64; 3],
    /// Utilisation, 1 to 9,999 of [`PARTS`].
    pub kink: u16,
}

impl Slope {
    /// Whether it can be computed.
    pub fn is_sound(&self) -> bool {
        let [none, kink, all] = self.rates;
        none <= kink && kink <= all && all <= RATE_MAX && (1..PARTS).contains(&self.kink)
    }

    /// The rate, rounded up, where `debt` is lent and `liquidity` is not; the highest one if the
    /// slope is not sound.
    pub fn rate(&self, debt: u128, liquidity: u64) -> u64 {
        let [none, kink, all] = self.rates;
        let total = debt.saturating_add(liquidity.into());
        let used = debt.saturating_mul(FINE).checked_div(total).unwrap_or(0);
        let bend = FINE.saturating_mul(self.kink.into()) / WHOLE;
        let (from, to, done, whole) = match used.checked_sub(bend) {
            None => (none, kink, used, bend),
            Some(above) => (kink, all, above, FINE.saturating_sub(bend)),
        };
        let rise = u128::from(to.saturating_sub(from)).saturating_mul(done);
        let rise = if whole == 0 { 0 } else { rise.div_ceil(whole) };
        u64::try_from(rise).map_or(all, |rise| from.saturating_add(rise).min(all))
    }
}

/// `(1 + rate)^slots` in units of [`ONE`], each step rounded up, at most [`INDEX_MAX`].
///
/// # Complexity
/// O(log slots): at most 128 multiplications.
///
/// ```
/// use lockstep_market::debt::{ONE, growth};
/// assert_eq!(growth(1_000_000_000, 2), ONE + 2_000_000_000 + 1_000);
/// ```
pub fn growth(rate: u64, slots: u64) -> u128 {
    let (mut result, mut factor) = (ONE, ONE.saturating_add(rate.into()));
    let mut left = slots;
    while left > 0 {
        if left % 2 == 1 {
            result = compound(result, factor);
        }
        factor = compound(factor, factor);
        left /= 2;
    }
    result
}

/// The product of two factors. Both are at most `INDEX_MAX`, so that 128 bits hold it.
fn compound(a: u128, b: u128) -> u128 {
    a.saturating_mul(b).div_ceil(ONE).min(INDEX_MAX)
}

/// A reserve's books at some slot.
///
/// ```
/// use lockstep_market::debt::{Books, ONE};
/// let empty = Books::new();
/// let (books, shares) = empty.deposit(51_000).unwrap();
/// assert_eq!(shares, 50_000);
/// let (books, debt_shares) = books.borrow(40_000).unwrap();
/// let later = books.grown(ONE / 10 * 11, 5_000);
/// assert_eq!((later.owed(debt_shares), later.cushion, later.assets()), (44_000, 2_000, 53_000));
/// assert_eq!(later.worth(shares), Some(51_960));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Books {
    /// Tokens that can be lent; the vault holds at least that.
    pub liquidity: u64,
    /// Shares of depositors, the locked ones included.
    pub shares: u64,
    /// Shares of borrowers in the debt.
    pub debt_shares: u64,
    /// What a share of the debt is worth, in units of [`ONE`].
    pub index: u128,
    /// What losses are taken from first.
    pub cushion: u128,
}

impl Books {
    /// Nothing.
    pub const fn new() -> Self {
        Self {
            liquidity: 0,
            shares: 0,
            debt_shares: 0,
            index: ONE,
            cushion: 0,
        }
    }

    /// What all borrowers owe, rounded down.
    pub fn debt(&self) -> u128 {
        u128::from(self.debt_shares).saturating_mul(self.index) / ONE
    }

    /// What the shares of depositors are worth together.
    pub fn assets(&self) -> u128 {
        let all = self.debt().saturating_add(self.liquidity.into());
        all.saturating_sub(self.cushion)
    }

    /// The books after interest: the index grows by a factor, and the cushion gets its part.
    #[must_use]
    pub fn grown(&self, factor: u128, cushion: u16) -> Self {
        let index = compound(self.index, factor);
        let grown = Self { index, ..*self };
        let interest = grown.debt().saturating_sub(self.debt());
        let part = interest.saturating_mul(cushion.into()) / WHOLE;
        Self {
            cushion: self.cushion.saturating_add(part),
            ..grown
        }
    }

    /// After a deposit, and the shares that it gives. The first one leaves the locked shares.
    pub fn deposit(&self, amount: u64) -> Option<(Self, u64)> {
        let (issued, given) = if self.shares == 0 {
            (amount, amount.checked_sub(SHARES_LOCKED)?)
        } else {
            let product = u128::from(amount).checked_mul(self.shares.into())?;
            let issued = u64::try_from(product.checked_div(self.assets())?).ok()?;
            (issued, issued)
        };
        let shares = self.shares.checked_add(issued)?;
        let books = Self {
            liquidity: self.liquidity.checked_add(amount)?,
            shares,
            ..*self
        };
        (shares <= SHARES_MAX).then_some((books, given))
    }

    /// What a number of shares is worth, rounded down.
    pub fn worth(&self, shares: u64) -> Option<u128> {
        let product = u128::from(shares).checked_mul(self.assets())?;
        product.checked_div(self.shares.into())
    }

    /// The shares that these tokens are worth, rounded down.
    pub fn shares_of(&self, amount: u128) -> Option<u128> {
        let product = amount.checked_mul(self.shares.into())?;
        product.checked_div(self.assets())
    }

    /// After a withdrawal of shares, and the tokens that it gives.
    pub fn withdraw(&self, shares: u64) -> Option<(Self, u64)> {
        let amount = u64::try_from(self.worth(shares)?).ok()?;
        let books = Self {
            liquidity: self.liquidity.checked_sub(amount)?,
            shares: self.shares.checked_sub(shares)?,
            ..*self
        };
        (books.shares >= SHARES_LOCKED).then_some((books, amount))
    }

    /// After a loan of tokens, and the shares of the debt that it makes.
    pub fn borrow(&self, amount: u64) -> Option<(Self, u64)> {
        let shares = u128::from(amount).checked_mul(ONE)?.div_ceil(self.index);
        let shares = u64::try_from(shares).ok()?;
        let books = Self {
            liquidity: self.liquidity.checked_sub(amount)?,
            debt_shares: self.debt_shares.checked_add(shares)?,
            ..*self
        };
        Some((books, shares))
    }

    /// What a number of shares of the debt owes, rounded up.
    pub fn owed(&self, debt_shares: u64) -> u128 {
        let product = u128::from(debt_shares).saturating_mul(self.index);
        product.div_ceil(ONE)
    }

    /// After a repayment of at most `amount_max` on these shares of the debt; the tokens that it
    /// takes, and the shares that are gone.
    pub fn repay(&self, debt_shares: u64, amount_max: u64) -> Option<(Self, u64, u64)> {
        let owed = self.owed(debt_shares);
        let (amount, paid) = if owed <= amount_max.into() {
            (u64::try_from(owed).ok()?, debt_shares)
        } else {
            let paid = u128::from(amount_max).checked_mul(ONE)?;
            let paid = paid.checked_div(self.index)?;
            (amount_max, u64::try_from(paid).ok()?)
        };
        let books = Self {
            liquidity: self.liquidity.checked_add(amount)?,
            debt_shares: self.debt_shares.checked_sub(paid)?,
            ..*self
        };
        Some((books, amount, paid))
    }

    /// After shares of the debt turned out to be worth nothing, and the loss. The cushion bears it,
    /// and depositors what exceeds that.
    pub fn write_off(&self, debt_shares: u64) -> Option<(Self, u128)> {
        let books = Self {
            debt_shares: self.debt_shares.checked_sub(debt_shares)?,
            ..*self
        };
        let loss = self.debt().saturating_sub(books.debt());
        let cushion = self.cushion.saturating_sub(loss);
        Some((Self { cushion, ..books }, loss))
    }
}

impl Default for Books {
    fn default() -> Self {
        Self::new()
    }
}
