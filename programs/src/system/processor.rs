//! A decoded System instruction and the accounts it names become changed accounts, or the reason
//! why not.
//!
//! The order of the checks is part of consensus, since it decides which error is reported; it is
//! that of Agave's `system_processor.rs`. The interface's setters hold the rules about owners and
//! rights, which are not repeated here.

use lockstep_interface::{
    AccountMut, Address, InstructionError, InvokeContext,
    address::{create_with_seed, program_ids},
    limits::ACCOUNT_DATA_SIZE_MAX,
};

use super::{SystemInstruction, error::Refusal, nonce};

/// Carries out one instruction.
pub(super) fn process(
    context: &InvokeContext<'_, '_>,
    instruction: &SystemInstruction<'_>,
) -> Result<(), Refusal> {
    let is_prefunded = matches!(
        instruction,
        SystemInstruction::CreateAccountAllowPrefund { .. }
    );
    if is_prefunded && !context.rules().allows_prefunded_creation() {
        return Err(InstructionError::InvalidInstructionData.into());
    }
    context.require_accounts(accounts_min(instruction))?;
    match *instruction {
        SystemInstruction::CreateAccount {
            lamports,
            space,
            owner,
        } => {
            let target = Target::plain(context, 1)?;
            create_account(context, &target, lamports, space, &owner)
        }
        SystemInstruction::CreateAccountWithSeed {
            base,
            seed,
            lamports,
            space,
            owner,
        } => {
            let target = Target::seeded(context, 1, &base, seed, &owner)?;
            create_account(context, &target, lamports, space, &owner)
        }
        SystemInstruction::CreateAccountAllowPrefund {
            lamports,
            space,
            owner,
        } => {
            let target = Target::plain(context, 0)?;
            target.allocate_and_assign(context, space, &owner)?;
            if lamports > 0 {
                transfer(context, 1, 0, lamports)?;
            }
            Ok(())
        }
        SystemInstruction::Assign { owner } => Target::plain(context, 0)?.assign(context, &owner),
        SystemInstruction::AssignWithSeed { base, seed, owner } => {
            Target::seeded(context, 0, &base, seed, &owner)?.assign(context, &owner)
        }
        SystemInstruction::Allocate { space } => {
            Target::plain(context, 0)?.allocate(context, space)
        }
        SystemInstruction::AllocateWithSeed {
            base,
            seed,
            space,
            owner,
        } => {
            let target = Target::seeded(context, 0, &base, seed, &owner)?;
            target.allocate_and_assign(context, space, &owner)
        }
        SystemInstruction::Transfer { lamports } => transfer(context, 0, 1, lamports),
        SystemInstruction::TransferWithSeed {
            lamports,
            seed,
            owner,
        } => transfer_with_seed(context, seed, &owner, lamports),
        SystemInstruction::AdvanceNonceAccount => nonce::advance(context),
        SystemInstruction::WithdrawNonceAccount { lamports } => nonce::withdraw(context, lamports),
        SystemInstruction::InitializeNonceAccount { authority: of } => {
            nonce::initialize(context, &of)
        }
        SystemInstruction::AuthorizeNonceAccount { authority: to } => {
            nonce::authorize(context, &to)
        }
        SystemInstruction::UpgradeNonceAccount => nonce::upgrade(context),
    }
}

/// Accounts without which the instruction is refused at once. Sysvars and base accounts are not
/// among them; they are missed only when they are asked for.
fn accounts_min(instruction: &SystemInstruction<'_>) -> usize {
    match instruction {
        SystemInstruction::CreateAccount { .. }
        | SystemInstruction::CreateAccountWithSeed { .. }
        | SystemInstruction::Transfer { .. }
        | SystemInstruction::WithdrawNonceAccount { .. } => 2,
        SystemInstruction::TransferWithSeed { .. } => 3,
        SystemInstruction::CreateAccountAllowPrefund { lamports, .. } if *lamports > 0 => 2,
        _ => 1,
    }
}

/// The account that is to get data, an owner or both, and whose signature that needs.
struct Target {
    position: usize,
    address: Address,
    /// The account itself, or the base from which its address was derived.
    signer: Address,
}

impl Target {
    fn plain(context: &InvokeContext<'_, '_>, position: usize) -> Result<Self, Refusal> {
        let address = *context.address(position)?;
        Ok(Self {
            position,
            address,
            signer: address,
        })
    }

