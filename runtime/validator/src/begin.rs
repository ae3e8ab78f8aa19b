//! Where a member begins: with the ledger that it has, with the genesis, or with a snapshot of its
//! peers' state.

use std::{io, path::PathBuf};

use commonware_runtime::{Runner as _, Supervisor as _, tokio as runtime};
use lockstep_node::GENESIS_FILE;
use lockstep_runtime::{
    bank::Genesis,
    chain::snapshot::{self, ImportError},
    threads::Threads,
};
use lockstep_store::{DiskOptions, DiskStore, Store as _};
use lockstep_validator::{
    epochs::Epochs,
    snapshot::{
        join::{JoinError, JoinSetup, Joined, join},
        offer::Certificate,
        partial::{Partial, discard, keep_bytes, stored_offer},
    },
};
use thiserror::Error;

use crate::connect::{Connected, Identity, connect};

/// What the names of the engine's files begin with.
pub(crate) const PARTITION: &str = "member";

/// Why a member has nothing to begin with.
#[derive(Debug, Error)]
pub(crate) enum BeginError {
    /// No snapshot can be had.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The directory cannot be read or written.
    #[error("{path}: {source}")]
    Disk {
        /// What in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store cannot be made.
    #[error("the ledger: {0}")]
    Import(ImportError),
    /// The votes are gone that go with the ledger.
    #[error(
        "{consensus}: missing, and {ledger} has blocks: the member has forgotten its votes; remove \
         the whole directory and let the member join again"
    )]
    VotesLost {
        /// The engine's directory.
        consensus: PathBuf,
        /// The ledger.
        ledger: PathBuf,
    },
}

/// The places of a member.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The chain's store.
    pub(crate) ledger: PathBuf,
    /// The engine's files.
    pub(crate) consensus: PathBuf,
    /// The snapshot that the ledger began with.
    pub(crate) snapshot: PathBuf,
}

/// Makes sure that there is a ledger, or that none is needed. Gives the certificate of the block
/// that the ledger began with, if it was not the genesis. Waits for peers if there is no ledger.
pub(crate) fn begin(
    places: &Places,
    identity: &Identity,
    epochs: &Epochs,
    genesis: &Genesis,
    threads: &Threads,
) -> Result<Option<Certificate>, BeginError> {
    let path = &places.snapshot;
    let disk = |source| BeginError::Disk {
        path: path.clone(),
        source,
    };
    if DiskStore::is_at(&places.ledger) {
        // The process may have ended between the import and this.
        keep_bytes(path, &places.ledger.join(GENESIS_FILE)).map_err(disk)?;
        let offer = stored_offer(path).map_err(disk)?;
        if offer.is_none() && !places.consensus.exists() {
            check_empty(places, threads)?;
        }
        return Ok(offer.map(|offer| offer.certificate));
    }
    let mut refused = Vec::new();
    loop {
        let setup = JoinSetup {
            peers: identity.peers.iter().map(|(key, _)| key.clone()).collect(),
            epochs: epochs.clone(),
            partition: PARTITION.to_owned(),
            folder: path.clone(),
            refused: refused.clone(),
        };
        let Joined::Snapshot(partial) = reach(places, identity, setup)? else {
            return Ok(None);
        };
        let certificate = partial.offer().certificate.clone();
        match import(places, &partial, genesis, threads) {
            Ok(()) => {
                let kept = places.ledger.join(GENESIS_FILE);
                partial.finish(&kept).map_err(disk)?;
                return Ok(Some(certificate));
            }
            Err(error @ (ImportError::Store(_) | ImportError::Open(_))) => {
                return Err(BeginError::Import(error));
            }
            Err(error) => {
                tracing::warn!(%error, "a snapshot is not what it was said to be");
                refused.push(partial.offer().subject());
                discard(path).map_err(disk)?;
            }
        }
    }
}

/// Refuses a ledger with blocks.
fn check_empty(places: &Places, threads: &Threads) -> Result<(), BeginError> {
    let opened = DiskStore::open(&places.ledger, DiskOptions::default(), threads);
    let (store, _) = opened.map_err(|error| BeginError::Import(error.into()))?;
    match store.tip() {
        Some(tip) if tip.slot > 0 => Err(BeginError::VotesLost {
            consensus: places.consensus.clone(),
            ledger: places.ledger.clone(),
        }),
        _ => Ok(()),
    }
}

/// Connects to the peers, and joins.
fn reach(places: &Places, identity: &Identity, setup: JoinSetup) -> Result<Joined, BeginError> {
    let config = runtime::Config::new()
        .with_storage_directory(&places.consensus)
        .with_worker_threads(2)
        .with_tcp_nodelay(Some(true));
    let joined = runtime::Runner::new(config).start(|context| async move {
        let connected = connect(&context, identity);
        let Connected {
            mut networks,
            oracle,
            handle,
            ..
        } = connected;
        let (sender, receiver) = &mut networks.snapshots;
        let mut child = context.child("join");
        let joined = join(&mut child, setup, oracle, (sender, receiver)).await;
        handle.abort();
        joined
    });
    Ok(joined?)
}

/// Makes the ledger of a snapshot; nothing is left of one that is wrong.
fn import(
    places: &Places,
    partial: &Partial,
    genesis: &Genesis,
    threads: &Threads,
) -> Result<(), ImportError> {
    let id = partial.offer().header().id();
    let mut source = partial
        .reader()
        .map_err(|source| ImportError::Read { offset: 0, source })?;
    DiskStore::build(&places.ledger, DiskOptions::default(), threads, |store| {
        let trie = snapshot::import(&mut source, store, genesis, Some(&id), threads, &mut |_| {})?;
        // It is opened at once.
        store.keep_trie(&trie)?;
        Ok(())
    })
}
