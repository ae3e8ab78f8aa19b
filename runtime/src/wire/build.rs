//! A message written out by hand or by [`MessageBuilder`](super::MessageBuilder), its encoding,
//! and its signatures.
//!
//! Nothing here checks the rules of the parser: the bytes say what the [`Message`] says, so that
//! tests can write messages that must be refused. An error means that the format cannot express
//! the message.

use lockstep_interface::Hash;
use sha2::{Digest, Sha256};
use solana_address::Address;

use super::config::TransactionConfig;
use super::cursor::push_compact_u16;
use super::limits::{ADDRESS_SIZE, SIGNATURE_SIZE, V0_PREFIX, V1_PREFIX, VERSION_BIT};
use super::scheme::Signed;
use super::view::{TransactionView, Version};

/// Why a message cannot be compiled, encoded or signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// A list has more entries than the format can count.
    #[error("{what}: found {found}, the format can count at most {limit}")]
    TooMany {
        /// The list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The most that fit.
        limit: usize,
    },
    /// The message asks for something that its version has no field for.
    #[error("a {version:?} message cannot have {what}")]
    Unsupported {
        /// What has no field.
        what: &'static str,
        /// The version.
        version: Version,
    },
    /// An account stands at a position of a lookup table that one byte cannot name.
    #[error("account {address} is at position {position} of a lookup table, expected at most 255")]
    LookupPosition {
        /// The account.
        address: Address,
        /// Its position in the table.
        position: usize,
    },
    /// No key was given for an address that has to sign.
    #[error("no key was given for signer {address}")]
    MissingSigner {
        /// The signer.
        address: Address,
    },
    /// The header asks for more signers than there are static keys.
    #[error("header requires {found} signatures, the message has {limit} static keys")]
    SignersExceedKeys {
        /// Signatures required.
        found: usize,
        /// Static keys.
        limit: usize,
    },
}

/// Which of the static keys sign and which are read-only. The keys stand in this order: writable
/// signers, read-only signers, writable non-signers, read-only non-signers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Keys that sign.
    pub required_signatures: u8,
    /// Signers that are read-only.
    pub readonly_signed: u8,
    /// Keys that do not sign and are read-only.
    pub readonly_unsigned: u8,
}

/// An instruction whose accounts are indexes into a message's accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompiledInstruction {
    /// Account index of the program.
    pub program_index: u8,
    /// Account indexes.
    pub accounts: Vec<u8>,
    /// The program's own encoding of what to do.
    pub data: Vec<u8>,
}

/// Accounts taken from an address lookup table by their positions in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLookup {
    /// Address of the table.
    pub table: Address,
    /// Positions of the accounts taken as writable.
    pub writable: Vec<u8>,
    /// Positions of the accounts taken as read-only.
    pub readonly: Vec<u8>,
}

/// A message in full, of any version, without its signatures.
///
/// # Example
///
/// ```
/// use lockstep_runtime::wire::{Header, Message, ParseError, TransactionView, Version};
///
/// // A header that asks for a signer among no keys can be written, and is refused.
/// let header = Header { required_signatures: 1, ..Header::default() };
/// let message = Message { header, ..Message::new(Version::Legacy) };
/// let bytes = message.with_signatures(&[[0; 64]])?;
/// let refused = TransactionView::parse(&bytes);
/// assert!(matches!(refused, Err(ParseError::HeaderExceedsKeys { .. })));
/// # Ok::<(), lockstep_runtime::wire::MessageError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The format.
    pub version: Version,
    /// Signers and read-only keys.
    pub header: Header,
    /// The addresses written out in the message.
    pub static_keys: Vec<Address>,
    /// The blockhash or durable nonce.
    pub recent_blockhash: [u8; ADDRESS_SIZE],
    /// The instructions.
    pub instructions: Vec<CompiledInstruction>,
    /// Accounts from lookup tables; empty unless v0.
    pub lookups: Vec<TableLookup>,
    /// Nothing set unless v1.
    pub config: TransactionConfig,
}

