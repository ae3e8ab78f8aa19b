//! `drop`: the launch of a collection. All mints of a block add to one counter and pay one creator,
//! and each makes an item of its own.

use lockstep_interface::{Account, Address};
use lockstep_market::items::collection::{self, *};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Accounts, Derived, Quarter, Town, Users, draft, number, state_account};
use crate::workload::accounts::PAYER_BALANCE;
use crate::workload::draft::Draft;
use crate::workload::families::{ACCOUNTS, FamilySpec, replay};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "drop",
    about: "items of a collection that is launched, bought as fast as they are minted",
    options: &[ACCOUNTS, HOT_SHARE],
    build: |spec, seed| Ok(Town::of_one(spec, seed, Launches::build)),
};

/// The option of what goes to the one hot object of its kind; the rest is spread.
pub(super) const HOT_SHARE: crate::workload::options::OptionSpec = replay::percent(
    "hot-share",
    100,
    "mints of one collection, payments to one shop; all others have one for each user",
);

/// Compute units of a mint.
const COST: u64 = 14_000;
/// Lamports of an item.
const PRICE: u64 = 1_000;

/// Collections and their creators: the hot one, and one for each user.
#[derive(Debug)]
pub(super) struct Launches {
    users: Users,
    creators: Vec<Address>,
    collections: Vec<Derived>,
    hot_share: u64,
}

impl Launches {
    /// See [`super::Build`].
    pub(super) fn build(
        _: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        let hot_share = spec.value("hot-share");
        let creators = replay::addresses(b"creator", object_count(hot_share, &users), seed);
        let collections = creators.par_iter();
        let collections = collections.map(|creator| Launch::collection_address(creator, 0));
        Box::new(Self {
            users,
            collections: collections.collect(),
            creators,
            hot_share,
        })
    }
}

/// Objects of a kind: the hot one, and one for each user if any transaction is for these.
pub(super) fn object_count(hot_share: u64, users: &Users) -> usize {
    match hot_share {
        100 => 1,
        _ => users.count.saturating_add(1),
    }
}

/// Which of them a user's transaction is for: the first one for a share of all.
pub(super) fn drawn(hot_share: u64, place: usize, rng: &mut ChaCha8Rng) -> usize {
    match rng.random_range(0..100) < hot_share {
        true => 0,
        false => place.saturating_add(1),
    }
}

impl Quarter for Launches {
    fn genesis<'a>(&'a self, _: &'a Keyring) -> Accounts<'a> {
        let both = self.creators.iter().zip(&self.collections);
        let both = both.flat_map(|(creator, (address, bump))| {
            let state = Collection {
                creator: *creator,
                supply: u64::MAX.into(),
                price: PRICE.into(),
                royalty: 500.into(),
                minted: 0.into(),
            };
            let wallet = Account::wallet(PAYER_BALANCE);
            [(*creator, wallet), (*address, state_account(&state, *bump))]
        });
        Box::new(both)
    }

    fn draft(&self, keys: &Keyring, turn: usize, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.users.at(turn);
        let place = payer.saturating_sub(self.users.first);
        let place = drawn(self.hot_share, place, rng);
        let mint = MintAddresses {
            buyer: keys.address(payer),
            collection: self.collections[place].0,
            creator: self.creators[place],
        };
        draft(payer, collection::call::mint(&mint, number(turn)), COST)
    }
}
