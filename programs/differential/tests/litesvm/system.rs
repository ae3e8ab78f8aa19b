//! The System program, which is native on both sides.

use lockstep_interface::{
    Account, Address, Instruction,
    address::{create_with_seed, program_ids},
};
use lockstep_programs::system::instruction as system;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    both::Both,
    load::{Load, address},
};

pub(crate) struct Wallets {
    wallets: Vec<Address>,
}

impl Wallets {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        Self {
            wallets: (0..6).map(|_| address(rng)).collect(),
        }
    }

    /// Lamports, or bytes: a few, many, too many.
    fn amount(rng: &mut ChaCha8Rng) -> u64 {
        match rng.random_range(0..12) {
            0 => 0,
            1 => rng.random(),
            2 => rng.random_range(0..900_000),
            _ => rng.random_range(890_880..3_000_000),
        }
    }

    fn space(rng: &mut ChaCha8Rng) -> u64 {
        match rng.random_range(0..15) {
            0 => rng.random(),
            1 => 10 * 1_024 * 1_024 + rng.random_range(0..2),
            _ => rng.random_range(0..200),
        }
    }
}

impl Load for Wallets {
    /// The last two wallets are empty.
    fn accounts(&self) -> Vec<(Address, Account)> {
        let wallets = self.wallets[..4].iter();
        let wallets = wallets.map(|wallet| (*wallet, Account::wallet(50_000_000)));
        wallets.collect()
    }

    fn look(&mut self, _: &Both) {}

    fn instruction(&mut self, rng: &mut ChaCha8Rng) -> Instruction {
        let [from, to, base] = [(); 3].map(|()| self.wallet(rng));
        let owner = match rng.random_bool(0.6) {
            true => program_ids::SYSTEM,
            false => program_ids::TOKEN,
        };
        let (amount, space) = (Self::amount(rng), Self::space(rng));
        let seed = *["", "a", "savings"].choose(rng).expect("three");
        let derived = create_with_seed(&base, seed.as_bytes(), &owner).expect("it is short");
        let derived = match rng.random_bool(0.93) {
            true => derived,
            false => to,
        };
        let mut instruction = match rng.random_range(0..16) {
            0..6 => system::transfer(&from, &to, amount),
            6..8 => system::create_account(&from, &to, amount, space, &owner),
            8 => {
                let payment = rng.random_bool(0.7).then_some((&from, amount));
                system::create_account_allow_prefund(&to, payment, space, &owner)
            }
            9 => {
                let made = &derived;
                system::create_account_with_seed(&from, made, &base, seed, amount, space, &owner)
            }
            10 => system::assign(&to, &owner),
            11 => system::assign_with_seed(&derived, &base, seed, &owner),
            12 => system::allocate(&to, space),
            13 => system::allocate_with_seed(&derived, &base, seed, space, &owner),
            14 => system::transfer(&from, &derived, amount),
            _ => system::transfer_with_seed(&derived, &base, seed, &owner, &to, amount),
        };
        if rng.random_bool(0.03) {
            instruction.accounts[0].is_signer = false;
        }
        if rng.random_bool(0.02) {
            instruction.accounts.pop();
        }
        if rng.random_bool(0.02) {
            instruction.data.pop();
        }
        instruction
    }

    fn wallet(&self, rng: &mut ChaCha8Rng) -> Address {
        *self.wallets.choose(rng).expect("some")
    }
}
