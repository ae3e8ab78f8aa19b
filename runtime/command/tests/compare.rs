//! `lockstep compare` from outside: the table in all its forms, baselines, and mistakes.
#![expect(
    clippy::float_arithmetic,
    clippy::unwrap_used,
    reason = "a test compares rates, and fails where something is missing"
)]

#[path = "common/folder.rs"]
mod folder;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use folder::Folder;

const SMALL: [&str; 9] = [
    "compare",
    "--txs",
    "300",
    "--block-size",
    "120",
    "--reps",
    "2",
    "--threads",
    "1,2",
];

fn compare(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(SMALL).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = compare(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");
    serde_json::from_slice(&output.stdout).unwrap()
}

const WORKLOADS: &str = "transfers:accounts=300,pools:payers=100:pools=3";

#[test]
fn every_cell_is_measured_and_shown_in_every_form() {
    let folder = Folder::new("compare");
    let (csv, html) = (folder.path("cells.csv"), folder.path("cells.html"));
    let report = json(&[
        "--workload",
        WORKLOADS,
        "--strategy",
        "serial,lanes,waits",
        "--json",
        "--csv",
        &csv,
        "--html",
        &html,
    ]);
    let cells = report["cells"].as_array().unwrap();
    let keys: BTreeSet<String> = cells
        .iter()
        .map(|cell| {
            format!(
                "{} {} {}",
                cell["workload"], cell["strategy"], cell["threads"]
            )
        })
        .collect();
    assert_eq!((cells.len(), keys.len()), (12, 12));
    for cell in cells {
        assert_eq!(cell["matches_serial"], true);
        assert_eq!(
            (&cell["transactions"], &cell["succeeded"]),
            (&300.into(), &300.into())
        );
        assert_eq!(cell["blocks"], 3);
        for name in [
            "tps",
            "speedup",
            "serial",
            "total_seconds",
            "load_seconds",
            "plan_seconds",
            "execute_seconds",
            "commit_seconds",
            "cpu_seconds",
        ] {
            let [min, median, max] =
                ["min", "median", "max"].map(|n| cell[name][n].as_f64().unwrap());
            assert!(0.0 < min && min <= median && median <= max, "{cell}");
        }
        let ratio = cell["tps"]["median"].as_f64().unwrap() / cell["serial_tps"].as_f64().unwrap();
        assert!((ratio - cell["speedup"]["median"].as_f64().unwrap()).abs() < 1e-9);
        assert_eq!(cell["serial"]["median"], cell["serial_tps"]);
        let alone = &cell["speedup_one_thread"]["median"];
        assert_eq!(
            alone.as_f64().is_some_and(|ratio| ratio == 1.0),
            cell["threads"] == 1
        );
    }

    let csv = fs::read_to_string(csv).unwrap();
    let columns: BTreeSet<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!((csv.lines().count(), columns.len()), (13, 1), "{csv}");

    let html = fs::read_to_string(html).unwrap();
    assert_eq!(html.matches("<h2>").count(), 5, "four drawings and a table");
    assert_eq!(html.matches("class=\"bar\"").count(), 4 * 12);
    assert_eq!(html.matches("<tr>").count(), 13);
    for forbidden in ["<script", "http", "NaN", "inf"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }

    let table = compare(&["--workload", WORKLOADS, "--strategy", "lanes"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!(table.matches("identical").count(), 4, "{table}");
}

#[test]
fn every_size_of_blocks_is_a_cell_and_the_worst_is_named() {
    let folder = Folder::new("compare-sizes");
    let html = folder.path("cells.html");
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args([
            "compare",
            "--reps",
            "1",
            "--threads",
            "2",
            "--strategy",
            "auto",
        ]);
        command.args(["--txs", "200", "--workload", "transfers:accounts=50"]);
        let output = command.args(more).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let report: Value = serde_json::from_str(&run(&[
        "--block-size",
        "1,50,1,200",
        "--json",
        "--html",
        &html,
    ]))
    .unwrap();
    let of = |name: &str| -> Vec<u64> {
        let cells = report["cells"].as_array().unwrap().iter();
        cells.map(|cell| cell[name].as_u64().unwrap()).collect()
    };
    assert_eq!(of("block_size"), [1, 50, 200]);
    assert_eq!(of("blocks"), [200, 4, 1]);
    let speedups = report["cells"].as_array().unwrap().iter();
    let speedups = speedups.map(|cell| cell["speedup"]["median"].as_f64().unwrap());
    let speedups: Vec<f64> = speedups.collect();
    let floor = &report["floors"][0];
    assert_eq!(
        (&floor["strategy"], &floor["cells"]),
        (&"auto".into(), &3.into())
    );
    let least = speedups.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(floor["least"].as_f64().unwrap(), least);
    let mean = f64::midpoint(speedups[0], speedups[1]);
    assert!((floor["small_mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    let html = fs::read_to_string(html).unwrap();
    assert!(html.contains("blocks of 50") && html.contains("at worst"));

    let text = run(&["--sizes"]);
    assert_eq!(text.matches("identical").count(), 15, "{text}");
    assert!(text.contains("auto on 2 threads: "), "{text}");
    assert!(
        text.contains("mean below 64 transactions a block"),
        "{text}"
    );
}

#[test]
fn cores_are_modelled_from_one_thread_and_checked() {
    let folder = Folder::new("compare-cores");
    let html = folder.path("cores.html");
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args([
            "compare",
            "--reps",
            "1",
            "--strategy",
            "auto",
            "--model-cores",
        ]);
        command.args(["--txs", "2000", "--block-size", "1000"]);
        command.args(["--workload", "transfers:accounts=500"]);
        let output = command.args(more).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let report: Value = serde_json::from_str(&run(&["--json", "--html", &html])).unwrap();
    let curve = &report["curves"][0];
    let points = curve["points"].as_array().unwrap();
    let cores: Vec<u64> = points
        .iter()
        .map(|p| p["cores"].as_u64().unwrap())
        .collect();
    assert_eq!(cores, [1, 2, 4, 8, 16, 32, 64]);
    assert_eq!(points[0]["speedup"], 1.0);
    // The model on one core is the run that it is made of.
    let alone = &curve["checked"][0];
    let (modelled, measured) = (&alone["modelled"], &alone["measured"]);
    let ratio = modelled.as_f64().unwrap() / measured.as_f64().unwrap();
    assert!((0.5..2.0).contains(&ratio), "{alone}");
    for stage in ["parse", "prepare", "plan", "run", "root", "commit"] {
        assert!(
            curve["load"]["costs"][stage].as_f64().unwrap() > 0.0,
            "{stage}"
        );
    }
    let html = fs::read_to_string(html).unwrap();
    assert!(html.contains("64 cores, limit: "));
    // Memory that gives next to nothing is the limit.
    let text = run(&["--memory-bandwidth", "0.1"]);
    assert!(
        text.contains("memory") && text.contains("1 threads: modelled"),
        "{text}"
    );
}

/// Slows a saved report down, or speeds it up.
fn scaled(report: &Value, factor: f64) -> String {
    let mut report = report.clone();
    for cell in report["cells"].as_array_mut().unwrap() {
        let tps = &mut cell["tps"]["median"];
        *tps = (tps.as_f64().unwrap() * factor).into();
    }
    report.to_string()
}

#[test]
fn a_baseline_gives_ratios_and_fails_on_a_regression() {
    let folder = Folder::new("baseline");
    let arguments = [
        "--workload",
        "transfers:accounts=300",
        "--strategy",
        "lanes",
        "--json",
    ];
    let report = json(&arguments);
    let (slow, fast) = (folder.path("slow.json"), folder.path("fast.json"));
    // A small run varies by itself, but not by a factor of a thousand.
    fs::write(&slow, scaled(&report, 0.001)).unwrap();
    fs::write(&fast, scaled(&report, 1_000.0)).unwrap();

    let against = |file: &str| compare(&[&arguments[..], &["--baseline", file]].concat());
    let output = against(&slow);
    assert!(output.status.success());
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let compared = found["baseline"].as_array().unwrap();
    assert_eq!(compared.len(), 2);
    for cell in compared {
        assert!(cell["tps_ratio"].as_f64().unwrap() > 1.0);
        assert_eq!(cell["is_regression"], false);
    }
    let output = against(&fast);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("2 of 2 cells are slower"), "{errors}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["baseline"][0]["is_regression"], true);
    // With all its rate to lose, nothing is a regression.
    let more = ["--baseline", &fast, "--tolerance", "100"];
    assert!(compare(&[&arguments[..], &more].concat()).status.success());

    // What a comparison with a baseline prints is a baseline, too.
    fs::write(&slow, found.to_string()).unwrap();
    let others = ["--workload", "hot:accounts=300", "--strategy", "lanes"];
    for (more, expected) in [
        (
            ["--seed", "2"],
            "slow.json: measured with seed 1, and now it is 2",
        ),
        (
            ["--mode", "replay"],
            "slow.json: measured with mode produce",
        ),
        (["--tolerance", "10"], "slow.json: none of the workloads"),
    ] {
        let output = compare(&[&others[..], &more, &["--baseline", &slow]].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(expected), "{errors}");
    }
}

#[test]
fn what_a_strategy_cannot_plan_is_left_out() {
    // 3,000 transactions that pay to one account conflict in 4.5 million pairs, unless they share
    // their credits.
    let arguments = [
        "--workload",
        "one-account:accounts=300",
        "--strategy",
        "dsatur,lanes",
    ];
    let more = [
        "--txs",
        "3000",
        "--block-size",
        "3000",
        "--reps",
        "1",
        "--json",
    ];
    let compare = |credits: &[&str]| -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["compare", "--threads", "2"]).args(credits);
        let output = command.args(arguments).args(more).output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(compare(&[])["cells"].as_array().unwrap().len(), 2);
    let report = compare(&["--no-credits"]);
    assert_eq!(report["cells"].as_array().unwrap().len(), 1);
    assert_eq!(report["skipped"][0]["strategy"], "dsatur");
    let cause = report["skipped"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("conflicting pairs"), "{cause}");
}

#[test]
fn mistakes_are_told_in_one_line_before_anything_runs() {
    let folder = Folder::new("compare-bad");
    let no_report = folder.path("no-report.json");
    fs::write(&no_report, "{}").unwrap();
    let unwritable = folder.path("missing/cells.csv");
    let cases: [(&[&str], &str); 10] = [
        (&["--sizes"], "--block-size"),
        (&["--memory-bandwidth", "5"], "--model-cores"),
        (&["--workload", "zip"], "unknown workload \"zip\""),
        (&["--workload", "hot,hot"], "hot is named twice"),
        (&["--strategy", "luck"], "unknown strategy \"luck\""),
        (
            &["--workload", "hot", "--trace", "missing.jsonl"],
            "missing.jsonl",
        ),
        (&["--window", "5"], "--trace"),
        (&["--tolerance", "5"], "--baseline"),
        (
            &["--baseline", &no_report],
            "no-report.json: not a report of compare",
        ),
        (
            &["--workload", "chain:accounts=9", "--csv", &unwritable],
            "cells.csv: ",
        ),
    ];
    for (arguments, expected) in cases {
        let output = compare(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
        assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    }
}

#[test]
fn a_stream_of_nothing_is_a_result() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args([
        "compare",
        "--txs",
        "0",
        "--workload",
        "transfers:accounts=9",
        "--json",
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!report["cells"].as_array().unwrap().is_empty());
    for cell in report["cells"].as_array().unwrap() {
        assert_eq!(
            (&cell["transactions"], &cell["efficiency"]),
            (&0.into(), &1.0.into())
        );
        assert_eq!(cell["matches_serial"], true);
    }
}
