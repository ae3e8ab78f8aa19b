//! The store on disk against a map in memory: in order, after kills, with damaged files and failing
//! writes.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "tests make their load with plain arithmetic"
)]

mod build;
mod copy;
mod crash;
mod damage;
mod faults;
mod kept;
mod power;
mod steps;

use std::{fmt, path::Path, sync::Arc};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    DiskOptions, DiskStore,
    medium::{Fjall, Medium, Space, Visitor, Write},
};
use crate::{
    Serial, Store, StoreError, Trie,
    suite::{self, Model, Producer, Shape},
};

/// A medium with a fault in its writes.
struct Faulty<F> {
    inner: Fjall,
    /// What is done instead of a write.
    write: F,
}

impl<F> fmt::Debug for Faulty<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Faulty").finish_non_exhaustive()
    }
}

impl<F> Medium for Faulty<F>
where
    F: Fn(&Fjall, Vec<Write>) -> Result<(), fjall::Error> + Send + Sync,
{
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<fjall::Slice>, fjall::Error> {
        self.inner.get(space, key)
    }

    fn get_both(
        &self,
        keys: [(Space, &[u8]); 2],
    ) -> Result<[Option<fjall::Slice>; 2], fjall::Error> {
        self.inner.get_both(keys)
    }

    fn write(&self, writes: Vec<Write>) -> Result<(), fjall::Error> {
        (self.write)(&self.inner, writes)
    }

    fn ingest(
        &self,
        entries: &mut dyn Iterator<Item = (fjall::Slice, Option<fjall::Slice>)>,
    ) -> Result<(), fjall::Error> {
        self.inner.ingest(entries)
    }

    fn scan(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        visit: &mut Visitor<'_>,
    ) -> Result<(), fjall::Error> {
        self.inner.scan(space, start, end, visit)
    }
}

/// Small buffers, so that small tests meet sorted files and compactions.
fn options() -> DiskOptions {
    DiskOptions {
        cache_size: 1 << 20,
        buffer_size: 64 << 10,
        ..DiskOptions::default()
    }
}

/// The same, with room for all that a small test changes, so that nothing is written but blocks.
fn unapplied() -> DiskOptions {
    DiskOptions {
        buffer_size: 64 << 20,
        ..options()
    }
}

fn open(path: &Path) -> Result<(DiskStore, Trie), StoreError> {
    DiskStore::open(path, options(), &Serial)
}

/// 1 in the ordinary run, 10 if LOCKSTEP_FULL is set.
fn scale() -> usize {
    if std::env::var_os("LOCKSTEP_FULL").is_some() {
        10
    } else {
        1
    }
}
