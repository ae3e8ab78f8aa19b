//! Orders in books, for `dex` and `city`. Each trader has a seat in one market, and an order
//! writes nothing but that.

use lockstep_interface::{Account, Address};
use lockstep_market::book::matching::{Kind, SEATS_MAX, SelfTrade, Terms};
use lockstep_market::book::order_book::{self, Found, Market, TradeAddresses};
use lockstep_programs::token::TokenAccount;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Accounts, Derived, Quarter, Users, draft, number, state_account, token_account};
use crate::workload::draft::Draft;
use crate::workload::families::replay;
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

/// Compute units of an order.
const COST: u64 = 8_000;
/// Tokens of both mints that a trader has in its market.
const BALANCE: u64 = 1 << 40;
/// Lots of an order at most.
const LOTS_MAX: u64 = 1_000;
/// Markets of a city: more than a block has orders.
const CITY_MARKETS: usize = 1_000;

/// Two mints, and a market at its address.
#[derive(Debug)]
struct Book {
    mints: [Address; 2],
    market: Derived,
}

impl Book {
    fn new(mints: [Address; 2]) -> Self {
        let [base, quote] = &mints;
        let market = Found::market_address(base, quote, 1, 1, 0);
        Self { mints, market }
    }

    /// The market with these traders in it, and its vaults.
    fn accounts(&self, traders: impl Iterator<Item = Address>) -> [(Address, Account); 3] {
        let ([base, quote], (market, bump)) = (self.mints, self.market);
        let [(base_vault, _), (quote_vault, _)] = [
            Found::base_vault_address(&market),
            Found::quote_vault_address(&market),
        ];
        let mut state = Market {
            base,
            quote,
            base_vault,
            quote_vault,
            lot: 1.into(),
            tick: 1.into(),
            ..bytemuck::Zeroable::zeroed()
        };
        let mut held = 0_u64;
        for (seat, trader) in state.floor.seats.iter_mut().zip(traders) {
            seat.trader = trader;
            seat.base.set(BALANCE);
            seat.quote.set(BALANCE);
            held = held.saturating_add(BALANCE);
        }
        let vault = |mint| token_account(&TokenAccount::new(mint, market, held));
        [
            (market, state_account(&state, bump)),
            (base_vault, vault(base)),
            (quote_vault, vault(quote)),
        ]
    }
}

/// Traders and books.
#[derive(Debug)]
pub(super) struct Orders {
    users: Users,
    books: Vec<Book>,
}

impl Orders {
    /// See [`super::Build`].
    pub(super) fn build(
        _: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        Box::new(Self::new(users, spec.count("markets"), seed))
    }

    /// With the markets of a city.
    pub(super) fn of_city(
        _: &Keyring,
        users: Users,
        _: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        Box::new(Self::new(users, CITY_MARKETS, seed))
    }

    /// As many markets, or more if these have too few seats for all users.
    fn new(users: Users, markets: usize, seed: u64) -> Self {
        let markets = markets.min(users.count);
        let markets = markets.max(users.count.div_ceil(SEATS_MAX));
        let mints = replay::addresses(b"book mint", markets.saturating_mul(2), seed);
        let mints = mints.as_chunks().0.par_iter();
        Self {
            users,
            books: mints.map(|mints| Book::new(*mints)).collect(),
        }
    }
}

impl Quarter for Orders {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let books = self.books.iter().enumerate();
        Box::new(books.flat_map(move |(place, book)| {
            let traders = self.users.all().skip(place).step_by(self.books.len());
            book.accounts(traders.map(|user| keys.address(user)))
        }))
    }

    /// At a price near the middle, so that it meets another one as often as it rests.
    fn draft(&self, keys: &Keyring, turn: usize, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.users.at(turn);
        let place = payer.saturating_sub(self.users.first);
        let book = place.checked_rem(self.books.len()).unwrap_or(0);
        let trade = TradeAddresses {
            trader: keys.address(payer),
            market: self.books[book].market.0,
        };
        let lap = number(self.users.lap(turn));
        let kind = match rng.random() {
            true => Kind::Limit,
            false => Kind::ImmediateOrCancel,
        };
        let terms = Terms {
            is_bid: rng.random(),
            price: rng.random_range(95..=105),
            lots: rng.random_range(1..=LOTS_MAX),
            kind,
            self_trade: SelfTrade::CancelResting,
            // Tells it apart from the one of another lap.
            last_slot: u64::MAX.saturating_sub(lap),
        };
        draft(payer, order_book::call::place(&trade, terms), COST)
    }
}
