//! The model: synthetic blocks through the planner, and the time of each round by integers alone.
//!
//! ```text
//! time of a round = longest shard: execution + accounts packed and unpacked + progress of all
//! others
//!                 + latency + the most bytes of a shard / bandwidth
//! time of a block = rounds + what the coordinator does alone
//! ```
//! All times are nanoseconds. What is measured, and how, stands at each constant.

use std::fmt::Write as _;

use lockstep_scheduler::{Access, AccessTable, AccountIndex};
use lockstep_sharded::place::{Layout, MESSAGE_SIZE, Placed, free};

/// Transactions of a block.
const SIZE: u32 = 20_000;
/// Groups of accounts that are used together; each lives on one shard.
const GROUPS: u32 = 4_000;
/// Accounts of a group.
const MEMBERS: u32 = 25;
/// Bytes of an account without data, as it is sent.
const ACCOUNT_SIZE: u32 = 77;
/// Assumed: to encode and decode an account and put it in its place, on each side.
const MESSAGE_TIME: u64 = 1_000;
/// Assumed: to take the progress of one other worker at one time. Progress is told by each to each.
const PROGRESS_TIME: u64 = 400;
/// What the coordinator does alone for a transaction: plan, route, encode, join. Rounded from bench
/// `figures -- --clock`: what one process takes above the engine.
const COORDINATOR_TIME: u64 = 10_000;

/// Cores.
const COUNTS: [u32; 6] = [1, 4, 16, 64, 256, 1_000];
/// Of 100 transactions, those that use two groups.
const CROSSINGS: [u32; 4] = [0, 1, 10, 50];
/// What an uncontended transaction takes.
const COSTS: [u64; 3] = [10_000, 100_000, 1_000_000];

struct Network {
    name: &'static str,
    latency: u64,
    /// Nanoseconds a kilobyte.
    kilobyte: u64,
}

const NETWORKS: [Network; 3] = [
    Network {
        name: "rack, 10 us, 25 Gbit/s",
        latency: 10_000,
        kilobyte: 320,
    },
    Network {
        name: "data centre, 100 us, 10 Gbit/s",
        latency: 100_000,
        kilobyte: 800,
    },
    Network {
        name: "region, 1 ms, 1 Gbit/s",
        latency: 1_000_000,
        kilobyte: 8_000,
    },
];

/// What a shard does in a round.
#[derive(Clone, Copy, Default)]
struct Load {
    work: u64,
    messages: u64,
    bytes: u64,
}

/// Numbers that look random and are the same everywhere (xorshift).
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let draw = (self.0 >> 16).checked_rem(u64::from(end)).unwrap_or(0);
        u32::try_from(draw).unwrap_or(0)
    }
}

/// A block in which each transaction writes two accounts, `crossing` of 100 those of two groups.
fn block(crossing: u32) -> AccessTable {
    let mut draws = Draws(0x9e37_79b9_7f4a_7c15);
    let mut table = AccessTable::new();
    for _ in 0..SIZE {
        let group = draws.below(GROUPS);
        let other = match draws.below(100) < crossing {
            true => draws.below(GROUPS),
            false => group,
        };
        let mut member = |group: u32| {
            let place = group
                .saturating_mul(MEMBERS)
                .saturating_add(draws.below(MEMBERS));
            Access::write(AccountIndex(place))
        };
        let accesses = [member(group), member(other)];
        table.push(accesses, 1_000);
    }
    table
}

fn layout(table: &AccessTable, count: u32) -> Layout {
    let accounts = u32::try_from(table.account_count()).unwrap_or(u32::MAX);
    let home = |account: u32| (account / MEMBERS).checked_rem(count).unwrap_or(0);
    Layout {
        homes: (0..accounts).map(home).collect(),
        sizes: vec![ACCOUNT_SIZE; table.account_count()],
        shard_count: count,
    }
}

/// What each shard does at each time: before the first round, in each round, behind the last.
fn loads(table: &AccessTable, layout: &Layout, placed: &Placed) -> Vec<Vec<Load>> {
    let mut at = layout.homes.clone();
    let empty = || vec![Load::default(); layout.shard_count as usize];
    let mut times = vec![empty()];
    let send = |times: &mut Vec<Vec<Load>>, from: u32, to: u32| {
        if let Some(time) = times.last_mut() {
            for shard in [from, to] {
                let load = &mut time[shard as usize];
                load.messages = load.messages.saturating_add(1);
                let bytes = MESSAGE_SIZE.saturating_add(u64::from(ACCOUNT_SIZE));
                load.bytes = load.bytes.saturating_add(bytes);
            }
        }
    };
    for (batch, shards) in placed.plan.batches().zip(&placed.shards) {
        let mut round = empty();
        for (lane, shard) in batch.lanes().zip(shards) {
            for index in lane {
                let work = &mut round[*shard as usize].work;
                *work = work.saturating_add(table.cost(*index));
                for access in table.accesses(*index) {
                    let place = &mut at[access.account().index()];
                    if *place != *shard {
                        send(&mut times, *place, *shard);
                        *place = *shard;
                    }
                }
            }
        }
        times.push(round);
    }
    for (place, home) in at.iter().zip(&layout.homes) {
        if place != home {
            send(&mut times, *place, *home);
        }
    }
    times
}

