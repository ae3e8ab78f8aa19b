//! Finds the workspace's files, and tells code from comments and literals in Rust source.
//!
//! The lexer knows just enough of Rust to leave out what is not code: nested comments, strings
//! with their prefixes, and characters as opposed to lifetimes.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the workspace.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the workspace's root, with `/` between its parts.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_folder.parent();
    root.expect("the crate's folder is in the workspace")
        .to_owned()
}

/// Reads one file, its path given from the root.
pub(crate) fn read(path: &str) -> String {
    let read = fs::read_to_string(root().join(path));
    read.unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

/// The files below the root whose names end in one of `endings`, in the order of their paths.
/// Build output and hidden folders are left out.
pub(crate) fn files(endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    collect("", endings, &mut paths);
    paths.sort();
    let files = paths.into_iter().map(|path| File {
        text: read(&path),
        path,
    });
    files.collect()
}

fn collect(folder: &str, endings: &[&str], paths: &mut Vec<String>) {
    for name in names(folder) {
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        if root().join(&path).is_dir() {
            // A fuzz target's corpus holds bytes; `target` is what cargo built.
            let is_left_out = ["target", "corpus", "artifacts"].contains(&name.as_str());
            if !is_left_out && !name.starts_with('.') {
                collect(&path, endings, paths);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            paths.push(path);
        }
    }
}

/// The names in a folder, its path given from the root.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder can be listed");
    let names = entries.map(|entry| {
        let name = entry.expect("the entry can be read").file_name();
        name.into_string().expect("file names are plain text")
    });
    names.collect()
}

/// What a stretch of source is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Rust source without comments, and with nothing between the quotes of its literals. Line numbers
/// stay what they were.
pub(crate) fn code(text: &str) -> String {
    blank(text, &[Kind::Comment, Kind::Literal])
}

/// The comments and literals of Rust source. Line numbers stay what they were.
pub(crate) fn prose(text: &str) -> String {
    blank(text, &[Kind::Code])
}

/// Rust source with nothing between the quotes of its literals.
pub(crate) fn without_literals(text: &str) -> String {
    blank(text, &[Kind::Literal])
}

fn blank(text: &str, kinds: &[Kind]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let (kind, size) = piece(rest, first, before);
        let (piece, after) = rest.split_at(size);
        if kinds.contains(&kind) {
            out.extend(piece.chars().filter(|character| *character == '\n'));
        } else {
            out.push_str(piece);
        }
        before = piece.chars().next_back().unwrap_or(' ');
        rest = after;
    }
    out
}

/// Kind and size in bytes of the piece that `rest` begins with; `before` is the character before.
fn piece(rest: &str, first: char, before: char) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment_size(rest));
    }
    if !is_word(before)
        && let Some(size) = raw_string_size(rest)
    {
        return (Kind::Literal, size);
    }
    match first {
        '"' => (Kind::Literal, quoted_size(rest, '"')),
        '\'' => match rest.chars().nth(1) {
            Some('\\') => (Kind::Literal, quoted_size(rest, '\'')),
            Some(inner) if rest.chars().nth(2) == Some('\'') => {
                (Kind::Literal, inner.len_utf8().saturating_add(2))
            }
            // A lifetime.
            _ => (Kind::Code, 1),
        },
        _ => (Kind::Code, first.len_utf8()),
    }
}

fn block_comment_size(text: &str) -> usize {
    let mut depth = 0usize;
    let mut place = 0usize;
    while let Some(rest) = text.get(place..).filter(|rest| !rest.is_empty()) {
        let step = if rest.starts_with("/*") {
            depth = depth.saturating_add(1);
            2
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        place = place.saturating_add(step);
        if depth == 0 {
            break;
        }
    }
    place.min(text.len())
}

/// Size of the raw string that `text` begins with; `None` if it begins with none.
fn raw_string_size(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let hashes = text.get(prefix.len()..)?;
    let hash_count = hashes.find(|character| character != '#')?;
    let (hashes, quoted) = hashes.split_at(hash_count);
    let inner = quoted.strip_prefix('"')?;
    let close = format!("\"{hashes}");
    let end = inner.find(&close)?;
    let sizes = [prefix.len(), hash_count, 1, end, close.len()];
    Some(sizes.into_iter().sum())
}

/// Size of the literal that `text` begins with, from quote to quote.
fn quoted_size(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (place, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return place.saturating_add(1),
            _ => {}
        }
    }
    text.len()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The words of some code with their line numbers from 1.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(code.lines()).flat_map(|(number, line)| {
        let words = line.split(|character| !is_word(character));
        words
            .filter(|word| !word.is_empty())
            .map(move |word| (number, word))
    })
}

#[test]
fn comments_and_literals_are_no_code() {
    let check = |text: &str, expected: &str| assert_eq!(code(text), expected, "of {text}");
    check("a // unsafe\nb", "a \nb");
    check("a /* x /* y */ \n */ b", "a \n b");
    check("f(\"a \\\" // b\", 'c')", "f(, )");
    check("r#\"a \" b\"# + br\"c\\\" + r#type", " +  + r#type");
    check(
        "fn f<'a>(x: &'a str, y: '\\'')",
        "fn f<'a>(x: &'a str, y: )",
    );
    check("\"https://x\"; y", "; y");
    assert_eq!(prose("a(\"b\");\n// c\nd"), "\"b\"\n// c\n");
    assert_eq!(
        without_literals("a(\"b\"); // \"c\""),
        "a(); // \"c\"",
        "comments stay"
    );
}

#[test]
fn words_know_their_lines() {
    let found: Vec<(usize, &str)> = words("a.b\n\nunsafe_code!(c)").collect();
    assert_eq!(found, [(1, "a"), (1, "b"), (3, "unsafe_code"), (3, "c")]);
}
