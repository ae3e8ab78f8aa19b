//! The state of a final block, from the members that have it to one that has lost its disk.
//!
//! ```text
//! joining member                       peers
//! tip?                      ------->
//!                           <-------   heights of their newest final blocks
//! a snapshot at tip + 8?    ------->   each notes it, and makes one at the next multiple of 32
//!                           <-------   offers: certificate, header, hash of every chunk
//! chunks, of all peers at   ------->
//! once                      <-------   bytes, checked against their hash on arrival
//! import: state root = the header's
//! ```
//! Members are trusted for nothing: the certificate says which header is final, and the import
//! compares all accounts with the header's state root. That more members than can lie offer the
//! same hashes only saves work: of such a snapshot every chunk is checked by itself, and one that
//! is wrong costs its sender the connection and the joining member one chunk.
//!
//! The snapshot is of a block later than the tip that the peers tell at first. So the views in
//! which the member may have voted before it lost its disk are over when it takes part again, and
//! it never votes twice in one.

pub mod offer;

mod message;

pub mod partial;

pub mod shelf;

mod make;

mod serve;

pub mod join;

pub(crate) use make::Maker;
pub(crate) use serve::serve;
