//! Runs of one block that must agree: lockstep on any number of threads under any plan, and
//! serial in that plan's canonical order.

use std::sync::Arc;

use lockstep_interface::{Account, Address, Hash, Instruction, InstructionError, TransactionError};
use lockstep_runtime::{
    bank::{Bank, FrozenBank},
    block::{Receipt, Recording},
    engine::{Cancel, Engine, EngineError, FrozenBlock, How, UnsealedBlock},
    seal::{BlockReceipts, Seal},
    verify::{ParsedBlock, Refusal, Signatures, Verifier},
    wire::WireBlock,
};
use lockstep_scheduler::{Layered, Mode, Plan, Strategy, TransactionIndex};

use super::ledger::transaction;

/// All of a block's result that is public.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) bank: Arc<FrozenBank>,
    pub(crate) receipts: BlockReceipts,
    pub(crate) plan: Plan,
}

/// Seconds between two blocks.
const BLOCK_SECONDS: i64 = 7;

/// The time of a block, the same for all children of one slot.
pub(crate) fn timestamp(slot: u64) -> i64 {
    i64::try_from(slot).expect("slots are small here") * BLOCK_SECONDS
}

/// All that can be recorded of a block whose transactions credit accounts at once.
pub(crate) const LOGS: Recording = Recording {
    balances: false,
    ..Recording::ALL
};

/// How a block is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'s> {
    pub(crate) strategy: &'s dyn Strategy,
    pub(crate) mode: Mode,
    /// Whether signatures are verified.
    pub(crate) verify: bool,
    pub(crate) recording: Recording,
}

/// Options with everything recorded.
pub(crate) fn options(strategy: &dyn Strategy, mode: Mode) -> Options<'_> {
    recorded(strategy, mode, Recording::ALL)
}

/// Options with this recorded.
pub(crate) fn recorded(strategy: &dyn Strategy, mode: Mode, recording: Recording) -> Options<'_> {
    Options {
        strategy,
        mode,
        verify: false,
        recording,
    }
}

/// A block, parsed on the engine's threads.
pub(crate) fn parse(engine: &Engine, block: &WireBlock, verify: bool) -> ParsedBlock {
    let verifier = Verifier::default();
    let signatures = if verify {
        Signatures::Verify(&verifier)
    } else {
        Signatures::Trusted
    };
    ParsedBlock::new(block.clone(), signatures, engine.threads())
}

/// Closes a bank as if its transactions stood in the order in which they came, without a plan: the
/// same for every plan, so that whole headers can be compared.
pub(crate) fn freeze<'b>(engine: &Engine, unsealed: UnsealedBlock<'b>) -> FrozenBlock<'b> {
    let outcomes = unsealed.executed.outcomes();
    let transactions = unsealed.prepared.table().transactions();
    let included = transactions.filter(|index| outcomes[index.index()].receipt().is_some());
    let seal = Seal {
        order: included.collect(),
        plan_digest: Hash::default(),
    };
    let frozen = unsealed.freeze(&seal, engine.threads());
    frozen.expect("the trie is in memory")
}

/// Runs a parsed block in a bank.
pub(crate) fn run_parsed<'b>(
    engine: &mut Engine,
    bank: Bank,
    parsed: &'b ParsedBlock,
    options: &Options<'_>,
) -> Result<FrozenBlock<'b>, EngineError> {
    let prepared = engine.prepare(&bank, parsed)?;
    let how = How::Planned {
        strategy: options.strategy,
        mode: options.mode,
    };
    let cancel = Cancel::default();
    let unsealed = engine.execute(bank, prepared, how, options.recording, &cancel)?;
    Ok(freeze(engine, unsealed))
}

/// Runs a block in a bank.
pub(crate) fn run(
    engine: &mut Engine,
    bank: Bank,
    block: &WireBlock,
    options: &Options<'_>,
) -> Result<Outcome, EngineError> {
    let parsed = parse(engine, block, options.verify);
    let frozen = run_parsed(engine, bank, &parsed, options)?;
    Ok(Outcome {
        bank: frozen.bank,
        receipts: frozen.receipts,
        plan: frozen.plan,
    })
}

/// Runs a block in a bank with the serial executor.
pub(crate) fn run_serially(
    engine: &Engine,
    bank: Bank,
    block: &WireBlock,
    order: Option<&[TransactionIndex]>,
    (verify, recording): (bool, Recording),
) -> Outcome {
    const REASON: &str = "a store in memory does not fail";
    let parsed = parse(engine, block, verify);
    let prepared = engine.prepare(&bank, &parsed).expect(REASON);
    let unsealed = engine.execute_serial(bank, prepared, order, recording);
    let frozen = freeze(engine, unsealed.expect(REASON));
    Outcome {
        bank: frozen.bank,
        receipts: frozen.receipts,
        plan: Plan::new(),
    }
}

/// The open child of a bank in the next slot.
pub(crate) fn next(parent: &Arc<FrozenBank>) -> Bank {
    let slot = parent.slot() + 1;
    parent.child(slot, timestamp(slot))
}

/// Processes a block as the next of `parent`.
pub(crate) fn process(
    engine: &mut Engine,
    parent: &Arc<FrozenBank>,
    block: &WireBlock,
    options: &Options<'_>,
) -> Result<Outcome, EngineError> {
    run(engine, next(parent), block, options)
}

/// Processes a block with the serial executor.
pub(crate) fn serial(
    engine: &Engine,
    parent: &Arc<FrozenBank>,
    block: &WireBlock,
    order: Option<&[TransactionIndex]>,
) -> Outcome {
    serial_recorded(engine, parent, block, order, Recording::ALL)
}

