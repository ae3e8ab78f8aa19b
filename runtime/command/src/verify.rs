//! `lockstep verify`: executes a ledger's blocks again and compares every root.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use lockstep_benches::runner::rate;
use serde::Serialize;

use crate::failure::Failure;
use crate::ledger::{Common, VerifyError, VerifyOptions, base58, shown, state_root, verify_store};
use crate::terminal::escaped;
use crate::text::{self, rounded, thousands};

/// Execute a ledger's blocks again and compare every root of every block
///
/// Begins at the ledger's genesis, or at a snapshot, and works in memory; the ledger is only read.
/// Exit code 1 if a block differs, with the first that does and why.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The ledger's directory
    dir: PathBuf,
    /// Begin at this snapshot
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Take all signatures for right
    #[arg(long)]
    no_signatures: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Report {
    ledger: String,
    first_slot: u64,
    last_slot: u64,
    block: String,
    state_root: String,
    blocks: usize,
    transactions: u64,
    signatures_verified: bool,
    seconds: f64,
    tps: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Arguments {
        dir,
        from,
        no_signatures,
        common,
    } = arguments;
    let options = VerifyOptions {
        threads: common.threads()?,
        signatures: !no_signatures,
        from: from.clone(),
    };
    let (store, _) = common.open_store(dir, true, &options.threads)?;
    let bar = common.bar("blocks");
    let verified = verify_store(dir, &store, &options, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let verified = verified.map_err(|error| failure(dir, error))?;
    let transactions = usize::try_from(verified.transaction_count).unwrap_or(usize::MAX);
    let report = Report {
        ledger: shown(dir),
        first_slot: verified.first.slot,
        last_slot: verified.last.slot,
        block: base58(&verified.block_id),
        state_root: state_root(&verified.last),
        blocks: verified.block_count,
        transactions: verified.transaction_count,
        signatures_verified: options.signatures,
        seconds: verified.seconds,
        tps: rate(transactions, verified.seconds),
    };
    if common.json {
        text::print_json(&report)?;
    } else {
        text::print(&format!(
            "{}: {} transactions in {} blocks after slot {} executed again up to slot {}, {}: \
             every root is the same, {} tx/s {} signatures\n",
            escaped(&report.ledger),
            thousands(report.transactions),
            thousands(report.blocks),
            report.first_slot,
            report.last_slot,
            report.block,
            rounded(report.tps),
            if options.signatures {
                "with"
            } else {
                "without"
            },
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn failure(dir: &Path, error: VerifyError) -> Failure {
    match error {
        VerifyError::Ledger(error) => error.into(),
        VerifyError::Differs(difference) => Failure::other(format!("{}: {difference}", shown(dir))),
        VerifyError::Engine { .. } | VerifyError::Commit(_) => Failure::other(error),
        error => Failure::usage(error),
    }
}
