//! A workload's blocks, run for real, into what they declared in vain and what that costs.
//!
//! ```text
//! Workload -> genesis -> Engine (uses recorded) -> audit, costs by block -> AuditFigures
//! ```
//!
//! Costs are the compute units that were used. Figures of several blocks add up by kind of
//! finding, as the blocks run one after the other.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use lockstep_interface::{Address, Hash, ProgramTable, context::AccountUse};
use lockstep_runtime::audit::{AuditError, Costs, FindingKind, Report, audit, costs, used_costs};
use lockstep_runtime::bank::{Genesis, GenesisError};
use lockstep_runtime::block::Recording;
use lockstep_runtime::engine::{Engine, EngineError};
use lockstep_runtime::seal::Seal;
use lockstep_runtime::threads::ThreadsError;
use lockstep_runtime::verify::{ParsedBlock, Signatures};
use lockstep_scheduler::{AccessMode, PlanRequest, Strategy, StrategyError};
use lockstep_store::{MemoryStore, StoreError};
use serde::Serialize;

use crate::workload::Workload;

/// Accounts that a finding names.
pub const ACCOUNTS_MAX: usize = 5;

/// Why blocks could not be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadAuditError {
    /// The workload's genesis gave no bank.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A block was not prepared.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system refused a thread.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// The receipts do not fit the block.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A documented bound keeps the strategy from planning a block.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
}

/// What blocks declared in vain. Times are in cost units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditFigures {
    /// Name of the strategy that plans with and without findings.
    pub strategy: String,
    /// `produce` or `replay`.
    pub mode: &'static str,
    /// Workers that it plans for.
    pub workers: u32,
    /// Transactions that succeeded and were audited.
    pub audited: usize,
    /// Transactions that failed or were refused, of which nothing is said.
    pub skipped: usize,
    /// Predicted time of the blocks as declared, at the compute units used.
    pub makespan: u64,
    /// The same without anything declared in vain.
    pub makespan_without: u64,
    /// What that saves; negative where the strategy makes less of an easier block.
    pub saved: i64,
    /// By kind, those with the most accesses first.
    pub findings: Vec<FindingFigures>,
}

/// One kind of declaration in vain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingFigures {
    /// Name of the program that was given the account, its address if the name is not known;
    /// `None` for an account that no instruction names.
    pub program: Option<String>,
    /// What the program calls the instruction.
    pub instruction: Option<&'static str>,
    /// `write` or `read`.
    pub declared: &'static str,
    /// `read` or `untouched`.
    pub used: &'static str,
    /// Uses of accounts that were declared so.
    pub uses: usize,
    /// The positions in the instruction, from 0, in ascending order.
    pub positions: Vec<PositionFigures>,
    /// The accounts it hits most often, at most [`ACCOUNTS_MAX`].
    pub accounts: Vec<AccountFigures>,
    /// Predicted time without it.
    pub makespan_without: u64,
    /// What that saves.
    pub saved: i64,
}

/// How many of a finding's uses are at a position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PositionFigures {
    /// Position in the instruction, from 0.
    pub position: usize,
    /// Uses.
    pub uses: usize,
}

/// How many of a finding's uses are of an account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccountFigures {
    /// The address.
    pub account: String,
    /// Uses.
    pub uses: usize,
}

/// Sums over blocks for one kind.
#[derive(Debug, Default)]
struct Sum {
    accounts: BTreeMap<Address, usize>,
    positions: BTreeMap<usize, usize>,
    saved: i64,
}

