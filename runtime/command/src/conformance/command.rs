//! `lockstep conformance`: runs recorded cases and tells which end otherwise than recorded.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::conformance::{Report, run_file};
use clap::{Args, ValueEnum};
use lockstep_interface::RuleSet;
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
    /// Rules to judge the cases by; as a file's feature table says if not given
    #[arg(long, value_enum, value_name = "RULES")]
    rules: Option<Rules>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

/// The rule sets by their names on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rules {
    /// Those of today's main network
    Current,
    /// Those of December 2024
    #[value(name = "2024-12")]
    December2024,
}

impl From<Rules> for RuleSet {
    fn from(rules: Rules) -> Self {
        match rules {
            Rules::Current => Self::Current,
            Rules::December2024 => Self::December2024,
        }
    }
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
        let report = run_file(file, arguments.rules.map(RuleSet::from)).map_err(Failure::usage)?;
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
