//! `transfers`: lamports from one wallet to another, both drawn uniformly. Next to no conflicts.

use lockstep_interface::{Account, Address};
use lockstep_programs::system;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{ACCOUNTS, Family, FamilySpec};
use crate::access::COST_DEFAULT;
use crate::workload::accounts::PAYER_BALANCE;
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "transfers",
    about: "transfers between wallets drawn uniformly: hardly any conflict",
    options: &[ACCOUNTS],
    build: |spec, seed| Box::new(Transfers(Wallets::new(spec, seed))),
};

/// Wallets that can all pay and receive.
#[derive(Debug)]
pub(super) struct Wallets(Keyring);

impl Wallets {
    /// As many as the `accounts` option says.
    pub(super) fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        Self(Keyring::generate(seed, spec.count("accounts")))
    }

    pub(super) fn keys(&self) -> &Keyring {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let wallets = self.0.addresses().iter();
        Box::new(wallets.map(|&address| (address, Account::wallet(PAYER_BALANCE))))
    }

    /// A wallet other than `taken`, each alike.
    pub(super) fn other(&self, taken: usize, rng: &mut ChaCha8Rng) -> usize {
        let ticket = rng.random_range(1..self.len());
        // Counted on from the one that is taken, so that it cannot come up.
        match taken.checked_add(ticket) {
            Some(number) if number < self.len() => number,
            Some(number) => number.saturating_sub(self.len()),
            None => unreachable!("wallets are counted far below the limit"),
        }
    }

    /// A transfer whose amount tells it apart from all others of its block.
    pub(super) fn transfer(&self, place: Place, source: usize, target: usize) -> Draft {
        let lamports = u64::from(place.tag()).saturating_add(1);
        let (from, to) = (self.0.address(source), self.0.address(target));
        Draft {
            payer: source,
            instructions: vec![system::instruction::transfer(&from, &to, lamports)],
            tables: None,
            cost: COST_DEFAULT,
        }
    }
}

#[derive(Debug)]
struct Transfers(Wallets);

impl Family for Transfers {
    fn keys(&self) -> &Keyring {
        self.0.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.0.genesis()
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let source = rng.random_range(0..self.0.len());
        let target = self.0.other(source, rng);
        self.0.transfer(place, source, target)
    }
}
