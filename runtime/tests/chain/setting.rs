//! Chains over generated accounts, and the serial replay that they have to agree with.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lockstep_interface::{Account, Address, Hash};
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::{Block, BlockLimits, Receipt, Recording},
    chain::{AcceptedBlock, BuildError, BuildRequest, BuiltBlock, Chain, ChainOptions, View},
    engine::{Cancel, Engine},
    seal::{BlockReceipts, Seal},
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::WireBlock,
};
use lockstep_scheduler::{Auto, Mode, Strategy};
use lockstep_store::{Change, MemoryStore, Serial, Store, Trie};

use crate::common::{
    generate::{Shape, World},
    ledger::{Ledger, RICH},
    run::timestamp,
};

/// Every account of some state that exists.
pub(crate) type Accounts = BTreeMap<Address, Account>;

/// A generated world and the genesis that holds its accounts.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) world: World,
    pub(crate) ledger: Ledger,
}

impl Setting {
    pub(crate) fn new(shape: Shape) -> Self {
        let (world, ledger) = World::with_ledger(shape);
        Self { world, ledger }
    }

    pub(crate) fn genesis(&self) -> Genesis {
        self.ledger.clone().genesis()
    }

    /// A wallet that can pay for all that a test does.
    pub(crate) fn payer(&self) -> Address {
        let rich = Account::wallet(RICH);
        let mut accounts = self.ledger.accounts.iter();
        accounts.find(|(_, account)| *account == rich).unwrap().0
    }

    /// A chain in memory that executes on this number of threads.
    pub(crate) fn chain(&self, threads: usize) -> Chain {
        open(self.genesis(), options(threads))
    }

    pub(crate) fn reference(&self) -> Reference {
        Reference::new(self.genesis())
    }
}

/// Options for transactions whose signatures are zeros.
pub(crate) fn options(threads: usize) -> ChainOptions {
    let threads = Threads::new(threads).unwrap();
    ChainOptions {
        verifier: None,
        predicts_efficiency: true,
        ..ChainOptions::new(threads)
    }
}

/// A block whose signatures do not matter, as a source of transactions.
pub(crate) fn trusted(block: WireBlock) -> ParsedBlock {
    let threads = Threads::new(1).expect("one thread needs no pool");
    ParsedBlock::new(block, Signatures::Trusted, &threads)
}

/// A chain at its genesis, in memory.
pub(crate) fn open(genesis: Genesis, options: ChainOptions) -> Chain {
    open_on(Arc::new(MemoryStore::new()), genesis, options)
}

/// A chain at its genesis on an empty store.
pub(crate) fn open_on(store: Arc<dyn Store>, genesis: Genesis, options: ChainOptions) -> Chain {
    Chain::open(store, Trie::default(), genesis, options).unwrap()
}

pub(crate) fn head(chain: &Chain) -> Hash {
    chain.head().0
}

/// A block of one slot after its parent, planned by `auto` in any order, with bare receipts.
pub(crate) fn request(chain: &Chain, parent: Hash) -> BuildRequest<'static> {
    let slot = chain.bank(&parent).unwrap().slot() + 1;
    BuildRequest {
        parent,
        slot,
        unix_timestamp: timestamp(slot),
        strategy: &Auto,
        mode: Mode::Produce,
        recording: Recording::NONE,
    }
}

/// The same with a strategy and a mode.
pub(crate) fn planned<'s>(
    chain: &Chain,
    parent: Hash,
    strategy: &'s dyn Strategy,
    mode: Mode,
) -> BuildRequest<'s> {
    BuildRequest {
        strategy,
        mode,
        ..request(chain, parent)
    }
}

/// Builds a block of these transactions.
pub(crate) fn try_build(
    chain: &Chain,
    request: &BuildRequest<'_>,
    transactions: &[Vec<u8>],
) -> Result<BuiltBlock, BuildError> {
    let mut source = trusted(transactions.iter().collect());
    chain.build(request, &mut source, &Cancel::default())
}

/// The same where nothing can fail.
pub(crate) fn build(
    chain: &Chain,
    request: &BuildRequest<'_>,
    transactions: &[Vec<u8>],
) -> BuiltBlock {
    try_build(chain, request, transactions).unwrap()
}

/// Builds an ordinary block on a parent.
pub(crate) fn build_on(chain: &Chain, parent: Hash, transactions: &[Vec<u8>]) -> BuiltBlock {
    build(chain, &request(chain, parent), transactions)
}

/// Reads a block and executes it.
pub(crate) fn adopt(chain: &Chain, bytes: &[u8]) -> AcceptedBlock {
    let block = chain.read(bytes.into()).unwrap();
    chain.execute(&block, &Cancel::default()).unwrap()
}

