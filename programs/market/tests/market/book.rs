//! Markets on the real runtime: their way, what they refuse, what runs beside what, and what random
//! traders cannot change.

use std::cell::Cell;

use lockstep_market::book::{matching::*, order_book::*};
use lockstep_sdk::{
    interface::{Address, InstructionError, context::Rule},
    prelude::Mint,
};
use lockstep_testing::{Call, Chain, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::sequences;

const TOKENS: u64 = 10_000;
const LOT: u64 = 10;
const TICK: u64 = 3;
const LIMIT: Terms = Terms {
    is_bid: true,
    price: 20,
    lots: 5,
    kind: Kind::Limit,
    self_trade: SelfTrade::Refuse,
    last_slot: u64::MAX,
};

/// A chain with a market.
struct Pit {
    chain: Chain,
    mints: [Address; 2],
    market: Address,
    vaults: [Address; 2],
}

/// A wallet and its token accounts, base and quote.
#[derive(Clone, Copy)]
struct Trader {
    wallet: Address,
    purses: [Address; 2],
}

fn vaults_of(market: &Address) -> [Address; 2] {
    let (base, quote) = (
        Found::base_vault_address(market),
        Found::quote_vault_address(market),
    );
    [base.0, quote.0]
}

impl Pit {
    fn new() -> Self {
        let mut chain = Chain::builder().program(OrderBookProgram).build();
        let mints = ["gold", "coin"].map(|name| chain.mint(name, 6));
        let mut pit = Self {
            market: Found::market_address(&mints[0], &mints[1], LOT, TICK, 0).0,
            chain,
            mints,
            vaults: [mints[0]; 2],
        };
        pit.vaults = vaults_of(&pit.market);
        let found = pit.found(0);
        pit.chain.run(found).access_is_minimal();
        pit
    }

    fn found(&mut self, number: u16) -> Call {
        let [base, quote] = self.mints;
        let creator = self.chain.wallet("creator");
        let addresses = FoundAddresses {
            creator,
            base,
            quote,
        };
        call::found(&addresses, LOT, TICK, number).into()
    }

    fn known(&mut self, name: &str) -> Trader {
        let wallet = self.chain.wallet(name);
        let purses = self
            .mints
            .map(|mint| self.chain.tokens(&wallet, &mint, TOKENS));
        Trader { wallet, purses }
    }

    /// A trader with half of its tokens in the market.
    fn seated(&mut self, name: &str) -> Trader {
        let trader = self.known(name);
        for side in [0, 1] {
            let deposit = self.deposit(&trader, side, TOKENS / 2);
            self.chain.run(deposit).access_is_minimal();
        }
        trader
    }

    fn carry(&self, trader: &Trader, side: usize) -> CarryAddresses {
        CarryAddresses {
            trader: trader.wallet,
            market: self.market,
            vault: self.vaults[side],
            purse: trader.purses[side],
        }
    }

    fn deposit(&self, trader: &Trader, side: usize, amount: u64) -> Call {
        call::deposit(&self.carry(trader, side), amount).into()
    }

    fn withdraw(&self, trader: &Trader, side: usize, amount: u64) -> Call {
        call::withdraw(&self.carry(trader, side), amount).into()
    }

    fn at(&self, trader: &Trader) -> TradeAddresses {
        TradeAddresses {
            trader: trader.wallet,
            market: self.market,
        }
    }

    fn place(&self, trader: &Trader, terms: Terms) -> Call {
        call::place(&self.at(trader), terms).into()
    }

    fn cancel(&self, trader: &Trader, id: u64) -> Call {
        call::cancel(&self.at(trader), id).into()
    }

    fn state(&self) -> Box<Market> {
        Box::new(self.chain.state(&self.market))
    }

    /// Base, held base, quote, held quote of a trader's seat.
    fn seat(&self, trader: &Trader) -> [u64; 4] {
        let market = self.state();
        let seat = market.floor.seat_of(&trader.wallet);
        let seat = market.floor.seats[seat.expect("the trader has a seat")];
        [seat.base, seat.base_held, seat.quote, seat.quote_held].map(|amount| amount.get())
    }
}

impl Scene for Pit {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

#[test]
fn orders_go_their_way() {
    let mut pit = Pit::new();
    let [maker, taker] = ["maker", "taker"].map(|name| pit.seated(name));
    let ask = Terms {
        is_bid: false,
        ..LIMIT
    };
    let asks = [ask, Terms { price: 19, ..ask }, ask].map(|ask| pit.place(&maker, ask));
    let block = pit.chain.run_block(asks);
    let placed = [0, 1, 2].map(|index| block.access_is_minimal().returned::<Placed>(index).id);
    assert_eq!(placed, [1, 2, 3]);
    assert_eq!(pit.seat(&maker), [5_000 - 150, 150, 5_000, 0]);
    // The best price first, the oldest of one price next, each at its own price.
    let bid = Terms { lots: 8, ..LIMIT };
    let place = pit.place(&taker, bid);
    let block = pit.chain.run(place);
    assert_eq!(
        block.access_is_minimal().returned::<Placed>(0),
        Placed { id: 0, filled: 8 }
    );
    let fills = block.events::<Filled>();
    let told: Vec<[u64; 3]> = fills
        .iter()
        .map(|fill| [fill.id, fill.price, fill.lots])
        .collect();
    assert_eq!(told, [[2, 19, 5], [1, 20, 3]]);
    assert!(fills.iter().all(|fill| fill.maker == maker.wallet));
    let cost = (19 * 5 + 20 * 3) * TICK;
    assert_eq!(pit.seat(&taker), [5_000 + 80, 0, 5_000 - cost, 0]);
    assert_eq!(pit.seat(&maker), [5_000 - 150, 70, 5_000 + cost, 0]);
    // What rests of a limit order, cancelled by number and all at once.
    let place = pit.place(&taker, Terms { lots: 10, ..LIMIT });
    let block = pit.chain.run(place);
    assert_eq!(
        block.all_ok().returned::<Placed>(0),
        Placed { id: 5, filled: 7 }
    );
    assert_eq!(block.events::<Rested>()[0].lots, 3);
    assert_eq!(pit.seat(&taker)[3], 3 * 20 * TICK);
    pit.chain.run(pit.cancel(&taker, 5)).access_is_minimal();
    let bids = [7, 8, 9].map(|price| pit.place(&taker, Terms { price, ..LIMIT }));
    pit.chain.run_block(bids).all_ok();
    let block = pit.chain.run(call::cancel_all(&pit.at(&taker)));
    assert_eq!(block.access_is_minimal().events::<Ended>().len(), 3);
    assert_eq!(pit.seat(&taker)[3], 0);
    // All of it out again: the seat is free.
    for trader in [maker, taker] {
        let [base, _, quote, _] = pit.seat(&trader);
        for (side, amount) in [(0, base), (1, quote)] {
            let withdraw = pit.withdraw(&trader, side, amount);
            pit.chain.run(withdraw).access_is_minimal();
        }
        assert_eq!(pit.state().floor.seat_of(&trader.wallet), None);
    }
    assert_eq!(pit.vaults.map(|vault| pit.chain.balance(&vault)), [0, 0]);
    assert_eq!(pit.chain.balance(&taker.purses[0]), TOKENS + 150);
}

#[test]
fn kinds_of_orders_do_what_they_say() {
    let mut pit = Pit::new();
    let [maker, taker] = ["maker", "taker"].map(|name| pit.seated(name));
    let ask = Terms {
        is_bid: false,
        ..LIMIT
    };
    pit.chain.run(pit.place(&maker, ask)).all_ok();
    let of = |kind, lots| Terms {
        kind,
        lots,
        ..LIMIT
    };
    let killed = pit.place(&taker, of(Kind::FillOrKill, 6));
    pit.chain.run(killed).fails(0, BookError::NotFilled);
    let posted = pit.place(&taker, of(Kind::PostOnly, 1));
    pit.chain.run(posted).fails(0, BookError::WouldTake);
    let posted = Terms {
        price: 19,
        ..of(Kind::PostOnly, 1)
    };
    pit.chain.run(pit.place(&taker, posted)).all_ok();
    let block = pit.chain.run(pit.place(&taker, of(Kind::FillOrKill, 2)));
    assert_eq!(
        block.all_ok().returned::<Placed>(0),
        Placed { id: 0, filled: 2 }
    );
    let block = pit
        .chain
        .run(pit.place(&taker, of(Kind::ImmediateOrCancel, 9)));
    assert_eq!(
        block.all_ok().returned::<Placed>(0),
        Placed { id: 0, filled: 3 }
    );
    let block = pit
        .chain
        .run(pit.place(&taker, of(Kind::ImmediateOrCancel, 9)));
    assert_eq!(
        block.all_ok().returned::<Placed>(0),
        Placed { id: 0, filled: 0 }
    );
    // A trader that meets itself: refused, or its resting order ends.
    let own = Terms {
        price: 19,
        lots: 2,
        ..ask
    };
    pit.chain
        .run(pit.place(&taker, own))
        .fails(0, BookError::OwnOrder);
    let own = Terms {
        self_trade: SelfTrade::CancelResting,
        ..own
    };
    let block = pit.chain.run(pit.place(&taker, own));
    assert_eq!(block.all_ok().events::<Ended>().len(), 1);
    assert_eq!(block.events::<Filled>().len(), 0);
    assert_eq!(pit.state().floor.bids.orders().len(), 0);
    assert_eq!(pit.seat(&taker)[1], 2 * LOT);
}

#[test]
fn orders_end_with_their_last_slot() {
    let mut pit = Pit::new();
    let [maker, taker] = ["maker", "taker"].map(|name| pit.seated(name));
    let last_slot = pit.chain.slot() + 4;
    let ask = Terms {
        is_bid: false,
        last_slot,
        ..LIMIT
    };
    let asks = [ask, Terms { price: 21, ..ask }].map(|ask| pit.place(&maker, ask));
    pit.chain.run_block(asks).all_ok();
    let nothing = call::sweep(&SweepAddresses { market: pit.market });
    pit.chain.run(&nothing).fails(0, BookError::NothingExpired);
    pit.chain.warp_to_slot(last_slot);
    let bid = Terms { lots: 1, ..LIMIT };
    let block = pit.chain.run(pit.place(&taker, bid));
    assert_eq!(block.all_ok().returned::<Placed>(0).filled, 1);
    let late = pit.place(&taker, Terms { last_slot, ..LIMIT });
    pit.chain.run(late).fails(0, BookError::Expired);
    // Both are dropped by the bid that comes to them, which rests.
    let block = pit.chain.run(pit.place(&taker, bid));
    let placed = block.all_ok().returned::<Placed>(0);
    let ended: Vec<u64> = block.events::<Ended>().iter().map(|one| one.lots).collect();
    assert_eq!((placed.filled, ended), (0, vec![4, 5]));
    assert_eq!(pit.seat(&maker)[..2], [5_000 - LOT, 0]);
    // Any caller ends one that no order comes to.
    let last_slot = pit.chain.slot();
    pit.chain
        .run(pit.place(
            &maker,
            Terms {
                last_slot,
                price: 30,
                ..ask
            },
        ))
        .all_ok();
    let block = pit.chain.run(&nothing);
    assert_eq!(block.access_is_minimal().events::<Ended>()[0].lots, 5);
    assert_eq!(pit.seat(&maker)[..2], [5_000 - LOT, 0]);
}

/// Traders of different markets share nothing, even where a trader is in all of them.
#[test]
fn unrelated_markets_share_nothing() {
    let mut pit = Pit::new();
    let trader = pit.seated("trader");
    let mut calls = vec![pit.place(&trader, LIMIT)];
    let mut deposits = Vec::new();
    for number in 1..4 {
        let found = pit.found(number);
        pit.chain.run(found).all_ok();
        let [base, quote] = pit.mints;
        let before = (pit.market, pit.vaults);
        let (market, _) = Found::market_address(&base, &quote, LOT, TICK, number);
        (pit.market, pit.vaults) = (market, vaults_of(&market));
        let other = pit.seated(&format!("trader {number}"));
        deposits.push(pit.deposit(&other, 0, 5));
        pit.chain.run(pit.deposit(&trader, 1, 1_000)).all_ok();
        calls.push(pit.place(&trader, LIMIT));
        (pit.market, pit.vaults) = before;
    }
    for (calls, count) in [(calls, 4), (deposits, 3)] {
        pit.chain.parallel_equals_serial(calls.clone());
        let block = pit.chain.run_block(calls);
        let one_batch: Vec<Vec<usize>> = (0..count).map(|index| vec![index]).collect();
        assert_eq!(block.access_is_minimal().batches(), [one_batch]);
    }
}

#[test]
fn limits_hold() {
    let mut pit = Pit::new();
    let trader = pit.seated("trader");
    let stranger = pit.known("stranger");
    let refused = [
        (
            pit.place(&trader, Terms { price: 0, ..LIMIT }),
            BookError::BadOrder,
        ),
        (
            pit.place(&trader, Terms { lots: 0, ..LIMIT }),
            BookError::BadOrder,
        ),
        (
            pit.place(&trader, Terms { lots: 84, ..LIMIT }),
            BookError::NotEnough,
        ),
        (
            pit.place(
                &trader,
                Terms {
                    lots: u64::MAX,
                    ..LIMIT
                },
            ),
            BookError::Overflow,
        ),
        (
            pit.place(
                &trader,
                Terms {
                    price: u64::MAX,
                    ..LIMIT
                },
            ),
            BookError::Overflow,
        ),
        (pit.place(&stranger, LIMIT), BookError::NotSeated),
        (pit.cancel(&stranger, 1), BookError::NotSeated),
        (pit.cancel(&trader, 1), BookError::NoSuchOrder),
        (
            call::cancel_all(&pit.at(&trader)).into(),
            BookError::NoSuchOrder,
        ),
        (pit.withdraw(&trader, 0, 5_001), BookError::NotEnough),
        (pit.withdraw(&stranger, 0, 1), BookError::NotSeated),
        (pit.deposit(&trader, 0, 0), BookError::NotEnough),
    ];
    for (call, error) in refused {
        pit.chain.run(call).fails(0, error);
    }
    // What an order holds is neither withdrawn nor spent again.
    pit.chain
        .run(pit.place(&trader, Terms { lots: 83, ..LIMIT }))
        .all_ok();
    let held = 83 * 20 * TICK;
    let withdraw = pit.withdraw(&trader, 1, 5_000 - held + 1);
    pit.chain.run(withdraw).fails(0, BookError::NotEnough);
    let again = pit.place(&trader, Terms { lots: 1, ..LIMIT });
    pit.chain.run(again).fails(0, BookError::NotEnough);
    // A fill that the taker cannot pay undoes those before it.
    let taker = pit.known("taker");
    pit.chain.run(pit.deposit(&taker, 0, 3 * LOT)).all_ok();
    let ask = Terms {
        is_bid: false,
        lots: 4,
        ..LIMIT
    };
    let before = pit.seat(&trader);
    pit.chain
        .run(pit.place(&taker, ask))
        .fails(0, BookError::NotEnough);
    assert_eq!(pit.seat(&trader), before);
    // All seats are taken, until one is given up.
    for number in 2..SEATS_MAX {
        let wallet = pit.known(&format!("{number}"));
        pit.chain.run(pit.deposit(&wallet, 0, 1)).all_ok();
    }
    let deposit = pit.deposit(&stranger, 0, 1);
    pit.chain.run(&deposit).fails(0, BookError::NoSeat);
    pit.chain.run(pit.withdraw(&taker, 0, 3 * LOT)).all_ok();
    pit.chain.run(&deposit).all_ok();
}

#[test]
fn thieves_get_nothing() {
    let mut pit = Pit::new();
    let [owner, thief] = ["owner", "thief"].map(|name| pit.seated(name));
    pit.chain.run(pit.place(&owner, LIMIT)).all_ok();
    let argument = InstructionError::InvalidArgument;
    // Another trader's order, and calls that it did not sign.
    pit.chain
        .run(pit.cancel(&thief, 1))
        .fails(0, BookError::NoSuchOrder);
    for mut call in [
        pit.cancel(&owner, 1),
        pit.place(&owner, LIMIT),
        pit.withdraw(&owner, 0, 1),
    ] {
        call.instructions[0].accounts[0].is_signer = false;
        let block = pit.chain.run(call);
        block
            .fails(0, InstructionError::MissingRequiredSignature)
            .at("trader");
    }
    // Tokens of another owner, of another mint, of no vault, and the vault in two places.
    let mut stolen = pit.carry(&thief, 0);
    stolen.purse = owner.purses[0];
    let block = pit.chain.run(call::deposit(&stolen, 1));
    block
        .fails(0, InstructionError::IncorrectAuthority)
        .at("purse");
    let mut stolen = pit.carry(&thief, 0);
    stolen.purse = thief.purses[1];
    let block = pit.chain.run(call::deposit(&stolen, 1));
    assert!(
        !block.call(0).is_ok(),
        "the Token program tells mints apart"
    );
    let mut stolen = pit.carry(&thief, 0);
    stolen.vault = owner.purses[0];
    let block = pit.chain.run(call::withdraw(&stolen, 1));
    block.fails(0, BookError::WrongVault);
    let mut stolen = pit.carry(&thief, 0);
    stolen.purse = stolen.vault;
    let block = pit.chain.run(call::withdraw(&stolen, 1));
    block.fails(0, argument).rule(Rule::Distinct);
    // The vault of another market of the same mints, and the market of another kind of account.
    let found = pit.found(1);
    pit.chain.run(found).all_ok();
    let [base, quote] = pit.mints;
    let (other, _) = Found::market_address(&base, &quote, LOT, TICK, 1);
    let mut stolen = pit.carry(&thief, 0);
    stolen.vault = vaults_of(&other)[0];
    let block = pit.chain.run(call::withdraw(&stolen, 1));
    block.fails(0, BookError::WrongVault);
    stolen.market = other;
    let block = pit.chain.run(call::withdraw(&stolen, 1));
    block.fails(0, BookError::NotSeated);
    let mut stolen = pit.at(&thief);
    stolen.market = owner.purses[0];
    let block = pit.chain.run(call::place(&stolen, LIMIT));
    let failure = block.fails(0, InstructionError::InvalidAccountOwner);
    failure.at("market").rule(Rule::Owner);
    // A market is founded once, of two mints, with units.
    let again = pit.found(0);
    let block = pit.chain.run(again);
    block
        .fails(0, InstructionError::AccountAlreadyInitialized)
        .at("market");
    let creator = thief.wallet;
    for (quote, lot, tick) in [(base, 1, 1), (quote, 0, 1), (quote, 1, 0)] {
        let addresses = FoundAddresses {
            creator,
            base,
            quote,
        };
        let block = pit.chain.run(call::found(&addresses, lot, tick, 0));
        block.fails(0, BookError::BadMarket);
    }
    assert_eq!(pit.seat(&owner), [5_000, 0, 5_000 - 300, 300]);
}

/// What a random trader does.
#[derive(Clone, Copy, Debug)]
enum Action {
    Deposit(usize, u64),
    Withdraw(usize, u64),
    Place(Terms, u64),
    Cancel(u64),
    CancelAll,
    Sweep,
    /// As the next trader, without its signature.
    PlaceAs(Terms),
    /// To the purse of its own, from the next trader's seat.
    Rob(u64),
    /// Tokens for a vault, past the program.
    Donate(u64),
}

fn terms() -> impl Strategy<Value = Terms> {
    let kind = prop_oneof![
        5 => Just(Kind::Limit),
        1 => Just(Kind::PostOnly),
        1 => Just(Kind::ImmediateOrCancel),
        1 => Just(Kind::FillOrKill),
    ];
    let self_trade = prop_oneof![Just(SelfTrade::CancelResting), Just(SelfTrade::Refuse)];
    (any::<bool>(), 15..25_u64, 1..30_u64, kind, self_trade).prop_map(
        |(is_bid, price, lots, kind, self_trade)| Terms {
            is_bid,
            price,
            lots,
            kind,
            self_trade,
            ..LIMIT
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let amount = || prop_oneof![1..50_u64, 1..3_000_u64];
    prop_oneof![
        2 => (0..2_usize, amount()).prop_map(|(side, amount)| Action::Deposit(side, amount)),
        2 => (0..2_usize, amount()).prop_map(|(side, amount)| Action::Withdraw(side, amount)),
        10 => (terms(), 0..12_u64).prop_map(|(terms, slots)| Action::Place(terms, slots)),
        2 => (1..40_u64).prop_map(Action::Cancel),
        1 => Just(Action::CancelAll),
        1 => Just(Action::Sweep),
        1 => terms().prop_map(Action::PlaceAs),
        1 => amount().prop_map(Action::Rob),
        1 => (1..9_u64).prop_map(Action::Donate),
    ]
}

fn taken(pit: &Pit, traders: &[Trader], index: usize, action: Action) -> Call {
    let (own, next) = (traders[index], traders[(index + 1) % traders.len()]);
    match action {
        Action::Deposit(side, amount) => pit.deposit(&own, side, amount),
        Action::Withdraw(side, amount) => pit.withdraw(&own, side, amount),
        Action::Place(terms, slots) => {
            let last_slot = pit.chain.slot() + slots;
            pit.place(&own, Terms { last_slot, ..terms })
        }
        Action::Cancel(id) => pit.cancel(&own, id),
        Action::CancelAll => call::cancel_all(&pit.at(&own)).into(),
        Action::Sweep => call::sweep(&SweepAddresses { market: pit.market }).into(),
        Action::PlaceAs(terms) => {
            let mut call = pit.place(&next, terms);
            call.instructions[0].accounts[0].is_signer = false;
            call
        }
        Action::Rob(amount) => {
            let mut call = pit.withdraw(&next, 0, amount);
            call.instructions[0].accounts[0].is_signer = false;
            let purse = &mut call.instructions[0].accounts[3];
            purse.address = own.purses[0];
            call
        }
        Action::Donate(amount) => {
            use lockstep_programs::token::instruction::transfer;
            transfer(&own.purses[1], &pit.vaults[1], &own.wallet, amount).into()
        }
    }
}

/// Tokens are conserved, vaults cover the seats, orders hold what they may cost, and the book is
/// sorted and not crossed.
fn check_invariants(pit: &Pit, traders: &[Trader], supplies: [u64; 2]) {
    let market = pit.state();
    let floor = &market.floor;
    let mut seated = [0, 0];
    for seat in &floor.seats {
        seated[0] += seat.base.get() + seat.base_held.get();
        seated[1] += seat.quote.get() + seat.quote_held.get();
    }
    for side in [0, 1] {
        let vault = pit.chain.balance(&pit.vaults[side]);
        let held: u64 = traders
            .iter()
            .map(|one| pit.chain.balance(&one.purses[side]))
            .sum();
        assert_eq!(held + vault, supplies[side], "tokens are conserved");
        // Quote tokens were donated, base tokens were not.
        assert!(vault == seated[side] || side == 1 && vault > seated[side]);
    }
    let mut held = vec![[0, 0]; SEATS_MAX];
    for (side, orders) in [(1, floor.bids.orders()), (0, floor.asks.orders())] {
        let worth = |order: &Order| {
            let price = order.price.get();
            (
                if side == 1 { u64::MAX - price } else { price },
                order.id.get(),
            )
        };
        assert!(
            orders.is_sorted_by_key(worth),
            "the best first, and the oldest"
        );
        for order in orders {
            let amounts = market.units().amounts(order.price.get(), order.lots.get());
            let seat = usize::from(order.seat.get());
            held[seat][side] += amounts.expect("it is small")[side];
            assert!(order.lots.get() > 0);
        }
    }
    for (seat, held) in floor.seats.iter().zip(held) {
        assert_eq!([seat.base_held.get(), seat.quote_held.get()], held);
        let is_seated = seat.trader != Address::new_from_array([0; 32]);
        assert_eq!(is_seated, !seat.is_empty(), "a seat without tokens is free");
    }
    if let (Some(bid), Some(ask)) = (floor.bids.orders().first(), floor.asks.orders().first()) {
        assert!(bid.price.get() < ask.price.get(), "a book is never crossed");
    }
}

#[test]
fn random_traders_change_no_invariant() {
    let mut pit = Pit::new();
    let traders = ["x", "y", "z", "w"].map(|name| pit.seated(name));
    let supplies = pit.mints.map(|mint| {
        let mint: Mint = pit.chain.state(&mint);
        mint.supply.get()
    });
    let (done, refused, fills) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_usize));
    explore(
        &mut pit,
        sequences(Sequences {
            seed: 16,
            count: 42,
            length_max: 18,
        }),
        (
            0..4_u64,
            prop::collection::vec((0..4_usize, action()), 1..16),
        ),
        |pit, (slots, actions)| {
            pit.chain.warp_to_slot(pit.chain.slot() + slots);
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, action)| taken(pit, &traders, *index, *action))
                .collect();
            let block = pit.chain.run_block(calls);
            for ((_, action), call) in actions.iter().zip(block.executed()) {
                let count = if call.is_ok() { &done } else { &refused };
                count.set(count.get() + 1);
                let is_theft = matches!(action, Action::PlaceAs(_) | Action::Rob(_));
                assert!(!(is_theft && call.is_ok()), "{action:?} succeeded");
            }
            fills.set(fills.get() + block.events::<Filled>().len());
        },
        |pit| check_invariants(pit, &traders, supplies),
    );
    println!(
        "order_book: {} actions succeeded, {} were refused, {} fills",
        done.get(),
        refused.get(),
        fills.get()
    );
    assert!(done.get() > 100 && refused.get() > 20 && fills.get() > 100);
}
