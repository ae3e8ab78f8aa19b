//! Bytes into a sink, from a function of the embedder's that was given one.

use crate::{given::bytes, guard::brief, handle, kinds::Sink, status::Status};

/// Puts an entry into a sink; the bytes are copied.
///
/// Threads: any, as long as the function that was given the sink has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_sink_put(
    sink: *mut Sink,
    data: *const u8,
    size: usize,
) -> Status {
    // SAFETY: the contract of `given`.
    let data = unsafe { bytes(data, size, "data") };
    brief(|| handle::get(sink)?.put(Some(data?)))
}

/// Puts into a sink that an entry is missing.
///
/// Threads: as lockstep_sink_put.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_sink_skip(sink: *mut Sink) -> Status {
    brief(|| handle::get(sink)?.put(None))
}
