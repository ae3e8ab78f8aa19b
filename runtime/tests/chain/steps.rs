//! One step after the other: what each call of a block engine does, and what it refuses.

use lockstep_interface::Hash;
use lockstep_runtime::{
    bank::Genesis,
    block::{BlockHeader, BlockLimits},
    chain::{
        BlockError, BuildError, BuildRequest, CommitError, InvalidBlock, ReadError, UnknownBlock,
        ViewError,
    },
    engine::Cancel,
};
use lockstep_store::{account_hash, verify_proof};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    common::generate::Shape,
    setting::{Setting, adopt, build, build_on, head, open, options, request, trusted, try_build},
};

fn setting() -> (Setting, ChaCha8Rng) {
    (Setting::new(Shape::FEW), ChaCha8Rng::seed_from_u64(1))
}

const STRANGER: Hash = Hash::new_from_array([77; 32]);

#[test]
fn a_block_goes_from_one_chain_to_the_other() {
    let (setting, mut random) = setting();
    let (producer, verifier) = (setting.chain(2), setting.chain(1));
    assert_eq!(producer.head(), verifier.head());
    let genesis = head(&producer);
    let transactions = setting
        .world
        .block(&mut random, &producer.bank(&genesis).unwrap(), 30);
    let built = build_on(&producer, genesis, &transactions);
    // Building and executing leave the head where it is.
    assert_eq!(head(&producer), genesis);
    let block = verifier.read(built.bytes().into()).unwrap();
    assert_eq!((block.id(), *block.header()), (built.id, built.header));
    let executed = verifier.execute(&block, &Cancel::default()).unwrap();
    assert_eq!(executed.receipts, Some(built.receipts.clone()));
    assert_eq!(head(&verifier), genesis);
    // Once more is not executed again.
    let again = verifier.execute(&block, &Cancel::default()).unwrap();
    assert_eq!((again.id, again.receipts), (built.id, None));
    for chain in [&producer, &verifier] {
        let committed = chain.commit(&built.id).unwrap();
        assert_eq!((committed.block_count, committed.dropped_count), (1, 0));
        assert_eq!(chain.head(), (built.id, built.header));
        let record = chain.store().tip().unwrap();
        assert_eq!(record.block_id, built.id);
        // To commit again does nothing, also for an ancestor of the head.
        for id in [built.id, genesis] {
            let committed = chain.commit(&id).unwrap();
            assert_eq!((committed.block_count, committed.dropped_count), (0, 0));
        }
        // Neither does executing it.
        assert_eq!(adopt(chain, built.bytes()).receipts, None);
        assert_eq!(chain.discard(&built.id), Err(UnknownBlock(built.id)));
    }
    assert_eq!(
        producer.store().block(1).unwrap(),
        verifier.store().block(1).unwrap()
    );
}

#[test]
fn a_committed_block_stays_known_while_its_id_is_a_blockhash() {
    let (setting, _) = setting();
    let (producer, verifier) = (setting.chain(1), setting.chain(1));
    let built: Vec<_> = (0..10)
        .map(|_| {
            let built = build_on(&producer, head(&producer), &[]);
            producer.commit(&built.id).unwrap();
            adopt(&verifier, built.bytes());
            built
        })
        .collect();
    verifier.commit(&built[9].id).unwrap();
    for block in &built {
        let executed = adopt(&verifier, block.bytes());
        assert_eq!((executed.id, executed.receipts), (block.id, None));
        assert_eq!(verifier.commit(&block.id).unwrap().block_count, 0);
    }
}

