//! `lending`: reserves that lend tokens against deposits in other reserves.
//!
//! A reserve holds one mint. Its depositors own shares of all that it has and is owed. A loan is of
//! one reserve against shares of another one of the same curator: shares are pledged, tokens are
//! borrowed, and a loan that falls short is liquidated, for the pledged shares.
//!
//! | Instruction | Writes | Reads |
//! |---|---|---|
//! | `open` | curator, reserve and vault (both new) | mint, feed |
//! | `join` | owner, supply (new) | |
//! | `deposit`, `withdraw` | supply, purse, reserve, vault | |
//! | `begin` | owner, loan (new) | both reserves |
//! | `pledge` | supply, loan | |
//! | `release` | supply, loan | both reserves, both feeds |
//! | `borrow` | loan, reserve, vault; adds to the purse | collateral's reserve, both feeds |
//! | `repay` | loan, purse, reserve, vault | |
//! | `liquidate` | loan, purse, reserve, vault, liquidator's supply | what `borrow` reads |
//! | `flash` | reserve, vault, purse, and what the receiver writes | what the receiver reads |
//! | `end` | owner, loan (ends) | |
//!
//! # Contention
//!
//! Two users share nothing that either writes unless they use the same reserve: supplies and loans
//! are each user's own, and no account joins reserves. Interest follows from the slot and from what
//! the last change left, so that looking at a reserve writes nothing, and loans against the same
//! collateral run at the same time: they read its reserve. What changes the liquidity of one
//! reserve takes turns, because each call sets the rate for the next. Shares are pledged, released
//! and seized without a write to their reserve, and prices are only read.
//!
//! # What keeps a reserve solvent
//!
//! - Every division leaves its rest in the reserve. A share's worth falls by losses alone.
//! - New debt counts at the high end of its price and collateral at the low end, and a price that
//!   is too old or too unsure refuses both it and liquidations. Repaying asks for no price.
//! - A liquidation takes the worth of what it repays and a bonus. If that is all of the collateral,
//!   the rest of the debt is a loss, borne by the cushion of interest and then by depositors.
//! - Nothing calls back into this program while tokens are out by `flash`: the runtime refuses
//!   calls from below, and the program itself as a receiver is refused here.
//!
//! # A client
//!
//! ```
//! # use lockstep_market::lend::{accounts::*, lending::{self, *}};
//! # use lockstep_market::oracle::price_oracle::{self as oracle, *};
//! # use lockstep_testing::Chain;
//! let mut chain = Chain::builder().program(LendingProgram).program(PriceOracleProgram).build();
//! let owner = chain.wallet("owner");
//! let rules = oracle::Rules { quotes_min: 1, age_max: 100 };
//! let [(gold, gold_feed, _), (iron, feed, purse)] = [(0, 50), (1, 2)].map(|(number, price)| {
//!     let found = oracle::FoundAddresses { authority: owner };
//!     let (feed, _) = oracle::Found::feed_address(&owner, number);
//!     let (quote, _) = Admit::quote_address(&feed, owner);
//!     chain.run(oracle::call::found(&found, number, 0, rules)).all_ok();
//!     chain.run(oracle::call::admit(&AdmitAddresses { authority: owner, feed }, owner)).all_ok();
//!     let publish = PublishAddresses { publisher: owner, quote };
//!     chain.run(oracle::call::publish(&publish, price, 0, 1)).all_ok();
//!     let quotes = vec![quote];
//!     chain.run(oracle::call::aggregate(&AggregateAddresses { feed, quotes })).all_ok();
//!
//!     let mint = chain.mint(["gold", "iron"][number as usize], 0);
//!     let open = OpenAddresses { curator: owner, mint, feed };
//!     chain.run(lending::call::open(&open, CAREFUL)).all_ok();
//!     let (reserve, _) = Open::reserve_address(&owner, &mint);
//!     let desk = DeskAddresses { reserve, vault: Open::vault_address(&reserve).0 };
//!     chain.run(lending::call::join(&JoinAddresses { owner }, reserve)).all_ok();
//!     let purse = chain.tokens(&owner, &mint, 50_000);
//!     let bank = BankAddresses { owner, desk: desk.clone(), purse };
//!     chain.run(lending::call::deposit(&bank, 40_000)).all_ok();
//!     (desk, feed, purse)
//! });
//! let (collateral, reserve, collateral_feed) = (gold.reserve, iron.reserve, gold_feed);
//! let (loan, _) = Begin::loan_address(&owner, &collateral, &reserve);
//! let (supply, _) = Join::supply_address(collateral, &owner);
//! chain.run(lending::call::begin(&BeginAddresses { owner, collateral, reserve })).all_ok();
//! chain.run(lending::call::pledge(&PledgeAddresses { owner, supply, loan }, 1_000)).all_ok();
//! let borrow = BorrowAddresses {
//!     owner, loan, desk: iron, feed, collateral, collateral_feed, purse,
//! };
//! chain.run(lending::call::borrow(&borrow, 18_751)).fails(0, LendError::TooLittleCollateral);
//! chain.run(lending::call::borrow(&borrow, 18_750)).all_ok();
//! ```

