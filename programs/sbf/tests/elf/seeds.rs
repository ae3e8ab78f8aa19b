//! The files that the fuzz target `elf` begins with, which are made here: small programs of the
//! oldest and the newest version of SBPF. `UPDATE_GOLDEN=1` writes them.

use std::{env, fs, path::PathBuf};

use lockstep_sbf::SbfProgram;
use solana_sbpf::ebpf;

use crate::{
    assembly::{self, FRAME, call, code, end, exit, load, system},
    either::{ADDRESS, deploy_either_way, run_either_way},
    older,
};

/// Each with its name and whether it passes.
fn seeds() -> Vec<(&'static str, Vec<u8>, bool)> {
    let unresolved = code(ebpf::CALL_IMM, [0, 0], 0, -1);
    let log = [
        &load(1, 0)[..],
        &[code(ebpf::MOV64_IMM, [2, 0], 0, 5), unresolved],
        &end(0),
    ]
    .concat();
    // A call of the function behind the end.
    let nested = [
        code(ebpf::CALL_IMM, [0, 1], 0, 2),
        code(ebpf::MOV64_IMM, [0, 0], 0, 0),
        exit(),
        code(ebpf::ST_DW_IMM, [FRAME, 0], -8, 7),
        code(ebpf::LD_DW_REG, [3, FRAME], -8, 0),
        exit(),
    ];
    let grow = code(ebpf::ST_B_IMM, [1, 0], 8 + 80, 200);
    let address = [
        &load(1, 2 << 32)[..],
        &load(2, 0),
        &load(3, 4 << 32),
        &[code(ebpf::MOV64_REG, [4, FRAME], 0, 0)],
        &[code(ebpf::ADD64_IMM, [4, 0], 0, -32)],
        &[system("sol_create_program_address")],
        &end(0),
    ]
    .concat();
    let newest = |text: &[u64]| assembly::file(text);
    let loops = [code(ebpf::JA, [0, 0], -1, 0), exit()];
    vec![
        ("v0-end", older::file(&end(0), &[], &[], &[]), true),
        ("v0-fail", older::file(&end(3), &[], &[], &[]), false),
        (
            "v0-log",
            older::file(&log, b"hello", &[(3, "sol_log_")], &[0]),
            true,
        ),
        ("v0-functions", older::file(&nested, &[], &[], &[]), true),
        (
            "v0-grow",
            older::file(&[&[grow][..], &end(0)].concat(), &[], &[], &[]),
            true,
        ),
        ("v3-end", newest(&end(0)), true),
        ("v3-loop", newest(&loops), false),
        (
            "v3-call",
            newest(&[&[call(2)][..], &end(0), &end(0)].concat()),
            true,
        ),
        ("v3-address", newest(&address), true),
    ]
}

#[test]
fn seeds_of_the_fuzz_target_are_as_they_are_made() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../runtime/fuzz/seeds/elf");
    for (name, file, passes) in seeds() {
        let done = run_either_way(&file, &[1, 2, 3]);
        let Some(done) = done else {
            let refused = SbfProgram::load_interpreted(ADDRESS, name, &file);
            panic!("{name} is no program: {:?}", refused.err());
        };
        assert_eq!(done.result.is_ok(), passes, "{name}: {done:?}");
        let deployed = deploy_either_way(&file);
        assert_eq!(deployed.result, Ok(()), "{name}: {:?}", deployed.logs);
        let path = folder.join(name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &file).unwrap();
        }
        let kept = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(kept, file, "{name}");
    }
}
