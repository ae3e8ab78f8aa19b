//! What the workspace's pages promise: links that lead somewhere, tables that are complete, an
//! example that compiles.

use lockstep_scheduler::strategies;

use crate::manifest::members;
use crate::source::{files, read, root};
use crate::{File, none};

#[test]
fn links_lead_somewhere() {
    let mut violations = Vec::new();
    for File { path, text } in files(&[".md"]) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in text.split("](").skip(1) {
            let target = target.split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = target.contains("://") || file.is_empty();
            if !is_elsewhere && !root().join(folder).join(file).exists() {
                violations.push(format!("{path}: {target}"));
            }
        }
    }
    none("a link to nowhere", violations);
}

#[test]
fn the_readme_lists_every_crate_and_strategy() {
    let readme = read("README.md");
    let mut violations = Vec::new();
    for member in members() {
        if !readme.contains(&format!("| [`{0}`]({0}) |", member.folder)) {
            violations.push(member.folder);
        }
    }
    for strategy in strategies() {
        if !readme.contains(&format!("| `{}` |", strategy.name())) {
            violations.push(strategy.name().to_owned());
        }
    }
    none("not in the README's tables", violations);
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let readme = read("README.md");
    let example = read("runtime/examples/embed.rs");
    let shown = readme.split("```rust\n").skip(1);
    let shown: Vec<&str> = shown.filter_map(|text| text.split("```").next()).collect();
    assert!(!shown.is_empty(), "the README shows code");
    let strange = shown.into_iter().filter(|code| !example.contains(code));
    let first_lines = strange.filter_map(|code| code.lines().next());
    let rule = "shown in README.md and not in runtime/examples/embed.rs";
    none(rule, first_lines.map(str::to_owned));
}

#[test]
fn every_crate_tells_its_changes() {
    let silent = members().into_iter().filter_map(|member| {
        let path = format!("{}/CHANGELOG.md", member.folder);
        let is_there = root().join(&path).exists() && read(&path).contains("\n## Unreleased\n");
        (!is_there).then_some(path)
    });
    none("no list of unreleased changes", silent);
}
