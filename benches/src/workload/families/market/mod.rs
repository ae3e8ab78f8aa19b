//! Loads of the market's programs. Each is a [`Quarter`]: accounts, and transactions of the users
//! that it is given. A workload is a [`Town`] of one quarter, or of several that take turns.
//!
//! ```text
//! place -> turn of a quarter -> user, lap -> draft of the public builders -> (fails?) -> Draft
//! ```
//!
//! Users take turns, so that within a lap none acts twice: what a block conflicts on is what its
//! transactions have in common by nature, not the luck of a draw.

pub(super) mod channels;
pub(super) mod city;
pub(super) mod dex;
pub(super) mod drop;
pub(super) mod game;
pub(super) mod loans;
pub(super) mod orders;
pub(super) mod payments;
pub(super) mod supply;
pub(super) mod swaps;
pub(super) mod transfers;
pub(super) mod votes;

use std::fmt;

use bytemuck::Pod;
use lockstep_interface::address::program_ids;
use lockstep_interface::{Account, Address, Instruction, Rent};
use lockstep_programs::system;
use lockstep_sdk::state::StateData;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Family;
use crate::workload::accounts::PAYER_BALANCE;
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

/// An address that a program derives, with its bump seed.
pub(super) type Derived = (Address, u8);

/// The wallets of a quarter: a run of those of its town.
#[derive(Clone, Copy, Debug)]
pub(super) struct Users {
    first: usize,
    count: usize,
}

impl Users {
    /// The number of the wallet whose turn it is.
    fn at(&self, turn: usize) -> usize {
        let place = turn.checked_rem(self.count).unwrap_or(0);
        self.first.saturating_add(place)
    }

    /// How often all of them have had a turn before this one.
    fn lap(&self, turn: usize) -> usize {
        turn.checked_div(self.count).unwrap_or(0)
    }

    /// All of them.
    fn all(&self) -> std::ops::Range<usize> {
        self.first..self.first.saturating_add(self.count)
    }

    /// As many pairs as there are, as if each were one user.
    fn pairs(&self) -> Self {
        Self {
            first: 0,
            count: self.count / 2,
        }
    }

    /// Both wallets of a pair.
    fn pair(&self, number: usize) -> [usize; 2] {
        let first = self.first.saturating_add(number.saturating_mul(2));
        [first, first.saturating_add(1)]
    }
}

/// Accounts of a quarter.
pub(super) type Accounts<'a> = Box<dyn Iterator<Item = (Address, Account)> + 'a>;

/// A load over some of a town's wallets.
pub(super) trait Quarter: fmt::Debug + Send + Sync {
    /// The accounts that it begins with, wallets of users not among them.
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a>;

    /// The transaction of this turn, counted from 0. Two turns give two transactions.
    fn draft(&self, keys: &Keyring, turn: usize, rng: &mut ChaCha8Rng) -> Draft;
}

/// Wallets, and the quarters that they live in.
#[derive(Debug)]
pub(super) struct Town {
    keys: Keyring,
    quarters: Vec<Box<dyn Quarter>>,
    /// The quarter of each place of a cycle, and which of the quarter's turns in it that is.
    cycle: Vec<(usize, usize)>,
    /// Turns of each quarter in a cycle.
    weights: Vec<usize>,
    /// Transactions of 100 that fail once they have done their work.
    failing: u64,
}

/// What makes a quarter, out of the wallets, which of them are its own, options and seed.
pub(super) type Build = fn(&Keyring, Users, &WorkloadSpec, u64) -> Box<dyn Quarter>;

impl Town {
    /// A town of one quarter, with as many wallets as the `accounts` option says.
    pub(super) fn of_one(spec: &WorkloadSpec, seed: u64, build: Build) -> Box<dyn Family> {
        let count = spec.count("accounts");
        Box::new(Self::new(count, spec, seed, &[(1, build)], 0))
    }

