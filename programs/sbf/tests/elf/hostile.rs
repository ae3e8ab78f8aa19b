//! Files that are no programs, and programs that were damaged: each is refused, or costs what it
//! was given.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep_interface::{
    AccountMeta, Address, Instruction, InstructionError, InvokeContext, Program, ProgramTable,
    address::{find_program_address, program_ids},
};
use lockstep_sbf::SbfProgram;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    either::{ADDRESS, run_either_way},
    elf, loaded,
    world::World,
};

#[test]
fn noise_is_no_program() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for size in 0..400 {
        let noise: Vec<u8> = (0..size).map(|_| random.random()).collect();
        assert!(SbfProgram::load(ADDRESS, "noise", &noise).is_err());
        let headed = [&b"\x7fELF\x02\x01\x01"[..], &noise].concat();
        assert!(SbfProgram::load(ADDRESS, "noise", &headed).is_err());
    }
}

#[test]
fn damaged_programs_cost_their_instruction_alone_and_the_same_either_way() {
    let rounds = match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => 20_000,
        None => 150,
    };
    for file in ["spl_memo-4.0.0.so", "pinocchio_token_program.so"] {
        let Some(elf) = elf(file) else { return };
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let [mut ran, mut failed] = [0u32; 2];
        for round in 0..rounds {
            let mut damaged = elf.clone();
            // Text lies at the front of these files; elsewhere few bytes matter.
            let reach = match round % 4 {
                0 => damaged.len(),
                _ => damaged.len().min(4_096),
            };
            for _ in 0..random.random_range(1..12) {
                let place = random.random_range(64..reach);
                damaged[place] = random.random();
            }
            let data: Vec<u8> = (0..random.random_range(0..20))
                .map(|_| random.random())
                .collect();
            let Some(done) = run_either_way(&damaged, &data) else {
                continue;
            };
            ran += 1;
            failed += u32::from(done.result.is_err());
        }
        eprintln!("{file}: {ran} of {rounds} damaged files run, {failed} fail");
        assert!(ran > 10, "{file}: {ran} damaged files run");
        assert!(failed > 5, "{file}: {failed} damaged files fail");
    }
}

/// A native program with a bug.
#[derive(Debug)]
struct Panics;

impl Program for Panics {
    fn address(&self) -> Address {
        program_ids::SYSTEM
    }

    fn name(&self) -> &'static str {
        "panics"
    }

    fn process(&self, _: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        panic!("a bug of the invoked program")
    }
}

#[test]
fn a_panic_of_an_invoked_program_passes_compiled_code_by() {
    let Some(associated) = elf("spl_associated_token_account-1.1.1.so") else {
        return;
    };
    let Some(token) = elf("spl_token-3.5.0.so") else {
        return;
    };
    let programs = loaded(program_ids::ASSOCIATED_TOKEN, "compiled-ata", &associated);
    for program in programs {
        let [token, _] = loaded(program_ids::TOKEN, "compiled-token", &token);
        let programs = ProgramTable::new().with(program).with(token).with(Panics);
        let mut world = World::new(programs);
        let [payer, owner] = [1, 2].map(|seed| world.put(seed, program_ids::SYSTEM, 0));
        let mint = world.put(3, program_ids::TOKEN, 82);
        let seeds = [owner, program_ids::TOKEN, mint].map(|key| *key.as_array());
        let seeds = seeds.each_ref().map(|seed| &seed[..]);
        let (account, _) = find_program_address(&seeds, &program_ids::ASSOCIATED_TOKEN);
        let named = [owner, mint, program_ids::SYSTEM, program_ids::TOKEN];
        let named = named.map(|address| AccountMeta::readonly(address, false));
        let new = AccountMeta::writable(account, false);
        let create = Instruction {
            program: program_ids::ASSOCIATED_TOKEN,
            accounts: [&[AccountMeta::writable(payer, true), new][..], &named].concat(),
            data: vec![0],
        };
        // An initialised mint without supply.
        let mut data = vec![0; 82];
        data[45] = 1;
        world.accounts.get_mut(&mint).unwrap().data = data.into();
        let panic = catch_unwind(AssertUnwindSafe(|| world.run(&create)));
        let message = panic.expect_err("the runtime contains the panic, the test sees it");
        let message = message.downcast_ref::<&str>().copied();
        assert_eq!(message, Some("a bug of the invoked program"));
    }
}
