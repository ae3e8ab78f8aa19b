//! Bytes into a [`TransactionView`], in one pass and without allocation.
//!
//! The pass checks each rule at the first byte at which it can: lengths as they are read, program
//! indexes against the keys before them. Account indexes of a v0 message wait for the lookups that
//! follow the instructions; until then only the largest is kept.

use super::config::{TransactionConfig, is_known_mask};
use super::cursor::Cursor;
use super::error::ParseError;
use super::limits::{
    ACCOUNT_COUNT_MAX, ADDRESS_SIZE, PACKET_SIZE_MAX, SIGNATURE_SIZE, V0_PREFIX,
    V1_INSTRUCTION_HEADER_SIZE, V1_PREFIX, V1_SIZE_MAX, VERSION_BIT,
};
use super::scheme::section_size;
use super::view::{Frame, InstructionView, LookupView, TransactionView, Version};

impl<'a> TransactionView<'a> {
    /// Parses one transaction of any version. It must fill `bytes` to the end.
    ///
    /// # Errors
    ///
    /// The first broken rule; see [`ParseError`].
    ///
    /// # Complexity
    ///
    /// O(instructions + accounts they name + lookups); keys, signatures and data are not read.
    ///
    /// # Example
    ///
    /// ```
    /// use lockstep_interface::instruction::{AccountMeta, Instruction};
    /// use lockstep_runtime::wire::{MessageBuilder, TransactionView};
    /// # use solana_address::Address;
    ///
    /// let payer = Address::new_from_array([1; 32]);
    /// let program = Address::new_from_array([2; 32]);
    /// let note = Instruction { program, accounts: vec![], data: b"hello".to_vec() };
    /// let message = MessageBuilder::new(payer, [3; 32], &[note]).compile()?;
    /// let bytes = message.with_signatures(&[[0; 64]])?;
    ///
    /// let view = TransactionView::parse(&bytes)?;
    /// assert_eq!(view.static_keys(), [[1; 32], [2; 32]]);
    /// assert_eq!(view.instructions().next().unwrap().data, b"hello");
    /// assert!(TransactionView::parse(&bytes[1..]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let first = Cursor::new(bytes, 0).peek()?;
        let frame = if first & VERSION_BIT == 0 {
            check_size(bytes, PACKET_SIZE_MAX)?;
            parse_signatures_first(bytes)?
        } else if first == V1_PREFIX {
            check_size(bytes, V1_SIZE_MAX)?;
            parse_message_first(bytes)?
        } else {
            return Err(ParseError::UnknownFormat { found: first });
        };
        Ok(Self { bytes, frame })
    }
}

fn check_size(bytes: &[u8], limit: usize) -> Result<(), ParseError> {
    match bytes.len() {
        found if found > limit => Err(ParseError::TooLarge { found, limit }),
        _ => Ok(()),
    }
}

/// Legacy and v0: signatures, then the message.
#[inline]
fn parse_signatures_first(bytes: &[u8]) -> Result<Frame, ParseError> {
    let cursor = &mut Cursor::new(bytes, 0);
    // A count below 128 is its own shortest compact-u16; a larger one does not get here.
    let signature_count = cursor.byte()?;
    let signatures_start = cursor.position();
    cursor.arrays::<SIGNATURE_SIZE>(usize::from(signature_count))?;

    let message_start = cursor.position();
    let version = read_version(cursor)?;
    let header = Header::read(cursor)?;
    if signature_count != header.required_signatures {
        return Err(ParseError::SignatureCount {
            offset: header.offset,
            found: usize::from(signature_count),
            limit: usize::from(header.required_signatures),
        });
    }
    let key_count = cursor.compact_u16()?;
    let keys_start = cursor.position();
    cursor.arrays::<ADDRESS_SIZE>(key_count)?;
    header.check_keys(key_count)?;
    let blockhash_start = cursor.position();
    cursor.array::<ADDRESS_SIZE>()?;

    let instruction_count = cursor.compact_u16()?;
    let instructions = *cursor;
    let mut account_max = 0;
    for _ in 0..instruction_count {
        let offset = usize::from(cursor.position());
        let instruction = InstructionView::read(cursor)?;
        check_program(instruction.program_index, key_count, offset)?;
        account_max = instruction
            .accounts
            .iter()
            .copied()
            .fold(account_max, u8::max);
    }

    let lookups = match version {
        Version::V0 => LookupCounts::read(cursor)?,
        Version::Legacy | Version::V1 => LookupCounts::none(cursor),
    };
    let account_count = lookups.account_count(key_count)?;
    if usize::from(account_max) >= account_count {
        check_account_indexes(instructions, instruction_count, account_count)?;
    }
    let message_end = cursor.position();
    cursor.finish()?;

    Ok(Frame {
        version,
        required_signatures: header.required_signatures,
        readonly_signed: header.readonly_signed,
        readonly_unsigned: header.readonly_unsigned,
        signatures_start,
        message_start,
        message_end,
        keys_start,
        key_count: narrow(key_count),
        blockhash_start,
        instructions_start: instructions.position(),
        instruction_count: narrow(instruction_count),
        tail_start: lookups.start,
        lookup_count: lookups.tables,
        writable_lookup_count: lookups.writable,
        readonly_lookup_count: lookups.readonly,
        config_mask: 0,
        config_start: message_end,
    })
}

