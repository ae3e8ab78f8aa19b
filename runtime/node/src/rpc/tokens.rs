//! Token accounts: balances, those of a wallet, supply and the largest of a mint.

use std::cmp::Reverse;

use jsonrpsee::core::RegisterMethodError;
use lockstep_interface::{Account, Address, address::program_ids};
use lockstep_programs::token::{Mint, TokenAccount, TokenState as _};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Methods,
    accounts::indexed,
    encode::{AccountConfig, Encoder, decimals},
    error::{Answer, RpcError},
    in_context,
    params::{Arguments, ContextConfig, address},
};
use crate::{history::Kind, node::Node, parsed::token_amount};

/// Accounts of `getTokenLargestAccounts`.
const LARGEST_COUNT: usize = 20;

pub(super) fn register(methods: &mut Methods) -> Result<(), RegisterMethodError> {
    methods.quick("getTokenAccountBalance", balance)?;
    methods.scan("getTokenAccountsByOwner", |node, arguments| {
        accounts_by(node, arguments, Kind::Owner)
    })?;
    methods.scan("getTokenAccountsByDelegate", |node, arguments| {
        accounts_by(node, arguments, Kind::Delegate)
    })?;
    methods.quick("getTokenSupply", supply)?;
    methods.scan("getTokenLargestAccounts", largest)?;
    Ok(())
}

fn is_token(account: &Account) -> bool {
    account.owner == program_ids::TOKEN
}

fn balance(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    let config: ContextConfig = arguments.or_default()?;
    config.slot(node)?;
    let view = node.view()?;
    let account = view.get(&address)?;
    let missing = || RpcError::params("Invalid param: could not find account");
    let account = account.ok_or_else(missing)?;
    let no_token = || RpcError::params("Invalid param: not a Token account");
    let token = TokenAccount::read(&account.data).ok();
    let token = token.filter(|_| is_token(&account)).ok_or_else(no_token)?;
    let decimals = decimals(&view, &token.mint)?.ok_or_else(no_token)?;
    let amount = token_amount(token.amount.get(), decimals);
    Ok(in_context(view.header().slot, amount))
}

fn supply(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let address = arguments.address()?;
    let config: ContextConfig = arguments.or_default()?;
    config.slot(node)?;
    let view = node.view()?;
    let account = view.get(&address)?;
    let missing = || RpcError::params("Invalid param: could not find account");
    let account = account.ok_or_else(missing)?;
    let mint = Mint::read(&account.data)
        .ok()
        .filter(|_| is_token(&account));
    let mint = mint.ok_or_else(|| RpcError::params("Invalid param: not a Token mint"))?;
    let amount = token_amount(mint.supply.get(), mint.decimals);
    Ok(in_context(view.header().slot, amount))
}

/// Which token accounts of a wallet are wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Wanted {
    /// Those of a mint.
    Mint(String),
    /// Those of a token program.
    ProgramId(String),
}

fn accounts_by(node: &Node, arguments: &mut Arguments<'_>, kind: Kind) -> Answer {
    let of = arguments.address()?;
    let wanted: Wanted = arguments.required("a mint or a programId")?;
    let config: AccountConfig = arguments.or_default()?;
    config.context().slot(node)?;
    let mint = match wanted {
        Wanted::ProgramId(text) => {
            if address(&text)? != program_ids::TOKEN {
                return Err(RpcError::params(
                    "Invalid param: unrecognized Token program id",
                ));
            }
            None
        }
        Wanted::Mint(text) => Some(address(&text)?),
    };
    let (view, addresses) = indexed(node, kind, &of)?;
    if let Some(mint) = &mint
        && decimals(&view, mint)?.is_none()
    {
        return Err(RpcError::params("Invalid param: could not find mint"));
    }
    let mut accounts = vec![Account::default(); addresses.len()];
    view.load(&addresses, &mut accounts)?;
    let mut encoder = Encoder::new(&view, config);
    let mut shown: Vec<Value> = Vec::new();
    for (address, account) in addresses.iter().zip(&accounts) {
        let Ok(token) = TokenAccount::read(&account.data) else {
            continue;
        };
        let holder = match kind {
            Kind::Delegate => token.delegate.get().copied(),
            _ => Some(token.owner),
        };
        let is_wanted =
            is_token(account) && holder == Some(of) && mint.is_none_or(|mint| token.mint == mint);
        if is_wanted {
            shown.push(encoder.keyed(address, account)?);
        }
    }
    Ok(in_context(view.header().slot, shown))
}

fn largest(node: &Node, arguments: &mut Arguments<'_>) -> Answer {
    let mint = arguments.address()?;
    let config: ContextConfig = arguments.or_default()?;
    config.slot(node)?;
    let (view, addresses) = indexed(node, Kind::Mint, &mint)?;
    let decimals = decimals(&view, &mint)?;
    let decimals = decimals.ok_or_else(|| RpcError::params("Invalid param: not a Token mint"))?;
    let mut amounts: Vec<(Reverse<u64>, Address)> = Vec::new();
    for chunk in addresses.chunks(1_024) {
        let mut accounts = vec![Account::default(); chunk.len()];
        view.load(chunk, &mut accounts)?;
        for (address, account) in chunk.iter().zip(&accounts) {
            if let Ok(token) = TokenAccount::read(&account.data)
                && is_token(account)
                && token.mint == mint
            {
                amounts.push((Reverse(token.amount.get()), *address));
            }
        }
    }
    amounts.sort_unstable();
    let largest = amounts.into_iter().take(LARGEST_COUNT);
    let shown = largest.map(|(Reverse(amount), address)| {
        let mut shown = token_amount(amount, decimals);
        shown["address"] = json!(address.to_string());
        shown
    });
    Ok(in_context(view.header().slot, shown.collect::<Vec<_>>()))
}
