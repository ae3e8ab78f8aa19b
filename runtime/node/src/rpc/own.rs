//! Methods of our own: plans, proofs, what is hot, what waited for what.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ahash::RandomState;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jsonrpsee::core::RegisterMethodError;
use lockstep_interface::Address;
use lockstep_runtime::wire::TransactionView;
use lockstep_scheduler::{Access, AccessMode, AccessTable, AccountIndex, Bounds, CostModel, Mode};
use lockstep_scheduler::{efficiency_per_mille, predict};
use serde_json::{Value, json};

use super::{
    Methods, blocks,
    error::{Answer, RpcError},
    in_context,
    params::Arguments,
    transaction::signature_text,
};
use crate::{
    content::{Content, TransactionMeta, account_keys},
    node::{Certify, Node},
};

/// Accounts of a `getHotAccounts`.
const HOT_COUNT: usize = 20;
/// Cost units of a transaction besides its compute units, as banks count them.
const TRANSACTION_COST: u64 = lockstep_runtime::limits::TRANSACTION_COST;

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.scan("getPlan", plan)?;
    methods.slow("getProof", proof)?;
    methods.slow("getCertifiedProof", certified_proof)?;
    methods.quick("getMembersProof", members_proof)?;
    methods.scan("getHotAccounts", hot_accounts)?;
    methods.scan("getConflicts", conflicts)?;
    Ok(())
}

/// The accounts of a transaction with the way in which it names each: those it may write, and
/// those it reads.
pub(crate) fn accesses(view: &TransactionView<'_>, meta: &TransactionMeta) -> Vec<(Address, bool)> {
    let statics = view.static_keys().len();
    let loaded = statics.saturating_add(meta.loaded_writable.len());
    let programs: Vec<u8> = view.instructions().map(|one| one.program_index).collect();
    let keys = account_keys(view, meta).into_iter().enumerate();
    keys.map(|(place, key)| {
        let asks = match place < statics {
            true => view.is_writable_static(place),
            false => place < loaded,
        };
        let is_program = programs
            .iter()
            .any(|program| usize::from(*program) == place);
        let is_reserved = lockstep_interface::address::RESERVED.contains(&key);
        (key, asks && !is_program && !is_reserved)
    })
    .collect()
}

/// The accesses of a block with what its transactions cost.
fn table_of(content: &Content) -> (AccessTable, Vec<Address>) {
    let mut table = AccessTable::new();
    let mut numbers: HashMap<Address, u32, RandomState> = HashMap::default();
    let mut addresses = Vec::new();
    for (view, meta) in content.iter() {
        let accesses: Vec<Access> = accesses(&view, meta)
            .into_iter()
            .map(|(address, is_written)| {
                let next = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
                let number = *numbers.entry(address).or_insert_with(|| {
                    addresses.push(address);
                    next
                });
                let mode = match is_written {
                    true => AccessMode::Write,
                    false => AccessMode::Read,
                };
                Access::new(AccountIndex(number), mode)
            })
            .collect();
        let cost = meta.compute_units.saturating_add(TRANSACTION_COST);
        table.push(accesses, cost);
    }
    (table, addresses)
}

/// The plan of a block: batches of lanes, waits, and how good it is for the node's threads.
fn plan(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let slot: u64 = arguments.required("a slot")?;
    let content = blocks::read(node, slot)?;
    Ok(plan_json(node, &content))
}

/// The same as JSON.
pub(crate) fn plan_json(node: &Node, content: &Content) -> Value {
    let (table, addresses) = table_of(content);
    let plan = &content.plan;
    let workers = node.chain.options().threads.worker_count();
    let bounds = Bounds::of(&table);
    let bound = bounds.lower_bound(Mode::Replay, workers);
    let makespan = predict(plan, &table, workers, &CostModel::STANDARD);
    let hottest = bounds
        .hottest
        .and_then(|hottest| addresses.get(hottest.0 as usize));
    let batches: Vec<Vec<Vec<u32>>> = plan
        .to_nested()
        .into_iter()
        .map(|batch| {
            let lanes = batch.into_iter();
            let lane = |lane: Vec<lockstep_scheduler::TransactionIndex>| {
                lane.into_iter().map(|index| index.0).collect()
            };
            lanes.map(lane).collect()
        })
        .collect();
    let waits = plan.waits().iter();
    let waits =
        waits.map(|wait| json!({ "transaction": wait.transaction.0, "after": wait.after.0 }));
    json!({
        "slot": content.slot(),
        "transactions": plan.transaction_count(),
        "batches": batches,
        "waits": waits.collect::<Vec<_>>(),
        "dispatch": format!("{:?}", plan.dispatch()).to_lowercase(),
        "workers": workers.get(),
        "costs": table.transactions().map(|index| table.cost(index)).collect::<Vec<_>>(),
        "lowerBound": bound,
        "makespan": makespan,
        "efficiencyPerMille": efficiency_per_mille(bound, makespan),
        "criticalPath": bounds.critical_path,
        "hottestAccount": hottest.map(ToString::to_string),
    })
}

