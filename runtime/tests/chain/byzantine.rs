//! A producer that lies: whatever is wrong with a block is found, called by its name, costs no
//! more than it has to, and leaves the chain as it was.

use lockstep_interface::Hash;
use lockstep_runtime::{
    bank::Genesis,
    block::{BlockHeader, BlockLimits, Receipt, receipts_root},
    chain::{BuiltBlock, Chain},
    threads::Threads,
};
use lockstep_scheduler::{Dag, FirstFit, Lanes, Layered, Mode, Serial, Strategy, Waits};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    forge::{Conflicts, Forgery, judge},
    market::{Market, run_count},
    setting::{Reference, adopt, build, head, open, planned},
};

/// A forged block and the rules of which it may be said to break the first.
struct Case {
    what: String,
    bytes: Vec<u8>,
    expected: &'static [&'static str],
}

/// What is found out only when the block has run.
const LATE: [&str; 5] = [
    "Root.Receipts",
    "Root.Delta",
    "Root.State",
    "Refused.AccountNotFound",
    "CreditsDependOnOrder",
];

/// A chain that knows two blocks at the same height, and what a valid child of the first is.
struct Scene {
    market: Market,
    chain: Chain,
    reference: Reference,
    parent: BuiltBlock,
    rival: Hash,
    /// The child.
    built: BuiltBlock,
    cases: Vec<Case>,
}

impl Scene {
    fn new(strategy: &dyn Strategy) -> Self {
        let market = Market::new();
        // The plan is for more workers than there are here.
        let producer = open(market.genesis(), Market::options(4));
        let chain = open(market.genesis(), Market::options(2));
        let mut reference = Reference::new(market.genesis());
        let genesis = head(&producer);
        let before = market.transactions(genesis);
        let parent = build(
            &producer,
            &planned(&producer, genesis, strategy, Mode::Produce),
            &before,
        );
        let rival = build(
            &producer,
            &planned(&producer, genesis, strategy, Mode::Produce),
            &before[..9],
        );
        let given = market.transactions(parent.id);
        let request = planned(&producer, parent.id, strategy, Mode::Produce);
        let built = build(&producer, &request, &given);
        assert_eq!(built.receipts.len(), given.len());
        for block in [&parent, &rival, &built] {
            reference.replay(block.bytes());
        }
        for block in [&parent, &rival] {
            adopt(&chain, block.bytes());
        }
        Self {
            rival: rival.id,
            market,
            chain,
            reference,
            parent,
            built,
            cases: Vec::new(),
        }
    }

    fn genuine(&self) -> Forgery {
        Forgery::of(self.built.bytes())
    }

