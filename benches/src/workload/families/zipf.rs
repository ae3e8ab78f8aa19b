//! `zipf`: transfers of which both ends are drawn by popularity: wallet number n in proportion to
//! (n + 1)^-exponent.

use lockstep_interface::{Account, Address};
use rand_chacha::ChaCha8Rng;

use super::transfers::Wallets;
use super::{ACCOUNTS, Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::{OptionKind, OptionSpec};
use crate::workload::sample::Zipf;

/// The steepness of popularity.
pub(super) const EXPONENT: OptionSpec = OptionSpec {
    name: "exponent",
    kind: OptionKind::Decimal,
    default: 1_000,
    min: 0,
    max: 3_000,
    about: "steepness of popularity: 0 is uniform, real traffic is near 1",
};

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "zipf",
    about: "transfers between wallets drawn by popularity: a few are in most of them",
    options: &[ACCOUNTS, EXPONENT],
    build: |spec, seed| {
        let popularity = Zipf::new(spec.count("accounts"), spec.value("exponent"));
        let wallets = Wallets::new(spec, seed);
        Box::new(ZipfTransfers {
            wallets,
            popularity,
        })
    },
};

/// Draws of the second end that may hit the first before it is drawn uniformly. With a steep
/// exponent nearly every draw is the same wallet.
const DRAWS_MAX: usize = 16;

#[derive(Debug)]
struct ZipfTransfers {
    wallets: Wallets,
    popularity: Zipf,
}

impl Family for ZipfTransfers {
    fn keys(&self) -> &Keyring {
        self.wallets.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.wallets.genesis()
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let source = self.popularity.sample(rng);
        let drawn = (0..DRAWS_MAX)
            .map(|_| self.popularity.sample(rng))
            .find(|&target| target != source);
        let target = drawn.unwrap_or_else(|| self.wallets.other(source, rng));
        self.wallets.transfer(place, source, target)
    }
}
