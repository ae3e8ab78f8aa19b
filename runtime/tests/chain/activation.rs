//! Programs and rules that begin in a slot: on every node, on every fork, after opening again, from
//! a snapshot; and nodes that lack them.

use std::sync::Arc;

use lockstep_interface::{
    AccountMeta, Address, Hash, Instruction, InstructionError, ProgramTable, RuleSet,
    TransactionError,
    activation::{Activation, SCHEDULE, Schedule},
};
use lockstep_programs::{
    activations::{self, ActivationError, ChangeAddresses},
    builtin_programs,
    memo::memo,
    system::instruction::transfer,
};
use lockstep_runtime::{
    bank::{Genesis, GenesisError, program_account},
    block::BlockLimits,
    chain::{BuildError, Chain, OpenError, Parameters, snapshot},
    engine::{Cancel, EngineError},
};
use lockstep_store::{MemoryStore, Serial, Store, Trie, load_trie};

use crate::{
    common::{
        ledger::{Ledger, RICH, address, transaction},
        program::{self, TestProgram, call},
    },
    setting::{
        Reference, adopt, build, build_on, head, open, open_on, options, request, try_build,
    },
};

/// What begins later.
const LATER: TestProgram = TestProgram {
    address: program::ADDRESS,
    behaviours: &[|_| Ok(())],
};

fn ledger() -> Ledger {
    Ledger::with_wallets(0..8)
}

fn linked() -> ProgramTable {
    builtin_programs().with(LATER)
}

/// A chain of the built-in programs, which wallet 0 can add to.
fn genesis(activations: Vec<Activation>) -> Genesis {
    let schedule = Schedule {
        authority: Some(address(0)),
        activations,
    };
    let genesis = ledger().genesis().with_linked(linked());
    genesis.with_schedule(&schedule).unwrap()
}

fn begins(feature: Address, slot: u64) -> Activation {
    let name = "test".to_owned();
    Activation {
        feature,
        slot,
        name,
    }
}

fn scheduling(feature: Address, slot: u64) -> Instruction {
    let change = ChangeAddresses {
        authority: address(0),
    };
    activations::call::schedule(&change, feature, slot, "test".to_owned())
}

/// A transaction of wallet `payer` on the newest blockhash of a block.
fn of(payer: u64, blockhash: Hash, instruction: Instruction) -> Vec<u8> {
    transaction(address(payer), blockhash, &[instruction])
}

/// Builds a block with one transaction that calls the later program; gives what became of it.
fn tried(chain: &Chain, parent: Hash, payer: u64) -> (Hash, Vec<u8>, Result<(), TransactionError>) {
    let transaction = of(payer, parent, call(0, Vec::new(), &[]));
    let built = build_on(chain, parent, &[transaction]);
    let status = built.receipts[0].status.clone();
    (built.id, built.bytes().to_vec(), status)
}

const ABSENT: Result<(), TransactionError> = Err(TransactionError::ProgramAccountNotFound);

/// Builds blocks up to this slot, each tried; commits them; gives their bytes.
fn extend(chain: &Chain, last: u64, first_with_it: u64) -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    while chain.head().1.slot < last {
        let slot = chain.head().1.slot + 1;
        let (id, bytes, status) = tried(chain, head(chain), slot % 4);
        let expected = if slot < first_with_it { ABSENT } else { Ok(()) };
        assert_eq!(status, expected, "slot {slot}");
        chain.commit(&id).unwrap();
        blocks.push(bytes);
    }
    blocks
}

#[test]
fn a_program_begins_in_its_slot_on_every_node() {
    for threads in [1, 2, 8] {
        let chain = open(genesis(vec![begins(program::ADDRESS, 3)]), options(threads));
        let follower = open(genesis(vec![begins(program::ADDRESS, 3)]), options(1));
        let mut reference = Reference::new(genesis(vec![begins(program::ADDRESS, 3)]));
        for bytes in extend(&chain, 5, 3) {
            let accepted = adopt(&follower, &bytes);
            reference.replay(&bytes);
            reference.check_at(&follower, &accepted.id);
            follower.commit(&accepted.id).unwrap();
        }
        let account = chain.view(&head(&chain)).unwrap().get(&program::ADDRESS);
        assert_eq!(account.unwrap(), Some(program_account("test")));
    }
}

