//! How contended a block is: what of it can run at once, and which accounts are in the way.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use lockstep_benches::access::AccessList;
use lockstep_benches::explain::{Explained, Scale};
use lockstep_benches::planning::{InternedBlock, ratio};
use lockstep_benches::trace::{TraceBlock, TraceTransaction};
use lockstep_scheduler::{
    Auto, ConflictGraph, Layered, Mode, PlanRequest, Strategy as _, StrategyError,
};
use serde::Serialize;

use crate::text::{self, BOLD, Table, counted, grade, paint, thousands};

/// Conflicting pairs that are counted at the most.
const CONFLICTS_MAX: usize = 20_000_000;
/// Accounts that are shown.
const ACCOUNTS_SHOWN: usize = 10;
/// Workers of the plan that accounts are weighed by.
const WORKERS: NonZeroU32 = NonZeroU32::new(8).expect("it is not zero");

/// The contention of one block.
#[derive(Serialize)]
pub(super) struct Contention {
    slot: u64,
    transactions: usize,
    votes_left_out: usize,
    failed: usize,
    accounts: usize,
    /// Pairs that conflict; `None` beyond a limit.
    conflicting_pairs: Option<usize>,
    /// Batches when conflicting transactions keep block order.
    waves: usize,
    /// Cost units of all, and of the heaviest chain in block order.
    work: u64,
    critical_path: u64,
    hottest: Vec<Hot>,
    scaling: Vec<Scale>,
}

#[derive(Serialize)]
struct Hot {
    account: String,
    writers: u32,
    readers: u32,
    cost: u64,
    /// Cost units by which the block would take less without it, on eight workers.
    saved: i64,
}

impl Contention {
    /// Plans a block with `auto`, in any order.
    pub(super) fn of(block: &TraceBlock, keeps_votes: bool) -> Result<Self, StrategyError> {
        let all = block.transactions.iter();
        let kept: Vec<&TraceTransaction> = all.filter(|one| keeps_votes || !one.is_vote).collect();
        let lists: Vec<AccessList> = kept.iter().map(|one| one.access_list()).collect();
        let interned = InternedBlock::new(&lists);
        let table = interned.table();
        let request = PlanRequest::new(Mode::Produce, WORKERS);
        let in_order = PlanRequest::new(Mode::Replay, WORKERS);
        let graph = ConflictGraph::of(table, CONFLICTS_MAX);
        let explained = Explained::new(&interned, &Auto, &request)?.explanation;
        let hottest = explained.blocking.into_iter().take(ACCOUNTS_SHOWN);
        Ok(Self {
            slot: block.number,
            transactions: kept.len(),
            votes_left_out: block.transactions.len().saturating_sub(kept.len()),
            failed: kept.iter().filter(|one| one.failure.is_some()).count(),
            accounts: interned.addresses().len(),
            conflicting_pairs: graph.map(|graph| graph.conflict_count()),
            waves: Layered.plan(table, &in_order)?.batch_count(),
            work: interned.bounds().work,
            critical_path: interned.bounds().critical_path,
            hottest: hottest
                .map(|hot| Hot {
                    account: hot.account,
                    writers: hot.writers,
                    readers: hot.readers,
                    cost: hot.cost,
                    saved: hot.saved,
                })
                .collect(),
            scaling: explained.scaling,
        })
    }

    /// The contention for people.
    pub(super) fn show(&self) -> String {
        let mut out = format!("{}\n", paint(BOLD, &format!("slot {}", self.slot)));
        let left_out = match self.votes_left_out {
            0 => String::new(),
            count => format!(", {} left out", counted(count, "vote")),
        };
        let pairs = self.conflicting_pairs.map_or_else(
            || format!("more than {}", thousands(CONFLICTS_MAX)),
            thousands,
        );
        out.push_str(&text::facts(&[
            (
                "block",
                format!(
                    "{}, {} failed{left_out}, {}",
                    counted(self.transactions, "transaction"),
                    thousands(self.failed),
                    counted(self.accounts, "account"),
                ),
            ),
            (
                "conflicts",
                format!(
                    "{pairs} conflicting pairs, {} in block order",
                    counted(self.waves, "wave")
                ),
            ),
            (
                "cost",
                format!(
                    "{} units, {} on the critical path: at most {:.1} times faster than serial \
                     in block order",
                    thousands(self.work),
                    thousands(self.critical_path),
                    match self.critical_path {
                        0 => 1.0,
                        path => ratio(self.work, path),
                    }
                ),
            ),
        ]));
        let mut table = Table::new(0, &["workers", "speed-up", "efficiency"]);
        for scale in &self.scaling {
            let plain = clap::builder::styling::Style::new();
            let faster = ratio(self.work, scale.makespan);
            table.styled_row([
                (scale.workers.to_string(), plain),
                (format!("{faster:.2}"), plain),
                (format!("{:.3}", scale.efficiency), grade(scale.efficiency)),
            ]);
        }
        if self.transactions > 0 {
            out.push_str(&table.show());
        }
        if !self.hottest.is_empty() {
            let headings = ["hottest accounts", "writers", "readers", "cost", "saves"];
            let mut table = Table::new(1, &headings);
            for hot in &self.hottest {
                table.row([
                    hot.account.clone(),
                    thousands(hot.writers),
                    thousands(hot.readers),
                    thousands(hot.cost),
                    match hot.saved < 0 {
                        true => format!("-{}", thousands(hot.saved.unsigned_abs())),
                        false => thousands(hot.saved.unsigned_abs()),
                    },
                ]);
            }
            out.push_str(&table.show());
        }
        let _ = writeln!(out);
        out
    }
}
