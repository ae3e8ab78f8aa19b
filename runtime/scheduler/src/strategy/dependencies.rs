//! Finds what each transaction directly depends on in block order.
//!
//! Rule: on the last writer before it of each account that it uses; if it writes the account and
//! others have read it since, on those readers instead, as they depend on that writer themselves.

use crate::ids::{TransactionIndex, narrow};
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
