//! `lockstep bench-store`: what a store's commits cost on the disk of a directory.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lockstep_benches::store_load::{StoreLoad, StoreShape, commit, holds};
use lockstep_store::{DiskOptions, DiskStore, MemoryStore, Serial, Store, StoreError};
use serde::Serialize;

use crate::failure::Failure;
use crate::ledger::shown;
use crate::terminal::{self, escaped};
use crate::text::{self, rounded, seconds, thousands};

/// The store's name in the directory.
const STORE: &str = "store";
/// Most accounts, changes and blocks.
const COUNT_MAX: u64 = 1_000_000_000;

/// Measure the commits of a store on the disk of a directory
///
/// Fills a store with accounts, then commits blocks that change some of them at random, and times
/// each commit from the call until its block would survive a loss of power. What lies between two
/// commits is not timed. The store is removed at the end; an interrupted command leaves it in the
/// directory.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A directory on the disk; it must be missing or empty
    dir: PathBuf,
    /// Accounts in the store
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(1..=COUNT_MAX))]
    accounts: u64,
    /// Accounts that a block changes
    #[arg(long, value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..=COUNT_MAX))]
    changes: u64,
    /// Blocks that are timed
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u64).range(1..=COUNT_MAX))]
    blocks: u64,
    /// The store: the durable one, or the one that forgets, to compare with
    #[arg(long, value_enum, default_value_t = Kind::Disk)]
    kind: Kind,
    /// Seed of the load
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Disk,
    Memory,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "disk",
            Self::Memory => "memory",
        })
    }
}

#[derive(Serialize)]
struct Report {
    dir: String,
    kind: Kind,
    seed: u64,
    accounts: u64,
    changes: u64,
    blocks: u64,
    /// Commits alone.
    blocks_per_second: f64,
    median_seconds: f64,
    worst_seconds: f64,
    /// What the process wrote while blocks were committed, compaction included, for each changed
    /// account; `None` where the system does not tell.
    bytes_per_account: Option<f64>,
}

/// The store's directory, which is new, and the one around it if there was none. Both go when this
/// does.
struct Scratch<'d> {
    dir: &'d Path,
    is_new: bool,
}

impl<'d> Scratch<'d> {
    fn new(dir: &'d Path) -> Result<Self, Failure> {
        let failed = |error| Failure::usage(format!("{}: {error}", shown(dir)));
        let is_new = match fs::create_dir(dir) {
            Ok(()) => true,
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            Err(_) => match fs::read_dir(dir).map_err(failed)?.next() {
                None => false,
                Some(_) => return Err(failed(ErrorKind::DirectoryNotEmpty.into())),
            },
        };
        // Of several processes that find the directory empty, one makes this one.
        fs::create_dir(dir.join(STORE)).map_err(failed)?;
        Ok(Self { dir, is_new })
    }

    fn store(&self) -> PathBuf {
        self.dir.join(STORE)
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let store = self.store();
        let mut removed = match fs::remove_dir_all(&store) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        if self.is_new {
            removed = removed.and_then(|()| fs::remove_dir(self.dir));
        }
        if let Err(error) = removed {
            terminal::note(&format!("{}: not removed: {error}", shown(self.dir)));
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let count = |count: u64| usize::try_from(count).map_err(Failure::usage);
    let shape = StoreShape {
        account_count: count(arguments.accounts)?,
        change_count: count(arguments.changes)?,
    };
    if shape.change_count > shape.account_count {
        return Err(Failure::usage(format!(
            "--changes {} is more than there are: --accounts {}",
            shape.change_count, shape.account_count
        )));
    }
    let scratch = Scratch::new(&arguments.dir)?;
    let failed = |error: StoreError| Failure::other(error);
    let store: Box<dyn Store> = match arguments.kind {
        Kind::Disk => {
            let opened = DiskStore::open(scratch.store(), DiskOptions::default(), &Serial);
            Box::new(opened.map_err(failed)?.0)
        }
        Kind::Memory => Box::new(MemoryStore::new()),
    };
    let mut load = StoreLoad::new(arguments.seed, shape);

    let bar = text::progress(shape.account_count, arguments.quiet, "accounts");
    while let Some(block) = load.next_of_fill() {
        commit(&*store, &block).map_err(failed)?;
        bar.inc(block.len() as u64);
    }
    bar.finish_and_clear();

    let bar = text::progress(count(arguments.blocks)?, arguments.quiet, "blocks");
    let mut times = Vec::with_capacity(count(arguments.blocks)?);
    let written_before = bytes_written();
    for _ in 0..arguments.blocks {
        let block = load.block();
        times.push(commit(&*store, &block).map_err(failed)?);
        if !holds(&*store, &block).map_err(failed)? {
            let slot = store.tip().map_or(0, |tip| tip.slot);
            return Err(Failure::other(format!("the store lost block {slot}")));
        }
        bar.inc(1);
    }
    let written = bytes_written().zip(written_before);
    bar.finish_and_clear();
    // Before its directory goes.
    drop(store);

    print(arguments, &report(arguments, times, written))?;
    Ok(ExitCode::SUCCESS)
}

fn report(arguments: &Arguments, mut times: Vec<Duration>, written: Option<(u64, u64)>) -> Report {
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    let changed = arguments.blocks as f64 * arguments.changes as f64;
    Report {
        dir: shown(&arguments.dir),
        kind: arguments.kind,
        seed: arguments.seed,
        accounts: arguments.accounts,
        changes: arguments.changes,
        blocks: arguments.blocks,
        blocks_per_second: arguments.blocks as f64 / total.as_secs_f64(),
        median_seconds: middle.as_secs_f64(),
        worst_seconds: worst.as_secs_f64(),
        bytes_per_account: written.map(|(end, start)| end.saturating_sub(start) as f64 / changed),
    }
}

fn print(arguments: &Arguments, report: &Report) -> Result<(), Failure> {
    if arguments.json {
        return text::print_json(report);
    }
    let written = match report.bytes_per_account {
        Some(bytes) => format!(", {} bytes written per changed account", rounded(bytes)),
        None => String::new(),
    };
    text::print(&format!(
        "{}: {} blocks of {} changes over {} accounts, kind {}, seed {}: {:.1} blocks/s, \
         median commit {}, worst {}{written}\n",
        escaped(&report.dir),
        thousands(report.blocks),
        thousands(report.changes),
        thousands(report.accounts),
        report.kind,
        report.seed,
        report.blocks_per_second,
        seconds(report.median_seconds),
        seconds(report.worst_seconds),
    ))
}

/// Bytes that this process has handed to the system to write, where the system tells.
fn bytes_written() -> Option<u64> {
    let counts = fs::read_to_string("/proc/self/io").ok()?;
    let line = counts.lines().find_map(|line| line.strip_prefix("wchar:"));
    line?.trim().parse().ok()
}
