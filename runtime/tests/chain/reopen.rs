//! A chain that is closed and opened again after each block does what one that is never closed
//! does.

use std::{path::Path, sync::Arc};

use lockstep_interface::{Address, Hash, ProgramTable, RuleSet, TransactionError};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::BlockHeader,
    chain::{BuildRequest, Chain, LOG_LENGTH_MIN, OpenError, Parameter, Parameters},
    limits::BLOCKHASHES_MAX,
    verify::Refusal,
};
use lockstep_store::{
    BlockBatch, CachedStore, DiskOptions, DiskStore, MemoryStore, Serial, Store, StoreError, Trie,
    load_trie, suite,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{
        generate::Shape,
        ledger::{address, transaction},
        program::TestProgram,
        run::timestamp,
    },
    own_store::FileStore,
    setting::{Setting, adopt, build, build_on, head, options, request},
};

/// Opens the store of a directory, and makes the trie of its accounts.
type OpenStore = fn(&Path) -> (Arc<dyn Store>, Trie);

fn open_disk(path: &Path) -> (Arc<dyn Store>, Trie) {
    let sizes = DiskOptions {
        buffer_size: 1 << 20,
        ..DiskOptions::default()
    };
    let (disk, trie) = DiskStore::open(path, sizes, &Serial).unwrap();
    (Arc::new(CachedStore::new(disk, 100_000)), trie)
}

fn open_own(path: &Path) -> (Arc<dyn Store>, Trie) {
    let store = FileStore::open(path);
    let trie = load_trie(&store, &Serial).unwrap();
    (Arc::new(store), trie)
}

/// All that a bank knows besides its accounts and the transactions it remembers.
fn knowledge(bank: &Arc<FrozenBank>) -> impl PartialEq + std::fmt::Debug {
    let child = bank.child(bank.slot() + 1, 0);
    let environment = child.environment().clone();
    (
        *bank.header(),
        bank.record(),
        bank.blockhashes().sysvar(),
        bank.costs().digest(),
        environment.sysvars.slot_hashes,
        environment.sysvars.recent_blockhashes,
        bank.trie().cloned(),
    )
}

#[test]
fn a_chain_on_disk_goes_on_after_each_block_as_if_never_closed() {
    check_goes_on(open_disk);
}

#[test]
fn an_embedders_own_store_keeps_the_rules_of_a_store() {
    suite::run_reopened(
        || tempfile::tempdir().unwrap(),
        |folder| FileStore::open(folder.path()),
    );
}

#[test]
fn a_chain_on_an_embedders_own_store_goes_on_as_if_never_closed() {
    check_goes_on(open_own);
}

/// Opens a chain again after each block: accounts of the genesis, blockhashes and processed
/// transactions are there, and the next block is the one of a chain that was never closed.
fn check_goes_on(open_store: OpenStore) {
    let setting = Setting::new(Shape::FEW);
    let folder = tempfile::tempdir().unwrap();
    let options = options(2);
    let steady = setting.chain(2);
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut sent: Vec<(u64, Vec<u8>)> = Vec::new();
    let (mut processed, mut expired) = (0, 0);
    for height in 0..BLOCKHASHES_MAX as u64 + 40 {
        let parent = head(&steady);
        let bank = steady.bank(&parent).unwrap();
        let (store, trie) = open_store(folder.path());
        let reopened = Chain::open(store, trie, setting.genesis(), options.clone()).unwrap();
        assert_eq!(head(&reopened), parent);
        let found = reopened.bank(&parent).unwrap();
        assert_eq!(knowledge(&found), knowledge(&bank));
        reference.check_at(&reopened, &parent);

        let mut given = setting.world.block(&mut random, &bank, 10);
        // All that was sent as each block's newest comes again.
        let old = given.len();
        given.extend(sent.iter().map(|(_, transaction)| transaction.clone()));
        let payer = setting.payer();
        let pay = transfer(&payer, &address(77), 890_880);
        let newest = transaction(payer, parent, &[pay]);
        given.push(newest.clone());
        let slot = bank.slot() + random.random_range(1..4);
        let request = BuildRequest {
            slot,
            unix_timestamp: timestamp(slot),
            ..request(&steady, parent)
        };
        let built = build(&steady, &request, &given);
        let again = build(&reopened, &request, &given);
        assert_eq!((again.id, &again.refused), (built.id, &built.refused));
        for (place, (sent_at, _)) in sent.iter().enumerate() {
            let place = u32::try_from(old + place).unwrap();
            let refused = built
                .refused
                .iter()
                .find(|(position, _)| *position == place);
            let (_, Refusal::Rule(error)) = refused.unwrap() else {
                panic!("it was well-formed");
            };
            if height - sent_at < BLOCKHASHES_MAX as u64 {
                assert_eq!(
                    *error,
                    TransactionError::AlreadyProcessed,
                    "{sent_at} {height}"
                );
                processed += 1;
            } else {
                assert_eq!(
                    *error,
                    TransactionError::BlockhashNotFound,
                    "{sent_at} {height}"
                );
                expired += 1;
            }
        }
        sent.push((height, newest));
        reference.replay(built.bytes());
        for chain in [&steady, &reopened] {
            chain.commit(&built.id).unwrap();
        }
        reference.check_store(&**reopened.store(), &built.id);
        let logs = [&steady, &reopened].map(|chain| chain.store().block(slot).unwrap());
        assert_eq!(logs[0], logs[1]);
    }
    assert!(processed > 5_000 && expired > 100, "{processed} {expired}");
}

