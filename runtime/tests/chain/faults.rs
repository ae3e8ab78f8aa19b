//! A store that fails, and calls that come in the middle of a commit.

use std::{
    fmt,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use lockstep_interface::{Account, Address, Hash};
use lockstep_runtime::{
    chain::{
        BlockError, BuildError, Chain, CommitError, OpenError, SimulateError, Simulation,
        UnknownBlock, ViewError, snapshot::ExportError,
    },
    engine::{Cancel, EngineError},
};
use lockstep_store::{
    BlockBatch, BlockRecord, Change, MemoryStore, Serial, Store, StoreError, StoredBlock,
    load_trie, sync::Shared,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{failing::FailingStore, generate::Shape},
    market::Market,
    setting::{
        Reference, Setting, adopt, build_on, head, open, open_on, options, request, try_build,
    },
};

/// What a store does in place of a commit.
type Commit = dyn Fn(&MemoryStore, &BlockBatch<'_>) -> Result<(), StoreError> + Send + Sync;

/// A store in memory whose commits do what a test wants.
struct StagedStore {
    inner: MemoryStore,
    commit: Shared<Option<Arc<Commit>>>,
}

impl fmt::Debug for StagedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StagedStore")
            .finish_non_exhaustive()
    }
}

impl StagedStore {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(),
            commit: Shared::default(),
        })
    }

    fn stage<F>(&self, commit: F)
    where
        F: Fn(&MemoryStore, &BlockBatch<'_>) -> Result<(), StoreError> + Send + Sync + 'static,
    {
        *self.commit.write() = Some(Arc::new(commit));
    }

    fn strike(&self) {
        *self.commit.write() = None;
    }
}

impl Store for StagedStore {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        self.inner.load(addresses, accounts)
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        let commit = self.commit.read().clone();
        match commit {
            Some(commit) => commit(&self.inner, block),
            None => self.inner.commit(block),
        }
    }

    fn tip(&self) -> Option<BlockRecord> {
        self.inner.tip()
    }

    fn block(&self, slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        self.inner.block(slot)
    }

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        self.inner.records(count)
    }

    fn prune(&self, slot: u64) -> Result<(), StoreError> {
        self.inner.prune(slot)
    }

    fn page(&self, after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        self.inner.page(after)
    }

    fn fill(&self, accounts: &[Change]) -> Result<(), StoreError> {
        self.inner.fill(accounts)
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.parameters()
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        self.inner.keep_parameters(parameters)
    }
}

/// A chain on a store whose commits can be replaced.
fn staged(setting: &Setting, threads: usize) -> (Arc<StagedStore>, Chain) {
    let store = StagedStore::new();
    let below: Arc<StagedStore> = Arc::clone(&store);
    let chain = open_on(below, setting.genesis(), options(threads));
    (store, chain)
}

fn on_purpose() -> StoreError {
    let source = "on purpose".into();
    let operation = "commit";
    StoreError::Medium { operation, source }
}

#[test]
fn a_failed_commit_stops_the_chain_and_leaves_it_readable() {
    for is_late in [false, true] {
        let setting = Setting::new(Shape::FEW);
        let (store, chain) = staged(&setting, 2);
        let mut reference = setting.reference();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut ids = vec![head(&chain)];
        let mut blocks = Vec::new();
        for _ in 0..4 {
            let parent = *ids.last().unwrap();
            let bank = chain.bank(&parent).unwrap();
            let given = setting.world.block(&mut random, &bank, 20);
            let built = build_on(&chain, parent, &given);
            reference.replay(built.bytes());
            ids.push(built.id);
            blocks.push(built);
        }
        let before = chain.view(&ids[0]).unwrap();
        chain.commit(&ids[1]).unwrap();
        let view = chain.view(&ids[1]).unwrap();
        store.stage(move |inner, block| {
            if is_late {
                inner.commit(block)?;
            }
            Err(on_purpose())
        });
        let error = chain.commit(&ids[3]).unwrap_err();
        assert!(error.to_string().contains("on purpose"), "{error}");
        assert!(
            matches!(error, CommitError::Store { id, .. } if id == ids[2]),
            "{error}"
        );
        store.strike();
        // Nothing is accepted any more, although the store would do it.
        assert!(matches!(
            chain.commit(&ids[2]).unwrap_err(),
            CommitError::Stopped
        ));
        let built = try_build(&chain, &request(&chain, ids[4]), &[]);
        assert!(matches!(built.unwrap_err(), BuildError::Stopped));
        let block = chain.read(blocks[3].bytes().into()).unwrap();
        let executed = chain.execute(&block, &Cancel::default());
        assert!(matches!(executed.unwrap_err(), BlockError::Stopped));
        // Reads go on. What is in the store for sure, only the last commit's failure tells.
        assert_eq!(head(&chain), ids[1]);
        reference.check(&before);
        reference.check(&view);
        for id in &ids[2..] {
            reference.check_at(&chain, id);
            let nothing = Simulation::new(Default::default());
            assert_eq!(chain.simulate(id, &nothing).unwrap(), []);
        }
        let refused = check_unsettled(&chain, &reference, &ids[1]);
        assert_eq!(refused > 0, is_late, "{refused} accounts are refused");
        drop((chain, view, before));

        // Opened again it goes on, with the block or without it.
        let trie = load_trie(&*store, &Serial).unwrap();
        let chain = Chain::open(store, trie, setting.genesis(), options(2)).unwrap();
        let newest = if is_late { 2 } else { 1 };
        assert_eq!(head(&chain), ids[newest]);
        reference.check_at(&chain, &ids[newest]);
        for built in &blocks[newest..] {
            adopt(&chain, built.bytes());
        }
        assert_eq!(chain.commit(&ids[4]).unwrap().block_count, 4 - newest);
        reference.check_store(&**chain.store(), &ids[4]);
    }
}

