//! Workers that are processes of their own, on this machine.

use std::{
    ffi::OsString,
    io,
    path::PathBuf,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use lockstep_runtime::threads::Threads as Pool;

use super::{Rules, frames, worker::PEER_LOST};
use crate::{
    ShardError,
    message::{Hello, Part, Report, decode, encode},
};

/// How often it is looked whether a worker has ended, once one has.
const LOOKS: u32 = 100;
/// The time between two looks.
const LOOK_TIME: Duration = Duration::from_millis(5);

/// How a worker process is started: a program that calls [`work`](crate::work), with arguments.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// How long a worker may take for its part of a block before it counts as lost.
    pub patience: Duration,
}

impl Launch {
    /// A program without arguments, whose workers may take a minute for a block.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            patience: Duration::from_secs(60),
        }
    }
}

/// Running workers.
#[derive(Debug)]
pub(crate) struct Processes {
    workers: Vec<Child>,
    inputs: Vec<ChildStdin>,
    /// What workers say: `None` if their output has ended.
    outputs: Receiver<(u32, Option<Vec<u8>>)>,
    patience: Duration,
}

impl Processes {
    pub(super) fn start(rules: &Rules, launch: &Launch, count: u32) -> Result<Self, ShardError> {
        let (sender, outputs) = channel();
        let mut processes = Self {
            workers: Vec::new(),
            inputs: Vec::new(),
            outputs,
            patience: launch.patience,
        };
        let failed = |reason: String| ShardError::Start { count, reason };
        for shard in 0..count {
            let spawned = processes.spawn(launch, shard, &sender);
            spawned.map_err(|error| failed(format!("{}: {error}", launch.program.display())))?;
        }
        drop(sender);
        let parameters = rules.parameters.encode()?;
        let hello = (0..count).map(|shard| {
            encode(&Hello {
                shard,
                count,
                parameters: parameters.clone(),
            })
        });
        let addresses = processes.ask(hello.collect())?;
        let addresses = addresses.into_iter().map(String::from_utf8);
        let addresses: Vec<String> = addresses
            .collect::<Result<_, _>>()
            .map_err(|_| failed("a worker's address is malformed".to_owned()))?;
        processes.ask(vec![encode(&addresses); count as usize])?;
        Ok(processes)
    }

    fn spawn(
        &mut self,
        launch: &Launch,
        shard: u32,
        sender: &Sender<(u32, Option<Vec<u8>>)>,
    ) -> io::Result<()> {
        let mut worker = Command::new(&launch.program)
            .args(&launch.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (worker.stdin.take(), worker.stdout.take());
        self.workers.push(worker);
        let (Some(input), Some(mut output)) = (input, output) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        self.inputs.push(input);
        let sender = sender.clone();
        let read = move || {
            loop {
                let message = frames::read(&mut output).ok().flatten();
                let is_end = message.is_none();
                // The coordinator no longer listens once it has given up.
                if sender.send((shard, message)).is_err() || is_end {
                    break;
                }
            }
        };
        thread::Builder::new()
            .name(format!("worker-{shard}"))
            .spawn(read)?;
        Ok(())
    }

    pub(super) fn ids(&self) -> Vec<u32> {
        self.workers.iter().map(Child::id).collect()
    }

    pub(super) fn run(&mut self, parts: Vec<Part>, pool: &Pool) -> Result<Vec<Report>, ShardError> {
        let messages = pool.map_each(parts, |part| encode(&part));
        let reports = self.ask(messages)?;
        let decoded = pool.map_each((0..).zip(reports).collect(), |(shard, report)| {
            decode(&report).map_err(|_| ShardError::Failed {
                shard,
                reason: "its report is malformed".to_owned(),
            })
        });
        decoded.into_iter().collect()
    }

    /// Sends a message to each worker, and takes an answer of each.
    fn ask(&mut self, messages: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, ShardError> {
        for (input, message) in self.inputs.iter_mut().zip(messages) {
            // A worker that is gone is noticed below.
            drop(frames::write(input, &message));
        }
        let mut answers: Vec<Option<Vec<u8>>> = vec![None; self.workers.len()];
        while let Some(missing) = answers.iter().position(Option::is_none) {
            match self.outputs.recv_timeout(self.patience) {
                Ok((shard, Some(answer))) => answers[shard as usize] = Some(answer),
                Ok((shard, None)) => return Err(self.lost(shard as usize)),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = self.patience.as_secs();
                    return Err(self.error(missing, format!("no answer in {seconds} s")));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.lost(missing)),
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Finds the worker that ended by itself: its end makes the others end too.
    fn lost(&mut self, noticed: usize) -> ShardError {
        for _ in 0..LOOKS {
            let ended = self
                .workers
                .iter_mut()
                .map(|worker| worker.try_wait().ok().flatten());
            let ended: Vec<Option<ExitStatus>> = ended.collect();
            let is_cause = |status: &Option<ExitStatus>| {
                status.is_some_and(|status| status.code() != Some(i32::from(PEER_LOST)))
            };
            if let Some(shard) = ended.iter().position(is_cause) {
                let status = ended[shard].map(|status| status.to_string());
                return self.error(shard, status.unwrap_or_default());
            }
            thread::sleep(LOOK_TIME);
        }
        self.error(noticed, "its connections broke".to_owned())
    }

    fn error(&self, shard: usize, cause: String) -> ShardError {
        ShardError::Lost {
            shard: u32::try_from(shard).unwrap_or(u32::MAX),
            count: u32::try_from(self.workers.len()).unwrap_or(u32::MAX),
            cause,
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.inputs.clear();
        for worker in &mut self.workers {
            // One that has ended already cannot be killed, which is as well.
            drop(worker.kill());
            drop(worker.wait());
        }
    }
}
