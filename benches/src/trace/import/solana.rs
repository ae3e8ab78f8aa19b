//! A block of `getBlock` into transactions with their accounts, in any encoding that has them.
//!
//! | encoding | the accounts and their rights come from |
//! |---|---|
//! | `json` | the message's header, and the addresses that its lookups loaded |
//! | `jsonParsed`, `accounts` | the list of accounts |
//! | `base58`, `base64` | the wire bytes, and the addresses that its lookups loaded |
//!
//! Solana's runtime takes the right to write from sysvars and built-in programs, and from invoked
//! programs unless the upgradeable loader is among the accounts. So does this.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::Address;
use lockstep_interface::address::{RESERVED, program_ids};
use lockstep_runtime::wire::TransactionView;
use serde_json::Value;

use super::{ImportError, ImportOptions, shortened};
use crate::trace::{TraceBlock, TraceTransaction};

/// First byte of the data of a compute-budget instruction that sets the limit, and the price.
const SET_LIMIT: u8 = 2;
const SET_PRICE: u8 = 3;
/// Micro-lamports of a lamport.
const MICRO_LAMPORTS: u64 = 1_000_000;

/// What a transaction says, in whatever encoding it was.
#[derive(Default)]
struct Parts {
    signature: Option<String>,
    /// Accounts in message order, and whether the message asks to write them.
    keys: Vec<(Address, bool)>,
    /// Program and data of each instruction of the top level.
    calls: Vec<(Address, Vec<u8>)>,
    cu_limit: Option<u64>,
    cu_price: Option<u64>,
    /// Whether it takes accounts out of lookup tables.
    has_lookups: bool,
}

/// Reads the block.
pub(super) fn block(value: &Value, options: &ImportOptions) -> Result<TraceBlock, ImportError> {
    let transactions = value["transactions"].as_array();
    let transactions = transactions.ok_or(ImportError::Shape("`transactions` that is no list"))?;
    let parent = value["parentSlot"].as_u64();
    let number = options.slot.or(parent.map(|slot| slot.saturating_add(1)));
    let number = number.unwrap_or_default();
    let rows = transactions.iter().enumerate().map(|(place, value)| {
        let wrong = |(expected, found): Wrong| ImportError::Transaction {
            transaction: place,
            expected,
            found: shortened(&found),
        };
        let parts = parts(value).map_err(wrong)?;
        Ok(transaction(number, place, parts, &value["meta"]))
    });
    Ok(TraceBlock {
        number,
        transactions: rows.collect::<Result<_, ImportError>>()?,
    })
}

