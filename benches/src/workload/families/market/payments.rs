//! `payments`: parts of escrows that are released to shops. Each payer has an escrow; the accounts
//! of the shops are only added to.

use lockstep_interface::Address;
use lockstep_market::pay::payments::{self, *};
use lockstep_programs::token::TokenAccount;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::drop::{HOT_SHARE, drawn, object_count};
use super::{Accounts, Derived, Quarter, Town, Users, draft, number, state_account, token_account};
use crate::workload::draft::Draft;
use crate::workload::families::{ACCOUNTS, FamilySpec, replay};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "payments",
    about: "parts of escrows that are released to a shop",
    options: &[ACCOUNTS, HOT_SHARE],
    build: |spec, seed| Ok(Town::of_one(spec, seed, Payments::build)),
};

/// Compute units of a release.
const COST: u64 = 8_000;
/// Tokens in each escrow: enough for any run, and what all hold together fits 64 bits.
const LOCKED: u64 = 1 << 42;

/// Escrows and shops.
#[derive(Debug)]
pub(super) struct Payments {
    users: Users,
    mint: Address,
    /// One owner of all shops, and their accounts.
    receiver: Address,
    tills: Vec<Address>,
    escrows: Vec<(Derived, Address)>,
    hot_share: u64,
}

impl Payments {
    /// See [`super::Build`].
    pub(super) fn build(
        keys: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        let escrows = users.all().into_par_iter().map(|user| {
            let escrow = Lock::escrow_address(&keys.address(user), 0);
            (escrow, Lock::vault_address(&escrow.0).0)
        });
        let hot_share = spec.value("hot-share");
        Box::new(Self {
            users,
            mint: replay::addresses(b"payment mint", 1, seed)[0],
            receiver: replay::addresses(b"shop", 1, seed)[0],
            tills: replay::addresses(b"till", object_count(hot_share, &users), seed),
            escrows: escrows.collect(),
            hot_share,
        })
    }
}

impl Quarter for Payments {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let escrows = self.users.all().zip(&self.escrows);
        let escrows = escrows.flat_map(|(user, ((address, bump), vault))| {
            let payer = keys.address(user);
            let state = Escrow {
                payer,
                receiver: self.receiver,
                arbiter: payer,
                mint: self.mint,
                vault: *vault,
                number: 0.into(),
                expires: u64::MAX.into(),
                left: LOCKED.into(),
            };
            let tokens = TokenAccount::new(self.mint, *address, LOCKED);
            [
                (*address, state_account(&state, *bump)),
                (*vault, token_account(&tokens)),
            ]
        });
        let tills = self.tills.iter().map(|till| {
            let tokens = TokenAccount::new(self.mint, self.receiver, 0);
            (*till, token_account(&tokens))
        });
        Box::new(escrows.chain(tills))
    }

    fn draft(&self, keys: &Keyring, turn: usize, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.users.at(turn);
        let place = payer.saturating_sub(self.users.first);
        let ((escrow, _), vault) = self.escrows[place];
        let release = ReleaseAddresses {
            actor: keys.address(payer),
            escrow,
            vault,
            target: self.tills[drawn(self.hot_share, place, rng)],
        };
        // Tells it apart from the one of another lap.
        let amount = number(self.users.lap(turn)).saturating_add(1);
        draft(payer, payments::call::release(&release, amount), COST)
    }
}
