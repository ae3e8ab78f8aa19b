//! From the bytes of another node's block to a bank, or to the rule that the block breaks.
//!
//! ```text
//! bytes -> decoded -> counts, plan digest -> signatures        read: no parent needed
//!       -> slot -> rules -> transaction root -> plan checked   before anything is executed
//!       -> executed -> receipts root, delta root, state root
//! ```
//! Cheap checks come first, so that a bad block costs its producer more than its verifiers.

use std::sync::Arc;

use lockstep_interface::Hash;
use lockstep_scheduler::{AccountIndex, Mode, Plan};

use super::{
    Chain, ChainOptions, Executor,
    error::{BlockError, InvalidBlock, Root},
    forks::Node,
    log,
    observe::{count_blocks, count_run, show_efficiency},
};
use crate::{
    bank::FrozenBank,
    block::{Block, BlockHeader, Receipt, Recording, plan_digest, transaction_root},
    engine::{Cancel, Engine, EngineError, How, UnsealedBlock},
    prepare::{BlockUsage, PreparedBlock},
    seal::Seal,
    stage::stage,
    verify::{ParsedBlock, Refusal},
    wire::WireBlock,
};

/// A block whose bytes are well-formed and whose signatures are right.
#[derive(Clone, Debug)]
pub struct ReadBlock {
    id: Hash,
    header: BlockHeader,
    parsed: ParsedBlock,
    plan: Plan,
    shared_accounts: Vec<AccountIndex>,
    bytes: Arc<[u8]>,
}

/// A block that has been executed with the results that its header states, and that is known.
#[derive(Clone, Debug)]
pub struct AcceptedBlock {
    /// Its id.
    pub id: Hash,
    /// The receipts of its transactions, in its order; `None` if it was known before.
    pub receipts: Option<Arc<Vec<Receipt>>>,
}

impl ReadBlock {
    pub(super) fn read(bytes: Arc<[u8]>, options: &ChainOptions) -> Result<Self, InvalidBlock> {
        let block = Block::decode(&bytes, &options.limits)?;
        let (header, body) = (block.header, &block.body);
        let found = body.transactions().len();
        if header.transaction_count as usize != found {
            let stated = header.transaction_count;
            return Err(InvalidBlock::TransactionCount { stated, found });
        }
        options.limits.check_waits(body.plan())?;
        let digest = plan_digest(body.plan(), body.shared_accounts());
        expect(Root::Plan, header.plan_digest, digest)?;
        let (transactions, plan, shared_accounts) = block.body.into_parts();
        let signatures = options.signatures();
        let parsed = ParsedBlock::new(transactions, signatures, &options.reader_threads);
        match parsed.refused().first() {
            None => Ok(Self {
                id: header.id(),
                header,
                parsed,
                plan,
                shared_accounts,
                bytes,
            }),
            Some((position, Refusal::Malformed(error))) => Err(InvalidBlock::Malformed {
                position: *position,
                error: *error,
            }),
            Some((position, Refusal::Rule(_))) => Err(InvalidBlock::Signature {
                position: *position,
            }),
        }
    }

    /// The block's id.
    pub fn id(&self) -> Hash {
        self.id
    }

    /// The block's header.
    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// Its transactions in canonical order.
    pub fn transactions(&self) -> &WireBlock {
        self.parsed.wire()
    }