impl Message {
    /// A message of which everything but the version is empty or zero.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            header: Header::default(),
            static_keys: Vec::new(),
            recent_blockhash: [0; ADDRESS_SIZE],
            instructions: Vec::new(),
            lookups: Vec::new(),
            config: TransactionConfig::default(),
        }
    }

    /// The bytes that get signed.
    ///
    /// # Errors
    ///
    /// [`MessageError::TooMany`] for a list longer than its count field;
    /// [`MessageError::Unsupported`]
    /// for lookups outside v0, a configuration outside v1, and a legacy message with 128 signers
    /// or more, which would read as a version prefix.
    pub fn encode(&self) -> Result<Vec<u8>, MessageError> {
        let mut out = Vec::new();
        self.encode_into(&mut out)?;
        Ok(out)
    }

    /// The whole transaction with these signatures; neither their number nor they are checked.
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Self::encode), and [`MessageError::TooMany`] signatures to count.
    pub fn with_signatures(
        &self,
        signatures: &[[u8; SIGNATURE_SIZE]],
    ) -> Result<Vec<u8>, MessageError> {
        self.join(signatures, &self.encode()?)
    }

    /// The whole transaction with what its signers add to it; neither is checked.
    ///
    /// # Errors
    ///
    /// Those of [`with_signatures`](Self::with_signatures), and [`MessageError::Unsupported`] for
    /// schemes other than ed25519 in a message that is not v1.
    pub fn with_signed(&self, signed: &[Signed]) -> Result<Vec<u8>, MessageError> {
        let message = self.encode()?;
        let others = signed.iter().flat_map(Signed::section).collect::<Vec<_>>();
        let others = others.concat();
        if self.version != Version::V1 && !others.is_empty() {
            return Err(MessageError::Unsupported {
                what: "signatures of other schemes than ed25519",
                version: self.version,
            });
        }
        let message_hash = Hash::new_from_array(Sha256::digest(&message).into());
        let slots = signed.iter().map(|one| one.slot(&message_hash));
        let mut bytes = self.join(&slots.collect::<Vec<_>>(), &message)?;
        bytes.extend(others);
        Ok(bytes)
    }

    pub(super) fn join(
        &self,
        signatures: &[[u8; SIGNATURE_SIZE]],
        message: &[u8],
    ) -> Result<Vec<u8>, MessageError> {
        let signatures_flat = signatures.as_flattened();
        let size = signatures_flat.len().saturating_add(message.len());
        let mut out = Vec::with_capacity(size.saturating_add(3));
        match self.version {
            Version::Legacy | Version::V0 => {
                push_compact_u16(count_u16("signatures", signatures)?, &mut out);
                out.extend_from_slice(signatures_flat);
                out.extend_from_slice(message);
            }
            Version::V1 => {
                out.extend_from_slice(message);
                out.extend_from_slice(signatures_flat);
            }
        }
        Ok(out)
    }

    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), MessageError> {
        self.check_version()?;
        out.reserve(self.size_hint());
        match self.version {
            Version::Legacy => self.push_compact(out),
            Version::V0 => {
                out.push(V0_PREFIX);
                self.push_compact(out)?;
                push_compact_u16(count_u16("table lookups", &self.lookups)?, out);
                for lookup in &self.lookups {
                    out.extend_from_slice(lookup.table.as_array());
                    push_list("writable lookups", &lookup.writable, out)?;
                    push_list("read-only lookups", &lookup.readonly, out)?;
                }
                Ok(())
            }
            Version::V1 => self.push_v1(out),
        }
    }

    fn check_version(&self) -> Result<(), MessageError> {
        let version = self.version;
        let unsupported = |what| Err(MessageError::Unsupported { what, version });
        if version != Version::V0 && !self.lookups.is_empty() {
            return unsupported("table lookups");
        }
        if version != Version::V1 && self.config != TransactionConfig::default() {
            return unsupported("a configuration");
        }
        if version == Version::Legacy && self.header.required_signatures & VERSION_BIT != 0 {
            return unsupported("128 signers or more");
        }
        Ok(())
    }

    /// What legacy and v0 messages have in common.
    fn push_compact(&self, out: &mut Vec<u8>) -> Result<(), MessageError> {
        self.push_header(out);
        push_compact_u16(count_u16("static keys", &self.static_keys)?, out);
        self.push_keys(out);
        out.extend_from_slice(&self.recent_blockhash);
        push_compact_u16(count_u16("instructions", &self.instructions)?, out);
        for instruction in &self.instructions {
            out.push(instruction.program_index);
            push_list("instruction accounts", &instruction.accounts, out)?;
            push_list("instruction data bytes", &instruction.data, out)?;
        }
        Ok(())
    }

    fn push_v1(&self, out: &mut Vec<u8>) -> Result<(), MessageError> {
        out.push(V1_PREFIX);
        self.push_header(out);
        out.extend_from_slice(&self.config.mask().to_le_bytes());
        out.extend_from_slice(&self.recent_blockhash);
        out.push(count_u8("instructions", &self.instructions)?);
        out.push(count_u8("static keys", &self.static_keys)?);
        self.push_keys(out);
        self.config.push_values(out);
        for instruction in &self.instructions {
            out.push(instruction.program_index);
            out.push(count_u8("instruction accounts", &instruction.accounts)?);
            let data_size = count_u16("instruction data bytes", &instruction.data)?;
            out.extend_from_slice(&data_size.to_le_bytes());
        }
        for instruction in &self.instructions {
            out.extend_from_slice(&instruction.accounts);
            out.extend_from_slice(&instruction.data);
        }
        Ok(())
    }

    fn push_header(&self, out: &mut Vec<u8>) {
        let header = self.header;
        out.push(header.required_signatures);
        out.push(header.readonly_signed);
        out.push(header.readonly_unsigned);
    }

    fn push_keys(&self, out: &mut Vec<u8>) {
        for key in &self.static_keys {
            out.extend_from_slice(key.as_array());
        }
    }

    /// About how many bytes the message takes; lookups are left to a second allocation.
    fn size_hint(&self) -> usize {
        let keys = self.static_keys.len().saturating_mul(ADDRESS_SIZE);
        let instructions = self.instructions.iter().map(|instruction| {
            let payload = instruction
                .accounts
                .len()
                .saturating_add(instruction.data.len());
            payload.saturating_add(7)
        });
        // Prefix, header, mask, blockhash, three counts and the configuration.
        instructions.fold(keys.saturating_add(72), usize::saturating_add)
    }
}

