//! Fees that are split between a block's leader, stakers and the fire: on every node, on forks, by
//! witness, from a snapshot and after opening again; and held against a plain account of them.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_interface::{
    Account, Address, ProgramTable, Rent,
    address::{program_ids, sysvar_ids},
};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::{
    bank::Genesis,
    block::{Block, BlockLimits, Receipt, Recording},
    chain::{BlockError, Chain, ChainOptions, InvalidBlock, OpenError, Parameters},
    engine::{Cancel, Engine},
    rules::FeePolicy,
    threads::Threads,
    verify::Signatures,
};
use lockstep_store::{MemoryStore, Serial, Store, Trie, load_trie};
use rand::{Rng as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{
        generate::Shape,
        ledger::{FEE, Ledger, RICH, address, transaction},
    },
    setting::{
        Accounts, Reference, Setting, adopt, build_on, head, open, open_on, options, trusted,
    },
};

/// The account out of which stakers are paid.
const STAKERS: u64 = 1_000;

fn policy(leader: u16, stakers: u16) -> FeePolicy {
    let account = if stakers == 0 {
        Address::default()
    } else {
        address(STAKERS)
    };
    FeePolicy::new(leader, stakers, account).unwrap()
}

fn led(leader: Option<Address>, threads: usize) -> ChainOptions {
    ChainOptions {
        leader,
        ..options(threads)
    }
}

fn paid(receipts: &[Receipt]) -> u64 {
    let fees = receipts.iter();
    fees.map(|receipt| receipt.signature_fee + receipt.priority_fee)
        .sum()
}

/// What the accounts are after a block, written down from the rule alone: the transactions one
/// after the other, then the shares. Gives the shares that went to an account.
fn plainly(
    chain: &Chain,
    block: &[u8],
    before: &Accounts,
    receipts: &[Receipt],
) -> (Accounts, Vec<u64>) {
    let Block { header, body } = Block::decode(block, &BlockLimits::UNLIMITED).unwrap();
    let parent = chain.bank(&header.parent_id).unwrap();
    let bank = parent.child(header.slot, header.unix_timestamp);
    let engine = Engine::new(1).unwrap();
    let parsed = trusted(body.transactions().clone());
    let prepared = engine.prepare(&bank, &parsed).unwrap();
    let unsealed = engine.execute_serial(bank, prepared, None, Recording::NONE);
    let unsealed = unsealed.unwrap();
    let mut accounts = before.clone();
    accounts.extend(unsealed.executed.changes().iter().cloned());

    let policy = chain.parameters().fee_policy;
    let fees = u128::from(paid(receipts));
    let mut went = Vec::new();
    for (receiver, parts) in [
        (body.leader(), policy.leader_parts()),
        (policy.stakers(), policy.staker_parts()),
    ] {
        let share = u64::try_from(fees * u128::from(parts) / 10_000).unwrap();
        let Some(receiver) = receiver.filter(|_| share > 0) else {
            continue;
        };
        let account = accounts.entry(receiver).or_default();
        let minimum = Rent::MAINNET.minimum_balance(account.data.len());
        let is_sysvar = [sysvar_ids::CLOCK, sysvar_ids::RENT].contains(&receiver);
        if account.lamports + share >= minimum && !account.executable && !is_sysvar {
            account.lamports += share;
            went.push(share);
        }
    }
    accounts.retain(|_, account| account.exists());
    (accounts, went)
}

/// Leaders of every kind: that pay fees themselves, that are not there, that may not receive, that
/// are the stakers' account, and none.
fn leaders(setting: &Setting) -> Vec<Option<Address>> {
    let poor = setting.ledger.accounts.iter();
    let poor = poor.filter(|(_, account)| account.lamports < 1_000_000);
    let mut leaders: Vec<Option<Address>> = poor.map(|(address, _)| Some(*address)).collect();
    leaders.extend([
        None,
        Some(setting.payer()),
        Some(setting.payer()),
        Some(address(77)),
        Some(address(STAKERS)),
        Some(sysvar_ids::CLOCK),
        Some(program_ids::SYSTEM),
    ]);
    leaders
}

