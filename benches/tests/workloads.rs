//! What every workload promises: real signed bytes, the same for the same seed, that declare what
//! their access lists say and that their genesis can pay for.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "counts and means of a test, which fails where something is missing"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU32, NonZeroUsize};

use ed25519_zebra::{Signature, VerificationKey};
use lockstep_benches::access::AccessList;
use lockstep_benches::planning::{Figures, InternedBlock, measure};
use lockstep_benches::runner::{RunOptions, Runner};
use lockstep_benches::trace::{Trace, TraceOptions};
use lockstep_benches::workload::{Families, SpecError, StreamShape, Workload};
use lockstep_interface::address::program_ids;
use lockstep_interface::{Account, Address};
use lockstep_runtime::wire::WireBlock;
use lockstep_runtime::wire::{TransactionView, Version};
use lockstep_scheduler::{
    ConflictGraph, Mode, PlanRequest, Waits, colour_count, dsatur, first_fit,
};

const BLOCKHASH: [u8; 32] = [9; 32];

/// The recorded traces.
const TRACES: [&str; 9] = [
    "amm-whirlpool-2022-04-06-a",
    "eth-bal-41-blocks-a",
    "eth-pairs-43-blocks-a",
    "sol-2020-09-39824200",
    "sol-2020-12-55065000",
    "sol-2021-10-102815960",
    "sol-2022-05-133447493",
    "sol-2024-03-254170887",
    "sol-2025-04-332254855",
];

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// Blocks of 600 and a shorter one.
fn workload(text: &str, seed: u64, count: usize) -> Workload {
    let shape = StreamShape {
        transaction_count: 1_600,
        block_size: 600,
    };
    Workload::new(&text.parse().unwrap(), seed, shape, threads(count)).unwrap()
}

/// One block.
fn block_of(text: &str, size: usize) -> Workload {
    let shape = StreamShape {
        transaction_count: size,
        block_size: size,
    };
    Workload::new(&text.parse().unwrap(), 1, shape, threads(2)).unwrap()
}

/// Every family with few accounts, so that tests are quick and accounts collide.
fn small_specs() -> Vec<String> {
    let small = |name: &str| match name {
        "mainnet-mix" => "mainnet-mix:payers=50:accounts=200:markets=20".to_owned(),
        "pools" | "pools-mixed" => format!("{name}:payers=40:pools=5"),
        "adversarial" => "adversarial:payers=40:twins=6".to_owned(),
        "mint" | "smallbank" | "ycsb" => format!("{name}:payers=40:accounts=70"),
        "crossing" => "crossing:payers=40:accounts=70:hot=5".to_owned(),
        "city" => "city:users=2000".to_owned(),
        "dex" => "dex:accounts=40:markets=10".to_owned(),
        "swap-trace" => name.to_owned(),
        "candy-machines" => "candy-machines:machines=40".to_owned(),
        name => format!("{name}:accounts=40"),
    };
    let shapes = ["star", "crown", "giant", "hostile-order"];
    let shapes = shapes.map(|shape| format!("adversarial:shape={shape}:payers=40:twins=24"));
    let families = Families::new();
    let families = families.iter().filter(|family| can_be_made(family.name));
    let families = families.map(|family| small(family.name));
    families.chain(shapes).collect()
}

/// Whether the recorded data that a family replays, or the program that it calls, is there.
fn can_be_made(name: &str) -> bool {
    match name {
        "swap-trace" => common::data_file(&format!("traces/{}.jsonl.zst", TRACES[0])).is_some(),
        "candy-machines" => {
            let shape = StreamShape {
                transaction_count: 1,
                block_size: 1,
            };
            let made = Workload::new(&name.parse().unwrap(), 1, shape, threads(1));
            let missing = made.err().inspect(|error| eprintln!("SKIPPED: {error}"));
            !matches!(missing, Some(SpecError::Program { .. }))
        }
        _ => true,
    }
}

