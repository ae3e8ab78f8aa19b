//! `amm`: pools that trade two tokens at the price that their reserves set: by their product, or,
//! for tokens of one worth, by the curve of [`stable`](crate::curve::stable) pools.
//! [`router`](crate::router) trades through two of them.
//!
//! A pool is one state. It mirrors what both vaults hold, so that a trade is computed from one
//! account, and tokens that are sent to a vault past the program change no price. The pool's
//! address follows from both mints, in the order of their addresses, the fee and the amplification.
//!
//! | Instruction | Writes | Adds to | Reads |
//! |---|---|---|---|
//! | `create` | creator, pool, both vaults, the mint of shares (all new) | | both mints |
//! | `deposit` | pool, both vaults, mint of shares, three accounts of the provider | | |
//! | `withdraw` | the same | | |
//! | `sell`, `buy` | pool, both vaults, the account that pays | the account that is paid | |
//!
//! # Contention
//!
//! Trades of different pools share no account that either writes, not even a mint: they run at the
//! same time, whatever the tokens. Trades of one pool are ordered by its price, which each of them
//! reads and changes, so they wait for each other: a hot pool costs its own trades in a row. The
//! vaults add nothing to that. They are written with the pool only and are never waited for alone.
//! A deposit or withdrawal waits like a trade. No counter, fee account or registry joins pools:
//! fees stay in the reserves of their pool and belong to its shares.
//!
//! # Rounding
//!
//! Every division leaves its rest in the pool, so the product of the reserves, or what a stable
//! pool is worth, never falls with a trade, and that of one share never falls at all. The first
//! deposit locks [`SHARES_LOCKED`](crate::curve::SHARES_LOCKED) shares, so a pool in use is never
//! empty again, and the price of a share cannot be driven up to where deposits round to nothing
//! without giving most of the difference away. A freeze authority of a mint can stop a vault, as
//! any token account.
//!
//! # A client
//!
//! ```
//! use lockstep_market::swap::amm::{self, *};
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(AmmProgram).build();
//! let mut mints = ["gold", "iron"].map(|name| chain.mint(name, 6));
//! mints.sort_unstable();
//! let [mint_a, mint_b] = mints;
//! let wallet = chain.wallet("wallet");
//! let [purse_a, purse_b] = mints.map(|mint| chain.tokens(&wallet, &mint, 90_000));
//!
//! let create = CreateAddresses { creator: wallet, mint_a, mint_b };
//! chain.run(amm::call::create(&create, 30, 0)).all_ok();
//! let vaults = VaultsAddresses::of(&mint_a, &mint_b, 30, 0);
//! let (share_mint, _) = Create::share_mint_address(&vaults.pool);
//! let purse_shares = chain.tokens(&wallet, &share_mint, 0);
//! let provider = wallet;
//! let provide = ProvideAddresses {
//!     provider, vaults: vaults.clone(), share_mint, purse_a, purse_b, purse_shares,
//! };
//! chain.run(amm::call::deposit(&provide, 40_000, 90_000, 1)).all_ok();
//!
//! let trade = TradeAddresses { trader: wallet, vaults, source: purse_a, target: purse_b };
//! let block = chain.run(amm::call::sell(&trade, true, 1_000, 2_100));
//! assert_eq!(block.all_ok().returned::<u64>(0), 2_188);
//! ```

/// Trades two tokens at the price that their reserves set.
#[lockstep_sdk::program(id = "AMM1111111111111111111111111111111111111111")]
pub mod amm {
    use crate::curve::{
        Contribution, FEE_MAX, Holdings, Side, gross, net,
        stable::{self, AMPLIFICATION_MAX},
    };
    use lockstep_sdk::{prelude::*, token};

