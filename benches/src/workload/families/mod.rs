//! The kinds of load, one file each: a position in the stream into a [`Draft`].

mod adversarial;
mod candy_machines;
mod chain;
mod crossing;
mod hot;
mod mainnet_mix;
mod market;
mod mint;
mod one_account;
mod pools;
mod pools_mixed;
pub(super) mod recorded;
mod replay;
mod smallbank;
mod swap_trace;
mod token;
pub(super) mod transfers;
mod ycsb;
mod zipf;

use std::fmt;

use lockstep_interface::{Account, Address, ProgramTable};
use lockstep_market::market_programs;
use lockstep_runtime::wire::LookupTable;
use rand_chacha::ChaCha8Rng;

use super::draft::{Draft, Place};
use super::keys::Keyring;
use super::options::{OptionKind, OptionSpec, SpecError, WorkloadSpec};
use crate::access::AccessList;

/// A kind of load: a place in the stream, and a random stream of the place's own, into a
/// transaction. The same place and random stream always give the same transaction.
pub trait Family: fmt::Debug + Send + Sync {
    /// The key pairs of all fee payers.
    fn keys(&self) -> &Keyring;

    /// The accounts to begin with, each once, without those of lookup tables.
    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_>;

    /// The lookup tables that drafts refer to by number.
    fn tables(&self) -> &[LookupTable] {
        &[]
    }

    /// The programs of a chain that runs it.
    fn programs(&self) -> ProgramTable {
        market_programs()
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
    /// Makes it from options and seed, on the current rayon pool. Fails if it needs a file that is
    /// not there.
    pub build: fn(&WorkloadSpec, u64) -> Built,
}

/// A family that is ready, or why there is none.
pub type Built = Result<Box<dyn Family>, SpecError>;

/// The built-in kinds of load and those that a user adds, looked up by name.
///
/// ```
/// use lockstep_benches::workload::Families;
///
/// let families = Families::new();
/// let spec = families.parse("zipf:exponent=0.80")?;
/// assert_eq!((spec.name(), spec.value("exponent")), ("zipf", 800));
/// assert!(families.parse("zip").is_err());
/// # Ok::<(), lockstep_benches::workload::SpecError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Families(Vec<FamilySpec>);

impl Families {
    /// The built-in kinds.
    pub fn new() -> Self {
        Self(BUILT_IN.to_vec())
    }

    /// Adds a kind; it replaces one of the same name, which is returned.
    pub fn register(&mut self, family: FamilySpec) -> Option<FamilySpec> {
        match self.0.iter_mut().find(|known| known.name == family.name) {
            Some(known) => Some(std::mem::replace(known, family)),
            None => {
                self.0.push(family);
                None
            }
        }
    }

    /// All kinds, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &FamilySpec> {
        self.0.iter()
    }

    /// The workload that a text names: a kind, then `:option=value` for each option that is not
    /// to have its default.
    ///
    /// # Errors
    /// [`SpecError`] if there is no such kind, or the kind has no such option or value.
    pub fn parse(&self, text: &str) -> Result<WorkloadSpec, SpecError> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let family = self.iter().find(|family| family.name == name);
        let family = family.ok_or_else(|| SpecError::UnknownWorkload {
            found: name.to_owned(),
            known: self.iter().map(|family| family.name).collect(),
        })?;
        let mut spec = WorkloadSpec::new(*family);
        for part in parts {
            let Some((option, value)) = part.split_once('=') else {
                return Err(SpecError::NoValue {
                    workload: family.name,
                    found: part.to_owned(),
                });
            };
            spec.set(option, value)?;
        }
        Ok(spec)
    }
}

impl Default for Families {
    fn default() -> Self {
        Self::new()
    }
}

const BUILT_IN: [FamilySpec; 25] = [
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
    market::dex::SPEC,
    market::loans::SPEC,
    market::votes::SPEC,
    market::drop::SPEC,
    market::payments::SPEC,
    market::channels::SPEC,
    market::supply::SPEC,
    market::game::SPEC,
    market::city::SPEC,
    swap_trace::SPEC,
    candy_machines::SPEC,
];

/// The option that all workloads of transfers have: how many wallets there are.
pub const ACCOUNTS: OptionSpec = OptionSpec {
    name: "accounts",
    kind: OptionKind::Count,
    default: 100_000,
    min: 2,
    max: 10_000_000,
    about: "funded wallets",
};
