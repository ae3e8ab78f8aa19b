//! Code of others that panics, and accounts of others that cannot be: each costs its own call or
//! transaction, and the chain goes on.

use std::sync::Arc;

use lockstep_interface::{
    Account, AccountMeta, Address, Hash, Instruction, InstructionError, InvokeContext, Positions,
    Program, address::sysvar_ids,
};
use lockstep_programs::system::instruction::{create_account, transfer};
use lockstep_runtime::{
    bank::{FrozenBank, Genesis, GenesisError, SysvarGiven},
    block::BlockLimits,
    chain::{
        BuildError, Chain, CommitError, OpenError, SimulateError, Simulation, TransactionSource,
    },
    engine::Cancel,
    mempool::Candidate,
    prepare::BlockUsage,
    verify::{ParsedBlock, Signatures},
    wire::WireBlock,
};
use lockstep_store::{MemoryStore, Serial, Store, Trie, load_trie};

use crate::{
    common::failing::FailingStore,
    common::ledger::{Ledger, RICH, address, rent_exempt, transaction},
    setting::{Reference, adopt, build_on, head, open, open_on, options, request, trusted},
};

const CARELESS: Address = Address::new_from_array([0xcc; 32]);
const OWNER: Address = Address::new_from_array([77; 32]);

/// Looks at bytes that a call may leave out, whatever it is asked.
#[derive(Debug)]
struct Careless;

impl Program for Careless {
    fn address(&self) -> Address {
        CARELESS
    }

    fn name(&self) -> &'static str {
        "careless"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(100)
    }

    fn credit_only(&self, data: &[u8], _: usize) -> Positions {
        if data[0] == 1 {
            Positions::only(1)
        } else {
            Positions::NONE
        }
    }

    fn tag_size(&self, data: &[u8]) -> usize {
        usize::from(data[1])
    }
}

fn careless_call(payer: Address, blockhash: Hash, data: &[u8]) -> Vec<u8> {
    let call = Instruction {
        program: CARELESS,
        accounts: vec![AccountMeta::readonly(payer, false)],
        data: data.to_vec(),
    };
    transaction(payer, blockhash, &[call])
}

#[test]
fn a_program_that_panics_when_asked_costs_its_transaction() {
    let genesis = || Ledger::with_wallets(0..5).with_program(Careless).genesis();
    for threads in [1, 2] {
        let (chain, follower) = (
            open(genesis(), options(threads)),
            open(genesis(), options(1)),
        );
        let at = head(&chain);
        let all = [
            careless_call(address(0), at, &[]),
            careless_call(address(1), at, &[1]),
            careless_call(address(2), at, &[0, 255]),
            transaction(address(3), at, &[transfer(&address(3), &address(4), 5)]),
        ];
        let built = {
            let bank = chain.bank(&at).unwrap().child(1, 0);
            let batch: WireBlock = all.iter().collect();
            let workers = &chain.options().threads;
            let read = Candidate::read_batch(&batch, &bank, Signatures::Trusted, workers);
            assert!(read.unwrap().iter().all(Result::is_ok));
            let built = build_on(&chain, at, &all);
            adopt(&follower, built.bytes());
            let mut reference = Reference::new(genesis());
            assert_eq!(reference.replay(built.bytes()), *built.receipts);
            built
        };
        assert_eq!(built.refused, []);
        let is_ok = built.receipts.iter().map(|receipt| receipt.status.is_ok());
        // The first is asked again while it runs, and fails by the panic.
        assert_eq!(is_ok.collect::<Vec<_>>(), [false, true, true, true]);
    }
}

/// Panics as often as it is asked for, at once or later.
struct Nervous(u32);

impl TransactionSource for Nervous {
    fn select(&mut self, parent: &FrozenBank, _: &BlockLimits) -> ParsedBlock {
        self.0 -= 1;
        assert!(self.0 > 0, "no nerve left");
        let (unfunded, at) = (address(99), parent.block_hash());
        let refused = transaction(unfunded, at, &[transfer(&unfunded, &address(0), 1)]);
        trusted(WireBlock::from_iter([refused]))
    }

