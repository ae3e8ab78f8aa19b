//! The rules of this workspace that a machine can check, as tests: layout, dependency edges, shape
//! of the source, and what its pages promise.
//!
//! Each rule gathers all its violations before it fails, so that one run shows everything that is
//! to be mended.

mod manifest;
mod modules;
mod pages;
mod prose;
mod source;

use std::process::Command;

use manifest::{Manifest, members, outsiders};
use source::{File, code, files, names, read, root, without_literals, words};

/// Lines of a file, its tests at the foot left out.
const FILE_LINES_MAX: usize = 800;
/// Lines of code in a folder of the market, one program or what programs compute with: no comments
/// and no empty lines.
const PROGRAM_LINES_MAX: usize = 700;
/// Lines of a function.
const FUNCTION_LINES_MAX: usize = 90;
/// Columns of a line, unless a literal makes it longer.
const LINE_COLUMNS_MAX: usize = 100;

/// What the top level may hold besides hidden files and what cargo builds.
const TOP_LEVEL: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    "clippy.toml",
    "rustfmt.toml",
    "sdk",
    "programs",
    "runtime",
    "benches",
];

/// Which crates of ours each crate may import, by folder.
///
/// The scheduler and the derive macro know nothing of ours; the store knows accounts and no
/// transaction; the runtime is handed its programs and knows none.
const EDGES: [(&str, &[&str]); 18] = [
    ("sdk/interface", &[]),
    ("sdk/derive", &[]),
    ("sdk", &["sdk/interface", "sdk/derive"]),
    ("runtime/scheduler", &[]),
    ("runtime/store", &["sdk/interface"]),
    (
        "runtime",
        &["sdk/interface", "runtime/scheduler", "runtime/store"],
    ),
    ("programs", &["sdk", "sdk/interface"]),
    ("programs/market", &["sdk", "sdk/interface", "programs"]),
    (
        "programs/messages",
        &["sdk", "sdk/interface", "runtime/light"],
    ),
    ("programs/stake", &["sdk", "sdk/interface"]),
    ("programs/sbf", &["sdk/interface"]),
    ("programs/settlement", &["sdk", "sdk/interface"]),
    ("sdk/testing", &BELOW_TOP),
    ("runtime/capi", &BELOW_TOP),
    ("runtime/node", &BELOW_TOP),
    ("runtime/light", &[]),
    ("benches", &BENCHES),
    ("runtime/command", &EVERYTHING),
];
/// What the crates on top of the runtime may import.
const BELOW_TOP: [&str; 7] = [
    "sdk",
    "sdk/interface",
    "runtime",
    "runtime/scheduler",
    "runtime/store",
    "programs",
    "programs/market",
];
/// What the benchmarks may import: the same, and the machine of compiled programs, which are loads.
const BENCHES: [&str; 8] = [
    "sdk",
    "sdk/interface",
    "runtime",
    "runtime/scheduler",
    "runtime/store",
    "programs",
    "programs/market",
    "programs/sbf",
];
/// What the crate on top of all may import.
const EVERYTHING: [&str; 15] = [
    "sdk",
    "sdk/interface",
    "sdk/derive",
    "sdk/testing",
    "runtime",
    "runtime/scheduler",
    "runtime/store",
    "runtime/capi",
    "runtime/node",
    "programs",
    "programs/market",
    "programs/messages",
    "programs/sbf",
    "programs/stake",
    "benches",
];

/// The source that may hold unsafe code; folders end in `/`.
const UNSAFE: [&str; 9] = [
    "programs/sbf/src/vm.rs",
    "runtime/src/execute/workers.rs",
    "runtime/store/src/sha256/lanes.rs",
    "runtime/capi/src/given/",
    "runtime/capi/src/program/current.rs",
    "runtime/capi/src/entry/",
    "runtime/capi/benches/overhead.rs",
    "runtime/agave/src/v4_3/session.rs",
    "runtime/agave/tests/common/",
];
/// The source that may name rayon: the runtime's threads, and where load is signed.
const RAYON: [&str; 3] = [
    "runtime/src/threads.rs",
    "runtime/tests/chain/handed_pool.rs",
    "benches/src/workload/",
];

/// The source folders of crates whose modules stand in the order in which the data meets them: a
/// module imports only from those listed above it.
const ORDERED: [&str; 2] = ["runtime/src/", "runtime/scheduler/src/"];

/// What the judges may name of their own crates: the serial executor nothing of the parallel one
/// nor of the interner, the checker nothing of a planner.
const JUDGES: [(&str, &[&str]); 2] = [
    (
        "runtime/src/execute/serial.rs",
        &[
            "bank::Bank",
            "bank::forget_dead",
            "block::Outcome",
            "block::Recording",
            "prepare::PreparedBlock",
            "prepare::SanitizedTransaction",
            "prepare::bundles::Turn",
            "rules::lookup::lookup",
        ],
    ),
    (
        "runtime/scheduler/src/check/",
        &["access", "ids", "plan", "request", "table"],
    ),
];

