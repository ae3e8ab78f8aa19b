//! The numbers that the Token program fails with.

use lockstep_sdk::prelude::*;

/// The Token program's own errors. The numbers are SPL Token's and never change; they appear as
/// [`InstructionError::Custom`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, ErrorCode)]
pub enum TokenError {
    /// the account holds too few lamports to be rent-exempt
    NotRentExempt = 0,
    /// the account holds, or the delegate may move, too few tokens
    InsufficientFunds = 1,
    /// the account is not a mint
    InvalidMint = 2,
    /// the account holds tokens of another mint
    MintMismatch = 3,
    /// the authority is not the one that may do this
    OwnerMismatch = 4,
    /// the supply is fixed
    FixedSupply = 5,
    /// the account is in use already
    AlreadyInUse = 6,
    /// a multisig has 1 to 11 signers
    InvalidNumberOfProvidedSigners = 7,
    /// a multisig requires 1 to 11 signers
    InvalidNumberOfRequiredSigners = 8,
    /// the state is not in use
    UninitializedState = 9,
    /// this cannot be done with wrapped lamports
    NativeNotSupported = 10,
    /// an account that holds tokens cannot be closed
    NonNativeHasBalance = 11,
    /// the instruction data is none of the Token program's
    InvalidInstruction = 12,
    /// the account's state does not allow this
    InvalidState = 13,
    /// the sum or difference does not fit 64 bits
    Overflow = 14,
    /// the account has no authority of this kind
    AuthorityTypeNotSupported = 15,
    /// the mint's accounts cannot be frozen
    MintCannotFreeze = 16,
    /// the account is frozen
    AccountFrozen = 17,
    /// the mint has another number of decimals
    MintDecimalsMismatch = 18,
    /// this can be done with wrapped lamports only
    NonNativeNotSupported = 19,
}
