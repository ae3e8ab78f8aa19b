//! `lockstep workloads`: what can be generated, with options, defaults and ranges.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use lockstep_benches::workload::{Families, OptionKind, OptionSpec};
use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::text::{self, BOLD, DIM, paint};

/// List the workloads and their options
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listing {
    workloads: Vec<Workload>,
}

#[derive(Serialize)]
struct Workload {
    name: &'static str,
    about: &'static str,
    options: Vec<WorkloadOption>,
}

#[derive(Serialize)]
struct WorkloadOption {
    name: &'static str,
    about: &'static str,
    default: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<serde_json::Value>,
    /// The words to choose from, for an option that is no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<&'static [&'static str]>,
}

pub(crate) fn run(arguments: &Arguments, catalogue: &Catalogue) -> Result<ExitCode, Failure> {
    if arguments.json {
        let workloads = catalogue.families.iter().map(|family| Workload {
            name: family.name,
            about: family.about,
            options: family.options.iter().map(json_option).collect(),
        });
        text::print_json(&Listing {
            workloads: workloads.collect(),
        })?;
    } else {
        text::print(&listing(&catalogue.families))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn json_option(option: &OptionSpec) -> WorkloadOption {
    let value = |number: u64| match option.kind {
        OptionKind::Decimal => option
            .show(number)
            .parse::<f64>()
            .map_or_else(|_| number.into(), Into::into),
        OptionKind::Count | OptionKind::Percent => number.into(),
        OptionKind::Choice(_) => option.show(number).into(),
    };
    let choices = match option.kind {
        OptionKind::Choice(words) => Some(words),
        _ => None,
    };
    WorkloadOption {
        name: option.name,
        about: option.about,
        default: value(option.default),
        min: choices.is_none().then(|| value(option.min)),
        max: choices.is_none().then(|| value(option.max)),
        choices,
    }
}

fn listing(families: &Families) -> String {
    let mut out = String::new();
    for family in families.iter() {
        let _ = writeln!(out, "{}: {}", paint(BOLD, family.name), family.about);
        let mut table = text::Table::new(2, &[]);
        for option in family.options {
            let range = format!("[{}]", option.range());
            let name = format!("--{} {}", option.name, option.show(option.default));
            table.row([name, format!("{} {range}", option.about)]);
        }
        out.push_str(table.show().trim_start_matches('\n'));
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "{}",
        paint(
            DIM,
            "Shown with defaults. Options go with --workload NAME, or into the name: zipf:exponent=0.8"
        )
    );
    out
}
