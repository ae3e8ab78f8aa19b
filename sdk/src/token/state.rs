//! Layouts of mints and token accounts, as plain old data that is used where it lies.
//!
//! They are SPL Token's (`solana-program/token`, `interface/src/state.rs`): packed, little endian,
//! optional fields behind a tag of four bytes.

use bytemuck::{Pod, Zeroable};

use crate::{
    idl::{FieldDescription, TypeDescription},
    interface::{
        Address,
        address::{INCINERATOR, program_ids},
    },
    pod::U64,
    relation::AddressField,
    state::StateData,
};

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

            #[doc(hidden)]
            pub fn is_valid(&self) -> bool {
                self.tag == SOME || self.tag == NONE
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::zeroed()
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
    ///
    /// ```
    /// use lockstep_sdk::{prelude::*, token::OptionalAddress};
    /// let mut delegate = OptionalAddress::from(Address::new_from_array([1; 32]));
    /// assert!(delegate.get().is_some());
    /// delegate.set(None);
    /// assert_eq!(delegate.get(), None);
    /// ```
    OptionalAddress, Address
}

optional! {
    /// A number that may be absent: 12 bytes.
    ///
    /// ```
    /// use lockstep_sdk::{pod::U64, token::OptionalU64};
    /// assert_eq!(OptionalU64::from(U64::from(5)).get().map(|number| number.get()), Some(5));
    /// ```
    OptionalU64, U64
}

impl AddressField for OptionalAddress {
    fn named(&self) -> Option<&Address> {
        self.get()
    }
}

/// A kind of token: the state of an account of 82 bytes.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// let authority = Address::new_from_array([1; 32]);
/// let mint = Mint::new(authority, 6, None);
/// assert_eq!((mint.decimals, mint.supply.get()), (6, 0));
/// assert_eq!(mint.mint_authority.get(), Some(&authority));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Mint {
    /// The address that may mint; without it the supply is fixed.
    pub mint_authority: OptionalAddress,
    /// How many of the smallest unit there are.
    pub supply: U64,
    /// Digits behind the decimal point of one token.
    pub decimals: u8,
    is_initialized: u8,
    /// The address that may freeze accounts; without it they never are.
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
    #[doc(hidden)]
    pub fn initialize(
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

    /// True if every field holds one of its values.
    #[doc(hidden)]
    pub fn is_valid(&self) -> bool {
        self.mint_authority.is_valid()
            && self.is_initialized <= 1
            && self.freeze_authority.is_valid()
    }

    /// True if it is a mint, and not the room for one.
    #[doc(hidden)]
    pub fn is_in_use(&self) -> bool {
        self.is_initialized == 1
    }
}

/// What a token account can be.
///
/// ```
/// use lockstep_sdk::{prelude::*, token::AccountStatus};
/// let [mint, owner] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
/// let mut account = TokenAccount::new(mint, owner, 5);
/// account.set_status(AccountStatus::Frozen);
/// assert!(account.is_frozen());
/// ```
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

/// The tokens of one mint that belong to one owner: the state of an account of 165 bytes.
///
/// ```
/// use lockstep_sdk::prelude::*;
/// let [mint, owner] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
/// let account = TokenAccount::new(mint, owner, 5);
/// assert_eq!((account.mint, account.amount.get()), (mint, 5));
/// assert!(!account.is_frozen() && !account.is_native() && !account.is_abandoned());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct TokenAccount {
    /// The mint.
    pub mint: Address,
    /// Whose tokens these are.
    pub owner: Address,
    /// How many of the smallest unit.
    pub amount: U64,
    /// Another address that may move tokens.
    pub delegate: OptionalAddress,
    status: u8,
    /// For wrapped lamports: how many of the account's are its rent and not tokens.
    pub native_reserve: OptionalU64,
    /// How many the delegate may still move.
    pub delegated_amount: U64,
    /// The address that may close the account in its owner's place.
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
    #[doc(hidden)]
    pub fn initialize(&mut self, mint: Address, owner: Address, native: Option<(u64, u64)>) {
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

    /// True if no key signs for the owner, so that anyone may burn its tokens.
    pub fn is_abandoned(&self) -> bool {
        self.owner == program_ids::SYSTEM || self.owner == INCINERATOR
    }

    /// True if every field holds one of its values.
    #[doc(hidden)]
    pub fn is_valid(&self) -> bool {
        self.delegate.is_valid()
            && self.status <= AccountStatus::Frozen as u8
            && self.native_reserve.is_valid()
            && self.close_authority.is_valid()
    }

    /// True if it is a token account, and not the room for one.
    #[doc(hidden)]
    pub fn is_in_use(&self) -> bool {
        self.status != AccountStatus::Uninitialized as u8
    }
}

