//! Bytes make a program: instructions of all kinds and system calls with hostile arguments, as the
//! choices of a generator, or instructions as they are. What machine code makes of it and what the
//! interpreter makes of it is the same.
//!
//! ```text
//! kind u8 | size u8 | instruction data | choices, or instructions of 8 bytes
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::RngCore;

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../../../programs/sbf/tests/elf/assembly.rs"]
mod assembly;
#[allow(dead_code, reason = "the other target uses the rest")]
#[path = "../../../programs/sbf/tests/elf/either.rs"]
mod either;
#[path = "../../../programs/sbf/tests/elf/instructions.rs"]
mod instructions;
#[allow(dead_code, reason = "tests use the rest")]
#[path = "../../../programs/sbf/tests/elf/world.rs"]
mod world;

/// Choices that bytes make, and zeros behind them.
struct Bytes<'b>(&'b [u8]);

impl RngCore for Bytes<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, target: &mut [u8]) {
        let (taken, rest) = self.0.split_at(target.len().min(self.0.len()));
        target.fill(0);
        target[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [kind, size, rest @ ..] = bytes else {
        return;
    };
    let (data, rest) = rest.split_at(usize::from(size % 40).min(rest.len()));
    let text: Vec<u64> = match kind % 4 {
        0 => {
            let words = rest.as_chunks().0.iter();
            words.map(|word| u64::from_le_bytes(*word)).collect()
        }
        _ => instructions::program(&mut Bytes(rest)),
    };
    either::run_either_way(&assembly::file(&text), data);
});
