//! From the bytes of somebody else's block to a bank, or to the rule that the block breaks.
//!
//! ```text
//! bytes -> decoded -> counts, plan digest -> signatures        read: no parent needed
//!       -> slot -> rules -> transaction root -> plan checked   before anything is executed
//!       -> executed -> receipts root, delta root, state root
//! ```
//! What is cheap comes first, so that a bad block costs its producer more than its verifiers.

use std::sync::Arc;

use lockstep_interface::Hash;
use lockstep_scheduler::Mode;

use super::{
    Chain, ChainOptions,
    error::{BlockError, InvalidBlock, Root},
    forks::Node,
    log,
    observe::show_efficiency,
};
use crate::{
    bank::FrozenBank,
    block::{Block, BlockHeader, Receipt, Recording, plan_digest, transaction_root},
    engine::{Cancel, Engine, EngineError, Given, GivenError, ProcessedBlock, UnsealedBlock},
    prepare::{BlockUsage, ParsedBlock, PreparedBlock, Refusal},
    seal::Seal,
};

/// A block whose bytes are well-formed and whose signatures are right.
#[derive(Clone, Debug)]
pub struct ReadBlock {
    id: Hash,
    block: Block,
    bytes: Arc<[u8]>,
}

/// A block that has been executed, and is known.
#[derive(Clone, Debug)]
pub struct ExecutedBlock {
    /// Its id.
    pub id: Hash,
    /// What became of its transactions, in its order; `None` if it was known before.
    pub receipts: Option<Vec<Receipt>>,
}

impl ReadBlock {
    pub(super) fn read(bytes: Arc<[u8]>, options: &ChainOptions) -> Result<Self, InvalidBlock> {
        let block = Block::decode(&bytes, &options.limits)?;
        let Block { header, body } = &block;
        let found = body.transactions().len();
        if header.transaction_count as usize != found {
            let stated = header.transaction_count;
            return Err(InvalidBlock::TransactionCount { stated, found });
        }
        options.limits.check_waits(body.plan())?;
        let digest = plan_digest(body.plan(), body.shared_accounts());
        expect(Root::Plan, header.plan_digest, digest)?;
        let threads = &options.reader_threads;
        let mut refused = threads.enter(|| {
            let mut parsed = ParsedBlock::parse(body.transactions(), threads);
            if options.verifies_signatures {
                parsed.verify(&options.verifier, threads);
            }
            parsed.into_refused()
        });
        refused.sort_unstable_by_key(|(position, _)| *position);
        match refused.into_iter().next() {
            None => Ok(Self {
                id: header.id(),
                block,
                bytes,
            }),
            Some((position, Refusal::Malformed(error))) => {
                Err(InvalidBlock::Malformed { position, error })
            }
            Some((position, Refusal::Rule(_))) => Err(InvalidBlock::Signature { position }),
        }
    }

    /// The block's id.
    pub fn id(&self) -> Hash {
        self.id
    }

    /// The block's header.
    pub fn header(&self) -> &BlockHeader {
        &self.block.header
    }

    /// The block.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

pub(super) fn execute(
    chain: &Chain,
    block: &ReadBlock,
    cancel: &Cancel,
) -> Result<ExecutedBlock, BlockError> {
    let id = block.id;
    let missing = |parent| BlockError::ParentMissing { id, parent };
    let parent = {
        let forks = chain.forks.read();
        if forks.is_stopped() {
            return Err(BlockError::Stopped);
        }
        if forks.is_known(&id) {
            return Ok(ExecutedBlock { id, receipts: None });
        }
        forks.parent(&block.header().parent_id).map_err(missing)?
    };
    let executed = run(chain, block, &parent, cancel);
    // A parent that lost meanwhile does not show its state any more, so that nothing that came
    // of it says anything about the block.
    {
        let forks = chain.forks.read();
        match forks.parent(&parent.block_hash()) {
            Ok(_) => {}
            // Another call was faster, and the block is what made its parent the past.
            Err(_) if forks.is_known(&id) => return Ok(ExecutedBlock { id, receipts: None }),
            Err(parent) => return Err(missing(parent)),
        }
    }
    let (bank, receipts) = executed.map_err(|failure| match failure {
        Failure::Invalid(reason) => BlockError::Invalid { id, reason },
        Failure::Engine(error) => error.into(),
    })?;
    let entry = log::encode(block.bytes.to_vec(), bank.costs());
    let inserted = chain.forks.write().insert(Node { bank, entry });
    inserted.map_err(missing)?;
    Ok(ExecutedBlock {
        id,
        receipts: Some(receipts),
    })
}

/// Why executing came to nothing.
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
    block: &ReadBlock,
    parent: &Arc<FrozenBank>,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let Block { header, body } = &block.block;
    if header.slot <= parent.slot() {
        let (slot, parent) = (header.slot, parent.slot());
        return Err(InvalidBlock::Slot { slot, parent }.into());
    }
    let bank = parent.child(header.slot, header.unix_timestamp);
    let mut engine = chain.engine.write();
    let prepared = engine.prepare(&bank, body.transactions())?;
    let hashes = message_hashes(&prepared);
    let found = transaction_root(&hashes, engine.threads());
    // A refused transaction is named as such by the engine, and not as another root.
    if prepared.refused().is_empty() {
        BlockUsage::of(&prepared, chain.options.limits).map_err(InvalidBlock::from)?;
        expect(Root::Transactions, header.transaction_root, found)?;
    }
    let given = Given {
        plan: body.plan(),
        shared_accounts: body.shared_accounts(),
        recording: Recording::NONE,
    };
    let unsealed = match engine.execute_given(bank, prepared, given, cancel) {
        Ok(unsealed) => unsealed,
        Err(GivenError::Engine(error)) => return Err(Failure::Engine(error)),
        Err(error) => return Err(InvalidBlock::Content(error).into()),
    };
    show_efficiency(&unsealed, Mode::Replay, engine.threads());
    let processed = freeze(unsealed, header, &engine);
    drop(engine);
    let found = processed.bank.header();
    expect(Root::Receipts, header.receipts_root, found.receipts_root)?;
    expect(Root::Delta, header.delta_root, found.delta_root)?;
    let state_root = |header: &BlockHeader| header.state_root.unwrap_or_default();
    expect(Root::State, state_root(header), state_root(found))?;
    // All else of the header went into the bank; equal ids leave nothing unchecked.
    assert_eq!(found.id(), block.id, "every field was compared");
    let positions = 0..body.transactions().len();
    let (receipts, _) = processed.receipts.in_order(positions);
    Ok((processed.bank, receipts))
}

fn freeze<'b>(
    unsealed: UnsealedBlock<'b>,
    header: &BlockHeader,
    engine: &Engine,
) -> ProcessedBlock<'b> {
    let seal = Seal {
        order: unsealed.prepared.table().transactions().collect(),
        plan_digest: header.plan_digest,
    };
    let threads = engine.threads();
    threads.enter(|| unsealed.freeze(threads, Some(&seal)))
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
