//! A workload and its runs into what the model needs to know of them.

use std::num::NonZeroU32;
use std::time::Instant;

use lockstep_scheduler::{AccessTable, CostModel, Mode, PlanRequest, Strategy, predict};
use sha2::{Digest, Sha256};

use super::{
    BlockSize, CORE_COUNTS, Checked, CoreCurve, Load, Machine, StageCosts, curve, modelled_rate,
    quotient,
};
use crate::compare::{Cell, Spread};
use crate::planning::InternedBlock;
use crate::runner::{RunError, RunOptions, Runner, used_table};
use crate::workload::Workload;

/// Blocks that are planned for each number of cores.
const PLANNED_BLOCKS: usize = 4;
/// Bytes that each core hashes and copies to find its pace.
const PACE_SIZE: usize = 1 << 22;
/// Rounds of that, of which the median counts.
const PACE_ROUNDS: usize = 9;

/// Why there is no curve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The load could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The strategy does not plan the blocks for some number of workers.
    #[error("{strategy} gives no plan for {workers} workers: {cause}")]
    Plan {
        /// The strategy.
        strategy: String,
        /// The number of workers.
        workers: u32,
        /// Why.
        cause: String,
    },
}

/// What a curve is made of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The load.
    pub workload: &'a Workload,
    /// How it was run on one thread.
    pub options: RunOptions<'a>,
    /// That run.
    pub alone: &'a Cell,
    /// The same on several threads.
    pub others: &'a [&'a Cell],
}

/// The curve of a workload under a strategy, and how the model does beside the clock.
///
/// # Errors
/// If the load cannot be run once more, or planned for more workers.
pub fn core_curve(subject: &Subject<'_>, bandwidth: f64) -> Result<CoreCurve, ModelError> {
    let load = load_of(subject)?;
    let cells = std::iter::once(subject.alone).chain(subject.others.iter().copied());
    let checked = cells.map(|cell| {
        let threads = u32::try_from(cell.threads).unwrap_or(u32::MAX);
        let machine = Machine {
            cores: threads,
            pace: pace(cell.threads),
            bandwidth,
        };
        Checked {
            threads,
            modelled: modelled_rate(&load, &machine),
            measured: cell.tps.median,
            pace: machine.pace,
        }
    });
    Ok(CoreCurve {
        workload: subject.alone.workload.clone(),
        block_size: subject.alone.block_size,
        strategy: subject.alone.strategy.clone(),
        bandwidth,
        checked: checked.collect(),
        points: curve(&load, bandwidth),
        load,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
fn load_of(subject: &Subject<'_>) -> Result<Load, ModelError> {
    let Subject {
        workload,
        options,
        alone,
        ..
    } = *subject;
    let block_count = alone.blocks.max(1) as f64;
    let tables = used_tables(workload, options)?;
    let sum = |of: fn(&AccessTable) -> usize| tables.iter().map(of).sum::<usize>() as f64;
    let planned = tables.len().max(1) as f64;
    let bytes = workload.block(0, [0; 32]).size() as f64;
    let first = workload.block_size(0).max(1) as f64;
    let transactions = alone.transactions as f64 / block_count;
    // Of the blocks that were planned, for one as long as the mean block.
    let scale = quotient(transactions, sum(AccessTable::transaction_count) / planned);
    let mut makespans = Vec::with_capacity(CORE_COUNTS.len());
    for workers in CORE_COUNTS {
        makespans.push(makespan_share(
            &tables,
            options.strategy,
            options.mode,
            workers,
        )?);
    }
    Ok(Load {
        costs: stage_costs(alone, number_seconds(workload) / first * transactions),
        size: BlockSize {
            transactions,
            bytes: bytes / first * transactions,
            accesses: sum(AccessTable::access_count) / planned * scale,
            accounts: sum(AccessTable::account_count) / planned * scale,
        },
        verify: options.verify,
        makespans,
    })
}

/// Seconds that numbering the accounts of the first block takes.
fn number_seconds(workload: &Workload) -> f64 {
    InternedBlock::new(&workload.access_lists(0)).seconds()
}

/// The accesses of the first blocks, with the costs that were used.
fn used_tables(workload: &Workload, options: RunOptions<'_>) -> Result<Vec<AccessTable>, RunError> {
    let options = RunOptions {
        checks: false,
        ..options
    };
    let mut runner = Runner::open(workload, options)?;
    let count = workload.block_count().min(PLANNED_BLOCKS);
    let indexes: Vec<usize> = (0..count).collect();
    let mut tables = Vec::with_capacity(count);
    runner.run_and_show(workload, &indexes, &|| (), &mut |block| {
        tables.push(used_table(block));
    })?;
    Ok(tables)
}

/// The makespan of plans for a number of workers over the work.
#[expect(clippy::cast_precision_loss, reason = "a share needs no 64 bits")]
fn makespan_share(
    tables: &[AccessTable],
    strategy: &dyn Strategy,
    mode: Mode,
    workers: u32,
) -> Result<f64, ModelError> {
    let count = NonZeroU32::new(workers).unwrap_or(NonZeroU32::MIN);
    let (mut makespan, mut work) = (0.0, 0.0);
    for table in tables {
        let plan = strategy.plan(table, &PlanRequest::new(mode, count));
        let plan = plan.map_err(|error| ModelError::Plan {
            strategy: strategy.name().to_owned(),
            workers,
            cause: error.to_string(),
        })?;
        makespan += predict(&plan, table, count, &CostModel::STANDARD) as f64;
        work += table.total_cost() as f64;
    }
    Ok(if work > 0.0 { makespan / work } else { 1.0 })
}

/// Seconds a block of each stage of a run on one thread.
#[expect(clippy::cast_precision_loss, reason = "counts are below 2^52")]
fn stage_costs(alone: &Cell, number: f64) -> StageCosts {
    let blocks = alone.blocks.max(1) as f64;
    let of = |name: &str| {
        let mut stages = alone.stages.iter();
        let stage = stages.find(|stage| stage.name == name);
        stage.map_or(0.0, |stage| stage.seconds / blocks)
    };
    let mut costs = StageCosts {
        parse: of("parse"),
        verify: of("verify"),
        prepare: of("prepare"),
        number,
        plan: of("plan"),
        check: of("check"),
        load: of("load"),
        run: of("run"),
        seal: of("seal"),
        root: of("root"),
        commit: of("commit"),
        other: 0.0,
    };
    costs.number = costs.number.min(costs.prepare);
    costs.other = (alone.total_seconds.median / blocks - costs.sum()).max(0.0);
    costs
}

/// Work that each of `threads` does while all are busy, over what one does alone: hashing and
/// copying, the median of some rounds of both.
fn pace(threads: usize) -> f64 {
    if threads <= 1 {
        return 1.0;
    }
    let paces = (0..PACE_ROUNDS).map(|_| quotient(busy_seconds(1), busy_seconds(threads)));
    Spread::of(paces.collect()).median.clamp(0.05, 1.0)
}

/// Seconds until each of some threads has hashed and copied [`PACE_SIZE`] bytes.
fn busy_seconds(threads: usize) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let bytes = vec![1_u8; PACE_SIZE];
                let copy = bytes.clone();
                std::hint::black_box((Sha256::digest(&bytes), copy.len()));
            });
        }
    });
    start.elapsed().as_secs_f64()
}
