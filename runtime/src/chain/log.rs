//! What the log keeps of a block: its bytes, and what the next bank has to know besides.
//!
//! ```text
//! block | learned costs | bytes of these, u32 little-endian
//! ```

use std::sync::Arc;

use crate::costs::CostTable;

/// Appends to a block's bytes the costs learned up to it.
pub(super) fn encode(mut block: Vec<u8>, costs: &CostTable) -> Entry {
    let costs = costs.encode();
    let size = u32::try_from(costs.len()).expect("costs take some kilobytes");
    block.extend(costs);
    block.extend(size.to_le_bytes());
    Arc::new(block)
}

/// What the log keeps of a block.
pub(super) type Entry = Arc<Vec<u8>>;

/// The block's bytes; `None` if there are none.
pub(super) fn block(entry: &[u8]) -> Option<&[u8]> {
    split(entry).map(|(block, _)| block)
}

/// The costs; `None` if there are none.
pub(super) fn costs(entry: &[u8]) -> Option<CostTable> {
    CostTable::decode(split(entry)?.1)
}

fn split(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, size) = entry.split_last_chunk()?;
    let size = u32::from_le_bytes(*size) as usize;
    let start = rest.len().checked_sub(size)?;
    rest.split_at_checked(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_taken_apart_as_it_was_put_together() {
        let table = CostTable::default();
        let entry = encode(b"head".to_vec(), &table);
        assert_eq!(block(&entry), Some(b"head".as_slice()));
        assert_eq!(costs(&entry), Some(table));
        assert_eq!(block(&entry[1..]), Some(b"ead".as_slice()));
        for end in 0..4 {
            assert_eq!(block(&entry[..end]), None);
        }
        assert_eq!(costs(&[1, 2, 255, 0, 0, 0]), None);
    }
}
