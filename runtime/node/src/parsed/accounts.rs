//! Accounts of the standard programs.

use lockstep_interface::{
    Account, Address, Rent,
    address::{program_ids, sysvar_ids},
    nonce::NonceState,
    sysvar::Clock,
};
use lockstep_programs::{
    lookup_table::{HEADER_SIZE, TableHeader},
    token::{Mint, Multisig, TokenAccount, TokenState as _},
};
use serde_json::{Map, Value, json};

use super::{token_amount, typed};

/// Parses an account: the name of its program, and what it holds. `decimals` knows those of a
/// mint.
pub(crate) fn parse_account(
    address: &Address,
    account: &Account,
    decimals: &mut dyn FnMut(&Address) -> Option<u8>,
) -> Option<(&'static str, Value)> {
    let data = &*account.data;
    match account.owner {
        program_ids::TOKEN => Some(("spl-token", token(data, decimals)?)),
        program_ids::SYSTEM => Some(("nonce", nonce(data)?)),
        program_ids::ADDRESS_LOOKUP_TABLE => Some(("address-lookup-table", lookup_table(data)?)),
        sysvar_ids::OWNER => Some(("sysvar", sysvar(address, data)?)),
        _ => None,
    }
}

fn token(data: &[u8], decimals: &mut dyn FnMut(&Address) -> Option<u8>) -> Option<Value> {
    if let Ok(account) = TokenAccount::read(data) {
        let decimals = decimals(&account.mint)?;
        return Some(typed("account", token_account(account, decimals)));
    }
    if let Ok(mint) = Mint::read(data) {
        let text = |address: Option<&Address>| address.map(ToString::to_string);
        return Some(typed(
            "mint",
            json!({
                "mintAuthority": text(mint.mint_authority.get()),
                "supply": mint.supply.get().to_string(),
                "decimals": mint.decimals,
                "isInitialized": true,
                "freezeAuthority": text(mint.freeze_authority.get()),
            }),
        ));
    }
    let multisig = Multisig::read(data).ok()?;
    let signers = multisig.signers.iter().take(multisig.count.into());
    Some(typed(
        "multisig",
        json!({
            "numRequiredSigners": multisig.required,
            "numValidSigners": multisig.count,
            "isInitialized": true,
            "signers": signers.map(ToString::to_string).collect::<Vec<_>>(),
        }),
    ))
}

fn token_account(account: &TokenAccount, decimals: u8) -> Value {
    let state = if account.is_frozen() {
        "frozen"
    } else {
        "initialized"
    };
    let mut info = Map::new();
    let mut add = |name: &str, value: Value| {
        info.insert(name.to_owned(), value);
    };
    add("mint", account.mint.to_string().into());
    add("owner", account.owner.to_string().into());
    add("state", state.into());
    add("isNative", account.is_native().into());
    add("tokenAmount", token_amount(account.amount.get(), decimals));
    if let Some(delegate) = account.delegate.get() {
        add("delegate", delegate.to_string().into());
        let delegated = account.delegated_amount.get();
        add("delegatedAmount", token_amount(delegated, decimals));
    }
    if let Some(reserve) = account.native_reserve.get() {
        add("rentExemptReserve", token_amount(reserve.get(), decimals));
    }
    if let Some(authority) = account.close_authority.get() {
        add("closeAuthority", authority.to_string().into());
    }
    info.into()
}

fn nonce(data: &[u8]) -> Option<Value> {
    if data.len() != lockstep_interface::nonce::NONCE_ACCOUNT_SIZE {
        return None;
    }
    let Some(state) = NonceState::decode(data)?.data else {
        return Some(json!({ "type": "uninitialized" }));
    };
    Some(typed(
        "initialized",
        json!({
            "authority": state.authority.to_string(),
            "blockhash": state.durable_nonce.to_string(),
            "feeCalculator": {
                "lamportsPerSignature": state.lamports_per_signature.to_string(),
            },
        }),
    ))
}

fn lookup_table(data: &[u8]) -> Option<Value> {
    let (header, _) = TableHeader::decode(data).ok()?;
    let addresses = data.get(HEADER_SIZE..)?.as_chunks::<32>().0.iter();
    let addresses = addresses.map(|address| Address::new_from_array(*address).to_string());
    let mut info = json!({
        "deactivationSlot": header.deactivation_slot.to_string(),
        "lastExtendedSlot": header.last_extended_slot.to_string(),
        "lastExtendedSlotStartIndex": header.last_extended_start,
        "addresses": addresses.collect::<Vec<_>>(),
    });
    if let Some(authority) = header.authority {
        info["authority"] = authority.to_string().into();
    }
    Some(typed("lookupTable", info))
}

fn sysvar(address: &Address, data: &[u8]) -> Option<Value> {
    match *address {
        sysvar_ids::CLOCK => {
            let clock = Clock::decode(data)?;
            Some(typed(
                "clock",
                json!({
                    "slot": clock.slot,
                    "epoch": clock.epoch,
                    "epochStartTimestamp": clock.epoch_start_timestamp,
                    "leaderScheduleEpoch": clock.leader_schedule_epoch,
                    "unixTimestamp": clock.unix_timestamp,
                }),
            ))
        }
        sysvar_ids::RENT => {
            let rent = Rent::decode(data)?;
            Some(typed(
                "rent",
                json!({
                    "lamportsPerByteYear": rent.lamports_per_byte.to_string(),
                    "exemptionThreshold": f64::from_bits(rent.exemption_threshold_bits),
                    "burnPercent": rent.burn_percent,
                }),
            ))
        }
        sysvar_ids::RECENT_BLOCKHASHES => {
            let (count, rest) = data.split_first_chunk()?;
            let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
            let entries = rest.as_chunks::<40>().0.iter().take(count).map(|entry| {
                let (hash, fee) = entry.split_at(32);
                let hash = hash.first_chunk().copied().unwrap_or_default();
                let fee = fee.first_chunk().copied().unwrap_or_default();
                json!({
                    "blockhash": Address::new_from_array(hash).to_string(),
                    "feeCalculator": {
                        "lamportsPerSignature": u64::from_le_bytes(fee).to_string(),
                    },
                })
            });
            Some(typed(
                "recentBlockhashes",
                entries.collect::<Vec<_>>().into(),
            ))
        }
        _ => None,
    }
}
