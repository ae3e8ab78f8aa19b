//! The head of a lookup table: what comes before its addresses.

use lockstep_interface::{Address, InstructionError};

use crate::reader::Reader;

/// Bytes of the head (Agave: `LOOKUP_TABLE_META_SIZE`); addresses of 32 bytes follow.
pub const HEADER_SIZE: usize = 56;

/// The kind of a table in use, as bincode writes it.
const LOOKUP_TABLE: u32 = 1;

/// What is known of a table besides its addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TableHeader {
    /// The slot in which it was deactivated; the greatest number if it was not.
    pub deactivation_slot: u64,
    /// The slot in which addresses were added last.
    pub last_extended_slot: u64,
    /// How many there were before that slot.
    pub last_extended_start: u8,
    /// The address that may change the table; none if it is frozen.
    pub authority: Option<Address>,
}

impl TableHeader {
    /// A table that is active and has no addresses.
    pub fn new(authority: Address) -> Self {
        Self {
            deactivation_slot: u64::MAX,
            last_extended_slot: 0,
            last_extended_start: 0,
            authority: Some(authority),
        }
    }

    /// True if the table was not deactivated.
    pub fn is_active(&self) -> bool {
        self.deactivation_slot == u64::MAX
    }

    /// The head and the number of addresses of a table account's data.
    ///
    /// # Errors
    /// `UninitializedAccount` if it is not in use; `InvalidAccountData` if it is no table.
    pub fn decode(data: &[u8]) -> Result<(Self, usize), InstructionError> {
        let mut reader = Reader::new(data);
        if reader.kind() == Some(0) {
            return Err(InstructionError::UninitializedAccount);
        }
        let addresses = data.get(HEADER_SIZE..).map(<[u8]>::as_chunks::<32>);
        match (Self::decode_fields(data), addresses) {
            (Some(header), Some((addresses, []))) => Ok((header, addresses.len())),
            _ => Err(InstructionError::InvalidAccountData),
        }
    }

    fn decode_fields(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        if reader.kind()? != LOOKUP_TABLE {
            return None;
        }
        Some(Self {
            deactivation_slot: reader.integer()?,
            last_extended_slot: reader.integer()?,
            last_extended_start: reader.byte()?,
            authority: match reader.byte()? {
                0 => None,
                1 => Some(reader.address()?),
                _ => return None,
            },
        })
    }

    /// The bytes of the head; those behind its last field are zero.
    pub fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = Vec::with_capacity(HEADER_SIZE);
        bytes.extend(LOOKUP_TABLE.to_le_bytes());
        bytes.extend(self.deactivation_slot.to_le_bytes());
        bytes.extend(self.last_extended_slot.to_le_bytes());
        bytes.extend([self.last_extended_start, u8::from(self.authority.is_some())]);
        bytes.extend(self.authority.iter().flat_map(Address::to_bytes));
        bytes.resize(HEADER_SIZE, 0);
        bytes.try_into().expect("the fields take 54 bytes at most")
    }
}
