//! The example in the format's document is what the encoder writes.

use lockstep_interface::Hash;
use lockstep_runtime::block::{Block, BlockBody, BlockHeader, BlockLimits, plan_digest};
use lockstep_scheduler::{AccountIndex, Plan, TransactionIndex, Wait};

const DOCUMENT: &str = include_str!("../../src/block/FORMAT.md");

/// The block that the document describes.
fn example() -> Block {
    let t = TransactionIndex;
    let lanes = vec![vec![t(0), t(2)], vec![t(1)]];
    let wait = Wait {
        transaction: t(1),
        after: t(0),
    };
    let plan = Plan::from_nested(vec![lanes], vec![wait]);
    let shared_accounts = vec![AccountIndex(4)];
    let hash = |byte| Hash::new_from_array([byte; 32]);
    let header = BlockHeader {
        parent_id: hash(0x11),
        slot: 258,
        unix_timestamp: -2,
        transaction_count: 3,
        transaction_root: hash(0x22),
        receipts_root: hash(0x33),
        delta_root: hash(0x44),
        state_root: None,
        plan_digest: plan_digest(&plan, &shared_accounts),
    };
    let transactions = [&[0xa0][..], &[0xb0, 0xb1], &[0xc0]].iter().collect();
    let body = BlockBody::new(transactions, plan, shared_accounts);
    Block {
        header,
        body: body.unwrap(),
    }
}

/// The bytes of the document's listing: `offset | bytes | meaning`, all but the last hexadecimal.
fn listing() -> Vec<u8> {
    let mut bytes = Vec::new();
    let lines = DOCUMENT
        .lines()
        .skip_while(|line| *line != "```hex")
        .skip(1);
    for line in lines.take_while(|line| *line != "```") {
        let [offset, row, _] = line.splitn(3, '|').collect::<Vec<_>>()[..] else {
            panic!("a line of the listing: {line}");
        };
        if let Ok(offset) = usize::from_str_radix(offset.trim(), 16) {
            assert_eq!(offset, bytes.len(), "{line}");
        }
        let row = row.split_whitespace();
        bytes.extend(row.map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

#[test]
fn the_example_is_as_documented() {
    let block = example();
    let found: Vec<String> = block
        .encode()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let documented: Vec<String> = listing().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found.join(" "), documented.join(" "));
    assert_eq!(Block::decode(&listing(), &BlockLimits::MAINNET), Ok(block));
}

#[test]
fn the_id_is_as_documented() {
    let id = example().header.id().to_bytes();
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(DOCUMENT.contains(&id), "{id}");
}
