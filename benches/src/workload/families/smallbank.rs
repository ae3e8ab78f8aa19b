//! `smallbank`: customers with a checking and a savings account, and six kinds of transactions.
//!
//! | kind | of 100 | checking | savings |
//! |---|---|---|---|
//! | Balance | 15 | read | read |
//! | DepositChecking | 15 | written | |
//! | TransactSavings | 15 | | written |
//! | WriteCheck | 15 | written | read |
//! | Amalgamate | 15 | written, and another customer's | written |
//! | SendPayment | 25 | written, and another customer's | |
//!
//! Source of the transactions and of the hotspot of 1,000 among 18,000 customers in 90 % of them:
//! M. Alomari, M. Cahill, A. Fekete and U. Roehm, The cost of serializability on platforms that
//! use snapshot isolation, ICDE 2008; of the shares: the version of H-Store and OLTP-Bench.

use lockstep_interface::{Account, AccountMeta, Address};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::replay::{self, COST, PAYERS, Replay, read, write};
use super::{Family, FamilySpec};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::options::WorkloadSpec;

pub(super) const SPEC: FamilySpec = FamilySpec {
    name: "smallbank",
    about: "SmallBank: customers with two accounts, six kinds of transactions, a hotspot",
    options: &[
        PAYERS,
        replay::count("accounts", 18_000, 2, "customers"),
        replay::count("hot", 1_000, 1, "customers in the hotspot"),
        replay::percent(
            "share",
            90,
            "draws of a customer that take one of the hotspot",
        ),
        replay::percent("reads", 15, "transactions that only read (Balance)"),
        COST,
    ],
    build: |spec, seed| Ok(Box::new(SmallBank::new(spec, seed))),
};

/// Accounts of a customer: checking and savings.
const CUSTOMER_SIZE: usize = 2;

#[derive(Debug)]
struct SmallBank {
    replay: Replay,
    /// Those of customer c stand from c * CUSTOMER_SIZE.
    accounts: Vec<Address>,
    hot: usize,
    share: u64,
    reads: u64,
}

impl SmallBank {
    fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        let customers = spec.count("accounts");
        let count = customers.saturating_mul(CUSTOMER_SIZE);
        Self {
            replay: Replay::new(spec, seed),
            accounts: replay::addresses(b"customer", count, seed),
            hot: spec.count("hot").min(customers),
            share: spec.value("share"),
            reads: spec.value("reads"),
        }
    }

    fn customer_count(&self) -> usize {
        self.accounts.len() / CUSTOMER_SIZE
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> usize {
        if rng.random_range(0..100) < self.share {
            rng.random_range(0..self.hot)
        } else {
            rng.random_range(0..self.customer_count())
        }
    }

    /// A customer other than `taken`; uniform if the first draw hits the same one.
    fn draw_other(&self, taken: usize, rng: &mut ChaCha8Rng) -> usize {
        let drawn = self.draw(rng);
        if drawn == taken {
            replay::other(taken, self.customer_count(), rng)
        } else {
            drawn
        }
    }

    /// Checking and savings account.
    fn accounts_of(&self, customer: usize) -> (&Address, &Address) {
        let mut accounts = self.accounts.chunks_exact(CUSTOMER_SIZE);
        match accounts.nth(customer) {
            Some([checking, savings]) => (checking, savings),
            _ => unreachable!("customers are drawn below their count"),
        }
    }

    fn metas(&self, rng: &mut ChaCha8Rng) -> Vec<AccountMeta> {
        let customer = self.draw(rng);
        let (checking, savings) = self.accounts_of(customer);
        if rng.random_range(0..100) < self.reads {
            return vec![read(checking), read(savings)];
        }
        // The shares of those that write, which are 85 of 100 together.
        match rng.random_range(0..85_u32) {
            0..15 => vec![write(checking)],
            15..30 => vec![write(savings)],
            30..45 => vec![write(checking), read(savings)],
            45..60 => {
                let (other, _) = self.accounts_of(self.draw_other(customer, rng));
                vec![write(checking), write(savings), write(other)]
            }
            _ => {
                let (other, _) = self.accounts_of(self.draw_other(customer, rng));
                vec![write(checking), write(other)]
            }
        }
    }
}

impl Family for SmallBank {
    fn keys(&self) -> &Keyring {
        self.replay.keys()
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        self.replay.genesis(&self.accounts)
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let payer = self.replay.payer(rng);
        let metas = self.metas(rng);
        self.replay.draft(place, payer, metas)
    }
}
