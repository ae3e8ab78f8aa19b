//! What proves the members of past epochs, on disk.

use std::{collections::BTreeMap, fmt};

use commonware_runtime::{Clock, Metrics, Storage};
use commonware_storage::metadata::{Config, Error as MetadataError, Metadata};
use commonware_utils::sequence::U64;
use lockstep_light::LightError;
use thiserror::Error;

use crate::epochs::Epochs;

/// Why the passages of the disk are of no use.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PassagesError {
    /// The file cannot be read or written.
    #[error("the proofs of past sets of members: {0}")]
    Storage(#[from] MetadataError),
    /// One proves nothing.
    #[error(
        "the proof of the members of epoch {epoch}: {source}: remove both the ledger and the \
         directory of consensus, and let the member join again"
    )]
    Wrong {
        /// The epoch whose members it should prove.
        epoch: u64,
        /// What is wrong.
        source: LightError,
    },
}

/// The passages on disk.
pub struct Passages<E: Clock + Storage + Metrics>(Metadata<E, U64, Vec<u8>>);

impl<E: Clock + Storage + Metrics> fmt::Debug for Passages<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Passages").finish_non_exhaustive()
    }
}

impl<E: Clock + Storage + Metrics> Passages<E> {
    /// Opens the file of a member and takes what it proves into the epochs, as far as that is new.
    /// O(epochs x members).
    ///
    /// # Errors
    /// If it cannot be read, or a passage in it is wrong.
    pub async fn open(context: E, partition: &str, epochs: &Epochs) -> Result<Self, PassagesError> {
        let config = Config {
            partition: format!("{partition}-passages"),
            codec_config: ((..).into(), ()),
        };
        let stored: Metadata<E, U64, Vec<u8>> = Metadata::init(context, config).await?;
        let passages: BTreeMap<u64, &Vec<u8>> = stored
            .keys()
            .filter_map(|key| Some((u64::from(key), stored.get(key)?)))
            .collect();
        for (epoch, passage) in passages {
            if epoch > epochs.latest().number {
                let advanced = epochs.advance(passage);
                advanced.map_err(|source| PassagesError::Wrong { epoch, source })?;
            }
        }
        Ok(Self(stored))
    }

    /// Writes what the epochs know and the file does not.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn save(mut self, epochs: &Epochs) -> Result<Self, MetadataError> {
        let mut epoch = epochs.latest().number;
        while epoch > 0 && self.0.get(&U64::new(epoch)).is_none() {
            let former = epoch.saturating_sub(1);
            if let Some(passage) = epochs.passage(former) {
                self.0.put(U64::new(epoch), passage.to_vec());
            }
            epoch = former;
        }
        Ok(Self(self.0.sync().await?))
    }
}
