//! What waits together must be includable together: which candidates take whose place, under each
//! limit, and which of them come back.

use lockstep_interface::{Account, Address, Hash, nonce::durable_nonce};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{
    bank::{Bank, BlockhashQueue},
    block::BlockLimits,
    mempool::{BlockRoom, Candidate, Mempool, MempoolLimits, Priority, Rejection},
    prepare::Resource,
    threads::Threads,
    verify::Signatures,
    wire::WireBlock,
};

use super::{
    BLOCKHASHES, EMPTY, FUNDS, NONCE, NONCE_HASH, POOR, Payment, TARGETS, bank, candidate, good,
    name, names,
};
use crate::common::ledger::{FEE, Ledger, address, rent_exempt, transaction};

fn payment(payer: u64, to: u64, priority_fee: u64) -> Payment {
    Payment {
        payer,
        targets: vec![to],
        lamports: 1,
        priority_fee,
        compute_units: 9_000,
        blockhash: Some(BLOCKHASHES[0]),
    }
}

/// One that the nonce account dates.
fn durable(payer: u64, priority_fee: u64) -> Payment {
    Payment {
        blockhash: None,
        ..payment(payer, 7, priority_fee)
    }
}

/// What was evicted for a payment, or why it was rejected.
fn submit(pool: &mut Mempool, bank: &Bank, payment: &Payment) -> Result<Vec<Hash>, Rejection> {
    let accepted = pool.submit(good(bank, payment));
    accepted.map(|accepted| names(&accepted.evicted))
}

fn hash(bank: &Bank, payment: &Payment) -> Hash {
    name(&good(bank, payment))
}

/// The messages that wait, by selecting them.
fn waiting(pool: &mut Mempool) -> Vec<Hash> {
    let taken = pool.select_more(&mut BlockRoom::new(BlockLimits::UNLIMITED));
    pool.give_back(&taken.taken);
    names(&taken.taken)
}

#[test]
fn one_waits_for_each_nonce_and_it_is_the_best() {
    let bank = bank();
    let mut pool = Mempool::new(MempoolLimits::STANDARD);
    // The payer does not matter: the block could include one only.
    let payments: Vec<Payment> = [(5, 3_000), (6, 2_000), (7, 3_000), (8, 4_000), (9, 9_000)]
        .map(|(payer, fee)| durable(payer, fee))
        .into();
    assert_eq!(submit(&mut pool, &bank, &payments[0]), Ok(vec![]));
    let best = good(&bank, &payments[0]).priority(&BlockLimits::MAINNET);
    for payment in &payments[1..3] {
        let rejection = Rejection::NonceTaken {
            account: address(NONCE),
            priority: good(&bank, payment).priority(&BlockLimits::MAINNET),
            to_beat: best,
        };
        assert_eq!(submit(&mut pool, &bank, payment), Err(rejection));
    }
    let evicted = vec![hash(&bank, &payments[0])];
    assert_eq!(submit(&mut pool, &bank, &payments[3]), Ok(evicted));
    assert_eq!(pool.len(), 1);

    // Of one of which a block is being made it is not known whether it will be included.
    let taken = pool.select(&mut BlockRoom::new(BlockLimits::MAINNET)).taken;
    assert_eq!(names(&taken), [hash(&bank, &payments[3])]);
    let rejection = submit(&mut pool, &bank, &payments[4]);
    let is_taken = matches!(
        rejection,
        Err(Rejection::NonceTaken {
            to_beat: Priority::MAX,
            ..
        })
    );
    assert!(is_taken, "{rejection:?}");
    pool.give_back(&taken);
    assert!(submit(&mut pool, &bank, &payments[4]).is_ok());
}

