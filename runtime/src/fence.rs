//! Code of others is called behind a fence: a panic in it costs the call, not the node.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Calls code of others; a panic comes back as its text.
///
/// What the code was lent may be half changed afterwards, so that callers lend shared references,
/// or drop what they lent.
pub(crate) fn fenced<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(panic_message)
}

/// The text of a panic.
fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("without a text").to_owned();
    // Dropping the payload may panic in turn; leaking it cannot.
    std::mem::forget(payload);
    message
}
