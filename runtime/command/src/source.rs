//! What to plan or run, as options: a generated workload or a recorded trace.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use clap::Args;
use lockstep_benches::trace::{Trace, TraceBlock, TraceOptions};
use lockstep_benches::workload::{StreamShape, Workload, WorkloadSpec};
use lockstep_scheduler::{Strategy, strategies, strategy};

use crate::failure::Failure;

/// Most transactions of a stream and of a block.
const TRANSACTIONS_MAX: u64 = 1_000_000_000;
const BLOCK_SIZE_MAX: u64 = 1_000_000;

/// Options that say where transactions come from.
#[derive(Args, Clone, Debug)]
pub(crate) struct Source {
    /// Generate this workload (`lockstep workloads` lists them); options may follow the name:
    /// zipf:exponent=0.8
    #[arg(
        long,
        value_name = "NAME",
        default_value = "mainnet-mix",
        help_heading = "Load"
    )]
    workload: String,
    /// Take recorded transactions instead: JSON lines, plain or zstd
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "workload",
        help_heading = "Load"
    )]
    trace: Option<PathBuf>,
    /// Transactions to generate
    #[arg(long, value_name = "N", conflicts_with = "trace", help_heading = "Load",
        value_parser = clap::value_parser!(u64).range(0..=TRANSACTIONS_MAX))]
    txs: Option<u64>,
    /// Transactions of a generated block
    #[arg(long, value_name = "N", conflicts_with = "trace", help_heading = "Load",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..=BLOCK_SIZE_MAX))]
    block_size: u64,
    /// Take one block only: the slot of a trace, or the number from 0 of a generated block or a
    /// window
    #[arg(long, value_name = "N", help_heading = "Load")]
    block: Option<u64>,
    /// Cut the trace into blocks of N transactions, whatever their slots
    #[arg(long, value_name = "N", requires = "trace", help_heading = "Load")]
    window: Option<NonZeroUsize>,
    /// Keep the vote transactions of the trace
    #[arg(long, requires = "trace", help_heading = "Load")]
    votes: bool,
    /// Seed of everything that is random
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Load")]
    pub(crate) seed: u64,
    #[command(flatten)]
    options: WorkloadOptions,
}

/// The options of all workloads; each workload takes those it has.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of workloads")]
struct WorkloadOptions {
    /// Wallets of workloads of transfers; customers, records or items of the others
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    accounts: Option<String>,
    /// zipf, mainnet-mix, pools, ycsb: steepness of popularity
    #[arg(long, value_name = "X", conflicts_with = "trace")]
    exponent: Option<String>,
    /// hot, crossing, smallbank: number of hot accounts
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    hot: Option<String>,
    /// hot, crossing, smallbank: per cent of transactions that take hot accounts
    #[arg(long, value_name = "PERCENT", conflicts_with = "trace")]
    share: Option<String>,
    /// Wallets that pay fees, where they are not the wallets of transfers
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    payers: Option<String>,
    /// mainnet-mix: groups of accounts that many transactions share
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    markets: Option<String>,
    /// mainnet-mix: per cent of transactions that fail
    #[arg(long, value_name = "PERCENT", conflicts_with = "trace")]
    failing: Option<String>,
    /// mainnet-mix: per cent of v0 messages where legacy would do
    #[arg(long, value_name = "PERCENT", conflicts_with = "trace")]
    versioned: Option<String>,
    /// mainnet-mix: per cent of written accounts that are declared in vain
    #[arg(long, value_name = "PERCENT", conflicts_with = "trace")]
    overdeclared: Option<String>,
    /// pools, pools-mixed: number of pools
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    pools: Option<String>,
    /// mint: number of collections
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    collections: Option<String>,
    /// adversarial: path, star, crown, giant or hostile-order
    #[arg(long, value_name = "NAME", conflicts_with = "trace")]
    shape: Option<String>,
    /// adversarial: nodes on each side of a crown
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    twins: Option<String>,
    /// smallbank, ycsb: per cent that only read
    #[arg(long, value_name = "PERCENT", conflicts_with = "trace")]
    reads: Option<String>,
    /// ycsb: records of a transaction
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    operations: Option<String>,
    /// Compute units of a transaction of pools, mint, crossing, adversarial, smallbank and ycsb
    #[arg(long, value_name = "N", conflicts_with = "trace")]
    cost: Option<String>,
}

