//! `lending`: borrowers that deposit, pledge, borrow, repay, release and withdraw, one step a lap,
//! each in one reserve against shares of a reserve that all have in common.
//!
//! ```text
//! deposit, withdraw: supply, purse, reserve, vault        pledge, release: supply, loan
//! borrow, repay:     loan, purse, reserve, vault          (written)
//! ```
//!
//! The common reserve and the prices are only read, so that users of different reserves share
//! nothing that is written; a share of the users can have the first reserve.

use lockstep_interface::{Account, Address, Instruction};
use lockstep_market::debt::ONE;
use lockstep_market::lend::accounts::*;
use lockstep_market::lend::lending::{self, CAREFUL, Loan, Reserve, Rules, Supply};
use lockstep_market::oracle::price_oracle::{self as oracle, Feed};
use lockstep_programs::token::TokenAccount;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Accounts, Derived, Quarter, Town, Users, draft, number, state_account, token_account};
use crate::workload::draft::Draft;
use crate::workload::families::{ACCOUNTS, FamilySpec, replay};
use crate::workload::keys::Keyring;
use crate::workload::options::{OptionSpec, WorkloadSpec};

pub(in crate::workload::families) const SPEC: FamilySpec = FamilySpec {
    name: "lending",
    about: "deposits, loans and repayments; users of different reserves share nothing",
    options: &[
        OptionSpec {
            default: 20_000,
            ..ACCOUNTS
        },
        replay::count("reserves", 2_000, 1, "reserves that lend, one to each user"),
        replay::percent("hot-share", 0, "users of the first reserve"),
    ],
    build: |spec, seed| Ok(Town::of_one(spec, seed, Loans::build)),
};

/// Compute units of the steps.
const COSTS: [u64; STEPS] = [12_000, 6_000, 16_000, 12_000, 9_000, 12_000];
/// Steps, after which a user begins again.
const STEPS: usize = 6;
/// Reserves of a city: more than a block has loans.
const CITY_RESERVES: usize = 1_000;
/// Shares that each user has in its reserve and in the common one, and has pledged.
const SHARES: u64 = 1 << 32;
/// What each user owes from the beginning, so that one failed step makes no other fail.
const DEBT: u64 = 1 << 28;
/// The least amount of a step.
const AMOUNT: u64 = 1_000;

/// A reserve at its address.
#[derive(Debug)]
struct Bank {
    mint: Address,
    reserve: Derived,
    vault: Address,
}

impl Bank {
    fn new(curator: &Address, mint: Address) -> Self {
        let reserve = Open::reserve_address(curator, &mint);
        let (vault, _) = Open::vault_address(&reserve.0);
        Self {
            mint,
            reserve,
            vault,
        }
    }

    fn desk(&self) -> DeskAddresses {
        DeskAddresses {
            reserve: self.reserve.0,
            vault: self.vault,
        }
    }

    /// The reserve, with the shares and, if it lends, the debts of as many users.
    fn accounts(
        &self,
        curator: Address,
        feed: Address,
        users: usize,
        debt: u64,
    ) -> [(Address, Account); 2] {
        let users = number(users);
        let shares = users.saturating_mul(SHARES.saturating_mul(2));
        let debts = users.saturating_mul(debt);
        let rules = Rules {
            age_max: u64::MAX.into(),
            ..CAREFUL
        };
        let state = Reserve {
            curator,
            mint: self.mint,
            vault: self.vault,
            feed,
            rules,
            scale: 12,
            slot: 0.into(),
            liquidity: shares.saturating_sub(debts).into(),
            shares: shares.into(),
            debt_shares: debts.into(),
            index: ONE.into(),
            cushion: 0.into(),
        };
        let (reserve, bump) = self.reserve;
        let vault = TokenAccount::new(self.mint, reserve, shares.saturating_sub(debts));
        [
            (reserve, state_account(&state, bump)),
            (self.vault, token_account(&vault)),
        ]
    }
}

/// A user's accounts: shares of the common reserve and of its own, loan, purse.
#[derive(Debug)]
struct Client {
    pledgeable: Derived,
    supply: Derived,
    loan: Derived,
    purse: Address,
}

/// Users and reserves.
#[derive(Debug)]
pub(super) struct Loans {
    users: Users,
    curator: Address,
    feed: Derived,
    common: Bank,
    banks: Vec<Bank>,
    clients: Vec<Client>,
    hot_share: usize,
}

impl Loans {
    /// See [`super::Build`].
    pub(super) fn build(
        keys: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        let [reserves, hot_share] = ["reserves", "hot-share"].map(|name| spec.count(name));
        Box::new(Self::new(keys, users, [reserves, hot_share], seed))
    }

    /// With the reserves of a city.
    pub(super) fn of_city(
        keys: &Keyring,
        users: Users,
        spec: &WorkloadSpec,
        seed: u64,
    ) -> Box<dyn Quarter> {
        let hot_share = spec.count("hot-share");
        Box::new(Self::new(keys, users, [CITY_RESERVES, hot_share], seed))
    }