    fn refill(&mut self, _: &FrozenBank, _: &BlockUsage<Address>) -> ParsedBlock {
        panic!("nothing left");
    }
}

#[test]
fn a_source_that_panics_costs_its_block() {
    let genesis = Ledger::with_wallets(0..3).genesis();
    let chain = open(genesis, options(2));
    for (nerve, expected) in [(1, "no nerve left"), (2, "nothing left")] {
        let request = request(&chain, head(&chain));
        let built = chain.build(&request, &mut Nervous(nerve), &Cancel::default());
        let error = built.unwrap_err();
        assert!(matches!(&error, BuildError::SourcePanicked(text) if text == expected));
        assert!(error.to_string().contains(expected), "{error}");
    }
    let at = head(&chain);
    let pay = transaction(address(0), at, &[transfer(&address(0), &address(1), 1)]);
    assert_eq!(build_on(&chain, at, &[pay]).receipts.len(), 1);
}

#[test]
fn a_store_that_panics_costs_the_call() {
    let store = Arc::new(FailingStore::new());
    let genesis = || Ledger::with_wallets(0..4).genesis();
    let below: Arc<FailingStore> = Arc::clone(&store);
    let chain = open_on(below, genesis(), options(2));
    let at = head(&chain);
    let pay = |number| {
        let transfer = transfer(&address(0), &address(1), number);
        transaction(address(0), at, &[transfer])
    };
    let first = build_on(&chain, at, &[pay(1)]);
    let simulation = Simulation::new(WireBlock::from_iter([pay(2)]));
    store.panic(true);
    {
        let mut source = trusted(WireBlock::from_iter([pay(3)]));
        let request = request(&chain, at);
        let built = chain.build(&request, &mut source, &Cancel::default());
        let error = built.unwrap_err();
        assert!(error.to_string().contains("on fire"), "{error}");
        let error = chain.simulate(&at, &simulation).unwrap_err();
        assert!(error.to_string().contains("on fire"), "{error}");
        let view = chain.view(&at).unwrap();
        assert!(view.get(&address(0)).is_err());
        assert!(chain.prune(0).is_err());
        assert!(chain.export(&mut Vec::new(), &mut |_| ()).is_err());
    }
    // Calls that change nothing may be made again; a commit whose outcome is unknown stops it.
    store.panic(false);
    assert_eq!(chain.simulate(&at, &simulation).unwrap().len(), 1);
    let second = build_on(&chain, at, &[pay(4)]);
    store.panic(true);
    let error = chain.commit(&first.id).unwrap_err();
    assert!(matches!(error, CommitError::Store { .. }), "{error}");
    store.panic(false);
    let error = chain.commit(&second.id).unwrap_err();
    assert!(matches!(error, CommitError::Stopped), "{error}");
    // It goes on where the store is.
    let trie = load_trie(&*store, &Serial).unwrap();
    let chain = Chain::open(store, trie, genesis(), options(1)).unwrap();
    assert_eq!(head(&chain), at);
    assert_eq!(build_on(&chain, at, &[pay(1)]).id, first.id);
}

/// No lamports, and yet data and an owner.
fn dead() -> Account {
    Account {
        lamports: 0,
        data: vec![1, 2, 3, 4].into(),
        owner: OWNER,
        executable: false,
    }
}

/// The lockstep executor met such an account alive, and its twin did not.
#[test]
fn an_account_without_lamports_is_none_wherever_it_comes_from() {
    let (payer, fresh) = (address(0), address(1));
    let create = |at| {
        let create = create_account(&payer, &fresh, rent_exempt(10), 10, &OWNER);
        transaction(payer, at, &[create])
    };
    let mut ledger = Ledger::new();
    ledger.put(payer, Account::wallet(RICH));
    let plain = ledger.clone();
    ledger.put(fresh, dead());
    let chain = open(ledger.clone().genesis(), options(2));
    // A genesis of it is one without it.
    let same = open(plain.clone().genesis(), options(2));
    assert_eq!(head(&chain), head(&same));
    let at = head(&chain);
    let view = chain.view(&at).unwrap();
    assert_eq!(view.get(&fresh).unwrap(), None);
    for overrides in [vec![], vec![(fresh, Account::wallet(5)), (fresh, dead())]] {
        let simulation = Simulation {
            overrides,
            ..Simulation::new(WireBlock::from_iter([create(at)]))
        };
        let fates = chain.simulate(&at, &simulation).unwrap();
        assert_eq!(fates[0].as_ref().unwrap().status, Ok(()));
    }
    let built = build_on(&chain, at, &[create(at)]);
    assert_eq!(built.receipts[0].status, Ok(()));
    let mut reference = Reference::new(plain.genesis());
    assert_eq!(reference.replay(built.bytes()), *built.receipts);
    adopt(&same, built.bytes());
}

