//! Why an instruction failed, in more detail than its error code: where in the tree of calls, on
//! which account, under which rule, what was expected and what was there.
//!
//! A diagnostic is for people. It is made only while logs are recorded and enters no root and no
//! status.

use std::fmt;

use super::TransactionContext;
use crate::{Address, InstructionError};

/// One call on the way from the transaction to the instruction that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PathStep {
    /// Index among the calls of the same caller: at the top level, the instruction's index in the
    /// transaction.
    pub index: u8,
    /// The program that was called.
    pub program: Address,
}

/// A rule about an account or about instruction data that a program checks before it acts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// The account has to be there.
    Present,
    /// The account has to sign.
    Signer,
    /// The account has to be writable.
    Writable,
    /// The account has a certain address.
    Address,
    /// The account's address is derived from seeds.
    Seeds,
    /// A program owns the account.
    Owner,
    /// The data begins with a certain discriminator.
    Discriminator,
    /// The data has a certain size, or fits into a limit.
    Size,
    /// The data can be decoded.
    Encoding,
    /// The account does not exist yet.
    Uninitialized,
    /// A field of the account's state is the address of another account.
    HasOne,
    /// No other writable account of the instruction has this address.
    Distinct,
    /// The number of accounts that may follow is limited.
    Count,
    /// A condition that the program declares at the account.
    Check,
    /// No other borrow of the account is alive.
    Borrow,
    /// An invoke gives no right that the invoking instruction does not have.
    Privilege,
    /// An invoke names accounts and programs of the invoking instruction only.
    Named,
    /// An instruction moves lamports, and neither makes nor destroys them.
    Balance,
    /// An account holds enough lamports for its size.
    Rent,
    /// A balance covers what is taken from it, and fits 64 bits.
    Lamports,
    /// Calls nest within limits, and call no program that waits for them.
    Calls,
    /// The transaction has compute units left.
    Units,
}

impl Rule {
    /// The rule's name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Signer => "signer",
            Self::Writable => "writable",
            Self::Address => "address",
            Self::Seeds => "seeds",
            Self::Owner => "owner",
            Self::Discriminator => "discriminator",
            Self::Size => "size",
            Self::Encoding => "encoding",
            Self::Uninitialized => "uninitialized",
            Self::HasOne => "has_one",
            Self::Distinct => "distinct",
            Self::Count => "count",
            Self::Check => "check",
            Self::Borrow => "borrow",
            Self::Privilege => "privilege",
            Self::Named => "named",
            Self::Balance => "balance",
            Self::Rent => "rent",
            Self::Lamports => "lamports",
            Self::Calls => "calls",
            Self::Units => "units",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What broke a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// An account of the instruction.
    Account {
        /// Its field in the program's declaration, nested sets joined by dots; empty if the
        /// program names none.
        field: String,
        /// Its position in the instruction.
        position: usize,
        /// Its address; `None` if the instruction names fewer accounts.
        address: Option<Address>,
    },
    /// The instruction's data.
    Data,
    /// An account or a program that an invoke names.
    Invoked(Address),
    /// The lamports of all accounts of the transaction.
    Lamports,
    /// What the transaction spends or leaves: its compute budget, the size of its events.
    Transaction(&'static str),
}

/// The cause of a failure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// A rule that the program checks was broken.
    Rule {
        /// What broke it.
        subject: Subject,
        /// The rule.
        rule: Rule,
        /// What the rule asks for.
        expected: String,
        /// What was there.
        got: String,
    },
    /// An error that the program declares.
    Declared {
        /// Its name in the program's source.
        name: &'static str,
        /// What it means.
        message: &'static str,
    },
    /// Nothing is known but the error.
    Plain,
}

/// Why an instruction failed.
///
/// ```
/// use lockstep_interface::{Address, InstructionError};
/// use lockstep_interface::context::{Cause, Diagnostic, PathStep, Rule, Subject};
///
/// let program = Address::new_from_array([0; 32]);
/// let diagnostic = Diagnostic {
///     path: vec![PathStep { index: 2, program }],
///     error: InstructionError::MissingRequiredSignature,
///     cause: Cause::Rule {
///         subject: Subject::Account {
///             field: "owner".into(),
///             position: 0,
///             address: Some(program),
///         },
///         rule: Rule::Signer,
///         expected: "a signature".into(),
///         got: "none".into(),
///     },
/// };
/// let text = diagnostic.to_string();
/// assert!(text.ends_with("breaks the rule `signer`: expected a signature, got none"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// The calls that led to the failed one, which is the last; empty if what all of them left
    /// breaks a rule.
    pub path: Vec<PathStep>,
    /// The error of the failed instruction.
    pub error: InstructionError,
    /// Its cause.
    pub cause: Cause,
}

