//! System instructions from and to bytes.
//!
//! Layout (bincode with fixed-width integers): the kind as `u32`, then the fields in order; all
//! little endian, addresses as 32 bytes, a seed as its length in a `u64` followed by UTF-8.
//! Decoding borrows the seed from the bytes and allocates nothing.

use lockstep_interface::Address;

use super::SystemInstruction;
use crate::reader::Reader;

/// Bytes of an instruction that are looked at, in [4, 1232]; whatever follows a complete
/// instruction is ignored, and an instruction that needs more is refused. Consensus; Solana's
/// size of a packet.
pub const INSTRUCTION_SIZE_MAX: usize = 1_232;

const CREATE_ACCOUNT: u32 = 0;
const ASSIGN: u32 = 1;
const TRANSFER: u32 = 2;
const CREATE_ACCOUNT_WITH_SEED: u32 = 3;
const ADVANCE_NONCE_ACCOUNT: u32 = 4;
const WITHDRAW_NONCE_ACCOUNT: u32 = 5;
const INITIALIZE_NONCE_ACCOUNT: u32 = 6;
const AUTHORIZE_NONCE_ACCOUNT: u32 = 7;
const ALLOCATE: u32 = 8;
const ALLOCATE_WITH_SEED: u32 = 9;
const ASSIGN_WITH_SEED: u32 = 10;
const TRANSFER_WITH_SEED: u32 = 11;
const UPGRADE_NONCE_ACCOUNT: u32 = 12;
const CREATE_ACCOUNT_ALLOW_PREFUND: u32 = 13;

/// The position of the account that a transfer pays into; `None` for other instructions. Looks
/// at the kind alone.
pub(super) fn transfer_target(bytes: &[u8]) -> Option<usize> {
    match u32::from_le_bytes(*bytes.first_chunk()?) {
        TRANSFER => Some(1),
        TRANSFER_WITH_SEED => Some(2),
        _ => None,
    }
}

impl<'a> SystemInstruction<'a> {
    /// Decodes instruction data; `None` if it is not a System instruction. O(size of the seed).
    ///
    /// ```
    /// use lockstep_programs::system::SystemInstruction;
    /// let bytes = [2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 99];
    /// let decoded = SystemInstruction::decode(&bytes);
    /// assert_eq!(decoded, Some(SystemInstruction::Transfer { lamports: 5 }));
    /// assert_eq!(SystemInstruction::decode(&bytes[..11]), None);
    /// ```
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes.get(..INSTRUCTION_SIZE_MAX).unwrap_or(bytes));
        let reader = &mut reader;
        let kind = reader.kind()?;
        // A block is mostly transfers, so they are asked for first.
        if kind == TRANSFER {
            let lamports = reader.integer()?;
            return Some(Self::Transfer { lamports });
        }
        Self::decode_fields(kind, reader)
    }

    fn decode_fields(kind: u32, reader: &mut Reader<'a>) -> Option<Self> {
        Some(match kind {
            CREATE_ACCOUNT => Self::CreateAccount {
                lamports: reader.integer()?,
                space: reader.integer()?,
                owner: reader.address()?,
            },
            ASSIGN => Self::Assign {
                owner: reader.address()?,
            },
            CREATE_ACCOUNT_WITH_SEED => Self::CreateAccountWithSeed {
                base: reader.address()?,
                seed: reader.text()?,
                lamports: reader.integer()?,
                space: reader.integer()?,
                owner: reader.address()?,
            },
            ADVANCE_NONCE_ACCOUNT => Self::AdvanceNonceAccount,
            WITHDRAW_NONCE_ACCOUNT => Self::WithdrawNonceAccount {
                lamports: reader.integer()?,
            },
            INITIALIZE_NONCE_ACCOUNT => Self::InitializeNonceAccount {
                authority: reader.address()?,
            },
            AUTHORIZE_NONCE_ACCOUNT => Self::AuthorizeNonceAccount {
                authority: reader.address()?,
            },
            ALLOCATE => Self::Allocate {
                space: reader.integer()?,
            },
            ALLOCATE_WITH_SEED => Self::AllocateWithSeed {
                base: reader.address()?,
                seed: reader.text()?,
                space: reader.integer()?,
                owner: reader.address()?,
            },
            ASSIGN_WITH_SEED => Self::AssignWithSeed {
                base: reader.address()?,
                seed: reader.text()?,
                owner: reader.address()?,
            },
            TRANSFER_WITH_SEED => Self::TransferWithSeed {
                lamports: reader.integer()?,
                seed: reader.text()?,
                owner: reader.address()?,
            },
            UPGRADE_NONCE_ACCOUNT => Self::UpgradeNonceAccount,
            CREATE_ACCOUNT_ALLOW_PREFUND => Self::CreateAccountAllowPrefund {
                lamports: reader.integer()?,
                space: reader.integer()?,
                owner: reader.address()?,
            },
            _ => return None,
        })
    }

    /// The instruction data, as [`SystemInstruction::decode`] reads it.
    pub fn encode(&self) -> Vec<u8> {
        match *self {
            Self::CreateAccount {
                lamports,
                space,
                owner,
            } => Writer::new(CREATE_ACCOUNT)
                .integer(lamports)
                .integer(space)
                .address(owner),
            Self::Assign { owner } => Writer::new(ASSIGN).address(owner),
            Self::Transfer { lamports } => Writer::new(TRANSFER).integer(lamports),
            Self::CreateAccountWithSeed {
                base,
                seed,
                lamports,
                space,
                owner,
            } => Writer::new(CREATE_ACCOUNT_WITH_SEED)
                .address(base)
                .text(seed)
                .integer(lamports)
                .integer(space)
                .address(owner),
            Self::AdvanceNonceAccount => Writer::new(ADVANCE_NONCE_ACCOUNT),
            Self::WithdrawNonceAccount { lamports } => {
                Writer::new(WITHDRAW_NONCE_ACCOUNT).integer(lamports)
            }
            Self::InitializeNonceAccount { authority } => {
                Writer::new(INITIALIZE_NONCE_ACCOUNT).address(authority)
            }
            Self::AuthorizeNonceAccount { authority } => {
                Writer::new(AUTHORIZE_NONCE_ACCOUNT).address(authority)
            }
            Self::Allocate { space } => Writer::new(ALLOCATE).integer(space),
            Self::AllocateWithSeed {
                base,
                seed,
                space,
                owner,
            } => Writer::new(ALLOCATE_WITH_SEED)
                .address(base)
                .text(seed)
                .integer(space)
                .address(owner),
            Self::AssignWithSeed { base, seed, owner } => Writer::new(ASSIGN_WITH_SEED)
                .address(base)
                .text(seed)
                .address(owner),
            Self::TransferWithSeed {
                lamports,
                seed,
                owner,
            } => Writer::new(TRANSFER_WITH_SEED)
                .integer(lamports)
                .text(seed)
                .address(owner),
            Self::UpgradeNonceAccount => Writer::new(UPGRADE_NONCE_ACCOUNT),
            Self::CreateAccountAllowPrefund {
                lamports,
                space,
                owner,
            } => Writer::new(CREATE_ACCOUNT_ALLOW_PREFUND)
                .integer(lamports)
                .integer(space)
                .address(owner),
        }
        .0
    }
}

