//! Events: typed values that a program publishes and that receipts carry.
//!
//! An event is its discriminator byte and its fields in the borsh format.

use crate::{
    Result,
    data::{Data, decode_all},
    interface::{InvokeContext, context},
};

/// A value that a program publishes. `#[event]` implements it.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::prelude::*;
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[event(1)]
/// pub struct Deposited {
///     pub lamports: u64,
/// }
///
/// fn tell(context: &mut Context<'_, '_>) -> Result {
///     Deposited { lamports: 5 }.emit(context)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "it needs `#[event(..)]`"
)]
pub trait Event: Data {
    /// The first byte.
    const DISCRIMINATOR: u8;
    /// The program that publishes it.
    const PROGRAM: crate::interface::Address;

    /// Publishes it.
    ///
    /// # Errors
    /// `ProgramFailedToComplete` if the transaction's events exceed 10,000 bytes.
    fn emit(&self, context: &mut InvokeContext<'_, '_>) -> Result {
        let mut bytes = vec![Self::DISCRIMINATOR];
        let written = self.encode(&mut bytes);
        written.expect("a list holds fewer than 2^32 items");
        context.emit(bytes)
    }

    /// The event, if a record of a receipt is one.
    fn find(record: &context::Event) -> Option<Self> {
        let (tag, fields) = record.data.split_first()?;
        let is_this = record.program == Self::PROGRAM && *tag == Self::DISCRIMINATOR;
        is_this.then(|| decode_all(fields)).flatten()
    }
}
