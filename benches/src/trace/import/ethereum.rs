//! A block access list (EIP-7928) into the accounts that each transaction changes.
//!
//! The list has for each account its changes, each with the index of the transaction that made it:
//! 0 is what comes before the first one, n + 1 what comes behind the last of n. Reads stand in it
//! for the whole block only, so that no transaction has any.
//!
//! ```text
//! [address, [[slot, [[index, value]]]], [slot read], [[index, balance]], [[index, nonce]],
//!  [[index, code]]]                                                   one account in RLP
//! ```
//! The last index of a list may be that of work behind the last transaction. Nothing in the list
//! tells it from one of a transaction, and it is kept as such.

use std::collections::BTreeMap;

use alloy_rlp::{Decodable as _, Header};
use lockstep_interface::Address;
use serde_json::Value;

use super::{ImportError, ImportOptions, shortened};
use crate::trace::line::parse_address;
use crate::trace::{TraceBlock, TraceTransaction};

/// Names of the fields of an account that hold changes, and of an index, in JSON of several
/// clients.
const CHANGES: [&str; 4] = [
    "storageChanges",
    "balanceChanges",
    "nonceChanges",
    "codeChanges",
];
const INDEX: [&str; 5] = [
    "blockAccessIndex",
    "txIndex",
    "transactionIndex",
    "index",
    "block_access_index",
];
/// Fields of an account in RLP.
const ACCOUNT_FIELD_COUNT: usize = 6;

/// The accounts that each transaction changes, by index, and whether more than the balance.
type Changes = BTreeMap<u64, Vec<(Address, bool)>>;

/// The bytes of a list in RLP: as they are, or in hexadecimal. `None` for what is JSON.
pub(super) fn encoded(text: &[u8]) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix(b"0x") {
        return hex::decode(digits).ok();
    }
    // A list of RLP begins with a byte that no text does.
    (*text.first()? >= alloy_rlp::EMPTY_LIST_CODE).then(|| text.to_vec())
}

/// Reads a list in JSON.
pub(super) fn of_json(
    accounts: &[Value],
    options: &ImportOptions,
) -> Result<TraceBlock, ImportError> {
    let mut changes = Changes::new();
    for (place, account) in accounts.iter().enumerate() {
        let wrong = |expected: &'static str, found: &Value| ImportError::Account {
            account: place,
            expected,
            found: shortened(found),
        };
        let address = account["address"].as_str().and_then(parse_address);
        let address =
            address.ok_or_else(|| wrong("`address`, 0x and 40 digits", &account["address"]))?;
        for name in CHANGES {
            let listed = account.get(name).or_else(|| account.get(snake(name)));
            for change in listed.and_then(Value::as_array).into_iter().flatten() {
                // Changes of storage are listed by slot.
                let slots = change.get("slotChanges").or_else(|| change.get("changes"));
                let slots = slots.or_else(|| change.get("slot_changes"));
                let single = std::slice::from_ref(change);
                let all = slots
                    .and_then(Value::as_array)
                    .map_or(single, Vec::as_slice);
                for one in all {
                    let index = INDEX.iter().find_map(|name| one.get(*name));
                    let index = index.and_then(number);
                    let index = index.ok_or_else(|| wrong("a change with its index", one))?;
                    note(&mut changes, index, address, name == "balanceChanges");
                }
            }
        }
    }
    Ok(block(changes, options))
}

fn snake(name: &str) -> String {
    name.replace("Changes", "_changes")
}

fn number(value: &Value) -> Option<u64> {
    let text = value.as_str();
    let digits = text.and_then(|text| text.strip_prefix("0x"));
    let parsed = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    value.as_u64().or(parsed)
}

/// Reads a list in RLP.
pub(super) fn of_rlp(bytes: &[u8], options: &ImportOptions) -> Result<TraceBlock, ImportError> {
    let mut changes = Changes::new();
    for (place, mut account) in items(bytes)?.into_iter().enumerate() {
        let wrong = |expected: &'static str, found: String| ImportError::Account {
            account: place,
            expected,
            found,
        };
        let fields = items_in(&mut account)?;
        let [address, storage, _, balances, nonces, codes] = fields.as_slice() else {
            let found = format!("{} fields", fields.len());
            return Err(wrong("an account of 6 fields", found));
        };
        let bytes = <[u8; 20]>::decode(&mut &**address).map_err(rlp)?;
        let text = format!("0x{}", hex::encode(bytes));
        let address = parse_address(&text).ok_or_else(|| wrong("an address", text))?;
        for slot in items(storage)? {
            let parts = items(slot)?;
            let listed = parts.get(1).copied();
            let listed = listed.ok_or_else(|| wrong("a slot with changes", "none".to_owned()))?;
            note_rlp(&mut changes, listed, address, false)?;
        }
        for (listed, is_balance) in [(balances, true), (nonces, false), (codes, false)] {
            note_rlp(&mut changes, listed, address, is_balance)?;
        }
        debug_assert_eq!(fields.len(), ACCOUNT_FIELD_COUNT);
    }
    Ok(block(changes, options))
}

fn note_rlp(
    changes: &mut Changes,
    listed: &[u8],
    address: Address,
    is_balance: bool,
) -> Result<(), ImportError> {
    for change in items(listed)? {
        let parts = items(change)?;
        let mut index = parts.first().copied().unwrap_or_default();
        let index = u64::decode(&mut index).map_err(rlp)?;
        note(changes, index, address, is_balance);
    }
    Ok(())
}

/// The items of an encoded list, each with its header.
fn items(mut bytes: &[u8]) -> Result<Vec<&[u8]>, ImportError> {
    items_in(&mut bytes)
}

fn items_in<'a>(bytes: &mut &'a [u8]) -> Result<Vec<&'a [u8]>, ImportError> {
    let mut rest = Header::decode_bytes(bytes, true).map_err(rlp)?;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let start = rest;
        Header::decode_raw(&mut rest).map_err(rlp)?;
        let size = start.len().saturating_sub(rest.len());
        found.push(start.get(..size).unwrap_or_default());
    }
    Ok(found)
}

fn rlp(error: alloy_rlp::Error) -> ImportError {
    ImportError::Rlp(error.to_string())
}

fn note(changes: &mut Changes, index: u64, address: Address, is_balance: bool) {
    let accounts = changes.entry(index).or_default();
    match accounts.iter_mut().find(|(known, _)| *known == address) {
        Some((_, is_more)) => *is_more |= !is_balance,
        None => accounts.push((address, !is_balance)),
    }
}

fn block(changes: Changes, options: &ImportOptions) -> TraceBlock {
    let slot = options.slot.unwrap_or_default();
    let transactions = changes.into_iter().filter(|(index, _)| *index > 0);
    let transactions = transactions.map(|(index, accounts)| {
        let kept = accounts.into_iter().filter(|(address, is_more)| {
            let is_credit = Some(*address) == options.fee_recipient && !is_more;
            !is_credit
        });
        TraceTransaction {
            slot,
            index: index.saturating_sub(1),
            writes: kept.map(|(address, _)| address).collect(),
            ..TraceTransaction::default()
        }
    });
    TraceBlock {
        number: slot,
        transactions: transactions.collect(),
    }
}