impl WorkloadOptions {
    fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("accounts", &self.accounts),
            ("exponent", &self.exponent),
            ("hot", &self.hot),
            ("share", &self.share),
            ("payers", &self.payers),
            ("markets", &self.markets),
            ("failing", &self.failing),
            ("versioned", &self.versioned),
            ("overdeclared", &self.overdeclared),
            ("pools", &self.pools),
            ("collections", &self.collections),
            ("shape", &self.shape),
            ("twins", &self.twins),
            ("reads", &self.reads),
            ("operations", &self.operations),
            ("cost", &self.cost),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// Blocks to work on.
#[derive(Debug)]
pub(crate) enum Load {
    /// Made from a seed.
    Generated(Workload),
    /// Read from a file.
    Recorded {
        /// The file.
        path: PathBuf,
        /// Its blocks.
        trace: Trace,
    },
}

impl Source {
    /// Reads the trace or prepares the workload; `default_count` transactions if none are asked
    /// for.
    pub(crate) fn open(&self, default_count: u64) -> Result<Load, Failure> {
        let Some(path) = &self.trace else {
            return self.generate(default_count).map(Load::Generated);
        };
        let options = TraceOptions {
            keeps_votes: self.votes,
            window: self.window,
        };
        let mut trace = Trace::read(path, &options).map_err(Failure::usage)?;
        if let Some(number) = self.block {
            let first_and_last = trace.blocks.first().zip(trace.blocks.last());
            let range = first_and_last.map_or_else(
                || "it has none".to_owned(),
                |(first, last)| format!("it has {} to {}", first.number, last.number),
            );
            trace.blocks.retain(|block| block.number == number);
            if trace.blocks.is_empty() {
                let path = path.display();
                return Err(Failure::usage(format!(
                    "{path}: no block {number}, {range}"
                )));
            }
        }
        Ok(Load::Recorded {
            path: path.clone(),
            trace,
        })
    }

    fn generate(&self, default_count: u64) -> Result<Workload, Failure> {
        let mut spec: WorkloadSpec = self.workload.parse().map_err(Failure::usage)?;
        for (name, value) in self.options.given() {
            spec.set(name, value).map_err(Failure::usage)?;
        }
        let count = |number: u64| usize::try_from(number).map_err(Failure::usage);
        let shape = StreamShape {
            transaction_count: count(self.txs.unwrap_or(default_count))?,
            block_size: count(self.block_size)?,
        };
        let workload = Workload::new(&spec, self.seed, shape, all_cores());
        let last = workload.block_count().saturating_sub(1);
        match self.block {
            Some(number) if count(number)? > last => Err(Failure::usage(format!(
                "no block {number}, the stream has 0 to {last}"
            ))),
            _ => Ok(workload),
        }
    }

    /// The indexes of the blocks to work on, of those a load has.
    pub(crate) fn indexes(&self, load: &Load) -> Vec<usize> {
        let chosen = self.block.and_then(|number| usize::try_from(number).ok());
        match (load, chosen) {
            (Load::Generated(_), Some(number)) => vec![number],
            (Load::Generated(workload), None) => (0..workload.block_count()).collect(),
            // A trace was cut down to the chosen block when it was read.
            (Load::Recorded { trace, .. }, _) => (0..trace.blocks.len()).collect(),
        }
    }
}

impl Load {
    /// What it is called in reports.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Generated(workload) => workload.name().to_owned(),
            Self::Recorded { path, .. } => path
                .file_name()
                .unwrap_or(path.as_os_str())
                .display()
                .to_string(),
        }
    }

    /// Something that can be run: a trace becomes signed transactions of the trace program.
    pub(crate) fn into_workload(self) -> Result<Workload, Failure> {
        match self {
            Self::Generated(workload) => Ok(workload),
            Self::Recorded { path, trace } => {
                Workload::recorded(&path, trace, all_cores()).map_err(Failure::usage)
            }
        }
    }

    /// The recorded block at an index, if this is a trace.
    pub(crate) fn recorded_block(&self, index: usize) -> Option<&TraceBlock> {
        match self {
            Self::Generated(_) => None,
            Self::Recorded { trace, .. } => trace.blocks.get(index),
        }
    }
}

/// One thread for each core.
pub(crate) fn all_cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The built-in strategies of a list of names; `all` stands for every one.
pub(crate) fn find_strategies(names: &[String]) -> Result<Vec<Box<dyn Strategy>>, Failure> {
    let mut found: Vec<Box<dyn Strategy>> = Vec::new();
    for name in names {
        let more = match name.as_str() {
            "all" => strategies(),
            name => vec![find_strategy(name)?],
        };
        for strategy in more {
            if found.iter().all(|known| known.name() != strategy.name()) {
                found.push(strategy);
            }
        }
    }
    Ok(found)
}

/// The built-in strategy of this name.
pub(crate) fn find_strategy(name: &str) -> Result<Box<dyn Strategy>, Failure> {
    strategy(name).ok_or_else(|| {
        let known = strategies();
        let names: Vec<&str> = known.iter().map(|strategy| strategy.name()).collect();
        Failure::usage(format!(
            "unknown strategy {name:?}, expected one of {}",
            names.join(", ")
        ))
    })
}
