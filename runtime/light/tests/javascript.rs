//! The twin in JavaScript, in Node and in headless Chromium: it accepts what this crate accepts and
//! refuses the rest with the same words. Where there is no Node, or no browser can be installed,
//! the tests say so and pass.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

mod common;
#[path = "../../node/tests/common/install.rs"]
mod install;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use common::{is_full, made};
use install::{installed, npm_install, run};
use serde_json::{Value, json};

/// Proofs of which all bits are changed: in a usual run, and in a long one.
const MADE_COUNTS: [usize; 2] = [1, 1_000];
/// Bits of each vector that are changed in a usual run; all of them in a long one.
const BIT_COUNT: &str = "10";
/// The exit code of the script where no browser can be started.
const NO_BROWSER: &str = "exit status: 3";
/// What the twin consists of.
const TWIN: [&str; 5] = [
    "certificate.mjs",
    "light.mjs",
    "members.mjs",
    "read.mjs",
    "state.mjs",
];
/// What checks it.
const CHECKS: [&str; 4] = ["bench.mjs", "checks.mjs", "page.mjs", "test.mjs"];

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The twin, its checks and its libraries in a folder, for all tests; `None` where they cannot be
/// installed.
fn twin() -> Option<&'static Path> {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let twin = INSTALLED.get_or_init(|| {
        let folder = installed("light");
        let names: Vec<&str> = TWIN.into_iter().chain(CHECKS).collect();
        npm_install(&crate_folder().join("js"), &folder, &names).then_some(folder)
    });
    twin.as_deref()
}

/// A file of one test, with proofs of which all bits are to be changed.
fn mutated(folder: &Path, name: &str) -> PathBuf {
    let made = made(MADE_COUNTS[usize::from(is_full())]);
    let shown = made.iter().map(|made| {
        let members = made.network.members.iter().map(hex::encode);
        json!({
            "genesis": hex::encode(made.network.genesis),
            "members": members.collect::<Vec<_>>(),
            "address": hex::encode(made.address),
            "proof": hex::encode(&made.proof),
        })
    });
    let file = folder.join(format!("made-{name}.json"));
    fs::write(&file, shown.collect::<Value>().to_string()).unwrap();
    file
}

/// The files that a script is to read, and the bits of each vector that it is to change.
fn arguments(folder: &Path, name: &str) -> Vec<String> {
    let tests = crate_folder().join("tests");
    let files = [
        tests.join("vectors.json"),
        tests.join("cases.json"),
        mutated(folder, name),
    ];
    let bits = (!is_full()).then(|| BIT_COUNT.to_owned());
    let files = files.iter().map(|file| file.to_string_lossy().into_owned());
    files.chain(bits).collect()
}

#[test]
fn the_twin_agrees_in_node() {
    let Some(folder) = twin() else { return };
    let given = arguments(folder, "node");
    let mut arguments = vec!["test.mjs"];
    arguments.extend(given.iter().map(String::as_str));
    eprintln!("{}", run(folder, "node", &arguments).unwrap());
    let vectors = crate_folder().join("tests/vectors.json");
    let arguments = ["bench.mjs", &vectors.to_string_lossy(), "40"];
    eprintln!("{}", run(folder, "node", &arguments).unwrap());
}

#[test]
fn the_twin_agrees_in_a_browser() {
    let Some(folder) = twin() else { return };
    let browser = crate_folder().join("../node/tests/page");
    let page = installed("page");
    if !npm_install(&browser, &page, &["browser.mjs"]) {
        return;
    }
    let given = arguments(folder, "page");
    let launch = page.join("browser.mjs");
    let js = crate_folder().join("js");
    let (launch, js) = (launch.to_string_lossy(), js.to_string_lossy());
    let mut arguments = vec!["page.mjs", &*launch, &*js];
    arguments.extend(given.iter().map(String::as_str));
    match run(folder, "node", &arguments) {
        Ok(told) => eprintln!("{told}"),
        Err(cause) if cause.contains(NO_BROWSER) => eprintln!("SKIPPED: {cause}"),
        Err(cause) => panic!("{cause}"),
    }
}

/// Pages have the libraries from a node, which has them from here.
#[test]
fn libraries_for_pages_are_those_of_the_registry() {
    let Some(folder) = twin() else { return };
    let mut count = 0usize;
    for library in ["curves", "hashes"] {
        let ours = crate_folder().join("js/noble").join(library);
        let theirs = folder.join("node_modules/@noble").join(library);
        let folders = [ours.clone(), ours.join("abstract")].into_iter();
        for held in folders.filter(|held| held.is_dir()) {
            for entry in fs::read_dir(held).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let name = path.strip_prefix(&ours).unwrap();
                    let is_same = fs::read(&path).unwrap() == fs::read(theirs.join(name)).unwrap();
                    assert!(is_same, "{} is not that of its package", path.display());
                    count += 1;
                }
            }
        }
    }
    assert!(count > 10, "the files are found");
}
