//! Markets on the real runtime: what they keep true, and what they refuse.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "small numbers of test cases, and counts of what random sequences did"
)]

use std::cell::Cell;

use lockstep_testing::{Block, Sequences};

mod amm;
mod book;
mod books;
mod channels;
mod collection;
mod curve;
mod duels;
mod governance;
mod grid;
mod lending;
mod matching;
mod oracle;
mod payments;
mod stable;
mod supply;
mod vaults;

/// The sequences of a property test: 400 times as many where the variable `LOCKSTEP_FULL`
/// is set, more than a million actions each.
fn sequences(short: Sequences) -> Sequences {
    let factor = match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => 400,
        None => 1,
    };
    Sequences {
        count: short.count * factor,
        ..short
    }
}

/// What workers save of the compute units of a block, in tenths of the serial run: each lane of a
/// batch goes to the worker with the least to do, and a batch ends with its last worker.
fn speedup_tenths(block: &Block, worker_count: usize) -> u64 {
    let [mut serial, mut parallel] = [0, 0];
    for lanes in block.batches() {
        let mut workers = vec![0_u64; worker_count];
        for lane in lanes {
            let calls = lane.iter().map(|call| block.call(*call));
            let units: u64 = calls.map(|call| call.compute_units()).sum();
            serial += units;
            *workers.iter_mut().min().expect("there are workers") += units;
        }
        parallel += workers.iter().max().expect("there are workers");
    }
    serial * 10 / parallel
}

/// What became of the actions of random sequences.
#[derive(Default)]
struct Outcomes {
    done: Cell<u32>,
    refused: Cell<u32>,
}

impl Outcomes {
    /// Counts the calls of a block.
    fn add(&self, block: &Block) {
        for call in block.executed() {
            let count = if call.is_ok() {
                &self.done
            } else {
                &self.refused
            };
            count.set(count.get() + 1);
        }
    }

    /// Prints the counts, and fails if the sequences tried next to nothing.
    fn tell(&self, program: &str) {
        let (done, refused) = (self.done.get(), self.refused.get());
        println!("{program}: {done} actions succeeded, {refused} were refused");
        assert!(done > 200 && refused > 50, "{done} {refused}");
    }
}
