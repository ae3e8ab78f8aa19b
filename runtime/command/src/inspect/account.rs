//! One account, decoded where its owner is a standard program.

use std::process::ExitCode;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lockstep_interface::address::program_ids;
use lockstep_interface::nonce::{NONCE_ACCOUNT_SIZE, NonceState};
use lockstep_interface::{Account, Address};
use lockstep_programs::lookup_table::{HEADER_SIZE, TableHeader};
use lockstep_programs::token::{Mint, OptionalAddress, TokenAccount, TokenState, amount_to_text};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::table;
use crate::failure::Failure;
use crate::ledger::base58;
use crate::terminal::escaped;
use crate::text::{self, thousands};

#[derive(Serialize)]
struct Report {
    address: String,
    lamports: u64,
    owner: String,
    executable: bool,
    /// In base64.
    data: String,
    /// What the data mean: its `kind` and the fields of that; `None` if that is not known.
    state: Option<Map<String, Value>>,
}

/// Prints an account.
pub(super) fn show(address: &Address, account: &Account, json: bool) -> Result<ExitCode, Failure> {
    let state = state(account);
    if json {
        text::print_json(&Report {
            address: address.to_string(),
            lamports: account.lamports,
            owner: account.owner.to_string(),
            executable: account.executable,
            data: BASE64_STANDARD.encode(&*account.data),
            state,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = vec![
        ("lamports", thousands(account.lamports)),
        ("owner", account.owner.to_string()),
        ("executable", account.executable.to_string()),
        ("data", format!("{} bytes", thousands(account.data.len()))),
    ];
    for (name, value) in state.iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        lines.push((name, escaped(&value).into_owned()));
    }
    text::print(&table(&address.to_string(), &lines))?;
    Ok(ExitCode::SUCCESS)
}

/// What the data of a standard program's account mean.
fn state(account: &Account) -> Option<Map<String, Value>> {
    let data = &account.data;
    let value = match account.owner {
        program_ids::SYSTEM if data.is_empty() => json!({ "kind": "wallet" }),
        program_ids::SYSTEM if data.len() == NONCE_ACCOUNT_SIZE => nonce(data)?,
        program_ids::NATIVE_LOADER => {
            json!({ "kind": "native program", "name": std::str::from_utf8(data).ok()? })
        }
        program_ids::TOKEN => token(data)?,
        program_ids::ADDRESS_LOOKUP_TABLE => lookup_table(data)?,
        _ => return None,
    };
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

fn nonce(data: &[u8]) -> Option<Value> {
    let state = NonceState::decode(data)?;
    Some(match state.data {
        None => json!({ "kind": "nonce", "initialized": false }),
        Some(data) => json!({
            "kind": "nonce",
            "initialized": true,
            "authority": data.authority.to_string(),
            "nonce": base58(&data.durable_nonce),
            "lamports_per_signature": data.lamports_per_signature,
        }),
    })
}

fn token(data: &[u8]) -> Option<Value> {
    let optional = |address: &OptionalAddress| address.get().map(Address::to_string);
    if let Ok(mint) = Mint::read(data) {
        return Some(json!({
            "kind": "mint",
            "supply": amount_to_text(mint.supply.get(), mint.decimals),
            "decimals": mint.decimals,
            "mint_authority": optional(&mint.mint_authority),
            "freeze_authority": optional(&mint.freeze_authority),
        }));
    }
    let account = TokenAccount::read(data).ok()?;
    Some(json!({
        "kind": "token account",
        "mint": account.mint.to_string(),
        "holder": account.owner.to_string(),
        "amount": account.amount.get(),
        "frozen": account.is_frozen(),
        "native": account.is_native(),
        "delegate": optional(&account.delegate),
        "close_authority": optional(&account.close_authority),
    }))
}

fn lookup_table(data: &[u8]) -> Option<Value> {
    let (header, _) = TableHeader::decode(data).ok()?;
    let addresses = data.get(HEADER_SIZE..)?.as_chunks::<32>().0.iter();
    let addresses = addresses.map(|bytes| Address::new_from_array(*bytes).to_string());
    Some(json!({
        "kind": "lookup table",
        "active": header.is_active(),
        "authority": header.authority.map(|authority| authority.to_string()),
        "addresses": addresses.collect::<Vec<_>>(),
    }))
}
