//! A parsed transaction: the bytes, and a frame that says where each part of them starts.
//!
//! On entry the frame was made by the parser over exactly these bytes; every getter relies on it
//! and none can fail. Reading twice is cheaper here than keeping: each iteration decodes
//! instructions and lookups again.

use lockstep_interface::{Address, Hash, context::TransactionInstructions};
use sha2::{Digest, Sha256};

use super::config::TransactionConfig;
use super::cursor::Cursor;
use super::error::ParseError;
use super::limits::{ADDRESS_SIZE, SIGNATURE_SIZE, V1_INSTRUCTION_HEADER_SIZE};

/// Why decoding what the parser has decoded before cannot fail.
const PARSED: &str = "the parser has read the same bytes";

/// The format of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// No version prefix, static keys only.
    Legacy,
    /// Address lookup tables.
    V0,
    /// Up to 4,096 bytes, configuration in the message, static keys only (SIMD-0385).
    V1,
}

/// Where the parts of a transaction start, in bytes from its start, and how many each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(super) version: Version,
    /// Equal to the number of signatures.
    pub(super) required_signatures: u8,
    pub(super) readonly_signed: u8,
    pub(super) readonly_unsigned: u8,
    pub(super) signatures_start: u16,
    pub(super) message_start: u16,
    pub(super) message_end: u16,
    pub(super) keys_start: u16,
    pub(super) key_count: u16,
    pub(super) blockhash_start: u16,
    /// v1: the instruction headers.
    pub(super) instructions_start: u16,
    pub(super) instruction_count: u16,
    /// v0: the table lookups. v1: the instruction payloads.
    pub(super) tail_start: u16,
    pub(super) lookup_count: u16,
    pub(super) writable_lookup_count: u16,
    pub(super) readonly_lookup_count: u16,
    pub(super) config_mask: u32,
    pub(super) config_start: u16,
}

/// A transaction that borrows its bytes. Small and `Copy`; nothing is allocated.
///
/// Made by [`TransactionView::parse`] alone, so that what its getters return keeps the rules that
/// [`ParseError`] lists. An *account index* counts the static keys first, then all writable
/// accounts taken from lookup tables, then all read-only ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionView<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) frame: Frame,
}

impl Frame {
    /// The parsed transaction of this frame, which the parser made over exactly these bytes.
    #[inline]
    pub(crate) fn over(self, bytes: &[u8]) -> TransactionView<'_> {
        TransactionView { bytes, frame: self }
    }
}

impl<'a> TransactionView<'a> {
    /// Where its parts are, for a parsed transaction that has to outlive its borrowed bytes.
    pub(crate) fn frame(&self) -> Frame {
        self.frame
    }

    /// The whole transaction as it was given.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The format.
    #[inline]
    pub fn version(&self) -> Version {
        self.frame.version
    }

