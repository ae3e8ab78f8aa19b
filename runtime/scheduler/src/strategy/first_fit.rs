//! Plans by greedy colouring of the true conflict graph: each transaction goes to the first
//! batch that holds nothing it conflicts with, gaps included.
//!
//! The conflict graph is never built. Each account keeps two sets of batches, those in which
//! it is written and those in which it is used, 64 batches to a word:
//!
//! ```text
//! batch          0 1 2 3 4 5 ..
//! a, users       x x x . x .      a transaction that writes a and reads b
//! b, writers     . . . x . .      may go to batch 5, the first free in both
//! ```
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a batch number is less than the number of transactions, a word's bit less than 64"
)]

use super::layered::levels;
use super::{Strategy, StrategyError};
use crate::access::Access;
use crate::ids::{TransactionIndex, narrow};
use crate::plan::Plan;
use crate::request::{Mode, PlanRequest};
use crate::table::AccessTable;

/// First-fit colouring in block order, one transaction a lane.
///
/// In produce mode it uses gaps; on all real blocks that we have it meets the clique bound or
/// misses it by one or two. In replay mode the first batch that keeps block order is a layer, and
/// the plan is that of [`Layered`](super::Layered).
///
/// O(accesses x 256) at worst, in practice O(accesses): every account knows its first free
/// batch, and a search that has passed 256 words (16,384 batches) without finding a gap takes a
/// new batch. So up to 16,384 transactions the colouring is exactly first-fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FirstFit;

impl Strategy for FirstFit {
    fn name(&self) -> &str {
        "first-fit"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        let colours = match request.mode {
            Mode::Produce => colours(table, table.transactions()),
            Mode::Replay => levels(table),
        };
        Ok(Plan::from_colours(&colours))
    }
}

const WORD_BITS: u32 = u64::BITS;
/// How many words a search looks at before it takes a new batch.
const SEARCH_WORDS_MAX: u32 = 256;
const NO_SPILL: u32 = u32::MAX;

/// The batches 64 x `word` to 64 x `word` + 63 of an account.
#[derive(Clone, Copy, Default)]
struct Chunk {
    word: u32,
    /// Batches in which the account is written.
    writers: u64,
    /// Batches in which the account is used.
    users: u64,
}

impl Chunk {
    fn taken(&self, is_write: bool) -> u64 {
        if is_write { self.users } else { self.writers }
    }

    /// The first free batch of this word from `batch` on, or the first batch of the next word.
    fn next_free(&self, batch: u32, is_write: bool) -> u32 {
        let free = !self.taken(is_write) & (u64::MAX << (batch % WORD_BITS));
        self.word * WORD_BITS + free.trailing_zeros()
    }
}

/// The batches in which an account is used. Most accounts need one chunk, which lies here.
#[derive(Clone, Copy)]
struct Account {
    only: Chunk,
    /// Which list holds the chunks, sorted by word, once there is more than one.
    spill: u32,
    /// No batch below this one can take a writer, nor `[0]` a reader.
    first_free: [u32; 2],
}

impl Default for Account {
    fn default() -> Self {
        Self {
            only: Chunk::default(),
            spill: NO_SPILL,
            first_free: [0; 2],
        }
    }
}

/// The first-fit colour of each transaction, coloured in the given order, which names each once.
pub(super) fn colours(
    table: &AccessTable,
    order: impl Iterator<Item = TransactionIndex>,
) -> Vec<u32> {
    let mut batches = Batches {
        accounts: vec![Account::default(); table.account_count()],
        spills: Vec::new(),
        count: 0,
    };
    let mut colours = vec![0; table.transaction_count()];
    for transaction in order {
        let accesses = table.accesses(transaction);
        let batch = batches.first_free(accesses);
        batches.count = batches.count.max(batch + 1);
        for access in accesses {
            batches.take(access, batch);
        }
        colours[transaction.index()] = batch;
    }
    colours
}

struct Batches {
    accounts: Vec<Account>,
    spills: Vec<Vec<Chunk>>,
    count: u32,
}

impl Batches {
    /// The first batch without a conflicting use of these accounts.
    #[inline]
    fn first_free(&self, accesses: &[Access]) -> u32 {
        let mut start = 0;
        for access in accesses {
            let account = &self.accounts[access.account().index()];
            start = start.max(account.first_free[usize::from(access.is_write())]);
        }
        let first_word = start / WORD_BITS;
        let mut taken = (1_u64 << (start % WORD_BITS)) - 1;
        for word in first_word..first_word + SEARCH_WORDS_MAX {
            for access in accesses {
                taken |= self.taken(access, word);
            }
            if taken != u64::MAX {
                return word * WORD_BITS + taken.trailing_ones();
            }
            taken = 0;
        }
        self.count
    }

    /// Which of 64 batches an access cannot go to.
    #[inline]
    fn taken(&self, access: &Access, word: u32) -> u64 {
        let account = &self.accounts[access.account().index()];
        let chunk = if account.spill == NO_SPILL {
            (account.only.word == word).then_some(&account.only)
        } else {
            let chunks = &self.spills[account.spill as usize];
            find(chunks, word).ok().map(|place| &chunks[place])
        };
        chunk.map_or(0, |chunk| chunk.taken(access.is_write()))
    }

