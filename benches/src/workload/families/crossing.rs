//! `crossing`: most transactions write one of a few hot accounts, and a share of them two, which
//! ties the queues of hot accounts together.

use lockstep_interface::{Account, Address};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::replay::{self, COST, PAYERS, Replay, write};
use super::{Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "crossing",
    about: "hot accounts, and transactions that write two of them",
    options: &[
        PAYERS,
        replay::count(
            "accounts",
            50_000,
            1,
            "accounts that few transactions share",
        ),
        replay::count("hot", 64, 2, "hot accounts; every transaction writes one"),
        replay::percent("share", 20, "transactions that write two hot accounts"),
        COST,
    ],
    build: |spec, seed| Ok(Box::new(Crossing::new(spec, seed))),
};

#[derive(Debug)]
struct Crossing {
    replay: Replay,
    cold: Vec<Address>,
    hot: Vec<Address>,
    share: u64,
}

impl Crossing {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        Self {
            replay: Replay::new(spec, seed),
            cold: replay::addresses(b"cold", spec.count("accounts"), seed),
            hot: replay::addresses(b"hot", spec.count("hot"), seed),
            share: spec.value("share"),
        }
    }
}

impl Family for Crossing {
    fn keys(&self) -> &Keyring {
        self.replay.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.replay.genesis(self.cold.iter().chain(&self.hot))
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.replay.payer(rng);
        let first = rng.random_range(0..self.hot.len());
        let second = if rng.random_range(0..100) < self.share {
            &self.hot[replay::other(first, self.hot.len(), rng)]
        } else {
            &self.cold[rng.random_range(0..self.cold.len())]
        };
        let metas = vec![write(&self.hot[first]), write(second)];
        self.replay.draft(place, payer, metas)
    }
}
