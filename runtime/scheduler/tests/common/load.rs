//! Turns a seed into a block of generated load: two written accounts and one program account
//! that all of them read, as in a native transfer.

use lockstep_scheduler::{Access, AccessTable, AccountIndex};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Distinct accounts that transfers draw from.
pub const ACCOUNT_COUNT: usize = 1_000_000;
/// The cost of every generated transaction, in cost units.
pub const COST: u64 = 1_000;

/// Accounts drawn with probability proportional to 1 / rank^exponent.
pub struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    pub fn new(account_count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weight = |rank: usize| {
            sum += (rank as f64).powf(-exponent);
            sum
        };
        Self {
            cumulated: (1..=account_count).map(weight).collect(),
        }
    }

    pub fn draw(&self, rng: &mut impl Rng) -> usize {
        let total = self.cumulated.last().expect("there are accounts");
        let point = rng.random::<f64>() * total;
        self.cumulated
            .partition_point(|&sum| sum < point)
            .min(self.cumulated.len() - 1)
    }
}

/// Gives dense ids to account numbers in order of first appearance.
#[derive(Default)]
pub struct Dense {
    ids: std::collections::HashMap<usize, u32>,
}

impl Dense {
    pub fn id(&mut self, number: usize) -> AccountIndex {
        let next = self.ids.len() as u32;
        AccountIndex(*self.ids.entry(number).or_insert(next))
    }
}

/// A block of transfers between two accounts that `draw` gives; they are made to differ.
pub fn transfers(
    count: usize,
    seed: u64,
    mut draw: impl FnMut(&mut ChaCha8Rng) -> (usize, usize),
) -> AccessTable {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dense = Dense::default();
    let mut table = AccessTable::new();
    for _ in 0..count {
        let (source, mut target) = draw(&mut rng);
        while target == source {
            target = (target + 1) % ACCOUNT_COUNT;
        }
        let accesses = [
            Access::write(dense.id(source)),
            Access::write(dense.id(target)),
            Access::read(dense.id(usize::MAX)),
        ];
        table.push(accesses, COST);
    }
    table
}

/// Transfers between accounts drawn uniformly.
pub fn uniform(count: usize, seed: u64) -> AccessTable {
    let pick = |rng: &mut ChaCha8Rng| rng.random_range(0..ACCOUNT_COUNT);
    transfers(count, seed, |rng| (pick(rng), pick(rng)))
}

/// Transfers with both ends drawn from a Zipf distribution.
pub fn zipf(count: usize, seed: u64, exponent: f64) -> AccessTable {
    let zipf = Zipf::new(ACCOUNT_COUNT, exponent);
    transfers(count, seed, |rng| (zipf.draw(rng), zipf.draw(rng)))
}

/// Uniform transfers of which a share pays into one of `hot_count` accounts.
pub fn hot(count: usize, seed: u64, per_cent: u32, hot_count: usize) -> AccessTable {
    transfers(count, seed, |rng| {
        let source = rng.random_range(hot_count..ACCOUNT_COUNT);
        if rng.random_range(0..100) < per_cent {
            (source, rng.random_range(0..hot_count))
        } else {
            (source, rng.random_range(hot_count..ACCOUNT_COUNT))
        }
    })
}

/// Swaps over AMM-like pools: each writes its user's account and one of `pool_count` pools drawn
/// from a Zipf distribution.
pub fn pools(count: usize, seed: u64, pool_count: usize) -> AccessTable {
    let zipf = Zipf::new(pool_count, 1.0);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dense = Dense::default();
    let mut table = AccessTable::new();
    for _ in 0..count {
        let user = pool_count + rng.random_range(0..ACCOUNT_COUNT);
        let pool = zipf.draw(&mut rng);
        let accesses = [Access::write(dense.id(user)), Access::write(dense.id(pool))];
        table.push(accesses, COST);
    }
    table
}

/// Swaps over 200 zipf-hot pools that read one of ten oracles, two-pool arbitrage, transfers, and
/// oracle updates.
pub fn pools_mixed(count: usize, seed: u64) -> AccessTable {
    const POOL_COUNT: usize = 200;
    const ORACLE_COUNT: usize = 10;
    const FIRST_USER: usize = POOL_COUNT + ORACLE_COUNT;
    let zipf = Zipf::new(POOL_COUNT, 0.8);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dense = Dense::default();
    let mut table = AccessTable::new();
    for _ in 0..count {
        let user = Access::write(dense.id(FIRST_USER + rng.random_range(0..ACCOUNT_COUNT)));
        let pool = zipf.draw(&mut rng);
        let pool_access = Access::write(dense.id(pool));
        let oracle = dense.id(POOL_COUNT + pool % ORACLE_COUNT);
        match rng.random_range(0..100) {
            0..60 => table.push([user, pool_access, Access::read(oracle)], 2 * COST),
            60..70 => {
                let other = Access::write(dense.id(zipf.draw(&mut rng)));
                table.push([user, pool_access, other], 4 * COST)
            }
            70..99 => {
                let other = dense.id(FIRST_USER + rng.random_range(0..ACCOUNT_COUNT));
                table.push([user, Access::write(other)], COST / 2)
            }
            _ => table.push([user, Access::write(oracle)], COST / 2),
        };
    }
    table
}