#[test]
fn blocks_depend_on_the_seed_and_not_on_threads() {
    for text in small_specs() {
        let one = workload(&text, 7, 1);
        let many = workload(&text, 7, 4);
        let other = workload(&text, 8, 2);
        for (index, size) in [600, 600, 400, 0].into_iter().enumerate() {
            assert_eq!(one.block_size(index), size);
            let block = one.block(index, BLOCKHASH);
            assert_eq!(block.len(), size);
            assert!(block == many.block(index, BLOCKHASH), "{text}");
            let is_same = |block_too: WireBlock| block == block_too;
            assert_eq!(is_same(other.block(index, BLOCKHASH)), size == 0, "{text}");
            assert_eq!(is_same(one.block(index, [1; 32])), size == 0, "{text}");
            assert_eq!(one.access_lists(index), many.access_lists(index));
        }
        assert!(one.block(0, BLOCKHASH) != one.block(1, BLOCKHASH), "{text}");
        let accounts = one.genesis().collect::<Vec<_>>();
        assert_eq!(accounts, many.genesis().collect::<Vec<_>>(), "{text}");
    }
}

/// The addresses that a transaction names, resolved through the genesis tables, as (written, read).
fn declared(view: &TransactionView<'_>, genesis: &BTreeMap<Address, Account>) -> [Vec<Address>; 2] {
    let mut lists = [Vec::new(), Vec::new()];
    for (index, key) in view.static_keys().iter().enumerate() {
        let is_read = !view.is_writable_static(index);
        lists[usize::from(is_read)].push(Address::new_from_array(*key));
    }
    for lookup in view.lookups() {
        let table = &genesis[&Address::new_from_array(*lookup.table)];
        assert_eq!(table.owner, program_ids::ADDRESS_LOOKUP_TABLE);
        let addresses = table.data[56..].as_chunks::<32>().0;
        for (list, positions) in lists.iter_mut().zip([lookup.writable, lookup.readonly]) {
            let found = positions
                .iter()
                .map(|&position| addresses[usize::from(position)]);
            list.extend(found.map(Address::new_from_array));
        }
    }
    lists
}

fn sorted(addresses: &[Address]) -> Vec<Address> {
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    sorted
}

/// Checks one block's bytes against its access lists. The trace program is left out of the
/// comparison where the lists are recorded and do not know it; accounts without genesis are written
/// where transactions create them.
fn check_block(
    block: &WireBlock,
    lists: &[AccessList],
    genesis: &BTreeMap<Address, Account>,
    is_recorded: bool,
    creates: bool,
) {
    assert_eq!(block.len(), lists.len());
    let mut messages = BTreeSet::new();
    for (bytes, list) in block.iter().zip(lists) {
        let view = TransactionView::parse(bytes).unwrap();
        assert!(
            messages.insert(view.message_bytes().to_vec()),
            "a message repeats"
        );
        assert_eq!(view.recent_blockhash(), &BLOCKHASH);
        let payer = Address::new_from_array(*view.fee_payer());
        assert_eq!(view.signatures().len(), 1);
        let key = VerificationKey::try_from(*view.fee_payer()).unwrap();
        let signature = Signature::from(view.signatures()[0]);
        key.verify(&signature, view.message_bytes()).unwrap();
        let wallet = &genesis[&payer];
        assert!(wallet.owner == program_ids::SYSTEM && wallet.lamports > 1_000_000_000);

        let [writes, reads] = declared(&view, genesis);
        for address in &writes {
            assert!(
                creates || genesis.contains_key(address),
                "a written account has no genesis"
            );
        }
        let count = writes.len() + reads.len();
        assert!(count <= 64, "{count} accounts");
        if is_recorded {
            // Payers have stand-ins and the programs that replay come on top.
            assert_eq!(writes.len(), list.writes.len().max(1));
            assert!(
                (1..=2).contains(&(count - list.len().max(1))),
                "{count} {}",
                list.len()
            );
        } else {
            assert_eq!(sorted(&writes), sorted(&list.writes));
            assert_eq!(sorted(&reads), sorted(&list.reads));
        }
    }
}

/// True if transactions of the workload create accounts.
fn creates(text: &str) -> bool {
    let name = text.split(':').next().unwrap_or_default();
    ["vote-storm", "drop", "supply-chain", "city"].contains(&name)
}

