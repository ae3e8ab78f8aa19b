//! Orders that rest and orders that meet them: what a market holds, and how a call changes it.
//!
//! ```text
//! bids, best first   101 x 5   101 x 2   99 x 7        asks, best first   102 x 4   105 x 1
//! a bid of 104 x 6   takes 102 x 4, and rests with 2 at 104, before all other bids
//! ```
//!
//! Amounts are whole: lots of the base mint, and ticks of the quote mint for each lot, so that no
//! division is needed and nothing is rounded. What an order may cost is held from the start; it is
//! the seat's again when the order ends. Knows no accounts, events or slots of a chain.

use lockstep_sdk::{bytemuck, prelude::*};

use super::order_book::BookError;

/// Orders of a side at most. With the seats they fit into the 10 KiB that one call creates.
pub const ORDERS_MAX: usize = 64;
/// Traders of a market at most.
pub const SEATS_MAX: usize = 64;

/// An order that rests.
#[derive(Clone, Copy, Data, Debug, Eq, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[bytemuck(crate = "lockstep_sdk::bytemuck")]
#[repr(C)]
pub struct Order {
    /// Ascends with time, above 0.
    pub id: U64,
    /// Ticks for a lot.
    pub price: U64,
    /// Lots that are left.
    pub lots: U64,
    /// The last slot in which it can be met.
    pub last_slot: U64,
    /// The trader's seat.
    pub seat: U16,
}

/// The orders of one side, best first, and of one price the oldest first.
#[derive(Clone, Copy, Data, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[bytemuck(crate = "lockstep_sdk::bytemuck")]
#[repr(C)]
pub struct Ladder {
    count: U16,
    orders: [Order; ORDERS_MAX],
}

impl Ladder {
    /// The orders, best first.
    pub fn orders(&self) -> &[Order] {
        &self.orders[..usize::from(self.count.get())]
    }

    fn best(&mut self) -> Option<&mut Order> {
        let count = usize::from(self.count.get());
        self.orders[..count].first_mut()
    }

    fn remove(&mut self, place: usize) -> Option<Order> {
        let count = usize::from(self.count.get());
        let removed = *self.orders[..count].get(place)?;
        self.orders[place..count].rotate_left(1);
        self.count.decrease(1).ok()?;
        Some(removed)
    }

    /// Puts an order behind those that are as good.
    fn insert(&mut self, order: Order, is_bid: bool) -> Result {
        let count = usize::from(self.count.get());
        require!(count < ORDERS_MAX, BookError::Full);
        let place = self
            .orders()
            .partition_point(|known| !is_better(&order, known, is_bid));
        self.orders[place..=count].rotate_right(1);
        self.orders[place] = order;
        self.count.increase(1)
    }
}

fn is_better(order: &Order, other: &Order, is_bid: bool) -> bool {
    match is_bid {
        true => order.price.get() > other.price.get(),
        false => order.price.get() < other.price.get(),
    }
}

/// What a trader has in a market; free to be used again where there is no trader.
#[derive(Clone, Copy, Data, Debug, Eq, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[bytemuck(crate = "lockstep_sdk::bytemuck")]
#[repr(C)]
pub struct Seat {
    /// The trader; all zero if there is none.
    pub trader: Address,
    /// Base tokens that can be sold or withdrawn.
    pub base: U64,
    /// Base tokens that asks hold.
    pub base_held: U64,
    /// Quote tokens that can be spent or withdrawn.
    pub quote: U64,
    /// Quote tokens that bids hold.
    pub quote_held: U64,
}

impl Seat {
    /// Whether the trader has nothing in the market, so that the seat is free.
    pub fn is_empty(&self) -> bool {
        let held = [self.base, self.base_held, self.quote, self.quote_held];
        held.iter().all(|amount| amount.get() == 0)
    }
}

/// What a lot and a tick are in the smallest units of their mints, each above 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Units {
    /// Base tokens of a lot.
    pub lot: u64,
    /// Quote tokens of a tick.
    pub tick: u64,
}

impl Units {
    /// Base and quote tokens of these lots at this price; `None` if they exceed 64 bits.
    pub fn amounts(&self, price: u64, lots: u64) -> Option<[u64; 2]> {
        let quote = price.checked_mul(self.tick)?.checked_mul(lots)?;
        Some([lots.checked_mul(self.lot)?, quote])
    }
}

/// What becomes of an order that is not met, or not at once.
#[derive(Clone, Copy, Data, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It takes what it meets, and the rest of it rests.
    Limit,
    /// It rests whole, or fails if it would meet another.
    PostOnly,
    /// It takes what it meets, and the rest of it ends.
    ImmediateOrCancel,
    /// It is met whole, or fails.
    FillOrKill,
}

/// What happens where a trader would meet an order of its own.
#[derive(Clone, Copy, Data, Debug, Eq, PartialEq)]
pub enum SelfTrade {
    /// The resting order is cancelled.
    CancelResting,
    /// The new order fails.
    Refuse,
}

