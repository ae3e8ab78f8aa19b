//! Random programs for SBPF: a few dozen instructions of every kind, in which registers hold what
//! programs may get wrong, such as the edges of memory, sizes that overflow and addresses of
//! accounts. A seed makes them for tests, and the bytes of a fuzzer make them for its target.

use rand::Rng;
use solana_sbpf::ebpf;

use crate::assembly::{FRAME, code, end, load, system};

/// Instructions of arithmetic with a number, and those with a register.
const WITH_NUMBER: [u8; 20] = [
    ebpf::ADD64_IMM,
    ebpf::SUB64_IMM,
    ebpf::MUL64_IMM,
    ebpf::DIV64_IMM,
    ebpf::MOD64_IMM,
    ebpf::OR64_IMM,
    ebpf::AND64_IMM,
    ebpf::XOR64_IMM,
    ebpf::MOV64_IMM,
    ebpf::ADD32_IMM,
    ebpf::SUB32_IMM,
    ebpf::MUL32_IMM,
    ebpf::DIV32_IMM,
    ebpf::MOD32_IMM,
    ebpf::OR32_IMM,
    ebpf::AND32_IMM,
    ebpf::XOR32_IMM,
    ebpf::MOV32_IMM,
    ebpf::NEG64,
    ebpf::NEG32,
];
const WITH_REGISTER: [u8; 24] = [
    ebpf::ADD64_REG,
    ebpf::SUB64_REG,
    ebpf::MUL64_REG,
    ebpf::DIV64_REG,
    ebpf::MOD64_REG,
    ebpf::OR64_REG,
    ebpf::AND64_REG,
    ebpf::XOR64_REG,
    ebpf::MOV64_REG,
    ebpf::LSH64_REG,
    ebpf::RSH64_REG,
    ebpf::ARSH64_REG,
    ebpf::ADD32_REG,
    ebpf::SUB32_REG,
    ebpf::MUL32_REG,
    ebpf::DIV32_REG,
    ebpf::MOD32_REG,
    ebpf::OR32_REG,
    ebpf::AND32_REG,
    ebpf::XOR32_REG,
    ebpf::MOV32_REG,
    ebpf::LSH32_REG,
    ebpf::RSH32_REG,
    ebpf::ARSH32_REG,
];
const SHIFTS: [u8; 6] = [
    ebpf::LSH64_IMM,
    ebpf::RSH64_IMM,
    ebpf::ARSH64_IMM,
    ebpf::LSH32_IMM,
    ebpf::RSH32_IMM,
    ebpf::ARSH32_IMM,
];
const LOADS: [u8; 4] = [
    ebpf::LD_B_REG,
    ebpf::LD_H_REG,
    ebpf::LD_W_REG,
    ebpf::LD_DW_REG,
];
const STORES: [u8; 8] = [
    ebpf::ST_B_IMM,
    ebpf::ST_H_IMM,
    ebpf::ST_W_IMM,
    ebpf::ST_DW_IMM,
    ebpf::ST_B_REG,
    ebpf::ST_H_REG,
    ebpf::ST_W_REG,
    ebpf::ST_DW_REG,
];
const JUMPS: [u8; 12] = [
    ebpf::JA,
    ebpf::JEQ64_IMM,
    ebpf::JGT64_REG,
    ebpf::JGE64_IMM,
    ebpf::JLT64_REG,
    ebpf::JLE64_IMM,
    ebpf::JSET64_REG,
    ebpf::JNE64_IMM,
    ebpf::JSGT64_REG,
    ebpf::JSLT64_IMM,
    ebpf::JEQ32_REG,
    ebpf::JSGE32_IMM,
];
/// The system calls, and a name of none.
const CALLS: [&str; 37] = [
    "sol_panic_",
    "sol_log_",
    "sol_log_64_",
    "sol_log_pubkey",
    "sol_log_compute_units_",
    "sol_log_data",
    "sol_memcpy_",
    "sol_memmove_",
    "sol_memset_",
    "sol_memcmp_",
    "sol_alloc_free_",
    "sol_sha256",
    "sol_keccak256",
    "sol_create_program_address",
    "sol_try_find_program_address",
    "sol_curve_validate_point",
    "sol_curve_group_op",
    "sol_curve_multiscalar_mul",
    "sol_curve_decompress",
    "sol_curve_pairing_map",
    "sol_alt_bn128_group_op",
    "sol_alt_bn128_compression",
    "sol_poseidon",
    "sol_secp256k1_recover",
    "sol_get_clock_sysvar",
    "sol_get_rent_sysvar",
    "sol_get_epoch_schedule_sysvar",
    "sol_get_epoch_rewards_sysvar",
    "sol_get_sysvar",
    "sol_invoke_signed_rust",
    "sol_invoke_signed_c",
    "sol_set_return_data",
    "sol_get_return_data",
    "sol_get_stack_height",
    "sol_get_processed_sibling_instruction",
    "sol_remaining_compute_units",
    "sol_none",
];

