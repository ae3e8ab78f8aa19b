//! A chain: opened, asked, moved on, closed.

use super::error::free;
use crate::{
    given::{ChainOptions, one, options, out, place, text},
    guard::{brief, call},
    handle,
    kinds::{Chain, Error, Genesis, OpenChain},
    open::Opening,
    status::{Failure, Status},
    types::{Committed, Hash, Header},
};

/// The options of a chain that C gives, and those that they point to.
///
/// # Safety
/// That of `given`.
pub(super) unsafe fn opening(pointer: *const ChainOptions) -> Result<Opening, Failure> {
    // SAFETY: that of this function.
    let (given, directory, storage) = unsafe {
        let given = options(pointer)?;
        let directory = text(given.directory, "directory")?;
        let storage = match given.storage.is_null() {
            true => None,
            false => Some(options(given.storage)?),
        };
        (given, directory, storage)
    };
    Opening::new(&given, directory, storage)
}

/// A chain that has been opened.
pub(super) fn opened(chain: lockstep_runtime::chain::Chain) -> *mut Chain {
    handle::put::<Chain>(OpenChain {
        chain,
        observers: crate::observe::Observers::default(),
    })
}

/// Opens a chain: at its genesis if the storage is empty, else where it was left. A ledger that was
/// made with another genesis (programs, limits, slot) is refused.
///
/// Threads: any; all calls for the chain may come from several threads. Blocks are built and
/// executed one at a time; meanwhile others may be read and committed. The options are copied, and
/// the caller closes the chain. If the call fails, `release` of the storage is not called.
/// O(accounts of the genesis), or O(accounts) for a storage of the embedder's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_open(
    options: *const ChainOptions,
    genesis: *mut Genesis,
    chain: *mut *mut Chain,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (chain, error) = unsafe { (place(chain), out(error)) };
    call(error, || {
        let chain = chain.required("chain")?;
        // SAFETY: the contract of `given`.
        let opening = unsafe { opening(options) }?;
        let parts = handle::get(genesis)?.read().clone();
        chain.set(opened(opening.open(&parts)?));
        Ok(())
    })
}

/// Closes a chain; NULL is nothing to close. Everything else that came of it stays valid: blocks,
/// views, receipts. The storage is closed once calls of other threads and views have ended.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_chain_close(chain: *mut Chain) -> Status {
    brief(|| free(chain))
}

/// Gives id and header of the newest committed block; either place may be NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_head(
    chain: *mut Chain,
    id: *mut Hash,
    header: *mut Header,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (id, header, error) = unsafe { (out(id), out(header), out(error)) };
    call(error, || {
        let (head, found) = handle::get(chain)?.chain.head();
        id.set(head.into());
        header.set((&found).into());
        Ok(())
    })
}

/// Makes a known block final and durable, its ancestors first, and forgets every block that does
/// not descend from it. Then observers are called. A second commit of a block does nothing.
///
/// After LOCKSTEP_STATUS_STORAGE it is unknown whether the block is durable, and the chain builds,
/// executes and commits nothing more: close it and open it again.
///
/// Threads: any. `committed` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_commit(
    chain: *mut Chain,
    id: *const Hash,
    committed: *mut Committed,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (id, committed, error) = unsafe { (one(id, "id"), out(committed), out(error)) };
    call(error, || {
        let chain = handle::get(chain)?;
        let done = chain.chain.commit(&(*id?).into());
        // Also where a later block of the path has failed.
        chain.observers.serve();
        let done = done?;
        committed.set(Committed {
            block_count: done.block_count as u64,
            dropped_count: done.dropped_count as u64,
        });
        Ok(())
    })
}

/// Forgets a block that is not committed, and all its descendants.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_discard(
    chain: *mut Chain,
    id: *const Hash,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (id, error) = unsafe { (one(id, "id"), out(error)) };
    call(error, || {
        let chain = handle::get(chain)?;
        Ok(chain.chain.discard(&(*id?).into())?)
    })
}

/// From now on lockstep_chain_execute delays blocks of a later time than this, in seconds since
/// 1970, with LOCKSTEP_STATUS_EARLY_BLOCK. Any time is accepted until the first call: the library
/// reads no clock.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_set_latest_time(
    chain: *mut Chain,
    unix_timestamp: i64,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let error = unsafe { out(error) };
    call(error, || {
        handle::get(chain)?.chain.set_latest_time(unix_timestamp);
        Ok(())
    })
}

/// Forgets the log of blocks below `slot`; the newest 512 stay, and so do all accounts. Writes the
/// slot below which there is no block any more to `below`, which may be NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_prune(
    chain: *mut Chain,
    slot: u64,
    below: *mut u64,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (below, error) = unsafe { (out(below), out(error)) };
    call(error, || {
        let pruned = handle::get(chain)?.chain.prune(slot)?;
        below.set(pruned.below);
        Ok(())
    })
}

/// Keeps what lets a chain in a directory be opened in a fraction of the time; to be called before
/// it is closed. O(accounts), 64 bytes of disk each.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_keep_trie(
    chain: *mut Chain,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let error = unsafe { out(error) };
    call(error, || Ok(handle::get(chain)?.chain.keep_trie()?))
}
