//! What the Token program can be asked to do, from and to bytes, and the calls that clients make.
//!
//! Layout (SPL Token, `interface/src/instruction.rs`): the kind as one byte, then the fields in
//! order, little endian; an optional address is a byte 0, or a byte 1 and 32 bytes. What follows a
//! complete instruction is ignored. Decoding allocates nothing.

use lockstep_interface::{AccountMeta, Address, Instruction, address::program_ids};

use super::TokenError;
use crate::reader::Reader;

/// Which authority is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum AuthorityKind {
    /// The right to mint.
    MintTokens = 0,
    /// The right to freeze accounts of the mint.
    FreezeAccount = 1,
    /// The owner of a token account.
    AccountOwner = 2,
    /// The right to close a token account.
    CloseAccount = 3,
}

impl AuthorityKind {
    fn decode(byte: u8) -> Option<Self> {
        let kinds = [
            Self::MintTokens,
            Self::FreezeAccount,
            Self::AccountOwner,
            Self::CloseAccount,
        ];
        kinds.get(usize::from(byte)).copied()
    }
}

/// A decoded Token instruction. Text is borrowed from the instruction data.
///
/// Where an authority is named, a multisig may stand with its signers behind the listed accounts.
/// `decimals` are those the client believes the mint to have: the checked forms of SPL Token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenInstruction<'a> {
    /// Makes an account of 82 bytes a mint. Accounts: mint (writable), and Rent if `names_rent`.
    InitializeMint {
        /// Digits behind the decimal point.
        decimals: u8,
        /// The right to mint.
        mint_authority: Address,
        /// The address that may freeze accounts.
        freeze_authority: Option<Address>,
        /// False for SPL Token's `InitializeMint2`.
        names_rent: bool,
    },
    /// Makes an account of 165 bytes a token account. Accounts: account (writable), mint, owner,
    /// Rent.
    InitializeAccount,
    /// The same with the owner in the data. Accounts: account (writable), mint, Rent.
    InitializeAccount2 {
        /// Whose account it becomes.
        owner: Address,
    },
    /// The same without Rent. Accounts: account (writable), mint.
    InitializeAccount3 {
        /// Whose account it becomes.
        owner: Address,
    },
    /// Makes an account of 355 bytes a multisig. Accounts: multisig (writable), Rent if
    /// `names_rent`, 1 to 11 signers.
    InitializeMultisig {
        /// How many have to sign, in [1, 11].
        required: u8,
        /// False for SPL Token's `InitializeMultisig2`.
        names_rent: bool,
    },
    /// Moves tokens. Accounts: source (writable), the mint if `decimals` are given, target
    /// (writable), owner or delegate (signer).
    Transfer {
        /// How many.
        amount: u64,
        /// Of the mint, to be checked.
        decimals: Option<u8>,
    },
    /// Lets a delegate move tokens. Accounts: source (writable), the mint if `decimals` are given,
    /// delegate, owner (signer).
    Approve {
        /// How many.
        amount: u64,
        /// Of the mint, to be checked.
        decimals: Option<u8>,
    },
    /// Takes that back. Accounts: source (writable), owner (signer).
    Revoke,
    /// Replaces an authority. Accounts: mint or token account (writable), present authority
    /// (signer).
    SetAuthority {
        /// Which.
        kind: AuthorityKind,
        /// The new authority; none takes a mint's authority away for ever.
        authority: Option<Address>,
    },
    /// Makes new tokens. Accounts: mint (writable), target (writable), mint authority (signer).
    MintTo {
        /// How many.
        amount: u64,
        /// Of the mint, to be checked.
        decimals: Option<u8>,
    },
    /// Destroys tokens. Accounts: source (writable), mint (writable), owner or delegate (signer).
    Burn {
        /// How many.
        amount: u64,
        /// Of the mint, to be checked.
        decimals: Option<u8>,
    },
    /// Deletes an account without tokens, or one of wrapped lamports. Accounts: account
    /// (writable), receiver of its lamports (writable), close authority or owner (signer).
    CloseAccount,
    /// Forbids an account's tokens to move. Accounts: account (writable), mint, freeze authority
    /// (signer).
    FreezeAccount,
    /// Allows it again. Accounts: as for freezing.
    ThawAccount,
    /// Counts lamports that were sent to an account of wrapped lamports. Accounts: account
    /// (writable).
    SyncNative,
    /// Returns the size of a token account as `u64`. Accounts: mint.
    GetAccountDataSize,
    /// Does nothing to an account that is not in use yet; later token programs make its owner
    /// unchangeable. Accounts: account (writable).
    InitializeImmutableOwner,
    /// Returns an amount as decimal text. Accounts: mint.
    AmountToUiAmount {
        /// How many of the smallest unit.
        amount: u64,
    },
    /// Returns the amount that a decimal text stands for, as `u64`. Accounts: mint.
    UiAmountToAmount {
        /// A decimal number.
        text: &'a str,
    },
}

