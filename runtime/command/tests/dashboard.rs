//! The dashboard shows what a node exports.
#![cfg(unix)]

#[path = "common/node.rs"]
mod node;

use std::collections::BTreeSet;
use std::time::Duration;

use lockstep_node::client::{LoadOptions, Workload, load};
use node::Node;
use serde_json::Value;

const DASHBOARD: &str = include_str!("../../docs/node-dashboard.json");

/// What stands behind a name that a dashboard asks for and not behind the exported one.
const PARTS: [&str; 1] = ["_bucket"];

/// The names of figures in a text.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter));
    let names = words.filter(|word| word.starts_with("lockstep_"));
    names.map(str::to_owned).collect()
}

#[test]
fn every_figure_of_the_dashboard_is_exported() {
    let node = Node::start(&["--memory"]);
    let options = LoadOptions {
        http: node.http.clone(),
        socket: node.socket.clone(),
        workload: Workload::Failing,
        rate: 200,
        time: Duration::from_millis(500),
        senders: 20,
        lanes: 1,
    };
    load(&options, &mut |_| ()).unwrap();
    let exported = names(&node.get("/metrics"));
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            asked.append(&mut names(target["expr"].as_str().unwrap()));
        }
    }
    assert!(asked.len() > 10, "{asked:?}");
    let missing: Vec<&String> = asked
        .iter()
        .filter(|name| !exported.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not among {exported:?}");
    let has_buckets = |name: &&String| PARTS.iter().any(|part| name.ends_with(part));
    let histograms = asked.iter().filter(has_buckets);
    assert_eq!(histograms.count(), 1, "the times of stages are shown");
    assert_eq!(node.end(), Some(0));
}
