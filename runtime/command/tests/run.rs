//! `lockstep run` from outside: one load, and the tour of four.

use std::collections::BTreeSet;

#[path = "common/command.rs"]
mod command;

use serde_json::Value;

use command::{assert_fields, json, lockstep};

/// The fields of one run, alone or in a tour.
fn assert_run_fields(run: &Value) {
    assert_fields(
        run,
        "workload, strategy, mode, threads, seed, transactions, left_out, succeeded, failed, \
         refused, blocks, batches, lanes, waits, seconds, cpu_seconds, tps, serial_tps, matches_serial, efficiency, \
         state_root, block, without, peak_rss_mib",
    );
    assert_fields(
        &run["seconds"],
        "parse, verify, plan, check, load, execute, commit, root, total",
    );
}

#[test]
fn run_prints_exactly_the_promised_fields() {
    let sizes = ["--txs", "700", "--block-size", "300"];
    let common = [&["run", "--json", "--workload", "mainnet-mix"][..], &sizes].concat();
    let mut roots = BTreeSet::new();
    for threads in ["1", "2", "64"] {
        // A plan that is the same for any number of workers: a block's id commits to it.
        let planned = [
            "--threads",
            threads,
            "--mode",
            "replay",
            "--strategy",
            "layered",
        ];
        let report = json(&[&common[..], &planned].concat());
        assert_run_fields(&report);
        assert_eq!(
            (&report["workload"], &report["mode"]),
            (&"mainnet-mix".into(), &"replay".into())
        );
        assert_eq!(
            (&report["transactions"], &report["blocks"]),
            (&700.into(), &3.into())
        );
        assert_eq!(
            (&report["refused"], &report["matches_serial"]),
            (&0.into(), &true.into())
        );
        let [succeeded, failed] =
            ["succeeded", "failed"].map(|field| report[field].as_u64().unwrap());
        assert!(
            succeeded + failed == 700 && (20..110).contains(&failed),
            "{failed}"
        );
        assert_eq!(report["seconds"]["verify"], 0.0);
        roots.insert(report["state_root"].to_string());
    }
    assert_eq!(roots.len(), 1, "the root depends on threads: {roots:?}");

    let verified = json(
        &[
            &["run", "--json", "--workload", "transfers"][..],
            &["--verify", "--no-check"],
            &sizes,
        ]
        .concat(),
    );
    assert_run_fields(&verified);
    assert!(verified["seconds"]["verify"].as_f64().unwrap() > 0.0);
    assert_eq!(
        (&verified["succeeded"], &verified["matches_serial"]),
        (&700.into(), &Value::Null)
    );
    assert_eq!(verified["serial_tps"], Value::Null);
}

/// A run in small blocks; of the tour, if no load is named.
const RUN: [&str; 4] = ["run", "--block-size", "100", "--threads=2"];

#[test]
fn a_run_without_a_load_is_a_tour_of_four() {
    let tour = json(&[&RUN[..], &["--json", "--txs", "600", "--seed", "7"]].concat());
    assert_fields(&tour, "runs");
    let runs = tour["runs"].as_array().unwrap();
    let names: Vec<&Value> = runs.iter().map(|run| &run["workload"]).collect();
    assert_eq!(names, ["transfers", "token", "zipf", "mainnet-mix"]);
    let number = |run: &Value, field: &str| run[field].as_u64().unwrap();
    let all: u64 = runs.iter().map(|run| number(run, "transactions")).sum();
    assert_eq!(all, 600, "--txs is the number of all of them together");
    for run in runs {
        assert_run_fields(run);
        assert_eq!(run["matches_serial"], true);
        assert_eq!(run["without"], Value::Array(Vec::new()));
        assert_eq!((number(run, "seed"), number(run, "threads")), (7, 2));
        assert_eq!(
            number(run, "blocks"),
            number(run, "transactions").div_ceil(100)
        );
        assert!(run["seconds"]["verify"].as_f64().unwrap() > 0.0);
        // The same blocks as those of a run of this load alone.
        let (name, count) = (
            run["workload"].as_str().unwrap(),
            number(run, "transactions"),
        );
        let alone = ["--json", "--seed", "7", "--verify", "--workload", name];
        let alone = json(&[&RUN[..], &alone, &["--txs", &count.to_string()]].concat());
        for field in ["transactions", "succeeded", "failed", "refused", "blocks"] {
            assert_eq!(alone[field], run[field], "{name} {field}");
        }
    }
}

#[test]
fn the_screen_of_a_tour_answers_the_promise() {
    let screen = |count: &str, more: &[&str]| {
        let output = lockstep(&[&RUN[..], &["--txs", count], more].concat());
        assert!(output.status.success() && output.stderr.is_empty());
        String::from_utf8(output.stdout).unwrap()
    };
    // What stands behind a name at the beginning of a line.
    let line = |screen: &str, name: &str| {
        let found = screen
            .lines()
            .find_map(|line| line.trim().strip_prefix(name));
        found.map(|rest| rest.trim().to_owned()).unwrap_or_default()
    };
    let full = screen("600", &[]);
    for column in ["tx/s", "x serial", "plan efficiency", "batches", "waits"] {
        assert!(line(&full, "load").contains(column), "{full}");
    }
    for load in [
        "signed transfers",
        "token transfers",
        "zipf-hot transfers",
        "mainnet-mix",
    ] {
        let cells = line(&full, load);
        assert_eq!(cells.split_whitespace().count(), 6, "{load}: {full}");
    }
    let same = "identical: every receipt, root and block hash";
    assert_eq!(line(&full, "serial run"), same);
    let promise = line(&full, "promise");
    assert!(promise.contains("reached, "), "{full}");
    assert!(
        promise.contains(" signed transfers a second on 2 threads"),
        "{full}"
    );
    assert!(
        promise.ends_with("100,000 tx/s promised on two cores"),
        "{full}"
    );
    assert!(
        !full.contains("without") && !full.contains('\u{1b}'),
        "{full}"
    );

    let less = ["--no-verify", "--no-state-root", "--no-check", "--quiet"];
    let less = screen("600", &less);
    let without = "signatures, state root, serial check";
    assert_eq!(line(&less, "without"), without);
    assert_eq!(line(&less, "serial run"), "not compared");
    let unanswered = "not answered without signatures and state root: ";
    assert!(line(&less, "promise").starts_with(unanswered), "{less}");

    let none = screen("0", &[]);
    assert_eq!(none, "0 transactions, nothing to run\n");
}
