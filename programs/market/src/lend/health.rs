//! What a reserve and a loan are at a slot: the books with interest, prices that can be relied on,
//! and what a debt needs of its collateral.

use lockstep_sdk::{
    Result, account::State, interface::InvokeContext as Context, pod::U64, require,
};

use super::lending::{LendError, Loan, Reserve, Rules};
use crate::debt::{
    Books, DEPOSITS_MAX, PARTS, Slope, growth,
    value::{Priced, is_covered, seized},
};
use crate::oracle::{aggregate::Quoted, price_oracle::Feed};

impl Rules {
    fn slope(&self) -> Slope {
        Slope {
            rates: self.rates.map(U64::get),
            kink: self.kink.get(),
        }
    }

    /// A liquidation has to leave a loan better than it was: what it takes of the collateral is
    /// less than the part that the debt has of it.
    pub(super) fn is_sound(&self) -> bool {
        let [parts, threshold] = [PARTS, self.threshold.get()].map(u32::from);
        let taken = parts.saturating_add(self.bonus.get().into());
        let is_improving = threshold.saturating_mul(taken) < parts.saturating_mul(parts);
        let parts = [
            self.cushion,
            self.flash_fee,
            self.confidence_max,
            self.close_max,
        ];
        self.slope().is_sound()
            && is_improving
            && self.loan_max.get() < self.threshold.get()
            && self.close_max.get() > 0
            && parts.iter().all(|part| part.get() <= PARTS)
            && self.deposits_max.get() <= DEPOSITS_MAX
    }
}

impl Reserve {
    /// The books at a slot, with the interest since they were written.
    pub fn books(&self, slot: u64) -> Books {
        let books = Books {
            liquidity: self.liquidity.get(),
            shares: self.shares.get(),
            debt_shares: self.debt_shares.get(),
            index: self.index.get(),
            cushion: self.cushion.get(),
        };
        let slots = slot.saturating_sub(self.slot.get());
        let rate = self.rules.slope().rate(books.debt(), books.liquidity);
        books.grown(growth(rate, slots), self.rules.cushion.get())
    }

    pub(super) fn keep(&mut self, slot: u64, books: Books) {
        self.slot.set(slot);
        self.liquidity.set(books.liquidity);
        self.shares.set(books.shares);
        self.debt_shares.set(books.debt_shares);
        self.index.set(books.index);
        self.cushion.set(books.cushion);
    }

    /// The fee for a loan within one instruction, rounded up.
    pub(super) fn flash_fee(&self, amount: u64) -> Option<u64> {
        let product = u128::from(amount).checked_mul(self.rules.flash_fee.get().into())?;
        u64::try_from(product.div_ceil(PARTS.into())).ok()
    }
}

/// One side of a loan: a reserve as it is now, and its price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    reserve: Reserve,
    pub(super) books: Books,
    feed: Feed,
    slot: u64,
}

impl Side {
    pub(super) fn read(
        reserve: &State<'_, Reserve>,
        feed: &State<'_, Feed>,
        context: &Context<'_, '_>,
    ) -> Result<Self> {
        let slot = context.sysvars().clock()?.slot;
        let reserve = *reserve.read(context)?;
        Ok(Self {
            books: reserve.books(slot),
            reserve,
            feed: *feed.read(context)?,
            slot,
        })
    }

    /// The price, if it can be relied on.
    fn quoted(&self) -> Result<Quoted> {
        let rules = &self.reserve.rules;
        let is_fresh = self.feed.is_fresh(self.slot, rules.age_max.get());
        let quoted = self.feed.quoted().filter(|_| is_fresh);
        let quoted = quoted.ok_or(LendError::StalePrice)?;
        let is_sure = quoted.is_within(rules.confidence_max.get());
        require!(is_sure, LendError::UnsurePrice);
        Ok(quoted)
    }

    /// The lowest and the highest price that the confidence allows.
    fn range(&self) -> Result<[u64; 2]> {
        let range = self.quoted()?.range();
        Ok(range.ok_or(LendError::UnsurePrice)?)
    }

    fn at(&self, price: u64) -> Priced {
        let scale = self.reserve.scale;
        Priced { price, scale }
    }

    /// What shares of this reserve are worth in tokens, rounded down.
    fn worth(&self, shares: u64) -> Option<u128> {
        match shares {
            0 => Some(0),
            _ => self.books.worth(shares),
        }
    }
}

/// The side that is owed comes first, the one that is pledged second.
impl Loan {
    /// Value of the debt, rounded up, and of the collateral, rounded down, at these prices.
    fn values(&self, [debt, held]: [&Side; 2], [high, low]: [u64; 2]) -> Option<[u128; 2]> {
        let owed = debt.books.owed(self.debt_shares.get());
        let tokens = held.worth(self.shares.get())?;
        Some([debt.at(high).value_up(owed)?, held.at(low).value(tokens)?])
    }

    /// Fails unless the collateral carries the debt, at the worse ends of both prices. Without
    /// debt no price is asked for.
    pub(super) fn check_cover(&self, sides: [&Side; 2]) -> Result {
        if self.debt_shares.get() == 0 {
            return Ok(());
        }
        let [debt, held] = sides;
        let ([_, high], [low, _]) = (debt.range()?, held.range()?);
        let values = self.values(sides, [high, low]);
        let [owed, worth] = values.ok_or(LendError::Overflow)?;
        let is_covered = is_covered(owed, worth, held.reserve.rules.loan_max.get());
        let is_covered = is_covered.ok_or(LendError::Overflow)?;
        require!(is_covered, LendError::TooLittleCollateral);
        Ok(())
    }

    /// What a liquidation repays, `repay_max` at most, and the shares that it takes for that.
    pub(super) fn liquidation(&self, sides: [&Side; 2], repay_max: u64) -> Result<(u64, u64)> {
        require!(self.debt_shares.get() > 0, LendError::NoDebt);
        let [debt, held] = sides;
        let prices = [debt.quoted()?.price, held.quoted()?.price];
        let values = self.values(sides, prices);
        let [owed, worth] = values.ok_or(LendError::Overflow)?;
        let rules = &held.reserve.rules;
        let is_healthy = is_covered(owed, worth, rules.threshold.get());
        require!(!is_healthy.ok_or(LendError::Overflow)?, LendError::Healthy);
        let close_max = if owed < worth {
            rules.close_max.get()
        } else {
            PARTS
        };
        let amounts = self.amounts(sides, prices, close_max, repay_max);
        Ok(amounts.ok_or(LendError::Overflow)?)
    }

    fn amounts(
        &self,
        [debt, held]: [&Side; 2],
        [debt_price, held_price]: [u64; 2],
        close_max: u16,
        repay_max: u64,
    ) -> Option<(u64, u64)> {
        let closable = debt.books.owed(self.debt_shares.get());
        let closable = closable.checked_mul(close_max.into())?;
        let repaid = closable.div_ceil(PARTS.into()).min(repay_max.into());
        let prices = [debt.at(debt_price), held.at(held_price)];
        let shares = self.shares.get();
        let (available, bonus) = (held.worth(shares)?, held.reserve.rules.bonus.get());
        let (repaid, taken) = seized(prices, repaid, available, bonus)?;
        let taken = match taken == available {
            true => shares,
            false => u64::try_from(held.books.shares_of(taken)?)
                .ok()?
                .min(shares),
        };
        Some((u64::try_from(repaid).ok()?, taken))
    }
}