fn genesis_of(workload: &Workload) -> BTreeMap<Address, Account> {
    let mut genesis = BTreeMap::new();
    for (address, account) in workload.genesis() {
        assert!(account.exists());
        assert!(
            genesis.insert(address, account).is_none(),
            "{address} is there twice"
        );
    }
    genesis
}

#[test]
fn generated_bytes_declare_what_their_access_lists_say() {
    for text in small_specs() {
        let workload = workload(&text, 3, 2);
        let genesis = genesis_of(&workload);
        for index in 0..workload.block_count() {
            let lists = workload.access_lists(index);
            let block = workload.block(index, BLOCKHASH);
            check_block(&block, &lists, &genesis, false, creates(&text));
        }
    }
}

#[test]
fn recorded_blocks_become_transactions_that_fit_the_wire() {
    for name in TRACES {
        let Some(path) = common::data_file(&format!("traces/{name}.jsonl.zst")) else {
            continue;
        };
        let trace = Trace::read(&path, &TraceOptions::default()).unwrap();
        let count = trace.transaction_count();
        let workload = Workload::recorded(&path, trace, threads(2));
        let sizes: Vec<usize> = (0..workload.block_count())
            .map(|index| workload.block_size(index))
            .collect();
        assert_eq!((sizes.iter().sum(), workload.left_out()), (count, 0));
        let genesis = genesis_of(&workload);
        // Not all of hundreds of blocks.
        for (index, size) in sizes
            .iter()
            .enumerate()
            .filter(|(index, _)| index % 20 == 0)
        {
            let block = workload.block(index, BLOCKHASH);
            assert_eq!(block.len(), *size);
            check_block(&block, &workload.access_lists(index), &genesis, true, false);
        }
        assert!(workload.block(sizes.len(), BLOCKHASH).is_empty());
    }
}

#[test]
fn chains_link_and_hot_wallets_get_their_share() {
    let chain = workload("chain:accounts=7", 1, 2);
    let lists: Vec<AccessList> = (0..3).flat_map(|index| chain.access_lists(index)).collect();
    for pair in lists.windows(2) {
        assert_eq!(pair[0].writes[1], pair[1].writes[0]);
    }
    let one = workload("one-account", 1, 2).access_lists(0);
    assert!(one.iter().all(|list| list.writes[1] == one[0].writes[1]));

    let share = |text: &str, most: usize| {
        let mut counts = BTreeMap::new();
        let lists = block_of(text, 20_000).access_lists(0);
        lists
            .iter()
            .for_each(|list| *counts.entry(list.writes[1]).or_insert(0) += 1);
        let mut counts: Vec<i32> = counts.into_values().collect();
        counts.sort_unstable_by(|left, right| right.cmp(left));
        counts.iter().take(most).sum::<i32>() as f64 / 20_000.0
    };
    assert!((share("hot", 1) - 0.30).abs() < 0.02);
    assert!((share("hot:hot=4:share=80", 4) - 0.80).abs() < 0.02);
    assert!(share("hot:share=0", 1) < 0.001);
    // Rank 1 of a zipf distribution over 100,000 has a share of 1 / H(100,000) = 0.083.
    assert!((share("zipf", 1) - 0.083).abs() < 0.01);
}

/// The conflict graph of the first block.
fn conflicts(text: &str, size: usize) -> ConflictGraph {
    let block = InternedBlock::new(&block_of(text, size).access_lists(0));
    ConflictGraph::of(block.table(), 1 << 20).unwrap()
}

#[test]
fn adversarial_blocks_have_the_shapes_they_are_named_after() {
    let path = conflicts("adversarial", 300);
    assert!(path.edges().eq((0..299).map(|i| (i, i + 1))));
    let star = conflicts("adversarial:shape=star", 300);
    assert!(star.edges().eq((1..300).map(|i| (0, i))));

    let crown = conflicts("adversarial:shape=crown:twins=10", 20);
    let pairs = (0..10).flat_map(|i| (10..20).filter(move |j| i + 10 != *j).map(move |j| (i, j)));
    assert!(crown.edges().eq(pairs));
    assert_eq!(colour_count(&first_fit(&crown)), 2);
    let hostile = conflicts("adversarial:shape=hostile-order:twins=10", 20);
    assert_eq!(hostile.conflict_count(), 90);
    assert_eq!(colour_count(&first_fit(&hostile)), 10);
    assert_eq!(colour_count(&dsatur(&hostile)), 2);

    let giant = conflicts("adversarial:shape=giant", 300);
    let mut reached = vec![false; 300];
    let mut open = vec![0_u32];
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut reached[node as usize], true) {
            open.extend_from_slice(giant.neighbours(node));
        }
    }
    assert!(reached.into_iter().all(|is_reached| is_reached));
}

