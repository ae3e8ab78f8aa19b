//! What the pipeline would do on 1 to 64 cores, from what its stages cost on one.
//!
//! ```text
//! run on one thread -> StageCosts --+
//! blocks, replanned -> shares ------+-> period of a block on n cores -> curve
//! memory bandwidth -----------------+
//! ```
//!
//! The model knows how the pipeline is built, and nothing else of the machine. Verifying ahead,
//! building and committing behind work side by side on the same cores:
//!
//! | Stage | On n cores |
//! |---|---|
//! | parse, verify | a block a core, ahead of the build where signatures are verified |
//! | prepare | in parallel but for numbering the accounts, which one core does |
//! | plan, check | one core, while the others load |
//! | load, root | in parallel, in tasks of 1,024 and 256 |
//! | run | as long as the plan for n workers is predicted to take |
//! | seal, and what lies between the stages | one core |
//! | commit | one core, behind the build |
//!
//! The period of a block is the longest of: building it with the cores that the other two stages
//! leave; committing it; all work over all cores; all bytes over the memory's bandwidth.

mod measure;

use serde::{Deserialize, Serialize};

pub use measure::{ModelError, Subject, core_curve};

/// Cores that a curve is drawn for.
pub const CORE_COUNTS: [u32; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Transactions sanitized by one task, and leaves of a tree hashed by one.
const TASK_SIZE: f64 = 256.0;
/// Accounts loaded by one task.
const LOAD_TASK_SIZE: f64 = 1_024.0;
/// Seconds until the threads of a pool are awake, three times a block: preparing, executing,
/// computing roots (18 us on two cores).
const WAKE: f64 = 3.0 * 18e-6;
/// Rounds after which the share of the cores that the build has does not change any more.
const ROUNDS: usize = 60;

/// Bytes that go between memory and a core for a transaction besides its own, for an access, and
/// for an account: records of 64 bytes that the stages write and read again, by their layout.
const TRANSACTION_TRAFFIC: f64 = 1_200.0;
const ACCESS_TRAFFIC: f64 = 192.0;
const ACCOUNT_TRAFFIC: f64 = 1_024.0;

/// Seconds of one core that a block takes in each stage, the mean over a run on one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageCosts {
    /// Bytes to transactions.
    pub parse: f64,
    /// Signatures.
    pub verify: f64,
    /// Rules, and numbering the accounts.
    pub prepare: f64,
    /// The part of `prepare` that numbers accounts, one transaction after the other.
    pub number: f64,
    /// Planning.
    pub plan: f64,
    /// The plan's proof.
    pub check: f64,
    /// Accounts from the store.
    pub load: f64,
    /// Transactions, and collecting what changed.
    pub run: f64,
    /// The body's order and plan.
    pub seal: f64,
    /// Receipts, roots and the header.
    pub root: f64,
    /// The store.
    pub commit: f64,
    /// What no stage is accountable for.
    pub other: f64,
}

impl StageCosts {
    /// All stages with their names, in the order in which a block meets them; numbering is in
    /// `prepare`.
    pub fn stages(&self) -> [(&'static str, f64); 11] {
        [
            ("parse", self.parse),
            ("verify", self.verify),
            ("prepare", self.prepare),
            ("plan", self.plan),
            ("check", self.check),
            ("load", self.load),
            ("run", self.run),
            ("seal", self.seal),
            ("root", self.root),
            ("commit", self.commit),
            ("other", self.other),
        ]
    }

    /// Seconds of one core for all stages.
    pub fn sum(&self) -> f64 {
        self.stages().iter().map(|(_, seconds)| seconds).sum()
    }
}

/// The size of a block, the mean over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockSize {
    /// Transactions.
    pub transactions: f64,
    /// Bytes of the transactions.
    pub bytes: f64,
    /// Accesses.
    pub accesses: f64,
    /// Distinct accounts.
    pub accounts: f64,
}

impl BlockSize {
    /// Bytes that go between memory and cores.
    fn traffic(&self) -> f64 {
        2.0 * self.bytes
            + TRANSACTION_TRAFFIC * self.transactions
            + ACCESS_TRAFFIC * self.accesses
            + ACCOUNT_TRAFFIC * self.accounts
    }
}

/// The work that the model knows of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// By stage.
    pub costs: StageCosts,
    /// Of a block.
    pub size: BlockSize,
    /// Whether signatures are verified, ahead of the build.
    pub verify: bool,
    /// For each of [`CORE_COUNTS`]: the makespan of its plans over the work.
    pub makespans: Vec<f64>,
}

