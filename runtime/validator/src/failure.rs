//! Why a member cannot go on.

use std::{fmt, sync::Arc};

use lockstep_store::sync::Shared;
use thiserror::Error;

/// The ledger fails: the store, or a bug. The member ends, and tries again when it is started.
#[derive(Debug, Error)]
#[error("the ledger fails: {0}")]
pub struct EngineFailure(pub String);

impl EngineFailure {
    /// What an error says.
    pub fn of(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Why a member has to end, once it has. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Failure(Arc<Shared<Option<String>>>);

impl Failure {
    /// Notes why; the first reason stays.
    pub fn set(&self, failure: &EngineFailure) {
        tracing::error!(%failure, "the member cannot go on");
        self.0.write().get_or_insert_with(|| failure.to_string());
    }

    /// The reason.
    pub fn get(&self) -> Option<String> {
        self.0.read().clone()
    }
}