/// What was expected, and what was found.
type Wrong = (&'static str, Value);

fn wrong<T>(expected: &'static str, found: &Value) -> Result<T, Wrong> {
    Err((expected, found.clone()))
}

fn parts(value: &Value) -> Result<Parts, Wrong> {
    let transaction = &value["transaction"];
    let mut parts = match transaction {
        Value::String(text) => wire_parts(&base58(text, transaction)?, transaction)?,
        Value::Array(pair) => {
            let text = pair.first().and_then(Value::as_str).unwrap_or_default();
            let bytes = match pair.get(1).and_then(Value::as_str) {
                Some("base64") => {
                    let bytes = BASE64_STANDARD.decode(text);
                    bytes.or_else(|_| wrong("a transaction in base64", transaction))?
                }
                Some("base58") => base58(text, transaction)?,
                _ => return wrong("a transaction in base58 or base64", transaction),
            };
            wire_parts(&bytes, transaction)?
        }
        Value::Object(_) => json_parts(transaction)?,
        _ => return wrong("`transaction`", transaction),
    };
    add_loaded(&mut parts, value)?;
    for (program, data) in &parts.calls {
        if *program != program_ids::COMPUTE_BUDGET {
            continue;
        }
        match data.split_first() {
            Some((&SET_LIMIT, rest)) => {
                let limit = rest.first_chunk().copied().map(u32::from_le_bytes);
                parts.cu_limit = limit.map(u64::from);
            }
            Some((&SET_PRICE, rest)) => {
                parts.cu_price = rest.first_chunk().copied().map(u64::from_le_bytes);
            }
            _ => {}
        }
    }
    Ok(parts)
}

fn base58(text: &str, found: &Value) -> Result<Vec<u8>, Wrong> {
    let bytes = bs58::decode(text).into_vec();
    bytes.or_else(|_| wrong("a transaction in base58", found))
}

/// The parts of wire bytes, without what lookups load.
fn wire_parts(bytes: &[u8], found: &Value) -> Result<Parts, Wrong> {
    let Ok(view) = TransactionView::parse(bytes) else {
        return wrong("the wire bytes of a transaction", found);
    };
    let keys = view.static_keys().iter().enumerate();
    let keys = keys.map(|(place, key)| {
        let is_written = view.is_writable_static(place);
        (Address::new_from_array(*key), is_written)
    });
    let signature = view.signatures().first();
    let config = view.config();
    let cu_limit = config.compute_unit_limit.map(u64::from);
    // A v1 message names the whole fee, which stands for a price at its limit.
    let price = config.priority_fee.zip(cu_limit).and_then(|(fee, limit)| {
        let micro = fee.saturating_mul(MICRO_LAMPORTS);
        micro.checked_div(limit)
    });
    Ok(Parts {
        signature: signature.map(|signature| bs58::encode(signature).into_string()),
        keys: keys.collect(),
        calls: view
            .instructions()
            .filter_map(|call| {
                let program = view.static_key(usize::from(call.program_index))?;
                Some((program, call.data.to_vec()))
            })
            .collect(),
        cu_limit,
        cu_price: price,
        has_lookups: view.lookups().len() > 0,
    })
}

/// The parts of a transaction in JSON, without what lookups load.
fn json_parts(transaction: &Value) -> Result<Parts, Wrong> {
    let message = transaction.get("message").unwrap_or(transaction);
    let Some(list) = message["accountKeys"].as_array() else {
        return wrong("`accountKeys`, a list", &message["accountKeys"]);
    };
    let rights = Rights::of(&message["header"], list.len());
    let mut keys = Vec::with_capacity(list.len());
    for (place, key) in list.iter().enumerate() {
        let text = key.as_str().or_else(|| key["pubkey"].as_str());
        let Some(address) = text.and_then(|text| text.parse().ok()) else {
            return wrong("an address in base58", key);
        };
        let is_written = match (key["writable"].as_bool(), &rights) {
            (Some(is_written), _) => is_written,
            (None, Some(rights)) => rights.may_write(place),
            (None, None) => return wrong("`header` with three numbers", &message["header"]),
        };
        keys.push((address, is_written));
    }
    let mut calls = Vec::new();
    for call in message["instructions"].as_array().into_iter().flatten() {
        let program = match call["programIdIndex"].as_u64() {
            Some(place) => usize::try_from(place)
                .ok()
                .and_then(|place| Some(keys.get(place)?.0)),
            None => call["programId"]
                .as_str()
                .and_then(|text| text.parse().ok()),
        };
        let Some(program) = program else {
            return wrong("an instruction with its program", call);
        };
        let data = call["data"].as_str().unwrap_or_default();
        calls.push((program, bs58::decode(data).into_vec().unwrap_or_default()));
    }
    let signature = transaction["signatures"][0].as_str();
    let lookups = message["addressTableLookups"].as_array();
    Ok(Parts {
        has_lookups: lookups.is_some_and(|lookups| !lookups.is_empty()),
        signature: signature.map(str::to_owned),
        keys,
        calls,
        ..Parts::default()
    })
}

/// Which places a message asks to write.
struct Rights {
    signers: usize,
    /// Signers from here on are read-only.
    writable_signers: usize,
    /// Others from here on are.
    writable_end: usize,
}

impl Rights {
    fn of(header: &Value, key_count: usize) -> Option<Self> {
        let number = |name: &str| usize::try_from(header[name].as_u64()?).ok();
        let signers = number("numRequiredSignatures")?;
        let readonly = number("numReadonlyUnsignedAccounts")?;
        Some(Self {
            signers,
            writable_signers: signers.checked_sub(number("numReadonlySignedAccounts")?)?,
            writable_end: key_count.checked_sub(readonly)?,
        })
    }

    fn may_write(&self, place: usize) -> bool {
        match place < self.signers {
            true => place < self.writable_signers,
            false => place < self.writable_end,
        }
    }
}

/// Adds what lookups have loaded, which the results say.
fn add_loaded(parts: &mut Parts, value: &Value) -> Result<(), Wrong> {
    let transaction = &value["transaction"];
    // A list of accounts with sources has them already.
    let is_listed = transaction["message"]["accountKeys"][0].is_object()
        || transaction["accountKeys"].is_array();
    if is_listed {
        return Ok(());
    }
    let loaded = &value["meta"]["loadedAddresses"];
    for (name, is_written) in [("writable", true), ("readonly", false)] {
        for key in loaded[name].as_array().into_iter().flatten() {
            match key.as_str().and_then(|text| text.parse().ok()) {
                Some(address) => parts.keys.push((address, is_written)),
                None => return wrong("an address in base58", key),
            }
        }
    }
    if parts.has_lookups && !loaded.is_object() {
        return wrong("`loadedAddresses` of its lookups in `meta`", &value["meta"]);
    }
    Ok(())
}

fn transaction(slot: u64, place: usize, parts: Parts, meta: &Value) -> TraceTransaction {
    let has_loader = parts
        .keys
        .iter()
        .any(|(key, _)| *key == program_ids::UPGRADEABLE_LOADER);
    let is_program = |key: &Address| parts.calls.iter().any(|(program, _)| program == key);
    let (mut writes, mut reads): (Vec<Address>, Vec<Address>) = Default::default();
    for (key, asks) in &parts.keys {
        let is_demoted = RESERVED.contains(key) || (is_program(key) && !has_loader);
        let list = match asks & !is_demoted {
            true => &mut writes,
            false => &mut reads,
        };
        list.push(*key);
    }
    let mut programs: Vec<Address> = Vec::new();
    for (program, _) in &parts.calls {
        if !programs.contains(program) {
            programs.push(*program);
        }
    }
    let failure = &meta["err"];
    TraceTransaction {
        slot,
        index: u64::try_from(place).unwrap_or(u64::MAX),
        signature: parts.signature,
        is_vote: programs == [program_ids::VOTE],
        writes,
        reads,
        programs,
        cu: meta["computeUnitsConsumed"].as_u64(),
        cu_limit: parts.cu_limit,
        cu_price: parts.cu_price,
        fee: meta["fee"].as_u64(),
        failure: (!failure.is_null()).then(|| failure.to_string()),
        ..TraceTransaction::default()
    }
}
