//! Blocks of all schemes: every strategy and number of threads comes to what the serial run comes
//! to, and a chain takes a scheme from the slot on in which it is activated.

use std::sync::Arc;

use lockstep_interface::{
    Hash, SchemeSet, SignatureScheme, TransactionError,
    activation::{Activation, Schedule},
};
use lockstep_runtime::{
    bank::Genesis,
    chain::{BuiltBlock, Chain, ChainOptions},
    engine::Cancel,
    limits::LAMPORTS_PER_SIGNATURE,
    rules::{budget_of, cost_of},
    threads::Threads,
    verify::{ParsedBlock, Refusal},
    wire::{Signed, TransactionView, WireBlock},
};
use lockstep_scheduler::Mode;
use lockstep_store::{MemoryStore, Serial, load_trie};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{ledger::RICH, plans::all_strategies},
    keys::{KEYS, Key, ledger, message, signed},
    setting::{Reference, adopt, build_on, head, open, open_on, options, planned, request},
};

/// A chain on which the schemes hold from these slots on.
fn genesis(slots: &[(SignatureScheme, u64)]) -> Genesis {
    let activations = slots.iter().map(|(scheme, slot)| Activation {
        feature: scheme.feature(),
        slot: *slot,
        name: scheme.name().to_owned(),
    });
    let schedule = Schedule {
        authority: None,
        activations: activations.collect(),
    };
    ledger().genesis().with_schedule(&schedule).unwrap()
}

fn from_the_start() -> Genesis {
    genesis(&SignatureScheme::ALL.map(|scheme| (scheme, 0)))
}

/// Options for a chain that verifies signatures.
fn verifying(threads: usize) -> ChainOptions {
    ChainOptions::new(Threads::new(threads).unwrap())
}

/// Transfers among the keys, some of them wrongly signed; how many are right.
fn transfers(random: &mut ChaCha8Rng, blockhash: Hash, count: u64) -> (WireBlock, usize) {
    let mut block = WireBlock::default();
    let mut right = 0;
    for number in 0..count {
        let [from, to] = [0; 2].map(|_| random.random_range(0..KEYS.len()));
        let to = KEYS[to].address();
        let mut bytes = signed(&KEYS[from], &to, 1_000 + number, blockhash.to_bytes());
        if random.random_bool(0.1) {
            *bytes.last_mut().unwrap() ^= 1;
        } else {
            right += 1;
        }
        block.push(&bytes);
    }
    (block, right)
}

#[test]
fn mixed_blocks_equal_their_serial_run() {
    let chains = [1, 2, 4].map(|threads| open(from_the_start(), verifying(threads)));
    let mut reference = Reference::new(from_the_start());
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut turn = 0;
    for strategy in all_strategies(3) {
        for mode in Mode::ALL {
            let producer = &chains[turn % chains.len()];
            turn += 1;
            let parent = head(producer);
            let (block, right) = transfers(&mut random, parent, 12);
            let own = producer.options();
            let mut source = ParsedBlock::new(block, own.signatures(), &own.threads);
            let request = planned(producer, parent, &*strategy, mode);
            let built = producer
                .build(&request, &mut source, &Cancel::default())
                .unwrap();
            assert_eq!(built.receipts.len(), right, "{}", strategy.name());
            assert_eq!(reference.replay(built.bytes()), *built.receipts);
            for chain in &chains {
                assert_eq!(adopt(chain, built.bytes()).id, built.id);
                reference.check_at(chain, &built.id);
                chain.commit(&built.id).unwrap();
            }
        }
    }
}

#[test]
fn fees_and_costs_count_signatures() {
    let chain = open(from_the_start(), verifying(2));
    let plain = signed(&KEYS[0], &KEYS[1].address(), 5, [3; 32]);
    let cost = |bytes: &[u8]| {
        let view = TransactionView::parse(bytes).unwrap();
        let rules = lockstep_interface::RuleSet::Current;
        let budget = budget_of(&view, rules).unwrap();
        (
            budget.signature_fee,
            cost_of(&view, &budget, rules).compute_units,
        )
    };
    let (_, units) = cost(&plain);
    for key in &*KEYS {
        let parent = head(&chain);
        let before = chain
            .view(&parent)
            .unwrap()
            .get(&key.address())
            .unwrap()
            .unwrap();
        let to = if key.address() == KEYS[1].address() {
            0
        } else {
            1
        };
        let bytes = signed(key, &KEYS[to].address(), 5, parent.to_bytes());
        let more = key.count() - 1;
        assert_eq!(
            cost(&bytes),
            (key.count() * LAMPORTS_PER_SIGNATURE, units + more * 720)
        );
        let built = build_on(&chain, parent, &[bytes]);
        chain.commit(&built.id).unwrap();
        let after = chain
            .view(&built.id)
            .unwrap()
            .get(&key.address())
            .unwrap()
            .unwrap();
        let fee = LAMPORTS_PER_SIGNATURE * key.count();
        assert_eq!(before.lamports - after.lamports, fee + 5);
    }
}

