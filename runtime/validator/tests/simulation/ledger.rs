//! The ledger of a simulated member: what it makes durable is told to a judge, which compares it
//! with all others; and ledgers that lie.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    sync::Arc,
};

use commonware_utils::sync::Mutex;
use lockstep_interface::{Address, Hash};
use lockstep_runtime::{
    block::{Block, BlockBody, BlockHeader, BlockLimits, Recording, plan_digest},
    chain::{Chain, ProvenAccount, snapshot::ImportError},
    mempool::{Mempool, MempoolLimits},
    wire::WireBlock,
};
use lockstep_scheduler::{PlanBuilder, TransactionIndex};
use lockstep_store::{MemoryStore, Store, sync::Shared};
use lockstep_validator::{
    engine::{BlockEngine, ChainEngine, Refusal},
    failure::EngineFailure,
    host::PlainHost,
};

use crate::world::World;

/// The block of every height, as the first member made it durable, and what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    blocks: Mutex<BTreeMap<u64, (Hash, Option<Hash>)>>,
    wrong: Mutex<Vec<String>>,
}

impl Judge {
    /// Compares a durable block with the others of its height.
    fn durable(&self, member: usize, height: u64, id: Hash, root: Option<Hash>) {
        let mut blocks = self.blocks.lock();
        let first = *blocks.entry(height).or_insert((id, root));
        if first != (id, root) {
            self.accuse(format!(
                "member {member} has another block at height {height}"
            ));
        }
    }

    pub(crate) fn accuse(&self, what: String) {
        self.wrong.lock().push(what);
    }

    /// What was wrong so far.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().clone()
    }

    /// The highest durable block of any member.
    pub(crate) fn height(&self) -> u64 {
        self.blocks.lock().keys().next_back().copied().unwrap_or(0)
    }
}

/// What is wrong with a member's ledger on purpose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Vice {
    /// Nothing.
    None,
    /// It builds blocks whose state root is wrong.
    WrongRoot,
    /// It builds blocks whose plan lets all transactions run at once.
    WrongPlan,
    /// It builds blocks with a wrong signature.
    WrongSignature,
    /// It builds nothing.
    Silence,
    /// It offers snapshots of a state that is not the block's.
    WrongSnapshot,
    /// It sends chunks that are not what it offered.
    WrongChunks,
    /// It approves of blocks without executing them, and stands for a bug.
    VotesUnexecuted,
    /// It commits what has no certificate, and stands for a bug.
    CommitsEarly,
}

impl Vice {
    /// Whether it is a liar's, and not a bug.
    pub(crate) fn is_malice(self) -> bool {
        !matches!(
            self,
            Self::None
                | Self::WrongSnapshot
                | Self::WrongChunks
                | Self::VotesUnexecuted
                | Self::CommitsEarly
        )
    }
}

/// The ledger of one member, which outlives its crashes.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    member: usize,
    world: World,
    judge: Arc<Judge>,
    store: Disk,
    vice: Vice,
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Arc<MemoryStore>>>);

impl Disk {
    fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.0.lock())
    }

    fn replace(&self, store: Arc<MemoryStore>) {
        *self.0.lock() = store;
    }
}

impl Ledger {
    pub(crate) fn new(member: usize, world: &World, judge: &Arc<Judge>, vice: Vice) -> Self {
        Self {
            member,
            world: world.clone(),
            judge: Arc::clone(judge),
            store: Disk::default(),
            vice,
        }
    }

    /// Opens the ledger with an empty pool, as after a start.
    pub(crate) fn open(&self) -> Arc<JudgedEngine> {
        let chain = Arc::new(self.world.open(self.store.store()));
        let limits = MempoolLimits {
            block: *chain.limits(),
            ..MempoolLimits::STANDARD
        };
        let pool = Arc::new(Shared::new(Mempool::new(limits)));
        let host = Arc::new(PlainHost { chain, pool });
        Arc::new(JudgedEngine {
            member: self.member,
            judge: Arc::clone(&self.judge),
            vice: self.vice,
            approved: Mutex::default(),
            inner: ChainEngine::new(host, Recording::NONE),
        })
    }

    /// A disk that is new.
    pub(crate) fn wipe(&self) {
        self.store.replace(Arc::default());
    }

    /// Whether nothing is on the disk.
    pub(crate) fn is_empty(&self) -> bool {
        self.store.store().tip().is_none()
    }

    /// Puts a snapshot on an empty disk, which stays empty if it is wrong.
    pub(crate) fn import(&self, source: &mut dyn Read, id: &Hash) -> Result<(), ImportError> {
        let store = Arc::new(MemoryStore::new());
        self.world.import(source, &*store, id)?;
        self.store.replace(store);
        Ok(())
    }

    /// What a disk leaves that has acknowledged writes and made only the first.
    pub(crate) fn lose_writes(&self) {
        let short = Arc::new(MemoryStore::new());
        let chain = self.world.open(Arc::clone(&short) as Arc<dyn Store>);
        let stored = self.store.store().block(1).unwrap().unwrap();
        let bytes = lockstep_runtime::chain::logged_block(&stored.body).unwrap();
        let block = chain.read(bytes.into()).unwrap();
        let executed = chain.execute(&block, &Default::default()).unwrap();
        chain.commit(&executed.id).unwrap();
        self.store.replace(short);
    }
}

