//! `hot`: a share of all transfers goes to a few wallets, the rest is uniform.

use rand::Rng;

use super::transfers::transfers;
use super::{ACCOUNTS, FamilySpec};
use crate::workload::options::{OptionKind, OptionSpec};

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "hot",
    about: "transfers of which a share goes to a few hot wallets",
    options: &[
        ACCOUNTS,
        OptionSpec {
            name: "hot",
            kind: OptionKind::Count,
            default: 1,
            min: 1,
            max: 10_000,
            about: "hot wallets, in turn by chance; at most as many as there are wallets",
        },
        OptionSpec {
            name: "share",
            kind: OptionKind::Percent,
            default: 30,
            min: 0,
            max: 100,
            about: "transfers that go to one of them",
        },
    ],
    build: |spec, seed| {
        let (hot, share) = (spec.count("hot"), spec.value("share"));
        Ok(transfers(spec, seed, move |wallets, _, rng| {
            if rng.random_range(0..100) < share {
                let target = rng.random_range(0..hot.min(wallets.len()));
                return (wallets.other(target, rng), target);
            }
            wallets.pair(rng)
        }))
    },
};
