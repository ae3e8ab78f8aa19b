//! `lockstep-agave`: schedules for an Agave validator until it is told to end.
#![forbid(unsafe_code)]

use std::{
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use lockstep_agave::{
    Driver, DriverOptions, Figures,
    v4_3::{HandshakeError, Session, SessionOptions},
};

/// Schedules the blocks of an Agave 4.3 validator over its scheduler bindings.
///
/// The validator is started with --enable-scheduler-bindings. This command logs on at its socket,
/// and again whenever the validator has gone and come back; what waits here is kept meanwhile.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// The validator's socket, scheduler_bindings.ipc in its ledger directory.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Worker threads to ask the validator for, in [1, 64].
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// Mebibytes of shared memory.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(64..))]
    memory: u32,
    /// Milliseconds over which a block is filled evenly; 0 for as fast as workers can.
    #[arg(long, default_value_t = 350)]
    fill_time: u32,
    /// Leave transactions that fail out of blocks, without a fee.
    #[arg(long)]
    drop_failing: bool,
    /// A file for figures in Prometheus' text format, written each second.
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// End when the session ends instead of logging on again.
    #[arg(long)]
    once: bool,
}

/// Time between two attempts to log on.
const RETRY: Duration = Duration::from_secs(1);
/// Time that the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// Turns without anything to do before the command sleeps between turns.
const IDLE_TURNS: u32 = 1_000;
/// That sleep: far below what a worker's queue lasts.
const IDLE: Duration = Duration::from_micros(20);

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockstep-agave: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), HandshakeError> {
    let workers = NonZeroU32::new(options.workers).expect("the range begins with one");
    let mut driver = Driver::new(DriverOptions {
        fill_time: u64::from(options.fill_time) * 1_000,
        drops_failing: options.drop_failing,
        ..DriverOptions::standard(workers)
    });
    let session_options = SessionOptions {
        allocator_size: (options.memory as usize) << 20,
        ..SessionOptions::standard(options.workers as usize)
    };
    let start = Instant::now();
    let mut said = String::new();
    loop {
        match Session::connect(&options.socket, &session_options, HANDSHAKE) {
            Ok(session) => {
                eprintln!("lockstep-agave: session with {} workers", options.workers);
                said.clear();
                serve(&mut driver, session, start, options.metrics.as_deref());
                eprintln!(
                    "lockstep-agave: session lost, {} kept",
                    driver.unsettled_count()
                );
            }
            Err(error) if options.once => return Err(error),
            Err(error) => {
                // The same reason each second would fill a log.
                let reason = error.to_string();
                if reason != said {
                    eprintln!("lockstep-agave: {reason}; tried again each second");
                    said = reason;
                }
            }
        }
        if options.once {
            return Ok(());
        }
        thread::sleep(RETRY);
    }
}

/// Turns until the session is lost.
fn serve(driver: &mut Driver, mut session: Session, start: Instant, metrics: Option<&Path>) {
    let micros = || u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    driver.attach(micros());
    let mut idle = 0;
    let mut written = 0;
    loop {
        let now = micros();
        if driver.turn(&mut session, now) {
            idle = 0;
        } else {
            idle += 1;
            if idle > IDLE_TURNS {
                thread::sleep(IDLE);
            }
        }
        if now - written > 1_000_000 {
            written = now;
            if let Some(path) = metrics {
                write(path, &driver.figures());
            }
        }
        if driver.is_lost(now) {
            driver.detach(session);
            return;
        }
    }
}

/// Writes figures into a file that readers never see half of.
fn write(path: &Path, figures: &Figures) {
    let unfinished = path.with_extension("unfinished");
    let written = fs::write(&unfinished, figures.to_text());
    if let Err(error) = written.and_then(|()| fs::rename(&unfinished, path)) {
        eprintln!("lockstep-agave: cannot write {}: {error}", path.display());
    }
}
