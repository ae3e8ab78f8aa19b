//! Small programs: what each system call costs, and what programs that misbehave cost.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers of instructions and of units are small"
)]

use lockstep_interface::{
    Account, Address, Environment, InstructionError, ProgramTable, Rent, RuleSet, Sysvars,
    address::{find_program_address, program_ids},
    context::{AccountSlot, TransactionContext},
    sysvar::Clock,
};

use crate::SbfProgram;

const PROGRAM: Address = Address::new_from_array([7; 32]);
const OWNED: Address = Address::new_from_array([1; 32]);
const FOREIGN: Address = Address::new_from_array([2; 32]);
const READ_ONLY: Address = Address::new_from_array([3; 32]);
/// Bytes of each account.
const SIZE: u64 = 16;
/// Where the data of the accounts lies: behind the count, and behind what the accounts before
/// take, each with its head, its room and its tail.
const DATA: [u64; 3] = [
    INPUT + 8 + 88,
    INPUT + 8 + 88 + TAKEN,
    INPUT + 8 + 88 + 2 * TAKEN,
];
const INPUT: u64 = 4 << 32;
const TAKEN: u64 = 88 + SIZE + 10_240 + 8;

/// Runs a program on an account that it owns, one that it does not own, and one that it owns and
/// may not write. Returns the result, the units that it took, and the owned account's data.
fn run(text: &str, is_compiled: bool, units: u64) -> (Result<(), InstructionError>, u64, Vec<u8>) {
    run_on(&[0, 1, 2], text, is_compiled, units)
}

/// The same on those of the accounts that are named, in this order.
fn run_on(
    named: &[u8],
    text: &str,
    is_compiled: bool,
    units: u64,
) -> (Result<(), InstructionError>, u64, Vec<u8>) {
    let program = SbfProgram::assembled(PROGRAM, text, is_compiled);
    let environment = Environment {
        sysvars: Sysvars {
            clock: Some(Clock::default()),
            rent: Some(Rent::MAINNET),
            ..Sysvars::default()
        },
        rules: RuleSet::Current,
        programs: ProgramTable::new().with(program),
    };
    let account = |owner: Address| Account {
        lamports: 1_000_000,
        data: vec![1; SIZE.try_into().unwrap()].into(),
        owner,
        executable: false,
    };
    let [mut owned, mut foreign] = [PROGRAM, program_ids::SYSTEM].map(account);
    let (read_only, program) = (account(PROGRAM), account(program_ids::NATIVE_LOADER));
    let mut context = TransactionContext::new(&environment);
    context.begin(units, true);
    context.push(AccountSlot::owned(&OWNED, &mut owned, false));
    context.push(AccountSlot::owned(&FOREIGN, &mut foreign, false));
    context.push(AccountSlot::shared(&READ_ONLY, &read_only, false));
    context.push(AccountSlot::shared(&PROGRAM, &program, false));
    let result = context.process_instruction(0, 3, named, &[]);
    let spent = units - context.compute_units_left();
    if result.is_err() {
        context.undo();
    }
    drop(context);
    assert_eq!(&*foreign.data, [1; 16], "it is not the program's");
    (result, spent, owned.data.to_vec())
}

/// Instructions that prepare a call: `r1` to `r5` get places on the stack, or numbers.
fn call(name: &str, arguments: &[Argument]) -> (String, u64) {
    let mut text = String::new();
    let mut count = 3;
    for (register, argument) in (1..).zip(arguments) {
        match argument {
            Argument::Number(number) => {
                text.push_str(&format!("mov64 r{register}, {number}\n"));
                count += 1;
            }
            Argument::Stack(offset) => {
                text.push_str(&format!(
                    "mov64 r{register}, r10\nadd64 r{register}, {offset}\n"
                ));
                count += 2;
            }
        }
    }
    text.push_str(&format!("syscall {name}\nmov64 r0, 0\nexit"));
    (text, count)
}

enum Argument {
    Number(i32),
    Stack(i32),
}

use Argument::{Number, Stack};

