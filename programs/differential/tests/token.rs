//! The Token program and SPL Token agree on random sequences of instructions.

use lockstep_differential::{Tally, compare};

#[test]
fn two_thousand_sequences_end_alike() {
    let mut tally = Tally::default();
    for seed in 0..2_000 {
        if let Err(difference) = compare(seed, &mut tally) {
            panic!("{difference}");
        }
    }
    // A comparison of nothing but refusals would say little.
    assert!(tally.succeeded > tally.failed / 2, "{tally:?}");
}
