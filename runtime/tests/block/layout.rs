//! The body's layout as plain Borsh: the judge of the encoder, and the way to bodies that the
//! encoder would never write.

use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_runtime::block::{BlockBody, BlockDecodeError, BlockLimits};

/// A body, field by field.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Layout {
    pub(crate) version: u8,
    pub(crate) sizes: Vec<u16>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) dispatch: u8,
    pub(crate) batch_sizes: Vec<u32>,
    pub(crate) lane_sizes: Vec<u32>,
    pub(crate) lane_order: Vec<u32>,
    pub(crate) waits: Vec<(u32, u32)>,
    pub(crate) shared_accounts: Vec<u32>,
}

impl Layout {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        borsh::from_slice(bytes).unwrap()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).unwrap()
    }

    pub(crate) fn decode(&self) -> Result<BlockBody, BlockDecodeError> {
        BlockBody::decode(&self.encode(), &BlockLimits::UNLIMITED)
    }
}