const TRANSFER: u8 = 3;

impl<'a> TokenInstruction<'a> {
    /// Decodes instruction data. O(1), but for the text of `UiAmountToAmount`.
    ///
    /// # Errors
    /// [`TokenError::InvalidInstruction`] if it is not a Token instruction.
    ///
    /// ```
    /// use lockstep_programs::token::{TokenError, TokenInstruction};
    /// let bytes = [3, 5, 0, 0, 0, 0, 0, 0, 0, 99];
    /// let transfer = TokenInstruction::Transfer { amount: 5, decimals: None };
    /// assert_eq!(TokenInstruction::decode(&bytes), Ok(transfer));
    /// let cut = TokenInstruction::decode(&bytes[..8]);
    /// assert_eq!(cut, Err(TokenError::InvalidInstruction));
    /// ```
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, TokenError> {
        Self::decode_kind(&mut Reader::new(bytes)).ok_or(TokenError::InvalidInstruction)
    }

    #[inline]
    fn decode_kind(reader: &mut Reader<'a>) -> Option<Self> {
        let kind = reader.byte()?;
        // A block is mostly transfers, so they are asked for first.
        if kind == TRANSFER {
            let (amount, decimals) = (reader.integer()?, None);
            return Some(Self::Transfer { amount, decimals });
        }
        Self::decode_fields(kind, reader)
    }

    fn decode_fields(kind: u8, reader: &mut Reader<'a>) -> Option<Self> {
        Some(match kind {
            0 | 20 => Self::InitializeMint {
                decimals: reader.byte()?,
                mint_authority: reader.address()?,
                freeze_authority: optional_address(reader)?,
                names_rent: kind == 0,
            },
            1 => Self::InitializeAccount,
            2 | 19 => Self::InitializeMultisig {
                required: reader.byte()?,
                names_rent: kind == 2,
            },
            4 | 13 => Self::Approve {
                amount: reader.integer()?,
                decimals: decimals(reader, kind == 13)?,
            },
            5 => Self::Revoke,
            6 => Self::SetAuthority {
                kind: AuthorityKind::decode(reader.byte()?)?,
                authority: optional_address(reader)?,
            },
            7 | 14 => Self::MintTo {
                amount: reader.integer()?,
                decimals: decimals(reader, kind == 14)?,
            },
            8 | 15 => Self::Burn {
                amount: reader.integer()?,
                decimals: decimals(reader, kind == 15)?,
            },
            9 => Self::CloseAccount,
            10 => Self::FreezeAccount,
            11 => Self::ThawAccount,
            12 => Self::Transfer {
                amount: reader.integer()?,
                decimals: decimals(reader, true)?,
            },
            16 => Self::InitializeAccount2 {
                owner: reader.address()?,
            },
            17 => Self::SyncNative,
            18 => Self::InitializeAccount3 {
                owner: reader.address()?,
            },
            21 => Self::GetAccountDataSize,
            22 => Self::InitializeImmutableOwner,
            23 => Self::AmountToUiAmount {
                amount: reader.integer()?,
            },
            24 => Self::UiAmountToAmount {
                text: std::str::from_utf8(reader.rest()).ok()?,
            },
            _ => return None,
        })
    }

    /// The instruction data, as [`TokenInstruction::decode`] reads it.
    pub fn encode(&self) -> Vec<u8> {
        let checked =
            |decimals: Option<u8>, plain: u8, checked: u8| decimals.map_or(plain, |_| checked);
        match *self {
            Self::InitializeMint {
                decimals,
                mint_authority,
                freeze_authority,
                names_rent,
            } => Writer::new(if names_rent { 0 } else { 20 })
                .bytes(&[decimals])
                .bytes(mint_authority.as_array())
                .optional_address(freeze_authority),
            Self::InitializeAccount => Writer::new(1),
            Self::InitializeMultisig {
                required,
                names_rent,
            } => Writer::new(if names_rent { 2 } else { 19 }).bytes(&[required]),
            Self::Transfer { amount, decimals } => {
                Writer::new(checked(decimals, TRANSFER, 12)).amount(amount, decimals)
            }
            Self::Approve { amount, decimals } => {
                Writer::new(checked(decimals, 4, 13)).amount(amount, decimals)
            }
            Self::Revoke => Writer::new(5),
            Self::SetAuthority { kind, authority } => Writer::new(6)
                .bytes(&[kind as u8])
                .optional_address(authority),
            Self::MintTo { amount, decimals } => {
                Writer::new(checked(decimals, 7, 14)).amount(amount, decimals)
            }
            Self::Burn { amount, decimals } => {
                Writer::new(checked(decimals, 8, 15)).amount(amount, decimals)
            }
            Self::CloseAccount => Writer::new(9),
            Self::FreezeAccount => Writer::new(10),
            Self::ThawAccount => Writer::new(11),
            Self::InitializeAccount2 { owner } => Writer::new(16).bytes(owner.as_array()),
            Self::SyncNative => Writer::new(17),
            Self::InitializeAccount3 { owner } => Writer::new(18).bytes(owner.as_array()),
            Self::GetAccountDataSize => Writer::new(21),
            Self::InitializeImmutableOwner => Writer::new(22),
            Self::AmountToUiAmount { amount } => Writer::new(23).amount(amount, None),
            Self::UiAmountToAmount { text } => Writer::new(24).bytes(text.as_bytes()),
        }
        .0
    }

