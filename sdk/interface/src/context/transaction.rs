//! The accounts, meters and records of the transaction that is running.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use super::{
    AccountSlot, Cause, Diagnostic, InvokeContext, Records, Rule, Subject, invoke::Frame,
    trace::Trace,
};
use crate::{
    Account, Address, Environment, Executables, InstructionError, Positions, address::program_ids,
    limits::HEAP_SIZE_MIN, nonce::NonceState,
};

/// An account of an instruction: which of the transaction's, and with what rights.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InstructionAccount {
    /// Index among the transaction's accounts.
    pub index: u8,
    /// True if it signed.
    pub is_signer: bool,
    /// True if the instruction may change it.
    pub is_writable: bool,
}

/// The instructions of a transaction, for programs that read the data of others than their own.
///
/// ```
/// use lockstep_interface::{Environment, ProgramTable, RuleSet, Sysvars};
/// use lockstep_interface::context::{TransactionContext, TransactionInstructions};
///
/// #[derive(Debug)]
/// struct Two;
///
/// impl TransactionInstructions for Two {
///     fn data(&self, index: usize) -> Option<&[u8]> {
///         [&b"first"[..], b"second"].get(index).copied()
///     }
/// }
///
/// let environment = Environment {
///     sysvars: Sysvars::default(),
///     rules: RuleSet::Current,
///     programs: ProgramTable::new(),
/// };
/// let mut context = TransactionContext::new(&environment);
/// context.begin(1_000, false);
/// context.set_instructions(&Two);
/// ```
pub trait TransactionInstructions: fmt::Debug {
    /// The data of the top-level instruction at `index`; `None` past the last one.
    fn data(&self, index: usize) -> Option<&[u8]>;
}

/// The memory of a [`TransactionContext`], kept from one transaction to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    slots: Vec<RefCell<AccountSlot<'static>>>,
    addresses: Vec<&'static Address>,
    metas: Vec<InstructionAccount>,
    stack: Vec<u8>,
    records: Records,
    undo: Vec<u8>,
}

/// Empties a vector and gives its memory to items of another lifetime. The standard library
/// collects in place where both items have the same layout, as they have here.
fn recycle<T, U>(mut items: Vec<T>) -> Vec<U> {
    items.clear();
    items
        .into_iter()
        .map(|_| unreachable!("the vector is empty"))
        .collect()
}

/// State of one running transaction.
#[derive(Debug)]
pub struct TransactionContext<'t> {
    environment: &'t Environment,
    /// All top-level instructions, if the runtime has them at hand.
    pub(super) instructions: Option<&'t dyn TransactionInstructions>,
    /// The program accounts that can be called, if the block has any.
    pub(super) executables: Option<&'t Executables>,
    /// Those that this transaction has retired.
    retired: Vec<Address>,
    pub(super) heap_size: usize,
    /// The index of the Instructions sysvar, if the transaction names it.
    instructions_account: Option<u8>,
    /// What ran, while there are programs that may ask.
    pub(super) trace: Trace,
    slots: Vec<RefCell<AccountSlot<'t>>>,
    /// Addresses of the slots, apart because they are asked for while slots are borrowed.
    addresses: Vec<&'t Address>,
    /// Instruction accounts of all frames, the running one's last.
    pub(super) metas: Vec<InstructionAccount>,
    /// Programs of all frames as transaction account indices, the running one's last.
    pub(super) stack: Vec<u8>,
    pub(super) records: Records,
    pub(super) undo: RefCell<Vec<u8>>,
    pub(super) instruction_index: u8,
    pub(super) trace_length: usize,
    /// The first error that fails the transaction whatever its programs do afterwards: one of an
    /// invoked instruction, or one that a program could not return.
    pub(super) failure: RefCell<Option<InstructionError>>,
    /// Why the transaction failed, as far as it is known; only while logs are recorded.
    pub(super) diagnostic: RefCell<Option<Box<Diagnostic>>>,
    compute_units_left: Cell<u64>,
    lamports_change: Cell<i128>,
    growth: Cell<i64>,
}

