//! Chains on a pool of the embedder's: calls from outside and from the pool's own jobs, at once.

use std::{sync::Arc, sync::mpsc, thread, time::Duration};

use lockstep_interface::Hash;
use lockstep_runtime::{
    chain::{Chain, ChainOptions, Simulation},
    engine::Cancel,
    threads::Threads,
    wire::WireBlock,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    common::generate::Shape,
    setting::{Setting, build_on, head, open, options},
};

/// Long enough for any block here on a crowded machine; a deadlock takes for ever.
const PATIENCE: Duration = Duration::from_secs(120);

struct Scene {
    pool: Arc<ThreadPool>,
    /// Two chains on clones of one value over the pool.
    chains: [Chain; 2],
    transactions: Vec<Vec<u8>>,
    /// Executed by a chain on threads of its own.
    block: Arc<[u8]>,
    expected: Hash,
}

impl Scene {
    fn new() -> Self {
        let setting = Setting::new(Shape::FEW);
        let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let pool = Arc::new(pool);
        let handed = Threads::on_pool(Arc::clone(&pool));
        let on_pool = ChainOptions {
            threads: handed.clone(),
            reader_threads: handed,
            ..options(1)
        };
        let other = setting.chain(1);
        let bank = other.bank(&head(&other)).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let transactions = setting.world.block(&mut random, &bank, 200);
        let built = build_on(&other, head(&other), &transactions);
        Self {
            chains: [(); 2].map(|()| open(setting.genesis(), on_pool.clone())),
            pool,
            transactions,
            block: built.bytes().into(),
            expected: built.id,
        }
    }

    fn build(&self, chain: usize) {
        let chain = &self.chains[chain];
        let built = build_on(chain, head(chain), &self.transactions);
        assert!(built.receipts.len() > 100);
    }

    fn execute(&self, chain: usize) {
        let chain = &self.chains[chain];
        let read = chain.read(Arc::clone(&self.block)).unwrap();
        let accepted = chain.execute(&read, &Cancel::default()).unwrap();
        assert_eq!(accepted.id, self.expected);
    }

    fn simulate(&self, chain: usize) {
        let chain = &self.chains[chain];
        let few: WireBlock = self.transactions[..5].iter().collect();
        let results = chain.simulate(&head(chain), &Simulation::new(few)).unwrap();
        assert_eq!(results.len(), 5);
    }
}

/// Does some work over and over, and fails instead of standing still.
fn finishes(name: &str, work: impl Fn(&Scene) + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let worker = thread::spawn(move || {
        let scene = Scene::new();
        for _ in 0..10 {
            work(&scene);
        }
        // The receiver waits, or has given up.
        let _ = done.send(());
    });
    match is_done.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name} stands still"),
        _ => worker.join().unwrap(),
    }
}

#[test]
fn calls_from_outside_take_turns() {
    finishes("outside", |scene| {
        thread::scope(|scope| {
            scope.spawn(|| scene.build(0));
            scope.spawn(|| scene.execute(1));
            scene.build(0);
        });
    });
}

#[test]
fn calls_from_the_pools_own_jobs_run() {
    finishes("install", |scene| scene.pool.install(|| scene.build(0)));
    finishes("join", |scene| {
        let both = || rayon::join(|| scene.build(0), || scene.execute(1));
        scene.pool.install(both);
    });
    finishes("join on one chain", |scene| {
        let both = || rayon::join(|| scene.build(0), || scene.execute(0));
        scene.pool.install(both);
    });
}

#[test]
fn jobs_of_the_pool_run_beside_a_block_from_outside() {
    finishes("spawn", |scene| {
        scene.pool.in_place_scope(|scope| {
            scope.spawn(|_| scene.build(0));
            scope.spawn(|_| scene.execute(1));
            scene.build(0);
        });
    });
    finishes("simulate", |scene| {
        scene.pool.in_place_scope(|scope| {
            scope.spawn(|_| scene.simulate(0));
            scope.spawn(|_| scene.simulate(0));
            scene.build(0);
        });
    });
}
