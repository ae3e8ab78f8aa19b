//! What surrounds every call from C: no panic leaves it, its failure becomes a status and, where it
//! is wanted, an error object.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    given::Out,
    handle,
    kinds::Error,
    program,
    status::{Failure, Status},
};

/// The text of a panic.
fn text_of(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    // Dropping the payload may panic in turn; leaking it cannot.
    std::mem::forget(payload);
    text.unwrap_or_else(|| "without a text".to_owned())
}

/// Runs the work of a call that needs nothing but its arguments, wherever it comes from.
pub(crate) fn contained<R>(work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    // What a panic may have left half changed is reached by handles alone, and either guards
    // itself, as a chain does, or is replaced whole.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let found = format!("a defect of this library: {}", text_of(payload));
        Err(Failure::new(Status::Internal, found))
    })
}

/// Runs the work of a call and reports its failure.
pub(crate) fn call(
    error: Out<'_, *mut Error>,
    work: impl FnOnce() -> Result<(), Failure>,
) -> Status {
    let done = contained(|| {
        if program::is_running() {
            return Err(Failure::new(
                Status::WrongPlace,
                "a program that runs may call functions of its context alone",
            ));
        }
        work()
    });
    error.set(std::ptr::null_mut());
    let Err(failure) = done else {
        return Status::Ok;
    };
    let status = failure.status();
    if error.is_wanted() {
        error.set(handle::put::<Error>(failure));
    }
    status
}

/// The same for a call that has no place for an error object.
pub(crate) fn brief(work: impl FnOnce() -> Result<(), Failure>) -> Status {
    match contained(work) {
        Ok(()) => Status::Ok,
        Err(failure) => failure.status(),
    }
}