/// A state of the Token program whose accounts are named by `mint` and `authority`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no state of the Token program",
    label = "`mint`, `authority`, `associated`, `decimals` and `freeze` are for `TokenAccount` and `Mint`"
)]
pub trait TokenRelations {
    /// The mint of a token account.
    fn mint(&self) -> Option<&Address>;
    /// The owner of a token account, or the authority that mints.
    fn authority(&self) -> Option<&Address>;
    /// The decimals of a mint.
    fn decimals(&self) -> Option<u8>;
}

impl TokenRelations for TokenAccount {
    fn mint(&self) -> Option<&Address> {
        Some(&self.mint)
    }

    fn authority(&self) -> Option<&Address> {
        Some(&self.owner)
    }

    fn decimals(&self) -> Option<u8> {
        None
    }
}

impl TokenRelations for Mint {
    fn mint(&self) -> Option<&Address> {
        None
    }

    fn authority(&self) -> Option<&Address> {
        self.mint_authority.get()
    }

    fn decimals(&self) -> Option<u8> {
        Some(self.decimals)
    }
}

const PUBKEY: TypeDescription = TypeDescription::Named("pubkey");
const AMOUNT: TypeDescription = TypeDescription::Named("u64");
const BYTE: TypeDescription = TypeDescription::Named("u8");
const TAG: FieldDescription = field("tag", TypeDescription::Named("u32"));
const OPTIONAL_PUBKEY: TypeDescription =
    TypeDescription::Struct("OptionalAddress", &[TAG, field("value", PUBKEY)]);
const OPTIONAL_AMOUNT: TypeDescription =
    TypeDescription::Struct("OptionalU64", &[TAG, field("value", AMOUNT)]);

const fn field(name: &'static str, layout: TypeDescription) -> FieldDescription {
    FieldDescription { name, layout }
}

impl StateData for TokenAccount {
    type Codec = crate::state::Pod;
    const NAME: &'static str = "TokenAccount";
    const DISCRIMINATOR: Option<u8> = None;
    const SIZE: usize = size_of::<Self>();
    const OWNER: Address = program_ids::TOKEN;
    const TYPE: TypeDescription = TypeDescription::Struct(
        "TokenAccount",
        &[
            field("mint", PUBKEY),
            field("owner", PUBKEY),
            field("amount", AMOUNT),
            field("delegate", OPTIONAL_PUBKEY),
            field("state", BYTE),
            field("native_reserve", OPTIONAL_AMOUNT),
            field("delegated_amount", AMOUNT),
            field("close_authority", OPTIONAL_PUBKEY),
        ],
    );

    fn is_initialized(&self) -> bool {
        self.is_in_use() && self.is_valid()
    }
}

impl StateData for Mint {
    type Codec = crate::state::Pod;
    const NAME: &'static str = "Mint";
    const DISCRIMINATOR: Option<u8> = None;
    const SIZE: usize = size_of::<Self>();
    const OWNER: Address = program_ids::TOKEN;
    const TYPE: TypeDescription = TypeDescription::Struct(
        "Mint",
        &[
            field("mint_authority", OPTIONAL_PUBKEY),
            field("supply", AMOUNT),
            field("decimals", BYTE),
            field("is_initialized", TypeDescription::Named("bool")),
            field("freeze_authority", OPTIONAL_PUBKEY),
        ],
    );

    fn is_initialized(&self) -> bool {
        self.is_in_use() && self.is_valid()
    }
}

const _: () = assert!(size_of::<Mint>() == 82);
const _: () = assert!(size_of::<TokenAccount>() == 165);
