//! The authorities of buffers and programs: checked, replaced, given up.

use lockstep_interface::{Address, InstructionError, InvokeContext};

use solana_sbpf::{elf::get_sbpf_version, program::SBPFVersion};

use super::{
    refuse,
    state::{FILE_HEAD_SIZE, LoaderState},
};

/// Fails unless `found` is the authority that signs as the account at `position`.
pub(super) fn check(
    context: &mut InvokeContext<'_, '_>,
    found: Option<Address>,
    position: usize,
    what: &str,
) -> Result<(), InstructionError> {
    let Some(found) = found else {
        return refuse(
            context,
            InstructionError::Immutable,
            &format!("{what} is immutable"),
        );
    };
    check_signed(context, Some(found), position, what)
}

/// The same without an error of its own for what has no authority.
pub(super) fn check_signed(
    context: &mut InvokeContext<'_, '_>,
    found: Option<Address>,
    position: usize,
    what: &str,
) -> Result<(), InstructionError> {
    if found != Some(*context.address(position)?) {
        let why = format!("Incorrect authority of {what} provided");
        return refuse(context, InstructionError::IncorrectAuthority, &why);
    }
    if !context.is_signer(position)? {
        let why = format!("Authority of {what} did not sign");
        return refuse(context, InstructionError::MissingRequiredSignature, &why);
    }
    Ok(())
}

/// Gives account 0, whose authority is account 1, the authority that is account 2, or none.
pub(super) fn set(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.require_accounts(2)?;
    let new = context.address(2).ok().copied();
    let state = state_of(context)?;
    if let LoaderState::Buffer { .. } = state
        && new.is_none()
    {
        let error = InstructionError::IncorrectAuthority;
        return refuse(context, error, "Buffer authority is not optional");
    }
    replace(context, state, new, false)
}

/// Gives account 0, whose authority is account 1, the authority that signs as account 2.
pub(super) fn set_checked(context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
    context.require_accounts(3)?;
    let new = *context.address(2)?;
    let state = state_of(context)?;
    replace(context, state, Some(new), true)
}

fn state_of(context: &InvokeContext<'_, '_>) -> Result<LoaderState, InstructionError> {
    LoaderState::of(&context.account_mut(0)?.data)
}

/// True if the file behind the head of an account's data is of an SBPF version before the third. A
/// file that tells none is of no version.
fn is_older(data: &[u8]) -> bool {
    let file = data.get(FILE_HEAD_SIZE..);
    let version = file.and_then(|file| get_sbpf_version(file).ok());
    version.is_some_and(|version| version < SBPFVersion::V3)
}

fn replace(
    context: &mut InvokeContext<'_, '_>,
    state: LoaderState,
    new: Option<Address>,
    is_checked: bool,
) -> Result<(), InstructionError> {
    let (what, old, changed) = match state {
        LoaderState::Buffer { authority } => {
            ("Buffer", authority, LoaderState::Buffer { authority: new })
        }
        LoaderState::File { slot, authority } => {
            let changed = LoaderState::File {
                slot,
                authority: new,
            };
            ("Program", authority, changed)
        }
        LoaderState::Nothing | LoaderState::Program { .. } => {
            let error = InstructionError::InvalidArgument;
            return refuse(context, error, "Account does not support authorities");
        }
    };
    check(context, old, 1, what)?;
    if is_checked && !context.is_signer(2)? {
        let error = InstructionError::MissingRequiredSignature;
        return refuse(context, error, "New authority did not sign");
    }
    if let LoaderState::File { .. } = state
        && new.is_none()
        && context.rules().refuses_older_bytecode()
        && is_older(&context.account(0)?.data)
    {
        let why = "Programs of SBPF before version 3 cannot be made immutable";
        return refuse(context, InstructionError::InvalidAccountData, why);
    }
    changed.store(&mut context.account_mut(0)?)?;
    context.log(|| match new {
        Some(new) => format!("New authority Some({new})"),
        None => "New authority None".to_owned(),
    });
    Ok(())
}
