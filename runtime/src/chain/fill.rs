//! A block that is filled again where refused transactions left room.
//!
//! ```text
//! parent -> (1st part) -> state -> (2nd part) -> state ..        what was refused is in none
//!               \                     /
//!                transactions, in order -> one block: planned again, outcomes and changes known
//! ```
//!
//! Each part runs on the state after those before it, as a block of its own with the same parent:
//! lookup tables, blockhashes and sysvars are the parent's. All parts together are a block in the
//! order in which they ran, so that its outcome is what running it as one block comes to.

use std::{collections::HashSet, mem, sync::Arc};

use ahash::RandomState;
use lockstep_interface::{Address, Hash, TransactionError};
use lockstep_scheduler::{Mode, TransactionIndex};
use lockstep_store::{Change, StoreError};
use smallvec::SmallVec;

use super::{
    Chain,
    build::{BuildRequest, BuiltBlock, no_room},
    error::BuildError,
    source::TransactionSource,
};
use crate::{
    bank::FrozenBank,
    block::{BlockLimits, Outcome},
    engine::{Cancel, Engine, EngineError, UnsealedBlock, included},
    execute::ExecutedBlock,
    fence::fenced,
    prepare::{BLOCK_PARTS, BlockUsage, Demand, LimitExceeded, PreparedBlock},
    verify::{ParsedBlock, Refusal},
};

/// How often a source is asked again for one block at the most.
pub const REFILLS_MAX: u32 = 3;
/// A block of which less than this is left, of any resource, is not filled again.
const LEFT_MIN: u64 = BLOCK_PARTS / 32;

/// The parts of a block that ran.
pub(super) struct Filling {
    limits: BlockLimits,
    leader: Option<Address>,
    usage: BlockUsage<Address>,
    /// The included transactions, in the order in which they ran.
    whole: ParsedBlock,
    /// Their messages; for look-up only.
    messages: HashSet<Hash, RandomState>,
    outcomes: Vec<Outcome>,
    /// In strictly ascending order of addresses.
    changes: Vec<Change>,
    /// By place in all that was given.
    refused: Vec<(u32, Refusal)>,
    given_count: u32,
    part_count: u32,
}

impl Filling {
    /// The first part of a block, if it is worth while to fill it again: some transactions were
    /// refused, and there is room.
    pub(super) fn of(unsealed: &UnsealedBlock<'_>, limits: BlockLimits) -> Option<Self> {
        if refusals(unsealed).is_empty() {
            return None;
        }
        let mut filling = Self {
            limits,
            leader: unsealed.bank.leader(),
            usage: BlockUsage::new(limits),
            whole: ParsedBlock::default(),
            messages: HashSet::default(),
            outcomes: Vec::new(),
            changes: unsealed.executed.changes().to_vec(),
            refused: Vec::new(),
            given_count: 0,
            part_count: 0,
        };
        filling.note(unsealed);
        (filling.usage.left() >= LEFT_MIN).then_some(filling)
    }

    /// Asks the source for more until nothing is given, or little is left. Gives `None` if it has
    /// nothing to begin with.
    ///
    /// # Errors
    /// If the engine, the store or the source fails, or the caller cancelled.
    pub(super) fn fill(
        mut self,
        chain: &Chain,
        parent: &Arc<FrozenBank>,
        source: &mut dyn TransactionSource,
        request: &BuildRequest<'_>,
        cancel: &Cancel,
    ) -> Result<Option<Self>, BuildError> {
        for _ in 0..REFILLS_MAX {
            if self.usage.left() < LEFT_MIN {
                break;
            }
            let state = parent.overridden(self.changes.clone());
            let more = fenced(|| source.refill(&state, &self.usage));
            let mut more = more.map_err(BuildError::SourcePanicked)?;
            if more.wire_count() == 0 {
                break;
            }
            chain.with_engine(|engine| {
                self.run(engine, [parent, &state], &mut more, request, cancel)
            })?;
        }
        Ok(Some(self).filter(|filling| filling.part_count > 1))
    }

    /// Runs one more part, of a child of the parent, on the state so far.
    fn run(
        &mut self,
        engine: &mut Engine,
        [parent, state]: [&Arc<FrozenBank>; 2],
        parsed: &mut ParsedBlock,
        request: &BuildRequest<'_>,
        cancel: &Cancel,
    ) -> Result<(), EngineError> {
        let (slot, time) = (request.slot, request.unix_timestamp);
        let bank = parent.child(slot, time);
        let excess = self.excess(&engine.prepare(&bank, parsed)?);
        parsed.refuse(excess);
        let prepared = engine.prepare(&bank, parsed)?;
        let bank = state.child(slot, time);
        let unsealed = engine.execute(bank, prepared, request.how(), request.recording, cancel)?;
        self.note(&unsealed);
        self.change(parent, unsealed.executed.changes)?;
        Ok(())
    }

