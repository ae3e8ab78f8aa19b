//! `lockstep prove`: an account with its proof as JSON, and the check of such a file, which needs
//! nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use lockstep_interface::{Account, Address};
use lockstep_runtime::block::BlockHeader;
use lockstep_runtime::chain::ProvenAccount;
use lockstep_store::{StateProof, account_hash, verify_proof};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::ledger::{Common, base58, parse_address, shown, state_root};
use crate::terminal::escaped;
use crate::text::{self, thousands};

/// Write an account of a ledger with its proof as JSON, or check such a file
///
/// The proof is against the state root in the header of the newest block; it says what the account
/// is, or that there is none. With `--check`, a file is checked without a ledger: exit code 1 if it
/// does not prove what it says. Compare the block's id with one from a source that you trust.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The ledger's directory
    #[arg(required_unless_present = "check", requires = "address")]
    dir: Option<PathBuf>,
    /// The account's address
    #[arg(value_parser = parse_address)]
    address: Option<Address>,
    /// Check this file instead
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    check: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// What a file says; bytes are in base64.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    address: String,
    /// `None` if there is no account.
    account: Option<ProvedAccount>,
    /// The proof's byte form.
    proof: String,
    /// The header of the block after which it holds.
    header: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ProvedAccount {
    lamports: u64,
    owner: String,
    executable: bool,
    data: String,
}

#[derive(Serialize)]
struct Checked {
    address: String,
    exists: bool,
    lamports: u64,
    slot: u64,
    block: String,
    state_root: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match (&arguments.check, &arguments.dir, &arguments.address) {
        (Some(file), ..) => check(file, arguments.common.json),
        (None, Some(dir), Some(address)) => prove(dir, address, &arguments.common),
        _ => Err(Failure::usage("a ledger and an address are needed")),
    }
}

fn prove(dir: &Path, address: &Address, common: &Common) -> Result<ExitCode, Failure> {
    let chain = common.open_chain(dir)?;
    let proven = chain.prove(address).map_err(Failure::other)?;
    text::print_json(&Proof::of(address, &proven))?;
    Ok(ExitCode::SUCCESS)
}

impl Proof {
    fn of(address: &Address, proven: &ProvenAccount) -> Self {
        let account = proven.account.as_ref();
        Self {
            address: address.to_string(),
            account: account.map(|account| ProvedAccount {
                lamports: account.lamports,
                owner: account.owner.to_string(),
                executable: account.executable,
                data: BASE64_STANDARD.encode(&*account.data),
            }),
            proof: BASE64_STANDARD.encode(proven.proof.to_bytes()),
            header: BASE64_STANDARD.encode(proven.header.encode()),
        }
    }
}

/// What a file says, read.
struct Claim {
    address: Address,
    account: Option<Account>,
    proof: StateProof,
    header: BlockHeader,
}

impl Claim {
    /// Names the field that cannot be read.
    fn read(json: &str) -> Result<Self, String> {
        let proof: Proof = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let bytes = |name: &str, text: &str| {
            let decoded = BASE64_STANDARD.decode(text);
            decoded.map_err(|error| format!("{name}: {error}"))
        };
        let address = |name: &str, text: &str| {
            parse_address(text).map_err(|error| format!("{name}: {error}"))
        };
        let account = proof.account.map(|account| {
            Ok::<_, String>(Account {
                lamports: account.lamports,
                owner: address("account.owner", &account.owner)?,
                executable: account.executable,
                data: bytes("account.data", &account.data)?.into(),
            })
        });
        let header = bytes("header", &proof.header)?;
        let state_proof = bytes("proof", &proof.proof)?;
        Ok(Self {
            address: address("address", &proof.address)?,
            account: account.transpose()?,
            proof: StateProof::from_bytes(&state_proof)
                .map_err(|error| format!("proof: {error}"))?,
            header: BlockHeader::decode(&header).map_err(|error| format!("header: {error}"))?,
        })
    }
}

fn check(file: &Path, json: bool) -> Result<ExitCode, Failure> {
    let at = |cause: String| format!("{}: {cause}", file.display());
    let text = fs::read_to_string(file).map_err(|error| Failure::usage(at(error.to_string())))?;
    let claim = Claim::read(&text).map_err(|cause| Failure::usage(at(cause)))?;
    let root = claim.header.state_root;
    let root = root.ok_or_else(|| Failure::usage(at("the header has no state root".to_owned())))?;
    let hash = claim.account.as_ref().map(account_hash);
    verify_proof(&root, &claim.address, hash.as_ref(), &claim.proof)
        .map_err(|error| Failure::other(at(format!("proves nothing: {error}"))))?;
    let report = Checked {
        address: claim.address.to_string(),
        exists: claim.account.is_some(),
        lamports: claim.account.map_or(0, |account| account.lamports),
        slot: claim.header.slot,
        block: base58(&claim.header.id()),
        state_root: state_root(&claim.header),
    };
    if json {
        text::print_json(&report)?;
    } else {
        let what = if report.exists {
            format!("is as stated, with {} lamports", thousands(report.lamports))
        } else {
            "does not exist".to_owned()
        };
        text::print(&format!(
            "{}: proven: {} {what} after slot {}, block {}\n",
            escaped(&shown(file)),
            report.address,
            report.slot,
            report.block
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
