//! The keys of a block, and of an account.

use std::collections::{BTreeSet, HashSet};

use ahash::RandomState;
use lockstep_interface::{Account, Address, address::program_ids};
use lockstep_programs::token::{TokenAccount, TokenState as _};
use lockstep_store::{Store, StoreError};

use super::{
    key_of,
    spaces::{Space, Write},
    spot_key,
};
use crate::content::{Content, account_keys, signature_of};

/// Accounts of which it is remembered that their keys are there.
const REMEMBERED_MAX: usize = 1 << 16;

/// Keys of accounts that were written lately, and need not be written again; for look-up only.
#[derive(Debug, Default)]
pub(super) struct Indexed(HashSet<(u8, Vec<u8>), RandomState>);

/// The keys of a block, which takes this number of bytes in the log, and its transactions.
pub(super) fn block_writes(content: &Content, size: u64) -> Vec<Write> {
    let header = &content.header;
    let value = [
        content.height.to_le_bytes(),
        header.unix_timestamp.to_le_bytes(),
        size.to_le_bytes(),
    ];
    let mut writes = vec![(
        Space::Slots,
        key_of(header.slot).to_vec(),
        Some(value.concat()),
    )];
    for_each_key(content, &mut |space, key, place| {
        let value = match space {
            Space::Signatures => [&header.slot.to_le_bytes()[..], &place.to_le_bytes()].concat(),
            _ => Vec::new(),
        };
        writes.push((space, key, Some(value)));
    });
    writes
}

/// The removal of the same keys, but the slot's.
pub(super) fn forget_writes(content: &Content) -> Vec<Write> {
    let mut writes = Vec::new();
    for_each_key(content, &mut |space, key, _| {
        writes.push((space, key, None))
    });
    writes
}

fn for_each_key(content: &Content, add: &mut dyn FnMut(Space, Vec<u8>, u32)) {
    let slot = content.slot();
    for ((view, meta), place) in content.iter().zip(0u32..) {
        add(Space::Signatures, signature_of(&view).to_vec(), place);
        let addresses: BTreeSet<Address> = account_keys(&view, meta).into_iter().collect();
        for address in addresses {
            add(Space::Addresses, spot_key(&address, slot, place), place);
        }
    }
}

/// The keys of the accounts that a block may have written, as they are now.
pub(super) fn account_writes(
    content: &Content,
    store: &dyn Store,
    indexed: &mut Indexed,
) -> Result<Vec<Write>, StoreError> {
    let mut addresses = BTreeSet::new();
    for (view, meta) in content.iter() {
        let keys = view.static_keys().iter().enumerate();
        let written = keys.filter(|(place, _)| view.is_writable_static(*place));
        let written = written.map(|(_, key)| key).chain(&meta.loaded_writable);
        addresses.extend(written.copied().map(Address::new_from_array));
    }
    let addresses: Vec<Address> = addresses.into_iter().collect();
    let mut accounts = vec![Account::default(); addresses.len()];
    store.load(&addresses, &mut accounts)?;
    if indexed.0.len() > REMEMBERED_MAX {
        indexed.0.clear();
    }
    let mut writes: Vec<Write> = Vec::new();
    for (address, account) in addresses.iter().zip(&accounts) {
        let keys = keys_of(address, account);
        writes.extend(keys.filter(|(space, key, _)| indexed.0.insert((*space as u8, key.clone()))));
    }
    Ok(writes)
}

/// The keys under which an account is found; none for a wallet.
pub(super) fn keys_of(address: &Address, account: &Account) -> impl Iterator<Item = Write> {
    let mut keys = Vec::new();
    let mut add = |space: Space, of: &Address| {
        let key = [of.to_bytes(), address.to_bytes()].concat();
        keys.push((space, key, Some(Vec::new())));
    };
    if account.exists() && account.owner != program_ids::SYSTEM {
        add(Space::Programs, &account.owner);
        if account.owner == program_ids::TOKEN
            && let Ok(token) = TokenAccount::read(&account.data)
        {
            add(Space::Owners, &token.owner);
            add(Space::Mints, &token.mint);
            if let Some(delegate) = token.delegate.get() {
                add(Space::Delegates, delegate);
            }
        }
    }
    keys.into_iter()
}
