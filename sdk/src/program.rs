//! What `#[program]` builds on: from an instruction's bytes to a call of the program's function.

use crate::{
    Result,
    data::{Data, decode_all, encode},
    error::{self, ErrorDescription},
    interface::{Address, Instruction, InstructionError, InvokeContext, context::Rule},
    set::{AccountSet, Cursor, check_distinct, may_collide},
    violation::{Violation, name_account},
};

/// Compute units of an instruction that says nothing else: what Solana charges for one of the
/// System program.
///
/// ```
/// use lockstep_sdk::program::COMPUTE_UNITS_DEFAULT;
/// assert_eq!(COMPUTE_UNITS_DEFAULT, lockstep_programs::system::COMPUTE_UNITS);
/// ```
pub const COMPUTE_UNITS_DEFAULT: u64 = 150;

/// The arguments of an instruction.
#[doc(hidden)]
pub trait Arguments: Sized {
    /// Decodes them from the instruction's data, which they take up completely.
    fn decode(bytes: &[u8]) -> Option<Self>;

    /// Appends them to an instruction's data.
    fn encode(&self, out: &mut Vec<u8>);
}

/// Arguments whose first ones are `First`: those from which an account set derives addresses.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the account set's arguments are not the instruction's first ones",
    label = "this instruction takes `{Self}`, and its accounts are derived from `{First}`",
    note = "`#[args(..)]` on the account set repeats the first arguments of each of its instructions"
)]
pub trait StartsWith<First> {
    /// A copy of the first arguments.
    fn first(&self) -> First;
}

macro_rules! arguments {
    ($($name:ident)*) => {
        impl<$($name: Data),*> Arguments for ($($name,)*) {
            #[allow(unused_mut, unused_variables, reason = "there may be no argument")]
            fn decode(mut bytes: &[u8]) -> Option<Self> {
                let arguments = ($($name::decode(&mut bytes)?,)*);
                bytes.is_empty().then_some(arguments)
            }

            #[allow(unused_variables, non_snake_case, reason = "there may be no argument")]
            fn encode(&self, out: &mut Vec<u8>) {
                let ($($name,)*) = self;
                $($name.encode(out).expect("a list holds fewer than 2^32 items");)*
            }
        }
    };
}

macro_rules! starts_with {
    ([$($first:ident)*] [$($rest:ident)*]) => {
        #[diagnostic::do_not_recommend]
        impl<$($first: Clone,)* $($rest),*> StartsWith<($($first,)*)>
            for ($($first,)* $($rest,)*)
        {
            #[allow(non_snake_case, clippy::unused_unit, reason = "the type parameters name the arguments")]
            fn first(&self) -> ($($first,)*) {
                #[allow(unused_variables, reason = "the rest is not asked for")]
                let ($($first,)* $($rest,)*) = self;
                ($($first.clone(),)*)
            }
        }
    };
}

/// Every list of arguments, and every way to cut it in two.
macro_rules! every_start {
    ([$($first:ident)*] []) => {
        starts_with!([$($first)*] []);
        arguments!($($first)*);
    };
    ([$($first:ident)*] [$next:ident $($rest:ident)*]) => {
        starts_with!([$($first)*] [$next $($rest)*]);
        every_start!([$($first)* $next] [$($rest)*]);
    };
}

every_start!([] []);
every_start!([][A]);
every_start!([] [A B]);
every_start!([] [A B C]);
every_start!([] [A B C D]);
every_start!([] [A B C D E]);
every_start!([] [A B C D E F]);
every_start!([] [A B C D E F G]);
every_start!([] [A B C D E F G H]);
every_start!([] [A B C D E F G H I]);
every_start!([] [A B C D E F G H I J]);
every_start!([] [A B C D E F G H I J K]);
every_start!([] [A B C D E F G H I J K L]);

/// What an instruction returns: nothing, or a value for its caller.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an instruction cannot return `{Self}`",
    label = "an instruction returns `Result`, or `Result<T>` with a `T` that has `Data`"
)]
pub trait Returned {
    /// Leaves the value for the caller.
    ///
    /// # Errors
    /// See [`InvokeContext::set_return_data`].
    fn leave(&self, context: &mut InvokeContext<'_, '_>) -> Result;
}

impl Returned for () {
    #[inline]
    fn leave(&self, _context: &mut InvokeContext<'_, '_>) -> Result {
        Ok(())
    }
}

impl<T: Data> Returned for T {
    fn leave(&self, context: &mut InvokeContext<'_, '_>) -> Result {
        context.set_return_data(&encode(self))
    }
}

