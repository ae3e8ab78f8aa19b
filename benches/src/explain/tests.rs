//! Explanations of small blocks, and what the files made of them hold.

use std::num::NonZeroU32;

use lockstep_interface::Address;
use lockstep_scheduler::{Mode, PlanRequest, Policy, check, strategy};
use serde_json::Value;

use super::*;
use crate::access::AccessList;

/// Three transactions on account 1, the second with account 2 too; one on its own.
fn block() -> InternedBlock {
    let address = |number: u8| Address::new_from_array([number; 32]);
    let list = |writes: &[u8], cost| AccessList {
        writes: writes.iter().map(|&number| address(number)).collect(),
        reads: vec![address(9)],
        cost,
        ..AccessList::default()
    };
    InternedBlock::new(&[
        list(&[1], 1_000),
        list(&[1, 2], 5_000),
        list(&[1], 2_000),
        list(&[3], 500),
    ])
}

fn explain<'a>(block: &'a InternedBlock, name: &str, mode: Mode) -> Explained<'a> {
    let workers = NonZeroU32::new(2).unwrap();
    let strategy = strategy(name).unwrap();
    Explained::new(block, strategy.as_ref(), &PlanRequest::new(mode, workers)).unwrap()
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_explanation_names_path_and_blocker() {
    let block = block();
    let explained = explain(&block, "waits", Mode::Replay);
    let figures = &explained.explanation;
    let path: Vec<_> = figures
        .critical_path
        .iter()
        .map(|s| (s.tx, s.end))
        .collect();
    assert_eq!(path, [(0, 1_000), (1, 6_000), (2, 8_000)]);
    assert_eq!(figures.critical_path[0].through, None);
    let hot = Address::new_from_array([1; 32]).to_string();
    assert_eq!(figures.critical_path[1].through, Some(hot.clone()));
    assert_eq!((figures.lower_bound, figures.heavy_clique), (8_000, 8_000));
    // Account 9 is only read, 2 and 3 have one user: none of them blocks a transaction.
    assert_eq!(figures.blocking.len(), 1);
    let blocking = &figures.blocking[0];
    assert_eq!((&blocking.account, blocking.writers), (&hot, 3));
    assert_eq!(blocking.lower_bound_without, 5_000);
    assert!(blocking.saved >= 2_000, "{blocking:?}");
    let counts: Vec<u32> = figures.scaling.iter().map(|scale| scale.workers).collect();
    assert_eq!(counts, WORKER_COUNTS);
    let work: u64 = figures.batches.iter().map(|batch| batch.work).sum();
    assert_eq!(work, 8_500);
}

/// 40 swaps of one exchange write its eight accounts, 10 transactions of another program write two
/// of their own; all set a budget, and each pays with an account of its own.
#[test]
fn groups_are_priced_where_one_account_saves_nothing() {
    let address = |number: u8| Address::new_from_array([number; 32]);
    let [exchange, other] = [address(200), address(201)];
    let budget = lockstep_interface::address::program_ids::COMPUTE_BUDGET;
    let list = |payer: u8, accounts: std::ops::Range<u8>, program| AccessList {
        writes: std::iter::once(payer)
            .chain(accounts)
            .map(address)
            .collect(),
        programs: vec![budget, program],
        cost: 10_000,
        ..AccessList::default()
    };
    let swaps = (0..40).map(|number| list(100 + number, 1..9, exchange));
    let others = (0..10).map(|number| list(150 + number, 20..22, other));
    let block = InternedBlock::new(&swaps.chain(others).collect::<Vec<_>>());
    let figures = explain(&block, "waits", Mode::Replay).explanation;
    // The work of two workers is 250,000, that of the exchange's accounts 400,000; finding the next
    // of a chain takes 100 a transaction.
    assert_eq!(figures.makespan, 404_000);
    assert_eq!(figures.blocking.len(), 10);
    assert!(figures.blocking.iter().all(|one| one.saved <= 4_000));
    let found: Vec<_> = figures
        .groups
        .iter()
        .map(|group| {
            assert_eq!(
                group.program, None,
                "a program's accounts are those of its transactions"
            );
            (
                group.accounts.len(),
                group.transactions,
                group.cost,
                group.lower_bound_without,
            )
        })
        .collect();
    assert_eq!(
        found,
        [(8, 40, 400_000, 250_000), (2, 10, 100_000, 400_000)]
    );
    assert!(figures.groups[0].saved > 140_000, "{:?}", figures.groups[0]);

    // Two pools of one program, each of four accounts: a group each, and one of the program.
    let pools = (0..40).map(|number| match number % 2 {
        0 => list(100 + number, 1..5, exchange),
        _ => list(100 + number, 5..9, exchange),
    });
    let block = InternedBlock::new(&pools.collect::<Vec<_>>());
    let figures = explain(&block, "waits", Mode::Replay).explanation;
    let found = figures.groups.iter();
    let found: Vec<_> = found
        .map(|group| (group.program.clone(), group.accounts.len()))
        .collect();
    let named = Some(exchange.to_string());
    assert_eq!(found, [(None, 4), (None, 4), (named, 8)]);
}

