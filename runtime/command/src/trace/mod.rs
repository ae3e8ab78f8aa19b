//! `lockstep trace import`: blocks of nodes into a trace file, and how contended they are.
//!
//! ```text
//! file, or slots of a node -> import -> trace file
//!                                `-> access lists -> contention, for people or as JSON
//! ```

mod report;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use lockstep_benches::text_file;
use lockstep_benches::trace::import::{ImportOptions, import, import_value};
use lockstep_benches::trace::{TraceBlock, parse_address};
use lockstep_interface::Address;
use lockstep_node::client::{CallError, call};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output;
use crate::terminal;
use crate::text;
use report::Contention;

/// Errors of a slot without a block: skipped, and skipped or out of long-term storage.
const SKIPPED: [i32; 2] = [-32007, -32009];
/// What a file is packed with if its name ends so.
const PACKED: &str = "zst";
/// How hard it is packed.
const COMPRESSION: i32 = 9;

/// Take recorded blocks from nodes
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Import(Import),
}

/// Turn blocks of a node into a trace file, and show how contended they are
///
/// Takes the JSON of Solana's getBlock in any encoding, of a file or of a node's HTTP, and
/// Ethereum's block access lists (EIP-7928) as JSON or RLP. `plan --trace` and `compare --trace`
/// take the file that it writes.
#[derive(Args, Debug)]
struct Import {
    /// A file with a block, plain or packed with gzip or zstd, or a node's URL
    source: String,
    /// The slot: of a URL the first block to take, of a file the number of its block, by default
    /// one above its parent's
    #[arg(long, value_name = "SLOT")]
    slot: Option<u64>,
    /// Slots to take of a URL
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000))]
    count: u64,
    /// What a URL answers; a file tells by itself
    #[arg(long, value_enum, default_value_t = Chain::Solana)]
    chain: Chain,
    /// Ethereum's fee recipient, whose credits are left out; of a URL it is known
    #[arg(long, value_name = "ADDRESS", value_parser = short_address)]
    fee_recipient: Option<Address>,
    /// Write the trace to this file, packed if its name ends in .zst
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep vote transactions in the report, where they conflict with almost nothing; the file has
    /// them in any case
    #[arg(long)]
    votes: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show no notes
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Chain {
    /// Solana, or a node that answers as it does
    Solana,
    /// Ethereum with block access lists
    Ethereum,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    source: String,
    out: Option<String>,
    skipped: u64,
    blocks: Vec<Contention>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Action::Import(arguments) = &arguments.action;
    if let Some(path) = &arguments.out {
        output::check(path)?;
    }
    let mut skipped = 0;
    let blocks = match is_url(&arguments.source) {
        true => fetch(arguments, &mut skipped)?,
        false => vec![read(arguments)?],
    };
    if let Some(path) = &arguments.out {
        write(path, &blocks)?;
    }
    let contention = blocks
        .iter()
        .map(|block| Contention::of(block, arguments.votes));
    let report = Report {
        source: arguments.source.clone(),
        out: arguments
            .out
            .as_ref()
            .map(|path| path.display().to_string()),
        skipped,
        blocks: contention
            .collect::<Result<_, _>>()
            .map_err(Failure::other)?,
    };
    if arguments.json {
        text::print_json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    if skipped > 0 && !arguments.quiet {
        terminal::note(&format!(
            "note: {}",
            text::counted(count(skipped), "slot") + " without a block"
        ));
    }
    let shown: String = report.blocks.iter().map(Contention::show).collect();
    text::print(&shown)?;
    Ok(ExitCode::SUCCESS)
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn is_url(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// The block of a file.
fn read(arguments: &Import) -> Result<TraceBlock, Failure> {
    if arguments.count > 1 {
        return Err(Failure::usage("--count takes a URL: a file has one block"));
    }
    let path = Path::new(&arguments.source);
    let failed = |error: std::io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let mut text = Vec::new();
    let mut file = text_file::open(path).map_err(failed)?;
    file.read_to_end(&mut text).map_err(failed)?;
    let options = ImportOptions {
        slot: arguments.slot,
        fee_recipient: arguments.fee_recipient,
    };
    let imported = import(&text, &options);
    let (_, block) =
        imported.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok(block)
}

/// The blocks of a node, the slots without one left out.
fn fetch(arguments: &Import, skipped: &mut u64) -> Result<Vec<TraceBlock>, Failure> {
    let url = arguments.source.as_str();
    let first = arguments.slot;
    let first =
        first.ok_or_else(|| Failure::usage("a URL needs --slot, the first block to take"))?;
    let mut blocks = Vec::new();
    for slot in first..first.saturating_add(arguments.count) {
        let mut options = ImportOptions {
            slot: Some(slot),
            fee_recipient: arguments.fee_recipient,
        };
        let answer = match arguments.chain {
            Chain::Solana => call(url, "getBlock", &block_request(slot)),
            Chain::Ethereum => {
                let number = json!([format!("0x{slot:x}"), false]);
                let header = call(url, "eth_getBlockByNumber", &number).map_err(Failure::other)?;
                let recipient = header["miner"].as_str();
                let known = recipient.and_then(|text| short_address(text).ok());
                options.fee_recipient = options.fee_recipient.or(known);
                let number = json!([format!("0x{slot:x}")]);
                call(url, "eth_getBlockAccessList", &number)
            }
        };
        let answer = match answer {
            Err(CallError::Refused { code, .. }) if SKIPPED.contains(&code) => Value::Null,
            answer => answer.map_err(Failure::other)?,
        };
        if answer.is_null() {
            *skipped = skipped.saturating_add(1);
            continue;
        }
        let imported = import_value(&answer, &options);
        let imported = imported
            .map_err(|error| Failure::usage(format!("{url}: the block of slot {slot}: {error}")));
        blocks.push(imported?.1);
    }
    Ok(blocks)
}

/// The smallest answer that has all that is imported.
fn block_request(slot: u64) -> Value {
    json!([slot, {
        "encoding": "json",
        "transactionDetails": "full",
        "rewards": false,
        "maxSupportedTransactionVersion": 1,
    }])
}

/// An Ethereum address of the command line, as traces have it.
fn short_address(text: &str) -> Result<Address, String> {
    let address = text.starts_with("0x").then(|| parse_address(text));
    let wrong = || "not an address, which is 0x and 40 hexadecimal digits".to_owned();
    address.flatten().ok_or_else(wrong)
}

/// Writes the trace file.
fn write(path: &Path, blocks: &[TraceBlock]) -> Result<(), Failure> {
    let failed = |error| output::failure(path, error);
    let is_packed = path.extension().is_some_and(|end| end == PACKED);
    output::write(path, |out| {
        if is_packed {
            let mut packed = zstd::Encoder::new(out, COMPRESSION).map_err(failed)?;
            write_blocks(blocks, &mut packed).map_err(failed)?;
            packed.finish().map_err(failed)?;
        } else {
            write_blocks(blocks, out).map_err(failed)?;
        }
        Ok::<_, Failure>(())
    })
}

fn write_blocks(blocks: &[TraceBlock], out: &mut impl std::io::Write) -> std::io::Result<()> {
    blocks.iter().try_for_each(|block| block.write(out))
}
