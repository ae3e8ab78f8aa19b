//! Why the System program refuses an instruction: the reason with its details, for the log, and
//! the number that the transaction fails with.

use lockstep_interface::{
    Address, InstructionError, address::DeriveError, limits::ACCOUNT_DATA_SIZE_MAX,
};
use lockstep_sdk::prelude::ErrorCode;
use thiserror::Error;

/// The System program's own errors. The numbers are Solana's and never change; they appear as
/// [`InstructionError::Custom`]. Numbers 4 and 8 are no longer reported; 2 stands for an owner that
/// no address may be derived with.
#[derive(Clone, Copy, Debug, Eq, ErrorCode, PartialEq)]
pub enum SystemError {
    /// the account is in use
    AccountAlreadyInUse = 0,
    /// the source holds too few lamports
    ResultWithNegativeLamports = 1,
    /// the program cannot own the account
    InvalidProgramId = 2,
    /// the requested data is too long
    InvalidAccountDataLength = 3,
    /// the seed is too long
    MaxSeedLengthExceeded = 4,
    /// the address does not follow from base, seed and owner
    AddressWithSeedMismatch = 5,
    /// there is no recent blockhash
    NonceNoRecentBlockhashes = 6,
    /// the nonce was already advanced under this blockhash
    NonceBlockhashNotExpired = 7,
    /// the nonce is not the stored one
    NonceUnexpectedBlockhashValue = 8,
}

/// One reason, with what a person needs to mend it.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Instruction(#[from] InstructionError),
    #[error("no address can be derived: {0}")]
    Derive(#[from] DeriveError),
    #[error("{0} has to sign")]
    MustSign(Address),
    #[error("{0} is in use")]
    InUse(Address),
    #[error("{requested} bytes of data are more than {ACCOUNT_DATA_SIZE_MAX}")]
    DataTooLong { requested: u64 },
    #[error("{given} is not the address {derived} that base, seed and owner give")]
    SeedMismatch { given: Address, derived: Address },
    #[error("{0} carries data and so cannot pay")]
    SourceCarriesData(Address),
    #[error("{needed} lamports are needed, {held} are there")]
    TooFewLamports { held: u64, needed: u64 },
    #[error("nonce account {0} has to be writable")]
    NonceReadonly(Address),
    #[error("nonce account {0} is in the wrong state")]
    NonceState(Address),
    #[error("the nonce account needs {needed:?} lamports, {held} are there")]
    NonceTooFewLamports { held: u64, needed: Option<u64> },
    #[error("there is no recent blockhash")]
    NoRecentBlockhashes,
    #[error("nonce account {0} was already advanced under this blockhash")]
    NonceNotExpired(Address),
}

impl Refusal {
    /// True if the text says more than the number that the runtime logs anyway.
    pub(super) fn explains_itself(&self) -> bool {
        !matches!(self, Self::Instruction(_))
    }
}

impl From<Refusal> for InstructionError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Instruction(error) => error,
            // Solana reports a failed derivation under its own number, which then reads like one
            // of the System program's.
            Refusal::Derive(error) => Self::Custom(error as u32),
            Refusal::MustSign(_) => Self::MissingRequiredSignature,
            Refusal::InUse(_) => SystemError::AccountAlreadyInUse.into(),
            Refusal::DataTooLong { .. } => SystemError::InvalidAccountDataLength.into(),
            Refusal::SeedMismatch { .. } => SystemError::AddressWithSeedMismatch.into(),
            Refusal::SourceCarriesData(_) | Refusal::NonceReadonly(_) => Self::InvalidArgument,
            Refusal::TooFewLamports { .. } => SystemError::ResultWithNegativeLamports.into(),
            Refusal::NonceState(_) => Self::InvalidAccountData,
            Refusal::NonceTooFewLamports { .. } => Self::InsufficientFunds,
            Refusal::NoRecentBlockhashes => SystemError::NonceNoRecentBlockhashes.into(),
            Refusal::NonceNotExpired(_) => SystemError::NonceBlockhashNotExpired.into(),
        }
    }
}