/// A serial replay of every block on banks that belong to no chain, and the accounts after each
/// block as a plain map.
#[derive(Debug)]
pub(crate) struct Reference {
    engine: Engine,
    banks: BTreeMap<Hash, Arc<FrozenBank>>,
    accounts: BTreeMap<Hash, Accounts>,
    /// Addresses that have an account in some state.
    addresses: BTreeSet<Address>,
}

impl Reference {
    pub(crate) fn new(genesis: Genesis) -> Self {
        let engine = Engine::new(1).unwrap();
        let store = Arc::new(MemoryStore::new());
        let trie = Trie::default();
        let first = Arc::clone(&store);
        let bank = genesis.open_rooted(first, &trie, engine.threads()).unwrap();
        let accounts = all_accounts(&*store);
        let id = bank.block_hash();
        let mut reference = Self {
            engine,
            banks: BTreeMap::from([(id, bank)]),
            accounts: BTreeMap::new(),
            addresses: accounts.keys().copied().collect(),
        };
        reference.accounts.insert(id, accounts);
        reference
    }

    /// Replays a block on its parent, transaction after transaction, and holds its whole header
    /// against the outcome. Gives what became of the transactions.
    pub(crate) fn replay(&mut self, bytes: &[u8]) -> Vec<Receipt> {
        let Block { header, body } = Block::decode(bytes, &BlockLimits::UNLIMITED).unwrap();
        let parent = &self.banks[&header.parent_id];
        let bank = parent.child(header.slot, header.unix_timestamp);
        let bank = bank.with_leader(body.leader());
        let parsed = trusted(body.transactions().clone());
        let prepared = self.engine.prepare(&bank, &parsed).unwrap();
        assert_eq!(prepared.refused(), []);
        let seal = Seal {
            order: prepared.table().transactions().collect(),
            plan_digest: header.plan_digest,
        };
        let none = Recording::NONE;
        let unsealed = self.engine.execute_serial(bank, prepared, None, none);
        let frozen = unsealed
            .unwrap()
            .freeze(&seal, self.engine.threads())
            .unwrap();
        let (bank, receipts) = (frozen.bank, frozen.receipts);
        assert_eq!(*bank.header(), header);

        let mut accounts = self.accounts[&header.parent_id].clone();
        accounts.extend(bank.changes());
        self.addresses.extend(accounts.keys());
        accounts.retain(|_, account| account.exists());
        assert_eq!(header.state_root, Some(root(&accounts)));
        let id = header.id();
        self.accounts.insert(id, accounts);
        self.banks.insert(id, bank);
        included(&receipts)
    }

    /// The accounts after a block.
    pub(crate) fn accounts(&self, id: &Hash) -> &Accounts {
        &self.accounts[id]
    }

    /// Holds all that a view shows against the accounts after its block.
    pub(crate) fn check(&self, view: &View) {
        let expected = self.accounts(&view.block_id());
        let addresses: Vec<Address> = self.addresses.iter().copied().collect();
        let mut found = vec![Account::default(); addresses.len()];
        view.load(&addresses, &mut found).unwrap();
        for (address, account) in addresses.iter().zip(found) {
            let expected = expected.get(address).cloned().unwrap_or_default();
            assert_eq!(account, expected, "{address} after {}", view.block_id());
        }
    }

    /// The same for a block that a chain knows.
    pub(crate) fn check_at(&self, chain: &Chain, id: &Hash) {
        self.check(&chain.view(id).unwrap());
    }

    /// Holds all that a store has against the accounts after a block.
    pub(crate) fn check_store(&self, store: &dyn Store, id: &Hash) {
        assert_eq!(all_accounts(store), *self.accounts(id));
    }

    /// Any address that was ever used.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter()
    }
}

/// The receipts of a block without refused transactions.
fn included(receipts: &BlockReceipts) -> Vec<Receipt> {
    let receipts = receipts.iter();
    receipts.map(|receipt| receipt.unwrap().clone()).collect()
}

/// The root of the trie that holds these accounts and was made at once.
pub(crate) fn root(accounts: &Accounts) -> Hash {
    let changes = accounts.iter();
    let changes: Vec<Change> = changes
        .map(|(address, account)| (*address, account.clone()))
        .collect();
    Trie::default().update(&changes, &Serial).root()
}

pub(crate) fn all_accounts(store: &dyn Store) -> Accounts {
    let mut all = Accounts::new();
    let scan = store.scan(&mut |accounts| {
        all.extend(accounts.iter().cloned());
        Ok(())
    });
    scan.unwrap();
    all
}
