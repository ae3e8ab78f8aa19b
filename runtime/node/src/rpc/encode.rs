//! Accounts in the encodings that clients ask for.

use std::collections::HashMap;

use ahash::RandomState;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{Account, Address};
use lockstep_programs::token::{Mint, TokenState as _};
use lockstep_runtime::chain::View;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    error::RpcError,
    params::{Commitment, ContextConfig},
};
use crate::{limits::BASE58_SIZE_MAX, parsed::parse_account};

/// How the data of accounts is encoded.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(crate) enum AccountEncoding {
    /// Base58 without its name, as it was before there were others.
    #[serde(rename = "binary")]
    Binary,
    /// Base58.
    #[serde(rename = "base58")]
    Base58,
    /// Base64.
    #[serde(rename = "base64")]
    Base64,
    /// Base64 of a zstd frame.
    #[serde(rename = "base64+zstd")]
    Base64Zstd,
    /// What the account is, for those of the standard programs; base64 for others.
    #[serde(rename = "jsonParsed")]
    JsonParsed,
}

/// A part of the data.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct DataSlice {
    offset: usize,
    length: usize,
}

/// How accounts are shown.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountConfig {
    pub(crate) encoding: Option<AccountEncoding>,
    pub(crate) data_slice: Option<DataSlice>,
    commitment: Option<Commitment>,
    min_context_slot: Option<u64>,
}

impl AccountConfig {
    /// What state is meant.
    pub(crate) fn context(&self) -> ContextConfig {
        ContextConfig {
            commitment: self.commitment,
            min_context_slot: self.min_context_slot,
        }
    }

    /// The same with another encoding where none was asked for.
    pub(crate) fn by_default(mut self, encoding: AccountEncoding) -> Self {
        self.encoding.get_or_insert(encoding);
        self
    }
}

/// Shows accounts of one view; remembers the decimals of mints.
pub(crate) struct Encoder<'v> {
    view: &'v View,
    config: AccountConfig,
    decimals: HashMap<Address, Option<u8>, RandomState>,
}

impl<'v> Encoder<'v> {
    pub(crate) fn new(view: &'v View, config: AccountConfig) -> Self {
        Self {
            view,
            config,
            decimals: HashMap::default(),
        }
    }

    /// An account as JSON.
    pub(crate) fn account(
        &mut self,
        address: &Address,
        account: &Account,
    ) -> Result<Value, RpcError> {
        Ok(json!({
            "lamports": account.lamports,
            "data": self.data(address, account)?,
            "owner": account.owner.to_string(),
            "executable": account.executable,
            "rentEpoch": u64::MAX,
            "space": account.data.len(),
        }))
    }

    /// An account with its address.
    pub(crate) fn keyed(
        &mut self,
        address: &Address,
        account: &Account,
    ) -> Result<Value, RpcError> {
        Ok(json!({
            "pubkey": address.to_string(),
            "account": self.account(address, account)?,
        }))
    }

    fn data(&mut self, address: &Address, account: &Account) -> Result<Value, RpcError> {
        let encoding = self.config.encoding.unwrap_or(AccountEncoding::Binary);
        if encoding == AccountEncoding::JsonParsed {
            let (view, known) = (self.view, &mut self.decimals);
            let mut decimals = |mint: &Address| {
                let read = || decimals(view, mint).ok().flatten();
                *known.entry(*mint).or_insert_with(read)
            };
            if let Some((program, parsed)) = parse_account(address, account, &mut decimals) {
                return Ok(json!({
                    "program": program, "parsed": parsed, "space": account.data.len(),
                }));
            }
        }
        let data = &*account.data;
        let data = self.config.data_slice.map_or(data, |slice| {
            let rest = data.get(slice.offset..).unwrap_or_default();
            rest.get(..slice.length).unwrap_or(rest)
        });
        encode(data, encoding)
    }
}

fn encode(data: &[u8], encoding: AccountEncoding) -> Result<Value, RpcError> {
    let is_base58 = matches!(encoding, AccountEncoding::Binary | AccountEncoding::Base58);
    if is_base58 && data.len() > BASE58_SIZE_MAX {
        return Err(RpcError::Request(
            "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 \
             encoding.",
        ));
    }
    Ok(match encoding {
        AccountEncoding::Binary => bs58::encode(data).into_string().into(),
        AccountEncoding::Base58 => json!([bs58::encode(data).into_string(), "base58"]),
        AccountEncoding::Base64 | AccountEncoding::JsonParsed => {
            json!([BASE64_STANDARD.encode(data), "base64"])
        }
        AccountEncoding::Base64Zstd => {
            let compressed = zstd::bulk::compress(data, 0)?;
            json!([BASE64_STANDARD.encode(compressed), "base64+zstd"])
        }
    })
}

/// Decimals of a mint; `None` if there is no such mint.
pub(crate) fn decimals(view: &View, mint: &Address) -> Result<Option<u8>, RpcError> {
    let account = view.get(mint)?;
    let is_tokens =
        |account: &Account| account.owner == lockstep_interface::address::program_ids::TOKEN;
    let account = account.filter(is_tokens);
    Ok(account.and_then(|account| Mint::read(&account.data).ok().map(|mint| mint.decimals)))
}
