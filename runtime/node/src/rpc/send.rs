//! Transactions that clients send, try out, or ask for from the faucet.

use std::sync::{Arc, atomic::Ordering};

use jsonrpsee::core::RegisterMethodError;
use lockstep_interface::{Account, Address, TransactionError, address::program_ids};
use lockstep_programs::{
    compute_budget::instruction::set_compute_unit_limit,
    system::{SystemInstruction, instruction::transfer},
};
use lockstep_runtime::{
    block::Receipt,
    chain::{SimulateError, Simulated, Simulation, View},
    mempool::Rejection,
    rules::{Budget, budget_of},
    verify::Refusal,
    wire::{MessageBuilder, TransactionView, WireBlock},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Methods,
    encode::{AccountConfig, AccountEncoding, Encoder},
    error::{Answer, RpcError},
    in_context,
    params::{Arguments, Commitment, ContextConfig, WireEncoding, address},
    transaction::{inner_instructions, return_data, signature_text},
};
use crate::{
    content::{TransactionMeta, looked_up, signature_of},
    intake::IntakeError,
    keys::address_of,
    limits::{AIRDROP_MAX, BLOCKHASH_BLOCKS, MULTIPLE_ACCOUNTS_MAX},
    node::Node,
    workers::{Peer, Workers},
};

/// Compute units that airdrops ask for at least; how many more makes them differ.
const AIRDROP_UNITS: u32 = 10_000;
/// Airdrops until the same number of units is asked for again.
const AIRDROP_KINDS: u32 = 1_000_000;

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.waiting("sendTransaction", |node, readers, peer, arguments| {
        send(node, readers, peer, read_sent(arguments))
    })?;
    methods.slow("simulateTransaction", simulate)?;
    methods.waiting("requestAirdrop", |node, _, _, arguments| {
        airdrop(node, read_airdrop(arguments))
    })?;
    Ok(())
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendConfig {
    #[serde(default, deserialize_with = "super::params::or_default")]
    encoding: WireEncoding,
    #[serde(default, deserialize_with = "super::params::or_default")]
    skip_preflight: bool,
    #[serde(rename = "preflightCommitment")]
    _preflight_commitment: Option<Commitment>,
    #[serde(rename = "maxRetries")]
    _retries_max: Option<u64>,
    min_context_slot: Option<u64>,
}

/// A transaction that a client sends.
struct Sent {
    bytes: Vec<u8>,
    config: SendConfig,
}

fn read_sent(arguments: &mut Arguments<'_>) -> Result<Sent, RpcError> {
    let text: String = arguments.required("a transaction")?;
    let config: SendConfig = arguments.or_default()?;
    let bytes = config.encoding.decode(&text)?;
    Ok(Sent { bytes, config })
}

pub(super) fn parse(bytes: &[u8]) -> Result<TransactionView<'_>, RpcError> {
    TransactionView::parse(bytes)
        .map_err(|error| RpcError::params(format!("failed to deserialize transaction: {error}")))
}

/// Sends a transaction. With preflight it is tried out first, and the pool's verdict is waited
/// for. Without, it is only parsed: what becomes of it is seen in blocks.
async fn send(
    node: Arc<Node>,
    readers: Arc<Workers>,
    peer: Peer,
    sent: Result<Sent, RpcError>,
) -> Answer {
    let Sent { bytes, config } = sent?;
    let context = ContextConfig {
        commitment: None,
        min_context_slot: config.min_context_slot,
    };
    context.slot(&node)?;
    let signature = signature_text(&parse(&bytes)?);
    if config.skip_preflight {
        node.intake.send(bytes)?;
        return Ok(signature.into());
    }
    let checked = Arc::clone(&node);
    let tried = readers.run(peer, move || preflight(&checked, &bytes).map(|()| bytes));
    let tried = tried.await;
    let bytes = tried.map_err(|error| RpcError::Internal(error.to_string()))??;
    submit(&node, bytes).await?;
    Ok(signature.into())
}

