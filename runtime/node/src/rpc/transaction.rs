//! Transactions in the encodings that clients ask for.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{
    Address,
    address::{RESERVED, program_ids},
};
use lockstep_runtime::wire::{TransactionView, Version};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::RpcError;
use crate::{
    content::{InnerCall, TokenBalance, TransactionMeta, account_keys, signature_of},
    parsed::{Call, parse_instruction, token_amount},
};

/// How transactions are encoded.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(crate) enum TransactionEncoding {
    /// Base58 without its name.
    #[serde(rename = "binary")]
    Binary,
    /// Base58.
    #[serde(rename = "base58")]
    Base58,
    /// Base64.
    #[serde(rename = "base64")]
    Base64,
    /// Its parts.
    #[default]
    #[serde(rename = "json")]
    Json,
    /// Its parts, those for the standard programs explained.
    #[serde(rename = "jsonParsed")]
    JsonParsed,
}

/// How a transaction is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) encoding: TransactionEncoding,
    /// The newest version that the client knows; legacy ones alone if `None`.
    pub(crate) version_max: Option<u8>,
}

/// Knows the decimals of a mint.
pub(crate) type Decimals<'d> = dyn FnMut(&Address) -> Option<u8> + 'd;

impl Shown {
    /// Transaction, results and version as JSON.
    ///
    /// # Errors
    /// If the client does not know transactions of its version.
    pub(crate) fn whole(
        &self,
        view: &TransactionView<'_>,
        meta: &TransactionMeta,
        decimals: &mut Decimals<'_>,
    ) -> Result<Map<String, Value>, RpcError> {
        let keys = account_keys(view, meta);
        let mut shown = Map::new();
        self.add_version(view, &mut shown)?;
        let bytes = view.bytes();
        let transaction = match self.encoding {
            TransactionEncoding::Binary => bs58::encode(bytes).into_string().into(),
            TransactionEncoding::Base58 => json!([bs58::encode(bytes).into_string(), "base58"]),
            TransactionEncoding::Base64 => json!([BASE64_STANDARD.encode(bytes), "base64"]),
            TransactionEncoding::Json => json!({
                "signatures": signatures(view),
                "message": plain_message(view),
            }),
            TransactionEncoding::JsonParsed => json!({
                "signatures": signatures(view),
                "message": parsed_message(view, meta, &keys),
            }),
        };
        shown.insert("transaction".to_owned(), transaction);
        let is_parsed = self.encoding == TransactionEncoding::JsonParsed;
        shown.insert("meta".to_owned(), results(meta, &keys, is_parsed, decimals));
        Ok(shown)
    }

    /// The accounts alone, and the results that are about them.
    ///
    /// # Errors
    /// As [`Shown::whole`].
    pub(crate) fn accounts(
        &self,
        view: &TransactionView<'_>,
        meta: &TransactionMeta,
        decimals: &mut Decimals<'_>,
    ) -> Result<Map<String, Value>, RpcError> {
        let keys = account_keys(view, meta);
        let mut shown = Map::new();
        self.add_version(view, &mut shown)?;
        let transaction = json!({
            "signatures": signatures(view),
            "accountKeys": parsed_keys(view, &keys),
        });
        shown.insert("transaction".to_owned(), transaction);
        shown.insert("meta".to_owned(), balances(meta, decimals).into());
        Ok(shown)
    }

    fn add_version(
        &self,
        view: &TransactionView<'_>,
        shown: &mut Map<String, Value>,
    ) -> Result<(), RpcError> {
        let number = match view.version() {
            Version::Legacy => None,
            Version::V0 => Some(0),
            Version::V1 => Some(1),
        };
        match (number, self.version_max) {
            (Some(number), max) if max.is_none_or(|max| number > max) => {
                return Err(RpcError::Version(number));
            }
            (_, None) => {}
            (None, Some(_)) => {
                shown.insert("version".to_owned(), "legacy".into());
            }
            (Some(number), Some(_)) => {
                shown.insert("version".to_owned(), number.into());
            }
        }
        Ok(())
    }
}