#[test]
fn priority_decides_between_conflicting_transactions() {
    let block = block().with_priorities(vec![1, 5, 9, 0]);
    assert_eq!(block.policy(), Policy::Priority);
    for name in ["layered", "lanes", "waits", "dag", "first-fit", "serial"] {
        let explained = explain(&block, name, Mode::Produce);
        let path = explained.explanation.critical_path.iter();
        assert_eq!(path.map(|step| step.tx).collect::<Vec<_>>(), [2, 1, 0]);
        let mut ends = [0; 4];
        for slice in &explained.schedule.slices {
            ends[slice.transaction.index()] = slice.end;
        }
        assert!(ends[2] < ends[1] && ends[1] < ends[0], "{name}: {ends:?}");
        check(explained.plan, block.table(), Mode::Produce).unwrap();
    }
}

#[test]
fn every_transaction_has_a_trace_event() {
    let block = block();
    let explained = explain(&block, "layered", Mode::Replay);
    let json = text(|out| trace_events::write(&explained, out));
    let trace: Value = serde_json::from_str(&json).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of_kind = |kind: &str| events.iter().filter(|e| e["cat"] == kind).count();
    assert_eq!((of_kind("transaction"), of_kind("wait")), (4, 0));
    // Three batches, each with a barrier on both workers.
    assert_eq!(of_kind("barrier"), 6);
    let second = events.iter().find(|event| event["name"] == "tx 1").unwrap();
    // Costs are nanoseconds, times of the format microseconds: 1 us and a barrier before.
    assert_eq!((&second["ts"], &second["dur"]), (&2.0.into(), &5.0.into()));
    assert_eq!(second["args"]["writes"].as_array().unwrap().len(), 2);
    let names = events.iter().filter(|event| event["name"] == "thread_name");
    assert_eq!(names.count(), 2);
}

#[test]
fn the_graph_has_every_conflict_of_a_small_block() {
    let block = block();
    let explained = explain(&block, "layered", Mode::Replay);
    let graph = text(|out| dot::write(&explained, out));
    assert!(
        graph.contains("4 of 4 transactions, 3 conflicts"),
        "{graph}"
    );
    assert_eq!(graph.matches(" -- ").count(), 3);
    assert_eq!(graph.matches("penwidth=3").count(), 3);
}

#[test]
fn a_large_graph_is_cut() {
    let list = |number: u16| AccessList {
        writes: vec![Address::new_from_array([1; 32])],
        cost: u64::from(number),
        ..AccessList::default()
    };
    let lists: Vec<AccessList> = (0..1_000).map(list).collect();
    let block = InternedBlock::new(&lists);
    let explained = explain(&block, "lanes", Mode::Produce);
    let graph = text(|out| dot::write(&explained, out));
    let nodes = graph.matches("[label=").count();
    // All conflict: 63 x 62 / 2 pairs fit, one more transaction does not.
    assert_eq!(nodes, 63);
    assert_eq!(graph.matches(" -- ").count(), 1_953);
    assert!(graph.contains("63 of 1000 transactions"));
    assert!(graph.contains("  999 [label="), "the costliest is shown");
}

#[test]
fn the_page_is_whole_and_needs_no_network() {
    let block = block();
    let explained = explain(&block, "auto", Mode::Produce);
    let page = text(|out| html::write(&explained, "</script><b>&", out));
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("<title>&lt;/script>&lt;b>&amp;"));
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let (_, data) = page.split_once("type=\"application/json\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["slices"].as_array().unwrap().len(), 4);
    assert_eq!(data["title"], "</script><b>&");
}

#[test]
fn an_empty_block_has_nothing_to_explain() {
    let block = InternedBlock::new(&[]);
    let explained = explain(&block, "auto", Mode::Produce);
    let figures = &explained.explanation;
    assert_eq!((figures.makespan, figures.critical_path.len()), (0, 0));
    assert!(text(|out| dot::write(&explained, out)).contains("0 of 0"));
    let trace = text(|out| trace_events::write(&explained, out));
    serde_json::from_str::<Value>(&trace).unwrap();
}