pub mod accounts;
mod health;

/// Lends tokens against deposits.
#[lockstep_sdk::program(id = "Lending111111111111111111111111111111111111")]
pub mod lending {
    use super::{accounts::*, health::Side};
    use crate::debt::{Books, DEPOSITS_MAX, SHARES_LOCKED, value::SCALE_MAX};
    use lockstep_sdk::{
        bytemuck,
        interface::{AccountMeta, InstructionRef},
        prelude::*,
        token,
    };

    /// The rules of a reserve, which never change. Parts are of 10,000.
    #[derive(Clone, Copy, Data, Debug, Eq, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    #[bytemuck(crate = "lockstep_sdk::bytemuck")]
    #[repr(C)]
    pub struct Rules {
        /// See [`Slope::rates`](crate::debt::Slope::rates).
        pub rates: [U64; 3],
        /// See [`Slope::kink`](crate::debt::Slope::kink).
        pub kink: U16,
        /// The part of interest that covers losses.
        pub cushion: U16,
        /// The part of its worth that shares of this reserve let borrow.
        pub loan_max: U16,
        /// The part above which such a loan is liquidated.
        pub threshold: U16,
        /// What a liquidation takes of them above what it repays.
        pub bonus: U16,
        /// The part of a debt that one liquidation repays, unless the debt exceeds its collateral.
        pub close_max: U16,
        /// The fee of a flash loan.
        pub flash_fee: U16,
        /// The part of a price that its confidence may have.
        pub confidence_max: U16,
        /// Slots that a price may be old.
        pub age_max: U64,
        /// What the reserve may hold and be owed when a deposit is made.
        pub deposits_max: U64,
    }

    /// Rules for a token of moderate risk: 4 % a year at 80 % utilisation, at 2.5 slots a second.
    pub const CAREFUL: Rules = Rules {
        rates: [U64::new(0), U64::new(507_000), U64::new(12_700_000)],
        kink: U16::new(8_000),
        cushion: U16::new(1_000),
        loan_max: U16::new(7_500),
        threshold: U16::new(8_000),
        bonus: U16::new(500),
        close_max: U16::new(5_000),
        flash_fee: U16::new(9),
        confidence_max: U16::new(200),
        age_max: U64::new(150),
        deposits_max: U64::new(DEPOSITS_MAX),
    };

    /// A reserve: it is the authority of its vault.
    #[state(1, pod)]
    pub struct Reserve {
        /// Chose mint, feed and rules, and has no other rights. Loans are among its reserves.
        pub curator: Address,
        /// The mint.
        pub mint: Address,
        /// Holds tokens of it.
        pub vault: Address,
        /// Its price.
        pub feed: Address,
        /// The rules.
        pub rules: Rules,
        /// Digits of token and price together.
        pub scale: u8,
        /// The slot of the books.
        pub slot: U64,
        /// See [`Books::liquidity`].
        pub liquidity: U64,
        /// See [`Books::shares`].
        pub shares: U64,
        /// See [`Books::debt_shares`].
        pub debt_shares: U64,
        /// See [`Books::index`].
        pub index: U128,
        /// See [`Books::cushion`].
        pub cushion: U128,
    }

