//! Accounts: one, several, those of a program, the largest.

use std::{cmp::Reverse, collections::BTreeSet};

use jsonrpsee::core::RegisterMethodError;
use lockstep_interface::{Account, Address, address::program_ids};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Methods,
    encode::{AccountConfig, Encoder},
    error::{Answer, RpcError},
    in_context,
    params::{Arguments, ContextConfig, address},
};
use crate::{
    history::Kind,
    limits::{FILTER_COUNT_MAX, FILTER_SIZE_MAX, MULTIPLE_ACCOUNTS_MAX},
    node::Node,
};

/// Accounts of `getLargestAccounts`.
const LARGEST_COUNT: usize = 20;

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.quick("getBalance", balance)?;
    methods.quick("getAccountInfo", account_info)?;
    methods.slow("getMultipleAccounts", multiple_accounts)?;
    methods.scan("getProgramAccounts", program_accounts)?;
    methods.scan("getLargestAccounts", largest_accounts)?;
    methods.scan("getSupply", supply)?;
    Ok(())
}

fn balance(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    let config: ContextConfig = arguments.or_default()?;
    config.slot(node)?;
    let view = node.view()?;
    let account = view.get(&address)?;
    let lamports = account.map_or(0, |account| account.lamports);
    Ok(in_context(view.header().slot, lamports))
}

fn account_info(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    let config: AccountConfig = arguments.or_default()?;
    config.context().slot(node)?;
    let view = node.view()?;
    let account = view.get(&address)?;
    let mut encoder = Encoder::new(&view, config);
    let shown = account.map(|account| encoder.account(&address, &account));
    Ok(in_context(view.header().slot, shown.transpose()?))
}

fn multiple_accounts(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let texts: Vec<String> = arguments.required("a list of addresses")?;
    let config: AccountConfig = arguments.or_default()?;
    config.context().slot(node)?;
    if texts.len() > MULTIPLE_ACCOUNTS_MAX {
        return Err(RpcError::params(format!(
            "Too many inputs provided; max {MULTIPLE_ACCOUNTS_MAX}"
        )));
    }
    let addresses = texts.iter().map(|text| address(text));
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    let view = node.view()?;
    let mut accounts = vec![Account::default(); addresses.len()];
    view.load(&addresses, &mut accounts)?;
    let config = config.by_default(super::encode::AccountEncoding::Base64);
    let mut encoder = Encoder::new(&view, config);
    let shown = addresses.iter().zip(&accounts).map(|(address, account)| {
        if account.exists() {
            encoder.account(address, account)
        } else {
            Ok(Value::Null)
        }
    });
    let shown = shown.collect::<Result<Vec<_>, _>>()?;
    Ok(in_context(view.header().slot, shown))
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProgramConfig {
    #[serde(flatten)]
    pub(super) account: AccountConfig,
    #[serde(default, deserialize_with = "super::params::or_default")]
    pub(super) filters: Option<Vec<Filter>>,
    #[serde(default, deserialize_with = "super::params::or_default")]
    with_context: Option<bool>,
    #[serde(default, deserialize_with = "super::params::or_default")]
    sort_results: Option<bool>,
}

/// What accounts are wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Filter {
    /// Those of a size.
    DataSize(u64),
    /// Those with these bytes.
    Memcmp(Memcmp),
    /// Token accounts in use.
    TokenAccountState,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Memcmp {
    offset: usize,
    bytes: Bytes,
    encoding: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Plain(Vec<u8>),
}

/// A filter that was read.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Size(u64),
    Bytes(usize, Vec<u8>),
    Token,
}

impl Filter {
    fn read(&self) -> Result<Condition, RpcError> {
        Ok(match self {
            Self::DataSize(size) => Condition::Size(*size),
            Self::TokenAccountState => Condition::Token,
            Self::Memcmp(compare) => {
                let is_base64 = compare.encoding.as_deref() == Some("base64");
                let bytes = match &compare.bytes {
                    Bytes::Plain(bytes) => Some(bytes.clone()),
                    Bytes::Text(text) if is_base64 => {
                        let encoding = super::params::WireEncoding::Base64;
                        encoding.decode(text).ok()
                    }
                    Bytes::Text(text) => bs58::decode(text).into_vec().ok(),
                };
                let bytes = bytes.filter(|bytes| bytes.len() <= FILTER_SIZE_MAX);
                let bytes = bytes.ok_or_else(|| {
                    RpcError::params(format!(
                        "Invalid param: a filter compares at most {FILTER_SIZE_MAX} bytes, in \
                         base58 or base64"
                    ))
                })?;
                Condition::Bytes(compare.offset, bytes)
            }
        })
    }

