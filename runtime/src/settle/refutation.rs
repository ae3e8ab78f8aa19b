//! Refutations and their bytes.
//!
//! ```text
//! kind u8 | leaves | number u32 | accounts, as a store keeps them | proofs | earlier claim
//! leaf: position u32 | bytes | siblings
//! ```
//! This is Borsh; what a kind does not use is empty.

use lockstep_interface::{Account, Hash};
use lockstep_store::{StateProof, decode_account, encode_account};

use super::Claim;
use crate::merkle::{self, Node};

/// A leaf of a claimed tree, with its way to the root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opened {
    /// Which leaf, or which node.
    pub position: u32,
    /// Its bytes.
    pub leaf: Vec<u8>,
    /// The hash beside the way on each level that has one, from below.
    pub siblings: Vec<Node>,
}

/// Shows that one thing a claim says is wrong. Wherever a leaf is opened, one that cannot be read
/// is wrong by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refutation {
    /// A transaction, on the accounts that its step names, has another outcome, or none.
    Execution {
        /// The step.
        step: Opened,
        /// Its accounts before, in message order.
        accounts: Vec<Account>,
    },
    /// The block writes other sysvars.
    Opening {
        /// The opening.
        step: Opened,
    },
    /// An account is not as the parent has it.
    Origin {
        /// The step that says so.
        step: Opened,
        /// The account's place in its message.
        account: u32,
        /// What the parent has.
        proof: StateProof,
    },
    /// An account is not as the step left it that is said to have written it last.
    Source {
        /// The step that says so.
        step: Opened,
        /// The account's place in its message.
        account: u32,
        /// The other step; `None` if it does not come before.
        writer: Option<Opened>,
    },
    /// Another step has written an account since.
    Skipped {
        /// The step that passes it over.
        step: Opened,
        /// The account's place in its message.
        account: u32,
        /// The step that is passed over.
        writer: Opened,
    },
    /// A transaction is there twice.
    Replay {
        /// The later step.
        step: Opened,
        /// The earlier one.
        other: Opened,
        /// Its claim, if it is another: the caller is to know that it comes before.
        earlier: Option<Claim>,
    },
    /// The first node has other roots.
    Root {
        /// Node 1.
        top: Opened,
    },
    /// A node does not follow from those below.
    Fork {
        /// It.
        node: Opened,
        /// The left one below.
        left: Opened,
        /// The right one.
        right: Opened,
    },
    /// A bucket's node does not follow from its items.
    Bucket {
        /// It.
        bucket: Opened,
        /// For each item, where its path ends after the items before.
        proofs: Vec<StateProof>,
    },
    /// An item is not what was written last.
    Item {
        /// The bucket.
        bucket: Opened,
        /// The item's place.
        item: u32,
        /// A step that says otherwise; `None` if the writer is no leaf.
        writer: Option<Opened>,
    },
    /// An account was written, and is no item.
    Missing {
        /// Its bucket.
        bucket: Opened,
        /// The account's place in the step's message, or in the opening.
        account: u32,
        /// The step that wrote it.
        writer: Opened,
    },
}

impl Opened {
    /// Opens the leaf at a place among all.
    pub(super) fn new(position: u32, leaf: Vec<u8>, all: Vec<Node>, place: usize) -> Option<Self> {
        let siblings = merkle::siblings::<2>(all, place)?;
        Some(Self {
            position,
            leaf,
            siblings,
        })
    }

    /// Whether a leaf with this hash stands at a place among `count` under a root.
    pub(super) fn leads_to(&self, hash: Node, place: usize, count: usize, root: &Hash) -> bool {
        merkle::climb::<2>(hash, place, count, &self.siblings).as_ref() == Some(root)
    }
}

type Leaf = (u32, Vec<u8>, Vec<Node>);
type Parts = (u8, Vec<Leaf>, u32, Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<u8>);

