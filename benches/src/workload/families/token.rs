//! `token`: tokens of one mint from one wallet's account to another's, both drawn uniformly, as
//! stablecoins move. Next to no conflicts; checked transfers all read the mint. A share of them can
//! go to one account, as a shop's or an exchange's.

use lockstep_interface::address::program_ids;
use lockstep_interface::{Account, Address, Rent};
use lockstep_programs::token::{Mint, TokenAccount, instruction};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::transfers::Wallets;
use super::{ACCOUNTS, Family, FamilySpec, replay};
use crate::access::COST_DEFAULT;
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "token",
    about: "token transfers between accounts of one mint: hardly any conflict",
    options: &[
        ACCOUNTS,
        replay::percent(
            "checked",
            0,
            "transfers that name the mint and have it checked",
        ),
        replay::percent("hot-share", 0, "transfers that go to one account"),
    ],
    build: |spec, seed| Ok(Box::new(Token::new(spec, seed))),
};

/// What a token account begins with.
const BALANCE: u64 = 1_000_000_000_000;
/// Of the mint.
const DECIMALS: u8 = 6;

#[derive(Debug)]
struct Token {
    wallets: Wallets,
    /// The account of wallet w stands at w.
    accounts: Vec<Address>,
    mint: Address,
    checked: u64,
    hot_share: u64,
}

impl Token {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let wallets = Wallets::new(spec, seed);
        let [mint] = replay::addresses(b"mint", 1, seed)[..] else {
            unreachable!("one address was asked for")
        };
        Self {
            accounts: replay::addresses(b"token account", wallets.len(), seed),
            wallets,
            mint,
            checked: spec.value("checked"),
            hot_share: spec.value("hot-share"),
        }
    }
}

/// A rent-exempt account of the Token program.
fn owned(state: &[u8]) -> Account {
    Account {
        lamports: Rent::MAINNET.minimum_balance(state.len()),
        data: state.into(),
        owner: program_ids::TOKEN,
        executable: false,
    }
}

impl Family for Token {
    fn keys(&self) -> &Keyring {
        self.wallets.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let owners = self.keys().addresses();
        let accounts = self.accounts.iter().zip(owners).map(|(&address, &owner)| {
            let state = TokenAccount::new(self.mint, owner, BALANCE);
            (address, owned(bytemuck::bytes_of(&state)))
        });
        let mint = Mint::new(self.mint, DECIMALS, None);
        let mint = (self.mint, owned(bytemuck::bytes_of(&mint)));
        Box::new(self.wallets.genesis().chain(accounts).chain([mint]))
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let payer = rng.random_range(0..self.wallets.len());
        let is_hot = self.hot_share > 0 && payer > 0 && rng.random_range(0..100) < self.hot_share;
        let receiver = if is_hot {
            0
        } else {
            self.wallets.other(payer, rng)
        };
        let [source, target] = [payer, receiver].map(|wallet| &self.accounts[wallet]);
        let authority = self.keys().address(payer);
        // Tells it apart from another one of its block with the same accounts.
        let amount = u64::from(place.tag()).saturating_add(1);
        let transfer = if rng.random_range(0..100) < self.checked {
            let accounts = [source, &self.mint, target];
            instruction::transfer_checked(accounts, &authority, amount, DECIMALS)
        } else {
            instruction::transfer(source, target, &authority, amount)
        };
        Draft {
            payer,
            instructions: vec![transfer],
            tables: None,
            cost: COST_DEFAULT,
        }
    }
}
