//! Load that takes room and does not pay: the honest part of a pool gets what it would have got
//! alone.

use lockstep_interface::{Account, Address, Hash, Instruction, TransactionError};
use lockstep_programs::{
    compute_budget::instruction::{set_compute_unit_limit, set_compute_unit_price},
    system::instruction::{advance_nonce_account, transfer},
};
use lockstep_runtime::{
    block::BlockLimits,
    chain::{BuiltBlock, Chain, Settled},
    mempool::{Accepted, Mempool, MempoolLimits, Rejection},
    verify::{Refusal, Signatures},
    wire::WireBlock,
};
use lockstep_store::sync::Shared;

use super::{advance, limited};
use crate::{
    common::ledger::{Ledger, RICH, address, nonce_account, rent_exempt, transaction},
    setting::{Reference, adopt, build_on, head},
};

/// Compute units that a hostile transaction asks for.
const MOST: u32 = 1_400_000;
/// Micro-lamports for each, and more than that.
const PRICE: u64 = 1_000_000;
const HIGH_PRICE: u64 = 1_200_000;
/// Compute units that an honest payment asks for, and what it takes of a block at most: its
/// signature, locks and loaded data cost some 17,800 more.
const HONEST_UNITS: u32 = 130_000;
const HONEST_COST: u64 = 148_000;
/// Honest payments: 56 M of 60 M.
const HONEST: u64 = 380;
/// Where the accounts of honest targets begin.
const TARGETS: u64 = 10_000;

/// A chain, a second one that verifies it, and a pool with honest payments.
struct Trial {
    chain: Chain,
    follower: Chain,
    reference: Reference,
    pool: Shared<Mempool>,
}

impl Trial {
    /// With these accounts besides the honest ones.
    fn new(others: Vec<(Address, Account)>) -> Self {
        let mut ledger = Ledger::with_wallets(0..HONEST);
        ledger.accounts.extend(others);
        let chain = |threads| {
            let genesis = ledger.clone().genesis();
            limited(genesis, threads, BlockLimits::MAINNET)
        };
        Self {
            chain: chain(2),
            follower: chain(1),
            reference: Reference::new(ledger.clone().genesis()),
            pool: Shared::new(Mempool::new(MempoolLimits::STANDARD)),
        }
    }

    fn submit(&self, transactions: &WireBlock) -> Vec<Result<Accepted, Rejection>> {
        let bank = self.chain.bank(&head(&self.chain)).unwrap();
        let bank = bank.child(bank.slot() + 1, 0);
        let threads = &self.chain.options().threads;
        let mut pool = self.pool.write();
        pool.submit_batch(transactions, &bank, Signatures::Trusted, threads)
            .unwrap()
    }

    fn submit_honest(&self) {
        let payments = (0..HONEST).map(|number| {
            let transfer = transfer(&address(number), &address(TARGETS + number), RICH / 10);
            priced(
                &self.chain,
                address(number),
                HONEST_UNITS,
                PRICE,
                &[transfer],
            )
        });
        let answers = self.submit(&payments.collect());
        assert!(answers.iter().all(Result::is_ok));
    }

    /// Builds a block of the pool, which two others verify.
    fn advance(&mut self) -> (BuiltBlock, Settled) {
        let (built, settled) = advance(&self.chain, &self.pool);
        assert_eq!(self.reference.replay(built.bytes()), *built.receipts);
        adopt(&self.follower, built.bytes());
        self.follower.commit(&built.id).unwrap();
        (built, settled)
    }

    /// Honest payments that arrived.
    fn honest_count(&self) -> u64 {
        let view = self.chain.view(&head(&self.chain)).unwrap();
        let arrived = (0..HONEST).filter(|number| {
            let account = view.get(&address(TARGETS + number)).unwrap();
            account.is_some()
        });
        arrived.count() as u64
    }
}

fn priced(
    chain: &Chain,
    payer: Address,
    units: u32,
    price: u64,
    instructions: &[Instruction],
) -> Vec<u8> {
    let mut all = vec![set_compute_unit_limit(units), set_compute_unit_price(price)];
    all.extend_from_slice(instructions);
    transaction(payer, head(chain), &all)
}

/// Lamports that a hostile transaction of one signature pays.
fn hostile_fee() -> u64 {
    5_000 + u64::from(MOST) * HIGH_PRICE / 1_000_000
}

#[test]
fn those_that_share_a_nonce_keep_nothing_out() {
    let authority = address(100_000);
    let nonces: Vec<Address> = (0..4).map(|number| address(110_000 + number)).collect();
    let hash = Hash::new_from_array([9; 32]);
    let mut others: Vec<_> = nonces
        .iter()
        .map(|nonce| (*nonce, nonce_account(authority, &hash, RICH)))
        .collect();
    others.push((authority, Account::wallet(RICH)));
    others.extend((0..60).map(|number| (address(120_000 + number), Account::wallet(RICH))));
    let mut trial = Trial::new(others);
    let durable = lockstep_interface::nonce::durable_nonce(&hash);
    let hostile = (0..60u64).map(|number| {
        let advance = advance_nonce_account(&nonces[(number % 4) as usize], &authority);
        let limits = [
            set_compute_unit_limit(MOST),
            set_compute_unit_price(HIGH_PRICE),
        ];
        let all = [vec![advance], limits.to_vec()].concat();
        transaction(address(120_000 + number), durable, &all)
    });
    let answers = trial.submit(&hostile.collect());
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    trial.submit_honest();
    trial.advance();
    assert!(
        trial.honest_count() >= HONEST - 20,
        "{}",
        trial.honest_count()
    );
}

