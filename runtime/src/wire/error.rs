//! Why bytes are not a transaction: one variant a rule.

/// The rule that a transaction's bytes break, and where.
///
/// Offsets count bytes from the start of the transaction. Of several broken rules the first that
/// the parser meets is named. Which rule that is may change between releases; whether a
/// transaction is accepted does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The bytes end inside a field.
    #[error("bytes end at a field at {offset}: it needs {needed} bytes, {available} are left")]
    Truncated {
        /// Where the field starts.
        offset: usize,
        /// Bytes of the field.
        needed: usize,
        /// Bytes from its start to the end of the transaction.
        available: usize,
    },
    /// The transaction is larger than its format allows.
    #[error("transaction has {found} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Bytes given.
        found: usize,
        /// Bytes allowed: [`PACKET_SIZE_MAX`](super::limits::PACKET_SIZE_MAX) or
        /// [`V1_SIZE_MAX`](super::limits::V1_SIZE_MAX).
        limit: usize,
    },
    /// The first byte is neither a signature count below 128 nor the prefix of a v1 transaction.
    #[error("first byte {found:#04x} is not that of a legacy, v0 or v1 transaction")]
    UnknownFormat {
        /// The first byte.
        found: u8,
    },
    /// The message after the signatures is of a version that does not go there.
    #[error("message at {offset} has version prefix {found:#04x}, expected v0 (0x80)")]
    UnsupportedVersion {
        /// Where the message starts.
        offset: usize,
        /// Its first byte.
        found: u8,
    },
    /// A compact-u16 is longer than it needs to be.
    #[error("length at {offset} is not encoded in its shortest form")]
    LengthNotMinimal {
        /// Where the length starts.
        offset: usize,
    },
    /// A compact-u16 does not fit 16 bits.
    #[error("length at {offset} does not fit 16 bits")]
    LengthOverflow {
        /// Where the length starts.
        offset: usize,
    },
    /// The header makes every signer read-only, so that no account could pay the fee.
    #[error("header at {offset} has {found} read-only signers, at most {limit} are allowed")]
    NoWritableSigner {
        /// Where the header starts.
        offset: usize,
        /// Read-only signers.
        found: usize,
        /// One less than the required signatures, 0 if there are none.
        limit: usize,
    },
    /// Signers and read-only accounts that do not sign would overlap, or lie beyond the keys.
    #[error("header at {offset} describes {found} static keys, the message has {limit}")]
    HeaderExceedsKeys {
        /// Where the header starts.
        offset: usize,
        /// Signers plus read-only accounts that do not sign.
        found: usize,
        /// Static keys in the message.
        limit: usize,
    },
    /// The transaction does not carry exactly the signatures that its header asks for.
    #[error("transaction has {found} signatures, its header at {offset} requires {limit}")]
    SignatureCount {
        /// Where the header starts.
        offset: usize,
        /// Signatures given.
        found: usize,
        /// Signatures required.
        limit: usize,
    },
    /// An instruction invokes the fee payer.
    #[error("instruction at {offset} invokes the fee payer")]
    ProgramIsFeePayer {
        /// Where the program index is.
        offset: usize,
    },
    /// An instruction invokes a program that is not among the static keys.
    #[error("instruction at {offset} invokes key {found} of {limit} static keys")]
    ProgramIndex {
        /// Where the program index is.
        offset: usize,
        /// The index.
        found: usize,
        /// Static keys in the message.
        limit: usize,
    },
    /// An instruction names an account that the message does not have.
    #[error("account index at {offset} is {found}, the message has {limit} accounts")]
    AccountIndex {
        /// Where the account index is.
        offset: usize,
        /// The index.
        found: usize,
        /// Static and looked-up accounts of the message.
        limit: usize,
    },
    /// An address lookup table is named and nothing is taken from it.
    #[error("table lookup at {offset} takes no account")]
    EmptyLookup {
        /// Where the lookup starts.
        offset: usize,
    },
    /// The message names more accounts than one byte can index.
    #[error("message names {found} accounts, at most {limit} are allowed")]
    TooManyAccounts {
        /// Static and looked-up accounts.
        found: usize,
        /// [`ACCOUNT_COUNT_MAX`](super::limits::ACCOUNT_COUNT_MAX).
        limit: usize,
    },
    /// The mask of a v1 message's configuration has a bit of no known meaning, or one of the two
    /// bits of the priority fee without the other.
    #[error("configuration mask at {offset} is {found:#x}")]
    ConfigMask {
        /// Where the mask starts.
        offset: usize,
        /// The mask.
        found: u32,
    },
    /// Bytes follow the end of the transaction.
    #[error("{found} bytes follow the end of the transaction at {offset}")]
    TrailingBytes {
        /// Where the transaction ends.
        offset: usize,
        /// Bytes after it.
        found: usize,
    },
}
