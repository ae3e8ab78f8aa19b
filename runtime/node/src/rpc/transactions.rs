//! Transactions that were made: one, what became of several, those of an address.

use std::collections::HashMap;

use ahash::RandomState;
use jsonrpsee::core::RegisterMethodError;
use lockstep_interface::Address;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Methods,
    encode::decimals,
    error::{Answer, RpcError},
    in_context,
    params::{Arguments, Commitment, ContextConfig, signature},
    transaction::{Shown, TransactionEncoding, signature_text},
};
use crate::{
    content::Content,
    history::Spot,
    limits::{SIGNATURE_STATUSES_MAX, SIGNATURES_FOR_ADDRESS_MAX, TRANSACTIONS_FOR_ADDRESS_MAX},
    node::Node,
};

/// A spot behind all others.
const END: Spot = (u64::MAX, u32::MAX);

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.slow("getTransaction", transaction)?;
    methods.slow("getSignatureStatuses", signature_statuses)?;
    methods.slow("getSignaturesForAddress", signatures_for_address)?;
    methods.scan("getTransactionsForAddress", transactions_for_address)?;
    Ok(())
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransactionConfig {
    #[serde(default, deserialize_with = "super::params::or_default")]
    encoding: TransactionEncoding,
    #[serde(rename = "commitment")]
    _commitment: Option<Commitment>,
    max_supported_transaction_version: Option<u8>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Asked {
    Encoding(TransactionEncoding),
    Config(TransactionConfig),
}

fn transaction(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let signature = arguments.signature()?;
    let config = match arguments.optional()? {
        None => TransactionConfig::default(),
        Some(Asked::Config(config)) => config,
        Some(Asked::Encoding(encoding)) => TransactionConfig {
            encoding,
            ..TransactionConfig::default()
        },
    };
    let mut spot = node.spot(&signature)?;
    if spot.is_none() && node.history.cursor() < node.head().slot {
        node.history.reach(node.head().slot)?;
        spot = node.spot(&signature)?;
    }
    let Some((slot, place)) = spot else {
        return Ok(Value::Null);
    };
    let Some(content) = node.block(slot)? else {
        return Ok(Value::Null);
    };
    let how = Shown {
        encoding: config.encoding,
        version_max: config.max_supported_transaction_version,
    };
    let shown = show(node, &content, place, how)?;
    Ok(shown.map_or(Value::Null, Value::from))
}

/// A transaction of a block as JSON; `None` if there is none at the place.
pub(super) fn show(
    node: &Node,
    content: &Content,
    place: u32,
    how: Shown,
) -> Result<Option<Map<String, Value>>, RpcError> {
    let place = place as usize;
    let (Some(view), Some(meta)) = (content.transaction(place), content.metas.get(place)) else {
        return Ok(None);
    };
    let state = node.view()?;
    let mut decimals = |mint: &Address| decimals(&state, mint).ok().flatten();
    let mut shown = how.whole(&view, meta, &mut decimals)?;
    shown.insert("slot".to_owned(), content.slot().into());
    shown.insert("blockTime".to_owned(), content.header.unix_timestamp.into());
    shown.insert("transactionIndex".to_owned(), place.into());
    Ok(Some(shown))
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusConfig {
    search_transaction_history: Option<bool>,
}

fn signature_statuses(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let texts: Vec<String> = arguments.required("a list of signatures")?;
    let config: StatusConfig = arguments.or_default()?;
    if texts.len() > SIGNATURE_STATUSES_MAX {
        return Err(RpcError::params(format!(
            "Too many inputs provided; max {SIGNATURE_STATUSES_MAX}"
        )));
    }
    let searches = config.search_transaction_history.unwrap_or(false);
    let mut shown = Vec::with_capacity(texts.len());
    for text in &texts {
        let status = status(node, &signature(text)?, searches)?;
        shown.push(status.map_or(Value::Null, |(slot, error)| status_json(slot, error)));
    }
    Ok(in_context(node.head().slot, shown))
}

/// Slot and error of a transaction.
pub(super) fn status(
    node: &Node,
    signature: &[u8; 64],
    searches_history: bool,
) -> Result<Option<(u64, Value)>, RpcError> {
    if let Some(status) = node.recent.status(signature) {
        let error = status.error.as_deref();
        let error = error.and_then(|error| serde_json::from_str(error).ok());
        return Ok(Some((status.slot, error.unwrap_or(Value::Null))));
    }
    if !searches_history {
        return Ok(None);
    }
    let Some((slot, place)) = node.history.spot(signature)? else {
        return Ok(None);
    };
    let content = node.block(slot)?;
    let meta = content.as_ref();
    let meta = meta.and_then(|content| content.metas.get(place as usize));
    Ok(meta.map(|meta| (slot, meta.error_value())))
}

fn status_json(slot: u64, error: Value) -> Value {
    let status = match &error {
        Value::Null => json!({ "Ok": null }),
        error => json!({ "Err": error }),
    };
    json!({
        "slot": slot,
        "confirmations": null,
        "err": error,
        "status": status,
        "confirmationStatus": "finalized",
    })
}

/// Blocks that were read for one answer.
#[derive(Default)]
struct Read(HashMap<u64, Option<std::sync::Arc<Content>>, RandomState>);

impl Read {
    fn block(
        &mut self,
        node: &Node,
        slot: u64,
    ) -> Result<Option<std::sync::Arc<Content>>, RpcError> {
        if let Some(known) = self.0.get(&slot) {
            return Ok(known.clone());
        }
        let read = node.block(slot)?;
        // Neighbours in the answer are often of one block, and seldom of more than the last.
        self.0.clear();
        self.0.insert(slot, read.clone());
        Ok(read)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignaturesConfig {
    before: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
    commitment: Option<Commitment>,
    min_context_slot: Option<u64>,
}

/// Where a signature of a request stands; an unknown one is refused.
fn known_spot(node: &Node, text: Option<&str>) -> Result<Option<Spot>, RpcError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let spot = node.spot(&signature(text)?)?;
    let unknown = || RpcError::params(format!("Invalid param: signature {text} is not known"));
    spot.ok_or_else(unknown).map(Some)
}

/// The spot behind one.
fn after((slot, place): Spot) -> Spot {
    match place.checked_add(1) {
        Some(next) => (slot, next),
        None => (slot.saturating_add(1), 0),
    }
}

fn signatures_for_address(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    let config: SignaturesConfig = arguments.or_default()?;
    let context = ContextConfig {
        commitment: config.commitment,
        min_context_slot: config.min_context_slot,
    };
    node.history.reach(context.slot(node)?)?;
    let limit = config.limit.unwrap_or(SIGNATURES_FOR_ADDRESS_MAX);
    if !(1..=SIGNATURES_FOR_ADDRESS_MAX).contains(&limit) {
        return Err(RpcError::params(format!(
            "Invalid limit; max {SIGNATURES_FOR_ADDRESS_MAX}"
        )));
    }
    let end = known_spot(node, config.before.as_deref())?.unwrap_or(END);
    let start = known_spot(node, config.until.as_deref())?.map_or((0, 0), after);
    let spots = node.history.spots(&address, (start, end), limit, false)?;
    let mut read = Read::default();
    let mut shown = Vec::with_capacity(spots.len());
    for (slot, place) in spots {
        if let Some(content) = read.block(node, slot)? {
            shown.extend(signature_entry(&content, place));
        }
    }
    Ok(shown.into())
}

fn signature_entry(content: &Content, place: u32) -> Option<Value> {
    let view = content.transaction(place as usize)?;
    let meta = content.metas.get(place as usize)?;
    Some(json!({
        "signature": signature_text(&view),
        "slot": content.slot(),
        "err": meta.error_value(),
        "memo": memo(&view),
        "blockTime": content.header.unix_timestamp,
        "confirmationStatus": "finalized",
        "transactionIndex": place,
    }))
}

/// The texts of a transaction's memos, each with its size in front, as Solana lists them.
fn memo(view: &lockstep_runtime::wire::TransactionView<'_>) -> Option<String> {
    let memos = view.instructions().filter_map(|instruction| {
        let program = view.static_key(usize::from(instruction.program_index))?;
        if program != lockstep_interface::address::program_ids::MEMO {
            return None;
        }
        let text = std::str::from_utf8(instruction.data).ok()?;
        Some(format!("[{}] {text}", text.len()))
    });
    let memos: Vec<String> = memos.collect();
    (!memos.is_empty()).then(|| memos.join("; "))
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
enum SortOrder {
    #[default]
    Desc,
    Asc,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
enum AddressDetails {
    #[default]
    Signatures,
    Full,
}

/// A value that has to be between others, as far as they are given.
#[derive(Clone, Debug, Deserialize)]
struct Bounds<T> {
    eq: Option<T>,
    gte: Option<T>,
    gt: Option<T>,
    lte: Option<T>,
    lt: Option<T>,
}

impl<T: PartialOrd> Bounds<T> {
    fn admits(&self, value: &T) -> bool {
        let all = [
            self.eq.as_ref().is_none_or(|bound| value == bound),
            self.gte.as_ref().is_none_or(|bound| value >= bound),
            self.gt.as_ref().is_none_or(|bound| value > bound),
            self.lte.as_ref().is_none_or(|bound| value <= bound),
            self.lt.as_ref().is_none_or(|bound| value < bound),
        ];
        all.into_iter().all(|is_kept| is_kept)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filters {
    slot: Option<Bounds<u64>>,
    block_time: Option<Bounds<i64>>,
    signature: Option<Bounds<String>>,
    status: Option<Outcome>,
    token_accounts: Option<TokenAccounts>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    Any,
    Failed,
    Succeeded,
}

/// Whether transactions of an owner's token accounts count, which are not known by owner.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
enum TokenAccounts {
    None,
    #[serde(alias = "balanceChanged")]
    All,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddressConfig {
    #[serde(default, deserialize_with = "super::params::or_default")]
    transaction_details: AddressDetails,
    #[serde(default, deserialize_with = "super::params::or_default")]
    sort_order: SortOrder,
    limit: Option<usize>,
    pagination_token: Option<String>,
    #[serde(default, deserialize_with = "super::params::or_default")]
    encoding: TransactionEncoding,
    max_supported_transaction_version: Option<u8>,
    #[serde(default, deserialize_with = "super::params::or_default")]
    filters: Filters,
    commitment: Option<Commitment>,
    min_context_slot: Option<u64>,
}

impl AddressConfig {
    /// Where the answer begins and ends: what is asked for, and behind the last page.
    fn range(&self, node: &Node) -> Result<(Spot, Spot), RpcError> {
        let (mut start, mut end): (Spot, Spot) = ((0, 0), END);
        if let Some(slots) = &self.filters.slot {
            let first = slots.gte.or(slots.eq).unwrap_or(0);
            let above = slots.gt.map_or(0, |slot| slot.saturating_add(1));
            start = (first.max(above), 0);
            let last = slots.lte.or(slots.eq);
            let last = last.map_or(END, |slot| (slot.saturating_add(1), 0));
            end = last.min(slots.lt.map_or(END, |slot| (slot, 0)));
        }
        if let Some(signatures) = &self.filters.signature {
            let spot = |text: &Option<String>| known_spot(node, text.as_deref());
            start = start.max(spot(&signatures.gte)?.unwrap_or(start));
            start = start.max(spot(&signatures.gt)?.map_or(start, after));
            end = end.min(spot(&signatures.lte)?.map_or(end, after));
            end = end.min(spot(&signatures.lt)?.unwrap_or(end));
        }
        if let Some(token) = &self.pagination_token {
            let spot = token
                .split_once(':')
                .and_then(|(slot, place)| Some((slot.parse().ok()?, place.parse().ok()?)));
            let spot = spot.ok_or_else(|| {
                RpcError::params("Invalid param: paginationToken is slot:place of an answer")
            })?;
            match self.sort_order {
                SortOrder::Desc => end = end.min(spot),
                SortOrder::Asc => start = start.max(after(spot)),
            }
        }
        Ok((start, end))
    }

    fn admits(&self, content: &Content, place: u32) -> bool {
        let meta = content.metas.get(place as usize);
        let is_failed = meta.is_some_and(|meta| meta.error.is_some());
        let is_wanted = match self.filters.status {
            None | Some(Outcome::Any) => true,
            Some(Outcome::Failed) => is_failed,
            Some(Outcome::Succeeded) => !is_failed,
        };
        let time = content.header.unix_timestamp;
        let times = self.filters.block_time.as_ref();
        is_wanted && times.is_none_or(|times| times.admits(&time))
    }
}

/// Transactions of an address, whole or as signatures, in either order, page by page.
fn transactions_for_address(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    let config: AddressConfig = arguments.or_default()?;
    let context = ContextConfig {
        commitment: config.commitment,
        min_context_slot: config.min_context_slot,
    };
    node.history.reach(context.slot(node)?)?;
    let limit_max = match config.transaction_details {
        AddressDetails::Full => TRANSACTIONS_FOR_ADDRESS_MAX,
        AddressDetails::Signatures => SIGNATURES_FOR_ADDRESS_MAX,
    };
    let limit = config.limit.unwrap_or(limit_max);
    if !(1..=limit_max).contains(&limit) {
        return Err(RpcError::params(format!("Invalid limit; max {limit_max}")));
    }
    let how = Shown {
        encoding: config.encoding,
        version_max: config.max_supported_transaction_version,
    };
    let is_ascending = config.sort_order == SortOrder::Asc;
    if config.filters.token_accounts == Some(TokenAccounts::All) {
        return Err(RpcError::params(
            "Invalid param: tokenAccounts is none: ask for each token account by its address",
        ));
    }
    let range = config.range(node)?;
    let spots = node.history.spots(&address, range, limit, is_ascending)?;
    let next = spots.last().filter(|_| spots.len() == limit);
    let next = next.map(|(slot, place)| format!("{slot}:{place}"));
    let mut read = Read::default();
    let mut shown: Vec<Value> = Vec::new();
    for (slot, place) in spots {
        let Some(content) = read.block(node, slot)? else {
            continue;
        };
        if !config.admits(&content, place) {
            continue;
        }
        match config.transaction_details {
            AddressDetails::Signatures => shown.extend(signature_entry(&content, place)),
            AddressDetails::Full => {
                shown.extend(show(node, &content, place, how)?.map(Value::from));
            }
        }
    }
    Ok(json!({ "data": shown, "paginationToken": next }))
}