/// An order to be placed.
#[derive(Clone, Copy, Data, Debug, Eq, PartialEq)]
pub struct Terms {
    /// Whether it buys base tokens.
    pub is_bid: bool,
    /// The worst price that it takes, in ticks for a lot, above 0.
    pub price: u64,
    /// Lots, above 0.
    pub lots: u64,
    /// What becomes of it.
    pub kind: Kind,
    /// What becomes of the trader's own orders on the way.
    pub self_trade: SelfTrade,
    /// The last slot in which it can be met.
    pub last_slot: u64,
}

/// A resting order that was met, or ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Met {
    /// The order, with the lots of this meeting, or those that were left.
    pub order: Order,
    /// True if it traded, false if it was cancelled, evicted or had expired.
    pub is_trade: bool,
}

/// What became of a new order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// Resting orders, in the order in which they were met.
    pub met: Vec<Met>,
    /// Lots that were traded.
    pub filled: u64,
    /// The number of the order that rests, and its lots.
    pub resting: Option<(u64, u64)>,
}

/// All that changes in a market.
#[derive(Clone, Copy, Data, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[bytemuck(crate = "lockstep_sdk::bytemuck")]
#[repr(C)]
pub struct Floor {
    /// Orders that were placed.
    pub placed: U64,
    /// Orders that buy.
    pub bids: Ladder,
    /// Orders that sell.
    pub asks: Ladder,
    /// What traders have.
    pub seats: [Seat; SEATS_MAX],
}

impl Floor {
    /// The seat of a trader.
    pub fn seat_of(&self, trader: &Address) -> Option<usize> {
        self.seats.iter().position(|seat| seat.trader == *trader)
    }

    /// The seat of a trader, or the first that is free.
    pub fn seat_for(&mut self, trader: &Address) -> Result<&mut Seat> {
        let no_trader = Address::new_from_array([0; 32]);
        let found = self.seat_of(trader).or_else(|| self.seat_of(&no_trader));
        let place = found.ok_or(BookError::NoSeat)?;
        let seat = &mut self.seats[place];
        seat.trader = *trader;
        Ok(seat)
    }

    fn side(&mut self, is_bid: bool) -> &mut Ladder {
        match is_bid {
            true => &mut self.bids,
            false => &mut self.asks,
        }
    }

    /// Places an order of a seat in slot `now`.
    ///
    /// # Errors
    /// All that [`BookError`] says of orders. Nothing that was changed then counts.
    ///
    /// # Complexity
    /// O(orders met x orders of a side), in bytes moved.
    pub fn place(&mut self, units: Units, now: u64, seat: usize, terms: &Terms) -> Result<Outcome> {
        require!(terms.price > 0 && terms.lots > 0, BookError::BadOrder);
        require!(terms.last_slot >= now, BookError::Expired);
        let most = units.amounts(terms.price, terms.lots);
        require!(most.is_some(), BookError::Overflow);
        let mut outcome = Outcome::default();
        let left = self.meet(units, now, seat, terms, &mut outcome)?;
        outcome.filled = terms.lots.saturating_sub(left);
        self.placed.increase(1)?;
        match terms.kind {
            _ if left == 0 => {}
            Kind::FillOrKill => return Err(BookError::NotFilled.into()),
            Kind::ImmediateOrCancel => {}
            Kind::Limit | Kind::PostOnly => {
                let order = Order {
                    id: self.placed,
                    price: terms.price.into(),
                    lots: left.into(),
                    last_slot: terms.last_slot.into(),
                    seat: u16::try_from(seat).map_err(|_| BookError::NoSeat)?.into(),
                };
                self.rest(units, now, terms.is_bid, order, &mut outcome)?;
                outcome.resting = Some((order.id.get(), left));
            }
        }
        Ok(outcome)
    }

    /// Meets the orders of the other side, the best first. Returns the lots that are left.
    fn meet(
        &mut self,
        units: Units,
        now: u64,
        seat: usize,
        terms: &Terms,
        outcome: &mut Outcome,
    ) -> Result<u64> {
        let other_side = !terms.is_bid;
        let mut left = terms.lots;
        while left > 0 {
            let Some(best) = self.side(other_side).best() else {
                break;
            };
            let is_own = usize::from(best.seat.get()) == seat;
            let price = best.price.get();
            let is_met = match terms.is_bid {
                true => price <= terms.price,
                false => price >= terms.price,
            };
            if best.last_slot.get() < now {
                self.end(units, other_side, 0, outcome)?;
            } else if !is_met {
                break;
            } else if terms.kind == Kind::PostOnly {
                return Err(BookError::WouldTake.into());
            } else if is_own && terms.self_trade == SelfTrade::Refuse {
                return Err(BookError::OwnOrder.into());
            } else if is_own {
                self.end(units, other_side, 0, outcome)?;
            } else {
                let lots = left.min(best.lots.get());
                best.lots.decrease(lots)?;
                let order = Order {
                    lots: lots.into(),
                    ..*best
                };
                if best.lots.get() == 0 {
                    self.side(other_side).remove(0);
                }
                self.trade(units, seat, terms.is_bid, &order)?;
                outcome.met.push(Met {
                    order,
                    is_trade: true,
                });
                left = left.saturating_sub(lots);
            }
        }
        Ok(left)
    }

