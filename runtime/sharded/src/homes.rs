//! Which shard has which account, and where accounts are to live: learned from the blocks before.
//!
//! ```text
//! block: {a b} {b c} {a b}      pulls of b:  shard of a 2, shard of c 1
//! ```
//! An account that a block names first goes to the shard that has most of the accounts beside it in
//! its transactions, unless that shard is full; this is the greedy streaming partitioner of graphs.
//! Of each account that is written it is then counted where the others live with which it is
//! written, and with each block these counts halve. It moves when another shard pulls twice as much
//! as its own. Either way no shard gets more than 1/16 above its share of the work.
//!
//! Accounts that are only read or credited are copied and pull nothing. All of it is a function of
//! the blocks alone: integers, in the order of the blocks' accounts.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher},
};

use ahash::RandomState;
use lockstep_interface::Address;
use lockstep_runtime::threads::Threads;
use lockstep_scheduler::{AccessMode, AccessTable, TransactionIndex};

use crate::place::{EVERYWHERE, Layout};

/// Shards of which an account remembers pulls; the least is replaced.
const PULLS_MAX: usize = 4;
/// The pull of another shard, in multiples of that of its own, at which an account moves.
const PULL_FACTOR: u32 = 2;
/// Accounts that one task looks up.
pub(crate) const TASK_SIZE: usize = 1_024;
/// A shard may have this part more than its share of the work.
const IMBALANCE_PART: u64 = 16;
/// Bytes of an account without data, as it is sent.
const SIZE_MIN: u32 = 77;

/// How accounts are spread over shards.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Partition {
    /// As the module's documentation says.
    Learned,
    /// By a hash of address and seed, whatever blocks do.
    Scattered(u64),
}

/// An account that is known, by when it came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Number(u32);

/// What is known of an account.
#[derive(Clone, Debug)]
struct Known {
    /// Where it lives, or is to live.
    home: u32,
    /// Where it is; `None` if no shard has it.
    shard: Option<u32>,
    /// Its bytes.
    size: u32,
    /// How often it was written with accounts of a shard.
    pulls: [(u32, u32); PULLS_MAX],
    /// The block in which the pulls were counted last.
    block: u32,
}

/// The accounts of all shards.
#[derive(Debug)]
pub(crate) struct Homes {
    count: u32,
    partition: Partition,
    /// For look-up only.
    numbers: HashMap<Address, Number, RandomState>,
    known: Vec<Known>,
    /// The work of each shard's accounts, halved with each block.
    loads: Vec<u64>,
    block: u32,
}

impl Number {
    fn of_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 accounts are known"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Homes {
    pub(crate) fn new(count: u32, partition: Partition) -> Self {
        Self {
            count,
            partition,
            numbers: HashMap::default(),
            known: Vec::new(),
            loads: vec![0; count as usize],
            block: 0,
        }
    }

    /// No shard has any account from here on; where they are to live stays known.
    pub(crate) fn clear(&mut self) {
        self.known.iter_mut().for_each(|known| known.shard = None);
    }

    /// The account of an address, if it is known.
    pub(crate) fn number(&self, address: &Address) -> Option<Number> {
        self.numbers.get(address).copied()
    }

    /// Where an account is; `None` if no shard has it.
    pub(crate) fn shard(&self, account: Number) -> Option<u32> {
        self.known[account.index()].shard
    }

    /// No shard has the account.
    pub(crate) fn forget(&mut self, address: &Address) {
        if let Some(account) = self.number(address) {
            self.known[account.index()].shard = None;
        }
    }

    /// The account is at its home.
    pub(crate) fn arrive(&mut self, account: Number) {
        let known = &mut self.known[account.index()];
        known.shard = Some(known.home);
    }

    /// Notes the bytes of data that an account has.
    pub(crate) fn resize(&mut self, account: Number, data_size: usize) {
        let size = u32::try_from(data_size).unwrap_or(u32::MAX);
        self.known[account.index()].size = SIZE_MIN.saturating_add(size);
    }

    /// The homes of a block's accounts, before it runs, and which of those that are known each is;
    /// `None` if no shard is to have it. `is_everywhere` tells those that every shard makes itself.
    /// O(accesses).
    pub(crate) fn layout(
        &mut self,
        table: &AccessTable,
        addresses: &[Address],
        is_everywhere: impl Fn(&Address) -> bool + Send + Sync,
        pool: &Threads,
    ) -> (Layout, Vec<Option<Number>>) {
        self.block = self.block.saturating_add(1);
        for load in &mut self.loads {
            *load /= 2;
        }
        let known = pool.map_chunks(addresses, TASK_SIZE, |addresses| {
            let known = addresses.iter().map(|address| {
                if is_everywhere(address) {
                    return (None, Some(EVERYWHERE));
                }
                let account = self.number(address);
                (
                    account,
                    account.map(|account| self.known[account.index()].home),
                )
            });
            known.collect::<Vec<_>>()
        });
        let (mut accounts, mut homes): (Vec<_>, Vec<_>) = known.into_iter().flatten().unzip();
        for index in table.transactions() {
            self.settle(table, index, addresses, &mut accounts, &mut homes);
        }
        if self.partition == Partition::Learned {
            self.learn(table, &accounts, &mut homes);
        }
        let size = |account: &Option<Number>| {
            account.map_or(SIZE_MIN, |account| self.known[account.index()].size)
        };
        let layout = Layout {
            sizes: accounts.iter().map(size).collect(),
            // An account that no transaction names is nowhere needed.
            homes: homes
                .into_iter()
                .map(|home| home.unwrap_or(EVERYWHERE))
                .collect(),
            shard_count: self.count,
        };
        (layout, accounts)
    }

