//! What a node's chain begins with: a JSON file, or the default of a chain for development.
//!
//! ```json
//! {
//!   "slot": 0,
//!   "faucetLamports": 500000000000000000,
//!   "accounts": [
//!     {
//!       "address": "4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg",
//!       "lamports": 1000000000,
//!       "owner": "11111111111111111111111111111111",
//!       "data": "",
//!       "executable": false
//!     }
//!   ],
//!   "programs": ["system", "token"],
//!   "limits": { "computeUnits": 60000000, "accountComputeUnits": 24000000 }
//! }
//! ```
//! Every field may be left out. Data is in base64; `programs` names some of those that are linked
//! in, all of them if it is left out.

use std::{io, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{Account, Address, ProgramTable};
use lockstep_runtime::{bank::Genesis, block::BlockLimits};
use serde::Deserialize;
use thiserror::Error;

/// Lamports of the faucet unless the file says otherwise: 500 million SOL.
pub const FAUCET_LAMPORTS: u64 = 500_000_000_000_000_000;

/// Why a genesis file is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenesisFileError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is no JSON, or has a field that is unknown or of another kind.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: String,
        /// Where and what.
        source: serde_json::Error,
    },
    /// A field's text stands for nothing.
    #[error("{field}: expected {expected}, found {found:?}")]
    Value {
        /// The field.
        field: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
}

/// A genesis file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisFile {
    slot: Option<u64>,
    faucet_lamports: Option<u64>,
    #[serde(default)]
    accounts: Vec<GenesisAccount>,
    programs: Option<Vec<String>>,
    #[serde(default)]
    limits: GenesisLimits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GenesisAccount {
    address: String,
    lamports: u64,
    owner: Option<String>,
    #[serde(default)]
    data: String,
    #[serde(default)]
    executable: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GenesisLimits {
    compute_units: Option<u64>,
    account_compute_units: Option<u64>,
    allocated_bytes: Option<u64>,
    transaction_bytes: Option<u64>,
    transactions: Option<u32>,
}

impl GenesisFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no JSON of the form that the [module](self) shows.
    pub fn read(path: &Path) -> Result<Self, GenesisFileError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| GenesisFileError::Read {
            path: shown.clone(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| GenesisFileError::Json {
            path: shown,
            source,
        })
    }

    /// The genesis, with an account for the faucet.
    ///
    /// # Errors
    /// If an address or some data stands for nothing.
    pub fn genesis(
        &self,
        faucet: &Address,
        programs: ProgramTable,
    ) -> Result<Genesis, GenesisFileError> {
        let lamports = self.faucet_lamports.unwrap_or(FAUCET_LAMPORTS);
        let mut accounts = vec![(*faucet, Account::wallet(lamports))];
        for (place, account) in self.accounts.iter().enumerate() {
            accounts.push(account.read(place)?);
        }
        let mut genesis = Genesis::new(accounts, programs);
        genesis.slot = self.slot.unwrap_or_default();
        genesis.limits = self.limits.over(genesis.limits);
        Ok(genesis)
    }

    /// Those of all programs that the file names, or the usual ones if it names none.
    ///
    /// # Errors
    /// If a name is that of none.
    pub fn program_table(
        &self,
        usual: &ProgramTable,
        all: &ProgramTable,
    ) -> Result<ProgramTable, GenesisFileError> {
        let Some(names) = &self.programs else {
            return Ok(usual.clone());
        };
        for (place, name) in names.iter().enumerate() {
            if all.iter().all(|program| program.name() != name) {
                return Err(GenesisFileError::Value {
                    field: format!("programs[{place}]"),
                    expected: "the name of a program that is linked in",
                    found: name.clone(),
                });
            }
        }
        let named = |name: &str| names.iter().any(|known| known == name);
        Ok(all.clone().filtered(|program| named(program.name())))
    }
}

impl GenesisAccount {
    fn read(&self, place: usize) -> Result<(Address, Account), GenesisFileError> {
        let wrong = |field: &str, expected, found: &str| GenesisFileError::Value {
            field: format!("accounts[{place}].{field}"),
            expected,
            found: found.to_owned(),
        };
        let address = |field: &str, text: &str| {
            let parsed: Result<Address, _> = text.parse();
            parsed.map_err(|_| wrong(field, "32 bytes in base58", text))
        };
        let owner = self.owner.as_deref();
        let owner = owner.map_or(Ok(Address::default()), |owner| address("owner", owner))?;
        let data = BASE64_STANDARD.decode(&self.data);
        let data = data.map_err(|_| wrong("data", "base64", &self.data))?;
        let account = Account {
            lamports: self.lamports,
            data: data.into(),
            owner,
            executable: self.executable,
        };
        Ok((address("address", &self.address)?, account))
    }
}

impl GenesisLimits {
    fn over(self, limits: BlockLimits) -> BlockLimits {
        BlockLimits {
            compute_units_max: self.compute_units.unwrap_or(limits.compute_units_max),
            account_compute_units_max: self
                .account_compute_units
                .unwrap_or(limits.account_compute_units_max),
            allocated_size_max: self.allocated_bytes.unwrap_or(limits.allocated_size_max),
            transaction_bytes_max: self
                .transaction_bytes
                .unwrap_or(limits.transaction_bytes_max),
            transaction_count_max: self.transactions.unwrap_or(limits.transaction_count_max),
            ..limits
        }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_programs::builtin_programs;

    use super::*;

    fn genesis(json: &str) -> Result<Genesis, GenesisFileError> {
        let file: GenesisFile = serde_json::from_str(json).unwrap();
        let programs = file.program_table(&ProgramTable::new(), &builtin_programs())?;
        file.genesis(&Address::new_from_array([1; 32]), programs)
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let genesis = genesis("{}").unwrap();
        assert_eq!(genesis.accounts.len(), 1);
        assert_eq!(genesis.accounts[0].1.lamports, FAUCET_LAMPORTS);
        assert_eq!(genesis.programs.iter().count(), 0, "the usual ones");
        assert_eq!(genesis.limits, BlockLimits::MAINNET);
    }

    #[test]
    fn fields_reach_the_genesis_and_wrong_ones_are_named() {
        let json = r#"{"slot": 7, "faucetLamports": 5, "programs": ["system"],
            "limits": {"transactions": 9}, "accounts": [{"lamports": 3, "data": "AQI=",
            "address": "So11111111111111111111111111111111111111112"}]}"#;
        let found = genesis(json).unwrap();
        assert_eq!((found.slot, found.accounts[0].1.lamports), (7, 5));
        assert_eq!(found.accounts[1].1.data[..], [1, 2]);
        assert_eq!(found.programs.iter().count(), 1);
        assert_eq!(found.limits.transaction_count_max, 9);
        for (json, field) in [
            (r#"{"programs": ["sistem"]}"#, "programs[0]"),
            (
                r#"{"accounts": [{"address": "x", "lamports": 1}]}"#,
                "accounts[0].address",
            ),
        ] {
            let error = genesis(json).unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