#[test]
fn committing_a_grandchild_commits_its_ancestors_and_drops_their_rivals() {
    let (setting, mut random) = setting();
    let chain = setting.chain(2);
    let mut reference = setting.reference();
    let genesis = head(&chain);
    let mut grow = |parent: Hash, slot: u64| {
        let bank = chain.bank(&parent).unwrap();
        let transactions = setting.world.block(&mut random, &bank, 20);
        let request = BuildRequest {
            slot,
            ..request(&chain, parent)
        };
        let built = build(&chain, &request, &transactions);
        reference.replay(built.bytes());
        reference.check_at(&chain, &built.id);
        built.id
    };
    let one = grow(genesis, 1);
    let two = grow(one, 2);
    let three = grow(two, 3);
    let rival = grow(genesis, 4);
    let child_of_rival = grow(rival, 5);
    let rival_of_three = grow(two, 6);
    let four = grow(three, 9);
    let committed = chain.commit(&three).unwrap();
    assert_eq!((committed.block_count, committed.dropped_count), (3, 3));
    assert_eq!(head(&chain), three);
    for lost in [rival, child_of_rival, rival_of_three] {
        assert_eq!(chain.view(&lost).unwrap_err(), UnknownBlock(lost));
        let error = chain.commit(&lost).unwrap_err();
        assert!(matches!(error, CommitError::Unknown(UnknownBlock(id)) if id == lost));
        let error = try_build(
            &chain,
            &BuildRequest {
                parent: lost,
                ..request(&chain, three)
            },
            &[],
        );
        let error = error.unwrap_err();
        assert!(matches!(error, BuildError::ParentMissing(UnknownBlock(id)) if id == lost));
    }
    reference.check_at(&chain, &three);
    reference.check_at(&chain, &four);
    let slots: Vec<u64> = chain
        .store()
        .records(9)
        .unwrap()
        .iter()
        .map(|record| record.slot)
        .collect();
    assert_eq!(slots, [0, 1, 2, 3]);
    chain.commit(&four).unwrap();
    reference.check_store(&**chain.store(), &four);
}

#[test]
fn a_discarded_block_is_forgotten_with_its_descendants() {
    let (setting, mut random) = setting();
    let chain = setting.chain(2);
    let genesis = head(&chain);
    let transactions = setting
        .world
        .block(&mut random, &chain.bank(&genesis).unwrap(), 20);
    let one = build_on(&chain, genesis, &transactions);
    let two = build_on(&chain, one.id, &[]);
    let other = build_on(&chain, genesis, &[]);
    let view = chain.view(&two.id).unwrap();
    let bank = std::sync::Arc::downgrade(&chain.bank(&one.id).unwrap());
    chain.discard(&one.id).unwrap();
    for id in [one.id, two.id, STRANGER, genesis] {
        assert_eq!(chain.discard(&id), Err(UnknownBlock(id)));
    }
    let mut account = [Default::default()];
    let error = view.load(&[Default::default()], &mut account).unwrap_err();
    assert!(matches!(error, ViewError::Dropped(id) if id == two.id));
    assert!(chain.commit(&two.id).is_err());
    drop(view);
    assert!(bank.upgrade().is_none(), "no view holds it");
    // It may come again.
    assert_eq!(
        adopt(&chain, one.bytes()).receipts,
        Some(one.receipts.clone())
    );
    chain.commit(&one.id).unwrap();
    assert_eq!(chain.discard(&other.id), Err(UnknownBlock(other.id)));
}

#[test]
fn what_does_not_follow_is_refused() {
    let (setting, _) = setting();
    let (producer, verifier) = (setting.chain(1), setting.chain(1));
    let genesis = head(&producer);
    for slot in [0, 7] {
        let request = BuildRequest {
            slot,
            parent: genesis,
            ..request(&producer, genesis)
        };
        let built = try_build(&producer, &request, &[]);
        if slot == 0 {
            let error = built.unwrap_err();
            assert!(
                matches!(&error, BuildError::Header(reason)
                    if matches!(**reason, InvalidBlock::Slot { slot: 0, parent: 0 })),
                "{error}"
            );
        } else {
            producer.commit(&built.unwrap().id).unwrap();
        }
    }
    let seven = head(&producer);
    for slot in [0, 6, 7] {
        let request = BuildRequest {
            slot,
            ..request(&producer, seven)
        };
        let error = try_build(&producer, &request, &[]).unwrap_err();
        assert!(
            matches!(&error, BuildError::Header(reason)
                    if matches!(**reason, InvalidBlock::Slot { parent: 7, .. })),
            "{error}"
        );
    }
    let eight = build_on(&producer, seven, &[]);
    let block = verifier.read(eight.bytes().into()).unwrap();
    let error = verifier.execute(&block, &Cancel::default()).unwrap_err();
    assert!(
        matches!(&error, BlockError::ParentMissing { id, parent: UnknownBlock(parent) }
            if *id == eight.id && *parent == seven),
        "{error}"
    );
    // A block whose slot is its parent's.
    let mut forged = eight.bytes().to_vec();
    forged[33..41].copy_from_slice(&7u64.to_le_bytes());
    let block = producer.read(forged.into()).unwrap();
    let error = producer.execute(&block, &Cancel::default()).unwrap_err();
    let BlockError::Invalid { reason, .. } = error else {
        panic!("{error}");
    };
    assert!(
        matches!(*reason, InvalidBlock::Slot { slot: 7, parent: 7 }),
        "{reason}"
    );
    let request = BuildRequest {
        parent: STRANGER,
        ..request(&producer, seven)
    };
    assert!(matches!(
        try_build(&producer, &request, &[]).unwrap_err(),
        BuildError::ParentMissing(UnknownBlock(STRANGER))
    ));
}