/// How many crates a crate's default build may take at most, itself included.
const CLOSURES: [(&str, usize); 2] = [("lockstep-sdk", 60), ("lockstep-runtime", 60)];

/// Fails with all violations of a rule.
#[track_caller]
fn none(rule: &str, violations: impl IntoIterator<Item = String>) {
    let violations: Vec<String> = violations.into_iter().collect();
    let list = violations.join("\n  ");
    assert!(violations.is_empty(), "{rule}:\n  {list}\n");
}

fn rust_files() -> Vec<File> {
    let files = files(&[".rs"]);
    assert!(files.len() > 50, "the workspace's source is found");
    files
}

/// True if one of `places`, files or folders, holds the file.
fn is_in(path: &str, places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| path == *place || (place.ends_with('/') && path.starts_with(place)))
}

#[test]
fn the_top_level_holds_what_the_layout_names() {
    let names = names("").into_iter();
    let strangers =
        names.filter(|name| !name.starts_with('.') && name != "target" && !is_in(name, &TOP_LEVEL));
    none("not part of the layout", strangers);
}

#[test]
fn files_open_with_their_purpose() {
    let files = rust_files().into_iter();
    let mute = files.filter(|file| !file.text.starts_with("//! "));
    none("does not open with //!", mute.map(|file| file.path));
}

#[test]
fn files_are_ascii() {
    let files = files(&[".rs", ".toml", ".md"]).into_iter();
    let exotic = files.filter_map(|file| {
        let found = file.text.chars().find(|character| !character.is_ascii())?;
        Some(format!("{}: {found:?}", file.path))
    });
    none("not ASCII", exotic);
}

#[test]
fn files_and_functions_and_lines_are_short() {
    let mut violations = Vec::new();
    for File { path, text } in rust_files() {
        let tests = text.find("\n#[cfg(test)]\nmod tests {");
        let line_count = text[..tests.unwrap_or(text.len())].lines().count();
        if line_count > FILE_LINES_MAX {
            violations.push(format!("{path}: {line_count} lines"));
        }
        for (number, line) in (1..).zip(without_literals(&text).lines()) {
            let is_link = line.contains("://");
            if line.chars().count() > LINE_COLUMNS_MAX && !is_link {
                violations.push(format!("{path}:{number}: {} columns", line.len()));
            }
        }
        // A test that is one long table is read best in one piece.
        let is_test = path.contains("/tests/");
        for (number, size) in functions(&text) {
            if size > FUNCTION_LINES_MAX && !is_test {
                violations.push(format!("{path}:{number}: a function of {size} lines"));
            }
        }
    }
    none("too long", violations);
}

#[test]
fn programs_of_the_market_are_small() {
    const MARKET: &str = "programs/market/src";
    let files = files(&[".rs"]);
    let folders = names(MARKET).into_iter().filter(|name| !name.contains('.'));
    let folders: Vec<String> = folders.collect();
    assert!(folders.len() >= 13, "the folders are found: {folders:?}");
    let large = folders.into_iter().filter_map(|folder| {
        let start = format!("{MARKET}/{folder}/");
        let files = files.iter().filter(|file| file.path.starts_with(&start));
        let text: String = files.map(|file| code(&file.text)).collect();
        let count = text.lines().filter(|line| !line.trim().is_empty()).count();
        (count > PROGRAM_LINES_MAX).then(|| format!("{start}: {count} lines"))
    });
    none("too large for one program", large);
}

/// Line number and number of lines of each function. Relies on formatted source: a function ends
/// at the first closing brace that is indented as it is.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let code = code(text);
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        if !words(body).take(5).any(|(_, word)| word == "fn") || body.starts_with('}') {
            continue;
        }
        let indent = line.len().saturating_sub(body.len());
        let signature = lines[index..]
            .iter()
            .position(|line| line.ends_with(['{', '}', ';']));
        let signature = signature.unwrap_or(0);
        let rest = &lines[index.saturating_add(signature)..];
        let has_body = rest.first().is_some_and(|line| line.ends_with('{'));
        let body = rest
            .iter()
            .skip(1)
            .take_while(|line| !has_body_ended(line, indent));
        let size = if has_body {
            body.count().saturating_add(1)
        } else {
            0
        };
        found.push((
            index.saturating_add(1),
            signature.saturating_add(size).saturating_add(1),
        ));
    }
    found
}

