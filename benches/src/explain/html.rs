//! An explained plan into one page that needs no network: styles, script and data are inline.
//!
//! The page holds every transaction of the schedule. Its script draws the lane timeline, which
//! can be zoomed; the batch widths; the graph of the busiest accounts; bounds against plans by
//! number of workers; what relieving an account would save; and the critical path.

use std::collections::BTreeSet;
use std::io::{self, Write};

use lockstep_scheduler::{AccountIndex, blocking_accounts};
use serde::Serialize;

use super::{Explained, Explanation};

/// Accounts that the graph shows at most.
pub const GRAPH_ACCOUNTS_MAX: usize = 24;

/// The page around style, data and script.
const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// What the script reads.
#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    transactions: usize,
    accounts: usize,
    work: u64,
    critical_path: u64,
    hottest_account: u64,
    explanation: &'a Explanation,
    /// By transaction on the timeline: its index, worker, batch, start, end, and the number of
    /// the busiest account that it uses in `nodes`, -1 for none.
    slices: Vec<(u32, u32, usize, u64, u64, i32)>,
    /// By wait: worker, start, end, transaction, awaited transaction.
    pauses: Vec<(u32, u64, u64, u32, u32)>,
    /// By batch: start, end of the last lane, end of the barrier.
    phases: Vec<(u64, u64, u64)>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// A busy account.
#[derive(Serialize)]
struct Node {
    account: String,
    writers: u32,
    readers: u32,
    cost: u64,
}

/// Two busy accounts that transactions use together: these cannot run beside the users of either.
#[derive(Serialize)]
struct Edge {
    one: usize,
    other: usize,
    transactions: u32,
}

/// Writes the page; `title` names the block.
///
/// # Errors
/// Those of the writer.
pub fn write(explained: &Explained<'_>, title: &str, out: &mut impl Write) -> io::Result<()> {
    let bounds = explained.block.bounds();
    let heats = blocking_accounts(explained.block.table(), GRAPH_ACCOUNTS_MAX);
    let hottest: Vec<AccountIndex> = heats.iter().map(|heat| heat.account).collect();
    let nodes = heats.iter().map(|heat| Node {
        account: explained.address(heat.account),
        writers: heat.writer_count,
        readers: heat.reader_count,
        cost: heat.cost,
    });
    let schedule = &explained.schedule;
    let pauses = schedule.pauses.iter();
    let phases = schedule.phases.iter();
    let data = Data {
        title,
        transactions: explained.block.table().transaction_count(),
        accounts: explained.block.addresses().len(),
        work: bounds.work,
        critical_path: bounds.critical_path,
        hottest_account: bounds.hottest_account,
        explanation: &explained.explanation,
        slices: slices(explained, &hottest),
        pauses: pauses
            .map(|p| (p.worker, p.start, p.end, p.transaction.0, p.after.0))
            .collect(),
        phases: phases.map(|p| (p.start, p.end, p.released)).collect(),
        nodes: nodes.collect(),
        edges: edges(explained, &hottest),
    };
    // Within a script element, nothing but `<` could end the data.
    let data = serde_json::to_string(&data)?.replace('<', "\\u003c");
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let mut rest = PAGE;
    for (mark, text) in [
        ("@TITLE@", title.as_str()),
        ("@STYLE@", STYLE),
        ("@DATA@", &data),
        ("@SCRIPT@", SCRIPT),
    ] {
        let (before, after) = rest.split_once(mark).expect("the page has each mark once");
        out.write_all(before.as_bytes())?;
        out.write_all(text.as_bytes())?;
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// The timeline's slices, each with the busiest account of its transaction.
fn slices(
    explained: &Explained<'_>,
    hottest: &[AccountIndex],
) -> Vec<(u32, u32, usize, u64, u64, i32)> {
    let table = explained.block.table();
    let slices = explained.schedule.slices.iter().map(|slice| {
        let accesses = table.accesses(slice.transaction).iter();
        let ranks = accesses.filter_map(|access| {
            hottest
                .iter()
                .position(|&account| account == access.account())
        });
        let rank = ranks.min().and_then(|rank| i32::try_from(rank).ok());
        (
            slice.transaction.0,
            slice.worker,
            slice.batch,
            slice.start,
            slice.end,
            rank.unwrap_or(-1),
        )
    });
    slices.collect()
}

/// Which of the busiest accounts are used together by a transaction that writes one of them.
fn edges(explained: &Explained<'_>, hottest: &[AccountIndex]) -> Vec<Edge> {
    let table = explained.block.table();
    let mut counts = std::collections::BTreeMap::new();
    for transaction in table.transactions() {
        let accesses = table.accesses(transaction).iter();
        let used: BTreeSet<(usize, bool)> = accesses
            .filter_map(|access| {
                let rank = hottest
                    .iter()
                    .position(|&account| account == access.account())?;
                Some((rank, access.is_write()))
            })
            .collect();
        for (one, writes) in &used {
            for (other, writes_too) in &used {
                if one < other && (*writes || *writes_too) {
                    let count = counts.entry((*one, *other)).or_insert(0_u32);
                    *count = count.saturating_add(1);
                }
            }
        }
    }
    let edges = counts.into_iter().map(|((one, other), transactions)| Edge {
        one,
        other,
        transactions,
    });
    edges.collect()
}
