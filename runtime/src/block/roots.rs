//! From message hashes and receipts to the roots in a header, and to proofs for light clients.

use lockstep_interface::Hash;
use lockstep_store::Messages;
use sha2::{Digest, Sha256};

use super::{
    header::BlockHeader,
    receipt::{Receipt, append_receipt},
};
use crate::{
    limits::MERKLE_FANOUT,
    merkle::{self, Node},
    threads::Threads,
};

/// Children of a node of the trees of transactions and of receipts.
const WIDTH: usize = MERKLE_FANOUT;

/// The Merkle root over the transactions of a body: SHA-256 in a tree 16 wide, leaves in body
/// order.
///
/// ```text
/// leaf: SHA-256(0x04 | message hash 32)
/// node: SHA-256(0x03 | child 32 | child 32 | ..), of 1 to 16 children
/// ```
///
/// `message_hashes` are those of the signed messages
/// ([`SanitizedTransaction::message_hash`](crate::prepare::SanitizedTransaction)). Signatures
/// do not enter: they are witnesses that every verifier of a block checks for itself, and the
/// same messages under other valid signatures are the same transactions. No transaction gives 32
/// zero bytes; one alone has a node above it. O(transactions) hashes, spread over the threads.
pub fn transaction_root(message_hashes: &[Hash], threads: &Threads) -> Hash {
    merkle::root::<WIDTH, _>(message_hashes, threads, |hashes| {
        let mut messages = Messages::with_capacity(hashes.len());
        for hash in hashes {
            messages.push([&[merkle::TRANSACTION], hash.as_bytes()]);
        }
        messages.hashes()
    })
}

/// The Merkle root over the receipts of a body's transactions, in body order, in the tree of
/// [`transaction_root`].
///
/// A leaf is SHA-256 over 0x05 and the receipt as
/// [`receipts_hash`](super::receipts_hash) encodes it.
pub fn receipts_root(receipts: &[&Receipt], threads: &Threads) -> Hash {
    merkle::root::<WIDTH, _>(receipts, threads, |receipts| {
        let mut messages = Messages::with_capacity(receipts.len());
        let mut bytes = Vec::new();
        for receipt in receipts {
            bytes.clear();
            append_receipt(receipt, &mut bytes);
            messages.push([&[merkle::RECEIPT], &bytes]);
        }
        messages.hashes()
    })
}

/// That a transaction stands at some place of a block: what a light client needs besides the
/// header.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InclusionProof {
    /// The transaction's position in the body.
    pub index: u32,
    /// The hash beside the way to the root on each level that has one, from below.
    pub siblings: Vec<Hash>,
}

/// Proves that the transaction at `index` of a body is among those with these message hashes.
///
/// `None` if there is no such transaction. O(transactions) hashes on the caller's thread.
///
/// ```
/// use lockstep_runtime::block::{
///     BlockHeader, prove_inclusion, transaction_root, verify_inclusion,
/// };
/// use lockstep_runtime::threads::Threads;
/// # use lockstep_interface::Hash;
/// # let zero = Hash::default();
/// # let empty = BlockHeader {
/// #     parent_id: zero, slot: 7, unix_timestamp: -1, transaction_count: 0,
/// #     transaction_root: zero, receipts_root: zero, delta_root: zero,
/// #     state_root: None, plan_digest: zero,
/// # };
/// let hashes = [[1; 32], [2; 32], [3; 32]].map(Hash::new_from_array);
/// let threads = Threads::new(1)?;
/// let header = BlockHeader {
///     transaction_count: 3,
///     transaction_root: transaction_root(&hashes, &threads),
///     ..empty
/// };
/// let proof = prove_inclusion(&hashes, 2).expect("there are three");
/// assert!(verify_inclusion(&header, &hashes[2], &proof));
/// assert!(!verify_inclusion(&header, &hashes[1], &proof));
/// # Ok::<(), lockstep_runtime::threads::ThreadsError>(())
/// ```
pub fn prove_inclusion(message_hashes: &[Hash], index: u32) -> Option<InclusionProof> {
    let leaves = message_hashes.iter().map(transaction_leaf).collect();
    let siblings = merkle::siblings::<WIDTH>(leaves, index as usize)?;
    let siblings = siblings.into_iter().map(Hash::new_from_array).collect();
    Some(InclusionProof { index, siblings })
}

/// Whether a proof shows that the transaction with this message hash stands in the block of this
/// header. O(log transactions) hashes.
pub fn verify_inclusion(header: &BlockHeader, message_hash: &Hash, proof: &InclusionProof) -> bool {
    let leaf = transaction_leaf(message_hash);
    let siblings: Vec<Node> = proof.siblings.iter().map(Hash::to_bytes).collect();
    let (index, count) = (proof.index as usize, header.transaction_count as usize);
    merkle::climb::<WIDTH>(leaf, index, count, &siblings) == Some(header.transaction_root)
}

fn transaction_leaf(message_hash: &Hash) -> Node {
    let hasher = Sha256::new_with_prefix([merkle::TRANSACTION]);
    hasher.chain_update(message_hash).finalize().into()
}