/// A ledger whose durable blocks are judged.
#[derive(Debug)]
pub(crate) struct JudgedEngine {
    member: usize,
    judge: Arc<Judge>,
    vice: Vice,
    /// Blocks that were approved unseen.
    approved: Mutex<BTreeMap<Hash, Arc<[u8]>>>,
    inner: ChainEngine<PlainHost>,
}

impl JudgedEngine {
    pub(crate) fn chain(&self) -> &Chain {
        &self.inner.host().chain
    }

    /// Puts a transaction into the pool; some are refused, as repeated ones.
    pub(crate) fn submit(&self, transaction: &[u8]) {
        let chain = self.chain();
        let Ok(tip) = chain.bank(&chain.head().0) else {
            return;
        };
        let bank = tip.child(tip.slot() + 1, tip.header().unix_timestamp);
        let wire: WireBlock = std::iter::once(transaction).collect();
        let options = chain.options();
        let mut pool = self.inner.host().pool.write();
        pool.submit_batch(&wire, &bank, options.signatures(), &options.threads)
            .unwrap();
    }

    /// Executes what was approved unseen, ancestors first.
    fn execute_approved(&self, id: &Hash) -> Result<(), Refusal> {
        let Some(bytes) = self.approved.lock().remove(id) else {
            return Ok(());
        };
        let header = BlockHeader::decode(&bytes[..BlockHeader::SIZE]).unwrap();
        self.execute_approved(&header.parent_id)?;
        self.inner.execute(bytes)
    }

    fn forge(&self, bytes: Vec<u8>) -> Vec<u8> {
        let Block { mut header, body } = Block::decode(&bytes, &BlockLimits::UNLIMITED).unwrap();
        match self.vice {
            Vice::WrongRoot => {
                let root = header.state_root.unwrap().to_bytes().map(|byte| byte ^ 1);
                header.state_root = Some(Hash::new_from_array(root));
                body.as_parts().encode_block(&header)
            }
            Vice::WrongPlan => {
                let transactions = body.transactions().clone();
                let mut plan = PlanBuilder::new();
                for place in 0..header.transaction_count {
                    plan.push(TransactionIndex(place));
                    plan.end_lane();
                }
                plan.end_batch();
                let body = BlockBody::new(transactions, plan.finish(), Vec::new()).unwrap();
                header.plan_digest = plan_digest(body.plan(), body.shared_accounts());
                body.as_parts().encode_block(&header)
            }
            Vice::WrongSignature => {
                let mut transactions: Vec<Vec<u8>> =
                    body.transactions().iter().map(<[u8]>::to_vec).collect();
                if let Some(first) = transactions.first_mut() {
                    first[10] ^= 1;
                }
                let (_, plan, shared) = body.into_parts();
                let wire = transactions.iter().collect();
                let body = BlockBody::new(wire, plan, shared).unwrap();
                body.as_parts().encode_block(&header)
            }
            _ => bytes,
        }
    }
}

/// Changes one byte of an account on the way.
struct Spoiler<'w>(&'w mut dyn Write);

impl Write for Spoiler<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut bytes = bytes.to_vec();
        // Large enough to be a chunk of accounts, and behind the first address.
        if let Some(byte) = bytes.get_mut(1_000) {
            *byte ^= 1;
        }
        self.0.write_all(&bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl BlockEngine for JudgedEngine {
    fn head(&self) -> (Hash, BlockHeader) {
        self.inner.head()
    }

    fn knows(&self, id: &Hash) -> bool {
        self.inner.knows(id) || self.approved.lock().contains_key(id)
    }

    fn has_full_block(&self) -> bool {
        self.inner.has_full_block()
    }

    fn build(&self, parent: &Hash, slot: u64, unix_timestamp: i64) -> Result<Vec<u8>, Refusal> {
        if self.vice == Vice::Silence {
            return Err(Refusal::ParentMissing);
        }
        self.execute_approved(parent)?;
        let bytes = self.inner.build(parent, slot, unix_timestamp)?;
        Ok(self.forge(bytes))
    }

    fn execute(&self, bytes: Arc<[u8]>) -> Result<(), Refusal> {
        let header = BlockHeader::decode(&bytes[..BlockHeader::SIZE]).unwrap();
        if self.vice == Vice::VotesUnexecuted {
            self.approved.lock().insert(header.id(), bytes);
            return Ok(());
        }
        self.inner.execute(bytes)?;
        if self.vice == Vice::CommitsEarly {
            self.commit(&header.id())?;
        }
        Ok(())
    }

    fn commit(&self, id: &Hash) -> Result<(), EngineFailure> {
        let before = self.head().1.slot;
        self.execute_approved(id)
            .map_err(|refusal| EngineFailure(refusal.to_string()))?;
        self.inner.commit(id)?;
        let store = self.chain().store();
        for slot in before + 1..=self.head().1.slot {
            let stored = store.block(slot).unwrap().unwrap();
            let record = stored.record;
            self.judge
                .durable(self.member, slot, record.block_id, record.state_root);
        }
        Ok(())
    }

    fn prove(&self, address: &Address) -> Result<ProvenAccount, EngineFailure> {
        self.inner.prove(address)
    }

    fn export(&self, out: &mut dyn Write) -> Result<u64, EngineFailure> {
        match self.vice {
            Vice::WrongSnapshot => self.inner.export(&mut Spoiler(out)),
            _ => self.inner.export(out),
        }
    }
}
