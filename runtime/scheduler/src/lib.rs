//! Plans conflict-free batches of lanes from access lists.
//!
//! ```text
//! addresses -> Interner -> AccessTable -> Strategy -> Plan -> check -> CheckedPlan
//!                               |                      |
//!                               +-> Bounds             +-> predict
//! ```
//!
//! Ids and costs in, plans out. This crate knows no account's content, no program, no thread and
//! no clock, and it computes without floating-point numbers: the same table and request give the
//! same plan everywhere.
//!
//! Modules stand in the order in which the data meets them, and each imports only from those above
//! it. The feature `graph` adds the explicit conflict graph and what colours it.
//!
//! Two transactions *conflict* when one writes what the other reads or writes; two that only
//! credit an account do not. A
//! [`Plan`] is a list of *batches*, separated by barriers; a batch is a set of *lanes* that run in
//! parallel; a lane is a run of transactions one after the other. [`check`] proves that a plan
//! never runs two conflicting transactions at once.
//!
//! Where transactions come one by one and run at once, a [`StreamScheduler`] takes the planner's
//! place: it says what each worker is to run next.
//!
//! ```
//! use std::num::NonZeroU32;
//! use lockstep_scheduler::{
//!     Access, AccessTable, AccountIndex, Bounds, Mode, PlanRequest, check, predict, strategy,
//! };
//!
//! // Three transfers: a to b, c to d, b to c.
//! let [a, b, c, d] = [0, 1, 2, 3].map(AccountIndex);
//! let mut table = AccessTable::new();
//! for (source, target) in [(a, b), (c, d), (b, c)] {
//!     table.push([Access::write(source), Access::write(target)], 1_000);
//! }
//!
//! let workers = NonZeroU32::new(2).expect("two is not zero");
//! let request = PlanRequest::new(Mode::Replay, workers);
//! let layered = strategy("layered").expect("it is built in");
//! let plan = layered.plan(&table, &request).expect("it plans every block");
//! assert_eq!(plan.to_string(), "batch 0: [0] [1]\nbatch 1: [2]\n");
//!
//! let checked = check(plan, &table, Mode::Replay).expect("the planner kept the rules");
//! let makespan = predict(checked.plan(), &table, workers, &request.costs);
//! assert_eq!(makespan, 2 * 1_000 + request.costs.barrier);
//! assert!(makespan >= Bounds::of(&table).lower_bound(Mode::Replay, workers));
//! ```
#![forbid(unsafe_code)]

mod ids;

mod access;

mod intern;

mod table;

mod credit;

mod dependencies;

mod request;

mod bounds;

mod plan;

mod check;

mod predict;

mod strategy;

#[cfg(feature = "graph")]
mod graph;

mod registry;

mod policy;

mod explain;

pub mod stream;

pub use access::{Access, AccessMode};
pub use bounds::{Bounds, efficiency_per_mille, replay_bound};
pub use check::{CheckedPlan, Refused, check};
pub use credit::CreditSite;
pub use dependencies::{Dependencies, LastUses};
pub use explain::{
    AccountHeat, CriticalStep, HotGroup, Occupancy, Relief, blocking_accounts, critical_path,
    hot_groups, occupancy, what_if, what_if_without,
};
#[cfg(feature = "graph")]
pub use graph::{
    CONFLICT_COUNT_MAX, Clique, Colouring, ConflictGraph, colour_count, dsatur, first_fit,
    heavy_clique, improve, smallest_last, welsh_powell,
};
pub use ids::{AccountIndex, TransactionIndex};
pub use intern::Interner;
pub use plan::{
    Batch, DependencyGraph, Dispatch, LANES_WITH_WAITS_MAX, Lane, Plan, PlanBuilder, PlanError,
    Wait,
};
pub use policy::{ParsePolicyError, Policy, plan_by_priority};
pub use predict::{Run, dispatch_runs, predict};
pub use registry::{Registry, strategies, strategy};
pub use request::{CostModel, Mode, ParseModeError, PlanRequest};
pub use strategy::{Auto, Dag, FirstFit, Lanes, Layered, Serial, Strategy, StrategyError, Waits};
pub use stream::{
    Addresses, Arrival, ArrivalError, Assignment, Completion, Orders, STREAM_ACCESSES_MAX,
    STREAM_WORKERS_MAX, StreamBlock, StreamConfig, StreamScheduler, Ticket, TicketError,
    WorkerIndex,
};
pub use table::AccessTable;