/// Transfers of which a fifth bridges two of 64 hot accounts, and a fifth pays into one.
pub fn crossing(count: usize, seed: u64) -> AccessTable {
    const HOT_COUNT: usize = 64;
    transfers(count, seed, |rng| {
        let hot = |rng: &mut ChaCha8Rng| rng.random_range(0..HOT_COUNT);
        let cold = |rng: &mut ChaCha8Rng| rng.random_range(HOT_COUNT..ACCOUNT_COUNT);
        match rng.random_range(0..5) {
            0 => (hot(rng), hot(rng)),
            1 => (cold(rng), hot(rng)),
            _ => (cold(rng), cold(rng)),
        }
    })
}

/// Writers of one of 64 hot accounts each, and a fifth of them of two.
pub fn queues(count: usize, seed: u64) -> AccessTable {
    const HOT_COUNT: usize = 64;
    transfers(count, seed, |rng| {
        let hot = rng.random_range(0..HOT_COUNT);
        match rng.random_range(0..5) {
            0 => (hot, rng.random_range(0..HOT_COUNT)),
            _ => (hot, rng.random_range(HOT_COUNT..ACCOUNT_COUNT)),
        }
    })
}

/// Transactions that each use four records drawn by popularity, reading every second one, and
/// write an account of their own.
pub fn records(count: usize, seed: u64) -> AccessTable {
    const RECORD_COUNT: usize = 100_000;
    let zipf = Zipf::new(RECORD_COUNT, 0.99);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dense = Dense::default();
    let mut table = AccessTable::new();
    for number in 0..count {
        let mut accesses = vec![Access::write(dense.id(RECORD_COUNT + number))];
        for _ in 0..4 {
            let record = dense.id(zipf.draw(&mut rng));
            accesses.push(if rng.random_bool(0.5) {
                Access::write(record)
            } else {
                Access::read(record)
            });
        }
        table.push(accesses, COST);
    }
    table
}

/// A chain of `steps` forks that takes as long as two workers need for everything: 60 for both
/// accounts of the chain, then `width` transactions of 90 to 100 beside each other, one on each
/// account. Other transactions, of 10 to 50 and free or in pairs of one account, fill the rest of
/// the workers' time; they stand anywhere in the block.
pub fn forks(steps: usize, width: usize, seed: u64) -> AccessTable {
    const UNIT: u64 = 1_000;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut chain: Vec<(Vec<Access>, u64)> = Vec::new();
    let account = |number: usize| Access::write(AccountIndex(number as u32));
    let (mut path, mut work) = (0, 0);
    for _ in 0..steps {
        chain.push(((0..width).map(account).collect(), 60 * UNIT));
        let costs = (0..width).map(|_| rng.random_range(90..=100) * UNIT);
        let costs: Vec<u64> = costs.collect();
        path += 60 * UNIT + costs.iter().max().expect("the fork has branches");
        work += 60 * UNIT + costs.iter().sum::<u64>();
        let branches = costs.into_iter().enumerate();
        chain.extend(branches.map(|(number, cost)| (vec![account(number)], cost)));
    }
    let mut rest = (width as u64 * path).saturating_sub(work);
    let mut fillers: Vec<(Vec<Access>, u64)> = Vec::new();
    let mut next = width;
    while rest > 0 {
        let cost = (rng.random_range(10..=50) * UNIT).min(rest);
        fillers.push((vec![account(next)], cost));
        rest -= cost;
        next += rng.random_range(0..2);
    }
    // The chain keeps its order among the others.
    let mut table = AccessTable::new();
    let (mut chain, mut fillers) = (chain.into_iter().peekable(), fillers.into_iter().peekable());
    while chain.peek().is_some() || fillers.peek().is_some() {
        let is_chain = fillers.peek().is_none() || chain.peek().is_some() && rng.random_bool(0.4);
        let next = if is_chain {
            chain.next()
        } else {
            fillers.next()
        };
        let (accesses, cost) = next.expect("one of both has more");
        table.push(accesses, cost);
    }
    table
}

/// A chain of `steps` transactions on one account, each of which waits for one on an account of its
/// own that the step before made possible; two workers have as much other work, in chains of their
/// own that come and go.
pub fn interleaved(steps: usize, seed: u64) -> AccessTable {
    const UNIT: u64 = 1_000;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let account = |number: usize| AccountIndex(number as u32);
    let mut table = AccessTable::new();
    let mut side = 0;
    for step in 0..steps {
        let [own, before] = [1_000 + step, 1_000 + step.saturating_sub(1)].map(account);
        table.push(
            [
                Access::write(account(0)),
                Access::write(before),
                Access::write(own),
            ],
            rng.random_range(20..=40) * UNIT,
        );
        // Both must be over before the next step, and may run beside each other.
        let long = rng.random_range(50..=70) * UNIT;
        table.push([Access::write(own)], long);
        table.push([Access::write(account(0))], long - 10 * UNIT);
        // What is left of the second worker's time, on chains that change now and then.
        let mut rest = rng.random_range(30..=50) * UNIT;
        while rest > 0 {
            let cost = (rng.random_range(5..=25) * UNIT).min(rest);
            table.push([Access::write(account(10 + side))], cost);
            rest -= cost;
            side += usize::from(rng.random_bool(0.3));
        }
    }
    table
}

/// A block with every cost wrong by up to `per_cent`, as an estimate may be.
pub fn misjudged(table: &AccessTable, seed: u64, per_cent: u64) -> AccessTable {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut other = AccessTable::new();
    for transaction in table.transactions() {
        let factor = rng.random_range(100 - per_cent..=100 + per_cent);
        let cost = table.cost(transaction) * factor / 100;
        other.push(table.accesses(transaction).iter().copied(), cost);
    }
    other
}