    fn push(&mut self, what: impl Into<String>, bytes: Vec<u8>, expected: &'static [&'static str]) {
        let what = what.into();
        self.cases.push(Case {
            what,
            bytes,
            expected,
        });
    }

    /// Adds a forged block that is sealed again, and one whose producer forgot to.
    fn push_plan(
        &mut self,
        what: impl Into<String>,
        mut forgery: Forgery,
        rule: &'static [&'static str],
    ) {
        let what = what.into();
        self.push(
            format!("{what}, not sealed"),
            forgery.bytes(),
            &["Bytes.Root.Plan"],
        );
        forgery.seal();
        self.push(what, forgery.bytes(), rule);
    }

    fn forge(
        &mut self,
        what: &str,
        expected: &'static [&'static str],
        change: impl FnOnce(&mut Forgery),
    ) {
        let mut forgery = self.genuine();
        change(&mut forgery);
        self.push(what, forgery.bytes(), expected);
    }

    fn forge_header(&mut self) {
        let other = |hash: &mut Hash, byte: usize| {
            let mut bytes = hash.to_bytes();
            bytes[byte] ^= 1;
            *hash = Hash::new_from_array(bytes);
        };
        for byte in [0, 31] {
            self.forge("transaction root", &["Bytes.Root.Transactions"], |block| {
                other(&mut block.header.transaction_root, byte);
            });
            self.forge("receipts root", &["Root.Receipts"], |block| {
                other(&mut block.header.receipts_root, byte);
            });
            self.forge("delta root", &["Root.Delta"], |block| {
                other(&mut block.header.delta_root, byte);
            });
            self.forge("state root", &["Root.State"], |block| {
                other(block.header.state_root.as_mut().unwrap(), byte);
            });
            self.forge("plan digest", &["Bytes.Root.Plan"], |block| {
                other(&mut block.header.plan_digest, byte);
            });
            self.forge("parent", &["ParentMissing"], |block| {
                other(&mut block.header.parent_id, byte);
            });
        }
        self.forge("no state root", &["Root.State"], |block| {
            block.header.state_root = None;
        });
        for slot in [0, 1] {
            self.forge("slot of the past", &["Slot"], |block| {
                block.header.slot = slot
            });
        }
        for slot in [3, 500, u64::MAX] {
            self.forge("another slot", &["Root.Delta"], |block| {
                block.header.slot = slot
            });
        }
        let time = self.built.header.unix_timestamp;
        for time in [time.wrapping_add(1), i64::MAX] {
            self.forge("another time", &["Root.Delta"], |block| {
                block.header.unix_timestamp = time;
            });
        }
        let before = self.parent.header.unix_timestamp;
        for time in [before - 1, -1, i64::MIN] {
            self.forge("a time before the parent's", &["Time"], |block| {
                block.header.unix_timestamp = time;
            });
        }
        for count in [0, 1, u32::MAX] {
            self.forge("another count", &["Bytes.TransactionCount"], |block| {
                block.header.transaction_count = count;
            });
        }
        let rival = self.rival;
        self.forge("another parent", &["Refused.BlockhashNotFound"], |block| {
            block.header.parent_id = rival;
        });
        // Receipts that state a smaller fee.
        for place in [0, 5, self.built.receipts.len() - 1] {
            let mut receipts = self.built.receipts.to_vec();
            receipts[place].signature_fee -= 1;
            let receipts: Vec<&Receipt> = receipts.iter().collect();
            let root = receipts_root(&receipts, &Threads::new(1).unwrap());
            self.forge("a smaller fee", &["Root.Receipts"], |block| {
                block.header.receipts_root = root;
            });
        }
    }

    fn forge_bytes(&mut self, random: &mut ChaCha8Rng) {
        let bytes = self.built.bytes().to_vec();
        for _ in 0..8 {
            let size = random.random_range(0..bytes.len());
            self.push(
                format!("cut at {size}"),
                bytes[..size].to_vec(),
                &["Bytes.Encoding.Truncated"],
            );
        }
        self.push(
            "a byte more",
            [&bytes[..], &[0]].concat(),
            &["Bytes.Encoding.TrailingBytes"],
        );
        let genuine = self.genuine();
        let message_start = BlockHeader::SIZE + 9 + 2 * genuine.body.sizes.len();
        let plan_start = message_start + genuine.body.bytes.len();
        let mut places: Vec<usize> = (0..BlockHeader::SIZE).step_by(9).chain([149]).collect();
        places.extend((0..30).map(|_| random.random_range(BlockHeader::SIZE..bytes.len())));
        for place in places {
            let bit = random.random_range(0..8);
            let mut mutated = bytes.clone();
            mutated[place] ^= 1 << bit;
            let expected: &[&str] = match place {
                0 => &["Bytes.Encoding"],
                1..33 => &["ParentMissing"],
                33..41 => &["Root.Delta", "Slot"],
                41..49 => &["Root.Delta", "Time"],
                49..53 => &["Bytes.TransactionCount"],
                53..85 => &["Bytes.Root.Transactions"],
                85..117 => &["Root.Receipts"],
                117..149 => &["Root.Delta"],
                149 => &["Bytes.Encoding"],
                150..182 => &["Root.State"],
                182..214 => &["Bytes.Root.Plan"],
                place if place < message_start => &["Bytes.Encoding"],
                place if place < plan_start => &[
                    "Bytes.Signature",
                    "Bytes.Malformed",
                    "Bytes.Root.Transactions",
                ],
                _ => &["Bytes.Encoding", "Bytes.Root.Plan"],
            };
            self.push(format!("bit {bit} of byte {place}"), mutated, expected);
        }
    }

    fn forge_transactions(&mut self) {
        let parent = self.parent.id;
        let count = self.built.receipts.len();
        for place in [0, count / 2, count - 1] {
            for byte in [1, 33, 64] {
                self.forge("a signature's byte", &["Bytes.Signature"], |block| {
                    let mut transactions = block.transactions();
                    transactions[place][byte] ^= 4;
                    block.set_transactions(&transactions);
                });
            }
            self.forge("another's signature", &["Bytes.Signature"], |block| {
                let mut transactions = block.transactions();
                let donor = transactions[(place + 1) % count][1..65].to_vec();
                transactions[place][1..65].copy_from_slice(&donor);
                block.set_transactions(&transactions);
            });
            self.forge("not a transaction", &["Bytes.Malformed"], |block| {
                let mut transactions = block.transactions();
                transactions[place] = vec![9; 100];
                block.set_transactions(&transactions);
                block.seal();
            });
            self.forge("one left out", &["Bytes.TransactionCount"], |block| {
                let mut transactions = block.transactions();
                transactions.remove(place);
                block.set_transactions(&transactions);
                block.body.lane_order.clear();
                block.body.waits.clear();
                let sizes = u32::try_from(transactions.len()).unwrap();
                (block.body.batch_sizes, block.body.lane_sizes) = (vec![1], vec![sizes]);
            });
        }
        for (what, size) in [("an empty one", 0), ("an oversized one", 4_097)] {
            self.forge(what, &["Bytes.Encoding.TransactionSize"], |block| {
                block.append(vec![1; size]);
            });
        }
        let twice = self.genuine().transactions()[3].clone();
        let old = Forgery::of(self.parent.bytes()).transactions()[3].clone();
        let stranger = self.market.pay(Hash::new_from_array([9; 32]), 1);
        let poor = self.market.beg(parent);
        let more = self.market.pay(parent, 2);
        let cases: [(&str, Vec<u8>, &'static [&'static str]); 5] = [
            ("the same twice", twice, &["Refused.AlreadyProcessed"]),
            ("one of the parent's", old, &["Refused.AlreadyProcessed"]),
            (
                "an unknown blockhash",
                stranger,
                &["Refused.BlockhashNotFound"],
            ),
            ("a payer without money", poor, &["Refused.AccountNotFound"]),
            ("one more", more.clone(), &["Root.Receipts"]),
        ];
        for (what, transaction, expected) in cases {
            self.forge(what, expected, |block| {
                block.append(transaction);
                block.seal();
            });
        }
        self.forge(
            "one more, not sealed",
            &["Bytes.TransactionCount"],
            |block| {
                block.append(more.clone());
            },
        );
        self.forge(
            "one more, but for its root",
            &["Bytes.Root.Plan"],
            |block| {
                block.append(more);
                block.header.transaction_count += 1;
            },
        );
    }

    /// Changes the order of transactions that depend on it, where one lane holds them all.
    fn forge_order(&mut self) {
        let conflicts = Conflicts::of(&self.chain, &self.genuine());
        let calls = self.genuine().transactions();
        let is_call = |place: usize| calls[place].ends_with(&[0; 7]) && calls[place].len() > 230;
        let mut count = 0;
        for place in 1..calls.len() {
            if !conflicts.conflict(place - 1, place) || !is_call(place) || !is_call(place - 1) {
                continue;
            }
            count += 1;
            self.forge(
                "swapped, not sealed",
                &["Bytes.Root.Transactions"],
                |block| {
                    let mut transactions = block.transactions();
                    transactions.swap(place - 1, place);
                    block.set_transactions(&transactions);
                },
            );
            self.forge("swapped", &["Root.Delta"], |block| {
                let mut transactions = block.transactions();
                transactions.swap(place - 1, place);
                block.set_transactions(&transactions);
                block.seal();
            });
        }
        assert!(count > 1, "{count} neighbours conflict");
    }

    fn forge_plan(&mut self) {
        let genuine = self.genuine();
        let body = &genuine.body;
        let conflicts = Conflicts::of(&self.chain, &genuine);
        for place in 0..body.waits.len().min(25) {
            let mut forgery = genuine.clone();
            let wait = forgery.body.waits.remove(place);
            self.push_plan(
                format!("without wait {wait:?}"),
                forgery,
                &["Plan.Conflict"],
            );
        }
        if body.waits.is_empty() {
            self.forge_lanes(&genuine, &conflicts);
        } else {
            let mut forgery = genuine.clone();
            forgery.body.waits.clear();
            forgery.body.lane_order.clear();
            self.push_plan("without waits", forgery, &["Plan.Conflict"]);
            let (waiting, after) = body.waits[0];
            let mut forgery = genuine.clone();
            forgery.body.waits[0] = (waiting, waiting.max(after) + 1);
            self.push(
                "a wait for what comes later",
                forgery.bytes(),
                &["Bytes.Encoding"],
            );
            let mut forgery = genuine.clone();
            forgery.body.waits.push((u32::MAX, 0));
            self.push(
                "a stranger's wait",
                forgery.bytes(),
                &["Bytes.Encoding.NotCanonical"],
            );
        }
        let mut forgery = genuine.clone();
        forgery.body.dispatch = 3;
        self.push(
            "an unknown dispatch",
            forgery.bytes(),
            &["Bytes.Encoding.TooLarge"],
        );
        self.forge_shared_accounts(&genuine);
    }

    /// Changes a plan of batches and lanes without waits.
    fn forge_lanes(&mut self, genuine: &Forgery, conflicts: &Conflicts) {
        let body = &genuine.body;
        let lane_sizes: Vec<usize> = body.lane_sizes.iter().map(|size| *size as usize).collect();
        let mut lane = 0;
        let mut start = 0;
        let mut before = 0..0;
        for (batch, lane_count) in body.batch_sizes.iter().enumerate() {
            let batch_start = start;
            for _ in 0..*lane_count {
                let end = start + lane_sizes[lane];
                for cut in start + 1..end {
                    if conflicts.any(start..cut, cut..end) {
                        let mut forgery = genuine.clone();
                        let first = u32::try_from(cut - start).unwrap();
                        forgery.body.lane_sizes[lane] -= first;
                        forgery.body.lane_sizes.insert(lane, first);
                        forgery.body.batch_sizes[batch] += 1;
                        let what = format!("lane {lane} split at {cut}");
                        self.push_plan(what, forgery, &["Plan.Conflict"]);
                    }
                }
                (start, lane) = (end, lane + 1);
            }
            if conflicts.any(before, batch_start..start) {
                let mut forgery = genuine.clone();
                let merged = forgery.body.batch_sizes.remove(batch);
                forgery.body.batch_sizes[batch - 1] += merged;
                self.push_plan(format!("batch {batch} merged"), forgery, &["Plan.Conflict"]);
            }
            before = batch_start..start;
        }
        if lane_sizes.len() > 1 {
            let mut forgery = genuine.clone();
            let count = u32::try_from(start).unwrap();
            forgery.body.lane_order = (0..count).rev().collect();
            self.push(
                "lanes reversed",
                forgery.bytes(),
                &["Bytes.Encoding.PlanOrder"],
            );
        }
        for (waiting, after, rule) in
            [(1, 0, &["Plan.WaitInsideLane", "Plan.WaitAcrossBatches"][..])]
        {
            if lane_sizes[0] > 1 {
                let mut forgery = genuine.clone();
                forgery.body.waits.push((waiting, after));
                self.push_plan("a wait inside a lane", forgery, rule);
            }
        }
    }

    fn forge_shared_accounts(&mut self, genuine: &Forgery) {
        let shared = &genuine.body.shared_accounts;
        assert!(!shared.is_empty(), "the shop is shared");
        let count = u32::try_from(genuine.transactions().len()).unwrap();
        let changes: [(&str, Vec<u32>, &'static [&'static str]); 3] = [
            ("nothing shared", Vec::new(), &["Plan.Conflict"]),
            // The System program is the last account of the first transfer.
            (
                "a stranger shared",
                vec![shared[0], 64 * count - 1],
                &["Share.Order"],
            ),
            (
                "a program shared",
                self.with_program(shared),
                &["Share.NotCreditable"],
            ),
        ];
        for (what, accounts, rule) in changes {
            let is_serial = genuine.body.lane_sizes.len() == 1;
            if is_serial && rule == ["Plan.Conflict"] {
                continue;
            }
            let mut forgery = genuine.clone();
            forgery.body.shared_accounts = accounts;
            self.push_plan(what, forgery, rule);
        }
        let mut forgery = genuine.clone();
        forgery.body.shared_accounts = vec![shared[0], shared[0]];
        self.push(
            "shared twice",
            forgery.bytes(),
            &["Bytes.Encoding.SharedAccountOrder"],
        );
        forgery.body.shared_accounts = vec![64 * count];
        self.push("no account", forgery.bytes(), &["Bytes.Encoding"]);
    }

    /// The shared accounts and a program that transactions name.
    fn with_program(&self, shared: &[u32]) -> Vec<u32> {
        let genuine = self.genuine();
        let parent = self.chain.bank(&genuine.header.parent_id).unwrap();
        let engine = lockstep_runtime::engine::Engine::new(1).unwrap();
        let bank = parent.child(genuine.header.slot, 0);
        let body = genuine.decode().unwrap();
        let parsed = crate::setting::trusted(body.transactions().clone());
        let prepared = engine.prepare(&bank, &parsed).unwrap();
        let mut addresses = prepared.addresses().iter();
        let program = addresses.position(|address| *address == crate::common::program::ADDRESS);
        let mut accounts = shared.to_vec();
        accounts.push(u32::try_from(program.unwrap()).unwrap());
        accounts.sort_unstable();
        accounts
    }

    /// Hands in all that was forged, and then the genuine block.
    fn judge(&mut self) -> usize {
        let (head, parent) = (head(&self.chain), self.parent.id);
        let cases = std::mem::take(&mut self.cases);
        let genuine = self.built.bytes();
        for (number, case) in cases.iter().enumerate() {
            assert_ne!(case.bytes, genuine, "{}", case.what);
            let runs = run_count();
            let verdict = judge(&self.chain, &case.bytes);
            let reason = verdict.expect_err(&case.what);
            let is_expected = case.expected.iter().any(|name| reason.starts_with(name));
            assert!(
                is_expected,
                "{}: {reason}, not {:?}",
                case.what, case.expected
            );
            if !LATE.contains(&&*reason) {
                assert_eq!(run_count(), runs, "{} ran to find {reason}", case.what);
            }
            assert_eq!(crate::setting::head(&self.chain), head);
            if number % 10 == 0 {
                self.reference.check_at(&self.chain, &head);
                self.reference.check_at(&self.chain, &parent);
            }
        }
        let runs = run_count();
        let id = judge(&self.chain, genuine).expect("the genuine block is valid");
        assert_eq!(id, self.built.id);
        assert!(run_count() > runs + 30);
        self.reference.check_at(&self.chain, &id);
        self.chain.commit(&id).unwrap();
        self.reference.check_store(&**self.chain.store(), &id);
        cases.len()
    }
}