#[test]
fn a_bundle_uses_a_nonce_once() {
    let bank = bank();
    let twice = candidate(&bank, &[payment(1, 1, 0), durable(5, 0), durable(6, 0)]);
    let source = Rejection::NonceUsedUp {
        account: address(NONCE),
    };
    let rejection = Rejection::Bundle {
        member: 2,
        source: Box::new(source),
    };
    assert_eq!(twice.err(), Some(rejection));

    let once = candidate(&bank, &[durable(5, 0), payment(1, 1, 0)]).expect("it keeps all rules");
    assert_eq!(once.nonces().len(), 1);
    assert_eq!(once.nonces()[0].value, durable_nonce(&NONCE_HASH));
    let mut pool = Mempool::new(MempoolLimits::STANDARD);
    assert!(pool.submit(once).is_ok());
    let rival = submit(&mut pool, &bank, &durable(0, 0));
    assert!(
        matches!(rival, Err(Rejection::NonceTaken { .. })),
        "{rival:?}"
    );
}

#[test]
fn a_payer_promises_no_more_fees_than_it_has() {
    let bank = bank();
    let mut pool = Mempool::new(MempoolLimits::STANDARD);
    let of = |to, fee| payment(POOR, to, fee - FEE);
    // 39,000 of 40,000.
    assert_eq!(submit(&mut pool, &bank, &of(1, 25_000)), Ok(vec![]));
    assert_eq!(submit(&mut pool, &bank, &of(2, 14_000)), Ok(vec![]));
    let limits = BlockLimits::MAINNET;
    let rejection = Rejection::Overdraft {
        payer: address(POOR),
        funds: FUNDS,
        promised: 39_000,
        fee: 13_000,
        priority: good(&bank, &of(3, 13_000)).priority(&limits),
        to_beat: good(&bank, &of(2, 14_000)).priority(&limits),
    };
    assert_eq!(submit(&mut pool, &bank, &of(3, 13_000)), Err(rejection));
    // A better one takes the place of the payer's worst, if that is enough.
    let worst = vec![hash(&bank, &of(2, 14_000))];
    assert_eq!(submit(&mut pool, &bank, &of(3, 15_000)), Ok(worst));
    let overdraft = submit(&mut pool, &bank, &of(4, 20_000));
    let to_beat = good(&bank, &of(1, 25_000)).priority(&limits);
    let is_overdraft = matches!(
        overdraft,
        Err(Rejection::Overdraft { promised: 25_000, to_beat: found, .. }) if found == to_beat
    );
    assert!(is_overdraft, "{overdraft:?}");
    assert_eq!(pool.len(), 2);
    // Others are not concerned, and what is included needs no funds any more.
    assert_eq!(submit(&mut pool, &bank, &payment(5, 3, 0)), Ok(vec![]));
    pool.forget([&hash(&bank, &of(1, 25_000))]);
    assert_eq!(submit(&mut pool, &bank, &of(4, 20_000)), Ok(vec![]));
}

#[test]
fn a_payer_may_spend_all_on_its_only_candidate() {
    let mut ledger = Ledger::new();
    let (whole, more) = (address(1), address(2));
    ledger.put(whole, Account::wallet(rent_exempt(0) + FEE));
    ledger.put(more, Account::wallet(rent_exempt(0) + 2 * FEE));
    let tip = ledger.open();
    let bank = tip.child(tip.slot() + 1, 0);
    let blockhash = bank.parent().block_hash();
    let mut pool = Mempool::new(MempoolLimits::STANDARD);
    let mut submit = |payer: Address, lamports| {
        let transfer = system::transfer(&payer, &payer, lamports);
        let batch = WireBlock::from_iter([transaction(payer, blockhash, &[transfer])]);
        let threads = Threads::new(1).expect("one thread needs no pool");
        let results = pool.submit_batch(&batch, &bank, Signatures::Trusted, &threads);
        let mut results = results.expect("a store in memory does not fail");
        results.remove(0).map(|accepted| accepted.evicted.len())
    };
    assert_eq!(submit(whole, 1), Ok(0));
    assert!(matches!(
        submit(whole, 2),
        Err(Rejection::Overdraft { funds: FEE, .. })
    ));
    assert_eq!((submit(more, 1), submit(more, 2)), (Ok(0), Ok(0)));
    assert!(matches!(submit(more, 3), Err(Rejection::Overdraft { .. })));
}

