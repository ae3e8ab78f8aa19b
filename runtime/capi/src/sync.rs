//! A lock for what threads use in turn and cannot share: the reading end of a queue.
#![expect(clippy::disallowed_types, reason = "this module is where locks live")]

use std::{
    ops::DerefMut,
    sync::{Mutex, PoisonError},
};

/// A value that one thread at a time uses.
#[derive(Debug)]
pub(crate) struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits for other users, then lends the value. A panic of another user does not matter: what
    /// is kept here is replaced whole.
    pub(crate) fn lock(&self) -> impl DerefMut<Target = T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
