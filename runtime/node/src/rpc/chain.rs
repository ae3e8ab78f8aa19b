//! The chain as such: slots, blockhashes, fees, versions.

use jsonrpsee::core::RegisterMethodError;
use lockstep_runtime::{limits::SLOTS_PER_EPOCH, wire::TransactionView};
use serde_json::json;

use super::{
    API_VERSION, Methods,
    error::{Answer, RpcError},
    in_context,
    params::{Arguments, ContextConfig, WireEncoding, hash},
};
use crate::{
    limits::{BLOCKHASH_BLOCKS, PERFORMANCE_SAMPLES_MAX, PRIORITIZATION_ACCOUNTS_MAX},
    node::Node,
};

/// The feature set of [`API_VERSION`], which clients show and do not use.
const FEATURE_SET: u32 = 3_604_001_754;
/// Bytes of an account at the most (`MAX_PERMITTED_DATA_LENGTH`).
const ACCOUNT_SIZE_MAX: usize = lockstep_interface::limits::ACCOUNT_DATA_SIZE_MAX;

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.quick("getHealth", health)?;
    methods.quick("getVersion", |_, _| {
        Ok(json!({ "feature-set": FEATURE_SET, "solana-core": API_VERSION }))
    })?;
    methods.quick("getIdentity", |node, _| {
        Ok(json!({ "identity": node.identity.to_string() }))
    })?;
    methods.quick("getGenesisHash", |node, _| {
        Ok(json!(node.genesis_hash.to_string()))
    })?;
    methods.quick("getSlot", |node, arguments| {
        let config: ContextConfig = arguments.or_default()?;
        Ok(config.slot(node)?.into())
    })?;
    methods.quick("getBlockHeight", |node, arguments| {
        let config: ContextConfig = arguments.or_default()?;
        config.slot(node)?;
        Ok(node.head().height.into())
    })?;
    methods.quick("getTransactionCount", transaction_count)?;
    methods.quick("getEpochInfo", epoch_info)?;
    methods.quick("getEpochSchedule", |_, _| {
        Ok(json!({
            "slotsPerEpoch": SLOTS_PER_EPOCH,
            "leaderScheduleSlotOffset": SLOTS_PER_EPOCH,
            "warmup": false,
            "firstNormalEpoch": 0,
            "firstNormalSlot": 0,
        }))
    })?;
    methods.quick("getLatestBlockhash", latest_blockhash)?;
    methods.quick("isBlockhashValid", is_blockhash_valid)?;
    methods.slow("getFeeForMessage", fee_for_message)?;
    methods.quick("getMinimumBalanceForRentExemption", minimum_balance)?;
    methods.quick("getRecentPerformanceSamples", performance_samples)?;
    methods.slow("getRecentPrioritizationFees", prioritization_fees)?;
    Ok(())
}

fn health(node: &Node, _: &mut Arguments<'_>) -> Answer {
    if node.is_ending() {
        return Err(RpcError::Unhealthy("Node is unhealthy".to_owned()));
    }
    Ok("ok".into())
}

fn transaction_count(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let config: ContextConfig = arguments.or_default()?;
    config.slot(node)?;
    Ok(node.recent.transaction_count().into())
}

fn epoch_info(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let config: ContextConfig = arguments.or_default()?;
    let slot = config.slot(node)?;
    Ok(json!({
        "absoluteSlot": slot,
        "blockHeight": node.head().height,
        "epoch": slot / SLOTS_PER_EPOCH,
        "slotIndex": slot % SLOTS_PER_EPOCH,
        "slotsInEpoch": SLOTS_PER_EPOCH,
        "transactionCount": node.recent.transaction_count(),
    }))
}

/// The newest blockhash, and the height of the last block that may include a transaction with it.
fn latest_blockhash(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let config: ContextConfig = arguments.or_default()?;
    config.slot(node)?;
    let head = node.head();
    let (id, header) = node.chain.head();
    let bank = node.chain.bank(&id)?;
    let newest = bank.blockhashes().newest();
    let newest = newest.map_or(id, |newest| newest.blockhash);
    let last = head.height.saturating_add(BLOCKHASH_BLOCKS);
    Ok(in_context(
        header.slot,
        json!({ "blockhash": newest.to_string(), "lastValidBlockHeight": last }),
    ))
}

