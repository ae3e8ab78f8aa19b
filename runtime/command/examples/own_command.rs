//! The whole `lockstep` command with a strategy and a kind of load of one's own:
//! `cargo run --release -p lockstep --example own_command -- compare --workload ring,zipf
//! --strategy by-size,auto`.

use std::process::ExitCode;

use lockstep::Catalogue;
use lockstep_benches::workload::{ACCOUNTS, FamilySpec, transfers};
use lockstep_scheduler::{AccessTable, Lanes, Layered, Plan, PlanRequest, Strategy, StrategyError};

/// Lanes where the block is long, layers where it is short.
#[derive(Debug)]
struct BySize;

impl Strategy for BySize {
    fn name(&self) -> &str {
        "by-size"
    }

    fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
        match table.transaction_count() {
            0..1_000 => Layered.plan(table, request),
            _ => Lanes.plan(table, request),
        }
    }
}

/// Every wallet pays its neighbour.
const RING: FamilySpec = FamilySpec {
    name: "ring",
    about: "transfers from each wallet to the next",
    options: &[ACCOUNTS],
    build: |spec, seed| {
        Ok(transfers(spec, seed, |wallets, place, _| {
            let source = place.number % wallets.len();
            (source, (source + 1) % wallets.len())
        }))
    },
};

fn main() -> ExitCode {
    let mut catalogue = Catalogue::default();
    catalogue.strategies.register(BySize);
    catalogue.families.register(RING);
    lockstep::cli(&catalogue)
}
