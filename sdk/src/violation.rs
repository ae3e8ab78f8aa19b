//! How a broken rule becomes an error: Solana's code for the transaction, and a diagnostic for
//! people where logs are recorded.
//!
//! Texts are made only then; otherwise refusing costs nothing but the code.

use std::fmt::Display;

use crate::{
    access::{AccountAccess, field_at},
    account::Handle,
    interface::{
        Address, InstructionError, InvokeContext,
        context::{Cause, Rule, Subject},
    },
};

/// A broken rule.
///
/// ```
/// use lockstep_sdk::{prelude::*, interface::context::Rule, violation::Violation};
/// fn require_even(lamports: u64, context: &Context<'_, '_>) -> Result {
///     if lamports % 2 == 1 {
///         let violation = Violation {
///             rule: Rule::Encoding,
///             error: &InstructionError::InvalidInstructionData,
///             expected: &"an even number of lamports",
///             got: &lamports,
///         };
///         return Err(violation.of_data(context));
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Violation<'v> {
    /// The rule.
    pub rule: Rule,
    /// The code that the instruction fails with.
    pub error: &'v InstructionError,
    /// What the rule asks for.
    pub expected: &'v dyn Display,
    /// What was there.
    pub got: &'v dyn Display,
}

impl std::fmt::Debug for Violation<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            rule,
            expected,
            got,
            ..
        } = self;
        write!(formatter, "{rule}: expected {expected}, got {got}")
    }
}

impl Violation<'_> {
    /// Records that the account broke the rule, and gives the error to return.
    ///
    /// ```
    /// use lockstep_sdk::{prelude::*, interface::context::Rule, violation::Violation};
    /// fn require_rich(wallet: &Wallet<'_>, context: &Context<'_, '_>) -> Result {
    ///     let lamports = wallet.lamports(context)?;
    ///     if lamports < 1_000 {
    ///         let violation = Violation {
    ///             rule: Rule::Size,
    ///             error: &InstructionError::InsufficientFunds,
    ///             expected: &"at least 1,000 lamports",
    ///             got: &lamports,
    ///         };
    ///         return Err(violation.of_account(context, wallet.handle()));
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[cold]
    pub fn of_account(
        &self,
        context: &InvokeContext<'_, '_>,
        handle: Handle<'_>,
    ) -> InstructionError {
        self.at(context, handle.position(), Some(handle.address()))
    }

    /// Records that the account at a position, which may not be there, broke the rule.
    #[cold]
    pub(crate) fn at(
        &self,
        context: &InvokeContext<'_, '_>,
        position: usize,
        address: Option<&Address>,
    ) -> InstructionError {
        self.of(context, || Subject::Account {
            field: String::new(),
            position,
            address: address.copied(),
        })
    }

    /// Records that the instruction's data broke the rule.
    #[cold]
    pub fn of_data(&self, context: &InvokeContext<'_, '_>) -> InstructionError {
        self.of(context, || Subject::Data)
    }

    fn of(
        &self,
        context: &InvokeContext<'_, '_>,
        subject: impl FnOnce() -> Subject,
    ) -> InstructionError {
        context.diagnose(self.error, || Cause::Rule {
            subject: subject(),
            rule: self.rule,
            expected: self.expected.to_string(),
            got: self.got.to_string(),
        });
        self.error.clone()
    }
}

/// Gives the account of a recorded violation the name that it has in the access list.
#[cold]
pub(crate) fn name_account(context: &InvokeContext<'_, '_>, access: &[AccountAccess]) {
    context.refine_diagnostic(|cause| {
        if let Cause::Rule {
            subject: Subject::Account {
                field, position, ..
            },
            rule,
            got,
            ..
        } = cause
            && field.is_empty()
        {
            *field = field_at(access, *position);
            if *rule == Rule::Borrow {
                *got = with_name(got, access);
            }
        }
    });
}

/// The account that another guard has borrowed, by name instead of position.
fn with_name(got: &str, access: &[AccountAccess]) -> String {
    let words = got.split(' ');
    let mut number = words.filter_map(|word| word.parse::<usize>().ok());
    let Some(position) = number.next() else {
        return got.to_owned();
    };
    let (from, to) = (
        format!("account {position}"),
        format!("`{}`", field_at(access, position)),
    );
    got.replace(&from, &to)
}
