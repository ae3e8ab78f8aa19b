//! Observers of committed blocks.

use std::sync::Arc;

use lockstep_runtime::chain::Interest;

use crate::{
    given::{Observer, User, options, out, place},
    guard::{brief, call},
    handle,
    kinds::{Chain, Error, Watch},
    observe::{Functions, Watcher},
    status::{Failure, Status},
};

/// The observer gets receipts.
pub const OBSERVE_RECEIPTS: u32 = 1;
/// The observer gets changed accounts.
pub const OBSERVE_CHANGES: u32 = 2;
const FLAGS: u32 = OBSERVE_RECEIPTS | OBSERVE_CHANGES;

/// Blocks that wait for an observer, at most and usually.
const CAPACITY_MAX: u32 = 65_536;
const CAPACITY_USUAL: u32 = 1_024;

/// From now on calls an observer for every block that is committed, once it is durable.
///
/// Threads: any. The struct is copied; `user` stays the caller's until `release` is called. If the
/// call fails, `release` is not called. The caller frees the observer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_chain_observe(
    chain: *mut Chain,
    observer: *const Observer,
    watch: *mut *mut Watch,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (observer, watch, error) = unsafe { (options(observer), place(watch), out(error)) };
    call(error, || {
        let watch = watch.required("watch")?;
        let chain = handle::get(chain)?;
        let observer = observer?;
        let committed = observer.committed.ok_or_else(|| {
            let found = "committed of lockstep_observer is NULL";
            Failure::new(Status::NullArgument, found)
        })?;
        let capacity = match observer.capacity {
            0 => CAPACITY_USUAL,
            capacity => capacity,
        };
        if capacity > CAPACITY_MAX || observer.flags & !FLAGS != 0 {
            let found = format!(
                "capacity {capacity} and flags {:#x} of lockstep_observer, expected at most \
                 {CAPACITY_MAX} and flags within {FLAGS:#x}",
                observer.flags
            );
            return Err(Failure::new(Status::BadValue, found));
        }
        let subscription = chain.chain.subscribe(Interest {
            capacity: capacity as usize,
            receipts: observer.flags & OBSERVE_RECEIPTS != 0,
            changes: observer.flags & OBSERVE_CHANGES != 0,
        });
        let functions = Functions {
            user: User::new(observer.user),
            committed,
            release: observer.release,
        };
        let watcher = Arc::new(Watcher::new(functions, subscription));
        chain.observers.add(&watcher);
        watch.set(handle::put_shared::<Watch>(watcher));
        Ok(())
    })
}

/// Gives the number of blocks that found the observer's queue full.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lockstep_watch_missed(
    watch: *mut Watch,
    missed: *mut u64,
    error: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of `given`.
    let (missed, error) = unsafe { (out(missed), out(error)) };
    call(error, || {
        let missed = missed.required("missed")?;
        missed.set(handle::get(watch)?.missed());
        Ok(())
    })
}

/// Ends an observer; NULL is nothing to end. No call begins afterwards; one that another thread is
/// in goes on, and `release` is called behind it, else here.
///
/// Threads: any, the observer's own function among them.
#[unsafe(no_mangle)]
pub extern "C" fn lockstep_watch_free(watch: *mut Watch) -> Status {
    brief(|| {
        if !watch.is_null() {
            handle::take(watch)?.end();
        }
        Ok(())
    })
}
