//! From transactions to a block that others can verify.
//!
//! ```text
//! source -> prepared -> (limits) -> executed -> canonical order, plan over it -> roots -> bytes
//! ```

use std::{ops::RangeInclusive, sync::Arc};

use lockstep_interface::{Hash, TransactionError};
use lockstep_scheduler::{
    AccessMode, AccessTable, AccountIndex, Layered, Mode, Plan, Strategy, TransactionIndex,
};

use super::{
    Chain,
    error::BuildError,
    forks::Node,
    log::{self, Entry},
    observe::show_efficiency,
    source::TransactionSource,
};
use crate::{
    bank::FrozenBank,
    block::{BlockHeader, BlockLimits, BodyParts, Outcome, Receipt, Recording, plan_digest},
    engine::{BlockOptions, Cancel, Engine, EngineError, UnsealedBlock},
    prepare::bundles::Turn,
    prepare::{BlockUsage, PreparedBlock, Refusal, Resource},
    seal::Seal,
    threads::Threads,
    wire::WireBlock,
};

/// Which block is wanted.
#[derive(Clone, Copy, Debug)]
pub struct BuildRequest<'r> {
    /// Id of the parent.
    pub parent: Hash,
    /// The slot, above the parent's.
    pub slot: u64,
    /// Seconds since 1970, as programs will see them.
    pub unix_timestamp: i64,
    /// Who plans.
    pub strategy: &'r dyn Strategy,
    /// Whether the planner may choose the order ([`Mode::Produce`]), or keeps the source's.
    pub mode: Mode,
    /// What receipts carry. With balances, credits are not shared.
    pub recording: Recording,
}

/// A block that was built here, and is known.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// Its id.
    pub id: Hash,
    /// Its header.
    pub header: BlockHeader,
    /// What became of its transactions, in the order of its body.
    pub receipts: Vec<Receipt>,
    /// What the source gave and is not in the block, by place, and why.
    pub refused: Vec<(u32, Refusal)>,
    /// The plan it was executed by, over the places of the body.
    pub plan: Plan,
    entry: Entry,
}

impl BuiltBlock {
    /// The block's bytes, as [`BlockEngine::read`](super::BlockEngine::read) takes them.
    pub fn bytes(&self) -> &[u8] {
        log::logged_block(&self.entry).expect("the entry was made with a block")
    }
}

pub(super) fn build(
    chain: &Chain,
    request: &BuildRequest<'_>,
    source: &mut dyn TransactionSource,
    cancel: &Cancel,
) -> Result<BuiltBlock, BuildError> {
    let parent = {
        let forks = chain.forks.read();
        if forks.is_stopped() {
            return Err(BuildError::Stopped);
        }
        forks.parent(&request.parent)?
    };
    if request.slot <= parent.slot() {
        return Err(BuildError::Slot {
            slot: request.slot,
            parent: parent.slot(),
        });
    }
    let limits = chain.options.limits;
    let selected = source.select(&parent, &limits);
    let options = BlockOptions {
        strategy: request.strategy,
        mode: request.mode,
        verify: false,
        recording: request.recording,
        finalize: None,
    };
    let (built, bank) = {
        let mut engine = chain.engine.write();
        let bank = parent.child(request.slot, request.unix_timestamp);
        let prepared = engine.prepare(&bank, selected.block());
        let prepared = prepared.map_err(EngineError::from)?;
        let fitting = Fitting::new(selected.block(), &prepared, limits);
        let prepared = match &fitting {
            None => prepared,
            Some(fitting) => {
                let prepared = engine.prepare(&bank, &fitting.block);
                prepared.map_err(EngineError::from)?
            }
        };
        let wire = fitting
            .as_ref()
            .map_or(selected.block(), |fitting| &fitting.block);
        let unsealed = engine.execute(bank, prepared, &options, cancel)?;
        show_efficiency(&unsealed, request.mode, engine.threads());
        let sealed = Sealed::new(&engine, &unsealed, request.strategy, wire, limits)?;
        let (mut built, bank) = sealed.freeze(engine.threads(), unsealed)?;
        if let Some(fitting) = fitting {
            built.refused = fitting.with_excess(built.refused);
        }
        (built, bank)
    };
    let node = Node {
        bank,
        entry: Arc::clone(&built.entry),
    };
    // The parent may have lost meanwhile.
    chain.forks.write().insert(node)?;
    Ok(built)
}