#[test]
fn pruning_keeps_what_is_needed_to_go_on() {
    let setting = Setting::new(Shape::FEW);
    let store = Arc::new(MemoryStore::new());
    let open = |store: &Arc<MemoryStore>| {
        let trie = match store.tip() {
            Some(_) => load_trie(&**store, &Serial).unwrap(),
            None => Trie::default(),
        };
        let store: Arc<MemoryStore> = Arc::clone(store);
        Chain::open(store, trie, setting.genesis(), options(1)).unwrap()
    };
    let steady = setting.chain(1);
    let mut pruned = open(&store);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let count = LOG_LENGTH_MIN + 60;
    for number in 0..count {
        let parent = head(&steady);
        let bank = steady.bank(&parent).unwrap();
        let given = setting.world.block(&mut random, &bank, 3);
        let built = build_on(&steady, parent, &given);
        steady.commit(&built.id).unwrap();
        let again = build_on(&pruned, parent, &given);
        assert_eq!(again.id, built.id);
        pruned.commit(&built.id).unwrap();
        pruned.prune(u64::MAX).unwrap();
        let records = store.records(usize::MAX).unwrap();
        assert_eq!(records.len(), (number + 2).min(LOG_LENGTH_MIN));
        if number % 50 == 0 || number + 5 > count {
            drop(pruned);
            pruned = open(&store);
            let found = pruned.bank(&built.id).unwrap();
            let bank = steady.bank(&built.id).unwrap();
            assert_eq!(knowledge(&found), knowledge(&bank));
        }
    }
    // A slot that is low enough is taken at its word.
    pruned.prune(0).unwrap();
    assert_eq!(store.records(usize::MAX).unwrap().len(), LOG_LENGTH_MIN);
}

