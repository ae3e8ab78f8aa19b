//! Which release this is.

use std::ffi::{CStr, c_char};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// The number of this interface. It changes when a program that was built with an older header
/// would no longer work; functions, fields at the end of structs that state their size, and numbers
/// of statuses are added without a change.
pub const ABI_VERSION: u32 = 1;

/// LOCKSTEP_ABI_VERSION as the library was built with it. Compare it with that of the header.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_abi_version() -> u32 {
    ABI_VERSION
}

/// The version of the library, such as "0.1.0".
///
/// Threads: any. The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_version() -> *const c_char {
    VERSION.as_ptr()
}