/// True for the closing brace of what is indented by `indent`.
fn has_body_ended(line: &str, indent: usize) -> bool {
    let body = line.trim_start();
    body.starts_with('}') && line.len().saturating_sub(body.len()) == indent
}

#[test]
fn functions_are_measured() {
    let text = "trait T {\n    fn a();\n    fn b(\n    ) -> u8;\n}\n\npub(crate) const fn c() {\n    \
                // }\n    d(\"}\n}\");\n}\n";
    assert_eq!(functions(text), [(2, 1), (3, 2), (7, 5)]);
    assert_eq!(functions("fn e() {}\n}\n"), [(1, 1)]);
}

#[test]
fn unsafe_code_and_threads_stay_in_their_modules() {
    let mut violations = Vec::new();
    for File { path, text } in rust_files() {
        for (number, word) in words(&code(&text)) {
            let places: &[&str] = match word {
                "unsafe" => &UNSAFE,
                "rayon" => &RAYON,
                _ => continue,
            };
            if !is_in(&path, places) {
                violations.push(format!("{path}:{number}: {word}"));
            }
        }
    }
    none("outside its module", violations);
    for place in UNSAFE.iter().chain(&RAYON) {
        assert!(root().join(place).exists(), "the rule's {place} has moved");
    }
}

#[test]
fn nothing_is_left_undone() {
    let mut violations = Vec::new();
    for File { path, text } in rust_files() {
        for (number, line) in (1..).zip(code(&text).lines()) {
            for undone in ["todo!", "unimplemented!", "dbg!", "#[ignore"] {
                if line.contains(undone) {
                    violations.push(format!("{path}:{number}: {undone}"));
                }
            }
        }
        for (number, line) in (1..).zip(text.lines()) {
            let is_doc = line.trim_start().starts_with("//");
            let is_skipped = line.contains("```ignore") || line.contains("```rust,ignore");
            if is_doc && is_skipped {
                violations.push(format!("{path}:{number}: an example that is not compiled"));
            }
        }
    }
    none("left undone", violations);
}

#[test]
fn modules_import_only_from_those_listed_above_them() {
    let files = rust_files();
    let violations = ORDERED
        .iter()
        .flat_map(|folder| modules::upward(folder, &files));
    none("against the order of modules", violations);
}

#[test]
fn judges_share_nothing_with_what_they_judge() {
    let mut violations = Vec::new();
    for (place, allowed) in JUDGES {
        let files: Vec<File> = rust_files()
            .into_iter()
            .filter(|file| is_in(&file.path, &[place]) && !file.path.ends_with("tests.rs"))
            .collect();
        assert!(!files.is_empty(), "{place} is there");
        for file in files {
            for path in modules::imported(&file.text) {
                let is_allowed = allowed
                    .iter()
                    .any(|start| path == *start || path.starts_with(&format!("{start}::")));
                if !is_allowed {
                    violations.push(format!("{}: crate::{path}", file.path));
                }
            }
        }
    }
    none("a judge that is not apart", violations);
}

#[test]
fn a_folder_of_modules_has_one_root() {
    let files = rust_files();
    let twins = files.iter().filter_map(|file| {
        let folder = file.path.strip_suffix(".rs")?;
        let inside = format!("{folder}/");
        let has_folder = files.iter().any(|other| other.path.starts_with(&inside));
        // A test's folder stands beside its file: cargo wants the file there.
        (has_folder && file.path.contains("/src/")).then(|| file.path.clone())
    });
    none(
        "a file beside its folder, which belongs into it as mod.rs",
        twins,
    );
}

#[test]
fn crate_roots_forbid_unsafe_code() {
    let mut violations = Vec::new();
    for member in members() {
        let folder = &member.folder;
        let roots = rust_files().into_iter().filter(|file| {
            let Some(path) = file.path.strip_prefix(&format!("{folder}/src/")) else {
                return false;
            };
            let is_binary = path
                .strip_prefix("bin/")
                .is_some_and(|path| !path.contains('/') || path.ends_with("/main.rs"));
            path == "lib.rs" || path == "main.rs" || is_binary
        });
        let has_unsafe = UNSAFE
            .iter()
            .any(|place| place.starts_with(&format!("{folder}/src/")));
        let attribute = if has_unsafe {
            "#![deny(unsafe_code)]"
        } else {
            "#![forbid(unsafe_code)]"
        };
        for root in roots {
            if !code(&root.text).lines().any(|line| line == attribute) {
                violations.push(format!("{}: no {attribute}", root.path));
            }
        }
    }
    none("a crate root without its attribute", violations);
}