    /// A pool, at an address that follows from mints and fee. It is the authority of its vaults
    /// and of its shares.
    #[state(1, pod)]
    pub struct Pool {
        /// The mint with the smaller address.
        pub mint_a: Address,
        /// The other one.
        pub mint_b: Address,
        /// Keeps tokens of the first.
        pub vault_a: Address,
        /// Keeps tokens of the second.
        pub vault_b: Address,
        /// The mint of shares.
        pub share_mint: Address,
        /// What trades can take of the first vault; it holds at least that.
        pub reserve_a: U64,
        /// The same of the second.
        pub reserve_b: U64,
        /// Shares, those that are locked included.
        pub shares: U64,
        /// The providers' part of what a trade pays, in ten-thousandths.
        pub fee: U16,
        /// How near to 1 the price stays; 0 for a constant product.
        pub amplification: U16,
    }

    impl Pool {
        /// What a sale of `paid` tokens of a side gives; `None` if it exceeds 64 bits.
        pub fn sale(&self, sold: Side, paid: u64) -> Option<u64> {
            let (pool, fee) = (self.holdings(), self.fee.get());
            let (reserve_in, reserve_out) = pool.sides(sold);
            match self.amplification.get() {
                0 => pool.sale(sold, paid, fee),
                curve => stable::sale([reserve_in, reserve_out], net(paid, fee)?, curve),
            }
        }

        /// What has to be paid of a side to get `wanted` of the other; `None` if the pool has less.
        pub fn purchase(&self, sold: Side, wanted: u64) -> Option<u64> {
            let (pool, fee) = (self.holdings(), self.fee.get());
            let (reserve_in, reserve_out) = pool.sides(sold);
            match self.amplification.get() {
                0 => pool.purchase(sold, wanted, fee),
                curve => {
                    let paid = stable::purchase([reserve_in, reserve_out], wanted, curve)?;
                    gross(paid, fee)
                }
            }
        }

        /// What the pool holds.
        pub fn holdings(&self) -> Holdings {
            Holdings {
                reserves: [self.reserve_a.get(), self.reserve_b.get()],
                shares: self.shares.get(),
            }
        }

        fn hold(&mut self, holdings: Holdings) {
            let [reserve_a, reserve_b] = holdings.reserves;
            self.reserve_a.set(reserve_a);
            self.reserve_b.set(reserve_b);
            self.shares.set(holdings.shares);
        }
    }

