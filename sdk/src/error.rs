//! A program's own errors: numbers in transactions, names and messages for people.

use crate::interface::{
    InstructionError, InvokeContext,
    context::{Cause, Rule},
};

/// One error that a program declares.
///
/// ```
/// use lockstep_sdk::prelude::*;
///
/// #[derive(Clone, Copy, Debug, ErrorCode)]
/// pub enum VaultError {
///     /// the vault is locked
///     Locked = 7,
/// }
///
/// let known = &VaultError::ERRORS[0];
/// assert_eq!((known.code, known.name, known.message), (7, "Locked", "the vault is locked"));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ErrorDescription {
    /// The number in [`InstructionError::Custom`].
    pub code: u32,
    /// The variant's name.
    pub name: &'static str,
    /// The variant's documentation.
    pub message: &'static str,
}

/// An enum of errors. `#[derive(ErrorCode)]` implements it, and `Display`, `Error` and
/// `Into<InstructionError>` besides: each variant's number is its code, its documentation its
/// message.
///
/// ```
/// use lockstep_sdk::prelude::*;
///
/// #[derive(Clone, Copy, Debug, ErrorCode)]
/// pub enum VaultError {
///     /// the vault is locked
///     Locked = 7,
/// }
///
/// assert_eq!(InstructionError::from(VaultError::Locked), InstructionError::Custom(7));
/// assert_eq!(VaultError::Locked.to_string(), "the vault is locked");
/// ```
pub trait ErrorCode: Copy {
    /// All errors, in the order of their declaration.
    const ERRORS: &'static [ErrorDescription];

    /// Number, name and message.
    fn description(self) -> &'static ErrorDescription;
}

/// Fails with an error unless a condition holds.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// fn half(lamports: u64) -> Result<u64> {
///     require!(lamports % 2 == 0, InstructionError::InvalidArgument);
///     Ok(lamports / 2)
/// }
/// assert_eq!(half(3), Err(InstructionError::InvalidArgument));
/// ```
#[macro_export]
macro_rules! require {
    ($condition:expr, $error:expr $(,)?) => {
        if !$condition {
            return ::std::result::Result::Err(::std::convert::Into::into($error));
        }
    };
}

/// Records name and message of an error that the program declares.
#[cold]
pub(crate) fn explain(
    context: &InvokeContext<'_, '_>,
    error: &InstructionError,
    errors: &[&[ErrorDescription]],
) {
    let InstructionError::Custom(code) = error else {
        return;
    };
    let mut known = errors.iter().copied().flatten();
    let Some(ErrorDescription { name, message, .. }) = known.find(|known| known.code == *code)
    else {
        return;
    };
    // A condition of an account set says which account, and gets the words that it lacks.
    let mut is_said = false;
    context.refine_diagnostic(|cause| {
        if let Cause::Rule {
            rule: Rule::Check,
            got,
            ..
        } = cause
        {
            *got = format!("{name}: {message}");
            is_said = true;
        }
    });
    if !is_said {
        context.diagnose(error, || Cause::Declared { name, message });
    }
}
