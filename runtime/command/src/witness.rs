//! `lockstep witness`: all that one block needs of its chain, in a file; and the check of such a
//! file, which needs nothing else.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use lockstep_interface::Hash;
use lockstep_runtime::chain::{
    logged_block,
    witness::{Witness, WitnessError},
};
use lockstep_runtime::verify::{Signatures, Verifier};
use lockstep_store::{DiskStore, Store as _};
use serde::Serialize;

use crate::failure::Failure;
use crate::ledger::{
    Common, VerifyOptions, base58, linked_programs, parse_block_id, shown, state_before,
};
use crate::terminal::escaped;
use crate::text::{self, thousands};
use crate::verify::failure;

/// Write what one block of a ledger needs to be checked without the ledger, or check such a file
///
/// The file holds the block, the accounts that it touches, their proof against its parent's state
/// root, and the headers before it. It goes to stdout. With `--check` the block is executed on
/// nothing but the file, and every root of its header is compared: exit code 1 if they differ.
/// Compare the block's id, and the rules of the chain, with those from a source that you trust.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The ledger's directory
    #[arg(required_unless_present = "check", requires = "block")]
    dir: Option<PathBuf>,
    /// The block: its slot, or its id
    #[arg(value_parser = parse_block)]
    block: Option<BlockName>,
    /// A snapshot to begin at, instead of the ledger's genesis
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    from: Option<PathBuf>,
    /// Check this file instead
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    check: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// How a block is named.
#[derive(Clone, Copy, Debug)]
enum BlockName {
    Slot(u64),
    Id(Hash),
}

fn parse_block(text: &str) -> Result<BlockName, String> {
    match text.parse() {
        Ok(slot) => Ok(BlockName::Slot(slot)),
        Err(_) => parse_block_id(text)
            .map(BlockName::Id)
            .map_err(|error| format!("neither a slot, nor a block's id: {error}")),
    }
}

/// What `--json` prints of a file that was checked.
#[derive(Serialize)]
struct Report {
    slot: u64,
    block: String,
    transactions: usize,
    failed: usize,
    accounts: usize,
    bytes: usize,
    seconds: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match (&arguments.check, &arguments.dir, arguments.block) {
        (Some(file), ..) => check(file, &arguments.common),
        (None, Some(dir), Some(block)) => write(arguments, dir, block),
        _ => Err(Failure::usage("a ledger and a block are needed")),
    }
}

fn write(arguments: &Arguments, dir: &Path, block: BlockName) -> Result<ExitCode, Failure> {
    let common = &arguments.common;
    let options = VerifyOptions {
        threads: common.threads()?,
        // They were verified when the block was made, and roots are compared.
        signatures: false,
        from: arguments.from.clone(),
    };
    let (store, _) = common.open_store(dir, false, &options.threads)?;
    let (slot, bytes) = find(dir, &store, block)?;
    let bar = common.bar("blocks");
    let chain = state_before(dir, &store, &options, slot, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let chain = chain.map_err(|error| failure(dir, error))?;
    let witness = chain.witness(bytes.into()).map_err(Failure::other)?;
    let bytes = witness.encode().map_err(Failure::other)?;
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return Err(Failure::usage("the witness is no text: lead it to a file"));
    }
    let written = out.write_all(&bytes).and_then(|()| out.flush());
    written.map_err(Failure::other)?;
    Ok(ExitCode::SUCCESS)
}

/// The slot and the bytes of a block in the log.
fn find(dir: &Path, store: &DiskStore, block: BlockName) -> Result<(u64, Vec<u8>), Failure> {
    let records = store.records(usize::MAX).map_err(Failure::usage)?;
    let record = records.iter().find(|record| match block {
        BlockName::Slot(slot) => record.slot == slot,
        BlockName::Id(id) => record.block_id == id,
    });
    let stored = match record {
        Some(record) => store.block(record.slot).map_err(Failure::usage)?,
        None => None,
    };
    let found = stored.as_ref().and_then(|stored| {
        let bytes = logged_block(&stored.body)?;
        Some((stored.record.slot, bytes.to_vec()))
    });
    found.ok_or_else(|| {
        let name = match block {
            BlockName::Slot(slot) => format!("slot {slot}"),
            BlockName::Id(id) => base58(&id),
        };
        Failure::usage(format!(
            "{}: the log has no bytes of a block of {name}",
            dir.display()
        ))
    })
}

fn check(file: &Path, common: &Common) -> Result<ExitCode, Failure> {
    let at = |cause: &dyn std::fmt::Display| format!("{}: {cause}", file.display());
    let bytes = fs::read(file).map_err(|error| Failure::usage(at(&error)))?;
    let start = Instant::now();
    let witness = Witness::decode(&bytes).map_err(|error| Failure::usage(at(&error)))?;
    let genesis = witness.parameters.genesis(linked_programs());
    let known = witness.parameters.check(&genesis);
    known.map_err(|error| Failure::usage(at(&error)))?;
    let (verifier, threads) = (Verifier::default(), common.threads()?);
    let checked = witness.check(&genesis, Signatures::Verify(&verifier), &threads);
    let checked = checked.map_err(|error| match error {
        WitnessError::Invalid(_) => Failure::other(at(&error)),
        error => Failure::usage(at(&error)),
    })?;
    let failed = checked.receipts.iter();
    let failed = failed.filter(|receipt| receipt.status.is_err()).count();
    let report = Report {
        slot: checked.header.slot,
        block: base58(&checked.id),
        transactions: checked.receipts.len(),
        failed,
        accounts: witness.accounts.len(),
        bytes: bytes.len(),
        seconds: start.elapsed().as_secs_f64(),
    };
    if common.json {
        text::print_json(&report)?;
    } else {
        text::print(&format!(
            "{}: block {} of slot {} does what its header says: {} transactions, {} of them \
             failed, over {} accounts, in {} bytes\n",
            escaped(&shown(file)),
            report.block,
            report.slot,
            thousands(report.transactions),
            thousands(report.failed),
            thousands(report.accounts),
            thousands(report.bytes)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
