//! Finds what each transaction directly depends on in block order.
//!
//! Rule: on the last writer before it of each account that it uses; if it writes the account and
//! others have read it since, on those readers instead, as they depend on that writer themselves.

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

/// One batch in which each transaction is a lane, in the order given, and waits for all that it
/// directly depends on in block order. O(accesses + accounts), and sorting each transaction's
/// dependencies.
pub(super) fn dispatched(
    table: &AccessTable,
    order: impl IntoIterator<Item = TransactionIndex>,
) -> Plan {
    let mut dependencies = Vec::with_capacity(table.access_count());
    each_dependency(table, |before, after| dependencies.push((after, before)));
    // Already ascending but for readers in front of a writer, and common accounts.
    dependencies.sort();
    let mut starts = vec![0; table.transaction_count()];
    for (place, pair) in dependencies.windows(2).enumerate() {
        if let [(before, _), (after, _)] = pair
            && before != after
        {
            starts[after.index()] = place.saturating_add(1);
        }
    }
    let mut builder = PlanBuilder::with_capacity(table.transaction_count());
    for transaction in order {
        builder.push(transaction);
        let own = dependencies[starts[transaction.index()].min(dependencies.len())..].iter();
        for (_, before) in own.take_while(|(after, _)| *after == transaction) {
            builder.wait(*before);
        }
        builder.end_lane();
    }
    builder.finish()
}
