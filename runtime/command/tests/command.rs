//! The `lockstep` command from outside: exit codes, what is on stdout and stderr, and the fields
//! of its JSON.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "a test fails where something is missing or does not fit"
)]

#[path = "common/command.rs"]
mod command;
#[path = "../../../benches/tests/common/mod.rs"]
mod common;
#[path = "common/folder.rs"]
mod folder;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use command::{assert_fields, json, lockstep};
use folder::Folder;

/// Writes a file and gives its path.
fn write(folder: &Folder, name: &str, content: &str) -> String {
    let path = folder.path(name);
    fs::write(&path, content).unwrap();
    path
}

/// A small trace: four transfers between five accounts in two slots, and a vote.
fn small_trace(scratch: &Folder) -> String {
    let address = |n: usize| {
        format!(
            "\"1111111111111111111111111111111{}\"",
            ["2", "3", "4", "5", "6"][n]
        )
    };
    let row = |slot: u64, i: u64, from: usize, to: usize, more: &str| {
        let (from, to) = (address(from), address(to));
        format!("{{\"slot\":{slot},\"i\":{i},\"w\":[{from},{to}],\"r\":[]{more}}}\n")
    };
    let rows = [
        row(5, 0, 0, 1, ",\"cu\":300"),
        row(5, 1, 2, 3, ",\"cu\":500"),
        row(5, 2, 4, 4, ",\"vote\":1"),
        row(
            5,
            3,
            1,
            2,
            ",\"cu\":700,\"err\":\"InstructionError(0,Custom(7))\"",
        ),
        row(9, 0, 0, 1, ""),
    ];
    write(scratch, "small.jsonl", &rows.concat())
}

