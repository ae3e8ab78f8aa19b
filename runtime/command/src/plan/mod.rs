//! `lockstep plan`: plans blocks without running them, and tells how good the plans are.

mod audit;
mod explain;

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use clap::builder::styling::Style;
use indicatif::ProgressBar;
use lockstep_benches::access::AccessList;
use lockstep_benches::audit::{AuditFigures, WorkloadAuditError, audit_workload};
use lockstep_benches::explain::{CLIQUE_STEPS_MAX, Explanation};
use lockstep_benches::misjudge::Misjudged;
use lockstep_benches::planning::{AccountCensus, Figures, InternedBlock, measure};
use lockstep_benches::trace::TraceTransaction;
use lockstep_scheduler::{Mode, Plan, PlanRequest, Policy, Strategy, heavy_clique};
use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::source::{Load, Source};
use crate::text::{self, BAD, BOLD, DIM, Table, paint, thousands};

/// Transactions planned where nobody says how many: one block.
const TRANSACTIONS_DEFAULT: u64 = 10_000;
/// Hottest accounts that are shown.
const HOTTEST_SHOWN: usize = 5;

/// Plan blocks without running them, and show how good the plans are
///
/// Every block is planned by itself. Batches, lanes, waits, makespans, bounds and times of several
/// blocks are added up: the blocks run one after the other. Costs are recorded compute units, else
/// 1,000 a transaction; a barrier between two batches costs 1,000, a wait 100. Times are the
/// fastest of up to five runs; plan time includes the numbering of accounts.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Strategies, separated by commas; `all` for every one, also those that take seconds on
    /// large blocks
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "serial,layered,first-fit,lanes,waits,dag,auto"
    )]
    strategy: Vec<String>,
    /// Worker counts to plan for, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "1,2,4,8,16,32"
    )]
    workers: Vec<NonZeroU32>,
    /// Who fixes the order of conflicting transactions: the block (replay) or the planner
    /// (produce)
    #[arg(long, value_name = "MODE", default_value = "produce")]
    mode: Mode,
    /// What orders conflicting transactions in produce mode: the planner, for the shortest
    /// makespan (throughput), or the priority fee, price x compute-unit limit (priority)
    #[arg(long, value_name = "POLICY", default_value = "throughput")]
    policy: Policy,
    /// Show strategies every cost wrong by up to so much, drawn from --seed; makespans are those at
    /// the true costs, plan times include the drawing
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    cost_error: Option<u8>,
    /// Keep transactions that only credit an account in an order
    #[arg(long)]
    no_credits: bool,
    /// Run the blocks, and show which accounts transactions declared and did not use, by program
    /// and instruction, and what that costs. Of several strategies it prices with `auto`
    /// if it is among them, else the first; of several worker counts with 8, else the first
    #[arg(long)]
    audit: bool,
    /// Write the plan to a file as JSON; takes one block, one strategy and one worker count
    #[arg(long, value_name = "FILE")]
    plan_out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress and no notes
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    explain: explain::Options,
    #[command(flatten)]
    source: Source,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    transactions: usize,
    accounts: usize,
    accesses: usize,
    plans: Vec<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<AuditFigures>,
}

/// What `--plan-out` writes.
#[derive(Serialize)]
struct PlanFile<'a> {
    strategy: &'a str,
    workers: u32,
    mode: &'static str,
    batches: Vec<Vec<Vec<u32>>>,
    waits: Vec<PlanFileWait>,
}

#[derive(Serialize)]
struct PlanFileWait {
    tx: u32,
    after: u32,
}

