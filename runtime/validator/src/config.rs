//! The files of a network and of its members.
//!
//! ```json
//! network.json, the same for all members:
//! { "validators": [{ "key": "BASE58", "stake": 1000000000 }],
//!   "faucet": "BASE58",
//!   "chain": { "accounts": [], "faucetLamports": 500000000000000000 },
//!   "staking": { "epochSlots": 20000, "cooldownEpochs": 4, "slashParts": 500, "stakeMin": 1 } }
//!
//! the file of a member, whose paths are relative to it:
//! { "key": "validator.json", "network": "../network.json", "directory": "data",
//!   "listen": "127.0.0.1:9000", "rpcPort": 8899,
//!   "peers": [{ "key": "BASE58", "address": "127.0.0.1:9010" }] }
//! ```
//! `chain` is the genesis file of a node; every field of it may be left out. With `staking`, the
//! network begins with the staking program, and with the validators' stakes in it. The programs
//! that carry messages between chains are linked in, for `chain` to name or to activate.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519::PublicKey;
use lockstep_interface::{Account, Address, InstructionError, ProgramTable};
use lockstep_messages::with_messages;
use lockstep_node::genesis::{GenesisFile, GenesisFileError};
use lockstep_runtime::{
    bank::Genesis,
    block::{BlockHeader, BlockLimits},
    chain::{Chain, ChainOptions, OpenError},
    threads::Threads,
};
use lockstep_stake::{
    Founder, Terms,
    staking::{Register, StakingProgram},
};
use lockstep_store::{MemoryStore, Trie};
use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{
    limits::{EPOCH_SLOTS_MIN, KEEP_BLOCKS},
    members::{Member, Members, MembersError, address_of},
};

/// What blocks of a network hold at the most, so that they reach all members in time.
const LIMITS_MAX: BlockLimits = BlockLimits {
    transaction_bytes_max: 4 << 20,
    transaction_count_max: 1 << 15,
    wait_count_max: 1 << 17,
    ..BlockLimits::MAINNET
};

/// Why a file is of no use.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no JSON, or has a field that is unknown or of another kind.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// A field's text is no key.
    #[error("{field}: expected 32 bytes in base58 that are a key, found {found:?}")]
    Key {
        /// The field.
        field: &'static str,
        /// What was found.
        found: String,
    },
    /// The validators are no set of members.
    #[error("validators: {0}")]
    Members(#[from] MembersError),
    /// The chain's genesis is of no use.
    #[error("chain: {0}")]
    Genesis(#[from] GenesisFileError),
    /// The terms of staking go with no stake.
    #[error(
        "staking: expected an epoch of at least one slot, parts of at most 10,000, and validators \
         with at least the least stake: {0}"
    )]
    Staking(InstructionError),
    /// An epoch is too short.
    #[error(
        "staking.epochSlots: expected at least {EPOCH_SLOTS_MIN}, found {0}: the first slot is the \
         genesis, which is not signed"
    )]
    EpochSlots(u64),
    /// The chain cannot begin with it.
    #[error("chain: {0}")]
    Open(#[from] OpenError),
}

/// A network: what all members must have the same of.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkFile {
    validators: Vec<ValidatorEntry>,
    /// The address that the first lamports go to.
    faucet: String,
    #[serde(default)]
    chain: GenesisFile,
    staking: Option<StakingEntry>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StakingEntry {
    epoch_slots: u64,
    cooldown_epochs: u64,
    slash_parts: u16,
    stake_min: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ValidatorEntry {
    key: String,
    stake: u64,
}

/// A member.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberFile {
    /// The file of its secret key, as Solana's tools write it.
    pub key: PathBuf,
    /// The file of its network.
    pub network: PathBuf,
    /// Where the ledger and the engine's files are, or will be.
    pub directory: PathBuf,
    /// Where other members reach it.
    pub listen: SocketAddr,
    /// The other members.
    pub peers: Vec<Peer>,
    /// The address of its JSON-RPC; loopback by default.
    #[serde(default = "loopback")]
    pub rpc_address: IpAddr,
    /// The port of its JSON-RPC; that of the WebSocket is the one behind it.
    pub rpc_port: u16,
    /// Threads that execute blocks.
    #[serde(default = "one")]
    pub threads: usize,
    /// Milliseconds between blocks that are not full.
    #[serde(default = "block_millis")]
    pub block_millis: u64,
    /// Final blocks that it keeps for members that are behind, at least.
    #[serde(default = "keep_blocks")]
    pub keep_blocks: u64,
    /// The key of the faucet, for airdrops; a test network has one.
    pub faucet_key: Option<PathBuf>,
}