#[test]
fn bad_usage_and_bad_input_exit_with_2_and_one_line() {
    let scratch = Folder::new("bad");
    let good = small_trace(&scratch);
    let broken = write(
        &scratch,
        "broken.jsonl",
        "{\"slot\":1,\"i\":0,\"w\":[]}\nnothing\n",
    );
    let missing = &scratch.path("missing");
    let twice = write(
        &scratch,
        "twice.json",
        r#"{"mode": "replay", "workers": 1, "batches": [[[0]], [[0]]]}"#,
    );
    let broken_line = format!("{broken}:2: not a transaction");
    let cases: &[(&[&str], &str)] = &[
        (&[], "no command given"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&["run", "--fly"], "unexpected argument '--fly'"),
        (
            &["run", "--threads", "0"],
            "invalid value '0' for '--threads <N>'",
        ),
        (
            &["run", "--threads", "many"],
            "invalid value 'many' for '--threads <N>'",
        ),
        (&["run", "--strategy", "luck"], "unknown strategy \"luck\""),
        (
            &["plan", "--strategy", "lanes,luck"],
            "unknown strategy \"luck\"",
        ),
        (&["run", "--workload", "luck"], "unknown workload \"luck\""),
        (
            &["plan", "--workload", "chain", "--hot", "3"],
            "workload chain has no option \"hot\"",
        ),
        (
            &["plan", "--workload", "zipf", "--exponent", "x"],
            "\"x\" is not a value of zipf's",
        ),
        (
            &["plan", "--workload", "zipf:accounts=0"],
            "\"0\" is not a value of zipf's",
        ),
        (&["run", "--mode", "luck"], "unknown mode \"luck\""),
        (
            &["run", "--block-size", "0"],
            "invalid value '0' for '--block-size <N>'",
        ),
        (
            &["run", "--accounts", "9"],
            "--accounts has no effect on a tour of 4 loads",
        ),
        (
            &["run", "--block", "0"],
            "--block has no effect on a tour of 4 loads",
        ),
        (
            &["run", "--window", "5"],
            "required arguments were not provided",
        ),
        (
            &["plan", "--workers", "1,0"],
            "invalid value '0' for '--workers <LIST>'",
        ),
        (
            &["plan", "--trace", &good, "--workload", "zipf"],
            "cannot be used with",
        ),
        (
            &["plan", "--trace", &good, "--txs", "5"],
            "cannot be used with",
        ),
        (
            &["plan", "--window", "5"],
            "required arguments were not provided",
        ),
        (
            &["plan", "--trace", &good, "--block", "6"],
            "no block 6, it has 5 to 9",
        ),
        (
            &["plan", "--txs", "10", "--block", "1"],
            "no block 1, the stream has 0 to 0",
        ),
        (&["plan", "--trace", missing], "missing: cannot open: "),
        (&["run", "--trace", missing], "missing: cannot open: "),
        (&["plan", "--trace", &broken], &broken_line),
        (&["run", "--trace", &broken], &broken_line),
        (
            &["run", "--trace", &good, "--max-locks", "65"],
            "--max-locks is 65, expected at most 64",
        ),
        (
            &["run", "--trace", &good, "--seed", "2"],
            "--seed has no effect with --trace",
        ),
        (
            &["plan", "--trace", &good, "--seed", "2"],
            "--seed has no effect with --trace",
        ),
        (
            &["compare", "--trace", &good, "--seed", "2"],
            "--seed has no effect without a generated workload",
        ),
        (
            &["compare", "--trace", &good, "--txs", "2"],
            "--txs has no effect without a generated workload",
        ),
        (
            &["plan", "--plan-out", "plan.json"],
            "--plan-out takes one block",
        ),
        (&["plan", "--check", missing], "missing: cannot read: "),
        (&["plan", "--check", &good], "small.jsonl: not a plan: "),
        (
            &["plan", "--check", &twice, "--trace", &good, "--block", "9"],
            "twice.json: not a plan of this block: ",
        ),
        (
            &["plan", "--check", &twice, "--trace", &good],
            "--check takes one block, not 2",
        ),
        (
            &["plan", "--check", &twice, "--strategy", "lanes"],
            "cannot be used with",
        ),
        (&["conformance"], "required arguments were not provided"),
        (&["conformance", missing], "missing: "),
        (&["conformance", &good], "small.jsonl:1: "),
    ];
    for (arguments, expected) in cases {
        let output = lockstep(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{arguments:?}: {errors}");
    }
}

#[test]
fn help_and_version_exit_with_0() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["plan", "-h"],
        &["conformance", "--help"],
        &["workloads", "--help"],
    ] {
        let output = lockstep(arguments);
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{arguments:?}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("lockstep"), "{arguments:?}: {text}");
    }
}

#[test]
fn workloads_are_listed_with_their_options() {
    let listing = json(&["workloads", "--json"]);
    let workloads = listing["workloads"].as_array().unwrap();
    let names: Vec<&str> = workloads
        .iter()
        .map(|w| w["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "transfers",
            "zipf",
            "hot",
            "chain",
            "one-account",
            "mainnet-mix",
            "pools",
            "pools-mixed",
            "mint",
            "crossing",
            "adversarial",
            "smallbank",
            "ycsb",
            "token",
            "dex",
            "lending",
            "vote-storm",
            "drop",
            "payments",
            "channels",
            "supply-chain",
            "game",
            "city",
            "swap-trace",
            "candy-machines",
        ]
    );
    let text = String::from_utf8(lockstep(&["workloads"]).stdout).unwrap();
    for workload in workloads {
        assert!(text.contains(workload["name"].as_str().unwrap()));
        for option in workload["options"].as_array().unwrap() {
            assert!(text.contains(option["name"].as_str().unwrap()));
            if let Some(choices) = option["choices"].as_array() {
                assert!(choices.contains(&option["default"]));
                assert!(
                    choices
                        .iter()
                        .all(|word| text.contains(word.as_str().unwrap()))
                );
                continue;
            }
            let (min, max) = (&option["min"], &option["max"]);
            let [min, default, max] = [min, &option["default"], max].map(|v| v.as_f64().unwrap());
            assert!(min <= default && default <= max);
        }
    }
}

