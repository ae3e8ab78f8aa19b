//! From wire bytes to candidates: parsed, verified if asked for, held against a bank, with all
//! that ordering and limits need to know.
//!
//! This part needs no pool, so that it can run beside one. It is the way that a block's
//! transactions go, [`ParsedBlock`] and [`PreparedBlock`](crate::prepare::PreparedBlock), and two
//! rules besides, which would else let in what no block will ever include: the payer can pay, and
//! a durable nonce is the stored one.

use std::{iter::once, mem::size_of};

use ahash::RandomState;
use lockstep_interface::{Account, Address, Hash, TransactionError};
use lockstep_scheduler::TransactionIndex;
use lockstep_store::StoreError;
use smallvec::{SmallVec, smallvec};

use super::{
    Priority, Rejection,
    crowds::ACCOUNT_SIZE,
    index::{INDEX_SIZE, MESSAGE_SIZE},
};
use crate::{
    bank::Bank,
    prepare::{Lifetime, PreparedBlock},
    rules::{fee::check_payer, nonce::advanced_nonce},
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::{Frame, WireBlock},
};

/// A transaction of a candidate.
#[derive(Clone, Debug)]
struct Member {
    bytes: Box<[u8]>,
    frame: Frame,
    message_hash: Hash,
}

/// A transaction, or a bundle of them, that a block may include, as far as can be told without
/// running it.
#[derive(Clone, Debug)]
pub struct Candidate {
    members: SmallVec<[Member; 1]>,
    /// Without those of what durable nonces date.
    blockhashes: SmallVec<[Hash; 1]>,
    payer: Address,
    written: Box<[Address]>,
    fee: u64,
    cost: u64,
    compute_units: u64,
}

impl Candidate {
    /// Reads a batch against the bank in which a block could include it next: the open child of
    /// the chain's tip.
    ///
    /// Returns a candidate or why there is none, for each transaction and each bundle, in the
    /// order of the batch. Of equal transactions in one batch the first counts.
    ///
    /// # Errors
    /// If the store fails, which is no transaction's fault.
    pub fn read_batch(
        batch: &WireBlock,
        bank: &Bank,
        signatures: Signatures<'_>,
        threads: &Threads,
    ) -> Result<Vec<Result<Self, Rejection>>, StoreError> {
        let parsed = ParsedBlock::new(batch.clone(), signatures, threads);
        let prepared = PreparedBlock::new(&parsed, bank, threads, &RandomState::new())?;
        let mut accounts = vec![Account::default(); prepared.addresses().len()];
        bank.load(prepared.addresses(), &mut accounts)?;
        let reader = Reader {
            prepared: &prepared,
            bank,
            accounts: &accounts,
        };
        let mut results: Vec<Option<Result<Self, Rejection>>> = vec![None; batch.len()];
        for (position, refusal) in prepared.refused() {
            results[*position as usize] = Some(Err(refusal.clone().into()));
        }
        for index in prepared.table().transactions() {
            let transaction = prepared.transaction(index);
            results[transaction.position as usize] = Some(reader.read(index));
        }
        let mut results = results
            .into_iter()
            .map(|result| result.expect("read or refused"));
        let mut bundles = batch.bundles().iter().peekable();
        let mut position = 0;
        let mut candidates = Vec::with_capacity(batch.len());
        while let Some(first) = results.next() {
            let bundle = bundles.next_if(|range| range.start == position);
            let count = bundle.map_or(1, |range| range.count);
            position = position.saturating_add(count);
            candidates.push(if bundle.is_some() {
                let rest = results.by_ref().take(count.saturating_sub(1) as usize);
                Self::join(once(first).chain(rest).collect())
            } else {
                first
            });
        }
        Ok(candidates)
    }

