//! From an executed block to one that others can verify: canonical order, a plan over it, roots,
//! bytes.

use std::{borrow::Cow, ops::RangeInclusive, sync::Arc};

use lockstep_scheduler::{
    AccessMode, AccessTable, AccountIndex, Layered, Mode, Plan, Strategy, TransactionIndex,
};
use lockstep_store::StoreError;

use super::{Engine, EngineError, UnsealedBlock};
use crate::{
    bank::FrozenBank,
    block::{BlockHeader, BlockLimits, BodyParts, Outcome, digest},
    prepare::{PreparedBlock, bundles::Turn},
    seal::{BlockReceipts, Seal, freeze},
    stage::stage,
    threads::Threads,
    wire::WireBlock,
};

/// Nanoseconds that the roots over receipts and changes take for a changed account on one thread.
const DELTA_COST: u64 = 400;
/// The same with the state root.
const ROOT_COST: u64 = 3_000;

/// A block whose bank is closed.
#[derive(Debug)]
pub struct FrozenBlock<'b> {
    /// The bank it led to; not final yet.
    pub bank: Arc<FrozenBank>,
    /// The result of each transaction, by its place in the wire block.
    pub receipts: BlockReceipts,
    /// The plan that was executed.
    pub plan: Plan,
    /// The transactions and their access table.
    pub prepared: PreparedBlock<'b>,
}

/// A block that was made here, and its bytes.
#[derive(Debug)]
pub struct SealedBlock<'b> {
    /// The block.
    pub frozen: FrozenBlock<'b>,
    /// The included transactions, by index, in the order of the body.
    pub order: Vec<TransactionIndex>,
    /// The plan of the body, over places in it.
    pub plan: Plan,
    /// The block's bytes: header and body.
    pub bytes: Vec<u8>,
}

impl<'b> UnsealedBlock<'b> {
    /// Splits the fees, computes the roots and closes the bank under a seal that is known already.
    ///
    /// # Errors
    /// If the state trie or the store cannot be read.
    pub fn freeze(mut self, seal: &Seal, threads: &Threads) -> Result<FrozenBlock<'b>, StoreError> {
        let _stage = stage!("root");
        let threads = &self.sealing_threads(threads);
        let block = &mut self.prepared;
        let freeze = || freeze(self.bank, block, self.executed, seal, threads);
        let (bank, receipts) = threads.enter(freeze)?;
        Ok(FrozenBlock {
            bank,
            receipts,
            plan: self.plan,
            prepared: self.prepared,
        })
    }

    /// The threads that compute the roots.
    fn sealing_threads(&self, threads: &Threads) -> Threads {
        let each = match self.bank.parent().trie() {
            Some(_) => ROOT_COST,
            None => DELTA_COST,
        };
        threads.fit(each, self.executed.changes().len())
    }

    /// Puts the included transactions in canonical order, with a plan over it, and closes the bank.
    /// The bytes are made while the roots are computed.
    ///
    /// `strategy` plans again where a transaction was refused while it ran, or for a bundle, which
    /// is several transactions in the body.
    ///
    /// # Errors
    /// If the block cannot be written, or planning or the store fails.
    pub fn seal(
        self,
        engine: &Engine,
        strategy: &dyn Strategy,
        limits: &BlockLimits,
    ) -> Result<SealedBlock<'b>, EngineError> {
        let body = {
            let _stage = stage!("seal");
            Body::new(engine, &self, strategy, limits)?
        };
        let Body {
            order,
            plan,
            shared_accounts,
        } = body;
        let leader = self.bank.leader();
        let seal = Seal {
            plan_digest: digest(&plan, &shared_accounts, leader.as_ref()),
            order,
        };
        let transactions = in_order(&self.prepared, &seal.order);
        let parts = BodyParts::new(&transactions, &plan, &shared_accounts)?;
        let parts = parts.with_leader(leader.as_ref());
        let parent_header = *self.bank.parent().header();
        let threads = self.sealing_threads(engine.threads());
        let (frozen, mut bytes) = threads.join(
            || self.freeze(&seal, &threads),
            || parts.encode_block(&parent_header),
        );
        let frozen = frozen?;
        // What the header says comes last.
        let header = frozen.bank.header().encode();
        bytes[..BlockHeader::SIZE].copy_from_slice(&header);
        Ok(SealedBlock {
            frozen,
            order: seal.order,
            plan,
            bytes,
        })
    }
}

