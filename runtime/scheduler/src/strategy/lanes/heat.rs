//! The work left on each account of a block, and which lane owns it in the current batch.

use crate::access::Access;
use crate::ids::TransactionIndex;
use crate::request::PlanRequest;
use crate::table::AccessTable;

pub(super) const NOBODY: u32 = u32::MAX;
/// Readers in several lanes.
pub(super) const SEVERAL: u32 = u32::MAX - 1;

/// An account in the current batch, and the work on it that is left; costs are scaled.
#[derive(Clone, Copy)]
pub(super) struct Account {
    pub(super) writers: u32,
    pub(super) readers: u32,
    /// The batch for which what follows holds; for any other one it has no load and no owner.
    pub(super) batch: u32,
    /// Cost of the transactions whose busiest account it is.
    pub(super) load: u32,
    pub(super) writer: u32,
    pub(super) reader: u32,
}

impl Account {
    const UNUSED: Self = Self {
        writers: 0,
        readers: 0,
        batch: NOBODY,
        load: 0,
        writer: NOBODY,
        reader: NOBODY,
    };

    pub(super) fn side(&mut self, access: Access) -> &mut u32 {
        if access.is_write() {
            &mut self.writers
        } else {
            &mut self.readers
        }
    }

    /// Forgets what held for another batch.
    pub(super) fn enter(&mut self, batch: u32) {
        if self.batch != batch {
            *self = Self {
                writers: self.writers,
                readers: self.readers,
                batch,
                ..Self::UNUSED
            };
        }
    }
}

/// The work that is left per account.
///
/// Costs are scaled down such that the whole block's fits 32 bits, since these arrays are what
/// planning spends its time on.
#[derive(Clone)]
pub(in super::super) struct Heat {
    pub(super) accounts: Vec<Account>,
    /// Bits that a cost loses.
    pub(super) dropped: u32,
}

impl Heat {
    /// All work of a block. O(accesses + accounts).
    pub(in super::super) fn of(table: &AccessTable) -> Self {
        let unused = table.total_cost().leading_zeros();
        let mut heat = Self {
            accounts: vec![Account::UNUSED; table.account_count()],
            dropped: u32::BITS.saturating_sub(unused),
        };
        for transaction in table.transactions() {
            heat.put(table, transaction);
        }
        heat
    }

    /// What the block needs at least in free order.
    pub(in super::super) fn bound(&self, table: &AccessTable, request: &PlanRequest) -> u64 {
        let share = table
            .total_cost()
            .div_ceil(u64::from(request.workers.get()));
        let hottest = self.accounts.iter().map(|account| account.writers).max();
        share.max(self.unscaled(hottest.unwrap_or(0)))
    }

    /// A cost as accounts keep it.
    pub(super) fn scaled(&self, cost: u64) -> u32 {
        u32::try_from(cost >> self.dropped).unwrap_or(u32::MAX)
    }

    /// What a scaled cost stands for, rounded down.
    pub(super) fn unscaled(&self, cost: u32) -> u64 {
        u64::from(cost) << self.dropped
    }

    pub(super) fn put(&mut self, table: &AccessTable, transaction: TransactionIndex) {
        let cost = self.scaled(table.cost(transaction));
        for &access in table.accesses(transaction) {
            let sum = self.accounts[access.account().index()].side(access);
            *sum = sum.saturating_add(cost);
        }
    }
}
