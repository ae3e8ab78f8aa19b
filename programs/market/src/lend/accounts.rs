//! The accounts of each instruction: what it reads and writes, and how they belong together.

use lockstep_sdk::prelude::*;

use super::lending::{ID, LendError, Loan, Reserve, Supply};
use crate::oracle::price_oracle::Feed;

/// A new reserve.
#[derive(Accounts, Debug)]
pub struct Open<'a> {
    /// Pays for the accounts.
    pub curator: Mut<Signer<'a>>,
    /// The mint.
    pub mint: State<'a, Mint>,
    /// Its price.
    pub feed: State<'a, Feed>,
    /// The new reserve, one for each curator and mint.
    #[account(payer = curator, seeds = [b"reserve", curator, mint])]
    pub reserve: Init<'a, Reserve>,
    /// Holds its tokens.
    #[account(payer = curator, seeds = [b"vault", reserve], mint = mint, authority = reserve)]
    pub vault: Init<'a, TokenAccount>,
    /// Keeps tokens.
    pub token: Program<'a, Token>,
    /// Creates accounts.
    pub system: Program<'a, System>,
}

/// A new depositor of a reserve.
#[derive(Accounts, Debug)]
#[args(reserve: Address)]
pub struct Join<'a> {
    /// Pays for the account.
    pub owner: Mut<Signer<'a>>,
    /// The new account.
    #[account(payer = owner, seeds = [b"supply", reserve, owner])]
    pub supply: Init<'a, Supply>,
    /// Creates it.
    pub system: Program<'a, System>,
}

/// A reserve with its vault, which it names.
#[derive(Accounts, Debug)]
pub struct Desk<'a> {
    /// Changed by every call, in its turn.
    #[account(seeds = [b"reserve", reserve.curator, reserve.mint])]
    pub reserve: Mut<State<'a, Reserve>>,
    /// Holds its tokens.
    #[account(address = reserve.vault)]
    pub vault: Mut<State<'a, TokenAccount>>,
    /// Moves tokens.
    pub token: Program<'a, Token>,
}

/// A reserve and a depositor.
#[derive(Accounts, Debug)]
pub struct Bank<'a> {
    /// The depositor.
    pub owner: Signer<'a>,
    /// The reserve.
    pub desk: Desk<'a>,
    /// What the depositor has in it.
    #[account(seeds = [b"supply", desk.reserve, owner])]
    pub supply: Mut<State<'a, Supply>>,
    /// The other token account.
    #[account(mint = desk.reserve.mint, authority = owner)]
    pub purse: Mut<State<'a, TokenAccount>>,
}

/// A new loan.
#[derive(Accounts, Debug)]
pub struct Begin<'a> {
    /// Pays for the account.
    pub owner: Mut<Signer<'a>>,
    /// The reserve of the shares to be pledged.
    pub collateral: State<'a, Reserve>,
    /// The reserve to borrow from.
    pub reserve: State<'a, Reserve>,
    /// The new loan, one for each borrower and pair.
    #[account(payer = owner, seeds = [b"loan", owner, collateral, reserve])]
    pub loan: Init<'a, Loan>,
    /// Creates it.
    pub system: Program<'a, System>,
}

/// Shares on their way into a loan; their reserve is not looked at.
#[derive(Accounts, Debug)]
pub struct Pledge<'a> {
    /// The borrower.
    pub owner: Signer<'a>,
    /// The shares.
    #[account(has_one = owner)]
    pub supply: Mut<State<'a, Supply>>,
    /// The loan.
    #[account(
        has_one = owner,
        check(loan.collateral == supply.reserve, LendError::BadPair),
    )]
    pub loan: Mut<State<'a, Loan>>,
}

