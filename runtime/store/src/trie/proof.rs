//! Proofs that an account is in the state, or that it is not, and their bytes.
//!
//! ```text
//! version u8 = 1 | end u8 | end = 1: key path 32, value hash 32 | count u16 | count x sibling 32
//! ```
//! Integers are little-endian. A proof names the siblings on the way from the root to where the
//! address's path ends: at a leaf (end 1), or where nothing is (end 0). One ends at the leaf of
//! another address if that leaf is alone on the rest of the way. At most 8,260 bytes; about 21
//! siblings, 740 bytes, over a million accounts.
//!
//! The same as nomt-core's `PathProof`, whose verifier accepts them.

use lockstep_interface::{Address, Hash};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::hash::{
    Bytes, TERMINATOR, above, beside, bit, common_bits, fold, internal, leaf, parent,
};
use crate::Messages;

/// Siblings of the longest proof: one for each bit of a path.
pub const SIBLING_COUNT_MAX: usize = 256;
/// Bytes of the longest proof.
pub const PROOF_SIZE_MAX: usize = 1 + 1 + 64 + 2 + 32 * SIBLING_COUNT_MAX;
/// The version of the byte form.
const VERSION: u8 = 1;

/// The leaf at which a path ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProvenLeaf {
    /// SHA-256 of the leaf's address.
    pub key_path: [u8; 32],
    /// The hash of the leaf's account, [`account_hash`](crate::account_hash).
    pub value_hash: [u8; 32],
}

/// Where the path of an address ends in a state, and what it passes on the way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StateProof {
    /// The leaf at the end; `None` if nothing is there.
    pub leaf: Option<ProvenLeaf>,
    /// The nodes beside the path, from the root downwards; at most [`SIBLING_COUNT_MAX`].
    pub siblings: Vec<[u8; 32]>,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ProofError {
    /// A version that is not known here.
    #[error("the proof has version {0}, expected {VERSION}")]
    Version(u8),
    /// The end is neither a leaf nor nothing.
    #[error("the proof's path ends in a node of kind {0}, expected 0 or 1")]
    End(u8),
    /// More siblings than a path has bits.
    #[error("the proof has {0} siblings, expected at most {SIBLING_COUNT_MAX}")]
    SiblingCount(usize),
    /// Too few bytes, or too many.
    #[error("the proof has {found} bytes, expected {expected}")]
    Size {
        /// What the bytes so far call for.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// The path ends elsewhere than the address's can end.
    #[error("the proof is about another address")]
    OtherAddress,
    /// The account exists, with this hash.
    #[error("the account exists, with the hash {}", Address::new_from_array(*.0))]
    Exists([u8; 32]),
    /// The account does not exist.
    #[error("the account does not exist")]
    Missing,
    /// The account exists with another hash.
    #[error("the account has another hash, {}", Address::new_from_array(*.0))]
    OtherAccount([u8; 32]),
    /// The proof leads to another root.
    #[error("the proof belongs to another root, {}", Address::new_from_array(*.0))]
    OtherRoot([u8; 32]),
}

/// The path of an address: its SHA-256.
///
/// Hashed, because many addresses share long prefixes (sysvars and programs by their base58 names)
/// and clients may choose some; hashes part early, so that proofs are short and updates balanced.
pub fn key_path(address: &Address) -> [u8; 32] {
    Sha256::digest(address.as_array()).into()
}

/// The paths of many addresses, in their order.
pub fn key_paths<'a>(addresses: impl ExactSizeIterator<Item = &'a Address>) -> Vec<[u8; 32]> {
    let mut messages = Messages::with_capacity(addresses.len());
    addresses.for_each(|address| messages.push([address.as_array()]));
    messages.hashes()
}

/// Checks that in the state with this root the account at `address` has the hash `account`, or
/// does not exist if that is `None`.
///
/// O(siblings) hashes. Needs nothing but its arguments.
///
/// ```
/// use lockstep_interface::{Account, Address};
/// use lockstep_store::{Serial, Trie, account_hash, verify_proof};
///
/// let [rich, unknown] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
/// let trie = Trie::default().update(&[(rich, Account::wallet(5))], &Serial);
/// let hash = account_hash(&Account::wallet(5));
/// verify_proof(&trie.root(), &rich, Some(&hash), &trie.prove(&rich))?;
/// verify_proof(&trie.root(), &unknown, None, &trie.prove(&unknown))?;
/// # Ok::<(), lockstep_store::ProofError>(())
/// ```
///
/// # Errors
/// If the proof does not prove this.
pub fn verify_proof(
    root: &Hash,
    address: &Address,
    account: Option<&Hash>,
    proof: &StateProof,
) -> Result<(), ProofError> {
    let path = key_path(address);
    let depth = proof.siblings.len();
    if depth > SIBLING_COUNT_MAX {
        return Err(ProofError::SiblingCount(depth));
    }
    let end = proof.leaf.as_ref();
    if end.is_some_and(|end| common_bits(&end.key_path, &path) < depth) {
        return Err(ProofError::OtherAddress);
    }
    let found = end.filter(|end| end.key_path == path);
    match (found, account) {
        (Some(found), None) => return Err(ProofError::Exists(found.value_hash)),
        (None, Some(_)) => return Err(ProofError::Missing),
        (Some(found), Some(account)) if found.value_hash != account.to_bytes() => {
            return Err(ProofError::OtherAccount(found.value_hash));
        }
        _ => {}
    }
    let mut node = end.map_or(TERMINATOR, |end| leaf(&end.key_path, &end.value_hash));
    for (depth, sibling) in proof.siblings.iter().enumerate().rev() {
        node = above(&node, bit(&path, depth), sibling);
    }
    if node == root.to_bytes() {
        Ok(())
    } else {
        Err(ProofError::OtherRoot(node))
    }
}