/// New looks at a head that a commit failed on show the state after it or nothing. Gives the number
/// of accounts that are not shown.
fn check_unsettled(chain: &Chain, reference: &Reference, head: &Hash) -> usize {
    let view = chain.view(head).unwrap();
    let expected = reference.accounts(head);
    let mut refused = 0;
    for address in reference.addresses() {
        let found = view.get(address);
        let proven = chain.prove(address).map(|proven| proven.account);
        for found in [found, proven] {
            match found {
                Ok(account) => assert_eq!(account.as_ref(), expected.get(address), "{address}"),
                Err(ViewError::Unsettled(id)) if id == *head => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    let nothing = Simulation::new(Default::default());
    let error = chain.simulate(head, &nothing).unwrap_err();
    assert!(matches!(error, SimulateError::Unsettled(id) if id == *head));
    let error = chain.export(&mut Vec::new(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, ExportError::Unsettled(_)), "{error}");
    refused / 2
}

#[test]
fn after_a_torn_commit_the_head_is_shown_as_it_was_or_not_at_all() {
    let setting = Setting::new(Shape::FEW);
    let (store, chain) = staged(&setting, 1);
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let genesis = head(&chain);
    let bank = chain.bank(&genesis).unwrap();
    let given = setting.world.block(&mut random, &bank, 20);
    let built = build_on(&chain, genesis, &given);
    reference.replay(built.bytes());
    store.stage(|inner, block| {
        inner.fill(&block.changes[..block.changes.len() / 2])?;
        Err(on_purpose())
    });
    chain.commit(&built.id).unwrap_err();
    let after = reference.accounts(&built.id);
    let changed = after
        .iter()
        .filter(|(address, account)| reference.accounts(&genesis).get(*address) != Some(account));
    let refused = check_unsettled(&chain, &reference, &genesis);
    assert!(refused > 0 && refused < changed.count(), "{refused}");
    // The block itself is not in the store, and is shown whole.
    reference.check_at(&chain, &built.id);
}

/// Fails each call of `work` to the store in turn, until it makes no more calls.
fn fail_each<R, E: fmt::Display>(
    store: &FailingStore,
    mut work: impl FnMut() -> Result<R, E>,
    mut check: impl FnMut(E),
) -> (u32, R) {
    for call in 0..1_000 {
        store.fail_at(call);
        let done = work();
        store.fail_at(u32::MAX);
        match done {
            Ok(done) => return (call, done),
            Err(error) => {
                assert!(
                    error.to_string().contains("on purpose"),
                    "call {call}: {error}"
                );
                check(error);
            }
        }
    }
    unreachable!("it makes a finite number of calls")
}

/// No failure of the store says anything about a block, and the next try succeeds.
#[test]
fn a_store_that_fails_to_read_is_named_as_such() {
    for threads in [1, 2] {
        let market = Market::new();
        let producer = open(market.genesis(), options(threads));
        let store = Arc::new(FailingStore::new());
        let chain = open_on(
            Arc::<FailingStore>::clone(&store),
            market.genesis(),
            options(threads),
        );
        let mut reference = Reference::new(market.genesis());
        let genesis = head(&chain);
        let given = market.transactions(genesis);
        let (calls, built) = fail_each(
            &store,
            || try_build(&chain, &request(&chain, genesis), &given),
            |error| {
                assert!(matches!(error, BuildError::Engine(EngineError::Store(_))));
            },
        );
        assert!(calls > 2, "{calls}");
        chain.discard(&built.id).unwrap();
        let built = build_on(&producer, genesis, &given);
        reference.replay(built.bytes());
        let block = chain.read(built.bytes().into()).unwrap();
        assert!(!block.shared_accounts().is_empty());
        let (calls, executed) = fail_each(
            &store,
            || chain.execute(&block, &Cancel::default()),
            |error| {
                assert!(
                    matches!(error, BlockError::Engine(EngineError::Store(_))),
                    "{error}"
                );
                assert_eq!(chain.view(&built.id).unwrap_err(), UnknownBlock(built.id));
            },
        );
        assert!(calls > 2, "{calls}");
        assert_eq!(executed.receipts.as_ref(), Some(&built.receipts));
        let simulation = Simulation::new(given.iter().collect());
        let (calls, _) = fail_each(
            &store,
            || chain.simulate(&genesis, &simulation),
            |error| {
                assert!(matches!(
                    error,
                    SimulateError::Engine(EngineError::Store(_))
                ))
            },
        );
        assert!(calls > 1, "{calls}");
        let view = chain.view(&built.id).unwrap();
        let address = reference.addresses().next().unwrap();
        let (calls, _) = fail_each(
            &store,
            || view.get(address),
            |error| assert!(matches!(error, ViewError::Store(_))),
        );
        assert_eq!(calls, 1);
        let (calls, _) = fail_each(
            &store,
            || chain.prove(address),
            |error| assert!(matches!(error, ViewError::Store(_))),
        );
        assert_eq!(calls, 1);
        // With a view of the head, a commit reads as well.
        let look = chain.view(&genesis).unwrap();
        chain.commit(&built.id).unwrap();
        reference.check(&look);
        let next = build_on(&chain, built.id, &[]);
        store.fail_at(0);
        let error = chain.commit(&next.id).unwrap_err();
        assert!(matches!(error, CommitError::Store { .. }), "{error}");
        drop((chain, view, look));

        let open = || {
            let store: Arc<FailingStore> = Arc::clone(&store);
            let trie = load_trie(&*store, &Serial)?;
            Chain::open(store, trie, market.genesis(), options(1))
        };
        let (calls, chain) = fail_each(&store, open, |error| {
            assert!(matches!(error, OpenError::Store(_)), "{error}");
        });
        assert!(calls > 1, "{calls}");
        assert_eq!(head(&chain), built.id);
        reference.check_at(&chain, &built.id);
    }
}

/// Calls on a chain while one of its blocks is on its way to the store.
#[test]
fn calls_in_the_middle_of_a_commit_see_one_state_or_the_other() {
    let setting = Setting::new(Shape::FEW);
    let (store, chain) = staged(&setting, 2);
    let chain = Arc::new(chain);
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let genesis = head(&chain);
    let mut grow = |parent| {
        let bank = chain.bank(&parent).unwrap();
        let given = setting.world.block(&mut random, &bank, 20);
        let built = build_on(&chain, parent, &given);
        reference.replay(built.bytes());
        built
    };
    let one = grow(genesis);
    let two = grow(one.id);
    let three = grow(two.id);
    let rival = grow(genesis);
    let reference = Arc::new(reference);
    let views = [genesis, one.id, two.id, three.id].map(|id| chain.view(&id).unwrap());
    let (sender, receiver) = mpsc::channel();
    {
        let (chain, reference) = (Arc::clone(&chain), Arc::clone(&reference));
        let rival = chain.read(rival.bytes().into()).unwrap();
        let ids = [genesis, one.id, two.id, three.id];
        let sender = Shared::new(sender);
        store.stage(move |inner, block| {
            // Half of the accounts are there already, and the rest is not.
            let newest = block.record.block_id;
            let place = ids.iter().position(|id| *id == newest).unwrap();
            let look = || {
                views.iter().for_each(|view| reference.check(view));
                for id in &ids[place..] {
                    reference.check_at(&chain, id);
                }
                assert_eq!(head(&chain), ids[place - 1]);
            };
            look();
            // What can only lose is not begun any more; what is above is.
            build_on(&chain, newest, &[]);
            let on_head = request(&chain, ids[place - 1]);
            let error = try_build(&chain, &on_head, &[]).unwrap_err();
            assert!(matches!(error, BuildError::ParentMissing(_)), "{error}");
            let error = chain.execute(&rival, &Cancel::default()).unwrap_err();
            assert!(matches!(error, BlockError::ParentMissing { .. }), "{error}");
            // A discard that comes now comes too late; so does a look from the head.
            for is_look in [true, false] {
                let (chain, sender) = (Arc::clone(&chain), sender.read().clone());
                let (head, reference) = (ids[place - 1], Arc::clone(&reference));
                let late = thread::spawn(move || {
                    if is_look {
                        if let Ok(view) = chain.view(&head) {
                            reference.check(&view);
                        }
                    } else {
                        assert_eq!(chain.discard(&newest), Err(UnknownBlock(newest)));
                    }
                });
                sender.send(late).unwrap();
            }
            thread::sleep(Duration::from_millis(30));
            inner.commit(block)?;
            look();
            Ok(())
        });
    }
    let committed = chain.commit(&three.id).unwrap();
    assert_eq!((committed.block_count, committed.dropped_count), (3, 3));
    store.strike();
    for late in receiver {
        late.join().unwrap();
    }
    assert_eq!(head(&chain), three.id);
    assert_eq!(store.tip().unwrap().block_id, three.id);
    reference.check_store(&*store, &three.id);
    let next = build_on(&chain, three.id, &[]);
    assert_eq!(chain.commit(&next.id).unwrap().block_count, 1);
}
