//! Methods for tests, which a node has with `--dev` only: time, and profiles of transactions.

use std::sync::atomic::Ordering;

use jsonrpsee::core::RegisterMethodError;
use serde_json::json;

use super::{
    Methods,
    error::{Answer, RpcError},
    params::Arguments,
};
use crate::node::Node;

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.quick("warpSlot", warp_slot)?;
    methods.quick("timeTravel", time_travel)?;
    Ok(())
}

/// The next block is of this slot.
fn warp_slot(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let slot: u64 = arguments.required("a slot")?;
    let head = node.head().slot;
    if slot <= head {
        return Err(RpcError::params(format!(
            "Invalid param: slot {head} is over already"
        )));
    }
    let gap_max = node.chain.limits().slot_gap_max;
    if slot.saturating_sub(head) > gap_max {
        return Err(RpcError::params(format!(
            "Invalid param: a slot is at most {gap_max} above the one before"
        )));
    }
    node.warp.slot.store(slot, Ordering::Relaxed);
    Ok(json!({ "slot": slot }))
}

/// The clock of the chain goes forward by these seconds.
fn time_travel(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let seconds: u32 = arguments.required("a number of seconds")?;
    let before = node
        .warp
        .seconds
        .fetch_add(seconds.into(), Ordering::Relaxed);
    Ok(json!({ "secondsAhead": before.saturating_add(seconds.into()) }))
}