#[test]
fn a_payer_has_no_more_than_its_share_and_keeps_its_best() {
    let bank = bank();
    let mut pool = Mempool::new(MempoolLimits {
        per_payer: 2,
        ..MempoolLimits::STANDARD
    });
    let of = |to, fee| payment(1, to, fee);
    assert_eq!(submit(&mut pool, &bank, &of(1, 10)), Ok(vec![]));
    assert_eq!(submit(&mut pool, &bank, &of(2, 20)), Ok(vec![]));
    let limits = BlockLimits::MAINNET;
    let priority = good(&bank, &of(3, 10)).priority(&limits);
    let share = Rejection::PayerShare {
        payer: address(1),
        limit: 2,
        priority,
        to_beat: priority,
    };
    assert_eq!(submit(&mut pool, &bank, &of(3, 10)), Err(share));
    let worst = vec![hash(&bank, &of(1, 10))];
    assert_eq!(submit(&mut pool, &bank, &of(3, 11)), Ok(worst));
}

#[test]
fn what_no_block_has_room_for_is_rejected_at_the_door() {
    let bank = bank();
    let room = |block| {
        let limits = MempoolLimits {
            block,
            ..MempoolLimits::STANDARD
        };
        let mut pool = Mempool::new(limits);
        let payments = [payment(1, 1, 0), payment(2, 2, 0)];
        let bundle = candidate(&bank, &payments).expect("the payments keep all rules");
        match pool.submit(bundle) {
            Ok(_) => None,
            Err(Rejection::TooBig(exceeded)) => Some(exceeded.resource),
            Err(other) => panic!("{other:?}"),
        }
    };
    let limits = BlockLimits::UNLIMITED;
    let units = |compute_units_max| BlockLimits {
        compute_units_max,
        ..limits
    };
    assert_eq!(room(units(18_000)), None);
    assert_eq!(room(units(17_999)), Some(Resource::ComputeUnits));
    // All units of a bundle count for each account.
    let account = |account_compute_units_max| BlockLimits {
        account_compute_units_max,
        ..limits
    };
    assert_eq!(room(account(18_000)), None);
    let first = Resource::AccountComputeUnits(address(1));
    assert_eq!(room(account(17_999)), Some(first));
    let count = |transaction_count_max| BlockLimits {
        transaction_count_max,
        ..limits
    };
    assert_eq!(room(count(2)), None);
    assert_eq!(room(count(1)), Some(Resource::TransactionCount));
}

/// A bundle of transfers, each from the first to the second of two addresses.
fn transfers(bank: &Bank, of: &[(Address, Address)]) -> Result<Candidate, Rejection> {
    let batch = of.iter().map(|(from, to)| {
        let transfer = system::transfer(from, to, rent_exempt(0) + FEE);
        transaction(*from, BLOCKHASHES[0], &[transfer])
    });
    let mut batch: WireBlock = batch.collect();
    let count = u32::try_from(of.len()).expect("they are few");
    batch.bundle(0, count).expect("they are few");
    let threads = Threads::new(1).expect("one thread needs no pool");
    let candidates = Candidate::read_batch(&batch, bank, Signatures::Trusted, &threads);
    candidates
        .expect("a store in memory does not fail")
        .remove(0)
}

#[test]
fn a_bundle_may_fund_its_own_payers() {
    let bank = bank();
    let (rich, new, poor) = (address(1), address(TARGETS), address(EMPTY));
    let funded = transfers(&bank, &[(rich, new), (new, rich)]);
    let funded = funded.expect("the first funds the second");
    // What may be funded later is not held against a balance.
    assert_eq!(funded.payments().len(), 1);
    assert!(
        transfers(
            &bank,
            &[(rich, poor), (rich, new), (poor, new), (new, poor)]
        )
        .is_ok()
    );
    // None before it can have funded it.
    for unfunded in [[(new, rich), (rich, new)], [(rich, poor), (new, rich)]] {
        let error = transfers(&bank, &unfunded).expect_err("it is not funded");
        let member = unfunded.iter().position(|(payer, _)| *payer == new);
        let is_own = matches!(error, Rejection::Bundle { member: found, .. }
            if Some(found) == member);
        assert!(is_own, "{error:?}");
    }
}

