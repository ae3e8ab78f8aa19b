//! Lamports that several workers add to one account at once, and how they come together.
//!
//! ```text
//! account a        base ---------- read by credits of a ---------- base + sums ...
//! worker 0         sum:  +3    +4                          |
//! worker 1         sum:     +9                             | folded by the next writer of a,
//! worker 2         sum:  +1       +2                       | or at the end of the block
//! ```
//!
//! The argument that the result is that of the serial run:
//!
//! - **Numbers.** An account has its lamports and the counters of its data that the transactions
//!   declare; each is a number of its own here, and what holds for the lamports holds for each.
//! - **Base.** A transaction that credits an account writes nothing else of it, and reads nothing
//!   of it that other credits may change: the context enforces it. An
//!   [`AccessTable`](lockstep_scheduler::AccessTable) never has an account both read and credited.
//!   So between two writers of an account there are only credits, and a number is base plus sums.
//! - **Fold.** The plan orders every writer behind all credits that come before it in canonical
//!   order, and before all that come after. The writer folds the sums, and has the balance that
//!   the serial run has.
//! - **Margin.** A credit of a rent-exempt account succeeds with any other credits beside it, as
//!   long as the balance fits 64 bits. Every crediting transaction checks the base
//!   ([`is_creditable`]), which is at most the balance. Every fold checks the balance, which is
//!   at least that at any moment since the fold before, because no transaction takes lamports in
//!   between: it must be at most half of what fits. The amount that a transaction tries to add,
//!   also if it fails in the end, must be less than the other half.
//! - **Retry.** If one of these checks fails, the block is given up, and is run again with fewer
//!   credits. Bases, sums and instructions decide whether one fails. The plan fixes them, so all
//!   machines agree.
//!
//! A cell of sums is written by the worker that runs a crediting transaction, and emptied by the
//! worker that runs a writer. The plan keeps these apart and makes each visible to the next, as it
//! does for the accounts themselves, so the order of atomic operations can be relaxed.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use lockstep_interface::{
    Account, Counters, Rent,
    context::{AccountSlot, Addition, BlockAccount},
};
use lockstep_scheduler::{AccessMode, AccountIndex};
use thiserror::Error;

use crate::prepare::{PreparedBlock, SHARED_BALANCE_MAX, is_creditable};

/// The result of concurrent credits of an account would depend on their order: the account was
/// below its rent-exempt minimum, or came near the limit of 64 bits.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("concurrent credits of an account depend on their order: run the block with fewer credits")]
pub struct CreditsDependOnOrder;

/// Unused cells between the sums of two workers, so that no cache line belongs to both.
const GAP: usize = 128 / size_of::<AtomicU64>();
/// The place of an account without credits.
const NOWHERE: u32 = u32::MAX;

/// An account that is credited.
struct Credited {
    account: AccountIndex,
    counters: Counters,
    /// The cell of its lamports in each worker's sums; those of its counters follow.
    cell: usize,
}

/// The sums of a block.
pub(super) struct Credits {
    rent: Rent,
    /// By account index, the account's place among those credited; empty without credits.
    places: Vec<u32>,
    /// By place.
    accounts: Vec<Credited>,
    /// Worker after worker, each by cell.
    sums: Vec<AtomicU64>,
    /// From one worker's sums to the next one's.
    stride: usize,
    share_count: AtomicUsize,
    depends_on_order: AtomicBool,
}

impl Credits {
    /// Nothing yet. O(1) without credits, else O(accesses + accounts + cells x workers).
    pub(super) fn new(block: &PreparedBlock<'_>, worker_count: usize, rent: Rent) -> Self {
        let table = block.table();
        let mut places = Vec::new();
        let mut accounts: Vec<Credited> = Vec::new();
        let mut cell_count = 0_usize;
        let counters = |account: AccountIndex| {
            let counted = block.shared_counters();
            let place = counted.binary_search_by_key(&account.0, |(account, _)| account.0);
            place.map_or(Counters::NONE, |place| counted[place].1)
        };
        if table.credit_count() > 0 {
            places.resize(table.account_count(), NOWHERE);
            let transactions = table.transactions();
            let accesses = transactions.flat_map(|index| table.accesses(index));
            for access in accesses.filter(|access| access.mode() == AccessMode::Credit) {
                let place = &mut places[access.account().0 as usize];
                if *place == NOWHERE {
                    *place =
                        u32::try_from(accounts.len()).expect("accounts are counted in 32 bits");
                    let account = access.account();
                    let counters = counters(account);
                    let cell = cell_count;
                    let taken = counters.offsets().len().saturating_add(1);
                    cell_count = cell_count.saturating_add(taken);
                    accounts.push(Credited {
                        account,
                        counters,
                        cell,
                    });
                }
            }
        }
        let stride = cell_count.saturating_add(GAP);
        let cell_count = stride.saturating_mul(worker_count);
        Self {
            rent,
            places,
            accounts,
            sums: (0..cell_count).map(|_| AtomicU64::new(0)).collect(),
            stride,
            share_count: AtomicUsize::new(0),
            depends_on_order: AtomicBool::new(false),
        }
    }