/// The first signature as text.
pub(crate) fn signature_text(view: &TransactionView<'_>) -> String {
    bs58::encode(signature_of(view)).into_string()
}

fn signatures(view: &TransactionView<'_>) -> Vec<String> {
    let signatures = view.signatures().iter();
    signatures
        .map(|signature| bs58::encode(signature).into_string())
        .collect()
}

fn blockhash(view: &TransactionView<'_>) -> String {
    Address::new_from_array(*view.recent_blockhash()).to_string()
}

fn table_lookups(view: &TransactionView<'_>) -> Value {
    let lookups = view.lookups().map(|lookup| {
        json!({
            "accountKey": Address::new_from_array(*lookup.table).to_string(),
            "writableIndexes": lookup.writable,
            "readonlyIndexes": lookup.readonly,
        })
    });
    lookups.collect::<Vec<_>>().into()
}

fn plain_message(view: &TransactionView<'_>) -> Value {
    let keys = view.static_keys().iter();
    let keys = keys.map(|key| Address::new_from_array(*key).to_string());
    let instructions = view.instructions().map(|instruction| {
        json!({
            "programIdIndex": instruction.program_index,
            "accounts": instruction.accounts,
            "data": bs58::encode(instruction.data).into_string(),
            "stackHeight": 1,
        })
    });
    let mut message = json!({
        "header": {
            "numRequiredSignatures": view.required_signatures(),
            "numReadonlySignedAccounts": view.readonly_signed(),
            "numReadonlyUnsignedAccounts": view.readonly_unsigned(),
        },
        "accountKeys": keys.collect::<Vec<_>>(),
        "recentBlockhash": blockhash(view),
        "instructions": instructions.collect::<Vec<_>>(),
    });
    if view.version() == Version::V0 {
        message["addressTableLookups"] = table_lookups(view);
    }
    message
}

fn parsed_message(view: &TransactionView<'_>, _meta: &TransactionMeta, keys: &[Address]) -> Value {
    let instructions = view.instructions().map(|instruction| {
        let call = Call {
            keys,
            program: instruction.program_index,
            accounts: instruction.accounts,
            data: instruction.data,
        };
        parsed_call(&call, 1)
    });
    let mut message = json!({
        "accountKeys": parsed_keys(view, keys),
        "recentBlockhash": blockhash(view),
        "instructions": instructions.collect::<Vec<_>>(),
    });
    if view.version() == Version::V0 {
        message["addressTableLookups"] = table_lookups(view);
    }
    message
}

fn parsed_call(call: &Call<'_>, depth: u8) -> Value {
    let address = |place: u8| {
        let key = call.keys.get(usize::from(place));
        key.map(ToString::to_string).unwrap_or_default()
    };
    let program_id = address(call.program);
    match parse_instruction(call) {
        Some((program, parsed)) => json!({
            "program": program,
            "programId": program_id,
            "parsed": parsed,
            "stackHeight": depth,
        }),
        None => json!({
            "programId": program_id,
            "accounts": call.accounts.iter().map(|place| address(*place)).collect::<Vec<_>>(),
            "data": bs58::encode(call.data).into_string(),
            "stackHeight": depth,
        }),
    }
}

fn parsed_keys(view: &TransactionView<'_>, keys: &[Address]) -> Value {
    let static_count = view.static_keys().len();
    let loaded_end = static_count.saturating_add(view.writable_lookup_count());
    let has_loader = keys.contains(&program_ids::UPGRADEABLE_LOADER);
    let keys = keys.iter().enumerate().map(|(place, key)| {
        let is_static = place < static_count;
        let asks = match is_static {
            true => view.is_writable_static(place),
            false => place < loaded_end,
        };
        let mut programs = view.instructions();
        let is_program = programs.any(|one| usize::from(one.program_index) == place);
        let is_writable = asks && !RESERVED.contains(key) && (!is_program || has_loader);
        json!({
            "pubkey": key.to_string(),
            "signer": view.is_signer(place),
            "source": if is_static { "transaction" } else { "lookupTable" },
            "writable": is_writable,
        })
    });
    keys.collect::<Vec<_>>().into()
}

