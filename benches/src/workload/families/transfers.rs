//! `transfers`: lamports from one wallet to another, both drawn uniformly. Next to no conflicts.
//!
//! Every kind of load that consists of transfers between wallets is made here, from a function
//! that draws source and target.

use std::fmt;

use lockstep_interface::{Account, Address};
use lockstep_programs::system;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{ACCOUNTS, Family, FamilySpec};
use crate::access::COST_DEFAULT;
use crate::workload::accounts::PAYER_BALANCE;
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::{Keyring, Signing};
use crate::workload::options::{OptionKind, OptionSpec, WorkloadSpec};

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "transfers",
    about: "transfers between wallets drawn uniformly: hardly any conflict",
    options: &[ACCOUNTS, SIGNATURES],
    build: |spec, seed| Ok(transfers(spec, seed, |wallets, _, rng| wallets.pair(rng))),
};

/// What wallets sign with; the words stand in the order of [`Signing`].
const SIGNATURES: OptionSpec = OptionSpec {
    name: "signatures",
    kind: OptionKind::Choice(&["ed25519", "falcon", "mldsa", "mixed"]),
    default: 0,
    min: 0,
    max: 3,
    about: "what wallets sign with; mixed takes all three in turn",
};

/// Wallets that can all pay and receive.
#[derive(Debug)]
pub struct Wallets(Keyring);

impl Wallets {
    /// As many as the `accounts` option says, which sign as `signatures` does, if there is one.
    pub(super) fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let signing = match spec.get(SIGNATURES.name) {
            Some(1) => Signing::Falcon,
            Some(2) => Signing::MlDsa,
            Some(3) => Signing::Mixed,
            _ => Signing::Ed25519,
        };
        let count = spec.count("accounts");
        Self(Keyring::generate(seed, count).signing(signing, seed))
    }

    /// The number of wallets, at least 2.
    #[expect(clippy::len_without_is_empty, reason = "there are always wallets")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A wallet other than `taken`, each alike.
    pub fn other(&self, taken: usize, rng: &mut ChaCha8Rng) -> usize {
        let ticket = rng.random_range(1..self.len());
        // Counted on from the one that is taken, so that it cannot come up.
        match taken.checked_add(ticket) {
            Some(number) if number < self.len() => number,
            Some(number) => number.saturating_sub(self.len()),
            None => unreachable!("wallets are counted far below the limit"),
        }
    }

    /// Two different wallets, each pair alike.
    pub fn pair(&self, rng: &mut ChaCha8Rng) -> (usize, usize) {
        let source = rng.random_range(0..self.len());
        (source, self.other(source, rng))
    }

    pub(super) fn keys(&self) -> &Keyring {
        &self.0
    }

    pub(super) fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let wallets = self.0.addresses().iter();
        Box::new(wallets.map(|&address| (address, Account::wallet(PAYER_BALANCE))))
    }
}

/// A kind of load of transfers: `pick` draws the numbers of source and target, which must differ,
/// of as many wallets as the option [`ACCOUNTS`] says.
pub fn transfers(
    spec: &WorkloadSpec,
    seed: u64,
    pick: impl Fn(&Wallets, Place, &mut ChaCha8Rng) -> (usize, usize) + Send + Sync + 'static,
) -> Box<dyn Family> {
    Box::new(Transfers {
        wallets: Wallets::new(spec, seed),
        pick,
    })
}

struct Transfers<P> {
    wallets: Wallets,
    pick: P,
}

impl<P> fmt::Debug for Transfers<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Transfers")
            .field(&self.wallets)
            .finish()
    }
}

impl<P> Family for Transfers<P>
where
    P: Fn(&Wallets, Place, &mut ChaCha8Rng) -> (usize, usize) + Send + Sync,
{
    fn keys(&self) -> &Keyring {
        self.wallets.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.wallets.genesis()
    }

    /// A transfer whose amount tells it apart from all others of its block.
    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let (source, target) = (self.pick)(&self.wallets, place, rng);
        let [from, to] = [source, target].map(|number| self.keys().address(number));
        let lamports = u64::from(place.tag()).saturating_add(1);
        Draft {
            payer: source,
            instructions: vec![system::instruction::transfer(&from, &to, lamports)],
            tables: None,
            cost: COST_DEFAULT,
        }
    }
}
