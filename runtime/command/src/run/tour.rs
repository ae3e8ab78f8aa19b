//! `lockstep run` without a load: four loads through the sealed chain in memory, in one table.
//!
//! Each load is a run like one that names it, with signatures verified. The screen answers what the
//! project promises: [`PROMISED_TPS`] signed transfers a second on two cores.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::builder::styling::Style;
use lockstep_benches::runner::RunOptions;
use serde::Serialize;

use super::{Arguments, Report, measure, show};
use crate::catalogue::Catalogue;
use crate::failure::Failure;
use crate::text::{self, BAD, BOLD, DIM, GOOD, Table, paint, rounded, thousands};

/// Signed transfers a second that two cores are promised to reach.
const PROMISED_TPS: f64 = 100_000.0;

/// A load of the tour.
struct Stop {
    title: &'static str,
    workload: &'static str,
    /// Transactions where no number is asked for.
    transaction_count: u64,
}

/// The promise is about the first of these.
const STOPS: [Stop; 4] = [
    Stop {
        title: "signed transfers",
        workload: "transfers",
        transaction_count: 200_000,
    },
    Stop {
        title: "token transfers",
        workload: "token",
        transaction_count: 150_000,
    },
    Stop {
        title: "zipf-hot transfers",
        workload: "zipf",
        transaction_count: 150_000,
    },
    Stop {
        title: "mainnet-mix",
        workload: "mainnet-mix",
        transaction_count: 100_000,
    },
];

/// What `--json` prints.
#[derive(Serialize)]
struct Tour {
    /// One for each of [`STOPS`], in their order.
    runs: Vec<Report>,
}

pub(super) fn run(
    arguments: &Arguments,
    catalogue: &Catalogue,
    options: &RunOptions<'_>,
) -> Result<ExitCode, Failure> {
    if let Some(option) = arguments.source.option_of_one_load() {
        return Err(Failure::usage(format!(
            "--{option} has no effect on a tour of {} loads, expected a --workload with it",
            STOPS.len()
        )));
    }
    let counts = counts(arguments.source.transaction_count());
    let mut tour = Tour { runs: Vec::new() };
    let mut first_mismatch = None;
    for (number, (stop, count)) in (1..).zip(STOPS.iter().zip(counts)) {
        let source = arguments.source.naming(stop.workload, count);
        let load = source.open(catalogue, count)?;
        let indexes = source.indexes(&load);
        let workload = load.into_workload();
        let message = format!("{number} of {}  {:<18}", STOPS.len(), stop.title);
        let (report, mismatch) = measure(arguments, &workload, &indexes, options, &message)?;
        tour.runs.push(report);
        let mismatch = mismatch.map(|cause| format!("{}: {cause}", stop.workload));
        first_mismatch = first_mismatch.or(mismatch);
    }
    if arguments.json {
        text::print_json(&tour)?;
    } else {
        text::print(&tour.summary())?;
    }
    first_mismatch.map_or(Ok(ExitCode::SUCCESS), |cause| Err(Failure::other(cause)))
}

/// Transactions of each stop. A number that is asked for is that of all of them together, split in
/// the proportions of the default.
fn counts(asked: Option<u64>) -> [u64; STOPS.len()] {
    let all: u64 = STOPS.iter().map(|stop| stop.transaction_count).sum();
    let (mut passed, mut given) = (0_u64, 0_u64);
    STOPS.map(|stop| {
        passed = passed.saturating_add(stop.transaction_count);
        let upto = asked.unwrap_or(all).saturating_mul(passed);
        let upto = upto.checked_div(all).unwrap_or_default();
        let count = upto.saturating_sub(given);
        given = upto;
        count
    })
}

impl Tour {
    fn summary(&self) -> String {
        let Some(first) = self.runs.first() else {
            return String::new();
        };
        let count = self.runs.iter().map(|run| run.transactions).sum::<usize>();
        if count == 0 {
            return "0 transactions, nothing to run\n".to_owned();
        }
        let blocks = self.runs.iter().map(|run| run.blocks).sum();
        let mut out = String::new();
        let _ = writeln!(
            out,
            "{}  {} transactions in {}, seed {}",
            paint(BOLD, &format!("{} loads", STOPS.len())),
            thousands(count),
            text::counted(blocks, "block"),
            first.seed,
        );
        let _ = writeln!(out, "{}\n", show::manner(first));
        out.push_str(&self.table());
        out.push('\n');
        let mut verdicts = self.runs.iter().map(|run| run.matches_serial);
        // Different if any is, not compared if one is not.
        let matches = verdicts.try_fold(true, |all, one| Some(all && one?));
        let mut facts = vec![
            ("promise", promise(first)),
            ("serial run", show::verdict(matches)),
            ("outcome", show::outcome(&self.runs)),
        ];
        if !first.without.is_empty() {
            facts.push(("without", first.without.join(", ")));
        }
        if let Some(peak) = self.runs.last().and_then(|run| run.peak_rss_mib) {
            facts.push(("peak memory", format!("{} MiB", rounded(peak))));
        }
        out.push_str(&text::facts(&facts));
        out
    }

    fn table(&self) -> String {
        let mut table = Table::new(
            1,
            &[
                "load",
                "transactions",
                "tx/s",
                "x serial",
                "plan efficiency",
                "batches",
                "waits",
            ],
        );
        for (stop, run) in STOPS.iter().zip(&self.runs) {
            let times = run.speed_up();
            let plain = |text| (text, Style::new());
            table.styled_row([
                plain(stop.title.to_owned()),
                plain(thousands(run.transactions)),
                (rounded(run.tps), BOLD),
                plain(times.map_or_else(|| "-".to_owned(), |times| format!("{times:.2}"))),
                (
                    format!("{:.1}%", run.efficiency * 100.0),
                    text::grade(run.efficiency),
                ),
                plain(thousands(run.batches)),
                plain(thousands(run.waits)),
            ]);
        }
        table.show()
    }
}

/// What the signed transfers reached of what is promised.
fn promise(transfers: &Report) -> String {
    let promised = format!("{} tx/s promised on two cores", rounded(PROMISED_TPS));
    let is_left_out = |work: &&str| transfers.without.contains(work);
    let left_out = ["signatures", "state root"].into_iter().filter(is_left_out);
    let left_out: Vec<&str> = left_out.collect();
    if !left_out.is_empty() || transfers.transactions == 0 {
        let missing = match &left_out[..] {
            [] => "signed transfers".to_owned(),
            left_out => left_out.join(" and "),
        };
        return paint(DIM, &format!("not answered without {missing}: {promised}"));
    }
    let share = transfers.tps / PROMISED_TPS;
    let (style, answer) = if share >= 1.0 {
        (GOOD, format!("reached, {share:.2} times"))
    } else {
        (
            BAD,
            format!("not reached, {:.1}% short", (1.0 - share) * 100.0),
        )
    };
    format!(
        "{}: {} signed transfers a second on {}, {promised}",
        paint(style, &answer),
        rounded(transfers.tps),
        text::counted(transfers.threads, "thread"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_asked_for_is_split_without_a_rest() {
        let defaults = STOPS.map(|stop| stop.transaction_count);
        assert_eq!(counts(None), defaults);
        assert_eq!(counts(Some(defaults.iter().sum())), defaults);
        for asked in [0, 1, 3, 1_000, 999_999_999] {
            assert_eq!(counts(Some(asked)).iter().sum::<u64>(), asked);
        }
    }
}