#[test]
fn plan_prints_exactly_the_promised_fields() {
    let scratch = Folder::new("plan");
    let trace = small_trace(&scratch);
    let report = json(&[
        "plan",
        "--trace",
        &trace,
        "--json",
        "--strategy",
        "all",
        "--workers",
        "1,2",
    ]);
    assert_fields(
        &report,
        "transactions, left_out, costs, accounts, accesses, plans",
    );
    // The vote is left out; two accounts are in both slots.
    assert_eq!(
        (&report["transactions"], &report["accounts"]),
        (&4.into(), &4.into())
    );
    assert_eq!(report["accesses"], 8);
    let plans = report["plans"].as_array().unwrap();
    let strategies = lockstep_scheduler::strategies();
    assert_eq!(plans.len(), 2 * strategies.len());
    for (position, plan) in plans.iter().enumerate() {
        assert_fields(
            plan,
            "strategy, mode, workers, batches, lanes, waits, cost_makespan, cost_lower_bound, \
             bounds, efficiency, plan_seconds, check_seconds, valid",
        );
        assert_fields(&plan["bounds"], "work, critical_path, hottest_account");
        assert_eq!(plan["strategy"], strategies[position / 2].name());
        assert_eq!(
            (&plan["mode"], &plan["valid"]),
            (&"produce".into(), &true.into())
        );
        assert_eq!(plan["workers"], position % 2 + 1);
        // Slot 5: 300 + 500 + 700, a path of 500 + 700; slot 9: 1,000 for want of a record; and
        // 300 for every transaction.
        let expected = [
            ("work", 3_700),
            ("critical_path", 3_100),
            ("hottest_account", 3_100),
        ];
        for (name, value) in expected {
            assert_eq!(plan["bounds"][name], value, "{name}");
        }
        let [makespan, bound] =
            ["cost_makespan", "cost_lower_bound"].map(|f| plan[f].as_u64().unwrap());
        assert!(makespan >= bound);
        let efficiency = plan["efficiency"].as_f64().unwrap();
        assert!((efficiency - bound as f64 / makespan as f64).abs() < 1e-12);
        assert!(plan["plan_seconds"].as_f64().unwrap() > 0.0);
    }
    let one = json(&[
        "plan",
        "--trace",
        &trace,
        "--json",
        "--block",
        "9",
        "--strategy",
        "lanes",
    ]);
    assert_eq!(
        (&one["transactions"], one["plans"].as_array().unwrap().len()),
        (&1.into(), 6)
    );
    let votes = json(&["plan", "--trace", &trace, "--json", "--votes"]);
    assert_eq!(votes["transactions"], 5);
    let window = json(&[
        "plan", "--trace", &trace, "--json", "--window", "3", "--block", "1",
    ]);
    assert_eq!(window["transactions"], 1);
}

#[test]
fn plans_are_made_with_the_costs_that_are_asked_for() {
    let plan = |costs: &str| {
        let report = json(&[
            "plan",
            "--workload",
            "mainnet-mix",
            "--txs",
            "600",
            "--block-size",
            "300",
            "--quiet",
            "--strategy",
            "lanes",
            "--workers",
            "4",
            "--mode",
            "replay",
            "--json",
            "--costs",
            costs,
        ]);
        assert_eq!(report["costs"], costs);
        let figures = &report["plans"][0];
        assert_eq!(figures["valid"], true);
        let figure = |name: &str| figures[name].as_u64().unwrap();
        (figure("cost_lower_bound"), figure("cost_makespan"))
    };
    let [recorded, learned, limit] = ["recorded", "learned", "limit"].map(plan);
    assert_eq!(
        (recorded.0, recorded.0),
        (learned.0, limit.0),
        "judged by the same costs"
    );
    assert!(recorded.1 < limit.1, "{recorded:?} {limit:?}");
    assert_ne!(learned.1, limit.1);
    assert!(recorded.1 <= learned.1, "{recorded:?} {learned:?}");
}

