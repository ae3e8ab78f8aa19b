//! `order_book`: markets where orders rest until others meet them, the best price first and of one
//! price the oldest first.
//!
//! A market is one state: both sides of the book, and a seat for each trader with what it has in
//! the market. Tokens come in by a deposit and go out by a withdrawal; in between they change hands
//! inside of the market, so that an order writes the market alone, whatever orders it meets.
//!
//! | Instruction | Writes | Reads |
//! |---|---|---|
//! | `found` | creator, market and both vaults (all new) | both mints |
//! | `deposit`, `withdraw` | market, one vault, purse | |
//! | `place`, `cancel`, `cancel_all`, `sweep` | market | |
//!
//! # Contention
//!
//! Traders of different markets share nothing that either writes, not even a mint or a vault.
//! Orders of one market are ordered by time, which is what it is for: they wait for each other, at
//! the cost of one account. A trader's wallet signs and is only read, so that one trader's orders
//! in a hundred markets run at the same time. No maker's account is named by a taker: a market
//! maker quotes everywhere and delays no other trader.
//!
//! # What adds up
//!
//! - Prices are whole ticks for whole lots, so that no amount is ever rounded. Base and quote
//!   tokens of all seats, free and held, are what was deposited and not withdrawn.
//! - What an order may cost is held when it rests. A trade is at the resting order's price.
//! - No bid rests at or above an ask: it would have met it.
//! - An order ends with its last slot: it is dropped when another one comes to it, or by `sweep`,
//!   which any caller may send. A full side lets its worst order go for a better one.
//!
//! A market seats 64 traders and holds 64 orders a side; a seat is free again when all is
//! withdrawn. That is what fits into the 10 KiB that one call creates, and a larger market would
//! cost each of its orders more: the block copies and hashes the whole account. The same pair can
//! have more markets, by number.
//!
//! # A client
//!
//! ```
//! use lockstep_market::book::{matching::*, order_book::{self, *}};
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(OrderBookProgram).build();
//! let [base, quote] = ["gold", "coin"].map(|name| chain.mint(name, 0));
//! let creator = chain.wallet("creator");
//! let found = FoundAddresses { creator, base, quote };
//! chain.run(order_book::call::found(&found, 10, 1, 0)).all_ok();
//! let (market, _) = Found::market_address(&base, &quote, 10, 1, 0);
//!
//! let (base_vault, _) = Found::base_vault_address(&market);
//! let (quote_vault, _) = Found::quote_vault_address(&market);
//! let sides = [("maker", base, base_vault), ("taker", quote, quote_vault)];
//! let traders = sides.map(|(name, mint, vault)| {
//!     let trader = chain.wallet(name);
//!     let purse = chain.tokens(&trader, &mint, 5_000);
//!     let carry = CarryAddresses { trader, market, vault, purse };
//!     chain.run(order_book::call::deposit(&carry, 5_000)).all_ok();
//!     trader
//! });
//! let [ask, bid] = [(false, 20, 7), (true, 25, 9)].map(|(is_bid, price, lots)| Terms {
//!     is_bid, price, lots, kind: Kind::Limit, self_trade: SelfTrade::Refuse, last_slot: 100,
//! });
//! let orders = [0, 1].map(|side| {
//!     let place = TradeAddresses { trader: traders[side], market };
//!     order_book::call::place(&place, [ask, bid][side])
//! });
//! let block = chain.run_block(orders);
//! assert_eq!(block.all_ok().returned::<Placed>(1), Placed { id: 2, filled: 7 });
//! assert_eq!(block.events::<Filled>()[0].price, 20);
//! ```

pub mod matching;

/// Markets where orders rest until others meet them.
#[lockstep_sdk::program(id = "orderBook1111111111111111111111111111111111")]
pub mod order_book {
    use super::matching::{Floor, Met, Terms, Units, spend};
    use lockstep_sdk::{prelude::*, token};

    /// A market, at an address that follows from its mints, units and number. It is the authority
    /// of its vaults.
    #[state(1, pod)]
    pub struct Market {
        /// The mint that is bought and sold.
        pub base: Address,
        /// The mint that it is paid in.
        pub quote: Address,
        /// Holds base tokens.
        pub base_vault: Address,
        /// Holds quote tokens.
        pub quote_vault: Address,
        /// Base tokens of a lot.
        pub lot: U64,
        /// Quote tokens of a tick.
        pub tick: U64,
        /// Tells markets of the same mints and units apart.
        pub number: U16,
        /// Orders and seats.
        pub floor: Floor,
    }

    impl Market {
        /// What a lot and a tick are.
        pub fn units(&self) -> Units {
            Units {
                lot: self.lot.get(),
                tick: self.tick.get(),
            }
        }
    }