#[test]
fn one_that_begins_with_the_genesis_is_there_from_the_first_block() {
    let chain = open(genesis(vec![begins(program::ADDRESS, 0)]), options(1));
    extend(&chain, 2, 0);
    let root = genesis(vec![begins(program::ADDRESS, 0)]).delta_root(&options(1).threads);
    let with_it = ledger().with_program(LATER).genesis();
    assert_ne!(
        root.unwrap(),
        with_it.delta_root(&options(1).threads).unwrap()
    );
}

#[test]
fn slots_without_a_block_do_not_matter() {
    let chain = open(genesis(vec![begins(program::ADDRESS, 3)]), options(1));
    let far = |slot| lockstep_runtime::chain::BuildRequest {
        slot,
        ..request(&chain, head(&chain))
    };
    let transaction = of(0, head(&chain), call(0, Vec::new(), &[]));
    let built = build(&chain, &far(7), &[transaction]);
    assert_eq!(built.receipts[0].status, Ok(()));
}

#[test]
fn the_authority_activates_and_forks_differ() {
    let chain = open(genesis(Vec::new()), options(2));
    let mut reference = Reference::new(genesis(Vec::new()));
    let start = head(&chain);
    let [with, without] = [true, false].map(|is_scheduled| {
        let instruction = if is_scheduled {
            scheduling(program::ADDRESS, 3)
        } else {
            transfer(&address(0), &address(1), 5)
        };
        build_on(&chain, start, &[of(0, start, instruction)])
    });
    for (first, expected) in [(with, Ok(())), (without, ABSENT)] {
        assert_eq!(first.receipts[0].status, Ok(()));
        reference.replay(first.bytes());
        let (second, bytes, status) = tried(&chain, first.id, 1);
        assert_eq!(status, ABSENT);
        reference.replay(&bytes);
        let (third, bytes, status) = tried(&chain, second, 2);
        assert_eq!(status, expected);
        reference.replay(&bytes);
        reference.check_at(&chain, &third);
    }
}

#[test]
fn opened_again_and_imported_it_goes_on_with_what_has_begun_and_what_is_to_come() {
    let start = || genesis(vec![begins(program::ADDRESS, 3)]);
    for stop in 0..5 {
        let store = Arc::new(MemoryStore::new());
        let below: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
        let chain = open_on(below, start(), options(1));
        extend(&chain, stop, 3);
        let mut bytes = Vec::new();
        chain.export(&mut bytes, &mut |_| ()).unwrap();
        drop(chain);

        let trie = load_trie(&*store, &Serial).unwrap();
        let kept = Parameters::kept(&*store).unwrap().unwrap();
        let again = Chain::open(store, trie, kept.genesis(linked()), options(1)).unwrap();
        let imported = Arc::new(MemoryStore::new());
        let threads = options(1).threads;
        let kept = kept.genesis(linked());
        let trie = snapshot::import(
            &mut &bytes[..],
            &*imported,
            &kept,
            None,
            &threads,
            &mut |_| (),
        );
        let other = Chain::open(imported, trie.unwrap(), kept, options(1)).unwrap();
        let blocks = extend(&again, 6, 3);
        assert_eq!(extend(&other, 6, 3), blocks);
    }
}