impl From<&TransactionView<'_>> for Message {
    /// The message of a parsed transaction; encoding it gives the view's message bytes.
    fn from(view: &TransactionView<'_>) -> Self {
        let addresses = |keys: &[[u8; ADDRESS_SIZE]]| {
            keys.iter()
                .map(|&key| Address::new_from_array(key))
                .collect()
        };
        Self {
            version: view.version(),
            header: Header {
                required_signatures: view.required_signatures(),
                readonly_signed: view.readonly_signed(),
                readonly_unsigned: view.readonly_unsigned(),
            },
            static_keys: addresses(view.static_keys()),
            recent_blockhash: *view.recent_blockhash(),
            instructions: view
                .instructions()
                .map(|instruction| CompiledInstruction {
                    program_index: instruction.program_index,
                    accounts: instruction.accounts.to_vec(),
                    data: instruction.data.to_vec(),
                })
                .collect(),
            lookups: view
                .lookups()
                .map(|lookup| TableLookup {
                    table: Address::new_from_array(*lookup.table),
                    writable: lookup.writable.to_vec(),
                    readonly: lookup.readonly.to_vec(),
                })
                .collect(),
            config: view.config(),
        }
    }
}

fn push_list(what: &'static str, list: &[u8], out: &mut Vec<u8>) -> Result<(), MessageError> {
    push_compact_u16(count_u16(what, list)?, out);
    out.extend_from_slice(list);
    Ok(())
}

fn count_u16<T>(what: &'static str, list: &[T]) -> Result<u16, MessageError> {
    let found = list.len();
    u16::try_from(found).map_err(|_| MessageError::TooMany {
        what,
        found,
        limit: usize::from(u16::MAX),
    })
}

fn count_u8<T>(what: &'static str, list: &[T]) -> Result<u8, MessageError> {
    let found = list.len();
    u8::try_from(found).map_err(|_| MessageError::TooMany {
        what,
        found,
        limit: usize::from(u8::MAX),
    })
}