impl Diagnostic {
    /// The program that failed.
    pub fn program(&self) -> Option<&Address> {
        self.path.last().map(|step| &step.program)
    }
}

/// Records the cause of the running instruction's `error`.
pub(super) fn record(transaction: &TransactionContext<'_>, error: &InstructionError, cause: Cause) {
    let diagnostic = Box::new(Diagnostic {
        path: path(transaction),
        error: error.clone(),
        cause,
    });
    *transaction.diagnostic.borrow_mut() = Some(diagnostic);
}

/// Reconciles what was recorded with the running program's result. Success makes it void. An error
/// without an explanation is recorded as it is; so is one that follows an error the program
/// explained and then recovered from.
pub(super) fn settle(transaction: &TransactionContext<'_>, result: &Result<(), InstructionError>) {
    // What fails the transaction for certain is explained already.
    let is_settled = transaction.failure.borrow().is_some();
    if is_settled || !transaction.records.is_recording() {
        return;
    }
    match result {
        Ok(()) => *transaction.diagnostic.borrow_mut() = None,
        Err(error) => {
            let known = transaction.diagnostic.borrow();
            let is_explained = known.as_ref().is_some_and(|known| known.error == *error);
            drop(known);
            if !is_explained {
                record(transaction, error, Cause::Plain);
            }
        }
    }
}

/// The running call and its callers. The record of invoked instructions tells their indices: at
/// each depth the newest is the one that is running.
fn path(transaction: &TransactionContext<'_>) -> Vec<PathStep> {
    let invoked = transaction.records.inner_instructions();
    let mut start = invoked
        .iter()
        .position(|call| call.instruction_index == transaction.instruction_index)
        .unwrap_or(invoked.len());
    let mut path = Vec::with_capacity(transaction.stack.len());
    for (depth, program) in (1..=u8::MAX).zip(&transaction.stack) {
        let mut index = transaction.instruction_index;
        if depth > 1 {
            let siblings = invoked[start..].iter().enumerate();
            let mut siblings = siblings.filter(|(_, call)| call.depth == depth);
            let earlier = siblings.clone().count().saturating_sub(1);
            let newest = siblings.next_back().map_or(0, |(place, _)| place);
            start = start.saturating_add(newest).saturating_add(1);
            index = u8::try_from(earlier).unwrap_or(u8::MAX);
        }
        let program = transaction.address_of(*program).copied();
        path.push(PathStep {
            index,
            program: program.unwrap_or_default(),
        });
    }
    path
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            formatter.write_str("after the last instruction: ")?;
        } else {
            formatter.write_str("instruction ")?;
        }
        for (depth, step) in self.path.iter().enumerate() {
            let dot = if depth == 0 { "" } else { "." };
            write!(formatter, "{dot}{}", step.index)?;
        }
        if let Some(program) = self.program() {
            write!(formatter, ", program {program}: ")?;
        }
        match &self.cause {
            Cause::Rule {
                subject,
                rule: Rule::Check,
                expected,
                got,
            } => write!(
                formatter,
                "{subject} breaks the rule `check`: {got}, since {expected} does not hold"
            ),
            Cause::Rule {
                subject,
                rule,
                expected,
                got,
            } => write!(
                formatter,
                "{subject} breaks the rule `{rule}`: expected {expected}, got {got}"
            ),
            Cause::Declared { name, message } => {
                write!(formatter, "{name}: {message} ({})", self.error)
            }
            Cause::Plain => write!(formatter, "{}", self.error),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => formatter.write_str("the instruction's data"),
            Self::Invoked(address) => write!(formatter, "{address}, which the invoke names,"),
            Self::Lamports => formatter.write_str("the sum of lamports"),
            Self::Transaction(what) => write!(formatter, "the transaction's {what}"),
            Self::Account {
                field,
                position,
                address,
            } => {
                if field.is_empty() {
                    write!(formatter, "account {position}")?;
                } else {
                    write!(formatter, "account `{field}`")?;
                }
                match address {
                    Some(address) => write!(formatter, " ({address})"),
                    None => Ok(()),
                }
            }
        }
    }
}