#[test]
fn those_that_their_payer_cannot_pay_keep_nothing_out() {
    let funds = rent_exempt(0) + 2 * hostile_fee() + hostile_fee() / 2;
    let payers: Vec<Address> = (0..4).map(|number| address(100_000 + number)).collect();
    let wallets = payers.iter().map(|payer| (*payer, Account::wallet(funds)));
    let mut trial = Trial::new(wallets.collect());
    let hostile = (0..60usize).map(|number| {
        let payer = payers[number % 4];
        let pay = transfer(&payer, &payer, number as u64);
        priced(&trial.chain, payer, MOST, HIGH_PRICE, &[pay])
    });
    let answers = trial.submit(&hostile.collect());
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 8);
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    for rejection in refused {
        assert!(
            matches!(rejection, Rejection::Overdraft { .. }),
            "{rejection:?}"
        );
    }
    trial.submit_honest();
    let (_, settled) = trial.advance();
    assert!(settled.refused.is_empty());
    // 8 that pay take 11.4 M units.
    assert!(trial.honest_count() >= 48_600_000 / HONEST_COST);
}

/// The payers have funds when their candidates come, and another block takes them away.
#[test]
fn those_whose_payer_was_drained_meanwhile_are_dropped_before_the_block() {
    let payers: Vec<Address> = (0..4).map(|number| address(100_000 + number)).collect();
    let wallets = payers.iter().map(|payer| (*payer, Account::wallet(RICH)));
    let mut trial = Trial::new(wallets.collect());
    let hostile = (0..60usize).map(|number| {
        let payer = payers[number % 4];
        let pay = transfer(&payer, &payer, number as u64);
        priced(&trial.chain, payer, MOST, HIGH_PRICE, &[pay])
    });
    let answers = trial.submit(&hostile.collect());
    assert!(answers.iter().all(Result::is_ok));
    let parent = head(&trial.chain);
    let drains = payers.iter().map(|payer| {
        let all = RICH - 5_000;
        transaction(*payer, parent, &[transfer(payer, &address(200_000), all)])
    });
    let drained = build_on(&trial.chain, parent, &drains.collect::<Vec<_>>());
    trial.chain.commit(&drained.id).unwrap();
    trial.reference.replay(drained.bytes());
    adopt(&trial.follower, drained.bytes());
    trial.submit_honest();
    let (built, settled) = trial.advance();
    assert_eq!(
        (built.receipts.len() as u64, built.refused.len()),
        (HONEST, 0)
    );
    assert_eq!(trial.honest_count(), HONEST);
    let missing = Refusal::Rule(TransactionError::AccountNotFound);
    assert_eq!(settled.refused.len(), 60);
    assert!(
        settled
            .refused
            .iter()
            .all(|(_, refusal)| *refusal == missing)
    );
    assert!(trial.pool.read().is_empty());
}

/// The funds go in the same block, whose room the others have taken.
#[test]
fn a_block_that_lost_room_to_drained_payers_is_filled_again() {
    let payers: Vec<Address> = (0..6).map(|number| address(100_000 + number)).collect();
    let wallets = payers.iter().map(|payer| (*payer, Account::wallet(RICH)));
    let mut trial = Trial::new(wallets.collect());
    let mut hostile = WireBlock::default();
    for payer in &payers {
        let all = RICH - 55_000;
        let drain = transfer(payer, &address(200_000), all);
        hostile.push(&priced(&trial.chain, *payer, 1_000, 50_000_000, &[drain]));
        for number in 0..15 {
            let pay = transfer(payer, payer, number);
            hostile.push(&priced(&trial.chain, *payer, MOST, HIGH_PRICE, &[pay]));
        }
    }
    let answers = trial.submit(&hostile);
    assert!(answers.iter().all(Result::is_ok));
    trial.submit_honest();
    let (_, settled) = trial.advance();
    assert!(!settled.refused.is_empty());
    assert!(
        trial.honest_count() >= HONEST * 9 / 10,
        "{}",
        trial.honest_count()
    );
}

#[test]
fn bundles_that_fail_keep_nothing_out() {
    let payers: Vec<Address> = (0..40).map(|number| address(100_000 + number)).collect();
    let wallets = payers.iter().map(|payer| (*payer, Account::wallet(RICH)));
    let mut trial = Trial::new(wallets.collect());
    let mut hostile = WireBlock::default();
    for (start, payer) in (0u32..).step_by(2).zip(&payers) {
        let pay = transfer(payer, payer, 1);
        hostile.push(&priced(&trial.chain, *payer, MOST, HIGH_PRICE, &[pay]));
        let fail = transfer(payer, payer, u64::MAX);
        hostile.push(&priced(&trial.chain, *payer, MOST, HIGH_PRICE, &[fail]));
        hostile.bundle(start, 2).unwrap();
    }
    let answers = trial.submit(&hostile);
    assert!(answers.iter().all(Result::is_ok));
    trial.submit_honest();
    let (built, _) = trial.advance();
    let fees = |count| count * (5_000 + u64::from(HONEST_UNITS) * PRICE / 1_000_000);
    let paid = built.receipts.iter();
    let paid: u64 = paid
        .map(|receipt| receipt.signature_fee + receipt.priority_fee)
        .sum();
    assert_eq!(paid, fees(trial.honest_count()));
    assert!(paid >= fees(HONEST) / 10 * 9, "{}", trial.honest_count());
}
