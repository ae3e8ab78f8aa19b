//! Every public item of the SDK is shown in an example that compiles.
//!
//! A structure, enum, trait, function or constant has an example of its own; a method or an
//! associated constant is used in one of its file. What only generated code uses is hidden from
//! the documentation, and left out.

use std::{fs, path::Path};

/// A public item and what stands above it.
struct Item<'s> {
    line: usize,
    name: &'s str,
    is_associated: bool,
    docs: Vec<&'s str>,
    is_hidden: bool,
}

/// The public items of a file in this crate's format: attributes and documentation above them.
fn items(source: &str) -> Vec<Item<'_>> {
    let mut found = Vec::new();
    let (mut docs, mut is_hidden) = (Vec::new(), false);
    let mut opened = 0usize;
    for (index, line) in source.lines().enumerate() {
        let text = line.trim();
        if let Some(doc) = text.strip_prefix("///") {
            docs.push(doc);
        } else if text.starts_with("#[") || opened > 0 {
            is_hidden |= text == "#[doc(hidden)]";
            // Attributes may go over several lines.
            opened = match (text.starts_with("#["), text.ends_with(']')) {
                (true, false) => 1,
                (_, true) => 0,
                _ => opened,
            };
        } else {
            if let Some(name) = public_name(text) {
                found.push(Item {
                    line: index.saturating_add(1),
                    name,
                    is_associated: line.starts_with(' '),
                    docs: std::mem::take(&mut docs),
                    is_hidden,
                });
            }
            docs.clear();
            is_hidden = false;
        }
    }
    found
}

fn public_name(text: &str) -> Option<&str> {
    let text = text.strip_prefix("pub ")?;
    let kinds = [
        "const fn ",
        "fn ",
        "const ",
        "struct ",
        "enum ",
        "trait ",
        "type ",
    ];
    let name = kinds.iter().find_map(|kind| text.strip_prefix(kind))?;
    let end = name.find(|c: char| c != '_' && !c.is_alphanumeric());
    Some(&name[..end.unwrap_or(name.len())])
}

/// The lines of the examples in a source file, of documentation and of attributes that write it.
fn examples(source: &str) -> String {
    let mut is_example = false;
    let lines = source.lines().map(str::trim).filter(|text| {
        let is_doc = text.starts_with("///") || text.starts_with("#[doc = ");
        if is_doc && text.contains("```") {
            is_example = !is_example;
        }
        is_doc && is_example
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn uses(examples: &str, name: &str) -> bool {
    let mut places = examples.match_indices(name);
    places.any(|(start, _)| {
        let (before, after) = (
            &examples[..start],
            &examples[start.saturating_add(name.len())..],
        );
        let ends = |c: char| c != '_' && !c.is_alphanumeric();
        (before.ends_with('.') || before.ends_with("::")) && after.starts_with(ends)
    })
}

fn check(folder: &Path, missing: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            check(&path, missing);
        } else {
            check_file(&path, missing);
        }
    }
}

fn check_file(path: &Path, missing: &mut Vec<String>) {
    let source = fs::read_to_string(path).expect("sources are text");
    let examples = examples(&source);
    for item in items(&source) {
        let has_own = item.docs.iter().any(|doc| doc.contains("```"));
        let is_shown = has_own || (item.is_associated && uses(&examples, item.name));
        if !is_shown && !item.is_hidden {
            let Item { line, name, .. } = item;
            missing.push(format!("{}:{line}: `{name}`", path.display()));
        }
    }
}

#[test]
fn every_public_item_is_shown_in_an_example() {
    let mut missing = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    check(&folder.join("src"), &mut missing);
    check_file(&folder.join("derive/src/lib.rs"), &mut missing);
    assert!(
        missing.is_empty(),
        "without example:\n{}",
        missing.join("\n")
    );
}

#[test]
fn an_item_without_example_is_found() {
    let source = "/// A.\n///\n/// ```\n/// B::new().half();\n/// ```\npub struct B;\n\
                  impl B {\n    /// New.\n    pub fn new() {}\n    pub fn halve() {}\n}\n\
                  /// C.\n#[doc(hidden)]\npub fn c() {}\n";
    let items = items(source);
    let names: Vec<_> = items
        .iter()
        .map(|item| (item.name, item.is_hidden))
        .collect();
    assert_eq!(
        names,
        [("B", false), ("new", false), ("halve", false), ("c", true)]
    );
    let examples = examples(source);
    assert!(uses(&examples, "new") && uses(&examples, "half"));
    assert!(!uses(&examples, "halve") && !uses(&examples, "hal"));
}