fn tried(chain: &Chain, key: &Key) -> BuiltBlock {
    let parent = head(chain);
    let bytes = signed(key, &KEYS[0].address(), 5, parent.to_bytes());
    let built = build_on(chain, parent, &[bytes]);
    chain.commit(&built.id).unwrap();
    built
}

const REFUSED: Refusal = Refusal::Rule(TransactionError::UnsupportedVersion);

#[test]
fn a_scheme_holds_from_its_slot_on() {
    let chain = open(genesis(&[(SignatureScheme::Falcon512, 3)]), verifying(2));
    for slot in 1..5 {
        let falcon = tried(&chain, &KEYS[2]);
        assert_eq!(falcon.header.slot, slot);
        if slot < 3 {
            assert_eq!(falcon.refused, [(0, REFUSED)]);
        } else {
            assert_eq!(falcon.receipts[0].status, Ok(()));
        }
    }
    assert_eq!(tried(&chain, &KEYS[4]).refused, [(0, REFUSED)]);
    assert_eq!(tried(&chain, &KEYS[0]).receipts.len(), 1);
}

/// A ledger without the schemes goes on with a release that has them, and refuses them.
#[test]
fn a_ledger_that_has_activated_none_goes_on_without() {
    let store = Arc::new(MemoryStore::new());
    let first = open_on(store.clone(), ledger().genesis(), verifying(1));
    assert_eq!(tried(&first, &KEYS[1]).receipts.len(), 1);
    drop(first);
    let trie = load_trie(&*store, &Serial).unwrap();
    let again = Chain::open(store, trie, ledger().genesis(), verifying(1)).unwrap();
    for key in &KEYS[2..] {
        assert_eq!(tried(&again, key).refused, [(0, REFUSED)]);
    }
    let bank = again.bank(&head(&again)).unwrap().child(90, 0);
    assert_eq!(bank.schemes(), SchemeSet::default());
}

#[test]
fn a_ledger_that_has_activated_them_opens_with_them() {
    let store = Arc::new(MemoryStore::new());
    let first = open_on(store.clone(), from_the_start(), verifying(1));
    assert_eq!(tried(&first, &KEYS[2]).receipts.len(), 1);
    drop(first);
    let trie = load_trie(&*store, &Serial).unwrap();
    let again = Chain::open(store, trie, from_the_start(), verifying(1)).unwrap();
    assert_eq!(tried(&again, &KEYS[4]).receipts.len(), 1);
}

/// Duplicates are found by the message: signing it again, and differently, pays once.
#[test]
fn a_message_that_is_signed_twice_counts_once() {
    let chain = open(from_the_start(), options(1));
    let parent = head(&chain);
    let message = message(&KEYS[2], &KEYS[0].address(), 5, parent.to_bytes());
    let right = KEYS[2].sign(&message.encode().unwrap());
    let mut other = right.clone();
    if let Signed::Scheme { signature, .. } = &mut other {
        signature[9] ^= 1;
    }
    let both = [right, other].map(|signed| message.with_signed(&[signed]).unwrap());
    let built = build_on(&chain, parent, &both);
    let duplicate = Refusal::Rule(TransactionError::AlreadyProcessed);
    assert_eq!(built.refused, [(1, duplicate)]);
    assert_eq!(built.receipts.len(), 1);
    let views = both
        .each_ref()
        .map(|bytes| TransactionView::parse(bytes).unwrap());
    // Clients look a transaction up by its first 64 bytes of signatures.
    assert_eq!(views[0].signatures(), views[1].signatures());
}

/// A wallet moves to another scheme: its old key sends what it holds to an address of the new one.
#[test]
fn a_wallet_moves_from_ed25519_to_falcon() {
    let chain = open(from_the_start(), verifying(2));
    let parent = head(&chain);
    let (old, new) = (&KEYS[1], &KEYS[3]);
    let all = RICH - LAMPORTS_PER_SIGNATURE;
    let bytes = signed(old, &new.address(), all, parent.to_bytes());
    let request = request(&chain, parent);
    let own = chain.options();
    let mut source = ParsedBlock::new([bytes].iter().collect(), own.signatures(), &own.threads);
    let built = chain
        .build(&request, &mut source, &Cancel::default())
        .unwrap();
    assert_eq!(built.receipts[0].status, Ok(()));
    chain.commit(&built.id).unwrap();
    let view = chain.view(&built.id).unwrap();
    assert_eq!(view.get(&old.address()).unwrap(), None);
    assert_eq!(
        view.get(&new.address()).unwrap().unwrap().lamports,
        RICH + all
    );
    // The new key pays on from there.
    assert_eq!(tried(&chain, new).receipts[0].status, Ok(()));
}
