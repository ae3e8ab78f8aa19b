//! From transactions to a block that others can verify.
//!
//! ```text
//! source -> prepared -> (limits) -> executed -> sealed -> known
//! ```

use std::{
    fmt::{Debug, Display},
    sync::Arc,
};

use lockstep_interface::{Address, Hash, TransactionError};
use lockstep_scheduler::{AccessTable, Mode, Plan, Strategy, TransactionIndex};
use lockstep_store::Change;

use super::{
    Chain,
    error::{BuildError, UnknownBlock},
    execute::check_place,
    fill::Filling,
    forks::Node,
    log::{self, Entry},
    observe::{count_blocks, count_run, show_efficiency},
    source::TransactionSource,
};
use crate::{
    bank::{FrozenBank, given_accounts},
    block::{BlockHeader, BlockLimits, Receipt, Recording},
    engine::{Cancel, Engine, EngineError, How, SealedBlock, UnsealedBlock},
    fence::fenced,
    prepare::{BlockUsage, LimitExceeded, PreparedBlock, Resource},
    stage::stage,
    verify::{ParsedBlock, Refusal},
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
    /// The planner.
    pub strategy: &'r dyn Strategy,
    /// Whether the planner may choose the order ([`Mode::Produce`]), or keeps the source's.
    pub mode: Mode,
    /// What receipts carry. With balances, credits are not shared.
    pub recording: Recording,
}

impl BuildRequest<'_> {
    pub(super) fn how(&self) -> How<'_> {
        How::Planned {
            strategy: self.strategy,
            mode: self.mode,
        }
    }
}

/// A block that this chain has built, and that is known.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// Its id.
    pub id: Hash,
    /// Its header.
    pub header: BlockHeader,
    /// The receipts of its transactions, in the order of its body.
    pub receipts: Arc<Vec<Receipt>>,
    /// Transactions of the source that are not in the block, by place, and why.
    pub refused: Vec<(u32, Refusal)>,
    /// The plan of the body, over its places.
    pub plan: Plan,
    /// How it was run.
    pub schedule: Schedule,
    entry: Entry,
}

/// How a block was run: what its transactions access, and the plan that followed from it.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The transactions that were not refused before execution, over accounts by number.
    pub table: AccessTable,
    /// The accounts by number.
    pub addresses: Vec<Address>,
    /// The plan that was executed, over the transactions of the table.
    pub plan: Plan,
    /// The transactions of the table that are in the block, in the order of its body.
    pub order: Vec<TransactionIndex>,
}

impl BuiltBlock {
    /// The block's bytes, as [`Chain::read`] takes them.
    pub fn bytes(&self) -> &[u8] {
        log::logged_block(&self.entry).expect("the entry was made with a block")
    }
}

impl Chain {
    /// Builds a block on a known one, of what a source gives.
    ///
    /// # Errors
    /// If the parent is not known, the caller cancelled, or the engine has stopped.
    pub fn build(
        &self,
        request: &BuildRequest<'_>,
        source: &mut dyn TransactionSource,
        cancel: &Cancel,
    ) -> Result<BuiltBlock, BuildError> {
        let _stage = stage!("build", slot = request.slot);
        let parent = self.parent_of(request)?;
        let selected = fenced(|| source.select(&parent, self.limits()));
        let selected = selected.map_err(BuildError::SourcePanicked)?;
        let parsed = self.with_engine(|engine| self.fit(engine, &parent, selected, request))?;
        let (unsealed, filling) =
            self.with_engine(|engine| self.run(engine, &parent, &parsed, request, cancel))?;
        // The engine is free while the source chooses more.
        let filled = match filling {
            None => None,
            Some(filling) => filling.fill(self, &parent, source, request, cancel)?,
        };
        let (built, bank) = self.with_engine(|engine| match filled {
            None => {
                let sealed = unsealed.seal(engine, request.strategy, self.limits())?;
                Ok(BuiltBlock::new(sealed))
            }
            Some(filled) => filled.seal(engine, &parent, request),
        })?;
        self.keep_built(&built, bank)?;
        Ok(built)
    }

    /// Builds a block without transactions on a known one, which puts accounts in place of those
    /// that are there; one without lamports deletes. It is for tests of what stands around a
    /// chain: no transaction does this, so a chain that executes the block again finds another
    /// state, and refuses it.
    ///
    /// # Errors
    /// As [`Chain::build`], or if one of the accounts is a sysvar.
    pub fn build_given(
        &self,
        request: &BuildRequest<'_>,
        accounts: Vec<Change>,
    ) -> Result<BuiltBlock, BuildError> {
        let given = given_accounts(accounts)?;
        let parent = self.parent_of(request)?;
        let parsed = ParsedBlock::default();
        let (built, bank) = self.with_engine(|engine| -> Result<_, EngineError> {
            let cancel = Cancel::default();
            let (mut unsealed, _) = self.run(engine, &parent, &parsed, request, &cancel)?;
            let changes = &mut unsealed.executed.changes;
            changes.extend(given);
            changes.sort_unstable_by_key(|(address, _)| *address);
            let sealed = unsealed.seal(engine, request.strategy, self.limits())?;
            Ok(BuiltBlock::new(sealed))
        })?;
        self.keep_built(&built, bank)?;
        Ok(built)
    }