/// Limits under which a few crowd an account.
fn narrow(per_account: u32) -> MempoolLimits {
    let mut limits = MempoolLimits {
        per_account,
        ..MempoolLimits::STANDARD
    };
    limits.fairness.crowd = 2;
    limits
}

#[test]
fn an_account_is_open_to_what_pays_more_than_the_worst_that_writes_it() {
    let bank = bank();
    // Those that crowd the account are in the queue of another one, whichever of the two has the
    // smaller address or comes first in the transaction.
    for (decoy, victim) in [(1, 2), (2, 1)] {
        for both in [[decoy, victim], [victim, decoy]] {
            let mut pool = Mempool::new(narrow(20));
            let crowd: Vec<Payment> = (0..20)
                .map(|number| Payment {
                    targets: both.to_vec(),
                    ..payment(10 + number, 0, number)
                })
                .collect();
            for payment in &crowd {
                assert_eq!(submit(&mut pool, &bank, payment), Ok(vec![]));
            }
            let low = submit(&mut pool, &bank, &payment(5, victim, 0));
            assert!(
                matches!(low, Err(Rejection::AccountShare { .. })),
                "{low:?}"
            );
            let high = submit(&mut pool, &bank, &payment(5, victim, 9_000));
            assert_eq!(high, Ok(vec![hash(&bank, &crowd[0])]));
            // Two accounts are full, and one that goes makes room in both.
            let both = Payment {
                targets: both.to_vec(),
                ..payment(6, 0, 9_000)
            };
            let gone = submit(&mut pool, &bank, &both);
            assert_eq!(gone, Ok(vec![hash(&bank, &crowd[1])]));
        }
    }
}

#[test]
fn an_account_is_crowded_by_room_too() {
    let bank = bank();
    let mut pool = Mempool::new(MempoolLimits {
        blocks_per_account: 1,
        ..narrow(1_000)
    });
    // 42 of 1.4 M units are a block.
    let of = |payer: u64, fee| Payment {
        compute_units: 1_400_000,
        ..payment(payer, 1, fee)
    };
    for payer in 0..42 {
        assert_eq!(submit(&mut pool, &bank, &of(10 + payer, 1_000)), Ok(vec![]));
    }
    let more = submit(&mut pool, &bank, &of(60, 1_000));
    assert!(matches!(
        more,
        Err(Rejection::AccountShare { waiting: 42, .. })
    ));
    assert_eq!(
        submit(&mut pool, &bank, &of(60, 1_001)).map(|gone| gone.len()),
        Ok(1)
    );
    // Small ones pay more for the room.
    assert_eq!(submit(&mut pool, &bank, &payment(61, 1, 0)), Ok(vec![]));
}

#[test]
fn a_pool_is_full_of_blocks() {
    let bank = bank();
    let mut pool = Mempool::new(MempoolLimits {
        blocks: 2,
        ..MempoolLimits::STANDARD
    });
    let of = |payer: u64, fee| Payment {
        compute_units: 1_400_000,
        ..payment(payer, payer, fee)
    };
    for payer in 0..85 {
        assert_eq!(submit(&mut pool, &bank, &of(10 + payer, 1_000)), Ok(vec![]));
    }
    let more = submit(&mut pool, &bank, &of(100, 1_000));
    assert!(matches!(more, Err(Rejection::Full { .. })));
    assert_eq!(
        submit(&mut pool, &bank, &of(100, 1_001)).map(|gone| gone.len()),
        Ok(1)
    );
}

