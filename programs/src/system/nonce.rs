//! Durable nonces: an account that holds a value which a transaction may carry in place of a
//! recent blockhash, until its authority has it advanced.
//!
//! ```text
//!                   initialize                advance (new blockhash)
//! uninitialized ---------------> initialized ------------------------> initialized
//!       ^                         |       ^
//!       |  withdraw everything    |       | authorize, upgrade, withdraw a part
//!       +-------------------------+-------+
//! ```
//!
//! The order of the checks is that of Agave's `system_instruction.rs`.

use lockstep_interface::{
    AccountMut, Address, InstructionError, InvokeContext, Rent,
    address::{program_ids, sysvar_ids},
    nonce::{NonceData, NonceState, NonceVersion, durable_nonce},
    sysvar::RecentBlockhash,
};

use super::error::Refusal;

/// Stores the durable nonce of the present blockhash in the account at position 0.
pub(super) fn advance(context: &InvokeContext<'_, '_>) -> Result<(), Refusal> {
    let mut account = context.account_mut(0)?;
    require_recent_blockhashes(context, 1)?;
    require_writable(&account)?;
    let Some(data) = load(&account)?.data else {
        return Err(Refusal::NonceState(*account.address()));
    };
    require_signature(context, &data.authority)?;
    let next = next_data(context, &data.authority)?;
    if data.durable_nonce == next.durable_nonce {
        return Err(Refusal::NonceNotExpired(*account.address()));
    }
    store(&mut account, NonceState::initialized(next))
}

/// Pays lamports of the account at position 0 to position 1.
pub(super) fn withdraw(context: &InvokeContext<'_, '_>, lamports: u64) -> Result<(), Refusal> {
    // Withdrawing needs the account named and the sysvar present, though none of its entries.
    recent_blockhashes(context, 2)?;
    let rent = rent(context, 3)?;
    let mut account = context.account_mut(0)?;
    require_writable(&account)?;
    let held = account.lamports;
    let signer = match load(&account)?.data {
        None => {
            if lamports > held {
                let needed = Some(lamports);
                return Err(Refusal::NonceTooFewLamports { held, needed });
            }
            *account.address()
        }
        Some(data) if lamports == held => {
            // A transaction that still runs on this nonce must not find it gone.
            if data.durable_nonce == next_data(context, &data.authority)?.durable_nonce {
                return Err(Refusal::NonceNotExpired(*account.address()));
            }
            let closed = NonceState {
                version: NonceVersion::Current,
                data: None,
            };
            store(&mut account, closed)?;
            data.authority
        }
        Some(data) => {
            let needed = rent
                .minimum_balance(account.data.len())
                .checked_add(lamports);
            if needed.is_none_or(|needed| needed > held) {
                return Err(Refusal::NonceTooFewLamports { held, needed });
            }
            data.authority
        }
    };
    require_signature(context, &signer)?;
    account.debit(lamports)?;
    // Nonce account and target may be the same account.
    drop(account);
    Ok(context.account_mut(1)?.credit(lamports)?)
}

/// Makes the account at position 0 a nonce account of `authority`.
pub(super) fn initialize(
    context: &InvokeContext<'_, '_>,
    authority: &Address,
) -> Result<(), Refusal> {
    let mut account = context.account_mut(0)?;
    require_recent_blockhashes(context, 1)?;
    let rent = rent(context, 2)?;
    require_writable(&account)?;
    if load(&account)?.data.is_some() {
        return Err(Refusal::NonceState(*account.address()));
    }
    let needed = rent.minimum_balance(account.data.len());
    let held = account.lamports;
    if held < needed {
        let needed = Some(needed);
        return Err(Refusal::NonceTooFewLamports { held, needed });
    }
    let data = next_data(context, authority)?;
    store(&mut account, NonceState::initialized(data))
}

/// Names `successor` as the authority of the account at position 0. The version stays.
pub(super) fn authorize(
    context: &InvokeContext<'_, '_>,
    successor: &Address,
) -> Result<(), Refusal> {
    let mut account = context.account_mut(0)?;
    require_writable(&account)?;
    let NonceState { version, data } = load(&account)?;
    let Some(mut data) = data else {
        return Err(Refusal::NonceState(*account.address()));
    };
    require_signature(context, &data.authority)?;
    data.authority = *successor;
    let data = Some(data);
    store(&mut account, NonceState { version, data })
}

/// Moves the account at position 0 from the legacy version into today's.
pub(super) fn upgrade(context: &InvokeContext<'_, '_>) -> Result<(), Refusal> {
    let mut account = context.account_mut(0)?;
    if account.owner != program_ids::SYSTEM {
        return Err(InstructionError::InvalidAccountOwner.into());
    }
    require_writable(&account)?;
    match load(&account)? {
        NonceState {
            version: NonceVersion::Legacy,
            data: Some(mut data),
        } => {
            data.durable_nonce = durable_nonce(&data.durable_nonce);
            store(&mut account, NonceState::initialized(data))
        }
        _ => Err(InstructionError::InvalidArgument.into()),
    }
}

/// What an account of `authority` holds once it stores the present blockhash.
fn next_data(
    context: &InvokeContext<'_, '_>,
    authority: &Address,
) -> Result<NonceData, InstructionError> {
    let environment = context.sysvars().environment_blockhash.as_ref();
    let environment = environment.ok_or(InstructionError::UnsupportedSysvar)?;
    Ok(NonceData {
        authority: *authority,
        durable_nonce: durable_nonce(&environment.blockhash),
        lamports_per_signature: environment.lamports_per_signature,
    })
}

fn load(account: &AccountMut<'_, '_>) -> Result<NonceState, InstructionError> {
    NonceState::decode(&account.data).ok_or(InstructionError::InvalidAccountData)
}

fn store(account: &mut AccountMut<'_, '_>, state: NonceState) -> Result<(), Refusal> {
    let stored = state.encode_into(account.data_mut()?);
    Ok(stored.ok_or(InstructionError::AccountDataTooSmall)?)
}

fn require_writable(account: &AccountMut<'_, '_>) -> Result<(), Refusal> {
    if !account.is_writable() {
        return Err(Refusal::NonceReadonly(*account.address()));
    }
    Ok(())
}

fn require_signature(context: &InvokeContext<'_, '_>, signer: &Address) -> Result<(), Refusal> {
    if !context.has_signed(signer) {
        return Err(Refusal::MustSign(*signer));
    }
    Ok(())
}

fn require_recent_blockhashes(
    context: &InvokeContext<'_, '_>,
    position: usize,
) -> Result<(), Refusal> {
    if recent_blockhashes(context, position)?.is_empty() {
        return Err(Refusal::NoRecentBlockhashes);
    }
    Ok(())
}

/// The sysvar's value, once the instruction has named its account at `position`.
fn recent_blockhashes<'t>(
    context: &InvokeContext<'_, 't>,
    position: usize,
) -> Result<&'t [RecentBlockhash], InstructionError> {
    require_sysvar(context, position, &sysvar_ids::RECENT_BLOCKHASHES)?;
    context.sysvars().recent_blockhashes()
}

fn rent<'t>(
    context: &InvokeContext<'_, 't>,
    position: usize,
) -> Result<&'t Rent, InstructionError> {
    require_sysvar(context, position, &sysvar_ids::RENT)?;
    context.sysvars().rent()
}

fn require_sysvar(
    context: &InvokeContext<'_, '_>,
    position: usize,
    sysvar: &Address,
) -> Result<(), InstructionError> {
    if context.address(position)? != sysvar {
        return Err(InstructionError::InvalidArgument);
    }
    Ok(())
}
