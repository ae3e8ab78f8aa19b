//! Compares many sequences: `cargo run --release -- COUNT [FIRST_SEED] > /dev/null`. SPL Token logs
//! to the standard output; what was found goes to the standard error.

use std::process::ExitCode;

use lockstep_differential::{Tally, compare};

fn main() -> ExitCode {
    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let (count, first) = match numbers.as_deref() {
        Ok([count]) => (*count, 0),
        Ok([count, first]) => (*count, *first),
        _ => {
            eprintln!("usage: lockstep-differential COUNT [FIRST_SEED]");
            return ExitCode::from(2);
        }
    };
    let mut tally = Tally::default();
    for seed in (first..).zip(0..count).map(|(seed, _)| seed) {
        if let Err(difference) = compare(seed, &mut tally) {
            eprintln!("{difference}");
            return ExitCode::FAILURE;
        }
    }
    eprintln!("{count} sequences from seed {first}: {tally:?}");
    ExitCode::SUCCESS
}