pub(crate) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<ExitCode, Failure> {
    if arguments.policy == Policy::Priority && arguments.mode == Mode::Replay {
        return Err(Failure::usage(
            "--policy priority needs --mode produce, as a replay keeps the order of the block",
        ));
    }
    if arguments.audit && arguments.policy == Policy::Priority {
        return Err(Failure::usage(
            "--audit takes --policy throughput, under which it prices what it finds",
        ));
    }
    let strategies = misjudge(catalogue.strategies(&arguments.strategy)?, arguments);
    let load = arguments.source.open(catalogue, TRANSACTIONS_DEFAULT)?;
    let indexes = arguments.source.indexes(&load);
    if arguments.explain.is_given() && indexes.len() > 1 {
        return Err(Failure::usage(format!(
            "--explain, --html, --dot and --trace-out take one block, not {}: choose one with \
             --block",
            indexes.len()
        )));
    }
    if arguments.plan_out.is_some() {
        let [blocks, strategies, workers] = [
            indexes.len().max(1),
            strategies.len(),
            arguments.workers.len(),
        ];
        if [blocks, strategies, workers] != [1, 1, 1] {
            return Err(Failure::usage(format!(
                "--plan-out takes one block, one strategy and one worker count, not {blocks}, \
                 {strategies} and {workers}"
            )));
        }
    }
    let bar = text::progress(indexes.len(), arguments.quiet, "blocks");
    let mut survey = Survey::of(arguments, &load, &indexes, &strategies, &bar)?;
    bar.finish_and_clear();
    if arguments.explain.is_given() {
        let explanation = explain_block(arguments, &load, &indexes, &strategies)?;
        survey.report.explain = explanation.filter(|_| arguments.explain.explain);
    }
    if let (Some(path), Some(plan), Some(figures)) = (
        &arguments.plan_out,
        &survey.last_plan,
        survey.report.plans.first(),
    ) {
        write_plan(path, plan, figures)?;
    }
    let name = load.name();
    if arguments.audit {
        survey.report.audit = audit_blocks(arguments, load, &indexes, &strategies)?;
    }
    if arguments.json {
        text::print_json(&survey.report)?;
    } else {
        text::print(&survey.show(&name, indexes.len()))?;
    }
    let faulty = survey.report.plans.iter().find_map(|figures| {
        let fault = figures.fault.as_ref()?;
        Some(format!(
            "the plan of strategy {} is wrong: {fault}",
            figures.strategy
        ))
    });
    match faulty {
        None => Ok(ExitCode::SUCCESS),
        Some(fault) => Err(Failure::other(fault)),
    }
}

/// The strategies as `--cost-error` has them see costs.
fn misjudge(found: Vec<Arc<dyn Strategy>>, arguments: &Arguments) -> Vec<Arc<dyn Strategy>> {
    let Some(per_cent) = arguments.cost_error else {
        return found;
    };
    let seed = arguments.source.seed;
    let misjudged =
        |strategy| -> Arc<dyn Strategy> { Arc::new(Misjudged::new(strategy, per_cent, seed)) };
    found.into_iter().map(misjudged).collect()
}

/// Explains one plan of the only block and writes the files that show it; `None` without any
/// strategy.
fn explain_block(
    arguments: &Arguments,
    load: &Load,
    indexes: &[usize],
    strategies: &[Arc<dyn Strategy>],
) -> Result<Option<Explanation>, Failure> {
    let Some(strategy) = explain::choose_strategy(strategies) else {
        return Ok(None);
    };
    let index = indexes.first().copied();
    let lists = index.map_or_else(Vec::new, |index| access_lists(arguments, load, index));
    let block = intern(arguments, load, index.unwrap_or(0), &lists);
    let workers = explain::choose_workers(&arguments.workers);
    let request = PlanRequest::new(arguments.mode, workers);
    let number = index.and_then(|index| load.recorded_block(index));
    let title = match number {
        Some(block) => format!("{}, block {}", load.name(), block.number),
        None => load.name(),
    };
    let explain = &arguments.explain;
    explain
        .explain(&title, &block, strategy, &request)
        .map(Some)
}

/// Runs the blocks and audits them; `None` without any strategy.
fn audit_blocks(
    arguments: &Arguments,
    load: Load,
    indexes: &[usize],
    strategies: &[Arc<dyn Strategy>],
) -> Result<Option<AuditFigures>, Failure> {
    let Some(strategy) = explain::choose_strategy(strategies) else {
        return Ok(None);
    };
    let workers = explain::choose_workers(&arguments.workers);
    let request = PlanRequest::new(arguments.mode, workers);
    let audited = audit_workload(&load.into_workload()?, indexes, strategy, &request);
    let audited = audited.map_err(|error| match error {
        WorkloadAuditError::Strategy(_) => Failure::usage(error),
        error => Failure::other(error),
    });
    audited.map(Some)
}

/// Numbers the accounts of a block, under the policy that was asked for.
fn intern(arguments: &Arguments, load: &Load, index: usize, lists: &[AccessList]) -> InternedBlock {
    let block = InternedBlock::new(lists);
    if arguments.policy == Policy::Priority && !lists.is_empty() {
        block.with_priorities(priority_fees(load, index))
    } else {
        block
    }
}

/// The plans of all blocks, in figures.
struct Survey {
    report: Report,
    census: AccountCensus,
    /// Cost of a heavy set of transactions that all conflict with each other, for people; a
    /// block's heaviest is no lighter than what its hottest account's writers cost.
    heavy_clique: Option<u64>,
    last_plan: Option<Plan>,
}

