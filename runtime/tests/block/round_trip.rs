//! Blocks of every strategy's plan come back as they were.

use std::collections::HashSet;

use lockstep_interface::Address;
use lockstep_runtime::block::{Block, BlockBody, BlockLimits, plan_digest};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::{
    generate::{block, plans},
    layout::Layout,
};

/// What a body's layout must be, from the types alone.
fn expected_layout(body: &BlockBody) -> Layout {
    let plan = body.plan();
    let lanes = plan.batches().flat_map(|batch| batch.lanes());
    let lane_order: Vec<u32> = plan.lane_order().iter().map(|item| item.0).collect();
    let waits = plan.waits().iter();
    Layout {
        version: 1,
        sizes: body
            .transactions()
            .iter()
            .map(|one| one.len() as u16)
            .collect(),
        bytes: body.transactions().iter().flatten().copied().collect(),
        dispatch: ["static", "queued", "ranked"]
            .iter()
            .position(|name| *name == plan.dispatch().name())
            .unwrap() as u8,
        batch_sizes: plan
            .batches()
            .map(|batch| batch.lane_count() as u32)
            .collect(),
        lane_sizes: lanes.map(|lane| lane.len() as u32).collect(),
        lane_order: if lane_order.is_sorted() {
            Vec::new()
        } else {
            lane_order
        },
        waits: waits
            .map(|wait| (wait.transaction.0, wait.after.0))
            .collect(),
        shared_accounts: body.shared_accounts().iter().map(|one| one.0).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_block_of_any_strategy_comes_back(seed in any::<u64>(), count in 0..=200_usize) {
        for (name, plan) in plans(seed, count) {
            let block = block(seed, plan);
            let bytes = block.encode();
            let decoded = Block::decode(&bytes, &BlockLimits::MAINNET);
            prop_assert_eq!(decoded.as_ref(), Ok(&block), "{}", name);

            let (header, body) = bytes.split_at(lockstep_runtime::block::BlockHeader::SIZE);
            prop_assert_eq!(header, block.header.encode());
            prop_assert_eq!(body, block.body.as_parts().encode());
            let layout = Layout::of(body);
            prop_assert_eq!(&layout, &expected_layout(&block.body), "{}", name);
            let decoded = layout.decode();
            prop_assert_eq!(decoded.as_ref(), Ok(&block.body), "{}", name);
        }
    }

    #[test]
    fn plans_have_digests_of_their_own(seed in any::<u64>(), count in 0..=40_usize) {
        let mut digests = HashSet::new();
        let mut encodings = HashSet::new();
        for (_, plan) in plans(seed, count) {
            let body = block(seed, plan).body;
            let none = plan_digest(body.plan(), &[]);
            let shared = plan_digest(body.plan(), body.shared_accounts());
            prop_assert_eq!(none == shared, body.shared_accounts().is_empty());
            digests.insert(shared);
            encodings.insert(body.as_parts().encode());
        }
        prop_assert_eq!(digests.len(), encodings.len());
        prop_assert!(count == 0 || !digests.contains(&plan_digest(&Default::default(), &[])));
    }
}

#[test]
fn a_leader_is_32_bytes_behind_a_body_of_version_2() {
    for (_, plan) in plans(3, 7) {
        let Block { header, body } = block(3, plan);
        let leader = Address::new_from_array([9; 32]);
        let led = body.clone().with_leader(Some(leader));
        let mut expected = body.as_parts().encode();
        expected[0] = 2;
        expected.extend([9; 32]);
        assert_eq!(led.as_parts().encode(), expected);
        let plain = plan_digest(body.plan(), body.shared_accounts());
        assert_eq!(body.plan_digest(), plain);
        assert_ne!(led.plan_digest(), plain);
        let block = Block { header, body: led };
        let bytes = block.encode();
        assert_eq!(Block::decode(&bytes, &BlockLimits::MAINNET), Ok(block));
        for size in bytes.len() - 32..bytes.len() {
            assert!(Block::decode(&bytes[..size], &BlockLimits::MAINNET).is_err());
        }
    }
}

#[test]
fn a_plan_without_waits_is_sizes_alone() {
    let found: Vec<String> = plans(3, 120)
        .into_iter()
        .map(|(name, plan)| {
            let has_waits = !plan.waits().is_empty();
            let layout = Layout::of(&block(3, plan).body.as_parts().encode());
            assert!(has_waits || layout.lane_order.is_empty(), "{name}");
            name
        })
        .collect();
    assert!(found.iter().any(|name| name == "waits replay"), "{found:?}");
}