#[test]
fn a_node_that_lacks_the_program_says_so_and_stops_before_it() {
    let store = Arc::new(MemoryStore::new());
    let lacking = |genesis: Genesis| genesis.with_linked(builtin_programs());
    let start = || genesis(vec![begins(program::ADDRESS, 3)]);
    let below: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
    let chain = open_on(below, lacking(start()), options(1));
    let full = open(start(), options(1));
    for bytes in extend(&full, 2, 3) {
        let accepted = adopt(&chain, &bytes);
        chain.commit(&accepted.id).unwrap();
    }
    let told = format!("from slot 3 on the chain needs test ({})", program::ADDRESS);
    let error = try_build(&chain, &request(&chain, head(&chain)), &[]).unwrap_err();
    assert!(
        matches!(&error, BuildError::Engine(EngineError::Missing(_))),
        "{error}"
    );
    assert!(error.to_string().contains(&told), "{error}");
    // The block of another node is not condemned.
    let (id, bytes, _) = tried(&full, head(&full), 0);
    let block = chain.read(bytes.into()).unwrap();
    let error = chain.execute(&block, &Cancel::default()).unwrap_err();
    assert!(error.to_string().contains(&told), "{error}");
    assert!(!error.to_string().contains("invalid"), "{error}");

    // A newer release takes the ledger where it stands, and an older one does not take it back.
    drop(chain);
    let reopen = |linked: ProgramTable| {
        let trie = load_trie(&*store, &Serial).unwrap();
        let kept = Parameters::kept(&*store).unwrap().unwrap();
        let store: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
        Chain::open(store, trie, kept.genesis(linked), options(1))
    };
    let chain = reopen(linked()).unwrap();
    assert_eq!(
        chain
            .execute(
                &chain.read(Arc::clone(block.bytes())).unwrap(),
                &Cancel::default()
            )
            .unwrap()
            .id,
        id
    );
    chain.commit(&id).unwrap();
    drop(chain);
    let error = reopen(builtin_programs()).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Missing(_)), "{error}");
    assert!(error.to_string().contains(&told), "{error}");
}

#[test]
fn a_genesis_that_begins_with_what_is_not_linked_in_gives_no_chain() {
    let genesis = genesis(vec![begins(program::ADDRESS, 0)]).with_linked(builtin_programs());
    let store = Arc::new(MemoryStore::new());
    let error = Chain::open(store, Trie::default(), genesis, options(1)).map(drop);
    let error = error.unwrap_err();
    assert!(
        matches!(error, OpenError::Genesis(GenesisError::Missing(_))),
        "{error}"
    );
}

#[test]
fn rules_change_in_their_slot() {
    // Today's rules refuse more instructions than 64; those of 2024 knew no such limit.
    let start = || Genesis {
        rules: RuleSet::December2024,
        ..genesis(vec![begins(RuleSet::Current.feature(), 3)])
    };
    let chain = open(start(), options(2));
    let mut reference = Reference::new(start());
    for slot in 1..5u64 {
        let parent = head(&chain);
        let bytes = transaction(address(0), parent, &vec![memo("", &[]); 65]);
        let built = build_on(&chain, parent, &[bytes]);
        assert_eq!(built.refused.is_empty(), slot < 3, "slot {slot}");
        reference.replay(built.bytes());
        chain.commit(&built.id).unwrap();
    }
    let bank = chain.bank(&head(&chain)).unwrap();
    assert_eq!(bank.environment().rules, RuleSet::Current);
    assert_eq!(
        chain.parameters().rules,
        RuleSet::December2024,
        "what it was made with"
    );
}

#[test]
fn nothing_is_sent_to_a_program_in_the_block_in_which_it_begins() {
    // Such lamports would have to be lost, or the account of the program.
    for limits in [BlockLimits::UNLIMITED, BlockLimits::MAINNET] {
        let start = || Genesis {
            limits,
            ..genesis(vec![begins(program::ADDRESS, 2)])
        };
        let chain = open(start(), options(2));
        let mut reference = Reference::new(start());
        let mut held = Vec::new();
        for _ in 1..4 {
            let parent = head(&chain);
            let gift = of(
                0,
                parent,
                transfer(&address(0), &program::ADDRESS, RICH / 100),
            );
            let built = build_on(&chain, parent, &[gift]);
            reference.replay(built.bytes());
            chain.commit(&built.id).unwrap();
            let account = chain
                .view(&built.id)
                .unwrap()
                .get(&program::ADDRESS)
                .unwrap();
            held.push((built.receipts[0].status.is_ok(), account.unwrap().lamports));
        }
        assert_eq!(
            held,
            [(true, RICH / 100), (false, 1), (true, RICH / 100 + 1)]
        );
    }
}

