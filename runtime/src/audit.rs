//! What a block's transactions declared and what their programs did into what was declared in
//! vain, and what that costs.
//!
//! ```text
//! PreparedBlock (declared), BlockReceipts (used) -> audit -> Report { findings }
//! Report, strategy -> costs: makespan as declared, without each finding, without all
//! ```
//!
//! An account is *unwritten* if it is declared as writable and no program obtained the right to
//! change it (see [`AccountUse`]); data written with the bytes that were there counts as written,
//! since a program had to borrow it mutably. It is *untouched* if no program looked into it at
//! all. Fee payer, nonce account and programs are always used. An account that is handed on to an
//! invoked program counts by what happens to it there.
//!
//! Only transactions that succeeded are audited: a failed one may not have come as far as a use.
//! What one run did not use another may need, so a finding is a question to a program's author,
//! the more urgent the more transactions it has and none without it.

use std::collections::BTreeMap;

use lockstep_interface::{Address, ProgramTable, context::AccountUse};
use lockstep_scheduler::{
    Access, AccessMode, AccessTable, AccountIndex, PlanRequest, Strategy, StrategyError,
    TransactionIndex, predict,
};
use thiserror::Error;

use crate::{
    block::Receipt,
    limits::TRANSACTION_COST,
    prepare::{PreparedBlock, SanitizedTransaction},
    seal::BlockReceipts,
};

/// Why receipts cannot be audited.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AuditError {
    /// The receipt of an included transaction does not tell what was used.
    #[error("the receipt of transaction {position} has no uses: build with Recording::uses")]
    NotRecorded {
        /// Position in the wire block.
        position: u32,
    },
    /// Receipts and transactions are not those of one block.
    #[error("the receipts are those of another block, first seen at transaction {position}")]
    OtherBlock {
        /// Position in the wire block.
        position: u32,
    },
}

/// What kind of declaration was in vain, and whose.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FindingKind {
    /// The program of the first instruction that names the account; `None` if none does.
    pub program: Option<Address>,
    /// What that program calls the instruction, if it tells its instructions apart.
    pub instruction: Option<&'static str>,
    /// What was declared.
    pub declared: AccessMode,
    /// What was done: [`AccountUse::Read`] or [`AccountUse::Untouched`].
    pub used: AccountUse,
}

/// All declarations of one kind that were in vain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The kind.
    pub kind: FindingKind,
    /// Where, in the order of transactions.
    pub accesses: Vec<(TransactionIndex, AccountIndex)>,
    /// How often at which position of the instruction, from 0; an account that the instruction
    /// names twice counts at the first. Empty if no instruction names them.
    pub positions: BTreeMap<usize, usize>,
}

/// What a block declared in vain.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Transactions that succeeded.
    pub audited_count: usize,
    /// Transactions that failed, were refused, or are part of a bundle, of which nothing is said.
    pub skipped_count: usize,
    /// By kind, those with the most accesses first.
    pub findings: Vec<Finding>,
}

/// Predicted makespans in cost units.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Costs {
    /// Of the block as declared.
    pub declared: u64,
    /// Of the block without one finding, in the order of the report.
    pub without_each: Vec<u64>,
    /// Of the block without any of them.
    pub without_all: u64,
}