impl<'t> TransactionContext<'t> {
    /// A context without a transaction, with memory of its own.
    pub fn new(environment: &'t Environment) -> Self {
        Self::with_scratch(environment, Scratch::default())
    }

    /// A context without a transaction that uses the memory of an earlier one.
    pub fn with_scratch(environment: &'t Environment, scratch: Scratch) -> Self {
        Self {
            environment,
            instructions: None,
            executables: None,
            retired: Vec::new(),
            heap_size: HEAP_SIZE_MIN,
            instructions_account: None,
            trace: Trace::default(),
            slots: recycle(scratch.slots),
            addresses: recycle(scratch.addresses),
            metas: scratch.metas,
            stack: scratch.stack,
            records: scratch.records,
            undo: RefCell::new(scratch.undo),
            instruction_index: 0,
            trace_length: 0,
            failure: RefCell::new(None),
            diagnostic: RefCell::new(None),
            compute_units_left: Cell::new(0),
            lamports_change: Cell::new(0),
            growth: Cell::new(0),
        }
    }

    /// Ends the context and keeps its memory. Accounts not taken out before are lost.
    pub fn into_scratch(self) -> Scratch {
        Scratch {
            slots: recycle(self.slots),
            addresses: recycle(self.addresses),
            metas: self.metas,
            stack: self.stack,
            records: self.records,
            undo: self.undo.into_inner(),
        }
    }

    /// Forgets the last transaction and readies the context for one with this compute limit.
    pub fn begin(&mut self, compute_unit_limit: u64, is_recording: bool) {
        self.instructions = None;
        self.executables = None;
        self.retired.clear();
        self.heap_size = HEAP_SIZE_MIN;
        self.instructions_account = None;
        self.trace.clear();
        self.slots.clear();
        self.addresses.clear();
        self.metas.clear();
        self.stack.clear();
        self.records.reset(is_recording);
        self.undo.get_mut().clear();
        self.instruction_index = 0;
        self.trace_length = 0;
        *self.failure.get_mut() = None;
        *self.diagnostic.get_mut() = None;
        self.compute_units_left.set(compute_unit_limit);
        self.lamports_change.set(0);
        self.growth.set(0);
    }

    /// Lets programs read the data of all top-level instructions of the transaction.
    pub fn set_instructions(&mut self, instructions: &'t dyn TransactionInstructions) {
        self.instructions = Some(instructions);
    }