    /// Makes one of a bundle's transactions.
    ///
    /// # Errors
    /// If one was rejected; then the first that has a reason of its own counts.
    fn join(members: Vec<Result<Self, Rejection>>) -> Result<Self, Rejection> {
        let cancelled = Rejection::Rule(TransactionError::CommitCancelled);
        let errors = members.iter().enumerate();
        let mut errors =
            errors.filter_map(|(member, result)| Some((member, result.as_ref().err()?)));
        let own = errors.clone().find(|(_, error)| **error != cancelled);
        if let Some((member, error)) = own.or_else(|| errors.next()) {
            return Err(Rejection::Bundle {
                member,
                source: Box::new(error.clone()),
            });
        }
        let mut members = members.into_iter().flatten();
        let mut bundle = members.next().expect("a bundle has two transactions");
        let mut written = bundle.written.into_vec();
        for member in members {
            bundle.members.extend(member.members);
            for blockhash in member.blockhashes {
                if !bundle.blockhashes.contains(&blockhash) {
                    bundle.blockhashes.push(blockhash);
                }
            }
            // At most as many as a transaction locks.
            for address in member.written {
                if !written.contains(&address) {
                    written.push(address);
                }
            }
            bundle.fee = bundle.fee.saturating_add(member.fee);
            bundle.cost = bundle.cost.saturating_add(member.cost);
            bundle.compute_units = bundle.compute_units.saturating_add(member.compute_units);
        }
        bundle.written = written.into();
        Ok(bundle)
    }

    /// The transactions as they came, more than one if they are a bundle.
    pub fn transactions(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.members.iter().map(|member| &*member.bytes)
    }

    /// Appends the transactions to a block, as they were parsed when they came.
    pub(crate) fn push_to(&self, block: &mut ParsedBlock) {
        for member in &self.members {
            block.push(&member.bytes, member.frame, member.message_hash);
        }
        if self.members.len() > 1 {
            block.bundle_last(self.members.len());
        }
    }

    /// SHA-256 of each signed message, in the order of the transactions.
    pub fn message_hashes(&self) -> impl ExactSizeIterator<Item = &Hash> {
        self.members.iter().map(|member| &member.message_hash)
    }

    /// Bytes of all transactions.
    pub fn size(&self) -> usize {
        let sizes = self.transactions().map(<[u8]>::len);
        sizes.fold(0, usize::saturating_add)
    }

    /// The blockhashes that date it, each once; none if durable nonces do.
    pub fn blockhashes(&self) -> &[Hash] {
        &self.blockhashes
    }

    /// Who pays; of a bundle, who pays for its first transaction.
    pub fn payer(&self) -> &Address {
        &self.payer
    }

    /// The accounts that it may write, each once, the payer first.
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
        let account = size_of::<Address>().saturating_add(ACCOUNT_SIZE);
        let members = self.members.len();
        let member = size_of::<Member>().saturating_add(MESSAGE_SIZE);
        size_of::<Self>()
            .saturating_add(self.size())
            .saturating_add(members.saturating_mul(member))
            .saturating_add(written.saturating_mul(account))
            .saturating_add(INDEX_SIZE)
    }
}

/// Makes candidates of a prepared batch.
struct Reader<'r> {
    prepared: &'r PreparedBlock<'r>,
    bank: &'r Bank,
    /// By account index.
    accounts: &'r [Account],
}

impl Reader<'_> {
    /// # Errors
    /// If the payer cannot pay, or the nonce is not the stored one.
    fn read(&self, index: TransactionIndex) -> Result<Candidate, Rejection> {
        let transaction = self.prepared.transaction(index);
        let view = &transaction.view;
        let accesses = self.prepared.accesses(index);
        let account = |at: usize| &self.accounts[accesses[at].account().0 as usize];
        let mut blockhashes = SmallVec::new();
        match transaction.lifetime {
            Lifetime::Blockhash => {
                blockhashes.push(Hash::new_from_array(*view.recent_blockhash()));
            }
            Lifetime::Nonce { account: nonce } => {
                let stored = account(usize::from(nonce));
                advanced_nonce(stored, view, self.bank.environment())
                    .ok_or(Rejection::UnknownBlockhash)?;
            }
        }
        let fee = transaction.budget.fee();
        check_payer(account(0), fee, &self.bank.environment().rent())?;
        let written = self.prepared.access_list(index);
        let written = written.filter_map(|(address, is_written)| is_written.then_some(address));
        let member = Member {
            bytes: view.bytes().into(),
            frame: view.frame(),
            message_hash: transaction.message_hash,
        };
        Ok(Candidate {
            members: smallvec![member],
            blockhashes,
            payer: Address::new_from_array(*view.fee_payer()),
            written: written.collect(),
            fee,
            // Of a bundle, the last transaction's is that of all, and the others' is nothing.
            cost: self.prepared.table().cost(index),
            compute_units: u64::from(transaction.budget.compute_unit_limit),
        })
    }
}
