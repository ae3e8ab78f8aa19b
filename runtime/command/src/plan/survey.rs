//! All blocks planned by all strategies for all worker counts, as figures and as text for people.

use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe};

use clap::builder::styling::Style;
use indicatif::ProgressBar;
use lockstep_benches::audit::AuditFigures;
use lockstep_benches::explain::{CLIQUE_STEPS_MAX, Explanation};
use lockstep_benches::planning::{AccountCensus, Figures, measure, ratio};
use lockstep_scheduler::{Mode, Plan, PlanRequest, Policy, heavy_clique};
use serde::Serialize;

use super::blocks::Blocks;
use super::{Arguments, Planners, audit, explain};
use crate::failure::Failure;
use crate::source::{Load, left_out_note};
use crate::terminal;
use crate::text::{self, BAD, BOLD, DIM, Table, paint, thousands};

/// Hottest accounts that are shown.
const HOTTEST_SHOWN: usize = 5;

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Report {
    transactions: usize,
    /// Transactions of the trace that lock more accounts than `--max-locks` says.
    left_out: usize,
    /// What strategies take transactions to cost.
    costs: &'static str,
    accounts: usize,
    accesses: usize,
    plans: Vec<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) explain: Option<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audit: Option<AuditFigures>,
}

/// The plans of all blocks, in figures.
pub(super) struct Survey {
    pub(super) report: Report,
    census: AccountCensus,
    /// Cost of a heavy set of transactions that all conflict with each other, for people; a
    /// block's heaviest is no lighter than what its hottest account's writers cost.
    heavy_clique: Option<u64>,
    pub(super) last_plan: Option<Plan>,
    /// The first strategy that panicked, and what it said.
    pub(super) panicked: Option<String>,
}

impl Survey {
    pub(super) fn of(
        arguments: &Arguments,
        load: &Load,
        blocks: &Blocks<'_>,
        planners: &Planners,
        bar: &ProgressBar,
    ) -> Result<Self, Failure> {
        let strategies = &planners.strategies;
        let cells = strategies.iter().flat_map(|strategy| {
            let requests = planners.workers.iter();
            requests.map(move |&workers| (strategy, PlanRequest::new(planners.mode, workers)))
        });
        let mut cells: Vec<_> = cells
            .map(|(strategy, request)| {
                (
                    strategy,
                    request,
                    Some(Figures::empty(strategy.name(), &request)),
                )
            })
            .collect();
        let mut census = AccountCensus::default();
        // In a given order the critical path says more.
        let is_shown = !arguments.json
            && planners.mode == Mode::Produce
            && arguments.policy == Policy::Throughput;
        let mut clique = is_shown.then_some(0_u64);
        let (mut transactions, mut accesses) = (0_usize, 0_usize);
        let mut last_plan = None;
        let mut panicked = None;
        for position in 0..blocks.count() {
            let (lists, block) = blocks.get(position);
            transactions = transactions.saturating_add(lists.len());
            accesses = accesses.saturating_add(block.table().access_count());
            census.add(&lists);
            clique = clique
                .map(|sum| sum.saturating_add(heavy_clique(block.table(), CLIQUE_STEPS_MAX).cost));
            for (strategy, request, sum) in &mut cells {
                let Some(figures) = sum else { continue };
                let measured = caught(|| measure(&block, strategy.as_ref(), request));
                let cause = match measured {
                    Ok(Ok((more, plan))) => {
                        figures.add(&more);
                        last_plan = Some(plan);
                        continue;
                    }
                    Ok(Err(refusal)) if strategies.len() == 1 => {
                        return Err(Failure::usage(refusal));
                    }
                    Ok(Err(refusal)) => refusal.to_string(),
                    Err(message) => {
                        let cause = format!("strategy {} panicked: {message}", strategy.name());
                        panicked.get_or_insert(cause).clone()
                    }
                };
                if !arguments.quiet {
                    bar.suspend(|| terminal::note(&format!("note: left out: {cause}")));
                }
                *sum = None;
            }
            bar.inc(1);
        }
        let plans = cells
            .into_iter()
            .filter_map(|(_, _, figures)| figures)
            .collect();
        let accounts = census.count();
        let report = Report {
            transactions,
            left_out: load.left_out(),
            costs: arguments.costs.name(),
            accounts,
            accesses,
            plans,
            explain: None,
            audit: None,
        };
        Ok(Self {
            report,
            census,
            heavy_clique: clique,
            last_plan,
            panicked,
        })
    }

