//! The `lockstep` command: one file a subcommand, and what they share.
//!
//! [`cli`] is the whole command. A binary that hands it a [`Catalogue`] with a strategy, a kind of
//! load or a program of its own has every subcommand for them: `examples/own_command.rs`,
//! `examples/own_node.rs`.
//!
//! Exit codes: 0, it did what was asked; 2, bad usage or bad input, told in one line on stderr;
//! 1, anything else. A stderr that takes no line changes no code, nor does a reader that closes
//! stdout; one that is full is an error.
//!
//! What is shown of files, names and texts, is shown with escapes for what a terminal would obey.
//! Files are written as a whole: `output.rs`.
#![forbid(unsafe_code)]
#![allow(
    clippy::float_arithmetic,
    reason = "figures for people are floats; none of them becomes state"
)]

mod bench_store;
mod catalogue;
mod color;
mod compare;
pub mod conformance;
mod durable;
mod failure;
mod idl;
mod inspect;
pub mod ledger;
mod memory;
mod new;
mod node;
mod output;
mod plan;
mod prove;
mod replay;
mod run;
mod snapshot;
mod source;
mod terminal;
mod text;
mod trace;
mod verify;
mod witness;
mod workloads;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use catalogue::Catalogue;

use failure::Failure;

/// Lockstep: plans transactions that declare their accounts into batches that cannot conflict,
/// and runs them in parallel with the result of a serial run.
#[derive(Debug, Parser)]
#[command(
    name = "lockstep",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Plan(plan::Arguments),
    Compare(compare::Arguments),
    Color(color::Arguments),
    Conformance(conformance::command::Arguments),
    Workloads(workloads::Arguments),
    New(new::Arguments),
    Node(node::Arguments),
    Follow(node::follow::Arguments),
    Load(node::load::Arguments),
    Activate(node::activate::Arguments),
    Program(node::program::Arguments),
    Trace(trace::Arguments),
    Replay(replay::Arguments),
    Idl(idl::Arguments),
    Inspect(inspect::Arguments),
    Snapshot(snapshot::Arguments),
    Prove(prove::Arguments),
    Verify(verify::Arguments),
    Witness(witness::Arguments),
    BenchStore(bench_store::Arguments),
}

/// Does what the command line of this process asks, with these strategies, kinds of load and
/// programs; an error is told on stderr in one line.
pub fn cli(catalogue: &Catalogue) -> ExitCode {
    ledger::link_programs(&catalogue.programs);
    match dispatch(catalogue) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn dispatch(catalogue: &Catalogue) -> Result<ExitCode, Failure> {
    match parse(catalogue)? {
        None => Ok(ExitCode::SUCCESS),
        Some(Command::Run(arguments)) => run::run(&arguments, catalogue),
        Some(Command::Plan(arguments)) => plan::run(&arguments, catalogue),
        Some(Command::Compare(arguments)) => compare::run(&arguments, catalogue),
        Some(Command::Color(arguments)) => color::run(&arguments),
        Some(Command::Conformance(arguments)) => conformance::command::run(&arguments),
        Some(Command::Workloads(arguments)) => workloads::run(&arguments, catalogue),
        Some(Command::New(arguments)) => new::run(&arguments),
        Some(Command::Node(arguments)) => node::run(&arguments, catalogue),
        Some(Command::Follow(arguments)) => node::follow::run(&arguments),
        Some(Command::Load(arguments)) => node::load::run(&arguments),
        Some(Command::Activate(arguments)) => node::activate::run(&arguments),
        Some(Command::Program(arguments)) => node::program::run(&arguments),
        Some(Command::Trace(arguments)) => trace::run(&arguments),
        Some(Command::Replay(arguments)) => replay::run(&arguments),
        Some(Command::Idl(arguments)) => idl::run(&arguments),
        Some(Command::Inspect(arguments)) => inspect::run(&arguments),
        Some(Command::Snapshot(arguments)) => snapshot::run(&arguments),
        Some(Command::Prove(arguments)) => prove::run(&arguments),
        Some(Command::Verify(arguments)) => verify::run(&arguments),
        Some(Command::Witness(arguments)) => witness::run(&arguments),
        Some(Command::BenchStore(arguments)) => bench_store::run(&arguments),
    }
}

/// The command line; `None` if it asked for help or the version, which is printed then.
fn parse(catalogue: &Catalogue) -> Result<Option<Command>, Failure> {
    let mut command = Cli::command();
    for name in ["run", "plan"] {
        command = command.mut_subcommand(name, |command| {
            source::with_workload_options(command, &catalogue.families)
        });
    }
    let matches = command.try_get_matches();
    match matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => Ok(Some(cli.command)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                text::print(&error.render().to_string())?;
                Ok(None)
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Err(Failure::usage(
                "no command given, expected run, plan, compare, color, conformance, workloads, \
                 new, node, follow, load, activate, program, trace, replay, idl, inspect, \
                 snapshot, prove, verify or bench-store (see --help)",
            )),
            _ => Err(Failure::usage(one_line(&error.render().to_string()))),
        },
    }
}

/// The first paragraph of a parser's message as one line, without its prefix.
fn one_line(message: &str) -> String {
    let paragraph = message.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let line = words.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}
