//! Forks side by side: every bank has the state of its own branch, whatever becomes final around
//! it, and what loses is freed.

use std::sync::{Arc, Weak};

use lockstep_interface::Hash;
use lockstep_runtime::{
    bank::FrozenBank,
    chain::{BuildRequest, Chain},
};
use lockstep_scheduler::Mode;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    common::{
        generate::Shape,
        plans::{RandomLanes, RandomWaits},
    },
    crash::scale,
    setting::{Reference, Setting, adopt, build, head, request},
};

/// Branches that grow at once.
const FORK_COUNT_MAX: usize = 8;

/// Two chains that see the same blocks, and what should be in them.
struct Forest {
    setting: Setting,
    chains: [Chain; 2],
    reference: Reference,
    random: ChaCha8Rng,
    /// Blocks without a child, the newest of each fork.
    tips: Vec<Hash>,
    /// Known blocks above the head.
    known: Vec<Hash>,
    /// Blocks there ever were above the genesis.
    block_count: usize,
    /// Every bank of the first chain that there ever was.
    banks: Vec<Weak<FrozenBank>>,
}

impl Forest {
    fn new(seed: u64) -> Self {
        let setting = Setting::new(Shape::FEW);
        let chains = [2, 1].map(|threads| setting.chain(threads));
        let genesis = head(&chains[0]);
        Self {
            reference: setting.reference(),
            random: ChaCha8Rng::seed_from_u64(seed),
            tips: vec![genesis],
            known: Vec::new(),
            block_count: 0,
            banks: vec![Arc::downgrade(&chains[0].bank(&genesis).unwrap())],
            setting,
            chains,
        }
    }

    fn head(&self) -> Hash {
        head(&self.chains[0])
    }

    /// Grows a fork by a block, or begins one.
    fn grow(&mut self) {
        let mut parent = *self.tips.choose(&mut self.random).unwrap();
        if self.tips.len() < FORK_COUNT_MAX && self.random.random_ratio(1, 4) {
            let head = self.head();
            parent = *self.known.choose(&mut self.random).unwrap_or(&head);
        }
        let [producer, follower] = &self.chains;
        let bank = producer.bank(&parent).unwrap();
        let count = self.random.random_range(0..15);
        let given = self.setting.world.block(&mut self.random, &bank, count);
        let plain = request(producer, parent);
        let slot = bank.slot() + self.random.random_range(1..5);
        let seed = self.random.random();
        let (lanes, waits) = (RandomLanes(seed), RandomWaits(seed));
        let request = match self.random.random_range(0..3) {
            0 => BuildRequest { slot, ..plain },
            1 => BuildRequest {
                slot,
                strategy: &lanes,
                ..plain
            },
            _ => BuildRequest {
                slot,
                strategy: &waits,
                mode: Mode::Replay,
                ..plain
            },
        };
        let built = build(producer, &request, &given);
        let executed = adopt(follower, built.bytes());
        let is_new = !self.known.contains(&built.id);
        assert_eq!(executed.receipts.is_some(), is_new);
        // The same slot and transactions on one parent are one block.
        if is_new {
            assert_eq!(self.reference.replay(built.bytes()), *built.receipts);
            self.known.push(built.id);
            self.block_count += 1;
            self.banks
                .push(Arc::downgrade(&producer.bank(&built.id).unwrap()));
        }
        self.tips.retain(|tip| *tip != parent);
        self.tips.push(built.id);
    }

    /// Makes any known block final, or drops it.
    fn settle(&mut self) {
        let Some(id) = self.known.choose(&mut self.random).copied() else {
            return;
        };
        let is_dropped = self.random.random_ratio(1, 5);
        for chain in &self.chains {
            if is_dropped {
                chain.discard(&id).unwrap();
            } else {
                let committed = chain.commit(&id).unwrap();
                assert!(committed.block_count > 0);
                self.reference.check_store(&**chain.store(), &id);
            }
        }
        let head = self.head();
        let chain = &self.chains[0];
        let is_known = |id: &Hash| chain.bank(id).is_ok();
        self.known.retain(|id| is_known(id) && *id != head);
        self.tips.retain(is_known);
        if self.tips.is_empty() {
            self.tips.push(head);
        }
        self.check();
    }

    /// Every block that is known shows the accounts of its branch, and nothing else is in memory.
    fn check(&mut self) {
        for chain in &self.chains {
            for id in self.known.iter().chain([&self.head()]) {
                self.reference.check_at(chain, id);
                let address = self.reference.addresses().next().unwrap();
                let proven = chain.view(id).unwrap().prove(address).unwrap();
                assert_eq!(proven.header, *chain.bank(id).unwrap().header());
            }
        }
        self.banks.retain(|bank| bank.strong_count() > 0);
        assert_eq!(self.banks.len(), self.known.len() + 1);
    }
}

#[test]
fn every_bank_of_a_random_tree_has_the_state_of_its_branch() {
    for seed in 0..scale() as u64 {
        let mut forest = Forest::new(seed);
        let mut fork_count = 0;
        while forest.block_count < 1_000 {
            forest.grow();
            fork_count = fork_count.max(forest.tips.len());
            // Now and then a long while passes without anything becoming final.
            if forest.random.random_ratio(1, 25) {
                forest.settle();
            }
        }
        assert_eq!(fork_count, FORK_COUNT_MAX, "forks at once");
        while !forest.known.is_empty() {
            forest.settle();
        }
        assert_eq!(forest.banks.len(), 1);
    }
}

/// A view keeps its own block and no other.
#[test]
fn views_keep_no_more_than_they_show() {
    let mut forest = Forest::new(9);
    let genesis = forest.chains[0].view(&forest.head()).unwrap();
    for _ in 0..30 {
        forest.grow();
    }
    let tip = *forest.tips.last().unwrap();
    forest.chains[0].commit(&tip).unwrap();
    let live = forest.banks.iter().filter(|bank| bank.strong_count() > 0);
    let known = forest.known.iter();
    let known = known.filter(|id| forest.chains[0].bank(id).is_ok());
    assert_eq!(live.count(), known.count() + 1);
    forest.reference.check(&genesis);
    drop(genesis);
}
