//! What a constant-product pool takes and gives, as pure functions of its reserves.
//!
//! ```text
//! reserves x, y     product x * y     a sale of dx gives dy:  (x + net(dx)) * (y - dy) >= x * y
//! ```
//!
//! Amounts are of the smallest unit of their mint. Every division is rounded so that what is lost
//! stays in the pool: amounts paid out are rounded down, amounts paid in are rounded up. `None`
//! means that no such trade exists or that a number exceeds 64 bits. Knows no accounts.
//! [`stable`] is the curve for tokens of one worth.

pub mod stable;

/// The parts of which a fee is given: a fee of 30 is 0.3 %.
pub const FEE_PARTS: u16 = 10_000;
/// The highest fee of a pool, in [`FEE_PARTS`]: 10 %.
pub const FEE_MAX: u16 = 1_000;
/// Shares that no account holds, so that a pool in use always has both tokens.
pub const SHARES_LOCKED: u64 = 1_000;

/// What a pool holds, and in how many shares.
///
/// ```
/// use lockstep_market::curve::{Holdings, SHARES_LOCKED};
/// let empty = Holdings::default();
/// let pool = empty.after_deposit(empty.deposit([4_000, 9_000]).unwrap()).unwrap();
/// assert_eq!((pool.reserves, pool.shares), ([4_000, 9_000], 6_000));
/// assert_eq!(pool.withdrawal(6_000 - SHARES_LOCKED), Some([3_333, 7_500]));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Holdings {
    /// Tokens of both mints. Both are 0 before the first deposit, and neither is from then on.
    pub reserves: [u64; 2],
    /// All shares, those that are locked included.
    pub shares: u64,
}

/// What a deposit comes to.
///
/// ```
/// use lockstep_market::curve::{Contribution, Holdings};
/// let pool = Holdings { reserves: [4_000, 9_000], shares: 6_000 };
/// let deposit = Contribution { amounts: [7, 15], shares: 10, issued: 10 };
/// assert_eq!(pool.deposit([7, 90]), Some(deposit));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Contribution {
    /// Tokens that the pool takes.
    pub amounts: [u64; 2],
    /// Shares that the depositor gets.
    pub shares: u64,
    /// Shares that come into being: those, and with the first deposit the locked ones.
    pub issued: u64,
}

impl Holdings {
    /// What the pool takes and gives if at most these amounts are deposited: as many shares as
    /// both amounts pay for. The first deposit is taken whole, and sets the price.
    pub fn deposit(&self, amounts_max: [u64; 2]) -> Option<Contribution> {
        if self.shares == 0 {
            let issued = product(amounts_max).isqrt();
            let issued = u64::try_from(issued).ok()?;
            return Some(Contribution {
                amounts: amounts_max,
                shares: issued.checked_sub(SHARES_LOCKED)?,
                issued,
            });
        }
        let [a, b] = self.reserves;
        let paid_by_a = scaled(amounts_max[0], self.shares, a)?;
        let paid_by_b = scaled(amounts_max[1], self.shares, b)?;
        let shares = u64::try_from(paid_by_a.min(paid_by_b)).ok()?;
        let amounts = [
            scaled_up(shares, a, self.shares)?,
            scaled_up(shares, b, self.shares)?,
        ];
        Some(Contribution {
            amounts,
            shares,
            issued: shares,
        })
    }

    /// The pool after a deposit.
    pub fn after_deposit(&self, deposit: Contribution) -> Option<Self> {
        let [a, b] = self.reserves;
        let [in_a, in_b] = deposit.amounts;
        Some(Self {
            reserves: [a.checked_add(in_a)?, b.checked_add(in_b)?],
            shares: self.shares.checked_add(deposit.issued)?,
        })
    }

    /// The tokens that a number of shares is worth.
    pub fn withdrawal(&self, shares: u64) -> Option<[u64; 2]> {
        let withdrawable = self.shares.checked_sub(SHARES_LOCKED)?;
        if shares > withdrawable {
            return None;
        }
        let [a, b] = self.reserves;
        let of = |reserve| u64::try_from(scaled(shares, reserve, self.shares)?).ok();
        Some([of(a)?, of(b)?])
    }

