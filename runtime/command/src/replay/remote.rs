//! The stage of a transaction that a node has: its accounts as they are now, with the balances that
//! were recorded put back.
//!
//! What the recording does not tell is taken as it is: data other than amounts of tokens, accounts
//! that were closed since. A blockhash is taken for known, and a nonce for the stored one.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::nonce::NONCE_ACCOUNT_SIZE;
use lockstep_interface::{Account, Address, address::program_ids};
use lockstep_node::account_of_json;
use lockstep_node::client::call;
use lockstep_programs::token::TokenAccount;
use lockstep_runtime::bank::{Genesis, is_written_sysvar};
use lockstep_runtime::chain::{Chain, ChainOptions};
use lockstep_runtime::threads::Threads;
use lockstep_runtime::wire::TransactionView;
use lockstep_store::{MemoryStore, Trie};
use serde_json::{Value, json};

use super::stage::{Recorded, Stage};
use crate::failure::Failure;
use crate::ledger::linked_programs;

/// Accounts of one request.
const ACCOUNTS_MAX: usize = 100;
/// Where a token account has its amount, and a nonce account its nonce.
const AMOUNT_OFFSET: usize = std::mem::offset_of!(TokenAccount, amount);
const NONCE_OFFSET: usize = 40;

pub(super) fn stage(url: &str, signature: &str) -> Result<Stage, Failure> {
    let config = json!({ "encoding": "base64", "maxSupportedTransactionVersion": 1 });
    let found = call(url, "getTransaction", &json!([signature, config])).map_err(Failure::other)?;
    let slot = found["slot"].as_u64();
    let slot = slot.ok_or_else(|| {
        Failure::usage(format!(
            "{url}: the node does not have the transaction {signature}"
        ))
    })?;
    let wrong = |what: &str| Failure::other(format!("{url}: getTransaction has no {what}"));
    let text = found["transaction"][0].as_str();
    let bytes = text.and_then(|text| BASE64_STANDARD.decode(text).ok());
    let bytes = bytes.ok_or_else(|| wrong("transaction in base64"))?;
    let view = TransactionView::parse(&bytes).map_err(Failure::other)?;
    let meta = &found["meta"];
    let keys = keys(&view, meta).ok_or_else(|| wrong("loaded addresses"))?;
    let mut asked = keys.clone();
    asked.extend(
        view.lookups()
            .map(|lookup| Address::new_from_array(*lookup.table)),
    );
    let mut accounts = accounts(url, &asked)?;
    put_back(&mut accounts[..keys.len()], meta);
    let nonce = *view.recent_blockhash();
    for account in &mut accounts {
        put_back_nonce(account, &nonce);
    }
    let options = ChainOptions::new(Threads::new(1).map_err(Failure::other)?);
    let genesis = Genesis::new(Vec::new(), linked_programs()).without_limits();
    let store = Arc::new(MemoryStore::new());
    let chain = Chain::open(store, Trie::default(), genesis, options).map_err(Failure::other)?;
    let (parent, _) = chain.head();
    let has_nonce = accounts.iter().any(is_nonce);
    let bytes = match has_nonce {
        true => bytes,
        false => view.with_blockhash(&parent.to_bytes()),
    };
    let before = asked.into_iter().zip(accounts);
    let before = before.filter(|(address, account)| {
        // Built-in programs are there already, or are not to be had.
        !is_written_sysvar(address) && !account.executable
    });
    Ok(Stage {
        slot: slot.max(1),
        place: None,
        unix_timestamp: found["blockTime"].as_i64().unwrap_or_default(),
        bytes,
        keys,
        recorded: Some(Recorded {
            error: meta["err"].clone(),
            compute_units: meta["computeUnitsConsumed"].as_u64().unwrap_or_default(),
            fee: meta["fee"].as_u64().unwrap_or_default(),
        }),
        is_exact: false,
        chain,
        parent,
        before: before.collect(),
    })
}

/// The accounts in message order.
fn keys(view: &TransactionView<'_>, meta: &Value) -> Option<Vec<Address>> {
    let statics = view.static_keys().iter();
    let mut keys: Vec<Address> = statics.map(|key| Address::new_from_array(*key)).collect();
    for name in ["writable", "readonly"] {
        for key in meta["loadedAddresses"][name]
            .as_array()
            .into_iter()
            .flatten()
        {
            keys.push(key.as_str()?.parse().ok()?);
        }
    }
    (keys.len() == view.account_count()).then_some(keys)
}

/// The accounts as they are now.
fn accounts(url: &str, addresses: &[Address]) -> Result<Vec<Account>, Failure> {
    let mut accounts = Vec::with_capacity(addresses.len());
    for chunk in addresses.chunks(ACCOUNTS_MAX) {
        let texts: Vec<String> = chunk.iter().map(Address::to_string).collect();
        let asked = json!([texts, { "encoding": "base64" }]);
        let answer = call(url, "getMultipleAccounts", &asked).map_err(Failure::other)?;
        let found = answer["value"].as_array().into_iter().flatten();
        let found = found.map(|one| account_of_json(one).map(Option::unwrap_or_default));
        let found = found
            .collect::<Result<Vec<_>, _>>()
            .map_err(Failure::other)?;
        if found.len() != chunk.len() {
            return Err(Failure::other(format!(
                "{url}: getMultipleAccounts answered with {} accounts, expected {}",
                found.len(),
                chunk.len()
            )));
        }
        accounts.extend(found);
    }
    Ok(accounts)
}

/// Gives accounts the lamports and amounts of tokens that were recorded.
fn put_back(accounts: &mut [Account], meta: &Value) {
    let balances = meta["preBalances"].as_array().into_iter().flatten();
    for (account, lamports) in accounts.iter_mut().zip(balances) {
        let lamports = lamports.as_u64().unwrap_or(account.lamports);
        *account = match lamports {
            0 => Account::default(),
            _ => Account {
                lamports,
                ..account.clone()
            },
        };
    }
    for balance in meta["preTokenBalances"].as_array().into_iter().flatten() {
        let place = balance["accountIndex"].as_u64();
        let place = place.and_then(|place| usize::try_from(place).ok());
        let amount = balance["uiTokenAmount"]["amount"].as_str();
        let amount = amount.and_then(|text| text.parse::<u64>().ok());
        let account = place.and_then(|place| accounts.get_mut(place));
        if let (Some(account), Some(amount)) = (account, amount) {
            write(account, AMOUNT_OFFSET, &amount.to_le_bytes());
        }
    }
}

fn is_nonce(account: &Account) -> bool {
    account.owner == program_ids::SYSTEM && account.data.len() == NONCE_ACCOUNT_SIZE
}

/// A nonce account has moved on by the transaction; before it, its nonce was the blockhash.
fn put_back_nonce(account: &mut Account, nonce: &[u8; 32]) {
    if is_nonce(account) {
        write(account, NONCE_OFFSET, nonce);
    }
}

fn write(account: &mut Account, offset: usize, bytes: &[u8]) {
    let mut data = account.data.to_vec();
    let end = offset.saturating_add(bytes.len());
    if let Some(place) = data.get_mut(offset..end) {
        place.copy_from_slice(bytes);
        account.data = data.into();
    }
}
