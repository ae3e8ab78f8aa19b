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
//!   "programs": ["system", "token", "activation"],
//!   "activationAuthority": "4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg",
//!   "activations": [{ "feature": "amm", "slot": 9000 }],
//!   "limits": { "computeUnits": 60000000, "accountComputeUnits": 24000000 },
//!   "fees": {
//!     "leader": 5000,
//!     "stakers": 3000,
//!     "stakersAccount": "4Nd1mYVnMUYyzhTsGrnqCYGxZzT9WzVgYwxq8zX8PzGg"
//!   }
//! }
//! ```
//! Every field may be left out. Data is in base64; `programs` names some of those that are linked
//! in, all of them if it is left out. `activations` names programs that come later, and rule sets,
//! `rules-current`, `rules-2024-12` or `rules-sbpf-3`; more are scheduled by the authority, which
//! is the faucet if it is left out. `fees` splits the fees of each block, in parts of 10,000,
//! between its leader and stakers; the rest is burned, all of it if `fees` is left out.

use std::{io, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lockstep_interface::{
    Account, Address, Program, ProgramTable, RuleSet, SignatureScheme,
    activation::{Activation, Schedule},
};
use lockstep_runtime::{
    bank::{Genesis, GenesisError},
    block::BlockLimits,
    rules::{FeePolicy, FeePolicyError},
};
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
    /// A compiled program belongs to a loader that the chain does not begin with.
    #[error(
        "the compiled program {program} needs its loader {loader}, which the chain lacks: begin \
         with the loaders, or name them in the genesis file's programs"
    )]
    NoLoader {
        /// The program.
        program: Address,
        /// Its loader.
        loader: Address,
    },
    /// The shares of fees are no policy.
    #[error("fees: {0}")]
    Fees(#[from] FeePolicyError),
    /// The schedule of activations does not fit its account.
    #[error(transparent)]
    Schedule(#[from] GenesisError),
}

/// The address of a feature: of a rule set, a scheme of signatures, or one of these programs.
pub fn feature_named(name: &str, linked: &ProgramTable) -> Option<Address> {
    let rules = RuleSet::ALL.into_iter().find(|rules| rules.name() == name);
    let scheme = || {
        let mut schemes = SignatureScheme::ALL.into_iter();
        schemes
            .find(|scheme| scheme.name() == name)
            .map(SignatureScheme::feature)
    };
    let program = || linked.iter().find(|program| program.name() == name);
    let program = || program().map(Program::address);
    rules.map(RuleSet::feature).or_else(scheme).or_else(program)
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
    activation_authority: Option<String>,
    #[serde(default)]
    activations: Vec<GenesisActivation>,
    #[serde(default)]
    limits: GenesisLimits,
    #[serde(default)]
    fees: GenesisFees,
    /// Programs that are accounts, with these.
    #[serde(skip)]
    compiled: Vec<(Address, Vec<(Address, Account)>)>,
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

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GenesisActivation {
    feature: String,
    slot: u64,
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GenesisFees {
    #[serde(default)]
    leader: u16,
    #[serde(default)]
    stakers: u16,
    stakers_account: Option<String>,
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

    /// Adds a compiled program with its accounts, in place of a native one that has its address.
    pub fn add_compiled(
        &mut self,
        program: Address,
        accounts: impl IntoIterator<Item = (Address, Account)>,
    ) {
        let accounts = accounts.into_iter().collect();
        self.compiled.push((program, accounts));
    }

    /// The genesis, with an account for the faucet, of the programs that the file names out of
    /// `linked`, or the `usual` ones if it names none.
    ///
    /// # Errors
    /// If an address, a name or some data stands for nothing, the activations are too many, or a
    /// compiled program has no loader.
    pub fn genesis(
        &self,
        faucet: &Address,
        usual: &ProgramTable,
        linked: &ProgramTable,
    ) -> Result<Genesis, GenesisFileError> {
        let programs = self.program_table(usual, linked)?;
        let lamports = self.faucet_lamports.unwrap_or(FAUCET_LAMPORTS);
        let mut accounts = vec![(*faucet, Account::wallet(lamports))];
        for (place, account) in self.accounts.iter().enumerate() {
            accounts.push(account.read(place)?);
        }
        for (program, compiled) in &self.compiled {
            let own = compiled.iter().find(|(address, _)| address == program);
            let loader = own.map_or_else(Address::default, |(_, account)| account.owner);
            if programs.loader(&loader).is_none() {
                let program = *program;
                return Err(GenesisFileError::NoLoader { program, loader });
            }
            accounts.extend_from_slice(compiled);
        }
        let mut genesis = Genesis::new(accounts, programs).with_linked(linked.clone());
        genesis.slot = self.slot.unwrap_or_default();
        genesis.limits = self.limits.over(genesis.limits);
        genesis.fee_policy = self.fees.policy()?;
        Ok(genesis.with_schedule(&self.schedule(faucet, linked)?)?)
    }

    fn schedule(
        &self,
        faucet: &Address,
        linked: &ProgramTable,
    ) -> Result<Schedule, GenesisFileError> {
        let authority = self.activation_authority.as_deref();
        let authority = authority.map(|text| address_in("activationAuthority", text));
        let activations = self.activations.iter().enumerate();
        let activations = activations.map(|(place, activation)| {
            let name = activation.feature.clone();
            let feature = feature_named(&name, linked);
            let feature = feature.ok_or_else(|| GenesisFileError::Value {
                field: format!("activations[{place}].feature"),
                expected: "the name of a program that is linked in, of a rule set or of a scheme",
                found: name.clone(),
            })?;
            let slot = activation.slot;
            Ok(Activation {
                feature,
                slot,
                name,
            })
        });
        Ok(Schedule {
            authority: Some(authority.transpose()?.unwrap_or(*faucet)),
            activations: activations.collect::<Result<_, GenesisFileError>>()?,
        })
    }

    /// Those of all programs that the file names, or the usual ones if it names none; without
    /// those that compiled ones stand for.
    fn program_table(
        &self,
        usual: &ProgramTable,
        all: &ProgramTable,
    ) -> Result<ProgramTable, GenesisFileError> {
        let is_native = |program: &dyn Program| {
            let mut compiled = self.compiled.iter();
            compiled.all(|(address, _)| *address != program.address())
        };
        let Some(names) = &self.programs else {
            return Ok(usual.clone().filtered(is_native));
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
        Ok(all
            .clone()
            .filtered(|program| named(program.name()) && is_native(program)))
    }
}

/// The address that a field's text stands for.
fn address_in(field: &str, text: &str) -> Result<Address, GenesisFileError> {
    let parsed: Result<Address, _> = text.parse();
    parsed.map_err(|_| GenesisFileError::Value {
        field: field.to_owned(),
        expected: "32 bytes in base58",
        found: text.to_owned(),
    })
}

impl GenesisFees {
    fn policy(&self) -> Result<FeePolicy, GenesisFileError> {
        let account = self.stakers_account.as_deref();
        let account = account.map(|text| address_in("fees.stakersAccount", text));
        let account = account.transpose()?;
        if self.stakers > 0 && account.is_none() {
            return Err(GenesisFileError::Value {
                field: "fees.stakersAccount".to_owned(),
                expected: "32 bytes in base58, since stakers get a share",
                found: String::new(),
            });
        }
        let account = account.unwrap_or_default();
        Ok(FeePolicy::new(self.leader, self.stakers, account)?)
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
    use std::sync::Arc;

    use lockstep_interface::{Executable, InstructionError, InvokeContext, Loader};
    use lockstep_programs::builtin_programs;

    use super::*;

    fn genesis(json: &str) -> Result<Genesis, GenesisFileError> {
        let file: GenesisFile = serde_json::from_str(json).unwrap();
        let faucet = Address::new_from_array([1; 32]);
        file.genesis(&faucet, &ProgramTable::new(), &builtin_programs())
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let genesis = genesis("{}").unwrap();
        assert_eq!(genesis.accounts.len(), 2, "faucet and schedule");
        assert_eq!(genesis.accounts[0].1.lamports, FAUCET_LAMPORTS);
        assert_eq!(genesis.programs.iter().count(), 0, "the usual ones");
        assert_eq!(genesis.limits, BlockLimits::MAINNET);
        let schedule = Schedule::from_account(&genesis.accounts[1].1).unwrap();
        assert_eq!(schedule.authority, Some(Address::new_from_array([1; 32])));
        assert_eq!(schedule.activations, []);
    }

    #[test]
    fn activations_are_found_by_name() {
        let json = r#"{"activationAuthority": "So11111111111111111111111111111111111111112",
            "activations": [{"feature": "memo", "slot": 5}, {"feature": "rules-current", "slot": 9}]}"#;
        let genesis = genesis(json).unwrap();
        let schedule = Schedule::from_account(&genesis.accounts[1].1).unwrap();
        assert_ne!(schedule.authority, Some(Address::new_from_array([1; 32])));
        let found = schedule.activations.iter();
        let found: Vec<_> = found.map(|one| (one.feature, one.slot)).collect();
        let rules = RuleSet::Current.feature();
        assert_eq!(
            found,
            [
                (lockstep_interface::address::program_ids::MEMO, 5),
                (rules, 9)
            ]
        );
    }

    #[test]
    fn a_compiled_program_needs_its_loader_and_stands_for_a_native_one() {
        use lockstep_interface::address::program_ids::{MEMO, SYSTEM};

        let faucet = Address::new_from_array([1; 32]);
        let linked = builtin_programs();
        let owned = |owner| Account {
            owner,
            ..Account::wallet(5)
        };
        let mut file = GenesisFile::default();
        file.add_compiled(MEMO, [(MEMO, owned(SYSTEM))]);
        let error = file.genesis(&faucet, &linked, &linked).unwrap_err();
        assert!(
            error.to_string().starts_with("the compiled program Memo"),
            "{error}"
        );

        let loader = Address::new_from_array([2; 32]);
        let with_loader = linked.clone().with(TestLoader(loader));
        let mut file = GenesisFile::default();
        file.add_compiled(MEMO, [(MEMO, owned(loader))]);
        let genesis = file.genesis(&faucet, &with_loader, &with_loader).unwrap();
        assert!(genesis.programs.get(&MEMO).is_none());
        assert!(genesis.accounts.contains(&(MEMO, owned(loader))));
        assert!(genesis.programs.get(&SYSTEM).is_some());
    }

    /// A loader whose programs cannot run.
    #[derive(Debug)]
    struct TestLoader(Address);

    impl Program for TestLoader {
        fn address(&self) -> Address {
            self.0
        }

        fn name(&self) -> &'static str {
            "test-loader"
        }

        fn loader(&self) -> Option<&dyn Loader> {
            Some(self)
        }

        fn process(&self, _: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
            Err(InstructionError::InvalidInstructionData)
        }
    }

    impl Loader for TestLoader {
        fn file_address(&self, _: &Address, _: &Account) -> Option<Address> {
            None
        }

        fn load(&self, _: &Account) -> Option<Arc<dyn Executable>> {
            None
        }
    }

    #[test]
    fn fees_are_split_as_the_file_says() {
        let genesis = genesis(
            r#"{"fees": {"leader": 5000, "stakers": 3000,
            "stakersAccount": "So11111111111111111111111111111111111111112"}}"#,
        );
        let policy = genesis.unwrap().fee_policy;
        assert_eq!(
            (policy.leader_parts(), policy.staker_parts()),
            (5_000, 3_000)
        );
        let account = policy.stakers().unwrap().to_string();
        assert_eq!(account, "So11111111111111111111111111111111111111112");
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
        assert_eq!(found.fee_policy, FeePolicy::BURNED);
        for (json, field) in [
            (r#"{"programs": ["sistem"]}"#, "programs[0]"),
            (
                r#"{"activations": [{"feature": "rules", "slot": 1}]}"#,
                "activations[0].feature",
            ),
            (r#"{"activationAuthority": "me"}"#, "activationAuthority"),
            (r#"{"fees": {"stakers": 1}}"#, "fees.stakersAccount"),
            (
                r#"{"fees": {"leader": 10001}}"#,
                "fees: the leader gets 10001",
            ),
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
