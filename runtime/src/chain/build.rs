//! From transactions to a block that others can verify.
//!
//! ```text
//! source -> prepared -> (limits) -> executed -> sealed -> known
//! ```

use std::sync::Arc;

use lockstep_interface::{Address, Hash, TransactionError};
use lockstep_scheduler::{AccessTable, Mode, Plan, Strategy, TransactionIndex};

use super::{
    Chain,
    error::BuildError,
    forks::Node,
    log::{self, Entry},
    observe::{count_blocks, count_run, show_efficiency},
    source::TransactionSource,
};
use crate::{
    bank::FrozenBank,
    block::{BlockHeader, BlockLimits, Receipt, Recording},
    engine::{Cancel, Engine, EngineError, How, SealedBlock},
    prepare::{BlockUsage, PreparedBlock, Resource},
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
        let mut parsed = source.select(&parent, &self.options.limits);
        let (built, bank) = self
            .with_engine(|engine| self.build_on(engine, &parent, &mut parsed, request, cancel))?;
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
        Ok(built)
    }

    fn parent_of(&self, request: &BuildRequest<'_>) -> Result<Arc<FrozenBank>, BuildError> {
        let forks = self.forks.read();
        if forks.is_stopped() {
            return Err(BuildError::Stopped);
        }
        let parent = forks.parent(&request.parent)?;
        if request.slot <= parent.slot() {
            return Err(BuildError::Slot {
                slot: request.slot,
                parent: parent.slot(),
            });
        }
        Ok(parent)
    }

    fn build_on(
        &self,
        engine: &mut Engine,
        parent: &Arc<FrozenBank>,
        parsed: &mut ParsedBlock,
        request: &BuildRequest<'_>,
        cancel: &Cancel,
    ) -> Result<(BuiltBlock, Arc<FrozenBank>), EngineError> {
        let limits = &self.options.limits;
        let bank = parent.child(request.slot, request.unix_timestamp);
        let prepared = engine.prepare(&bank, parsed)?;
        let excess = excess(&prepared, *limits);
        let prepared = if excess.is_empty() {
            prepared
        } else {
            drop(prepared);
            parsed.refuse(excess);
            engine.prepare(&bank, parsed)?
        };
        let how = How::Planned {
            strategy: request.strategy,
            mode: request.mode,
        };
        let unsealed = engine.execute(bank, prepared, how, request.recording, cancel)?;
        if self.options.predicts_efficiency {
            show_efficiency(&unsealed, request.mode, engine.threads());
        }
        let sealed = unsealed.seal(engine, request.strategy, limits)?;
        Ok(BuiltBlock::new(sealed))
    }
}

/// The transactions that do not fit behind those before them, by place.
fn excess(prepared: &PreparedBlock<'_>, limits: BlockLimits) -> Vec<(u32, Refusal)> {
    let excess = BlockUsage::excess(prepared, limits).into_iter();
    let refusals = excess.map(|(position, exceeded)| {
        let error = match exceeded.resource {
            Resource::AccountComputeUnits(_) => TransactionError::WouldExceedMaxAccountCostLimit,
            _ => TransactionError::WouldExceedMaxBlockCostLimit,
        };
        (position, Refusal::Rule(error))
    });
    refusals.collect()
}

impl BuiltBlock {
    fn new(sealed: SealedBlock<'_>) -> (Self, Arc<FrozenBank>) {
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