    fn new(keys: &Keyring, users: Users, options: [usize; 2], seed: u64) -> Self {
        let [reserves, hot_share] = options;
        let curator = replay::addresses(b"curator", 1, seed)[0];
        let mints = replay::addresses(b"reserve mint", reserves.min(users.count), seed);
        let banks = mints.into_par_iter().map(|mint| Bank::new(&curator, mint));
        let mut loans = Self {
            users,
            curator,
            feed: oracle::Found::feed_address(&curator, 0),
            common: Bank::new(&curator, replay::addresses(b"common mint", 1, seed)[0]),
            banks: banks.collect(),
            clients: Vec::new(),
            hot_share,
        };
        let purses = replay::addresses(b"lending purse", users.count, seed);
        let clients = purses.into_par_iter().enumerate();
        let clients = clients.map(|(place, purse)| {
            let owner = keys.address(users.first.saturating_add(place));
            let [common, reserve] = [&loans.common, loans.bank(place)].map(|bank| bank.reserve.0);
            Client {
                pledgeable: Join::supply_address(common, &owner),
                supply: Join::supply_address(reserve, &owner),
                loan: Begin::loan_address(&owner, &common, &reserve),
                purse,
            }
        });
        loans.clients = clients.collect();
        loans
    }

    /// The number of the reserve that lends to a user.
    fn bank_number(&self, place: usize) -> usize {
        let count = self.banks.len();
        match place % 100 < self.hot_share {
            true => 0,
            false => place.checked_rem(count).unwrap_or(0),
        }
    }

    fn bank(&self, place: usize) -> &Bank {
        &self.banks[self.bank_number(place)]
    }

    fn client_accounts(&self, owner: Address, place: usize) -> [(Address, Account); 4] {
        let (client, bank) = (&self.clients[place], self.bank(place));
        let [collateral, reserve] = [&self.common, bank].map(|bank| bank.reserve.0);
        let supply = |reserve| Supply {
            reserve,
            owner,
            shares: SHARES.into(),
        };
        let loan = Loan {
            owner,
            collateral,
            reserve,
            shares: SHARES.into(),
            debt_shares: DEBT.into(),
        };
        let purse = TokenAccount::new(bank.mint, owner, SHARES);
        let (pledgeable, bump) = client.pledgeable;
        [
            (pledgeable, state_account(&supply(collateral), bump)),
            (
                client.supply.0,
                state_account(&supply(reserve), client.supply.1),
            ),
            (client.loan.0, state_account(&loan, client.loan.1)),
            (client.purse, token_account(&purse)),
        ]
    }

    /// What a user does in a lap.
    fn step(&self, owner: Address, place: usize, lap: usize) -> Instruction {
        let (client, bank) = (&self.clients[place], self.bank(place));
        let (loan, purse) = (client.loan.0, client.purse);
        let (feed, collateral) = (self.feed.0, self.common.reserve.0);
        let supply = client.pledgeable.0;
        let desk = bank.desk();
        // Tells it apart from the same step of another lap.
        let amount = number(lap).saturating_add(AMOUNT);
        let bank = || BankAddresses {
            owner,
            desk: desk.clone(),
            purse,
        };
        match lap % STEPS {
            0 => lending::call::deposit(&bank(), amount),
            1 => {
                let pledge = PledgeAddresses {
                    owner,
                    supply,
                    loan,
                };
                lending::call::pledge(&pledge, amount)
            }
            2 => {
                let borrow = BorrowAddresses {
                    owner,
                    loan,
                    desk,
                    feed,
                    collateral,
                    collateral_feed: feed,
                    purse,
                };
                lending::call::borrow(&borrow, amount)
            }
            3 => {
                let repay = RepayAddresses {
                    payer: owner,
                    loan,
                    desk,
                    purse,
                };
                lending::call::repay(&repay, amount)
            }
            4 => {
                let release = ReleaseAddresses {
                    owner,
                    loan,
                    reserve: desk.reserve,
                    feed,
                    collateral,
                    collateral_feed: feed,
                };
                lending::call::release(&release, amount)
            }
            _ => lending::call::withdraw(&bank(), amount, 1),
        }
    }
}

impl Quarter for Loans {
    fn genesis<'a>(&'a self, keys: &'a Keyring) -> Accounts<'a> {
        let (feed, bump) = self.feed;
        let state = Feed {
            authority: self.curator,
            number: 0.into(),
            age_max: u64::MAX.into(),
            quotes_min: 1,
            quotes: 0,
            decimals: 6,
            price: 1_000_000.into(),
            confidence: 100.into(),
            slot: 0.into(),
        };
        let mut users = vec![0_usize; self.banks.len()];
        for place in 0..self.users.count {
            let count = &mut users[self.bank_number(place)];
            *count = count.saturating_add(1);
        }
        let common = self
            .common
            .accounts(self.curator, feed, self.users.count, 0);
        let banks = self.banks.iter().zip(users);
        let banks =
            banks.flat_map(move |(bank, users)| bank.accounts(self.curator, feed, users, DEBT));
        let clients = self.users.all().enumerate();
        let clients =
            clients.flat_map(|(place, user)| self.client_accounts(keys.address(user), place));
        Box::new(
            [(feed, state_account(&state, bump))]
                .into_iter()
                .chain(common)
                .chain(banks)
                .chain(clients),
        )
    }

    fn draft(&self, keys: &Keyring, turn: usize, _: &mut ChaCha8Rng) -> Draft {
        let payer = self.users.at(turn);
        let place = payer.saturating_sub(self.users.first);
        let lap = self.users.lap(turn);
        let step = self.step(keys.address(payer), place, lap);
        draft(payer, step, COSTS[lap % STEPS])
    }
}
