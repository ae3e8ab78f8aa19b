//! `lockstep plan --audit` from outside.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

use std::process::{Command, Output};

use serde_json::Value;

fn lockstep(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    let load = ["plan", "--txs", "1200", "--block-size", "600", "--quiet"];
    command.args(load).args(arguments).output().unwrap()
}

fn succeed(arguments: &[&str]) -> String {
    let output = lockstep(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

const MIX: [&str; 6] = [
    "--workload",
    "mainnet-mix:payers=200:accounts=500:markets=16",
    "--strategy",
    "layered,waits",
    "--workers",
    "4",
];

#[test]
fn what_is_declared_in_vain_is_found_and_priced() {
    let all = [&MIX[..], &["--overdeclared", "50", "--audit", "--json"]].concat();
    let report = json(&all);
    let audit = &report["audit"];
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(number(&audit["audited"]) + number(&audit["skipped"]), 1_200);
    assert!(number(&audit["audited"]) > 1_000);
    assert_eq!(
        (&audit["strategy"], &audit["mode"], &audit["workers"]),
        (&"layered".into(), &"produce".into(), &4.into())
    );
    // Fewer conflicts, fewer layers.
    assert!(number(&audit["makespan_without"]) < number(&audit["makespan"]));
    let saved = audit["saved"].as_i64().unwrap();
    assert_eq!(
        u64::try_from(saved).unwrap(),
        number(&audit["makespan"]) - number(&audit["makespan_without"])
    );
    let findings = audit["findings"].as_array().unwrap();
    let count = |declared: &str, used: &str| -> u64 {
        let rows = findings.iter();
        let rows = rows.filter(|row| row["declared"] == declared && row["used"] == used);
        rows.map(|row| number(&row["uses"])).sum()
    };
    let (unwritten, untouched) = (count("write", "read"), count("write", "untouched"));
    assert!(
        unwritten > untouched && untouched > 500,
        "{unwritten}, {untouched}"
    );
    for row in findings {
        assert_eq!(row["program"], "trace");
        let sum = |list: &str| -> u64 {
            let rows = row[list].as_array().unwrap().iter();
            rows.map(|row| number(&row["uses"])).sum()
        };
        assert_eq!(sum("positions"), number(&row["uses"]));
        assert!(sum("accounts") > 0 && sum("accounts") <= number(&row["uses"]));
        assert_ne!(row["positions"][0]["position"], 0, "the payer pays");
        assert!(row["saved"].is_i64());
    }
}

#[test]
fn an_honest_load_has_no_findings_and_no_audit_no_key() {
    let text = succeed(&["--workload", "transfers", "--audit"]);
    assert!(
        text.contains("every declared account was used as declared"),
        "{text}"
    );
    let report = json(&["--workload", "transfers", "--json"]);
    assert!(report.get("audit").is_none());
    let report = json(&["--workload", "transfers", "--json", "--audit"]);
    assert_eq!(report["audit"]["findings"], Value::Array(Vec::new()));
    assert_eq!(report["audit"]["audited"], 1_200);
}

#[test]
fn people_see_program_position_and_price() {
    let text = succeed(&[&MIX[..], &["--overdeclared", "30", "--audit"]].concat());
    for part in ["audit of declared accounts:", "untouched", "trace", "saves"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_policy_that_is_not_priced_is_refused() {
    let output = lockstep(&["--audit", "--policy", "priority"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("--audit takes --policy throughput"),
        "{errors}"
    );
}