/// Another member.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Peer {
    key: String,
    /// Where it listens.
    pub address: SocketAddr,
}

fn loopback() -> IpAddr {
    IpAddr::from([127, 0, 0, 1])
}

fn one() -> usize {
    1
}

fn block_millis() -> u64 {
    250
}

fn keep_blocks() -> u64 {
    KEEP_BLOCKS
}

impl NetworkFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or is of another form.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        read_json(path)
    }

    /// The members.
    ///
    /// # Errors
    /// If they are no set of members.
    pub fn members(&self) -> Result<Members, ConfigError> {
        let mut members = Vec::with_capacity(self.validators.len());
        for entry in &self.validators {
            members.push(Member {
                key: public_key("validators.key", &entry.key)?,
                stake: entry.stake,
            });
        }
        Ok(Members::new(members)?)
    }

    /// The chain's genesis, with the members in it.
    ///
    /// # Errors
    /// If a part of it is of no use.
    pub fn genesis(&self, programs: &ProgramTable) -> Result<Genesis, ConfigError> {
        let faucet: Result<Address, _> = self.faucet.parse();
        let faucet = faucet.map_err(|_| ConfigError::Key {
            field: "faucet",
            found: self.faucet.clone(),
        })?;
        let linked = with_messages(programs.clone());
        let mut genesis = self.chain.genesis(&faucet, programs, &linked)?;
        genesis.accounts.push(self.members()?.account());
        if let Some(terms) = self.staking {
            genesis.accounts.extend(self.stakes(terms)?);
            genesis.programs = genesis.programs.with(StakingProgram);
            genesis.linked = genesis.linked.with(StakingProgram);
        }
        // Heights are slots, and begin with 0.
        genesis.slot = 0;
        let limits = &mut genesis.limits;
        *limits = BlockLimits {
            transaction_bytes_max: limits
                .transaction_bytes_max
                .min(LIMITS_MAX.transaction_bytes_max),
            transaction_count_max: limits
                .transaction_count_max
                .min(LIMITS_MAX.transaction_count_max),
            wait_count_max: limits.wait_count_max.min(LIMITS_MAX.wait_count_max),
            ..*limits
        };
        Ok(genesis)
    }
}

impl NetworkFile {
    /// The accounts of the staking program, with all validators as founders.
    fn stakes(&self, terms: StakingEntry) -> Result<Vec<(Address, Account)>, ConfigError> {
        let terms = Terms {
            epoch_slots: terms.epoch_slots,
            cooldown_epochs: terms.cooldown_epochs,
            slash_parts: terms.slash_parts,
            stake_min: terms.stake_min,
        };
        let members = self.members()?;
        let founders = members.iter().map(|member| {
            let key = member.address();
            Founder {
                identity: key,
                key,
                commission: 0,
                stake: member.stake,
            }
        });
        let founders: Vec<Founder> = founders.collect();
        lockstep_stake::genesis(&terms, &founders).map_err(ConfigError::Staking)
    }

    /// Slots of an epoch, after which the members may change; `None` if they never do.
    ///
    /// # Errors
    /// If an epoch has fewer than two slots.
    pub fn epoch_slots(&self) -> Result<Option<NonZeroU64>, ConfigError> {
        let Some(staking) = self.staking else {
            return Ok(None);
        };
        match NonZeroU64::new(staking.epoch_slots) {
            Some(slots) if slots.get() >= EPOCH_SLOTS_MIN => Ok(Some(slots)),
            _ => Err(ConfigError::EpochSlots(staking.epoch_slots)),
        }
    }

