//! `pools`: swaps in the pools of an exchange, drawn by popularity.
//!
//! ```text
//! user --+-- two token accounts of the user's own (written)
//!        +-- pool: state and two vaults (written)
//! ```

use lockstep_interface::{Account, AccountMeta, Address};
use rand_chacha::ChaCha8Rng;

use super::replay::{self, COST, PAYERS, Replay, write};
use super::{Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::{OptionSpec, WorkloadSpec};
use crate::workload::sample::Zipf;

/// The option for pools.
pub(super) const POOLS: OptionSpec =
    replay::count("pools", 50, 2, "pools, the first ones the most popular");

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "pools",
    about: "swaps in pools drawn by popularity: a few pools serialise most of the load",
    options: &[PAYERS, POOLS, super::zipf::EXPONENT, COST],
    build: |spec, seed| Ok(Box::new(Swaps(Exchange::new(spec, seed)))),
};

/// Written accounts of a pool: its state and a vault for each of two tokens.
const POOL_SIZE: usize = 3;
/// Token accounts of a user.
const USER_SIZE: usize = 2;

/// Users and pools.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) replay: Replay,
    /// Those of user u stand from u * USER_SIZE.
    token_accounts: Vec<Address>,
    /// Those of pool p stand from p * POOL_SIZE.
    pools: Vec<Address>,
    popularity: Zipf,
}

impl Exchange {
    pub(super) fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let replay = Replay::new(spec, seed);
        let (users, pools) = (replay.keys().len(), spec.count("pools"));
        Self {
            token_accounts: replay::addresses(b"token", users.saturating_mul(USER_SIZE), seed),
            pools: replay::addresses(b"pool", pools.saturating_mul(POOL_SIZE), seed),
            popularity: Zipf::new(pools, spec.value("exponent")),
            replay,
        }
    }

    /// All accounts besides the wallets.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &Address> {
        self.token_accounts.iter().chain(&self.pools)
    }

    /// A pool by popularity.
    pub(super) fn draw_pool(&self, rng: &mut ChaCha8Rng) -> usize {
        self.popularity.sample(rng)
    }

    /// A pool other than `taken`, each alike.
    pub(super) fn other_pool(&self, taken: usize, rng: &mut ChaCha8Rng) -> usize {
        replay::other(taken, self.pools.len() / POOL_SIZE, rng)
    }

    /// What a trade of this user in these pools writes.
    pub(super) fn trade(&self, user: usize, pools: &[usize]) -> Vec<AccountMeta> {
        let of = |list, size, number| {
            let group = <[Address]>::chunks_exact(list, size).nth(number);
            group.expect("users and pools are drawn below their counts")
        };
        let tokens = of(&self.token_accounts, USER_SIZE, user);
        let pools = pools
            .iter()
            .flat_map(|&pool| of(&self.pools, POOL_SIZE, pool));
        tokens.iter().chain(pools).map(write).collect()
    }
}

#[derive(Debug)]
struct Swaps(Exchange);

impl Family for Swaps {
    fn keys(&self) -> &Keyring {
        self.0.replay.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.0.replay.genesis(self.0.accounts())
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let user = self.0.replay.payer(rng);
        let pool = self.0.draw_pool(rng);
        self.0
            .replay
            .draft(place, user, self.0.trade(user, &[pool]))
    }
}
