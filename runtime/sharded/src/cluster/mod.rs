//! The workers: threads of this process, or processes.

mod frames;
mod threads;
mod worker;

mod processes;

use lockstep_interface::ProgramTable;
use lockstep_runtime::{bank::Genesis, chain::Parameters, threads::Threads as Pool};
pub use processes::Launch;
use processes::Processes;
use threads::Threads;
pub use worker::work;

use crate::{
    ShardError,
    message::{Part, Report},
};

/// The rules of a chain, and its programs.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) parameters: Parameters,
    pub(crate) linked: ProgramTable,
}

impl Rules {
    pub(crate) fn genesis(&self) -> Genesis {
        self.parameters.genesis(self.linked.clone())
    }
}

/// How workers are started.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    Threads(Rules),
    Processes(Rules, Launch),
}

/// Running workers.
#[derive(Debug)]
pub(crate) enum Cluster {
    Threads(Threads),
    Processes(Processes),
}

impl Cluster {
    pub(crate) fn start(start: &Start, count: u32) -> Result<Self, ShardError> {
        Ok(match start {
            Start::Threads(rules) => Self::Threads(Threads::start(rules, count)?),
            Start::Processes(rules, launch) => {
                Self::Processes(Processes::start(rules, launch, count)?)
            }
        })
    }

    /// Gives each worker its part of a block, and takes their reports.
    pub(crate) fn run(&mut self, parts: Vec<Part>, pool: &Pool) -> Result<Vec<Report>, ShardError> {
        match self {
            Self::Threads(threads) => threads.run(parts),
            Self::Processes(processes) => processes.run(parts, pool),
        }
    }

    /// The processes of the workers, by shard; none if they are threads.
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        match self {
            Self::Threads(_) => Vec::new(),
            Self::Processes(processes) => processes.ids(),
        }
    }
}