    /// The plan that it came with.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The accounts that the plan lets several transactions credit at once, in ascending order.
    pub fn shared_accounts(&self) -> &[AccountIndex] {
        &self.shared_accounts
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl Chain {
    /// Reads the bytes of a block and verifies what needs no parent: its encoding, its sizes, its
    /// plan's digest, all signatures. May be called ahead, from any thread.
    ///
    /// # Errors
    /// If the block is invalid.
    pub fn read(&self, bytes: Arc<[u8]>) -> Result<ReadBlock, InvalidBlock> {
        let _stage = stage!("read", size = bytes.len());
        let read = ReadBlock::read(bytes, &self.options);
        if read.is_err() {
            count_blocks("invalid", 1);
        }
        read
    }

    /// Executes a block on its parent, by its own plan, and holds every root of its header against
    /// the outcome. A block that is known already is not executed again, nor one that is committed
    /// and whose id is still among the blockhashes.
    ///
    /// # Errors
    /// Separate errors tell a block that is invalid for ever, one whose parent is missing, and
    /// failures that are no fault of the block.
    pub fn execute(&self, block: &ReadBlock, cancel: &Cancel) -> Result<AcceptedBlock, BlockError> {
        let _stage = stage!("execute", slot = block.header.slot);
        let accepted = self.accept(block, cancel);
        match &accepted {
            Ok(accepted) => {
                if let Some(receipts) = &accepted.receipts {
                    count_blocks("executed", 1);
                    count_run(&block.plan, receipts, &[]);
                }
            }
            Err(BlockError::Invalid { .. }) => count_blocks("invalid", 1),
            Err(_) => {}
        }
        self.show_forks();
        accepted
    }

    fn accept(&self, block: &ReadBlock, cancel: &Cancel) -> Result<AcceptedBlock, BlockError> {
        let id = block.id;
        let missing = |parent| BlockError::ParentMissing { id, parent };
        let parent = {
            let forks = self.forks.read();
            if forks.is_stopped() {
                return Err(BlockError::Stopped);
            }
            if forks.is_known(&id) {
                return Ok(AcceptedBlock { id, receipts: None });
            }
            forks.parent(&block.header.parent_id).map_err(missing)?
        };
        let executed = self.with_engine(|engine| run(self, engine, block, &parent, cancel));
        // A parent that lost meanwhile no longer shows its state, so the outcome is no evidence
        // against the block.
        {
            let forks = self.forks.read();
            match forks.parent(&parent.block_hash()) {
                Ok(_) => {}
                // Another call executed and committed the same block first.
                Err(_) if forks.is_known(&id) => return Ok(AcceptedBlock { id, receipts: None }),
                Err(parent) => return Err(missing(parent)),
            }
        }
        let (bank, receipts) = executed.map_err(|failure| match failure {
            Failure::Invalid(reason) => BlockError::Invalid { id, reason },
            Failure::Engine(error) => error.into(),
        })?;
        let entry = log::encode(block.bytes.to_vec(), bank.costs());
        let receipts = Arc::new(receipts);
        let node = Node {
            bank,
            entry,
            receipts: Arc::clone(&receipts),
        };
        self.forks.write().insert(node).map_err(missing)?;
        Ok(AcceptedBlock {
            id,
            receipts: Some(receipts),
        })
    }
}

/// Why executing gave no block.
enum Failure {
    Invalid(Box<InvalidBlock>),
    Engine(EngineError),
}

impl From<InvalidBlock> for Failure {
    fn from(reason: InvalidBlock) -> Self {
        Self::Invalid(Box::new(reason))
    }
}

impl<E: Into<EngineError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

type Outcome = (Arc<FrozenBank>, Vec<Receipt>);

fn run(
    chain: &Chain,
    engine: &mut Engine,
    block: &ReadBlock,
    parent: &Arc<FrozenBank>,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let header = &block.header;
    if header.slot <= parent.slot() {
        let (slot, parent) = (header.slot, parent.slot());
        return Err(InvalidBlock::Slot { slot, parent }.into());
    }
    let bank = parent.child(header.slot, header.unix_timestamp);
    let prepared = engine.prepare(&bank, &block.parsed)?;
    let hashes = message_hashes(&prepared);
    let found = transaction_root(&hashes, engine.threads());
    // The engine names a refused transaction, which says more than a wrong root.
    if prepared.refused().is_empty() {
        BlockUsage::of(&prepared, chain.options.limits).map_err(InvalidBlock::from)?;
        expect(Root::Transactions, header.transaction_root, found)?;
    }
    let unsealed = match chain.options.executor {
        Executor::Lockstep => {
            let how = How::Given {
                plan: &block.plan,
                shared_accounts: &block.shared_accounts,
            };
            engine.execute(bank, prepared, how, Recording::NONE, cancel)
        }
        Executor::Serial => {
            let unsealed = engine.execute_serial(bank, prepared, None, Recording::NONE);
            unsealed.map_err(EngineError::from).and_then(included)
        }
    };
    let unsealed = match unsealed {
        Err(error) if error.is_fault_of_given_block() => {
            return Err(InvalidBlock::Content(error).into());
        }
        unsealed => unsealed?,
    };
    if chain.options.predicts_efficiency {
        show_efficiency(&unsealed, Mode::Replay, engine.threads());
    }
    let seal = Seal {
        order: unsealed.prepared.table().transactions().collect(),
        plan_digest: header.plan_digest,
    };
    let frozen = unsealed.freeze(&seal, engine.threads());
    let found = frozen.bank.header();
    expect(Root::Receipts, header.receipts_root, found.receipts_root)?;
    expect(Root::Delta, header.delta_root, found.delta_root)?;
    let state_root = |header: &BlockHeader| header.state_root.unwrap_or_default();
    expect(Root::State, state_root(header), state_root(found))?;
    // All other fields of the header went into the bank, so equal ids compare every field.
    assert_eq!(found.id(), block.id, "every field was compared");
    let positions = 0..block.parsed.wire_count();
    let (receipts, _) = frozen.receipts.in_order(positions);
    Ok((frozen.bank, receipts))
}

/// Fails if a transaction of a block that was run serially is refused.
fn included(unsealed: UnsealedBlock<'_>) -> Result<UnsealedBlock<'_>, EngineError> {
    let receipts = unsealed.receipts();
    let mut refused = (0..).zip(receipts.iter());
    let refused = refused.find_map(|(position, receipt)| Some((position, receipt.err()?.clone())));
    match refused {
        Some((position, refusal)) => Err(EngineError::Refused { position, refusal }),
        None => Ok(unsealed),
    }
}

fn message_hashes(prepared: &PreparedBlock<'_>) -> Vec<Hash> {
    let transactions = prepared.transactions();
    transactions
        .map(|transaction| transaction.message_hash)
        .collect()
}

fn expect(root: Root, stated: Hash, found: Hash) -> Result<(), InvalidBlock> {
    if stated == found {
        return Ok(());
    }
    Err(InvalidBlock::Root {
        root,
        stated,
        found,
    })
}
