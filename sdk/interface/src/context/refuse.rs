//! What the runtime says where it refuses a program something: which account, and what was there.
//!
//! All of it is cold, and made only while logs are recorded.

use std::ops::Range;

use super::{AccountMut, Cause, InstructionAccount, InvokeContext, Rule, Subject, diagnostic};
use crate::{
    Address, Counters, InstructionError,
    address::DeriveError,
    limits::{
        ACCOUNT_DATA_SIZE_MAX, INSTRUCTION_GROWTH_MAX, INSTRUCTION_STACK_MAX,
        TRANSACTION_GROWTH_MAX,
    },
};

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

    /// An account that the instruction does not name.
    #[cold]
    pub(super) fn refuse_missing(&self, position: usize) -> InstructionError {
        let error = self.rules().missing_account_error();
        self.diagnose(&error, || Cause::Rule {
            subject: Subject::Account {
                field: String::new(),
                position,
                address: None,
            },
            rule: Rule::Present,
            expected: "an account at this position of the instruction".to_owned(),
            got: format!("{} accounts", self.account_count()),
        });
        error
    }

    /// An invoke with more of something than an invoke may have.
    #[cold]
    pub(super) fn refuse_invoke(
        &self,
        program: &Address,
        what: &str,
        count: usize,
        most: usize,
    ) -> InstructionError {
        let is_data = what.starts_with("bytes");
        let (error, rule) = match is_data {
            true => (InstructionError::InvalidArgument, Rule::Size),
            false => (InstructionError::MaxAccountsExceeded, Rule::Count),
        };
        self.diagnose(&error, || Cause::Rule {
            subject: Subject::Invoked(*program),
            rule,
            expected: format!("an invoke with at most {most} {what}"),
            got: count.to_string(),
        });
        error
    }

    /// An invoke signed for by an address that its seeds do not give. Solana reports such errors
    /// under their number.
    #[cold]
    pub(super) fn refuse_seeds(&self, program: &Address, cause: DeriveError) -> InstructionError {
        let error = InstructionError::Custom(cause as u32);
        self.diagnose(&error, || Cause::Rule {
            subject: Subject::Invoked(*program),
            rule: Rule::Seeds,
            expected: "seeds that give an address of the invoking program".to_owned(),
            got: cause.to_string(),
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
            let change = self.transaction().lamports_change();
            let (expected, got) = match self.lamports_sum() {
                Some(sum) => {
                    let before = sum.saturating_sub(change);
                    (
                        format!("{before} in the instruction's accounts, as before it"),
                        format!("{sum} ({change:+})"),
                    )
                }
                // What others add at the same time to an account that is credited is not known.
                None => (
                    "as many in all as before the instruction".to_owned(),
                    format!("{change:+}"),
                ),
            };
            Cause::Rule {
                subject: Subject::Lamports,
                rule: Rule::Balance,
                expected,
                got,
            }
        });
        error
    }

    /// The lamports of the instruction's accounts, each counted once; `None` if it credits one
    /// together with others.
    fn lamports_sum(&self) -> Option<i128> {
        let mut counted = Vec::new();
        let mut sum = 0i128;
        for position in 0..self.account_count() {
            let index = self.index_at(position)?;
            if counted.contains(&index) {
                continue;
            }
            counted.push(index);
            let slot = self.transaction().slots()[usize::from(index)].try_borrow();
            let slot = slot.ok().filter(|_| !self.only_credits(index))?;
            sum = sum.saturating_add(slot.lamports().into());
        }
        Some(sum)
    }

    /// A look at an account, or a call with it, where the program declared to credit it only.
    #[cold]
    pub(super) fn refuse_credited(&self, position: usize) -> InstructionError {
        let error = InstructionError::PrivilegeEscalation;
        self.diagnose(&error, || {
            let expected = "nothing but credits, as the program declares of this account";
            let got = "another use of it, such as a read, a debit, or a call that does more";
            self.cause(position, Rule::Privilege, expected, got.to_owned())
        });
        error
    }

    /// A callee's account which the program only credits, at a position that cannot say so.
    #[cold]
    pub(super) fn refuse_credited_at(&self, index: u8) -> InstructionError {
        let mut positions = 0..self.account_count();
        let position = positions.find(|position| self.index_at(*position) == Some(index));
        self.refuse_credited(position.unwrap_or(0))
    }

    /// This call, which the tree of calls leaves no room for.
    #[cold]
    pub(super) fn refuse_call(&self, error: InstructionError) -> InstructionError {
        self.diagnose(&error, || {
            let (rule, expected, got) = match error {
                InstructionError::CallDepth => (
                    Rule::Calls,
                    format!("calls that nest {INSTRUCTION_STACK_MAX} deep at most"),
                    "a deeper one",
                ),
                InstructionError::ReentrancyNotAllowed => (
                    Rule::Calls,
                    "a program that is not running already, or that calls itself".to_owned(),
                    "one that waits for its callee",
                ),
                InstructionError::UnsupportedProgramId => (
                    Rule::Named,
                    "a program that the chain has".to_owned(),
                    "none at this address",
                ),
                _ => (
                    Rule::Calls,
                    "fewer instructions in one transaction, invoked ones included".to_owned(),
                    "one more",
                ),
            };
            Cause::Rule {
                subject: Subject::Invoked(*self.program()),
                rule,
                expected,
                got: got.to_owned(),
            }
        });
        error
    }

    /// What the transaction has spent or left, past its limit.
    #[cold]
    pub(super) fn refuse_amount(
        &self,
        error: InstructionError,
        what: &'static str,
        expected: String,
        got: String,
    ) -> InstructionError {
        let rule = match error {
            InstructionError::ComputationalBudgetExceeded => Rule::Units,
            _ => Rule::Size,
        };
        self.diagnose(&error, || Cause::Rule {
            subject: Subject::Transaction(what),
            rule,
            expected,
            got,
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

/// Refusals of a change. The position is the one under which the account is borrowed.
impl AccountMut<'_, '_> {
    /// A change that is the owner's to make.
    #[cold]
    pub(super) fn refuse_owner(&self, error: InstructionError) -> InstructionError {
        let what = match error {
            InstructionError::ExternalAccountLamportSpend => "debits",
            _ => "changes",
        };
        let expected = format!("the running program as owner of an account that it {what}");
        let got = self.owner.to_string();
        self.refuse(error, Rule::Owner, expected, got)
    }

    /// A change of what the instruction names read-only.
    #[cold]
    pub(super) fn refuse_change(&self, error: InstructionError) -> InstructionError {
        let (expected, got) = ("a writable account", "a change of a read-only one");
        self.refuse(error, Rule::Writable, expected.to_owned(), got.to_owned())
    }

    /// A debit of more than there is, or a credit of more than fits.
    #[cold]
    pub(super) fn refuse_lamports(&self, lamports: u64, is_credit: bool) -> InstructionError {
        let error = InstructionError::ArithmeticOverflow;
        let (expected, got) = match is_credit {
            // What others add at the same time is not known, and so not told of the balance.
            true => (
                "a balance of less than 2^64 lamports".to_owned(),
                format!("{lamports} lamports more than there were"),
            ),
            false => (
                format!("at least {lamports} lamports"),
                self.lamports.to_string(),
            ),
        };
        self.refuse(error, Rule::Lamports, expected, got)
    }

    /// An addition to a counter that has no room for it, or is not within the data. What it holds
    /// is not told: others may be adding to it.
    #[cold]
    pub(super) fn refuse_addition(
        &self,
        error: InstructionError,
        offset: usize,
        amount: u64,
    ) -> InstructionError {
        let (expected, got) = match error {
            InstructionError::AccountDataTooSmall => (
                format!("a counter at {offset} of the data"),
                format!("{} bytes", self.data.len()),
            ),
            _ => (
                format!("a counter at {offset} of less than 2^64"),
                format!("{amount} more than there were"),
            ),
        };
        self.refuse(error, Rule::Size, expected, got)
    }

    /// A size that is too large, or too much larger than it was.
    #[cold]
    pub(super) fn refuse_size(&self, size: usize) -> InstructionError {
        let before = self.slot.size_at_entry;
        let expected = format!(
            "at most {ACCOUNT_DATA_SIZE_MAX} bytes, and {INSTRUCTION_GROWTH_MAX} more than the \
             {before} before the instruction"
        );
        let error = InstructionError::InvalidRealloc;
        self.refuse(error, Rule::Size, expected, size.to_string())
    }

    /// An owner that the program may not set.
    #[cold]
    pub(super) fn refuse_handover(&self) -> InstructionError {
        let expected = "a writable account of the running program, its data all zero, where the \
                        owner is changed";
        let got = match (self.is_owned_by_program(), self.meta.is_writable) {
            (false, _) => format!("one that {} owns", self.owner),
            (_, false) => "a read-only one".to_owned(),
            _ => "data that is not all zero".to_owned(),
        };
        let error = InstructionError::ModifiedProgramId;
        self.refuse(error, Rule::Owner, expected.to_owned(), got)
    }

    /// A growth that is too much for the transaction.
    #[cold]
    pub(super) fn refuse_growth(&self, size: usize) -> InstructionError {
        let expected = format!(
            "accounts that grow by at most {TRANSACTION_GROWTH_MAX} bytes in a transaction"
        );
        let error = InstructionError::MaxAccountsDataAllocationsExceeded;
        self.refuse(
            error,
            Rule::Size,
            expected,
            format!("{size} bytes for this one"),
        )
    }

    fn refuse(
        &self,
        error: InstructionError,
        rule: Rule,
        expected: String,
        got: String,
    ) -> InstructionError {
        let is_first = self.transaction.failure.borrow().is_none();
        if self.transaction.records.is_recording() && is_first {
            let cause = Cause::Rule {
                subject: Subject::Account {
                    field: String::new(),
                    position: self.slot.borrowed_as().into(),
                    address: Some(*self.address()),
                },
                rule,
                expected,
                got,
            };
            diagnostic::record(self.transaction, &error, cause);
        }
        error
    }
}