    /// Gives the new accounts of a transaction a home, and counts its work there.
    fn settle(
        &mut self,
        table: &AccessTable,
        index: TransactionIndex,
        addresses: &[Address],
        accounts: &mut [Option<Number>],
        homes: &mut [Option<u32>],
    ) {
        let accesses = table.accesses(index);
        let mut votes = [(0, 0); PULLS_MAX];
        for access in accesses.iter().filter(|access| access.is_write()) {
            if let Some(home) = homes[access.account().index()].filter(|home| *home != EVERYWHERE) {
                vote(&mut votes, home, 1);
            }
        }
        let greedy = self.greedy(&votes);
        for access in accesses {
            let place = access.account().index();
            if homes[place].is_none() {
                let home = match self.partition {
                    Partition::Learned => greedy,
                    Partition::Scattered(seed) => scattered(&addresses[place], seed, self.count),
                };
                homes[place] = Some(home);
                let known = Known {
                    home,
                    shard: None,
                    size: SIZE_MIN,
                    pulls: [(0, 0); PULLS_MAX],
                    block: self.block,
                };
                let number = Number::of_index(self.known.len());
                self.known.push(known);
                self.numbers.insert(addresses[place], number);
                accounts[place] = Some(number);
            }
        }
        let mut written = accesses.iter().filter(|access| access.is_write());
        let home = written.find_map(|access| homes[access.account().index()]);
        if let Some(load) = home.and_then(|home| self.loads.get_mut(home as usize)) {
            *load = load.saturating_add(table.cost(index));
        }
    }

    /// The shard with most votes that is not full; the one with the least work if none has any.
    fn greedy(&self, votes: &[(u32, u32); PULLS_MAX]) -> u32 {
        let full = self.full();
        let with_room = votes
            .iter()
            .filter(|(shard, count)| *count > 0 && self.loads[*shard as usize] <= full);
        let best = with_room.max_by_key(|(shard, count)| (*count, std::cmp::Reverse(*shard)));
        let least = || {
            let loads = (0..self.count).zip(&self.loads);
            loads.min_by_key(|(_, load)| **load).map(|(shard, _)| shard)
        };
        best.map(|(shard, _)| *shard).or_else(least).unwrap_or(0)
    }

    /// The work beyond which a shard gets no account.
    fn full(&self) -> u64 {
        let sum = self
            .loads
            .iter()
            .fold(0u64, |sum, load| sum.saturating_add(*load));
        let share = sum / u64::from(self.count.max(1));
        share.saturating_add(share / IMBALANCE_PART)
    }

    /// Counts what pulls the accounts that are written together, and moves those that are pulled.
    fn learn(
        &mut self,
        table: &AccessTable,
        accounts: &[Option<Number>],
        homes: &mut [Option<u32>],
    ) {
        let mut work = vec![0u64; homes.len()];
        for index in table.transactions() {
            let accesses = table.accesses(index);
            let written = accesses
                .iter()
                .filter(|access| access.mode() == AccessMode::Write);
            let written: Vec<usize> = written.map(|access| access.account().index()).collect();
            for one in &written {
                work[*one] = work[*one].saturating_add(table.cost(index));
                let Some(account) = accounts[*one] else {
                    continue;
                };
                let known = &mut self.known[account.index()];
                let age = self.block.saturating_sub(known.block);
                for (_, count) in &mut known.pulls {
                    *count = count.checked_shr(age).unwrap_or(0);
                }
                known.block = self.block;
                let others = written.iter().filter(|other| *other != one);
                for home in others.filter_map(|other| homes[*other]) {
                    if home != EVERYWHERE {
                        vote(&mut known.pulls, home, 1);
                    }
                }
            }
        }
        for ((account, work), home) in accounts.iter().zip(work).zip(homes) {
            if let Some(account) = account.filter(|_| work > 0) {
                self.pull(account, work, home);
            }
        }
    }