fn is_blockhash_valid(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let blockhash = hash(&arguments.required::<String>("a blockhash")?)?;
    let config: ContextConfig = arguments.or_default()?;
    let slot = config.slot(node)?;
    let bank = node.chain.bank(&node.chain.head().0)?;
    Ok(in_context(slot, bank.blockhashes().contains(&blockhash)))
}

/// The fee of a message, which comes without signatures: it is put behind as many empty ones as it
/// asks for. Null if its blockhash is too old.
fn fee_for_message(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let text: String = arguments.required("a message in base64")?;
    let config: ContextConfig = arguments.or_default()?;
    let slot = config.slot(node)?;
    let message = WireEncoding::Base64.decode(&text)?;
    let bytes = super::send::unsigned(&message)
        .ok_or_else(|| RpcError::params("failed to deserialize message"))?;
    let view = TransactionView::parse(&bytes);
    let view = view.map_err(|error| RpcError::params(format!("invalid message: {error}")))?;
    let bank = node.chain.bank(&node.chain.head().0)?;
    let blockhash = lockstep_interface::Hash::new_from_array(*view.recent_blockhash());
    let fee = super::send::fee(node, &view);
    let is_known = bank.blockhashes().contains(&blockhash) || super::send::has_nonce(&view);
    Ok(in_context(slot, json!(is_known.then_some(fee).flatten())))
}

fn minimum_balance(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let size: usize = arguments.required("a number of bytes")?;
    if size > ACCOUNT_SIZE_MAX {
        return Err(RpcError::params(
            "Invalid param: the size of an account is at most 10 MiB",
        ));
    }
    let rent = node.chain.parameters().rent;
    Ok(rent.minimum_balance(size).into())
}

fn performance_samples(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let limit: Option<usize> = arguments.optional()?;
    let limit = limit.unwrap_or(PERFORMANCE_SAMPLES_MAX);
    if limit > PERFORMANCE_SAMPLES_MAX {
        return Err(RpcError::params(format!(
            "Invalid limit; max {PERFORMANCE_SAMPLES_MAX}"
        )));
    }
    let samples = node.samples.newest(limit).into_iter().map(|sample| {
        json!({
            "slot": sample.slot,
            "numSlots": sample.slot_count,
            "numTransactions": sample.transaction_count,
            "numNonVoteTransactions": sample.transaction_count,
            "samplePeriodSecs": sample.seconds,
        })
    });
    Ok(samples.collect::<Vec<_>>().into())
}

/// The lowest price of a compute unit that a transaction writing these accounts has paid in each
/// recent block, in micro-lamports; 0 for a block without any.
fn prioritization_fees(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let texts: Vec<String> = arguments.or_default()?;
    if texts.len() > PRIORITIZATION_ACCOUNTS_MAX {
        return Err(RpcError::params("Too many inputs provided; max 128"));
    }
    let addresses = texts.iter().map(|text| super::params::address(text));
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    let fees = node.recent.blocks().into_iter().map(|block| {
        let prices = block.iter().filter_map(|(view, meta)| {
            let keys = view.static_keys().iter().enumerate();
            let mut written = keys.filter(|(place, _)| view.is_writable_static(*place));
            let is_meant = |key: &[u8; 32]| addresses.iter().any(|one| one.as_array() == key);
            let is_written =
                written.any(|(_, key)| is_meant(key)) || meta.loaded_writable.iter().any(is_meant);
            let units = super::send::compute_unit_limit(&view)?;
            let price = u128::from(meta.priority_fee)
                .saturating_mul(1_000_000)
                .checked_div(units.into())?;
            (addresses.is_empty() || is_written).then_some(price)
        });
        let lowest = prices.min().unwrap_or_default();
        let lowest = u64::try_from(lowest).unwrap_or(u64::MAX);
        json!({ "slot": block.slot(), "prioritizationFee": lowest })
    });
    Ok(fees.collect::<Vec<_>>().into())
}
