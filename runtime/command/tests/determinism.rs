//! A plan is a function of block, strategy, mode and worker count: threads, processes, hash seeds
//! and build profiles do not enter.
//!
//! The digests of all strategies' plans over several workloads are kept in `golden/plans.txt`;
//! `UPDATE_GOLDEN=1` writes the file anew. Debug and release builds are held against the same
//! file, and so is every process with its own hash seed.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]

#[path = "common/folder.rs"]
mod folder;

use std::fmt::Write as _;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::{env, fs};

use lockstep_benches::planning::InternedBlock;
use lockstep_benches::workload::{StreamShape, Workload};
use lockstep_programs::builtin_programs;
use lockstep_runtime::bank::Genesis;
use lockstep_runtime::block::Recording;
use lockstep_runtime::engine::{Cancel, Engine, How};
use lockstep_runtime::verify::{ParsedBlock, Signatures};
use lockstep_scheduler::{
    AccessTable, Mode, Plan, PlanRequest, Strategy, StrategyError, strategies,
};
use lockstep_store::MemoryStore;
use sha2::{Digest, Sha256};

use folder::Folder;

const SEED: u64 = 3;
const TRANSACTIONS: usize = 400;
const WORKERS: [u32; 3] = [1, 4, 16];

/// From no conflicts to nothing but conflicts.
const WORKLOADS: [&str; 7] = [
    "transfers:accounts=2000",
    "zipf",
    "hot",
    "one-account",
    "mainnet-mix:payers=300:accounts=900:markets=40",
    "pools-mixed",
    "crossing",
];

fn workload(text: &str, threads: usize) -> Workload {
    let shape = StreamShape {
        transaction_count: TRANSACTIONS,
        block_size: TRANSACTIONS,
    };
    let threads = NonZeroUsize::new(threads).unwrap();
    Workload::new(&text.parse().unwrap(), SEED, shape, threads).unwrap()
}

/// Digests of the plans of each strategy and mode over all workloads and worker counts, each
/// workload made and numbered on this many threads.
fn digests(threads: usize) -> String {
    let blocks: Vec<InternedBlock> = WORKLOADS
        .iter()
        .map(|text| InternedBlock::new(&workload(text, threads).access_lists(0)))
        .collect();
    let mut text = String::new();
    for strategy in strategies() {
        for mode in Mode::ALL {
            let mut hasher = Sha256::new();
            for block in &blocks {
                for workers in WORKERS {
                    let request = PlanRequest::new(mode, NonZeroU32::new(workers).unwrap());
                    hasher.update(match strategy.plan(block.table(), &request) {
                        Ok(plan) => plan.to_string(),
                        Err(refusal) => refusal.to_string(),
                    });
                }
            }
            let digest = hex::encode(hasher.finalize());
            writeln!(text, "{} {mode} {digest}", strategy.name()).unwrap();
        }
    }
    text
}

#[test]
fn plans_are_those_of_every_build_and_thread_count() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plans.txt");
    let found = digests(1);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        expected.lines().collect::<Vec<_>>()
    );
    assert_eq!(digests(8), found, "made on 8 threads");
}

#[test]
fn two_processes_plan_alike() {
    let scratch = Folder::new("plans");
    let plan = |strategy: &str, mode: Mode, process: usize| {
        let out = scratch.path(&format!("{strategy}-{process}.json"));
        let count = TRANSACTIONS.to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(["plan", "--workload", "pools-mixed", "--txs", &count]);
        command.args([
            "--strategy",
            strategy,
            "--mode",
            mode.name(),
            "--workers",
            "8",
        ]);
        command.args(["--plan-out", &out, "--json", "--quiet"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{strategy}: {output:?}");
        Sha256::digest(fs::read(out).unwrap())
    };
    for strategy in strategies() {
        for mode in Mode::ALL {
            let name = strategy.name();
            assert_eq!(plan(name, mode, 1), plan(name, mode, 2), "{name} {mode}");
        }
    }
}

/// A strategy that plans for eight workers, however many threads there are.
#[derive(Debug)]
struct ForEight(Box<dyn Strategy>);

impl Strategy for ForEight {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        let workers = NonZeroU32::new(8).expect("eight is not zero");
        self.0.plan(
            table,
            &PlanRequest {
                workers,
                ..*request
            },
        )
    }
}

#[test]
fn an_engine_plans_alike_on_any_number_of_threads() {
    let workload = workload(WORKLOADS[4], 2);
    let plans = |threads: usize| -> Vec<Plan> {
        let mut engine = Engine::new(threads).unwrap();
        let genesis = Genesis::new(workload.genesis().collect(), builtin_programs());
        let tip = genesis.open(Arc::new(MemoryStore::new())).unwrap();
        let wire = workload.block(0, tip.block_hash().to_bytes());
        let plans = strategies().into_iter().map(|strategy| {
            let parsed = ParsedBlock::new(wire.clone(), Signatures::Trusted, engine.threads());
            let bank = tip.child(1, 0);
            let prepared = engine.prepare(&bank, &parsed).unwrap();
            let strategy = &ForEight(strategy);
            let mode = Mode::Produce;
            let how = How::Planned { strategy, mode };
            let (none, cancel) = (Recording::NONE, Cancel::default());
            engine
                .execute(bank, prepared, how, none, &cancel)
                .unwrap()
                .plan
        });
        plans.collect()
    };
    let expected = plans(1);
    for threads in [2, 7] {
        assert_eq!(plans(threads), expected, "{threads} threads");
    }
}
