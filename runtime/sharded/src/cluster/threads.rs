//! Workers that are threads of this process, for tests and for machines with memory to share.

use std::{
    fmt,
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, Thread},
};

use lockstep_runtime::threads::Threads as EngineThreads;
use timely::{
    WorkerConfig,
    communication::{AllocatorBuilder, WorkerGuards},
    execute::execute_from,
};

use super::Rules;
use crate::{
    ShardError, flow,
    message::{Part, Report},
    shard::Shard,
};

/// The way to one worker and back.
#[derive(Debug)]
pub(super) struct Line {
    shard: usize,
    parts: Option<Sender<Part>>,
    reports: Receiver<Report>,
    /// Is parked while there is nothing to do.
    thread: Thread,
}

impl Line {
    /// Sends a part. False if the worker is gone.
    pub(super) fn send(&self, part: Part) -> bool {
        let sent = self
            .parts
            .as_ref()
            .is_some_and(|parts| parts.send(part).is_ok());
        self.thread.unpark();
        sent
    }

    /// The worker's next report; `None` if it is gone.
    pub(super) fn receive(&self) -> Option<Report> {
        self.reports.recv().ok()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.parts = None;
        self.thread.unpark();
    }
}

/// Starts the workers of this process, and waits until they can take parts. Lines come by shard.
pub(super) fn start_workers(
    rules: &Rules,
    builders: Vec<AllocatorBuilder>,
    others: Box<dyn std::any::Any + Send>,
) -> Result<(Vec<Line>, WorkerGuards<()>), String> {
    let count = builders.len();
    let (door, lines) = channel();
    let rules = rules.clone();
    let guards = execute_from(builders, others, WorkerConfig::default(), move |worker| {
        let (parts, own_parts) = channel();
        let (own_reports, reports) = channel();
        let line = Line {
            shard: worker.index(),
            parts: Some(parts),
            reports,
            thread: thread::current(),
        };
        // One thread needs no pool, so that none can be refused.
        let threads = EngineThreads::new(1);
        if let (Ok(threads), Ok(())) = (threads, door.send(line)) {
            let shard = Shard::new(rules.genesis(), threads);
            flow::serve(worker, shard, &own_parts, &own_reports);
        }
    })?;
    let mut lines: Vec<Line> = lines.iter().take(count).collect();
    lines.sort_by_key(|line| line.shard);
    Ok((lines, guards))
}

/// Running workers.
pub(crate) struct Threads {
    lines: Vec<Line>,
    guards: Option<WorkerGuards<()>>,
}

impl fmt::Debug for Threads {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Threads");
        debug.field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Threads {
    pub(super) fn start(rules: &Rules, count: u32) -> Result<Self, ShardError> {
        let failed = |reason| ShardError::Start { count, reason };
        let config = timely::CommunicationConfig::Process(count as usize);
        let (builders, others) = config.try_build().map_err(failed)?;
        let (lines, guards) = start_workers(rules, builders, others).map_err(failed)?;
        let guards = Some(guards);
        Ok(Self { lines, guards })
    }

    pub(super) fn run(&mut self, parts: Vec<Part>) -> Result<Vec<Report>, ShardError> {
        for (line, part) in self.lines.iter().zip(parts) {
            // A worker that is gone sends no report either.
            line.send(part);
        }
        let reports = (0..)
            .zip(&self.lines)
            .map(|(shard, line)| line.receive().ok_or(shard));
        let reports = reports.collect::<Result<_, u32>>();
        reports.map_err(|shard| {
            // The others wait for it for ever.
            if let Some(guards) = self.guards.take() {
                std::mem::forget(guards);
            }
            ShardError::Lost {
                shard,
                count: u32::try_from(self.lines.len()).unwrap_or(u32::MAX),
                cause: "its thread panicked".to_owned(),
            }
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.lines.clear();
        if let Some(guards) = self.guards.take() {
            // A worker's panic has been reported where it happened.
            drop(guards.join());
        }
    }
}