    /// Moves what a meeting comes to, at the resting order's price.
    fn trade(&mut self, units: Units, taker: usize, is_bid: bool, order: &Order) -> Result {
        let amounts = units.amounts(order.price.get(), order.lots.get());
        let [base, quote] = amounts.ok_or(BookError::Overflow)?;
        let maker = usize::from(order.seat.get());
        let maker = self.seats.get_mut(maker).ok_or(BookError::NoSeat)?;
        if is_bid {
            maker.base_held.decrease(base)?;
            maker.quote.increase(quote)?;
        } else {
            maker.quote_held.decrease(quote)?;
            maker.base.increase(base)?;
        }
        let taker = self.seats.get_mut(taker).ok_or(BookError::NoSeat)?;
        let (paid, got) = match is_bid {
            true => (spend(&mut taker.quote, quote), taker.base.increase(base)),
            false => (spend(&mut taker.base, base), taker.quote.increase(quote)),
        };
        paid.and(got)
    }

    /// Puts an order on its side. A full side lets expired orders go, and then its last one, if the
    /// new one is better.
    fn rest(
        &mut self,
        units: Units,
        now: u64,
        is_bid: bool,
        order: Order,
        outcome: &mut Outcome,
    ) -> Result {
        if self.side(is_bid).orders().len() == ORDERS_MAX {
            self.sweep_side(units, now, is_bid, outcome)?;
        }
        if let Some(last) = self.side(is_bid).orders().get(ORDERS_MAX.saturating_sub(1)) {
            require!(is_better(&order, last, is_bid), BookError::Full);
            self.end(units, is_bid, ORDERS_MAX.saturating_sub(1), outcome)?;
        }
        let amounts = units.amounts(order.price.get(), order.lots.get());
        let [base, quote] = amounts.ok_or(BookError::Overflow)?;
        let seat = usize::from(order.seat.get());
        let seat = self.seats.get_mut(seat).ok_or(BookError::NoSeat)?;
        if is_bid {
            spend(&mut seat.quote, quote)?;
            seat.quote_held.increase(quote)?;
        } else {
            spend(&mut seat.base, base)?;
            seat.base_held.increase(base)?;
        }
        self.side(is_bid).insert(order, is_bid)
    }

    /// Ends the order at a place of a side: what it holds is free again.
    fn end(&mut self, units: Units, is_bid: bool, place: usize, outcome: &mut Outcome) -> Result {
        let order = self.side(is_bid).remove(place);
        let order = order.ok_or(BookError::NoSuchOrder)?;
        let amounts = units.amounts(order.price.get(), order.lots.get());
        let [base, quote] = amounts.ok_or(BookError::Overflow)?;
        let seat = usize::from(order.seat.get());
        let seat = self.seats.get_mut(seat).ok_or(BookError::NoSeat)?;
        if is_bid {
            seat.quote_held.decrease(quote)?;
            seat.quote.increase(quote)?;
        } else {
            seat.base_held.decrease(base)?;
            seat.base.increase(base)?;
        }
        outcome.met.push(Met {
            order,
            is_trade: false,
        });
        Ok(())
    }

    /// Cancels the orders of a seat: the one of a number, or all. Returns them.
    pub fn cancel(&mut self, units: Units, seat: usize, id: Option<u64>) -> Result<Vec<Met>> {
        self.end_all(units, |order| {
            let is_asked = id.is_none_or(|id| order.id.get() == id);
            is_asked && usize::from(order.seat.get()) == seat
        })
    }

    /// Ends the orders whose last slot is over. Returns them.
    pub fn sweep(&mut self, units: Units, now: u64) -> Result<Vec<Met>> {
        self.end_all(units, |order| order.last_slot.get() < now)
    }

    fn end_all(&mut self, units: Units, is_ended: impl Fn(&Order) -> bool) -> Result<Vec<Met>> {
        let mut outcome = Outcome::default();
        for is_bid in [true, false] {
            self.end_where(units, is_bid, &is_ended, &mut outcome)?;
        }
        Ok(outcome.met)
    }

    fn sweep_side(
        &mut self,
        units: Units,
        now: u64,
        is_bid: bool,
        outcome: &mut Outcome,
    ) -> Result {
        self.end_where(units, is_bid, &|order| order.last_slot.get() < now, outcome)
    }

    fn end_where(
        &mut self,
        units: Units,
        is_bid: bool,
        is_ended: &dyn Fn(&Order) -> bool,
        outcome: &mut Outcome,
    ) -> Result {
        while let Some(place) = self.side(is_bid).orders().iter().position(is_ended) {
            self.end(units, is_bid, place, outcome)?;
        }
        Ok(())
    }
}

/// Takes an amount from what is free.
pub(super) fn spend(free: &mut U64, amount: u64) -> Result {
    require!(amount <= free.get(), BookError::NotEnough);
    free.decrease(amount)
}