/// The results of a transaction that are about its accounts.
fn balances(meta: &TransactionMeta, decimals: &mut Decimals<'_>) -> Map<String, Value> {
    let error = meta.error_value();
    let status = match &meta.error {
        None => json!({ "Ok": null }),
        Some(_) => json!({ "Err": error }),
    };
    let mut shown = Map::new();
    let mut add = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    add("err", error);
    add("status", status);
    add("fee", meta.fee.into());
    add("preBalances", meta.balances_before.clone().into());
    add("postBalances", meta.balances_after.clone().into());
    let before = token_balances(&meta.tokens_before, decimals);
    add("preTokenBalances", before);
    add(
        "postTokenBalances",
        token_balances(&meta.tokens_after, decimals),
    );
    shown
}

fn results(
    meta: &TransactionMeta,
    keys: &[Address],
    is_parsed: bool,
    decimals: &mut Decimals<'_>,
) -> Value {
    let mut shown = balances(meta, decimals);
    let mut add = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    add(
        "innerInstructions",
        inner_instructions(&meta.inner, keys, is_parsed),
    );
    add("logMessages", meta.logs.clone().into());
    add("rewards", json!([]));
    if !is_parsed {
        add("loadedAddresses", loaded_addresses(meta));
    }
    if let Some(data) = return_data(meta) {
        add("returnData", data);
    }
    add("computeUnitsConsumed", meta.compute_units.into());
    shown.into()
}

/// The addresses out of lookup tables.
pub(crate) fn loaded_addresses(meta: &TransactionMeta) -> Value {
    let texts = |addresses: &[[u8; 32]]| {
        let addresses = addresses.iter();
        let texts = addresses.map(|one| Address::new_from_array(*one).to_string());
        texts.collect::<Vec<_>>()
    };
    json!({
        "writable": texts(&meta.loaded_writable),
        "readonly": texts(&meta.loaded_readonly),
    })
}

/// What a program has left for its caller.
pub(crate) fn return_data(meta: &TransactionMeta) -> Option<Value> {
    let (program, data) = meta.return_data.as_ref()?;
    Some(json!({
        "programId": Address::new_from_array(*program).to_string(),
        "data": [BASE64_STANDARD.encode(data), "base64"],
    }))
}

/// The invoked instructions, by the one of the top level that they ran under.
pub(crate) fn inner_instructions(inner: &[InnerCall], keys: &[Address], is_parsed: bool) -> Value {
    let groups = inner.chunk_by(|one, next| one.instruction == next.instruction);
    let groups = groups.map(|calls| {
        let shown = calls.iter().map(|call| match is_parsed {
            true => {
                let parts = Call {
                    keys,
                    program: call.program,
                    accounts: &call.accounts,
                    data: &call.data,
                };
                parsed_call(&parts, call.depth)
            }
            false => json!({
                "programIdIndex": call.program,
                "accounts": call.accounts,
                "data": bs58::encode(&call.data).into_string(),
                "stackHeight": call.depth,
            }),
        });
        json!({
            "index": calls.first().map_or(0, |call| call.instruction),
            "instructions": shown.collect::<Vec<_>>(),
        })
    });
    groups.collect::<Vec<_>>().into()
}

fn token_balances(balances: &[TokenBalance], decimals: &mut Decimals<'_>) -> Value {
    let shown = balances.iter().filter_map(|balance| {
        let mint = Address::new_from_array(balance.mint);
        Some(json!({
            "accountIndex": balance.account,
            "mint": mint.to_string(),
            "owner": Address::new_from_array(balance.owner).to_string(),
            "programId": program_ids::TOKEN.to_string(),
            "uiTokenAmount": token_amount(balance.amount, decimals(&mint)?),
        }))
    });
    shown.collect::<Vec<_>>().into()
}
