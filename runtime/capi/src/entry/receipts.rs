//! What became of transactions.

use std::fmt::Write as _;

use super::error::free;
use crate::{
    given::{out, place, places},
    guard::{brief, call},
    handle,
    kinds::{AnyReceipts, Buffer, Error, Receipts},
    status::{Failure, Status},
    types::Receipt,
};

/// The receipt at a place.
fn at(receipts: &AnyReceipts, index: usize) -> Result<Receipt, Failure> {
    let count = receipts.len();
    let found = receipts.get(index).ok_or_else(|| {
        let found = format!("receipt {index} of {count}: expected a place below that");
        Failure::new(Status::BadSize, found)
    })?;
    Ok(Receipt::of(found))
}

/// Gives the number of receipts.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_receipts_count(
    receipts: *mut Receipts,
    count: *mut usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (count, error) = unsafe { (out(count), out(error)) };
    call(error, || {
        let count = count.required("count")?;
        count.set(handle::get(receipts)?.len());
        Ok(())
    })
}

/// Gives the receipt of the transaction at `index`, in the order of the block or of the simulation.
///
/// Threads: any. Complexity: O(1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_receipts_get(
    receipts: *mut Receipts,
    index: usize,
    receipt: *mut Receipt,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (receipt, error) = unsafe { (out(receipt), out(error)) };
    call(error, || {
        let receipt = receipt.required("receipt")?;
        receipt.set(at(&*handle::get(receipts)?, index)?);
        Ok(())
    })
}

/// Writes the receipts from `first` on to `list`, as many as there are and as `capacity`, and how
/// many that are to `count`, which may be NULL.
///
/// Threads: any. Complexity: O(receipts written).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_receipts_list(
    receipts: *mut Receipts,
    first: usize,
    list: *mut Receipt,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (places, count, error) =
        unsafe { (places(list, capacity, "list"), out(count), out(error)) };
    call(error, || {
        let places = places?;
        let receipts = handle::get(receipts)?;
        let mut written = 0usize;
        for (place, index) in places.zip(first..receipts.len()) {
            place.set(at(&receipts, index)?);
            written = written.saturating_add(1);
        }
        count.set(written);
        Ok(())
    })
}

/// Gives the log of the transaction at `index` as text, a line for each entry, or why it was
/// refused; empty if no log was recorded (LOCKSTEP_RECORD_LOGS).
///
/// Threads: any. The caller frees the buffer, whose bytes are UTF-8 and end with no zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_receipts_log(
    receipts: *mut Receipts,
    index: usize,
    text: *mut *mut Buffer,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (text, error) = unsafe { (place(text), out(error)) };
    call(error, || {
        let text = text.required("text")?;
        let receipts = handle::get(receipts)?;
        at(&receipts, index)?;
        let mut lines = String::new();
        match receipts.get(index) {
            Some(Ok(receipt)) => {
                let details = receipt.details.as_deref();
                for entry in details.map_or(&[][..], |details| &details.logs) {
                    // A string takes any text.
                    let _ = writeln!(lines, "{entry}");
                }
            }
            Some(Err(refusal)) => lines = refusal.to_string(),
            None => {}
        }
        text.set(handle::put::<Buffer>(lines.into_bytes()));
        Ok(())
    })
}

/// Frees receipts; NULL is nothing to free.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_receipts_free(receipts: *mut Receipts) -> Status {
    brief(|| free(receipts))
}

/// Gives the bytes of a buffer.
///
/// Threads: any. The bytes are valid until the buffer is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_buffer_bytes(
    buffer: *mut Buffer,
    data: *mut *const u8,
    size: *mut usize,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (data, size, error) = unsafe { (out(data), out(size), out(error)) };
    call(error, || {
        let (data, size) = (data.required("data")?, size.required("size")?);
        let buffer = handle::get(buffer)?;
        data.set(buffer.as_ptr());
        size.set(buffer.len());
        Ok(())
    })
}

/// Frees a buffer; NULL is nothing to free.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_buffer_free(buffer: *mut Buffer) -> Status {
    brief(|| free(buffer))
}
