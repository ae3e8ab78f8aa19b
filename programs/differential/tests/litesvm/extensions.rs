//! Token-2022 with extensions of mints and accounts: fees, interest, pauses, guards, metadata that
//! grows, delegates that may everything.

use std::collections::VecDeque;

use lockstep_differential::compiled::TOKEN_2022;
use lockstep_interface::{Account, AccountMeta, Address, Instruction, Rent, address::program_ids};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    both::Both,
    extension::{
        Extension::{self, DefaultState, Interest, NonTransferable, Scaled},
        call, reads, writable,
    },
    load::{Load, address},
};

const MINTS: usize = 3;
const PURSES: usize = 6;
const WALLETS: usize = 3;
/// Bytes of an account, or of a mint that has extensions, up to them.
const BASE: usize = 166;
/// Bytes before the value of an extension.
const HEAD: usize = 4;

/// Mints with extensions, accounts of them, and what makes them fit for use.
pub(crate) struct Extended {
    accounts: Vec<(Address, Account)>,
    mints: Vec<Address>,
    /// Address, mint, owner.
    purses: Vec<(Address, Address, Address)>,
    wallets: Vec<Address>,
    /// The wallet that may everything.
    authority: Address,
    beginning: VecDeque<Instruction>,
}

fn room(extensions: impl Iterator<Item = usize>) -> usize {
    BASE + extensions.map(|size| size + HEAD).sum::<usize>()
}

fn text(text: &str) -> Vec<u8> {
    let size = u32::try_from(text.len()).expect("it is short");
    [&size.to_le_bytes()[..], text.as_bytes()].concat()
}

