//! Programs that are deployed, upgraded and closed on a ledger: whether it goes on, is opened
//! again, is imported from a snapshot, switches forks, or is checked block by block on witnesses,
//! each block calls what its parent has.

use std::sync::Arc;

use lockstep_interface::{
    Account, AccountMeta, Address, Hash, Instruction, InstructionError, ProgramTable, Rent,
    TransactionError, address::program_ids,
};
use lockstep_programs::builtin_programs;
use lockstep_runtime::{
    bank::{CostKind, Genesis},
    block::Recording,
    chain::{
        BuildRequest, BuiltBlock, Chain, ChainOptions, Parameters, snapshot, witness::Witness,
    },
    engine::Cancel,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::{MessageBuilder, WireBlock},
};
use lockstep_sbf::{
    LoaderState,
    loader::instruction::{close, upgrade},
    program_accounts, with_interpreting_loaders, with_loaders,
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{MemoryStore, Serial, Store, Trie, load_trie};

use crate::elf;

const PROGRAM: Address = Address::new_from_array([7; 32]);
const BUFFER: Address = Address::new_from_array([8; 32]);
const AUTHORITY: Address = Address::new_from_array([9; 32]);
const RENT: Rent = Rent::MAINNET;
/// Blocks of the whole story.
const BLOCKS: u64 = 6;

fn wallet(number: u8) -> Address {
    Address::new_from_array([100 + number; 32])
}

/// The memo program in a place of its own, a buffer with p-token, and wallets.
fn genesis(table: ProgramTable) -> Option<Genesis> {
    let (memo, token) = (
        elf("spl_memo-4.0.0.so")?,
        elf("pinocchio_token_program.so")?,
    );
    // Room for the larger file.
    let mut file = memo;
    file.resize(token.len() + 1_000, 0);
    let mut accounts: Vec<_> = program_accounts(&PROGRAM, &file, Some(AUTHORITY), &RENT).into();
    let head = LoaderState::Buffer {
        authority: Some(AUTHORITY),
    };
    let data = [&head.encode()[..], &token].concat();
    let buffer = Account {
        lamports: RENT.minimum_balance(data.len()),
        data: data.into(),
        owner: program_ids::UPGRADEABLE_LOADER,
        executable: false,
    };
    accounts.push((BUFFER, buffer));
    let wallets = (0..8).map(wallet).chain([AUTHORITY]);
    accounts.extend(wallets.map(|address| (address, Account::wallet(1_000_000_000_000))));
    Some(Genesis::new(accounts, table))
}

fn options(threads: usize) -> ChainOptions {
    ChainOptions {
        verifier: None,
        ..ChainOptions::new(Threads::new(threads).unwrap())
    }
}

fn transaction(payer: Address, blockhash: Hash, instruction: Instruction) -> Vec<u8> {
    let instructions = [instruction];
    let message = MessageBuilder::new(payer, blockhash.to_bytes(), &instructions);
    let message = message.compile().unwrap();
    let count = usize::from(message.header.required_signatures);
    message.with_signatures(&vec![[0; 64]; count]).unwrap()
}

fn call() -> Instruction {
    Instruction {
        program: PROGRAM,
        accounts: Vec::new(),
        data: b"hello".to_vec(),
    }
}

/// A block of a slot behind its parent: calls, and in their midst what the story has for the slot.
fn build(chain: &Chain, parent: Hash, is_told: bool) -> BuiltBlock {
    let slot = chain.bank(&parent).unwrap().slot() + 1;
    let change = match slot {
        2 => Some(upgrade(&PROGRAM, &BUFFER, &AUTHORITY, &AUTHORITY)),
        4 => Some(close(&PROGRAM, &AUTHORITY, &AUTHORITY)),
        _ => None,
    };
    let mut wire = WireBlock::default();
    for number in 0..8 {
        wire.push(&transaction(wallet(number), parent, call()));
        if let (3, Some(change), true) = (number, &change, is_told) {
            wire.push(&transaction(AUTHORITY, parent, change.clone()));
        }
    }
    build_of(chain, parent, wire)
}

/// A block of these transactions in the next slot.
fn build_of(chain: &Chain, parent: Hash, wire: WireBlock) -> BuiltBlock {
    let slot = chain.bank(&parent).unwrap().slot() + 1;
    let request = BuildRequest {
        parent,
        slot,
        unix_timestamp: i64::try_from(slot).unwrap(),
        strategy: &Auto,
        mode: Mode::Replay,
        recording: Recording::NONE,
    };
    let mut source = ParsedBlock::new(wire, Signatures::Trusted, &Threads::new(1).unwrap());
    chain
        .build(&request, &mut source, &Cancel::default())
        .unwrap()
}

/// What became of the first and of the last call of a block.
fn ends(block: &BuiltBlock) -> [Option<InstructionError>; 2] {
    let ends = [block.receipts.first(), block.receipts.last()];
    ends.map(|receipt| match receipt.unwrap().status.clone() {
        Ok(()) => None,
        Err(TransactionError::InstructionError(_, error)) => Some(error),
        Err(other) => panic!("{other}"),
    })
}

/// Builds and commits blocks up to a slot; gives their bytes and the ends of each.
fn extend(chain: &Chain, last: u64) -> Vec<(Vec<u8>, [Option<InstructionError>; 2])> {
    let mut blocks = Vec::new();
    while chain.head().1.slot < last {
        let block = build(chain, chain.head().0, true);
        assert_eq!(block.refused, []);
        chain.commit(&block.id).unwrap();
        blocks.push((block.bytes().to_vec(), ends(&block)));
    }
    blocks
}

/// What the calls of each slot meet.
fn story() -> Vec<[Option<InstructionError>; 2]> {
    let missing = Some(InstructionError::UnsupportedProgramId);
    // The Token program refuses the text of a memo.
    let other = Some(InstructionError::Custom(12));
    vec![
        [None, None],
        [None, missing.clone()],
        [other.clone(), other.clone()],
        [other, missing.clone()],
        [missing.clone(), missing.clone()],
        [missing.clone(), missing],
    ]
}

#[test]
fn it_is_the_same_after_opening_again_and_from_a_snapshot() {
    let tables = [
        with_loaders(builtin_programs()),
        with_interpreting_loaders(builtin_programs()),
    ];
    let mut whole = None;
    for stop in 0..BLOCKS {
        let table = tables[usize::try_from(stop % 2).unwrap()].clone();
        let Some(genesis) = genesis(table.clone()) else {
            return;
        };
        let store = Arc::new(MemoryStore::new());
        let below: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
        let chain = Chain::open(below, Trie::default(), genesis, options(2)).unwrap();
        let mut blocks = extend(&chain, stop);
        let mut bytes = Vec::new();
        chain.export(&mut bytes, &mut |_| ()).unwrap();
        drop(chain);

        let kept = || {
            Parameters::kept(&*store)
                .unwrap()
                .unwrap()
                .genesis(table.clone())
        };
        let trie = load_trie(&*store, &Serial).unwrap();
        let below: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
        let again = Chain::open(below, trie, kept(), options(2)).unwrap();
        let imported = Arc::new(MemoryStore::new());
        let threads = options(1).threads;
        let mut source = &bytes[..];
        let trie = snapshot::import(
            &mut source,
            &*imported,
            &kept(),
            None,
            &threads,
            &mut |_| (),
        );
        let other = Chain::open(imported, trie.unwrap(), kept(), options(2)).unwrap();
        let rest = extend(&again, BLOCKS);
        assert_eq!(extend(&other, BLOCKS), rest, "imported behind slot {stop}");
        blocks.extend(rest);
        let met: Vec<_> = blocks.iter().map(|(_, ends)| ends.clone()).collect();
        assert_eq!(met, story(), "opened again behind slot {stop}");
        let first = whole.get_or_insert_with(|| blocks.clone());
        assert_eq!(*first, blocks, "opened again behind slot {stop}");
    }
}

#[test]
fn costs_are_learned_by_program_and_first_eight_bytes() {
    let Some(genesis) = genesis(with_loaders(builtin_programs())) else {
        return;
    };
    let store = Arc::new(MemoryStore::new());
    let chain = Chain::open(store, Trie::default(), genesis, options(2)).unwrap();
    let parent = chain.head().0;
    let mut wire = WireBlock::default();
    for (number, text) in (0..).zip(["of a kind", "of a kind, and longer", "another"]) {
        let payer = wallet(number);
        // A memo costs more with each signer.
        let signers = usize::from(number);
        let memo = Instruction {
            accounts: vec![AccountMeta::readonly(payer, true); signers],
            data: text.as_bytes().to_vec(),
            ..call()
        };
        wire.push(&transaction(payer, parent, memo));
    }
    let block = build_of(&chain, parent, wire);
    let units = block.receipts.iter().map(|receipt| receipt.compute_units);
    let units: Vec<u64> = units.collect();
    let bank = chain.bank(&block.id).unwrap();
    let learned = |tag: &[u8]| {
        bank.costs()
            .compute_units(CostKind::NOTHING.and(&PROGRAM, tag))
    };
    // The receipts are in the order of the plan.
    let other = learned(b"another").unwrap();
    assert!(units.contains(&other));
    let both = units.iter().sum::<u64>() - other;
    assert_eq!(learned(b"of a kin"), Some(both / 2));
    assert_ne!(both / 2, other);
    assert_eq!(learned(b"of a"), None);
}

#[test]
fn a_witness_of_each_block_shows_what_was_called() {
    let table = with_loaders(builtin_programs());
    let Some(genesis) = genesis(table.clone()) else {
        return;
    };
    let store = Arc::new(MemoryStore::new());
    let chain = Chain::open(store, Trie::default(), genesis, options(2)).unwrap();
    let known = Parameters::kept(&**chain.store())
        .unwrap()
        .unwrap()
        .genesis(table);
    for expected in story() {
        let block = build(&chain, chain.head().0, true);
        let witness = chain.witness(block.bytes().into()).unwrap();
        let bytes = witness.encode().unwrap();
        let witness = Witness::decode(&bytes).unwrap();
        let checked = witness.check(&known, Signatures::Trusted, &Threads::new(2).unwrap());
        let checked = checked.unwrap();
        assert_eq!(
            (checked.id, &checked.receipts),
            (block.id, &*block.receipts)
        );
        assert_eq!(ends(&block), expected);
        chain.commit(&block.id).unwrap();
    }
}

#[test]
fn forks_with_and_without_an_upgrade_call_what_each_has() {
    let Some(genesis) = genesis(with_loaders(builtin_programs())) else {
        return;
    };
    let store = Arc::new(MemoryStore::new());
    let chain = Chain::open(store, Trie::default(), genesis, options(2)).unwrap();
    extend(&chain, 1);
    let start = chain.head().0;
    let [with, without] = [true, false].map(|is_told| build(&chain, start, is_told));
    let story = story();
    // By turns on both forks, in the same slots.
    for _ in 0..2 {
        assert_eq!(ends(&build(&chain, with.id, false)), story[2]);
        assert_eq!(ends(&build(&chain, without.id, false)), [None, None]);
    }
    // Another node adopts the blocks in another order, and finalises the later fork.
    let late = build(&chain, without.id, false);
    chain.commit(&without.id).unwrap();
    chain.commit(&late.id).unwrap();
    assert_eq!(ends(&build(&chain, late.id, false)), [None, None]);
}
