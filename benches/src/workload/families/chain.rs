//! `chain`: every transfer is sent by the receiver of the one before. In block order nothing can
//! run in parallel; in free order every other transfer can.

use super::transfers::transfers;
use super::{ACCOUNTS, FamilySpec};

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "chain",
    about: "each transfer is sent by the receiver of the one before",
    options: &[ACCOUNTS],
    build: |spec, seed| {
        Ok(transfers(spec, seed, |wallets, place, _| {
            let wallet = |number: usize| {
                let wallet = number.checked_rem(wallets.len());
                wallet.expect("there are wallets")
            };
            (wallet(place.number), wallet(place.number.saturating_add(1)))
        }))
    },
};
