//! Claims as far as a settlement reads them; all else in them is the judge's.

use lockstep_sdk::prelude::*;

/// Bytes of a claim.
pub const CLAIM_SIZE: usize = 149;

/// A claim: block id 32, slot u64, time i64, transactions u32, state root 32, two roots of 32,
/// depth u8; integers little-endian.
pub type ClaimBytes = [u8; CLAIM_SIZE];

/// Depths of nodes that claims may have.
const DEPTHS: std::ops::RangeInclusive<u8> = 6..=16;

/// The fields of a claim that a settlement looks at.
#[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
pub struct Head {
    /// The block's id.
    pub block_id: [u8; 32],
    /// Its slot.
    pub slot: u64,
    /// Seconds since 1970.
    pub unix_timestamp: i64,
    /// Its transactions.
    pub transaction_count: u32,
    /// The root over all accounts after it.
    pub state_root: [u8; 32],
    /// Roots that the judge knows.
    pub roots: [[u8; 32]; 2],
    /// The depth of the deepest nodes.
    pub depth: u8,
}

/// The fields of a claim.
///
/// # Errors
/// Never, as all bytes are fields; `InvalidInstructionData` stands for a bug.
pub fn parse(claim: &ClaimBytes) -> Result<Head> {
    let mut bytes = &claim[..];
    Head::decode(&mut bytes).ok_or(InstructionError::InvalidInstructionData)
}

/// Whether a claim can be that of the block behind another's.
///
/// ```
/// use lockstep_settlement::{CLAIM_SIZE, follows, parse};
/// let mut claims = [[0; CLAIM_SIZE]; 2];
/// claims[1][32] = 1; // a later slot
/// claims[1][148] = 6; // a depth that there is
/// let [parent, claim] = [parse(&claims[0])?, parse(&claims[1])?];
/// assert!(follows(&parent, &claim) && !follows(&claim, &parent));
/// # Ok::<(), lockstep_interface::InstructionError>(())
/// ```
pub fn follows(parent: &Head, claim: &Head) -> bool {
    let is_later = claim.slot > parent.slot && claim.unix_timestamp >= parent.unix_timestamp;
    is_later && DEPTHS.contains(&claim.depth)
}

/// The blockhashes of the transactions of a block, of those that are kept, oldest first: up to the
/// parent's, which has `later` behind it; the newest 151.
pub fn blockhashes_of(kept: &[[u8; 32]], later: usize) -> &[[u8; 32]] {
    const COUNT: usize = 151;
    let end = kept.len().saturating_sub(later);
    &kept[end.saturating_sub(COUNT)..end]
}