/// The version of a message behind its signatures: a prefix, or none before a legacy message.
#[inline]
fn read_version(cursor: &mut Cursor<'_>) -> Result<Version, ParseError> {
    let offset = usize::from(cursor.position());
    match cursor.peek()? {
        prefix if prefix & VERSION_BIT == 0 => Ok(Version::Legacy),
        V0_PREFIX => {
            cursor.byte()?;
            Ok(Version::V0)
        }
        found => Err(ParseError::UnsupportedVersion { offset, found }),
    }
}

/// v1: the message, then signatures, then what signers of other schemes than ed25519 add.
#[inline]
fn parse_message_first(bytes: &[u8]) -> Result<Frame, ParseError> {
    let cursor = &mut Cursor::new(bytes, 0);
    cursor.byte()?;
    let header = Header::read(cursor)?;
    let mask_start = cursor.position();
    let config_mask = u32::from_le_bytes(*cursor.array()?);
    if !is_known_mask(config_mask) {
        return Err(ParseError::ConfigMask {
            offset: usize::from(mask_start),
            found: config_mask,
        });
    }
    let blockhash_start = cursor.position();
    cursor.array::<ADDRESS_SIZE>()?;
    let instruction_count = cursor.byte()?;
    let key_count = usize::from(cursor.byte()?);
    let keys_start = cursor.position();
    cursor.arrays::<ADDRESS_SIZE>(key_count)?;
    header.check_keys(key_count)?;
    let config_start = cursor.position();
    TransactionConfig::read(config_mask, cursor)?;

    let instructions_start = cursor.position();
    let mut headers = *cursor;
    cursor.arrays::<V1_INSTRUCTION_HEADER_SIZE>(usize::from(instruction_count))?;
    let tail_start = cursor.position();
    for _ in 0..instruction_count {
        let header_start = usize::from(headers.position());
        let accounts_start = cursor.position();
        let instruction = InstructionView::read_payload(headers.array()?, cursor)?;
        check_program(instruction.program_index, key_count, header_start)?;
        check_accounts(instruction.accounts, accounts_start, key_count)?;
    }

    let message_end = cursor.position();
    let signatures = cursor.arrays::<SIGNATURE_SIZE>(usize::from(header.required_signatures))?;
    if !cursor.is_at_end() {
        cursor.slice(section_size(signatures))?;
    }
    cursor.finish()?;

    Ok(Frame {
        version: Version::V1,
        required_signatures: header.required_signatures,
        readonly_signed: header.readonly_signed,
        readonly_unsigned: header.readonly_unsigned,
        signatures_start: message_end,
        message_start: 0,
        message_end,
        keys_start,
        key_count: narrow(key_count),
        blockhash_start,
        instructions_start,
        instruction_count: u16::from(instruction_count),
        tail_start,
        lookup_count: 0,
        writable_lookup_count: 0,
        readonly_lookup_count: 0,
        config_mask,
        config_start,
    })
}

/// The three counts that say which static keys sign and which are read-only.
struct Header {
    offset: usize,
    required_signatures: u8,
    readonly_signed: u8,
    readonly_unsigned: u8,
}

