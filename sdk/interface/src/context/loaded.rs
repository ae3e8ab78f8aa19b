//! What programs out of accounts, and their loaders, ask of the instruction that runs.

use super::{InvokeContext, LogEntry, ProcessedInstruction, TransactionContext, record::Base64};
use crate::{Address, InstructionError};

impl<'t> InvokeContext<'_, 't> {
    /// Bytes of heap that a program out of an account has.
    pub fn heap_size(&self) -> usize {
        self.transaction.heap_size
    }

    /// Ends the calls of the program account at `position` for the rest of the block, unless the
    /// transaction fails. Loaders do so when they change a program: what they wrote can be called
    /// from the next block on.
    ///
    /// # Errors
    /// `MissingAccount` (or what the rules say) past the end; `ReadonlyDataModified` if the account
    /// is read-only: transactions that call it may be running.
    pub fn retire(&mut self, position: usize) -> Result<(), InstructionError> {
        if !self.is_writable(position)? {
            return Err(InstructionError::ReadonlyDataModified);
        }
        let program = self.address(position)?;
        self.transaction.retire(program);
        Ok(())
    }

    /// The instruction that ran before this one at the same depth and for the same caller, the
    /// nearest being number 0; `None` past the first, and where the transaction calls no program
    /// out of an account.
    pub fn sibling(&self, index: usize) -> Option<ProcessedInstruction<'_>> {
        self.transaction.trace.sibling(self.depth(), index)
    }

    /// The address of the transaction's account at an index, as [`InvokeContext::sibling`] has it.
    pub fn address_in_transaction(&self, index: u8) -> Option<&'t Address> {
        self.transaction.address_of(index)
    }

    /// Logs a line as it is, which is made only if logs are recorded.
    pub fn log_line(&mut self, line: impl FnOnce() -> String) {
        self.transaction.records.log(|| LogEntry::Line(line()));
    }

    /// Says why the instruction is about to fail, for the log, where its error tells less. The
    /// text is made only if logs are recorded.
    pub fn explain_failure(&mut self, reason: impl FnOnce() -> String) {
        self.transaction.records.explain_failure(reason);
    }

    /// Logs several values on a line, as [`InvokeContext::log_data`] logs one.
    pub fn log_fields(&mut self, fields: impl FnOnce() -> Vec<Vec<u8>>) {
        self.log_line(|| {
            let fields = fields();
            let fields = fields.iter().map(|field| format!(" {}", Base64(field)));
            format!("Program data:{}", fields.collect::<String>())
        });
    }

    /// Logs what the instruction has returned so far, if anything: what the program left for its
    /// caller, or else what the last program that it invoked left.
    pub fn log_return_data(&mut self) {
        let returned = self.transaction.records.return_data();
        if returned.data.is_empty() || !self.transaction.records.is_recording() {
            return;
        }
        let data = Base64(&returned.data);
        let line = format!("Program return: {} {data}", self.frame.program);
        self.log_line(|| line);
    }

    /// Notes that the instruction runs.
    pub(super) fn note(&mut self) {
        let TransactionContext {
            trace,
            metas,
            stack,
            ..
        } = &mut *self.transaction;
        let metas = &metas[self.frame.metas_start..self.metas_end];
        trace.push(
            stack.len(),
            self.frame.program_index,
            metas,
            self.frame.data,
        );
    }
}