impl Survey {
    fn of(
        arguments: &Arguments,
        load: &Load,
        indexes: &[usize],
        strategies: &[Arc<dyn Strategy>],
        bar: &ProgressBar,
    ) -> Result<Self, Failure> {
        let cells = strategies.iter().flat_map(|strategy| {
            let requests = arguments.workers.iter();
            requests.map(move |&workers| (strategy, PlanRequest::new(arguments.mode, workers)))
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
            && arguments.mode == Mode::Produce
            && arguments.policy == Policy::Throughput;
        let mut clique = is_shown.then_some(0_u64);
        let (mut transactions, mut accesses) = (0_usize, 0_usize);
        let mut last_plan = None;
        // Without any block, an empty one shows what the strategies make of it.
        let blocks = indexes
            .iter()
            .map(|&index| (index, access_lists(arguments, load, index)));
        let nothing = indexes.is_empty().then(|| (0, Vec::new()));
        for (index, lists) in blocks.chain(nothing) {
            let block = intern(arguments, load, index, &lists);
            transactions = transactions.saturating_add(lists.len());
            accesses = accesses.saturating_add(block.table().access_count());
            census.add(&lists);
            clique = clique
                .map(|sum| sum.saturating_add(heavy_clique(block.table(), CLIQUE_STEPS_MAX).cost));
            for (strategy, request, sum) in &mut cells {
                let Some(figures) = sum else { continue };
                match measure(&block, strategy.as_ref(), request) {
                    Ok((more, plan)) => {
                        figures.add(&more);
                        last_plan = Some(plan);
                    }
                    Err(refusal) if strategies.len() == 1 => return Err(Failure::usage(refusal)),
                    Err(refusal) => {
                        if !arguments.quiet {
                            bar.suspend(|| eprintln!("note: left out: {refusal}"));
                        }
                        *sum = None;
                    }
                }
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
        })
    }

    fn show(&self, name: &str, block_count: usize) -> String {
        if self.report.transactions == 0 {
            return format!(
                "{}: 0 transactions, nothing to plan
",
                paint(BOLD, name)
            );
        }
        let Report {
            transactions,
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
        out.push_str(&plan_table(plans));
        if let Some(Figures { bounds, .. }) = plans.first() {
            let clique = self.heavy_clique.map_or_else(String::new, |cost| {
                format!(", heavy clique {}", thousands(cost))
            });
            let note = format!(
                "  bounds: work {}, critical path in block order {}, hottest account {}{clique}",
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
                let share = lockstep_benches::planning::ratio(heat.cost, work);
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

/// What the transactions of a block declare: as recorded, or as generated.
fn access_lists(arguments: &Arguments, load: &Load, index: usize) -> Vec<AccessList> {
    match load {
        Load::Generated(workload) => {
            let mut lists = workload.access_lists(index);
            if arguments.no_credits {
                lists.iter_mut().for_each(|list| list.credits.clear());
            }
            lists
        }
        Load::Recorded { .. } => {
            let block = load
                .recorded_block(index)
                .expect("indexes are those of the load");
            block
                .transactions
                .iter()
                .map(TraceTransaction::access_list)
                .collect()
        }
    }
}

/// What the transactions of a block offer for being early, in micro-lamports.
fn priority_fees(load: &Load, index: usize) -> Vec<u64> {
    match load {
        Load::Generated(workload) => workload.priority_fees(index),
        Load::Recorded { .. } => {
            let block = load
                .recorded_block(index)
                .expect("indexes are those of the load");
            let transactions = block.transactions.iter();
            transactions.map(TraceTransaction::priority_fee).collect()
        }
    }
}

fn write_plan(path: &Path, plan: &Plan, figures: &Figures) -> Result<(), Failure> {
    let batches = plan.batches().map(|batch| {
        let lanes = batch
            .lanes()
            .map(|lane| lane.iter().map(|index| index.0).collect());
        lanes.collect()
    });
    let waits = plan.waits().iter();
    let file = PlanFile {
        strategy: &figures.strategy,
        workers: figures.workers,
        mode: figures.mode,
        batches: batches.collect(),
        waits: waits
            .map(|wait| PlanFileWait {
                tx: wait.transaction.0,
                after: wait.after.0,
            })
            .collect(),
    };
    let json = serde_json::to_string(&file).map_err(Failure::other)?;
    fs::write(path, format!("{json}\n"))
        .map_err(|error| Failure::usage(format!("{}: cannot write: {error}", path.display())))
}