impl Refutation {
    /// Its name, as documents have it.
    pub fn name(&self) -> &'static str {
        const NAMES: [&str; 11] = [
            "execution",
            "opening",
            "origin",
            "source",
            "skipped",
            "replay",
            "root",
            "fork",
            "bucket",
            "item",
            "missing",
        ];
        NAMES[usize::from(self.parts().0)]
    }

    /// The bytes; one refutation has one encoding.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, opened, number, accounts, proofs, earlier) = self.parts();
        let leaves = opened.into_iter().map(|opened| {
            (
                opened.position,
                opened.leaf.clone(),
                opened.siblings.clone(),
            )
        });
        let accounts = accounts.iter().map(|account| match account.exists() {
            true => encode_account(account),
            false => Vec::new(),
        });
        let parts: Parts = (
            kind,
            leaves.collect(),
            number,
            accounts.collect(),
            proofs.iter().map(StateProof::to_bytes).collect(),
            earlier.map_or_else(Vec::new, |claim| claim.encode().to_vec()),
        );
        borsh::to_vec(&parts).expect("a vector takes any bytes")
    }

    /// All that it is made of.
    #[expect(
        clippy::type_complexity,
        reason = "the parts of one record, used here alone"
    )]
    fn parts(
        &self,
    ) -> (
        u8,
        Vec<&Opened>,
        u32,
        &[Account],
        &[StateProof],
        Option<&Claim>,
    ) {
        let one = std::slice::from_ref;
        match self {
            Self::Execution { step, accounts } => (0, vec![step], 0, accounts, &[], None),
            Self::Opening { step } => (1, vec![step], 0, &[], &[], None),
            Self::Origin {
                step,
                account,
                proof,
            } => (2, vec![step], *account, &[], one(proof), None),
            Self::Source {
                step,
                account,
                writer,
            } => (
                3,
                [step].into_iter().chain(writer).collect(),
                *account,
                &[],
                &[],
                None,
            ),
            Self::Skipped {
                step,
                account,
                writer,
            } => (4, vec![step, writer], *account, &[], &[], None),
            Self::Replay {
                step,
                other,
                earlier,
            } => (5, vec![step, other], 0, &[], &[], earlier.as_ref()),
            Self::Root { top } => (6, vec![top], 0, &[], &[], None),
            Self::Fork { node, left, right } => (7, vec![node, left, right], 0, &[], &[], None),
            Self::Bucket { bucket, proofs } => (8, vec![bucket], 0, &[], proofs, None),
            Self::Item {
                bucket,
                item,
                writer,
            } => (
                9,
                [bucket].into_iter().chain(writer).collect(),
                *item,
                &[],
                &[],
                None,
            ),
            Self::Missing {
                bucket,
                account,
                writer,
            } => (10, vec![bucket, writer], *account, &[], &[], None),
        }
    }

    /// The refutation of these bytes; `None` if they are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, leaves, number, accounts, proofs, earlier): Parts =
            borsh::from_slice(bytes).ok()?;
        let mut leaves = leaves.into_iter().map(|(position, leaf, siblings)| Opened {
            position,
            leaf,
            siblings,
        });
        let mut next = || leaves.next();
        let accounts = accounts.iter().map(|bytes| match bytes.is_empty() {
            true => Some(Account::default()),
            false => decode_account(bytes).ok().filter(Account::exists),
        });
        let accounts = accounts.collect::<Option<Vec<_>>>()?;
        let proofs = proofs
            .iter()
            .map(|bytes| StateProof::from_bytes(bytes).ok());
        let mut proofs = proofs.collect::<Option<Vec<_>>>()?;
        let earlier = match earlier.is_empty() {
            true => None,
            false => Some(Claim::decode(&earlier).ok()?),
        };
        let (account, item) = (number, number);
        let read = match kind {
            0 => Self::Execution {
                step: next()?,
                accounts,
            },
            1 => Self::Opening { step: next()? },
            2 => Self::Origin {
                step: next()?,
                account,
                proof: proofs.pop()?,
            },
            3 => Self::Source {
                step: next()?,
                account,
                writer: next(),
            },
            4 => Self::Skipped {
                step: next()?,
                account,
                writer: next()?,
            },
            5 => Self::Replay {
                step: next()?,
                other: next()?,
                earlier,
            },
            6 => Self::Root { top: next()? },
            7 => Self::Fork {
                node: next()?,
                left: next()?,
                right: next()?,
            },
            8 => Self::Bucket {
                bucket: next()?,
                proofs,
            },
            9 => Self::Item {
                bucket: next()?,
                item,
                writer: next(),
            },
            10 => Self::Missing {
                bucket: next()?,
                account,
                writer: next()?,
            },
            _ => return None,
        };
        // Whatever a kind does not use would not come back.
        (read.encode() == bytes).then_some(read)
    }
}
