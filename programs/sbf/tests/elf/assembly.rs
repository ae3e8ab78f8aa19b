//! Files of the newest version of SBPF, made of instructions.
//!
//! ```text
//! file header 64 | program header 56: executable, at 1 << 32 | instructions of 8 bytes
//! opcode u8 | source u4, target u4 | offset i16 | immediate i32
//! ```

use solana_sbpf::ebpf::{self, hash_symbol_name};

/// The version of SBPF.
const VERSION: u32 = 3;
/// Bytes of both headers.
const HEADERS: u64 = 64 + 56;
/// Where the instructions lie in memory.
const TEXT: u64 = 1 << 32;
/// The register behind the end of the stack's frame.
pub(crate) const FRAME: u8 = 10;

/// An instruction: its target and source, an offset and a number.
pub(crate) fn code(opcode: u8, [target, source]: [u8; 2], offset: i16, number: i32) -> u64 {
    let mut bytes = [opcode, target | source << 4, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&offset.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_le_bytes());
    u64::from_le_bytes(bytes)
}

/// Puts a number into a register, in two instructions.
pub(crate) fn load(target: u8, number: u64) -> [u64; 2] {
    let [low, high] = [number & 0xffff_ffff, number >> 32]
        .map(|half| i32::from_le_bytes(u32::try_from(half).unwrap().to_le_bytes()));
    [
        code(ebpf::LD_DW_IMM, [target, 0], 0, low),
        code(0, [0, 0], 0, high),
    ]
}

/// A system call.
pub(crate) fn system(name: &str) -> u64 {
    let hash = hash_symbol_name(name.as_bytes());
    let number = i32::from_le_bytes(hash.to_le_bytes());
    code(ebpf::CALL_IMM, [0, 0], 0, number)
}

/// A call of the function that begins this many instructions behind the next one.
pub(crate) fn call(distance: i32) -> u64 {
    code(ebpf::CALL_IMM, [0, 1], 0, distance)
}

pub(crate) fn exit() -> u64 {
    code(ebpf::EXIT, [0, 0], 0, 0)
}

/// The end of a program that has failed with a number of its own, or that has not, 0.
pub(crate) fn end(number: i32) -> [u64; 2] {
    [code(ebpf::MOV64_IMM, [0, 0], 0, number), exit()]
}

/// A program's file. It begins with its first instruction.
pub(crate) fn file(text: &[u64]) -> Vec<u8> {
    let size = u64::try_from(text.len() * 8).unwrap();
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // A shared object for BPF.
    file.extend_from_slice(&[3, 0, 247, 0]);
    file.extend_from_slice(&1u32.to_le_bytes());
    for number in [TEXT, 64, 0] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend_from_slice(&VERSION.to_le_bytes());
    for number in [64u16, 56, 1, 64, 0, 0] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    // Loaded, and executable.
    file.extend_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0]);
    for number in [HEADERS, TEXT, TEXT, size, size, 8] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend(text.iter().flat_map(|code| code.to_le_bytes()));
    file
}