/// System calls, their arguments, and what they cost.
const COSTS: [(&str, &[Argument], u64); 73] = [
    ("sol_log_", &[Stack(-64), Number(5)], 100),
    ("sol_log_", &[Stack(-64), Number(150)], 150),
    (
        "sol_log_64_",
        &[Number(1), Number(2), Number(3), Number(4), Number(5)],
        100,
    ),
    ("sol_log_pubkey", &[Stack(-64)], 100),
    ("sol_log_compute_units_", &[], 100),
    ("sol_log_data", &[Stack(-64), Number(0)], 100),
    ("sol_log_data", &[Stack(-64), Number(2)], 300),
    ("sol_memcpy_", &[Stack(-64), Stack(-128), Number(8)], 10),
    (
        "sol_memcpy_",
        &[Stack(-64), Stack(8_192), Number(5_000)],
        20,
    ),
    ("sol_memmove_", &[Stack(-64), Stack(-60), Number(8)], 10),
    ("sol_memset_", &[Stack(-64), Number(1), Number(5_000)], 20),
    (
        "sol_memcmp_",
        &[Stack(-64), Stack(-128), Number(8), Stack(-200)],
        10,
    ),
    ("sol_alloc_free_", &[Number(100), Number(0)], 0),
    ("sol_sha256", &[Stack(-64), Number(0), Stack(-128)], 85),
    ("sol_sha256", &[Stack(-64), Number(2), Stack(-128)], 105),
    ("sol_keccak256", &[Stack(-64), Number(2), Stack(-128)], 105),
    (
        "sol_create_program_address",
        &[Stack(-64), Number(0), Stack(-128), Stack(-200)],
        1_500,
    ),
    ("sol_get_clock_sysvar", &[Stack(-64)], 140),
    ("sol_get_rent_sysvar", &[Stack(-64)], 124),
    ("sol_get_epoch_schedule_sysvar", &[Stack(-64)], 140),
    ("sol_get_last_restart_slot", &[Stack(-64)], 108),
    (
        "sol_get_sysvar",
        &[Stack(-64), Stack(-128), Number(0), Number(8)],
        110,
    ),
    (
        "sol_get_sysvar",
        &[Stack(-64), Stack(-128), Number(0), Number(5_000)],
        120,
    ),
    ("sol_set_return_data", &[Stack(-64), Number(8)], 100),
    ("sol_set_return_data", &[Stack(-64), Number(1_000)], 104),
    (
        "sol_get_return_data",
        &[Stack(-64), Number(8), Stack(-128)],
        100,
    ),
    ("sol_get_stack_height", &[], 100),
    ("sol_remaining_compute_units", &[], 100),
    ("sol_memset_", &[Stack(-64), Number(1), Number(0)], 10),
    (
        "sol_get_processed_sibling_instruction",
        &[Number(0), Stack(-64), Stack(-128), Stack(-200), Stack(-300)],
        100,
    ),
    ("sol_get_epoch_stake", &[Number(0)], 100),
    ("sol_get_epoch_stake", &[Stack(-64)], 110),
    ("sol_curve_validate_point", &[Number(0), Stack(-64)], 159),
    ("sol_curve_validate_point", &[Number(1), Stack(-64)], 169),
    (
        "sol_curve_group_op",
        &[Number(0), Number(0), Stack(-64), Stack(-128), Stack(-200)],
        473,
    ),
    (
        "sol_curve_group_op",
        &[Number(0), Number(1), Stack(-64), Stack(-128), Stack(-200)],
        475,
    ),
    (
        "sol_curve_group_op",
        &[Number(0), Number(2), Stack(-64), Stack(-128), Stack(-200)],
        2_177,
    ),
    (
        "sol_curve_group_op",
        &[Number(1), Number(0), Stack(-64), Stack(-128), Stack(-200)],
        521,
    ),
    (
        "sol_curve_group_op",
        &[Number(1), Number(1), Stack(-64), Stack(-128), Stack(-200)],
        519,
    ),
    (
        "sol_curve_group_op",
        &[Number(1), Number(2), Stack(-64), Stack(-128), Stack(-200)],
        2_208,
    ),
    (
        "sol_curve_multiscalar_mul",
        &[Number(0), Stack(-64), Stack(-128), Number(1), Stack(-200)],
        2_273,
    ),
    (
        "sol_curve_multiscalar_mul",
        &[Number(0), Stack(-64), Stack(-128), Number(2), Stack(-200)],
        3_031,
    ),
    (
        "sol_curve_multiscalar_mul",
        &[Number(1), Stack(-64), Stack(-128), Number(1), Stack(-200)],
        2_303,
    ),
    (
        "sol_curve_multiscalar_mul",
        &[Number(1), Stack(-64), Stack(-128), Number(2), Stack(-200)],
        3_091,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(0), Stack(-512), Number(128), Stack(-128)],
        334,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(128), Stack(-512), Number(128), Stack(-128)],
        334,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(4), Stack(-512), Number(256), Stack(-128)],
        535,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(2), Stack(-512), Number(96), Stack(-128)],
        3_840,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(6), Stack(-512), Number(160), Stack(-128)],
        15_670,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(3), Stack(-512), Number(0), Stack(-128)],
        36_481,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(3), Stack(-512), Number(192), Stack(-128)],
        36_673,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(131), Stack(-512), Number(192), Stack(-128)],
        36_673,
    ),
    (
        "sol_alt_bn128_group_op",
        &[Number(3), Stack(-512), Number(384), Stack(-128)],
        48_986,
    ),
    (
        "sol_alt_bn128_compression",
        &[Number(0), Stack(-512), Number(64), Stack(-128)],
        130,
    ),
    (
        "sol_alt_bn128_compression",
        &[Number(1), Stack(-512), Number(32), Stack(-128)],
        498,
    ),
    (
        "sol_alt_bn128_compression",
        &[Number(2), Stack(-512), Number(128), Stack(-128)],
        186,
    ),
    (
        "sol_alt_bn128_compression",
        &[Number(3), Stack(-512), Number(64), Stack(-128)],
        13_710,
    ),
    (
        "sol_poseidon",
        &[Number(0), Number(0), Stack(-512), Number(1), Stack(-128)],
        603,
    ),
    (
        "sol_poseidon",
        &[Number(0), Number(1), Stack(-512), Number(12), Stack(-128)],
        9_326,
    ),
    (
        "sol_secp256k1_recover",
        &[Stack(-64), Number(0), Stack(-128), Stack(-256)],
        25_000,
    ),
    ("sol_curve_validate_point", &[Number(5), Stack(-512)], 1_565),
    (
        "sol_curve_validate_point",
        &[Number(134), Stack(-512)],
        1_968,
    ),
    (
        "sol_curve_decompress",
        &[Number(133), Stack(-512), Stack(-256)],
        2_100,
    ),
    (
        "sol_curve_decompress",
        &[Number(6), Stack(-512), Stack(-256)],
        3_050,
    ),
    (
        "sol_curve_group_op",
        &[Number(5), Number(0), Stack(-512), Stack(-256), Stack(-1024)],
        128,
    ),
    (
        "sol_curve_group_op",
        &[Number(5), Number(1), Stack(-512), Stack(-256), Stack(-1024)],
        129,
    ),
    (
        "sol_curve_group_op",
        &[Number(5), Number(2), Stack(-512), Stack(-256), Stack(-1024)],
        4_627,
    ),
    (
        "sol_curve_group_op",
        &[
            Number(134),
            Number(0),
            Stack(-512),
            Stack(-256),
            Stack(-1024),
        ],
        203,
    ),
    (
        "sol_curve_group_op",
        &[
            Number(134),
            Number(1),
            Stack(-512),
            Stack(-256),
            Stack(-1024),
        ],
        204,
    ),
    (
        "sol_curve_group_op",
        &[
            Number(134),
            Number(2),
            Stack(-512),
            Stack(-256),
            Stack(-1024),
        ],
        8_255,
    ),
    (
        "sol_curve_pairing_map",
        &[
            Number(4),
            Number(1),
            Stack(-512),
            Stack(-1024),
            Stack(-2048),
        ],
        25_445,
    ),
    (
        "sol_curve_pairing_map",
        &[
            Number(132),
            Number(3),
            Stack(-512),
            Stack(-1024),
            Stack(-2048),
        ],
        51_491,
    ),
    ("sol_get_epoch_rewards_sysvar", &[Stack(-128)], 196),
];