/// The value that the invoked program has returned.
///
/// # Errors
/// `InvalidAccountData` if it returned something else.
#[doc(hidden)]
pub fn returned<T: Data>(context: &InvokeContext<'_, '_>, program: &Address) -> Result<T> {
    let left = context.return_data();
    let value = decode_all(&left.data).filter(|_| left.program == *program);
    value.ok_or_else(|| {
        Violation {
            rule: Rule::Encoding,
            error: &InstructionError::InvalidAccountData,
            expected: &"the value that the invoked instruction returns",
            got: &format_args!("{} bytes of {}", left.data.len(), left.program),
        }
        .of_data(context)
    })
}

/// Runs one instruction: decodes its arguments, takes and checks its accounts, calls `handler`,
/// and does what the set declares for the end. `first` gives the arguments from which the set's
/// addresses are derived.
///
/// Allocates nothing if the arguments and the handler do not.
///
/// # Errors
/// `InvalidInstructionData`; the first rule about accounts that is broken; what the handler
/// returns.
#[doc(hidden)]
#[inline]
pub fn run<'i, 'a, A: AccountSet<'a>, T: Arguments, R: Returned>(
    context: &mut InvokeContext<'i, 'a>,
    data: &[u8],
    compute_units: u64,
    first: impl FnOnce(&T) -> A::Args,
    handler: impl FnOnce(&A, &mut InvokeContext<'i, 'a>, T) -> Result<R>,
) -> Result {
    let result = run_unnamed(context, data, compute_units, first, handler);
    // A guard that could not write has failed the transaction without a result.
    if result.is_err() || context.is_failed() {
        name_account(context, A::ACCESS);
    }
    result
}

#[inline]
fn run_unnamed<'i, 'a, A: AccountSet<'a>, T: Arguments, R: Returned>(
    context: &mut InvokeContext<'i, 'a>,
    data: &[u8],
    compute_units: u64,
    first: impl FnOnce(&T) -> A::Args,
    handler: impl FnOnce(&A, &mut InvokeContext<'i, 'a>, T) -> Result<R>,
) -> Result {
    context.consume(compute_units)?;
    context.meter();
    let args = T::decode(data).ok_or_else(|| refuse_data(context, data))?;
    let accounts = A::take(&mut Cursor::new(context))?;
    if const { may_collide(A::ACCESS) } {
        check_distinct(context, A::ACCESS)?;
    }
    accounts.check(context, &first(&args))?;
    let returned = handler(&accounts, context, args)?;
    accounts.finish(context)?;
    returned.leave(context)
}

#[cold]
fn refuse_data(context: &InvokeContext<'_, '_>, data: &[u8]) -> InstructionError {
    Violation {
        rule: Rule::Encoding,
        error: &InstructionError::InvalidInstructionData,
        expected: &"the instruction's arguments",
        got: &format_args!("{} bytes that are none", data.len()),
    }
    .of_data(context)
}

/// Refuses data that begins with the discriminator of no instruction.
#[doc(hidden)]
#[cold]
pub fn refuse_discriminator(context: &InvokeContext<'_, '_>) -> InstructionError {
    let data = context.data();
    let shown = &data[..data.len().min(8)];
    Violation {
        rule: Rule::Discriminator,
        error: &InstructionError::InvalidInstructionData,
        expected: &"the discriminator of an instruction",
        got: &format_args!("data that begins with {shown:?}"),
    }
    .of_data(context)
}

/// Ends an instruction: explains an error that the program declares in one of `errors`. For
/// programs whose instructions are not `#[program]`'s, which do so by themselves.
///
/// # Errors
/// The result, unchanged.
///
/// ```
/// use lockstep_sdk::{prelude::*, program::end};
///
/// #[derive(Clone, Copy, Debug, ErrorCode)]
/// pub enum VaultError {
///     /// the vault is locked
///     Locked = 7,
/// }
///
/// fn process(context: &mut Context<'_, '_>) -> Result {
///     let result = match context.data() {
///         [] => Err(VaultError::Locked.into()),
///         _ => Ok(()),
///     };
///     end(context, result, &[VaultError::ERRORS])
/// }
/// ```
#[inline]
pub fn end(
    context: &InvokeContext<'_, '_>,
    result: Result,
    errors: &[&[ErrorDescription]],
) -> Result {
    if let Err(error) = &result {
        error::explain(context, error, errors);
    }
    result
}

/// A client's call of an instruction, or that of an invoking program. The `first` of its arguments
/// are those from which the set's addresses are derived.
#[doc(hidden)]
pub fn call<'a, A: AccountSet<'a>, T: Arguments>(
    program: Address,
    discriminator: &[u8],
    addresses: &A::Addresses,
    first: &A::Args,
    args: &T,
) -> Instruction {
    let mut accounts = Vec::with_capacity(A::ACCESS.len());
    A::metas(addresses, first, &mut accounts);
    crate::account::fill_absent(&program, &mut accounts);
    let mut data = discriminator.to_vec();
    args.encode(&mut data);
    Instruction {
        program,
        accounts,
        data,
    }
}
