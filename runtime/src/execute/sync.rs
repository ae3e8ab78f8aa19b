//! The primitives that workers synchronise with: those of the standard library.
//!
//! [`barrier`](super::barrier), [`progress`](super::progress), [`dispatch`](super::dispatch) and
//! [`ready`](super::ready) name no others, so that tests can put a model checker's in their place.
#![expect(
    clippy::disallowed_types,
    reason = "sleeping at a barrier needs a lock"
)]

pub(super) use std::{
    hint::spin_loop,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread::yield_now,
};
