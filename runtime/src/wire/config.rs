//! The configuration inside a v1 message: a mask that says which values follow, and the values.

use super::cursor::Cursor;
use super::error::ParseError;

/// Both bits stand for one value of 8 bytes.
const PRIORITY_FEE: u32 = 0b11;
const COMPUTE_UNIT_LIMIT: u32 = 0b100;
const LOADED_ACCOUNTS_DATA_SIZE_LIMIT: u32 = 0b1000;
const HEAP_SIZE: u32 = 0b1_0000;
const KNOWN: u32 = PRIORITY_FEE | COMPUTE_UNIT_LIMIT | LOADED_ACCOUNTS_DATA_SIZE_LIMIT | HEAP_SIZE;

/// What a v1 message says in place of compute-budget instructions (SIMD-0385).
///
/// The values are as the sender wrote them. Whether they are allowed is for the bank to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionConfig {
    /// Lamports paid on top of the signature fee.
    pub priority_fee: Option<u64>,
    /// Compute units that the transaction may use.
    pub compute_unit_limit: Option<u32>,
    /// Bytes of account data that the transaction may load.
    pub loaded_accounts_data_size_limit: Option<u32>,
    /// Bytes of heap of each program.
    pub heap_size: Option<u32>,
}

impl TransactionConfig {
    /// Reads the values that `mask` announces.
    #[inline]
    pub(super) fn read(mask: u32, cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let mut config = Self::default();
        if mask & PRIORITY_FEE != 0 {
            config.priority_fee = Some(u64::from_le_bytes(*cursor.array()?));
        }
        if mask & COMPUTE_UNIT_LIMIT != 0 {
            config.compute_unit_limit = Some(u32::from_le_bytes(*cursor.array()?));
        }
        if mask & LOADED_ACCOUNTS_DATA_SIZE_LIMIT != 0 {
            config.loaded_accounts_data_size_limit = Some(u32::from_le_bytes(*cursor.array()?));
        }
        if mask & HEAP_SIZE != 0 {
            config.heap_size = Some(u32::from_le_bytes(*cursor.array()?));
        }
        Ok(config)
    }

    /// The mask that announces the values that are set.
    pub(super) fn mask(&self) -> u32 {
        let bits = |is_set: bool, bits| if is_set { bits } else { 0 };
        bits(self.priority_fee.is_some(), PRIORITY_FEE)
            | bits(self.compute_unit_limit.is_some(), COMPUTE_UNIT_LIMIT)
            | bits(
                self.loaded_accounts_data_size_limit.is_some(),
                LOADED_ACCOUNTS_DATA_SIZE_LIMIT,
            )
            | bits(self.heap_size.is_some(), HEAP_SIZE)
    }

    /// Appends the values that are set.
    pub(super) fn push_values(&self, out: &mut Vec<u8>) {
        if let Some(fee) = self.priority_fee {
            out.extend_from_slice(&fee.to_le_bytes());
        }
        let rest = [
            self.compute_unit_limit,
            self.loaded_accounts_data_size_limit,
            self.heap_size,
        ];
        for value in rest.into_iter().flatten() {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// Whether `mask` announces only known values, and the priority fee with both bits or none.
#[inline]
pub(super) fn is_known_mask(mask: u32) -> bool {
    mask & !KNOWN == 0 && matches!(mask & PRIORITY_FEE, 0 | PRIORITY_FEE)
}
