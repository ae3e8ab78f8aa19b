//! One line of a case file becomes a typed case.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use lockstep_interface::{Account, Address, Hash, Rent, limits::ACCOUNT_DATA_SIZE_MAX};
use serde::{Deserialize, Deserializer, de::Error};

/// One instruction, the accounts it finds, and what became of them.
#[derive(Clone, Debug, Deserialize)]
pub struct InstructionCase {
    /// The case's name.
    pub id: String,
    /// The program called.
    #[serde(deserialize_with = "address")]
    pub program: Address,
    /// Its instruction data.
    #[serde(deserialize_with = "hexadecimal")]
    pub data: Vec<u8>,
    /// Compute units it may spend.
    pub cu: u64,
    /// The slot it runs in.
    pub slot: u64,
    /// The clock's time, in seconds since 1970, where the case depends on it.
    #[serde(default)]
    pub unix_timestamp: i64,
    /// Rent parameters, where they do not come from the Rent account.
    pub rent: Option<RecordedRent>,
    /// The accounts before.
    pub accounts: Vec<RecordedAccount>,
    /// Which accounts the instruction names.
    pub metas: Vec<Meta>,
    /// What happened.
    pub expect: Expectation,
}

/// One transaction, the accounts and blockhashes it finds, and what became of it.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionCase {
    /// The case's name.
    pub id: String,
    /// True for a legacy message, false for a v0 one.
    #[serde(rename = "legacy", deserialize_with = "flag")]
    pub is_legacy: bool,
    /// Required signatures, read-only signers, read-only others.
    pub header: [u32; 3],
    /// The static keys.
    #[serde(deserialize_with = "addresses")]
    pub keys: Vec<Address>,
    /// The blockhash or durable nonce.
    #[serde(deserialize_with = "hash")]
    pub blockhash: Hash,
    /// Program index, account indexes and data of each instruction.
    #[serde(deserialize_with = "instructions")]
    pub instructions: Vec<(u32, Vec<u32>, Vec<u8>)>,
    /// Table, writable and read-only positions of each lookup.
    #[serde(deserialize_with = "lookups")]
    pub lookups: Vec<(Address, Vec<u32>, Vec<u32>)>,
    /// Blockhashes, oldest first.
    #[serde(deserialize_with = "hashes")]
    pub blockhash_queue: Vec<Hash>,
    /// The signatures that came with it, where they are not as many as the header says.
    pub signatures: Option<u32>,
    /// The slot it runs in.
    pub slot: u64,
    /// The accounts before.
    pub accounts: Vec<RecordedAccount>,
    /// What happened.
    pub expect: TransactionExpectation,
}

/// What became of a transaction when its case was recorded.
#[derive(Clone, Debug, Deserialize)]
pub struct TransactionExpectation {
    sanitization_error: u8,
    /// 0, or one more than the index of the transaction error.
    pub status: u32,
    /// 0, or one more than the index of the instruction error.
    pub instr_error: u32,
    /// Which instruction failed.
    pub instr_index: u32,
    /// The number of a custom error.
    pub custom: u32,
    /// Compute units used.
    pub cu: u64,
    /// Lamports paid for signatures.
    pub fee: u64,
    /// Lamports paid for priority.
    pub prio_fee: u64,
    /// The accounts afterwards; not rolled back where execution failed.
    pub resulting: Vec<RecordedAccount>,
}

impl TransactionExpectation {
    /// True if the transaction was refused and paid nothing.
    pub fn is_refused(&self) -> bool {
        self.sanitization_error != 0
    }
}

/// An account under its address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(from = "AccountFields")]
pub struct RecordedAccount {
    /// The address.
    pub address: Address,
    /// The account.
    pub account: Account,
}

/// An account that an instruction names: index among the case's accounts, and its rights.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(from = "(u8, u8, u8)")]
pub struct Meta {
    /// Index among the case's accounts.
    pub index: u8,
    /// True if the instruction may change it.
    pub is_writable: bool,
    /// True if it signed.
    pub is_signer: bool,
}

/// Rent parameters as some cases carry them.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct RecordedRent {
    lamports_per_byte_year: u64,
    exemption_threshold: f64,
}

/// What happened when the case was recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Expectation {
    /// Recorded from a validator's own program.
    Native {
        /// 0, or one more than the index of the instruction error.
        result: u32,
        /// The number of a custom error.
        custom: u32,
        /// Compute units left.
        cu_left: u64,
        /// Return data.
        #[serde(deserialize_with = "hexadecimal")]
        ret: Vec<u8>,
        /// The accounts that differ afterwards.
        modified: Vec<RecordedAccount>,
    },
    /// Recorded from a deployed program, whose compute units native code does not match.
    Deployed {
        /// 0, a custom error, the number of a program error shifted left by 32 bits, or
        /// 2^64 - 1 where the runtime itself refused what the program did.
        program_result: u64,
        /// 0, or one more than the index of the instruction error, where it was recorded.
        instr_error: Option<u32>,
        /// Return data.
        #[serde(deserialize_with = "hexadecimal")]
        ret: Vec<u8>,
        /// The accounts that differ afterwards.
        modified: Vec<RecordedAccount>,
    },
}