    fn seeded(
        context: &InvokeContext<'_, '_>,
        position: usize,
        base: &Address,
        seed: &str,
        owner: &Address,
    ) -> Result<Self, Refusal> {
        let address = *context.address(position)?;
        require_seed_address(&address, base, seed, owner)?;
        Ok(Self {
            position,
            address,
            signer: *base,
        })
    }

    fn allocate(&self, context: &InvokeContext<'_, '_>, space: u64) -> Result<(), Refusal> {
        let mut account = context.account_mut(self.position)?;
        self.require_signature(context)?;
        if !account.data.is_empty() || account.owner != program_ids::SYSTEM {
            return Err(Refusal::InUse(self.address));
        }
        let size = usize::try_from(space).unwrap_or(usize::MAX);
        if size > ACCOUNT_DATA_SIZE_MAX {
            return Err(Refusal::DataTooLong { requested: space });
        }
        Ok(account.resize(size)?)
    }

    fn assign(&self, context: &InvokeContext<'_, '_>, owner: &Address) -> Result<(), Refusal> {
        let mut account = context.account_mut(self.position)?;
        if account.owner == *owner {
            return Ok(());
        }
        self.require_signature(context)?;
        Ok(account.set_owner(owner)?)
    }

    fn allocate_and_assign(
        &self,
        context: &InvokeContext<'_, '_>,
        space: u64,
        owner: &Address,
    ) -> Result<(), Refusal> {
        self.allocate(context, space)?;
        self.assign(context, owner)
    }

    fn require_signature(&self, context: &InvokeContext<'_, '_>) -> Result<(), Refusal> {
        if !context.has_signed(&self.signer) {
            return Err(Refusal::MustSign(self.signer));
        }
        Ok(())
    }
}

/// Creates `target`, paid by the account at position 0.
fn create_account(
    context: &InvokeContext<'_, '_>,
    target: &Target,
    lamports: u64,
    space: u64,
    owner: &Address,
) -> Result<(), Refusal> {
    if context.account(target.position)?.exists() {
        return Err(Refusal::InUse(target.address));
    }
    target.allocate_and_assign(context, space, owner)?;
    transfer(context, 0, target.position, lamports)
}

fn transfer(
    context: &InvokeContext<'_, '_>,
    source: usize,
    target: usize,
    lamports: u64,
) -> Result<(), Refusal> {
    if !context.is_signer(source)? {
        return Err(Refusal::MustSign(*context.address(source)?));
    }
    move_lamports(context, source, target, lamports)
}

/// Pays out of the seed address at position 0, for which the base at position 1 signs, to
/// position 2.
fn transfer_with_seed(
    context: &InvokeContext<'_, '_>,
    seed: &str,
    owner: &Address,
    lamports: u64,
) -> Result<(), Refusal> {
    let base = context.address(1)?;
    if !context.is_signer(1)? {
        return Err(Refusal::MustSign(*base));
    }
    require_seed_address(context.address(0)?, base, seed, owner)?;
    move_lamports(context, 0, 2, lamports)
}

/// Moves lamports once the signature is known to be there.
fn move_lamports(
    context: &InvokeContext<'_, '_>,
    source: usize,
    target: usize,
    lamports: u64,
) -> Result<(), Refusal> {
    let mut source = context.account_mut(source)?;
    if !source.data.is_empty() {
        return Err(Refusal::SourceCarriesData(*source.address()));
    }
    require_lamports(&source, lamports)?;
    source.debit(lamports)?;
    // Source and target may be the same account.
    drop(source);
    Ok(context.credit(target, lamports)?)
}

fn require_lamports(account: &AccountMut<'_, '_>, needed: u64) -> Result<(), Refusal> {
    let held = account.lamports;
    if held < needed {
        return Err(Refusal::TooFewLamports { held, needed });
    }
    Ok(())
}

fn require_seed_address(
    given: &Address,
    base: &Address,
    seed: &str,
    owner: &Address,
) -> Result<(), Refusal> {
    let derived = create_with_seed(base, seed.as_bytes(), owner)?;
    if *given != derived {
        let given = *given;
        return Err(Refusal::SeedMismatch { given, derived });
    }
    Ok(())
}