#[test]
fn system_calls_cost_what_they_cost_on_solana_and_nothing_less() {
    use Argument::{Number as N, Stack as S};
    let zero = Address::default();
    let (_, bump) = find_program_address(&[], &zero);
    let tries = 256 - u64::from(bump);
    let find: &[Argument] = &[S(-64), N(0), S(-128), S(-200), S(-210)];
    let find = ("sol_try_find_program_address", find, 1_500 * tries);
    for (name, arguments, cost) in COSTS.into_iter().chain([find]) {
        let (text, count) = call(name, arguments);
        for is_compiled in [false, true] {
            let (result, spent, _) = run(&text, is_compiled, 1_000_000);
            assert_eq!((result, spent), (Ok(()), count + cost), "{name}: {text}");
            assert_eq!(run(&text, is_compiled, spent).0, Ok(()), "{name}");
            let (result, less, _) = run(&text, is_compiled, spent - 1);
            assert_eq!(less, spent - 1, "{name}");
            assert!(result.is_err(), "{name} with a unit too few");
            // Without the instructions behind the call, the call itself has too few.
            let (result, ..) = run(&text, is_compiled, spent - 3);
            if cost > 0 {
                let error = InstructionError::ComputationalBudgetExceeded;
                assert_eq!(result, Err(error), "{name} with too few for the call");
            }
        }
    }
}

/// Loads an address, and does something there.
fn at(address: u64, text: &str) -> String {
    format!("lddw r1, {address:#x}\n{text}\nmov64 r0, 0\nexit")
}