/// A host's own store may hold one, too.
#[test]
fn a_store_that_keeps_dead_accounts_shows_none() {
    let store = Arc::new(MemoryStore::new());
    let mut ledger = Ledger::new();
    ledger.put(address(0), Account::wallet(RICH));
    let parent = ledger.genesis().open(Arc::<MemoryStore>::clone(&store));
    let parent = parent.unwrap();
    store.fill(&[(address(7), dead())]).unwrap();
    let mut accounts = [dead()];
    parent.load(&[address(7)], &mut accounts).unwrap();
    assert_eq!(accounts, [Account::default()]);
}

#[test]
fn a_sysvar_from_outside_is_refused_by_name() {
    let sysvars = [
        sysvar_ids::CLOCK,
        sysvar_ids::RENT,
        sysvar_ids::RECENT_BLOCKHASHES,
        sysvar_ids::SLOT_HASHES,
        sysvar_ids::INSTRUCTIONS,
    ];
    let chain = open(Ledger::with_wallets(0..2).genesis(), options(1));
    let at = head(&chain);
    for sysvar in sysvars {
        let simulation = Simulation {
            overrides: vec![(address(0), dead()), (sysvar, Account::wallet(RICH))],
            ..Simulation::new(WireBlock::default())
        };
        let error = chain.simulate(&at, &simulation).unwrap_err();
        assert!(matches!(error, SimulateError::Sysvar(SysvarGiven(found)) if found == sysvar));
        assert!(error.to_string().contains(&sysvar.to_string()), "{error}");
        let mut genesis = Ledger::with_wallets(0..2).genesis();
        genesis.accounts.push((sysvar, Account::wallet(RICH)));
        let store = Arc::new(MemoryStore::new());
        let opened = Chain::open(store, Trie::default(), genesis, options(1));
        let error = opened.map(drop).unwrap_err();
        let OpenError::Genesis(GenesisError::Sysvar(SysvarGiven(found))) = error else {
            panic!("{error}");
        };
        assert_eq!(found, sysvar);
    }
}

/// It went by the newest of its blockhashes, and so said nothing of its accounts.
#[test]
fn the_id_of_a_genesis_commits_to_its_accounts() {
    let genesis = |lamports| {
        let mut ledger = Ledger::with_wallets(0..3);
        ledger.put(address(9), Account::wallet(lamports));
        ledger.dated(Hash::new_from_array([9; 32]))
    };
    let open = |genesis: Genesis| open(genesis, options(1));
    let (one, other) = (open(genesis(RICH)), open(genesis(RICH + 1)));
    assert_ne!(head(&one), head(&other));
    assert_eq!(head(&one), one.head().1.id());
    // Its blockhashes date the first transactions, its id does not.
    let dated = Hash::new_from_array([9; 32]);
    for (blockhash, count) in [(dated, 1), (head(&one), 0)] {
        let pay = transaction(
            address(0),
            blockhash,
            &[transfer(&address(0), &address(1), 1)],
        );
        assert_eq!(build_on(&one, head(&one), &[pay]).receipts.len(), count);
    }
    let mut snapshot = Vec::new();
    other.export(&mut snapshot, &mut |_| ()).unwrap();
    let store = Arc::new(MemoryStore::new());
    let imported = Chain::import(
        &mut &snapshot[..],
        store,
        genesis(RICH),
        options(1),
        Some(&head(&one)),
        &mut |_| (),
    );
    assert!(imported.is_err());
}