#[test]
fn every_node_pays_what_the_plain_rule_says() {
    let mut counts = BTreeMap::from([("paid", 0), ("burned", 0)]);
    for (seed, parts) in [
        (1, (5_000, 3_000)),
        (2, (10_000, 0)),
        (3, (0, 9_999)),
        (4, (1, 1)),
    ] {
        let mut setting = Setting::new(Shape::FEW);
        setting.ledger.put(address(STAKERS), Account::wallet(RICH));
        let genesis = || setting.genesis().with_fee_policy(policy(parts.0, parts.1));
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut reference = Reference::new(genesis());
        let followers = [1, 4].map(|threads| open(genesis(), options(threads)));
        let store = Arc::new(MemoryStore::new());
        let first = open_on(Arc::clone(&store) as Arc<dyn Store>, genesis(), options(1));
        let mut parent = head(&first);
        drop(first);
        for number in 0..24 {
            // Another leader each time: the same ledger, opened again.
            let trie = load_trie(&*store, &Serial).unwrap();
            let leader = *leaders(&setting).choose(&mut random).unwrap();
            let threads = random.random_range(1..4);
            let kept = Arc::clone(&store) as Arc<dyn Store>;
            let chain = Chain::open(kept, trie, genesis(), led(leader, threads)).unwrap();
            let bank = chain.bank(&parent).unwrap();
            let given = setting.world.block(&mut random, &bank, 25);
            let built = build_on(&chain, parent, &given);
            let place = format!("SEED={seed} block {number} leader {leader:?}");
            assert_eq!(reference.replay(built.bytes()), *built.receipts, "{place}");
            let before = reference.accounts(&parent);
            let (after, went) = plainly(&chain, built.bytes(), before, &built.receipts);
            assert_eq!(*reference.accounts(&built.id), after, "{place}");
            let key = if went.is_empty() { "burned" } else { "paid" };
            *counts.get_mut(key).unwrap() += 1;
            let witness = followers[0].witness(built.bytes().into()).unwrap();
            let threads = Threads::new(2).unwrap();
            let checked = witness.check(&genesis(), Signatures::Trusted, &threads);
            assert_eq!(checked.unwrap().id, built.id, "{place}");
            for follower in &followers {
                assert_eq!(adopt(follower, built.bytes()).id, built.id, "{place}");
                reference.check_at(follower, &built.id);
                follower.commit(&built.id).unwrap();
            }
            chain.commit(&built.id).unwrap();
            reference.check_store(&*store, &built.id);
            parent = built.id;
        }
        let mut snapshot = Vec::new();
        followers[1].export(&mut snapshot, &mut |_| ()).unwrap();
        let import = |genesis| {
            let store = Arc::new(MemoryStore::new());
            let mut source = &snapshot[..];
            Chain::import(&mut source, store, genesis, options(1), None, &mut |_| ())
        };
        let imported = import(genesis()).unwrap();
        reference.check_at(&imported, &parent);
        let other = import(setting.genesis()).unwrap_err().to_string();
        assert!(other.contains("fee policy: expected"), "{other}");
    }
    assert!(counts.values().all(|count| *count > 10), "{counts:?}");
}

/// A chain of wallets with all fees for the leader, wallet 0.
fn generous() -> (impl Fn() -> Genesis, Chain) {
    let genesis = || {
        let genesis = Ledger::with_wallets(0..4).genesis();
        genesis.with_fee_policy(policy(10_000, 0))
    };
    (genesis, open(genesis(), led(Some(address(0)), 2)))
}

fn pay(chain: &Chain, from: u64, to: u64, lamports: u64) -> Vec<u8> {
    let [from, to] = [from, to].map(address);
    let instruction = transfer(&from, &to, lamports);
    transaction(from, head(chain), &[instruction])
}

#[test]
fn a_leader_that_gets_back_what_it_paid_has_not_changed() {
    let (genesis, chain) = generous();
    let mut reference = Reference::new(genesis());
    let built = build_on(&chain, head(&chain), &[pay(&chain, 0, 0, 5)]);
    reference.replay(built.bytes());
    let bank = chain.bank(&built.id).unwrap();
    let changed = bank.changes();
    assert!(changed.iter().all(|(changed, _)| *changed != address(0)));
    assert_eq!(bank.get(&address(0)).unwrap(), Some(Account::wallet(RICH)));
    reference.check_at(&chain, &built.id);
}

