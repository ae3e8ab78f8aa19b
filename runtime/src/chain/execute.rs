//! From the bytes of another node's block to a bank, or to the rule that the block breaks.
//!
//! ```text
//! bytes -> decoded -> count, plan digest, transaction root -> signatures   read: no parent needed
//!       -> slot, time -> rules -> limits -> plan checked        before anything is executed
//!       -> executed -> receipts root, delta root, state root
//! ```
//! Cheap checks come first, so that a bad block costs its producer more than its verifiers.
//!
//! What reading finds is the fault of the bytes, unless the header commits to it: an honest block's
//! header can be sent with any body. What is found later is the fault of the header, whose block
//! is then invalid for ever.

use std::sync::{Arc, atomic::Ordering};

use lockstep_interface::{Address, Hash};
use lockstep_scheduler::{AccountIndex, Mode, Plan};

use super::{
    Chain, Executor,
    error::{BlockError, InvalidBlock, OtherRoot, ReadError, Root, WrongBytes},
    forks::Node,
    log,
    observe::{count_blocks, count_run, show_efficiency},
};
use crate::{
    bank::{Bank, FrozenBank},
    block::{Block, BlockHeader, BlockLimits, Receipt, Recording, transaction_root},
    engine::{Cancel, Engine, EngineError, How, UnsealedBlock},
    prepare::{BlockUsage, PreparedBlock},
    seal::{BlockReceipts, Seal},
    stage::stage,
    threads::Threads,
    verify::{ParsedBlock, Refusal, Signatures},
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
    leader: Option<Address>,
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
    pub(super) fn read(
        bytes: Arc<[u8]>,
        limits: &BlockLimits,
        signatures: Signatures<'_>,
        threads: &Threads,
    ) -> Result<Self, ReadError> {
        let block = Block::decode(&bytes, limits).map_err(WrongBytes::from)?;
        let header = block.header;
        let (digest, leader) = (block.body.plan_digest(), block.body.leader());
        let (transactions, plan, shared_accounts) = block.body.into_parts();
        let found = transactions.len();
        if header.transaction_count as usize != found {
            let stated = header.transaction_count;
            return Err(WrongBytes::TransactionCount { stated, found }.into());
        }
        expect(Root::Plan, header.plan_digest, digest).map_err(WrongBytes::from)?;
        let mut parsed = ParsedBlock::parse(transactions, threads);
        check_refused(&parsed)?;
        let hashes: Vec<Hash> = parsed.message_hashes().collect();
        let root = transaction_root(&hashes, threads);
        expect(Root::Transactions, header.transaction_root, root).map_err(WrongBytes::from)?;
        // From here on the header commits to all but signatures.
        let id = header.id();
        let waits = limits.check_waits(&plan);
        waits.map_err(|error| ReadError::Invalid {
            id,
            reason: Box::new(error.into()),
        })?;
        parsed.verify(signatures, threads);
        check_refused(&parsed)?;
        Ok(Self {
            id,
            header,
            parsed,
            plan,
            shared_accounts,
            leader,
            bytes,
        })
    }

    /// Its transactions.
    pub(super) fn parsed(&self) -> &ParsedBlock {
        &self.parsed
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

    /// The leader that it names: the account that gets the leader's share of its fees.
    pub fn leader(&self) -> Option<Address> {
        self.leader
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl Chain {
    /// Reads the bytes of a block and verifies what needs no parent: its encoding, its sizes, that
    /// its transactions and plan are those of its header, all signatures. May be called ahead, from
    /// any thread.
    ///
    /// # Errors
    /// [`ReadError::Bytes`] if these bytes are not the block of their header, of which nothing
    /// follows for that block; [`ReadError::Invalid`] if the block itself is invalid.
    pub fn read(&self, bytes: Arc<[u8]>) -> Result<ReadBlock, ReadError> {
        let _stage = stage!("read", size = bytes.len());
        let options = &self.options;
        let (signatures, threads) = (options.signatures(), &options.reader_threads);
        let read = ReadBlock::read(bytes, self.limits(), signatures, threads);
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

    /// Fails if a block is later than the embedder's clock allows.
    fn check_clock(&self, block: &ReadBlock) -> Result<(), BlockError> {
        let latest = self.latest_time.load(Ordering::Relaxed);
        let unix_timestamp = block.header.unix_timestamp;
        if unix_timestamp <= latest {
            return Ok(());
        }
        Err(BlockError::Early {
            id: block.id,
            unix_timestamp,
            latest,
        })
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
        self.check_clock(block)?;
        let executed = self.with_engine(|engine| execute(self, engine, block, &parent, cancel));
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
pub(super) enum Failure {
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

/// A block on its parent, before it is run: the rules that need no execution are applied.
pub(super) fn prepare<'b>(
    engine: &Engine,
    block: &'b ReadBlock,
    parent: &Arc<FrozenBank>,
    limits: &BlockLimits,
) -> Result<(Bank, PreparedBlock<'b>), Failure> {
    let header = &block.header;
    let (slot, time) = (header.slot, header.unix_timestamp);
    check_place(slot, time, parent.header(), limits)?;
    let bank = parent.child(slot, time).with_leader(block.leader);
    if let Some(leader) = block.leader.filter(|_| !bank.fee_policy().pays_leader()) {
        return Err(InvalidBlock::Leader(leader).into());
    }
    let prepared = engine.prepare(&bank, &block.parsed)?;
    Ok((bank, prepared))
}

/// How the block of another node is run.
pub(super) struct Terms<'t> {
    pub(super) limits: &'t BlockLimits,
    pub(super) executor: Executor,
    pub(super) recording: Recording,
    pub(super) cancel: &'t Cancel,
}

/// Runs a block by its own plan, without a look at the roots of its header.
pub(super) fn run<'b>(
    engine: &mut Engine,
    block: &ReadBlock,
    (bank, prepared): (Bank, PreparedBlock<'b>),
    terms: &Terms<'_>,
) -> Result<UnsealedBlock<'b>, Failure> {
    let Terms {
        limits,
        executor,
        recording,
        cancel,
    } = *terms;
    // The engine names a refused transaction.
    if prepared.refused().is_empty() {
        BlockUsage::of(&prepared, *limits).map_err(InvalidBlock::from)?;
    }
    let unsealed = match executor {
        Executor::Lockstep => {
            let how = How::Given {
                plan: &block.plan,
                shared_accounts: &block.shared_accounts,
            };
            engine.execute(bank, prepared, how, recording, cancel)
        }
        Executor::Serial => {
            let unsealed = engine.execute_serial(bank, prepared, None, recording);
            unsealed.map_err(EngineError::from).and_then(included)
        }
    };
    match unsealed {
        Err(error) if error.is_fault_of_given_block() => Err(InvalidBlock::Content(error).into()),
        unsealed => Ok(unsealed?),
    }
}

/// What the header says of the body, which is in canonical order.
pub(super) fn seal(unsealed: &UnsealedBlock<'_>, header: &BlockHeader) -> Seal {
    Seal {
        order: unsealed.prepared.table().transactions().collect(),
        plan_digest: header.plan_digest,
    }
}

/// The receipts of a block's transactions, in its order.
pub(super) fn in_order(receipts: BlockReceipts, block: &ReadBlock) -> Vec<Receipt> {
    let positions = 0..block.parsed.wire_count();
    let (receipts, _) = receipts.in_order(positions);
    receipts
}

/// Runs a block and holds every root of its header against the outcome.
fn execute(
    chain: &Chain,
    engine: &mut Engine,
    block: &ReadBlock,
    parent: &Arc<FrozenBank>,
    cancel: &Cancel,
) -> Result<Outcome, Failure> {
    let header = &block.header;
    let executor = chain.options.executor;
    let recording = Recording {
        balances: false,
        // Where credits are shared no transaction finds the account that it does in order.
        accounts: chain.options.recording.accounts && block.shared_accounts.is_empty(),
        ..chain.options.recording
    };
    let terms = Terms {
        limits: chain.limits(),
        executor,
        recording,
        cancel,
    };
    let prepared = prepare(engine, block, parent, terms.limits)?;
    let unsealed = run(engine, block, prepared, &terms)?;
    if chain.options.predicts_efficiency {
        show_efficiency(&unsealed, Mode::Replay, engine.threads());
    }
    let seal = seal(&unsealed, header);
    let frozen = unsealed.freeze(&seal, engine.threads());
    let frozen = frozen.map_err(EngineError::from)?;
    let found = frozen.bank.header();
    let state_root = |header: &BlockHeader| header.state_root.unwrap_or_default();
    expect(Root::Receipts, header.receipts_root, found.receipts_root)
        .and_then(|()| expect(Root::Delta, header.delta_root, found.delta_root))
        .and_then(|()| expect(Root::State, state_root(header), state_root(found)))
        .map_err(InvalidBlock::from)?;
    // All other fields of the header went into the bank, so equal ids compare every field.
    assert_eq!(found.id(), block.id, "every field was compared");
    let receipts = in_order(frozen.receipts, block);
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

/// Fails if the bytes hold what is no transaction, or one with a wrong signature.
fn check_refused(parsed: &ParsedBlock) -> Result<(), WrongBytes> {
    match parsed.refused().first() {
        None => Ok(()),
        Some((position, Refusal::Malformed(error))) => Err(WrongBytes::Malformed {
            position: *position,
            error: *error,
        }),
        Some((position, Refusal::Rule(_))) => Err(WrongBytes::Signature {
            position: *position,
        }),
    }
}

/// Fails unless slot and time may follow the parent's.
pub(super) fn check_place(
    slot: u64,
    unix_timestamp: i64,
    parent: &BlockHeader,
    limits: &BlockLimits,
) -> Result<(), InvalidBlock> {
    let gap_max = limits.slot_gap_max;
    match slot.checked_sub(parent.slot) {
        None | Some(0) => Err(InvalidBlock::Slot {
            slot,
            parent: parent.slot,
        }),
        Some(gap) if gap > gap_max => Err(InvalidBlock::SlotGap {
            slot,
            parent: parent.slot,
            gap_max,
        }),
        Some(_) if unix_timestamp < parent.unix_timestamp => Err(InvalidBlock::Time {
            unix_timestamp,
            parent: parent.unix_timestamp,
        }),
        Some(_) => Ok(()),
    }
}

pub(super) fn expect(root: Root, stated: Hash, found: Hash) -> Result<(), OtherRoot> {
    if stated == found {
        return Ok(());
    }
    Err(OtherRoot {
        root,
        stated,
        found,
    })
}
