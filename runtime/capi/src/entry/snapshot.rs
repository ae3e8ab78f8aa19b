//! Snapshots: the state of a chain as one stream of bytes.

use std::{
    ffi::c_void,
    io::{self, Read, Write},
};

use super::chain::{opened, opening};
use crate::{
    given::{ChainOptions, optional, out, place},
    guard::call,
    handle,
    kinds::{Chain, Error, Genesis},
    status::{Failure, Status},
    types::{Exported, Hash},
};

type WriteFunction = extern "C" fn(*mut c_void, *const u8, usize) -> u32;
type ReadFunction = extern "C" fn(*mut c_void, *mut u8, usize, *mut usize) -> u32;

/// The embedder's function as an end of a stream.
struct Stream<F> {
    function: F,
    user: *mut c_void,
}

fn refused(number: u32) -> io::Error {
    io::Error::other(format!(
        "the function of the stream gave {number}, expected 0"
    ))
}

impl Write for Stream<WriteFunction> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (self.function)(self.user, bytes.as_ptr(), bytes.len()) {
            0 => Ok(bytes.len()),
            number => Err(refused(number)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream<ReadFunction> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut size = 0usize;
        let place = &raw mut size;
        match (self.function)(self.user, bytes.as_mut_ptr(), bytes.len(), place) {
            0 if size <= bytes.len() => Ok(size),
            0 => Err(io::Error::other(format!(
                "the function of the stream wrote {size} bytes, at most {} fit",
                bytes.len()
            ))),
            number => Err(refused(number)),
        }
    }
}

fn missing(name: &str) -> Failure {
    Failure::new(Status::NullArgument, format!("{name} is NULL"))
}

/// Writes a snapshot of the state after the newest committed block: `write` gets pieces of some
/// megabytes, on the caller's thread, takes all of each, and gives 0 or a number of its own that
/// stands for a failure. The same chain gives the same bytes. `exported` may be NULL.
///
/// Threads: any; blocks may be committed meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_export(
    chain: *mut Chain,
    write: Option<extern "C" fn(*mut c_void, data: *const u8, size: usize) -> u32>,
    user: *mut c_void,
    exported: *mut Exported,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (exported, error) = unsafe { (out(exported), out(error)) };
    call(error, || {
        let chain = handle::get(chain)?;
        let function = write.ok_or_else(|| missing("write"))?;
        let mut stream = Stream { function, user };
        let done = chain.chain.export(&mut stream, &mut |_| {})?;
        exported.set(Exported {
            block_id: done.block_id.into(),
            slot: done.slot,
            account_count: done.account_count,
            size: done.size,
        });
        Ok(())
    })
}

/// Opens the chain of a snapshot, in an empty storage: `read` is called until the snapshot ends, on
/// the caller's thread. It writes at most `capacity` bytes to `data` and their number to `size`, 0
/// only at the end, and gives 0 or a number of its own that stands for a failure.
///
/// The genesis must be that of the chain. With `expected`, the id of a block that the caller
/// trusts, a snapshot of any other block is refused, and its maker need not be trusted; without it
/// (NULL), it must be.
///
/// On disk nothing is left of a snapshot that is refused; a storage of the embedder's is to be
/// emptied.
///
/// Threads: any. The caller closes the chain, as after lockstep_chain_open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_import(
    options: *const ChainOptions,
    genesis: *mut Genesis,
    read: Option<
        extern "C" fn(*mut c_void, data: *mut u8, capacity: usize, size: *mut usize) -> u32,
    >,
    user: *mut c_void,
    expected: *const Hash,
    chain: *mut *mut Chain,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (expected, chain, error) =
        unsafe { (optional(expected, "expected"), place(chain), out(error)) };
    call(error, || {
        let chain = chain.required("chain")?;
        // SAFETY: the contract of `given`.
        let opening = unsafe { opening(options) }?;
        let function = read.ok_or_else(|| missing("read"))?;
        let parts = handle::get(genesis)?.read().clone();
        let expected = expected?.map(|hash| lockstep_interface::Hash::from(*hash));
        let mut stream = Stream { function, user };
        chain.set(opened(opening.import(
            &parts,
            &mut stream,
            expected.as_ref(),
        )?));
        Ok(())
    })
}
