//! Finds what each transaction directly depends on: on the last writer before it of each account
//! that it uses; where it writes an account that others have read since, on those readers instead,
//! as they depend on that writer themselves.
//!
//! ```text
//! order    0:W a   1:R a   2:R a   3:W a,W b   4:R b
//! on               0       0       1,2         3
//! ```
//!
//! This graph is sparse and directed: it may be layered and scheduled, and it is never to be
//! coloured, because it leaves out pairs that conflict only through others.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "positions are bounded by the number of dependencies"
)]

use crate::access::Access;
use crate::ids::{AccountIndex, TransactionIndex, block_order, narrow};
use crate::table::AccessTable;

const NONE: u32 = u32::MAX;

/// For each account the last writer and the readers since, as far as an order has been walked.
///
/// All planners of this crate find dependencies with it; a strategy of a user's own may, too.
///
/// ```
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, LastUses};
///
/// // Layers: each transaction is one layer behind the last one that it depends on.
/// let [a, b] = [0, 1].map(AccountIndex);
/// let mut table = AccessTable::new();
/// table.push([Access::write(a)], 1_000);
/// table.push([Access::read(a), Access::write(b)], 1_000);
/// table.push([Access::read(a)], 1_000);
/// table.push([Access::write(a)], 1_000);
/// let mut layers: Vec<u32> = Vec::new();
/// let mut uses = LastUses::new(table.account_count());
/// for transaction in table.transactions() {
///     let mut layer = 0;
///     uses.visit(transaction, table.accesses(transaction), |before, _| {
///         layer = layer.max(layers[before.index()] + 1);
///     });
///     layers.push(layer);
/// }
/// assert_eq!(layers, [0, 1, 1, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct LastUses {
    accounts: Vec<Account>,
    readers: Vec<Reader>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    writer: u32,
    /// The head of the list of readers since.
    readers: u32,
}

#[derive(Clone, Copy, Debug)]
struct Reader {
    transaction: TransactionIndex,
    next: u32,
}

impl LastUses {
    /// No uses yet of as many accounts.
    pub fn new(account_count: usize) -> Self {
        let unused = Account {
            writer: NONE,
            readers: NONE,
        };
        Self {
            accounts: vec![unused; account_count],
            readers: Vec::new(),
        }
    }

    /// Takes the next transaction of the order: calls `found(before, account)` for each earlier one
    /// that it directly depends on, then notes its own uses. A pair with several accounts in common
    /// is found once for each.
    ///
    /// O(accesses) on average over all calls: every reader is found once, by the next writer.
    ///
    /// # Panics
    /// If an account is not below the number given to [`LastUses::new`].
    #[inline]
    pub fn visit(
        &mut self,
        transaction: TransactionIndex,
        accesses: &[Access],
        mut found: impl FnMut(TransactionIndex, AccountIndex),
    ) {
        for access in accesses {
            let account = &mut self.accounts[access.account().index()];
            let is_write = access.is_write();
            if account.writer != NONE && !(is_write && account.readers != NONE) {
                found(TransactionIndex(account.writer), access.account());
            }
            if is_write {
                while let Some(reader) = self.readers.get(account.readers as usize) {
                    found(reader.transaction, access.account());
                    account.readers = reader.next;
                }
                account.writer = transaction.0;
            } else {
                let next = std::mem::replace(&mut account.readers, narrow(self.readers.len()));
                self.readers.push(Reader { transaction, next });
            }
        }
    }
}

/// What each transaction of a block directly depends on.
///
/// ```
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, Dependencies, TransactionIndex};
///
/// let [a, b] = [0, 1].map(AccountIndex);
/// let mut table = AccessTable::new();
/// for accesses in [
///     vec![Access::write(a)],
///     vec![Access::read(a)],
///     vec![Access::read(a)],
///     vec![Access::write(a), Access::write(b)],
///     vec![Access::read(b)],
/// ] {
///     table.push(accesses, 1_000);
/// }
/// let t = TransactionIndex;
/// let dependencies = Dependencies::of(&table);
/// assert_eq!(dependencies.of_transaction(t(0)), []);
/// assert_eq!(dependencies.of_transaction(t(3)), [t(1), t(2)]);
/// assert_eq!(dependencies.of_transaction(t(4)), [t(3)]);
/// assert_eq!(dependencies.chains(&table), [4_000, 3_000, 3_000, 2_000, 1_000]);
/// ```
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// Those of one transaction behind those of another, ascending and each once.
    befores: Vec<TransactionIndex>,
    /// By transaction: where its own end.
    ends: Vec<u32>,
}

impl Dependencies {
    /// Those of a block in its own order. O(accesses + accounts), and sorting those of each
    /// transaction.
    pub fn of(table: &AccessTable) -> Self {
        Self::in_order(table, table.transactions())
    }

    /// Those of a block in another order; transactions are numbered by their place in it.
    /// O(accesses + accounts), and sorting those of each transaction.
    ///
    /// # Panics
    /// If the order names a transaction that the table does not have.
    pub fn in_order(
        table: &AccessTable,
        order: impl ExactSizeIterator<Item = TransactionIndex>,
    ) -> Self {
        let mut uses = LastUses::new(table.account_count());
        let mut befores = Vec::with_capacity(table.access_count());
        let mut ends = Vec::with_capacity(order.len());
        for (place, transaction) in block_order(order.len()).zip(order) {
            let start = befores.len();
            let accesses = table.accesses(transaction);
            uses.visit(place, accesses, |before, _| befores.push(before));
            sort_tail(&mut befores, start);
            ends.push(narrow(befores.len()));
        }
        Self { befores, ends }
    }

    /// Those of one transaction, ascending, each once.
    ///
    /// # Panics
    /// If the block has no such transaction.
    #[inline]
    pub fn of_transaction(&self, transaction: TransactionIndex) -> &[TransactionIndex] {
        let index = transaction.index();
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.befores[start as usize..self.ends[index] as usize]
    }

    /// For each transaction, the cost of the heaviest chain of dependencies that begins with it, in
    /// cost units, saturating. For dependencies in block order. O(dependencies).
    ///
    /// # Panics
    /// If the table is not the one that the dependencies are of.
    pub fn chains(&self, table: &AccessTable) -> Vec<u64> {
        let mut chains = vec![0_u64; table.transaction_count()];
        // A transaction's dependents have higher indices, so its chain is complete when it is met.
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
}

/// Sorts what begins at `start`, and leaves out what is there twice. It is in order already but for
/// readers in front of a writer, and common accounts.
fn sort_tail(items: &mut Vec<TransactionIndex>, start: usize) {
    let tail = &mut items[start..];
    if tail.is_sorted_by(|one, next| one < next) {
        return;
    }
    tail.sort_unstable();
    let mut end = start + 1;
    for place in start + 1..items.len() {
        if items[place] != items[end - 1] {
            items[end] = items[place];
            end += 1;
        }
    }
    items.truncate(end);
}
