//! `lockstep new`: a program crate with one instruction, one state and one test, ready to build,
//! an example that prints its interface, and, where asked for, a fuzz target.

use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::terminal::escaped;
use crate::text;

/// Longest name in bytes; module and type names are made from it.
const NAME_SIZE_MAX: usize = 64;

/// The words of Rust, and crate names that the new program needs or that would hide its own.
const TAKEN: &str = "abstract alloc as async await become box break call const continue core crate do dyn else \
    enum extern false final fn for gen if impl in invoke let lockstep_sdk lockstep_testing \
    loop macro match mod move mut override priv proc_macro pub ref return self static std \
    struct super system test trait true try type typeof unsafe unsized use virtual where while \
    yield";

/// Make a new program crate, with a test, in a folder of its name
///
/// `cargo run --example idl` in it prints the program's interface description.
///
/// The crate depends on the SDK by path. Inside of the SDK's workspace that is found by itself;
/// elsewhere --sdk says where it is. Nothing is written over: the folder must not exist.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the crate and of its folder: a lower-case letter, then lower-case letters, digits,
    /// `-` and `_`
    name: String,
    /// The workspace with the SDK
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
    /// Add a fuzz target over sequences of calls, and a test of the same sequences
    #[arg(long)]
    fuzz: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let name = &arguments.name;
    check_name(name)?;
    let workspace = match &arguments.sdk {
        Some(path) => given_workspace(path)?,
        None => workspace_around()?,
    };
    let sdk = quoted(&workspace.join("sdk"))?;
    let testing = quoted(&workspace.join("sdk/testing"))?;
    let module = name.replace('-', "_");
    let fill = |template: &str| {
        template
            .replace("{name}", name)
            .replace("{module}", &module)
            .replace("{type}", &type_name(&module))
            .replace("{id}", &address(name))
            .replace("{sdk}", &sdk)
            .replace("{testing}", &testing)
    };
    let mut files = vec![
        ("Cargo.toml", fill(include_str!("manifest.txt"))),
        ("src/lib.rs", fill(include_str!("program.txt"))),
        ("tests/program.rs", fill(include_str!("test.txt"))),
        ("examples/idl.rs", fill(include_str!("idl.txt"))),
        (".gitignore", "/target\n".to_owned()),
    ];
    if arguments.fuzz {
        files.extend([
            ("tests/actions/mod.rs", fill(include_str!("actions.txt"))),
            ("tests/sequences.rs", fill(include_str!("sequences.txt"))),
            ("fuzz/Cargo.toml", fill(include_str!("fuzz_manifest.txt"))),
            ("fuzz/sequences.rs", fill(include_str!("fuzz_target.txt"))),
            (
                "fuzz/.cargo/config.toml",
                fill(include_str!("fuzz_config.txt")),
            ),
            ("fuzz/.gitignore", "/target\n/corpus\ncrash-*\n".to_owned()),
        ]);
    }
    // The versions that the SDK is tested with, which are at hand where it was built.
    if let Ok(locked) = fs::read_to_string(workspace.join("Cargo.lock")) {
        if arguments.fuzz {
            files.push(("fuzz/Cargo.lock", locked.clone()));
        }
        files.push(("Cargo.lock", locked));
    }
    write(Path::new(name), &files)?;
    text::print(&report(name, &files, &workspace))?;
    Ok(ExitCode::SUCCESS)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let refuse = |cause: &str| {
        Err(Failure::usage(format!(
            "{name:?} cannot be a name: {cause}"
        )))
    };
    let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return refuse("it does not begin with a lower-case letter");
    }
    if !name.bytes().all(is_part) {
        return refuse("lower-case letters, digits, - and _ are all that it may hold");
    }
    if name.len() > NAME_SIZE_MAX {
        return refuse("it is longer than 64 characters");
    }
    let word = name.replace('-', "_");
    if TAKEN.split(' ').any(|taken| taken == word) {
        return refuse("the word is taken");
    }
    Ok(())
}

