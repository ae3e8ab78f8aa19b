//! Calls of other programs written with this SDK.
//!
//! The accounts of the callee are part of the caller's declaration: its set is a field of the
//! caller's, so that the caller's access list is complete at compile time and no list is written
//! twice. `#[program]` makes one function for each instruction that invokes it.
//!
//! The callee's signers have signed the transaction. Where the program itself is to sign, with an
//! address that it derives, the accounts are fields of its own set, and the call is the client's:
//! `context.invoke_signed(&callee::call::pay(&addresses, 5), &[&seeds.as_slices()])`.

use std::ops::Deref;

use crate::{
    Result,
    access::AccountAccess,
    interface::{AccountMeta, InstructionError, InstructionRef, InvokeContext, context::Rule},
    program::Arguments,
    set::{AccountSet, Accounts, Cursor, Reach},
    violation::Violation,
};

/// The accounts of another program's instruction, and that program: taken with the rights that
/// the callee asks for, and checked by the callee. Dereferences to the callee's set.
///
/// ```
/// # fn main() {}
/// #[lockstep_sdk::program(id = "Be11111111111111111111111111111111111111111")]
/// pub mod bell {
///     use lockstep_sdk::prelude::*;
///
///     #[derive(Accounts)]
///     pub struct Ring<'a> {
///         pub visitor: Signer<'a>,
///     }
///
///     #[instruction(0)]
///     pub fn ring(_accounts: &Ring<'_>, _times: u8) -> Result {
///         Ok(())
///     }
/// }
///
/// #[lockstep_sdk::program(id = "Door111111111111111111111111111111111111111")]
/// pub mod door {
///     use super::bell::{self, Ring};
///     use lockstep_sdk::prelude::*;
///
///     #[derive(Accounts)]
///     pub struct Enter<'a> {
///         pub bell: Forward<Ring<'a>>,
///     }
///
///     #[instruction(0)]
///     pub fn enter(accounts: &Enter<'_>, context: &mut Context<'_, '_>) -> Result {
///         bell::invoke::ring(context, &accounts.bell, 2)
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Forward<S> {
    set: S,
    start: usize,
    count: usize,
}

impl<S> Deref for Forward<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.set
    }
}

impl<S> Reach for Forward<S> {
    type Inside<'c>
        = &'c S
    where
        Self: 'c;

    fn reach<'c>(&'c self, _context: &'c InvokeContext<'_, '_>) -> Result<&'c S> {
        Ok(&self.set)
    }
}

impl<'a, S: Accounts<'a>> AccountSet<'a> for Forward<S> {
    const ACCESS: &'static [AccountAccess] = S::FORWARDED;
    type Args = S::Args;
    type Addresses = S::Addresses;

    fn take(accounts: &mut Cursor<'_, '_, 'a>) -> Result<Self> {
        let program = accounts.skip()?;
        if *program.address() != S::PROGRAM {
            return Err(Violation {
                rule: Rule::Address,
                error: &InstructionError::IncorrectProgramId,
                expected: &S::PROGRAM,
                got: program.address(),
            }
            .of_account(accounts.context(), program));
        }
        let start = accounts.position();
        let set = S::take(accounts)?;
        let count = accounts.position().saturating_sub(start);
        Ok(Self { set, start, count })
    }

    /// Nothing: the callee checks its accounts, and creates those that it declares so.
    fn check(&self, _context: &mut InvokeContext<'_, '_>, _args: &S::Args) -> Result {
        Ok(())
    }

    fn metas(addresses: &S::Addresses, args: &S::Args, metas: &mut Vec<AccountMeta>) {
        metas.push(AccountMeta::readonly(S::PROGRAM, false));
        S::metas(addresses, args, metas);
    }
}

impl<'a, S: Accounts<'a>> Forward<S> {
    /// Calls the instruction of this discriminator. `#[program]` writes the call.
    ///
    /// # Errors
    /// See [`InvokeContext::invoke_signed`].
    #[doc(hidden)]
    pub fn invoke<T: Arguments>(
        &self,
        context: &mut InvokeContext<'_, '_>,
        discriminator: &[u8],
        args: &T,
    ) -> Result {
        let last = S::ACCESS.len().saturating_sub(1);
        let mut accounts = Vec::with_capacity(self.count);
        for index in 0..self.count {
            let AccountAccess {
                is_signer,
                is_writable,
                is_optional,
                ..
            } = S::ACCESS[index.min(last)];
            let address = *context.address(self.start.saturating_add(index))?;
            // Each program's own address stands for absent accounts in its instructions.
            let is_absent = is_optional && address == *context.program();
            accounts.push(AccountMeta {
                address: if is_absent { S::PROGRAM } else { address },
                is_signer: is_signer && !is_absent,
                is_writable: is_writable && !is_absent,
            });
        }
        let mut data = discriminator.to_vec();
        args.encode(&mut data);
        context.invoke(InstructionRef {
            program: &S::PROGRAM,
            accounts: &accounts,
            data: &data,
        })
    }
}