#[test]
fn slots_and_times_are_bounded() {
    let (setting, _) = setting();
    let limits = BlockLimits {
        slot_gap_max: 100,
        ..BlockLimits::UNLIMITED
    };
    let bounded = open(
        Genesis {
            limits,
            ..setting.genesis()
        },
        options(1),
    );
    let (producer, verifier) = (setting.chain(1), bounded);
    let genesis = head(&producer);
    let header_of = |slot: u64, unix_timestamp: i64| BuildRequest {
        slot,
        unix_timestamp,
        ..request(&producer, genesis)
    };
    let adopt = |slot, time| {
        let built = build(&producer, &header_of(slot, time), &[]);
        let block = verifier.read(built.bytes().into()).unwrap();
        verifier.execute(&block, &Cancel::default())
    };
    for slot in [101, 1_000, u64::MAX] {
        let error = adopt(slot, 5).unwrap_err();
        let BlockError::Invalid { reason, .. } = &error else {
            panic!("{error}");
        };
        assert!(
            matches!(**reason, InvalidBlock::SlotGap { gap_max: 100, .. }),
            "{error}"
        );
    }
    // A clock delays, and condemns nothing.
    verifier.set_latest_time(60);
    for time in [61, i64::MAX] {
        let error = adopt(1, time).unwrap_err();
        assert!(
            matches!(error, BlockError::Early { latest: 60, .. }),
            "{error}"
        );
    }
    verifier.set_latest_time(61);
    adopt(1, 61).unwrap();
    let child = adopt(100, 5).unwrap();
    for time in [4, -1, i64::MIN] {
        let request = BuildRequest {
            unix_timestamp: time,
            ..request(&verifier, child.id)
        };
        let error = try_build(&verifier, &request, &[]).unwrap_err();
        let BuildError::Header(reason) = &error else {
            panic!("{error}");
        };
        assert!(
            matches!(**reason, InvalidBlock::Time { parent: 5, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_header_with_another_body_says_nothing_of_its_block() {
    let (setting, mut random) = setting();
    let (producer, verifier) = (setting.chain(2), setting.chain(1));
    let genesis = head(&producer);
    let bank = producer.bank(&genesis).unwrap();
    let mut block = || {
        let transactions = setting.world.block(&mut random, &bank, 20);
        build_on(&producer, genesis, &transactions)
    };
    let (one, other) = (block(), block());
    let header = &one.bytes()[..BlockHeader::SIZE];
    let body = &one.bytes()[BlockHeader::SIZE..];
    let mut bodies = vec![
        other.bytes()[BlockHeader::SIZE..].to_vec(),
        Vec::new(),
        body[..body.len() - 1].to_vec(),
        [body, &[0]].concat(),
    ];
    for place in (0..body.len()).step_by(29) {
        let mut mutated = body.to_vec();
        mutated[place] ^= 0x10;
        bodies.push(mutated);
    }
    let mut unsigned = 0;
    for body in bodies {
        match verifier.read([header, &body].concat().into()) {
            Err(ReadError::Bytes(_)) => {}
            Err(error) => panic!("condemned: {error}"),
            // These chains verify no signatures, and nothing else may be different.
            Ok(read) => {
                unsigned += 1;
                assert_eq!(read.id(), one.id);
            }
        }
    }
    assert!(unsigned > 0);
    adopt(&verifier, one.bytes());
}

#[test]
fn what_is_cancelled_leaves_nothing_behind() {
    let (setting, mut random) = setting();
    let (producer, verifier) = (setting.chain(2), setting.chain(2));
    let genesis = head(&producer);
    let bank = producer.bank(&genesis).unwrap();
    let transactions = setting.world.block(&mut random, &bank, 20);
    let cancel = Cancel::default();
    cancel.cancel();
    let mut source = trusted(transactions.iter().collect());
    let cancelled = producer.build(&request(&producer, genesis), &mut source, &cancel);
    assert!(matches!(cancelled.unwrap_err(), BuildError::Cancelled));
    let built = build_on(&producer, genesis, &transactions);
    let block = verifier.read(built.bytes().into()).unwrap();
    let error = verifier.execute(&block, &cancel).unwrap_err();
    assert!(matches!(error, BlockError::Cancelled), "{error}");
    assert_eq!(
        verifier.commit(&built.id).unwrap_err().to_string(),
        CommitError::Unknown(UnknownBlock(built.id)).to_string()
    );
    assert_eq!(
        verifier.view(&built.id).unwrap_err(),
        UnknownBlock(built.id)
    );
    verifier.execute(&block, &Cancel::default()).unwrap();
    verifier.commit(&built.id).unwrap();
    assert_eq!(head(&verifier), built.id);
}

#[test]
fn a_block_that_is_built_twice_is_one_block() {
    let (setting, mut random) = setting();
    let chain = setting.chain(2);
    let mut reference = setting.reference();
    let genesis = head(&chain);
    let bank = chain.bank(&genesis).unwrap();
    let transactions = setting.world.block(&mut random, &bank, 20);
    let one = build_on(&chain, genesis, &transactions);
    let view = chain.view(&one.id).unwrap();
    let child = build_on(&chain, one.id, &[]);
    assert_eq!(build_on(&chain, genesis, &transactions).id, one.id);
    let mut newest = child.id;
    for block in [&one, &child] {
        reference.replay(block.bytes());
    }
    for _ in 0..5 {
        chain.commit(&newest).unwrap();
        reference.check(&view);
        let bank = chain.bank(&newest).unwrap();
        let transactions = setting.world.block(&mut random, &bank, 20);
        let next = build_on(&chain, newest, &transactions);
        reference.replay(next.bytes());
        newest = next.id;
    }
}

#[test]
fn every_account_and_every_absence_is_proved() {
    let (setting, mut random) = setting();
    let chain = setting.chain(2);
    let mut reference = setting.reference();
    for _ in 0..6 {
        let parent = head(&chain);
        let bank = chain.bank(&parent).unwrap();
        let transactions = setting.world.block(&mut random, &bank, 30);
        let built = build_on(&chain, parent, &transactions);
        reference.replay(built.bytes());
        for is_committed in [false, true] {
            if is_committed {
                chain.commit(&built.id).unwrap();
            }
            let view = chain.view(&built.id).unwrap();
            let accounts = reference.accounts(&built.id);
            for address in reference.addresses() {
                let mut proven = vec![view.prove(address).unwrap()];
                if is_committed {
                    proven.push(chain.prove(address).unwrap());
                }
                for proven in proven {
                    assert_eq!(proven.block_id, built.id);
                    assert_eq!(proven.header, built.header);
                    assert_eq!(proven.account.as_ref(), accounts.get(address));
                    let root = proven.header.state_root.unwrap();
                    let hash = proven.account.as_ref().map(account_hash);
                    let proof = &proven.proof;
                    assert_eq!(verify_proof(&root, address, hash.as_ref(), proof), Ok(()));
                    let other = hash.is_none().then_some(STRANGER);
                    assert!(verify_proof(&root, address, other.as_ref(), proof).is_err());
                }
            }
        }
    }
}