    /// Makes a block that was built here a known one.
    fn keep_built(&self, built: &BuiltBlock, bank: Arc<FrozenBank>) -> Result<(), UnknownBlock> {
        let node = Node {
            bank,
            entry: Arc::clone(&built.entry),
            receipts: Arc::clone(&built.receipts),
        };
        // The parent may have lost to another block meanwhile.
        self.forks.write().insert(node)?;
        count_blocks("built", 1);
        count_run(&built.plan, &built.receipts, &built.refused);
        self.show_forks();
        Ok(())
    }

    fn parent_of(&self, request: &BuildRequest<'_>) -> Result<Arc<FrozenBank>, BuildError> {
        let forks = self.forks.read();
        if forks.is_stopped() {
            return Err(BuildError::Stopped);
        }
        let parent = forks.parent(&request.parent)?;
        let (slot, time) = (request.slot, request.unix_timestamp);
        check_place(slot, time, parent.header(), self.limits())
            .map_err(|error| BuildError::Header(Box::new(error)))?;
        Ok(parent)
    }

    /// Refuses what does not fit the limits behind those before it.
    fn fit(
        &self,
        engine: &Engine,
        parent: &Arc<FrozenBank>,
        mut parsed: ParsedBlock,
        request: &BuildRequest<'_>,
    ) -> Result<ParsedBlock, EngineError> {
        let limits = *self.limits();
        if limits != BlockLimits::UNLIMITED {
            let bank = parent.child(request.slot, request.unix_timestamp);
            let excess = excess(&engine.prepare(&bank, &parsed)?, limits);
            parsed.refuse(excess);
        }
        Ok(parsed)
    }

    /// Runs what the source gave first. If room was lost, the block can be filled again.
    fn run<'b>(
        &self,
        engine: &mut Engine,
        parent: &Arc<FrozenBank>,
        parsed: &'b ParsedBlock,
        request: &BuildRequest<'_>,
        cancel: &Cancel,
    ) -> Result<(UnsealedBlock<'b>, Option<Filling>), EngineError> {
        let limits = *self.limits();
        let bank = parent.child(request.slot, request.unix_timestamp);
        let bank = bank.with_leader(self.leader());
        let prepared = engine.prepare(&bank, parsed)?;
        let unsealed = engine.execute(bank, prepared, request.how(), request.recording, cancel)?;
        if self.options.predicts_efficiency {
            show_efficiency(&unsealed, request.mode, engine.threads());
        }
        let filling = Filling::of(&unsealed, limits);
        Ok((unsealed, filling))
    }
}

/// The transactions that do not fit behind those before them, by place.
fn excess(prepared: &PreparedBlock<'_>, limits: BlockLimits) -> Vec<(u32, Refusal)> {
    let excess = BlockUsage::excess(prepared, limits).into_iter();
    let refusals = excess.map(|(position, exceeded)| (position, no_room(&exceeded)));
    refusals.collect()
}

/// Why a transaction that there is no room for is refused.
pub(super) fn no_room<A: Debug + Display>(exceeded: &LimitExceeded<A>) -> Refusal {
    Refusal::Rule(match exceeded.resource {
        Resource::AccountComputeUnits(_) => TransactionError::WouldExceedMaxAccountCostLimit,
        Resource::AllocatedBytes => TransactionError::WouldExceedAccountDataBlockLimit,
        _ => TransactionError::WouldExceedMaxBlockCostLimit,
    })
}

impl BuiltBlock {
    pub(super) fn new(sealed: SealedBlock<'_>) -> (Self, Arc<FrozenBank>) {
        let SealedBlock {
            frozen,
            order,
            plan,
            bytes,
        } = sealed;
        let bank = frozen.bank;
        let positions = order.iter().map(|index| {
            let transaction = frozen.prepared.transaction(*index);
            transaction.position as usize
        });
        let (receipts, refused) = frozen.receipts.in_order(positions);
        let (table, addresses) = frozen.prepared.into_accesses();
        let built = Self {
            id: bank.block_hash(),
            header: *bank.header(),
            receipts: Arc::new(receipts),
            refused,
            plan,
            schedule: Schedule {
                table,
                addresses,
                plan: frozen.plan,
                order,
            },
            entry: log::encode(bytes, bank.costs()),
        };
        (built, bank)
    }
}