/// Runs the blocks of these indexes one after the other on one thread, audits each and prices
/// what is found with the strategy.
///
/// # Errors
/// See [`WorkloadAuditError`].
pub fn audit_workload(
    workload: &Workload,
    indexes: &[usize],
    strategy: &dyn Strategy,
    request: &PlanRequest,
) -> Result<AuditFigures, WorkloadAuditError> {
    let programs = workload.programs();
    let genesis = Genesis::new(workload.genesis().collect(), programs.clone());
    let mut tip = genesis.open(Arc::new(MemoryStore::new()))?;
    let engine = Engine::new(1)?;
    let recording = Recording {
        uses: true,
        ..Recording::NONE
    };
    let mut sums: BTreeMap<FindingKind, Sum> = BTreeMap::new();
    let mut figures = AuditFigures {
        strategy: strategy.name().to_owned(),
        mode: request.mode.name(),
        workers: request.workers.get(),
        audited: 0,
        skipped: 0,
        makespan: 0,
        makespan_without: 0,
        saved: 0,
        findings: Vec::new(),
    };
    for &index in indexes {
        let wire = workload.block(index, tip.block_hash().to_bytes());
        let parsed = ParsedBlock::new(wire, Signatures::Trusted, engine.threads());
        let bank = tip.child(tip.slot().saturating_add(1), 0);
        let prepared = engine.prepare(&bank, &parsed)?;
        let ran = engine.execute_serial(bank, prepared, None, recording)?;
        let receipts = ran.receipts();
        let prepared = &ran.prepared;
        let report = audit(&programs, prepared, &receipts)?;
        let table = used_costs(prepared, &receipts);
        let costs = costs(&report, &table, strategy, request)?;
        figures.add(&report, &costs);
        for (finding, &without) in report.findings.iter().zip(&costs.without_each) {
            let sum = sums.entry(finding.kind).or_default();
            sum.saved = sum.saved.saturating_add(saved(costs.declared, without));
            for (&position, &count) in &finding.positions {
                let uses = sum.positions.entry(position).or_default();
                *uses = uses.saturating_add(count);
            }
            for (_, account) in &finding.accesses {
                let address = prepared.addresses()[account.index()];
                let count = sum.accounts.entry(address).or_default();
                *count = count.saturating_add(1);
            }
        }
        let outcomes = ran.executed.outcomes();
        let included = prepared.table().transactions();
        let included = included.filter(|index| outcomes[index.index()].receipt().is_some());
        let seal = Seal {
            order: included.collect(),
            plan_digest: Hash::default(),
        };
        tip = ran.freeze(&seal, engine.threads())?.bank;
        tip.finalize()?;
    }
    let findings = sums.iter();
    figures.findings = findings
        .map(|(kind, sum)| FindingFigures::of(kind, sum, figures.makespan, &programs))
        .collect();
    let findings = &mut figures.findings;
    findings.sort_by_key(|finding| Reverse(finding.uses));
    Ok(figures)
}

/// What the shorter time saves; negative if it is the longer one.
fn saved(declared: u64, without: u64) -> i64 {
    let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    signed(declared).saturating_sub(signed(without))
}

impl AuditFigures {
    fn add(&mut self, report: &Report, costs: &Costs) {
        self.audited = self.audited.saturating_add(report.audited_count);
        self.skipped = self.skipped.saturating_add(report.skipped_count);
        self.makespan = self.makespan.saturating_add(costs.declared);
        self.makespan_without = self.makespan_without.saturating_add(costs.without_all);
        self.saved = saved(self.makespan, self.makespan_without);
    }
}

impl FindingFigures {
    fn of(kind: &FindingKind, sum: &Sum, makespan: u64, programs: &ProgramTable) -> Self {
        let name = |address: Address| match programs.get(&address) {
            Some(program) => program.name().to_owned(),
            None => address.to_string(),
        };
        // Of several with as many uses, the first addresses.
        let mut accounts: Vec<_> = sum.accounts.iter().collect();
        accounts.sort_by_key(|(_, uses)| Reverse(**uses));
        let accounts = accounts.into_iter().take(ACCOUNTS_MAX);
        let positions = sum.positions.iter();
        Self {
            program: kind.program.map(name),
            instruction: kind.instruction,
            declared: match kind.declared {
                AccessMode::Read => "read",
                AccessMode::Write => "write",
                AccessMode::Credit => "credit",
            },
            used: match kind.used {
                AccountUse::Untouched => "untouched",
                AccountUse::Read => "read",
                AccountUse::Written => "written",
            },
            uses: sum.accounts.values().sum(),
            positions: positions
                .map(|(&position, &uses)| PositionFigures { position, uses })
                .collect(),
            accounts: accounts
                .map(|(address, &uses)| AccountFigures {
                    account: address.to_string(),
                    uses,
                })
                .collect(),
            makespan_without: makespan.saturating_add_signed(sum.saved.saturating_neg()),
            saved: sum.saved,
        }
    }
}
