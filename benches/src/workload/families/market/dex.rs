//! `dex`: an exchange of pools and order books. Traders take turns, and those of different markets
//! share nothing: a block in which each market has at most one of them is one batch without waits.

use super::orders::Orders;
use super::swaps::Swaps;
use super::{Build, Town};
use crate::workload::families::{ACCOUNTS, FamilySpec, replay};
use crate::workload::options::OptionSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "dex",
    about: "swaps in pools and orders in books; traders of different markets share nothing",
    options: &[
        OptionSpec {
            default: 20_000,
            ..ACCOUNTS
        },
        replay::count("markets", 1_000, 1, "markets: two pools and a book each"),
        replay::percent("orders", 40, "transactions that place an order"),
        ROUTES,
        replay::percent("hot-share", 0, "swaps in the first pool of all"),
    ],
    build: |spec, seed| {
        let orders = spec.count("orders");
        let parts: [(usize, Build); 2] = [
            (100_usize.saturating_sub(orders), Swaps::build),
            (orders, Orders::build),
        ];
        let parts: Vec<_> = parts
            .into_iter()
            .filter(|(weight, _)| *weight > 0)
            .collect();
        Ok(Box::new(Town::new(
            spec.count("accounts"),
            spec,
            seed,
            &parts,
            0,
        )))
    },
};

/// The option for trades through two pools.
pub(super) const ROUTES: OptionSpec =
    replay::percent("routes", 10, "swaps through both pools of a market");
