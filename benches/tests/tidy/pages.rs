//! What the workspace's pages promise: links that lead somewhere, tables that are complete, code
//! that compiles, a README of bounded length.

use lockstep_scheduler::strategies;

use crate::manifest::members;
use crate::source::{files, read, root};
use crate::{File, none};

/// Lines of the workspace's first page.
const README_LINES_MAX: usize = 150;

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
fn pages_list_every_crate_and_strategy() {
    let mut violations = Vec::new();
    let readme = read("README.md");
    for member in members() {
        if !readme.contains(&format!("| [`{0}`]({0}) |", member.folder)) {
            violations.push(format!("README.md: {}", member.folder));
        }
    }
    let page = read("runtime/scheduler/README.md");
    for strategy in strategies() {
        if !page.contains(&format!("| `{}` |", strategy.name())) {
            violations.push(format!("runtime/scheduler/README.md: {}", strategy.name()));
        }
    }
    none("not in a page's table", violations);
}

#[test]
fn the_readme_is_short() {
    let readme = read("README.md");
    let line_count = readme.lines().count();
    assert!(
        line_count <= README_LINES_MAX,
        "README.md has {line_count} lines, at most {README_LINES_MAX} are allowed: move a part to \
         the page of its reader"
    );
    for command in ["cargo run --release -- run", "cargo test --workspace"] {
        assert!(readme.contains(command), "README.md lacks: {command}");
    }
}

/// A page may indent a piece of code otherwise than its source does.
#[test]
fn pages_show_code_as_it_is() {
    let unindented = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let sources: Vec<String> = files(&[".rs", ".toml"])
        .iter()
        .map(|file| unindented(&file.text))
        .collect();
    let mut violations = Vec::new();
    let mut shown_count = 0u32;
    for File { path, text } in files(&[".md"]) {
        // The SDK's pages are documentation tests.
        if path.starts_with("sdk/") {
            continue;
        }
        for start in ["```rust\n", "```toml\n[dependencies]\n"] {
            for shown in text.split(start).skip(1) {
                let shown = unindented(shown.split("```").next().unwrap_or_default());
                shown_count = shown_count.saturating_add(1);
                if !sources.iter().any(|source| source.contains(&shown)) {
                    let first_line = shown.lines().next().unwrap_or_default();
                    violations.push(format!("{path}: {first_line}"));
                }
            }
        }
    }
    assert!(shown_count > 0, "pages show code");
    none("shown in a page and in no source", violations);
}
