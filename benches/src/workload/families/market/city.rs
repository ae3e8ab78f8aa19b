//! `city`: a mix of everything, each part with people of its own.
//!
//! | Of 100 | do |
//! |---|---|
//! | 20 | transfers of lamports |
//! | 15 | transfers of tokens |
//! | 15 | payments out of escrows |
//! | 10 | votes, on one proposal a lap |
//! | 10 | mints |
//! | 10 | messages of payment channels |
//! | 10 | steps of supply chains |
//! | 10 | steps of heroes in a game |
//!
//! The `hot-share` goes to one object of each kind that can have a hot one: a wallet, a token
//! account, a shop, a collection.

use super::channels::Channels;
use super::drop::Launches;
use super::game::Game;
use super::payments::Payments;
use super::supply::Supply;
use super::transfers::Transfers;
use super::votes::Votes;
use super::{Build, Town};
use crate::workload::families::{ACCOUNTS, FamilySpec, replay};
use crate::workload::options::OptionSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "city",
    about: "transfers, payments, votes, mints, channels, supply chains and a game, all at once",
    options: &[
        OptionSpec {
            default: 200_000,
            min: 40,
            ..ACCOUNTS
        },
        replay::percent(
            "hot-share",
            30,
            "of transfers, payments and mints: those that one object of each kind gets",
        ),
        replay::percent(
            "failing",
            5,
            "transactions that fail once they have done their work",
        ),
    ],
    build: |spec, seed| Box::new(Town::new(spec, seed, &QUARTERS, spec.value("failing"))),
};

/// The parts and their weights.
const QUARTERS: [(usize, Build); 8] = [
    (20, Transfers::of_lamports),
    (15, Transfers::of_tokens),
    (15, Payments::build),
    (10, Votes::build),
    (10, Launches::build),
    (10, Channels::build),
    (10, Supply::build),
    (10, Game::build),
];
