//! Blocks as nodes give them, into recorded blocks: what a trace file holds.
//!
//! ```text
//! getBlock JSON (Solana) ------------------> solana   --+
//!                                                       +-> TraceBlock -> write -> trace file
//! block access list (Ethereum), JSON, RLP -> ethereum --+
//! ```
//! A file may hold the answer of a node as it came, or the block that is in it.

mod ethereum;
mod solana;

use lockstep_interface::Address;
use serde_json::Value;
use thiserror::Error;

use super::TraceBlock;

/// Which chain a block is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChainKind {
    /// Solana, or a node that answers as it does.
    Solana,
    /// Ethereum with block access lists (EIP-7928).
    Ethereum,
}

/// How a block is read.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The block's number. Without one a Solana block counts as one slot above its parent, and an
    /// Ethereum block as number 0.
    pub slot: Option<u64>,
    /// The account that an Ethereum block pays its fees to. Nearly every transaction credits it, so
    /// where a transaction changes its balance alone, that is left out.
    pub fee_recipient: Option<Address>,
}

/// Why a block cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The text is neither JSON nor an encoded list.
    #[error("expected the JSON of a block, found text that is none: {0}")]
    Json(#[from] serde_json::Error),
    /// The node answered with an error.
    #[error("expected a block, found the error of a node: {0}")]
    Refused(String),
    /// It is no block of a known shape.
    #[error(
        "expected a block with `transactions` (Solana, getBlock with transactionDetails full or \
         accounts) or a list of accounts with their changes (Ethereum), found {0}"
    )]
    Shape(&'static str),
    /// A part of a transaction is missing or of no use.
    #[error("transaction {transaction}: expected {expected}, found {found}")]
    Transaction {
        /// Its place in the block.
        transaction: usize,
        /// What should be there.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// A part of an access list is missing or of no use.
    #[error("account {account} of the access list: expected {expected}, found {found}")]
    Account {
        /// Its place in the list.
        account: usize,
        /// What should be there.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// The bytes of an access list are no RLP.
    #[error("the access list is no RLP of EIP-7928: {0}")]
    Rlp(String),
}

/// Reads a block. O(size).
///
/// # Errors
/// [`ImportError`], which names the transaction or account.
///
/// ```
/// use lockstep_benches::trace::import::{ChainKind, ImportOptions, import};
///
/// let text = br#"[{"address": "0x00000000000000000000000000000000000000aa",
///     "balanceChanges": [{"blockAccessIndex": "0x1", "postBalance": "0x5"}]}]"#;
/// let (kind, block) = import(text, &ImportOptions::default())?;
/// assert_eq!((kind, block.transactions.len()), (ChainKind::Ethereum, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn import(
    text: &[u8],
    options: &ImportOptions,
) -> Result<(ChainKind, TraceBlock), ImportError> {
    let text = text.trim_ascii();
    if let Some(bytes) = ethereum::encoded(text) {
        let block = ethereum::of_rlp(&bytes, options)?;
        return Ok((ChainKind::Ethereum, block));
    }
    import_value(&serde_json::from_slice(text)?, options)
}

/// The same of JSON that has been read.
///
/// # Errors
/// As [`import`].
pub fn import_value(
    value: &Value,
    options: &ImportOptions,
) -> Result<(ChainKind, TraceBlock), ImportError> {
    if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
        return Err(ImportError::Refused(shortened(error)));
    }
    let value = value.get("result").unwrap_or(value);
    let list = value.get("blockAccessList").unwrap_or(value);
    match list {
        Value::Array(accounts) => {
            let block = ethereum::of_json(accounts, options)?;
            Ok((ChainKind::Ethereum, block))
        }
        Value::String(text) => match ethereum::encoded(text.as_bytes()) {
            Some(bytes) => Ok((ChainKind::Ethereum, ethereum::of_rlp(&bytes, options)?)),
            None => Err(ImportError::Shape("a text")),
        },
        Value::Object(fields) if fields.contains_key("transactions") => {
            Ok((ChainKind::Solana, solana::block(value, options)?))
        }
        Value::Object(_) => Err(ImportError::Shape("an object without `transactions`")),
        Value::Null => Err(ImportError::Shape("null: the node has no such block")),
        _ => Err(ImportError::Shape("a number or a truth value")),
    }
}

/// A value as an error shows it.
fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(super::line::SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests;
