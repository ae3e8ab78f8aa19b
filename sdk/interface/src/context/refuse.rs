//! What the runtime says where it refuses a program something: which account, and what was there.
//!
//! All of it is cold, and made only while logs are recorded.

use std::ops::Range;

use super::{Cause, InstructionAccount, InvokeContext, Rule, Subject};
use crate::{Address, Counters, InstructionError};

impl InvokeContext<'_, '_> {
    /// A borrow while another is alive.
    #[cold]
    pub(super) fn refuse_borrow(
        &self,
        position: usize,
        meta: InstructionAccount,
    ) -> InstructionError {
        let error = InstructionError::AccountBorrowFailed;
        self.diagnose(&error, || {
            let slot = &self.transaction().slots()[usize::from(meta.index)];
            // Shared borrows can be looked at; of an exclusive one, all that is known is that it
            // lives.
            let got = match slot.try_borrow() {
                Ok(slot) => format!(
                    "a guard that reads it as account {} and is still alive",
                    slot.borrowed_as()
                ),
                Err(_) => "a guard that writes it and is still alive".to_owned(),
            };
            self.cause(position, Rule::Borrow, "no other guard of the account", got)
        });
        error
    }

    /// An invoke of what the instruction does not name.
    #[cold]
    pub(super) fn refuse_unnamed(&self, address: &Address, what: &str) -> InstructionError {
        let error = InstructionError::MissingAccount;
        self.diagnose(&error, || Cause::Rule {
            subject: Subject::Invoked(*address),
            rule: Rule::Named,
            expected: format!("the {what} among those of the invoking instruction"),
            got: format!("{} others", self.account_count()),
        });
        error
    }

    /// An invoke that gives a right which the instruction does not have.
    #[cold]
    pub(super) fn refuse_right(
        &self,
        held: InstructionAccount,
        is_signature: bool,
    ) -> InstructionError {
        let error = InstructionError::PrivilegeEscalation;
        let mut positions = 0..self.account_count();
        let position = positions.find(|position| self.index_at(*position) == Some(held.index));
        self.diagnose(&error, || {
            let (expected, got) = match is_signature {
                true => (
                    "a signature for the invoke",
                    "none, and no seeds that give one",
                ),
                false => ("a writable account for the invoke", "a read-only one"),
            };
            self.cause(
                position.unwrap_or(0),
                Rule::Privilege,
                expected,
                got.to_owned(),
            )
        });
        error
    }

    /// An invoke that would add to other counters than the invoking instruction declared.
    #[cold]
    pub(super) fn refuse_counters(&self, index: u8, asked: Counters) -> InstructionError {
        let mut positions = 0..self.account_count();
        let position = positions.find(|position| self.index_at(*position) == Some(index));
        let position = position.unwrap_or(0);
        let own = self.counters_at(position).unwrap_or_default();
        let got = format!("an invoke that adds to {}", list(asked));
        self.refuse_declared(position, &format!("additions to {}", list(own)), got)
    }

    /// An addition to a counter that was not declared.
    #[cold]
    pub(super) fn refuse_counter(
        &self,
        position: usize,
        own: Counters,
        offset: usize,
    ) -> InstructionError {
        let got = format!("one to the bytes from {offset}");
        self.refuse_declared(position, &format!("additions to {}", list(own)), got)
    }

    /// A read of a counter that others may be adding to.
    #[cold]
    pub(super) fn refuse_reading(
        &self,
        position: usize,
        offset: usize,
        range: &Range<usize>,
    ) -> InstructionError {
        let Range { start, end } = range;
        let got = format!("a read of bytes {start} to {end}");
        self.refuse_declared(
            position,
            &format!("no look at the counter at {offset}"),
            got,
        )
    }

    fn refuse_declared(&self, position: usize, expected: &str, got: String) -> InstructionError {
        let error = InstructionError::PrivilegeEscalation;
        self.diagnose(&error, || {
            self.cause(position, Rule::Privilege, expected, got)
        });
        error
    }

    /// An instruction that made or destroyed lamports.
    #[cold]
    pub(super) fn refuse_sum(&self) -> InstructionError {
        let error = InstructionError::UnbalancedInstruction;
        self.diagnose(&error, || {
            // The sums themselves are not known where others credit an account at the same time.
            let change = self.transaction().lamports_change();
            Cause::Rule {
                subject: Subject::Lamports,
                rule: Rule::Balance,
                expected: "as many in all as before the instruction".to_owned(),
                got: format!("{change:+}"),
            }
        });
        error
    }

    fn cause(&self, position: usize, rule: Rule, expected: &str, got: String) -> Cause {
        Cause::Rule {
            subject: Subject::Account {
                field: String::new(),
                position,
                address: self.address(position).ok().copied(),
            },
            rule,
            expected: expected.to_owned(),
            got,
        }
    }
}

/// Counters, for people.
fn list(counters: Counters) -> String {
    match counters.offsets() {
        [] => "lamports alone".to_owned(),
        offsets => format!("the counters at {offsets:?}"),
    }
}