impl Header {
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let offset = usize::from(cursor.position());
        let [required_signatures, readonly_signed, readonly_unsigned] = *cursor.array()?;
        // The first signer pays the fee and so has to be writable.
        if readonly_signed >= required_signatures {
            return Err(ParseError::NoWritableSigner {
                offset,
                found: usize::from(readonly_signed),
                limit: usize::from(required_signatures).saturating_sub(1),
            });
        }
        Ok(Self {
            offset,
            required_signatures,
            readonly_signed,
            readonly_unsigned,
        })
    }

    /// Signers and read-only non-signers must not overlap within the static keys. As there is a
    /// signer, this also says that there is a key.
    #[inline]
    fn check_keys(&self, key_count: usize) -> Result<(), ParseError> {
        let described =
            u16::from(self.required_signatures).saturating_add(u16::from(self.readonly_unsigned));
        if usize::from(described) > key_count {
            return Err(ParseError::HeaderExceedsKeys {
                offset: self.offset,
                found: usize::from(described),
                limit: key_count,
            });
        }
        Ok(())
    }
}

/// What all table lookups of a message take together.
struct LookupCounts {
    start: u16,
    tables: u16,
    writable: u16,
    readonly: u16,
}

impl LookupCounts {
    /// Static keys and looked-up accounts together.
    #[inline]
    fn account_count(&self, key_count: usize) -> Result<usize, ParseError> {
        let found = key_count
            .saturating_add(usize::from(self.writable))
            .saturating_add(usize::from(self.readonly));
        let limit = ACCOUNT_COUNT_MAX;
        if found > limit {
            return Err(ParseError::TooManyAccounts { found, limit });
        }
        Ok(found)
    }

    fn none(cursor: &Cursor<'_>) -> Self {
        Self {
            start: cursor.position(),
            tables: 0,
            writable: 0,
            readonly: 0,
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let tables = cursor.compact_u16()?;
        let mut counts = Self::none(cursor);
        counts.tables = narrow(tables);
        for _ in 0..tables {
            let offset = usize::from(cursor.position());
            let lookup = LookupView::read(cursor)?;
            if lookup.writable.is_empty() && lookup.readonly.is_empty() {
                return Err(ParseError::EmptyLookup { offset });
            }
            // Each looked-up account takes a byte, so sums stay below the size of a packet.
            counts.writable = counts
                .writable
                .saturating_add(narrow(lookup.writable.len()));
            counts.readonly = counts
                .readonly
                .saturating_add(narrow(lookup.readonly.len()));
        }
        Ok(counts)
    }
}

/// Programs are static keys, so that what runs is known without looking anything up.
#[inline]
fn check_program(index: u8, key_count: usize, offset: usize) -> Result<(), ParseError> {
    let found = usize::from(index);
    if found == 0 {
        return Err(ParseError::ProgramIsFeePayer { offset });
    }
    if found >= key_count {
        return Err(ParseError::ProgramIndex {
            offset,
            found,
            limit: key_count,
        });
    }
    Ok(())
}

/// Finds the first account index that is out of range. Called when the largest of all is.
#[cold]
fn check_account_indexes(
    mut cursor: Cursor<'_>,
    instruction_count: usize,
    account_count: usize,
) -> Result<(), ParseError> {
    for _ in 0..instruction_count {
        cursor.byte()?;
        let size = cursor.compact_u16()?;
        let start = cursor.position();
        check_accounts(cursor.slice(size)?, start, account_count)?;
        let data_size = cursor.compact_u16()?;
        cursor.slice(data_size)?;
    }
    Ok(())
}

/// Checks account indexes whose first is at offset `start`.
#[inline]
fn check_accounts(accounts: &[u8], start: u16, account_count: usize) -> Result<(), ParseError> {
    for (position, &index) in accounts.iter().enumerate() {
        if usize::from(index) >= account_count {
            return Err(ParseError::AccountIndex {
                offset: usize::from(start).saturating_add(position),
                found: usize::from(index),
                limit: account_count,
            });
        }
    }
    Ok(())
}

/// Counts are read from 16 bits or bounded by the size limits.
#[inline]
fn narrow(count: usize) -> u16 {
    u16::try_from(count).expect("a count on the wire has 16 bits")
}
