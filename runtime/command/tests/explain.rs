//! `lockstep plan --explain` and the files that show a plan, from outside; the page in a real
//! browser.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

#[path = "common/command.rs"]
mod command;
#[path = "common/folder.rs"]
mod folder;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use command::lockstep;
use folder::Folder;

/// Transactions of the block that is drawn.
const TRANSACTIONS: usize = 600;

fn succeed(arguments: &[&str]) -> String {
    let output = lockstep(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Plans a contended block with more options.
fn plan(more: &[&str]) -> String {
    let count = TRANSACTIONS.to_string();
    let load = [
        "plan",
        "--workload",
        "hot",
        "--share",
        "30",
        "--quiet",
        "--txs",
        &count,
    ];
    succeed(&[&load[..], more].concat())
}

#[test]
fn an_explanation_is_printed_and_has_a_key_of_its_own() {
    let one = ["--strategy", "waits", "--workers", "4"];
    let text = plan(&[&one[..], &["--explain"]].concat());
    for part in [
        "strategy waits",
        "critical path:",
        "making it commutative",
        "batches:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let plain: Value = serde_json::from_str(&plan(&[&one[..], &["--json"]].concat())).unwrap();
    let fields = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let expected = [
        "transactions",
        "left_out",
        "costs",
        "accounts",
        "accesses",
        "plans",
    ];
    let expected = expected.map(str::to_owned);
    assert_eq!(fields(&plain), BTreeSet::from(expected));
    let json = plan(&[&one[..], &["--json", "--explain"]].concat());
    let report: Value = serde_json::from_str(&json).unwrap();
    let explain = &report["explain"];
    assert_eq!(
        (&explain["strategy"], &explain["workers"]),
        (&"waits".into(), &4.into())
    );
    assert_eq!(explain["makespan"], report["plans"][0]["cost_makespan"]);
    let batches = explain["batches"].as_array().unwrap();
    let planned: u64 = batches
        .iter()
        .map(|b| b["transactions"].as_u64().unwrap())
        .sum();
    assert_eq!(planned, TRANSACTIONS as u64);
    let path = explain["critical_path"].as_array().unwrap();
    assert_eq!(path[0]["through"], Value::Null);
    assert!(path.len() > 1 && path[1]["through"].is_string());
    let blocking = explain["blocking"].as_array().unwrap();
    assert!(
        blocking
            .iter()
            .all(|row| row["saved"].is_i64() && row["account"].is_string())
    );
    assert!(!blocking.is_empty());
    for group in explain["groups"].as_array().unwrap() {
        assert!(group["accounts"].as_array().unwrap().len() > 1);
        assert!(group["saved"].is_i64() && group["transactions"].as_u64().unwrap() > 1);
    }
    assert_eq!(explain["scaling"].as_array().unwrap().len(), 12);
    // Of all strategies, `auto` is explained.
    let all: Value = serde_json::from_str(&plan(&["--explain", "--json"])).unwrap();
    assert_eq!(
        (&all["explain"]["strategy"], &all["explain"]["workers"]),
        (&"auto".into(), &8.into())
    );
}

#[test]
fn the_schedule_and_the_graph_are_written() {
    let scratch = Folder::new("explain-files");
    let (trace, graph) = (scratch.path("trace.json"), scratch.path("graph.dot"));
    plan(&[
        "--no-credits",
        "--strategy",
        "layered",
        "--workers",
        "4",
        "--trace-out",
        &trace,
        "--dot",
        &graph,
    ]);
    let events: Value = serde_json::from_slice(&fs::read(&trace).unwrap()).unwrap();
    let events = events["traceEvents"].as_array().unwrap();
    let drawn = events.iter().filter(|event| event["cat"] == "transaction");
    let drawn: BTreeSet<u64> = drawn
        .map(|event| event["args"]["tx"].as_u64().unwrap())
        .collect();
    assert_eq!(drawn.len(), TRANSACTIONS);
    assert!(
        events
            .iter()
            .all(|event| event["tid"].as_u64().unwrap_or(0) < 4)
    );
    let graph = fs::read_to_string(&graph).unwrap();
    assert!(graph.starts_with("graph conflicts {") && graph.ends_with("}\n"));
    let edges = graph.matches(" -- ").count();
    assert!((100..=2_000).contains(&edges), "{edges}");
    assert!(graph.matches("[label=").count() <= 200);
}

#[test]
fn credits_leave_one_receiver_without_an_order() {
    let batches = |credits: &[&str]| {
        let fixed = ["--strategy", "layered", "--workers", "4", "--json"];
        let report: Value = serde_json::from_str(&plan(&[credits, &fixed].concat())).unwrap();
        report["plans"][0]["batches"].as_u64().unwrap()
    };
    let (shared, in_order) = (batches(&[]), batches(&["--no-credits"]));
    assert!(shared < 10 && in_order > 20, "{shared} {in_order}");
}

/// A trace of three transactions on one account, the last one offering most.
#[test]
fn the_priority_policy_follows_the_recorded_fees() {
    let scratch = Folder::new("explain-policy");
    let trace = scratch.path("fees.jsonl");
    let row = |index: u64, price: u64, limit: u64| {
        format!(
            "{{\"slot\":1,\"i\":{index},\"w\":[\"11111111111111111111111111111112\"],\
             \"cp\":{price},\"cl\":{limit}}}\n"
        )
    };
    // Price x limit: 6,000, 5,000, 8,000.
    fs::write(
        &trace,
        [row(0, 3, 2_000), row(1, 5, 1_000), row(2, 2, 4_000)].concat(),
    )
    .unwrap();
    let out = scratch.path("plan.json");
    for strategy in ["serial", "layered", "lanes", "waits", "dag", "auto"] {
        let common = ["plan", "--quiet", "--trace", &trace, "--strategy", strategy];
        let one = ["--workers", "2", "--policy", "priority", "--plan-out", &out];
        succeed(&[&common[..], &one].concat());
        let plan: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
        let lanes = plan["batches"].as_array().unwrap().iter();
        let lanes = lanes.flat_map(|lanes| lanes.as_array().unwrap());
        let order = lanes.flat_map(|lane| lane.as_array().unwrap());
        let order: Vec<u64> = order.map(|index| index.as_u64().unwrap()).collect();
        assert_eq!(order, [2, 0, 1], "{strategy}");
        assert_eq!(plan["mode"], "produce");
    }
    // Generated transactions offer fees too, and the plans are checked.
    let json = succeed(&[
        "plan",
        "--json",
        "--txs",
        "300",
        "--policy",
        "priority",
        "--workers",
        "2",
    ]);
    let report: Value = serde_json::from_str(&json).unwrap();
    for figures in report["plans"].as_array().unwrap() {
        assert_eq!(figures["valid"], true);
        assert!(figures["efficiency"].as_f64().unwrap() <= 1.0);
    }
}

#[test]
fn what_cannot_be_explained_is_told_in_one_line() {
    let cases: [(&[&str], &str); 5] = [
        (
            &["--txs", "20", "--block-size", "10", "--explain"],
            "take one block, not 2",
        ),
        (
            &["--txs", "20", "--workers", "300", "--explain"],
            "at most 256 workers",
        ),
        (
            &["--policy", "priority", "--mode", "replay"],
            "--policy priority needs",
        ),
        (&["--policy", "luck"], "unknown policy \"luck\""),
        (
            &["--txs", "20", "--html", "/nowhere/page.html"],
            "page.html: cannot write",
        ),
    ];
    for (more, expected) in cases {
        let output = lockstep(&[&["plan"], more].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}: {errors}");
        assert!(errors.contains(expected), "{more:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{more:?}: {errors}");
    }
}

/// A Chromium in the path; `None`, loudly, without one.
fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: no chromium in PATH, the page is not looked at");
    }
    found
}

/// The page's document after its script has run, and what was written to the console.
fn open(browser: &Path, profile: &str, page: &str) -> (String, String) {
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--enable-logging=stderr",
            "--window-size=1280,1600",
            "--virtual-time-budget=5000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={profile}"))
        .arg(format!("file://{page}"))
        .output()
        .unwrap();
    let console = String::from_utf8_lossy(&output.stderr);
    let console = console.lines().filter(|line| line.contains("CONSOLE"));
    let console: Vec<&str> = console.collect();
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        console.join("\n"),
    )
}

