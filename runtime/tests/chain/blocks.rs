//! Blocks of every strategy: others accept them on other numbers of threads, and all come to what
//! the serial run of their body comes to.

use lockstep_interface::Hash;
use lockstep_runtime::{
    bank::Genesis,
    block::{Block, BlockLimits, Recording},
    chain::{BuiltBlock, Chain, ChainOptions},
    engine::{Cancel, Engine},
    verify::Refusal,
    wire::WireBlock,
};
use lockstep_scheduler::Mode;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{
        generate::{Shape, bundled},
        plans::all_strategies,
        run::timestamp,
    },
    setting::{Setting, adopt, build, head, open, options, planned, trusted},
};

/// Runs what a source gave, refused transactions and all, in its order, one after the other, and
/// compares what became of each transaction.
fn check_fates(chain: &Chain, parent: &Hash, given: &WireBlock, built: &BuiltBlock) {
    let engine = Engine::new(1).unwrap();
    let slot = built.header.slot;
    let bank = chain.bank(parent).unwrap().child(slot, timestamp(slot));
    let parsed = trusted(given.clone());
    let prepared = engine.prepare(&bank, &parsed).unwrap();
    let serial = engine.execute_serial(bank, prepared, None, Recording::NONE);
    let receipts = serial.unwrap().receipts();
    let body = Block::decode(built.bytes(), &BlockLimits::UNLIMITED).unwrap();
    let mut included = Vec::new();
    let mut refused: Vec<(u32, Refusal)> = Vec::new();
    for (position, fate) in (0..).zip(receipts.iter()) {
        match fate {
            Ok(receipt) => included.push((given.get(position as usize).unwrap(), receipt)),
            Err(refusal) => refused.push((position, refusal.clone())),
        }
    }
    assert_eq!(built.refused, refused);
    // No transaction is included twice, so that bytes tell them apart.
    let transactions = body.body.transactions().iter();
    let mut found: Vec<_> = transactions.zip(built.receipts.iter()).collect();
    let key = |entry: &(&[u8], _)| entry.0.to_vec();
    found.sort_by_key(key);
    included.sort_by_key(key);
    assert_eq!(found, included);
}

fn run(shape: Shape, chains: &[Chain], setting: &Setting, count: usize, seed: u64) -> usize {
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut refused_count = 0;
    for strategy in all_strategies(seed) {
        for mode in Mode::ALL {
            for producer in chains {
                let name = strategy.name();
                let threads = producer.options().threads.count();
                let place = format!("SEED={seed} {shape:?} {name} {mode} {threads} threads");
                let parent = head(producer);
                let bank = producer.bank(&parent).unwrap();
                let given = setting.world.block(&mut random, &bank, count);
                let request = planned(producer, parent, &*strategy, mode);
                let built = build(producer, &request, &given);
                assert_eq!(built.receipts.len() + built.refused.len(), count, "{place}");
                refused_count += built.refused.len();
                if mode == Mode::Replay {
                    check_fates(producer, &parent, &given.iter().collect(), &built);
                }
                assert_eq!(reference.replay(built.bytes()), *built.receipts, "{place}");
                for chain in chains {
                    let executed = adopt(chain, built.bytes());
                    assert_eq!(executed.id, built.id);
                    let receipts = executed.receipts.as_ref();
                    let is_producer = std::ptr::eq(chain, producer);
                    let expected = (!is_producer).then_some(&built.receipts);
                    assert_eq!(receipts, expected, "{place}");
                    reference.check_at(chain, &built.id);
                    assert_eq!(chain.commit(&built.id).unwrap().block_count, 1);
                    assert_eq!(chain.head(), (built.id, built.header));
                    reference.check_at(chain, &built.id);
                }
            }
        }
    }
    let id = head(&chains[0]);
    for chain in chains {
        reference.check_store(&**chain.store(), &id);
    }
    refused_count
}

#[test]
fn every_block_is_accepted_by_others_and_equals_its_serial_run() {
    for (shape, count) in [(Shape::FEW, 40), (Shape::MANY, 60)] {
        let setting = Setting::new(shape);
        let chains = [1, 2, 4].map(|threads| setting.chain(threads));
        let refused_count = run(shape, &chains, &setting, count, 1);
        assert!(refused_count > 100, "{refused_count} were refused");
    }
}

