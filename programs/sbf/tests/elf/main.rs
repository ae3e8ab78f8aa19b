//! Compiled programs, run one instruction after the other: the Token program as it is deployed on
//! Solana's main network, in both versions, the Associated Token Account program that invokes it,
//! and files that are no programs.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "the amounts of tests are small, and a test fails where something is missing"
)]

mod assembly;
mod associated;
mod chain;
mod deployed;
mod either;
mod hostile;
mod instructions;
mod kit;
mod ledger;
mod memo;
mod nft;
mod older;
mod pool;
mod random;
mod recorded;
mod recorded_tokens;
mod seeds;
mod slots;
mod steady;
mod token;
mod token_2022;
mod untrusted;
mod world;

use std::{env, fs, path::PathBuf};

use lockstep_interface::Address;
use lockstep_sbf::{LoadError, SbfProgram};

/// The crates whose sources hold compiled programs, and the folders in which they lie.
const SOURCES: [(&str, &str); 2] = [
    ("litesvm@0.16.0", "src/programs/elf"),
    ("trident-svm@0.3.0-rc.4", "src/solana-program-library"),
];

/// The bytes of a compiled program; `None`, with a line that says so, where cargo's registry does
/// not hold it. None is part of this workspace.
fn elf(name: &str) -> Option<Vec<u8>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let registries: Vec<PathBuf> = registries
        .into_iter()
        .flatten()
        .filter_map(|registry| Some(registry.ok()?.path()))
        .collect();
    let found = SOURCES.iter().find_map(|(source, folder)| {
        let file = PathBuf::from(source.replace('@', "-"))
            .join(folder)
            .join(name);
        let mut files = registries.iter();
        files.find_map(|registry| fs::read(registry.join(&file)).ok())
    });
    if found.is_none() {
        let sources = SOURCES.map(|(source, _)| format!("cargo info {source}"));
        let sources = sources.join("` or `");
        eprintln!("SKIPPED: {name} is not there; `{sources}` fetches it");
    }
    found
}

/// Loads a program both ways: as machine code, where that is possible, and for the interpreter.
fn loaded(address: Address, name: &'static str, elf: &[u8]) -> [SbfProgram; 2] {
    let compiled = SbfProgram::load(address, name, elf).expect("the file is a program");
    assert_eq!(
        compiled.is_compiled(),
        cfg!(all(feature = "jit", target_arch = "x86_64", not(windows)))
    );
    let interpreted = SbfProgram::load_interpreted(address, name, elf);
    let interpreted = interpreted.expect("the file is a program");
    assert!(!interpreted.is_compiled());
    [compiled, interpreted]
}

#[test]
fn imports_that_are_not_there_are_refused_by_name() {
    let Some(mut elf) = elf("spl_token_2022-11.0.0.so") else {
        return;
    };
    let name = b"sol_get_processed_sibling_instruction";
    let place = elf.windows(name.len()).position(|part| part == name);
    elf[place.expect("the program imports it")] = b'S';
    let refused = SbfProgram::load(Address::new_from_array([1; 32]), "token-2022", &elf);
    match refused {
        Err(LoadError::Import { name }) => assert!(name.starts_with("Sol_get"), "{name}"),
        other => panic!("expected an import to be refused, found {other:?}"),
    }
}
