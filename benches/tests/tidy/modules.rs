//! Which modules of a crate a file names, and whether the crate's order of modules allows it.

use super::source::{File, code};

/// The modules that a crate's root lists, in its order.
pub(crate) fn listed(root: &str) -> Vec<String> {
    let code = code(root);
    let lines = code.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    lines.map(str::to_owned).collect()
}

/// The paths behind `crate::` in some source, as far as they are written out: `use crate::{a::b,
/// c}` gives `a::b` and `c`. Test modules at the foot of a file do not count.
pub(crate) fn imported(text: &str) -> Vec<String> {
    let end = text.find("\n#[cfg(test)]\n").unwrap_or(text.len());
    let code = code(&text[..end]);
    let mut found = Vec::new();
    for (place, prefix) in code.match_indices("crate::") {
        let is_word = code[..place].ends_with(|last: char| last.is_alphanumeric() || last == '_');
        if !is_word {
            let rest = code[place..].strip_prefix(prefix).unwrap_or_default();
            tree(rest, String::new(), &mut found);
        }
    }
    found
}

/// Reads one branch of a tree of imports, and gives what is behind it.
fn tree<'a>(text: &'a str, prefix: String, found: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if rest.is_empty() || rest.starts_with('}') {
                return rest.strip_prefix('}').unwrap_or(rest);
            }
            let before = rest.len();
            rest = tree(rest, prefix.clone(), found);
            if rest.len() == before {
                return rest;
            }
        }
    }
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let end = text.find(|character| !is_word(character));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    let path = if prefix.is_empty() {
        word.to_owned()
    } else {
        format!("{prefix}::{word}")
    };
    match rest.strip_prefix("::") {
        Some(rest) if !word.is_empty() => tree(rest, path, found),
        _ => {
            if !word.is_empty() {
                found.push(path);
            }
            rest.trim_start_matches(|last: char| last == ' ' || is_word(last))
        }
    }
}

/// The imports in a crate's source folder that the order of its modules forbids: of a module that
/// is listed below the one that the file belongs to.
pub(crate) fn upward(folder: &str, files: &[File]) -> Vec<String> {
    let inside = |file: &&File| file.path.starts_with(folder);
    let root = files
        .iter()
        .find(|file| file.path == format!("{folder}lib.rs"));
    let modules = listed(&root.expect("a crate has a root").text);
    let place = |name: &str| modules.iter().position(|module| module == name);
    let mut violations = Vec::new();
    for file in files.iter().filter(inside) {
        let inner = file.path.strip_prefix(folder).unwrap_or_default();
        let own = inner.split('/').next().unwrap_or_default();
        let Some(own) = place(own.strip_suffix(".rs").unwrap_or(own)) else {
            continue;
        };
        for path in imported(&file.text) {
            let first = path.split("::").next().unwrap_or_default();
            if place(first).is_some_and(|other| other > own) {
                violations.push(format!("{}: crate::{path} is listed below it", file.path));
            }
        }
    }
    violations
}

#[test]
fn imports_are_read_from_their_trees() {
    let check = |text: &str, expected: &[&str]| assert_eq!(imported(text), expected, "{text}");
    check("use crate::a;", &["a"]);
    check(
        "use crate::{\n    a::{b, c as d},\n    e,\n};",
        &["a::b", "a::c", "e"],
    );
    check("fn f(x: crate::a::B) -> crate::C", &["a::B", "C"]);
    check("// crate::a\nlet s = \"crate::b\"; mycrate::c", &[]);
    check(
        "use crate::a;\n#[cfg(test)]\nmod tests { use crate::b; }",
        &["a"],
    );
    assert_eq!(
        listed("pub mod a;\n\nmod b;\n// mod c;\nmod d { }\n"),
        ["a", "b"]
    );
}