/// The result of a deployed program that did what the runtime refuses.
const REFUSED: u64 = u64::MAX;

impl Expectation {
    /// Whether the runtime's error was recorded beside a deployed program's.
    pub fn tells_runtime_error(&self) -> bool {
        match self {
            Self::Native { .. } => false,
            Self::Deployed { instr_error, .. } => instr_error.is_some(),
        }
    }

    /// Whether the runtime refused what a deployed program did.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Deployed { program_result, .. } if *program_result == REFUSED)
    }

    /// Return data.
    pub fn return_data(&self) -> &[u8] {
        match self {
            Self::Native { ret, .. } | Self::Deployed { ret, .. } => ret,
        }
    }

    /// The accounts that differ afterwards.
    pub fn modified(&self) -> &[RecordedAccount] {
        match self {
            Self::Native { modified, .. } | Self::Deployed { modified, .. } => modified,
        }
    }
}

impl From<RecordedRent> for Rent {
    fn from(rent: RecordedRent) -> Self {
        Self {
            lamports_per_byte: rent.lamports_per_byte_year,
            exemption_threshold_bits: rent.exemption_threshold.to_bits(),
            ..Self::MAINNET
        }
    }
}

impl From<(u8, u8, u8)> for Meta {
    fn from((index, writable, signer): (u8, u8, u8)) -> Self {
        Self {
            index,
            is_writable: writable != 0,
            is_signer: signer != 0,
        }
    }
}

/// An account as it is written in a file.
#[derive(Deserialize)]
struct AccountFields {
    #[serde(deserialize_with = "address")]
    key: Address,
    lamports: u64,
    #[serde(deserialize_with = "address")]
    owner: Address,
    exec: u8,
    #[serde(deserialize_with = "account_data")]
    data: Vec<u8>,
}

impl From<AccountFields> for RecordedAccount {
    fn from(fields: AccountFields) -> Self {
        Self {
            address: fields.key,
            account: Account {
                lamports: fields.lamports,
                data: fields.data.into(),
                owner: fields.owner,
                executable: fields.exec != 0,
            },
        }
    }
}

/// Base64, or the length and the base64 of what comes before the trailing zeros.
#[derive(Deserialize)]
#[serde(untagged)]
enum DataFields {
    Whole(String),
    Trimmed { n: usize, b: String },
}

fn account_data<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let (text, size) = match DataFields::deserialize(deserializer)? {
        DataFields::Whole(text) => (text, None),
        DataFields::Trimmed { n, b } => (b, Some(n)),
    };
    let mut bytes = STANDARD.decode(&text).map_err(Error::custom)?;
    if let Some(size) = size {
        if size > ACCOUNT_DATA_SIZE_MAX || size < bytes.len() {
            return Err(Error::custom(format!("{size} bytes of account data")));
        }
        bytes.resize(size, 0);
    }
    Ok(bytes)
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    parse_address(&String::deserialize(deserializer)?)
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(u8::deserialize(deserializer)? != 0)
}

fn parse_address<E: Error>(text: &str) -> Result<Address, E> {
    Address::from_str(text).map_err(|error| E::custom(format!("address {text}: {error}")))
}

fn parse_hash<E: Error>(text: &str) -> Result<Hash, E> {
    // A hash and an address are written alike.
    parse_address(text).map(|address| Hash::new_from_array(address.to_bytes()))
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| parse_address(text)).collect()
}

fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
    parse_hash(&String::deserialize(deserializer)?)
}

fn hashes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hash>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| parse_hash(text)).collect()
}

type Instructions = Vec<(u32, Vec<u32>, Vec<u8>)>;

fn instructions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instructions, D::Error> {
    let rows = Vec::<(u32, Vec<u32>, String)>::deserialize(deserializer)?;
    let rows = rows.into_iter().map(|(program, accounts, data)| {
        let data = hex::decode(data).map_err(Error::custom)?;
        Ok((program, accounts, data))
    });
    rows.collect()
}

type Lookups = Vec<(Address, Vec<u32>, Vec<u32>)>;

fn lookups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Lookups, D::Error> {
    let rows = Vec::<(String, Vec<u32>, Vec<u32>)>::deserialize(deserializer)?;
    let rows = rows
        .into_iter()
        .map(|(table, writable, readonly)| Ok((parse_address(&table)?, writable, readonly)));
    rows.collect()
}

fn hexadecimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    hex::decode(String::deserialize(deserializer)?).map_err(Error::custom)
}