/// Puts a transaction into the pool and waits for the verdict.
async fn submit(node: &Node, bytes: Vec<u8>) -> Result<(), RpcError> {
    let signature = signature_of(&parse(&bytes)?);
    let verdict = node.intake.submit(bytes)?.await;
    match verdict.unwrap_or(Err(IntakeError::Ending)) {
        Ok(()) => Ok(()),
        Err(IntakeError::Rejected(rejection)) => rejected(node, &signature, rejection),
        Err(error) => Err(error.into()),
    }
}

/// What a client is told of a rejection. A transaction that waits already is as good as sent.
fn rejected(node: &Node, signature: &[u8; 64], rejection: Rejection) -> Result<(), RpcError> {
    Err(match rejection {
        Rejection::Duplicate if node.recent.status(signature).is_none() => return Ok(()),
        Rejection::Duplicate => refused(&TransactionError::AlreadyProcessed),
        Rejection::UnknownBlockhash => refused(&TransactionError::BlockhashNotFound),
        Rejection::Rule(TransactionError::SignatureFailure) => RpcError::Signature,
        Rejection::Rule(error) => refused(&error),
        Rejection::Malformed(error) => RpcError::params(error.to_string()),
        rejection => RpcError::Unhealthy(rejection.to_string()),
    })
}

/// A transaction that does not get into any block.
pub(super) fn refused(error: &TransactionError) -> RpcError {
    RpcError::Preflight {
        message: error.to_string(),
        data: Box::new(json!({
            "err": error,
            "logs": [],
            "accounts": null,
            "unitsConsumed": 0,
            "returnData": null,
            "innerInstructions": null,
            "replacementBlockhash": null,
        })),
    }
}

/// Tries a transaction out on the newest state.
///
/// # Errors
/// If it would fail or be refused.
fn preflight(node: &Node, bytes: &[u8]) -> Result<(), RpcError> {
    let (_, simulated) = try_out(node, bytes, true)?;
    match simulated.results.first() {
        Some(Ok(receipt)) => match &receipt.status {
            Ok(()) => Ok(()),
            Err(error) => Err(RpcError::Preflight {
                message: message_of(error),
                data: Box::new(outcome(receipt)),
            }),
        },
        Some(Err(Refusal::Rule(TransactionError::SignatureFailure))) => Err(RpcError::Signature),
        Some(Err(Refusal::Rule(error))) => Err(refused(error)),
        Some(Err(Refusal::Malformed(error))) => Err(RpcError::params(error.to_string())),
        None => Err(RpcError::Internal("nothing was simulated".to_owned())),
    }
}

/// An error as Solana's clients expect to read it: the cause behind the instruction.
fn message_of(error: &TransactionError) -> String {
    error.to_string()
}

/// Runs a transaction on the state after the newest block. Another block may become final
/// meanwhile; then the next one is taken.
fn try_out(node: &Node, bytes: &[u8], verify: bool) -> Result<(u64, Simulated), RpcError> {
    let mut simulation = Simulation::new(WireBlock::from_iter([bytes]));
    simulation.verify = verify;
    simulation.recording.uses = false;
    simulate_on_head(node, &simulation)
}

/// The same for whatever is simulated.
pub(super) fn simulate_on_head(
    node: &Node,
    simulation: &Simulation,
) -> Result<(u64, Simulated), RpcError> {
    let attempt = || {
        let (head, header) = node.chain.head();
        let simulated = node.chain.simulate_changes(&head, simulation)?;
        Ok((header.slot, simulated))
    };
    for _ in 0..8 {
        if let Ok(simulated) = attempt() {
            return Ok(simulated);
        }
    }
    attempt().map_err(|error: SimulateError| error.into())
}

