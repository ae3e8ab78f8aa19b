//! Prose in comments and messages: its subjects are things of the model (the worker, the planner,
//! the caller), so persons without a name are refused.

use crate::source::{self, File, words};
use crate::{none, rust_files};

/// Folders whose prose is held to the rule.
const FOLDERS: [&str; 4] = ["runtime/", "benches/", "sdk/", "programs/"];
/// Words that stand for a person, known or unknown.
const PERSONS: [&str; 12] = [
    "anybody",
    "everybody",
    "he",
    "him",
    "himself",
    "his",
    "nobody",
    "somebody",
    "who",
    "whoever",
    "whom",
    "whomever",
];
/// The file that lists the words.
const ITSELF: &str = "benches/tests/tidy/prose.rs";

#[test]
fn the_subject_of_a_sentence_is_a_thing_of_the_model() {
    let mut violations = Vec::new();
    for File { path, text } in rust_files() {
        let is_held = FOLDERS.iter().any(|folder| path.starts_with(folder));
        if is_held && path != ITSELF {
            violations.extend(persons(&text).map(|found| format!("{path}:{found}")));
        }
    }
    none("a person in place of a thing of the model", violations);
}

/// Line number and word of each person in comments and literals. Words in capitals are constants.
fn persons(text: &str) -> impl Iterator<Item = String> {
    let prose = source::prose(text);
    let found: Vec<String> = words(&prose)
        .filter(|(_, word)| !word.chars().all(char::is_uppercase))
        .filter(|(_, word)| PERSONS.contains(&word.to_ascii_lowercase().as_str()))
        .map(|(number, word)| format!("{number}: {word}"))
        .collect();
    found.into_iter()
}

#[test]
fn persons_are_found_in_prose_alone() {
    let text = "let who = 1; // Whoever, NOBODY\n/// the lane whose\nf(\"nobody\", nobody);\n";
    let found: Vec<String> = persons(text).collect();
    assert_eq!(found, ["1: Whoever", "3: nobody"]);
}
