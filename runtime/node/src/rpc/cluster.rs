//! The cluster, which is one node: honest constants and empty lists where Solana has votes, stake
//! and inflation.

use jsonrpsee::core::RegisterMethodError;
use lockstep_runtime::limits::SLOTS_PER_EPOCH;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    API_VERSION, Methods,
    error::{Answer, RpcError},
    in_context,
    params::{Arguments, ContextConfig, LastSlot, address},
};
use crate::{limits::SLOT_LEADERS_MAX, node::Node};

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.quick("getClusterNodes", |node, _| {
        Ok(json!([{
            "pubkey": node.identity.to_string(),
            "gossip": null, "tpu": null, "tpuQuic": null, "tpuForwards": null,
            "tpuForwardsQuic": null, "tpuVote": null, "tvu": null, "serveRepair": null,
            "rpc": null, "pubsub": null,
            "version": API_VERSION, "featureSet": null, "shredVersion": null,
        }]))
    })?;
    methods.quick("getSlotLeader", |node, arguments| {
        let config: ContextConfig = arguments.or_default()?;
        config.slot(node)?;
        Ok(node.identity.to_string().into())
    })?;
    methods.quick("getSlotLeaders", slot_leaders)?;
    methods.quick("getLeaderSchedule", leader_schedule)?;
    methods.scan("getBlockProduction", block_production)?;
    methods.quick("getVoteAccounts", |_, _| {
        Ok(json!({ "current": [], "delinquent": [] }))
    })?;
    methods.quick("getInflationGovernor", |_, _| {
        Ok(json!({
            "initial": 0.0, "terminal": 0.0, "taper": 0.0,
            "foundation": 0.0, "foundationTerm": 0.0,
        }))
    })?;
    methods.quick("getInflationRate", |node, _| {
        let epoch = node.head().slot / SLOTS_PER_EPOCH;
        Ok(json!({ "total": 0.0, "validator": 0.0, "foundation": 0.0, "epoch": epoch }))
    })?;
    methods.quick("getInflationReward", |_, arguments| {
        let addresses: Vec<String> = arguments.required("a list of addresses")?;
        addresses
            .iter()
            .try_for_each(|text| address(text).map(drop))?;
        Ok(vec![Value::Null; addresses.len()].into())
    })?;
    methods.quick("getStakeMinimumDelegation", |node, _| {
        Ok(in_context(node.head().slot, 0))
    })?;
    methods.quick("getStakeActivation", |_, _| {
        Err(RpcError::params("Invalid param: not a stake account"))
    })?;
    methods.quick("getHighestSnapshotSlot", |node, _| {
        // A ledger holds its state at every block.
        Ok(json!({ "full": node.head().slot, "incremental": null }))
    })?;
    methods.quick("getAgGenesisCert", |_, _| Ok(Value::Null))?;
    methods.quick("getMaxRetransmitSlot", |node, _| {
        Ok(node.head().slot.into())
    })?;
    methods.quick("getMaxShredInsertSlot", |node, _| {
        Ok(node.head().slot.into())
    })?;
    Ok(())
}

fn slot_leaders(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let _first: u64 = arguments.required("a slot")?;
    let count: u64 = arguments.required("a number of slots")?;
    if !(1..=SLOT_LEADERS_MAX).contains(&count) {
        return Err(RpcError::params(format!(
            "Invalid limit; min 1, max {SLOT_LEADERS_MAX}"
        )));
    }
    let leader = node.identity.to_string();
    let count = usize::try_from(count).unwrap_or_default();
    Ok(vec![Value::String(leader); count].into())
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleConfig {
    identity: Option<String>,
}

/// Every slot of the epoch, of this node; null for an epoch that is not the present one.
fn leader_schedule(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let first: Option<LastSlot<ScheduleConfig>> = arguments.optional()?;
    let now = node.head().slot;
    let (slot, config) = match first {
        Some(LastSlot::Config(config)) => (now, Some(config)),
        Some(LastSlot::Slot(slot)) => (slot, arguments.optional()?),
        None => (now, arguments.optional()?),
    };
    if slot / SLOTS_PER_EPOCH != now / SLOTS_PER_EPOCH {
        return Ok(Value::Null);
    }
    let own = node.identity.to_string();
    let wanted = config.and_then(|config: ScheduleConfig| config.identity);
    let mut schedule = Map::new();
    if wanted.is_none_or(|wanted| wanted == own) {
        schedule.insert(own, (0..SLOTS_PER_EPOCH).collect::<Vec<_>>().into());
    }
    Ok(schedule.into())
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProductionConfig {
    range: Option<ProductionRange>,
    identity: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProductionRange {
    first_slot: u64,
    last_slot: Option<u64>,
}

fn block_production(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let config: ProductionConfig = arguments.or_default()?;
    let head = node.head().slot;
    let (first, last) = match config.range {
        None => (head.saturating_sub(head % SLOTS_PER_EPOCH), head),
        Some(range) => (range.first_slot, range.last_slot.unwrap_or(head)),
    };
    if first > last || last > head {
        return Err(RpcError::params(format!(
            "lastSlot, {last}, must be between firstSlot, {first}, and {head}"
        )));
    }
    let produced = node.history.slots(first, last, usize::MAX)?.len();
    let own = node.identity.to_string();
    let mut by_identity = Map::new();
    if config.identity.is_none_or(|wanted| wanted == own) {
        let slots = last.saturating_sub(first).saturating_add(1);
        by_identity.insert(own, json!([slots, produced]));
    }
    Ok(in_context(
        head,
        json!({
            "byIdentity": by_identity,
            "range": { "firstSlot": first, "lastSlot": last },
        }),
    ))
}