/// Takes bytes from the front.
fn take<const N: usize>(bytes: &mut &[u8], total: usize) -> Result<[u8; N], ProofError> {
    let offset = total.saturating_sub(bytes.len());
    let (taken, rest) = bytes.split_first_chunk().ok_or(ProofError::Size {
        expected: offset.saturating_add(N),
        found: total,
    })?;
    *bytes = rest;
    Ok(*taken)
}

impl StateProof {
    /// What the proof says of an address below a depth: siblings from there on, and no leaf that
    /// stands beside.
    #[must_use]
    pub fn below(mut self, depth: usize, address: &Address) -> Self {
        self.siblings.drain(..depth.min(self.siblings.len()));
        let path = key_path(address);
        let leaf = self.leaf;
        self.leaf = leaf.filter(|leaf| common_bits(&leaf.key_path, &path) >= depth);
        self
    }

    /// The node at a depth on an address's path before and after its account gets another hash, or
    /// goes if that is `None`: what a proof [below](StateProof::below) that depth shows of both,
    /// for a verifier that knows the former. O(siblings) hashes.
    ///
    /// ```
    /// use lockstep_interface::{Account, Address, Hash};
    /// use lockstep_store::{Serial, Trie, account_hash};
    ///
    /// let [one, other] = [1, 2].map(|byte| Address::new_from_array([byte; 32]));
    /// let before = Trie::default().update(&[(one, Account::wallet(5))], &Serial);
    /// let after = before.update(&[(other, Account::wallet(6))], &Serial);
    /// let hash = account_hash(&Account::wallet(6));
    /// let nodes = before.prove(&other).replaced(&other, Some(&hash), 0)?;
    /// assert_eq!(nodes, [before.root(), after.root()]);
    /// # Ok::<(), lockstep_store::ProofError>(())
    /// ```
    ///
    /// # Errors
    /// If the proof is of no trie, or about another address.
    pub fn replaced(
        &self,
        address: &Address,
        account: Option<&Hash>,
        depth: usize,
    ) -> Result<[Hash; 2], ProofError> {
        let path = key_path(address);
        let length = depth.saturating_add(self.siblings.len());
        if length > SIBLING_COUNT_MAX {
            return Err(ProofError::SiblingCount(length));
        }
        let end = self.leaf.as_ref();
        let shared = end.map_or(length, |end| common_bits(&end.key_path, &path));
        if shared < length {
            return Err(ProofError::OtherAddress);
        }
        let old = end.map(|end| leaf(&end.key_path, &end.value_hash));
        let new = account.map(|account| leaf(&path, account.as_bytes()));
        let is_other = end.is_some_and(|end| end.key_path != path);
        let mut before = old.unwrap_or(TERMINATOR);
        let mut after = match (old.filter(|_| is_other), new) {
            (None, new) => new.unwrap_or(TERMINATOR),
            (Some(old), None) => old,
            // Both stand below the fork where their paths part.
            (Some(old), Some(new)) => {
                let fork = match bit(&path, shared) {
                    true => internal(&old, &new),
                    false => internal(&new, &old),
                };
                fold(fork, &path, shared, length)
            }
        };
        let places = depth..length;
        for (place, sibling) in places.zip(&self.siblings).rev() {
            let is_right = bit(&path, place);
            before = above(&before, is_right, sibling);
            let [left, right] = beside(after, is_right, *sibling);
            after = parent(&left, &right);
        }
        Ok([before, after].map(Hash::new_from_array))
    }

    /// The bytes of the proof.
    ///
    /// # Panics
    /// If there are more siblings than a path has bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = self.siblings.len();
        assert!(count <= SIBLING_COUNT_MAX, "a path has 256 bits");
        let mut bytes = vec![VERSION, u8::from(self.leaf.is_some())];
        if let Some(leaf) = &self.leaf {
            bytes.extend(leaf.key_path);
            bytes.extend(leaf.value_hash);
        }
        let count = u16::try_from(count).expect("at most 256");
        bytes.extend(count.to_le_bytes());
        bytes.extend(self.siblings.as_flattened());
        bytes
    }

    /// The proof of some bytes; each proof has one byte form.
    ///
    /// # Errors
    /// If the bytes are no proof. It may still prove nothing; [`verify_proof`] tells.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        let total = bytes.len();
        let mut rest = bytes;
        let [version] = take(&mut rest, total)?;
        if version != VERSION {
            return Err(ProofError::Version(version));
        }
        let leaf = match take(&mut rest, total)? {
            [0] => None,
            [1] => Some(ProvenLeaf {
                key_path: take(&mut rest, total)?,
                value_hash: take(&mut rest, total)?,
            }),
            [kind] => return Err(ProofError::End(kind)),
        };
        let count = usize::from(u16::from_le_bytes(take(&mut rest, total)?));
        if count > SIBLING_COUNT_MAX {
            return Err(ProofError::SiblingCount(count));
        }
        let (siblings, tail) = rest.as_chunks::<32>();
        if siblings.len() != count || !tail.is_empty() {
            let head = total.saturating_sub(rest.len());
            return Err(ProofError::Size {
                expected: head.saturating_add(count.saturating_mul(size_of::<Bytes>())),
                found: total,
            });
        }
        let siblings = siblings.to_vec();
        Ok(Self { leaf, siblings })
    }
}
