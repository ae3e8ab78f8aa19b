//! What programs that no block has called before add to the first one that does.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use litesvm::LiteSVM;
use lockstep_differential::compiled::{Compiled, MEMO_1, MEMO_4, TOKEN_2022};
use lockstep_interface::{Account, Address, Instruction, address::program_ids};
use lockstep_programs::{builtin_programs, system};
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::Recording,
    engine::{Cancel, Engine, How},
    verify::{ParsedBlock, Signatures},
    wire::{MessageBuilder, WireBlock},
};
use lockstep_sbf::with_loaders;
use lockstep_scheduler::{Lanes, Mode};
use lockstep_store::MemoryStore;

use crate::{address, median};

/// Transfers of lamports in the block besides.
const TRANSFERS: usize = 1_000;
/// Programs that it calls.
const PROGRAMS: usize = 10;
const REASON: &str = "the benchmark's own load is sound";
const STAKE: Address = Address::from_str_const("Stake11111111111111111111111111111111111111");
const LOOKUP_TABLES: Address =
    Address::from_str_const("AddressLookupTab1e1111111111111111111111111");

/// Ten programs, by the bytes of their files: all that LiteSVM holds, two of them twice.
fn programs() -> Vec<Vec<u8>> {
    let newest = [
        program_ids::TOKEN,
        TOKEN_2022,
        program_ids::ASSOCIATED_TOKEN,
        MEMO_1,
        MEMO_4,
        STAKE,
        LOOKUP_TABLES,
        program_ids::TOKEN,
    ];
    let judge = LiteSVM::new();
    assert!(judge.get_account(&STAKE).is_some(), "LiteSVM holds it");
    let newest = newest.map(|address| Compiled::of_network(address).file);
    let token = Compiled::before_features(program_ids::TOKEN).file;
    newest.into_iter().chain([token.clone(), token]).collect()
}

/// A ledger with these programs, each with bytes at its end that no file before had: the machine
/// does not look at them, and a file is known by all of its bytes.
fn ledger(files: &[Vec<u8>], round: usize) -> Arc<FrozenBank> {
    let mut accounts = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let compiled = Compiled {
            address: address(9, number),
            file: [
                &file[..],
                &address(8, round * files.len() + number).to_bytes(),
            ]
            .concat(),
        };
        accounts.extend(compiled.accounts());
    }
    for number in 0..TRANSFERS + files.len() {
        let wallets = [1, 2].map(|kind| (address(kind, number), Account::wallet(1_000_000_000)));
        accounts.extend(wallets);
    }
    let genesis = Genesis::new(accounts, with_loaders(builtin_programs())).without_limits();
    genesis.open(Arc::new(MemoryStore::new())).expect(REASON)
}

/// Transfers, and a call of each program.
fn block(parent: &FrozenBank, programs: usize) -> WireBlock {
    let blockhash = parent.block_hash().to_bytes();
    let transfers = (0..TRANSFERS).map(|number| {
        let [from, to] = [1, 2].map(|kind| address(kind, number));
        (from, system::instruction::transfer(&from, &to, 1))
    });
    let calls = (0..programs).map(|number| {
        let call = Instruction {
            program: address(9, number),
            accounts: Vec::new(),
            data: b"hello".to_vec(),
        };
        (address(1, TRANSFERS + number), call)
    });
    let wires = transfers.chain(calls).map(|(payer, instruction)| {
        let message = MessageBuilder::new(payer, blockhash, &[instruction]).compile();
        message
            .expect(REASON)
            .with_signatures(&[[0; 64]])
            .expect(REASON)
    });
    wires.collect()
}

/// From a parsed block to an executed one.
fn time(engine: &mut Engine, parent: &Arc<FrozenBank>, parsed: &ParsedBlock) -> Duration {
    let bank = parent.child(1, 1);
    let how = How::Planned {
        strategy: &Lanes,
        mode: Mode::Produce,
    };
    let start = Instant::now();
    let prepared = engine.prepare(&bank, parsed).expect(REASON);
    let executed = engine.execute(bank, prepared, how, Recording::NONE, &Cancel::default());
    let took = start.elapsed();
    let outcomes = executed.expect(REASON).executed.outcomes().len();
    assert_eq!(outcomes, TRANSFERS + PROGRAMS);
    took
}

/// Runs the rounds and prints what they took.
pub(crate) fn run(rounds: usize) {
    let files = programs();
    println!(
        "first use of {} programs of {} KiB in a block with {TRANSFERS} transfers, ms",
        files.len(),
        files.iter().map(Vec::len).sum::<usize>() >> 10,
    );
    for count in [1, 2] {
        let mut engine = Engine::new(count).expect(REASON);
        let (mut first, mut known, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let parent = ledger(&files, round * 2 + count - 1);
            let wire = block(&parent, files.len());
            let parsed = ParsedBlock::new(wire, Signatures::Trusted, engine.threads());
            first.push(time(&mut engine, &parent, &parsed));
            known.push(time(&mut engine, &parent, &parsed));
            let (first, known) = (first[round], known[round]);
            added.push(first.saturating_sub(known));
        }
        for (name, times) in [
            ("unknown", &mut first),
            ("known", &mut known),
            ("added", &mut added),
        ] {
            let [middle, least, most] = median(times).map(|time| time.as_secs_f64() * 1e3);
            println!("  {count} threads, {name:8} {middle:.2} ({least:.2} to {most:.2})");
        }
    }
}