/// The same with this recorded.
pub(crate) fn serial_recorded(
    engine: &Engine,
    parent: &Arc<FrozenBank>,
    block: &WireBlock,
    order: Option<&[TransactionIndex]>,
    recording: Recording,
) -> Outcome {
    run_serially(engine, next(parent), block, order, (false, recording))
}

/// The first difference between two outcomes, if any.
pub(crate) fn difference(found: &Outcome, expected: &Outcome) -> Option<String> {
    let pairs = found.receipts.iter().zip(expected.receipts.iter());
    for (position, (found, expected)) in pairs.enumerate() {
        if found != expected {
            return Some(format!("at {position}: {found:?}, expected {expected:?}"));
        }
    }
    if found.bank.changes() != expected.bank.changes() {
        let (found, expected) = (found.bank.changes(), expected.bank.changes());
        let at = found
            .iter()
            .zip(&expected)
            .find(|(one, other)| one != other);
        return Some(format!(
            "changes: {at:?}, {} against {}",
            found.len(),
            expected.len()
        ));
    }
    let roots = |outcome: &Outcome| (outcome.bank.delta_root(), outcome.bank.block_hash());
    if roots(found) != roots(expected) {
        return Some("the roots differ".to_owned());
    }
    let costs = |outcome: &Outcome| outcome.bank.costs().digest();
    (costs(found) != costs(expected)).then(|| "the learned costs differ".to_owned())
}

/// Runs the block under a strategy and asserts that the result is that of the serial run in the
/// plan's canonical order; in replay, that of the run in wire order. Gives the plan.
pub(crate) fn assert_serial(
    engine: &mut Engine,
    parent: &Arc<FrozenBank>,
    block: &WireBlock,
    options: &Options<'_>,
    in_wire_order: &Outcome,
    seed: u64,
) -> Plan {
    let (name, mode) = (options.strategy.name(), options.mode);
    let threads = engine.threads().count();
    let context = || format!("SEED={seed} {name} {mode} on {threads} threads");
    let found = process(engine, parent, block, options);
    let found = found.unwrap_or_else(|error| panic!("{}: {error}", context()));
    let in_plan_order;
    let expected = if mode == Mode::Replay || found.plan.order().is_sorted() {
        in_wire_order
    } else {
        let order = Some(found.plan.order());
        in_plan_order = serial_recorded(engine, parent, block, order, options.recording);
        &in_plan_order
    };
    if let Some(difference) = difference(&found, expected) {
        panic!("{}: {difference}", context());
    }
    found.plan
}

/// A chain that grows by one block at a time, each run serially and on two threads.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) engine: Engine,
    pub(crate) tip: Arc<FrozenBank>,
}

/// What became of a transaction.
pub(crate) type Fate = Result<Receipt, Refusal>;

impl Chain {
    pub(crate) fn new(tip: Arc<FrozenBank>) -> Self {
        let engine = Engine::new(2).expect("two threads can be started");
        Self { engine, tip }
    }

    /// The newest blockhash.
    pub(crate) fn blockhash(&self) -> Hash {
        self.tip.block_hash()
    }

    pub(crate) fn account(&self, address: &Address) -> Account {
        let account = self.tip.get(address);
        account
            .expect("a store in memory does not fail")
            .unwrap_or_default()
    }

    pub(crate) fn lamports(&self, address: &Address) -> u64 {
        self.account(address).lamports
    }

    /// Processes a block and makes it the tip.
    pub(crate) fn run(&mut self, transactions: &[Vec<u8>]) -> Vec<Fate> {
        let block: WireBlock = transactions.iter().collect();
        let options = options(&Layered, Mode::Replay);
        let found = process(&mut self.engine, &self.tip, &block, &options);
        let found = found.expect("strategy and store do not fail");
        let expected = serial(&self.engine, &self.tip, &block, None);
        assert_eq!(difference(&found, &expected), None);
        self.tip = found.bank;
        let fates = found.receipts.iter();
        fates
            .map(|fate| fate.cloned().map_err(Clone::clone))
            .collect()
    }

    /// Processes a block of one legacy transaction of these instructions.
    pub(crate) fn send(&mut self, payer: Address, instructions: &[Instruction]) -> Fate {
        self.run_one(transaction(payer, self.blockhash(), instructions))
    }

    /// Processes a block of one transaction.
    pub(crate) fn run_one(&mut self, transaction: Vec<u8>) -> Fate {
        let mut fates = self.run(&[transaction]);
        fates.pop().expect("there is a fate for each transaction")
    }
}

/// Included or refused, and in the first case its status.
pub(crate) type Verdict = Result<Result<(), TransactionError>, Refusal>;

pub(crate) const SUCCEEDED: Verdict = Ok(Ok(()));

/// Included, and failed.
pub(crate) fn failed(error: TransactionError) -> Verdict {
    Ok(Err(error))
}

/// Included, and failed in the instruction of that index.
pub(crate) fn failed_at(index: u8, error: InstructionError) -> Verdict {
    failed(TransactionError::InstructionError(index, error))
}

/// Refused by a rule.
pub(crate) fn refused(error: TransactionError) -> Verdict {
    Err(Refusal::Rule(error))
}

pub(crate) fn verdict(fate: &Fate) -> Verdict {
    match fate {
        Ok(receipt) => Ok(receipt.status.clone()),
        Err(refusal) => Err(refusal.clone()),
    }
}