/// What there is room for, of more transactions than that.
struct Fitting {
    block: WireBlock,
    /// Where its transactions were among all.
    places: Vec<u32>,
    excess: Vec<(u32, Refusal)>,
}

impl Fitting {
    /// `None` if there is room for all.
    fn new(all: &WireBlock, prepared: &PreparedBlock<'_>, limits: BlockLimits) -> Option<Self> {
        let excess = BlockUsage::excess(prepared, limits);
        if excess.is_empty() {
            return None;
        }
        let mut excess: Vec<(u32, Refusal)> = excess
            .into_iter()
            .map(|(position, exceeded)| {
                let error = match exceeded.resource {
                    Resource::AccountComputeUnits(_) => {
                        TransactionError::WouldExceedMaxAccountCostLimit
                    }
                    _ => TransactionError::WouldExceedMaxBlockCostLimit,
                };
                (position, Refusal::Rule(error))
            })
            .collect();
        let is_excess = |position: u32| {
            let found = excess.binary_search_by_key(&position, |(position, _)| *position);
            found.is_ok()
        };
        let (block, places) = all.retain(|position| !is_excess(position));
        // The others of a bundle go with the one that there is no room for.
        let mut kept = places.iter().copied().peekable();
        let positions = 0..u32::try_from(all.len()).expect("a block has fewer than 2^32");
        let cancelled: Vec<u32> = positions
            .filter(|position| kept.next_if_eq(position).is_none() && !is_excess(*position))
            .collect();
        let cancelled = cancelled.into_iter();
        let error = TransactionError::CommitCancelled;
        excess.extend(cancelled.map(|position| (position, Refusal::Rule(error.clone()))));
        Some(Self {
            block,
            places,
            excess,
        })
    }

    /// All refusals by place among all transactions.
    fn with_excess(self, refused: Vec<(u32, Refusal)>) -> Vec<(u32, Refusal)> {
        let refused = refused.into_iter();
        let placed = refused.map(|(position, refusal)| (self.places[position as usize], refusal));
        let mut all: Vec<(u32, Refusal)> = placed.chain(self.excess).collect();
        all.sort_unstable_by_key(|(position, _)| *position);
        all
    }
}

/// The body of a block, and what its header says of it.
struct Sealed {
    transactions: WireBlock,
    plan: Plan,
    shared_accounts: Vec<AccountIndex>,
    seal: Seal,
}

