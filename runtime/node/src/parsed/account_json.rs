//! An account out of the JSON that Solana's nodes and tools give.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::Account;
use serde_json::Value;
use thiserror::Error;

/// Bytes of data that an account has at the most (`MAX_PERMITTED_DATA_LENGTH`).
const DATA_SIZE_MAX: usize = 10 << 20;

/// What of an account's JSON cannot be used.
#[derive(Debug, Error)]
#[error("expected {expected}, found {found}")]
pub struct AccountJsonError {
    /// What should be there.
    pub expected: &'static str,
    /// What is there, shortened.
    pub found: String,
}

fn wrong<T>(expected: &'static str, found: &Value) -> Result<T, AccountJsonError> {
    let found = found.to_string().chars().take(60).collect();
    Err(AccountJsonError { expected, found })
}

/// Reads an account: the answer of `getAccountInfo`, as it came or its value alone, or what
/// `solana account --output json` writes. `None` for null, which stands for no account. O(size).
///
/// # Errors
/// If a field is missing or of no use; data in `jsonParsed` are, as they are not whole.
///
/// ```
/// use lockstep_node::account_of_json;
///
/// let json = serde_json::json!({ "context": { "slot": 1 }, "value": {
///     "lamports": 5, "owner": "11111111111111111111111111111111", "data": ["AQI=", "base64"],
///     "executable": false } });
/// let account = account_of_json(&json)?.expect("it is there");
/// assert_eq!((account.lamports, &account.data[..]), (5, &[1, 2][..]));
/// # Ok::<(), lockstep_node::AccountJsonError>(())
/// ```
pub fn account_of_json(value: &Value) -> Result<Option<Account>, AccountJsonError> {
    let mut value = value;
    for name in ["result", "value", "account"] {
        value = value.get(name).unwrap_or(value);
    }
    if value.is_null() {
        return Ok(None);
    }
    let Some(lamports) = value["lamports"].as_u64() else {
        return wrong("an account with `lamports`, a number", value);
    };
    let owner = value["owner"].as_str();
    let Some(owner) = owner.and_then(|text| text.parse().ok()) else {
        return wrong("`owner`, an address in base58", &value["owner"]);
    };
    Ok(Some(Account {
        lamports,
        owner,
        executable: value["executable"].as_bool().unwrap_or(false),
        data: data(&value["data"])?.into(),
    }))
}

fn data(value: &Value) -> Result<Vec<u8>, AccountJsonError> {
    let expected = "`data`, [TEXT, \"base64\"], or in base58 or base64+zstd";
    let (text, encoding) = match value {
        Value::String(text) => (text.as_str(), "base58"),
        Value::Array(pair) => (
            pair.first().and_then(Value::as_str).unwrap_or_default(),
            pair.get(1).and_then(Value::as_str).unwrap_or_default(),
        ),
        _ => return wrong(expected, value),
    };
    let bytes = match encoding {
        "base58" => bs58::decode(text).into_vec().ok(),
        "base64" => BASE64_STANDARD.decode(text).ok(),
        "base64+zstd" => BASE64_STANDARD
            .decode(text)
            .ok()
            .and_then(|packed| zstd::bulk::decompress(&packed, DATA_SIZE_MAX).ok()),
        _ => None,
    };
    match bytes.filter(|bytes| bytes.len() <= DATA_SIZE_MAX) {
        Some(bytes) => Ok(bytes),
        None => wrong(expected, value),
    }
}
