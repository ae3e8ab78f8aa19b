//! `chain`: every transfer is sent by the receiver of the one before. In block order nothing can
//! run in parallel; in free order every other transfer can.

use lockstep_interface::{Account, Address};
use rand_chacha::ChaCha8Rng;

use super::transfers::Wallets;
use super::{ACCOUNTS, Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "chain",
    about: "each transfer is sent by the receiver of the one before",
    options: &[ACCOUNTS],
    build: |spec, seed| Box::new(Chain(Wallets::new(spec, seed))),
};

#[derive(Debug)]
struct Chain(Wallets);

impl Chain {
    /// The wallet at a place of the round through all of them.
    fn wallet(&self, number: usize) -> usize {
        let wallet = number.checked_rem(self.0.len());
        wallet.expect("there are wallets")
    }
}

impl Family for Chain {
    fn keys(&self) -> &Keyring {
        self.0.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.0.genesis()
    }

    fn draft(&self, place: Place, _: &mut ChaCha8Rng) -> Draft {
        let source = self.wallet(place.number);
        let target = self.wallet(place.number.saturating_add(1));
        self.0.transfer(place, source, target)
    }
}
