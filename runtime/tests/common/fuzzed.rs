//! From bytes to two blocks in a row that must have the result of the serial run: the body of a
//! fuzz target, run by a test on random bytes too.

use std::sync::Arc;

use lockstep_runtime::{bank::FrozenBank, block::Recording, engine::Engine, wire::WireBlock};
use lockstep_scheduler::{Dispatch, Mode, Strategy, strategies};

use super::{
    choices::{Bytes, Choices},
    generate::{Shape, World},
    plans::{RandomDispatch, RandomLanes, RandomWaits},
    run::{LOGS, assert_serial, recorded, serial_recorded},
};

/// What all inputs share. The first bank never changes, since nothing is made final.
#[derive(Debug)]
pub(crate) struct Setting {
    engine: Engine,
    world: World,
    first: Arc<FrozenBank>,
    strategies: Vec<Box<dyn Strategy>>,
}

impl Setting {
    /// Two threads, a small world, all strategies and random plans.
    pub(crate) fn new() -> Self {
        let engine = Engine::new(2).expect("threads can be started");
        let (world, first) = World::new(Shape::FEW);
        let mut strategies = strategies();
        strategies.push(Box::new(RandomLanes(1)));
        strategies.push(Box::new(RandomWaits(1)));
        strategies.push(Box::new(RandomDispatch(1, Dispatch::Queued)));
        strategies.push(Box::new(RandomDispatch(1, Dispatch::Ranked)));
        Self {
            engine,
            world,
            first,
            strategies,
        }
    }

    /// Runs the blocks that `data` makes, each under a strategy that it picks; now and then one
    /// ends in raw bytes of the input.
    pub(crate) fn run(&mut self, data: &[u8]) {
        let mut choices = Bytes(data);
        self.world.forget();
        let mut parent = Arc::clone(&self.first);
        for _ in 0..2 {
            let count = choices.below(40);
            let mut transactions = self.world.block(&mut choices, &parent, count);
            if choices.one_in(4) {
                let size = choices.below(1_300).min(choices.0.len());
                let (raw, rest) = choices.0.split_at(size);
                transactions.push(raw.to_vec());
                choices = Bytes(rest);
            }
            let block: WireBlock = transactions.iter().collect();
            let recording = if choices.one_in(2) {
                Recording::ALL
            } else {
                LOGS
            };
            let expected = serial_recorded(&self.engine, &parent, &block, None, recording);
            let strategy = choices.pick(&self.strategies);
            for mode in Mode::ALL {
                let options = recorded(&**strategy, mode, recording);
                assert_serial(&mut self.engine, &parent, &block, &options, &expected, 0);
            }
            parent = expected.bank;
        }
    }
}
