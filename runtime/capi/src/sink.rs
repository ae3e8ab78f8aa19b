//! Where functions of the embedder's put bytes: values of a storage, transactions for a block.
//!
//! A sink has a handle while the function runs, and none afterwards.

use lockstep_store::sync::Shared;

use crate::{
    handle,
    kinds::Sink,
    status::{Failure, Status},
};

/// Entries that a sink takes.
const COUNT_MAX: usize = 1 << 24;
/// Bytes that a sink takes.
const SIZE_MAX: usize = 1 << 36;

/// What has been put so far.
#[derive(Debug, Default)]
struct Entries {
    /// `None` for a value that is missing.
    entries: Vec<Option<Vec<u8>>>,
    size: usize,
}

/// A sink that is being filled.
#[derive(Debug, Default)]
pub(crate) struct Filled(Shared<Entries>);

impl Filled {
    /// Appends an entry.
    pub(crate) fn put(&self, bytes: Option<&[u8]>) -> Result<(), Failure> {
        let mut filled = self.0.write();
        let size = bytes.map_or(0, <[u8]>::len);
        let size = filled.size.saturating_add(size);
        if filled.entries.len() >= COUNT_MAX || size > SIZE_MAX {
            let found = format!("a sink takes {COUNT_MAX} entries and {SIZE_MAX} bytes at most");
            return Err(Failure::new(Status::BadSize, found));
        }
        filled.size = size;
        filled.entries.push(bytes.map(<[u8]>::to_vec));
        Ok(())
    }
}

/// Calls a function with a sink, and gives what the function has put there. Its result is 0, or its
/// own number of a failure.
pub(crate) fn fill(call: impl FnOnce(*mut Sink) -> u32) -> Result<Vec<Option<Vec<u8>>>, u32> {
    let sink = handle::put::<Sink>(Filled::default());
    let result = call(sink);
    let filled = handle::take(sink);
    if result != 0 {
        return Err(result);
    }
    let entries = filled.map(|filled| std::mem::take(&mut filled.0.write().entries));
    Ok(entries.unwrap_or_default())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Puts an entry as an embedder's function does.
    pub(crate) fn put(sink: *mut Sink, bytes: Option<&[u8]>) {
        let filled = handle::get(sink).expect("the function runs");
        filled.put(bytes).expect("there is room");
    }

    #[test]
    fn a_sink_gives_what_was_put_and_ends() {
        let mut seen = std::ptr::null_mut();
        let filled = fill(|sink| {
            seen = sink;
            put(sink, Some(b"one"));
            put(sink, None);
            put(sink, Some(b""));
            0
        });
        let expected = [Some(b"one".to_vec()), None, Some(Vec::new())];
        assert_eq!(filled.as_deref(), Ok(&expected[..]));
        assert!(handle::get(seen).is_err());
        assert_eq!(fill(|_| 9), Err(9));
    }
}
