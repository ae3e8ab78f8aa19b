//! Matching against a model that knows no order of its lists: it looks for the best order each
//! time, and counts in 128 bits.

use lockstep_market::book::matching::*;
use lockstep_sdk::{bytemuck::Zeroable, interface::Address};
use proptest::prelude::*;

const UNITS: Units = Units { lot: 10, tick: 3 };
const TRADERS: u8 = 4;

/// An order of the model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Resting {
    id: u64,
    is_bid: bool,
    price: u64,
    lots: u64,
    last_slot: u64,
    seat: usize,
}

/// A market by its rules alone. A seat is base, held base, quote, held quote.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Model {
    placed: u64,
    orders: Vec<Resting>,
    seats: [[i128; 4]; TRADERS as usize],
}

fn amounts(price: u64, lots: u64) -> [i128; 2] {
    let [price, lots] = [price, lots].map(i128::from);
    [
        lots * i128::from(UNITS.lot),
        price * lots * i128::from(UNITS.tick),
    ]
}

impl Model {
    /// Moves what an order holds out of what is free, or back.
    fn hold(&mut self, order: &Resting, sign: i128) {
        let [base, quote] = amounts(order.price, order.lots);
        let seat = &mut self.seats[order.seat];
        let (free, amount) = if order.is_bid { (2, quote) } else { (0, base) };
        seat[free] -= sign * amount;
        seat[free + 1] += sign * amount;
    }

    fn end(&mut self, id: u64) {
        let place = self.orders.iter().position(|order| order.id == id);
        let order = self.orders.remove(place.expect("it is there"));
        self.hold(&order, -1);
    }

    /// The best order of a side: the best price, and the oldest of that.
    fn best(&self, is_bid: bool) -> Option<Resting> {
        let side = self.orders.iter().filter(|order| order.is_bid == is_bid);
        let worth = |order: &&Resting| {
            let price = i128::from(order.price);
            (if is_bid { -price } else { price }, order.id)
        };
        side.min_by_key(worth).copied()
    }

    /// The lots that were traded; `None` if the order fails, and then nothing has changed.
    fn place(&mut self, now: u64, seat: usize, terms: &Terms) -> Option<u64> {
        let mut after = self.clone();
        let filled = after.try_place(now, seat, terms)?;
        let is_covered = after.seats.iter().flatten().all(|amount| *amount >= 0);
        if is_covered {
            *self = after;
        }
        is_covered.then_some(filled)
    }

    fn try_place(&mut self, now: u64, seat: usize, terms: &Terms) -> Option<u64> {
        if terms.price == 0 || terms.lots == 0 || terms.last_slot < now {
            return None;
        }
        let mut left = terms.lots;
        while left > 0 {
            let Some(best) = self.best(!terms.is_bid) else {
                break;
            };
            let is_met = if terms.is_bid {
                best.price <= terms.price
            } else {
                best.price >= terms.price
            };
            if best.last_slot < now {
                self.end(best.id);
                continue;
            }
            if !is_met {
                break;
            }
            if terms.kind == Kind::PostOnly {
                return None;
            }
            if best.seat == seat {
                if terms.self_trade == SelfTrade::Refuse {
                    return None;
                }
                self.end(best.id);
                continue;
            }
            let lots = left.min(best.lots);
            let [base, quote] = amounts(best.price, lots);
            self.end(best.id);
            let (buyer, seller) = if terms.is_bid {
                (seat, best.seat)
            } else {
                (best.seat, seat)
            };
            self.seats[buyer][0] += base;
            self.seats[buyer][2] -= quote;
            self.seats[seller][0] -= base;
            self.seats[seller][2] += quote;
            // Each payment is made out of what is there at that time.
            let paid = if terms.is_bid {
                self.seats[seat][2]
            } else {
                self.seats[seat][0]
            };
            if paid < 0 {
                return None;
            }
            let rest = Resting {
                lots: best.lots - lots,
                ..best
            };
            if rest.lots > 0 {
                self.orders.push(rest);
                self.hold(&rest, 1);
            }
            left -= lots;
        }
        self.placed += 1;
        let rests = matches!(terms.kind, Kind::Limit | Kind::PostOnly);
        if left > 0 && terms.kind == Kind::FillOrKill {
            return None;
        }
        if left > 0 && rests {
            let order = Resting {
                id: self.placed,
                is_bid: terms.is_bid,
                price: terms.price,
                lots: left,
                last_slot: terms.last_slot,
                seat,
            };
            self.hold(&order, 1);
            self.orders.push(order);
        }
        Some(terms.lots - left)
    }
}

