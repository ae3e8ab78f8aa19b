//! The delta root: a SHA-256 Merkle tree over the accounts that a block changed.
//!
//! Leaves stand in the order of their addresses; a node is the hash of up to 16 children, and a
//! level with one node is the root. No change at all gives 32 zero bytes. The tree is that of
//! `merkle`, which transactions and receipts have too.
//!
//! ```text
//! leaf, a wallet:        0x00 | address 32 | lamports u64
//! leaf, other account:   0x01 | address 32 | lamports u64 | owner 32 | executable u8 | data
//! leaf, account is gone: 0x02 | address 32
//! node:                  0x03 | child 32 | child 32 | ..
//! ```
//! Integers are little-endian. The first byte keeps the kinds apart. A wallet is owned by the
//! System program, holds no data and is not executable; its leaf fits one block of SHA-256, which
//! nearly halves the work of a block of transfers.

use lockstep_interface::{Account, Address, Hash};
use lockstep_store::{Change, HASHED_ALONE_SIZE, Messages};
use sha2::{Digest, Sha256};

use crate::{limits::MERKLE_FANOUT, merkle, threads::Threads};

/// Bytes of an account that its hash covers before the data.
const HEAD_SIZE: usize = 74;

/// The root over changes in strictly ascending order of their addresses.
///
/// O(changes) hashes, spread over the threads; the result does not depend on them.
pub fn delta_root(changes: &[Change], threads: &Threads) -> Hash {
    merkle::root::<MERKLE_FANOUT, _>(changes, threads, |changes| {
        let mut messages = Messages::with_capacity(changes.len());
        let mut head = Vec::with_capacity(HEAD_SIZE);
        for (address, account) in changes.iter().filter(|change| !is_hashed_alone(change)) {
            head.clear();
            append_head(address, account, &mut head);
            messages.push([&head, &account.data]);
        }
        let mut hashes = messages.hashes().into_iter();
        let leaves = changes.iter().map(|change| match change {
            (address, account) if is_hashed_alone(change) => leaf(address, account),
            _ => hashes.next().expect("one for each message"),
        });
        leaves.collect()
    })
}

fn is_hashed_alone((_, account): &Change) -> bool {
    account.data.len() >= HASHED_ALONE_SIZE
}

/// The hash of an account after the block.
pub fn leaf(address: &Address, account: &Account) -> [u8; 32] {
    let mut head = Vec::with_capacity(HEAD_SIZE);
    append_head(address, account, &mut head);
    let hasher = Sha256::new().chain_update(&head);
    hasher.chain_update(&*account.data).finalize().into()
}

/// Appends what the hash of an account covers before the data, of which one that is gone and a
/// wallet have none.
fn append_head(address: &Address, account: &Account, head: &mut Vec<u8>) {
    let kind = match account {
        account if !account.exists() => 2,
        account if *account == Account::wallet(account.lamports) => 0,
        _ => 1,
    };
    head.push(kind);
    head.extend(address.as_array());
    if kind < 2 {
        head.extend(account.lamports.to_le_bytes());
    }
    if kind == 1 {
        head.extend(account.owner.as_array());
        head.push(u8::from(account.executable));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(count: usize) -> Vec<Change> {
        let change = |index: usize| {
            let [low, high, ..] = index.to_le_bytes();
            let mut key = [0; 32];
            (key[0], key[1]) = (high, low);
            // Wallets, accounts with data, and accounts that ceased to exist.
            let account = Account {
                lamports: u64::from(low % 5),
                data: vec![low; usize::from(low)].into(),
                ..Account::default()
            };
            (Address::new_from_array(key), account)
        };
        (0..count).map(change).collect()
    }

    fn node(children: &[[u8; 32]]) -> [u8; 32] {
        let node = Sha256::new().chain_update([3]);
        node.chain_update(children.as_flattened()).finalize().into()
    }

    /// The definition in the module's documentation, level by level.
    fn plain_root(changes: &[Change]) -> Hash {
        let mut level: Vec<[u8; 32]> = changes
            .iter()
            .map(|(key, account)| leaf(key, account))
            .collect();
        if level.len() == 1 {
            level = vec![node(&level)];
        }
        while level.len() > 1 {
            level = level.chunks(16).map(node).collect();
        }
        Hash::new_from_array(level.first().copied().unwrap_or_default())
    }

    #[test]
    fn equals_the_plain_tree_on_any_number_of_threads() {
        for count in [0, 1, 2, 15, 16, 17, 255, 256, 257, 4_096, 5_000] {
            let changes = changes(count);
            for threads in [1, 2, 5] {
                let threads = Threads::new(threads).unwrap();
                assert_eq!(
                    delta_root(&changes, &threads),
                    plain_root(&changes),
                    "{count}"
                );
            }
        }
    }

    #[test]
    fn every_field_counts() {
        let base = Account {
            lamports: 1,
            ..Account::default()
        };
        let address = Address::new_from_array([1; 32]);
        let variants = [
            Account {
                lamports: 2,
                ..base.clone()
            },
            Account {
                data: vec![0].into(),
                ..base.clone()
            },
            Account {
                owner: address,
                ..base.clone()
            },
            Account {
                executable: true,
                ..base.clone()
            },
            Account {
                lamports: 0,
                ..base.clone()
            },
        ];
        for variant in variants {
            assert_ne!(leaf(&address, &variant), leaf(&address, &base));
        }
    }
}
