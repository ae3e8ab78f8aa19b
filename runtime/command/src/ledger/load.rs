//! Which load a ledger was made for: blocks of another one find none of their accounts.
//!
//! ```text
//! record of the genesis block, or the file genesis.load -> root over the first accounts
//!     == root over the accounts that the given load begins with
//! ```
//! The record counts, and the file adds the load's name. A ledger of a snapshot may have neither:
//! it is bound to the load that it goes on with first, if that load's accounts are there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use lockstep_benches::workload::Workload;
use lockstep_interface::Hash;
use lockstep_runtime::chain::Chain;
use lockstep_store::StoreError;
use serde::{Deserialize, Serialize};

use super::{OutputError, base58};
use crate::output;

/// The file in a ledger's directory that names its load.
pub(super) const LOAD_FILE: &str = "genesis.load";
/// Most bytes of it that are read.
const LOAD_FILE_SIZE_MAX: u64 = 1 << 16;
/// A ledger of a snapshot may lack one of this number of its load's accounts, since accounts cease
/// to exist.
const MISSING_SHARE_MAX: usize = 10;

/// Why a ledger does not go on with a load.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// It was made for another load.
    #[error(
        "{}: the ledger was made for {}, whose accounts have the root {expected}; those of {given} \
         have the root {found}; give that load a directory of its own",
        path.display(), made_for.as_deref().unwrap_or("another load")
    )]
    Other {
        /// The ledger's directory.
        path: PathBuf,
        /// The load, if its name is known.
        made_for: Option<String>,
        /// Root over its accounts.
        expected: String,
        /// The load that was given.
        given: String,
        /// Root over the accounts of that.
        found: String,
    },
    /// Its accounts are not those of the load.
    #[error(
        "{}: the ledger lacks {missing} of the {count} accounts of {given}; give it a directory of \
         its own", path.display()
    )]
    Missing {
        /// The ledger's directory.
        path: PathBuf,
        /// Accounts that it lacks.
        missing: usize,
        /// Accounts of the load.
        count: usize,
        /// The load.
        given: String,
    },
    /// The file that names its load is damaged.
    #[error(
        "{}: not the description of a load: {cause}; remove it to bind the ledger anew",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a ledger keeps of its load.
#[derive(Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Name, options and seed.
    load: String,
    /// Root over all accounts of its genesis, in base58.
    accounts: String,
}

/// Refuses a load that a ledger was not made for, and keeps the load's name with the ledger. `root`
/// is that over the accounts which a ledger made for the load begins with.
pub(crate) fn check_load(
    chain: &Chain,
    path: &Path,
    workload: &Workload,
    root: &Hash,
) -> Result<(), LoadError> {
    let file = path.join(LOAD_FILE);
    let kept = read(&file);
    let recorded = chain.store().block(chain.parameters().slot)?;
    let recorded = recorded.map(|block| base58(&block.record.delta_root));
    let given = Kept {
        load: shown(workload),
        accounts: base58(root),
    };
    let (kept, expected) = match recorded {
        // What the record does not confirm is of no use.
        Some(root) => {
            let kept = kept.ok().flatten();
            (kept.filter(|kept| kept.accounts == root), Some(root))
        }
        None => {
            let kept = kept?;
            let root = kept.as_ref().map(|kept| kept.accounts.clone());
            (kept, root)
        }
    };
    match expected {
        None => check_accounts(chain, path, workload, &given.load)?,
        Some(expected) if expected != given.accounts => {
            return Err(LoadError::Other {
                path: path.to_owned(),
                made_for: kept.map(|kept| kept.load),
                expected,
                given: given.load,
                found: given.accounts,
            });
        }
        Some(_) => {}
    }
    if kept.is_none() {
        let text = serde_json::to_string(&given).expect("two texts are JSON");
        output::write_text(&file, &(text + "\n"))?;
    }
    Ok(())
}

/// A load as errors name it.
fn shown(workload: &Workload) -> String {
    let name = workload.name();
    match workload.seed() {
        Some(seed) => format!("{name}, seed {seed}"),
        None => name.to_owned(),
    }
}

/// What the file says; `None` if there is none.
fn read(file: &Path) -> Result<Option<Kept>, LoadError> {
    let damaged = |cause: String| LoadError::File {
        path: file.to_owned(),
        cause,
    };
    let is_file = match fs::metadata(file) {
        Ok(metadata) => metadata.is_file() && metadata.len() <= LOAD_FILE_SIZE_MAX,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(damaged(error.to_string())),
    };
    if !is_file {
        return Err(damaged(format!(
            "expected a file of at most {LOAD_FILE_SIZE_MAX} bytes"
        )));
    }
    let text = fs::read_to_string(file).map_err(|error| damaged(error.to_string()))?;
    let kept = serde_json::from_str(&text);
    kept.map(Some).map_err(|error| damaged(error.to_string()))
}

/// Refuses a load of whose accounts a noticeable part is missing.
fn check_accounts(
    chain: &Chain,
    path: &Path,
    workload: &Workload,
    given: &str,
) -> Result<(), LoadError> {
    let (mut missing, mut count) = (0_usize, 0_usize);
    for (address, _) in workload.genesis() {
        count = count.saturating_add(1);
        if chain.store().get(&address)?.is_none() {
            missing = missing.saturating_add(1);
        }
    }
    if missing.saturating_mul(MISSING_SHARE_MAX) <= count {
        return Ok(());
    }
    Err(LoadError::Missing {
        path: path.to_owned(),
        missing,
        count,
        given: given.to_owned(),
    })
}