#[test]
fn plans_made_with_wrong_costs_are_judged_by_the_true_ones() {
    let plan = |more: &[&str]| {
        let mut arguments = vec![
            "plan",
            "--workload",
            "pools",
            "--txs",
            "2000",
            "--mode",
            "replay",
        ];
        arguments.extend(["--strategy", "waits", "--workers", "4", "--json", "--quiet"]);
        arguments.extend(more);
        let plans = json(&arguments)["plans"].clone();
        let figure = |name: &str| plans[0][name].as_u64().unwrap();
        assert_eq!(plans[0]["valid"], true);
        (
            figure("cost_lower_bound"),
            figure("cost_makespan"),
            figure("waits"),
        )
    };
    let right = plan(&[]);
    assert_eq!(plan(&["--cost-error", "0"]), right);
    let wrong = plan(&["--cost-error", "50"]);
    assert_eq!(plan(&["--cost-error", "50"]), wrong);
    assert_eq!(wrong.0, right.0, "the bound is that of the true costs");
    assert!(wrong.1 > right.1, "{wrong:?} {right:?}");
    // A tenth is lost at most where costs are wrong by up to a half.
    assert!(wrong.1 * 9 <= right.1 * 10, "{wrong:?} {right:?}");

    let refused = lockstep(&["plan", "--cost-error", "101"]);
    assert_eq!(refused.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(errors.contains("--cost-error"), "{errors}");
}

#[test]
fn a_trace_without_transactions_is_a_clear_result() {
    let scratch = Folder::new("empty");
    let empty = write(&scratch, "empty.jsonl", "");
    let vote = "{\"slot\":1,\"i\":0,\"w\":[],\"vote\":1}\n";
    let votes = write(&scratch, "votes.jsonl", vote);
    for trace in [&empty, &votes] {
        let plan = json(&["plan", "--json", "--trace", trace]);
        assert_eq!(
            (&plan["transactions"], &plan["accesses"]),
            (&0.into(), &0.into())
        );
        for figures in plan["plans"].as_array().unwrap() {
            assert_eq!(
                (&figures["batches"], &figures["valid"]),
                (&0.into(), &true.into())
            );
        }
        let run = json(&["run", "--json", "--trace", trace]);
        assert_eq!(
            (&run["transactions"], &run["blocks"]),
            (&0.into(), &0.into())
        );
        assert_eq!(run["matches_serial"], true);
        for command in ["plan", "run"] {
            let output = lockstep(&[command, "--trace", trace]);
            assert!(output.status.success());
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("0 transactions"), "{text}");
        }
    }
    // A transaction that locks nothing still has a payer when it runs.
    let run = json(&["run", "--json", "--trace", &votes, "--votes"]);
    assert_eq!(
        (&run["succeeded"], &run["matches_serial"]),
        (&1.into(), &true.into())
    );
}

/// The error of a workload whose recording is not there names the file and what to set.
#[test]
fn a_missing_recording_is_named() {
    let run = ["run", "--quiet", "--txs", "10", "--workload", "swap-trace"];
    let empty = Folder::new("no-recording");
    let file = empty.path("traces/amm-whirlpool-2022-04-06-a.jsonl.zst");
    let data = Path::new(&file).ancestors().nth(2).unwrap();
    let output = command::command(&run).env("LOCKSTEP_DATA", data).output();
    let output = output.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(2), 1));
    assert!(errors.contains(&file), "{errors}");
    assert!(errors.contains("set LOCKSTEP_DATA"), "{errors}");
}

/// The error of a workload whose program is not there says what fetches it.
#[test]
fn a_missing_program_is_named() {
    let run = [
        "run",
        "--quiet",
        "--txs",
        "10",
        "--workload",
        "candy-machines",
    ];
    let empty = Folder::new("no-program");
    let output = command::command(&run)
        .env("CARGO_HOME", empty.path("cargo"))
        .output();
    let output = output.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.lines().count()), (Some(2), 1));
    assert!(errors.contains("metaplex-candy-machine-v3.so"), "{errors}");
    assert!(
        errors.contains("cargo info trident-svm@0.3.0-rc.4"),
        "{errors}"
    );
}

