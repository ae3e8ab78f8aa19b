//! What becomes of small case files, good and bad.

use std::fs;

use super::*;

const CASE: &str = concat!(
    r#"{"id":"pay","program":"11111111111111111111111111111111","#,
    r#""data":"020000000500000000000000","cu":1000,"slot":1,"accounts":["#,
    r#"{"key":"4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi","lamports":9,"#,
    r#""owner":"11111111111111111111111111111111","exec":0,"data":""},"#,
    r#"{"key":"8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR","lamports":1,"#,
    r#""owner":"4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi","exec":0,"data":{"n":2,"b":"Bw=="}},"#,
    r#"{"key":"11111111111111111111111111111111","lamports":1,"#,
    r#""owner":"NativeLoader1111111111111111111111111111111","exec":1,"data":""}],"#,
    r#""metas":[[0,1,1],[1,1,0]],"expect":{"result":0,"custom":0,"cu_left":850,"ret":"","#,
    r#""modified":[{"key":"4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi","lamports":4,"#,
    r#""owner":"11111111111111111111111111111111","exec":0,"data":""},"#,
    r#"{"key":"8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR","lamports":6,"#,
    r#""owner":"4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi","exec":0,"data":"BwA="}]}}"#,
);

/// Runs a file with this content; its name stays unique among tests that run at once.
fn run(name: &str, content: &[u8]) -> Result<Report, ConformanceError> {
    let name = format!("lockstep-conformance-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, content).unwrap();
    let report = run_file(&path, None);
    fs::remove_file(&path).unwrap();
    report
}

fn check_case(name: &str, from: &str, to: &str, difference: &str) {
    let changed = CASE.replacen(from, to, 1);
    assert_ne!(changed, CASE, "{from} is not in the case");
    let report = run(name, changed.as_bytes()).unwrap();
    assert_eq!((report.passed, report.failed), (0, 1));
    assert!(
        report.differences[0].1.contains(difference),
        "{difference}: {:?}",
        report.differences
    );
}

#[test]
fn plain_and_compressed_files_hold_the_same_cases() {
    let text = format!("{{\"feature_table\":[]}}\n{CASE}\n");
    let plain = run("plain", text.as_bytes()).unwrap();
    assert_eq!(plain.to_string(), "1 passed, 0 failed, 0 skipped");
    let compressed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    assert_eq!(run("compressed", &compressed).unwrap(), plain);
}

#[test]
fn everything_a_case_leaves_is_compared() {
    check_case(
        "result",
        r#""result":0"#,
        r#""result":6"#,
        "InsufficientFunds",
    );
    check_case("units", r#""cu_left":850"#, r#""cu_left":849"#, "849");
    check_case("return", r#""ret":"""#, r#""ret":"07""#, "[07]");
    check_case(
        "lamports",
        r#""lamports":6"#,
        r#""lamports":7"#,
        "lamports: 7",
    );
    check_case("data", r#""data":"BwA=""#, r#""data":"Bw==""#, "1 bytes");
    check_case(
        "kept",
        r#""modified":[{"#,
        r#""modified":[],"rest":[{"#,
        "unchanged",
    );
}

#[test]
fn a_case_of_a_foreign_program_is_skipped() {
    let foreign = CASE.replacen(
        r#""program":"11111111111111111111111111111111""#,
        r#""program":"8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR""#,
        1,
    );
    let report = run("foreign", foreign.as_bytes()).unwrap();
    assert_eq!(report.to_string(), "0 passed, 0 failed, 1 skipped");
}

#[test]
fn a_report_shows_the_first_ten_differences() {
    let mut report = Report::default();
    for number in 0..12 {
        report.add(format!("case {number}"), Outcome::Failed("other".into()));
    }
    let text = report.to_string();
    assert!(text.starts_with("0 passed, 12 failed, 0 skipped\n  case 0: other\n"));
    assert!(text.ends_with("case 9: other"));
}

#[test]
fn an_unreadable_file_names_file_and_line() {
    let error = run("cut", format!("{CASE}\n{}", &CASE[..90]).as_bytes());
    let text = error.unwrap_err().to_string();
    assert!(text.contains("cut:2: "), "{text}");
    let error = run("other", b"{\"feature_table\":[]}\n{\"w\":[]}");
    let text = error.unwrap_err().to_string();
    assert!(text.contains("other:2: neither"), "{text}");
    let error = run("key", CASE.replacen("4vJ9", "4vJ0", 1).as_bytes());
    let text = error.unwrap_err().to_string();
    assert!(text.contains("key:1: address 4vJ0"), "{text}");
    let error = run_file("/nonexistent/cases.jsonl", None).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/cases.jsonl: "));
}
