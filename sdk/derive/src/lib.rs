//! The macros of the Lockstep SDK. Each turns one declaration into implementations of the SDK's
//! traits; what they mean is documented there. They know nothing but paths into the SDK.
//!
//! `#[lockstep(crate = path)]` on an item names the SDK where a crate imports it under another
//! name.
#![forbid(unsafe_code)]

mod accounts;
mod common;
mod data;
mod error;
mod event;
mod program;
mod state;
mod tally;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemMod, parse_macro_input};

/// Makes a structure a set of accounts: each field's type is the access, attributes say how fields
/// belong together.
///
/// | `#[account(..)]` on a field | Meaning |
/// |---|---|
/// | `seeds = [b"vault", owner, id]` | the address is derived from these, see below |
/// | `payer = owner` | pays for the account that is created (`Init`) or resized |
/// | `has_one = owner` | the state's field `owner` is the address of the field `owner` |
/// | `address = EXPRESSION` | the address is this one |
/// | `close = owner` | at the end the account is deleted and its lamports go to `owner` |
/// | `check(CONDITION, "message")` | the condition holds, or else the instruction fails with
/// `InvalidArgument`; in place of the message an error of the program |
/// | `realloc = SIZE` | the account has this number of bytes before the instruction runs |
/// | `size = SIZE` | a new account has this number of bytes, for a state that grows |
/// | `args(id)` | the arguments that a set in the set takes, where they are not the first ones |
/// | `may_repeat` | it may be the same account as another writable one |
/// | `repeats` | one account may stand several times in the `Rest` |
/// | `args(id)` | the arguments of a set in the set, where they are not the first ones |
/// | `associated` | the token account that follows from mint and authority |
/// | `decimals = .., freeze = ..` | of a mint that is created; the decimals are checked otherwise |
///
/// A seed is a literal, a constant, an argument, or a route: `owner`, whose address it is,
/// `desk.raffle`, an account of a set in the set, or `raffle.authority`, a value in a state. All
/// relations take routes. In a condition, and in a size, a field with a state stands for its state.
/// `#[args(id: u64)]` on the structure names the instruction's first arguments, where seeds need
/// them. The program's address has to be in scope as `ID`, as it is inside of `#[program]`.
///
/// Besides the traits, the structure `Vault` gets `VaultAddresses`, the addresses that a client has
/// to name; and for each field `x` with seeds `Vault::x_address`, its address and bump seed, and
/// `x_seeds`, with which the program signs for it.
///
/// ```
/// # mod vault {
/// use lockstep_sdk::prelude::*;
///
/// # pub const ID: Address = Address::new_from_array([9; 32]);
/// #[derive(Accounts)]
/// #[args(number: u64)]
/// pub struct Withdraw<'a> {
///     pub owner: Mut<Signer<'a>>,
///     #[account(seeds = [b"vault", owner, number])]
///     pub vault: Mut<Wallet<'a>>,
///     pub system: Program<'a, System>,
/// }
/// # }
/// # use lockstep_sdk::prelude::*;
/// # use vault::*;
///
/// # fn main() {
/// // The client names the owner; the vault follows from owner and number.
/// let owner = Address::new_from_array([1; 32]);
/// let addresses = WithdrawAddresses { owner };
/// let mut metas = Vec::new();
/// Withdraw::metas(&addresses, &(7,), &mut metas);
/// assert_eq!(metas[1].address, Withdraw::vault_address(&owner, 7).0);
/// # }
/// ```
#[proc_macro_derive(Accounts, attributes(account, args, instruction, lockstep))]
pub fn derive_accounts(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    common::finish(accounts::expand(&input))
}

/// Gives a structure or an enum the borsh format. `#[max(n)]` limits the items of a list or the
/// bytes of a text.
///
/// ```
/// use lockstep_sdk::prelude::*;
///
/// #[derive(Data)]
/// pub enum Order {
///     Cancel,
///     Buy {
///         amount: u64,
///         #[max(4)]
///         tags: Vec<u8>,
///     },
/// }
///
/// assert_eq!(encode(&Order::Cancel), [0]);
/// assert_eq!(Order::SIZE_MAX, Some(1 + 8 + 4 + 4));
/// ```
#[proc_macro_derive(Data, attributes(max, lockstep))]
pub fn derive_data(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    common::finish(data::derive(&input))
}

/// Makes an enum the errors of a program: a variant's number is its code, its documentation its
/// message.
///
/// ```
/// use lockstep_sdk::prelude::*;
///
/// #[derive(Clone, Copy, Debug, ErrorCode)]
/// pub enum VaultError {
///     /// the vault is locked
///     Locked = 7,
///     /// nothing is left
///     Empty,
/// }
///
/// fn open(is_locked: bool) -> Result {
///     require!(!is_locked, VaultError::Locked);
///     Ok(())
/// }
///
/// assert_eq!(open(true), Err(InstructionError::Custom(7)));
/// assert_eq!(VaultError::Empty.description().code, 8);
/// ```
#[proc_macro_derive(ErrorCode, attributes(lockstep))]
pub fn derive_error_code(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    common::finish(error::expand(&input))
}

