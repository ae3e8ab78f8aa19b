//! The state of a chain as one stream of bytes, and back.
//!
//! ```text
//! Chain -> head, blocks, accounts page by page, end -> bytes            export
//! bytes -> frames, each against its hash -> ids, roots, order, counts
//!       -> blocks and accounts into an empty store -> its newest block   import
//! ```
//!
//! A snapshot has all that executing the next block depends on. Trust in the id of its newest block
//! is enough, and trust in its maker is not needed: the id is the hash of the header, the header
//! names its parent and so on, each header's transaction root covers the message hashes, and the
//! newest one's state root covers all accounts. Learned costs alone are not proved: they shape the
//! plans of blocks that are built, and no result. Rules, rent, programs and first blockhashes must
//! be those of the genesis that the importer has. An importer that knows which block it wants names
//! it, and any other snapshot is refused before anything of it is kept.
//!
//! The newest block is committed last, after all comparisons. An import that fails before leaves an
//! incomplete store; on disk, `DiskStore::build` deletes it.
//!
//! What follows is `FORMAT.md` beside this file.
//!
#![doc = include_str!("FORMAT.md")]

mod error;
mod export;
mod frame;
mod head;
mod import;

pub use error::{ExportError, Fault, ImportError, Part};
pub use export::Exported;
pub(super) use export::export;
pub use import::{import, parameters};

use crate::limits::BLOCKHASHES_MAX;

/// What a snapshot begins with.
const MAGIC: &[u8; 14] = b"lockstep state";
/// The version of the format.
const VERSION: u16 = 3;
/// Blocks of a snapshot; a chain with fewer since its genesis gives all of them.
const BLOCKS_MAX: usize = super::LOG_LENGTH_MIN;
/// Blocks whose message hashes are needed to refuse duplicates.
const RECENT_BLOCKS: usize = BLOCKHASHES_MAX;
/// The most bytes of a frame of several accounts.
const CHUNK_SIZE: usize = 4 << 20;
/// Transactions of a block in a snapshot; the limit is ours and far above any block's.
const TRANSACTIONS_MAX: usize = 1 << 21;

/// The progress of an export or an import.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Accounts written, or verified.
    pub accounts_done: u64,
    /// Accounts in all.
    pub account_count: u64,
}
