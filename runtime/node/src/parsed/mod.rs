//! Accounts and instructions of the standard programs as JSON that people read, in the form of
//! Solana's `jsonParsed`.
//!
//! What is not known, or is not what its program makes, is left as it is.

mod accounts;
mod associated;
mod instructions;
mod lookup_table;
mod system;
mod token;

use serde_json::{Value, json};

pub(crate) use accounts::parse_account;
pub(crate) use instructions::{Call, parse_instruction};

/// A kind and its fields.
fn typed(kind: &str, info: Value) -> Value {
    json!({ "type": kind, "info": info })
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