    /// The program accounts that can be called, if there are any.
    pub fn executables(&self) -> Option<&'t Executables> {
        self.executables
    }

    /// Lets programs call those that are accounts, and ask for the instructions that ran before
    /// them. `heap_size` is the bytes of heap that each of them has.
    pub fn set_executables(&mut self, executables: &'t Executables, heap_size: usize) {
        self.executables = Some(executables);
        self.heap_size = heap_size;
    }

    /// Adds the next account; at most 256.
    ///
    /// # Panics
    /// If the context has 256 accounts.
    #[inline]
    pub fn push(&mut self, slot: AccountSlot<'t>) {
        assert!(
            self.slots.len() <= usize::from(u8::MAX),
            "at most 256 accounts"
        );
        self.addresses.push(slot.address());
        self.slots.push(RefCell::new(slot));
    }

    /// Adds the Instructions sysvar as the next account: read-only, and of this transaction alone,
    /// since its last two bytes say which instruction runs.
    ///
    /// # Panics
    /// If the context has 256 accounts.
    pub fn push_instructions(&mut self, address: &'t Address, account: Account) {
        self.instructions_account = u8::try_from(self.slots.len()).ok();
        self.push(AccountSlot::made(address, account));
    }

    /// The surroundings.
    #[inline]
    pub fn environment(&self) -> &'t Environment {
        self.environment
    }

    /// The number of accounts.
    pub fn account_count(&self) -> usize {
        self.slots.len()
    }

    /// The account at `index`, while no program runs.
    pub fn slot(&mut self, index: usize) -> &AccountSlot<'t> {
        self.slots[index].get_mut()
    }

    /// Compute units not yet spent.
    pub fn compute_units_left(&self) -> u64 {
        self.compute_units_left.get()
    }

    /// Logs, events, return data and invoked instructions so far.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Why the last failed instruction failed; `None` if logs are not recorded or none failed.
    pub fn diagnostic(&self) -> Option<Diagnostic> {
        self.diagnostic.borrow().as_deref().cloned()
    }

    /// The bytes by which the transaction's accounts grew; negative if they shrank.
    pub fn growth(&self) -> i64 {
        self.growth.get()
    }

    /// Takes a fee from the account at `index`, for good: undoing keeps the debit.
    ///
    /// Returns false, and takes nothing, if the account is read-only or holds less.
    pub fn charge_fee(&mut self, index: usize, fee: u64) -> bool {
        let slot = self.slots[index].get_mut();
        let Some(account) = slot.owned_mut() else {
            return false;
        };
        let Some(rest) = account.lamports.checked_sub(fee) else {
            return false;
        };
        account.lamports = rest;
        slot.keep_balance();
        true
    }

    /// Writes nonce state into the account at `index`, outside of any instruction.
    ///
    /// Returns false if the account is read-only or too small.
    pub fn store_nonce(&mut self, index: usize, state: &NonceState) -> bool {
        let undo = self.undo.get_mut();
        let data = self.slots[index].get_mut().data_mut(undo);
        data.is_some_and(|data| state.encode_into(data.make_mut()).is_some())
    }

    /// Takes every change back except fees.
    pub fn undo(&mut self) {
        let undo = self.undo.get_mut();
        for slot in &mut self.slots {
            slot.get_mut().undo(undo);
        }
        self.lamports_change.set(0);
        self.growth.set(0);
        for program in self.retired.drain(..) {
            if let Some(executables) = self.executables {
                executables.restore(&program);
            }
        }
    }

    /// Empties the context, giving the slots of the accounts in their order.
    pub fn drain(&mut self) -> impl Iterator<Item = AccountSlot<'t>> + '_ {
        self.slots.drain(..).map(RefCell::into_inner)
    }

    /// Runs one top-level instruction.
    ///
    /// `program` and `accounts` are indices into the transaction's accounts; rights are those of
    /// the transaction.
    ///
    /// # Errors
    /// The program's error; `UnsupportedProgramId` if there is no such program;
    /// `UnbalancedInstruction` if lamports appeared or vanished; `MissingAccount` if an index is
    /// out of range.
    pub fn process_instruction(
        &mut self,
        instruction_index: u8,
        program: u8,
        accounts: &[u8],
        data: &[u8],
    ) -> Result<(), InstructionError> {
        self.metas.clear();
        for &index in accounts {
            let slot = self.slots.get_mut(usize::from(index));
            let slot = slot.ok_or(InstructionError::MissingAccount)?.get_mut();
            let (is_signer, is_writable) = (slot.is_signer(), slot.is_writable());
            slot.size_at_entry = slot.account().data.len();
            self.metas.push(InstructionAccount {
                index,
                is_signer,
                is_writable,
            });
        }
        self.run_top_level(instruction_index, program, data)
    }

    /// Runs one top-level instruction whose accounts have rights of their own, as recorded test
    /// cases need it. Otherwise like [`TransactionContext::process_instruction`].
    ///
    /// # Errors
    /// See [`TransactionContext::process_instruction`].
    pub fn process_instruction_with_rights(
        &mut self,
        program: u8,
        accounts: &[InstructionAccount],
        data: &[u8],
    ) -> Result<(), InstructionError> {
        self.metas.clear();
        self.metas.extend_from_slice(accounts);
        for meta in accounts {
            let slot = self.slots.get_mut(usize::from(meta.index));
            let slot = slot.ok_or(InstructionError::MissingAccount)?.get_mut();
            slot.size_at_entry = slot.account().data.len();
        }
        self.run_top_level(0, program, data)
    }

    fn run_top_level(
        &mut self,
        instruction_index: u8,
        program: u8,
        data: &[u8],
    ) -> Result<(), InstructionError> {
        self.instruction_index = instruction_index;
        if let Some(instructions) = self.instructions_account {
            let slot = self.slots[usize::from(instructions)].get_mut();
            slot.set_current_instruction(instruction_index);
        }
        let address = self.slots.get(usize::from(program));
        let address = address
            .ok_or(InstructionError::MissingAccount)?
            .borrow()
            .address();
        let frame = Frame {
            program_index: program,
            program: address,
            metas_start: 0,
            data,
            credit_only: Positions::NONE,
        };
        let result = InvokeContext::new(self, frame).run();
        if !self.stack.is_empty() {
            // A program caught the panic of one it had invoked and went on.
            self.stack.clear();
            return Err(InstructionError::ProgramFailedToComplete);
        }
        match self.failure.get_mut().take() {
            Some(error) => Err(error),
            None => result,
        }
    }

    /// The address of an account.
    #[inline]
    pub(super) fn address_of(&self, index: u8) -> Option<&'t Address> {
        self.addresses.get(usize::from(index)).copied()
    }

    #[inline]
    pub(super) fn slots(&self) -> &[RefCell<AccountSlot<'t>>] {
        &self.slots
    }

    #[inline]
    pub(super) fn consume(&self, units: u64) -> Result<(), InstructionError> {
        match self.compute_units_left.get().checked_sub(units) {
            Some(left) => {
                self.compute_units_left.set(left);
                Ok(())
            }
            None => {
                self.compute_units_left.set(0);
                Err(InstructionError::ComputationalBudgetExceeded)
            }
        }
    }

    pub(super) fn add_lamports_change(&self, before: u64, after: u64) {
        let change = i128::from(after).saturating_sub(i128::from(before));
        self.lamports_change
            .set(self.lamports_change.get().saturating_add(change));
    }

    pub(super) fn lamports_change(&self) -> i128 {
        self.lamports_change.get()
    }

    /// Records that the account at `index` was left with fewer lamports than `minimum`, if logs are
    /// recorded.
    pub fn diagnose_rent(&self, index: usize, minimum: u64) {
        let Some(slot) = self
            .slots
            .get(index)
            .and_then(|slot| slot.try_borrow().ok())
        else {
            return;
        };
        if !self.records.is_recording() {
            return;
        }
        let size = slot.account().data.len();
        let cause = Cause::Rule {
            subject: Subject::Account {
                field: String::new(),
                position: index,
                address: Some(*slot.address()),
            },
            rule: Rule::Rent,
            expected: format!("at least {minimum} lamports for {size} bytes"),
            got: slot.lamports().to_string(),
        };
        *self.diagnostic.borrow_mut() = Some(Box::new(Diagnostic {
            path: Vec::new(),
            error: InstructionError::InsufficientFunds,
            cause,
        }));
    }

    /// Ends the calls of the program account at an address for the rest of the block, unless the
    /// transaction fails.
    pub(super) fn retire(&mut self, program: &Address) {
        if let Some(executables) = self.executables
            && executables.retire(program)
        {
            self.retired.push(*program);
        }
    }

    pub(super) fn is_balanced(&self) -> bool {
        self.lamports_change.get() == 0
    }

    pub(super) fn growth_after(&self, before: usize, after: usize) -> i64 {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.growth
            .get()
            .saturating_add(after.saturating_sub(before))
    }

    /// True if accounts may grow by more than 10 KiB in the instruction: all programs that run are
    /// ones that create accounts for others.
    pub(super) fn grows_freely(&self) -> bool {
        let creators = [program_ids::SYSTEM, program_ids::UPGRADEABLE_LOADER];
        let mut running = self.stack.iter().map(|index| self.address_of(*index));
        running.all(|program| program.is_some_and(|program| creators.contains(program)))
    }

    pub(super) fn set_growth(&self, before: usize, after: usize) {
        self.growth.set(self.growth_after(before, after));
    }
}
