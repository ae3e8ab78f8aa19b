//! `pools-mixed`: what surrounds swaps on a busy chain: arbitrage that ties two pools together,
//! transfers that touch none, and updates of oracles that many swaps read.

use lockstep_interface::{Account, Address};
use lockstep_programs::system;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::pools::{Exchange, POOLS};
use super::replay::{self, COST, PAYERS, read, write};
use super::{Family, FamilySpec};
use crate::access::COST_DEFAULT;
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "pools-mixed",
    about: "swaps (60%), two-pool arbitrage (10%), transfers (25%), oracle updates (5%)",
    options: &[PAYERS, POOLS, super::zipf::EXPONENT, COST],
    build: |spec, seed| Ok(Box::new(PoolsMixed::new(spec, seed))),
};

/// Per cent of transactions below which a draw is of this kind.
const SWAPS_BELOW: u32 = 60;
const ARBITRAGE_BELOW: u32 = 70;
const TRANSFERS_BELOW: u32 = 95;

/// Oracles; pool p reads number p modulo this.
const ORACLE_COUNT: usize = 8;

#[derive(Debug)]
struct PoolsMixed {
    exchange: Exchange,
    oracles: Vec<Address>,
}

impl PoolsMixed {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        Self {
            exchange: Exchange::new(spec, seed),
            oracles: replay::addresses(b"oracle", ORACLE_COUNT, seed),
        }
    }

    fn oracle_of(&self, pool: usize) -> &Address {
        &self.oracles[pool % ORACLE_COUNT]
    }

    fn transfer(&self, place: Place, source: usize, rng: &mut ChaCha8Rng) -> Draft {
        let keys = self.keys();
        let target = replay::other(source, keys.len(), rng);
        let (from, to) = (keys.address(source), keys.address(target));
        let lamports = u64::from(place.tag()).saturating_add(1);
        Draft {
            payer: source,
            instructions: vec![system::instruction::transfer(&from, &to, lamports)],
            tables: None,
            cost: COST_DEFAULT,
        }
    }
}

impl Family for PoolsMixed {
    fn keys(&self) -> &Keyring {
        self.exchange.replay.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let accounts = self.exchange.accounts().chain(&self.oracles);
        self.exchange.replay.genesis(accounts)
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let Exchange { replay, .. } = &self.exchange;
        let user = replay.payer(rng);
        match rng.random_range(0..100_u32) {
            0..SWAPS_BELOW => {
                let pool = self.exchange.draw_pool(rng);
                let mut metas = self.exchange.trade(user, &[pool]);
                metas.push(read(self.oracle_of(pool)));
                replay.draft(place, user, metas)
            }
            SWAPS_BELOW..ARBITRAGE_BELOW => {
                let first = self.exchange.draw_pool(rng);
                let second = self.exchange.other_pool(first, rng);
                let metas = self.exchange.trade(user, &[first, second]);
                replay.double_draft(place, user, metas)
            }
            ARBITRAGE_BELOW..TRANSFERS_BELOW => self.transfer(place, user, rng),
            _ => {
                let oracle = &self.oracles[rng.random_range(0..ORACLE_COUNT)];
                replay.draft(place, user, vec![write(oracle)])
            }
        }
    }
}
