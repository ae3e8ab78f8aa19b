//! Signatures over messages that are no transactions, checked by the ed25519 program: what two
//! parties have agreed to off the chain becomes an argument of an instruction.
//!
//! The data of the call is that of Solana's program (`solana-ed25519-program`,
//! `new_ed25519_instruction_with_signature`), with key, signature and message inside.

use crate::{
    Result,
    account::{Program, ProgramId},
    data::Data,
    idl::TypeDescription,
    interface::{Address, InstructionRef, InvokeContext, address::program_ids},
};

/// What checking a signature costs in compute units: what Solana counts for it in a block
/// (`ED25519_VERIFY_STRICT_COST`). The program itself takes none.
const VERIFY: u64 = 2_400;
/// Bytes in front of the key: the count, a byte of padding, seven `u16`.
const HEADER_SIZE: u16 = 16;
const KEY_SIZE: u16 = 32;
const SIGNATURE_SIZE: u16 = 64;
/// Stands for the running instruction.
const CURRENT_INSTRUCTION: u16 = u16::MAX;

/// The ed25519 program, for `Program<'a, Ed25519>`.
///
/// ```
/// use lockstep_sdk::{ed25519::Ed25519, interface::address::program_ids, prelude::*};
/// assert_eq!(Ed25519::ID, program_ids::ED25519);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Ed25519 {}

impl ProgramId for Ed25519 {
    const ID: Address = program_ids::ED25519;
    const NAME: &'static str = "ed25519";
}

/// An ed25519 signature as an argument: 64 bytes.
///
/// ```
/// use lockstep_sdk::{ed25519::Signature, prelude::*};
/// let signature = Signature([7; 64]);
/// assert_eq!(encode(&signature), [7; 64]);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Signature(pub [u8; 64]);

impl Data for Signature {
    const SIZE_MIN: usize = 64;
    const SIZE_MAX: Option<usize> = Some(64);
    const TYPE: TypeDescription = <[u8; 64] as Data>::TYPE;

    fn encode<W: std::io::Write>(&self, out: &mut W) -> std::io::Result<()> {
        self.0.encode(out)
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        <[u8; 64]>::decode(bytes).map(Self)
    }
}

/// A check that is ready to be made.
///
/// ```
/// use lockstep_sdk::{ed25519::Verify, prelude::*};
///
/// fn check_all(checks: &[Verify<'_>], context: &mut Context<'_, '_>) -> Result {
///     checks.iter().try_for_each(|check| check.invoke(context))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is checked before it is invoked"]
pub struct Verify<'v> {
    key: &'v Address,
    message: &'v [u8],
    signature: &'v Signature,
}

/// Checks that the owner of an address has signed a message, of at most 8 KiB. The ed25519 program
/// has to be in the set.
///
/// A message is worth as much as it says what it is about: begin it with a text of the program's
/// own, and put the account into it, the number of the agreement, and what tells the account apart
/// from one that stood at its address before.
///
/// ```
/// use lockstep_sdk::{ed25519::{self, Ed25519, Signature}, prelude::*};
///
/// fn has_agreed(
///     program: &Program<'_, Ed25519>,
///     party: &Address,
///     signature: &Signature,
///     context: &mut Context<'_, '_>,
/// ) -> Result {
///     ed25519::verify(program, party, b"a text of the program's own", signature).invoke(context)
/// }
/// ```
pub const fn verify<'v>(
    _program: &Program<'_, Ed25519>,
    key: &'v Address,
    message: &'v [u8],
    signature: &'v Signature,
) -> Verify<'v> {
    Verify {
        key,
        message,
        signature,
    }
}

impl Verify<'_> {
    /// Makes the check. A signature that is wrong fails the transaction.
    ///
    /// # Errors
    /// What the ed25519 program reports; `ComputationalBudgetExceeded`; `InvalidArgument` if the
    /// message is too long.
    pub fn invoke(&self, context: &mut InvokeContext<'_, '_>) -> Result {
        context.charge(VERIFY)?;
        context.invoke(InstructionRef {
            program: &program_ids::ED25519,
            accounts: &[],
            data: &self.data(),
        })
    }

    fn data(&self) -> Vec<u8> {
        // A longer message is longer than an invoke takes, and is refused there.
        let message_size = u16::try_from(self.message.len()).unwrap_or(u16::MAX);
        let signature_at = HEADER_SIZE.saturating_add(KEY_SIZE);
        let message_at = signature_at.saturating_add(SIGNATURE_SIZE);
        let description = [
            signature_at,
            CURRENT_INSTRUCTION,
            HEADER_SIZE,
            CURRENT_INSTRUCTION,
            message_at,
            message_size,
            CURRENT_INSTRUCTION,
        ];
        let description = description.into_iter().flat_map(u16::to_le_bytes);
        let mut data: Vec<u8> = [1, 0].into_iter().chain(description).collect();
        data.extend_from_slice(self.key.as_array());
        data.extend_from_slice(&self.signature.0);
        data.extend_from_slice(self.message);
        data
    }
}
