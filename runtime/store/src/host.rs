//! Accounts that the embedder keeps.

use std::fmt;

use lockstep_interface::{Account, Address};

use crate::{BlockBatch, BlockRecord, Change, Store, StoreError, StoredBlock, sync::Shared};

/// Accounts by address, as the embedder of the runtime has them.
pub trait AccountReader: fmt::Debug + Send + Sync {
    /// Reads the accounts of `addresses` into `accounts`, which has the same length; the default
    /// account stands for one that does not exist.
    ///
    /// Called from several threads at once, each with some hundreds of addresses.
    ///
    /// # Errors
    /// Whatever keeps the host from reading, as a [`StoreError::Host`].
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError>;
}

/// A store whose accounts and blocks the embedder keeps.
///
/// Nothing is written here. The embedder takes the changes of a frozen bank as data, makes them
/// durable in its own way, lets its reader show them, and then makes the bank final. The log is
/// the embedder's too: only the newest record is remembered, and the parameters of the ledger as
/// long as the process lives.
///
/// ```
/// use lockstep_interface::{Account, Address};
/// use lockstep_store::{AccountReader, HostStore, Store, StoreError};
///
/// #[derive(Debug)]
/// struct Rich;
///
/// impl AccountReader for Rich {
///     fn load(&self, _: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
///         accounts.fill(Account::wallet(1_000_000));
///         Ok(())
///     }
/// }
///
/// let store = HostStore::new(Rich);
/// let account = store.get(&Address::new_from_array([1; 32]))?;
/// assert_eq!(account, Some(Account::wallet(1_000_000)));
/// # Ok::<(), StoreError>(())
/// ```
#[derive(Debug)]
pub struct HostStore<R> {
    reader: R,
    tip: Shared<Option<BlockRecord>>,
    parameters: Shared<Option<Vec<u8>>>,
}

impl<R: AccountReader> HostStore<R> {
    /// A store over the accounts of a host.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            tip: Shared::default(),
            parameters: Shared::default(),
        }
    }

    /// The reader.
    pub fn reader(&self) -> &R {
        &self.reader
    }
}

impl<R: AccountReader> Store for HostStore<R> {
    fn load(&self, addresses: &[Address], accounts: &mut [Account]) -> Result<(), StoreError> {
        self.reader.load(addresses, accounts)
    }

    fn commit(&self, block: &BlockBatch<'_>) -> Result<(), StoreError> {
        let mut tip = self.tip.write();
        if !crate::block::is_repeat(tip.as_ref(), &block.record)? {
            *tip = Some(block.record);
        }
        Ok(())
    }

    fn tip(&self) -> Option<BlockRecord> {
        *self.tip.read()
    }

    fn block(&self, _slot: u64) -> Result<Option<StoredBlock>, StoreError> {
        Ok(None)
    }

    fn records(&self, count: usize) -> Result<Vec<BlockRecord>, StoreError> {
        Ok(self.tip().into_iter().take(count).collect())
    }

    fn prune(&self, _slot: u64) -> Result<(), StoreError> {
        Ok(())
    }

    fn page(&self, _after: Option<&Address>) -> Result<Vec<Change>, StoreError> {
        Err(StoreError::Host {
            source: "the host does not list its accounts".into(),
        })
    }

    fn fill(&self, _accounts: &[Change]) -> Result<(), StoreError> {
        Err(StoreError::Host {
            source: "the host has to be filled by itself".into(),
        })
    }

    fn parameters(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.parameters.read().clone())
    }

    fn keep_parameters(&self, parameters: &[u8]) -> Result<(), StoreError> {
        *self.parameters.write() = Some(parameters.to_vec());
        Ok(())
    }
}
