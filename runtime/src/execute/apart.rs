//! The serial twin is apart from what it judges: a fault planted in the numbering of accounts,
//! which planner, checker and workers all go by, shows as a difference from the serial run.

use std::sync::Arc;

use ahash::RandomState;
use lockstep_interface::{Account, Address};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_scheduler::{Mode, PlanRequest, Serial, Strategy, check};
use lockstep_store::MemoryStore;

use super::{ExecutedBlock, execute, execute_serial, load};
use crate::{
    bank::{FrozenBank, Genesis},
    block::Recording,
    prepare::PreparedBlock,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::{MessageBuilder, WireBlock},
};

fn wallet(number: u8) -> Address {
    Address::new_from_array([number; 32])
}

/// Two transfers that share no account.
fn setting() -> (Arc<FrozenBank>, WireBlock) {
    let accounts = (1..=4).map(|number| (wallet(number), Account::wallet(1_000_000_000)));
    let genesis = Genesis::new(accounts.collect(), builtin_programs());
    let parent = genesis.open(Arc::new(MemoryStore::new())).unwrap();
    let blockhash = parent.block_hash().to_bytes();
    let mut block = WireBlock::default();
    for (source, target, lamports) in [(1, 2, 5), (3, 4, 7)] {
        let pay = [transfer(&wallet(source), &wallet(target), lamports)];
        let message = MessageBuilder::new(wallet(source), blockhash, &pay);
        let message = message.compile().unwrap();
        block.push(&message.with_signatures(&[[0; 64]]).unwrap());
    }
    (parent, block)
}

/// What the parallel executor and the serial one come to.
fn run(plant: impl FnOnce(&mut PreparedBlock<'_>)) -> (ExecutedBlock, ExecutedBlock) {
    let (parent, block) = setting();
    let threads = Threads::new(2).unwrap();
    let parsed = ParsedBlock::new(block, Signatures::Trusted, &threads);
    let bank = parent.child(1, 0);
    let mut prepared = PreparedBlock::new(&parsed, &bank, &threads, &RandomState::new()).unwrap();
    plant(&mut prepared);
    let request = PlanRequest::new(Mode::Replay, threads.worker_count());
    let plan = Serial.plan(prepared.table(), &request).unwrap();
    let plan = check(plan, prepared.table(), Mode::Replay).unwrap();
    let accounts = load(&bank, &prepared, &threads).unwrap();
    let none = Recording::NONE;
    let parallel = execute(&bank, &prepared, accounts, &plan, &threads, none).unwrap();
    let order = prepared.table().transactions();
    let serial = execute_serial(&bank, &prepared, order, none).unwrap();
    (parallel, serial)
}

#[test]
fn two_addresses_under_one_number_are_noticed() {
    let (parallel, serial) = run(|_| {});
    assert_eq!(parallel, serial);
    let (parallel, serial) = run(|prepared| prepared.confuse(&wallet(2), &wallet(4)));
    assert_ne!(parallel.changes(), serial.changes());
    // The fault is in the numbering alone: the serial run is as it was.
    assert_eq!(serial, run(|_| {}).1);
}