/// Shares on their way out of a loan.
#[derive(Accounts, Debug)]
pub struct Release<'a> {
    /// The borrower.
    pub owner: Signer<'a>,
    /// The loan.
    #[account(has_one = owner, has_one = reserve, has_one = collateral)]
    pub loan: Mut<State<'a, Loan>>,
    /// The reserve that lends.
    pub reserve: State<'a, Reserve>,
    /// Its price.
    #[account(address = reserve.feed)]
    pub feed: State<'a, Feed>,
    /// The reserve of the shares.
    pub collateral: State<'a, Reserve>,
    /// Its price.
    #[account(address = collateral.feed)]
    pub collateral_feed: State<'a, Feed>,
    /// Gets the shares.
    #[account(seeds = [b"supply", collateral, owner])]
    pub supply: Mut<State<'a, Supply>>,
}

/// More debt.
#[derive(Accounts, Debug)]
pub struct Borrow<'a> {
    /// The borrower.
    pub owner: Signer<'a>,
    /// The loan.
    #[account(has_one = owner, has_one = desk.reserve, has_one = collateral)]
    pub loan: Mut<State<'a, Loan>>,
    /// The reserve that lends.
    pub desk: Desk<'a>,
    /// Its price.
    #[account(address = desk.reserve.feed)]
    pub feed: State<'a, Feed>,
    /// The reserve of the pledged shares.
    pub collateral: State<'a, Reserve>,
    /// Its price.
    #[account(address = collateral.feed)]
    pub collateral_feed: State<'a, Feed>,
    /// Gets the tokens.
    #[account(mint = desk.reserve.mint)]
    pub purse: Tally<'a, TokenAccount>,
}

/// Less debt. Any account may repay any loan.
#[derive(Accounts, Debug)]
pub struct Repay<'a> {
    /// The owner of the purse.
    pub payer: Signer<'a>,
    /// The loan.
    #[account(has_one = desk.reserve)]
    pub loan: Mut<State<'a, Loan>>,
    /// The reserve that has lent.
    pub desk: Desk<'a>,
    /// Pays.
    #[account(mint = desk.reserve.mint, authority = payer)]
    pub purse: Mut<State<'a, TokenAccount>>,
}

/// The end of a loan that falls short, or of a part of it.
#[derive(Accounts, Debug)]
pub struct Liquidate<'a> {
    /// The owner of the purse.
    pub liquidator: Signer<'a>,
    /// The loan.
    #[account(has_one = desk.reserve, has_one = collateral)]
    pub loan: Mut<State<'a, Loan>>,
    /// The reserve that has lent.
    pub desk: Desk<'a>,
    /// Its price.
    #[account(address = desk.reserve.feed)]
    pub feed: State<'a, Feed>,
    /// The reserve of the pledged shares.
    pub collateral: State<'a, Reserve>,
    /// Its price.
    #[account(address = collateral.feed)]
    pub collateral_feed: State<'a, Feed>,
    /// Pays.
    #[account(mint = desk.reserve.mint, authority = liquidator)]
    pub purse: Mut<State<'a, TokenAccount>>,
    /// Gets the shares.
    #[account(seeds = [b"supply", collateral, liquidator])]
    pub supply: Mut<State<'a, Supply>>,
}

/// A loan within one instruction.
#[derive(Accounts, Debug)]
pub struct Flash<'a> {
    /// The reserve that lends.
    pub desk: Desk<'a>,
    /// Gets the tokens. The receiver has to be able to move them.
    #[account(mint = desk.reserve.mint)]
    pub purse: Mut<State<'a, TokenAccount>>,
    /// The program that is called while the tokens are out.
    pub receiver: Unchecked<'a>,
    /// What it works with, with the rights that the client gives: its call gets the vault, the
    /// purse, the Token program, and these.
    pub others: Rest<'a, Unchecked<'a>, 24>,
}

/// The end of a loan without collateral and debt.
#[derive(Accounts, Debug)]
pub struct End<'a> {
    /// Gets the rent.
    pub owner: Mut<Signer<'a>>,
    /// The loan.
    #[account(
        has_one = owner,
        close = owner,
        check(loan.shares.get() == 0 && loan.debt_shares.get() == 0, LendError::InUse),
    )]
    pub loan: Mut<State<'a, Loan>>,
}
