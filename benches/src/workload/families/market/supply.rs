//! `supply-chain`: makers that make lots, offer them to a shop, and shops that accept them, one
//! step a lap. Stocks are only added to; a lot is written by its own transactions.

use lockstep_interface::Address;
use lockstep_market::supply::supply::{self, *};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Accounts, Derived, Quarter, Town, Users, draft, number, state_account};
use crate::workload::draft::Draft;
use crate::workload::families::{ACCOUNTS, FamilySpec};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "supply-chain",
    about: "lots that are made, offered to another site, and accepted there",
    options: &[ACCOUNTS],
    build: |spec, seed| Ok(Town::of_one(spec, seed, Supply::build)),
};

/// Compute units of a step.
const COST: u64 = 9_000;
/// Units of a lot.
const UNITS: u64 = 10;

/// A maker with a product, and a shop.
#[derive(Debug)]
struct Chain {
    product: Derived,
    sites: [Derived; 2],
    stocks: [Derived; 2],
}

/// Pairs of users, the first a maker, the second a shop.
#[derive(Debug)]
pub(super) struct Supply {
    users: Users,
    chains: Vec<Chain>,
}

impl Supply {
    /// See [`super::Build`].
    pub(super) fn build(
        keys: &Keyring,
        users: Users,
        _: &WorkloadSpec,
        _: u64,
    ) -> Box<dyn Quarter> {
        let pairs = (0..users.pairs().count).into_par_iter();
        let chains = pairs.map(|pair| {
            let operators = users.pair(pair).map(|user| keys.address(user));
            let product = Define::product_address(&operators[0], 0);
            let sites = operators.map(|operator| Build::site_address(&operator, 0));
            let stocks = sites.map(|(site, _)| OpenStock::stock_address(&site, &product.0));
            Chain {
                product,
                sites,
                stocks,
            }
        });
        Box::new(Self {
            users,
            chains: chains.collect(),
        })
    }

    fn operators(&self, keys: &Keyring, pair: usize) -> [Address; 2] {
        self.users.pair(pair).map(|user| keys.address(user))
    }
}

impl Quarter for Supply {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let chains = self.chains.iter().enumerate();
        Box::new(chains.flat_map(move |(pair, chain)| {
            let operators = self.operators(keys, pair);
            let (product, bump) = chain.product;
            let state = Product {
                maker: operators[0],
                regulator: operators[0],
                recalled: 0.into(),
                needs_certificate: false.into(),
            };
            let product_account = (product, state_account(&state, bump));
            let places = operators.into_iter().zip(chain.sites).zip(chain.stocks);
            let places = places.flat_map(move |((operator, site), stock)| {
                let at = Site { operator };
                let of = Stock {
                    site: site.0,
                    product,
                    received: 0.into(),
                    shipped: 0.into(),
                };
                [
                    (site.0, state_account(&at, site.1)),
                    (stock.0, state_account(&of, stock.1)),
                ]
            });
            [product_account].into_iter().chain(places)
        }))
    }

    fn draft(&self, keys: &Keyring, turn: usize, _: &mut ChaCha8Rng) -> Draft {
        let pairs = self.users.pairs();
        let (pair, lap) = (pairs.at(turn), pairs.lap(turn));
        let (product, _) = self.chains[pair].product;
        let [source, target] = self.chains[pair].sites.map(|(site, _)| site);
        let [maker, shop] = self.operators(keys, pair);
        let users = self.users.pair(pair);
        let lot_number = number(lap / 3);
        let (lot, _) = Make::lot_address(&product, lot_number);
        let (user, step) = match lap % 3 {
            0 => {
                let make = MakeAddresses {
                    maker,
                    product,
                    site: source,
                };
                (users[0], supply::call::make(&make, lot_number, UNITS))
            }
            1 => {
                let offer = OfferAddresses {
                    holder: maker,
                    lot,
                    target: Some(target),
                };
                (users[0], supply::call::offer(&offer))
            }
            _ => {
                let accept = AcceptAddresses {
                    operator: shop,
                    product,
                    lot,
                    source,
                    target,
                    proof: None,
                };
                (users[1], supply::call::accept(&accept))
            }
        };
        draft(user, step, COST)
    }
}