#[test]
fn every_workload_and_strategy_matches_the_serial_run() {
    for workload in lockstep_benches::workload::Families::new().iter() {
        let names = workload.options.iter().map(|option| option.name);
        let few = names
            .into_iter()
            .find(|name| ["accounts", "users", "payers"].contains(name));
        // A recorded day and machines have no such option, and another test.
        let Some(few) = few else {
            continue;
        };
        let few = format!("--{few}");
        for strategy in lockstep_scheduler::strategies() {
            for mode in ["produce", "replay"] {
                let (workload, strategy) = (workload.name, strategy.name());
                let report = json(&[
                    "run",
                    "--json",
                    "--txs",
                    "600",
                    "--block-size",
                    "250",
                    &few,
                    "150",
                    "--workload",
                    workload,
                    "--strategy",
                    strategy,
                    "--mode",
                    mode,
                    "--threads",
                    "3",
                ]);
                assert_eq!(
                    report["matches_serial"], true,
                    "{workload} {strategy} {mode}"
                );
                assert_eq!(report["refused"], 0, "{workload}");
            }
        }
    }
}

#[test]
fn transactions_that_lock_too_much_are_left_out_and_counted() {
    let scratch = Folder::new("locks");
    let row = |i: u64, count: u64| {
        let names = (0..count).map(|n| format!("\"0x{:040x}\"", n + i));
        let names = names.collect::<Vec<_>>().join(",");
        format!("{{\"slot\":1,\"i\":{i},\"w\":[{names}]}}\n")
    };
    let trace = write(
        &scratch,
        "huge.jsonl",
        &[
            "# three transactions\n",
            &row(0, 2),
            &row(1, 152),
            &row(2, 63),
        ]
        .concat(),
    );
    // Figures of one run or plan: transactions and those left out.
    let counts = |arguments: &[&str]| {
        let report = json(&[arguments, &["--trace", &trace, "--json"]].concat());
        (
            report["transactions"].as_u64().unwrap(),
            report["left_out"].as_u64().unwrap(),
        )
    };
    assert_eq!(counts(&["plan"]), (3, 0));
    assert_eq!(counts(&["plan", "--max-locks", "63"]), (2, 1));
    assert_eq!(counts(&["run"]), (2, 1));
    assert_eq!(counts(&["run", "--max-locks", "62"]), (1, 2));
    for command in ["plan", "run"] {
        let output = lockstep(&[command, "--trace", &trace, "--max-locks", "2"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("2 transactions that lock too many accounts"),
            "{text}"
        );
    }
}

#[test]
fn a_recorded_failure_fails_again() {
    let scratch = Folder::new("recorded");
    let trace = small_trace(&scratch);
    let report = json(&["run", "--json", "--trace", &trace, "--threads", "2"]);
    assert_eq!(report["workload"], "small.jsonl");
    assert_eq!(
        (&report["succeeded"], &report["failed"]),
        (&3.into(), &1.into())
    );
    assert_eq!(
        (&report["blocks"], &report["matches_serial"]),
        (&2.into(), &true.into())
    );
}

/// Reads the access lists of one block of a trace without any code of ours: (written, read).
fn plain_access_lists(path: &Path, slot: u64) -> Vec<(BTreeSet<String>, BTreeSet<String>)> {
    let bytes = fs::read(path).unwrap();
    let text = String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap();
    let rows = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rows = rows.filter(|row| row["slot"] == slot && row.get("vote").is_none());
    let list = |row: &Value, field: &str| {
        let addresses = row[field].as_array().unwrap().iter();
        addresses
            .map(|address| address.as_str().unwrap().to_owned())
            .collect()
    };
    rows.map(|row| (list(&row, "w"), list(&row, "r"))).collect()
}

#[test]
fn a_written_plan_runs_each_transaction_once_and_without_conflict() {
    const SLOT: u64 = 254_170_887;
    let Some(trace) = common::data_file("traces/sol-2024-03-254170887.jsonl.zst") else {
        return;
    };
    let lists = plain_access_lists(&trace, SLOT);
    let scratch = Folder::new("plan-out");
    for strategy in lockstep_scheduler::strategies() {
        for mode in ["produce", "replay"] {
            let path = scratch.path("plan.json");
            let output = lockstep(&[
                "plan",
                "--quiet",
                "--trace",
                trace.to_str().unwrap(),
                "--block",
                &SLOT.to_string(),
                "--strategy",
                strategy.name(),
                "--workers",
                "4",
                "--mode",
                mode,
                "--plan-out",
                &path,
            ]);
            assert!(output.status.success());
            let plan: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_fields(&plan, "strategy, workers, mode, dispatch, batches, waits");
            assert_eq!((&plan["workers"], &plan["mode"]), (&4.into(), &mode.into()));
            check_plan(&plan, &lists);
            let slot = SLOT.to_string();
            let trace = trace.to_str().unwrap();
            let checked = json(&[
                "plan", "--trace", trace, "--block", &slot, "--check", &path, "--json",
            ]);
            let figures = &checked["plans"][0];
            assert_eq!(figures["strategy"], strategy.name());
            assert_eq!(
                (&figures["mode"], &figures["valid"]),
                (&mode.into(), &true.into())
            );
        }
    }
}

/// Compares all pairs, the plain way.
fn check_plan(plan: &Value, lists: &[(BTreeSet<String>, BTreeSet<String>)]) {
    // Where each transaction runs: (batch, lane, place in lane).
    let mut places = vec![None; lists.len()];
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    for (batch, lanes) in plan["batches"].as_array().unwrap().iter().enumerate() {
        for (lane, items) in lanes.as_array().unwrap().iter().enumerate() {
            for (place, item) in items.as_array().unwrap().iter().enumerate() {
                let before = places[number(item)].replace((batch, lane, place));
                assert_eq!(before, None, "a transaction is there twice");
            }
        }
    }
    let places: Vec<_> = places
        .into_iter()
        .map(|place| place.expect("all are there"))
        .collect();
    // What each transaction comes after, through waits and lanes.
    let mut after: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); lists.len()];
    for wait in plan["waits"].as_array().unwrap() {
        after[number(&wait["tx"])].insert(number(&wait["after"]));
    }
    for (one, (batch, lane, place)) in places.iter().enumerate() {
        for (other, earlier) in places.iter().enumerate() {
            if place > &0 && *earlier == (*batch, *lane, place - 1) {
                after[one].insert(other);
            }
        }
    }
    let is_ordered = |one: usize, other: usize| {
        let (mut open, mut seen) = (vec![one], BTreeSet::new());
        while let Some(next) = open.pop() {
            if next == other {
                return true;
            }
            if seen.insert(next) {
                open.extend(&after[next]);
            }
        }
        false
    };
    let conflict = |one: usize, other: usize| {
        let ((w, r), (w_too, r_too)) = (&lists[one], &lists[other]);
        !w.is_disjoint(w_too) || !w.is_disjoint(r_too) || !r.is_disjoint(w_too)
    };
    let is_replay = plan["mode"] == "replay";
    for later in 0..lists.len() {
        for earlier in (0..later).filter(|&earlier| conflict(later, earlier)) {
            let batches = (places[earlier].0, places[later].0);
            let keeps_order = batches.0 < batches.1 || is_ordered(later, earlier);
            let is_apart = batches.0 != batches.1 || is_ordered(earlier, later);
            assert!(
                keeps_order || is_apart,
                "{earlier} and {later} may run at once"
            );
            assert!(
                keeps_order || !is_replay,
                "{later} may run before {earlier}"
            );
        }
    }
}
