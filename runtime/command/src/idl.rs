//! `lockstep idl`: the interface descriptions of the programs that are built in.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lockstep_programs::descriptions;

use crate::failure::Failure;
use crate::output;
use crate::text;

/// Write a built-in program's interface description, in the form of Anchor's IDL
///
/// The JSON goes to stdout, on one line, or to a file. A program of your own prints the same with
/// `cargo run --example idl`, if `lockstep new` made it, and `DESCRIPTION.to_json()` of the type
/// that `#[program]` makes in any case.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the program
    program: String,
    /// Write to this file instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let name = &arguments.program;
    let all = descriptions();
    let Some(found) = all.iter().find(|known| known.name == name) else {
        let known: Vec<&str> = all.iter().map(|known| known.name).collect();
        let known = known.join(", ");
        return Err(Failure::usage(format!(
            "no description of a program {name:?}, there are those of {known}"
        )));
    };
    let json = found.to_json() + "\n";
    match &arguments.out {
        None => text::print(&json)?,
        Some(file) => output::write_text(file, &json)?,
    }
    Ok(ExitCode::SUCCESS)
}
