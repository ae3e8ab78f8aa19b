//! `lockstep run --store`: the load on a ledger on disk.

use std::path::Path;
use std::process::ExitCode;

use crate::durable::{Durable, DurableError};
use lockstep_benches::runner::{Measured, RunOptions, rate};
use lockstep_benches::workload::Workload;
use lockstep_runtime::chain::OpenError;
use lockstep_store::StoreError;
use serde::Serialize;

use super::{Arguments, peak_rss_mib};
use crate::failure::Failure;
use crate::ledger::LoadError;
use crate::source::left_out_note;
use crate::text::{self, BOLD, paint, rounded, thousands};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    workload: String,
    store: String,
    strategy: String,
    mode: &'static str,
    threads: usize,
    seed: u64,
    verify: bool,
    transactions: usize,
    left_out: usize,
    succeeded: usize,
    failed: usize,
    refused: usize,
    blocks: usize,
    seconds: Seconds,
    /// The time that processors worked for all stages together, the store's own threads included.
    cpu_seconds: f64,
    /// Transactions a second, from signed bytes in memory to durable blocks.
    tps: f64,
    /// Slot of the newest durable block.
    slot: u64,
    block: String,
    state_root: String,
    /// Accounts read from memory, of those read at all.
    cache_hits: f64,
    /// Pages of the trie read from its file and written there, with a bound on memory.
    trie_pages: Option<(u64, u64)>,
    peak_rss_mib: Option<f64>,
}

/// Stages overlap, so that their times do not add up to the total.
#[derive(Serialize)]
struct Seconds {
    verify: f64,
    build: f64,
    commit: f64,
    total: f64,
}

pub(super) fn run(
    arguments: &Arguments,
    workload: &Workload,
    indexes: &[usize],
    path: &Path,
    options: RunOptions<'_>,
) -> Result<ExitCode, Failure> {
    let cache_size = arguments.cache_mib.checked_mul(1 << 20);
    let cache_size = cache_size.ok_or_else(|| Failure::usage("--cache-mib is out of range"))?;
    let cache_size = arguments.memory.cache_size(cache_size);
    let disk_options = arguments.memory.disk_options();
    let opened = Durable::open(workload, path, disk_options, cache_size, options);
    let mut ledger = opened.map_err(failure)?;
    let bar = text::progress(indexes.len(), arguments.quiet, "blocks");
    let ran = ledger.runner.run(workload, indexes, &|| bar.inc(1));
    ran.map_err(super::failure)?;
    bar.finish_and_clear();
    let report = Report::of(&ledger, workload, path, &options, arguments.source.seed());
    if arguments.json {
        text::print_json(&report)?;
    } else {
        text::print(&report.summary())?;
    }
    let closed = ledger.close();
    closed.map_err(|error| failure(error.into()))?;
    Ok(ExitCode::SUCCESS)
}

impl Report {
    fn of(
        ledger: &Durable<'_>,
        workload: &Workload,
        path: &Path,
        options: &RunOptions<'_>,
        seed: u64,
    ) -> Self {
        let Measured {
            counts,
            seconds,
            cpu_seconds,
            ..
        } = ledger.runner.measured();
        let (block, header) = ledger.runner.chain().head();
        let (hits, misses) = ledger.cache_counts();
        let base58 = |bytes: [u8; 32]| bs58::encode(bytes).into_string();
        Self {
            workload: workload.name().to_owned(),
            store: path.display().to_string(),
            strategy: options.strategy.name().to_owned(),
            mode: options.mode.name(),
            threads: options.threads.get(),
            seed,
            verify: options.verify,
            transactions: counts.transactions,
            left_out: workload.left_out(),
            succeeded: counts.succeeded,
            failed: counts.failed,
            refused: counts.refused,
            blocks: counts.blocks,
            seconds: Seconds {
                verify: seconds.verify,
                build: seconds.build(),
                commit: seconds.commit,
                total: seconds.total,
            },
            cpu_seconds,
            tps: rate(counts.transactions, seconds.total),
            slot: header.slot,
            block: base58(block.to_bytes()),
            state_root: base58(header.state_root.unwrap_or_default().to_bytes()),
            cache_hits: share(hits, misses),
            trie_pages: ledger.page_counts(),
            peak_rss_mib: peak_rss_mib(),
        }
    }

    fn summary(&self) -> String {
        let Seconds {
            verify,
            build,
            commit,
            total,
        } = self.seconds;
        let mut lines = vec![
            ("throughput", format!("{} tx/s, durable", rounded(self.tps))),
            (
                "outcome",
                format!(
                    "{} succeeded, {} failed, {} refused",
                    thousands(self.succeeded),
                    thousands(self.failed),
                    thousands(self.refused)
                ),
            ),
            (
                "stages",
                format!(
                    "side by side: verify {}, build {}, commit {}; {} in all",
                    text::seconds(verify),
                    text::seconds(build),
                    text::seconds(commit),
                    text::seconds(total)
                ),
            ),
            (
                "cache",
                format!("{:.1}% of reads from memory", self.cache_hits * 100.0),
            ),
            ("newest", format!("slot {}, {}", self.slot, self.block)),
            ("state root", self.state_root.clone()),
        ];
        if let Some((read, written)) = self.trie_pages {
            let pages = format!(
                "{} pages of 2 KiB read and {} written, for lack of memory",
                thousands(read),
                thousands(written)
            );
            lines.push(("trie", pages));
        }
        if self.left_out > 0 {
            lines.push(("left out", left_out_note(self.left_out)));
        }
        if let Some(peak) = self.peak_rss_mib {
            lines.push(("peak memory", format!("{} MiB", rounded(peak))));
        }
        let heading = format!(
            "{}  {} transactions in {} durable blocks, seed {}\n\n",
            paint(BOLD, &self.workload),
            thousands(self.transactions),
            thousands(self.blocks),
            self.seed
        );
        heading + &text::facts(&lines)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share for people needs no 64 bits"
)]
fn share(hits: u64, misses: u64) -> f64 {
    let all = hits.saturating_add(misses);
    if all == 0 {
        0.0
    } else {
        hits as f64 / all as f64
    }
}

/// The exit code for a ledger that does not go on: bad input, or another failure.
fn failure(error: DurableError) -> Failure {
    match error {
        DurableError::Store(StoreError::Medium { .. } | StoreError::Engine { .. }) => {
            Failure::other(error)
        }
        DurableError::Open(OpenError::Log { .. } | OpenError::OtherGenesis(_))
        | DurableError::Store(_)
        | DurableError::Load(
            LoadError::Other { .. } | LoadError::Missing { .. } | LoadError::File { .. },
        ) => Failure::usage(error),
        DurableError::Load(LoadError::Output(error)) => error.into(),
        DurableError::Genesis(error) => error.into(),
        error => Failure::other(error),
    }
}

/// MiB of accounts in memory by default.
pub(super) const CACHE_MIB_DEFAULT: u64 = 512;
