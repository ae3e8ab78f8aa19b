//! A file of which nothing is known, run as machine code and by the interpreter: it is no program
//! either way, or it does the same either way, and nothing that a program may not do.

use lockstep_interface::{
    AccountMeta, Address, Instruction, ProgramTable, Rent, address::program_ids,
};
use lockstep_programs::SystemProgram;
use lockstep_sbf::{
    LoaderState, SbfProgram, file_address,
    loader::instruction::{buffer_size, deploy},
    with_interpreting_loaders, with_loaders,
};

use crate::world::{Done, World};

/// Units of an instruction of such a program.
const UNITS: u64 = 20_000;

/// The program.
pub(crate) const ADDRESS: Address = Address::new_from_array([8; 32]);

/// Runs a file both ways. Returns what it did; `None` if it is no program.
#[track_caller]
pub(crate) fn run_either_way(file: &[u8], data: &[u8]) -> Option<Done> {
    let compiled = SbfProgram::load(ADDRESS, "unknown", file);
    let interpreted = SbfProgram::load_interpreted(ADDRESS, "unknown", file);
    let (compiled, interpreted) = match (compiled, interpreted) {
        (Ok(compiled), Ok(interpreted)) => (compiled, interpreted),
        (Err(left), Err(right)) => {
            assert_eq!(left.to_string(), right.to_string());
            return None;
        }
        (left, right) => panic!("{left:?} as machine code, {right:?} to be interpreted"),
    };
    let [compiled, interpreted] = [compiled, interpreted].map(|program| run(program, data));
    assert_eq!(compiled.0, interpreted.0);
    assert_eq!(compiled.1.accounts, interpreted.1.accounts);
    Some(compiled.0)
}

/// Deploys a file out of a buffer, for programs that are compiled and that are interpreted.
/// Returns what it did; a file that was deployed can be called.
#[track_caller]
pub(crate) fn deploy_either_way(file: &[u8]) -> Done {
    let tables = [with_loaders, with_interpreting_loaders];
    let tables = tables.map(|with| with(ProgramTable::new().with(SystemProgram)));
    let [compiled, interpreted] = tables.each_ref().map(|table| {
        let mut world = World::new(table.clone());
        let payer = world.put(1, program_ids::SYSTEM, 0);
        world.accounts.get_mut(&payer).unwrap().lamports = u64::MAX / 2;
        let program = world.put(2, program_ids::UPGRADEABLE_LOADER, 36);
        let buffer = world.put(3, program_ids::UPGRADEABLE_LOADER, buffer_size(file.len()));
        let head = LoaderState::Buffer {
            authority: Some(payer),
        };
        let data = [&head.encode()[..], file].concat();
        world.accounts.get_mut(&buffer).unwrap().data = data.into();
        let [_, deploy] = deploy(
            &payer,
            &program,
            &buffer,
            &payer,
            file.len(),
            &Rent::MAINNET,
        );
        let done = world.run(&deploy);
        if done.result.is_ok() {
            let loader = table.loader(&program_ids::UPGRADEABLE_LOADER);
            let placed = &world.accounts[&file_address(&program)];
            assert!(loader.and_then(|loader| loader.load(placed)).is_some());
        }
        (done, world.accounts)
    });
    assert_eq!(compiled, interpreted);
    compiled.0
}

/// Runs an instruction on accounts that the program owns, does not own, and may not write.
fn run(program: SbfProgram, data: &[u8]) -> (Done, World) {
    let mut world = World::new(ProgramTable::new().with(program));
    let owned = world.put(1, ADDRESS, 165);
    let other = world.put(2, ADDRESS, 82);
    let foreign = world.put(3, program_ids::SYSTEM, 40);
    let instruction = Instruction {
        program: ADDRESS,
        accounts: vec![
            AccountMeta::writable(owned, false),
            AccountMeta::writable(foreign, true),
            AccountMeta::readonly(other, true),
            AccountMeta::writable(owned, false),
        ],
        data: data.to_vec(),
    };
    let before = world.accounts.clone();
    let done = world.run_with(&instruction, UNITS);
    assert!(done.units <= UNITS);
    for address in [other, foreign] {
        assert_eq!(
            world.data(&address),
            &*before[&address].data,
            "it is not the program's"
        );
    }
    if done.result.is_err() {
        assert_eq!(
            world.accounts, before,
            "a failed instruction changes nothing"
        );
    }
    (done, world)
}
