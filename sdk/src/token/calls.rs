//! Calls of the Token program that are ready to be made.
//!
//! Kinds and account orders are SPL Token's (`solana-program/token`,
//! `interface/src/instruction.rs`).

use crate::{
    Result,
    account::{Account, Creditable, Handle, State, Writable},
    interface::{AccountMeta, Address, InstructionRef, InvokeContext, address::program_ids},
    relation::SignerSeeds,
};

use super::{Mint, TokenTarget};

const TRANSFER: u8 = 3;
const APPROVE: u8 = 4;
const REVOKE: u8 = 5;
const MINT_TO: u8 = 7;
const BURN: u8 = 8;
const CLOSE_ACCOUNT: u8 = 9;
const TRANSFER_CHECKED: u8 = 12;
/// Bytes of the longest call here: kind, amount, decimals.
const DATA_SIZE_MAX: usize = 10;
/// Accounts of the longest call here.
const ACCOUNTS_MAX: usize = 4;

/// A call of the Token program.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::{prelude::*, token};
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[derive(Accounts)]
/// pub struct Pay<'a> {
///     #[account(seeds = [b"till"])]
///     pub till: Mut<State<'a, TokenAccount>>,
///     pub purse: Mut<State<'a, TokenAccount>>,
///     pub token: Program<'a, Token>,
/// }
///
/// /// The till belongs to its own address, for which the program signs.
/// fn pay(accounts: &Pay<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
///     let Pay { till, purse, .. } = accounts;
///     let seeds = accounts.till_seeds(context)?;
///     token::transfer(till, purse, till, amount).invoke_signed(context, &seeds)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing happens before it is invoked"]
pub struct Call {
    accounts: [AccountMeta; ACCOUNTS_MAX],
    account_count: usize,
    data: [u8; DATA_SIZE_MAX],
    size: usize,
    /// The position of the mint whose decimals follow.
    mint: Option<usize>,
}

impl Call {
    fn new(kind: u8, accounts: &[AccountMeta]) -> Self {
        let unused = AccountMeta::readonly(Address::new_from_array([0; 32]), false);
        let mut call = Self {
            accounts: [unused; ACCOUNTS_MAX],
            account_count: accounts.len(),
            data: [0; DATA_SIZE_MAX],
            size: 1,
            mint: None,
        };
        call.accounts[..accounts.len()].copy_from_slice(accounts);
        call.data[0] = kind;
        call
    }

    fn amount(mut self, amount: u64) -> Self {
        self.data[1..9].copy_from_slice(&amount.to_le_bytes());
        self.size = 9;
        self
    }

    /// Makes the call; the authority has signed the transaction.
    ///
    /// # Errors
    /// What the Token program reports; `MissingAccount` if it is not in the instruction.
    pub fn invoke(&self, context: &mut InvokeContext<'_, '_>) -> Result {
        self.run(context, &[])
    }

    /// Makes the call; the running program signs for the authority with these seeds.
    ///
    /// # Errors
    /// As [`Call::invoke`]; `PrivilegeEscalation` if the seeds give another address.
    pub fn invoke_signed<const N: usize>(
        &self,
        context: &mut InvokeContext<'_, '_>,
        seeds: &SignerSeeds<N>,
    ) -> Result {
        self.run(context, &[&seeds.as_slices()])
    }

    fn run(&self, context: &mut InvokeContext<'_, '_>, signer_seeds: &[&[&[u8]]]) -> Result {
        let mut call = *self;
        if let Some(position) = self.mint {
            let address = context.address(position)?;
            let mint: State<'_, Mint> = State::at(Handle::new(address, position));
            call.data[self.size] = mint.read(context)?.decimals;
            call.size = self.size.saturating_add(1);
        }
        let instruction = InstructionRef {
            program: &program_ids::TOKEN,
            accounts: &call.accounts[..call.account_count],
            data: &call.data[..call.size],
        };
        context.invoke_signed(instruction, signer_seeds)
    }
}

fn writable<'a>(account: &impl Account<'a>) -> AccountMeta {
    AccountMeta::writable(*account.handle().address(), false)
}

fn readonly<'a>(account: &impl Account<'a>) -> AccountMeta {
    AccountMeta::readonly(*account.handle().address(), false)
}

fn signing<'a>(account: &impl Account<'a>) -> AccountMeta {
    AccountMeta::readonly(*account.handle().address(), true)
}

