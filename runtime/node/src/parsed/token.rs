//! Instructions of the Token program.

use lockstep_interface::Address;
use lockstep_programs::token::{AuthorityKind, TokenInstruction};
use serde_json::{Map, Value};

use super::{Call, token_amount, typed};

pub(super) fn parse(call: &Call<'_>) -> Option<Value> {
    let instruction = TokenInstruction::decode(call.data).ok()?;
    let Shape {
        kind,
        names,
        authority,
    } = shape(&instruction);
    let mut info = call.named(names);
    if let Some(authority) = authority {
        add_authority(call, names.len(), authority, &mut info);
    }
    add_fields(call, &instruction, &mut info);
    Some(typed(kind, info.into()))
}

/// How an instruction is shown.
struct Shape {
    kind: &'static str,
    /// Its accounts but the authority.
    names: &'static [&'static str],
    /// What the authority is called, which comes behind them.
    authority: Option<&'static str>,
}

fn shape(instruction: &TokenInstruction<'_>) -> Shape {
    use TokenInstruction as Known;
    const MINT: &[&str] = &["mint"];
    const ACCOUNT: &[&str] = &["account"];
    let (kind, names, authority): (_, &'static [&'static str], _) = match instruction {
        Known::InitializeMint { names_rent, .. } => match names_rent {
            true => ("initializeMint", &["mint", "rentSysvar"], None),
            false => ("initializeMint2", MINT, None),
        },
        Known::InitializeAccount => (
            "initializeAccount",
            &["account", "mint", "owner", "rentSysvar"],
            None,
        ),
        Known::InitializeAccount2 { .. } => (
            "initializeAccount2",
            &["account", "mint", "rentSysvar"],
            None,
        ),
        Known::InitializeAccount3 { .. } => ("initializeAccount3", &["account", "mint"], None),
        Known::InitializeMultisig { names_rent, .. } => match names_rent {
            true => ("initializeMultisig", &["multisig", "rentSysvar"], None),
            false => ("initializeMultisig2", &["multisig"], None),
        },
        Known::Transfer { decimals: None, .. } => {
            ("transfer", &["source", "destination"], Some("authority"))
        }
        Known::Transfer { .. } => (
            "transferChecked",
            &["source", "mint", "destination"],
            Some("authority"),
        ),
        Known::Approve { decimals: None, .. } => {
            ("approve", &["source", "delegate"], Some("owner"))
        }
        Known::Approve { .. } => (
            "approveChecked",
            &["source", "mint", "delegate"],
            Some("owner"),
        ),
        Known::Revoke => ("revoke", &["source"], Some("owner")),
        Known::SetAuthority { kind, .. } => match kind {
            AuthorityKind::MintTokens | AuthorityKind::FreezeAccount => {
                ("setAuthority", MINT, Some("authority"))
            }
            _ => ("setAuthority", ACCOUNT, Some("authority")),
        },
        Known::MintTo { decimals, .. } => (
            if decimals.is_some() {
                "mintToChecked"
            } else {
                "mintTo"
            },
            &["mint", "account"],
            Some("mintAuthority"),
        ),
        Known::Burn { decimals, .. } => (
            if decimals.is_some() {
                "burnChecked"
            } else {
                "burn"
            },
            &["account", "mint"],
            Some("authority"),
        ),
        Known::CloseAccount => ("closeAccount", &["account", "destination"], Some("owner")),
        Known::FreezeAccount => (
            "freezeAccount",
            &["account", "mint"],
            Some("freezeAuthority"),
        ),
        Known::ThawAccount => ("thawAccount", &["account", "mint"], Some("freezeAuthority")),
        Known::SyncNative => ("syncNative", ACCOUNT, None),
        Known::GetAccountDataSize => ("getAccountDataSize", MINT, None),
        Known::InitializeImmutableOwner => ("initializeImmutableOwner", ACCOUNT, None),
        Known::AmountToUiAmount { .. } => ("amountToUiAmount", MINT, None),
        Known::UiAmountToAmount { .. } => ("uiAmountToAmount", MINT, None),
    };
    Shape {
        kind,
        names,
        authority,
    }
}

/// Adds the authority, or a multisig and those that sign for it.
fn add_authority(call: &Call<'_>, position: usize, name: &str, info: &mut Map<String, Value>) {
    let Some(authority) = call.account(position) else {
        return;
    };
    let signers = position.saturating_add(1)..call.accounts.len();
    if signers.is_empty() {
        info.insert(name.to_owned(), authority);
        return;
    }
    let initial = name.get(..1).unwrap_or_default().to_uppercase();
    let rest = name.get(1..).unwrap_or_default();
    info.insert(format!("multisig{initial}{rest}"), authority);
    let signers: Vec<Value> = signers.filter_map(|signer| call.account(signer)).collect();
    info.insert("signers".to_owned(), signers.into());
}

fn add_fields(call: &Call<'_>, instruction: &TokenInstruction<'_>, info: &mut Map<String, Value>) {
    use TokenInstruction as Known;
    let mut add = |name: &str, value: Value| {
        info.insert(name.to_owned(), value);
    };
    let text = |address: Address| Value::from(address.to_string());
    match *instruction {
        Known::InitializeMint {
            decimals,
            mint_authority,
            freeze_authority,
            ..
        } => {
            add("decimals", decimals.into());
            add("mintAuthority", text(mint_authority));
            if let Some(authority) = freeze_authority {
                add("freezeAuthority", text(authority));
            }
        }
        Known::InitializeAccount2 { owner } | Known::InitializeAccount3 { owner } => {
            add("owner", text(owner));
        }
        Known::InitializeMultisig {
            required,
            names_rent,
        } => {
            add("m", required.into());
            let first = 1_usize.saturating_add(names_rent.into());
            let signers = (first..call.accounts.len()).filter_map(|place| call.account(place));
            add("signers", signers.collect::<Vec<_>>().into());
        }
        Known::Transfer { amount, decimals }
        | Known::Approve { amount, decimals }
        | Known::MintTo { amount, decimals }
        | Known::Burn { amount, decimals } => match decimals {
            None => add("amount", amount.to_string().into()),
            Some(decimals) => add("tokenAmount", token_amount(amount, decimals)),
        },
        Known::SetAuthority { kind, authority } => {
            let kind = match kind {
                AuthorityKind::MintTokens => "mintTokens",
                AuthorityKind::FreezeAccount => "freezeAccount",
                AuthorityKind::AccountOwner => "accountOwner",
                AuthorityKind::CloseAccount => "closeAccount",
            };
            add("authorityType", kind.into());
            add("newAuthority", authority.map_or(Value::Null, text));
        }
        Known::AmountToUiAmount { amount } => add("amount", amount.to_string().into()),
        Known::UiAmountToAmount { text } => add("uiAmount", text.into()),
        _ => {}
    }
}
