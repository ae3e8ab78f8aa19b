//! Times compiled programs: transfers of tokens by the three Token programs from their files,
//! native ones beside them, and LiteSVM on the same files and the same bytes; then what ten
//! programs that no block has called before add to a block.
//!
//! Transfers go between 2 x 10,000 accounts, each of which one transaction names. Ours is execution
//! alone, on one thread and on two: accounts and programs are loaded and the block is planned
//! outside of the clock, nothing is recorded; once more with log lines recorded, as LiteSVM does.
//! LiteSVM is `send_transaction`, which cannot be cut: it hashes and sanitizes the message, which
//! it is given decoded, loads the accounts, executes with log lines, and stores the accounts;
//! signatures, blockhashes and history are off.
//!
//! All is seeded. Rounds of one run of each follow each other, so that all see the same machine;
//! medians are shown, with the least and the most. Every transfer has to succeed, and both sides
//! have to agree on the compute units of each.
#![forbid(unsafe_code)]

mod first_use;
mod transfers;

use std::time::Duration;

use lockstep_interface::Address;
use mimalloc::MiMalloc;

/// That of the command.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Rounds without a word about it: `cargo bench --bench compiled -- ROUNDS`.
const ROUNDS: usize = 15;

/// The median of the rounds, and the extremes.
pub(crate) fn median(times: &mut [Duration]) -> [Duration; 3] {
    times.sort_unstable();
    [times[times.len() / 2], times[0], times[times.len() - 1]]
}

/// Addresses that differ, one for each number of a kind.
pub(crate) fn address(kind: u8, number: usize) -> Address {
    let mut bytes = [kind; 32];
    bytes[1..9].copy_from_slice(&number.to_le_bytes());
    Address::new_from_array(bytes)
}

fn main() {
    // Cargo adds a flag of its own.
    let given = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let rounds = given.map_or(Ok(ROUNDS), |rounds| rounds.parse());
    let Ok(rounds @ 1..) = rounds else {
        eprintln!("usage: compiled [ROUNDS], at least one");
        std::process::exit(2);
    };
    transfers::run(rounds);
    first_use::run(rounds);
}
