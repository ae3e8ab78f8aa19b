//! Bytes that no encoder made: refused with field, place and value, or another value of their own.

use lockstep_runtime::block::{Block, BlockBody, BlockDecodeError, BlockLimits, BodyError};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{
    generate::{block, plans, rng},
    judge::judge,
    layout::Layout,
};

/// A block whose plan has waits, and its bytes.
fn sample(transaction_count: usize) -> (Block, Vec<u8>) {
    let plans = plans(5, transaction_count).into_iter();
    let (_, plan) = plans.max_by_key(|(_, plan)| plan.waits().len()).unwrap();
    assert!(!plan.waits().is_empty());
    let block = block(5, plan);
    let bytes = block.encode();
    (block, bytes)
}

#[test]
fn every_truncation_is_refused() {
    let (_, bytes) = sample(12);
    for size in 0..bytes.len() {
        let error = Block::decode(&bytes[..size], &BlockLimits::MAINNET).unwrap_err();
        assert!(
            matches!(error, BlockDecodeError::Truncated { .. }),
            "{size}: {error}"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    let expected = BlockDecodeError::TrailingBytes {
        offset: bytes.len(),
        found: 1,
    };
    let found = Block::decode(&longer, &BlockLimits::MAINNET);
    assert_eq!(found, Err(expected));
}

#[test]
fn mutations_never_are_a_second_encoding() {
    let (block, bytes) = sample(12);
    let mut rng = rng(7);
    let mut accepted = 0;
    for _ in 0..10_000 {
        let mut mutated = bytes.clone();
        for _ in 0..rng.random_range(1..=3) {
            let place = rng.random_range(0..mutated.len());
            match rng.random_range(0..4) {
                0 => mutated[place] = rng.random(),
                1 => mutated[place] ^= 1 << rng.random_range(0..8),
                2 => mutated.insert(place, rng.random_range(0..3)),
                _ => drop(mutated.remove(place)),
            }
        }
        judge(&mutated);
        if let Ok(decoded) = Block::decode(&mutated, &BlockLimits::MAINNET) {
            assert_eq!(decoded == block, mutated == bytes);
            accepted += 1;
        }
    }
    // Most of the bytes are hashes and transactions, which may be anything.
    assert!((1_000..9_000).contains(&accepted), "{accepted}");
}

#[test]
fn mutations_of_the_plan_never_are_a_second_encoding() {
    let (block, _) = sample(9);
    let layout = Layout::of(&block.body.as_parts().encode());
    let start = 9 + 2 * layout.sizes.len() + layout.bytes.len();
    let bytes = layout.encode();
    let mut accepted = 0;
    for place in start..bytes.len() {
        for value in 0..=u8::MAX {
            let mut mutated = bytes.clone();
            mutated[place] = value;
            judge(&mutated);
            if let Ok(decoded) = BlockBody::decode(&mutated, &BlockLimits::MAINNET) {
                assert_eq!(decoded == block.body, mutated == bytes);
                accepted += usize::from(mutated != bytes);
            }
        }
    }
    assert!(accepted > 2, "another dispatch at least");
}

/// A number of parts that make up `total`, none of them zero.
fn parts(rng: &mut ChaCha8Rng, total: u32) -> Vec<u32> {
    let mut parts = Vec::new();
    let mut left = total;
    while left > 0 {
        let part = rng.random_range(1..=left);
        parts.push(part);
        left -= part;
    }
    parts
}

/// Lanes and waits without sense, circles among them, in a form that could be canonical.
fn nonsense(rng: &mut ChaCha8Rng) -> Layout {
    const COUNT: u32 = 5;
    let lane_sizes = parts(rng, COUNT);
    let mut lane_order: Vec<u32> = (0..COUNT).collect();
    for _ in 0..rng.random_range(0..4) {
        lane_order.swap(rng.random_range(0..5), rng.random_range(0..5));
    }
    let mut waits = Vec::new();
    for &transaction in &lane_order {
        let afters = (0..COUNT).filter(|_| rng.random_range(0..8) == 0);
        waits.extend(afters.map(|after| (transaction, after)));
    }
    Layout {
        version: 1,
        sizes: vec![1; COUNT as usize],
        bytes: vec![9; COUNT as usize],
        dispatch: rng.random_range(0..3),
        batch_sizes: parts(rng, lane_sizes.len() as u32),
        lane_sizes,
        lane_order: if lane_order.is_sorted() {
            Vec::new()
        } else {
            lane_order
        },
        waits,
        shared_accounts: Vec::new(),
    }
}

#[test]
fn nonsense_is_refused_or_left_to_the_checker() {
    let mut rng = rng(13);
    let mut orders = [0, 0];
    for _ in 0..20_000 {
        let layout = nonsense(&mut rng);
        judge(&layout.encode());
        match layout.decode() {
            Ok(_) => orders[0] += 1,
            Err(BlockDecodeError::Body {
                error: BodyError::PlanOrder { .. },
                ..
            }) => orders[1] += 1,
            Err(error) => panic!("{layout:?}: {error}"),
        }
    }
    assert!(orders.iter().all(|count| *count > 1_000), "{orders:?}");
}

/// Three transactions of one byte; lanes [0 2] and [1], which waits for 0.
fn small() -> Layout {
    Layout {
        version: 1,
        sizes: vec![1, 2, 1],
        bytes: vec![10, 11, 11, 12],
        dispatch: 0,
        batch_sizes: vec![2],
        lane_sizes: vec![2, 1],
        lane_order: vec![0, 2, 1],
        waits: vec![(1, 0)],
        shared_accounts: vec![4],
    }
}

#[test]
fn each_rule_names_field_and_place() {
    assert!(small().decode().is_ok());
    let check = |change: &dyn Fn(&mut Layout), message: &str| {
        let mut layout = small();
        change(&mut layout);
        let error = layout.decode().unwrap_err();
        assert_eq!(error.to_string(), message, "{layout:?}");
    };
    check(
        &|body| body.version = 3,
        "body version at 0 is 3, expected at most 2",
    );
    check(
        &|body| body.version = 0,
        "body version at 0 is 0, expected 1",
    );
    check(
        &|body| body.version = 2,
        "leader at 76 needs 32 bytes, 0 are left",
    );
    check(
        &|body| body.bytes.push(0),
        "transaction bytes at 11 is 5, expected 4",
    );
    check(
        &|body| body.sizes[1] = 0,
        "transaction bytes at 11 is 4, expected 2",
    );
    check(
        &|body| body.sizes = vec![4, 0, 0],
        "body at 7: transaction 1 has 0 bytes, expected 1 to 4096",
    );
    check(
        &|body| body.dispatch = 3,
        "dispatch at 19 is 3, expected at most 2",
    );
    check(
        &|body| body.batch_sizes = vec![1; 4],
        "batch sizes at 20 is 4, expected at most 3",
    );
    check(
        &|body| body.batch_sizes = vec![0, 2],
        "batch sizes at 24 is not in canonical form: found 0",
    );
    check(
        &|body| body.batch_sizes = vec![1],
        "batch sizes at 24 is 1, expected 2",
    );
    check(
        &|body| body.lane_sizes = vec![3, 0],
        "lane sizes at 36 is not in canonical form: found 0",
    );
    check(
        &|body| body.lane_sizes = vec![2, u32::MAX],
        "lane sizes at 32 is 4294967297, expected 3",
    );
    check(
        &|body| body.lane_order.truncate(2),
        "lane order at 44 is 2, expected 3",
    );
    check(
        &|body| body.lane_order = vec![0, 1, 2],
        "lane order at 44 is not in canonical form: found 0",
    );
    check(
        &|body| body.lane_order = vec![0, 9, 1],
        "body at 19: transaction 9 stands at place 2 of the plan's canonical order, expected 2",
    );
    check(
        &|body| body.waits = vec![(1, 0), (1, 0)],
        "waits at 68 is not in canonical form: found 0",
    );
    check(
        &|body| body.waits = vec![(1, 0), (2, 1)],
        "waits at 68 is not in canonical form: found 2",
    );
    check(
        &|body| body.waits = vec![(1, 0), (3, 0)],
        "waits at 68 is not in canonical form: found 3",
    );
    check(
        &|body| body.waits.push((1, 3)),
        "body at 19: transaction 2 stands at place 1 of the plan's canonical order, expected 1",
    );
    check(
        &|body| body.shared_accounts = vec![4, 4],
        "body at 76: shared account 4 at place 1 is not above the one before it",
    );
    check(
        &|body| body.shared_accounts = vec![192],
        "body at 72: shared account 192 at place 0, the transactions name at most 192",
    );
}

#[test]
fn limits_hold_at_the_edge_and_not_beyond() {
    let bytes = small().encode();
    let exact = BlockLimits {
        transaction_bytes_max: 4,
        transaction_count_max: 3,
        wait_count_max: 1,
        ..BlockLimits::MAINNET
    };
    assert!(BlockBody::decode(&bytes, &exact).is_ok());
    let check = |limits: BlockLimits, message: &str| {
        let error = BlockBody::decode(&bytes, &limits).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    let limits = BlockLimits {
        transaction_count_max: 2,
        ..exact
    };
    check(limits, "transaction sizes at 1 is 3, expected at most 2");
    let limits = BlockLimits {
        transaction_bytes_max: 3,
        ..exact
    };
    check(limits, "transaction bytes at 11 is 4, expected at most 3");
    let limits = BlockLimits {
        wait_count_max: 0,
        ..exact
    };
    check(limits, "waits at 56 is 1, expected at most 0");
}

/// A count that promises more than there is must not cause an allocation.
#[test]
fn a_count_is_held_against_the_bytes_left() {
    let counts = [1, 11, 20, 28, 40, 56, 68];
    for offset in counts {
        let mut bytes = small().encode();
        bytes[offset..offset + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = BlockBody::decode(&bytes, &BlockLimits::UNLIMITED).unwrap_err();
        assert!(
            matches!(
                error,
                BlockDecodeError::Truncated { .. }
                    | BlockDecodeError::TooLarge { .. }
                    | BlockDecodeError::Unexpected { .. }
            ),
            "{offset}: {error}"
        );
    }
}