#[test]
fn only_the_authority_changes_what_is_to_come() {
    let chain = open(genesis(vec![begins(program::ADDRESS, 2)]), options(1));
    let run = |payer: u64, instruction: Instruction| {
        let parent = head(&chain);
        let built = build_on(&chain, parent, &[of(payer, parent, instruction)]);
        chain.commit(&built.id).unwrap();
        built.receipts[0].status.clone()
    };
    let failed = |error: ActivationError| {
        let error = InstructionError::Custom(error as u32);
        Err(TransactionError::InstructionError(0, error))
    };
    let [authority, other] = [0, 1].map(|number| ChangeAddresses {
        authority: address(number),
    });
    let foreign = activations::call::cancel(&other, program::ADDRESS);
    assert_eq!(run(1, foreign), failed(ActivationError::NotAuthority));
    let mut unsigned = activations::call::cancel(&authority, program::ADDRESS);
    unsigned.accounts[0] = AccountMeta::readonly(address(0), false);
    let missing = TransactionError::InstructionError(0, InstructionError::MissingRequiredSignature);
    assert_eq!(run(1, unsigned), Err(missing));
    // It has begun meanwhile.
    let cancel = activations::call::cancel(&authority, program::ADDRESS);
    assert_eq!(run(0, cancel), failed(ActivationError::Begun));
    let again = scheduling(program::ADDRESS, 90);
    assert_eq!(run(0, again), failed(ActivationError::Begun));
    let slot = chain.head().1.slot + 1;
    assert_eq!(
        run(0, scheduling(address(9), slot)),
        failed(ActivationError::SlotPassed)
    );
    // Moved, then taken back.
    for slot in [900, 901] {
        assert_eq!(run(0, scheduling(address(9), slot)), Ok(()));
        let bank = chain.bank(&head(&chain)).unwrap();
        assert_eq!(bank.schedule().activations[1], begins(address(9), slot));
    }
    let cancel = || activations::call::cancel(&authority, address(9));
    assert_eq!(run(0, cancel()), Ok(()));
    assert_eq!(run(0, cancel()), failed(ActivationError::NotScheduled));
    let unnamed = activations::call::schedule(&authority, address(9), 900, String::new());
    assert_eq!(run(0, unnamed), failed(ActivationError::Name));

    let hand_over = activations::call::hand_over(&authority, Some(address(1)));
    assert_eq!(run(0, hand_over), Ok(()));
    assert_eq!(
        run(0, scheduling(address(9), 900)),
        failed(ActivationError::NotAuthority)
    );
    let end = activations::call::hand_over(&other, None);
    assert_eq!(run(1, end), Ok(()));
    let after = activations::call::hand_over(&other, None);
    assert_eq!(run(1, after), failed(ActivationError::NotAuthority));
    let account = chain.view(&head(&chain)).unwrap().get(&SCHEDULE).unwrap();
    let schedule = Schedule::from_account(&account.unwrap()).unwrap();
    assert_eq!(schedule.authority, None);
}

#[test]
fn the_schedule_has_an_end() {
    let full = (0..64).map(|number| begins(address(100 + number), 1_000));
    let chain = open(genesis(full.collect()), options(1));
    let parent = head(&chain);
    let built = build_on(
        &chain,
        parent,
        &[of(0, parent, scheduling(address(9), 900))],
    );
    let full = InstructionError::Custom(ActivationError::Full as u32);
    let full = TransactionError::InstructionError(0, full);
    assert_eq!(built.receipts[0].status, Err(full));
    let more = (0..65).map(|number| begins(address(100 + number), 1_000));
    let schedule = Schedule {
        authority: None,
        activations: more.collect(),
    };
    let error = ledger().genesis().with_schedule(&schedule).map(drop);
    assert!(matches!(error, Err(GenesisError::Schedule)));
}
