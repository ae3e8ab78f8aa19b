//! `one-account`: all transfers go to one wallet, so no two can run in parallel unless they share
//! their credits.

use lockstep_interface::{Account, Address};
use rand_chacha::ChaCha8Rng;

use super::transfers::Wallets;
use super::{ACCOUNTS, Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "one-account",
    about: "all transfers go to one wallet: fully serial without shared credits",
    options: &[ACCOUNTS],
    build: |spec, seed| Box::new(OneAccount(Wallets::new(spec, seed))),
};

/// The wallet that receives.
const TARGET: usize = 0;

#[derive(Debug)]
struct OneAccount(Wallets);

impl Family for OneAccount {
    fn keys(&self) -> &Keyring {
        self.0.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.0.genesis()
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let source = self.0.other(TARGET, rng);
        self.0.transfer(place, source, TARGET)
    }
}