/// The share of transactions that write the account written most, and the mean number of accounts
/// written and read.
fn profile(text: &str) -> [f64; 3] {
    const COUNT: usize = 10_000;
    let lists = block_of(text, COUNT).access_lists(0);
    let mut counts: BTreeMap<Address, usize> = BTreeMap::new();
    for address in lists.iter().flat_map(|list| &list.writes) {
        *counts.entry(*address).or_default() += 1;
    }
    let sum = |len: fn(&AccessList) -> usize| lists.iter().map(len).sum::<usize>();
    [
        counts.into_values().max().unwrap(),
        sum(|list| list.writes.len()),
        sum(|list| list.reads.len()),
    ]
    .map(|count| count as f64 / COUNT as f64)
}

#[test]
fn applications_lock_what_they_are_said_to_lock() {
    for (text, expected) in [
        // The share of the first of 50 pools is 1 / H(50) = 0.222; payer, two and three accounts.
        ("pools", [0.222, 6.0, 1.0]),
        // Swaps 60 %, and arbitrage 10 % in one pool by popularity and another.
        ("pools-mixed", [0.157, 5.1, 1.6]),
        ("mint", [1.0, 5.0, 1.0]),
        ("mint:collections=4", [0.25, 5.0, 1.0]),
        // Each has one of 64, and every fifth another.
        ("crossing", [0.019, 3.0, 1.0]),
        // 15 % write one, 15 % another, 15 % one, 15 % three, 25 % two; 15 % read 2, 15 % 1.
        ("smallbank", [0.003, 2.4, 1.45]),
        ("smallbank:reads=100", [0.001, 1.0, 3.0]),
        ("ycsb:reads=100", [0.001, 1.0, 5.0]),
        // The most popular of 100,000 is drawn with 0.079, four times, and written every second.
        ("ycsb", [0.145, 3.0, 3.0]),
    ] {
        let found = profile(text);
        for (found_one, expected) in found.iter().zip(expected) {
            assert!(
                (found_one - expected).abs() < 0.02 + expected * 0.02,
                "{text}: {found:?}"
            );
        }
    }
}

/// The figures of a block's plan for 16 workers, in produce mode.
fn planned(text: &str, size: usize) -> Figures {
    let block = InternedBlock::new(&block_of(text, size).access_lists(0));
    let request = PlanRequest::new(Mode::Produce, NonZeroU32::new(16).unwrap());
    let (figures, _) = measure(&block, &Waits, &request).unwrap();
    assert!(figures.valid, "{text}: {:?}", figures.fault);
    figures
}

/// Users of the market share nothing that any of them writes, or only add to it: their block, and a
/// storm on one object that is added to, is one batch without waits, and 16 workers share it.
#[test]
fn storms_of_the_market_are_one_batch() {
    // As many users as act in one block, of those that act in pairs.
    for text in [
        "vote-storm:accounts=8000",
        "drop:accounts=8000",
        "drop:accounts=8000:hot-share=0",
        "payments:accounts=8000",
        "payments:accounts=8000:hot-share=0",
        "channels:accounts=8000",
        "supply-chain:accounts=8000",
        "game:accounts=8000",
        "dex:accounts=8000:markets=4000",
        "lending:accounts=8000:reserves=4000",
        "city:users=8000:hot-share=0",
        "city:users=8000",
    ] {
        let figures = planned(text, 4_000);
        // The trades of a city's hot pool, and the loans of its hot reserve, fit into one lane.
        assert_eq!((figures.batches, figures.waits), (1, 0), "{text}");
        let speedup = figures.bounds.work as f64 / figures.cost_makespan as f64;
        println!("{text}: {speedup:.1} times on 16 workers");
        assert!(speedup >= 12.0, "{text}: {speedup}");
        assert!(figures.efficiency >= 0.9, "{text}: {figures:?}");
    }
}

