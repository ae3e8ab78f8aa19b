//! The one lock of the crate.
#![expect(
    clippy::disallowed_types,
    reason = "this module is where the lock lives"
)]

use std::sync::{Mutex, PoisonError};

/// A value that one thread at a time works on.
#[derive(Debug, Default)]
pub(crate) struct Turns<T>(Mutex<T>);

impl<T> Turns<T> {
    /// Works on the value. What a panic left behind is worked on, too.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut value)
    }
}
