//! Load for tests and figures: workloads, two of them made for shards, and a chain that judges
//! blocks by the serial executor.
#![allow(
    dead_code,
    clippy::arithmetic_side_effects,
    reason = "each target uses its part; numbers are small"
)]

use std::{num::NonZeroUsize, sync::Arc};

use lockstep_benches::workload::{
    ACCOUNTS, Draft, Families, Family, FamilySpec, OptionKind, OptionSpec, Place, StreamShape,
    Workload, Zipf, keys::Keyring, transfers,
};
use lockstep_interface::{Account, AccountMeta, Address};
use lockstep_market::market_programs;
use lockstep_programs::{system::instruction::transfer, trace};
use lockstep_runtime::{
    bank::{Bank, FrozenBank, Genesis},
    block::{Outcome, Recording},
    engine::{Engine, FrozenBlock, UnsealedBlock},
    interface::Hash,
    rules::FeePolicy,
    seal::Seal,
    threads::Threads,
    verify::{ParsedBlock, Signatures},
    wire::WireBlock,
};
use lockstep_scheduler::TransactionIndex;
use lockstep_store::{MemoryStore, Trie};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

/// Groups of wallets, more than there are shards, so that they have to be spread.
const GROUPS: usize = 64;

const CROSSING: OptionSpec = OptionSpec {
    name: "crossing",
    kind: OptionKind::Percent,
    default: 10,
    min: 0,
    max: 100,
    about: "transfers to a wallet of another group",
};

/// `groups`: transfers of which both ends are drawn by popularity, most within a group of wallets.
const GROUPED: FamilySpec = FamilySpec {
    name: "groups",
    about: "transfers between wallets drawn by popularity, most within one of 64 groups",
    options: &[ACCOUNTS, CROSSING],
    build: |spec, seed| {
        let (count, crossing) = (spec.count("accounts"), spec.value("crossing"));
        let popularity = Zipf::new(count, 1_000);
        let in_group = Zipf::new(count.div_ceil(GROUPS), 1_000);
        Ok(transfers(spec, seed, move |wallets, _, rng| {
            let source = popularity.sample(rng);
            let group = match rng.random_range(0..100) < crossing {
                true => (source + rng.random_range(1..GROUPS)) % GROUPS,
                false => source % GROUPS,
            };
            let target = in_group.sample(rng) * GROUPS + group;
            if target == source || target >= wallets.len() {
                return (source, wallets.other(source, rng));
            }
            (source, target)
        }))
    },
};

/// `drains`: transfers to a few wallets that are emptied now and then, so that what a transaction
/// may do depends on the credits before it.
const DRAINS: FamilySpec = FamilySpec {
    name: "drains",
    about: "transfers to a few wallets, which are emptied now and then",
    options: &[ACCOUNTS],
    build: |spec, seed| {
        Ok(Box::new(Drains(Keyring::generate(
            seed,
            spec.count("accounts"),
        ))))
    },
};

/// What a wallet of `drains` has in the beginning.
const BALANCE: u64 = 3_000_000;

#[derive(Debug)]
struct Drains(Keyring);

impl Family for Drains {
    fn keys(&self) -> &Keyring {
        &self.0
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let wallets = self.0.addresses().iter();
        Box::new(wallets.map(|address| (*address, Account::wallet(BALANCE))))
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let hot = self.0.len().min(3);
        let (payer, target, lamports) = match rng.random_range(0..16) {
            // All but the fee, more than all, or so much that too little is left for rent.
            0 => (rng.random_range(0..hot), self.0.len() - 1, BALANCE - 5_000),
            1 => (rng.random_range(0..hot), self.0.len() - 1, 2 * BALANCE),
            2 => (rng.random_range(0..self.0.len()), 0, BALANCE - 6_000),
            _ => {
                let payer = rng.random_range(0..self.0.len());
                (payer, rng.random_range(0..hot), 1_000)
            }
        };
        let [from, to] = [payer, target].map(|number| self.0.address(number));
        let lamports = lamports + u64::from(place.tag());
        Draft {
            payer,
            instructions: vec![transfer(&from, &to, lamports)],
            tables: None,
            cost: 150,
        }
    }
}

/// `spins`: transactions of the trace program that work for a while, most of them on two accounts
/// of one group.
const SPINS: FamilySpec = FamilySpec {
    name: "spins",
    about: "transactions that write two accounts and work for a while",
    options: &[
        ACCOUNTS,
        CROSSING,
        OptionSpec {
            name: "cost",
            default: 10_000,
            min: 0,
            max: 100_000,
            about: "compute units of a transaction, about 1 ns each",
            ..ACCOUNTS
        },
    ],
    build: |spec, seed| {
        let count = spec.count("accounts");
        let written = Keyring::generate(seed.wrapping_add(1), count);
        Ok(Box::new(Spins {
            payers: Keyring::generate(seed, count),
            written: written.addresses().to_vec(),
            crossing: spec.value("crossing"),
            cost: u32::try_from(spec.value("cost")).expect("costs are bounded far below 2^32"),
        }))
    },
};

