//! Extensions of Token-2022's mints, and the instructions that begin them.

use lockstep_differential::compiled::TOKEN_2022;
use lockstep_interface::{AccountMeta, Address, Instruction};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// An extension of a mint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Extension {
    Fee,
    Close,
    DefaultState,
    NonTransferable,
    Interest,
    Delegate,
    Pointer,
    Pausable,
    Scaled,
}

use Extension::{
    Close, DefaultState, Delegate, Fee, Interest, NonTransferable, Pausable, Pointer, Scaled,
};

impl Extension {
    pub(crate) const ALL: [Self; 9] = [
        Fee,
        Close,
        DefaultState,
        NonTransferable,
        Interest,
        Delegate,
        Pointer,
        Pausable,
        Scaled,
    ];

    /// The bytes that it takes in a mint, and those that it takes in accounts of the mint.
    pub(crate) fn sizes(self) -> (usize, Option<usize>) {
        match self {
            Fee => (108, Some(8)),
            Close | Delegate => (32, None),
            DefaultState => (1, None),
            NonTransferable => (0, Some(0)),
            Interest => (52, None),
            Pointer => (64, None),
            Pausable => (33, Some(0)),
            Scaled => (56, None),
        }
    }

    /// The instruction that puts it into a mint that is not in use yet.
    pub(crate) fn begin(
        self,
        mint: Address,
        authority: Address,
        rng: &mut ChaCha8Rng,
    ) -> Instruction {
        let key = authority.to_bytes();
        let optional = [&[1][..], &key].concat();
        let data: Vec<u8> = match self {
            Fee => {
                let rate: u16 = rng.random_range(0..10_100);
                let most: u64 = rng.random_range(0..500);
                let [rate, most] = [&rate.to_le_bytes()[..], &most.to_le_bytes()];
                [&[26, 0], &optional[..], &optional, rate, most].concat()
            }
            Close => [&[25], &optional[..]].concat(),
            DefaultState => vec![28, 0, rng.random_range(1..3)],
            NonTransferable => vec![32],
            Interest => {
                let rate: i16 = rng.random();
                [&[33, 0], &key[..], &rate.to_le_bytes()].concat()
            }
            Delegate => [&[35], &key[..]].concat(),
            Pointer => [&[39, 0], &key[..], &mint.to_bytes()].concat(),
            Pausable => [&[44, 0], &key[..]].concat(),
            Scaled => {
                let factor = rng.random_range(0..40) as f64 / 8.0;
                [&[43, 0], &key[..], &factor.to_le_bytes()].concat()
            }
        };
        call(data, vec![writable(mint)])
    }
}

/// An instruction of Token-2022.
pub(crate) fn call(data: Vec<u8>, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program: TOKEN_2022,
        accounts,
        data,
    }
}

pub(crate) fn writable(address: Address) -> AccountMeta {
    AccountMeta::writable(address, false)
}

pub(crate) fn reads(address: Address) -> AccountMeta {
    AccountMeta::readonly(address, false)
}