#[test]
fn crates_import_only_what_lies_below_them() {
    let members = members();
    let mut violations = Vec::new();
    for Manifest { folder, .. } in &members {
        if !EDGES.iter().any(|(known, _)| known == folder) {
            violations.push(format!("{folder}: no rule says what it may import"));
        }
    }
    for member in &members {
        let folder = &member.folder;
        let rule = EDGES.iter().find(|(known, _)| known == folder);
        let allowed = rule.map_or(&[][..], |(_, allowed)| allowed);
        for (name, _) in member
            .dependencies("dependencies")
            .chain(member.dependencies("build-dependencies"))
        {
            if let Some(import) = folder_of(&members, name)
                && !allowed.contains(&import)
            {
                violations.push(format!("{folder} imports {import}"));
            }
        }
        // Tests may import upwards, but never the crates on top.
        for (name, _) in member.dependencies("dev-dependencies") {
            if let Some(top @ ("benches" | "runtime/command")) = folder_of(&members, name) {
                violations.push(format!("{folder}'s tests import {top}"));
            }
        }
    }
    none("against the dependency rule", violations);
}

/// The folder of a crate of ours.
fn folder_of<'m>(members: &'m [Manifest], name: &str) -> Option<&'m str> {
    let quoted = format!("\"{name}\"");
    let found = members
        .iter()
        .find(|member| member.value("package", "name") == Some(&quoted));
    found.map(|member| member.folder.as_str())
}

#[test]
fn manifests_are_complete() {
    let mut violations = Vec::new();
    for member in members() {
        let folder = &member.folder;
        if member.value("package", "description").is_none() {
            violations.push(format!("{folder}: no description"));
        }
        let inherited = [
            ("package", "version.workspace"),
            ("package", "edition.workspace"),
            ("package", "rust-version.workspace"),
            ("package", "license.workspace"),
            ("lints", "workspace"),
        ];
        for (section, key) in inherited {
            if member.value(section, key) != Some("true") {
                violations.push(format!("{folder}: no {key} in [{section}]"));
            }
        }
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in member.dependencies(kind) {
                if !member.is_from_workspace(name) {
                    violations.push(format!("{folder}: {name} = {value}"));
                }
            }
        }
    }
    for outsider in outsiders() {
        if outsider.value("package", "license") != Some("\"Apache-2.0\"") {
            violations.push(format!("{}: no licence", outsider.folder));
        }
        if outsider.value("package", "publish") != Some("false") {
            violations.push(format!("{}: can be published", outsider.folder));
        }
    }
    none("an incomplete manifest", violations);
}

#[test]
fn each_foreign_crate_has_its_reason() {
    let text = read("Cargo.toml");
    none("a dependency without its reason", unexplained(&text));
    let text = "[workspace.dependencies]\nours = { path = \"x\" }\nfirst = \"1\"\n# Why.\n\
                second = \"1\"\nthird = \"1\"\n\nfourth = \"1\"\n[other]\nfifth = 1\n";
    assert_eq!(unexplained(text), ["first", "fourth"]);
}

/// The foreign crates of the workspace's manifest without a comment above them. One comment may
/// stand above several crates, with no empty line between.
fn unexplained(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let mut is_explained = false;
    let mut found = Vec::new();
    for line in lines {
        if line.starts_with('#') {
            is_explained = true;
        } else if let Some((name, value)) = line.split_once(" = ") {
            if !is_explained && !value.contains("path = ") {
                found.push(name.to_owned());
            }
        } else {
            is_explained = false;
        }
    }
    found
}

#[test]
fn closures_stay_small() {
    for (name, count_max) in CLOSURES {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["tree", "--offline", "--locked", "--prefix=none"]);
        command.args(["--edges=normal,build", "--package", name]);
        let output = match command.current_dir(root()).output() {
            Ok(output) if output.status.success() => output,
            Ok(output) => {
                let cause = String::from_utf8_lossy(&output.stderr);
                eprintln!("SKIPPED: the closure of {name}: {cause}");
                continue;
            }
            Err(cause) => {
                eprintln!("SKIPPED: the closure of {name}: {cause}");
                continue;
            }
        };
        let tree = String::from_utf8(output.stdout).expect("names of crates are plain text");
        let mut crates: Vec<&str> = tree
            .lines()
            .map(|line| line.trim_end_matches(" (*)"))
            .collect();
        crates.sort_unstable();
        crates.dedup();
        let count = crates.len();
        assert!(crates.iter().any(|line| line.starts_with(name)), "{tree}");
        assert!(count <= count_max, "{name} takes {count} crates:\n{tree}");
        // Schemes of signatures besides ed25519 are features that an embedder asks for.
        for scheme in ["fn-dsa", "libcrux"] {
            let crates = crates.iter();
            let found: Vec<_> = crates.filter(|line| line.starts_with(scheme)).collect();
            assert!(found.is_empty(), "{name} takes {found:?} by default");
        }
    }
}
