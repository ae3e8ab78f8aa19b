//! The kinds of load, one file each: a position in the stream into a [`Draft`].

mod adversarial;
mod chain;
mod crossing;
mod hot;
mod mainnet_mix;
mod mint;
mod one_account;
mod pools;
mod pools_mixed;
pub(super) mod recorded;
mod replay;
mod smallbank;
mod token;
mod transfers;
mod ycsb;
mod zipf;

use std::fmt;

use lockstep_interface::{Account, Address};
use lockstep_runtime::wire::LookupTable;
use rand_chacha::ChaCha8Rng;

use super::draft::{Draft, Place};
use super::keys::Keyring;
use super::options::{OptionKind, OptionSpec, WorkloadSpec};
use crate::access::AccessList;

/// A kind of load.
pub trait Family: fmt::Debug + Send + Sync {
    /// The key pairs of all fee payers.
    fn keys(&self) -> &Keyring;

    /// The accounts to begin with, each once, without those of lookup tables.
    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_>;

    /// The lookup tables that drafts refer to by number.
    fn tables(&self) -> &[LookupTable] {
        &[]
    }

    /// The transaction at a place. Under one blockhash, two places give two transactions.
    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft;

    /// What the transaction at a place declares.
    fn access_list(&self, place: Place, rng: &mut ChaCha8Rng) -> AccessList {
        self.draft(place, rng).access_list(self.keys())
    }
}

/// A kind of load by name, and how to make it.
#[derive(Clone, Copy, Debug)]
pub struct FamilySpec {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// Its options.
    pub options: &'static [OptionSpec],
    /// Makes it from options and seed, on the current rayon pool.
    pub(super) build: fn(&WorkloadSpec, u64) -> Box<dyn Family>,
}

/// All kinds of generated load.
pub const FAMILIES: [FamilySpec; 14] = [
    transfers::SPEC,
    zipf::SPEC,
    hot::SPEC,
    chain::SPEC,
    one_account::SPEC,
    mainnet_mix::SPEC,
    pools::SPEC,
    pools_mixed::SPEC,
    mint::SPEC,
    crossing::SPEC,
    adversarial::SPEC,
    smallbank::SPEC,
    ycsb::SPEC,
    token::SPEC,
];

/// The option that all workloads of transfers have.
const ACCOUNTS: OptionSpec = OptionSpec {
    name: "accounts",
    kind: OptionKind::Count,
    default: 100_000,
    min: 2,
    max: 10_000_000,
    about: "funded wallets",
};