/// Makes a structure the state of an account.
///
/// - `#[state(1)]`: tagged with the discriminator 1, in the borsh format;
/// - `#[state(1, pod)]`: the same, as plain old data, used where it lies; the structure becomes
///   `repr(C)`, `Clone` and `Copy`, and its fields have alignment 1: `U64` instead of `u64`;
/// - `#[state(1, growing)]`: in the borsh format, in an account as large as what it holds, so that
///   lists and texts need no `#[max(n)]`;
/// - `#[state(untagged)]`, `#[state(untagged, pod)]`: nothing but the fields.
///
/// The structure becomes `Debug`.
///
/// The program's address has to be in scope as `ID`, as it is inside of `#[program]`.
///
/// ```
/// # mod price {
/// use lockstep_sdk::prelude::*;
///
/// # pub const ID: Address = Address::new_from_array([9; 32]);
/// #[state(1, pod)]
/// pub struct Price {
///     pub lamports: U64,
/// }
///
/// #[state(2)]
/// pub struct Name {
///     #[max(32)]
///     pub text: String,
/// }
/// # }
/// # use {lockstep_sdk::prelude::*, price::*};
///
/// # fn main() {
/// // Behind discriminator and bump seed: 8 bytes; a count in 4 bytes, and 32.
/// assert_eq!([Price::SIZE, Name::SIZE], [10, 38]);
/// # }
/// ```
#[proc_macro_attribute]
pub fn state(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as state::Arguments);
    let item = parse_macro_input!(item as DeriveInput);
    common::finish(state::expand(&arguments, item))
}

/// Makes a structure or enum an event of this discriminator: `#[event(1)]`. It becomes `Debug`.
///
/// The program's address has to be in scope as `ID`, as it is inside of `#[program]`.
///
/// ```
/// # mod vault {
/// use lockstep_sdk::prelude::*;
///
/// # pub const ID: Address = Address::new_from_array([9; 32]);
/// #[event(1)]
/// pub struct Deposited {
///     pub lamports: u64,
/// }
///
/// pub fn deposited(context: &mut Context<'_, '_>, lamports: u64) -> Result {
///     Deposited { lamports }.emit(context)
/// }
/// # }
/// # use {lockstep_sdk::prelude::*, vault::*};
///
/// # fn main() {
/// assert_eq!(Deposited::DISCRIMINATOR, 1);
/// # }
/// ```
#[proc_macro_attribute]
pub fn event(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let discriminator = parse_macro_input!(arguments as syn::LitInt);
    let item = parse_macro_input!(item as DeriveInput);
    common::finish(event::expand(&discriminator, item))
}

/// Makes a module a program: `#[program(id = "base58 address")]`.
///
/// Functions with `#[instruction(0)]` are its instructions. The discriminator is a byte, or several
/// as `b".."` or `[1, 2]`; `compute_units = 500` sets what the instruction costs. Such a function
/// takes the accounts, then the context if it needs it, then at most 12 arguments that the client
/// sends: `fn deposit(accounts: &Deposit<'_>, context: &mut Context<'_, '_>, lamports: u64) ->
/// Result`. One that returns `Result<T>` leaves a `T` for its caller.
///
/// The module `vault` gets the constant `ID`, the type `VaultProgram` with the constant
/// `DESCRIPTION`, the module `call` with a function for each instruction that makes a client's
/// call, and the module `invoke` with one that calls it from another program.
///
/// ```
/// #[lockstep_sdk::program(id = "Greet11111111111111111111111111111111111111")]
/// pub mod greeter {
///     use lockstep_sdk::prelude::*;
///
///     #[derive(Accounts)]
///     pub struct Greet<'a> {
///         pub visitor: Signer<'a>,
///     }
///
///     #[instruction(7, compute_units = 100)]
///     pub fn greet(_: &Greet<'_>, context: &mut Context<'_, '_>, times: u8) -> Result {
///         context.log(|| format!("hello, {times} times"));
///         Ok(())
///     }
/// }
///
/// # fn main() {
/// use lockstep_sdk::prelude::Address;
/// let visitor = Address::new_from_array([1; 32]);
/// let call = greeter::call::greet(&greeter::GreetAddresses { visitor }, 3);
/// assert_eq!((call.program, call.data), (greeter::ID, vec![7, 3]));
/// assert_eq!(greeter::GreeterProgram::DESCRIPTION.name, "greeter");
/// # }
/// ```
#[proc_macro_attribute]
pub fn program(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as program::Arguments);
    let item = parse_macro_input!(item as ItemMod);
    common::finish(program::expand(&arguments, item))
}
