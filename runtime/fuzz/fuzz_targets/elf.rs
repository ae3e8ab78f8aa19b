//! Any bytes as a program's file: it can be deployed or not, and it is a program or not, whether
//! programs are compiled or interpreted; what it does is the same either way, and is no more than a
//! program may do. `cargo fuzz run elf runtime/fuzz/seeds/elf` begins with programs.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../programs/sbf/tests/elf/either.rs"]
mod either;
#[allow(dead_code, reason = "tests use the rest")]
#[path = "../../../programs/sbf/tests/elf/world.rs"]
mod world;

/// What the program is called with, which may be the file itself.
const DATA_SIZE_MAX: usize = 64;

fuzz_target!(|file: &[u8]| {
    let deployed = either::deploy_either_way(file);
    let data = &file[..file.len().min(DATA_SIZE_MAX)];
    let ran = either::run_either_way(file, data);
    assert!(
        deployed.result.is_err() || ran.is_some(),
        "what is deployed is a program"
    );
});