#[derive(Debug)]
struct Spins {
    payers: Keyring,
    written: Vec<Address>,
    crossing: u64,
    cost: u32,
}

impl Family for Spins {
    fn keys(&self) -> &Keyring {
        &self.payers
    }

    fn genesis(&self) -> Box<dyn Iterator<Item = (Address, Account)> + '_> {
        let written = Account {
            lamports: 10_000_000,
            data: vec![0; 165].into(),
            owner: trace::ADDRESS,
            ..Account::default()
        };
        let payers = self.payers.addresses().iter();
        let payers = payers.map(|address| (*address, Account::wallet(1_000_000_000_000)));
        let written = self
            .written
            .iter()
            .map(move |address| (*address, written.clone()));
        Box::new(payers.chain(written))
    }

    fn draft(&self, place: Place, rng: &mut ChaCha8Rng) -> Draft {
        let count = self.written.len();
        let payer = rng.random_range(0..count);
        let group = payer % GROUPS;
        let other = match rng.random_range(0..100) < self.crossing {
            true => (group + rng.random_range(1..GROUPS)) % GROUPS,
            false => group,
        };
        let metas = [group, other].map(|group| {
            let place = rng.random_range(0..count / GROUPS) * GROUPS + group;
            AccountMeta::writable(self.written[place], false)
        });
        let metas = metas.to_vec();
        let mut replay = trace::instruction(metas, self.cost, None);
        // Tells it apart from another one of its block with the same accounts.
        replay.data.extend_from_slice(&place.tag().to_le_bytes());
        Draft {
            payer,
            instructions: vec![replay],
            tables: None,
            cost: u64::from(self.cost),
        }
    }
}

/// A workload by its text; besides those of the benchmarks there are `groups`, `drains` and
/// `spins`.
pub(crate) fn workload(text: &str, seed: u64, shape: StreamShape) -> Workload {
    let mut families = Families::new();
    families.register(GROUPED);
    families.register(DRAINS);
    families.register(SPINS);
    let spec = families
        .parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let threads = NonZeroUsize::new(2).expect("it is 2");
    Workload::new(&spec, seed, shape, threads).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A chain with a trie, and what blocks are executed with.
pub(crate) struct Chain {
    pub(crate) head: Arc<FrozenBank>,
    pub(crate) engine: Engine,
    pub(crate) threads: Threads,
    pub(crate) leader: Option<Address>,
}

/// The genesis of a workload. With a leader it gets half of the fees.
pub(crate) fn genesis(workload: &Workload, leader: Option<Address>) -> Genesis {
    let accounts = workload.genesis().collect();
    let genesis = Genesis::new(accounts, market_programs()).without_limits();
    let policy = FeePolicy::new(5_000, 0, Address::default()).expect("half of them are a share");
    match leader {
        Some(_) => genesis.with_fee_policy(policy),
        None => genesis,
    }
}

impl Chain {
    pub(crate) fn new(genesis: Genesis, leader: Option<Address>, threads: usize) -> Self {
        let threads = Threads::new(threads).expect("threads can be started");
        let store = Arc::new(MemoryStore::new());
        let head = genesis.open_rooted(store, &Trie::default(), &threads);
        Self {
            head: head.expect("the genesis is sound"),
            engine: Engine::with_threads(threads.clone()),
            threads,
            leader,
        }
    }

    /// A bank for a block on the head.
    pub(crate) fn bank(&self) -> Bank {
        let slot = self.head.slot() + 1 + self.head.slot() % 3;
        let time = i64::try_from(slot).expect("slots are small");
        self.head.child(slot, time).with_leader(self.leader)
    }

    pub(crate) fn parse(&self, wire: WireBlock) -> ParsedBlock {
        ParsedBlock::new(wire, Signatures::Trusted, &self.threads)
    }

    /// The block after a serial run in this order.
    pub(crate) fn serial<'b>(
        &self,
        parsed: &'b ParsedBlock,
        order: &[TransactionIndex],
    ) -> UnsealedBlock<'b> {
        let bank = self.bank();
        let prepared = self
            .engine
            .prepare(&bank, parsed)
            .expect("nothing is missing");
        let run = self
            .engine
            .execute_serial(bank, prepared, Some(order), Recording::NONE);
        run.expect("memory does not fail")
    }

    /// Closes a block whose body has this order and a plan with this digest; transactions that were
    /// refused are not in it.
    pub(crate) fn freeze<'b>(
        &self,
        block: UnsealedBlock<'b>,
        order: &[TransactionIndex],
        plan_digest: Hash,
    ) -> FrozenBlock<'b> {
        let outcomes = block.executed.outcomes();
        let is_included =
            |index: &&TransactionIndex| matches!(outcomes[index.index()], Outcome::Included(_));
        let seal = Seal {
            order: order.iter().filter(is_included).copied().collect(),
            plan_digest,
        };
        block
            .freeze(&seal, &self.threads)
            .expect("memory does not fail")
    }
}
