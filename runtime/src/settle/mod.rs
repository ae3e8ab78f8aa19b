//! Blocks settled elsewhere: what a block is claimed to do, in 149 bytes, and the one transaction
//! that refutes a wrong claim.
//!
//! ```text
//! block, banks before and after -> Journal: what every transaction found and left   Journal::of
//! Journal                       -> Claim, which is posted                           Journal::claim
//! own journal, claimed one      -> Refutation, if they differ                       find
//! claims, Refutation            -> wrong or not, without a ledger                   Terms::check
//! ```
//! A journal has a *step* for each transaction: its bytes, its receipt, and for each of its
//! accounts the hash before, the step that left it so, and the hash after. So a step is judged by
//! itself, and its origins by one other step. The way from the state root before to that after is
//! told by the nodes of both tries down to some depth, with the changed accounts below each.
//!
//! `docs/settlement.md` lists what can be wrong and what refutes it, and the assumption behind all
//! of this: that a journal is published with its claim.

mod step;
mod transition;

mod refutation;

mod walk;

mod journal;

mod check;

mod find;

mod judge;

use borsh::BorshSerialize as _;
pub use check::{NotRefuted, Terms};
pub use find::find;
pub use journal::{Journal, JournalError};
pub use judge::{Judge, Question};
use lockstep_interface::Hash;
use lockstep_store::LAYER_DEPTH_MAX;
pub use refutation::{Opened, Refutation};
pub use step::{Entry, Opening, PARENT, Step};
use thiserror::Error;
pub use transition::{Item, Nodes, Transition};

use crate::block::BlockHeader;

/// The least depth of a claim's nodes.
pub const DEPTH_MIN: u8 = 6;
/// The greatest.
#[expect(clippy::cast_possible_truncation, reason = "it is 16")]
pub const DEPTH_MAX: u8 = LAYER_DEPTH_MAX as u8;

/// What a block is claimed to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The block's id, which is the blockhash of later transactions.
    pub block_id: Hash,
    /// Its slot, above that of the claim before.
    pub slot: u64,
    /// Its time in seconds since 1970, not before that of the claim before.
    pub unix_timestamp: i64,
    /// How many transactions it has.
    pub transaction_count: u32,
    /// The root over all accounts after it.
    pub state_root: Hash,
    /// The root over opening and steps of its journal.
    pub steps_root: Hash,
    /// The root over the nodes of its journal.
    pub nodes_root: Hash,
    /// The depth of the deepest nodes, in [6, 16].
    pub depth: u8,
}

/// The bytes are no claim.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected a claim of {} bytes, found {found}", Claim::SIZE)]
pub struct NoClaim {
    /// How many bytes there are.
    pub found: usize,
}

impl Claim {
    /// Bytes of a claim.
    pub const SIZE: usize = 32 + 8 + 8 + 4 + 32 + 32 + 32 + 1;

    /// The claim that a chain begins with: its first block is what all agree on. `None` on a chain
    /// that computes no state root.
    pub fn first(id: Hash, header: &BlockHeader) -> Option<Self> {
        Some(Self {
            block_id: id,
            slot: header.slot,
            unix_timestamp: header.unix_timestamp,
            transaction_count: 0,
            state_root: header.state_root?,
            steps_root: Hash::default(),
            nodes_root: Hash::default(),
            depth: DEPTH_MIN,
        })
    }

    /// The bytes; one claim has one encoding, integers little-endian, in the order of the fields.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let mut rest = &mut bytes[..];
        let written = (
            self.block_id.to_bytes(),
            (self.slot, self.unix_timestamp, self.transaction_count),
            self.state_root.to_bytes(),
            self.steps_root.to_bytes(),
            self.nodes_root.to_bytes(),
            self.depth,
        )
            .serialize(&mut rest);
        written.expect("the fields have the claim's size");
        bytes
    }

    /// The claim of these bytes.
    ///
    /// ```
    /// # use lockstep_runtime::settle::Claim;
    /// let bytes = [7; Claim::SIZE];
    /// assert_eq!(Claim::decode(&bytes).map(|claim| claim.encode()), Ok(bytes));
    /// assert!(Claim::decode(&bytes[1..]).is_err());
    /// ```
    ///
    /// # Errors
    /// If it is not [`Claim::SIZE`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, NoClaim> {
        type Fields = ([u8; 32], (u64, i64, u32), [[u8; 32]; 3], u8);
        let found = bytes.len();
        let fields: Fields = borsh::from_slice(bytes).map_err(|_| NoClaim { found })?;
        let (block_id, (slot, unix_timestamp, transaction_count), roots, depth) = fields;
        let [state_root, steps_root, nodes_root] = roots.map(Hash::new_from_array);
        Ok(Self {
            block_id: Hash::new_from_array(block_id),
            slot,
            unix_timestamp,
            transaction_count,
            state_root,
            steps_root,
            nodes_root,
            depth,
        })
    }

    /// Whether this can be the claim of the block behind another's, as far as both tell. One that
    /// cannot is not to be posted.
    pub fn follows(&self, parent: &Self) -> bool {
        self.slot > parent.slot
            && self.unix_timestamp >= parent.unix_timestamp
            && (DEPTH_MIN..=DEPTH_MAX).contains(&self.depth)
    }
}