    fn pull(&mut self, account: Number, work: u64, home: &mut Option<u32>) {
        let full = self.full();
        let known = &mut self.known[account.index()];
        let own = known.pulls.iter().find(|(shard, _)| *shard == known.home);
        let own = own.map_or(0, |(_, count)| *count);
        let best = known.pulls.iter();
        let best = best.max_by_key(|(shard, count)| (*count, std::cmp::Reverse(*shard)));
        let Some((shard, count)) = best.copied() else {
            return;
        };
        let is_stronger = count > own.saturating_mul(PULL_FACTOR).saturating_add(1);
        let load = self.loads[shard as usize].saturating_add(work);
        if is_stronger && shard != known.home && load <= full {
            let left = &mut self.loads[known.home as usize];
            *left = left.saturating_sub(work);
            self.loads[shard as usize] = load;
            known.home = shard;
            *home = Some(shard);
        }
    }
}

/// Adds votes for a shard; one that is new takes the place of the weakest.
fn vote(votes: &mut [(u32, u32); PULLS_MAX], shard: u32, count: u32) {
    let is_its = |(known, votes): &&mut (u32, u32)| *known == shard && *votes > 0;
    if let Some((_, votes)) = votes.iter_mut().find(is_its) {
        *votes = votes.saturating_add(count);
    } else if let Some(weakest) = votes.iter_mut().min_by_key(|(_, count)| *count) {
        // As if the weakest had been this shard: a count is never too small.
        *weakest = (shard, weakest.1.saturating_add(count));
    }
}

fn scattered(address: &Address, seed: u64, count: u32) -> u32 {
    // The same on every machine and in every release.
    let mut hasher =
        std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().build_hasher();
    hasher.write(&seed.to_le_bytes());
    hasher.write(address.as_array());
    let shard = hasher.finish().checked_rem(u64::from(count));
    u32::try_from(shard.unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use lockstep_scheduler::{Access, AccountIndex};

    use super::*;

    fn table(pairs: &[(u32, u32)]) -> AccessTable {
        let mut table = AccessTable::new();
        for (one, other) in pairs {
            let accesses = [*one, *other].map(|account| Access::write(AccountIndex(account)));
            table.push(accesses, 1_000);
        }
        table
    }

    fn alone() -> Threads {
        Threads::new(1).unwrap()
    }

    fn addresses(count: u8) -> Vec<Address> {
        (0..count)
            .map(|byte| Address::new_from_array([byte; 32]))
            .collect()
    }

    #[test]
    fn what_is_written_together_lives_together() {
        let mut homes = Homes::new(2, Partition::Learned);
        // Two triangles.
        let pairs = [(0, 1), (3, 4), (1, 2), (4, 5), (0, 2), (3, 5)];
        let (layout, _) = homes.layout(&table(&pairs), &addresses(6), |_| false, &alone());
        let [a, b, c, d, e, f] = layout.homes[..] else {
            panic!("six accounts");
        };
        assert_eq!([a, b, d, e], [b, c, e, f]);
        assert_ne!(a, d);
    }

    #[test]
    fn an_account_follows_those_that_it_is_written_with() {
        let mut homes = Homes::new(2, Partition::Learned);
        let addresses = addresses(20);
        let (before, _) = homes.layout(&table(&[(0, 1), (2, 3)]), &addresses, |_| false, &alone());
        assert_eq!(before.homes[0], before.homes[1]);
        assert_ne!(before.homes[0], before.homes[2]);
        // Work enough on both sides, so that there is room, and account 0 is now written with 2.
        let mut pairs = vec![(4, 5); 12];
        pairs.extend([(0, 2); 4]);
        pairs.extend([(6, 7); 12]);
        let mut after = before.homes[0];
        for _ in 0..4 {
            let (layout, _) = homes.layout(&table(&pairs), &addresses, |_| false, &alone());
            after = layout.homes[0];
            assert_eq!(layout.homes[2], before.homes[2]);
        }
        assert_eq!(after, before.homes[2]);
    }

    #[test]
    fn no_shard_takes_all() {
        let mut homes = Homes::new(4, Partition::Learned);
        // One chain of accounts, which a greedy choice without bound would put into one shard.
        let pairs: Vec<(u32, u32)> = (0..199).map(|one| (one, one + 1)).collect();
        let addresses: Vec<Address> = (0..200u8)
            .map(|byte| Address::new_from_array([byte; 32]))
            .collect();
        let (layout, _) = homes.layout(&table(&pairs), &addresses, |_| false, &alone());
        for shard in 0..4 {
            let count = layout.homes.iter().filter(|home| **home == shard).count();
            assert!((30..=70).contains(&count), "{shard}: {count}");
        }
    }

    #[test]
    fn scattered_accounts_stay_where_they_are() {
        let mut homes = Homes::new(4, Partition::Scattered(7));
        let (first, _) = homes.layout(
            &table(&[(0, 1), (2, 3)]),
            &addresses(4),
            |_| false,
            &alone(),
        );
        for _ in 0..3 {
            let (again, _) = homes.layout(&table(&[(0, 2); 9]), &addresses(4), |_| false, &alone());
            assert_eq!(again.homes, first.homes);
        }
    }
}
