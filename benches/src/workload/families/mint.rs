//! `mint`: every transaction mints an item of the same collection: all write its counter, and each
//! three accounts that belong to its item alone.

use lockstep_interface::{Account, Address};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::replay::{self, COST, PAYERS, Replay, write};
use super::{Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "mint",
    about: "items minted from collections: all of a collection write its counter",
    options: &[
        PAYERS,
        replay::count("accounts", 20_000, 1, "items, minted in turn"),
        replay::count(
            "collections",
            1,
            1,
            "collections, each with a counter; an item's is drawn",
        ),
        COST,
    ],
    build: |spec, seed| Ok(Box::new(Mint::new(spec, seed))),
};

/// Accounts of an item: mint, token account, metadata.
const ITEM_SIZE: usize = 3;

#[derive(Debug)]
struct Mint {
    replay: Replay,
    counters: Vec<Address>,
    /// Those of item i stand from i * ITEM_SIZE.
    items: Vec<Address>,
}

impl Mint {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let items = spec.count("accounts").saturating_mul(ITEM_SIZE);
        Self {
            replay: Replay::new(spec, seed),
            counters: replay::addresses(b"counter", spec.count("collections"), seed),
            items: replay::addresses(b"item", items, seed),
        }
    }
}

impl Family for Mint {
    fn keys(&self) -> &Keyring {
        self.replay.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.replay.genesis(self.counters.iter().chain(&self.items))
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let items = self.items.chunks_exact(ITEM_SIZE);
        let number = place.number.checked_rem(items.len());
        let item = number.and_then(|number| items.clone().nth(number));
        let item = item.expect("there is an item");
        let counter = &self.counters[rng.random_range(0..self.counters.len())];
        let metas = [counter].into_iter().chain(item).map(write).collect();
        self.replay.draft(place, self.replay.payer(rng), metas)
    }
}
