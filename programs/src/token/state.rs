//! What the Token program keeps in its accounts, as plain old data that is used where it lies.
//!
//! Layouts are SPL Token's (`solana-program/token`, `interface/src/state.rs`). Those of mints and
//! token accounts are the SDK's, with which other programs read them. The size of the data tells a
//! mint (82 bytes), a token account (165) and a multisig (355) apart.

use bytemuck::{Pod, Zeroable};
use lockstep_interface::{Address, InstructionError};
pub use lockstep_sdk::token::{AccountStatus, Mint, OptionalAddress, OptionalU64, TokenAccount};

/// Signers that a multisig may name, in [1, 11]. Consensus; SPL Token's `MAX_SIGNERS`.
pub const SIGNERS_MAX: usize = 11;

/// State of one kind, recognised by its size.
pub trait TokenState: Pod {
    /// True if every field holds one of its values.
    fn is_valid(&self) -> bool;

    /// True if the account is in use.
    fn is_initialized(&self) -> bool;

    /// The state in `data`, in use or not.
    ///
    /// # Errors
    /// `InvalidAccountData` if the size is that of another state or a field is invalid.
    fn read_any(data: &[u8]) -> Result<&Self, InstructionError> {
        let state = bytemuck::try_from_bytes::<Self>(data);
        let state = state.map_err(|_| InstructionError::InvalidAccountData)?;
        if !state.is_valid() {
            return Err(InstructionError::InvalidAccountData);
        }
        Ok(state)
    }

    /// The state in `data`, which is in use.
    ///
    /// # Errors
    /// As [`TokenState::read_any`]; `UninitializedAccount` if it is not in use.
    ///
    /// ```
    /// use lockstep_interface::InstructionError;
    /// use lockstep_programs::token::{Mint, TokenState};
    /// let unused = [0; 82];
    /// assert!(Mint::read_any(&unused).is_ok());
    /// let error = Mint::read(&unused).unwrap_err();
    /// assert_eq!(error, InstructionError::UninitializedAccount);
    /// ```
    fn read(data: &[u8]) -> Result<&Self, InstructionError> {
        let state = Self::read_any(data)?;
        if !state.is_initialized() {
            return Err(InstructionError::UninitializedAccount);
        }
        Ok(state)
    }

    /// The state in `data` for writing, after it was read.
    ///
    /// # Errors
    /// `InvalidAccountData` if the size is that of another state.
    fn write(data: &mut [u8]) -> Result<&mut Self, InstructionError> {
        let state = bytemuck::try_from_bytes_mut::<Self>(data);
        state.map_err(|_| InstructionError::InvalidAccountData)
    }
}

impl TokenState for Mint {
    fn is_valid(&self) -> bool {
        Self::is_valid(self)
    }

    fn is_initialized(&self) -> bool {
        Self::is_in_use(self)
    }
}

impl TokenState for TokenAccount {
    fn is_valid(&self) -> bool {
        Self::is_valid(self)
    }

    fn is_initialized(&self) -> bool {
        Self::is_in_use(self)
    }
}

/// Several signers of which some have to sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Multisig {
    /// How many have to sign, in [1, 11].
    pub required: u8,
    /// How many there are, in [1, 11].
    pub count: u8,
    pub(super) is_initialized: u8,
    /// Their addresses; the first `count` of them.
    pub signers: [Address; SIGNERS_MAX],
}

impl TokenState for Multisig {
    fn is_valid(&self) -> bool {
        self.is_initialized <= 1
    }

    fn is_initialized(&self) -> bool {
        self.is_initialized == 1
    }
}

const _: () = assert!(size_of::<Multisig>() == 355);
