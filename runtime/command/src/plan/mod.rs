//! `lockstep plan`: plans blocks without running them, and tells how good the plans are.

mod audit;
mod blocks;
mod explain;
mod survey;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use lockstep_benches::audit::{AuditFigures, WorkloadAuditError, audit_workload};
use lockstep_benches::estimates::Costs;
use lockstep_benches::explain::Explanation;
use lockstep_benches::misjudge::Misjudged;
use lockstep_benches::plan_file::PlanFile;
use lockstep_scheduler::{Mode, Plan, PlanRequest, Policy, Strategy};

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::output;
use crate::source::{Load, Source};
use crate::text;
use blocks::Blocks;
use survey::Survey;

/// Transactions planned by default: one block.
const TRANSACTIONS_DEFAULT: u64 = 10_000;

/// Plan blocks without running them, and show how good the plans are
///
/// Every block is planned by itself. Batches, lanes, waits, makespans, bounds and times of several
/// blocks are added up: the blocks run one after the other. A transaction costs 300 and its
/// compute units, 1,000 where none are recorded; a barrier between two batches costs 1,000, a wait
/// 100. Times are the median of up to five runs; plan time includes the numbering of accounts.
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
    /// Whether the planner (produce) or the block (replay) fixes the order of conflicting
    /// transactions
    #[arg(long, value_name = "MODE", default_value = "produce")]
    mode: Mode,
    /// What orders conflicting transactions in produce mode: the planner, for the shortest
    /// makespan (throughput), or the priority fee, price x compute-unit limit (priority)
    #[arg(long, value_name = "POLICY", default_value = "throughput")]
    policy: Policy,
    /// What strategies take transactions to cost: what they use (recorded), what an engine has
    /// learned from the blocks of the load before (learned), or the compute-unit limits, which an
    /// engine goes by until it has learned (limit). Makespans are those at what they use
    #[arg(long, value_name = "COSTS", default_value = "recorded")]
    costs: Costs,
    /// Show strategies every cost wrong by up to this percentage, drawn from --seed; makespans are
    /// those at the true costs, plan times include the drawing
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
    /// Check the plan in a file, as --plan-out writes it, against the block, and show it in place
    /// of a strategy's; exit code 2 if it is no plan of the block
    #[arg(long, value_name = "FILE",
        conflicts_with_all = ["strategy", "workers", "mode", "policy", "cost_error", "plan_out"])]
    check: Option<PathBuf>,
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

/// What is planned with: the strategies, and what they are asked for.
struct Planners {
    strategies: Vec<Arc<dyn Strategy>>,
    workers: Vec<NonZeroU32>,
    mode: Mode,
}

impl Planners {
    fn of(arguments: &Arguments, catalogue: &Catalogue) -> Result<Self, Failure> {
        let Some(path) = &arguments.check else {
            return Ok(Self {
                strategies: misjudge(catalogue.strategies(&arguments.strategy)?, arguments),
                workers: arguments.workers.clone(),
                mode: arguments.mode,
            });
        };
        let file = PlanFile::read(path).map_err(Failure::usage)?;
        Ok(Self {
            workers: vec![file.workers],
            mode: file.mode,
            strategies: vec![Arc::new(file)],
        })
    }
}

pub(crate) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<ExitCode, Failure> {
    arguments.explain.check()?;
    if let Some(path) = &arguments.plan_out {
        output::check(path)?;
    }
    let planners = Planners::of(arguments, catalogue)?;
    arguments
        .source
        .check_seed(arguments.cost_error.is_some())?;
    let load = arguments.source.open(catalogue, TRANSACTIONS_DEFAULT)?;
    let indexes = arguments.source.indexes(&load);
    check_usage(arguments, &planners, indexes.len())?;
    let name = load.name();
    let number = indexes.first().and_then(|&index| load.block_number(index));
    let title = number.map_or_else(|| name.clone(), |number| format!("{name}, block {number}"));
    let load = match arguments.costs {
        Costs::Recorded => load,
        // An engine estimates what it can run.
        Costs::Learned | Costs::Limit => Load::Generated(load.into_workload()),
    };
    let blocks = Blocks::of(arguments, &load, &indexes)?;
    let bar = text::progress(indexes.len(), arguments.quiet, "blocks");
    let mut survey = Survey::of(arguments, &load, &blocks, &planners, &bar)?;
    bar.finish_and_clear();
    let fault = survey.fault();
    if let (Some(path), Some((_, fault))) = (&arguments.check, &fault) {
        let path = path.display();
        return Err(Failure::usage(format!(
            "{path}: not a plan of this block: {fault}"
        )));
    }
    if arguments.explain.is_given() && fault.is_none() {
        let explanation = explain_block(arguments, &title, &blocks, &planners)?;
        survey.report.explain = explanation.filter(|_| arguments.explain.explain);
    }
    if let (Some(path), Some(plan)) = (&arguments.plan_out, survey.last_plan.take()) {
        write_plan(path, plan, &planners)?;
    }
    if arguments.audit {
        survey.report.audit = audit_blocks(load, &indexes, &planners)?;
    }
    if arguments.json {
        text::print_json(&survey.report)?;
    } else {
        text::print(&survey.show(&name, indexes.len()))?;
    }
    let fault =
        fault.map(|(strategy, fault)| format!("the plan of strategy {strategy} is wrong: {fault}"));
    match fault.or(survey.panicked) {
        None => Ok(ExitCode::SUCCESS),
        Some(fault) => Err(Failure::other(fault)),
    }
}