    /// The account that a member's blocks name as their leader: its validator, or without staking
    /// the wallet of its key.
    pub fn leader(&self, key: &PublicKey) -> Address {
        let key = address_of(key);
        match self.staking {
            Some(_) => Register::validator_address(&key).0,
            None => key,
        }
    }

    /// The header of the chain's first block, whose id stands for the network. O(genesis
    /// accounts).
    ///
    /// # Errors
    /// If the genesis is of no use.
    pub fn first_header(&self, programs: &ProgramTable) -> Result<BlockHeader, ConfigError> {
        let options = ChainOptions::new(Threads::new(1).map_err(OpenError::from)?);
        let store = Arc::new(MemoryStore::new());
        let chain = Chain::open(store, Trie::default(), self.genesis(programs)?, options)?;
        Ok(chain.head().1)
    }
}

impl MemberFile {
    /// Reads a file; its paths become relative to where the process is.
    ///
    /// # Errors
    /// If it cannot be read or is of another form.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut file: Self = read_json(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for place in [&mut file.key, &mut file.network, &mut file.directory]
            .into_iter()
            .chain(&mut file.faucet_key)
        {
            *place = folder.join(&*place);
        }
        Ok(file)
    }
}

impl Peer {
    /// Its key.
    ///
    /// # Errors
    /// If the text is no key.
    pub fn key(&self) -> Result<PublicKey, ConfigError> {
        public_key("peers.key", &self.key)
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|source| ConfigError::Json {
        path: path.to_owned(),
        source,
    })
}

fn public_key(field: &'static str, text: &str) -> Result<PublicKey, ConfigError> {
    let wrong = || ConfigError::Key {
        field,
        found: text.to_owned(),
    };
    let bytes: Address = text.parse().map_err(|_| wrong())?;
    PublicKey::decode(Copying(bytes.as_array())).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use lockstep_programs::builtin_programs;

    use super::*;
    use crate::members::MEMBERS;

    fn network(json: &str) -> Result<Genesis, String> {
        let file: Result<NetworkFile, _> = serde_json::from_str(json);
        let file = file.map_err(|error| error.to_string())?;
        let genesis = file.genesis(&builtin_programs());
        genesis.map_err(|error| error.to_string())
    }

    #[test]
    fn a_network_with_staking_begins_with_the_stakes_of_its_validators() {
        let json = r#"{"faucet": "So11111111111111111111111111111111111111112",
            "validators": [{"key": "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS", "stake": 7}],
            "staking": {"epochSlots": 9, "cooldownEpochs": 1, "slashParts": 5, "stakeMin": 7}}"#;
        let file: NetworkFile = serde_json::from_str(json).unwrap();
        let genesis = file.genesis(&builtin_programs()).unwrap();
        assert!(genesis.programs.get(&lockstep_stake::staking::ID).is_some());
        let key = public_key("", "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS").unwrap();
        let leader = file.leader(&key);
        assert!(
            genesis
                .accounts
                .iter()
                .any(|(address, _)| *address == leader)
        );
        assert!(file.first_header(&builtin_programs()).is_ok());
        let error = network(&json.replace("Min\": 7", "Min\": 8")).unwrap_err();
        assert!(error.starts_with("staking: expected"), "{error}");
    }

    #[test]
    fn a_network_names_its_members_in_its_genesis() {
        let json = r#"{"faucet": "So11111111111111111111111111111111111111112",
            "validators": [{"key": "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS", "stake": 7}],
            "chain": {"limits": {"transactions": 9}}}"#;
        let genesis = network(json).unwrap();
        let found = genesis
            .accounts
            .iter()
            .find(|(address, _)| *address == MEMBERS);
        let members = Members::decode(&found.unwrap().1.data).unwrap();
        assert_eq!(members.stake(), 7);
        assert_eq!(genesis.limits.transaction_count_max, 9);
        assert_eq!(genesis.limits.transaction_bytes_max, 4 << 20);
        for (wrong, expected) in [
            (json.replace("4zvw", "0zvw"), "validators.key: expected"),
            (json.replace("So11", "0o11"), "faucet: expected"),
            (json.replace(": 7", ": 0"), "validators: member"),
            (json.replace("stake", "steak"), "unknown field `steak`"),
        ] {
            let error = network(&wrong).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
