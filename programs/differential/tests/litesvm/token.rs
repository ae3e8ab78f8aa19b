//! The classic Token instructions, for every program that has them.

use lockstep_differential::compiled::TOKEN_2022;
use lockstep_differential::world::World;
use lockstep_interface::{
    Account, Address, Instruction,
    address::{program_ids, sysvar_ids},
};
use lockstep_programs::token::NATIVE_MINT;
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{both::Both, load::Load};

/// The mint of wrapped lamports of Token-2022.
const NATIVE_MINT_2022: Address =
    Address::from_str_const("9pan9bMn5HatX4EJdBwg9VgCa7Uz5HL8N1m5D3NdXejP");
/// The instructions that make mints, accounts and multisigs fit for use.
const BEGINNINGS: [u8; 7] = [0, 1, 2, 16, 18, 19, 20];
/// The most lamports of an account: together they must stay below 2^64.
const LAMPORTS_MAX: u64 = 1 << 58;

/// A world whose accounts belong to one of the Token programs.
pub(crate) struct Tokens {
    world: World,
    program: Address,
}

impl Tokens {
    pub(crate) fn new(program: Address, seed: u64) -> Self {
        let mut world = World::begun(seed);
        for (address, account) in &mut world.accounts {
            if account.owner == program_ids::TOKEN {
                account.owner = program;
            }
            if *address == NATIVE_MINT && program == TOKEN_2022 {
                *address = NATIVE_MINT_2022;
            }
            account.lamports = account.lamports.min(LAMPORTS_MAX);
        }
        Self { world, program }
    }
}

impl Load for Tokens {
    fn accounts(&self) -> Vec<(Address, Account)> {
        let given = [sysvar_ids::RENT, program_ids::SYSTEM];
        let accounts = self.world.accounts.iter();
        let own = accounts.filter(|(address, _)| !given.contains(address));
        own.cloned().collect()
    }

    fn look(&mut self, ledger: &Both) {
        for (address, account) in &mut self.world.accounts {
            *account = ledger.account(address);
        }
    }

    fn instruction(&mut self, rng: &mut ChaCha8Rng) -> Instruction {
        let mut drawn = self.world.next_instruction();
        // What makes mints and accounts fit for use fails where they are.
        while drawn
            .data
            .first()
            .is_some_and(|kind| BEGINNINGS.contains(kind))
            && rng.random_bool(0.75)
        {
            drawn = self.world.next_instruction();
        }
        Instruction {
            program: self.program,
            ..drawn
        }
    }

    fn wallet(&self, rng: &mut ChaCha8Rng) -> Address {
        let accounts = self.world.accounts.iter();
        let wallets = accounts.filter(|(_, account)| account.owner == program_ids::SYSTEM);
        let wallets: Vec<_> = wallets.map(|(address, _)| *address).collect();
        *wallets.choose(rng).expect("there are some")
    }
}