#[test]
fn a_log_that_does_not_fit_is_refused() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let built: Vec<_> = (0..3)
        .map(|_| {
            let built = build_on(&chain, head(&chain), &[]);
            chain.commit(&built.id).unwrap();
            built
        })
        .collect();
    let source = chain.store();
    // The same blocks with another body in place of the newest's.
    let entry = |slot: u64| source.block(slot).unwrap().unwrap().body;
    let mut broken = entry(3);
    broken[BlockHeader::SIZE] = 9;
    let cases: [(Vec<u8>, &str); 5] = [
        (Vec::new(), "is no block"),
        (vec![1; 3], "is no block"),
        (entry(1), "is not the block that its record names"),
        (entry(3)[1..].to_vec(), "is no block"),
        (broken, "cannot be read"),
    ];
    for (body, expected) in cases {
        let store = Arc::new(MemoryStore::new());
        let first = setting.genesis();
        drop(Chain::open(
            Arc::<MemoryStore>::clone(&store),
            Trie::default(),
            first,
            options(1),
        ));
        let replayed = setting.chain(1);
        for (slot, built) in (1u64..).zip(&built) {
            adopt(&replayed, built.bytes());
            let bank = replayed.bank(&built.id).unwrap();
            let body = if slot == 3 { body.clone() } else { entry(slot) };
            let batch = BlockBatch {
                record: bank.record(),
                changes: &bank.changes(),
                body: &body,
            };
            store.commit(&batch).unwrap();
            replayed.commit(&built.id).unwrap();
        }
        let trie = load_trie(&*store, &Serial).unwrap();
        let opened = Chain::open(store, trie, setting.genesis(), options(1));
        let error = opened.unwrap_err();
        assert!(matches!(error, OpenError::Log { slot: 3, .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_ne!(head(&chain), Hash::default());
}

#[test]
fn a_trie_of_other_accounts_than_the_stores_is_refused() {
    let setting = Setting::new(Shape::FEW);
    let folder = tempfile::tempdir().unwrap();
    let open = |trie| {
        let (store, _) = open_own(folder.path());
        Chain::open(store, trie, setting.genesis(), options(1))
    };
    let first = head(&open(Trie::default()).unwrap());
    let error = open(Trie::default()).map(drop).unwrap_err();
    let is_told = matches!(
        &error,
        OpenError::Store(StoreError::StateRoot { slot: 0, .. })
    );
    assert!(is_told, "{error}");
    let (_, trie) = open_own(folder.path());
    assert_eq!(head(&open(trie).unwrap()), first);
}

/// A program that no genesis has.
const OTHER: TestProgram = TestProgram {
    address: Address::new_from_array([77; 32]),
    behaviours: &[],
};

/// A change of a genesis, and what is said of it.
type Change = (fn(&mut Genesis), Parameter, &'static str);

/// Every way in which a genesis can differ from that of generated accounts, its accounts aside.
fn changes(genesis: &Genesis) -> [Change; 9] {
    let first = genesis.programs.iter().next().unwrap().address();
    [
        (
            |genesis| genesis.slot = 9,
            Parameter::Slot,
            "expected 0, found 9",
        ),
        (
            |genesis| genesis.rules = RuleSet::December2024,
            Parameter::Rules,
            "expected Current, found December2024",
        ),
        (
            |genesis| genesis.rent.lamports_per_byte = 1,
            Parameter::Rent,
            "expected 3480 lamports a byte times a threshold of bits 0x4000000000000000, 50% \
             burnt, found 1 lamports a byte",
        ),
        (
            |genesis| genesis.limits.allocated_size_max = 7,
            Parameter::Limit("allocated bytes"),
            "expected 18446744073709551615, found 7",
        ),
        (
            |genesis| genesis.blockhashes[0].lamports_per_signature = 7,
            Parameter::Blockhash(0),
            "at 7 lamports a signature",
        ),
        (
            |genesis| genesis.blockhashes.clear(),
            Parameter::Blockhash(0),
            "found none",
        ),
        (
            |genesis| genesis.blockhashes.push(genesis.blockhashes[0]),
            Parameter::Blockhash(1),
            "expected none",
        ),
        (
            |genesis| genesis.programs = genesis.programs.clone().with(OTHER),
            Parameter::Program(OTHER.address),
            "expected none, found test",
        ),
        (
            |genesis| genesis.programs = ProgramTable::new(),
            Parameter::Program(first),
            "found none",
        ),
    ]
}

#[test]
fn a_ledger_is_opened_with_the_genesis_it_was_made_with_or_not_at_all() {
    let setting = Setting::new(Shape::FEW);
    let folder = tempfile::tempdir().unwrap();
    let open = |genesis: Genesis| {
        let (disk, trie) = DiskStore::open(folder.path(), DiskOptions::default(), &Serial).unwrap();
        Chain::open(Arc::new(disk), trie, genesis, options(1))
    };
    let blockhash = Hash::new_from_array([5; 32]);
    let genesis = || setting.ledger.clone().dated(blockhash);
    let chain = open(genesis()).unwrap();
    assert_eq!(*chain.parameters(), Parameters::of(&genesis()));
    let built = build_on(&chain, head(&chain), &[]);
    chain.commit(&built.id).unwrap();
    drop(chain);
    for (change, parameter, expected) in changes(&genesis()) {
        let mut genesis = genesis();
        change(&mut genesis);
        let error = open(genesis).map(drop).unwrap_err();
        let OpenError::OtherGenesis(mismatch) = &error else {
            panic!("{error}");
        };
        assert_eq!(mismatch.parameter, parameter);
        let error = error.to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(&parameter.to_string()), "{error}");
    }
    // Accounts do not matter, nor does refusing change anything.
    let mut genesis = genesis();
    genesis.accounts.clear();
    assert_eq!(head(&open(genesis).unwrap()), built.id);
}

#[test]
fn a_ledger_from_before_parameters_were_kept_gets_them() {
    let setting = Setting::new(Shape::FEW);
    let store = Arc::new(MemoryStore::new());
    let below: Arc<MemoryStore> = Arc::clone(&store);
    let threads = options(1).threads;
    let first = setting
        .genesis()
        .open_rooted(below, &Trie::default(), &threads);
    let first = first.unwrap().block_hash();
    assert_eq!(Parameters::kept(&*store).unwrap(), None);
    let open = |genesis| {
        let trie = load_trie(&*store, &Serial).unwrap();
        let store: Arc<MemoryStore> = Arc::clone(&store);
        Chain::open(store, trie, genesis, options(1))
    };
    assert_eq!(head(&open(setting.genesis()).unwrap()), first);
    let kept = Parameters::kept(&*store).unwrap();
    assert_eq!(kept, Some(Parameters::of(&setting.genesis())));
    let mut other = setting.genesis();
    other.rules = RuleSet::December2024;
    assert!(matches!(open(other), Err(OpenError::OtherGenesis(_))));

    // What is no parameters is neither taken for some nor replaced.
    store.keep_parameters(&[1, 0, 3]).unwrap();
    let error = open(setting.genesis()).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Parameters(_)), "{error}");
    assert_eq!(store.parameters().unwrap(), Some(vec![1, 0, 3]));
}
