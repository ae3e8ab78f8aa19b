//! `hot`: a share of all transfers goes to a few wallets, the rest is uniform.

use lockstep_interface::{Account, Address};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::transfers::Wallets;
use super::{ACCOUNTS, Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::{OptionKind, OptionSpec, WorkloadSpec};

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
    build: |spec, seed| Box::new(HotTransfers::new(spec, seed)),
};

#[derive(Debug)]
struct HotTransfers {
    wallets: Wallets,
    hot: usize,
    share: u64,
}

impl HotTransfers {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let wallets = Wallets::new(spec, seed);
        let hot = spec.count("hot").min(wallets.len());
        let share = spec.value("share");
        Self {
            wallets,
            hot,
            share,
        }
    }
}

impl Family for HotTransfers {
    fn keys(&self) -> &Keyring {
        self.wallets.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.wallets.genesis()
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        if rng.random_range(0..100) < self.share {
            let target = rng.random_range(0..self.hot);
            let source = self.wallets.other(target, rng);
            return self.wallets.transfer(place, source, target);
        }
        let source = rng.random_range(0..self.wallets.len());
        let target = self.wallets.other(source, rng);
        self.wallets.transfer(place, source, target)
    }
}
