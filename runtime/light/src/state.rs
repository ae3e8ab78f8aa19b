//! The way from a state root to an account.
//!
//! ```text
//! proof   version u8 = 1 | end u8 | end = 1: key path 32, value hash 32 | count u16 | siblings
//! leaf    SHA-256(key path | value hash), its first bit 1
//! inner   SHA-256(left | right), its first bit 0
//! ```

use alloc::vec::Vec;

use crate::{Account, LightError, hash, read::Reader};

/// Siblings of the longest proof: one for each bit of a path.
const SIBLING_COUNT_MAX: usize = 256;
/// The version of proofs in a state.
const VERSION: u8 = 1;

/// Fails unless the account at an address has these bytes in the state of this root, or does not
/// exist.
pub(crate) fn verify(
    root: &[u8; 32],
    address: &[u8; 32],
    account: Option<&[u8]>,
    proof: &[u8],
) -> Result<(), LightError> {
    let path = hash(&[address]);
    let mut reader = Reader(proof);
    if reader.array()? != [VERSION] {
        return Err(LightError::Form("version of the state's proof"));
    }
    let leaf: Option<([u8; 32], [u8; 32])> = match reader.array()? {
        [0] => None,
        [1] => Some((reader.array()?, reader.array()?)),
        _ => return Err(LightError::Form("end of the path")),
    };
    let count = usize::from(reader.u16()?);
    let (siblings, []) = reader.0.as_chunks::<32>() else {
        return Err(LightError::Size);
    };
    if siblings.len() != count || count > SIBLING_COUNT_MAX {
        return Err(LightError::Size);
    }
    // A leaf of another address proves that there is none here only if it lies on the path.
    let is_on_path = leaf.is_none_or(|(other, _)| shares(&other, &path, count));
    let own = leaf.filter(|(other, _)| *other == path);
    let stated = own.map(|(_, value)| value);
    if !is_on_path || stated != account.map(|account| hash(&[account])) {
        return Err(LightError::State);
    }
    let mut node = leaf.map_or([0; 32], |(path, value)| {
        with_first_bit(hash(&[&path, &value]), true)
    });
    for (depth, sibling) in siblings.iter().enumerate().rev() {
        let inner = match bit(&path, depth) {
            true => hash(&[sibling, &node]),
            false => hash(&[&node, sibling]),
        };
        node = with_first_bit(inner, false);
    }
    match node == *root {
        true => Ok(()),
        false => Err(LightError::State),
    }
}

/// The account of its bytes: lamports u64, owner 32, executable u8, data size u32, data.
pub(crate) fn account(bytes: &[u8]) -> Result<Account, LightError> {
    let mut reader = Reader(bytes);
    let lamports = reader.u64()?;
    let owner = reader.array()?;
    let [flag] = reader.array()?;
    let size = reader.u32()? as usize;
    if flag > 1 || reader.0.len() != size {
        return Err(LightError::Form("account"));
    }
    Ok(Account {
        lamports,
        owner,
        executable: flag == 1,
        data: Vec::from(reader.0),
    })
}

fn with_first_bit(mut node: [u8; 32], set: bool) -> [u8; 32] {
    node[0] = (node[0] & 0x7f) | (u8::from(set) << 7);
    node
}

/// The bit of a path at a depth, the first bit being the highest of the first byte.
fn bit(path: &[u8; 32], depth: usize) -> bool {
    let byte = path.get(depth >> 3).copied().unwrap_or_default();
    byte >> (7 ^ (depth & 7)) & 1 == 1
}

/// Whether two paths have the first bits in common.
fn shares(one: &[u8; 32], other: &[u8; 32], count: usize) -> bool {
    (0..count).all(|depth| bit(one, depth) == bit(other, depth))
}