fn floor(base: u64, quote: u64) -> Box<Floor> {
    let mut floor = Box::new(Floor::zeroed());
    for (seat, number) in floor.seats.iter_mut().zip(1..=TRADERS) {
        seat.trader = Address::new_from_array([number; 32]);
        seat.base.set(base);
        seat.quote.set(quote);
    }
    floor
}

fn model(base: u64, quote: u64) -> Model {
    Model {
        seats: [[base.into(), 0, quote.into(), 0]; TRADERS as usize],
        ..Model::default()
    }
}

/// What a floor holds, in the model's words.
fn seen(floor: &Floor) -> Model {
    let side = |ladder: &Ladder, is_bid| {
        let orders = ladder.orders().iter().map(move |order| Resting {
            id: order.id.get(),
            is_bid,
            price: order.price.get(),
            lots: order.lots.get(),
            last_slot: order.last_slot.get(),
            seat: usize::from(order.seat.get()),
        });
        orders.collect::<Vec<_>>()
    };
    let mut orders = side(&floor.bids, true);
    orders.extend(side(&floor.asks, false));
    let mut seats = [[0; 4]; TRADERS as usize];
    for (seen, seat) in seats.iter_mut().zip(&floor.seats) {
        let held = [seat.base, seat.base_held, seat.quote, seat.quote_held];
        *seen = held.map(|amount| amount.get().into());
    }
    Model {
        placed: floor.placed.get(),
        orders,
        seats,
    }
}

fn check_same(floor: &Floor, model: &Model) {
    let (mut seen, mut model) = (seen(floor), model.clone());
    let prices: Vec<u64> = floor
        .bids
        .orders()
        .iter()
        .map(|order| order.price.get())
        .collect();
    assert!(prices.is_sorted_by(|better, worse| better >= worse));
    for orders in [&mut seen.orders, &mut model.orders] {
        orders.sort_by_key(|order| order.id);
    }
    assert_eq!(seen, model);
    let best = |is_bid| model.best(is_bid).map(|order| order.price);
    if let (Some(bid), Some(ask)) = (best(true), best(false)) {
        assert!(bid < ask, "a book is never crossed");
    }
}

fn terms() -> impl Strategy<Value = Terms> {
    let kind = prop_oneof![
        4 => Just(Kind::Limit),
        1 => Just(Kind::PostOnly),
        1 => Just(Kind::ImmediateOrCancel),
        1 => Just(Kind::FillOrKill),
    ];
    let self_trade = prop_oneof![Just(SelfTrade::CancelResting), Just(SelfTrade::Refuse)];
    let numbers = (any::<bool>(), 0..12_u64, 0..9_u64, 0..30_u64);
    (numbers, kind, self_trade).prop_map(|((is_bid, price, lots, last_slot), kind, self_trade)| {
        Terms {
            is_bid,
            price,
            lots,
            kind,
            self_trade,
            last_slot,
        }
    })
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Place(Terms),
    Cancel(u64),
    CancelAll,
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => terms().prop_map(Step::Place),
        2 => (1..60_u64).prop_map(Step::Cancel),
        1 => Just(Step::CancelAll),
        1 => Just(Step::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 400,
        ..Default::default()
    })]

    #[test]
    fn matching_is_the_model(
        (base, quote) in (0..400_u64, 0..1_500_u64),
        steps in prop::collection::vec((0..TRADERS as usize, 0..2_u64, step()), 1..60),
    ) {
        let (mut floor, mut model) = (floor(base, quote), model(base, quote));
        let mut now = 0;
        for (seat, slots, step) in steps {
            now += slots;
            match step {
                Step::Place(terms) => {
                    let mut after = floor.clone();
                    let outcome = after.place(UNITS, now, seat, &terms);
                    let expected = model.place(now, seat, &terms);
                    let filled = outcome.as_ref().ok().map(|outcome| outcome.filled);
                    prop_assert_eq!(filled, expected, "{:?} {:?}", terms, outcome);
                    if outcome.is_ok() {
                        floor = after;
                    }
                }
                Step::Cancel(_) | Step::CancelAll => {
                    let id = if let Step::Cancel(id) = step { Some(id) } else { None };
                    let ended = floor.cancel(UNITS, seat, id).expect("it adds up");
                    let of_seat = |order: &&Resting| {
                        order.seat == seat && id.is_none_or(|id| order.id == id)
                    };
                    let ids: Vec<u64> = model.orders.iter().filter(of_seat).map(|o| o.id).collect();
                    prop_assert_eq!(ended.len(), ids.len());
                    ids.into_iter().for_each(|id| model.end(id));
                }
                Step::Sweep => {
                    floor.sweep(UNITS, now).expect("it adds up");
                    let is_over = |order: &&Resting| order.last_slot < now;
                    let ids: Vec<u64> = model.orders.iter().filter(is_over).map(|o| o.id).collect();
                    ids.into_iter().for_each(|id| model.end(id));
                }
            }
            check_same(&floor, &model);
        }
    }
}

