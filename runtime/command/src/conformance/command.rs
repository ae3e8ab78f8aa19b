//! `lockstep conformance`: runs recorded cases and tells which end otherwise than recorded.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::conformance::{Report, run_file};
use clap::Args;
use serde::Serialize;

use crate::failure::Failure;
use crate::terminal::escaped;
use crate::text;

/// Run recorded test cases of Solana's programs and compare every result
///
/// Prints a line for each file, and the first ten differences. Exit code 1 if a case differs.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Case files: JSON lines, plain or zstd
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

#[derive(Serialize)]
struct Summary {
    passed: usize,
    failed: usize,
    skipped: usize,
    files: Vec<FileSummary>,
}

#[derive(Serialize)]
struct FileSummary {
    file: String,
    passed: usize,
    failed: usize,
    skipped: usize,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    id: String,
    difference: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let bar = text::progress(arguments.files.len(), arguments.quiet, "files");
    let mut reports = Vec::with_capacity(arguments.files.len());
    for file in &arguments.files {
        let report = run_file(file).map_err(Failure::usage)?;
        reports.push((file.display().to_string(), report));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let failed: usize = reports.iter().map(|(_, report)| report.failed).sum();
    if arguments.json {
        text::print_json(&summary(reports))?;
    } else {
        let mut out = String::new();
        for (file, report) in &reports {
            let _ = writeln!(out, "{}: {}", escaped(file), report.to_string().trim_end());
        }
        text::print(&out)?;
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn summary(reports: Vec<(String, Report)>) -> Summary {
    let sum = |count: fn(&Report) -> usize| reports.iter().map(|(_, report)| count(report)).sum();
    Summary {
        passed: sum(|report| report.passed),
        failed: sum(|report| report.failed),
        skipped: sum(|report| report.skipped),
        files: reports
            .into_iter()
            .map(|(file, report)| FileSummary {
                file,
                passed: report.passed,
                failed: report.failed,
                skipped: report.skipped,
                differences: report
                    .differences
                    .into_iter()
                    .map(|(id, difference)| Difference { id, difference })
                    .collect(),
            })
            .collect(),
    }
}