    /// The call with these accounts.
    pub fn call(&self, accounts: Vec<AccountMeta>) -> Instruction {
        Instruction {
            program: program_ids::TOKEN,
            accounts,
            data: self.encode(),
        }
    }
}

/// Makes `mint`, an account of 82 bytes that the program owns, a mint.
pub fn initialize_mint(
    mint: &Address,
    mint_authority: &Address,
    freeze_authority: Option<&Address>,
    decimals: u8,
) -> Instruction {
    TokenInstruction::InitializeMint {
        decimals,
        mint_authority: *mint_authority,
        freeze_authority: freeze_authority.copied(),
        names_rent: false,
    }
    .call(vec![AccountMeta::writable(*mint, false)])
}

/// Makes `account`, an account of 165 bytes that the program owns, `owner`'s account of `mint`.
pub fn initialize_account(account: &Address, mint: &Address, owner: &Address) -> Instruction {
    TokenInstruction::InitializeAccount3 { owner: *owner }.call(vec![
        AccountMeta::writable(*account, false),
        AccountMeta::readonly(*mint, false),
    ])
}

/// Moves tokens of the smallest unit; `authority`, the owner or the delegate, signs.
pub fn transfer(
    source: &Address,
    target: &Address,
    authority: &Address,
    amount: u64,
) -> Instruction {
    let decimals = None;
    TokenInstruction::Transfer { amount, decimals }.call(vec![
        AccountMeta::writable(*source, false),
        AccountMeta::writable(*target, false),
        AccountMeta::readonly(*authority, true),
    ])
}

/// The same, and checks that both accounts are of `mint`, which has `decimals`. The mint is only
/// read, so that transfers of one mint run in parallel.
pub fn transfer_checked(
    [source, mint, target]: [&Address; 3],
    authority: &Address,
    amount: u64,
    decimals: u8,
) -> Instruction {
    let decimals = Some(decimals);
    TokenInstruction::Transfer { amount, decimals }.call(vec![
        AccountMeta::writable(*source, false),
        AccountMeta::readonly(*mint, false),
        AccountMeta::writable(*target, false),
        AccountMeta::readonly(*authority, true),
    ])
}

/// Makes new tokens; the mint authority signs.
pub fn mint_to(mint: &Address, target: &Address, authority: &Address, amount: u64) -> Instruction {
    let decimals = None;
    TokenInstruction::MintTo { amount, decimals }.call(vec![
        AccountMeta::writable(*mint, false),
        AccountMeta::writable(*target, false),
        AccountMeta::readonly(*authority, true),
    ])
}

/// Deletes a token account; its lamports go to `receiver`, `authority` signs.
pub fn close_account(account: &Address, receiver: &Address, authority: &Address) -> Instruction {
    TokenInstruction::CloseAccount.call(vec![
        AccountMeta::writable(*account, false),
        AccountMeta::writable(*receiver, false),
        AccountMeta::readonly(*authority, true),
    ])
}

/// An optional address: a byte 0, or a byte 1 and the address.
fn optional_address(reader: &mut Reader<'_>) -> Option<Option<Address>> {
    match reader.byte()? {
        0 => Some(None),
        1 => reader.address().map(Some),
        _ => None,
    }
}

/// The decimals of a checked instruction, which alone has them.
fn decimals(reader: &mut Reader<'_>, is_checked: bool) -> Option<Option<u8>> {
    if is_checked {
        reader.byte().map(Some)
    } else {
        Some(None)
    }
}

/// What is already written.
struct Writer(Vec<u8>);

impl Writer {
    fn new(kind: u8) -> Self {
        Self(vec![kind])
    }

    fn amount(self, amount: u64, decimals: Option<u8>) -> Self {
        self.bytes(&amount.to_le_bytes()).bytes(decimals.as_slice())
    }

    fn optional_address(self, address: Option<Address>) -> Self {
        match address {
            None => self.bytes(&[0]),
            Some(address) => self.bytes(&[1]).bytes(address.as_array()),
        }
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}
