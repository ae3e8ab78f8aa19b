//! What the city's people do all day: lamports and tokens from one to another, and to one shop.

use lockstep_interface::{Account, Address};
use lockstep_programs::token::TokenAccount;
use lockstep_programs::{system, token};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Accounts, Quarter, Users, draft, number, token_account};
use crate::access::COST_DEFAULT;
use crate::workload::accounts::PAYER_BALANCE;
use crate::workload::draft::Draft;
use crate::workload::families::replay;
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

/// What a token account begins with.
const BALANCE: u64 = 1 << 42;

/// Transfers of lamports or of tokens.
#[derive(Debug)]
pub(super) struct Transfers {
    users: Users,
    /// Is paid by a share of all.
    shop: Address,
    hot_share: u64,
    /// Token accounts by user, and the mint; `None` for lamports.
    tokens: Option<(Vec<Address>, Address)>,
}

impl Transfers {
    /// Of lamports; see [`super::Build`].
    pub(super) fn of_lamports(
        _: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        Box::new(Self {
            users,
            shop: replay::addresses(b"lamports", 1, seed)[0],
            hot_share: spec.value("hot-share"),
            tokens: None,
        })
    }

    /// Of tokens; see [`super::Build`].
    pub(super) fn of_tokens(
        _: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        let mint = replay::addresses(b"city mint", 1, seed)[0];
        let accounts = replay::addresses(b"city tokens", users.count, seed);
        Box::new(Self {
            users,
            shop: replay::addresses(b"tokens", 1, seed)[0],
            hot_share: spec.value("hot-share"),
            tokens: Some((accounts, mint)),
        })
    }
}

impl Quarter for Transfers {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let Some((accounts, mint)) = &self.tokens else {
            return Box::new([(self.shop, Account::wallet(PAYER_BALANCE))].into_iter());
        };
        let shop = TokenAccount::new(*mint, self.shop, 0);
        let users = self.users.all().zip(accounts).map(|(user, address)| {
            let tokens = TokenAccount::new(*mint, keys.address(user), BALANCE);
            (*address, token_account(&tokens))
        });
        Box::new([(self.shop, token_account(&shop))].into_iter().chain(users))
    }

    fn draft(&self, keys: &Keyring, turn: usize, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.users.at(turn);
        // Half a lap away, so that the receiver is not about to act itself.
        let other = self.users.at(turn.saturating_add(self.users.count / 2));
        let is_hot = rng.random_range(0..100) < self.hot_share || other == payer;
        let amount = number(self.users.lap(turn)).saturating_add(1);
        let from = keys.address(payer);
        let transfer = match &self.tokens {
            None => {
                let to = if is_hot {
                    self.shop
                } else {
                    keys.address(other)
                };
                system::instruction::transfer(&from, &to, amount)
            }
            Some((accounts, _)) => {
                let account = |user: usize| &accounts[user.saturating_sub(self.users.first)];
                let to = if is_hot { &self.shop } else { account(other) };
                token::instruction::transfer(account(payer), to, &from, amount)
            }
        };
        draft(payer, transfer, COST_DEFAULT)
    }
}
