//! A transaction or bundle that waits, with all that ordering and limits need to know of it.

use std::mem::size_of;

use lockstep_interface::{Address, Hash};
use smallvec::SmallVec;

use super::{
    Priority,
    crowds::ACCOUNT_SIZE,
    index::{INDEX_SIZE, MESSAGE_SIZE, NONCE_SIZE},
    signers::SIGNER_SIZE,
};
use crate::{block::BlockLimits, prepare::Demand, verify::ParsedBlock, wire::Frame};

/// A transaction of a candidate.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) bytes: Box<[u8]>,
    pub(super) frame: Frame,
    pub(super) message_hash: Hash,
}

/// A fee that can be held against its payer's balance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Payment {
    /// The payer.
    pub payer: Address,
    /// Lamports.
    pub fee: u64,
    /// Lamports that the payer could pay in fees, and keep what rent asks for, when the candidate
    /// was read.
    pub funds: u64,
}

/// A durable nonce that a candidate uses up.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Nonce {
    /// The nonce account.
    pub account: Address,
    /// The nonce.
    pub value: Hash,
}

/// A transaction, or a bundle of them, that a block may include, as far as can be told without
/// running it.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub(super) members: SmallVec<[Member; 1]>,
    pub(super) blockhashes: SmallVec<[Hash; 1]>,
    pub(super) nonces: Box<[Nonce]>,
    pub(super) payer: Address,
    pub(super) payments: SmallVec<[Payment; 1]>,
    pub(super) cosigners: Box<[Address]>,
    pub(super) written: Box<[Address]>,
    pub(super) fee: u64,
    pub(super) compute_units: u64,
    pub(super) allocated_size: u64,
}

impl Candidate {
    /// The transactions as they came, more than one if they are a bundle.
    pub fn transactions(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.members.iter().map(|member| &*member.bytes)
    }

    /// Appends the transactions to a block, as they were parsed when they came.
    pub(crate) fn push_to(&self, block: &mut ParsedBlock) {
        for member in &self.members {
            block.push(&member.bytes, member.frame, member.message_hash);
        }
        if self.members.len() > 1 {
            block.bundle_last(self.members.len());
        }
    }

    /// SHA-256 of each signed message, in the order of the transactions.
    pub fn message_hashes(&self) -> impl ExactSizeIterator<Item = &Hash> {
        self.members.iter().map(|member| &member.message_hash)
    }

    /// Bytes of all transactions.
    pub fn size(&self) -> usize {
        let sizes = self.transactions().map(<[u8]>::len);
        sizes.fold(0, usize::saturating_add)
    }

    /// The blockhashes that date it, each once; none if durable nonces do.
    pub fn blockhashes(&self) -> &[Hash] {
        &self.blockhashes
    }

    /// The durable nonces that date it.
    pub fn nonces(&self) -> &[Nonce] {
        &self.nonces
    }

    /// The payer; of a bundle, that of its first transaction.
    pub fn payer(&self) -> &Address {
        &self.payer
    }

    /// Its fees that can be held against a balance, one for each payer. A fee is left out if an
    /// earlier transaction of the same bundle writes the payer, and so may fund it.
    pub fn payments(&self) -> &[Payment] {
        &self.payments
    }

    /// The accounts that it writes and that sign it, besides the [`payer`](Self::payer): with
    /// them, those that it may take lamports from.
    pub fn cosigners(&self) -> &[Address] {
        &self.cosigners
    }

    /// The accounts that it may take lamports from: the payer and the cosigners, each once.
    pub(super) fn signers(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.payer).chain(&self.cosigners)
    }

    /// The accounts that it may write, each once, the payer first.
    pub fn written(&self) -> &[Address] {
        &self.written
    }

    /// Lamports that it pays.
    pub fn fee(&self) -> u64 {
        self.fee
    }

    /// Compute units that it takes of a block, by [`Cost`](crate::rules::Cost).
    pub fn compute_units(&self) -> u64 {
        self.compute_units
    }

    /// What it asks of a block: of all limits on blocks, those that a pool counts.
    pub fn demand(&self) -> Demand<'_, Address> {
        let count = u32::try_from(self.members.len());
        Demand {
            transaction_count: count.expect("a bundle is small"),
            compute_units: self.compute_units,
            allocated_size: self.allocated_size,
            size: self.size(),
            writes: &self.written,
        }
    }

    /// Fee for room, in blocks with these limits.
    pub fn priority(&self, limits: &BlockLimits) -> Priority {
        Priority::of(self.fee, limits.share(&self.demand()))
    }

    /// Bytes of memory that it takes in a pool, the pool's indexes included.
    pub fn memory(&self) -> usize {
        let parts = [
            (self.members.len(), size_of::<Member>(), MESSAGE_SIZE),
            (self.written.len(), size_of::<Address>(), ACCOUNT_SIZE),
            (self.payments.len(), size_of::<Payment>(), 0),
            (self.nonces.len(), size_of::<Nonce>(), NONCE_SIZE),
            (1, 0, SIGNER_SIZE),
            (self.cosigners.len(), size_of::<Address>(), SIGNER_SIZE),
        ];
        let fixed = size_of::<Self>().saturating_add(INDEX_SIZE);
        let parts =
            parts.map(|(count, own, index)| count.saturating_mul(own.saturating_add(index)));
        let sum = parts.into_iter().fold(fixed, usize::saturating_add);
        sum.saturating_add(self.size())
    }
}