/// Refuses options that do not go together.
fn check_usage(arguments: &Arguments, planners: &Planners, blocks: usize) -> Result<(), Failure> {
    let is_by_priority = arguments.policy == Policy::Priority;
    if is_by_priority && arguments.mode == Mode::Replay {
        return Err(Failure::usage(
            "--policy priority needs --mode produce, as a replay keeps the order of the block",
        ));
    }
    if arguments.audit && is_by_priority {
        return Err(Failure::usage(
            "--audit takes --policy throughput, under which it prices what it finds",
        ));
    }
    if arguments.explain.is_given() && blocks > 1 {
        return Err(Failure::usage(format!(
            "--explain, --html, --dot and --trace-out take one block, not {blocks}: choose one \
             with --block"
        )));
    }
    if arguments.check.is_some() && blocks > 1 {
        return Err(Failure::usage(format!(
            "--check takes one block, not {blocks}: choose one with --block"
        )));
    }
    let [strategies, workers] = [planners.strategies.len(), planners.workers.len()];
    if arguments.plan_out.is_some() && [blocks.max(1), strategies, workers] != [1, 1, 1] {
        return Err(Failure::usage(format!(
            "--plan-out takes one block, one strategy and one worker count, not {}, \
             {strategies} and {workers}",
            blocks.max(1)
        )));
    }
    Ok(())
}

fn write_plan(path: &Path, plan: Plan, planners: &Planners) -> Result<(), Failure> {
    let [strategy] = planners.strategies.as_slice() else {
        return Ok(());
    };
    let file = PlanFile {
        strategy: strategy.name().to_owned(),
        mode: planners.mode,
        workers: planners.workers.first().copied().unwrap_or(NonZeroU32::MIN),
        plan,
    };
    output::write_text(path, &file.to_json().map_err(Failure::other)?)?;
    Ok(())
}

/// The strategies as `--cost-error` has them see costs.
fn misjudge(found: Vec<Arc<dyn Strategy>>, arguments: &Arguments) -> Vec<Arc<dyn Strategy>> {
    let Some(per_cent) = arguments.cost_error else {
        return found;
    };
    let seed = arguments.source.seed();
    let misjudged =
        |strategy| -> Arc<dyn Strategy> { Arc::new(Misjudged::new(strategy, per_cent, seed)) };
    found.into_iter().map(misjudged).collect()
}

/// Explains one plan of the only block and writes the files that show it; `None` without any
/// strategy.
fn explain_block(
    arguments: &Arguments,
    title: &str,
    blocks: &Blocks<'_>,
    planners: &Planners,
) -> Result<Option<Explanation>, Failure> {
    let Some(strategy) = explain::choose_strategy(&planners.strategies) else {
        return Ok(None);
    };
    let (_, block) = blocks.get(0);
    let workers = explain::choose_workers(&planners.workers);
    let request = PlanRequest::new(planners.mode, workers);
    let explain = &arguments.explain;
    explain.explain(title, &block, strategy, &request).map(Some)
}

/// Runs the blocks and audits them; `None` without any strategy.
fn audit_blocks(
    load: Load,
    indexes: &[usize],
    planners: &Planners,
) -> Result<Option<AuditFigures>, Failure> {
    let Some(strategy) = explain::choose_strategy(&planners.strategies) else {
        return Ok(None);
    };
    let workers = explain::choose_workers(&planners.workers);
    let request = PlanRequest::new(planners.mode, workers);
    let audited = audit_workload(&load.into_workload(), indexes, strategy, &request);
    let audited = audited.map_err(|error| match error {
        WorkloadAuditError::Strategy(_) => Failure::usage(error),
        error => Failure::other(error),
    });
    audited.map(Some)
}
