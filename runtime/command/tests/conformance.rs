//! Recorded cases of Solana's own programs, all of which must end as recorded.
//!
//! The files are large and not part of this repository; without them the tests say so and check
//! nothing.

#[path = "../../../benches/tests/common/mod.rs"]
mod common;

use lockstep::conformance::{Report, run_file};
use lockstep_interface::RuleSet;

fn report(name: &str) -> Option<Report> {
    let path = common::data_file(&format!("conformance/{name}"))?;
    Some(run_file(&path, None).unwrap_or_else(|error| panic!("{error}")))
}

fn run(name: &str) -> Option<Report> {
    let report = report(name)?;
    assert_eq!(report.failed, 0, "{name}: {report}");
    Some(report)
}

#[test]
fn every_system_case_ends_as_recorded() {
    if let Some(report) = run("system_instr.jsonl.zst") {
        assert_eq!((report.passed, report.skipped), (3_527, 0));
    }
}

#[test]
fn every_token_case_ends_as_recorded() {
    if let Some(report) = run("token_instr.jsonl.zst") {
        assert_eq!((report.passed, report.skipped), (245, 0));
    }
}

#[test]
fn every_case_of_associated_accounts_ends_as_recorded() {
    if let Some(report) = run("ata_instr.jsonl.zst") {
        // Those skipped are handed Token-2022, which we do not have.
        assert_eq!((report.passed, report.skipped), (164, 112));
    }
}

#[test]
fn every_confirmed_transaction_case_ends_as_recorded() {
    let Some(report) = report("txn.jsonl.zst") else {
        return;
    };
    let unconfirmed = common::data_file("conformance/txn_unconfirmed.txt").unwrap();
    let unconfirmed = std::fs::read_to_string(unconfirmed).unwrap();
    let unexpected: Vec<_> = report
        .differences
        .iter()
        .filter(|(id, _)| !unconfirmed.lines().any(|line| line.trim() == id))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert_eq!(report.passed + report.failed, 596);
}

/// Those that Agave 4.2.2 made, which say themselves that today's rules judge them.
#[test]
fn every_case_of_today_ends_as_recorded() {
    for (name, count) in [("system", 3_000), ("token", 3_000), ("ata", 1_500)] {
        if let Some(report) = run(&format!("agave-4.2.2/{name}.jsonl.zst")) {
            assert_eq!((report.passed, report.skipped), (count, 0), "{name}");
        }
    }
    if let Some(report) = run("agave-4.2.2/txn.jsonl.zst") {
        // No packet carries the others.
        assert_eq!((report.passed, report.skipped), (1_995, 5));
    }
}

#[test]
fn rules_can_be_told() {
    let Some(path) = common::data_file("conformance/agave-4.2.2/txn.jsonl.zst") else {
        return;
    };
    let told = |rules| run_file(&path, Some(rules)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(told(RuleSet::Current), run_file(&path, None).unwrap());
    // Loaded data is counted in another way, to begin with.
    assert!(told(RuleSet::December2024).failed > 100);
}