/// True for the folder of a workspace that holds the SDK and its test harness.
fn has_sdk(folder: &Path) -> bool {
    let is_crate = |path: &str, name: &str| {
        let manifest = fs::read_to_string(folder.join(path).join("Cargo.toml"));
        let line = format!("name = \"{name}\"");
        manifest.is_ok_and(|manifest| manifest.lines().any(|found| found == line))
    };
    is_crate("sdk", "lockstep-sdk") && is_crate("sdk/testing", "lockstep-testing")
}

fn given_workspace(path: &Path) -> Result<PathBuf, Failure> {
    let shown = path.display();
    let folder = path.canonicalize();
    let folder = folder.map_err(|error| Failure::usage(format!("--sdk {shown}: {error}")))?;
    if has_sdk(&folder) {
        return Ok(folder);
    }
    Err(Failure::usage(format!(
        "--sdk {shown}: no workspace with the crates lockstep-sdk in sdk and lockstep-testing in \
         sdk/testing"
    )))
}

/// The nearest folder above that holds the SDK.
fn workspace_around() -> Result<PathBuf, Failure> {
    let here = env::current_dir().map_err(Failure::other)?;
    let found = here.ancestors().find(|folder| has_sdk(folder));
    found.map(Path::to_owned).ok_or_else(|| {
        let here = here.display();
        Failure::usage(format!(
            "{here} is not inside of a workspace with the SDK, say where it is with --sdk PATH"
        ))
    })
}

/// A path as a TOML string.
fn quoted(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let text = path.to_str().ok_or_else(|| {
        Failure::usage(format!("{shown}: a manifest can hold Unicode paths only"))
    })?;
    // What JSON escapes in a string, TOML escapes in the same way.
    serde_json::to_string(text).map_err(Failure::other)
}

/// The type that `#[program]` makes for a module of this name.
fn type_name(module: &str) -> String {
    let words = module.split('_').filter(|word| !word.is_empty());
    let camel = words.map(|word| word[..1].to_uppercase() + &word[1..]);
    camel.chain(["Program".to_owned()]).collect()
}

/// An address for a program of this name, without a known key.
fn address(name: &str) -> String {
    let digest = Sha256::new()
        .chain_update(b"lockstep-new")
        .chain_update(name)
        .finalize();
    bs58::encode(digest).into_string()
}

fn write(folder: &Path, files: &[(&str, String)]) -> Result<(), Failure> {
    let shown = folder.display();
    fs::create_dir(folder).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!(
            "{shown} exists already, and nothing is written over"
        )),
        _ => Failure::other(format!("{shown}: cannot be made: {error}")),
    })?;
    for (name, content) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| {
            let mut file = File::create_new(&path)?;
            file.write_all(content.as_bytes())
        });
        if let Err(error) = written {
            remove(folder, files);
            let path = path.display();
            return Err(Failure::other(format!(
                "{path}: cannot be written: {error}"
            )));
        }
    }
    Ok(())
}

/// Removes what was written of these files, and the folders that are empty then.
fn remove(folder: &Path, files: &[(&str, String)]) {
    for (name, _) in files {
        let path = folder.join(name);
        // What stays is named by the error that the command ends with.
        let _ = fs::remove_file(&path);
        let above = path.ancestors().skip(1);
        for parent in above.take_while(|parent| *parent != folder) {
            let _ = fs::remove_dir(parent);
        }
    }
    let _ = fs::remove_dir(folder);
}

fn report(name: &str, files: &[(&str, String)], workspace: &Path) -> String {
    let list: String = files
        .iter()
        .map(|(file, _)| format!("  {name}/{file}\n"))
        .collect();
    let address = address(name);
    let workspace = workspace.display().to_string();
    let workspace = escaped(&workspace);
    format!(
        "Made the program {name}:\n{list}\
         It uses the SDK in {workspace} and has the address {address},\n\
         made up from its name; put that of a key of yours in its place.\n\
         Try it: cd {name} && cargo test\n"
    )
}

#[cfg(test)]
mod tests;
