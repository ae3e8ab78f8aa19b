//! Bytes into a [`TransactionView`] and back: the wire formats of Solana, byte for byte.
//!
//! ```text
//! legacy, v0            v1 (SIMD-0385)
//! +-----------------+   +----------------------+ <- signed bytes start
//! | count  (compact)|   | 0x81                 |
//! | signatures  64n |   | header            3  |    header: required signatures,
//! +-----------------+ < | config mask   u32 le |            read-only signers,
//! | 0x80    (v0)    |   | blockhash        32  |            read-only non-signers
//! | header       3  |   | instruction count 1  |
//! | key count (c.)  |   | key count         1  |    compact: compact-u16, 7 bits a byte,
//! | keys        32n |   | keys            32n  |             shortest form only
//! | blockhash   32  |   | config values        |
//! | count     (c.)  |   | headers          4n  |    instruction: program index,
//! | instructions    |   | payloads             |                 accounts, data
//! | count (c.) (v0) |   +----------------------+ <- signed bytes end
//! | lookups    (v0) |   | signatures      64n  |
//! +-----------------+   | of other schemes ... |    [`scheme`]
//!                       +----------------------+
//! ```
//!
//! [`TransactionView::parse`] accepts what `solana-transaction` deserialises and sanitises, with
//! two rules of the network on top that stand before that crate in Solana as well: nothing may
//! follow the transaction but what its signers add, and it must fit its [size limit](limits). Of a
//! view, every index that an instruction uses is in range.
//!
//! What a bank decides is not known here: how many accounts may be locked and how many
//! instructions run, whether keys repeat, what a v1 configuration's values may be.
#![forbid(unsafe_code)]

mod block;
mod build;
mod compile;
mod config;
mod cursor;
mod error;
pub mod limits;
mod parse;
pub mod scheme;
#[cfg(feature = "sign")]
mod sign;
mod view;
#[cfg(any(feature = "falcon-sign", feature = "ml-dsa"))]
mod wallet;

#[cfg(feature = "sign")]
pub use ed25519_zebra::{SigningKey, VerificationKeyBytes};

pub use block::{BundleError, BundleRange, WireBlock};
pub use build::{CompiledInstruction, Header, Message, MessageError, TableLookup};
pub use compile::{LookupTable, MessageBuilder};
pub use config::TransactionConfig;
pub use error::ParseError;
pub use scheme::{SchemeSignature, Signed};
pub(crate) use view::Frame;
pub use view::{InstructionView, Instructions, LookupView, Lookups, TransactionView, Version};
#[cfg(any(feature = "falcon-sign", feature = "ml-dsa"))]
pub use wallet::SchemeKey;
