//! `lockstep snapshot`: a ledger's newest state as one file, and a ledger of such a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use lockstep_interface::Hash;
use serde::Serialize;

use crate::failure::Failure;
use crate::ledger::{
    Common, base58, import_snapshot, is_ledgers, parse_block_id, show, shown, write_snapshot,
};
use crate::output;
use crate::terminal::escaped;
use crate::text::{self, thousands};

/// Write a ledger's newest state to a file, or make a ledger of such a file
///
/// The file has all that executing the next block depends on. Import it with `--expect` and the
/// block's id from a source that you trust: the id covers all of the file that matters.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Debug, Subcommand)]
enum Direction {
    Export(Export),
    Import(Import),
}

/// Write the state after the newest block to a file
#[derive(Args, Debug)]
struct Export {
    /// The ledger's directory
    dir: PathBuf,
    /// The file; one that is there is replaced once the new one is whole, what a link leads to as
    /// well, and a FIFO or a device is written to
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

/// Make a ledger of a snapshot
///
/// Everything is verified before the directory gets its name; whatever goes wrong, it is not there.
#[derive(Args, Debug)]
struct Import {
    /// The snapshot
    file: PathBuf,
    /// The directory to make; it must be missing or empty
    dir: PathBuf,
    /// Id of the block that the snapshot must be of; any other is refused
    #[arg(long, value_name = "ID", value_parser = parse_block_id)]
    expect: Option<Hash>,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Exported {
    file: String,
    slot: u64,
    block: String,
    accounts: u64,
    blocks: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct Imported {
    ledger: String,
    slot: u64,
    block: String,
    state_root: String,
    accounts: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.direction {
        Direction::Export(arguments) => export(arguments),
        Direction::Import(arguments) => import(arguments),
    }
}

fn export(arguments: &Export) -> Result<ExitCode, Failure> {
    let Export { dir, file, common } = arguments;
    check_file(dir, file)?;
    let chain = common.open_chain(dir)?;
    let bar = common.bar("accounts");
    let exported = write_snapshot(&chain, file, &mut |progress| show(&bar, progress))?;
    bar.finish_and_clear();
    let report = Exported {
        file: shown(file),
        slot: exported.slot,
        block: base58(&exported.block_id),
        accounts: exported.account_count,
        blocks: exported.block_count,
        bytes: exported.size,
    };
    if common.json {
        text::print_json(&report)?;
    } else {
        text::print(&format!(
            "{}: {} accounts after slot {}, block {}, {} bytes\n",
            escaped(&report.file),
            thousands(report.accounts),
            report.slot,
            report.block,
            thousands(report.bytes)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses a file of the ledger itself, and what cannot be written, before the ledger is opened.
fn check_file(dir: &Path, file: &Path) -> Result<(), Failure> {
    if let (Ok(dir), Ok(found)) = (dir.canonicalize(), file.canonicalize())
        && let Ok(within) = found.strip_prefix(&dir)
        && within.iter().next().is_some_and(is_ledgers)
    {
        return Err(Failure::usage(format!(
            "{}: is a file of the ledger; choose another file",
            file.display()
        )));
    }
    Ok(output::check(file)?)
}

fn import(arguments: &Import) -> Result<ExitCode, Failure> {
    let Import {
        file,
        dir,
        expect,
        common,
    } = arguments;
    let bar = common.bar("accounts");
    let mut accounts = 0;
    let threads = common.threads()?;
    let tip = import_snapshot(file, dir, expect.as_ref(), &threads, &mut |progress| {
        show(&bar, progress);
        accounts = progress.account_count;
    })?;
    bar.finish_and_clear();
    let report = Imported {
        ledger: shown(dir),
        slot: tip.slot,
        block: base58(&tip.block_id),
        state_root: base58(&tip.state_root.unwrap_or_default()),
        accounts,
    };
    if common.json {
        text::print_json(&report)?;
    } else {
        text::print(&format!(
            "{}: {} accounts after slot {}, block {}\n",
            escaped(&report.ledger),
            thousands(report.accounts),
            report.slot,
            report.block
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
