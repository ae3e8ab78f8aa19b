//! Memos.

use lockstep_interface::{Account, AccountMeta, Address, Instruction};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use lockstep_differential::compiled::MEMO_4;

use crate::{
    both::Both,
    load::{Load, address},
};

pub(crate) struct Memos {
    wallets: Vec<Address>,
}

impl Memos {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        Self {
            wallets: (0..4).map(|_| address(rng)).collect(),
        }
    }
}

impl Load for Memos {
    fn accounts(&self) -> Vec<(Address, Account)> {
        let wallets = self.wallets.iter();
        let wallets = wallets.map(|wallet| (*wallet, Account::wallet(1_000_000_000)));
        wallets.collect()
    }

    fn look(&mut self, _: &Both) {}

    /// Text of several alphabets, rarely cut within a letter or no text at all, under which some
    /// wallets stand.
    fn instruction(&mut self, rng: &mut ChaCha8Rng) -> Instruction {
        let size = match rng.random_range(0..10) {
            0 => 0,
            1 => rng.random_range(0..700),
            _ => rng.random_range(0..60),
        };
        let letters = [
            'a',
            'b',
            ' ',
            '"',
            '\\',
            '\n',
            '\u{7}',
            '\u{e9}',
            '\u{42f}',
            '\u{6f22}',
            '\u{1f980}',
        ];
        let letters = (0..size).map(|_| *letters.choose(rng).expect("some"));
        let mut data = letters.collect::<String>().into_bytes();
        data.truncate(800);
        match rng.random_range(0..12) {
            0 => drop(data.pop()),
            1 => data.push(rng.random()),
            2 => data = (0..size).map(|_| rng.random()).collect(),
            _ => {}
        }
        let count = rng.random_range(0..4);
        let signers = self.wallets.choose_multiple(rng, count);
        let signers: Vec<Address> = signers.copied().collect();
        let accounts = signers.into_iter().map(|signer| AccountMeta {
            address: signer,
            is_signer: rng.random_bool(0.93),
            is_writable: rng.random_bool(0.2),
        });
        Instruction {
            accounts: accounts.collect(),
            program: MEMO_4,
            data,
        }
    }

    /// Of many only short ones fit a packet.
    fn instructions(&mut self, count: usize, rng: &mut ChaCha8Rng) -> Vec<Instruction> {
        let memos = (0..count).map(|_| match count > 4 {
            true => Instruction {
                program: MEMO_4,
                accounts: Vec::new(),
                data: vec![b'a'; rng.random_range(0..12)],
            },
            false => self.instruction(rng),
        });
        memos.collect()
    }

    fn wallet(&self, rng: &mut ChaCha8Rng) -> Address {
        *self.wallets.choose(rng).expect("some")
    }
}
