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
/// Where a proof has the number of signatures.
const COUNT_OFFSET: usize = 25;
/// Where it has the first of them.
const SIGNATURES_OFFSET: usize = 27;
/// Bytes of a signature and its member's place.
const SIGNATURE_SIZE: usize = 66;
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

/// What a certificate says of a block, without any account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CertifiedHeader {
    /// The id of the block.
    pub block_id: [u8; 32],
    /// What the members have signed, which commits to the signatures of its transactions, too.
    pub digest: [u8; 32],
    /// Its slot.
    pub slot: u64,
    /// Its time in seconds since 1970.
    pub unix_timestamp: i64,
    /// The root over all accounts after it.
    pub state_root: [u8; 32],
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
    let (header, part) = check_header(network, epoch, proof)?;
    Ok(Certified {
        block_id: header.block_id,
        digest: header.digest,
        slot: header.slot,
        unix_timestamp: header.unix_timestamp,
        account: account_at(&header.state_root, address, part)?,
    })
}

/// Checks the head of a proof, up to the hash of the body. Gives what the header says, and the part
/// behind it.
fn check_header<'p>(
    network: &Network,
    epoch: Option<u64>,
    proof: &'p [u8],
) -> Result<(CertifiedHeader, &'p [u8]), LightError> {
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
    let block = hash(&[BLOCK_TAG, &parent, &header, &body_hash]);
    certificate.verify(network, &block)?;
    let header = CertifiedHeader {
        block_id: hash(&[HEADER_TAG, &header]),
        digest: block,
        slot: number(&header, SLOT_OFFSET),
        unix_timestamp: number(&header, TIME_OFFSET).cast_signed(),
        state_root: state_root(&header)?,
    };
    Ok((header, reader.0))
}

/// Checks the part of a proof behind its head, against the state root of a [`CertifiedHeader`]:
/// the account at an address; `None` if there is none.
///
/// O(account size + log accounts).
///
/// # Errors
/// If the part does not prove that.
///
/// ```
/// use lockstep_light::{LightError, account_at};
/// // A state without accounts: the root is zeros, and no account is in it.
/// let part = [0, 1, 0, 0, 0];
/// assert_eq!(account_at(&[0; 32], &[7; 32], &part), Ok(None));
/// assert_eq!(account_at(&[1; 32], &[7; 32], &part), Err(LightError::State));
/// ```
pub fn account_at(
    state_root: &[u8; 32],
    address: &[u8; 32],
    part: &[u8],
) -> Result<Option<Account>, LightError> {
    let mut reader = Reader(part);
    let account = match reader.array()? {
        [0] => None,
        [1] => {
            let size = reader.u32()?;
            Some(reader.take(size as usize)?)
        }
        _ => return Err(LightError::Form("flag of the account")),
    };
    state::verify(state_root, address, account, reader.0)?;
    account.map(state::account).transpose()
}

/// Cuts a proof in two: the head, which [`Succession::header`] checks, and the part behind it,
/// which [`account_at`] does. Neither is checked here.
///
/// # Errors
/// If the proof ends before.
pub fn split(proof: &[u8]) -> Result<(&[u8], &[u8]), LightError> {
    let size = signature_count(proof)
        .checked_mul(SIGNATURE_SIZE)
        .and_then(|size| size.checked_add(SIGNATURES_OFFSET + 32 + HEADER_SIZE + 32));
    let size = size.ok_or(LightError::Size)?;
    proof.split_at_checked(size).ok_or(LightError::Size)
}

/// The number of signatures that a proof says it has; checking it takes time in proportion.
///
/// ```
/// let mut proof = [0; 27];
/// proof[25] = 3;
/// assert_eq!(lockstep_light::signature_count(&proof), 3);
/// ```
pub fn signature_count(proof: &[u8]) -> usize {
    let count = proof.get(COUNT_OFFSET..SIGNATURES_OFFSET);
    let count = count.and_then(|bytes| bytes.first_chunk());
    count.map_or(0, |bytes| usize::from(u16::from_le_bytes(*bytes)))
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