const LIMIT: Terms = Terms {
    is_bid: true,
    price: 10,
    lots: 1,
    kind: Kind::Limit,
    self_trade: SelfTrade::Refuse,
    last_slot: 9,
};

/// A full side lets expired orders go, and then the worst for a better one.
#[test]
fn a_full_side_gives_way_to_better_orders() {
    let mut floor = floor(0, 1_000_000);
    let mut place = |now, price, last_slot| {
        let terms = Terms {
            price,
            last_slot,
            ..LIMIT
        };
        let before = floor.clone();
        let outcome = floor.place(UNITS, now, 0, &terms);
        if outcome.is_err() {
            floor = before;
        }
        outcome.map(|outcome| {
            outcome
                .met
                .iter()
                .map(|met| met.order.id.get())
                .collect::<Vec<_>>()
        })
    };
    for number in 1..=ORDERS_MAX as u64 {
        let last_slot = if number == 7 { 4 } else { 9 };
        assert_eq!(place(1, 10 + number % 5, last_slot), Ok(vec![]));
    }
    assert!(place(1, 10, 9).is_err(), "it is as good as the last");
    // Of the price 10 the youngest goes first.
    assert_eq!(place(1, 11, 9), Ok(vec![60]));
    assert_eq!(place(5, 10, 9), Ok(vec![7]), "it has expired");
    assert_eq!(floor.bids.orders().len(), ORDERS_MAX);
    let held: u64 = floor
        .bids
        .orders()
        .iter()
        .map(|order| order.price.get() * 3)
        .sum();
    assert_eq!(floor.seats[0].quote_held.get(), held);
    assert_eq!(floor.seats[0].quote.get() + held, 1_000_000);
}

/// Amounts at the limit of 64 bits, and beyond.
#[test]
fn edge_amounts_are_exact() {
    const EDGES: [u64; 9] = [
        0,
        1,
        2,
        u32::MAX as u64,
        1 << 32,
        (1 << 32) + 1,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    for (price, lots) in EDGES
        .into_iter()
        .flat_map(|price| EDGES.map(|lots| (price, lots)))
    {
        for (lot, tick) in EDGES
            .into_iter()
            .flat_map(|lot| EDGES.map(|tick| (lot, tick)))
        {
            let units = Units { lot, tick };
            let wide = |numbers: &[u64]| {
                let product = |product: Option<u128>, number: &u64| {
                    product.and_then(|product| product.checked_mul((*number).into()))
                };
                let product = numbers.iter().fold(Some(1), product);
                product.and_then(|product| u64::try_from(product).ok())
            };
            let expected = wide(&[lots, lot]).zip(wide(&[price, tick, lots]));
            let found = units
                .amounts(price, lots)
                .map(|[base, quote]| (base, quote));
            // A product of three may pass the bound on the way to 0 alone.
            if price > 0 && lots > 0 && tick > 0 {
                assert_eq!(found, expected, "{units:?} {price} {lots}");
            }
            let mut floor = floor(u64::MAX / 4, u64::MAX / 4);
            for is_bid in [true, false] {
                let terms = Terms {
                    is_bid,
                    price,
                    lots,
                    ..LIMIT
                };
                let before = floor.clone();
                match floor.place(units, 0, 0, &terms) {
                    Err(_) => floor = before,
                    Ok(outcome) => {
                        assert_eq!(outcome.resting.map(|resting| resting.1), Some(lots));
                        floor.cancel(units, 0, None).expect("it is there");
                        let seat = floor.seats[0];
                        assert_eq!([seat.base.get(), seat.quote.get()], [u64::MAX / 4; 2]);
                        assert_eq!([seat.base_held.get(), seat.quote_held.get()], [0; 2]);
                    }
                }
            }
        }
    }
}
