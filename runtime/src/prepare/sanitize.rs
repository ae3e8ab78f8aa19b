//! From parsed transactions to sanitized ones: every rule that can be judged without running
//! anything has been, and the access list is known.
//!
//! Judged here: blockhash age or the shape of a durable nonce, budget and fee, lookup tables,
//! account locks, duplicates. Not judged here: whether the payer can pay and whether the nonce is
//! the stored one, since both depend on the transactions before.

use ahash::RandomState;
use lockstep_interface::{
    Address, Environment, Hash, Positions, Program, RuleSet, TransactionError,
    program::TAG_SIZE_MAX,
};
use lockstep_store::StoreError;

use super::access;
use crate::{
    bank::{Bank, CostKind, MessageKey},
    fence::fenced,
    limits::INSTRUCTIONS_MAX,
    rules::{
        AccountKey, Budget, Cost,
        budget::Requests,
        check_schemes,
        cost::CostSums,
        locks::{Uses, check_locks},
        nonce::{advanced_nonce, nonce_account},
        signature_count,
    },
    verify::ParsedTransaction,
    wire::TransactionView,
};

/// What makes a transaction expire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lifetime {
    /// Its blockhash is among the recent ones.
    Blockhash,
    /// Its first instruction advances the durable nonce kept in this account of the transaction.
    Nonce {
        /// Index of the nonce account.
        account: u8,
    },
}

/// A transaction that keeps every rule that can be judged before execution.
#[derive(Clone, Copy, Debug)]
pub struct SanitizedTransaction<'b> {
    /// The wire bytes, parsed.
    pub view: TransactionView<'b>,
    /// Position in the wire block.
    pub position: u32,
    /// SHA-256 of the signed message; what makes two transactions the same.
    pub message_hash: Hash,
    /// Limits and fee.
    pub budget: Budget,
    /// What it takes of its block's limits.
    pub cost: Cost,
    /// What makes it expire.
    pub lifetime: Lifetime,
    /// Bytes counted for lookup tables, towards the limit on loaded data.
    pub table_size: u32,
    /// The accounts that it may write, by position in message order.
    pub writable: Positions,
    /// What its cost is learned under.
    pub kind: CostKind,
}

/// Why a transaction is not sanitized.
#[derive(Debug)]
pub(super) enum Halt {
    /// It breaks a rule.
    Refused(TransactionError),
    /// An account that the rules need could not be read; the transaction is not at fault.
    Store(StoreError),
}

impl From<TransactionError> for Halt {
    fn from(error: TransactionError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Sanitized transactions of a stretch of a block, with their access lists one after the other.
#[derive(Debug)]
pub(super) struct SanitizedChunk<'b> {
    /// The transactions in block order.
    pub(crate) transactions: Vec<SanitizedTransaction<'b>>,
    /// What each transaction is expected to cost, in cost units.
    pub(crate) costs: Vec<u64>,
    /// Where each transaction's keys end in `keys`.
    pub(crate) key_ends: Vec<u32>,
    /// The accounts of all transactions, each in message order.
    pub(crate) keys: Vec<AccountKey>,
    /// Positions of refused transactions, and why.
    pub(crate) refused: Vec<(u32, TransactionError)>,
}

impl SanitizedTransaction<'_> {
    /// What duplicates are found by.
    pub fn message_key(&self) -> MessageKey {
        MessageKey {
            blockhash: Hash::new_from_array(*self.view.recent_blockhash()),
            message_hash: self.message_hash,
        }
    }
}

impl<'b> SanitizedChunk<'b> {
    /// An empty chunk with memory for as many transactions.
    pub(crate) fn with_capacity(transaction_count: usize) -> Self {
        // Most transactions name three or four accounts.
        let key_count = transaction_count.saturating_mul(4);
        Self {
            transactions: Vec::with_capacity(transaction_count),
            costs: Vec::with_capacity(transaction_count),
            key_ends: Vec::with_capacity(transaction_count),
            keys: Vec::with_capacity(key_count),
            refused: Vec::new(),
        }
    }

    /// Sanitizes one transaction and appends it, or notes why it is refused.
    ///
    /// # Errors
    /// If the store fails, which is no reason to refuse a transaction.
    pub(crate) fn push(
        &mut self,
        view: TransactionView<'b>,
        parsed: &ParsedTransaction,
        bank: &Bank,
        hasher: &RandomState,
    ) -> Result<(), StoreError> {
        let keys_before = self.keys.len();
        let position = parsed.position;
        match self.sanitize(view, parsed, bank, hasher) {
            Ok((transaction, cost)) => {
                self.transactions.push(transaction);
                self.costs.push(cost);
                self.key_ends
                    .push(u32::try_from(self.keys.len()).expect("keys fit 32 bits"));
            }
            Err(Halt::Refused(error)) => {
                self.keys.truncate(keys_before);
                let first = first_error(&view, bank.environment().rules, error);
                self.refused.push((position, first));
            }
            Err(Halt::Store(error)) => return Err(error),
        }
        Ok(())
    }

