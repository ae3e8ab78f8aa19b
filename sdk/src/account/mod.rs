//! Account types: the type of a field says what the instruction does to the account.
//!
//! - [`Signer`], [`Wallet`], [`Unchecked`], [`Program`]: accounts without state of ours, read;
//!   [`Credit`]: one that lamports are added to.
//! - [`Tally`]: one with state of ours whose counters are added to.
//! - [`State`]: an account with state of ours, read; [`Init`]: one that is created,
//!   [`InitIfNeeded`]: one that is created unless it is there.
//! - [`Mut`], [`Signed`] around them ask for more rights.
//! - [`Option`] and [`Rest`]: accounts that may be absent.
//!
//! They hold a position and a borrowed address. Content is borrowed from the context when it is
//! asked for, so that the compiler keeps borrows from lasting over an invoke.

mod handle;
mod init;
mod rights;
mod several;
mod simple;
mod stateful;
mod tally;

pub use handle::Handle;
pub use init::{Init, InitIfNeeded};
pub use rights::{Creditable, Mut, Signed, Writable};
pub use several::Rest;
pub(crate) use several::fill_absent;
pub use simple::{Credit, Program, ProgramId, Signer, Unchecked, Wallet};
pub use stateful::State;
#[doc(hidden)]
pub use tally::{Fields, tally_offset};
pub use tally::{Tallied, Tally, TallyField};

use crate::{Result, access::AccountAccess, interface::InvokeContext};

/// One account of an instruction.
///
/// ```
/// use lockstep_sdk::prelude::*;
///
/// /// The account's address and whether it signs, whatever else its type asks for.
/// fn shown<'a, A: Account<'a>>(account: &A) -> String {
///     let signs = if A::ACCESS.is_signer { "signs" } else { "does not sign" };
///     format!("{} {signs}", account.handle().address())
/// }
///
/// let address = Address::new_from_array([0; 32]);
/// let signer = Signer::at(Handle::new(&address, 0));
/// assert_eq!(shown(&signer), "11111111111111111111111111111111 signs");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an account type",
    label = "the accounts of an instruction are declared by types such as `Signer` or `Mut<State<T>>`",
    note = "values that a client sends are arguments of the instruction's function",
    note = "a structure of accounts is an account set if it has `#[derive(Accounts)]`"
)]
pub trait Account<'a>: Sized {
    /// What the instruction does to it.
    const ACCESS: AccountAccess;

    /// The account of this handle, unchecked.
    fn at(handle: Handle<'a>) -> Self;

    /// Position and address.
    fn handle(&self) -> Handle<'a>;

    /// Checks the content.
    ///
    /// # Errors
    /// The first rule that is broken.
    fn check(&self, _context: &InvokeContext<'_, '_>) -> Result {
        Ok(())
    }

    /// The bump seed of its address, if the account's state holds it.
    ///
    /// # Errors
    /// `AccountBorrowFailed` while the account is borrowed for writing.
    fn bump(&self, _context: &InvokeContext<'_, '_>) -> Result<Option<u8>> {
        Ok(None)
    }
}
