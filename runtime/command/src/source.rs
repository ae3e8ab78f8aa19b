//! What to plan or run, as options: a generated workload or a recorded trace.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use lockstep_benches::trace::{Trace, TraceOptions};
use lockstep_benches::workload::{
    Families, OptionKind, OptionSpec, StreamShape, Workload, file_name,
};
use lockstep_runtime::limits::ACCOUNT_LOCKS_MAX;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::text::thousands;

/// Most transactions of a stream and of a block.
const TRANSACTIONS_MAX: u64 = 1_000_000_000;
const BLOCK_SIZE_MAX: u64 = 1_000_000;
/// The load where one is needed and none is named.
const WORKLOAD_DEFAULT: &str = "mainnet-mix";

/// Options that say where transactions come from.
#[derive(Args, Clone, Debug)]
pub(crate) struct Source {
    /// Generate this workload (`lockstep workloads` lists them); options may follow the name:
    /// zipf:exponent=0.8. Where one load is needed and none is named, it is mainnet-mix
    #[arg(long, value_name = "NAME", help_heading = "Load")]
    workload: Option<String>,
    /// Take recorded transactions instead: JSON lines, plain or packed with gzip or zstd
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "workload",
        help_heading = "Load"
    )]
    trace: Option<PathBuf>,
    /// Transactions to generate, of all loads together
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
    /// Leave out transactions of the trace that lock more than N accounts
    #[arg(long, value_name = "N", requires = "trace", help_heading = "Load")]
    pub(crate) max_locks: Option<usize>,
    /// Seed of everything that is random, 1 if not given
    #[arg(long, value_name = "N", help_heading = "Load")]
    seed: Option<u64>,
    #[command(flatten)]
    options: WorkloadOptions,
}

/// Options of the workload, by name.
#[derive(Clone, Debug, Default)]
struct WorkloadOptions(Vec<(String, String)>);

/// What the ids of their arguments begin with.
const OPTION_ID: &str = "workload option ";