/// A block's included transactions as it lists them, and their plan.
struct Body {
    order: Vec<TransactionIndex>,
    plan: Plan,
    shared_accounts: Vec<AccountIndex>,
}

impl Body {
    fn new(
        engine: &Engine,
        unsealed: &UnsealedBlock<'_>,
        strategy: &dyn Strategy,
        limits: &BlockLimits,
    ) -> Result<Self, EngineError> {
        let prepared = &unsealed.prepared;
        let executed = unsealed.plan.order();
        let order = included(unsealed);
        let keeps_all = order.len() == executed.len() && prepared.bundles().is_empty();
        let mut body = if keeps_all {
            let (plan, _) = relabelled(&unsealed.plan);
            let shared_accounts = shared_accounts(prepared.table(), &order);
            Self {
                order,
                plan,
                shared_accounts,
            }
        } else {
            Self::planned_again(engine, unsealed, order, strategy)?
        };
        if limits.check_waits(&body.plan).is_err() {
            body = Self::planned_again(engine, unsealed, body.order, &Layered)?;
        }
        Ok(body)
    }

    /// All plans that keep conflicting transactions in their order give one result. The body takes
    /// the canonical order of the new plan.
    fn planned_again(
        engine: &Engine,
        unsealed: &UnsealedBlock<'_>,
        order: Vec<TransactionIndex>,
        strategy: &dyn Strategy,
    ) -> Result<Self, EngineError> {
        let parsed = unsealed.prepared.reordered(&order);
        let prepared = engine.prepare(&unsealed.bank, &parsed)?;
        let plan = engine.plan(prepared.table(), strategy, Mode::Replay)?;
        let (plan, places) = relabelled(&plan.into_plan());
        Ok(Self {
            order: places.iter().map(|place| order[place.index()]).collect(),
            plan,
            shared_accounts: Vec::new(),
        })
    }
}

/// The included transactions in the order in which they ran. The members of a bundle stand in the
/// block one behind the other.
pub(crate) fn included(unsealed: &UnsealedBlock<'_>) -> Vec<TransactionIndex> {
    let outcomes = unsealed.executed.outcomes();
    let is_included =
        |index: &TransactionIndex| matches!(outcomes[index.index()], Outcome::Included(_));
    let bundles = unsealed.prepared.bundles();
    let executed = unsealed.plan.order();
    if bundles.is_empty() {
        return executed.iter().copied().filter(is_included).collect();
    }
    let members = |index: &TransactionIndex| match bundles.turn(*index) {
        Turn::Alone => index.0..=index.0,
        Turn::Bundle(members) => members,
        // An empty range.
        Turn::Void => RangeInclusive::new(1, 0),
    };
    let all = executed.iter().flat_map(members).map(TransactionIndex);
    all.filter(is_included).collect()
}

/// The bytes of transactions in this order; those of the wire block itself if they are all of it,
/// in its order.
fn in_order<'b>(prepared: &PreparedBlock<'b>, order: &[TransactionIndex]) -> Cow<'b, WireBlock> {
    let wire = prepared.wire();
    let is_same = order.len() == wire.len() && order.is_sorted();
    if is_same && wire.bundles().is_empty() {
        return Cow::Borrowed(wire);
    }
    let mut transactions = WireBlock::with_capacity(order.len(), wire.size());
    for index in order {
        transactions.push(prepared.transaction(*index).view.bytes());
    }
    Cow::Owned(transactions)
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