    /// The next worker's part. Each worker asks for it at most once.
    pub(super) fn share(&self) -> Share<'_> {
        let worker = self.share_count.fetch_add(1, Relaxed);
        Share {
            credits: self,
            sums: self
                .sums
                .chunks(self.stride)
                .nth(worker)
                .expect("workers are counted"),
        }
    }

    /// Adds what is left to the accounts, after all workers have finished.
    ///
    /// # Errors
    /// If the block has to be run again with fewer credits.
    pub(super) fn settle(self, accounts: &mut [BlockAccount]) -> Result<(), CreditsDependOnOrder> {
        for credited in &self.accounts {
            self.fold(credited, &mut accounts[credited.account.0 as usize]);
        }
        if self.depends_on_order.into_inner() {
            return Err(CreditsDependOnOrder);
        }
        Ok(())
    }

    fn fold(&self, credited: &Credited, held: &mut BlockAccount) {
        let lamports = self.take(credited.cell);
        if lamports > 0 {
            let account = held.change();
            account.lamports = self.sum(account.lamports, lamports);
        }
        for (place, offset) in (1..).zip(credited.counters.offsets()) {
            let sum = self.take(credited.cell.saturating_add(place));
            if sum > 0 {
                let data = held.change().data.make_mut();
                let offset = usize::from(*offset);
                let before = Counters::read(data, offset);
                // What was added to was within the data, whose size stays.
                let written =
                    before.and_then(|before| Counters::write(data, offset, self.sum(before, sum)));
                self.require(written.is_ok());
            }
        }
    }

    /// Empties a cell of all workers. The sum of what they had.
    fn take(&self, cell: usize) -> u64 {
        let mut sum = 0;
        for sums in self.sums.chunks(self.stride) {
            // Many are empty, and a load leaves their cache lines with their workers.
            if sums[cell].load(Relaxed) > 0 {
                sum = self.sum(sum, sums[cell].swap(0, Relaxed));
            }
        }
        sum
    }

    /// The account at an index, if it is credited.
    fn credited(&self, account: AccountIndex) -> Option<&Credited> {
        // There are no places in a block without credits.
        let place = self.places.get(account.0 as usize)?;
        self.accounts.get(*place as usize)
    }

    /// The sum. One that is too large gives the block up, and its value no longer matters.
    fn sum(&self, one: u64, other: u64) -> u64 {
        let sum = one.saturating_add(other);
        self.require(sum <= SHARED_BALANCE_MAX);
        sum
    }

    /// Gives the block up unless the condition holds.
    fn require(&self, holds: bool) {
        if !holds {
            self.depends_on_order.store(true, Relaxed);
        }
    }
}

/// One worker's part in the sums of a block.
pub(super) struct Share<'c> {
    credits: &'c Credits,
    sums: &'c [AtomicU64],
}

impl Share<'_> {
    /// Checks the base of an account that a transaction is about to credit. Gives its counters, if
    /// all of them are within its data.
    pub(super) fn inspect(&self, account: AccountIndex, base: &Account) -> Counters {
        let credits = self.credits;
        let credited = credits.credited(account);
        let counters = credited.map_or(Counters::NONE, |credited| credited.counters);
        let is_creditable = is_creditable(base, counters, &credits.rent);
        credits.require(is_creditable);
        // The block is given up otherwise, and only has to come to an end.
        if is_creditable {
            counters
        } else {
            Counters::NONE
        }
    }

    /// Adds to this worker's sums of an account what the running transaction, which only credits
    /// it, added in the end, and checks what it tried to add.
    pub(super) fn add(&self, account: AccountIndex, slot: &AccountSlot<'_>) {
        let credited = self.credits.credited(account);
        let credited = credited.expect("it is credited");
        self.add_to(credited.cell, slot.credited());
        for (place, (_, addition)) in (1..).zip(slot.counted()) {
            self.add_to(credited.cell.saturating_add(place), addition);
        }
    }

    fn add_to(&self, cell: usize, Addition { sum, tried }: Addition) {
        if tried > 0 {
            self.credits.require(tried < SHARED_BALANCE_MAX);
            let cell = &self.sums[cell];
            // No other worker writes it while this transaction runs.
            cell.store(self.credits.sum(cell.load(Relaxed), sum), Relaxed);
        }
    }

    /// Adds all workers' sums to an account that the running transaction has for itself.
    pub(super) fn fold(&self, account: AccountIndex, held: &mut BlockAccount) {
        if let Some(credited) = self.credits.credited(account) {
            self.credits.fold(credited, held);
        }
    }
}
