//! `lockstep inspect`: what a ledger on disk holds.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use lockstep_interface::Address;
use lockstep_runtime::rules::{FEE_PARTS, FeePolicy};
use lockstep_store::Store;
use serde::Serialize;

use crate::failure::Failure;
use crate::ledger::{Common, GENESIS_FILE, base58, parse_address, shown, state_root};
use crate::text::{self, BOLD, paint, thousands};

mod account;

/// Show a ledger's newest block, roots, sizes and log, or one of its accounts
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The ledger's directory
    dir: PathBuf,
    /// Show the account at this address
    #[arg(value_parser = parse_address)]
    address: Option<Address>,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Report {
    ledger: String,
    slot: u64,
    block: String,
    parent: String,
    unix_timestamp: i64,
    transactions: u32,
    state_root: String,
    delta_root: String,
    accounts: usize,
    /// Blocks in the log.
    blocks: usize,
    first_slot: u64,
    last_slot: u64,
    /// Rules of the newest block.
    rules: String,
    /// Programs that it could call.
    programs: usize,
    /// What becomes of fees.
    fees: Fees,
    /// Features that begin later.
    to_come: Vec<ToCome>,
    /// Whether the first state is kept, at which `verify` begins.
    has_genesis: bool,
    /// Bytes of all files.
    bytes: u64,
}

/// How the fees of each block are split, in parts of 10,000.
#[derive(Serialize)]
struct Fees {
    leader: u16,
    stakers: u16,
    burned: u16,
    stakers_account: Option<String>,
}

impl Fees {
    fn of(policy: &FeePolicy) -> Self {
        let (leader, stakers) = (policy.leader_parts(), policy.staker_parts());
        Self {
            leader,
            stakers,
            burned: FEE_PARTS.saturating_sub(leader).saturating_sub(stakers),
            stakers_account: policy.stakers().map(|account| account.to_string()),
        }
    }

    fn summary(&self) -> String {
        if self.burned == FEE_PARTS {
            return "burned".to_owned();
        }
        let account = self.stakers_account.iter();
        let account: String = account.map(|account| format!(" at {account}")).collect();
        let Self {
            leader,
            stakers,
            burned,
            ..
        } = self;
        format!("of {FEE_PARTS}: leader {leader}, stakers {stakers}{account}, burned {burned}")
    }
}

/// A feature that begins later.
#[derive(Serialize)]
struct ToCome {
    name: String,
    feature: String,
    slot: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Arguments {
        dir,
        address,
        common,
    } = arguments;
    if let Some(address) = address {
        let (store, _) = common.open_store(dir, false, &common.threads()?)?;
        let account = store.get(address).map_err(Failure::usage)?;
        let account = account.ok_or_else(|| {
            Failure::usage(format!("{}: there is no account {address}", dir.display()))
        })?;
        return account::show(address, &account, common.json);
    }
    let report = report(dir, common)?;
    if common.json {
        text::print_json(&report)?;
    } else {
        text::print(&report.summary())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn report(dir: &Path, common: &Common) -> Result<Report, Failure> {
    let chain = common.open_chain(dir)?;
    let (id, header) = chain.head();
    let bank = chain.bank(&id).map_err(Failure::other)?;
    let records = chain.store().records(usize::MAX).map_err(Failure::usage)?;
    let slot = |record: Option<&lockstep_store::BlockRecord>| {
        record.map_or(header.slot, |record| record.slot)
    };
    let to_come = bank.schedule().activations.iter();
    let to_come = to_come.filter(|one| one.slot > header.slot);
    let to_come = to_come.map(|one| ToCome {
        name: shown(Path::new(&one.name)),
        feature: one.feature.to_string(),
        slot: one.slot,
    });
    Ok(Report {
        ledger: shown(dir),
        slot: header.slot,
        block: base58(&id),
        parent: base58(&header.parent_id),
        unix_timestamp: header.unix_timestamp,
        transactions: header.transaction_count,
        state_root: state_root(&header),
        delta_root: base58(&header.delta_root),
        accounts: bank.trie().map_or(0, lockstep_store::Trie::account_count),
        blocks: records.len(),
        first_slot: slot(records.first()),
        last_slot: slot(records.last()),
        rules: format!("{:?}", bank.environment().rules),
        programs: bank.environment().programs.iter().count(),
        fees: Fees::of(&chain.parameters().fee_policy),
        to_come: to_come.collect(),
        has_genesis: dir.join(GENESIS_FILE).is_file(),
        bytes: size(dir).map_err(|error| Failure::usage(format!("{}: {error}", shown(dir))))?,
    })
}

/// Bytes of all files below a directory. What is removed meanwhile does not count.
fn size(dir: &Path) -> io::Result<u64> {
    let is_gone = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    let mut sum = 0u64;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let more = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            metadata => metadata.map(|metadata| metadata.len()),
        };
        let more = match more {
            Err(error) if is_gone(&error) => continue,
            more => more?,
        };
        sum = sum.saturating_add(more);
    }
    Ok(sum)
}

impl Report {
    fn summary(&self) -> String {
        let genesis = if self.has_genesis { "kept" } else { "not kept" };
        let to_come = self.to_come.iter();
        let to_come = to_come.map(|one| format!("{} in slot {}", one.name, one.slot));
        let to_come = to_come.collect::<Vec<_>>().join(", ");
        let mut lines = vec![
            (
                "newest",
                format!("slot {}, block {}", self.slot, self.block),
            ),
            ("parent", self.parent.clone()),
            (
                "content",
                format!(
                    "{} transactions, {} seconds since 1970",
                    thousands(self.transactions),
                    self.unix_timestamp
                ),
            ),
            ("state root", self.state_root.clone()),
            ("delta root", self.delta_root.clone()),
            ("accounts", thousands(self.accounts)),
            (
                "log",
                format!(
                    "{} blocks, slots {} to {}, genesis {genesis}",
                    thousands(self.blocks),
                    self.first_slot,
                    self.last_slot
                ),
            ),
            (
                "features",
                format!("rules {}, {} programs", self.rules, self.programs),
            ),
            ("fees", self.fees.summary()),
            ("size", format!("{} bytes", thousands(self.bytes))),
        ];
        if !to_come.is_empty() {
            lines.push(("to come", to_come));
        }
        table(&self.ledger, &lines)
    }
}

/// A heading, and facts with their names.
fn table(heading: &str, lines: &[(&str, String)]) -> String {
    format!("{}\n\n{}", paint(BOLD, heading), text::facts(lines))
}
