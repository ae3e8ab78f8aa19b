//! Accounts and instructions of the standard programs as JSON that people read, in the form of
//! Solana's `jsonParsed`.
//!
//! What is not known, or is not what its program makes, is left as it is.

mod account_json;
mod accounts;
mod associated;
mod instructions;
mod lookup_table;
mod system;
mod token;

use lockstep_interface::Address;
use serde_json::{Value, json};

pub use account_json::{AccountJsonError, account_of_json};
pub(crate) use accounts::parse_account;
pub(crate) use instructions::{Call, parse_instruction};

/// A kind and its fields.
fn typed(kind: &str, info: Value) -> Value {
    json!({ "type": kind, "info": info })
}

/// An instruction of a standard program: the program's name, and what it was asked to do. `None`
/// for any other. `program` and `accounts` are places among `keys`, the transaction's accounts.
pub fn explain_instruction(
    keys: &[Address],
    program: u8,
    accounts: &[u8],
    data: &[u8],
) -> Option<(&'static str, Value)> {
    parse_instruction(&Call {
        keys,
        program,
        accounts,
        data,
    })
}

/// An amount of tokens.
pub(crate) fn token_amount(amount: u64, decimals: u8) -> Value {
    let text = lockstep_programs::token::amount_to_text(amount, decimals);
    json!({
        "amount": amount.to_string(),
        "decimals": decimals,
        "uiAmount": text.parse::<f64>().ok(),
        "uiAmountString": text,
    })
}