/// An account with its proof against the newest block, and the signatures of the network's members
/// under that block, as `lockstep-light` checks them; `null` if the block has none yet.
fn certified_proof(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    let proof = certifier(node)?.proof(&address);
    let proof = proof.map_err(RpcError::Internal)?;
    Ok(proof.map_or(Value::Null, |proof| BASE64_STANDARD.encode(proof).into()))
}

/// The proof of the next epoch's members by those of the given one; `null` while that lasts.
fn members_proof(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let epoch: u64 = arguments.required("epoch")?;
    let proof = certifier(node)?.passage(epoch);
    Ok(proof.map_or(Value::Null, |proof| BASE64_STANDARD.encode(proof).into()))
}

fn certifier(node: &Node) -> Result<Arc<dyn Certify>, RpcError> {
    let certifier = node.certifier.get();
    certifier
        .ok_or_else(|| RpcError::params("Invalid request: this node is no member of a network"))
}

/// An account with its proof against the state root of the newest block, as `lockstep prove`
/// checks it.
fn proof(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    let proven = node.chain.prove(&address)?;
    let account = proven.account.as_ref().map(|account| {
        json!({
            "lamports": account.lamports,
            "owner": account.owner.to_string(),
            "executable": account.executable,
            "data": BASE64_STANDARD.encode(&*account.data),
        })
    });
    Ok(in_context(
        proven.header.slot,
        json!({
            "address": address.to_string(),
            "account": account,
            "proof": BASE64_STANDARD.encode(proven.proof.to_bytes()),
            "header": BASE64_STANDARD.encode(proven.header.encode()),
        }),
    ))
}

/// The accounts whose writers took most of the newest blocks: what they cost, how many write them.
fn hot_accounts(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let block_count: Option<usize> = arguments.optional()?;
    let blocks = node.recent.blocks();
    let start = blocks.len().saturating_sub(block_count.unwrap_or(50));
    Ok(in_context(node.head().slot, hot_json(&blocks[start..])))
}

/// The same as JSON.
pub(crate) fn hot_json(blocks: &[Arc<Content>]) -> Value {
    let mut heat: BTreeMap<Address, (u64, u64)> = BTreeMap::new();
    let mut total = 0u64;
    for content in blocks {
        for (view, meta) in content.iter() {
            let cost = meta.compute_units.saturating_add(TRANSACTION_COST);
            total = total.saturating_add(cost);
            for (address, is_written) in accesses(&view, meta) {
                if is_written {
                    let (units, count) = heat.entry(address).or_default();
                    *units = units.saturating_add(cost);
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    let mut hottest: Vec<(Address, (u64, u64))> = heat.into_iter().collect();
    hottest.sort_by_key(|(_, (units, _))| std::cmp::Reverse(*units));
    let hottest = hottest.into_iter().take(HOT_COUNT);
    let shown = hottest.map(|(address, (units, count))| {
        let share = units.saturating_mul(1_000).checked_div(total);
        json!({
            "address": address.to_string(),
            "costUnits": units,
            "writers": count,
            "sharePerMille": share.unwrap_or_default(),
        })
    });
    shown.collect::<Vec<_>>().into()
}

/// The transactions of its block that a transaction had to run behind, and the accounts that made
/// it so; null for a transaction that is not known.
fn conflicts(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let signature = arguments.signature()?;
    let Some((slot, place)) = node.spot(&signature)? else {
        return Ok(Value::Null);
    };
    let content = blocks::read(node, slot)?;
    let transactions: Vec<(TransactionView<'_>, &TransactionMeta)> = content.iter().collect();
    let Some((view, meta)) = transactions.get(place as usize) else {
        return Ok(Value::Null);
    };
    let own = accesses(view, meta);
    let mut waits = Vec::new();
    for (index, (view, meta)) in transactions.iter().enumerate().take(place as usize) {
        let theirs = accesses(view, meta);
        let common = own.iter().filter(|(address, is_written)| {
            let mut same = theirs.iter().filter(|(other, _)| other == address);
            same.any(|(_, they_write)| *is_written || *they_write)
        });
        let common: Vec<String> = common.map(|(address, _)| address.to_string()).collect();
        if !common.is_empty() {
            waits.push(json!({
                "transactionIndex": index,
                "signature": signature_text(view),
                "accounts": common,
            }));
        }
    }
    Ok(json!({ "slot": slot, "transactionIndex": place, "after": waits }))
}
