//! `router`: trades through two pools of the [`amm`](crate::swap::amm), by invoking it twice.
//!
//! | Instruction | Writes | Adds to |
//! |---|---|---|
//! | `sell` | pools, their vaults, the account that pays, that in between | the one that is paid |
//!
//! # Contention
//!
//! A route waits for the trades of both of its pools, and for nothing else: the program keeps no
//! state. The account in between is the trader's own and holds after a route what it held before.
//!
//! # A client
//!
//! ```
//! use lockstep_market::{router::router::{self, *}, swap::amm::{self, *}};
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(AmmProgram).program(RouterProgram).build();
//! let mut mints = ["gold", "iron", "salt"].map(|name| chain.mint(name, 6));
//! mints.sort_unstable();
//! let trader = chain.wallet("trader");
//! let [source, middle, target] = mints.map(|mint| chain.tokens(&trader, &mint, 90_000));
//! let pools = [0, 1].map(|number| {
//!     let [mint_a, mint_b] = [mints[number], mints[number + 1]];
//!     let create = CreateAddresses { creator: trader, mint_a, mint_b };
//!     chain.run(amm::call::create(&create, 30, 0)).all_ok();
//!     let vaults = VaultsAddresses::of(&mint_a, &mint_b, 30, 0);
//!     let (share_mint, _) = Create::share_mint_address(&vaults.pool);
//!     let purse_shares = chain.tokens(&trader, &share_mint, 0);
//!     let [purse_a, purse_b] = [[source, middle], [middle, target]][number];
//!     let provide = ProvideAddresses {
//!         provider: trader, vaults: vaults.clone(), share_mint, purse_a, purse_b, purse_shares,
//!     };
//!     chain.run(amm::call::deposit(&provide, 40_000, 40_000, 1)).all_ok();
//!     vaults
//! });
//! let [first, second] = pools.map(HopAddresses::from);
//! let sell = SellAddresses { trader, first, second, source, middle, target };
//! let block = chain.run(router::call::sell(&sell, [true, true], 1_000, 940));
//! assert_eq!(block.all_ok().returned::<u64>(0), 946);
//! assert_eq!(chain.balance(&middle), 10_000);
//! ```

/// Trades through two pools.
#[lockstep_sdk::program(id = "Router1111111111111111111111111111111111111")]
pub mod router {
    use crate::swap::amm::{self, AmmProgram, TradeAddresses, VaultsAddresses};
    use lockstep_sdk::{prelude::*, program::returned};

    /// A pool and its vaults. The pool's program checks them.
    #[derive(Accounts, Debug)]
    pub struct Hop<'a> {
        /// The pool.
        pub pool: Mut<Unchecked<'a>>,
        /// Keeps tokens of its first mint.
        pub vault_a: Mut<Unchecked<'a>>,
        /// Keeps tokens of its second.
        pub vault_b: Mut<Unchecked<'a>>,
    }

    impl From<VaultsAddresses> for HopAddresses {
        fn from(vaults: VaultsAddresses) -> Self {
            let VaultsAddresses {
                pool,
                vault_a,
                vault_b,
            } = vaults;
            Self {
                pool,
                vault_a,
                vault_b,
            }
        }
    }

    /// Two pools and a trader's accounts.
    #[derive(Accounts, Debug)]
    pub struct Sell<'a> {
        /// The owner of the accounts that pay.
        pub trader: Signer<'a>,
        /// The first pool.
        pub first: Hop<'a>,
        /// The second one.
        pub second: Hop<'a>,
        /// Pays the first pool.
        pub source: Mut<State<'a, TokenAccount>>,
        /// Is paid by the first pool, and pays the second one.
        #[account(authority = trader)]
        pub middle: Mut<State<'a, TokenAccount>>,
        /// Is paid by the second pool.
        pub target: Tally<'a, TokenAccount>,
        /// Trades.
        pub amm: Program<'a, AmmProgram>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    impl Sell<'_> {
        /// Sells all of `paid` in one of the pools. Returns what it gives.
        fn hop(
            &self,
            context: &mut Context<'_, '_>,
            hop: &Hop<'_>,
            [source, target]: [&Address; 2],
            sells_a: bool,
            [paid, got_min]: [u64; 2],
        ) -> Result<u64> {
            let trade = TradeAddresses {
                trader: *self.trader.address(),
                vaults: VaultsAddresses {
                    pool: *hop.pool.address(),
                    vault_a: *hop.vault_a.address(),
                    vault_b: *hop.vault_b.address(),
                },
                source: *source,
                target: *target,
            };
            context.invoke(&amm::call::sell(&trade, sells_a, paid, got_min))?;
            returned(context, &amm::ID)
        }
    }

    /// Sells exactly `paid` tokens in the first pool, and all that it gives in the second one; for
    /// each of them, whether the pool's first token is sold. Fails unless the second one gives
    /// `got_min`. Returns what it gives.
    #[instruction(0)]
    pub fn sell(
        accounts: &Sell<'_>,
        context: &mut Context<'_, '_>,
        sells_a: [bool; 2],
        paid: u64,
        got_min: u64,
    ) -> Result<u64> {
        let Sell {
            first,
            second,
            source,
            middle,
            target,
            ..
        } = accounts;
        let [from, between] = [source.address(), middle.address()];
        let got = accounts.hop(context, first, [from, between], sells_a[0], [paid, 0])?;
        let to = target.address();
        accounts.hop(context, second, [between, to], sells_a[1], [got, got_min])
    }
}