#[test]
fn what_is_evicted_by_one_that_falls_out_comes_back() {
    let bank = bank();
    let mut limits = MempoolLimits::STANDARD;
    limits.candidates = 2;
    let full = || {
        let mut pool = Mempool::new(limits);
        for (payer, fee) in [(1, 100), (2, 200)] {
            submit(&mut pool, &bank, &payment(payer, payer, fee)).expect("there is room");
        }
        let evictor = Payment {
            blockhash: Some(BLOCKHASHES[1]),
            ..payment(5, 5, 300)
        };
        let evicted = submit(&mut pool, &bank, &evictor);
        assert_eq!(evicted, Ok(vec![hash(&bank, &payment(1, 1, 100))]));
        assert_eq!((pool.len(), pool.evicted_count()), (2, 1));
        (pool, hash(&bank, &evictor))
    };
    let [first, second] = [(1, 100), (2, 200)].map(|(payer, fee)| payment(payer, payer, fee));
    let both = [&second, &first].map(|payment| hash(&bank, payment));

    // Refused.
    let (mut pool, evictor) = full();
    pool.fall_out([&evictor]);
    assert_eq!(
        (waiting(&mut pool), pool.evicted_count()),
        (both.to_vec(), 0)
    );
    // Expired.
    let (mut pool, _) = full();
    let left = [BLOCKHASHES[0]].map(|blockhash| lockstep_interface::sysvar::RecentBlockhash {
        blockhash,
        lamports_per_signature: FEE,
    });
    assert_eq!(pool.expire(&BlockhashQueue::new(left.into())).len(), 1);
    assert_eq!(waiting(&mut pool), both);
    // Included: its place is not theirs.
    let (mut pool, evictor) = full();
    pool.forget([&evictor]);
    assert_eq!(
        (waiting(&mut pool), pool.evicted_count()),
        (vec![both[0]], 0)
    );
    // Evicted itself, and what evicted it falls out: it comes back, and as it falls out, the first.
    let (mut pool, evictor) = full();
    let better = payment(6, 6, 900);
    submit(&mut pool, &bank, &payment(7, 7, 800)).expect("it beats the second");
    submit(&mut pool, &bank, &better).expect("it beats the evictor");
    assert_eq!(pool.evicted_count(), 3);
    pool.fall_out([&hash(&bank, &better)]);
    let third = hash(&bank, &payment(7, 7, 800));
    assert_eq!(waiting(&mut pool), [third, evictor]);
    pool.fall_out([&evictor]);
    assert_eq!(waiting(&mut pool), [third, both[1]]);
    assert_eq!(pool.evicted_count(), 1);
    // Sent again meanwhile: it waits once.
    let (mut pool, evictor) = full();
    pool.forget([&both[0]]);
    assert_eq!(submit(&mut pool, &bank, &first), Ok(vec![]));
    assert_eq!(pool.evicted_count(), 0);
    pool.fall_out([&evictor]);
    assert_eq!(waiting(&mut pool), [both[1]]);
    // Included elsewhere meanwhile: it does not come back.
    let (mut pool, evictor) = full();
    pool.forget([&both[1]]);
    pool.fall_out([&evictor]);
    assert_eq!(waiting(&mut pool), [both[0]]);
}

#[test]
fn evicted_candidates_take_no_more_memory_than_they_may() {
    let bank = bank();
    let memory = good(&bank, &payment(1, 1, 0)).memory();
    let mut pool = Mempool::new(MempoolLimits {
        candidates: 1,
        evicted_bytes: 3 * memory,
        ..MempoolLimits::STANDARD
    });
    for fee in 0..40 {
        submit(&mut pool, &bank, &payment(10 + fee, fee, fee)).expect("it is the best");
        assert_eq!(pool.evicted_count() as u64, fee.min(3));
    }
    // The best of them come back, one after the other.
    for fee in (36..40).rev() {
        let only = hash(&bank, &payment(10 + fee, fee, fee));
        assert_eq!(waiting(&mut pool), [only]);
        pool.fall_out([&only]);
    }
    assert!(pool.is_empty());
}