    /// Refuses the transactions that this bank's ancestors have processed.
    pub(crate) fn refuse_processed(&mut self, bank: &Bank) {
        let keys: Vec<MessageKey> = self
            .transactions
            .iter()
            .map(SanitizedTransaction::message_key)
            .collect();
        let mut flags = vec![false; keys.len()];
        bank.parent().mark_processed(&keys, &mut flags);
        // A durable transaction is judged by its nonce, which has advanced: final banks remember
        // none, and the answer must not depend on when a bank became final.
        for (flag, transaction) in flags.iter_mut().zip(&self.transactions) {
            *flag &= transaction.lifetime == Lifetime::Blockhash;
        }
        for index in (0..flags.len()).rev().filter(|index| flags[*index]) {
            self.refuse(index, TransactionError::AlreadyProcessed);
        }
    }

    /// Refuses the transaction at `index` after all.
    pub(crate) fn refuse(&mut self, index: usize, error: TransactionError) {
        let transaction = self.transactions.remove(index);
        self.refused.push((transaction.position, error));
        self.costs.remove(index);
        let end = self.key_ends.remove(index);
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.key_ends[before]);
        self.keys.drain(start as usize..end as usize);
        for later in &mut self.key_ends[index..] {
            *later = later.saturating_sub(end.saturating_sub(start));
        }
    }

    /// The transaction and its expected cost; its keys are appended.
    fn sanitize(
        &mut self,
        view: TransactionView<'b>,
        parsed: &ParsedTransaction,
        bank: &Bank,
        hasher: &RandomState,
    ) -> Result<(SanitizedTransaction<'b>, u64), Halt> {
        let Environment {
            rules, programs, ..
        } = bank.environment();
        if *rules >= RuleSet::Current && view.instructions().len() > INSTRUCTIONS_MAX {
            return Err(TransactionError::SanitizeFailure.into());
        }
        check_schemes(&view, bank.schemes())?;
        let start = self.keys.len();
        let table_size = access::collect_keys(&mut self.keys, &view, bank, hasher)?;
        let keys = &mut self.keys[start..];
        check_locks(keys)?;
        let write_lock_count = keys.iter().filter(|key| key.is_writable).count();
        let mut sums = CostSums::new(*rules, write_lock_count);
        let mut uses = Uses::new(keys);
        let mut requests = Requests::new(*rules, view.version());
        let mut kind = CostKind::NOTHING;
        for instruction in view.instructions() {
            let program = &keys[usize::from(instruction.program_index)].address;
            requests.add(program, instruction.data);
            sums.add(program, instruction.data);
            let known = programs.get(program);
            kind = kind.and(program, tag(known, instruction.data));
            uses.add(keys, &instruction, known);
        }
        let writable = uses.settle(keys, bank.begun_programs());
        let budget = requests.budget(&view, sums.signatures());
        if *rules >= RuleSet::Current
            && let Err(error) = &budget
        {
            return Err(error.clone().into());
        }
        let blockhash = Hash::new_from_array(*view.recent_blockhash());
        let lifetime = if bank.blockhashes().contains(&blockhash) {
            Lifetime::Blockhash
        } else {
            let account = nonce_account(&view, keys, *rules);
            Lifetime::Nonce {
                account: account.ok_or(TransactionError::BlockhashNotFound)?,
            }
        };
        let budget = match budget {
            Ok(budget) => budget,
            Err(error) => {
                return Err(self
                    .budget_error(error, &view, lifetime, bank, start)?
                    .into());
            }
        };
        let costs = bank.parent().costs();
        let expected = costs.estimate(kind, budget.compute_unit_limit);
        let transaction = SanitizedTransaction {
            view,
            position: parsed.position,
            message_hash: parsed.message_hash,
            budget,
            cost: sums.cost(signature_count(&view), &budget),
            lifetime,
            table_size,
            writable,
            kind,
        };
        Ok((transaction, expected))
    }
}

/// The first error of a transaction that has this one: today requests that cannot be decoded, and
/// repeated ones, come before all that takes a bank, addresses out of lookup tables included.
/// Programs are never looked up.
fn first_error(
    view: &TransactionView<'_>,
    rules: RuleSet,
    error: TransactionError,
) -> TransactionError {
    if rules < RuleSet::Current || error == TransactionError::SanitizeFailure {
        return error;
    }
    let mut requests = Requests::new(rules, view.version());
    for instruction in view.instructions() {
        let program = view.static_keys()[usize::from(instruction.program_index)];
        requests.add(&Address::new_from_array(program), instruction.data);
    }
    requests.failure().cloned().unwrap_or(error)
}

impl SanitizedChunk<'_> {
    /// By the rules of December 2024, the error of a transaction without a valid budget. A nonce
    /// that is not even the stored one is the earlier error; it is looked at here only to name the
    /// right one.
    fn budget_error(
        &self,
        error: TransactionError,
        view: &TransactionView<'_>,
        lifetime: Lifetime,
        bank: &Bank,
        start: usize,
    ) -> Result<TransactionError, StoreError> {
        let Lifetime::Nonce { account } = lifetime else {
            return Ok(error);
        };
        let key = &self.keys[start..][usize::from(account)];
        let account = bank.get(&key.address)?.unwrap_or_default();
        Ok(match advanced_nonce(&account, view, bank.environment()) {
            Some(_) => error,
            None => TransactionError::BlockhashNotFound,
        })
    }
}

/// The bytes that say which of its program's instructions this is.
fn tag<'d>(program: Option<&dyn Program>, data: &'d [u8]) -> &'d [u8] {
    let size = program.map(|program| fenced(|| program.tag_size(data)));
    let size = size.and_then(Result::ok).unwrap_or(TAG_SIZE_MAX);
    data.get(..size).unwrap_or(data)
}
