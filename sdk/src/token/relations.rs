//! What `#[account(..)]` writes for token accounts and mints: creation and checks.

use crate::{
    Result,
    account::Handle,
    interface::{
        AccountMeta, Address, InstructionError, InstructionRef, InvokeContext,
        address::program_ids, context::Rule,
    },
    token::{TokenRelations, associated_address},
    violation::Violation,
};

const INITIALIZE_ACCOUNT_3: u8 = 18;
const INITIALIZE_MINT_2: u8 = 20;
/// Bytes of the longest call: kind, decimals, authority, tag, freeze authority.
const DATA_SIZE_MAX: usize = 1 + 1 + 32 + 1 + 32;

/// Puts a new account of 165 bytes in use.
///
/// # Errors
/// What the Token program reports.
#[doc(hidden)]
pub fn initialize_account(
    context: &mut InvokeContext<'_, '_>,
    account: Handle<'_>,
    mint: &Address,
    authority: &Address,
) -> Result {
    let accounts = [
        AccountMeta::writable(*account.address(), false),
        AccountMeta::readonly(*mint, false),
    ];
    let mut data = [INITIALIZE_ACCOUNT_3; 33];
    data[1..].copy_from_slice(authority.as_array());
    context.invoke(InstructionRef {
        program: &program_ids::TOKEN,
        accounts: &accounts,
        data: &data,
    })
}

/// Puts a new account of 82 bytes in use.
///
/// # Errors
/// What the Token program reports.
#[doc(hidden)]
pub fn initialize_mint(
    context: &mut InvokeContext<'_, '_>,
    account: Handle<'_>,
    decimals: u8,
    authority: &Address,
    freeze: Option<&Address>,
) -> Result {
    let accounts = [AccountMeta::writable(*account.address(), false)];
    let mut data = [0; DATA_SIZE_MAX];
    data[0] = INITIALIZE_MINT_2;
    data[1] = decimals;
    data[2..34].copy_from_slice(authority.as_array());
    if let Some(freeze) = freeze {
        data[34] = 1;
        data[35..].copy_from_slice(freeze.as_array());
    }
    let size = if freeze.is_some() { DATA_SIZE_MAX } else { 35 };
    context.invoke(InstructionRef {
        program: &program_ids::TOKEN,
        accounts: &accounts,
        data: &data[..size],
    })
}

/// Creates the account that is associated with `authority` and `mint`.
///
/// # Errors
/// What the Associated Token Account program reports.
#[doc(hidden)]
pub fn create_associated(
    context: &mut InvokeContext<'_, '_>,
    payer: Handle<'_>,
    account: Handle<'_>,
    authority: &Address,
    mint: &Address,
) -> Result {
    let accounts = [
        AccountMeta::writable(*payer.address(), true),
        AccountMeta::writable(*account.address(), false),
        AccountMeta::readonly(*authority, false),
        AccountMeta::readonly(*mint, false),
        AccountMeta::readonly(program_ids::SYSTEM, false),
        AccountMeta::readonly(program_ids::TOKEN, false),
    ];
    context.invoke(InstructionRef {
        program: &program_ids::ASSOCIATED_TOKEN,
        accounts: &accounts,
        data: &[0],
    })
}

/// Fails unless the account is the one that is associated with `authority` and `mint`.
///
/// # Errors
/// `InvalidSeeds`.
#[doc(hidden)]
pub fn check_associated(
    context: &InvokeContext<'_, '_>,
    account: Handle<'_>,
    authority: &Address,
    mint: &Address,
) -> Result {
    let expected = associated_address(authority, mint);
    if *account.address() == expected {
        return Ok(());
    }
    Err(Violation {
        rule: Rule::Seeds,
        error: &InstructionError::InvalidSeeds,
        expected: &format_args!("{expected}, the associated account of {authority} and {mint}"),
        got: account.address(),
    }
    .of_account(context, account))
}

/// Fails unless the state names this address as its `word`: `mint` or `authority`.
///
/// # Errors
/// `IncorrectAuthority`.
#[doc(hidden)]
pub fn check_named<T: TokenRelations>(
    context: &InvokeContext<'_, '_>,
    account: Handle<'_>,
    state: &T,
    word: &str,
    expected: &Address,
) -> Result {
    let found = match word {
        "mint" => state.mint(),
        _ => state.authority(),
    };
    if found == Some(expected) {
        return Ok(());
    }
    let got = std::fmt::from_fn(|formatter| match found {
        Some(found) => write!(formatter, "{found}"),
        None => formatter.write_str("none"),
    });
    Err(Violation {
        rule: Rule::HasOne,
        error: &InstructionError::IncorrectAuthority,
        expected: &format_args!("{expected} as `{word}`"),
        got: &got,
    }
    .of_account(context, account))
}

/// Fails unless the mint has this number of decimals.
///
/// # Errors
/// `InvalidArgument`.
#[doc(hidden)]
pub fn check_decimals<T: TokenRelations>(
    context: &InvokeContext<'_, '_>,
    account: Handle<'_>,
    state: &T,
    expected: u8,
) -> Result {
    let found = state.decimals().unwrap_or(0);
    if found == expected {
        return Ok(());
    }
    Err(Violation {
        rule: Rule::Check,
        error: &InstructionError::InvalidArgument,
        expected: &format_args!("decimals == {expected}"),
        got: &format_args!("it has {found} decimals"),
    }
    .of_account(context, account))
}