/// In one test, since it counts what programs ran.
#[test]
fn every_lie_is_found_and_called_by_its_name() {
    let mut count = 0;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let strategies: [&dyn Strategy; 6] = [&Serial, &Lanes, &Waits, &Dag, &Layered, &FirstFit];
    for strategy in strategies {
        let mut scene = Scene::new(strategy);
        scene.forge_plan();
        scene.forge_bytes(&mut random);
        scene.forge_transactions();
        scene.forge_header();
        if strategy.name() == "serial" {
            scene.forge_order();
        }
        count += scene.judge();
        check_limits(&scene);
    }
    eprintln!("{count} forged blocks");
    assert!(count > 600, "{count}");
}

/// A block that is good but for its size.
fn check_limits(scene: &Scene) {
    // Its parent, since the chains that judge it have just begun.
    let genuine = Forgery::of(scene.parent.bytes());
    let count = genuine.header.transaction_count;
    let free = BlockLimits::UNLIMITED;
    let wait_count = u32::try_from(genuine.body.waits.len()).unwrap();
    let mut cases = vec![
        (
            BlockLimits {
                transaction_count_max: count - 1,
                ..free
            },
            "Bytes.Encoding.TooLarge",
        ),
        (
            BlockLimits {
                transaction_bytes_max: genuine.body.bytes.len() as u64 - 1,
                ..free
            },
            "Bytes.Encoding.TooLarge",
        ),
        (
            BlockLimits {
                compute_units_max: u64::from(count) * 3_000,
                ..free
            },
            "Limit.ComputeUnits",
        ),
        (
            BlockLimits {
                account_compute_units_max: 400_000,
                ..free
            },
            "Limit.AccountComputeUnits",
        ),
    ];
    if wait_count > 0 {
        let limits = BlockLimits {
            wait_count_max: wait_count - 1,
            ..free
        };
        cases.push((limits, "Bytes.Encoding.TooLarge"));
    }
    for (limits, expected) in cases {
        let genesis = Genesis {
            limits,
            ..scene.market.genesis()
        };
        let chain = open(genesis, Market::options(1));
        let runs = run_count();
        let verdict = judge(&chain, scene.parent.bytes());
        assert_eq!(verdict, Err(expected.to_owned()));
        assert_eq!(run_count(), runs);
    }
}
