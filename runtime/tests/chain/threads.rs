//! One thread builds, one executes, one commits, one looks, all on one chain and at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use lockstep_interface::{Address, Hash};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::{
    block::Recording,
    chain::{BuildError, BuildRequest, Chain, Simulation, View},
    engine::Cancel,
};
use lockstep_scheduler::{Auto, Mode};
use lockstep_store::{CachedStore, DiskOptions, DiskStore, MemoryStore, Serial, Store, Trie};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{
        generate::Shape,
        ledger::{address, transaction},
        run::timestamp,
    },
    setting::{Reference, Setting, build_on, head, options, try_build},
};

/// Tells the others to stop, also after a panic.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What all four threads share.
struct Stage {
    chain: Chain,
    payer: Address,
    /// Blocks to execute, in order.
    blocks: Vec<Arc<[u8]>>,
    /// Accounts after each of them.
    reference: Reference,
    /// True once the last of them is committed.
    is_done: AtomicBool,
}

impl Stage {
    fn new(store: Arc<dyn Store>, trie: Trie, count: usize) -> Self {
        let setting = Setting::new(Shape::FEW);
        let mut reference = setting.reference();
        let feeder = setting.chain(1);
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let blocks = (0..count).map(|_| {
            let parent = head(&feeder);
            let bank = feeder.bank(&parent).unwrap();
            let given = setting.world.block(&mut random, &bank, 15);
            let built = build_on(&feeder, parent, &given);
            reference.replay(built.bytes());
            feeder.commit(&built.id).unwrap();
            built.bytes().into()
        });
        Self {
            blocks: blocks.collect(),
            chain: Chain::open(store, trie, setting.genesis(), options(2)).unwrap(),
            payer: setting.payer(),
            reference,
            is_done: AtomicBool::new(false),
        }
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::SeqCst)
    }

    /// Executes block after block and hands their ids on.
    fn execute(&self, executed: &mpsc::SyncSender<Hash>) {
        for bytes in &self.blocks {
            let block = self.chain.read(Arc::clone(bytes)).unwrap();
            let done = self.chain.execute(&block, &Cancel::default()).unwrap();
            executed.send(done.id).unwrap();
        }
    }

    /// Commits them, sometimes several at once.
    fn commit(&self, executed: &mpsc::Receiver<Hash>) {
        let _end = End(&self.is_done);
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let mut held = None;
        for id in executed {
            held = random.random_bool(0.3).then_some(id);
            if held.is_none() {
                self.chain.commit(&id).unwrap();
                // Its rivals, of which there may be some, are no obstacle.
                assert_eq!(self.chain.commit(&id).unwrap().block_count, 0);
            }
        }
        if let Some(id) = held {
            self.chain.commit(&id).unwrap();
        }
    }

    /// Builds rivals on whatever is the head; gives those that became known.
    fn build(&self) -> Vec<Vec<u8>> {
        let mut built = Vec::new();
        for number in 0.. {
            if self.is_done() {
                break;
            }
            let (parent, header) = self.chain.head();
            let pay = [transfer(&self.payer, &address(number), 1_000_000)];
            let given = [transaction(self.payer, parent, &pay)];
            // A slot of its own makes it another block than those that are executed.
            let slot = header.slot + 1_000;
            let request = BuildRequest {
                parent,
                slot,
                unix_timestamp: timestamp(slot),
                strategy: &Auto,
                mode: Mode::Produce,
                recording: Recording::NONE,
            };
            match try_build(&self.chain, &request, &given) {
                Ok(block) => {
                    assert_eq!(block.receipts.len(), 1);
                    built.push(block.bytes().to_vec());
                }
                Err(BuildError::ParentMissing(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        built
    }

    /// Looks from the head, and goes on looking from heads of the past.
    fn look(&self) -> usize {
        let mut views: Vec<View> = Vec::new();
        let mut count = 0;
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let addresses: Vec<_> = self.reference.addresses().copied().collect();
        while !self.is_done() {
            let id = head(&self.chain);
            // The head may have moved on.
            if let Ok(view) = self.chain.view(&id) {
                self.reference.check(&view);
                views.push(view);
            }
            if views.len() > 6 {
                views.swap_remove(random.random_range(0..6));
            }
            views.iter().for_each(|view| self.reference.check(view));
            let address = addresses[count % addresses.len()];
            let proven = self.chain.prove(&address).unwrap();
            let accounts = self.reference.accounts(&proven.block_id);
            assert_eq!(proven.account.as_ref(), accounts.get(&address));
            let nothing = Simulation::new(Default::default());
            drop(self.chain.simulate(&id, &nothing));
            count += 1;
        }
        views.iter().for_each(|view| self.reference.check(view));
        count
    }
}

fn run(store: Arc<dyn Store>, trie: Trie, count: usize) {
    let stage = Stage::new(store, trie, count);
    let (sender, receiver) = mpsc::sync_channel(4);
    let (rivals, look_count) = thread::scope(|scope| {
        let stage = &stage;
        scope.spawn(move || stage.execute(&sender));
        scope.spawn(move || stage.commit(&receiver));
        let builder = scope.spawn(|| stage.build());
        let viewer = scope.spawn(|| stage.look());
        (builder.join().unwrap(), viewer.join().unwrap())
    });
    assert!(look_count > 0);
    let Stage {
        chain,
        blocks,
        mut reference,
        ..
    } = stage;
    let newest = chain.read(Arc::clone(blocks.last().unwrap())).unwrap().id();
    assert_eq!(head(&chain), newest);
    reference.check_store(&**chain.store(), &newest);
    // What was built in the middle of it all is what it should be.
    assert!(!rivals.is_empty(), "no block was built meanwhile");
    for rival in &rivals {
        reference.replay(rival);
    }
}

#[test]
fn four_threads_at_once_in_memory() {
    run(Arc::new(MemoryStore::new()), Trie::default(), 300);
    let cached = CachedStore::new(MemoryStore::new(), 20_000);
    run(Arc::new(cached), Trie::default(), 300);
}

#[test]
fn four_threads_at_once_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, trie) = DiskStore::open(folder.path(), DiskOptions::default(), &Serial).unwrap();
    run(Arc::new(CachedStore::new(disk, 20_000)), trie, 150);
}
