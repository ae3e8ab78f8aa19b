//! Blocks: one, which there are, when they were made.

use std::sync::Arc;

use jsonrpsee::core::RegisterMethodError;
use lockstep_interface::Address;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Methods,
    encode::decimals,
    error::{Answer, RpcError},
    params::{Arguments, Commitment, ContextConfig},
    transaction::{Shown, TransactionEncoding, signature_text},
};
use crate::{content::Content, limits::BLOCKS_RANGE_MAX, node::Node};

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.scan("getBlock", block)?;
    methods.scan("getBlocks", blocks)?;
    methods.scan("getBlocksWithLimit", blocks_with_limit)?;
    methods.slow("getBlockTime", block_time)?;
    methods.quick("getBlockCommitment", |node, arguments| {
        let slot: u64 = arguments.required("a slot")?;
        let is_known = slot <= node.head().slot;
        // One node has all stake.
        let commitment = is_known.then(|| vec![0u64; 32]);
        Ok(json!({ "commitment": commitment, "totalStake": 0 }))
    })?;
    methods.quick("getFirstAvailableBlock", |node, _| Ok(first(node).into()))?;
    methods.quick("minimumLedgerSlot", |node, _| Ok(first(node).into()))?;
    Ok(())
}

/// The oldest slot whose block can be asked for.
pub(super) fn first(node: &Node) -> u64 {
    node.history.oldest()
}

/// How much of each transaction is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) enum Details {
    /// All.
    #[default]
    Full,
    /// Its accounts and balances.
    Accounts,
    /// Its signature.
    Signatures,
    /// Nothing.
    None,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockConfig {
    #[serde(default, deserialize_with = "super::params::or_default")]
    pub(super) encoding: TransactionEncoding,
    #[serde(default, deserialize_with = "super::params::or_default")]
    pub(super) transaction_details: Details,
    pub(super) rewards: Option<bool>,
    #[serde(rename = "commitment")]
    _commitment: Option<Commitment>,
    pub(super) max_supported_transaction_version: Option<u8>,
}

/// The configuration, or the encoding alone as it was of old.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Asked {
    Encoding(TransactionEncoding),
    Config(BlockConfig),
}

fn block(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let slot: u64 = arguments.required("a slot")?;
    let config = match arguments.optional()? {
        None => BlockConfig::default(),
        Some(Asked::Config(config)) => config,
        Some(Asked::Encoding(encoding)) => BlockConfig {
            encoding,
            ..BlockConfig::default()
        },
    };
    show(node, &*read(node, slot)?, &config)
}

/// The block of a slot.
///
/// # Errors
/// If there is none, and why.
pub(super) fn read(node: &Node, slot: u64) -> Result<Arc<Content>, RpcError> {
    if let Some(content) = node.block(slot)? {
        return Ok(content);
    }
    let first = first(node);
    Err(if slot > node.head().slot {
        RpcError::NotAvailable(slot)
    } else if slot < first {
        RpcError::CleanedUp { slot, first }
    } else {
        RpcError::Skipped(slot)
    })
}

/// A block as JSON.
pub(super) fn show(node: &Node, content: &Content, config: &BlockConfig) -> Answer {
    let header = &content.header;
    let mut shown = Map::new();
    let mut add = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    add("blockhash", content.id.to_string().into());
    add("previousBlockhash", header.parent_id.to_string().into());
    add("parentSlot", content.parent_slot.into());
    add("blockHeight", content.height.into());
    add("blockTime", header.unix_timestamp.into());
    if config.rewards.unwrap_or(true) {
        add("rewards", json!([]));
    }
    let view = node.view()?;
    let mut decimals = |mint: &Address| decimals(&view, mint).ok().flatten();
    let how = Shown {
        encoding: config.encoding,
        version_max: config.max_supported_transaction_version,
    };
    let mut transactions: Vec<Value> = Vec::new();
    match config.transaction_details {
        Details::None => {}
        Details::Signatures => {
            let signatures = content.iter().map(|(view, _)| signature_text(&view));
            add("signatures", signatures.collect::<Vec<_>>().into());
        }
        Details::Full => {
            for (view, meta) in content.iter() {
                transactions.push(how.whole(&view, meta, &mut decimals)?.into());
            }
            add("transactions", transactions.into());
        }
        Details::Accounts => {
            for (view, meta) in content.iter() {
                transactions.push(how.accounts(&view, meta, &mut decimals)?.into());
            }
            add("transactions", transactions.into());
        }
    }
    Ok(shown.into())
}

/// A slot, or what follows in its place.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum LastSlot {
    Slot(u64),
    Config(ContextConfig),
}

fn blocks(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let first: u64 = arguments.required("a slot")?;
    let (last, config) = match arguments.optional()? {
        Some(LastSlot::Slot(last)) => (Some(last), arguments.or_default()?),
        Some(LastSlot::Config(config)) => (None, config),
        None => (None, arguments.or_default::<ContextConfig>()?),
    };
    let head = config.slot(node)?;
    let last = last.unwrap_or(head).min(head);
    if last < first {
        return Ok(json!([]));
    }
    if last.saturating_sub(first) > BLOCKS_RANGE_MAX {
        return Err(RpcError::params(format!(
            "Slot range too large; max {BLOCKS_RANGE_MAX}"
        )));
    }
    node.history.reach(last)?;
    Ok(node.history.slots(first, last, usize::MAX)?.into())
}

fn blocks_with_limit(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let first: u64 = arguments.required("a slot")?;
    let limit: u64 = arguments.required("a number of blocks")?;
    let config: ContextConfig = arguments.or_default()?;
    let head = config.slot(node)?;
    if limit > BLOCKS_RANGE_MAX {
        return Err(RpcError::params(format!(
            "Limit too large; max {BLOCKS_RANGE_MAX}"
        )));
    }
    node.history.reach(head)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(node.history.slots(first, head, limit)?.into())
}

fn block_time(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let slot: u64 = arguments.required("a slot")?;
    if let Some((_, time)) = node.history.slot(slot)? {
        return Ok(time.into());
    }
    Ok(read(node, slot)?.header.unix_timestamp.into())
}
