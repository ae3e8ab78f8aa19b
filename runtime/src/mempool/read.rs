//! From wire bytes to candidates: parsed, verified if asked for, held against a bank.
//!
//! This part needs no pool, so that it can run beside one. It is the way that a block's
//! transactions go, [`ParsedBlock`] and [`PreparedBlock`], and two rules besides, which would else
//! let in what no block will ever include: the payer can pay, and a durable nonce is the stored
//! one. A bundle is judged by its own sequence: what an earlier transaction of it may change is
//! not held against a later one.

use std::collections::HashMap;

use ahash::RandomState;
use lockstep_interface::{Account, Address, Hash, Rent, TransactionError};
use lockstep_scheduler::{AccountIndex, TransactionIndex};
use lockstep_store::StoreError;
use smallvec::SmallVec;

use super::{Candidate, Nonce, Payment, Rejection, candidate::Member};
use crate::{
    bank::Bank,
    prepare::{Lifetime, PreparedBlock},
    rules::{fee::check_payer, locks::PAYER, nonce::advanced_nonce},
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::WireBlock,
};

/// A transaction's number among those that keep the rules, or the rule that it breaks.
type Judged = Result<TransactionIndex, Rejection>;

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
        let accounts = load_judged(&prepared, bank)?;
        let reader = Reader {
            prepared: &prepared,
            bank,
            rent: bank.environment().rent(),
            accounts: &accounts,
        };
        let unknown = Rejection::Rule(TransactionError::CommitCancelled);
        let mut judged: Vec<Judged> = vec![Err(unknown); batch.len()];
        for (position, refusal) in prepared.refused() {
            judged[*position as usize] = Err(refusal.clone().into());
        }
        for index in prepared.table().transactions() {
            let position = prepared.transaction(index).position;
            judged[position as usize] = Ok(index);
        }
        let mut bundles = batch.bundles().iter().peekable();
        let mut rest = &judged[..];
        let mut position = 0;
        let mut candidates = Vec::with_capacity(batch.len());
        while !rest.is_empty() {
            let bundle = bundles.next_if(|range| range.start == position);
            let count = bundle.map_or(1, |range| range.count);
            position = position.saturating_add(count);
            let (members, others) = rest.split_at(count as usize);
            rest = others;
            candidates.push(reader.read(members));
        }
        Ok(candidates)
    }
}

/// The payers and nonce accounts of a batch, by account index. No other account is looked at, so
/// that none is read for a transaction without a payer.
fn load_judged(
    prepared: &PreparedBlock<'_>,
    bank: &Bank,
) -> Result<HashMap<AccountIndex, Account, RandomState>, StoreError> {
    let mut judged = HashMap::default();
    for index in prepared.table().transactions() {
        let accesses = prepared.accesses(index);
        judged.insert(accesses[PAYER].account(), Account::default());
        if let Lifetime::Nonce { account } = prepared.transaction(index).lifetime {
            let nonce = accesses[usize::from(account)].account();
            judged.insert(nonce, Account::default());
        }
    }
    let address = |index: &AccountIndex| prepared.addresses()[index.index()];
    let addresses: Vec<Address> = judged.keys().map(address).collect();
    let mut accounts = vec![Account::default(); addresses.len()];
    bank.load(&addresses, &mut accounts)?;
    for (place, account) in judged.values_mut().zip(accounts) {
        *place = account;
    }
    Ok(judged)
}

/// Makes candidates of a prepared batch.
struct Reader<'r> {
    prepared: &'r PreparedBlock<'r>,
    bank: &'r Bank,
    rent: Rent,
    /// Those that are judged.
    accounts: &'r HashMap<AccountIndex, Account, RandomState>,
}

