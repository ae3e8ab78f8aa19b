//! What the workloads share whose transactions are replayed by the trace program: fee payers,
//! accounts to write, and drafts made of an access list and a cost.

use lockstep_interface::{Account, AccountMeta, Address};
use lockstep_programs::trace;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::workload::accounts::{PAYER_BALANCE, written_account};
use crate::workload::draft::{Draft, Place};
use crate::workload::keys::Keyring;
use crate::workload::lookup::derived_address;
use crate::workload::options::{OptionKind, OptionSpec, WorkloadSpec};

/// The option for fee payers.
pub(super) const PAYERS: OptionSpec = count("payers", 10_000, 2, "wallets that sign and pay fees");

/// The option for what a transaction costs. A transaction that asks for no limit may use 200,000
/// units, and the dearest one here costs twice the value.
pub(super) const COST: OptionSpec = OptionSpec {
    max: 100_000,
    ..count(
        "cost",
        1_000,
        0,
        "compute units of a transaction, about 1 ns each",
    )
};

/// An option that counts accounts, at most a million.
pub(super) const fn count(
    name: &'static str,
    default: u64,
    min: u64,
    about: &'static str,
) -> OptionSpec {
    OptionSpec {
        name,
        kind: OptionKind::Count,
        default,
        min,
        max: 1_000_000,
        about,
    }
}

/// An option that is a share.
pub(super) const fn percent(name: &'static str, default: u64, about: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        kind: OptionKind::Percent,
        default,
        min: 0,
        max: 100,
        about,
    }
}

/// Bytes of a written account, as a token account has them.
const WRITTEN_SIZE: usize = 165;

/// Fee payers and the cost of their transactions.
#[derive(Debug)]
pub(super) struct Replay {
    payers: Keyring,
    cost: u32,
}

impl Replay {
    /// As the `payers` and `cost` options say.
    pub(super) fn new(spec: &WorkloadSpec, seed: u64) -> Self {
        Self {
            payers: Keyring::generate(seed, spec.count("payers")),
            cost: u32::try_from(spec.value("cost")).expect("costs are bounded far below 2^32"),
        }
    }

    pub(super) fn keys(&self) -> &Keyring {
        &self.payers
    }

    /// A payer, each alike.
    pub(super) fn payer(&self, rng: &mut ChaCha8Rng) -> usize {
        rng.random_range(0..self.payers.len())
    }

    /// Wallets for all payers, and accounts of the trace program at these addresses.
    pub(super) fn genesis<'a>(
        &'a self,
        written: impl IntoIterator<Item = &'a Address, IntoIter: 'a>,
    ) -> Box<dyn Iterator<Item = (Address, Account)> + 'a> {
        let payers = self.payers.addresses().iter();
        let payers = payers.map(|&address| (address, Account::wallet(PAYER_BALANCE)));
        let written = written
            .into_iter()
            .map(|&address| (address, written_account(WRITTEN_SIZE)));
        Box::new(payers.chain(written))
    }

    /// A transaction of ordinary cost that locks these accounts besides its payer.
    pub(super) fn draft(&self, place: Place, payer: usize, metas: Vec<AccountMeta>) -> Draft {
        self.draft_of_cost(place, payer, metas, self.cost)
    }

    /// A transaction of twice the ordinary cost.
    pub(super) fn double_draft(
        &self,
        place: Place,
        payer: usize,
        metas: Vec<AccountMeta>,
    ) -> Draft {
        self.draft_of_cost(place, payer, metas, self.cost.saturating_mul(2))
    }

    fn draft_of_cost(
        &self,
        place: Place,
        payer: usize,
        metas: Vec<AccountMeta>,
        cost: u32,
    ) -> Draft {
        let mut replay = trace::instruction(metas, cost, None);
        // Tells it apart from another one of its block with the same accounts.
        replay.data.extend_from_slice(&place.tag().to_le_bytes());
        Draft {
            payer,
            instructions: vec![replay],
            tables: None,
            cost: u64::from(cost),
        }
    }
}

/// Addresses of `count` accounts of a kind.
pub(super) fn addresses(kind: &[u8], count: usize, seed: u64) -> Vec<Address> {
    let numbers = 0..u64::try_from(count).expect("a length fits u64");
    let addresses = numbers.map(|number| derived_address(kind, number, seed));
    addresses.collect()
}

/// An account that is written.
pub(super) fn write(address: &Address) -> AccountMeta {
    AccountMeta::writable(*address, false)
}

/// An account that is only read.
pub(super) fn read(address: &Address) -> AccountMeta {
    AccountMeta::readonly(*address, false)
}

/// A number below `count` other than `taken`, each alike.
///
/// # Panics
/// If there is no other.
pub(super) fn other(taken: usize, count: usize, rng: &mut ChaCha8Rng) -> usize {
    let drawn = rng.random_range(0..count.saturating_sub(1));
    // The numbers from `taken` on are drawn as the ones before them.
    drawn.saturating_add(usize::from(drawn >= taken))
}
