//! `lockstep replay`: one recorded transaction again in its place.
//!
//! ```text
//! ledger: genesis -> executed up to the parent -> transactions before it in its block --+
//!                                                                                       +-> Stage
//! node:   getTransaction, accounts as they are now, recorded balances put back ---------+
//! Stage -> run -> outcome, what each account was and is; instruction by instruction
//!   `-> the same with other accounts -> what differs
//! ```

mod ledger;
mod remote;
mod report;
mod run;
mod show;
mod stage;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lockstep_interface::{Account, Address};
use lockstep_node::account_of_json;

use crate::failure::Failure;
use crate::ledger::{Common, parse_address};
use crate::text;
use report::{Ran, Report};

/// Run one recorded transaction again in its place
///
/// With a ledger, all blocks before it are executed again in memory, so that every account is as
/// it was. Of a node, accounts are taken as they are now, with the balances that were recorded:
/// that is exact where nothing else of them has changed since, and `same` tells whether the outcome
/// is the recorded one.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The transaction's signature
    transaction: String,
    /// The directory of the ledger that has it
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "url",
        conflicts_with = "url"
    )]
    ledger: Option<PathBuf>,
    /// The HTTP of a node that has it, ours or of others
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Begin at this snapshot of the ledger, in place of its genesis
    #[arg(long, value_name = "FILE", requires = "ledger")]
    from: Option<PathBuf>,
    /// Show each instruction: what it was asked, its logs, units and the accounts that it changed
    #[arg(long)]
    step: bool,
    /// Run it once more with another account: the JSON of getAccountInfo or of `solana account
    /// --output json`, null for none
    #[arg(long, value_name = "ACCOUNT=FILE")]
    set: Vec<String>,
    /// Show which accounts it changes and how; with --set, what the other accounts make different
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let signature = parse_signature(&arguments.transaction)?;
    let given = arguments.set.iter().map(|text| given(text));
    let given = given.collect::<Result<Vec<_>, _>>()?;
    let stage = match (&arguments.ledger, &arguments.url) {
        (Some(path), _) => ledger::stage(
            path,
            arguments.from.as_deref(),
            &signature,
            &arguments.common,
        )?,
        (None, Some(url)) => remote::stage(url, &arguments.transaction)?,
        (None, None) => return Err(Failure::usage("expected --ledger DIR or --url URL")),
    };
    let own = Ran::of(&stage, &[], arguments.step)?;
    let other = match given.is_empty() {
        true => None,
        false => Some(Ran::of(&stage, &given, arguments.step)?),
    };
    let report = Report::new(&arguments.transaction, &stage, own, &given, other);
    if arguments.common.json {
        text::print_json(&report)?;
    } else {
        text::print(&show::show(&report, arguments.diff))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn parse_signature(text: &str) -> Result<[u8; 64], Failure> {
    let mut bytes = [0; 64];
    match bs58::decode(text).onto(&mut bytes) {
        Ok(64) => Ok(bytes),
        _ => Err(Failure::usage(format!(
            "{text}: not a signature, which is 64 bytes in base58"
        ))),
    }
}

/// An account of the command line; the default account stands for none.
fn given(text: &str) -> Result<(Address, Account), Failure> {
    let Some((address, file)) = text.split_once('=') else {
        return Err(Failure::usage(format!("{text}: expected ACCOUNT=FILE")));
    };
    let address =
        parse_address(address).map_err(|error| Failure::usage(format!("{address}: {error}")))?;
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("{file}: {error}"));
    let json = fs::read(file).map_err(|error| wrong(&error))?;
    let json = serde_json::from_slice(&json).map_err(|error| wrong(&error))?;
    let account = account_of_json(&json).map_err(|error| wrong(&error))?;
    Ok((address, account.unwrap_or_default()))
}
