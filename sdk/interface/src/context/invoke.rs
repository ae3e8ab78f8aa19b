//! A program's view of its instruction, and calls from one program to another.

use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use super::{
    AccountMut, AccountRef, AccountUse, Cause, Event, InnerInstruction, InstructionAccount,
    LogEntry, ReturnData, TransactionContext, diagnostic,
};
use crate::{
    AccountMeta, Address, Counters, Executable, InstructionError, InstructionRef, Positions,
    Program, RuleSet, Sysvars,
    address::{create_program_address, program_ids},
    limits::{
        DERIVED_SIGNERS_MAX, EVENT_SIZE_MAX, INSTRUCTION_ACCOUNTS_MAX, INSTRUCTION_STACK_MAX,
        INSTRUCTION_TRACE_MAX, INVOKED_DATA_SIZE_MAX, RETURN_DATA_SIZE_MAX,
    },
    prices,
    program::declared,
};

/// Which program runs, on which accounts and data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'i, 't> {
    pub(super) program_index: u8,
    pub(super) program: &'t Address,
    /// Where the instruction's accounts begin in the context's list; they reach to its end.
    pub(super) metas_start: usize,
    pub(super) data: &'i [u8],
    /// Accounts that the caller only credits, by position; the program must do so too.
    pub(super) credit_only: Positions,
}