impl Reader<'_> {
    /// Makes a candidate of a transaction, or of those of a bundle.
    ///
    /// # Errors
    /// If one is rejected; of several the first that has a reason of its own counts.
    fn read(&self, members: &[Judged]) -> Result<Candidate, Rejection> {
        let place = |member, source| match members.len() {
            1 => source,
            _ => Rejection::Bundle {
                member,
                source: Box::new(source),
            },
        };
        let cancelled = Rejection::Rule(TransactionError::CommitCancelled);
        let errors = members.iter().enumerate();
        let mut errors =
            errors.filter_map(|(member, judged)| Some((member, judged.as_ref().err()?)));
        let own = errors.clone().find(|(_, error)| **error != cancelled);
        if let Some((member, error)) = own.or_else(|| errors.next()) {
            return Err(place(member, error.clone()));
        }
        let mut draft = Draft::default();
        for (member, index) in members.iter().flatten().enumerate() {
            let added = self.add(&mut draft, *index);
            added.map_err(|error| place(member, error))?;
        }
        Ok(draft.finish())
    }

    /// Adds the next transaction.
    ///
    /// # Errors
    /// If its payer cannot pay, or its nonce is not the stored one, and none before it in the
    /// draft can mend that.
    fn add(&self, draft: &mut Draft, index: TransactionIndex) -> Result<(), Rejection> {
        let transaction = self.prepared.transaction(index);
        let view = &transaction.view;
        let accesses = self.prepared.accesses(index);
        let account = |at: usize| &self.accounts[&accesses[at].account()];
        let address = |at: usize| self.prepared.addresses()[accesses[at].account().0 as usize];
        let value = Hash::new_from_array(*view.recent_blockhash());
        match transaction.lifetime {
            Lifetime::Blockhash => {
                if !draft.blockhashes.contains(&value) {
                    draft.blockhashes.push(value);
                }
            }
            Lifetime::Nonce { account: at } => {
                let nonce = Nonce {
                    account: address(usize::from(at)),
                    value,
                };
                draft.check_nonce(&nonce)?;
                if !draft.written.contains(&nonce.account) {
                    let stored = account(usize::from(at));
                    advanced_nonce(stored, view, self.bank.environment())
                        .ok_or(Rejection::UnknownBlockhash)?;
                }
                draft.nonces.push(nonce);
            }
        }
        let fee = transaction.budget.fee();
        let payer = Address::new_from_array(*view.fee_payer());
        if !draft.written.contains(&payer) {
            check_payer(account(PAYER), fee, &self.rent)?;
            let funds = funds(account(PAYER), &self.rent);
            draft.payments.push(Payment { payer, fee, funds });
        }
        draft.members.push(Member {
            bytes: view.bytes().into(),
            frame: view.frame(),
            message_hash: transaction.message_hash,
        });
        draft.fee = draft.fee.saturating_add(fee);
        let cost = &transaction.cost;
        draft.compute_units = draft.compute_units.saturating_add(cost.compute_units);
        draft.allocated_size = draft.allocated_size.saturating_add(cost.allocated_size);
        for (at, (written, is_written)) in self.prepared.access_list(index).enumerate() {
            // At most as many as a transaction locks, also of a bundle.
            if is_written && !draft.written.contains(&written) {
                draft.written.push(written);
            }
            let is_first = draft.written.first() == Some(&written);
            if is_written && view.is_signer(at) && !is_first && !draft.cosigners.contains(&written)
            {
                draft.cosigners.push(written);
            }
        }
        Ok(())
    }
}

/// The most that a payer can pay in fees if it does not pay all that it has, which only the last
/// of its transactions could.
fn funds(payer: &Account, rent: &Rent) -> u64 {
    let exempt = rent.minimum_balance(payer.data.len());
    let spare = payer.lamports.checked_sub(exempt);
    // A payer below the rent-exempt minimum may go on below it.
    spare.unwrap_or(payer.lamports)
}

/// A candidate on its way.
#[derive(Default)]
struct Draft {
    members: SmallVec<[Member; 1]>,
    blockhashes: SmallVec<[Hash; 1]>,
    nonces: Vec<Nonce>,
    payments: SmallVec<[Payment; 1]>,
    cosigners: Vec<Address>,
    written: Vec<Address>,
    fee: u64,
    compute_units: u64,
    allocated_size: u64,
}

impl Draft {
    /// A block gives a nonce account one nonce.
    fn check_nonce(&self, nonce: &Nonce) -> Result<(), Rejection> {
        let account = nonce.account;
        if self.nonces.iter().any(|other| other.account == account) {
            return Err(Rejection::NonceUsedUp { account });
        }
        Ok(())
    }

    fn finish(self) -> Candidate {
        Candidate {
            payer: self.written.first().copied().unwrap_or_default(),
            members: self.members,
            blockhashes: self.blockhashes,
            nonces: self.nonces.into(),
            payments: self.payments,
            cosigners: self.cosigners.into(),
            written: self.written.into(),
            fee: self.fee,
            compute_units: self.compute_units,
            allocated_size: self.allocated_size,
        }
    }
}
