//! `lockstep color` from outside: small graphs, mistakes in files, and the recorded graphs.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

#[path = "../../../benches/tests/common/mod.rs"]
mod common;
#[path = "common/folder.rs"]
mod folder;

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use folder::Folder;

fn color(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.arg("color").args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = color(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A directory with these files.
fn folder_of(name: &str, files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new(name);
    for (name, content) in files {
        fs::write(folder.path(name), content).unwrap();
    }
    folder
}

const CYCLE: &str = "p edge 5 5\ne 1 2\ne 2 3\ne 3 4\ne 4 5\ne 5 1\n";
/// A crown of three twins, twin after twin: first-fit needs three colours.
const CROWN: &str = "p col 6 6\ne 1 4\ne 1 6\ne 3 2\ne 3 6\ne 5 2\ne 5 4\n";

fn colours(graph: &Value) -> Vec<(&str, u64)> {
    let all = graph["colourings"].as_array().unwrap().iter();
    all.map(|c| {
        (
            c["strategy"].as_str().unwrap(),
            c["colours"].as_u64().unwrap(),
        )
    })
    .collect()
}

#[test]
fn small_graphs_are_coloured_and_added_up() {
    let files = [
        ("cycle.col", CYCLE),
        ("crown.col", CROWN),
        ("best.txt", "cycle 3 proven\n"),
    ];
    let folder = folder_of("color", &files);
    let (cycle, crown) = (folder.path("cycle.col"), folder.path("crown.col"));
    let report = json(&[&cycle, &crown, "--json", "--improve-steps", "500"]);
    let graphs = report["graphs"].as_array().unwrap();
    assert_eq!(graphs[0]["graph"], "cycle");
    assert_eq!(
        (&graphs[0]["nodes"], &graphs[0]["edges"]),
        (&5.into(), &5.into())
    );
    assert_eq!(
        (&graphs[0]["best"], &graphs[0]["proven"]),
        (&3.into(), &true.into())
    );
    assert_eq!(
        (&graphs[1]["best"], &report["best_total"]),
        (&Value::Null, &Value::Null)
    );
    let names = [
        "first-fit",
        "welsh-powell",
        "smallest-last",
        "dsatur",
        "iterated",
    ];
    assert_eq!(colours(&graphs[0]), names.map(|name| (name, 3)));
    let found = colours(&graphs[1]);
    assert_eq!(
        (found[0], found[3], found[4]),
        (("first-fit", 3), ("dsatur", 2), ("iterated", 2))
    );
    assert_eq!(report["valid"], true);
    let totals = report["totals"].as_array().unwrap();
    assert_eq!(
        (&totals[0]["colours"], &totals[3]["colours"]),
        (&6.into(), &5.into())
    );

    let text = String::from_utf8(color(&[&cycle, "--improve-steps", "0"]).stdout).unwrap();
    assert!(
        text.contains("dsatur") && !text.contains("iterated"),
        "{text}"
    );
    assert!(
        text.lines()
            .any(|line| line.trim_start().starts_with("total")),
        "{text}"
    );
}

#[test]
fn mistakes_are_told_in_one_line_that_names_file_and_line() {
    let files = [
        ("good.col", CYCLE),
        ("edge.col", "p edge 2 1\ne 1 3\n"),
        ("empty.col", "c nothing here\n"),
    ];
    let folder = folder_of("color-bad", &files);
    let (good, edge, empty) = (
        folder.path("good.col"),
        folder.path("edge.col"),
        folder.path("empty.col"),
    );
    let missing = folder.path("missing.col");
    for (arguments, expected) in [
        (
            vec![&*edge],
            format!("{edge}:2: node 3 is not one of 1 to 2"),
        ),
        (vec![&*good, &*empty], format!("{empty}: no line")),
        (vec![&*missing], format!("{missing}: ")),
        (vec![], "required arguments".to_owned()),
        (
            vec![&*good, "--improve-seconds=-1"],
            "invalid value '-1'".to_owned(),
        ),
    ] {
        let output = color(&arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(output.stdout.is_empty());
        assert!(
            errors.contains(&expected) && errors.lines().count() == 1,
            "{errors}"
        );
    }
    let broken = folder_of(
        "color-best",
        &[("good.col", CYCLE), ("best.txt", "good many\n")],
    );
    let output = color(&[&broken.path("good.col")]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("best.txt:1: expected `NAME COLOURS`"),
        "{errors}"
    );
}

#[test]
fn recorded_graphs_are_coloured_as_well_as_known() {
    /// What a plain DSATUR uses for all 35 graphs, ties by number.
    const DSATUR_KNOWN: u64 = 981;
    let Some(folder) = common::data_file("dimacs") else {
        return;
    };
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "col"))
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    arguments.extend(["--json", "--improve-steps", "5000"]);
    let report = json(&arguments);
    assert_eq!((&report["valid"], files.len()), (&true.into(), 35));
    for graph in report["graphs"].as_array().unwrap() {
        let best = graph["best"].as_u64().unwrap();
        if graph["proven"] == true {
            assert!(
                colours(graph).iter().all(|(_, colours)| *colours >= best),
                "{graph}"
            );
        }
    }
    let total = |index: usize| report["totals"][index]["colours"].as_u64().unwrap();
    assert!(total(3) <= DSATUR_KNOWN, "{}", total(3));
    assert!(total(4) < total(3), "{}", total(4));
}