    /// Reads all filters of a request.
    pub(super) fn read_all(filters: Option<&[Self]>) -> Result<Vec<Condition>, RpcError> {
        let filters = filters.unwrap_or_default();
        if filters.len() > FILTER_COUNT_MAX {
            return Err(RpcError::params(format!(
                "Too many filters provided; max {FILTER_COUNT_MAX}"
            )));
        }
        filters.iter().map(Self::read).collect()
    }
}

impl Condition {
    /// Whether an account is wanted.
    pub(super) fn admits(&self, account: &Account) -> bool {
        match self {
            Self::Size(size) => account.data.len() as u64 == *size,
            Self::Token => {
                use lockstep_programs::token::{TokenAccount, TokenState as _};
                TokenAccount::read(&account.data).is_ok()
            }
            Self::Bytes(offset, bytes) => {
                let rest = account.data.get(*offset..);
                rest.is_some_and(|rest| rest.starts_with(bytes))
            }
        }
    }
}

fn program_accounts(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let program = arguments.address()?;
    let config: ProgramConfig = arguments.or_default()?;
    config.account.context().slot(node)?;
    let conditions = Filter::read_all(config.filters.as_deref())?;
    if program == program_ids::SYSTEM {
        return Err(RpcError::Excluded(program.to_string()));
    }
    let (view, addresses) = indexed(node, Kind::Program, &program)?;
    let mut encoder = Encoder::new(&view, config.account);
    let mut shown = Vec::new();
    for chunk in addresses.chunks(1_024) {
        let mut accounts = vec![Account::default(); chunk.len()];
        view.load(chunk, &mut accounts)?;
        for (address, account) in chunk.iter().zip(&accounts) {
            let is_wanted = account.exists()
                && account.owner == program
                && conditions.iter().all(|one| one.admits(account));
            if is_wanted {
                shown.push(encoder.keyed(address, account)?);
            }
        }
    }
    // The index is sorted, so that results always are.
    let _ = config.sort_results;
    Ok(match config.with_context {
        Some(true) => in_context(view.header().slot, shown),
        _ => shown.into(),
    })
}

/// The state after the newest block, and the accounts that may be of what is asked for.
pub(super) fn indexed(
    node: &Node,
    kind: Kind,
    of: &Address,
) -> Result<(lockstep_runtime::chain::View, Vec<Address>), RpcError> {
    let view = node.view()?;
    node.history.reach(view.header().slot)?;
    let addresses = node.history.accounts(kind, of)?;
    let addresses = addresses.ok_or_else(|| RpcError::Excluded(of.to_string()))?;
    Ok((view, addresses))
}

/// The wallets with the highest balances, out of all accounts.
fn largest_accounts(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let config: ContextConfig = arguments.or_default()?;
    config.slot(node)?;
    let mut largest: BTreeSet<(Reverse<u64>, Address)> = BTreeSet::new();
    let view = node.chain.scan(&mut |accounts| {
        for (address, account) in accounts {
            largest.insert((Reverse(account.lamports), *address));
            if largest.len() > LARGEST_COUNT {
                largest.pop_last();
            }
        }
    })?;
    let slot = view.header().slot;
    let shown = largest.into_iter().map(|(Reverse(lamports), address)| {
        json!({ "address": address.to_string(), "lamports": lamports })
    });
    Ok(in_context(slot, shown.collect::<Vec<_>>()))
}

fn supply(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let config: ContextConfig = arguments.or_default()?;
    config.slot(node)?;
    let mut total = 0u128;
    let view = node.chain.scan(&mut |accounts| {
        let lamports = accounts.iter().map(|(_, account)| account.lamports);
        total = lamports.fold(total, |total, own| total.saturating_add(own.into()));
    })?;
    let slot = view.header().slot;
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    Ok(in_context(
        slot,
        json!({
            "total": total,
            "circulating": total,
            "nonCirculating": 0,
            "nonCirculatingAccounts": [],
        }),
    ))
}
