//! The header is that of the source, and the libraries export what the header declares and nothing
//! else.

mod common;

use std::{collections::BTreeSet, fs, path::Path};

use common::{folder, library, run, tool};

/// The files that the header is made of, in its order.
const SOURCES: [&str; 20] = [
    "entry/version.rs",
    "status.rs",
    "kinds.rs",
    "types.rs",
    "given/message.rs",
    "given/options.rs",
    "given/plan.rs",
    "open.rs",
    "entry/error.rs",
    "entry/genesis.rs",
    "entry/chain.rs",
    "entry/block.rs",
    "entry/receipts.rs",
    "entry/state.rs",
    "entry/snapshot.rs",
    "entry/observe.rs",
    "entry/plan.rs",
    "entry/message.rs",
    "entry/sink.rs",
    "entry/context.rs",
];

fn generated() -> String {
    let config = cbindgen::Config::from_file(folder().join("cbindgen.toml"));
    let config = config.expect("the configuration is there");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(folder().join("src").join(source));
    }
    let bindings = builder.generate().expect("the source can be parsed");
    let mut header = Vec::new();
    bindings.write(&mut header);
    String::from_utf8(header).expect("the source is ASCII")
}

/// The functions that a header declares.
fn declared(header: &str) -> BTreeSet<String> {
    let code = header
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = code.filter(|line| !line.starts_with([' ', '#']));
    let names = code.filter_map(|line| {
        let (before, _) = line.split_once('(')?;
        let name = before.rsplit([' ', '*']).next()?;
        name.starts_with("lockstep_").then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn the_header_is_that_of_the_source() {
    let path = folder().join("include/lockstep.h");
    let found = generated();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).expect("the header can be written");
    }
    let expected = fs::read_to_string(&path).expect("the header is there");
    for (number, (found, expected)) in (1..).zip(found.lines().zip(expected.lines())) {
        let advice = "run with UPDATE_GOLDEN=1 to write it anew";
        assert_eq!(found, expected, "lockstep.h, line {number}: {advice}");
    }
    assert_eq!(found.len(), expected.len(), "lockstep.h: one is longer");
}

/// The functions that the source defines.
fn defined(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("the source is there");
    let mut names = BTreeSet::new();
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        let text = fs::read_to_string(path).expect("the source is text");
        for after in text.split("extern \"C\" fn ").skip(1) {
            let name = after.split(['(', '<']).next().unwrap_or_default();
            if name.starts_with("lockstep_") {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn the_header_declares_every_function_and_says_who_may_call_it() {
    let header = fs::read_to_string(folder().join("include/lockstep.h"));
    let header = header.expect("the header is there");
    let declared = declared(&header);
    for name in &declared {
        assert_eq!(
            header.matches(&format!("{name}(")).count(),
            1,
            "{name} is declared once"
        );
    }
    assert_eq!(declared, defined(&folder().join("src/entry")));
    assert!(declared.len() > 60, "{} functions", declared.len());
    for name in &declared {
        let place = header.find(&format!("{name}(")).expect("it is declared");
        let comment = header[..place].rsplit("\n\n").next().unwrap_or_default();
        // Functions of a context are for the thread that runs the program.
        let is_context = name.starts_with("lockstep_context_");
        assert!(comment.contains("//"), "{name} has no comment");
        let says = comment.contains("Threads: ");
        assert!(says || is_context, "{name}: no word on threads");
    }
}

#[test]
fn the_libraries_export_the_functions_of_the_header_and_nothing_else() {
    if !cfg!(target_os = "linux") {
        eprintln!("SKIPPED: symbols are read as Linux has them");
        return;
    }
    let Some(mut nm) = tool("nm") else {
        return;
    };
    let header = fs::read_to_string(folder().join("include/lockstep.h"));
    let expected = declared(&header.expect("the header is there"));
    let names = |text: &str| -> BTreeSet<String> {
        let names = text.lines().filter_map(|line| line.split(' ').nth(2));
        // Versions of symbols follow behind an @.
        let names = names.map(|name| name.split('@').next().unwrap_or(name).to_owned());
        names.collect()
    };
    let shared = run(nm.arg("-D").arg("--defined-only").arg(library("so")));
    assert_eq!(names(&shared), expected, "of the shared library");
    let Some(mut nm) = tool("nm") else {
        return;
    };
    let archive = run(nm
        .args(["--defined-only", "--extern-only"])
        .arg(library("a")));
    let found = names(&archive);
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(missing.is_empty(), "not in the static library: {missing:?}");
    let ours = found.iter().filter(|name| name.starts_with("lockstep_"));
    assert_eq!(ours.count(), expected.len(), "of the static library");
}