    /// Why a pool refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum AmmError {
        /// the first mint's address is not smaller than the second's
        MintOrder = 1,
        /// the fee is above a tenth
        FeeTooHigh,
        /// the token account is of another mint than this side of the pool
        WrongMint,
        /// the pool has no liquidity yet
        NoLiquidity,
        /// the first deposit is too small to lock its shares
        DepositTooSmall,
        /// the amounts are too small, rounded in favour of the pool nothing is left
        Dust,
        /// the result is beyond the limit that the caller set
        Slippage,
        /// the pool has less than what is asked for
        NotEnough,
        /// a reserve or the shares would exceed 64 bits
        Overflow,
        /// the amplification is above 10,000
        AmplificationTooHigh,
        /// the mints of a stable pool have different decimals
        Decimals,
    }

    /// A pool was created.
    #[event(1)]
    pub struct Created {
        /// The new pool.
        pub pool: Address,
    }

    /// Liquidity was added or taken.
    #[event(2)]
    pub struct Provided {
        /// Of this pool.
        pub pool: Address,
        /// True if it was added.
        pub is_deposit: bool,
        /// Tokens of the first mint.
        pub amount_a: u64,
        /// Tokens of the second.
        pub amount_b: u64,
        /// Shares of the provider that came or went.
        pub shares: u64,
    }

    /// Tokens were traded.
    #[event(3)]
    pub struct Traded {
        /// With this pool.
        pub pool: Address,
        /// True if the first token was sold for the second.
        pub sells_a: bool,
        /// Tokens that the pool got.
        pub paid: u64,
        /// Tokens that the trader got.
        pub got: u64,
    }

    /// A new pool without liquidity.
    #[derive(Accounts, Debug)]
    #[args(fee: u16, amplification: u16)]
    pub struct Create<'a> {
        /// Pays for the accounts, and has no rights in the pool.
        pub creator: Mut<Signer<'a>>,
        /// The mint with the smaller address.
        pub mint_a: State<'a, Mint>,
        /// The other one.
        pub mint_b: State<'a, Mint>,
        /// The new pool; one for each pair, fee and amplification.
        #[account(payer = creator, seeds = [b"pool", mint_a, mint_b, fee, amplification])]
        pub pool: Init<'a, Pool>,
        /// Keeps tokens of the first mint.
        #[account(payer = creator, seeds = [b"vault a", pool], mint = mint_a, authority = pool)]
        pub vault_a: Init<'a, TokenAccount>,
        /// Keeps tokens of the second.
        #[account(payer = creator, seeds = [b"vault b", pool], mint = mint_b, authority = pool)]
        pub vault_b: Init<'a, TokenAccount>,
        /// Stands for the liquidity.
        #[account(payer = creator, seeds = [b"shares", pool], authority = pool, decimals = 6)]
        pub share_mint: Init<'a, Mint>,
        /// Keeps tokens.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A pool with both vaults, which it names.
    #[derive(Accounts, Debug)]
    pub struct Vaults<'a> {
        /// Changed by every call, in its turn.
        #[account(seeds = [b"pool", pool.mint_a, pool.mint_b, pool.fee, pool.amplification])]
        pub pool: Mut<State<'a, Pool>>,
        /// Keeps tokens of the first mint.
        #[account(address = pool.vault_a)]
        pub vault_a: Mut<State<'a, TokenAccount>>,
        /// Keeps tokens of the second.
        #[account(address = pool.vault_b)]
        pub vault_b: Mut<State<'a, TokenAccount>>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// A pool's accounts and a provider's.
    #[derive(Accounts, Debug)]
    pub struct Provide<'a> {
        /// The owner of the three token accounts.
        pub provider: Signer<'a>,
        /// The pool.
        pub vaults: Vaults<'a>,
        /// Minted or burnt.
        #[account(address = vaults.pool.share_mint)]
        pub share_mint: Mut<State<'a, Mint>>,
        /// Of the first mint.
        #[account(mint = vaults.pool.mint_a, authority = provider)]
        pub purse_a: Mut<State<'a, TokenAccount>>,
        /// Of the second.
        #[account(mint = vaults.pool.mint_b, authority = provider)]
        pub purse_b: Mut<State<'a, TokenAccount>>,
        /// Holds the shares.
        #[account(mint = share_mint, authority = provider)]
        pub purse_shares: Mut<State<'a, TokenAccount>>,
    }

    /// A pool's accounts and a trader's.
    #[derive(Accounts, Debug)]
    pub struct Trade<'a> {
        /// The owner of the account that pays.
        pub trader: Signer<'a>,
        /// The pool.
        pub vaults: Vaults<'a>,
        /// Pays.
        #[account(authority = trader)]
        pub source: Mut<State<'a, TokenAccount>>,
        /// Is paid: only added to, so that trades of many pools can pay one shop.
        pub target: Tally<'a, TokenAccount>,
    }

    impl VaultsAddresses {
        /// The accounts of the pool of two mints, a fee and an amplification. The first mint's
        /// address is the smaller one.
        pub fn of(mint_a: &Address, mint_b: &Address, fee: u16, amplification: u16) -> Self {
            let (pool, _) = Create::pool_address(mint_a, mint_b, fee, amplification);
            Self {
                pool,
                vault_a: Create::vault_a_address(&pool).0,
                vault_b: Create::vault_b_address(&pool).0,
            }
        }
    }

    /// Creates a pool. `fee` is in ten-thousandths, at most 1,000; `amplification` is 0 for a
    /// constant product, and at most 10,000 for tokens of one worth and the same decimals.
    #[instruction(0)]
    pub fn create(
        accounts: &Create<'_>,
        context: &mut Context<'_, '_>,
        fee: u16,
        amplification: u16,
    ) -> Result {
        let [mint_a, mint_b] = [accounts.mint_a.address(), accounts.mint_b.address()];
        require!(mint_a < mint_b, AmmError::MintOrder);
        require!(fee <= FEE_MAX, AmmError::FeeTooHigh);
        let is_high = amplification > AMPLIFICATION_MAX;
        require!(!is_high, AmmError::AmplificationTooHigh);
        let digits_a = accounts.mint_a.read(context)?.decimals;
        let is_one = digits_a == accounts.mint_b.read(context)?.decimals;
        require!(amplification == 0 || is_one, AmmError::Decimals);
        let state = Pool {
            mint_a: *mint_a,
            mint_b: *mint_b,
            vault_a: *accounts.vault_a.address(),
            vault_b: *accounts.vault_b.address(),
            share_mint: *accounts.share_mint.address(),
            reserve_a: 0.into(),
            reserve_b: 0.into(),
            shares: 0.into(),
            fee: fee.into(),
            amplification: amplification.into(),
        };
        accounts.pool.set(context, &state)?;
        let pool = *accounts.pool.address();
        Created { pool }.emit(context)
    }

    /// Adds liquidity of at most these amounts, in the proportion of the reserves; the first
    /// deposit sets it. Fails unless it gives `shares_min`. Returns the shares.
    #[instruction(1)]
    pub fn deposit(
        accounts: &Provide<'_>,
        context: &mut Context<'_, '_>,
        amount_a_max: u64,
        amount_b_max: u64,
        shares_min: u64,
    ) -> Result<u64> {
        let before = accounts.vaults.pool.read(context)?.holdings();
        let deposit = before.deposit([amount_a_max, amount_b_max]);
        let deposit = deposit.ok_or(match before.shares {
            0 => AmmError::DepositTooSmall,
            _ => AmmError::Overflow,
        })?;
        let Contribution {
            amounts: [amount_a, amount_b],
            shares,
            ..
        } = deposit;
        require!(shares > 0, AmmError::Dust);
        require!(shares >= shares_min, AmmError::Slippage);
        let after = before.after_deposit(deposit).ok_or(AmmError::Overflow)?;
        let (provider, vaults) = (&accounts.provider, &accounts.vaults);
        token::transfer(&accounts.purse_a, &vaults.vault_a, provider, amount_a).invoke(context)?;
        token::transfer(&accounts.purse_b, &vaults.vault_b, provider, amount_b).invoke(context)?;
        let (mint, purse) = (&accounts.share_mint, &accounts.purse_shares);
        let seeds = vaults.pool_seeds(context)?;
        token::mint_to(mint, purse, &vaults.pool, shares).invoke_signed(context, &seeds)?;
        accounts.settle(context, after, true, [amount_a, amount_b], shares)?;
        Ok(shares)
    }

    /// Gives shares back for their part of both reserves. Fails unless it gives the minimal
    /// amounts.
    #[instruction(2)]
    pub fn withdraw(
        accounts: &Provide<'_>,
        context: &mut Context<'_, '_>,
        shares: u64,
        amount_a_min: u64,
        amount_b_min: u64,
    ) -> Result {
        let before = accounts.vaults.pool.read(context)?.holdings();
        require!(before.shares > 0, AmmError::NoLiquidity);
        let amounts = before.withdrawal(shares).ok_or(AmmError::NotEnough)?;
        let [amount_a, amount_b] = amounts;
        require!(amount_a > 0 || amount_b > 0, AmmError::Dust);
        let is_enough = amount_a >= amount_a_min && amount_b >= amount_b_min;
        require!(is_enough, AmmError::Slippage);
        let after = before.after_withdrawal(shares, amounts);
        let after = after.ok_or(AmmError::NotEnough)?;
        let (provider, vaults) = (&accounts.provider, &accounts.vaults);
        let (mint, purse) = (&accounts.share_mint, &accounts.purse_shares);
        token::burn(purse, mint, provider, shares).invoke(context)?;
        let (pool, seeds) = (&vaults.pool, vaults.pool_seeds(context)?);
        token::transfer(&vaults.vault_a, &accounts.purse_a, pool, amount_a)
            .invoke_signed(context, &seeds)?;
        token::transfer(&vaults.vault_b, &accounts.purse_b, pool, amount_b)
            .invoke_signed(context, &seeds)?;
        accounts.settle(context, after, false, amounts, shares)
    }

    impl Provide<'_> {
        /// Keeps what the pool holds once liquidity has come or gone, and tells of it.
        fn settle(
            &self,
            context: &mut Context<'_, '_>,
            after: Holdings,
            is_deposit: bool,
            [amount_a, amount_b]: [u64; 2],
            shares: u64,
        ) -> Result {
            let pool = &self.vaults.pool;
            pool.write(context)?.hold(after);
            Provided {
                pool: *pool.address(),
                is_deposit,
                amount_a,
                amount_b,
                shares,
            }
            .emit(context)
        }
    }

    /// Sells exactly `paid` tokens of one side, the first if `sells_a`. Fails unless it gives
    /// `got_min` of the other. Returns what it gives.
    #[instruction(3)]
    pub fn sell(
        accounts: &Trade<'_>,
        context: &mut Context<'_, '_>,
        sells_a: bool,
        paid: u64,
        got_min: u64,
    ) -> Result<u64> {
        let pool = accounts.open(context, side(sells_a))?;
        let got = pool.sale(side(sells_a), paid);
        let got = got.ok_or(AmmError::Overflow)?;
        require!(got > 0, AmmError::Dust);
        require!(got >= got_min, AmmError::Slippage);
        accounts.trade(context, pool.holdings(), side(sells_a), paid, got)?;
        Ok(got)
    }

    /// Buys exactly `got` tokens of one side, the second if `sells_a`. Fails if that costs more
    /// than `paid_max` of the other. Returns what it costs.
    #[instruction(4)]
    pub fn buy(
        accounts: &Trade<'_>,
        context: &mut Context<'_, '_>,
        sells_a: bool,
        got: u64,
        paid_max: u64,
    ) -> Result<u64> {
        let pool = accounts.open(context, side(sells_a))?;
        require!(got > 0, AmmError::Dust);
        let paid = pool.purchase(side(sells_a), got);
        let paid = paid.ok_or(AmmError::NotEnough)?;
        require!(paid <= paid_max, AmmError::Slippage);
        accounts.trade(context, pool.holdings(), side(sells_a), paid, got)?;
        Ok(paid)
    }

    impl Trade<'_> {
        /// The pool, once the accounts are those of its sides.
        fn open(&self, context: &Context<'_, '_>, sold: Side) -> Result<Pool> {
            let pool = *self.vaults.pool.read(context)?;
            let [paid, got] = match sold {
                Side::A => [pool.mint_a, pool.mint_b],
                Side::B => [pool.mint_b, pool.mint_a],
            };
            require!(self.source.read(context)?.mint == paid, AmmError::WrongMint);
            require!(self.target.read(context)?.mint == got, AmmError::WrongMint);
            require!(pool.shares.get() > 0, AmmError::NoLiquidity);
            Ok(pool)
        }

        /// Moves the tokens of a trade, and the reserves with them.
        fn trade(
            &self,
            context: &mut Context<'_, '_>,
            before: Holdings,
            sold: Side,
            paid: u64,
            got: u64,
        ) -> Result {
            let after = before.after_trade(sold, paid, got);
            let after = after.ok_or(AmmError::Overflow)?;
            let Vaults {
                pool,
                vault_a,
                vault_b,
                ..
            } = &self.vaults;
            let (vault_in, vault_out) = match sold {
                Side::A => (vault_a, vault_b),
                Side::B => (vault_b, vault_a),
            };
            token::transfer(&self.source, vault_in, &self.trader, paid).invoke(context)?;
            let seeds = self.vaults.pool_seeds(context)?;
            token::transfer(vault_out, &self.target, pool, got).invoke_signed(context, &seeds)?;
            pool.write(context)?.hold(after);
            Traded {
                pool: *pool.address(),
                sells_a: sold == Side::A,
                paid,
                got,
            }
            .emit(context)
        }
    }

    fn side(sells_a: bool) -> Side {
        if sells_a { Side::A } else { Side::B }
    }
}