/// Nanoseconds of a block whose transactions cost `cost` each.
fn time(times: &[Vec<Load>], cost: u64, network: &Network) -> u64 {
    let round = |shards: &Vec<Load>| {
        let others = (shards.len() as u64).saturating_sub(1);
        let busy = shards.iter().map(|load| {
            let work = (load.work / 1_000).saturating_mul(cost);
            work.saturating_add(load.messages.saturating_mul(MESSAGE_TIME))
        });
        let busy = busy.max().unwrap_or(0);
        let bytes = shards.iter().map(|load| load.bytes).max().unwrap_or(0);
        let sent = bytes.saturating_mul(network.kilobyte) / 1_000;
        let latency = if others > 0 { network.latency } else { 0 };
        let progress = others.saturating_mul(PROGRESS_TIME);
        busy.saturating_add(sent)
            .saturating_add(latency)
            .saturating_add(progress)
    };
    times.iter().map(round).fold(0, u64::saturating_add)
}

/// A number of tenths.
fn tenths(number: u64) -> String {
    match number {
        0..1_000 => format!("{}.{}", number / 10, number.checked_rem(10).unwrap_or(0)),
        _ => (number / 10).to_string(),
    }
}

/// How many times faster than one core, in tenths. `alone` is what the coordinator does by itself
/// for each transaction.
fn gain(times: &[Vec<Load>], cost: u64, network: &Network, alone: u64) -> u64 {
    let all = u64::from(SIZE).saturating_mul(cost.saturating_add(COORDINATOR_TIME));
    let cores = times.first().map_or(1, |shards| shards.len() as u64);
    let spread = COORDINATOR_TIME.saturating_sub(alone);
    let around = u64::from(SIZE).saturating_mul(alone);
    let shared = u64::from(SIZE)
        .saturating_mul(spread)
        .checked_div(cores)
        .unwrap_or(0);
    let block = time(times, cost, network)
        .saturating_add(around)
        .saturating_add(shared);
    all.saturating_mul(10).checked_div(block).unwrap_or(0)
}

/// The tables, as Markdown.
pub(crate) fn tables() -> String {
    let mut text = String::new();
    let planned: Vec<_> = CROSSINGS
        .iter()
        .map(|crossing| {
            let table = block(*crossing);
            let times = COUNTS.map(|count| {
                let layout = layout(&table, count);
                loads(&table, &layout, &free(&table, &layout))
            });
            (*crossing, times)
        })
        .collect();
    let heads: Vec<String> = COUNTS.iter().map(|count| format!(" {count} |")).collect();
    let heads = heads.concat();
    let rule = "---:|".repeat(COUNTS.len());
    for (alone, title) in [
        (COORDINATOR_TIME, "The coordinator as it is"),
        (0, "Its work spread over the shards"),
    ] {
        let _ = writeln!(text, "{title}:\n");
        let _ = writeln!(text, "| Network | A transaction | Crossing |{heads}");
        let _ = writeln!(text, "|---|---:|---:|{rule}");
        for network in &NETWORKS {
            for cost in COSTS {
                for (crossing, times) in &planned {
                    let gains = times.iter().map(|times| gain(times, cost, network, alone));
                    let gains: Vec<String> =
                        gains.map(|gain| format!(" {} |", tenths(gain))).collect();
                    let micros = cost / 1_000;
                    let name = network.name;
                    let gains = gains.concat();
                    let _ = writeln!(text, "| {name} | {micros} us | {crossing} % |{gains}");
                }
            }
        }
        let _ = writeln!(text);
    }
    let _ = writeln!(text, "Rounds, and accounts moved for 100 transactions:\n");
    let _ = writeln!(text, "| Crossing |{heads}");
    let _ = writeln!(text, "|---:|{rule}");
    for (crossing, times) in &planned {
        let cells = times.iter().map(|times| {
            let all = times.iter().flatten();
            let moved = all.map(|load| load.messages).fold(0, u64::saturating_add) / 2;
            let share = moved.saturating_mul(100) / u64::from(SIZE);
            format!(" {}, {share} |", times.len().saturating_sub(1))
        });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(text, "| {crossing} % |{}", cells.concat());
    }
    text
}