/// Whether credits are shared is the producer's choice; limits make it choose transactions.
#[test]
fn producers_that_share_no_credits_or_fill_blocks_are_understood() {
    let limits = BlockLimits {
        compute_units_max: 6_000_000,
        account_compute_units_max: 1_500_000,
        transaction_count_max: 30,
        wait_count_max: 3,
        ..BlockLimits::MAINNET
    };
    let setting = Setting::new(Shape::FEW);
    let variants = [true, false].map(|shares_credits| ChainOptions {
        shares_credits,
        ..options(2)
    });
    let chains = variants.map(|options| {
        open(
            Genesis {
                limits,
                ..setting.genesis()
            },
            options,
        )
    });
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut reference = setting.reference();
    let mut counts = Vec::new();
    for strategy in all_strategies(3) {
        for mode in Mode::ALL {
            for producer in &chains {
                let parent = head(producer);
                let bank = producer.bank(&parent).unwrap();
                let given = setting.world.block(&mut random, &bank, 60);
                let request = planned(producer, parent, &*strategy, mode);
                let built = build(producer, &request, &given);
                assert!(built.plan.waits().len() <= 3);
                assert!(built.receipts.len() <= 30);
                counts.push(built.receipts.len());
                assert_eq!(built.receipts.len() + built.refused.len(), 60);
                assert_eq!(reference.replay(built.bytes()), *built.receipts);
                for chain in &chains {
                    adopt(chain, built.bytes());
                    chain.commit(&built.id).unwrap();
                    reference.check_at(chain, &built.id);
                }
            }
        }
    }
    assert!(counts.iter().any(|count| *count > 10), "{counts:?}");
}

/// In a block a bundle is nothing but transactions that follow each other; that none is there
/// without the others, and none failed, is what its producer sees to.
#[test]
fn bundles_are_built_whole_or_not_at_all() {
    let setting = Setting::new(Shape::FEW);
    let chains = [2, 1].map(|threads| setting.chain(threads));
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (mut whole_count, mut cancelled_count) = (0, 0);
    for strategy in all_strategies(4) {
        for mode in Mode::ALL {
            for (producer, follower) in [(0, 1), (1, 0)] {
                let (producer, follower) = (&chains[producer], &chains[follower]);
                let parent = head(producer);
                let bank = producer.bank(&parent).unwrap();
                let given = setting.world.block(&mut random, &bank, 40);
                let wire = bundled(&given, &mut random);
                let request = planned(producer, parent, &*strategy, mode);
                let mut source = trusted(wire.clone());
                let built = producer.build(&request, &mut source, &Cancel::default());
                let built = built.unwrap();
                assert_eq!(reference.replay(built.bytes()), *built.receipts);
                if mode == Mode::Replay {
                    check_fates(producer, &parent, &wire, &built);
                }
                let body = Block::decode(built.bytes(), &BlockLimits::UNLIMITED);
                let body = body.unwrap().body;
                for bundle in wire.bundles() {
                    let members = bundle.start..bundle.end();
                    let is_refused = |member: &u32| {
                        let mut refused = built.refused.iter();
                        refused.any(|(position, _)| position == member)
                    };
                    let refused_count = members.clone().filter(is_refused).count();
                    if refused_count > 0 {
                        assert_eq!(refused_count, members.len());
                        cancelled_count += 1;
                        continue;
                    }
                    whole_count += 1;
                    for member in members {
                        let bytes = wire.get(member as usize);
                        let mut transactions = body.transactions().iter();
                        let place = transactions.position(|other| Some(other) == bytes);
                        assert_eq!(built.receipts[place.unwrap()].status, Ok(()));
                    }
                }
                assert_eq!(
                    adopt(follower, built.bytes()).receipts,
                    Some(built.receipts)
                );
                for chain in &chains {
                    chain.commit(&built.id).unwrap();
                    reference.check_at(chain, &built.id);
                }
            }
        }
    }
    assert!(
        whole_count > 20 && cancelled_count > 100,
        "{whole_count} {cancelled_count}"
    );
}
