//! Associated token accounts of mints of both Token programs: programs that invoke programs that
//! invoke programs.

use lockstep_differential::compiled::TOKEN_2022;
use lockstep_interface::{
    Account, AccountMeta, Address, Instruction, Rent,
    address::{find_program_address, program_ids},
};
use lockstep_programs::system;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    both::Both,
    load::{Load, address},
};

/// A mint's program and its address.
type Mint = (Address, Address);

pub(crate) struct Associated {
    mints: Vec<Mint>,
    wallets: Vec<Address>,
}

/// The account of a wallet, or of an account that is one's own, for a mint.
fn associated(owner: &Address, mint: &Mint) -> Address {
    let seeds = [owner, &mint.0, &mint.1].map(|seed| &seed.as_array()[..]);
    find_program_address(&seeds, &program_ids::ASSOCIATED_TOKEN).0
}

fn writable(address: Address) -> AccountMeta {
    AccountMeta::writable(address, false)
}

fn reads(address: Address) -> AccountMeta {
    AccountMeta::readonly(address, false)
}

impl Associated {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let programs = [
            program_ids::TOKEN,
            TOKEN_2022,
            program_ids::TOKEN,
            TOKEN_2022,
        ];
        Self {
            mints: programs.map(|program| (program, address(rng))).into(),
            wallets: (0..4).map(|_| address(rng)).collect(),
        }
    }

    fn mint(&self, rng: &mut ChaCha8Rng) -> Mint {
        *self.mints.choose(rng).expect("some")
    }

    fn create(&self, rng: &mut ChaCha8Rng) -> Instruction {
        let mint = self.mint(rng);
        let owner = match rng.random_bool(0.85) {
            true => self.wallet(rng),
            // An account of one's own is the wallet of others.
            false => associated(&self.wallet(rng), &self.mint(rng)),
        };
        let (mut named, mut program) = (associated(&owner, &mint), mint.0);
        match rng.random_range(0..30) {
            0 => named = address(rng),
            1 => program = self.mint(rng).0,
            2 => program = program_ids::SYSTEM,
            _ => {}
        }
        let payer = AccountMeta::writable(self.wallet(rng), rng.random_bool(0.97));
        let data = match rng.random_range(0..20) {
            0..7 => vec![0],
            7..15 => vec![1],
            15..19 => vec![],
            _ => vec![rng.random_range(2..5)],
        };
        let accounts = vec![
            payer,
            writable(named),
            reads(owner),
            reads(mint.1),
            reads(program_ids::SYSTEM),
            reads(program),
        ];
        self.call(program_ids::ASSOCIATED_TOKEN, data, accounts)
    }

    /// Takes tokens out of an account that belongs to one's own account of another mint.
    fn recover(&self, rng: &mut ChaCha8Rng) -> Instruction {
        let (wallet, inner, outer) = (self.wallet(rng), self.mint(rng), self.mint(rng));
        let holder = associated(&wallet, &outer);
        let accounts = vec![
            writable(associated(&holder, &inner)),
            reads(inner.1),
            writable(associated(&wallet, &inner)),
            reads(holder),
            reads(outer.1),
            AccountMeta::writable(wallet, rng.random_bool(0.95)),
            reads(outer.0),
            reads(inner.0),
        ];
        self.call(program_ids::ASSOCIATED_TOKEN, vec![2], accounts)
    }

    /// Mints, moves, closes.
    fn use_tokens(&self, rng: &mut ChaCha8Rng) -> Instruction {
        let (mint, owner) = (self.mint(rng), self.wallet(rng));
        let own = associated(&owner, &mint);
        let amount: u64 = rng.random_range(0..100);
        let (amount, signs) = (amount.to_le_bytes(), AccountMeta::readonly(owner, true));
        match rng.random_range(0..4) {
            0..2 => {
                let authority = AccountMeta::readonly(self.wallets[0], true);
                let accounts = vec![writable(mint.1), writable(own), authority];
                self.call(mint.0, [&[7], &amount[..]].concat(), accounts)
            }
            2 => {
                let other = match rng.random_bool(0.5) {
                    true => self.wallet(rng),
                    false => associated(&owner, &self.mint(rng)),
                };
                let target = writable(associated(&other, &mint));
                let accounts = vec![writable(own), target, signs];
                self.call(mint.0, [&[3], &amount[..]].concat(), accounts)
            }
            _ => {
                let accounts = vec![writable(own), writable(self.wallet(rng)), signs];
                self.call(mint.0, vec![9], accounts)
            }
        }
    }

    fn call(&self, program: Address, data: Vec<u8>, accounts: Vec<AccountMeta>) -> Instruction {
        Instruction {
            program,
            accounts,
            data,
        }
    }
}

impl Load for Associated {
    fn accounts(&self) -> Vec<(Address, Account)> {
        let key = self.wallets[0].to_bytes();
        let data = [&[1, 0, 0, 0], &key[..], &[0; 8], &[2, 1], &[0; 36]].concat();
        let mints = self.mints.iter().map(|(program, mint)| {
            let mut account = Account::wallet(Rent::MAINNET.minimum_balance(data.len()));
            account.data = data.clone().into();
            account.owner = *program;
            (*mint, account)
        });
        let wallets = self.wallets.iter();
        let wallets = wallets.map(|wallet| (*wallet, Account::wallet(30_000_000)));
        mints.chain(wallets).collect()
    }

    fn look(&mut self, _: &Both) {}

    fn instruction(&mut self, rng: &mut ChaCha8Rng) -> Instruction {
        match rng.random_range(0..20) {
            0..10 => self.create(rng),
            10..12 => self.recover(rng),
            12..19 => self.use_tokens(rng),
            _ => {
                // Lamports that are there before the account is.
                let target = associated(&self.wallet(rng), &self.mint(rng));
                let lamports = rng.random_range(0..3_000_000);
                system::instruction::transfer(&self.wallet(rng), &target, lamports)
            }
        }
    }

    fn wallet(&self, rng: &mut ChaCha8Rng) -> Address {
        *self.wallets.choose(rng).expect("some")
    }
}
