//! Checks a certified proof: that the members of a network have made a block final, and that an
//! account is in the state after it, or is not. Needs the members and the id of the genesis block,
//! and neither a store nor a thread nor the network.
//!
//! ```text
//! members, genesis id --> signatures --> digest of the block --> header --> state root --> account
//! ```
//! One account and four members are checked in well under a millisecond. Every bit of a proof is
//! needed: one that is changed anywhere is refused.
//!
//! The layout of a proof; integers are little-endian:
//!
//! ```text
//! version u8 = 1 | epoch u64 | view u64 | view of the parent u64
//! signature count u16 | (place among the members u16 | signature 64) for each, places ascending
//! digest of the parent 32 | header 214 | SHA-256 of the body 32
//! 0 u8, or 1 u8 | account size u32 | account
//! proof of the account in the state
//! ```
//! Account and proof are in the forms in which the ledger has them.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod certificate;
mod members;
mod read;
mod state;

use alloc::vec::Vec;

use sha2::{Digest, Sha256};
use thiserror::Error;

pub use crate::members::{ListedMember, MEMBERS, STAKING_PROGRAM, Succession, listed};
use crate::{certificate::Certificate, read::Reader};

/// The version of proofs.
const VERSION: u8 = 1;
/// Bytes of a header.
const HEADER_SIZE: usize = 214;
/// Where a header has the slot.
const SLOT_OFFSET: usize = 33;
/// Where it has the time.
const TIME_OFFSET: usize = 41;
/// Where it has the flag in front of the state root.
const ROOT_OFFSET: usize = 149;
/// What is hashed before a header.
const HEADER_TAG: &[u8] = b"lockstep block header";
/// What is hashed before a block.
const BLOCK_TAG: &[u8] = b"lockstep validator block";

/// What is trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Network {
    /// The id of the genesis block.
    pub genesis: [u8; 32],
    /// The members' keys in ascending order.
    pub members: Vec<[u8; 32]>,
}

/// What is proved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certified {
    /// The id of the block after which this holds.
    pub block_id: [u8; 32],
    /// What the members have signed, which commits to the signatures of its transactions, too.
    pub digest: [u8; 32],
    /// Its slot.
    pub slot: u64,
    /// Its time in seconds since 1970.
    pub unix_timestamp: i64,
    /// The account; `None` if there is none.
    pub account: Option<Account>,
}

/// An account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// Its lamports.
    pub lamports: u64,
    /// The program that owns it.
    pub owner: [u8; 32],
    /// Whether it is a program.
    pub executable: bool,
    /// Its data.
    pub data: Vec<u8>,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LightError {
    /// The bytes end early, or go on.
    #[error("the proof is cut off, or has bytes behind its end")]
    Size,
    /// A version that is not known here.
    #[error("the proof has version {0}, expected {VERSION}")]
    Version(u8),
    /// A part has no such form.
    #[error("the proof's {0} is not of the form that it must have")]
    Form(&'static str),
    /// Too few members have signed.
    #[error("{found} members have signed, expected at least {expected}")]
    Quorum {
        /// The quorum.
        expected: usize,
        /// Those in the proof.
        found: usize,
    },
    /// A signature is wrong, or that of another block, network or set of members.
    #[error("the signature of member {0} is wrong")]
    Signature(usize),
    /// The members of another epoch have signed.
    #[error("the block is of epoch {found}, expected one of epoch {expected}")]
    Epoch {
        /// The epoch whose members are known.
        expected: u64,
        /// That of the signatures.
        found: u64,
    },
    /// The block is not the last of its epoch.
    #[error("the block has slot {found}, expected {expected}, the last one of the epoch")]
    Slot {
        /// The last slot.
        expected: u64,
        /// That of the block.
        found: u64,
    },
    /// The header commits to no state.
    #[error("the block has no state root")]
    NoStateRoot,
    /// The account is not in the state, or in another form, or it is one of another address.
    #[error("the account does not follow from the block's state root")]
    State,
}

/// Checks a proof about an address, of a network whose members stay the same. One whose members
/// change with epochs is followed by a [`Succession`].
///
/// O(members + account size + log accounts).
///
/// # Errors
/// If the proof does not prove that the network has certified this.
pub fn verify(
    network: &Network,
    address: &[u8; 32],
    proof: &[u8],
) -> Result<Certified, LightError> {
    check(network, None, address, proof)
}

/// The same, of a block of one epoch if that is given.
fn check(
    network: &Network,
    epoch: Option<u64>,
    address: &[u8; 32],
    proof: &[u8],
) -> Result<Certified, LightError> {
    let mut reader = Reader(proof);
    let [version] = reader.array()?;
    if version != VERSION {
        return Err(LightError::Version(version));
    }
    let certificate = Certificate::read(&mut reader)?;
    let found = certificate.epoch;
    if let Some(expected) = epoch.filter(|expected| *expected != found) {
        return Err(LightError::Epoch { expected, found });
    }
    let parent: [u8; 32] = reader.array()?;
    let header: [u8; HEADER_SIZE] = reader.array()?;
    let body_hash: [u8; 32] = reader.array()?;
    let account = match reader.array()? {
        [0] => None,
        [1] => {
            let size = reader.u32()?;
            Some(reader.take(size as usize)?)
        }
        _ => return Err(LightError::Form("flag of the account")),
    };
    let block = hash(&[BLOCK_TAG, &parent, &header, &body_hash]);
    certificate.verify(network, &block)?;
    let root = state_root(&header)?;
    state::verify(&root, address, account, reader.0)?;
    Ok(Certified {
        block_id: hash(&[HEADER_TAG, &header]),
        digest: block,
        slot: number(&header, SLOT_OFFSET),
        unix_timestamp: number(&header, TIME_OFFSET).cast_signed(),
        account: account.map(state::account).transpose()?,
    })
}

/// The state root that a header states.
fn state_root(header: &[u8; HEADER_SIZE]) -> Result<[u8; 32], LightError> {
    let stated = header.get(ROOT_OFFSET..).unwrap_or_default();
    match stated.split_first() {
        Some((1, rest)) => rest.first_chunk().copied().ok_or(LightError::Size),
        _ => Err(LightError::NoStateRoot),
    }
}

/// A number of a header.
fn number(header: &[u8; HEADER_SIZE], offset: usize) -> u64 {
    let bytes = header.get(offset..).and_then(|rest| rest.first_chunk());
    bytes.copied().map_or(0, u64::from_le_bytes)
}

/// SHA-256 of parts.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let hasher = parts
        .iter()
        .fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
    hasher.finalize().into()
}
