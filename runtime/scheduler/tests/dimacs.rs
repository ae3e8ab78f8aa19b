//! Colours the DIMACS graphs and compares with the README beside them, whose figures come from
//! other code.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test counts and draws with plain arithmetic"
)]

use std::path::PathBuf;

use lockstep_scheduler::{
    ConflictGraph, colour_count, dsatur, first_fit, improve, smallest_last, welsh_powell,
};

/// A graph's name and the README's columns: nodes, edges, first-fit, Welsh-Powell,
/// smallest-last, DSATUR.
struct Row {
    name: String,
    figures: Vec<usize>,
}

fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("LOCKSTEP_DATA") {
        Some(data) => PathBuf::from(data).join("dimacs"),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/dimacs"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no DIMACS graphs in {}, set LOCKSTEP_DATA",
        folder.display()
    );
    None
}

/// The rows of the README's table: `| name | n | edges | best | proven | ff | wp | sl | ds |`.
fn rows(readme: &str) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let rows = readme
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(cells);
    rows.filter_map(|cells| {
        let figures = [1, 2, 5, 6, 7, 8].map(|column| cells.get(column)?.parse().ok());
        let figures: Option<Vec<usize>> = figures.into_iter().collect();
        Some(Row {
            name: cells[0].clone(),
            figures: figures?,
        })
    })
    .collect()
}

fn read(text: &str) -> ConflictGraph {
    let mut node_count = 0;
    let mut edges = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |place: usize| words[place].parse::<u32>().expect("it is a number");
        match words.first() {
            Some(&"p") => node_count = number(2) as usize,
            Some(&"e") => edges.push((number(1) - 1, number(2) - 1)),
            _ => {}
        }
    }
    ConflictGraph::from_edges(node_count, edges)
}

#[test]
fn colourings_of_known_graphs() {
    let Some(folder) = folder() else { return };
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("it is readable");
    let rows = rows(&readme);
    assert_eq!(rows.len(), 35);
    let [mut found_total, mut known_total, mut improved_total] = [0; 3];
    for Row { name, figures } in &rows {
        let path = folder.join(format!("{name}.col"));
        let graph = read(&std::fs::read_to_string(path).expect("it is readable"));
        assert_eq!(
            (graph.node_count(), graph.conflict_count()),
            (figures[0], figures[1]),
            "{name}"
        );
        let colourings =
            [first_fit, welsh_powell, smallest_last, dsatur].map(|colour| colour(&graph));
        assert!(
            colourings
                .iter()
                .all(|colours| graph.is_coloured_by(colours)),
            "{name}"
        );
        let counts = colourings.each_ref().map(|colours| colour_count(colours));
        // First-fit and Welsh-Powell leave no choice; the others have ties.
        assert_eq!(counts[..2], figures[2..4], "{name}");
        let [.., start] = colourings;
        let mut step_count = 0;
        let better = improve(&graph, start, 1, &mut || {
            step_count += 1;
            step_count > 10_000
        });
        assert!(graph.is_coloured_by(&better), "{name}");
        eprintln!(
            "{name}: {counts:?}, known {:?}, improved {}",
            &figures[2..],
            colour_count(&better)
        );
        found_total += counts[3];
        known_total += figures[5];
        improved_total += colour_count(&better);
    }
    eprintln!("DSATUR {found_total}, known {known_total}, improved {improved_total}");
    assert!(
        found_total <= known_total,
        "DSATUR uses {found_total} colours"
    );
    assert!(
        improved_total * 100 <= known_total * 95,
        "improved to {improved_total} colours"
    );
}