impl Extended {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let wallets: Vec<Address> = (0..WALLETS).map(|_| address(rng)).collect();
        let mut load = Self {
            accounts: Vec::new(),
            mints: (0..MINTS).map(|_| address(rng)).collect(),
            purses: Vec::new(),
            authority: wallets[0],
            wallets,
            beginning: VecDeque::new(),
        };
        for wallet in &load.wallets {
            load.accounts
                .push((*wallet, Account::wallet(1_000_000_000)));
        }
        for mint in load.mints.clone() {
            load.add_mint(mint, rng);
        }
        load
    }

    fn add_account(&mut self, address: Address, size: usize, lamports: u64) {
        let account = Account {
            lamports: Rent::MAINNET.minimum_balance(size) + lamports,
            data: vec![0; size].into(),
            owner: TOKEN_2022,
            executable: false,
        };
        self.accounts.push((address, account));
    }

    /// A mint with some extensions, and accounts of it that hold tokens.
    fn add_mint(&mut self, mint: Address, rng: &mut ChaCha8Rng) {
        let count = rng.random_range(0..4);
        let mut extensions: Vec<Extension> = Extension::ALL
            .choose_multiple(rng, count)
            .copied()
            .collect();
        if extensions.contains(&Interest) {
            extensions.retain(|extension| *extension != Scaled);
        }
        let sizes = extensions.iter().map(|extension| extension.sizes().0);
        // Metadata grow in place, and their rent has to be there.
        self.add_account(mint, room(sizes), 5_000_000);
        let authority = self.authority;
        for extension in &extensions {
            self.beginning
                .push_back(extension.begin(mint, authority, rng));
        }
        let key = authority.to_bytes();
        let begin = [&[20, 2], &key[..], &[1], &key].concat();
        self.beginning.push_back(call(begin, vec![writable(mint)]));
        for _ in 0..PURSES / MINTS {
            let own = extensions
                .iter()
                .filter_map(|extension| extension.sizes().1);
            // Accounts of mints that hold tokens for ever cannot be given away.
            let is_immutable = extensions.contains(&NonTransferable) || rng.random_bool(0.4);
            let own = own.chain(is_immutable.then_some(0));
            let (purse, owner) = (address(rng), *self.wallets.choose(rng).expect("some"));
            self.add_account(purse, room(own), 0);
            if is_immutable {
                self.beginning
                    .push_back(call(vec![22], vec![writable(purse)]));
            }
            let begin = [&[18], &owner.to_bytes()[..]].concat();
            let named = vec![writable(purse), reads(mint)];
            self.beginning.push_back(call(begin, named));
            if extensions.contains(&DefaultState) {
                self.beginning.push_back(self.frozen(11, purse, mint));
            }
            let give = [&[7], &5_000u64.to_le_bytes()[..]].concat();
            let named = vec![writable(mint), writable(purse), self.signs(authority)];
            self.beginning.push_back(call(give, named));
            self.purses.push((purse, mint, owner));
        }
    }

    /// Freezes an account (10) or thaws it (11).
    fn frozen(&self, tag: u8, purse: Address, mint: Address) -> Instruction {
        let named = vec![writable(purse), reads(mint), self.signs(self.authority)];
        call(vec![tag], named)
    }

    fn signs(&self, address: Address) -> AccountMeta {
        AccountMeta::readonly(address, true)
    }

    /// What moves tokens, or makes and unmakes them.
    fn movement(&self, rng: &mut ChaCha8Rng) -> Instruction {
        let (from, mint, owner) = *self.purses.choose(rng).expect("some");
        let siblings: Vec<_> = self.purses.iter().filter(|purse| purse.1 == mint).collect();
        let to = match rng.random_bool(0.9) {
            true => siblings.choose(rng).expect("some").0,
            false => self.purses.choose(rng).expect("some").0,
        };
        let signer = match rng.random_range(0..10) {
            0 => self.authority,
            1 => *self.wallets.choose(rng).expect("some"),
            _ => owner,
        };
        let amount: u64 = match rng.random_range(0..10) {
            0 => 6_000,
            1 => 0,
            _ => rng.random_range(0..900),
        };
        let signer = AccountMeta::readonly(signer, rng.random_bool(0.97));
        let number = amount.to_le_bytes();
        let through = vec![writable(from), reads(mint), writable(to), signer];
        match rng.random_range(0..10) {
            0..4 => call([&[12], &number[..], &[2]].concat(), through),
            4..6 => {
                let fee: u64 = match rng.random_bool(0.7) {
                    true => 0,
                    false => rng.random_range(0..50),
                };
                let data = [&[26, 1], &number[..], &[2], &fee.to_le_bytes()].concat();
                call(data, through)
            }
            6 => call(
                [&[3], &number[..]].concat(),
                vec![writable(from), writable(to), signer],
            ),
            7 => {
                let named = vec![writable(from), writable(mint), signer];
                call([&[15], &number[..], &[2]].concat(), named)
            }
            8 => {
                let named = vec![writable(mint), writable(to), self.signs(self.authority)];
                call([&[14], &number[..], &[2]].concat(), named)
            }
            _ => {
                let delegate = reads(*self.wallets.choose(rng).expect("some"));
                let named = vec![writable(from), reads(mint), delegate, signer];
                call([&[13], &number[..], &[2]].concat(), named)
            }
        }
    }

    /// What concerns an account of tokens.
    fn on_purse(&self, rng: &mut ChaCha8Rng) -> Instruction {
        let (purse, mint, owner) = *self.purses.choose(rng).expect("some");
        let owned = vec![writable(purse), self.signs(owner)];
        match rng.random_range(0..9) {
            0 => call(vec![30, rng.random_range(0..2)], owned),
            1 => call(vec![34, rng.random_range(0..2)], owned),
            2 => self.frozen(10, purse, mint),
            3 => self.frozen(11, purse, mint),
            4 => {
                // Room for two of the extensions that accounts can get later.
                let kinds: [u16; 3] = [8, 11, 7];
                let kinds = &kinds[..rng.random_range(1..4)];
                let kinds = kinds.iter().flat_map(|kind| kind.to_le_bytes());
                let payer = AccountMeta::writable(owner, true);
                let named = vec![writable(purse), payer, reads(program_ids::SYSTEM), owned[1]];
                call([29].into_iter().chain(kinds).collect(), named)
            }
            5 => call(vec![26, 4], vec![writable(mint), writable(purse)]),
            6 => {
                let named = [mint, purse].map(writable);
                let named = [&named[..], &[self.signs(self.authority), writable(purse)]];
                call(vec![26, 3, 1], named.concat())
            }
            7 => call(
                vec![38],
                vec![writable(purse), writable(owner), self.signs(owner)],
            ),
            _ => call(
                vec![9],
                vec![writable(purse), writable(owner), self.signs(owner)],
            ),
        }
    }

    /// What concerns a mint.
    fn on_mint(&self, rng: &mut ChaCha8Rng) -> Instruction {
        let mint = *self.mints.choose(rng).expect("some");
        let (purse, ..) = *self.purses.choose(rng).expect("some");
        let ruled = vec![writable(mint), self.signs(self.authority)];
        let amount: u64 = rng.random_range(0..5_000_000);
        match rng.random_range(0..12) {
            0 => {
                let rate: u16 = rng.random_range(0..3_000);
                let most: u64 = rng.random_range(0..90);
                let data = [&[26, 5], &rate.to_le_bytes()[..], &most.to_le_bytes()];
                call(data.concat(), ruled)
            }
            1 => {
                let named = vec![writable(mint), writable(purse), self.signs(self.authority)];
                call(vec![26, 2], named)
            }
            2 => call(vec![28, 1, rng.random_range(0..4)], ruled),
            3 => {
                let rate: i16 = rng.random();
                call([&[33, 1], &rate.to_le_bytes()[..]].concat(), ruled)
            }
            4 => call(vec![44, rng.random_range(1..3)], ruled),
            5 => {
                let factor = rng.random_range(0..24) as f64 / 4.0;
                let from = rng.random_range(1_600_000_000i64..1_800_000_000);
                let data = [&[43, 1], &factor.to_le_bytes()[..], &from.to_le_bytes()];
                call(data.concat(), ruled)
            }
            6 => call(
                [&[23], &amount.to_le_bytes()[..]].concat(),
                vec![reads(mint)],
            ),
            7 => {
                let shown = format!("{}.{}", amount / 100, amount % 100);
                call([&[24], shown.as_bytes()].concat(), vec![reads(mint)])
            }
            8 => {
                let kinds: [u16; 4] = [7, 8, 11, 30];
                let kinds = &kinds[..rng.random_range(0..5)];
                let kinds = kinds.iter().flat_map(|kind| kind.to_le_bytes());
                call([21].into_iter().chain(kinds).collect(), vec![reads(mint)])
            }
            9 => call(
                vec![9],
                vec![writable(mint), writable(self.authority), ruled[1]],
            ),
            _ => self.metadata(mint, rng),
        }
    }

    /// Metadata in the mint: begun, changed, shown, given away.
    fn metadata(&self, mint: Address, rng: &mut ChaCha8Rng) -> Instruction {
        let ruled = vec![writable(mint), self.signs(self.authority)];
        let value = "x".repeat(rng.random_range(0..40));
        let key = ["colour", "size"].choose(rng).expect("two");
        match rng.random_range(0..6) {
            0..2 => {
                let name = [210, 225, 30, 162, 88, 184, 77, 141];
                let named = vec![
                    writable(mint),
                    reads(self.authority),
                    reads(mint),
                    self.signs(self.authority),
                ];
                call(
                    [&name[..], &text("gold"), &text("G"), &text(&value)].concat(),
                    named,
                )
            }
            2..4 => {
                let name = [221, 233, 49, 45, 181, 202, 220, 200];
                let field = match rng.random_range(0..5u8) {
                    kind @ 0..3 => vec![kind],
                    _ => [&[3], &text(key)[..]].concat(),
                };
                call([&name[..], &field, &text(&value)].concat(), ruled)
            }
            4 => {
                let name = [234, 18, 32, 56, 89, 141, 37, 181];
                let is_idempotent = rng.random_range(0..2);
                call([&name[..], &[is_idempotent], &text(key)].concat(), ruled)
            }
            _ => {
                let name = [250, 166, 180, 250, 13, 12, 184, 70];
                let range = match rng.random_bool(0.5) {
                    true => vec![0, 0],
                    false => [&[1], &5u64.to_le_bytes()[..], &[0]].concat(),
                };
                call([&name[..], &range].concat(), vec![reads(mint)])
            }
        }
    }
}

impl Load for Extended {
    fn accounts(&self) -> Vec<(Address, Account)> {
        self.accounts.clone()
    }

    fn look(&mut self, _: &Both) {}

    fn instruction(&mut self, rng: &mut ChaCha8Rng) -> Instruction {
        if let Some(next) = self.beginning.pop_front() {
            return next;
        }
        match rng.random_range(0..10) {
            0..5 => self.movement(rng),
            5..7 => self.on_purse(rng),
            _ => self.on_mint(rng),
        }
    }

    fn wallet(&self, rng: &mut ChaCha8Rng) -> Address {
        *self.wallets.choose(rng).expect("some")
    }
}
