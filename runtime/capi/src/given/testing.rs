//! What this library lends to functions of the embedder's, read as those do.
#![allow(unsafe_code, reason = "tests stand in for C")]

use super::Bytes;

/// A list that is lent.
pub(crate) fn list_of<'a, T>(list: *const T, count: usize) -> &'a [T] {
    // SAFETY: the library lends a list of that many for the time of the call.
    unsafe { super::pointer::list(list, count, "list") }.expect("the list is there")
}

/// A copy of bytes that are lent.
pub(crate) fn bytes_of(bytes: &Bytes) -> Vec<u8> {
    list_of(bytes.data, bytes.size).to_vec()
}