    /// A town of several quarters, which have wallets and turns in proportion to their weights.
    pub(super) fn new(
        count: usize,
        spec: &WorkloadSpec,
        seed: u64,
        quarters: &[(usize, Build)],
        failing: u64,
    ) -> Self {
        let keys = Keyring::generate(seed, count);
        let weights: Vec<usize> = quarters.iter().map(|(weight, _)| *weight).collect();
        let sum: usize = weights.iter().sum();
        let mut first = 0_usize;
        let mut built = Vec::with_capacity(quarters.len());
        for (weight, build) in quarters {
            let part = count.saturating_mul(*weight).checked_div(sum).unwrap_or(0);
            let users = Users {
                first,
                count: part.max(1),
            };
            first = first.saturating_add(part);
            built.push(build(&keys, users, spec, seed));
        }
        Self {
            keys,
            quarters: built,
            cycle: cycle(&weights),
            weights,
            failing,
        }
    }
}

/// The order of a cycle: each quarter as often as it weighs, spread evenly.
fn cycle(weights: &[usize]) -> Vec<(usize, usize)> {
    let sum: usize = weights.iter().sum();
    let mut places: Vec<(usize, usize, usize)> = Vec::with_capacity(sum);
    for (quarter, weight) in weights.iter().enumerate() {
        for turn in 0..*weight {
            // The middle of its part of the cycle, in small units.
            let middle = turn.saturating_mul(2).saturating_add(1);
            let middle = middle.saturating_mul(1 << 16).checked_div(*weight);
            places.push((middle.unwrap_or(0), quarter, turn));
        }
    }
    places.sort_unstable();
    let order = places.into_iter();
    order.map(|(_, quarter, turn)| (quarter, turn)).collect()
}

impl Family for Town {
    fn keys(&self) -> &Keyring {
        &self.keys
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let wallets = self.keys.addresses().iter();
        let wallets = wallets.map(|&address| (address, Account::wallet(PAYER_BALANCE)));
        let quarters = self.quarters.iter();
        let accounts = quarters.flat_map(|quarter| quarter.genesis(&self.keys));
        Box::new(wallets.chain(accounts))
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let size = self.cycle.len();
        let in_cycle = place.number.checked_rem(size).unwrap_or(0);
        let (quarter, turn) = self.cycle[in_cycle];
        let cycles = place.number.checked_div(size).unwrap_or(0);
        let before = cycles.saturating_mul(self.weights[quarter]);
        let turn = before.saturating_add(turn);
        let mut draft = self.quarters[quarter].draft(&self.keys, turn, rng);
        if self.failing > 0 && rng.random_range(0..100) < self.failing {
            let payer = self.keys.address(draft.payer);
            let overdraft = system::instruction::transfer(&payer, &payer, u64::MAX);
            draft.instructions.push(overdraft);
        }
        draft
    }
}

/// A draft of one instruction.
fn draft(payer: usize, instruction: Instruction, cost: u64) -> Draft {
    Draft {
        payer,
        instructions: vec![instruction],
        tables: None,
        cost,
    }
}

/// A rent-exempt account that holds a state of a program of ours.
fn state_account<T: StateData + Pod>(state: &T, bump: u8) -> Account {
    let tag = T::DISCRIMINATOR.expect("states of the market have a discriminator");
    owned(
        &[&[tag, bump], bytemuck::bytes_of(state)].concat(),
        T::OWNER,
    )
}

/// A rent-exempt account of the Token program.
pub(super) fn token_account(state: &impl Pod) -> Account {
    owned(bytemuck::bytes_of(state), program_ids::TOKEN)
}

fn owned(data: &[u8], owner: Address) -> Account {
    Account {
        lamports: Rent::MAINNET.minimum_balance(data.len()),
        data: data.into(),
        owner,
        executable: false,
    }
}

/// A number as programs have them.
fn number(index: usize) -> u64 {
    u64::try_from(index).expect("an index fits u64")
}