#[test]
fn the_page_shows_every_transaction_in_a_browser() {
    let scratch = Folder::new("explain-page");
    let page = scratch.path("page.html");
    let Some(browser) = browser() else { return };
    let cases: [(&[&str], usize); 3] = [
        (&["--strategy", "waits", "--workers", "8"], TRANSACTIONS),
        (
            &[
                "--strategy",
                "layered",
                "--workers",
                "64",
                "--mode",
                "replay",
            ],
            TRANSACTIONS,
        ),
        (&["--strategy", "auto", "--txs", "0"], 0),
    ];
    for (number, (more, count)) in cases.into_iter().enumerate() {
        let common = ["plan", "--quiet", "--workload", "zipf", "--html", &page];
        let size = TRANSACTIONS.to_string();
        let size = ["--txs", &size];
        let size = if count == 0 { &[][..] } else { &size[..] };
        succeed(&[&common[..], size, more].concat());
        let profile = scratch.path(&format!("profile-{number}"));
        let (document, console) = open(&browser, &profile, &page);
        assert_eq!(console, "", "{more:?}");
        assert!(
            document.contains("data-ready=\"yes\""),
            "the script stopped: {more:?}"
        );
        assert!(!document.contains("data-error"), "{more:?}");
        let drawn = format!("data-transactions=\"{count}\"");
        assert!(document.contains(&drawn), "{more:?}");
        let has_batch = document.contains("class=\"batch\"");
        assert_eq!(has_batch, count > 0);
        assert_eq!(document.matches("class=\"scale\"").count(), 12);
    }
}

#[test]
fn names_of_a_trace_are_shown_and_accounts_hot_together_are_priced_together() {
    let folder = Folder::new("explain-names");
    let [raffle, pot] = [
        "11111111111111111111111111111112",
        "11111111111111111111111111111113",
    ];
    let mut lines = String::new();
    for number in 0..400_u32 {
        let own = format!("0x{number:040x}");
        lines += &format!(
            "{{\"slot\":1,\"i\":{number},\"w\":[\"{own}\",\"{raffle}\",\"{pot}\"],\"cu\":450,\
             \"names\":{{\"{raffle}\":\"raffle (Raffle)\"}}}}\n"
        );
    }
    let trace = folder.path("named.jsonl");
    fs::write(&trace, lines).unwrap();
    let text = succeed(&["plan", "--trace", &trace, "--quiet", "--explain"]);
    assert!(
        text.contains(&format!("raffle (Raffle) {raffle}")),
        "{text}"
    );
    let json = succeed(&["plan", "--trace", &trace, "--quiet", "--explain", "--json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let explained = report.to_string();
    assert!(explained.contains("raffle (Raffle)"), "{explained}");
    let shares: Vec<&str> = text.lines().filter(|line| line.contains("87.5%")).collect();
    assert_eq!(shares.len(), 1, "{text}");
}