/// What the machine gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Cores.
    pub cores: u32,
    /// Work that a core does while all are busy, over what it does alone; below 1 where cores are
    /// two threads of one, or are taken by others.
    pub pace: f64,
    /// Bytes a second between memory and all cores.
    pub bandwidth: f64,
}

/// What keeps the pipeline from being faster.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// One block is built after the other.
    Build,
    /// One block is committed after the other.
    Commit,
    /// All cores are busy.
    Cores,
    /// The memory's bandwidth.
    Memory,
}

impl Limit {
    /// The name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Commit => "commit",
            Self::Cores => "cores",
            Self::Memory => "memory",
        }
    }
}

/// What the model says of a number of cores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Cores.
    pub cores: u32,
    /// Transactions a second.
    pub tps: f64,
    /// The same over that on one core.
    pub speedup: f64,
    /// What keeps it from being more.
    pub limit: Limit,
    /// Part of the build's time in which it uses one core.
    pub serial: f64,
}

/// The model beside the machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// Threads, and cores of the model.
    pub threads: u32,
    /// Transactions a second by the model, at the pace that the cores had.
    pub modelled: f64,
    /// Transactions a second by the clock, the median.
    pub measured: f64,
    /// Work that a core did while as many were busy, over what it does alone.
    pub pace: f64,
}

/// The curve of a workload under a strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoreCurve {
    /// The workload.
    pub workload: String,
    /// Transactions of a generated block; `None` for a trace.
    pub block_size: Option<usize>,
    /// The strategy.
    pub strategy: String,
    /// Bytes a second between memory and all cores.
    pub bandwidth: f64,
    /// What the curve is made of.
    pub load: Load,
    /// By number of cores.
    pub points: Vec<Point>,
    /// The model beside what was measured.
    pub checked: Vec<Checked>,
}

/// Seconds from one block to the next, and why.
#[derive(Clone, Copy, Debug)]
struct Period {
    seconds: f64,
    limit: Limit,
    serial: f64,
}

/// The curve over [`CORE_COUNTS`] on cores that do not share anything but memory.
pub fn curve(load: &Load, bandwidth: f64) -> Vec<Point> {
    let period = |cores: u32| {
        let machine = Machine {
            cores,
            pace: 1.0,
            bandwidth,
        };
        period(load, &machine)
    };
    let alone = period(1).seconds;
    CORE_COUNTS
        .iter()
        .map(|&cores| {
            let Period {
                seconds,
                limit,
                serial,
            } = period(cores);
            Point {
                cores,
                tps: quotient(load.size.transactions, seconds),
                speedup: quotient(alone, seconds),
                limit,
                serial,
            }
        })
        .collect()
}

/// Transactions a second on a machine.
pub fn modelled_rate(load: &Load, machine: &Machine) -> f64 {
    quotient(load.size.transactions, period(load, machine).seconds)
}

fn period(load: &Load, machine: &Machine) -> Period {
    let costs = &load.costs;
    let cores = f64::from(machine.cores);
    let slow = 1.0 / machine.pace.clamp(0.05, 1.0);
    let memory = load.size.traffic() / machine.bandwidth.max(1.0);
    let is_ahead = load.verify && machine.cores > 1;
    let ahead = if is_ahead {
        costs.parse + costs.verify
    } else {
        0.0
    };
    let behind = if machine.cores > 1 { costs.commit } else { 0.0 };
    // Cores that the other stages leave to the build depend on how long it takes.
    let mut built = build(load, machine.cores, cores, is_ahead);
    let mut seconds = built.seconds;
    for _ in 0..ROUNDS {
        let left = (cores - quotient(ahead + behind, seconds)).clamp(1.0, cores);
        built = build(load, machine.cores, left, is_ahead);
        let next = built.seconds.max(behind).max(costs.sum() / cores);
        seconds = f64::midpoint(seconds, next);
    }
    let limits = [
        (Limit::Build, built.seconds * slow),
        (Limit::Commit, behind * slow),
        (Limit::Cores, costs.sum() / cores * slow),
        (Limit::Memory, memory),
    ];
    let (limit, seconds) = limits
        .into_iter()
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .expect("there are four");
    Period {
        seconds,
        limit,
        serial: quotient(built.serial, built.seconds),
    }
}

/// How long a block is built, and how much of that on one core.
struct Built {
    seconds: f64,
    serial: f64,
}

