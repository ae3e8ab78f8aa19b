//! Any bytes: the parser and Solana's crates accept the same and read the same, and what is
//! accepted can be written again, byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/wire/oracle.rs"]
mod oracle;

fuzz_target!(|bytes: &[u8]| {
    oracle::assert_agreement(bytes);
});
