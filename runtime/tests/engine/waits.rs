//! Plans with static waits that are as awkward as the checker allows: the executor must run them
//! to their end on any number of workers, with the result of the serial run.

use lockstep_programs::system::instruction as system;
use lockstep_runtime::{engine::Engine, wire::WireBlock};
use lockstep_scheduler::{
    AccessTable, Dispatch, LANES_WITH_WAITS_MAX, Mode, Plan, PlanBuilder, PlanRequest, Strategy,
    StrategyError, TransactionIndex,
};

use crate::common::{
    ledger::{Ledger, address, transaction},
    run::{assert_serial, options, process, serial},
};

/// Deals the block to lanes in turn; each transaction waits for the one before it. So exactly one
/// can run at any time, and it is in another lane each time.
#[derive(Clone, Copy, Debug)]
struct Relay {
    lane_count: usize,
    dispatch: Dispatch,
    /// Lays the lanes out from the last to the first, so that the first to run stands last.
    is_reversed: bool,
}

impl Strategy for Relay {
    fn name(&self) -> &str {
        "relay"
    }

    fn plan(&self, table: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
        let mut builder = PlanBuilder::new();
        for place in 0..self.lane_count {
            let last = self.lane_count - 1;
            let lane = if self.is_reversed {
                last - place
            } else {
                place
            };
            for index in table.transactions().skip(lane).step_by(self.lane_count) {
                builder.push(index);
                if let Some(before) = index.0.checked_sub(1).filter(|_| self.lane_count > 1) {
                    builder.wait(TransactionIndex(before));
                }
            }
            builder.end_lane();
        }
        Ok(builder.finish().with_dispatch(self.dispatch))
    }
}

/// The first half of the block in lanes of one, all of which the only lane of the second half
/// waits for, transaction by transaction, last first.
#[derive(Clone, Copy, Debug)]
struct Funnel;

impl Strategy for Funnel {
    fn name(&self) -> &str {
        "funnel"
    }

    fn plan(&self, table: &AccessTable, _: &PlanRequest) -> Result<Plan, StrategyError> {
        let all: Vec<TransactionIndex> = table.transactions().collect();
        let (wide, narrow) = all.split_at(all.len() / 2);
        let mut builder = PlanBuilder::new();
        for (index, awaited) in narrow.iter().zip(wide.iter().rev()) {
            builder.push(*index);
            builder.wait(*awaited);
        }
        builder.end_lane();
        for index in wide {
            builder.push(*index);
            builder.end_lane();
        }
        Ok(builder.finish())
    }
}

/// Payments of the wallets of these numbers to the wallets of those.
fn check(pairs: &[(u64, u64)], strategies: &[&dyn Strategy]) {
    let first = Ledger::with_wallets(0..1_000).open();
    let payments = pairs
        .iter()
        .zip(0u64..)
        .map(|((source, target), lamports)| {
            let payment = system::transfer(&address(*source), &address(*target), lamports);
            transaction(address(*source), first.block_hash(), &[payment])
        });
    let block: WireBlock = payments.collect();
    for threads in 1..=16 {
        let mut engine = Engine::new(threads).expect("threads can be started");
        let expected = serial(&engine, &first, &block, None);
        assert_eq!(expected.receipts.counts(), (pairs.len(), 0, 0));
        for strategy in strategies {
            let options = options(*strategy, Mode::Replay);
            assert_serial(&mut engine, &first, &block, &options, &expected, 0);
        }
    }
}

#[test]
fn a_baton_passes_through_all_lanes() {
    let pairs: Vec<(u64, u64)> = (0..300)
        .map(|number| (number % 7, 7 + number % 3))
        .collect();
    let relay = |lane_count, is_reversed| Relay {
        lane_count,
        dispatch: Dispatch::Static,
        is_reversed,
    };
    let relays = [
        relay(1, false),
        relay(2, true),
        relay(5, false),
        relay(40, true),
        relay(LANES_WITH_WAITS_MAX, false),
        relay(LANES_WITH_WAITS_MAX, true),
    ];
    let strategies: Vec<&dyn Strategy> = relays.iter().map(|relay| relay as _).collect();
    check(&pairs, &strategies);
}

#[test]
fn a_baton_passes_through_the_queue() {
    // Always the same two wallets, so that each payment depends on the one before alone.
    let pairs = [(0, 7); 300];
    let shapes = [
        (1, false),
        (2, true),
        (40, false),
        (300, false),
        (300, true),
    ];
    let relays = [Dispatch::Queued, Dispatch::Ranked].map(|dispatch| {
        shapes.map(|(lane_count, is_reversed)| Relay {
            lane_count,
            dispatch,
            is_reversed,
        })
    });
    let relays = relays.as_flattened();
    let strategies: Vec<&dyn Strategy> = relays.iter().map(|relay| relay as _).collect();
    check(&pairs, &strategies);
}

#[test]
fn one_lane_waits_for_all_others() {
    // A payment of the second half undoes one of the first.
    let there = (0..100).map(|number| (number, 500 + number));
    let back = (0..100).rev().map(|number| (500 + number, number));
    let pairs: Vec<(u64, u64)> = there.chain(back).collect();
    check(&pairs, &[&Funnel]);
}

#[test]
fn a_wait_that_is_missing_is_refused() {
    use lockstep_runtime::engine::EngineError;
    use lockstep_scheduler::PlanError;

    /// A relay of two lanes whose last wait was dropped.
    #[derive(Debug)]
    struct Dropped;
    impl Strategy for Dropped {
        fn name(&self) -> &str {
            "dropped"
        }
        fn plan(&self, table: &AccessTable, request: &PlanRequest) -> Result<Plan, StrategyError> {
            let relay = Relay {
                lane_count: 2,
                dispatch: Dispatch::Static,
                is_reversed: false,
            };
            let plan = relay.plan(table, request)?;
            let mut waits = plan.waits().to_vec();
            waits.pop();
            Ok(Plan::from_nested(plan.to_nested(), waits))
        }
    }
    let first = Ledger::with_wallets(0..2).open();
    let payments = (1..20).map(|lamports| {
        let payment = system::transfer(&address(0), &address(1), lamports);
        transaction(address(0), first.block_hash(), &[payment])
    });
    let block: WireBlock = payments.collect();
    let mut engine = Engine::new(2).expect("threads can be started");
    let result = process(
        &mut engine,
        &first,
        &block,
        &options(&Dropped, Mode::Replay),
    );
    match result {
        Err(EngineError::Plan { source, .. }) => {
            assert!(matches!(source, PlanError::Conflict { .. }), "{source}");
        }
        other => panic!(
            "the plan was not refused: {:?}",
            other.map(|processed| processed.plan)
        ),
    }
}
