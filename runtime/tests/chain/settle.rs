//! Claims of blocks: wrong ones are refuted by one transaction, right ones by none.

use std::sync::Arc;

use lockstep_interface::{Address, Hash, address::program_ids};
use lockstep_programs::system::instruction::transfer;
use lockstep_runtime::{
    bank::{FrozenBank, Genesis},
    block::{Block, BlockLimits, Recording},
    chain::BuildRequest,
    rules::FeePolicy,
    settle::{
        Claim, Entry, Item, Journal, JournalError, Nodes, NotRefuted, PARENT, Refutation, Step,
        Terms, find,
    },
    threads::Threads,
};
use lockstep_store::{Change, Trie, account_hashes};
use rand::{Rng as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

use crate::{
    market::Market,
    setting::{build, build_on, head, open, request},
};

const DEPTH: u8 = 6;

/// A block on a chain, and what is claimed of it.
struct Scene {
    market: Market,
    genesis: Genesis,
    blockhashes: Vec<Hash>,
    parent: Claim,
    claim: Claim,
    journal: Journal,
    trie: Trie,
    changes: Vec<Change>,
}

impl Scene {
    fn new() -> Self {
        let market = Market::new();
        let options = Market::options(2);
        let chain = open(market.genesis(), options);
        let start = head(&chain);
        let first = build_on(&chain, start, &market.transactions(start));
        let recording = Recording {
            accounts: true,
            ..Recording::NONE
        };
        let request = BuildRequest {
            recording,
            ..request(&chain, first.id)
        };
        let built = build(&chain, &request, &market.transactions(first.id));
        assert!(built.receipts.len() > 40 && built.refused.is_empty());
        let threads = Threads::new(2).unwrap();
        let [parent, bank] = [&first.id, &built.id].map(|id| chain.bank(id).unwrap());
        let journal = journal(&parent, &bank, &built, &threads);
        Self {
            genesis: market.genesis(),
            blockhashes: vec![start, first.id],
            parent: Claim::first(first.id, &first.header).unwrap(),
            claim: journal.claim(&bank, &threads),
            trie: parent.trie().unwrap().clone(),
            changes: bank.changes(),
            journal,
            market,
        }
    }

    fn terms<'s>(&'s self, claim: &'s Claim) -> Terms<'s> {
        Terms {
            genesis: &self.genesis,
            parent: &self.parent,
            claim,
            blockhashes: &self.blockhashes,
        }
    }

    fn find(&self, claimed: &Journal, claim: &Claim) -> Option<Refutation> {
        let claims = [&self.parent, claim];
        find(&self.journal, claimed, claims, &self.trie, &self.changes)
    }

    fn check(&self, claim: &Claim, refutation: &Refutation) -> Result<(), NotRefuted> {
        self.terms(claim).check(refutation)
    }
}

fn journal(
    parent: &Arc<FrozenBank>,
    bank: &FrozenBank,
    built: &lockstep_runtime::chain::BuiltBlock,
    threads: &Threads,
) -> Journal {
    let block = Block::decode(built.bytes(), &BlockLimits::UNLIMITED).unwrap();
    let before = Nodes::of(parent, DEPTH, threads).unwrap();
    let transactions = block.body.transactions();
    Journal::of(parent, before, bank, transactions, &built.receipts, threads).unwrap()
}

#[test]
fn a_chain_that_pays_fees_out_has_no_journal() {
    let market = Market::new();
    let policy = FeePolicy::new(5_000, 0, Address::default()).unwrap();
    let chain = open(market.genesis().with_fee_policy(policy), Market::options(1));
    let start = head(&chain);
    let built = build_on(&chain, start, &market.transactions(start));
    let threads = Threads::new(1).unwrap();
    let [parent, bank] = [&start, &built.id].map(|id| chain.bank(id).unwrap());
    let block = Block::decode(built.bytes(), &BlockLimits::UNLIMITED).unwrap();
    let before = Nodes::of(&parent, DEPTH, &threads).unwrap();
    let transactions = block.body.transactions();
    let journal = Journal::of(
        &parent,
        before,
        &bank,
        transactions,
        &built.receipts,
        &threads,
    );
    assert!(matches!(journal, Err(JournalError::FeesPaid)));
}

fn flip(random: &mut ChaCha8Rng, hash: &mut Hash) {
    let mut bytes = hash.to_bytes();
    bytes[random.random_range(0..32)] ^= 1 << random.random_range(0..8);
    *hash = Hash::new_from_array(bytes);
}

/// What a dishonest poster can do, and still publish a journal for its claim.
const LIES: usize = 17;

/// Makes a journal wrong in one way.
fn lie(scene: &Scene, journal: &mut Journal, claim: &mut Claim, lie: usize, seed: u64) {
    let random = &mut ChaCha8Rng::seed_from_u64(seed);
    let count = u32::try_from(journal.steps.len()).unwrap();
    let place = random.random_range(0..journal.steps.len());
    let mut step = journal.read_step(place).unwrap();
    let account = random.random_range(0..step.entries.len());
    let entry = &mut step.entries[account];
    let transition = &mut journal.transition;
    let full: Vec<usize> = (0..transition.buckets.len())
        .filter(|bucket| !transition.buckets[*bucket].is_empty())
        .collect();
    let bucket = *full.choose(random).unwrap();
    let items = &mut transition.buckets[bucket];
    let item = random.random_range(0..items.len());
    let node = random.random_range(1..transition.before.0.len());
    match lie {
        0 => {
            let byte = random.random_range(0..step.receipt.len());
            step.receipt[byte] ^= 1 << random.random_range(0..8);
        }
        1 => match &mut entry.after {
            Some(after) => flip(random, after),
            after => *after = Some(Hash::default()),
        },
        2 => entry.after = entry.after.is_none().then_some(entry.before),
        3 => flip(random, &mut entry.before),
        4 => {
            let sources = (0..=count + 1).chain([PARENT]);
            let sources: Vec<u32> = sources.filter(|source| *source != entry.source).collect();
            entry.source = *sources.choose(random).unwrap();
        }
        // A wrong signature, which no header commits to.
        5 => step.transaction[1 + random.random_range(0..64)] ^= 4,
        6 => journal.steps.push(journal.steps[place].clone()),
        7 => {
            let own = random.random_range(0..journal.opening.0.len());
            flip(random, &mut journal.opening.0[own].1);
        }
        8 => flip(random, &mut transition.before.0[node]),
        9 => flip(random, &mut transition.after.0[node]),
        10 => flip(random, &mut items[item].after),
        11 => {
            let writers = (0..=count + 1).filter(|writer| *writer != items[item].writer);
            let writers: Vec<u32> = writers.collect();
            items[item].writer = *writers.choose(random).unwrap();
        }
        12 => _ = items.remove(item),
        // An account that no transaction wrote.
        13 => {
            let mut address = items[item].address.to_bytes();
            address[31] ^= 1;
            items.push(Item {
                address: address.into(),
                ..items[item]
            });
            items.sort_unstable();
        }
        14 => flip(random, &mut claim.state_root),
        // A leaf that cannot be read.
        15 => journal.steps[place].truncate(random.random_range(0..100)),
        // A transaction that cannot pay.
        _ => {
            let transaction = scene.market.beg(scene.parent.block_id);
            let unknown = Entry {
                source: PARENT,
                before: Hash::default(),
                after: Some(Hash::default()),
            };
            let steps = (0..journal.steps.len()).map(|place| journal.read_step(place).unwrap());
            let known = steps.flat_map(|step| {
                let system = step.address(2) == Some(program_ids::SYSTEM);
                system.then_some(step.entries[2])
            });
            let system = known.last().unwrap();
            let begging = Step {
                transaction,
                receipt: journal.read_step(0).unwrap().receipt,
                entries: vec![unknown, system],
            };
            journal.steps.push(begging.encode());
        }
    }
    if lie <= 5 {
        journal.steps[place] = step.encode();
    }
}

#[test]
fn wrong_blocks_are_refuted_by_one_transaction() {
    let scene = Scene::new();
    let threads = Threads::new(1).unwrap();
    let mut names = std::collections::BTreeMap::new();
    let rounds = if std::env::var_os("LOCKSTEP_FULL").is_some() {
        20_000
    } else {
        1_000
    };
    for seed in 0..rounds {
        let mut claimed = scene.journal.clone();
        let mut claim = scene.claim;
        let kind = usize::try_from(seed).unwrap() % LIES;
        lie(&scene, &mut claimed, &mut claim, kind, seed);
        let claim = claimed.stated(claim, &threads);
        let found = scene.find(&claimed, &claim);
        let found = found.unwrap_or_else(|| panic!("SEED {seed}: lie {kind} is not found"));
        let bytes = found.encode();
        let read = Refutation::decode(&bytes).unwrap();
        assert_eq!(read, found);
        let verdict = scene.check(&claim, &read);
        assert_eq!(verdict, Ok(()), "SEED {seed}, lie {kind}: {}", read.name());
        // The same says nothing of the honest claim.
        assert!(scene.check(&scene.claim, &read).is_err(), "SEED {seed}");
        *names.entry(read.name()).or_insert(0) += 1;
    }
    // Every kind of refutation was needed.
    assert_eq!(names.len(), 11, "{names:?}");
}

/// Everything that can be said of an honest block.
fn accusations(scene: &Scene) -> Vec<Refutation> {
    let journal = &scene.journal;
    let count = u32::try_from(journal.steps.len()).unwrap();
    let steps: Vec<_> = (0..=count).map(|at| journal.step(at).unwrap()).collect();
    let nodes: Vec<_> = (1..128).map(|node| journal.node(node).unwrap()).collect();
    let mut all = vec![
        Refutation::Opening {
            step: steps[0].clone(),
        },
        Refutation::Root {
            top: nodes[0].clone(),
        },
    ];
    for (place, opened) in steps[1..].iter().enumerate() {
        let step = journal.read_step(place).unwrap();
        let step_of = || opened.clone();
        let accounts = journal.accounts(place).unwrap();
        let hashes = account_hashes(&accounts.iter().collect::<Vec<_>>());
        let stated = step.entries.iter().map(|entry| entry.before);
        assert!(stated.eq(hashes));
        all.push(Refutation::Execution {
            step: step_of(),
            accounts,
        });
        for (account, entry) in (0..).zip(&step.entries) {
            all.push(Refutation::Origin {
                step: step_of(),
                account,
                proof: scene.trie.prove(&step.address(account as usize).unwrap()),
            });
            all.push(Refutation::Source {
                step: step_of(),
                account,
                writer: steps.get(entry.source as usize).cloned(),
            });
            for writer in steps.iter().step_by(3) {
                all.push(Refutation::Skipped {
                    step: step_of(),
                    account,
                    writer: writer.clone(),
                });
            }
        }
        for other in steps.iter().step_by(5) {
            let (step, other, earlier) = (step_of(), other.clone(), None);
            all.push(Refutation::Replay {
                step,
                other,
                earlier,
            });
        }
    }
    for node in 1..64 {
        let [node, left, right] = [node, node << 1, node << 1 | 1].map(|at| nodes[at - 1].clone());
        all.push(Refutation::Fork { node, left, right });
    }
    for (bucket, items) in nodes[63..].iter().zip(&journal.transition.buckets) {
        let bucket = || bucket.clone();
        let proofs = items.iter().map(|item| {
            let proof = scene.trie.prove(&item.address);
            proof.below(DEPTH.into(), &item.address)
        });
        all.push(Refutation::Bucket {
            bucket: bucket(),
            proofs: proofs.collect(),
        });
        for writer in &steps {
            let writer = writer.clone();
            for number in 0..u32::try_from(items.len()).unwrap() {
                all.push(Refutation::Item {
                    bucket: bucket(),
                    item: number,
                    writer: Some(writer.clone()),
                });
            }
            all.push(Refutation::Missing {
                bucket: bucket(),
                account: 0,
                writer,
            });
        }
    }
    all
}

#[test]
fn right_blocks_are_refuted_by_none() {
    let scene = Scene::new();
    assert_eq!(scene.find(&scene.journal, &scene.claim), None);
    for accusation in accusations(&scene) {
        let verdict = scene.check(&scene.claim, &accusation);
        assert!(verdict.is_err(), "{accusation:?}");
    }
}

#[test]
fn every_flipped_bit_of_a_refutation_is_noticed() {
    let scene = Scene::new();
    let threads = Threads::new(1).unwrap();
    let is_long = std::env::var_os("LOCKSTEP_FULL").is_some();
    let step = if is_long { 1 } else { 29 };
    for kind in 0..LIES {
        let (mut claimed, mut claim) = (scene.journal.clone(), scene.claim);
        lie(&scene, &mut claimed, &mut claim, kind, 7);
        let claim = claimed.stated(claim, &threads);
        let found = scene.find(&claimed, &claim).unwrap();
        let bytes = found.encode();
        for place in (0..bytes.len()).step_by(step) {
            for bit in 0..8 {
                let mut wrong = bytes.clone();
                wrong[place] ^= 1 << bit;
                let Some(read) = Refutation::decode(&wrong) else {
                    continue;
                };
                let verdict = scene.check(&claim, &read);
                // A step that is there twice has a wrong origin, and a leaf that cannot be read
                // is wrong whatever it is opened for.
                let is_true = matches!(kind, 6 | 15) && read.name() != found.name();
                let is_noticed = verdict.is_err() || is_true;
                assert!(is_noticed, "lie {kind}, bit {bit} of byte {place}");
            }
        }
        for end in (0..bytes.len()).step_by(step) {
            assert_eq!(Refutation::decode(&bytes[..end]), None);
        }
    }
}

/// Two claims with one transaction: the caller is to know that one comes before the other.
#[test]
fn a_replay_of_an_earlier_block_is_refuted() {
    let scene = Scene::new();
    let other = scene.journal.step(1).unwrap();
    let replay = Refutation::Replay {
        step: other.clone(),
        other,
        earlier: Some(scene.claim),
    };
    assert_eq!(scene.check(&scene.claim, &replay), Ok(()));
    let alone = match replay {
        Refutation::Replay { step, other, .. } => Refutation::Replay {
            step,
            other,
            earlier: None,
        },
        other => other,
    };
    assert_eq!(scene.check(&scene.claim, &alone), Err(NotRefuted::Parts));
}

#[test]
fn a_block_without_recorded_accounts_has_no_journal() {
    let market = Market::new();
    let chain = open(market.genesis(), Market::options(1));
    let start = head(&chain);
    let pay = transfer(&market.wallets[0], &market.wallets[1], 5);
    let built = build_on(&chain, start, &[market.sign(0, start, pay)]);
    let threads = Threads::new(1).unwrap();
    let [parent, bank] = [&start, &built.id].map(|id| chain.bank(id).unwrap());
    let block = Block::decode(built.bytes(), &BlockLimits::UNLIMITED).unwrap();
    let transactions = block.body.transactions();
    let before = Nodes::of(&parent, DEPTH, &threads).unwrap();
    let made = Journal::of(
        &parent,
        before,
        &bank,
        transactions,
        &built.receipts,
        &threads,
    );
    let error = made.unwrap_err().to_string();
    assert!(error.starts_with("expected 1 receipts with accounts, found one without at 0"));
    assert!(Nodes::of(&parent, 5, &threads).is_err());
}