    /// The pool after a withdrawal of these shares for these amounts.
    pub fn after_withdrawal(&self, shares: u64, amounts: [u64; 2]) -> Option<Self> {
        let [a, b] = self.reserves;
        Some(Self {
            reserves: [a.checked_sub(amounts[0])?, b.checked_sub(amounts[1])?],
            shares: self.shares.checked_sub(shares)?,
        })
    }

    /// What a sale of `paid` tokens of side `sold` gives of the other side.
    ///
    /// ```
    /// use lockstep_market::curve::{Holdings, Side};
    /// let pool = Holdings { reserves: [1_000, 2_000], shares: 1_414 };
    /// assert_eq!(pool.sale(Side::A, 100, 30), Some(180));
    /// ```
    pub fn sale(&self, sold: Side, paid: u64, fee: u16) -> Option<u64> {
        let (reserve_in, reserve_out) = self.sides(sold);
        let net = net(paid, fee)?;
        let got = scaled(net, reserve_out, reserve_in.checked_add(net)?)?;
        u64::try_from(got).ok()
    }

    /// What has to be paid of side `sold` to get `wanted` tokens of the other side.
    ///
    /// ```
    /// use lockstep_market::curve::{Holdings, Side};
    /// let pool = Holdings { reserves: [1_000, 2_000], shares: 1_414 };
    /// assert_eq!(pool.purchase(Side::A, 180, 30), Some(100));
    /// assert_eq!(pool.purchase(Side::A, 2_000, 30), None);
    /// ```
    pub fn purchase(&self, sold: Side, wanted: u64, fee: u16) -> Option<u64> {
        let (reserve_in, reserve_out) = self.sides(sold);
        let net = scaled_up(wanted, reserve_in, reserve_out.checked_sub(wanted)?)?;
        gross(net, fee)
    }

    /// The pool after a trade.
    pub fn after_trade(&self, sold: Side, paid: u64, got: u64) -> Option<Self> {
        let (reserve_in, reserve_out) = self.sides(sold);
        let (reserve_in, reserve_out) =
            (reserve_in.checked_add(paid)?, reserve_out.checked_sub(got)?);
        let reserves = match sold {
            Side::A => [reserve_in, reserve_out],
            Side::B => [reserve_out, reserve_in],
        };
        Some(Self { reserves, ..*self })
    }

    /// The product of both reserves.
    pub fn product(&self) -> u128 {
        product(self.reserves)
    }

    /// The reserve that a trade adds to, and the one that it takes from.
    pub(crate) fn sides(&self, sold: Side) -> (u64, u64) {
        let [a, b] = self.reserves;
        match sold {
            Side::A => (a, b),
            Side::B => (b, a),
        }
    }
}

/// One of the two tokens of a pool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The token whose mint has the smaller address.
    A,
    /// The other one.
    B,
}

/// What is left of a payment when the fee is taken off, rounded down.
pub(crate) fn net(paid: u64, fee: u16) -> Option<u64> {
    let kept = FEE_PARTS.checked_sub(fee)?;
    u64::try_from(scaled(paid, kept.into(), FEE_PARTS.into())?).ok()
}

/// The payment of which that is left, rounded up.
pub(crate) fn gross(net: u64, fee: u16) -> Option<u64> {
    let kept = FEE_PARTS.checked_sub(fee)?;
    scaled_up(net, FEE_PARTS.into(), kept.into())
}

/// Exact: two numbers of 64 bits have a product of 128.
fn product([a, b]: [u64; 2]) -> u128 {
    u128::from(a).saturating_mul(b.into())
}

/// `amount * numerator / denominator`, rounded down.
fn scaled(amount: u64, numerator: u64, denominator: u64) -> Option<u128> {
    product([amount, numerator]).checked_div(denominator.into())
}

/// The same, rounded up.
fn scaled_up(amount: u64, numerator: u64, denominator: u64) -> Option<u64> {
    if denominator == 0 {
        return None;
    }
    u64::try_from(product([amount, numerator]).div_ceil(denominator.into())).ok()
}
