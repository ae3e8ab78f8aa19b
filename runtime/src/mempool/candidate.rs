//! From wire bytes to candidates: parsed, verified if asked for, held against a bank, with all
//! that ordering and limits need to know.
//!
//! This part needs no pool, so that it can run beside one. It is the way that a block's
//! transactions go, [`ParsedBlock`] and [`PreparedBlock`](crate::prepare::PreparedBlock), and two
//! rules besides, which would else let in what no block will ever include: the payer can pay, and
//! a durable nonce is the stored one.

use std::mem::size_of;

use ahash::RandomState;
use lockstep_interface::{Account, Address, Hash, TransactionError};
use lockstep_scheduler::TransactionIndex;
use lockstep_store::StoreError;

use super::{Priority, Rejection, index::INDEX_SIZE};
use crate::{
    bank::Bank,
    block::WireBlock,
    execute::check_payer,
    prepare::{ParsedBlock, PreparedBlock},
    sanitize::{Lifetime, advanced_nonce},
    threads::Threads,
};

/// What is done about the signatures of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signatures {
    /// They are verified; blocks of these transactions need not do so again.
    Verify,
    /// Somebody has seen to them.
    Trusted,
}

/// A transaction that a block may include, as far as can be told without running it.
#[derive(Clone, Debug)]
pub struct Candidate {
    bytes: Box<[u8]>,
    message_hash: Hash,
    /// `None` for what a durable nonce dates.
    blockhash: Option<Hash>,
    payer: Address,
    /// In message order.
    written: Box<[Address]>,
    fee: u64,
    cost: u64,
    compute_units: u64,
}

impl Candidate {
    /// Reads a batch against the bank in which a block could include it next: the open child of
    /// the chain's tip.
    ///
    /// Returns a candidate or why there is none, by position in the batch. Of equal transactions
    /// in one batch the first counts.
    ///
    /// # Errors
    /// If the store fails, which is no transaction's fault.
    pub fn read_batch(
        batch: &WireBlock,
        bank: &Bank,
        signatures: Signatures,
        threads: &Threads,
    ) -> Result<Vec<Result<Self, Rejection>>, StoreError> {
        let mut parsed = ParsedBlock::parse(batch, threads);
        if signatures == Signatures::Verify {
            parsed.verify(threads);
        }
        let prepared = parsed.prepare(bank, threads, &RandomState::new())?;
        let mut results: Vec<Option<Result<Self, Rejection>>> = vec![None; batch.len()];
        for (position, refusal) in prepared.refused() {
            results[*position as usize] = Some(Err(refusal.clone().into()));
        }
        let mut accounts = vec![Account::default(); prepared.addresses().len()];
        bank.load(prepared.addresses(), &mut accounts)?;
        for index in prepared.table().transactions() {
            let position = prepared.transactions()[index.0 as usize].position;
            let candidate = Self::new(&prepared, index, bank, &accounts);
            results[position as usize] = Some(candidate.map_err(Rejection::from));
        }
        let results = results.into_iter();
        Ok(results
            .map(|result| result.expect("prepared or refused"))
            .collect())
    }

    /// # Errors
    /// If the payer cannot pay, or the nonce is not the stored one.
    fn new(
        prepared: &PreparedBlock<'_>,
        index: TransactionIndex,
        bank: &Bank,
        accounts: &[Account],
    ) -> Result<Self, TransactionError> {
        let transaction = &prepared.transactions()[index.0 as usize];
        let view = &transaction.view;
        let accesses = prepared.accesses(index);
        let account = |at: usize| &accounts[accesses[at].account().0 as usize];
        let blockhash = match transaction.lifetime {
            Lifetime::Blockhash => Some(Hash::new_from_array(*view.recent_blockhash())),
            Lifetime::Nonce { account: nonce } => {
                let stored = account(usize::from(nonce));
                advanced_nonce(stored, view, bank.environment())
                    .ok_or(TransactionError::BlockhashNotFound)?;
                None
            }
        };
        let fee = transaction.budget.fee();
        check_payer(account(0), fee, &bank.environment().rent())?;
        let written = prepared.access_list(index);
        let written = written.filter_map(|(address, is_written)| is_written.then_some(address));
        Ok(Self {
            bytes: view.bytes().into(),
            message_hash: transaction.message_hash,
            blockhash,
            payer: Address::new_from_array(*view.fee_payer()),
            written: written.collect(),
            fee,
            cost: transaction.cost,
            compute_units: u64::from(transaction.budget.compute_unit_limit),
        })
    }

    /// The transaction as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the signed message.
    pub fn message_hash(&self) -> &Hash {
        &self.message_hash
    }

    /// The blockhash that dates it; `None` if a durable nonce does.
    pub fn blockhash(&self) -> Option<&Hash> {
        self.blockhash.as_ref()
    }

    /// Who pays.
    pub fn payer(&self) -> &Address {
        &self.payer
    }

    /// The accounts that it may write, in message order; the payer is the first.
    pub fn written(&self) -> &[Address] {
        &self.written
    }

    /// Lamports that it pays.
    pub fn fee(&self) -> u64 {
        self.fee
    }

    /// What it was expected to cost by the bank it was held against, in cost units; what planners
    /// go by.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// Compute units that it may use.
    pub fn compute_units(&self) -> u64 {
        self.compute_units
    }

    /// Fee for cost.
    pub fn priority(&self) -> Priority {
        Priority::of(self.fee, self.cost)
    }

    /// Bytes of memory that it takes in a pool, the pool's indexes included.
    pub fn memory(&self) -> usize {
        let written = self.written.len();
        let account = size_of::<Address>().saturating_add(super::crowds::ACCOUNT_SIZE);
        size_of::<Self>()
            .saturating_add(self.bytes.len())
            .saturating_add(written.saturating_mul(account))
            .saturating_add(INDEX_SIZE)
    }
}
