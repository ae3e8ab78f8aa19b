//! The state after a block, held still while the chain goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use lockstep_runtime::chain::{Chain, ViewError};
use lockstep_store::{CachedStore, DiskOptions, DiskStore, MemoryStore, Serial, Store, Trie};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    common::generate::Shape,
    setting::{Reference, Setting, build_on, head, open_on, options},
};

/// Builds a block of generated transactions and replays it.
fn grow(
    chain: &Chain,
    setting: &Setting,
    reference: &mut Reference,
    random: &mut ChaCha8Rng,
    parent: lockstep_interface::Hash,
) -> lockstep_interface::Hash {
    let bank = chain.bank(&parent).unwrap();
    let transactions = setting.world.block(random, &bank, 25);
    let built = build_on(chain, parent, &transactions);
    reference.replay(built.bytes());
    built.id
}

/// Looks from every block, before and after it is final, while 20 more are committed.
fn check_views(store: Arc<dyn Store>, trie: Trie) {
    let setting = Setting::new(Shape::FEW);
    let chain = Chain::open(store, trie, setting.genesis(), options(2)).unwrap();
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut views = vec![chain.view(&head(&chain)).unwrap()];
    for _ in 0..21 {
        let id = grow(&chain, &setting, &mut reference, &mut random, head(&chain));
        views.push(chain.view(&id).unwrap());
        let ahead = grow(&chain, &setting, &mut reference, &mut random, id);
        views.push(chain.view(&ahead).unwrap());
        chain.commit(&id).unwrap();
        views.push(chain.view(&id).unwrap());
        for view in views.iter().filter(|view| view.block_id() != ahead) {
            reference.check(view);
        }
        reference.check(&views[views.len() - 2]);
        // The block that was ahead gets a rival that wins, or not.
        if chain.head().1.slot.is_multiple_of(2) {
            chain.commit(&ahead).unwrap();
        } else {
            chain.discard(&ahead).unwrap();
            let place = views.len() - 2;
            let lost = views.remove(place);
            let error = lost.get(reference.addresses().next().unwrap()).unwrap_err();
            assert!(
                matches!(error, ViewError::Dropped(id) if id == ahead),
                "{error}"
            );
        }
    }
    // Roots of old blocks prove what their views show.
    for view in &views {
        for address in reference.addresses() {
            let proven = view.prove(address).unwrap();
            let accounts = reference.accounts(&view.block_id());
            assert_eq!(proven.account.as_ref(), accounts.get(address));
        }
    }
}

#[test]
fn views_stay_what_they_were_on_every_store() {
    check_views(Arc::new(MemoryStore::new()), Trie::default());
    let cached = CachedStore::new(MemoryStore::new(), 20_000);
    check_views(Arc::new(cached), Trie::default());
    let folder = tempfile::tempdir().unwrap();
    let (disk, trie) = DiskStore::open(folder.path(), DiskOptions::default(), &Serial).unwrap();
    check_views(Arc::new(CachedStore::new(disk, 1 << 20)), trie);
}

#[test]
fn a_view_that_another_thread_reads_stays_what_it_was() {
    let setting = Setting::new(Shape::FEW);
    let store = Arc::new(CachedStore::new(MemoryStore::new(), 20_000));
    let chain = open_on(store, setting.genesis(), options(2));
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..5 {
        let id = grow(&chain, &setting, &mut reference, &mut random, head(&chain));
        // The rest is built ahead, so that commits come one after the other.
        let mut ahead = vec![id];
        let view = chain.view(&id).unwrap();
        let known = reference.accounts(&id).clone();
        let addresses: Vec<_> = reference.addresses().copied().collect();
        for _ in 0..20 {
            let parent = *ahead.last().unwrap();
            ahead.push(grow(&chain, &setting, &mut reference, &mut random, parent));
        }
        let is_done = AtomicBool::new(false);
        let check_count = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut count = 0;
                loop {
                    let was_done = is_done.load(Ordering::SeqCst);
                    for address in &addresses {
                        assert_eq!(view.get(address).unwrap().as_ref(), known.get(address));
                    }
                    count += 1;
                    if was_done {
                        return count;
                    }
                }
            });
            for id in &ahead {
                chain.commit(id).unwrap();
            }
            is_done.store(true, Ordering::SeqCst);
            reader.join().unwrap()
        });
        assert!(check_count > 0);
        reference.check(&view);
        reference.check_store(&**chain.store(), ahead.last().unwrap());
    }
}

#[test]
fn a_block_that_lost_is_not_shown() {
    let setting = Setting::new(Shape::FEW);
    let chain = setting.chain(1);
    let mut reference = setting.reference();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let genesis = head(&chain);
    let winner = grow(&chain, &setting, &mut reference, &mut random, genesis);
    let loser = grow(&chain, &setting, &mut reference, &mut random, genesis);
    let view = chain.view(&loser).unwrap();
    reference.check(&view);
    chain.commit(&winner).unwrap();
    let address = reference.addresses().next().unwrap();
    for error in [view.get(address).map(drop), view.prove(address).map(drop)] {
        let error = error.unwrap_err();
        assert!(
            matches!(error, ViewError::Dropped(id) if id == loser),
            "{error}"
        );
    }
}