impl Sealed {
    fn new(
        engine: &Engine,
        unsealed: &UnsealedBlock<'_>,
        strategy: &dyn Strategy,
        wire: &WireBlock,
        limits: BlockLimits,
    ) -> Result<Self, BuildError> {
        let prepared = &unsealed.prepared;
        let outcomes = unsealed.write_set.outcomes();
        let is_included =
            |index: &TransactionIndex| matches!(outcomes[index.0 as usize], Outcome::Included(_));
        let bundles = prepared.bundles();
        let executed = unsealed.plan.order();
        let mut order: Vec<TransactionIndex> = if bundles.is_empty() {
            executed.iter().copied().filter(is_included).collect()
        } else {
            // What was a bundle stands in the block as transactions, one behind the other.
            let members = |index: &TransactionIndex| match bundles.turn(*index) {
                Turn::Alone => index.0..=index.0,
                Turn::Bundle(members) => members,
                // An empty range.
                Turn::Void => RangeInclusive::new(1, 0),
            };
            let all = executed.iter().flat_map(members).map(TransactionIndex);
            all.filter(is_included).collect()
        };
        let transactions_in = |order: &[TransactionIndex]| {
            let mut transactions = WireBlock::with_capacity(order.len(), wire.size());
            for index in order {
                let position = prepared.transaction(*index).position;
                let bytes = wire.get(position as usize);
                transactions.push(bytes.expect("it came from there"));
            }
            transactions
        };
        // Any plan that keeps conflicting transactions in their order comes to the same. The body
        // takes the canonical order of the new one.
        let plan_again = |order: &mut Vec<TransactionIndex>, strategy: &dyn Strategy| {
            let transactions = transactions_in(order);
            let prepared = engine.prepare(&unsealed.bank, &transactions)?;
            let plan = engine.plan(prepared.table(), strategy, Mode::Replay)?;
            let (plan, places) = relabelled(&plan.into_plan());
            *order = places.iter().map(|place| order[place.index()]).collect();
            Ok::<Plan, EngineError>(plan)
        };
        let keeps_all = order.len() == executed.len() && bundles.is_empty();
        let (mut plan, mut shared_accounts) = if keeps_all {
            let (plan, _) = relabelled(&unsealed.plan);
            (plan, shared_accounts(prepared.table(), &order))
        } else {
            // A transaction turned out to be refused while it ran, and what waits for it would
            // wait in vain; or one node of the plan was several transactions.
            (plan_again(&mut order, strategy)?, Vec::new())
        };
        if limits.check_waits(&plan).is_err() {
            (plan, shared_accounts) = (plan_again(&mut order, &Layered)?, Vec::new());
        }
        let plan_digest = plan_digest(&plan, &shared_accounts);
        Ok(Self {
            transactions: transactions_in(&order),
            plan,
            shared_accounts,
            seal: Seal { order, plan_digest },
        })
    }

    fn freeze(
        self,
        threads: &Threads,
        unsealed: UnsealedBlock<'_>,
    ) -> Result<(BuiltBlock, Arc<FrozenBank>), BuildError> {
        let parts = BodyParts::new(&self.transactions, &self.plan, &self.shared_accounts)?;
        // The bytes are made while the roots are computed; what the header says comes last.
        let unsealed_header = *unsealed.bank.parent().header();
        let (processed, mut bytes) = threads.join(
            || unsealed.freeze(threads, Some(&self.seal)),
            || parts.encode_block(&unsealed_header),
        );
        let bank = processed.bank;
        let header = *bank.header();
        bytes[..BlockHeader::SIZE].copy_from_slice(&header.encode());
        let entry = log::encode(bytes, bank.costs());
        let positions = self.seal.order.iter().map(|index| {
            let transaction = processed.prepared.transaction(*index);
            transaction.position as usize
        });
        let (receipts, refused) = processed.receipts.in_order(positions);
        let built = BuiltBlock {
            id: bank.block_hash(),
            header,
            receipts,
            refused,
            plan: self.plan,
            entry,
        };
        Ok((built, bank))
    }
}

/// The plan over places in its canonical order, and that order.
fn relabelled(plan: &Plan) -> (Plan, Vec<TransactionIndex>) {
    plan.relabelled().expect("the plan was checked")
}

/// The accounts that several transactions credit at once, as a body in this order numbers them:
/// by first appearance.
fn shared_accounts(table: &AccessTable, order: &[TransactionIndex]) -> Vec<AccountIndex> {
    if table.credit_count() == 0 {
        return Vec::new();
    }
    let mut numbers: Vec<Option<u32>> = vec![None; table.account_count()];
    let mut next = 0u32;
    let mut shared = Vec::new();
    for access in order.iter().flat_map(|index| table.accesses(*index)) {
        let number = &mut numbers[access.account().0 as usize];
        let known = *number.get_or_insert(next);
        if known == next {
            next = next.saturating_add(1);
        }
        if access.mode() == AccessMode::Credit {
            shared.push(AccountIndex(known));
        }
    }
    shared.sort_unstable();
    shared.dedup();
    shared
}