    /// The transactions that the parts so far leave no room for, or have already, by position.
    fn excess(&self, prepared: &PreparedBlock<'_>) -> Vec<(u32, Refusal)> {
        let mut usage = self.usage.clone();
        let mut excess = Vec::new();
        for index in prepared.table().transactions() {
            let transaction = prepared.transaction(index);
            let admitted = if self.messages.contains(&transaction.message_hash) {
                Err(Refusal::Rule(TransactionError::AlreadyProcessed))
            } else {
                admit(&mut usage, prepared, index).map_err(|exceeded| no_room(&exceeded))
            };
            excess.extend(admitted.err().map(|error| (transaction.position, error)));
        }
        excess
    }

    /// Takes in what became of a part.
    fn note(&mut self, unsealed: &UnsealedBlock<'_>) {
        let prepared = &unsealed.prepared;
        let outcomes = unsealed.executed.outcomes();
        for index in included(unsealed) {
            let transaction = prepared.transaction(index);
            let (view, message_hash) = (&transaction.view, transaction.message_hash);
            self.whole.push(view.bytes(), view.frame(), message_hash);
            self.messages.insert(message_hash);
            self.outcomes.push(outcomes[index.index()].clone());
            let admitted = admit(&mut self.usage, prepared, index);
            admitted.expect("what there is no room for did not run");
        }
        let before = self.given_count;
        let refused = refusals(unsealed).into_iter();
        let refused = refused.map(|(place, refusal)| (place.saturating_add(before), refusal));
        self.refused.extend(refused);
        let given = u32::try_from(prepared.wire().len()).expect("a block has fewer than 2^32");
        self.given_count = before.saturating_add(given);
        self.part_count = self.part_count.saturating_add(1);
    }

    /// Takes in what a part changed. What is again as the parent has it has not changed.
    fn change(&mut self, parent: &FrozenBank, later: Vec<Change>) -> Result<(), StoreError> {
        let mut earlier = mem::take(&mut self.changes).into_iter().peekable();
        for change in later {
            while let Some(known) = earlier.next_if(|known| known.0 < change.0) {
                self.changes.push(known);
            }
            let is_again = earlier.next_if(|known| known.0 == change.0).is_some();
            let is_undone = is_again && parent.get(&change.0)?.unwrap_or_default() == change.1;
            if !is_undone {
                self.changes.push(change);
            }
        }
        self.changes.extend(earlier);
        Ok(())
    }

    /// Makes a block of all parts.
    ///
    /// # Errors
    /// If the store or the strategy fails.
    pub(super) fn seal(
        self,
        engine: &Engine,
        parent: &Arc<FrozenBank>,
        request: &BuildRequest<'_>,
    ) -> Result<(BuiltBlock, Arc<FrozenBank>), EngineError> {
        let bank = parent.child(request.slot, request.unix_timestamp);
        let bank = bank.with_leader(self.leader);
        let prepared = engine.prepare(&bank, &self.whole)?;
        let count = prepared.table().transaction_count();
        assert_eq!(
            count,
            self.outcomes.len(),
            "each part keeps the rules of the whole"
        );
        let plan = engine.plan(prepared.table(), request.strategy, Mode::Replay)?;
        let plan = plan.into_plan();
        let unsealed = UnsealedBlock {
            bank,
            prepared,
            plan,
            executed: ExecutedBlock {
                changes: self.changes,
                outcomes: self.outcomes,
            },
        };
        let sealed = unsealed.seal(engine, request.strategy, &self.limits)?;
        let (mut built, bank) = BuiltBlock::new(sealed);
        built.refused = self.refused;
        Ok((built, bank))
    }
}

/// The transactions of a part that were refused, by position, and why.
fn refusals(unsealed: &UnsealedBlock<'_>) -> Vec<(u32, Refusal)> {
    let transactions = unsealed.prepared.transactions();
    let outcomes = transactions.zip(unsealed.executed.outcomes());
    let refused = outcomes.filter_map(|(transaction, outcome)| match outcome {
        Outcome::Refused(error) => Some((transaction.position, Refusal::Rule(error.clone()))),
        Outcome::Included(_) => None,
    });
    let mut all = unsealed.prepared.refused().to_vec();
    all.extend(refused);
    all.sort_unstable_by_key(|(position, _)| *position);
    all
}

/// Counts one transaction of a prepared block.
fn admit(
    usage: &mut BlockUsage<Address>,
    prepared: &PreparedBlock<'_>,
    index: TransactionIndex,
) -> Result<(), LimitExceeded<Address>> {
    let transaction = prepared.transaction(index);
    let accesses = prepared.access_list(index);
    let writes = accesses.filter_map(|(address, is_written)| is_written.then_some(address));
    let writes: SmallVec<[Address; 8]> = writes.collect();
    usage.admit(&Demand {
        transaction_count: 1,
        compute_units: transaction.cost.compute_units,
        allocated_size: transaction.cost.allocated_size,
        size: transaction.view.bytes().len(),
        writes: &writes,
    })
}
