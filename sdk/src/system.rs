//! Calls of the System program: moving lamports out of wallets, and creating accounts.
//!
//! Kinds and account orders are Solana's (`solana-system-interface`, `SystemInstruction`).

use crate::{
    Result,
    account::{Creditable, Handle, ProgramId, Writable},
    interface::{AccountMeta, Address, InstructionRef, InvokeContext, address::program_ids},
    relation::SignerSeeds,
};

const CREATE_ACCOUNT: u32 = 0;
const ASSIGN: u32 = 1;
const TRANSFER: u32 = 2;
const ALLOCATE: u32 = 8;
/// Bytes of the longest call: kind, lamports, space, owner.
const DATA_SIZE_MAX: usize = 52;

/// The System program, for `Program<'a, System>`.
///
/// ```
/// use lockstep_sdk::{interface::address::program_ids, prelude::*};
/// assert_eq!(System::ID, program_ids::SYSTEM);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum System {}

impl ProgramId for System {
    const ID: Address = program_ids::SYSTEM;
    const NAME: &'static str = "system";
}

/// A transfer of lamports that is ready to be made.
///
/// ```
/// use lockstep_sdk::{prelude::*, system};
/// fn pay(
///     payer: &Mut<Signer<'_>>,
///     receiver: &Mut<Wallet<'_>>,
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     system::transfer(payer, receiver, 5).invoke(context)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is transferred before it is invoked"]
pub struct Transfer<'a> {
    source: Handle<'a>,
    target: Handle<'a>,
    lamports: u64,
}

/// Moves lamports out of a wallet that signs, or that the program signs for.
///
/// ```
/// # fn main() {}
/// use lockstep_sdk::{prelude::*, system};
///
/// # const ID: Address = Address::new_from_array([9; 32]);
/// #[derive(Accounts)]
/// pub struct Withdraw<'a> {
///     pub owner: Mut<Signer<'a>>,
///     #[account(seeds = [b"vault", owner])]
///     pub vault: Mut<Wallet<'a>>,
///     pub system: Program<'a, System>,
/// }
///
/// fn withdraw(accounts: &Withdraw<'_>, context: &mut Context<'_, '_>) -> Result {
///     let seeds = accounts.vault_seeds(context)?;
///     system::transfer(&accounts.vault, &accounts.owner, 5).invoke_signed(context, &seeds)
/// }
/// ```
pub fn transfer<'a>(
    source: &impl Writable<'a>,
    target: &impl Creditable<'a>,
    lamports: u64,
) -> Transfer<'a> {
    Transfer {
        source: source.handle(),
        target: target.handle(),
        lamports,
    }
}

impl Transfer<'_> {
    /// Makes the transfer; the source has signed the transaction.
    ///
    /// # Errors
    /// What the System program reports.
    pub fn invoke(&self, context: &mut InvokeContext<'_, '_>) -> Result {
        self.run(context, &[])
    }

    /// Makes the transfer; the running program signs for the source with these seeds.
    ///
    /// # Errors
    /// What the System program reports; `PrivilegeEscalation` if the seeds give another address.
    pub fn invoke_signed<const N: usize>(
        &self,
        context: &mut InvokeContext<'_, '_>,
        seeds: &SignerSeeds<N>,
    ) -> Result {
        self.run(context, &[&seeds.as_slices()])
    }

    fn run(&self, context: &mut InvokeContext<'_, '_>, signer_seeds: &[&[&[u8]]]) -> Result {
        let accounts = [
            AccountMeta::writable(*self.source.address(), true),
            AccountMeta::writable(*self.target.address(), false),
        ];
        let data = Call::new(TRANSFER).put(&self.lamports.to_le_bytes());
        data.invoke(context, &accounts, signer_seeds)
    }
}

/// What an account is created as.
#[derive(Clone, Copy)]
pub(crate) struct Creation {
    /// The program that owns it.
    pub(crate) owner: Address,
    /// Lamports that it holds at least.
    pub(crate) minimum: u64,
    /// Bytes of its data, zeros.
    pub(crate) size: usize,
}

/// Creates an account, which may hold lamports already.
pub(crate) fn create(
    context: &mut InvokeContext<'_, '_>,
    payer: Handle<'_>,
    target: Handle<'_>,
    creation: Creation,
    signer_seeds: &[&[&[u8]]],
) -> Result {
    let Creation {
        owner,
        minimum,
        size,
    } = creation;
    let owner = owner.to_bytes();
    let space = u64::try_from(size).unwrap_or(u64::MAX).to_le_bytes();
    let held = target.lamports(context)?;
    let paying = AccountMeta::writable(*payer.address(), true);
    let created = AccountMeta::writable(*target.address(), true);
    if held == 0 {
        let call = Call::new(CREATE_ACCOUNT).put(&minimum.to_le_bytes());
        let call = call.put(&space).put(&owner);
        return call.invoke(context, &[paying, created], signer_seeds);
    }
    fund(context, payer, target, minimum.saturating_sub(held))?;
    let call = Call::new(ALLOCATE).put(&space);
    call.invoke(context, &[created], signer_seeds)?;
    let call = Call::new(ASSIGN).put(&owner);
    call.invoke(context, &[created], signer_seeds)
}

/// Moves lamports from a payer that signs, if there are any to move.
pub(crate) fn fund(
    context: &mut InvokeContext<'_, '_>,
    payer: Handle<'_>,
    target: Handle<'_>,
    lamports: u64,
) -> Result {
    if lamports == 0 {
        return Ok(());
    }
    let transfer = Transfer {
        source: payer,
        target,
        lamports,
    };
    transfer.invoke(context)
}

/// The data of a call, on the stack.
struct Call {
    bytes: [u8; DATA_SIZE_MAX],
    size: usize,
}

impl Call {
    fn new(kind: u32) -> Self {
        let empty = Self {
            bytes: [0; DATA_SIZE_MAX],
            size: 0,
        };
        empty.put(&kind.to_le_bytes())
    }

    fn put(mut self, bytes: &[u8]) -> Self {
        let end = self.size.saturating_add(bytes.len());
        self.bytes[self.size..end].copy_from_slice(bytes);
        self.size = end;
        self
    }

    fn invoke(
        &self,
        context: &mut InvokeContext<'_, '_>,
        accounts: &[AccountMeta],
        signer_seeds: &[&[&[u8]]],
    ) -> Result {
        let instruction = InstructionRef {
            program: &program_ids::SYSTEM,
            accounts,
            data: &self.bytes[..self.size],
        };
        context.invoke_signed(instruction, signer_seeds)
    }
}