/// The edges of memory, and of numbers.
const EDGES: [u64; 14] = [
    0,
    1 << 32,
    2 << 32,
    (2 << 32) + 4_096,
    (2 << 32) + 64 * 4_096,
    3 << 32,
    (3 << 32) + 32 * 1_024,
    4 << 32,
    // The data of the first account, and its room.
    (4 << 32) + 96,
    (4 << 32) + 96 + 16,
    (4 << 32) + 96 + 16 + 10_240,
    u64::MAX,
    1 << 63,
    u32::MAX as u64,
];

/// A number that may be an address of something, or a size.
fn number(random: &mut impl Rng) -> u64 {
    match random.random_range(0..10) {
        0..5 => {
            let edge = EDGES[random.random_range(0..EDGES.len())];
            let shift: u64 = random.random_range(0..64);
            match random.random() {
                true => edge.wrapping_add(shift),
                false => edge.wrapping_sub(shift),
            }
        }
        5..9 => random.random_range(0..300),
        _ => random.random(),
    }
}

fn register(random: &mut impl Rng) -> u8 {
    random.random_range(0..10)
}

fn pick(random: &mut impl Rng, of: &[u8]) -> u8 {
    of[random.random_range(0..of.len())]
}

/// A number and the address where it is, in registers, and a system call.
fn ask(random: &mut impl Rng) -> Vec<u64> {
    let mut text = Vec::new();
    for target in 1..6 {
        match random.random_range(0..4) {
            // What the program has written on its stack.
            0 => {
                let offset = -(random.random_range(1..40) * 8);
                text.push(code(ebpf::MOV64_REG, [target, FRAME], 0, 0));
                text.push(code(ebpf::ADD64_IMM, [target, 0], 0, offset));
            }
            1 => {}
            _ => text.extend(load(target, number(random))),
        }
    }
    text.push(system(CALLS[random.random_range(0..CALLS.len())]));
    text
}

/// One step of a program; steps jump over at most a few instructions, and seldom back.
fn step(random: &mut impl Rng, left: i16) -> Vec<u64> {
    let pair = [register(random), register(random)];
    let small = random.random_range(-200..200);
    vec![match random.random_range(0..12) {
        0 => code(pick(random, &WITH_NUMBER), pair, 0, small | 1),
        1 => code(pick(random, &WITH_REGISTER), pair, 0, 0),
        2 => code(pick(random, &SHIFTS), pair, 0, small & 31),
        3 => code(pick(random, &LOADS), pair, random.random_range(-64..64), 0),
        4 => {
            let near = [pair[0], FRAME];
            code(pick(random, &LOADS), near, -random.random_range(8..256), 0)
        }
        5 => code(
            pick(random, &STORES),
            pair,
            random.random_range(-64..64),
            small,
        ),
        6..8 => {
            let near = [FRAME, pair[1]];
            code(
                pick(random, &STORES),
                near,
                -random.random_range(8..256),
                small,
            )
        }
        8 => {
            let back = random.random_range(0..8) == 0;
            let distance = if back {
                -3
            } else {
                random.random_range(0..left.max(1))
            };
            code(pick(random, &JUMPS), pair, distance, small)
        }
        9 => return load(pair[0], number(random)).to_vec(),
        _ => return ask(random),
    }]
}

/// A program of random steps, whose first instructions clear what a jump back may meet.
pub(crate) fn program(random: &mut impl Rng) -> Vec<u64> {
    let mut text = vec![code(ebpf::MOV64_IMM, [0, 0], 0, 0); 3];
    for _ in 0..random.random_range(1..16) {
        text.extend(step(random, 4));
    }
    // What the last jumps may reach.
    text.extend([code(ebpf::MOV64_IMM, [0, 0], 0, 0); 4]);
    text.extend(end(random.random_range(0..3)));
    text
}
