//! Finds what each transaction directly depends on in block order.
//!
//! Rule: on the last writer before it of each account that it uses; if it writes the account and
//! others have read it since, on those readers instead, as they depend on that writer themselves.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the number of dependencies"
)]

use crate::ids::{TransactionIndex, narrow};
use crate::plan::{Plan, PlanBuilder};
use crate::table::AccessTable;

const NOBODY: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Account {
    writer: u32,
    /// The head of the list of readers since.
    readers: u32,
}

/// Calls `found(before, after)` for each dependency, in ascending order of `after`. A pair with
/// several accounts in common may be found several times. O(accesses + accounts).
pub(super) fn each_dependency(
    table: &AccessTable,
    mut found: impl FnMut(TransactionIndex, TransactionIndex),
) {
    let mut accounts = vec![
        Account {
            writer: NOBODY,
            readers: NOBODY
        };
        table.account_count()
    ];
    // Links of (reader, next).
    let mut readers: Vec<(u32, u32)> = Vec::new();
    for transaction in table.transactions() {
        let mut add = |before: u32| {
            if before != NOBODY {
                found(TransactionIndex(before), transaction);
            }
        };
        for access in table.accesses(transaction) {
            let account = &mut accounts[access.account().index()];
            if access.is_write() {
                let mut next = account.readers;
                if next == NOBODY {
                    add(account.writer);
                }
                while next != NOBODY {
                    let (reader, behind) = readers[next as usize];
                    add(reader);
                    next = behind;
                }
                *account = Account {
                    writer: transaction.0,
                    readers: NOBODY,
                };
            } else {
                add(account.writer);
                let link = narrow(readers.len());
                readers.push((transaction.0, account.readers));
                account.readers = link;
            }
        }
    }
}

/// What each transaction directly depends on in block order.
pub(super) struct Dependencies {
    /// Those of one transaction behind those of another, ascending and each once.
    befores: Vec<TransactionIndex>,
    /// By transaction: where its own end.
    ends: Vec<u32>,
}

impl Dependencies {
    /// All dependencies of a block. O(accesses + accounts), and sorting those of each transaction.
    pub(super) fn of(table: &AccessTable) -> Self {
        let mut befores: Vec<TransactionIndex> = Vec::with_capacity(table.access_count());
        let mut ends = Vec::with_capacity(table.transaction_count());
        let mut first = 0;
        let mut end_up_to = |befores: &mut Vec<TransactionIndex>, count: usize| {
            while ends.len() < count {
                sort_tail(befores, first);
                first = befores.len();
                ends.push(narrow(first));
            }
        };
        each_dependency(table, |before, after| {
            end_up_to(&mut befores, after.index());
            befores.push(before);
        });
        end_up_to(&mut befores, table.transaction_count());
        Self { befores, ends }
    }

    /// Those of one transaction, ascending.
    pub(super) fn of_transaction(&self, transaction: TransactionIndex) -> &[TransactionIndex] {
        let index = transaction.index();
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.befores[start as usize..self.ends[index] as usize]
    }

    /// For each transaction, the cost of the heaviest chain of dependencies that begins with it.
    /// O(dependencies).
    pub(super) fn chains(&self, table: &AccessTable) -> Vec<u64> {
        let mut chains = vec![0_u64; table.transaction_count()];
        // What depends on a transaction has a higher index, so its chain is known before.
        for index in (0..narrow(chains.len())).rev() {
            let transaction = TransactionIndex(index);
            let chain = &mut chains[transaction.index()];
            *chain = chain.saturating_add(table.cost(transaction));
            let chain = *chain;
            for before in self.of_transaction(transaction) {
                let behind = &mut chains[before.index()];
                *behind = chain.max(*behind);
            }
        }
        chains
    }

    /// One batch in which each transaction is a lane, in the order given, and waits for all that
    /// it directly depends on. O(transactions + dependencies).
    pub(super) fn dispatched(&self, order: impl IntoIterator<Item = TransactionIndex>) -> Plan {
        let mut builder = PlanBuilder::with_capacity(self.ends.len());
        for transaction in order {
            builder.push(transaction);
            for &before in self.of_transaction(transaction) {
                builder.wait(before);
            }
            builder.end_lane();
        }
        builder.finish()
    }
}

/// Sorts what begins at `first`, and leaves out what is there twice. It is in order already but for
/// readers in front of a writer, and common accounts.
fn sort_tail(items: &mut Vec<TransactionIndex>, first: usize) {
    let tail = &mut items[first..];
    if tail.is_sorted_by(|one, next| one < next) {
        return;
    }
    tail.sort_unstable();
    let mut end = first + 1;
    for place in first + 1..items.len() {
        if items[place] != items[end - 1] {
            items[end] = items[place];
            end += 1;
        }
    }
    items.truncate(end);
}