#[test]
fn what_a_program_may_not_do_costs_its_instruction_alone() {
    let failed = InstructionError::ProgramFailedToComplete;
    let store = "stb [r1+0], 9";
    let load = "ldxb r2, [r1+0]";
    let cases = [
        ("entrypoint:\nja -1\nexit".to_owned(), failed.clone()),
        (
            "entrypoint:\ncall entrypoint\nexit".to_owned(),
            failed.clone(),
        ),
        (at(0, store), failed.clone()),
        (at(u64::MAX, store), failed.clone()),
        (at(1 << 32, store), failed.clone()),
        (at((2 << 32) + 64 * 4_096, store), failed.clone()),
        (at((2 << 32) - 1, store), failed.clone()),
        (at((3 << 32) + 32 * 1_024, store), failed.clone()),
        (
            at(DATA[1], store),
            InstructionError::ExternalAccountDataModified,
        ),
        (at(DATA[2], store), InstructionError::ReadonlyDataModified),
        (
            at(DATA[0] + SIZE + 10_240, "stdw [r1-4], 9"),
            failed.clone(),
        ),
        (at(DATA[0] + SIZE, load), InstructionError::InvalidRealloc),
        (
            at(DATA[1] + SIZE, load),
            InstructionError::AccountDataTooSmall,
        ),
        (
            "entrypoint:\nsyscall abort\nexit".to_owned(),
            failed.clone(),
        ),
        ("mov64 r0, 5\nexit".to_owned(), InstructionError::Custom(5)),
        // The size and the balance that the program claims.
        (
            at(DATA[0] - 8, "lddw r2, 10257\nstxdw [r1+0], r2"),
            InstructionError::InvalidRealloc,
        ),
        (
            at(DATA[0] - 16, "stdw [r1+0], 1000001"),
            InstructionError::UnbalancedInstruction,
        ),
        (
            at(DATA[1] - 16, "stdw [r1+0], 5"),
            InstructionError::ExternalAccountLamportSpend,
        ),
        (
            at(DATA[2] - 16, "stdw [r1+0], 5000000"),
            InstructionError::ReadonlyLamportChange,
        ),
        (
            at(DATA[1] - 48, "stdw [r1+0], 5"),
            InstructionError::ModifiedProgramId,
        ),
    ];
    for (text, error) in cases {
        let [interpreted, compiled] = [false, true].map(|compiled| run(&text, compiled, 50_000));
        assert_eq!(interpreted, compiled, "{text}");
        assert_eq!(
            (interpreted.0, interpreted.2),
            (Err(error), vec![1; 16]),
            "{text}"
        );
    }
}

#[test]
fn what_a_program_may_do_is_done_and_the_next_finds_memory_clear() {
    // The data grows with a store behind its end, and keeps the size that the program gives it.
    let grow = format!(
        "lddw r1, {:#x}\nstb [r1+20], 9\nlddw r2, 24\nstxdw [r1-8], r2\nmov64 r0, 0\nexit",
        DATA[0]
    );
    let mut grown = vec![1; 16];
    grown.extend_from_slice(&[0, 0, 0, 0, 9, 0, 0, 0]);
    // Stack, heap and room, written and read in the next run.
    let places = [(2 << 32) + 200_000, (3 << 32) + 30_000, DATA[0] + 5_000];
    for is_compiled in [false, true] {
        assert_eq!(run(&grow, is_compiled, 1_000), (Ok(()), 6, grown.clone()));
        for place in places {
            let write = at(place, "stdw [r1+0], 77");
            assert_eq!(run(&write, is_compiled, 1_000).0, Ok(()), "{write}");
            // A store of nothing new makes the room readable.
            let read = at(place, "stb [r1+9], 0\nldxdw r0, [r1+0]\nexit");
            assert_eq!(run(&read, is_compiled, 1_000).0, Ok(()), "{read}");
        }
    }
}

#[test]
fn an_account_named_again_is_a_reference_to_the_position_where_it_was_named_first() {
    // Behind the count and the first account lie a reference to it, the second account, and a
    // reference to that, which the instruction names at position 2.
    for (place, position) in [(INPUT + 8 + TAKEN, 0), (INPUT + 16 + 2 * TAKEN, 2)] {
        let read = format!("lddw r1, {place:#x}\nldxdw r0, [r1+0]\nadd64 r0, 100\nexit");
        for is_compiled in [false, true] {
            let (result, ..) = run_on(&[0, 0, 1, 1], &read, is_compiled, 1_000);
            assert_eq!(result, Err(InstructionError::Custom(100 + position)));
        }
    }
}