/// What is already written.
struct Writer(Vec<u8>);

impl Writer {
    fn new(kind: u32) -> Self {
        Self(kind.to_le_bytes().to_vec())
    }

    fn integer(self, value: u64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    fn address(self, address: Address) -> Self {
        self.bytes(address.as_array())
    }

    fn text(self, text: &str) -> Self {
        let size = u64::try_from(text.len()).expect("a length fits in 64 bits");
        self.integer(size).bytes(text.as_bytes())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Address = Address::new_from_array([7; 32]);

    #[test]
    fn the_layout_is_solanas() {
        let mut expected = vec![3, 0, 0, 0];
        expected.extend([7; 32]);
        expected.extend([2, 0, 0, 0, 0, 0, 0, 0, b'h', b'i']);
        expected.extend([1, 1, 0, 0, 0, 0, 0, 0]);
        expected.extend([9, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([7; 32]);
        let instruction = SystemInstruction::CreateAccountWithSeed {
            base: OWNER,
            seed: "hi",
            lamports: 257,
            space: 9,
            owner: OWNER,
        };
        assert_eq!(instruction.encode(), expected);
        assert_eq!(SystemInstruction::decode(&expected), Some(instruction));
    }

    #[test]
    fn a_seed_must_be_whole_and_text_and_within_the_limit() {
        let assign = |seed| SystemInstruction::AssignWithSeed {
            base: OWNER,
            seed,
            owner: OWNER,
        };
        // Kind, base, length and owner take 76 bytes.
        let longest = "s".repeat(INSTRUCTION_SIZE_MAX - 76);
        let mut bytes = assign(&longest).encode();
        assert_eq!(bytes.len(), INSTRUCTION_SIZE_MAX);
        assert_eq!(SystemInstruction::decode(&bytes), Some(assign(&longest)));
        bytes.extend([1, 2, 3]);
        assert_eq!(SystemInstruction::decode(&bytes), Some(assign(&longest)));

        let too_long = "s".repeat(INSTRUCTION_SIZE_MAX - 75);
        assert_eq!(SystemInstruction::decode(&assign(&too_long).encode()), None);

        let mut not_text = assign("a").encode();
        not_text[44] = 0xff;
        assert_eq!(SystemInstruction::decode(&not_text), None);
        let mut endless = assign("a").encode();
        endless[36..44].fill(0xff);
        assert_eq!(SystemInstruction::decode(&endless), None);
    }
}