/// The outcome of a simulation that ran.
pub(super) fn outcome(receipt: &Receipt) -> Value {
    let meta = TransactionMeta::of(receipt);
    json!({
        "err": meta.error_value(),
        "logs": meta.logs,
        "accounts": null,
        "unitsConsumed": meta.compute_units,
        "returnData": return_data(&meta),
        "innerInstructions": null,
        "replacementBlockhash": null,
        "fee": meta.fee,
    })
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SimulateConfig {
    #[serde(default, deserialize_with = "super::params::or_default")]
    encoding: WireEncoding,
    #[serde(default, deserialize_with = "super::params::or_default")]
    sig_verify: bool,
    #[serde(default, deserialize_with = "super::params::or_default")]
    replace_recent_blockhash: bool,
    #[serde(default, deserialize_with = "super::params::or_default")]
    inner_instructions: bool,
    accounts: Option<SimulateAccounts>,
    commitment: Option<Commitment>,
    min_context_slot: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct SimulateAccounts {
    encoding: Option<AccountEncoding>,
    addresses: Vec<String>,
}

fn simulate(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let text: String = arguments.required("a transaction")?;
    let config: SimulateConfig = arguments.or_default()?;
    let context = ContextConfig {
        commitment: config.commitment,
        min_context_slot: config.min_context_slot,
    };
    context.slot(node)?;
    if config.sig_verify && config.replace_recent_blockhash {
        return Err(RpcError::params(
            "sigVerify may not be used with replaceRecentBlockhash",
        ));
    }
    let mut bytes = config.encoding.decode(&text)?;
    let mut replacement = Value::Null;
    if config.replace_recent_blockhash {
        let height = node.head().height;
        let newest = node.chain.head().0;
        bytes = parse(&bytes)?.with_blockhash(&newest.to_bytes());
        replacement = json!({
            "blockhash": newest.to_string(),
            "lastValidBlockHeight": height.saturating_add(BLOCKHASH_BLOCKS),
        });
    }
    let view = parse(&bytes)?;
    let (slot, simulated) = try_out(node, &bytes, config.sig_verify)?;
    let mut value = match simulated.results.first() {
        Some(Ok(receipt)) => {
            let mut value = outcome(receipt);
            if config.inner_instructions {
                let meta = TransactionMeta::of(receipt);
                let keys = resolved_keys(&node.view()?, &view)?;
                value["innerInstructions"] = inner_instructions(&meta.inner, &keys, true);
            }
            value
        }
        Some(Err(Refusal::Rule(TransactionError::SignatureFailure))) => {
            return Err(RpcError::Signature);
        }
        Some(Err(Refusal::Rule(error))) => match refused(error) {
            RpcError::Preflight { data, .. } => *data,
            error => return Err(error),
        },
        Some(Err(Refusal::Malformed(error))) => return Err(RpcError::params(error.to_string())),
        None => return Err(RpcError::Internal("nothing was simulated".to_owned())),
    };
    value["replacementBlockhash"] = replacement;
    if let Some(wanted) = &config.accounts {
        value["accounts"] = accounts_after(node, &simulated, wanted)?;
    }
    Ok(in_context(slot, value))
}

/// The accounts that were asked for, as they would be afterwards.
fn accounts_after(
    node: &Node,
    simulated: &Simulated,
    wanted: &SimulateAccounts,
) -> Result<Value, RpcError> {
    if wanted.addresses.len() > MULTIPLE_ACCOUNTS_MAX {
        return Err(RpcError::params("Too many accounts provided; max 100"));
    }
    let encoding = wanted.encoding.unwrap_or(AccountEncoding::Base64);
    if matches!(encoding, AccountEncoding::Binary | AccountEncoding::Base58) {
        return Err(RpcError::params("base58 encoding not supported"));
    }
    let view = node.view()?;
    let config = AccountConfig::default().by_default(encoding);
    let mut encoder = Encoder::new(&view, config);
    let mut shown = Vec::with_capacity(wanted.addresses.len());
    for text in &wanted.addresses {
        let address = address(text)?;
        let changes = &simulated.changes;
        let account: Option<Account> =
            match changes.binary_search_by_key(&address, |(known, _)| *known) {
                Ok(place) => Some(changes[place].1.clone()).filter(Account::exists),
                Err(_) => view.get(&address)?,
            };
        let account = account.map(|account| encoder.account(&address, &account));
        shown.push(account.transpose()?.unwrap_or(Value::Null));
    }
    Ok(shown.into())
}

/// The accounts of a transaction in message order, those of lookup tables as the state has them.
pub(super) fn resolved_keys(
    state: &View,
    view: &TransactionView<'_>,
) -> Result<Vec<Address>, RpcError> {
    let [writable, readonly] = looked_up(state, view)?;
    let statics = view.static_keys().iter().copied();
    let keys = statics.chain(writable).chain(readonly);
    Ok(keys.map(Address::new_from_array).collect())
}

/// A message behind, or in version 1 in front of, as many empty signatures as it asks for.
pub(super) fn unsigned(message: &[u8]) -> Option<Vec<u8>> {
    let is_versioned = message.first()? & 0x80 != 0;
    let count = *message.get(usize::from(is_versioned))?;
    let signatures = vec![0; usize::from(count).saturating_mul(64)];
    let is_v1 = message.first() == Some(&0x81);
    Some(match is_v1 {
        true => [message, &signatures].concat(),
        false => [&[count][..], &signatures, message].concat(),
    })
}

/// What a transaction asks for and pays.
fn budget(node: &Node, view: &TransactionView<'_>) -> Option<Budget> {
    budget_of(view, node.chain.parameters().rules).ok()
}

/// The fee of a transaction; `None` if its requests break a rule.
pub(super) fn fee(node: &Node, view: &TransactionView<'_>) -> Option<u64> {
    budget(node, view).map(|budget| budget.fee())
}

/// The compute units that a transaction asks for; `None` if its requests break a rule.
pub(super) fn compute_unit_limit(view: &TransactionView<'_>) -> Option<u32> {
    let budget = budget_of(view, lockstep_interface::RuleSet::Current);
    budget.ok().map(|budget| budget.compute_unit_limit)
}

/// Whether a transaction begins by advancing a nonce.
pub(super) fn has_nonce(view: &TransactionView<'_>) -> bool {
    let first = view.instructions().next();
    first.is_some_and(|first| {
        let program = view.static_key(usize::from(first.program_index));
        program == Some(program_ids::SYSTEM)
            && SystemInstruction::decode(first.data) == Some(SystemInstruction::AdvanceNonceAccount)
    })
}

/// An airdrop that a client asks for.
struct Airdrop {
    to: Address,
    lamports: u64,
}

fn read_airdrop(arguments: &mut Arguments<'_>) -> Result<Airdrop, RpcError> {
    Ok(Airdrop {
        to: arguments.address()?,
        lamports: arguments.required("a number of lamports")?,
    })
}

/// Pays lamports out of the faucet, by a transaction like any other.
async fn airdrop(node: Arc<Node>, asked: Result<Airdrop, RpcError>) -> Answer {
    let Airdrop { to, lamports } = asked?;
    let Some(faucet) = node.faucet else {
        return Err(RpcError::params("Invalid param: this ledger has no faucet"));
    };
    if lamports > AIRDROP_MAX {
        return Err(RpcError::params(format!(
            "Invalid param: an airdrop is at most {AIRDROP_MAX} lamports"
        )));
    }
    let number = node.airdrops.fetch_add(1, Ordering::Relaxed) % AIRDROP_KINDS;
    let from = address_of(&faucet);
    let instructions = [
        set_compute_unit_limit(AIRDROP_UNITS.saturating_add(number)),
        transfer(&from, &to, lamports),
    ];
    let blockhash = node.chain.head().0.to_bytes();
    let message = MessageBuilder::new(from, blockhash, &instructions).compile();
    let message = message.map_err(|error| RpcError::Internal(error.to_string()))?;
    let bytes = message.sign(&[&faucet]);
    let bytes = bytes.map_err(|error| RpcError::Internal(error.to_string()))?;
    let signature = signature_text(&parse(&bytes)?);
    submit(&node, bytes).await?;
    Ok(signature.into())
}
