//! The one lock of this workspace's state: many readers or one writer.
#![expect(clippy::disallowed_types, reason = "this module is where locks live")]

use std::{
    ops::{Deref, DerefMut},
    sync::{PoisonError, RwLock},
};

/// A value that many threads read and one at a time writes.
///
/// A panic while writing does not poison it: writers here replace whole values, or are followed
/// by a poisoned runtime that accepts no further block.
#[derive(Debug, Default)]
pub struct Shared<T>(RwLock<T>);

impl<T> Shared<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    /// Waits for writers, then lends the value for reading.
    pub fn read(&self) -> impl Deref<Target = T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for readers and writers, then lends the value for writing.
    pub fn write(&self) -> impl DerefMut<Target = T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