    /// The signatures, one for each of the first static keys, in their order.
    #[inline]
    pub fn signatures(&self) -> &'a [[u8; SIGNATURE_SIZE]] {
        let count = usize::from(self.frame.required_signatures);
        &self.tail(self.frame.signatures_start).as_chunks().0[..count]
    }

    /// Keys and signatures of other schemes than ed25519, one after the other; v1 only.
    #[inline]
    pub(super) fn scheme_section(&self) -> &'a [u8] {
        if self.frame.version != Version::V1 {
            return &[];
        }
        let marks = usize::from(self.frame.required_signatures).saturating_mul(SIGNATURE_SIZE);
        &self.tail(self.frame.signatures_start)[marks..]
    }

    /// The bytes that the signatures sign and that the message hash covers.
    #[inline]
    pub fn message_bytes(&self) -> &'a [u8] {
        let start = usize::from(self.frame.message_start);
        &self.bytes[start..usize::from(self.frame.message_end)]
    }

    /// SHA-256 of the signed message: what tells a transaction from others, however it is signed.
    pub fn message_hash(&self) -> Hash {
        Hash::new_from_array(Sha256::digest(self.message_bytes()).into())
    }

    /// How many of the first static keys sign. At least 1, the fee payer.
    #[inline]
    pub fn required_signatures(&self) -> u8 {
        self.frame.required_signatures
    }

    /// How many of the last signers are read-only. Less than
    /// [`required_signatures`](Self::required_signatures).
    #[inline]
    pub fn readonly_signed(&self) -> u8 {
        self.frame.readonly_signed
    }

    /// How many of the last static keys are read-only and do not sign.
    #[inline]
    pub fn readonly_unsigned(&self) -> u8 {
        self.frame.readonly_unsigned
    }

    /// The addresses written out in the message. They may repeat.
    #[inline]
    pub fn static_keys(&self) -> &'a [[u8; ADDRESS_SIZE]] {
        let count = usize::from(self.frame.key_count);
        &self.tail(self.frame.keys_start).as_chunks().0[..count]
    }

    /// The static key at `index`.
    #[inline]
    pub fn static_key(&self, index: usize) -> Option<Address> {
        let key = self.static_keys().get(index)?;
        Some(Address::new_from_array(*key))
    }

    /// The account that pays: the first static key.
    #[inline]
    pub fn fee_payer(&self) -> &'a [u8; ADDRESS_SIZE] {
        let keys = self.static_keys();
        keys.first().expect("a message has at least one signer")
    }

    /// The bytes of this transaction with another blockhash; its signatures stay, and are then
    /// those of another message.
    ///
    /// ```
    /// use lockstep_runtime::wire::{Message, TransactionView, Version};
    /// use lockstep_interface::Address;
    ///
    /// let payer = Address::new_from_array([1; 32]);
    /// let message = Message { static_keys: vec![payer], ..Message::new(Version::Legacy) };
    /// # let message = {
    /// #     let mut message = message;
    /// #     message.header.required_signatures = 1;
    /// #     message
    /// # };
    /// let bytes = message.with_signatures(&[[0; 64]])?;
    /// let dated = TransactionView::parse(&bytes)?.with_blockhash(&[7; 32]);
    /// assert_eq!(TransactionView::parse(&dated)?.recent_blockhash(), &[7; 32]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_blockhash(&self, blockhash: &[u8; ADDRESS_SIZE]) -> Vec<u8> {
        let start = usize::from(self.frame.blockhash_start);
        let (before, behind) = self.bytes.split_at(start);
        [before, blockhash, &behind[ADDRESS_SIZE..]].concat()
    }

    /// The blockhash, or durable nonce, that dates the transaction.
    #[inline]
    pub fn recent_blockhash(&self) -> &'a [u8; ADDRESS_SIZE] {
        let hash = self.tail(self.frame.blockhash_start).first_chunk();
        hash.expect(PARSED)
    }

    /// The instructions, in the order in which they run.
    #[inline]
    pub fn instructions(&self) -> Instructions<'a> {
        let frame = &self.frame;
        let (headers, start): (&[_], _) = match frame.version {
            Version::Legacy | Version::V0 => (&[], frame.instructions_start),
            Version::V1 => {
                let headers = self.tail(frame.instructions_start).as_chunks().0;
                let count = usize::from(frame.instruction_count);
                (&headers[..count], frame.tail_start)
            }
        };
        Instructions {
            headers,
            cursor: Cursor::new(self.bytes, start),
            count: frame.instruction_count,
        }
    }

    /// The address lookup tables that the message takes accounts from. Empty unless v0.
    #[inline]
    pub fn lookups(&self) -> Lookups<'a> {
        Lookups {
            cursor: Cursor::new(self.bytes, self.frame.tail_start),
            count: self.frame.lookup_count,
        }
    }

    /// Accounts taken from lookup tables as writable, over all tables.
    #[inline]
    pub fn writable_lookup_count(&self) -> usize {
        usize::from(self.frame.writable_lookup_count)
    }

    /// Accounts taken from lookup tables as read-only, over all tables.
    #[inline]
    pub fn readonly_lookup_count(&self) -> usize {
        usize::from(self.frame.readonly_lookup_count)
    }

    /// Accounts that instructions can name: static keys and looked-up accounts, in [1, 256].
    #[inline]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the parser bounds the sum by 256"
    )]
    pub fn account_count(&self) -> usize {
        let frame = &self.frame;
        let looked_up = frame.writable_lookup_count + frame.readonly_lookup_count;
        usize::from(frame.key_count + looked_up)
    }

    /// The configuration of a v1 message; nothing is set in the others.
    #[inline]
    pub fn config(&self) -> TransactionConfig {
        let mut cursor = Cursor::new(self.bytes, self.frame.config_start);
        TransactionConfig::read(self.frame.config_mask, &mut cursor).expect(PARSED)
    }

    /// Whether the account at `index` signs.
    #[inline]
    pub fn is_signer(&self, index: usize) -> bool {
        index < usize::from(self.frame.required_signatures)
    }

    /// Whether the header asks for the static key at `index` to be writable. False beyond the
    /// static keys. Demotions of programs and reserved accounts are not considered.
    #[inline]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the parser has compared both counts of each difference"
    )]
    pub fn is_writable_static(&self, index: usize) -> bool {
        let frame = &self.frame;
        let signers = u16::from(frame.required_signatures);
        let writable_end = if self.is_signer(index) {
            signers - u16::from(frame.readonly_signed)
        } else {
            frame.key_count - u16::from(frame.readonly_unsigned)
        };
        index < usize::from(writable_end)
    }

    #[inline]
    fn tail(&self, start: u16) -> &'a [u8] {
        &self.bytes[usize::from(start)..]
    }
}

