//! The pool against a naive model of it, its bounds on waiting, and why it rejects.

mod fairness;
mod model;
mod outside;
mod places;
mod rejections;
mod selecting;

use std::{collections::BTreeSet, sync::Arc};

use lockstep_interface::{Account, Address, Hash, nonce::durable_nonce, sysvar::RecentBlockhash};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{
    bank::{Bank, Genesis},
    mempool::{Candidate, Rejection},
    threads::Threads,
    verify::Signatures,
    wire::{MessageBuilder, TransactionConfig, WireBlock},
};
use lockstep_store::MemoryStore;

use crate::common::ledger::{FEE, Ledger, RICH, address, nonce_account, rent_exempt, unsigned};

/// Blockhashes that are valid in the test bank.
const BLOCKHASHES: [Hash; 3] = [
    Hash::new_from_array([1; 32]),
    Hash::new_from_array([2; 32]),
    Hash::new_from_array([3; 32]),
];
/// The blockhash behind the stored durable nonce.
const NONCE_HASH: Hash = Hash::new_from_array([9; 32]);
/// Numbers of the addresses of rich wallets.
const WALLETS: std::ops::Range<u64> = 0..4_000;
/// Numbers of the addresses of accounts that do not exist yet.
const TARGETS: u64 = 1 << 32;
/// The number of the nonce account's address; wallet 0 is its authority.
const NONCE: u64 = 1 << 33;
/// The number of a wallet that cannot pay a fee, and is the target of no payment.
const EMPTY: u64 = NONCE + 1;
/// The wallet that has [`FUNDS`] for fees.
const POOR: u64 = 3;
/// Lamports besides what rent asks for.
const FUNDS: u64 = 40_000;

fn bank() -> Bank {
    let mut ledger = Ledger::with_wallets(WALLETS);
    ledger
        .accounts
        .retain(|(wallet, _)| *wallet != address(POOR));
    let nonce = nonce_account(address(0), &NONCE_HASH, RICH);
    ledger.put(address(NONCE), nonce);
    ledger.put(address(EMPTY), Account::wallet(FEE - 1));
    ledger.put(address(POOR), Account::wallet(rent_exempt(0) + FUNDS));
    let recent = |blockhash| RecentBlockhash {
        blockhash,
        lamports_per_signature: FEE,
    };
    let genesis = Genesis {
        blockhashes: BLOCKHASHES.map(recent).to_vec(),
        ..Genesis::new(ledger.accounts, ledger.programs)
    };
    let tip = genesis.open(Arc::new(MemoryStore::new()));
    tip.expect("a store in memory does not fail").child(1, 0)
}

/// A payment to each target.
#[derive(Clone, Debug)]
struct Payment {
    payer: u64,
    targets: Vec<u64>,
    /// Tells payments apart.
    lamports: u64,
    priority_fee: u64,
    /// What it takes of a block; at least that of its signature, locks and data.
    compute_units: u32,
    /// `None` for one that the nonce account dates.
    blockhash: Option<Hash>,
}

impl Payment {
    /// What it takes of a block besides its limit, by Agave's figures.
    fn fixed_cost(&self) -> u32 {
        let count = |count: usize| u32::try_from(count).expect("it is small");
        let targets: BTreeSet<u64> = self.targets.iter().copied().collect();
        let transfers = count(self.targets.len());
        let (signatures, locks, data) = match self.blockhash {
            Some(_) => (1, 1, 12 * transfers),
            // Nonce account and authority, which may be the payer.
            None => (1 + u32::from(self.payer != 0), 2, 12 * transfers + 4),
        };
        720 * signatures + 300 * (locks + count(targets.len())) + data / 4 + 8
    }

    fn bytes(&self) -> Vec<u8> {
        let payer = address(self.payer);
        let mut instructions = Vec::new();
        if self.blockhash.is_none() {
            instructions.push(system::advance_nonce_account(&address(NONCE), &address(0)));
        }
        for target in &self.targets {
            let target = address(TARGETS + target);
            instructions.push(system::transfer(&payer, &target, self.lamports));
        }
        let blockhash = self.blockhash.unwrap_or(durable_nonce(&NONCE_HASH));
        let config = TransactionConfig {
            compute_unit_limit: Some(self.compute_units.saturating_sub(self.fixed_cost())),
            loaded_accounts_data_size_limit: Some(1),
            priority_fee: Some(self.priority_fee),
            ..TransactionConfig::default()
        };
        let builder = MessageBuilder::new(payer, blockhash.to_bytes(), &instructions);
        let message = builder.v1(config).compile();
        unsigned(&message.expect("few accounts are named"))
    }
}

/// Reads transactions without looking at their signatures.
fn read(bank: &Bank, transactions: &[Vec<u8>]) -> Vec<Result<Candidate, Rejection>> {
    let threads = Threads::new(1).expect("one thread needs no pool");
    let batch: WireBlock = transactions.iter().collect();
    let candidates = Candidate::read_batch(&batch, bank, Signatures::Trusted, &threads);
    candidates.expect("a store in memory does not fail")
}

/// The candidate of a payment, or of a bundle of them.
fn candidate(bank: &Bank, payments: &[Payment]) -> Result<Candidate, Rejection> {
    let mut batch: WireBlock = payments.iter().map(Payment::bytes).collect();
    if payments.len() > 1 {
        let count = u32::try_from(payments.len()).expect("they are few");
        batch.bundle(0, count).expect("they are few");
    }
    let threads = Threads::new(1).expect("one thread needs no pool");
    let candidates = Candidate::read_batch(&batch, bank, Signatures::Trusted, &threads);
    let mut candidates = candidates.expect("a store in memory does not fail");
    assert_eq!(candidates.len(), 1);
    candidates.remove(0)
}

/// The candidate of a payment that keeps all rules.
fn good(bank: &Bank, payment: &Payment) -> Candidate {
    let candidate = candidate(bank, std::slice::from_ref(payment));
    let candidate = candidate.expect("the payment keeps all rules");
    let cost = payment.compute_units.max(payment.fixed_cost());
    assert_eq!(candidate.compute_units(), u64::from(cost));
    candidate
}

/// What tells a candidate from others here.
fn name(candidate: &Candidate) -> Hash {
    *candidate
        .message_hashes()
        .next()
        .expect("it has a transaction")
}

fn names<'c>(candidates: impl IntoIterator<Item = &'c Arc<Candidate>>) -> Vec<Hash> {
    let candidates = candidates.into_iter();
    candidates.map(|candidate| name(candidate)).collect()
}

/// The address of a target.
fn target(number: u64) -> Address {
    address(TARGETS + number)
}
