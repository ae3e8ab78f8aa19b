//! `zipf`: transfers of which both ends are drawn by popularity: wallet number n in proportion to
//! (n + 1)^-exponent.

use super::transfers::transfers;
use super::{ACCOUNTS, FamilySpec};
use crate::workload::options::{OptionKind, OptionSpec};
use crate::workload::sample::Zipf;

/// The steepness of popularity.
pub(super) const EXPONENT: OptionSpec = OptionSpec {
    name: "exponent",
    kind: OptionKind::Decimal,
    default: 1_000,
    min: 0,
    max: 3_000,
    about: "steepness of popularity: 0 is uniform, real traffic is near 1",
};

/// Draws of the second end that may hit the first before it is drawn uniformly. With a steep
/// exponent nearly every draw is the same wallet.
const DRAWS_MAX: usize = 16;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "zipf",
    about: "transfers between wallets drawn by popularity: a few are in most of them",
    options: &[ACCOUNTS, EXPONENT],
    build: |spec, seed| {
        let popularity = Zipf::new(spec.count("accounts"), spec.value("exponent"));
        Ok(transfers(spec, seed, move |wallets, _, rng| {
            let source = popularity.sample(rng);
            let drawn = (0..DRAWS_MAX)
                .map(|_| popularity.sample(rng))
                .find(|&target| target != source);
            (source, drawn.unwrap_or_else(|| wallets.other(source, rng)))
        }))
    },
};
