//! Two validators in one process: one produces blocks, the other verifies them, both commit.
//!
//! The one that produces keeps its ledger on disk and is closed and opened again half way; the
//! other has it in memory. A light client, at last, checks an account against a header.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use lockstep_interface::{Account, Address};
use lockstep_programs::{builtin_programs, system::instruction::transfer};
use lockstep_runtime::{
    bank::Genesis,
    block::Recording,
    chain::{BuildRequest, Chain, ChainOptions},
    engine::Cancel,
    threads::Threads,
    verify::ParsedBlock,
    wire::{MessageBuilder, WireBlock},
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{
    CachedStore, DiskOptions, DiskStore, MemoryStore, Trie, account_hash, verify_proof,
};

const BLOCK_COUNT: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let keys: Vec<SigningKey> = (1..=64).map(|seed| SigningKey::from([seed; 32])).collect();
    let wallet = |key| Address::new_from_array(VerificationKeyBytes::from(key).into());
    let wallets: Vec<Address> = keys.iter().map(wallet).collect();
    let funded = wallets
        .iter()
        .map(|wallet| (*wallet, Account::wallet(1_000_000_000)));
    let accounts: Vec<_> = funded.collect();
    let genesis = || Genesis::new(accounts.clone(), builtin_programs());
    let options = ChainOptions::new(Threads::new(2)?);

    let folder = std::env::temp_dir().join(format!("lockstep-example-{}", std::process::id()));
    let open_producer = || -> Result<Chain, Box<dyn Error>> {
        let (disk, trie) = DiskStore::open(&folder, DiskOptions::default(), &options.threads)?;
        let store = Arc::new(CachedStore::new(disk, 64 << 20));
        Ok(Chain::open(store, trie, genesis(), options.clone())?)
    };
    let mut producer = open_producer()?;
    let memory = Arc::new(MemoryStore::new());
    let verifier = Chain::open(memory, Trie::default(), genesis(), options.clone())?;
    let cancel = Cancel::default();

    for slot in 1..=BLOCK_COUNT {
        // Clients sign transfers; the producer verifies them before it builds.
        let (parent, _) = producer.head();
        let mut pool = WireBlock::default();
        let payees = wallets.iter().cycle().skip(1);
        for ((key, payer), payee) in keys.iter().zip(&wallets).zip(payees) {
            let pay = [transfer(payer, payee, slot)];
            let message = MessageBuilder::new(*payer, parent.to_bytes(), &pay);
            pool.push(&message.compile()?.sign(&[key])?);
        }
        let signatures = options.signatures();
        let mut pool = ParsedBlock::new(pool, signatures, &options.reader_threads);

        let request = BuildRequest {
            parent,
            slot,
            unix_timestamp: 1_700_000_000,
            strategy: &Auto,
            mode: Mode::Produce,
            recording: Recording::NONE,
        };
        let built = producer.build(&request, &mut pool, &cancel)?;
        producer.commit(&built.id)?;

        // The other validator trusts nothing but the rules.
        let block = verifier.read(built.bytes().into())?;
        let executed = verifier.execute(&block, &cancel)?;
        verifier.commit(&executed.id)?;
        assert_eq!(verifier.head(), producer.head());

        let (batches, lanes) = (built.plan.batch_count(), built.plan.lane_count());
        println!(
            "slot {slot}: {} transactions in {batches} batches of {lanes} lanes, block {}",
            built.header.transaction_count, built.id
        );
        if slot == BLOCK_COUNT / 2 {
            drop(producer);
            producer = open_producer()?;
            assert_eq!(verifier.head(), producer.head());
        }
    }

    let proven = verifier.prove(&wallets[0])?;
    let account = proven.account.expect("it was funded");
    let root = proven.header.state_root.expect("chains compute one");
    verify_proof(
        &root,
        &wallets[0],
        Some(&account_hash(&account)),
        &proven.proof,
    )?;
    println!(
        "wallet {} holds {} lamports, proven",
        wallets[0], account.lamports
    );
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