/// `free` are the cores that the build has, of `cores`.
fn build(load: &Load, cores: u32, free: f64, is_ahead: bool) -> Built {
    let StageCosts {
        parse,
        verify,
        prepare,
        number,
        plan,
        check,
        load: loading,
        run,
        seal,
        root,
        commit,
        other,
    } = load.costs;
    let size = &load.size;
    let number = number.min(prepare);
    let tasks = size.transactions / TASK_SIZE;
    let read = if is_ahead {
        0.0
    } else {
        shared(parse + verify, tasks, free)
    };
    let planned = plan + check;
    let (overlapped, one_core) = if cores > 1 {
        let loaded = shared(loading, size.accounts / LOAD_TASK_SIZE, free - 1.0);
        (planned.max(loaded), (planned - loaded).max(0.0))
    } else {
        (planned + loading, planned)
    };
    let share = load.makespans[share_index(cores)];
    let (committed, waking) = if cores > 1 {
        (0.0, WAKE)
    } else {
        (commit, 0.0)
    };
    let serial = number + one_core + seal + other + committed + waking;
    let parallel = read
        + shared(prepare - number, tasks, free)
        + (overlapped - one_core)
        + run * share.max(1.0 / free)
        + shared(root, size.accounts / TASK_SIZE, free);
    Built {
        seconds: serial + parallel,
        serial,
    }
}

/// The place of the plans for at least a number of workers, or for the most.
fn share_index(cores: u32) -> usize {
    let place = CORE_COUNTS.iter().position(|&count| count >= cores);
    place.unwrap_or(CORE_COUNTS.len().saturating_sub(1))
}

/// How long work takes that is cut into `tasks` and shared by `cores`, of which there is at least
/// one.
fn shared(seconds: f64, tasks: f64, cores: f64) -> f64 {
    let (tasks, cores) = (tasks.ceil().max(1.0), cores.max(1.0));
    // The core that has most of the tasks is done last.
    seconds * (1.0 / cores).max((tasks / cores.ceil()).ceil() / tasks)
}

/// A quotient; 0 where nothing is divided by nothing.
fn quotient(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(costs: StageCosts) -> Load {
        Load {
            costs,
            size: BlockSize {
                transactions: 65_536.0,
                bytes: 1.0,
                accesses: 1.0,
                accounts: 65_536.0 * 4.0,
            },
            verify: false,
            makespans: CORE_COUNTS
                .iter()
                .map(|&cores| 1.0 / f64::from(cores))
                .collect(),
        }
    }

    fn speedups(load: &Load) -> Vec<f64> {
        let points = curve(load, 1e18);
        points.iter().map(|point| point.speedup).collect()
    }

    #[test]
    fn what_is_shared_evenly_takes_its_part() {
        let load = load(StageCosts {
            run: 64.0,
            ..StageCosts::default()
        });
        for (speedup, cores) in speedups(&load).into_iter().zip(CORE_COUNTS) {
            assert!((speedup / f64::from(cores) - 1.0).abs() < 1e-3, "{cores}");
        }
    }

    #[test]
    fn one_core_bounds_what_it_does_alone() {
        for (costs, limit) in [
            (
                StageCosts {
                    plan: 1.0,
                    run: 1.0,
                    ..StageCosts::default()
                },
                Limit::Build,
            ),
            (
                StageCosts {
                    commit: 1.0,
                    run: 1.0,
                    ..StageCosts::default()
                },
                Limit::Commit,
            ),
        ] {
            let points = curve(&load(costs), 1e18);
            let last = points.last().expect("there are seven");
            assert_eq!(last.limit, limit);
            assert!(last.speedup > 1.9 && last.speedup <= 2.0, "{last:?}");
        }
    }

    #[test]
    fn slow_memory_bounds_any_number_of_cores() {
        let load = load(StageCosts {
            run: 1.0,
            ..StageCosts::default()
        });
        let points = curve(&load, load.size.traffic() * 4.0);
        assert_eq!(points[1].limit, Limit::Build);
        for point in &points[3..] {
            assert_eq!(point.limit, Limit::Memory);
            assert!((point.speedup - 4.0).abs() < 0.1, "{point:?}");
        }
    }

    #[test]
    fn more_cores_are_never_slower_and_the_pace_counts() {
        let load = load(StageCosts {
            parse: 0.1,
            verify: 3.0,
            prepare: 0.3,
            number: 0.1,
            plan: 0.2,
            check: 0.1,
            load: 0.2,
            run: 1.0,
            seal: 0.1,
            root: 0.8,
            commit: 0.4,
            other: 0.1,
        });
        for verify in [false, true] {
            let load = Load {
                verify,
                ..load.clone()
            };
            assert!(speedups(&load).is_sorted_by(|one, next| *next >= one * 0.999));
            let rate = |pace: f64| {
                let machine = Machine {
                    cores: 2,
                    pace,
                    bandwidth: 1e18,
                };
                modelled_rate(&load, &machine)
            };
            assert!((rate(0.5) / rate(1.0) - 0.5).abs() < 1e-9);
        }
    }
}