/// Moves tokens of the smallest unit; `authority` is the owner or the delegate of `source`.
///
/// The mint is not named, so that it is not read; see [`transfer_checked`]. A target that is a
/// [`Tally`](crate::account::Tally) gets tokens of any number of calls at once.
///
/// ```
/// use lockstep_sdk::{prelude::*, token};
/// type Purse<'a> = Mut<State<'a, TokenAccount>>;
/// fn pay(from: &Purse<'_>, to: &Purse<'_>, owner: &Signer<'_>, context: &mut Context<'_, '_>) ->
/// Result {
///     token::transfer(from, to, owner, 5).invoke(context)
/// }
/// ```
pub fn transfer<'a>(
    source: &impl Writable<'a>,
    target: &impl TokenTarget<'a>,
    authority: &impl Account<'a>,
    amount: u64,
) -> Call {
    let accounts = [writable(source), writable(target), signing(authority)];
    Call::new(TRANSFER, &accounts).amount(amount)
}

/// Moves tokens as [`transfer`] does, and has both accounts checked to be of `mint`.
///
/// ```
/// use lockstep_sdk::{prelude::*, token};
/// type Purse<'a> = Mut<State<'a, TokenAccount>>;
/// fn pay(
///     [from, to]: [&Purse<'_>; 2],
///     mint: &State<'_, Mint>,
///     owner: &Signer<'_>,
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     token::transfer_checked(from, mint, to, owner, 5).invoke(context)
/// }
/// ```
pub fn transfer_checked<'a>(
    source: &impl Writable<'a>,
    mint: &State<'a, Mint>,
    target: &impl TokenTarget<'a>,
    authority: &impl Account<'a>,
    amount: u64,
) -> Call {
    let accounts = [
        writable(source),
        readonly(mint),
        writable(target),
        signing(authority),
    ];
    Call {
        mint: Some(mint.position()),
        ..Call::new(TRANSFER_CHECKED, &accounts).amount(amount)
    }
}

/// Makes new tokens; `authority` is the mint's.
///
/// ```
/// use lockstep_sdk::{prelude::*, token};
/// fn reward(
///     mint: &Mut<State<'_, Mint>>,
///     purse: &Mut<State<'_, TokenAccount>>,
///     authority: &Signer<'_>,
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     token::mint_to(mint, purse, authority, 5).invoke(context)
/// }
/// ```
pub fn mint_to<'a>(
    mint: &impl TokenTarget<'a>,
    target: &impl TokenTarget<'a>,
    authority: &impl Account<'a>,
    amount: u64,
) -> Call {
    let accounts = [writable(mint), writable(target), signing(authority)];
    Call::new(MINT_TO, &accounts).amount(amount)
}

/// Destroys tokens; `authority` is the owner or the delegate of `source`.
///
/// ```
/// use lockstep_sdk::{prelude::*, token};
/// fn redeem(
///     purse: &Mut<State<'_, TokenAccount>>,
///     mint: &Mut<State<'_, Mint>>,
///     owner: &Signer<'_>,
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     token::burn(purse, mint, owner, 5).invoke(context)
/// }
/// ```
pub fn burn<'a>(
    source: &impl Writable<'a>,
    mint: &impl Writable<'a>,
    authority: &impl Account<'a>,
    amount: u64,
) -> Call {
    let accounts = [writable(source), writable(mint), signing(authority)];
    Call::new(BURN, &accounts).amount(amount)
}

/// Lets `delegate` move that many tokens of `source`, in the place of an earlier delegate.
///
/// ```
/// use lockstep_sdk::{prelude::*, token};
/// fn lend(
///     purse: &Mut<State<'_, TokenAccount>>,
///     [friend, owner]: [&Signer<'_>; 2],
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     token::revoke(purse, owner).invoke(context)?;
///     token::approve(purse, friend, owner, 5).invoke(context)
/// }
/// ```
pub fn approve<'a>(
    source: &impl Writable<'a>,
    delegate: &impl Account<'a>,
    owner: &impl Account<'a>,
    amount: u64,
) -> Call {
    let accounts = [writable(source), readonly(delegate), signing(owner)];
    Call::new(APPROVE, &accounts).amount(amount)
}

/// Takes the delegate of `source` away; an example is at [`approve`].
///
/// ```
/// use lockstep_sdk::{prelude::*, token};
/// fn end(purse: &Mut<State<'_, TokenAccount>>, owner: &Signer<'_>) -> token::Call {
///     token::revoke(purse, owner)
/// }
/// ```
pub fn revoke<'a>(source: &impl Writable<'a>, owner: &impl Account<'a>) -> Call {
    Call::new(REVOKE, &[writable(source), signing(owner)])
}

/// Deletes a token account without tokens; its lamports go to `receiver`.
///
/// ```
/// use lockstep_sdk::{prelude::*, token};
/// fn end(
///     purse: &Mut<State<'_, TokenAccount>>,
///     owner: &Mut<Signer<'_>>,
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     token::close_account(purse, owner, owner).invoke(context)
/// }
/// ```
pub fn close_account<'a>(
    account: &impl Writable<'a>,
    receiver: &impl Creditable<'a>,
    authority: &impl Account<'a>,
) -> Call {
    let accounts = [writable(account), writable(receiver), signing(authority)];
    Call::new(CLOSE_ACCOUNT, &accounts)
}
