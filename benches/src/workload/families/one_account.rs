//! `one-account`: all transfers go to one wallet, so no two can run in parallel unless they share
//! their credits.

use super::transfers::transfers;
use super::{ACCOUNTS, FamilySpec};

/// The wallet that receives.
const TARGET: usize = 0;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "one-account",
    about: "all transfers go to one wallet: fully serial without shared credits",
    options: &[ACCOUNTS],
    build: |spec, seed| {
        Ok(transfers(spec, seed, |wallets, _, rng| {
            (wallets.other(TARGET, rng), TARGET)
        }))
    },
};