/// What users of the market ask for is done, on two threads as in the serial run.
#[test]
fn markets_serve_their_users() {
    for text in [
        "dex:accounts=200:markets=50:hot-share=20",
        "lending:accounts=200:reserves=50:hot-share=20",
        "city:users=2000:failing=0",
        "swap-trace",
    ] {
        if can_be_made(text) {
            all_succeed(text);
        }
    }
}

/// Owners change their machines, which begin as the compiled program makes them.
#[test]
fn compiled_programs_serve_their_users() {
    if can_be_made("candy-machines") {
        all_succeed("candy-machines:machines=200:hot-share=20");
    }
}

/// Runs 1,600 transactions on two threads and serially, with the same results; all succeed.
fn all_succeed(text: &str) {
    let workload = workload(text, 1, 2);
    let options = RunOptions {
        strategy: &Waits,
        mode: Mode::Produce,
        threads: threads(2),
        credits: true,
        verify: false,
        state_root: false,
        checks: true,
    };
    let mut runner = Runner::open(&workload, options).unwrap();
    let indexes: Vec<usize> = (0..workload.block_count()).collect();
    runner.run(&workload, &indexes, &|| ()).unwrap();
    let measured = runner.measured();
    assert_eq!(measured.mismatch, None, "{text}");
    assert_eq!(measured.counts.succeeded, 1_600, "{text}");
}

/// What a transaction of the mix looks like on the wire.
#[derive(Default)]
struct Statistics {
    accounts: Vec<usize>,
    writes: usize,
    costs: Vec<u64>,
    failing: usize,
    versioned: usize,
    priced: usize,
    counts: BTreeMap<Address, usize>,
}

#[test]
fn the_mix_has_the_figures_of_real_traffic() {
    const COUNT: usize = 20_000;
    let workload = block_of("mainnet-mix", COUNT);
    let mut found = Statistics::default();
    let lists = workload.access_lists(0);
    for (bytes, list) in workload.block(0, BLOCKHASH).iter().zip(&lists) {
        let view = TransactionView::parse(bytes).unwrap();
        found.accounts.push(list.len());
        found.writes += list.writes.len();
        found.costs.push(list.cost);
        list.writes
            .iter()
            .for_each(|address| *found.counts.entry(*address).or_default() += 1);
        let replay = view.instructions().last().unwrap();
        found.failing += usize::from(replay.data[4]);
        found.versioned += usize::from(view.version() == Version::V0);
        found.priced += usize::from(view.instructions().len() == 3);
    }
    found.accounts.sort_unstable();
    found.costs.sort_unstable();
    let mean = |sum: usize| sum as f64 / COUNT as f64;
    let accounts = mean(found.accounts.iter().sum());
    let (writes, failing) = (mean(found.writes), mean(found.failing));
    let hottest = mean(*found.counts.values().max().unwrap());
    let cost = found.costs.iter().sum::<u64>() as f64 / COUNT as f64;
    let line = format!(
        "accounts {accounts:.2} (median {}, 99% {}), written {writes:.2}, failing {failing:.3}, \
         cost {cost:.0} (median {}), hottest {hottest:.3}, v0 {:.3}, priced {:.3}",
        found.accounts[COUNT / 2],
        found.accounts[COUNT / 100 * 99],
        found.costs[COUNT / 2],
        mean(found.versioned),
        mean(found.priced),
    );
    println!("{line}");
    assert!((accounts - 12.0).abs() < 0.3, "{line}");
    assert!((writes - 7.0).abs() < 0.3, "{line}");
    assert!((failing - 0.08).abs() < 0.01, "{line}");
    assert!(found.accounts[COUNT / 100 * 99] >= 45, "{line}");
    assert!((20_000.0..60_000.0).contains(&cost), "{line}");
    // The hottest account of real blocks is in 5 % (March 2024) to 29 % (April 2025).
    assert!((0.05..0.29).contains(&hottest), "{line}");
    assert!((0.2..0.5).contains(&mean(found.versioned)), "{line}");
    assert!((mean(found.priced) - 0.6).abs() < 0.02, "{line}");
}
