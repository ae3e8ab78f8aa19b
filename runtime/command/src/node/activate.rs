//! `lockstep activate`: says from which slot on a program or a set of rules holds.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args;
use lockstep_interface::{Address, Hash};
use lockstep_node::client::call;
use lockstep_node::genesis::feature_named;
use lockstep_node::keys::{address_of, read_key};
use lockstep_programs::activations::{self, ChangeAddresses};
use lockstep_runtime::wire::MessageBuilder;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::ledger::linked_programs;
use crate::text;

/// How often the node is asked what became of the transaction.
const POLLS: u32 = 300;
/// How long between two such questions.
pub(super) const POLL_TIME: Duration = Duration::from_millis(100);

/// Say from which slot on a program or a set of rules holds, or that it does not begin after all
///
/// The authority that the chain's genesis names signs. A feature is known by its name: one of the
/// programs that this command is built with, `rules-current`, `rules-2024-12`, `rules-sbpf-3`, or a
/// scheme of signatures, `falcon-512`, `ml-dsa-44`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The program's name, or that of the rules
    #[arg(value_name = "FEATURE")]
    feature: String,
    /// The first slot, above the present one
    #[arg(long, value_name = "N", required_unless_present = "cancel")]
    slot: Option<u64>,
    /// Take back what has not begun
    #[arg(long, conflicts_with = "slot")]
    cancel: bool,
    /// Secret key of the authority, a JSON file; in a ledger of a node its faucet.json
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
    /// The node's HTTP
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8899")]
    url: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    feature: String,
    name: String,
    /// The first slot; null if it was taken back.
    slot: Option<u64>,
    signature: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let name = &arguments.feature;
    let feature = feature_named(name, &linked_programs()).ok_or_else(|| {
        Failure::usage(format!(
            "{name}: expected the name of a program that is linked in, of a rule set, or of a \
             scheme of signatures"
        ))
    })?;
    let path = arguments.authority.display();
    let authority = read_key(&arguments.authority);
    let authority = authority.map_err(|error| Failure::usage(format!("{path}: {error}")))?;
    let change = ChangeAddresses {
        authority: address_of(&authority),
    };
    let instruction = match arguments.slot {
        Some(slot) => activations::call::schedule(&change, feature, slot, name.clone()),
        None => activations::call::cancel(&change, feature),
    };
    let node = Node(&arguments.url);
    let blockhash = node.blockhash()?;
    let instructions = [instruction];
    let message = MessageBuilder::new(change.authority, blockhash.to_bytes(), &instructions);
    let signed = message
        .compile()
        .and_then(|message| message.sign(&[&authority]));
    let signature = node.send(&signed.map_err(Failure::other)?)?;
    node.wait(&signature)?;
    report(arguments, &feature, signature)
}

fn report(
    arguments: &Arguments,
    feature: &Address,
    signature: String,
) -> Result<ExitCode, Failure> {
    let name = &arguments.feature;
    if arguments.json {
        text::print_json(&Report {
            feature: feature.to_string(),
            name: name.clone(),
            slot: arguments.slot,
            signature,
        })?;
    } else {
        text::print(&match arguments.slot {
            Some(slot) => format!("{name} ({feature}) begins in slot {slot}\n"),
            None => format!("{name} ({feature}) does not begin\n"),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The node at a URL.
pub(super) struct Node<'a>(pub(super) &'a str);

impl Node<'_> {
    pub(super) fn call(&self, method: &str, params: &Value) -> Result<Value, Failure> {
        call(self.0, method, params).map_err(Failure::other)
    }

    pub(super) fn blockhash(&self) -> Result<Hash, Failure> {
        let answer = self.call("getLatestBlockhash", &json!([]))?;
        let text = answer["value"]["blockhash"].as_str().unwrap_or_default();
        let parsed: Result<Hash, _> = text.parse();
        parsed.map_err(|_| Failure::other(format!("{}: no blockhash in {answer}", self.0)))
    }

    /// Sends a transaction that a simulation lets pass; gives its signature.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<String, Failure> {
        let params = json!([BASE64_STANDARD.encode(bytes), { "encoding": "base64" }]);
        let answer = self.call("sendTransaction", &params)?;
        let signature = answer.as_str().map(ToOwned::to_owned);
        signature.ok_or_else(|| Failure::other(format!("{}: no signature: {answer}", self.0)))
    }

    /// Waits until a transaction is in a block.
    pub(super) fn wait(&self, signature: &str) -> Result<(), Failure> {
        for _ in 0..POLLS {
            let answer = self.call("getSignatureStatuses", &json!([[signature]]))?;
            match &answer["value"][0] {
                Value::Null => thread::sleep(POLL_TIME),
                status if status["err"].is_null() => return Ok(()),
                status => {
                    let error = &status["err"];
                    return Err(Failure::other(format!("{signature} failed: {error}")));
                }
            }
        }
        Err(Failure::other(format!(
            "{signature}: sent, and in no block after {} s: ask the node for it later",
            POLL_TIME.saturating_mul(POLLS).as_secs()
        )))
    }
}
