//! Plans recorded blocks and compares the number of batches with the README of the traces, whose
//! figures come from other code.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test counts and draws with plain arithmetic"
)]

mod common;

use std::num::NonZeroU32;

use common::oracle;
use common::traces::{self, Block, Grain};
use lockstep_scheduler::{
    Bounds, CostModel, Mode, PlanRequest, check, predict, strategies, strategy,
};

/// A row of the README: the mean number of batches over the blocks of a trace, in tenths.
struct Expected {
    waves: usize,
    colours: usize,
}

fn batches(block: &Block, name: &str, mode: Mode) -> usize {
    let workers = NonZeroU32::new(8).expect("eight is not zero");
    let strategy = strategy(name).expect("it is built in");
    let plan = strategy.plan(&block.table, &PlanRequest::new(mode, workers));
    plan.expect("it plans every block").batch_count()
}

/// Ten times the mean, rounded as a table rounds it.
fn mean_in_tenths(counts: impl Iterator<Item = usize>) -> usize {
    let counts: Vec<usize> = counts.collect();
    let sum: usize = counts.iter().sum();
    (sum * 20 + counts.len()) / (2 * counts.len())
}

fn compare(name: &str, grain: Grain, window: Option<usize>, expected: &Expected) {
    let Some(mut blocks) = traces::read(name, grain, window) else {
        return;
    };
    // The README leaves empty blocks out, and so does a file of rows.
    blocks.retain(|block| block.table.transaction_count() > 0);
    assert!(!blocks.is_empty(), "{name} has blocks");
    for mode in Mode::ALL {
        let waves = mean_in_tenths(blocks.iter().map(|block| batches(block, "layered", mode)));
        assert_eq!(waves, expected.waves, "{name}: layered, {mode}");
    }
    let fits = blocks
        .iter()
        .map(|block| batches(block, "first-fit", Mode::Produce));
    let colours = mean_in_tenths(fits);
    assert!(
        colours <= expected.colours,
        "{name}: first-fit has {colours} tenths"
    );
    for block in &blocks {
        check_all(name, block);
    }
}

/// Every strategy keeps the rules and stays above the bound; small blocks are judged pairwise.
fn check_all(name: &str, block: &Block) {
    let bounds = Bounds::of(&block.table);
    for strategy in strategies() {
        for mode in Mode::ALL {
            // The others on the explicit graph are cheap, and none looks at the workers.
            let is_slow = ["dsatur", "iterated"].contains(&strategy.name());
            if is_slow && (mode == Mode::Replay || block.table.transaction_count() > 700) {
                continue;
            }
            let worker_counts: &[u32] = if is_slow { &[8] } else { &[1, 2, 8, 32] };
            for &workers in worker_counts {
                let workers = NonZeroU32::new(workers).expect("none is zero");
                let request = PlanRequest::new(mode, workers);
                let plan = strategy
                    .plan(&block.table, &request)
                    .expect("the block is small");
                let at = format!("{name} {} {} {mode} {workers}", block.slot, strategy.name());
                if block.table.transaction_count() <= 100 {
                    assert_eq!(oracle::verdict(&plan, &block.table, mode), Ok(()), "{at}");
                }
                let makespan = predict(&plan, &block.table, workers, &CostModel::FREE);
                assert!(makespan >= bounds.lower_bound(mode, workers), "{at}");
                if let Err(refused) = check(plan, &block.table, mode) {
                    panic!("{at}: {refused}");
                }
            }
        }
    }
}

fn exactly(waves: usize, colours: usize) -> Expected {
    Expected {
        waves: waves * 10,
        colours: colours * 10,
    }
}

#[test]
fn whole_blocks_of_2020() {
    let expected = Expected {
        waves: 180,
        colours: 175,
    };
    compare("sol-2020-09-39824200", Grain::Accounts, None, &expected);
    let expected = Expected {
        waves: 530,
        colours: 520,
    };
    compare("sol-2020-12-55065000", Grain::Accounts, None, &expected);
}

#[test]
fn a_whole_block_of_2021() {
    compare(
        "sol-2021-10-102815960",
        Grain::Accounts,
        None,
        &exactly(116, 88),
    );
}

#[test]
fn a_whole_block_of_2022() {
    compare(
        "sol-2022-05-133447493",
        Grain::Accounts,
        None,
        &exactly(20, 18),
    );
}

#[test]
fn a_whole_block_of_2024() {
    compare(
        "sol-2024-03-254170887",
        Grain::Accounts,
        None,
        &exactly(21, 20),
    );
}

#[test]
fn a_whole_block_of_2025() {
    compare(
        "sol-2025-04-332254855",
        Grain::Accounts,
        None,
        &exactly(213, 173),
    );
}

#[test]
fn windows_of_an_exchange() {
    let expected = Expected {
        waves: 7_638,
        colours: 5_083,
    };
    compare(
        "amm-whirlpool-2022-04-06-a",
        Grain::Accounts,
        Some(1_024),
        &expected,
    );
}

#[test]
fn ethereum_access_lists() {
    let expected = Expected {
        waves: 451,
        colours: 406,
    };
    compare("eth-bal-41-blocks-a", Grain::Accounts, None, &expected);
    let expected = Expected {
        waves: 279,
        colours: 272,
    };
    compare("eth-bal-41-blocks-a", Grain::Slots, None, &expected);
}

#[test]
fn ethereum_senders_and_recipients() {
    let expected = Expected {
        waves: 1_690,
        colours: 1_685,
    };
    compare("eth-pairs-43-blocks-a", Grain::Accounts, None, &expected);
}
