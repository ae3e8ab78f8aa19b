//! What the Token program keeps in its accounts, as plain old data that is used where it lies.
//!
//! Layouts are SPL Token's (`solana-program/token`, `interface/src/state.rs`): packed, little
//! endian, optional fields behind a tag of four bytes. The size of the data tells a mint (82
//! bytes), a token account (165) and a multisig (355) apart.

use bytemuck::{Pod, Zeroable};
use lockstep_interface::{
    Address, InstructionError,
    address::{INCINERATOR, program_ids},
};
use lockstep_sdk::pod::U64;

/// Signers that a multisig may name, in [1, 11]. Consensus; SPL Token's `MAX_SIGNERS`.
pub const SIGNERS_MAX: usize = 11;

/// The tag of an optional field that is there.
const SOME: [u8; 4] = [1, 0, 0, 0];
/// The tag of one that is not.
const NONE: [u8; 4] = [0; 4];

macro_rules! optional {
    ($(#[$doc:meta])* $name:ident, $value:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
        #[repr(C)]
        pub struct $name {
            tag: [u8; 4],
            value: $value,
        }

        impl $name {
            /// The value, if there is one.
            pub fn get(&self) -> Option<&$value> {
                (self.tag == SOME).then_some(&self.value)
            }

            /// Replaces the value. Taking it away leaves its bytes behind the tag, as SPL Token
            /// does.
            pub fn set(&mut self, value: Option<$value>) {
                match value {
                    Some(value) => *self = value.into(),
                    None => self.tag = NONE,
                }
            }

            fn is_valid(&self) -> bool {
                self.tag == SOME || self.tag == NONE
            }
        }

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                Self { tag: SOME, value }
            }
        }
    };
}

optional! {
    /// An address that may be absent: 36 bytes.
    OptionalAddress, Address
}

optional! {
    /// A number that may be absent: 12 bytes.
    OptionalU64, U64
}

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

/// A kind of token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Mint {
    /// Who may mint; without it the supply is fixed.
    pub mint_authority: OptionalAddress,
    /// How many of the smallest unit there are.
    pub supply: U64,
    /// Digits behind the decimal point of one token.
    pub decimals: u8,
    is_initialized: u8,
    /// Who may freeze accounts; without it nobody ever can.
    pub freeze_authority: OptionalAddress,
}

impl Mint {
    /// A mint in use, with nothing minted.
    pub fn new(mint_authority: Address, decimals: u8, freeze_authority: Option<Address>) -> Self {
        let mut mint = Self::zeroed();
        mint.initialize(mint_authority, decimals, freeze_authority);
        mint
    }

    /// Puts the mint in use. The supply stays as it is: zero.
    pub(super) fn initialize(
        &mut self,
        mint_authority: Address,
        decimals: u8,
        freeze_authority: Option<Address>,
    ) {
        self.mint_authority.set(Some(mint_authority));
        self.decimals = decimals;
        self.is_initialized = 1;
        self.freeze_authority.set(freeze_authority);
    }
}

impl TokenState for Mint {
    fn is_valid(&self) -> bool {
        self.mint_authority.is_valid()
            && self.is_initialized <= 1
            && self.freeze_authority.is_valid()
    }

    fn is_initialized(&self) -> bool {
        self.is_initialized == 1
    }
}

/// What a token account can be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum AccountStatus {
    /// Not in use.
    Uninitialized = 0,
    /// In use.
    Initialized = 1,
    /// In use, but its tokens cannot move.
    Frozen = 2,
}

/// Somebody's tokens of one mint.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct TokenAccount {
    /// The mint.
    pub mint: Address,
    /// Whose tokens these are.
    pub owner: Address,
    /// How many of the smallest unit.
    pub amount: U64,
    /// Who else may move tokens.
    pub delegate: OptionalAddress,
    status: u8,
    /// For wrapped lamports: how many of the account's are its rent and not tokens.
    pub native_reserve: OptionalU64,
    /// How many the delegate may still move.
    pub delegated_amount: U64,
    /// Who may close the account besides its owner's place.
    pub close_authority: OptionalAddress,
}

impl TokenAccount {
    /// An account in use that holds tokens of an ordinary mint.
    pub fn new(mint: Address, owner: Address, amount: u64) -> Self {
        let mut account = Self::zeroed();
        account.initialize(mint, owner, None);
        account.amount.set(amount);
        account
    }

    /// Puts the account in use. Of wrapped lamports, `native` gives reserve and amount.
    pub(super) fn initialize(&mut self, mint: Address, owner: Address, native: Option<(u64, u64)>) {
        self.mint = mint;
        self.owner = owner;
        self.close_authority.set(None);
        self.delegate.set(None);
        self.delegated_amount.set(0);
        self.set_status(AccountStatus::Initialized);
        self.native_reserve
            .set(native.map(|(reserve, _)| reserve.into()));
        self.amount.set(native.map_or(0, |(_, amount)| amount));
    }

    /// Changes what the account is.
    pub const fn set_status(&mut self, status: AccountStatus) {
        self.status = status as u8;
    }

    /// True if its tokens cannot move.
    pub fn is_frozen(&self) -> bool {
        self.status == AccountStatus::Frozen as u8
    }

    /// True if its tokens are wrapped lamports.
    pub fn is_native(&self) -> bool {
        self.native_reserve.get().is_some()
    }

    /// True if nobody can sign for the owner, so that everybody may burn its tokens.
    pub fn is_abandoned(&self) -> bool {
        self.owner == program_ids::SYSTEM || self.owner == INCINERATOR
    }
}

impl TokenState for TokenAccount {
    fn is_valid(&self) -> bool {
        self.delegate.is_valid()
            && self.status <= AccountStatus::Frozen as u8
            && self.native_reserve.is_valid()
            && self.close_authority.is_valid()
    }

    fn is_initialized(&self) -> bool {
        self.status != AccountStatus::Uninitialized as u8
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

const _: () = assert!(size_of::<Mint>() == 82);
const _: () = assert!(size_of::<TokenAccount>() == 165);
const _: () = assert!(size_of::<Multisig>() == 355);