/// One instruction, its accounts still indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionView<'a> {
    /// Account index of the program: a static key, and not the fee payer.
    pub program_index: u8,
    /// Account indexes, in the order in which the program expects them. They may repeat.
    pub accounts: &'a [u8],
    /// The program's own encoding of what to do.
    pub data: &'a [u8],
}

impl<'a> InstructionView<'a> {
    /// Reads an instruction of a legacy or v0 message.
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        let program_index = cursor.byte()?;
        let account_count = cursor.compact_u16()?;
        let accounts = cursor.slice(account_count)?;
        let data_size = cursor.compact_u16()?;
        let data = cursor.slice(data_size)?;
        Ok(Self {
            program_index,
            accounts,
            data,
        })
    }

    /// Reads the payload of an instruction of a v1 message.
    #[inline]
    pub(super) fn read_payload(
        header: &[u8; V1_INSTRUCTION_HEADER_SIZE],
        cursor: &mut Cursor<'a>,
    ) -> Result<Self, ParseError> {
        let [program_index, account_count, low, high] = *header;
        Ok(Self {
            program_index,
            accounts: cursor.slice(usize::from(account_count))?,
            data: cursor.slice(usize::from(u16::from_le_bytes([low, high])))?,
        })
    }
}

impl TransactionInstructions for TransactionView<'_> {
    fn data(&self, index: usize) -> Option<&[u8]> {
        self.instructions()
            .nth(index)
            .map(|instruction| instruction.data)
    }
}

/// Iterator over the instructions of a [`TransactionView`].
#[derive(Clone, Debug)]
pub struct Instructions<'a> {
    /// The headers of what is left; v1 only.
    headers: &'a [[u8; V1_INSTRUCTION_HEADER_SIZE]],
    cursor: Cursor<'a>,
    count: u16,
}

impl<'a> Iterator for Instructions<'a> {
    type Item = InstructionView<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let instruction = match self.headers.split_first() {
            None => InstructionView::read(&mut self.cursor),
            Some((header, headers)) => {
                self.headers = headers;
                InstructionView::read_payload(header, &mut self.cursor)
            }
        };
        Some(instruction.expect(PARSED))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = usize::from(self.count);
        (count, Some(count))
    }
}

impl ExactSizeIterator for Instructions<'_> {}

/// What a message takes from one address lookup table. At least one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupView<'a> {
    /// Address of the table.
    pub table: &'a [u8; ADDRESS_SIZE],
    /// Positions in the table of the accounts taken as writable.
    pub writable: &'a [u8],
    /// Positions in the table of the accounts taken as read-only.
    pub readonly: &'a [u8],
}

impl<'a> LookupView<'a> {
    #[inline]
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, ParseError> {
        let table = cursor.array()?;
        let writable_count = cursor.compact_u16()?;
        let writable = cursor.slice(writable_count)?;
        let readonly_count = cursor.compact_u16()?;
        let readonly = cursor.slice(readonly_count)?;
        Ok(Self {
            table,
            writable,
            readonly,
        })
    }
}

/// Iterator over the table lookups of a [`TransactionView`].
#[derive(Clone, Debug)]
pub struct Lookups<'a> {
    cursor: Cursor<'a>,
    count: u16,
}

impl<'a> Iterator for Lookups<'a> {
    type Item = LookupView<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        Some(LookupView::read(&mut self.cursor).expect(PARSED))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = usize::from(self.count);
        (count, Some(count))
    }
}

impl ExactSizeIterator for Lookups<'_> {}
