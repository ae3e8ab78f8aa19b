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
fn the_runtimes_page_shows_the_embedding_crate_as_it_is() {
    let page = read("runtime/README.md");
    let folder = "runtime/examples/outside";
    let mut violations = Vec::new();
    for (start, file) in [
        ("```rust\n", "src/main.rs"),
        ("```toml\n[dependencies]", "Cargo.toml"),
    ] {
        let source = read(&format!("{folder}/{file}"));
        let shown = page.split(start).skip(1);
        let shown: Vec<&str> = shown.filter_map(|text| text.split("```").next()).collect();
        assert!(!shown.is_empty(), "the page shows {file}");
        let strange = shown.into_iter().filter(|code| !source.contains(code));
        violations.extend(strange.filter_map(|code| code.trim().lines().next().map(str::to_owned)));
    }
    none(
        "shown in runtime/README.md and not in the crate",
        violations,
    );
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