    /// Why a market refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum BookError {
        /// a market needs two mints, and a lot and a tick above 0
        BadMarket = 1,
        /// an order needs a price and lots above 0
        BadOrder,
        /// the order's last slot is over
        Expired,
        /// all seats of the market are taken
        NoSeat,
        /// the trader has no seat in the market, which a deposit gives
        NotSeated,
        /// the side is full of orders that are as good or better
        Full,
        /// the order would meet another one
        WouldTake,
        /// the order would meet one of the same trader
        OwnOrder,
        /// the order cannot be met whole
        NotFilled,
        /// the trader has no such order, or none at all
        NoSuchOrder,
        /// no order's last slot is over
        NothingExpired,
        /// the trader has too little in the market
        NotEnough,
        /// the vault is none of the market's
        WrongVault,
        /// an amount would exceed 64 bits
        Overflow,
    }

    /// An order rests.
    #[event(1)]
    pub struct Rested {
        /// In this market.
        pub market: Address,
        /// Of this trader.
        pub trader: Address,
        /// Its number.
        pub id: u64,
        /// Whether it buys.
        pub is_bid: bool,
        /// Ticks for a lot.
        pub price: u64,
        /// Lots.
        pub lots: u64,
    }

    /// A resting order was met by the one that is placed.
    #[event(2)]
    pub struct Filled {
        /// The resting order.
        pub id: u64,
        /// Its trader.
        pub maker: Address,
        /// Its price.
        pub price: u64,
        /// Lots that were traded.
        pub lots: u64,
    }

    /// A resting order has ended: it was cancelled or evicted, or had expired.
    #[event(3)]
    pub struct Ended {
        /// Which.
        pub id: u64,
        /// Lots that were left.
        pub lots: u64,
    }

    /// What became of an order.
    #[derive(Clone, Copy, Data, Debug, Eq, PartialEq)]
    pub struct Placed {
        /// The number of what rests, 0 if nothing does.
        pub id: u64,
        /// Lots that were traded at once.
        pub filled: u64,
    }

    /// A new market.
    #[derive(Accounts, Debug)]
    #[args(lot: u64, tick: u64, number: u16)]
    pub struct Found<'a> {
        /// Pays for the accounts, and has no rights in the market.
        pub creator: Mut<Signer<'a>>,
        /// The mint that is bought and sold.
        pub base: State<'a, Mint>,
        /// The mint that it is paid in.
        pub quote: State<'a, Mint>,
        /// The new market.
        #[account(payer = creator, seeds = [b"market", base, quote, lot, tick, number])]
        pub market: Init<'a, Market>,
        /// Holds base tokens.
        #[account(payer = creator, seeds = [b"base", market], mint = base, authority = market)]
        pub base_vault: Init<'a, TokenAccount>,
        /// Holds quote tokens.
        #[account(payer = creator, seeds = [b"quote", market], mint = quote, authority = market)]
        pub quote_vault: Init<'a, TokenAccount>,
        /// Keeps tokens.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// Tokens on their way into a market or out of it.
    #[derive(Accounts, Debug)]
    pub struct Carry<'a> {
        /// The owner of purse and seat.
        pub trader: Signer<'a>,
        /// The market.
        #[account(seeds = [
            b"market", market.base, market.quote, market.lot, market.tick, market.number,
        ])]
        pub market: Mut<State<'a, Market>>,
        /// One of its vaults.
        pub vault: Mut<State<'a, TokenAccount>>,
        /// The other token account.
        #[account(authority = trader)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// A trader in a market.
    #[derive(Accounts, Debug)]
    pub struct Trade<'a> {
        /// The trader.
        pub trader: Signer<'a>,
        /// The market.
        pub market: Mut<State<'a, Market>>,
    }

    /// A market, for any caller.
    #[derive(Accounts, Debug)]
    pub struct Sweep<'a> {
        /// The market.
        pub market: Mut<State<'a, Market>>,
    }

    /// Founds a market without orders. A lot is of `lot` base tokens, a tick of `tick` quote
    /// tokens.
    #[instruction(0)]
    pub fn found(
        accounts: &Found<'_>,
        context: &mut Context<'_, '_>,
        lot: u64,
        tick: u64,
        number: u16,
    ) -> Result {
        let [base, quote] = [accounts.base.address(), accounts.quote.address()];
        let is_sound = base != quote && lot > 0 && tick > 0;
        require!(is_sound, BookError::BadMarket);
        // All other bytes of a new account are zero: no orders, and free seats.
        let mut market = accounts.market.write(context)?;
        market.base = *base;
        market.quote = *quote;
        market.base_vault = *accounts.base_vault.address();
        market.quote_vault = *accounts.quote_vault.address();
        market.lot.set(lot);
        market.tick.set(tick);
        market.number.set(number);
        Ok(())
    }

    impl Carry<'_> {
        /// Whether the vault holds base tokens.
        fn is_base(&self, context: &Context<'_, '_>) -> Result<bool> {
            let market = self.market.read(context)?;
            let vault = *self.vault.address();
            let is_base = vault == market.base_vault;
            require!(
                is_base || vault == market.quote_vault,
                BookError::WrongVault
            );
            Ok(is_base)
        }
    }

    /// Brings tokens into the market, and gives the trader a seat if it has none.
    #[instruction(1)]
    pub fn deposit(accounts: &Carry<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let Carry {
            trader,
            vault,
            purse,
            ..
        } = accounts;
        let is_base = accounts.is_base(context)?;
        require!(amount > 0, BookError::NotEnough);
        token::transfer(purse, vault, trader, amount).invoke(context)?;
        let mut market = accounts.market.write(context)?;
        let seat = market.floor.seat_for(trader.address())?;
        let free = match is_base {
            true => &mut seat.base,
            false => &mut seat.quote,
        };
        free.increase(amount)
    }

    /// Takes tokens out of the market that no order holds. A seat without any is given up.
    #[instruction(2)]
    pub fn withdraw(accounts: &Carry<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let Carry {
            trader,
            vault,
            purse,
            ..
        } = accounts;
        let is_base = accounts.is_base(context)?;
        let mut market = accounts.market.write(context)?;
        let seat = market.seat(trader)?;
        let seat = &mut market.floor.seats[seat];
        let free = match is_base {
            true => &mut seat.base,
            false => &mut seat.quote,
        };
        spend(free, amount)?;
        if seat.is_empty() {
            seat.trader = Address::new_from_array([0; 32]);
        }
        drop(market);
        let seeds = accounts.market_seeds(context)?;
        token::transfer(vault, purse, &accounts.market, amount).invoke_signed(context, &seeds)
    }

    impl Market {
        fn seat(&self, trader: &Signer<'_>) -> Result<usize> {
            let seat = self.floor.seat_of(trader.address());
            Ok(seat.ok_or(BookError::NotSeated)?)
        }

        fn maker(&self, met: &Met) -> Address {
            let seat = self.floor.seats.get(usize::from(met.order.seat.get()));
            seat.map_or(self.base, |seat| seat.trader)
        }
    }

    /// Places an order.
    #[instruction(3)]
    pub fn place(
        accounts: &Trade<'_>,
        context: &mut Context<'_, '_>,
        terms: Terms,
    ) -> Result<Placed> {
        let Trade { trader, market } = accounts;
        let now = slot(context)?;
        let mut state = market.write(context)?;
        let (units, seat) = (state.units(), state.seat(trader)?);
        let outcome = state.floor.place(units, now, seat, &terms)?;
        let makers: Vec<Address> = outcome.met.iter().map(|met| state.maker(met)).collect();
        drop(state);
        for (met, maker) in outcome.met.iter().zip(makers) {
            let (id, lots) = (met.order.id.get(), met.order.lots.get());
            if met.is_trade {
                let price = met.order.price.get();
                Filled {
                    id,
                    maker,
                    price,
                    lots,
                }
                .emit(context)?;
            } else {
                Ended { id, lots }.emit(context)?;
            }
        }
        let (id, lots) = outcome.resting.unwrap_or_default();
        if lots > 0 {
            Rested {
                market: *market.address(),
                trader: *trader.address(),
                id,
                is_bid: terms.is_bid,
                price: terms.price,
                lots,
            }
            .emit(context)?;
        }
        let filled = outcome.filled;
        Ok(Placed { id, filled })
    }

    /// Cancels an order.
    #[instruction(4)]
    pub fn cancel(accounts: &Trade<'_>, context: &mut Context<'_, '_>, id: u64) -> Result {
        accounts.end(context, Some(id))
    }

    /// Cancels all orders of the trader.
    #[instruction(5)]
    pub fn cancel_all(accounts: &Trade<'_>, context: &mut Context<'_, '_>) -> Result {
        accounts.end(context, None)
    }

    impl Trade<'_> {
        fn end(&self, context: &mut Context<'_, '_>, id: Option<u64>) -> Result {
            let mut market = self.market.write(context)?;
            let (units, seat) = (market.units(), market.seat(&self.trader)?);
            let ended = market.floor.cancel(units, seat, id)?;
            drop(market);
            require!(!ended.is_empty(), BookError::NoSuchOrder);
            tell_ended(context, &ended)
        }
    }

    /// Ends all orders whose last slot is over.
    #[instruction(6)]
    pub fn sweep(accounts: &Sweep<'_>, context: &mut Context<'_, '_>) -> Result {
        let now = slot(context)?;
        let mut market = accounts.market.write(context)?;
        let units = market.units();
        let ended = market.floor.sweep(units, now)?;
        drop(market);
        require!(!ended.is_empty(), BookError::NothingExpired);
        tell_ended(context, &ended)
    }

    fn tell_ended(context: &mut Context<'_, '_>, ended: &[Met]) -> Result {
        for met in ended {
            let (id, lots) = (met.order.id.get(), met.order.lots.get());
            Ended { id, lots }.emit(context)?;
        }
        Ok(())
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
