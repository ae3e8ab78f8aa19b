//! Error objects.

use std::ffi::c_char;

use crate::{
    guard::{brief, contained},
    handle,
    kinds::Error,
    status::Status,
};

/// The status that the failed call gave; LOCKSTEP_STATUS_BAD_HANDLE for a freed error, and
/// LOCKSTEP_STATUS_NULL_ARGUMENT for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_error_status(error: *mut Error) -> Status {
    match contained(|| handle::get(error)) {
        Ok(failure) => failure.status(),
        Err(failure) => failure.status(),
    }
}

/// What was expected, what was found, where, and what to do, as one line of UTF-8; NULL if `error`
/// is NULL or freed.
///
/// Threads: any. The text is valid until the error is freed.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_error_text(error: *mut Error) -> *const c_char {
    let found = contained(|| Ok(handle::get(error)?.text().as_ptr()));
    found.unwrap_or(std::ptr::null())
}

/// Frees an error; NULL is nothing to free.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_error_free(error: *mut Error) -> Status {
    brief(|| free(error))
}

/// Ends a handle; NULL is nothing to free.
pub(super) fn free<K: handle::Kind>(handle: *mut K) -> Result<(), crate::status::Failure> {
    if handle.is_null() {
        return Ok(());
    }
    handle::take(handle).map(drop)
}
