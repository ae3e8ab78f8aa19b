//! Rounds that keep the block's order: each transaction in block order goes to the shard where it
//! can run in the earliest round.
//!
//! ```text
//! a at 0, b at 1      0: W a     1: W b     2: W a, W b     3: W b     4: W a
//!                     round 0 shard 0 [0], shard 1 [1];  round 1 shard 0 [2 3 4]
//! ```
//! An account stays where it was moved to until another shard needs it. Of an account it is enough
//! to know its last writer, and in which round it was read or credited last since then and where.

use lockstep_scheduler::AccessTable;

use super::{Layout, Placed, Rounds, shared, written};

/// Of a round in which several shards share an account.
const SEVERAL: u32 = u32::MAX;

/// The latest uses of an account.
#[derive(Clone, Copy, Debug)]
struct Uses {
    /// Where it is.
    shard: u32,
    /// The round of its last writer.
    written: Option<usize>,
    /// The latest round in which it is read or credited since, and the shard.
    shared: Option<(usize, u32)>,
}

impl Uses {
    /// The first round in which a shard can write it.
    fn write_round(&self, shard: u32) -> usize {
        let after_write = self.share_round(shard);
        let after_shared = match self.shared {
            None => 0,
            Some((round, place)) if place == shard => round,
            Some((round, _)) => round.saturating_add(1),
        };
        after_write.max(after_shared)
    }

    /// The first round in which a shard can read or credit it.
    fn share_round(&self, shard: u32) -> usize {
        match self.written {
            None => 0,
            Some(round) if self.shard == shard => round,
            Some(round) => round.saturating_add(1),
        }
    }

    fn write(&mut self, round: usize, shard: u32) {
        (self.shard, self.written, self.shared) = (shard, Some(round), None);
    }

    fn share(&mut self, round: usize, shard: u32) {
        self.shared = match self.shared {
            Some((latest, _)) if latest < round => Some((round, shard)),
            Some((latest, place)) if latest == round && place != shard => Some((round, SEVERAL)),
            None => Some((round, shard)),
            latest => latest,
        };
    }
}

/// Places a block's transactions in rounds that keep the block's order.
///
/// # Arguments
/// `table` has the accesses, `layout` where each of its accounts is.
///
/// # Complexity
/// O(accesses x accounts of a transaction).
///
/// ```
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, Mode, check};
/// use lockstep_sharded::place::{Layout, kept};
///
/// let [a, b] = [0, 1].map(|account| Access::write(AccountIndex(account)));
/// let mut table = AccessTable::new();
/// for accesses in [vec![a], vec![b], vec![a, b], vec![b], vec![a]] {
///     table.push(accesses, 1_000);
/// }
/// let layout = Layout { homes: vec![0, 1], sizes: vec![500, 100], shard_count: 2 };
/// let placed = kept(&table, &layout);
/// assert_eq!(placed.plan.to_string(), "batch 0: [0] [1]\nbatch 1: [2 3 4]\n");
/// assert_eq!(placed.shards, [vec![0, 1], vec![0]]);
/// assert!(check(placed.plan, &table, Mode::Replay).is_ok());
/// ```
pub fn kept(table: &AccessTable, layout: &Layout) -> Placed {
    let mut rounds = Rounds::new(layout.shard_count);
    let uses = layout.homes.iter().map(|home| Uses {
        shard: *home,
        written: None,
        shared: None,
    });
    let mut uses: Vec<Uses> = uses.collect();
    for index in table.transactions() {
        let (written, shared) = (written(table, layout, index), shared(table, layout, index));
        let choice = |shard: u32, uses: &[Uses]| {
            let by_write = written
                .clone()
                .map(|account| uses[account].write_round(shard));
            let by_share = shared
                .clone()
                .map(|account| uses[account].share_round(shard));
            let round = by_write.chain(by_share).max().unwrap_or(0);
            let away = written
                .clone()
                .filter(|account| uses[*account].shard != shard);
            let bytes = away.fold(0u64, |sum, account| {
                sum.saturating_add(layout.weight(account))
            });
            (round, bytes, rounds.load(round, shard), shard)
        };
        let all = written.clone().chain(shared.clone());
        let candidates = all.map(|account| choice(uses[account].shard, &uses));
        let best = candidates.min().unwrap_or((0, 0, 0, 0));
        let (round, _, _, shard) = best;
        rounds.push(round, shard, index, table.cost(index));
        for account in written {
            uses[account].write(round, shard);
        }
        for account in shared {
            uses[account].share(round, shard);
        }
    }
    rounds.finish()
}