    /// What a depositor has in a reserve and has not pledged.
    #[state(2, pod)]
    pub struct Supply {
        /// The reserve.
        pub reserve: Address,
        /// The depositor.
        pub owner: Address,
        /// Shares.
        pub shares: U64,
    }

    /// A loan of one reserve against shares of another.
    #[state(3, pod)]
    pub struct Loan {
        /// The borrower.
        pub owner: Address,
        /// The reserve of the pledged shares.
        pub collateral: Address,
        /// The reserve that lends.
        pub reserve: Address,
        /// Pledged shares.
        pub shares: U64,
        /// Shares of the reserve's debt.
        pub debt_shares: U64,
    }

    /// Why a reserve refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum LendError {
        /// the rules contradict each other or exceed their ranges
        BadRules = 1,
        /// a loan is of two different reserves of one curator
        BadPair,
        /// the reserve may not hold so much
        Full,
        /// the first deposit is too small to lock its shares
        DepositTooSmall,
        /// the amount is too small, rounded in favour of the reserve nothing is left
        Dust,
        /// the result is beyond the limit that the caller set
        Slippage,
        /// there are fewer shares than that
        NotEnoughShares,
        /// the reserve has lent out what is asked for
        NotEnoughLiquidity,
        /// the price is older than the reserve allows, or there is none
        StalePrice,
        /// the price's confidence is wider than the reserve allows
        UnsurePrice,
        /// the collateral is worth too little for the debt
        TooLittleCollateral,
        /// the collateral is worth enough
        Healthy,
        /// there is no debt
        NoDebt,
        /// the loan has collateral or debt
        InUse,
        /// the receiver is this program
        Reentry,
        /// the flash loan and its fee are not back
        Unpaid,
        /// a number would exceed its bound
        Overflow,
    }

    /// Tokens were deposited or withdrawn.
    #[event(1)]
    pub struct Supplied {
        /// In this reserve.
        pub reserve: Address,
        /// By this depositor.
        pub owner: Address,
        /// False if they were withdrawn.
        pub is_deposit: bool,
        /// Tokens.
        pub amount: u64,
        /// Shares of the depositor that came or went.
        pub shares: u64,
    }

    /// Tokens were borrowed or repaid.
    #[event(2)]
    pub struct Lent {
        /// By this loan.
        pub loan: Address,
        /// False if they were repaid.
        pub is_borrowed: bool,
        /// Tokens.
        pub amount: u64,
    }

    /// Shares were pledged or released.
    #[event(3)]
    pub struct Pledged {
        /// For this loan.
        pub loan: Address,
        /// Its shares from now on.
        pub shares: u64,
    }

    /// A loan was liquidated.
    #[event(4)]
    pub struct Liquidated {
        /// Which loan.
        pub loan: Address,
        /// Tokens that were repaid.
        pub repaid: u64,
        /// Shares that the liquidator got.
        pub shares: u64,
        /// Tokens of the debt that are lost.
        pub loss: u128,
    }

    /// Tokens were lent within a transaction.
    #[event(5)]
    pub struct Flashed {
        /// By this reserve.
        pub reserve: Address,
        /// Tokens.
        pub amount: u64,
        /// Tokens that came back besides.
        pub fee: u64,
    }

    /// Opens a reserve.
    #[instruction(0)]
    pub fn open(accounts: &Open<'_>, context: &mut Context<'_, '_>, rules: Rules) -> Result {
        let digits = accounts.mint.read(context)?.decimals;
        let scale = digits.saturating_add(accounts.feed.read(context)?.decimals);
        require!(rules.is_sound() && scale <= SCALE_MAX, LendError::BadRules);
        let mut reserve = Reserve {
            curator: *accounts.curator.address(),
            mint: *accounts.mint.address(),
            vault: *accounts.vault.address(),
            feed: *accounts.feed.address(),
            rules,
            scale,
            ..bytemuck::Zeroable::zeroed()
        };
        reserve.keep(slot(context)?, Books::new());
        accounts.reserve.set(context, &reserve)
    }

    /// Makes a depositor known to a reserve.
    #[instruction(1)]
    pub fn join(accounts: &Join<'_>, context: &mut Context<'_, '_>, reserve: Address) -> Result {
        let mut supply = accounts.supply.write(context)?;
        supply.reserve = reserve;
        supply.owner = *accounts.owner.address();
        Ok(())
    }

    /// Deposits tokens. Returns the shares that they give.
    #[instruction(2)]
    pub fn deposit(accounts: &Bank<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result<u64> {
        let (desk, purse) = (&accounts.desk, &accounts.purse);
        let (reserve, before) = desk.open(context)?;
        let is_small = before.shares == 0 && amount < SHARES_LOCKED;
        require!(!is_small, LendError::DepositTooSmall);
        let (books, shares) = before.deposit(amount).ok_or(LendError::Overflow)?;
        require!(shares > 0, LendError::Dust);
        let held = books.debt().saturating_add(books.liquidity.into());
        let is_full = held > reserve.rules.deposits_max.get().into();
        require!(!is_full, LendError::Full);
        token::transfer(purse, &desk.vault, &accounts.owner, amount).invoke(context)?;
        accounts.supply.write(context)?.shares.increase(shares)?;
        desk.close(context, books)?;
        accounts.tell(context, true, amount, shares)?;
        Ok(shares)
    }

    /// Gives shares back for their part of the reserve. Fails unless that is `amount_min` tokens.
    /// Returns the tokens.
    #[instruction(3)]
    pub fn withdraw(
        accounts: &Bank<'_>,
        context: &mut Context<'_, '_>,
        shares: u64,
        amount_min: u64,
    ) -> Result<u64> {
        let (desk, supply) = (&accounts.desk, &accounts.supply);
        take(&mut supply.write(context)?.shares, shares)?;
        let (_, before) = desk.open(context)?;
        let left = before.withdraw(shares);
        let (books, amount) = left.ok_or(LendError::NotEnoughLiquidity)?;
        require!(amount > 0, LendError::Dust);
        require!(amount >= amount_min, LendError::Slippage);
        desk.pay(context, &accounts.purse, amount)?;
        desk.close(context, books)?;
        accounts.tell(context, false, amount, shares)?;
        Ok(amount)
    }

    fn take(shares: &mut U64, count: u64) -> Result {
        require!(count <= shares.get(), LendError::NotEnoughShares);
        shares.decrease(count)
    }

    impl Bank<'_> {
        fn tell(
            &self,
            context: &mut Context<'_, '_>,
            is_deposit: bool,
            amount: u64,
            shares: u64,
        ) -> Result {
            Supplied {
                reserve: *self.desk.reserve.address(),
                owner: *self.owner.address(),
                is_deposit,
                amount,
                shares,
            }
            .emit(context)
        }
    }

    impl Desk<'_> {
        /// The reserve, and its books now.
        fn open(&self, context: &Context<'_, '_>) -> Result<(Reserve, Books)> {
            let reserve = *self.reserve.read(context)?;
            Ok((reserve, reserve.books(slot(context)?)))
        }

        fn close(&self, context: &Context<'_, '_>, books: Books) -> Result {
            let slot = slot(context)?;
            self.reserve.write(context)?.keep(slot, books);
            Ok(())
        }

        fn pay<'t>(
            &self,
            context: &mut Context<'_, '_>,
            target: &impl token::TokenTarget<'t>,
            amount: u64,
        ) -> Result
        where
            Self: 't,
        {
            let seeds = self.reserve_seeds(context)?;
            token::transfer(&self.vault, target, &self.reserve, amount)
                .invoke_signed(context, &seeds)
        }
    }

    /// Begins a loan, without collateral and debt.
    #[instruction(4)]
    pub fn begin(accounts: &Begin<'_>, context: &mut Context<'_, '_>) -> Result {
        let (collateral, reserve) = (&accounts.collateral, &accounts.reserve);
        let is_one = collateral.address() == reserve.address();
        let is_pair = collateral.read(context)?.curator == reserve.read(context)?.curator;
        require!(is_pair && !is_one, LendError::BadPair);
        let mut loan = accounts.loan.write(context)?;
        loan.owner = *accounts.owner.address();
        loan.collateral = *collateral.address();
        loan.reserve = *reserve.address();
        Ok(())
    }

    /// Pledges shares for a loan.
    #[instruction(5)]
    pub fn pledge(accounts: &Pledge<'_>, context: &mut Context<'_, '_>, shares: u64) -> Result {
        take(&mut accounts.supply.write(context)?.shares, shares)?;
        accounts.loan.write(context)?.shares.increase(shares)?;
        tell_pledged(&accounts.loan, context)
    }

    /// Takes shares out of a loan, unless its debt needs them.
    #[instruction(6)]
    pub fn release(accounts: &Release<'_>, context: &mut Context<'_, '_>, shares: u64) -> Result {
        let Release { loan, supply, .. } = accounts;
        take(&mut loan.write(context)?.shares, shares)?;
        supply.write(context)?.shares.increase(shares)?;
        let debt = Side::read(&accounts.reserve, &accounts.feed, context)?;
        let held = Side::read(&accounts.collateral, &accounts.collateral_feed, context)?;
        loan.read(context)?.check_cover([&debt, &held])?;
        tell_pledged(loan, context)
    }

    fn tell_pledged(loan: &Mut<State<'_, Loan>>, context: &mut Context<'_, '_>) -> Result {
        let shares = loan.read(context)?.shares.get();
        let loan = *loan.address();
        Pledged { loan, shares }.emit(context)
    }

    /// Borrows tokens against the pledged shares.
    #[instruction(7)]
    pub fn borrow(accounts: &Borrow<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let (loan, desk) = (&accounts.loan, &accounts.desk);
        require!(amount > 0, LendError::Dust);
        let mut debt = Side::read(&desk.reserve, &accounts.feed, context)?;
        let held = Side::read(&accounts.collateral, &accounts.collateral_feed, context)?;
        let lent = debt.books.borrow(amount);
        let (books, debt_shares) = lent.ok_or(LendError::NotEnoughLiquidity)?;
        debt.books = books;
        loan.write(context)?.debt_shares.increase(debt_shares)?;
        loan.read(context)?.check_cover([&debt, &held])?;
        desk.close(context, books)?;
        desk.pay(context, &accounts.purse, amount)?;
        tell_lent(loan, context, true, amount)
    }

    fn tell_lent(
        loan: &Mut<State<'_, Loan>>,
        context: &mut Context<'_, '_>,
        is_borrowed: bool,
        amount: u64,
    ) -> Result {
        let loan = *loan.address();
        Lent {
            loan,
            is_borrowed,
            amount,
        }
        .emit(context)
    }

    /// Repays a loan with at most `amount_max` tokens. Returns what it took.
    #[instruction(8)]
    pub fn repay(
        accounts: &Repay<'_>,
        context: &mut Context<'_, '_>,
        amount_max: u64,
    ) -> Result<u64> {
        let (loan, desk) = (&accounts.loan, &accounts.desk);
        let (_, before) = desk.open(context)?;
        let debt_shares = loan.read(context)?.debt_shares.get();
        require!(debt_shares > 0, LendError::NoDebt);
        let repaid = before.repay(debt_shares, amount_max);
        let (books, amount, paid) = repaid.ok_or(LendError::Overflow)?;
        require!(paid > 0, LendError::Dust);
        token::transfer(&accounts.purse, &desk.vault, &accounts.payer, amount).invoke(context)?;
        loan.write(context)?.debt_shares.decrease(paid)?;
        desk.close(context, books)?;
        tell_lent(loan, context, false, amount)?;
        Ok(amount)
    }

    /// Repays at most `repay_max` tokens of a loan that falls short, for shares of its collateral.
    /// Fails unless it gives `shares_min`. Returns the shares.
    #[instruction(9)]
    pub fn liquidate(
        accounts: &Liquidate<'_>,
        context: &mut Context<'_, '_>,
        repay_max: u64,
        shares_min: u64,
    ) -> Result<u64> {
        let (loan, desk, purse) = (&accounts.loan, &accounts.desk, &accounts.purse);
        let debt = Side::read(&desk.reserve, &accounts.feed, context)?;
        let held = Side::read(&accounts.collateral, &accounts.collateral_feed, context)?;
        let before = *loan.read(context)?;
        let (repay_max, shares) = before.liquidation([&debt, &held], repay_max)?;
        require!(shares >= shares_min, LendError::Slippage);
        let repaid = debt.books.repay(before.debt_shares.get(), repay_max);
        let (mut books, repaid, paid) = repaid.ok_or(LendError::Overflow)?;
        require!(paid > 0 && repaid > 0, LendError::Dust);
        let mut after = before;
        after.shares.decrease(shares)?;
        after.debt_shares.decrease(paid)?;
        let mut loss = 0;
        if after.shares.get() == 0 {
            let written_off = books.write_off(after.debt_shares.get());
            (books, loss) = written_off.ok_or(LendError::Overflow)?;
            after.debt_shares.set(0);
        }
        token::transfer(purse, &desk.vault, &accounts.liquidator, repaid).invoke(context)?;
        accounts.supply.write(context)?.shares.increase(shares)?;
        loan.set(context, &after)?;
        desk.close(context, books)?;
        let loan = *loan.address();
        Liquidated {
            loan,
            repaid,
            shares,
            loss,
        }
        .emit(context)?;
        Ok(shares)
    }

    /// Lends `amount` tokens to a purse, calls the receiver with `data`, and fails unless they and
    /// the fee are back in the vault then. Returns the fee.
    #[instruction(10)]
    pub fn flash(
        accounts: &Flash<'_>,
        context: &mut Context<'_, '_>,
        amount: u64,
        data: Vec<u8>,
    ) -> Result<u64> {
        let (desk, purse, receiver) = (&accounts.desk, &accounts.purse, &accounts.receiver);
        require!(*receiver.address() != ID, LendError::Reentry);
        require!(amount > 0, LendError::Dust);
        let (reserve, mut books) = desk.open(context)?;
        require!(amount <= books.liquidity, LendError::NotEnoughLiquidity);
        let fee = reserve.flash_fee(amount).ok_or(LendError::Overflow)?;
        let held = desk.vault.read(context)?.amount.get();
        desk.pay(context, purse, amount)?;
        let mut metas = vec![
            AccountMeta::writable(*desk.vault.address(), false),
            AccountMeta::writable(*purse.address(), false),
            AccountMeta::readonly(*desk.token.address(), false),
        ];
        for other in accounts.others.iter() {
            metas.push(AccountMeta {
                address: *other.address(),
                is_signer: context.is_signer(other.position())?,
                is_writable: context.is_writable(other.position())?,
            });
        }
        context.invoke(InstructionRef {
            program: receiver.address(),
            accounts: &metas,
            data: &data,
        })?;
        let due = held.checked_add(fee).ok_or(LendError::Overflow)?;
        let is_back = desk.vault.read(context)?.amount.get() >= due;
        require!(is_back, LendError::Unpaid);
        let liquidity = books.liquidity.checked_add(fee);
        books.liquidity = liquidity.ok_or(LendError::Overflow)?;
        desk.close(context, books)?;
        let reserve = *desk.reserve.address();
        Flashed {
            reserve,
            amount,
            fee,
        }
        .emit(context)?;
        Ok(fee)
    }

    /// Ends a loan. It can be begun again.
    #[instruction(11)]
    pub fn end(_accounts: &End<'_>) -> Result {
        Ok(())
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
