//! Loom's primitives in place of the standard library's, with a fault planted if one is wanted.

use std::cell::Cell;
pub(super) use std::sync::{PoisonError, atomic::Ordering};

pub(super) use loom::{
    sync::{Mutex, MutexGuard},
    thread::{yield_now, yield_now as spin_loop},
};

/// What is wrong with the primitives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// No order but that of each atomic by itself: a flag may be seen before what it stands for.
    Relaxed,
    /// No sleeper is woken.
    LostWakeUp,
}

thread_local! {
    // All threads of a model run on the thread of its test.
    static FAULT: Cell<Fault> = const { Cell::new(Fault::None) };
}

/// Plants a fault in all models of this thread from now on.
pub(super) fn plant(fault: Fault) {
    FAULT.set(fault);
}

fn weakened(order: Ordering) -> Ordering {
    match FAULT.get() {
        Fault::Relaxed => Ordering::Relaxed,
        Fault::None | Fault::LostWakeUp => order,
    }
}

/// An atomic whose operations are as weak as the planted fault makes them.
macro_rules! atomic {
    ($name:ident, $value:ty, $($operation:ident),*) => {
        #[derive(Debug, Default)]
        pub(super) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(super) fn new(value: $value) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            pub(super) fn load(&self, order: Ordering) -> $value {
                self.0.load(weakened(order))
            }

            pub(super) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, weakened(order));
            }

            $(pub(super) fn $operation(&self, value: $value, order: Ordering) -> $value {
                self.0.$operation(value, weakened(order))
            })*
        }
    };
}

atomic!(AtomicBool, bool, swap);
atomic!(AtomicU32, u32, fetch_sub);
atomic!(AtomicU64, u64, fetch_and, fetch_or);
atomic!(AtomicUsize, usize, fetch_add);

/// A condition variable that may have forgotten how to wake.
#[derive(Debug)]
pub(super) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(super) fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    pub(super) fn wait<'m, T>(
        &self,
        guard: MutexGuard<'m, T>,
    ) -> Result<MutexGuard<'m, T>, PoisonError<MutexGuard<'m, T>>> {
        self.0.wait(guard)
    }

    pub(super) fn notify_all(&self) {
        if FAULT.get() != Fault::LostWakeUp {
            self.0.notify_all();
        }
    }
}