#[test]
fn forks_pay_their_own_leaders() {
    let (genesis, one) = generous();
    let other = open(genesis(), led(Some(address(9)), 1));
    let silent = open(genesis(), options(1));
    let judge = open(genesis(), options(2));
    let start = head(&judge);
    // Enough for an account that is not there yet: its minimum is 890,880.
    let fees = 180;
    let block: Vec<_> = (0..fees).map(|number| pay(&judge, 1, 2, number)).collect();
    let mut ids = Vec::new();
    for (chain, leader, expected) in [
        (&one, 0, Some(RICH + fees * FEE)),
        (&other, 9, Some(fees * FEE)),
        (&silent, 0, Some(RICH)),
    ] {
        let built = build_on(chain, start, &block);
        adopt(&judge, built.bytes());
        let account = judge
            .view(&built.id)
            .unwrap()
            .get(&address(leader))
            .unwrap();
        assert_eq!(account.map(|account| account.lamports), expected);
        ids.push(built.id);
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    // One lamport less than the minimum, and the leader gets nothing.
    let few = build_on(&other, start, &block[..178]);
    let account = other.view(&few.id).unwrap().get(&address(9));
    assert_eq!(account.unwrap(), None);
}

#[test]
fn a_leader_is_part_of_the_block_and_of_chains_that_pay_one() {
    let (genesis, chain) = generous();
    let built = build_on(&chain, head(&chain), &[pay(&chain, 1, 2, 5)]);
    let Block { header, body } = Block::decode(built.bytes(), &BlockLimits::UNLIMITED).unwrap();
    assert_eq!(body.leader(), Some(address(0)));
    // With another leader it is not the block of its header; with a header of its own it states
    // another outcome than it has.
    let mut forged = Block {
        header,
        body: body.clone().with_leader(Some(address(3))),
    };
    let follower = open(genesis(), options(1));
    assert!(follower.read(forged.encode().into()).is_err());
    forged.header.plan_digest = forged.body.plan_digest();
    let read = follower.read(forged.encode().into()).unwrap();
    let error = follower.execute(&read, &Cancel::default()).unwrap_err();
    assert!(error.to_string().contains("delta root"), "{error}");

    let plain = Ledger::with_wallets(0..4).genesis();
    let burning = open(plain, led(Some(address(0)), 1));
    let own = build_on(&burning, head(&burning), &[pay(&burning, 1, 2, 5)]);
    let Block { header, body } = Block::decode(own.bytes(), &BlockLimits::UNLIMITED).unwrap();
    assert_eq!(body.leader(), None, "the chain burns all fees");
    let body = body.with_leader(Some(address(0)));
    let plan_digest = body.plan_digest();
    let header = lockstep_runtime::block::BlockHeader {
        plan_digest,
        ..header
    };
    let bytes = Block { header, body }.encode();
    let read = burning.read(bytes.into()).unwrap();
    let error = burning.execute(&read, &Cancel::default()).unwrap_err();
    let BlockError::Invalid { reason, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*reason, InvalidBlock::Leader(leader) if leader == address(0)));
}

#[test]
fn a_ledger_keeps_its_policy() {
    let (genesis, chain) = generous();
    let store = Arc::clone(chain.store());
    let kept = Parameters::kept(&*store).unwrap().unwrap();
    assert_eq!(kept.fee_policy, policy(10_000, 0));
    let programs: ProgramTable = genesis().programs;
    assert_eq!(kept.genesis(programs).fee_policy, kept.fee_policy);
    drop(chain);
    let trie = || -> Trie { load_trie(&*store, &Serial).unwrap() };
    let burning = Ledger::with_wallets(0..4).genesis();
    let error = Chain::open(Arc::clone(&store), trie(), burning, options(1)).unwrap_err();
    assert!(matches!(error, OpenError::OtherGenesis(_)), "{error}");
    assert!(Chain::open(Arc::clone(&store), trie(), genesis(), options(1)).is_ok());
}