    /// The first plan that the checker refuses: its strategy, and what is wrong.
    pub(super) fn fault(&self) -> Option<(String, String)> {
        self.report
            .plans
            .iter()
            .find_map(|figures| Some((figures.strategy.clone(), figures.fault.clone()?)))
    }

    pub(super) fn show(&self, name: &str, block_count: usize) -> String {
        if self.report.transactions == 0 {
            return format!(
                "{}: 0 transactions, nothing to plan
",
                paint(BOLD, name)
            );
        }
        let Report {
            transactions,
            left_out,
            costs,
            accounts,
            accesses,
            plans,
            explain,
            audit,
        } = &self.report;
        let work = plans.first().map_or(0, |figures| figures.bounds.work);
        let mut out = String::new();
        let _ = writeln!(
            out,
            "{}: {} transactions in {} {}, {} accounts, {} accesses, cost {}\n",
            paint(BOLD, name),
            thousands(*transactions),
            thousands(block_count),
            if block_count == 1 { "block" } else { "blocks" },
            thousands(*accounts),
            thousands(*accesses),
            thousands(work),
        );
        if *left_out > 0 {
            let _ = writeln!(out, "left out: {}\n", left_out_note(*left_out));
        }
        out.push_str(&plan_table(plans));
        if let Some(Figures { bounds, .. }) = plans.first() {
            let clique = self.heavy_clique.map_or_else(String::new, |cost| {
                format!(", heavy clique {}", thousands(cost))
            });
            let note = format!(
                "  costs: {costs}; bounds: work {}, critical path in block order {}, hottest account {}{clique}",
                thousands(bounds.work),
                thousands(bounds.critical_path),
                thousands(bounds.hottest_account)
            );
            let _ = writeln!(out, "\n{}", paint(DIM, &note));
        }
        let hottest = self.census.hottest(HOTTEST_SHOWN);
        if !hottest.is_empty() {
            let mut table = Table::new(
                1,
                &["hottest account", "writers", "readers", "cost", "of all"],
            );
            for (address, heat) in hottest {
                let share = ratio(heat.cost, work);
                table.row([
                    address.to_string(),
                    thousands(heat.writers),
                    thousands(heat.readers),
                    thousands(heat.cost),
                    format!("{:.1}%", share * 100.0),
                ]);
            }
            let _ = write!(out, "\n{}", table.show());
        }
        if let Some(explanation) = explain {
            out.push_str(&explain::show(explanation));
        }
        if let Some(audit) = audit {
            out.push_str(&audit::show(audit));
        }
        out
    }
}

/// What some work gives, or what it said when it panicked.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "no message".to_owned())
    })
}

fn plan_table(plans: &[Figures]) -> String {
    let headings = [
        "strategy",
        "mode",
        "workers",
        "batches",
        "lanes",
        "waits",
        "makespan",
        "lower bound",
        "efficiency",
        "plan",
        "check",
    ];
    let mut table = Table::new(2, &headings);
    for figures in plans {
        let plain = |text: String| (text, Style::new());
        let check = match figures.valid {
            true => plain(text::seconds(figures.check_seconds)),
            false => ("WRONG".to_owned(), BAD),
        };
        table.styled_row([
            plain(figures.strategy.clone()),
            plain(figures.mode.to_owned()),
            plain(figures.workers.to_string()),
            plain(thousands(figures.batches)),
            plain(thousands(figures.lanes)),
            plain(thousands(figures.waits)),
            plain(thousands(figures.cost_makespan)),
            plain(thousands(figures.cost_lower_bound)),
            (
                format!("{:.3}", figures.efficiency),
                text::grade(figures.efficiency),
            ),
            plain(text::seconds(figures.plan_seconds)),
            check,
        ]);
    }
    table.show()
}