impl FromArgMatches for WorkloadOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = matches.ids().filter_map(|id| {
            let name = id.as_str().strip_prefix(OPTION_ID)?;
            let value = matches.get_one::<String>(id.as_str())?;
            Some((name.to_owned(), value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The arguments depend on the kinds of load that there are: [`with_workload_options`] adds them.
impl Args for WorkloadOptions {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

/// Gives a command an argument for each option that some kind of load has. An option whose name
/// the command uses otherwise goes into the workload's name alone.
pub(crate) fn with_workload_options(command: Command, families: &Families) -> Command {
    let taken: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| Some(argument.get_long()?.to_owned()))
        .collect();
    let mut options: Vec<&OptionSpec> = Vec::new();
    for option in families.iter().flat_map(|family| family.options) {
        let is_new = options.iter().all(|known| known.name != option.name);
        if is_new && !taken.iter().any(|name| name == option.name) {
            options.push(option);
        }
    }
    let arguments = options.into_iter().map(|option| {
        let value_name = match option.kind {
            OptionKind::Count => "N",
            OptionKind::Decimal => "X",
            OptionKind::Percent => "PERCENT",
            OptionKind::Choice(_) => "NAME",
        };
        Arg::new(format!("{OPTION_ID}{}", option.name))
            .long(option.name)
            .value_name(value_name)
            .conflicts_with("trace")
            .help_heading("Options of workloads")
            .help(option_help(option.name, families))
    });
    command.args(arguments)
}

/// What an option does, with the workloads that have it.
fn option_help(name: &str, families: &Families) -> String {
    let mut meanings: Vec<(&str, Vec<&str>)> = Vec::new();
    for family in families.iter() {
        let options = family.options.iter().filter(|option| option.name == name);
        for option in options {
            match meanings.iter_mut().find(|known| known.0 == option.about) {
                Some((_, names)) => names.push(family.name),
                None => meanings.push((option.about, vec![family.name])),
            }
        }
    }
    let meanings = meanings
        .into_iter()
        .map(|(about, names)| format!("{}: {about}", names.join(", ")));
    meanings.collect::<Vec<_>>().join("; ")
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
    /// The seed of everything that is random.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// Refuses a seed where nothing is random.
    pub(crate) fn check_seed(&self, is_used_otherwise: bool) -> Result<(), Failure> {
        if self.seed.is_some() && self.trace.is_some() && !is_used_otherwise {
            return Err(Failure::usage(
                "--seed has no effect with --trace, where nothing is random",
            ));
        }
        Ok(())
    }

    /// Whether a load is named.
    pub(crate) fn is_named(&self) -> bool {
        self.workload.is_some() || self.trace.is_some()
    }

    /// The transactions that are asked for, if any number is.
    pub(crate) fn transaction_count(&self) -> Option<u64> {
        self.txs
    }

    /// An option that is given and says something of one certain load.
    pub(crate) fn option_of_one_load(&self) -> Option<&str> {
        let of_workload = self.options.0.first().map(|(name, _)| name.as_str());
        of_workload.or(self.block.map(|_| "block"))
    }

    /// So many transactions of this workload, everything else as it is.
    pub(crate) fn naming(&self, workload: &str, transaction_count: u64) -> Self {
        Self {
            workload: Some(workload.to_owned()),
            txs: Some(transaction_count),
            ..self.clone()
        }
    }

    /// Reads the trace or prepares the workload; `default_count` transactions if none are asked
    /// for.
    pub(crate) fn open(&self, catalogue: &Catalogue, default_count: u64) -> Result<Load, Failure> {
        let Some(path) = &self.trace else {
            return self.generate(catalogue, default_count).map(Load::Generated);
        };
        let options = TraceOptions {
            keeps_votes: self.votes,
            window: self.window,
            max_locks: self.max_locks,
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

    fn generate(&self, catalogue: &Catalogue, default_count: u64) -> Result<Workload, Failure> {
        let name = self.workload.as_deref().unwrap_or(WORKLOAD_DEFAULT);
        let mut spec = catalogue.workload(name)?;
        for (name, value) in &self.options.0 {
            spec.set(name, value).map_err(Failure::usage)?;
        }
        let count = |number: u64| usize::try_from(number).map_err(Failure::usage);
        let shape = StreamShape {
            transaction_count: count(self.txs.unwrap_or(default_count))?,
            block_size: count(self.block_size)?,
        };
        let workload = Workload::new(&spec, self.seed(), shape, all_cores());
        let workload = workload.map_err(Failure::usage)?;
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
            Self::Recorded { path, .. } => file_name(path),
        }
    }

    /// Something that can be run: a trace becomes signed transactions of the trace program.
    /// Transactions that lock too many accounts are left out.
    pub(crate) fn into_workload(self) -> Workload {
        match self {
            Self::Generated(workload) => workload,
            Self::Recorded { path, trace } => Workload::recorded(&path, trace, all_cores()),
        }
    }

    /// Transactions of the trace that were left out so far, votes not counted.
    pub(crate) fn left_out(&self) -> usize {
        match self {
            Self::Generated(workload) => workload.left_out(),
            Self::Recorded { trace, .. } => trace.left_out,
        }
    }

    /// The number of the recorded block at an index, if this is a trace.
    pub(crate) fn block_number(&self, index: usize) -> Option<u64> {
        match self {
            Self::Generated(_) => None,
            Self::Recorded { trace, .. } => Some(trace.blocks.get(index)?.number),
        }
    }
}

/// Refuses a `--max-locks` that lets pass what no transaction on the wire can carry.
pub(crate) fn check_max_locks(max_locks: Option<usize>) -> Result<(), Failure> {
    match max_locks {
        Some(count) if count > ACCOUNT_LOCKS_MAX => Err(Failure::usage(format!(
            "--max-locks is {count}, expected at most {ACCOUNT_LOCKS_MAX}, as many as a \
             transaction that runs may lock"
        ))),
        _ => Ok(()),
    }
}

/// A note for people on transactions that were left out; empty if none was.
pub(crate) fn left_out_note(count: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let noun = if count == 1 {
        "transaction"
    } else {
        "transactions"
    };
    format!("{} {noun} that lock too many accounts", thousands(count))
}

/// One thread for each core.
pub(crate) fn all_cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