/// What runs for an instruction.
#[derive(Clone, Copy)]
enum Callee<'t> {
    Native(&'t dyn Program),
    Account(&'t dyn Executable),
}

/// The running instruction: its accounts, its data, and the services of the runtime.
///
/// Accounts are named by their position in the instruction. A program cannot reach an account
/// that its instruction does not name.
#[derive(Debug)]
pub struct InvokeContext<'i, 't> {
    pub(super) transaction: &'i mut TransactionContext<'t>,
    pub(super) frame: Frame<'i, 't>,
    pub(super) metas_end: usize,
    /// Accounts that the program only credits, by position.
    credit_only: Positions,
    /// Those of them that have counters, by position.
    counters: SmallVec<[(usize, Counters); 1]>,
    /// Whether services of the runtime cost the program compute units.
    is_metered: bool,
}

impl<'i, 't> InvokeContext<'i, 't> {
    pub(super) fn new(transaction: &'i mut TransactionContext<'t>, frame: Frame<'i, 't>) -> Self {
        let metas_end = transaction.metas.len();
        Self {
            transaction,
            frame,
            metas_end,
            credit_only: Positions::NONE,
            counters: SmallVec::new(),
            is_metered: false,
        }
    }

    /// The address of the running program.
    #[inline]
    pub fn program(&self) -> &'t Address {
        self.frame.program
    }

    /// The instruction's data.
    #[inline]
    pub fn data(&self) -> &'i [u8] {
        self.frame.data
    }

    /// The number of accounts, repeats included.
    #[inline]
    pub fn account_count(&self) -> usize {
        self.metas().len()
    }

    /// Depth of the call; 1 at the top level.
    pub fn depth(&self) -> usize {
        self.transaction.stack.len()
    }

    /// Index of the top-level instruction in the transaction.
    pub fn instruction_index(&self) -> u8 {
        self.transaction.instruction_index
    }

    /// The data of the transaction's top-level instruction at `index`; `None` past the last one,
    /// or where an instruction runs without a transaction. Part of the message, so that reading it
    /// locks nothing.
    pub fn instruction_data(&self, index: usize) -> Option<&'t [u8]> {
        self.transaction.instructions?.data(index)
    }

    /// Facts about the block; reading them locks nothing.
    pub fn sysvars(&self) -> &'t Sysvars {
        &self.transaction.environment().sysvars
    }

    /// The rules the bank follows.
    pub fn rules(&self) -> RuleSet {
        self.transaction.environment().rules
    }

    /// Fails unless the instruction names at least `count` accounts.
    ///
    /// # Errors
    /// `MissingAccount`, or `NotEnoughAccountKeys` under the older rules.
    #[inline]
    pub fn require_accounts(&self, count: usize) -> Result<(), InstructionError> {
        if self.account_count() < count {
            return Err(self.refuse_missing(self.account_count()));
        }
        Ok(())
    }

    /// Borrows the account at `position` for reading.
    ///
    /// # Errors
    /// `MissingAccount` (or what the rules say) past the end; `PrivilegeEscalation` if the program
    /// declared that it only credits the account; `AccountBorrowFailed` while an [`AccountMut`]
    /// of the same account is alive.
    #[inline]
    pub fn account(&self, position: usize) -> Result<AccountRef<'_, 't>, InstructionError> {
        let meta = self.known_meta(position)?;
        let slot = &self.transaction.slots()[usize::from(meta.index)];
        let Ok(slot) = slot.try_borrow() else {
            return Err(self.refuse_borrow(position, meta));
        };
        slot.mark(AccountUse::Read);
        slot.borrow_as(position);
        Ok(AccountRef { slot, meta })
    }

    /// Borrows the account at `position` exclusively.
    ///
    /// # Errors
    /// `MissingAccount` (or what the rules say) past the end; `PrivilegeEscalation` if the program
    /// declared that it only credits the account; `AccountBorrowFailed` while another borrow of
    /// the same account is alive.
    #[inline]
    pub fn account_mut(&self, position: usize) -> Result<AccountMut<'_, 't>, InstructionError> {
        self.borrow_mut(position, self.known_meta(position)?)
    }

    /// Adds lamports to the account at `position`, whether or not the program declared that it
    /// only does this to it ([`Program::credit_only`](crate::Program::credit_only)).
    ///
    /// # Errors
    /// `MissingAccount` (or what the rules say) past the end; `AccountBorrowFailed` while another
    /// borrow of the same account is alive; what [`AccountMut::credit`] reports.
    pub fn credit(&self, position: usize, lamports: u64) -> Result<(), InstructionError> {
        self.borrow_mut(position, self.meta(position)?)?
            .credit(lamports)
    }

    #[inline]
    pub(super) fn borrow_mut(
        &self,
        position: usize,
        meta: InstructionAccount,
    ) -> Result<AccountMut<'_, 't>, InstructionError> {
        let slot = &self.transaction.slots()[usize::from(meta.index)];
        let Ok(slot) = slot.try_borrow_mut() else {
            return Err(self.refuse_borrow(position, meta));
        };
        slot.mark(AccountUse::Read);
        slot.borrow_as(position);
        Ok(AccountMut {
            slot,
            meta,
            program: self.frame.program,
            transaction: self.transaction,
        })
    }

    /// The address of the account at `position`; needs no borrow.
    ///
    /// # Errors
    /// `MissingAccount`, or what the rules say, past the end.
    #[inline]
    pub fn address(&self, position: usize) -> Result<&'t Address, InstructionError> {
        let meta = self.meta(position)?;
        self.transaction
            .address_of(meta.index)
            .ok_or(InstructionError::MissingAccount)
    }

    /// True if the account at `position` signed.
    ///
    /// # Errors
    /// `MissingAccount`, or what the rules say, past the end.
    #[inline]
    pub fn is_signer(&self, position: usize) -> Result<bool, InstructionError> {
        Ok(self.meta(position)?.is_signer)
    }

    /// True if the instruction may change the account at `position`.
    ///
    /// # Errors
    /// `MissingAccount`, or what the rules say, past the end.
    #[inline]
    pub fn is_writable(&self, position: usize) -> Result<bool, InstructionError> {
        Ok(self.meta(position)?.is_writable)
    }

    /// True if any account of the instruction with this address signed.
    pub fn has_signed(&self, address: &Address) -> bool {
        self.metas()
            .iter()
            .any(|meta| meta.is_signer && self.transaction.address_of(meta.index) == Some(address))
    }

    /// Spends compute units.
    ///
    /// # Errors
    /// `ComputationalBudgetExceeded` if fewer are left; then none are.
    #[inline]
    pub fn consume(&mut self, units: u64) -> Result<(), InstructionError> {
        self.spend(units)
    }

    /// From now on the services of the runtime cost this instruction what
    /// [`prices`](crate::prices) says, besides what the program spends itself. Programs that are
    /// written with the SDK are metered; built-in ones cost what builtins cost on Solana.
    pub fn meter(&mut self) {
        self.is_metered = true;
    }

    /// Spends compute units if the instruction is metered.
    ///
    /// # Errors
    /// `ComputationalBudgetExceeded` if fewer are left; then none are.
    #[inline]
    pub fn charge(&self, units: u64) -> Result<(), InstructionError> {
        match self.is_metered {
            true => self.spend(units),
            false => Ok(()),
        }
    }

    #[inline]
    fn spend(&self, units: u64) -> Result<(), InstructionError> {
        let left = self.transaction.compute_units_left();
        self.transaction.consume(units).map_err(|error| {
            let expected = format!("at least {units} units to be left");
            self.refuse_amount(error, "compute budget", expected, left.to_string())
        })
    }

    /// The SHA-256 hash of these parts, one after the other.
    ///
    /// # Errors
    /// `ComputationalBudgetExceeded`; see [`prices::hash`](crate::prices::hash).
    pub fn hash(&self, parts: &[&[u8]]) -> Result<[u8; 32], InstructionError> {
        let sizes = parts.iter().map(|part| part.len());
        self.charge(prices::hash(sizes))?;
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Ok(hasher.finalize().into())
    }

    /// Compute units left to the transaction.
    pub fn compute_units_left(&self) -> u64 {
        self.transaction.compute_units_left()
    }

    /// Logs a line of text. The text is made only if logs are recorded, and the price is the same
    /// for each.
    pub fn log(&mut self, text: impl FnOnce() -> String) {
        if let Err(error) = self.charge(prices::LOG) {
            self.fail(&error);
        }
        self.transaction.records.log(|| LogEntry::Message(text()));
    }

    /// Logs bytes, as values that a program publishes are logged. They are made only if logs are
    /// recorded, and are no event: observers that keep no logs do not see them.
    pub fn log_data(&mut self, data: impl FnOnce() -> Vec<u8>) {
        self.transaction.records.log(|| LogEntry::Data(data()));
    }

    /// As [`InvokeContext::fail`], with a cause that is made only if it is the first failure and
    /// logs are recorded.
    pub fn fail_because(&self, error: &InstructionError, cause: impl FnOnce() -> Cause) {
        self.diagnose(error, cause);
        self.fail(error);
    }

    /// Fails the transaction once the running program has returned, whatever it returns. For
    /// errors in places that cannot return one, such as a guard that writes when it is dropped.
    pub fn fail(&self, error: &InstructionError) {
        let result = Err(error.clone());
        diagnostic::settle(self.transaction, &result);
        let mut failure = self.transaction.failure.borrow_mut();
        *failure = failure.take().or(result.err());
    }

    /// True if the transaction fails whatever the running program returns.
    pub fn is_failed(&self) -> bool {
        self.transaction.failure.borrow().is_some()
    }

    /// Records why the running instruction is about to fail with `error`. The cause is made only
    /// if logs are recorded. Does not fail the instruction by itself.
    pub fn diagnose(&self, error: &InstructionError, cause: impl FnOnce() -> Cause) {
        if self.transaction.records.is_recording() && self.transaction.failure.borrow().is_none() {
            diagnostic::record(self.transaction, error, cause());
        }
    }

    /// Lets the program complete what it recorded with [`InvokeContext::diagnose`], such as the
    /// name of an account that was known by its position.
    pub fn refine_diagnostic(&self, refine: impl FnOnce(&mut Cause)) {
        let mut diagnostic = self.transaction.diagnostic.borrow_mut();
        let own = diagnostic
            .as_mut()
            .filter(|own| own.path.len() == self.depth());
        if let Some(own) = own {
            refine(&mut own.cause);
        }
    }

    /// Publishes a value for observers.
    ///
    /// # Errors
    /// `ProgramFailedToComplete` if the transaction's events exceed their limit in bytes.
    pub fn emit(&mut self, data: Vec<u8>) -> Result<(), InstructionError> {
        self.charge(prices::event(data.len()))?;
        let size = data.len();
        let event = Event {
            program: *self.frame.program,
            data,
        };
        let records = &mut self.transaction.records;
        records.log(|| LogEntry::Data(event.data.clone()));
        if self.transaction.records.event(event, EVENT_SIZE_MAX) {
            return Ok(());
        }
        Err(self.refuse_amount(
            InstructionError::ProgramFailedToComplete,
            "size of events",
            format!("at most {EVENT_SIZE_MAX} bytes"),
            format!("{size}, more than are left"),
        ))
    }

    /// Leaves bytes for the caller.
    ///
    /// # Errors
    /// `ProgramFailedToComplete` above 1,024 bytes.
    pub fn set_return_data(&mut self, data: &[u8]) -> Result<(), InstructionError> {
        self.charge(prices::LOG.saturating_add(prices::move_bytes(data.len())))?;
        let fits = self
            .transaction
            .records
            .set_return_data(*self.frame.program, data);
        if fits {
            return Ok(());
        }
        Err(self.refuse_amount(
            InstructionError::ProgramFailedToComplete,
            "returned value",
            format!("at most {RETURN_DATA_SIZE_MAX} bytes"),
            data.len().to_string(),
        ))
    }

    /// What the last invoked program left.
    pub fn return_data(&self) -> &ReturnData {
        self.transaction.records.return_data()
    }

    /// Calls another program with accounts of this instruction.
    ///
    /// # Errors
    /// See [`InvokeContext::invoke_signed`].
    pub fn invoke<'r>(
        &mut self,
        instruction: impl Into<InstructionRef<'r>>,
    ) -> Result<(), InstructionError> {
        self.invoke_signed(instruction, &[])
    }

    /// Calls another program; this program signs for the addresses it derives from each list of
    /// seeds.
    ///
    /// # Errors
    /// `MissingAccount` for an account or program that this instruction does not name;
    /// `PrivilegeEscalation` for a right it does not have, or if the callee would do more than
    /// credit an account that this program declared to credit only; `CallDepth`,
    /// `ReentrancyNotAllowed`, `MaxInstructionTraceLengthExceeded`,
    /// `MaxAccountsExceeded`, `InvalidArgument` (data too long); what the callee reports. Any
    /// of them fails the transaction, even if the caller goes on; so does a panic of the callee
    /// that the caller catches.
    pub fn invoke_signed<'r>(
        &mut self,
        instruction: impl Into<InstructionRef<'r>>,
        signer_seeds: &[&[&[u8]]],
    ) -> Result<(), InstructionError> {
        let metas_start = self.transaction.metas.len();
        let result = self.call(instruction.into(), signer_seeds);
        self.transaction.metas.truncate(metas_start);
        if let Err(error) = &result {
            self.fail(error);
        }
        result
    }

    /// Fails if an invoke is larger than one may be.
    fn check_size(
        &self,
        instruction: &InstructionRef<'_>,
        signer_seeds: &[&[&[u8]]],
    ) -> Result<(), InstructionError> {
        let InstructionRef {
            program,
            accounts,
            data,
        } = instruction;
        let limits = [
            ("accounts", accounts.len(), INSTRUCTION_ACCOUNTS_MAX),
            ("derived signers", signer_seeds.len(), DERIVED_SIGNERS_MAX),
            ("bytes of data", data.len(), INVOKED_DATA_SIZE_MAX),
        ];
        match limits.into_iter().find(|(_, count, most)| count > most) {
            Some((what, count, most)) => Err(self.refuse_invoke(program, what, count, most)),
            None => Ok(()),
        }
    }

    fn call(
        &mut self,
        instruction: InstructionRef<'_>,
        signer_seeds: &[&[&[u8]]],
    ) -> Result<(), InstructionError> {
        self.check_size(&instruction, signer_seeds)?;
        self.charge(prices::invoke(instruction.data.len(), signer_seeds.len()))?;
        let derive = |seeds: &&[&[u8]]| create_program_address(seeds, self.frame.program);
        let signers: Result<SmallVec<[Address; 2]>, _> = signer_seeds.iter().map(derive).collect();
        // Solana reports derivation errors of invokes under their number.
        let signers = signers.map_err(|error| self.refuse_seeds(instruction.program, error))?;
        let metas = self.callee_metas(instruction.accounts, &signers)?;
        let credit_only = self.credit_only_in(&metas)?;
        self.check_counters(&instruction, &metas, credit_only)?;
        let Some(program) = self.named_account(instruction.program) else {
            self.log_line(|| format!("Unknown program {}", instruction.program));
            return Err(self.refuse_unnamed(instruction.program, "program"));
        };
        if self.only_credits(program.index) {
            return Err(self.refuse_credited_at(program.index));
        }
        if !self.transaction.is_balanced() {
            // The callee is refused; what is wrong is the caller's.
            self.refuse_sum();
        }

        let metas_start = self.transaction.metas.len();
        self.transaction.metas.extend_from_slice(&metas);
        let address = self.transaction.address_of(program.index);
        let frame = Frame {
            program_index: program.index,
            program: address.ok_or(InstructionError::MissingAccount)?,
            metas_start,
            data: instruction.data,
            credit_only,
        };
        InvokeContext::new(self.transaction, frame).run()
    }

    /// The callee's accounts with their rights, each checked against this instruction's.
    fn callee_metas(
        &mut self,
        accounts: &[AccountMeta],
        signers: &[Address],
    ) -> Result<SmallVec<[InstructionAccount; 8]>, InstructionError> {
        let mut metas = SmallVec::<[InstructionAccount; 8]>::new();
        for meta in accounts {
            let address = &meta.address;
            let Some(held) = self.named_account(address) else {
                self.log_line(|| format!("Instruction references an unknown account {address}"));
                return Err(self.refuse_unnamed(address, "account"));
            };
            let may_sign = held.is_signer || signers.contains(address);
            let right = match (meta.is_writable, meta.is_signer) {
                (true, _) if !held.is_writable => Some("writable"),
                (_, true) if !may_sign => Some("signer"),
                _ => None,
            };
            if let Some(right) = right {
                self.log_line(|| format!("{address}'s {right} privilege escalated"));
                return Err(self.refuse_right(held, meta.is_signer && !may_sign));
            }
            let InstructionAccount { index, .. } = held;
            let (is_signer, is_writable) = (meta.is_signer, meta.is_writable);
            metas.push(InstructionAccount {
                index,
                is_signer,
                is_writable,
            });
        }
        // An account named twice has the rights of both names, wherever it is named.
        for position in 0..metas.len() {
            let index = metas[position].index;
            let same = metas.iter().filter(|meta| meta.index == index);
            let (is_signer, is_writable) = same.fold((false, false), |(signer, writable), meta| {
                (signer | meta.is_signer, writable | meta.is_writable)
            });
            metas[position] = InstructionAccount {
                index,
                is_signer,
                is_writable,
            };
        }
        Ok(metas)
    }

    /// Which of a callee's accounts this program only credits, by position there.
    fn credit_only_in(&self, metas: &[InstructionAccount]) -> Result<Positions, InstructionError> {
        let mut inherited = Positions::NONE;
        if self.credit_only.is_empty() {
            return Ok(inherited);
        }
        for (position, meta) in metas.iter().enumerate() {
            if self.only_credits(meta.index) {
                if position >= Positions::COUNT {
                    return Err(self.refuse_credited_at(meta.index));
                }
                inherited = inherited.union(Positions::only(position));
            }
        }
        Ok(inherited)
    }

    /// Refuses a callee that would add to other counters of accounts which this program only
    /// credits.
    fn check_counters(
        &self,
        instruction: &InstructionRef<'_>,
        metas: &[InstructionAccount],
        credit_only: Positions,
    ) -> Result<(), InstructionError> {
        let programs = &self.transaction.environment().programs;
        let Some(callee) = programs.get(instruction.program) else {
            return Ok(());
        };
        for position in credit_only.iter() {
            let asked = callee.counters(instruction.data, position);
            let mut own = self.counters.iter();
            let own = own.find(|(own, _)| self.index_at(*own) == Some(metas[position].index));
            if !asked.is_empty() && own.is_none_or(|(_, own)| *own != asked) {
                return Err(self.refuse_counters(metas[position].index, asked));
            }
        }
        Ok(())
    }

    /// True if the program only credits the transaction's account at `index`.
    pub(super) fn only_credits(&self, index: u8) -> bool {
        let mut positions = self.credit_only.iter();
        positions.any(|position| self.metas()[position].index == index)
    }

    /// Takes over what the program declares of accounts that the instruction may write and names at
    /// no other position, or only with declarations that go together. The runtime judges whole
    /// transactions by the same rule before it plans them.
    fn take_declaration(&mut self, program: &dyn Program) {
        let asked: SmallVec<[(usize, Counters); 2]> =
            declared(program, self.frame.data, self.metas().len()).collect();
        let metas = self.metas();
        let is_effective = |position: usize| {
            let index = metas[position].index;
            let names = metas.iter().enumerate();
            let mut names = names.filter(|(_, meta)| meta.index == index);
            let joined = names.try_fold(Counters::NONE, |joined: Counters, (name, _)| {
                let (_, own) = asked.iter().find(|(position, _)| *position == name)?;
                joined.joined(*own)
            });
            metas[position].is_writable && joined.is_some()
        };
        let mut credit_only = Positions::NONE;
        let mut counters = SmallVec::new();
        for (position, own) in &asked {
            if is_effective(*position) {
                credit_only = credit_only.union(Positions::only(*position));
                if !own.is_empty() {
                    counters.push((*position, *own));
                }
            }
        }
        self.credit_only = credit_only;
        self.counters = counters;
    }

    /// This instruction's account with the given address, with the rights of all its names.
    fn named_account(&self, address: &Address) -> Option<InstructionAccount> {
        let mut found: Option<InstructionAccount> = None;
        for meta in self.metas() {
            if self.transaction.address_of(meta.index) == Some(address) {
                let held = found.get_or_insert(*meta);
                held.is_signer |= meta.is_signer;
                held.is_writable |= meta.is_writable;
            }
        }
        found
    }

    /// Pushes the frame, runs its program, checks the sum of lamports, pops the frame.
    pub(super) fn run(mut self) -> Result<(), InstructionError> {
        if self.transaction.stack.len() >= INSTRUCTION_STACK_MAX {
            return Err(self.refuse_call(InstructionError::CallDepth));
        }
        if self.transaction.trace_length >= INSTRUCTION_TRACE_MAX {
            return Err(self.refuse_call(InstructionError::MaxInstructionTraceLengthExceeded));
        }
        if !self.transaction.stack.is_empty() {
            if !self.transaction.is_balanced() {
                return Err(InstructionError::UnbalancedInstruction);
            }
            let callers = self.transaction.stack.as_slice();
            let is_self_call = callers.last() == Some(&self.frame.program_index);
            if !is_self_call && callers.contains(&self.frame.program_index) {
                return Err(self.refuse_call(InstructionError::ReentrancyNotAllowed));
            }
            self.record_inner_instruction();
        }
        self.transaction.trace_length = self.transaction.trace_length.saturating_add(1);
        let callee = self.callee()?;
        if let Callee::Native(program) = callee {
            self.take_declaration(program);
        }
        let disobeyed = self.frame.credit_only.without(self.credit_only);
        if let Some(position) = disobeyed.iter().next() {
            return Err(self.refuse_credited(position));
        }

        self.transaction.stack.push(self.frame.program_index);
        let address = *self.frame.program;
        self.transaction.records.set_return_data(address, &[]);
        if self.transaction.executables.is_some() {
            self.note();
        }
        let depth = u8::try_from(self.depth()).unwrap_or(u8::MAX);
        self.transaction.records.log(|| LogEntry::Invoke {
            program: address,
            depth,
        });
        let mut result = match callee {
            Callee::Native(program) => program.process(&mut self),
            Callee::Account(executable) => executable.process(&mut self),
        };
        if result.is_ok()
            && let Some(error) = &*self.transaction.failure.borrow()
        {
            // A guard or a callee has failed the transaction already.
            result = Err(error.clone());
        }
        if result.is_ok() && !self.transaction.is_balanced() {
            result = Err(self.refuse_sum());
        }
        diagnostic::settle(self.transaction, &result);
        let records = &mut self.transaction.records;
        match &result {
            Ok(()) => records.log(|| LogEntry::Success { program: address }),
            Err(error) => records.log_failure(address, error),
        }
        self.transaction.stack.pop();
        result
    }

    /// What runs for the instruction: a program that is linked in, or one out of its account.
    fn callee(&self) -> Result<Callee<'t>, InstructionError> {
        let transaction = &self.transaction;
        let slot = transaction
            .slots()
            .get(usize::from(self.frame.program_index));
        let slot = slot.ok_or(InstructionError::MissingAccount)?;
        let slot = slot
            .try_borrow()
            .map_err(|_| InstructionError::AccountBorrowOutstanding)?;
        let environment = transaction.environment();
        let owner = &slot.account().owner;
        if let Some(program) = environment.programs.get(self.frame.program) {
            slot.mark(AccountUse::Read);
            if *owner == program_ids::NATIVE_LOADER {
                return Ok(Callee::Native(program));
            }
        }
        let executables = transaction.executables;
        let executable = executables.and_then(|executables| executables.get(self.frame.program));
        match executable.filter(|_| environment.programs.loader(owner).is_some()) {
            Some(executable) => {
                slot.mark(AccountUse::Read);
                Ok(Callee::Account(executable))
            }
            None => Err(self.refuse_call(InstructionError::UnsupportedProgramId)),
        }
    }

    fn record_inner_instruction(&mut self) {
        let metas = &self.transaction.metas[self.frame.metas_start..self.metas_end];
        let instruction_index = self.transaction.instruction_index;
        let depth = self.transaction.stack.len().saturating_add(1);
        let (program_index, data) = (self.frame.program_index, self.frame.data);
        self.transaction
            .records
            .inner_instruction(|| InnerInstruction {
                instruction_index,
                depth: u8::try_from(depth).unwrap_or(u8::MAX),
                program_index,
                accounts: metas.iter().map(|meta| meta.index).collect(),
                data: data.to_vec(),
            });
    }

    pub(super) fn transaction(&self) -> &TransactionContext<'t> {
        self.transaction
    }

    pub(super) fn index_at(&self, position: usize) -> Option<u8> {
        self.metas().get(position).map(|meta| meta.index)
    }

    #[inline]
    fn metas(&self) -> &[InstructionAccount] {
        &self.transaction.metas[self.frame.metas_start..self.metas_end]
    }

    /// The account at `position`, if the program may know what it holds.
    #[inline]
    fn known_meta(&self, position: usize) -> Result<InstructionAccount, InstructionError> {
        if self.credit_only.contains(position) {
            return Err(self.refuse_credited(position));
        }
        self.meta(position)
    }

    /// The counters of the account at `position`, if the program only adds to it; `None` if it may
    /// do anything with it.
    pub(super) fn counters_at(&self, position: usize) -> Option<Counters> {
        self.credit_only.contains(position).then(|| {
            let mut counters = self.counters.iter();
            let found = counters.find(|(counted, _)| *counted == position);
            found.map_or(Counters::NONE, |(_, counters)| *counters)
        })
    }

    #[inline]
    pub(super) fn meta(&self, position: usize) -> Result<InstructionAccount, InstructionError> {
        let meta = self.metas().get(position).copied();
        meta.ok_or_else(|| self.refuse_missing(position))
    }
}
