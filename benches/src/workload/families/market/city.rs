//! `city`: a mix of everything, each part with people of its own.
//!
//! | Of 100 | do |
//! |---|---|
//! | 22 | transfers of lamports |
//! | 18 | transfers of tokens |
//! | 10 | payments out of escrows |
//! | 8 | votes, on one proposal a lap |
//! | 8 | mints |
//! | 8 | steps of supply chains |
//! | 8 | steps of heroes in a game |
//! | 6 | swaps |
//! | 5 | orders |
//! | 4 | steps of loans |
//! | 3 | disputes of payment channels |
//!
//! Disputes are rare, since channels are there so that most payments never meet the chain. Each
//! checks a signature, so that no other transaction here costs as much.
//!
//! The `hot-share` goes to one object of each kind that can have a hot one: a wallet, a token
//! account, a shop, a collection, a pool, a reserve. All others are used by one user in a block, as
//! long as no quarter has fewer users than the block has transactions of it.

use super::channels::Channels;
use super::drop::Launches;
use super::game::Game;
use super::loans::Loans;
use super::orders::Orders;
use super::payments::Payments;
use super::supply::Supply;
use super::swaps::Swaps;
use super::transfers::Transfers;
use super::votes::Votes;
use super::{Build, Town};
use crate::workload::families::{ACCOUNTS, FamilySpec, replay};
use crate::workload::options::OptionSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "city",
    about: "transfers, payments, votes, mints, channels, supply chains, a game, swaps and loans",
    options: &[
        OptionSpec {
            name: "users",
            default: 200_000,
            min: 100,
            about: "funded wallets, a part of them for each kind of transaction",
            ..ACCOUNTS
        },
        replay::percent(
            "hot-share",
            30,
            "of each kind: those that one object of it gets",
        ),
        replay::percent(
            "failing",
            5,
            "transactions that fail once they have done their work",
        ),
    ],
    build: |spec, seed| {
        let (count, failing) = (spec.count("users"), spec.value("failing"));
        Ok(Box::new(Town::new(count, spec, seed, &QUARTERS, failing)))
    },
};

/// The parts and their weights.
const QUARTERS: [(usize, Build); 11] = [
    (22, Transfers::of_lamports),
    (18, Transfers::of_tokens),
    (10, Payments::build),
    (8, Votes::build),
    (8, Launches::build),
    (8, Supply::build),
    (8, Game::build),
    (6, Swaps::of_city),
    (5, Orders::of_city),
    (4, Loans::of_city),
    (3, Channels::build),
];