/// Finds what a block's transactions declared and did not use.
///
/// # Arguments
/// `programs`: those of the bank, for the names of instructions. `receipts`: of a run of the
/// block, by whichever executor, with [`Recording::uses`](crate::block::Recording::uses).
///
/// # Errors
/// [`AuditError`] if the receipts tell no uses or belong to another block.
///
/// # Complexity
/// O(accesses x accounts of an instruction), and a sort of what is found.
///
/// ```
/// use std::sync::Arc;
/// use ed25519_zebra::SigningKey;
/// use lockstep_interface::{
///     Account, AccountMeta, Address, Instruction, InstructionError, InvokeContext, Program,
///     ProgramTable, context::AccountUse,
/// };
/// use lockstep_runtime::audit::audit;
/// use lockstep_runtime::bank::Genesis;
/// use lockstep_runtime::block::Recording;
/// use lockstep_runtime::engine::Engine;
/// use lockstep_runtime::verify::{ParsedBlock, Signatures};
/// use lockstep_runtime::wire::{MessageBuilder, WireBlock};
/// use lockstep_store::MemoryStore;
///
/// /// Looks into its first account and never changes it.
/// #[derive(Debug)]
/// struct Peek;
///
/// impl Program for Peek {
///     fn address(&self) -> Address {
///         Address::new_from_array([9; 32])
///     }
///     fn name(&self) -> &'static str {
///         "peek"
///     }
///     fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
///         context.account(0).map(|_| ())
///     }
/// }
///
/// let key = SigningKey::from([1; 32]);
/// let payer = Address::new_from_array(
///     ed25519_zebra::VerificationKeyBytes::from(&key).into(),
/// );
/// let programs = ProgramTable::new().with(Peek);
/// let watched = Address::new_from_array([7; 32]);
/// let accounts = vec![(payer, Account::wallet(1_000_000_000))];
/// let tip = Genesis::new(accounts, programs.clone()).open(Arc::new(MemoryStore::new()))?;
///
/// // The instruction declares as writable what the program only reads.
/// let call = Instruction {
///     program: Peek.address(),
///     accounts: vec![AccountMeta::writable(watched, false)],
///     data: Vec::new(),
/// };
/// let message = MessageBuilder::new(payer, tip.block_hash().to_bytes(), &[call]).compile()?;
/// let mut block = WireBlock::default();
/// block.push(&message.sign(&[&key])?);
///
/// let mut engine = Engine::new(1)?;
/// let parsed = ParsedBlock::new(block, Signatures::Trusted, engine.threads());
/// let bank = tip.child(1, 0);
/// let prepared = engine.prepare(&bank, &parsed)?;
/// let recording = Recording { uses: true, ..Recording::NONE };
/// let ran = engine.execute_serial(bank, prepared, None, recording)?;
/// let report = audit(&programs, &ran.prepared, &ran.receipts())?;
/// let finding = &report.findings[0];
/// let kind = finding.kind;
/// assert_eq!((kind.program, finding.positions[&0]), (Some(Peek.address()), 1));
/// assert_eq!((kind.declared.is_write(), kind.used), (true, AccountUse::Read));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn audit(
    programs: &ProgramTable,
    prepared: &PreparedBlock<'_>,
    receipts: &BlockReceipts,
) -> Result<Report, AuditError> {
    let mut found: BTreeMap<FindingKind, Finding> = BTreeMap::new();
    let mut audited_count = 0_usize;
    let is_bundled = |index| prepared.bundles().accesses(index).is_some();
    for (index, transaction, receipt) in executed(prepared, receipts) {
        let position = transaction.position;
        let receipt = match receipt {
            Ok(receipt) => receipt,
            Err(Missing) => return Err(AuditError::OtherBlock { position }),
        };
        let is_audited = |receipt: &&Receipt| receipt.status.is_ok() && !is_bundled(index);
        let Some(receipt) = receipt.filter(is_audited) else {
            continue;
        };
        let uses = receipt.details.as_ref().map(|details| &details.uses[..]);
        let uses = match uses {
            None | Some([]) => return Err(AuditError::NotRecorded { position }),
            Some(uses) => uses,
        };
        let accesses = prepared.table().accesses(index);
        if uses.len() != accesses.len() {
            return Err(AuditError::OtherBlock { position });
        }
        audited_count = audited_count.saturating_add(1);
        for (place, (&access, &used)) in accesses.iter().zip(uses).enumerate() {
            if is_in_vain(access.mode(), used) {
                let (kind, position) = kind(programs, prepared, index, place, used);
                let finding = found.entry(kind).or_insert_with(|| Finding {
                    kind,
                    accesses: Vec::new(),
                    positions: BTreeMap::new(),
                });
                finding.accesses.push((index, access.account()));
                if let Some(position) = position {
                    let count = finding.positions.entry(position).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    let mut findings: Vec<Finding> = found.into_values().collect();
    // A stable sort: kinds with equally many stay in their order.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.accesses.len()));
    Ok(Report {
        audited_count,
        skipped_count: prepared.wire_count().saturating_sub(audited_count),
        findings,
    })
}

/// There is no result at the transaction's position.
struct Missing;

/// The block's transactions with their receipts; none for one that was refused when it ran.
fn executed<'a, 'b>(
    prepared: &'a PreparedBlock<'b>,
    receipts: &'a BlockReceipts,
) -> impl Iterator<
    Item = (
        TransactionIndex,
        &'a SanitizedTransaction<'b>,
        Result<Option<&'a Receipt>, Missing>,
    ),
> {
    let results: Vec<_> = receipts.iter().collect();
    let transactions = prepared.table().transactions().zip(prepared.transactions());
    transactions.map(move |(index, transaction)| {
        let result = results.get(transaction.position as usize);
        let receipt = result.map(|result| result.ok()).ok_or(Missing);
        (index, transaction, receipt)
    })
}

/// True if a weaker declaration would have done.
fn is_in_vain(declared: AccessMode, used: AccountUse) -> bool {
    match used {
        AccountUse::Untouched => true,
        AccountUse::Read => declared.is_write(),
        AccountUse::Written => false,
    }
}

/// The program that declared the account at `place` of a transaction, and at which position.
fn kind(
    programs: &ProgramTable,
    prepared: &PreparedBlock<'_>,
    index: TransactionIndex,
    place: usize,
    used: AccountUse,
) -> (FindingKind, Option<usize>) {
    let accesses = prepared.table().accesses(index);
    let view = &prepared.transaction(index).view;
    let mut instructions = view.instructions();
    let named = instructions.find_map(|instruction| {
        let mut accounts = instruction.accounts.iter();
        let position = accounts.position(|&account| usize::from(account) == place)?;
        let program = accesses[usize::from(instruction.program_index)].account();
        let program = prepared.addresses()[program.0 as usize];
        let name = programs
            .get(&program)
            .and_then(|program| program.names()?.instruction(instruction.data));
        Some((program, name, position))
    });
    let kind = FindingKind {
        program: named.map(|(program, _, _)| program),
        instruction: named.and_then(|(_, name, _)| name),
        declared: accesses[place].mode(),
        used,
    };
    (kind, named.map(|(_, _, position)| position))
}

/// The block's declared accesses, each transaction at [`TRANSACTION_COST`] and the compute units
/// that it used in the end instead of those that it asked for; a refused one costs nothing.
pub fn used_costs(prepared: &PreparedBlock<'_>, receipts: &BlockReceipts) -> AccessTable {
    let declared = prepared.table();
    let mut table =
        AccessTable::with_capacity(declared.transaction_count(), declared.access_count());
    for (index, _, receipt) in executed(prepared, receipts) {
        let cost = match receipt {
            Ok(Some(receipt)) => TRANSACTION_COST.saturating_add(receipt.compute_units),
            _ => 0,
        };
        table.push(declared.accesses(index).iter().copied(), cost);
    }
    table
}

/// A table without what the findings name: unwritten accounts only read, untouched ones left out.
/// O(accesses x log found).
pub fn relieve<'a>(
    table: &AccessTable,
    findings: impl IntoIterator<Item = &'a Finding>,
) -> AccessTable {
    let mut found: Vec<(TransactionIndex, AccountIndex, AccountUse)> = Vec::new();
    for finding in findings {
        let accesses = finding.accesses.iter();
        found.extend(accesses.map(|&(index, account)| (index, account, finding.kind.used)));
    }
    found.sort_unstable();
    let mut relieved = AccessTable::with_capacity(table.transaction_count(), table.access_count());
    for index in table.transactions() {
        let accesses = table.accesses(index).iter().filter_map(|&access| {
            let place = |probe: &(TransactionIndex, AccountIndex, AccountUse)| {
                (probe.0, probe.1).cmp(&(index, access.account()))
            };
            match found.binary_search_by(place) {
                Err(_) => Some(access),
                Ok(at) if found[at].2 == AccountUse::Untouched => None,
                Ok(_) => Some(Access::read(access.account())),
            }
        });
        relieved.push(accesses, table.cost(index));
    }
    relieved
}

/// What the findings of a report cost: the predicted makespan as declared, and without them. The
/// block is planned once for each finding and twice more; a strategy may make less of an easier
/// block, so a makespan without a finding can be the longer one.
///
/// # Errors
/// Those of the strategy.
pub fn costs(
    report: &Report,
    table: &AccessTable,
    strategy: &dyn Strategy,
    request: &PlanRequest,
) -> Result<Costs, StrategyError> {
    let makespan = |table: &AccessTable| {
        let plan = strategy.plan(table, request)?;
        Ok(predict(&plan, table, request.workers, &request.costs))
    };
    let each = report
        .findings
        .iter()
        .map(|finding| makespan(&relieve(table, [finding])));
    Ok(Costs {
        declared: makespan(table)?,
        without_each: each.collect::<Result<_, _>>()?,
        without_all: makespan(&relieve(table, &report.findings))?,
    })
}
