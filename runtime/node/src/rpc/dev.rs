//! Methods for tests, which a node has with `--dev` only: accounts, time, and profiles of
//! transactions.

use std::{
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use jsonrpsee::core::RegisterMethodError;
use lockstep_interface::context::AccountUse;
use lockstep_runtime::{
    bank::is_written_sysvar, chain::Simulation, verify::Refusal, wire::WireBlock,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Methods,
    error::{Answer, RpcError},
    in_context,
    params::{Arguments, WireEncoding},
    send::{outcome, parse, refused, resolved_keys, simulate_on_head},
};
use crate::{limits::GIVEN_WAIT_MILLIS, node::Node, parsed::account_of_json};

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.quick("warpSlot", warp_slot)?;
    methods.quick("timeTravel", time_travel)?;
    methods.slow("setAccount", set_account)?;
    methods.slow("profileTransaction", profile)?;
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

/// An account takes the place of what is there, in a block of its own; null removes it. Answered
/// once that is durable.
fn set_account(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    // Null is an account here, and no missing parameter.
    let given: Option<Value> = arguments.optional()?;
    let account = account_of_json(&given.unwrap_or_default())
        .map_err(|error| RpcError::params(format!("Invalid param: {error}")))?;
    if is_written_sysvar(&address) {
        return Err(RpcError::params(format!(
            "Invalid param: {address} is a sysvar, which each block writes itself"
        )));
    }
    let change = (address, account.unwrap_or_default());
    node.warp.given.write().waiting.push(change);
    let start = Instant::now();
    loop {
        let slot = {
            let given = node.warp.given.read();
            given.waiting.is_empty().then_some(given.slot)
        };
        let head = node.head().slot;
        if let Some(slot) = slot.filter(|slot| *slot <= head) {
            return Ok(in_context(slot, Value::Null));
        }
        if start.elapsed() > Duration::from_millis(GIVEN_WAIT_MILLIS) {
            return Err(RpcError::Unhealthy("no block was made in time".to_owned()));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The name of what a transaction did with an account.
fn use_name(used: AccountUse) -> &'static str {
    match used {
        AccountUse::Untouched => "untouched",
        AccountUse::Read => "read",
        AccountUse::Written => "written",
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileConfig {
    #[serde(default, deserialize_with = "super::params::or_default")]
    encoding: WireEncoding,
    #[serde(default, deserialize_with = "super::params::or_default")]
    sig_verify: bool,
}

/// What a transaction would take: units, time, and what it would do with each account that it
/// names, which is how an access list that asks for too much is found.
fn profile(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let text: String = arguments.required("a transaction")?;
    let config: ProfileConfig = arguments.or_default()?;
    let bytes = config.encoding.decode(&text)?;
    let view = parse(&bytes)?;
    let mut simulation = Simulation::new(WireBlock::from_iter([&bytes]));
    simulation.verify = config.sig_verify;
    let start = Instant::now();
    let (slot, simulated) = simulate_on_head(node, &simulation)?;
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let receipt = match simulated.results.first() {
        Some(Ok(receipt)) => receipt,
        Some(Err(Refusal::Rule(error))) => return Err(refused(error)),
        Some(Err(Refusal::Malformed(error))) => return Err(RpcError::params(error.to_string())),
        None => return Err(RpcError::Internal("nothing was simulated".to_owned())),
    };
    let mut value = outcome(receipt);
    let uses = receipt.details.as_ref();
    let uses = uses.map_or(&[][..], |details| &details.uses);
    let keys = resolved_keys(&node.view()?, &view)?;
    let statics = view.static_keys().len();
    let writable_end = statics.saturating_add(view.writable_lookup_count());
    let accounts = keys.iter().enumerate().map(|(place, key)| {
        let asks = match place < statics {
            true => view.is_writable_static(place),
            false => place < writable_end,
        };
        let used = uses.get(place).copied().unwrap_or_default();
        json!({ "address": key.to_string(), "writable": asks, "use": use_name(used) })
    });
    value["accounts"] = accounts.collect::<Vec<_>>().into();
    value["microseconds"] = micros.into();
    Ok(in_context(slot, value))
}