    /// Notes that an access goes to a batch.
    #[inline]
    fn take(&mut self, access: &Access, batch: u32) {
        let word = batch / WORD_BITS;
        let account = &mut self.accounts[access.account().index()];
        if account.spill == NO_SPILL && account.only.users == 0 {
            account.only.word = word;
        }
        let chunk = if account.spill == NO_SPILL && account.only.word == word {
            &mut account.only
        } else {
            chunk_in_spill(account, &mut self.spills, word)
        };
        let bit = 1 << (batch % WORD_BITS);
        chunk.users |= bit;
        chunk.writers |= if access.is_write() { bit } else { 0 };
        let chunk = *chunk;
        for is_write in [false, true] {
            let first_free = account.first_free[usize::from(is_write)];
            if first_free == batch {
                let next = chunk.next_free(first_free, is_write);
                let next = if next % WORD_BITS == 0 && account.spill != NO_SPILL {
                    next_free_in_spill(&self.spills[account.spill as usize], next, is_write)
                } else {
                    next
                };
                account.first_free[usize::from(is_write)] = next;
            }
        }
    }
}

/// The first batch from `batch` on that is free; every full word is passed once in its life.
#[cold]
fn next_free_in_spill(chunks: &[Chunk], mut batch: u32, is_write: bool) -> u32 {
    while let Ok(place) = find(chunks, batch / WORD_BITS) {
        let next = chunks[place].next_free(batch, is_write);
        if next / WORD_BITS == batch / WORD_BITS {
            return next;
        }
        batch = next;
    }
    batch
}

/// Where a word's chunk is, or belongs. Chunks of a busy account mostly follow one another.
#[inline]
fn find(chunks: &[Chunk], word: u32) -> Result<usize, usize> {
    let guess = chunks
        .first()
        .map_or(0, |first| word.wrapping_sub(first.word) as usize);
    match chunks.get(guess) {
        Some(chunk) if chunk.word == word => Ok(guess),
        _ => chunks.binary_search_by_key(&word, |chunk| chunk.word),
    }
}

/// The word's chunk of an account that needs more than one.
#[cold]
fn chunk_in_spill<'a>(
    account: &mut Account,
    spills: &'a mut Vec<Vec<Chunk>>,
    word: u32,
) -> &'a mut Chunk {
    if account.spill == NO_SPILL {
        account.spill = narrow(spills.len());
        spills.push(vec![account.only]);
    }
    let chunks = &mut spills[account.spill as usize];
    let place = find(chunks, word).unwrap_or_else(|place| {
        chunks.insert(
            place,
            Chunk {
                word,
                ..Chunk::default()
            },
        );
        place
    });
    &mut chunks[place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountIndex;

    /// First-fit by its definition: the first batch without a conflicting pair.
    fn plain(table: &AccessTable) -> Vec<u32> {
        let mut colours: Vec<u32> = Vec::new();
        for transaction in table.transactions() {
            let taken: Vec<u32> = table
                .transactions()
                .zip(&colours)
                .filter(|(other, _)| table.conflict(transaction, *other))
                .map(|(_, &colour)| colour)
                .collect();
            colours.push(
                (0..)
                    .find(|colour| !taken.contains(colour))
                    .expect("one is free"),
            );
        }
        colours
    }

    fn check(table: &AccessTable) {
        assert_eq!(colours(table, table.transactions()), plain(table));
    }

    #[test]
    fn gaps_are_used() {
        let [a, b] = [0, 1].map(AccountIndex);
        let mut table = AccessTable::new();
        table.push([Access::write(a)], 1);
        table.push([Access::write(a), Access::write(b)], 1);
        table.push([Access::write(b)], 1);
        assert_eq!(colours(&table, table.transactions()), [0, 1, 0]);
        check(&table);
    }

    #[test]
    fn hot_accounts_pass_many_words() {
        let account = AccountIndex;
        let mut table = AccessTable::new();
        for index in 0..400 {
            table.push([Access::write(account(0)), Access::read(account(5))], 1);
            if index % 3 == 0 {
                table.push([Access::read(account(1)), Access::write(account(2))], 1);
                table.push([Access::write(account(1)), Access::read(account(0))], 1);
            }
            if index % 50 == 0 {
                table.push([Access::write(account(5)), Access::write(account(2))], 1);
                table.push(
                    [
                        Access::write(account(100 + index)),
                        Access::write(account(0)),
                    ],
                    1,
                );
                table.push(
                    [
                        Access::write(account(100 + index)),
                        Access::read(account(2)),
                    ],
                    1,
                );
            }
        }
        check(&table);
    }

    #[test]
    fn a_search_gives_up_after_its_limit() {
        let [even, odd] = [0, 1].map(AccountIndex);
        let mut table = AccessTable::new();
        let batch_count = (SEARCH_WORDS_MAX + 2) * WORD_BITS;
        // Fill the even batches of one account and the odd ones of the other.
        for _ in 0..batch_count / 2 {
            table.push([Access::write(even)], 1);
        }
        let order: Vec<_> = table.transactions().collect();
        let found = colours(&table, order.into_iter());
        assert_eq!(found.last(), Some(&(batch_count / 2 - 1)));

        let mut batches = Batches {
            accounts: vec![Account::default(); 2],
            spills: Vec::new(),
            count: batch_count + 7,
        };
        for batch in 0..batch_count {
            let account = if batch % 2 == 0 { even } else { odd };
            batches.take(&Access::write(account), batch);
        }
        let both = [Access::write(even), Access::write(odd)];
        assert_eq!(batches.first_free(&both), batch_count + 7);
        assert_eq!(batches.first_free(&both[..1]), 1);
        assert_eq!(batches.first_free(&both[1..]), 0);
    }
}
