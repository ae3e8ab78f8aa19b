//! A block into its conflict graph for Graphviz: transactions as nodes, conflicts as edges that
//! name the account.
//!
//! A drawing of ten thousand nodes tells nothing, so the graph is bounded: at most
//! [`TRANSACTIONS_MAX`] transactions and [`EDGES_MAX`] conflicts. A larger block is represented by
//! the transactions of its busiest accounts, the costliest first; the graph's label says how many
//! are shown.
//!
//! petgraph's own export knows no attributes of a whole graph (label, layout, looks of all nodes)
//! and names nodes by their position, so the text is written here.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use lockstep_scheduler::{AccountIndex, TransactionIndex, blocking_accounts};

use super::{ACCOUNTS_MAX, Explained};

/// Transactions that are drawn at most.
pub const TRANSACTIONS_MAX: usize = 200;
/// Conflicts that are drawn at most.
pub const EDGES_MAX: usize = 2_000;

/// Writes the graph in the DOT language. Nodes are coloured by batch, transactions of the
/// critical path have a bold frame, and edges of the busiest accounts a colour each.
///
/// # Errors
/// Those of the writer.
pub fn write(explained: &Explained<'_>, out: &mut impl Write) -> io::Result<()> {
    let (shown, edges) = choose(explained);
    let table = explained.block.table();
    let figures = &explained.explanation;
    let hottest: Vec<AccountIndex> = blocking_accounts(table, ACCOUNTS_MAX)
        .iter()
        .map(|heat| heat.account)
        .collect();
    let batch_of = batches_by_transaction(explained);
    writeln!(out, "graph conflicts {{")?;
    writeln!(
        out,
        "  label=\"{} of {} transactions, {} conflicts between them; {}, {}, {} workers, \
         {} batches\";",
        shown.len(),
        table.transaction_count(),
        edges.len(),
        figures.strategy,
        figures.mode,
        figures.workers,
        figures.batches.len(),
    )?;
    writeln!(
        out,
        "  layout=sfdp; overlap=prism; outputorder=edgesfirst;\n  \
         node [shape=box, style=\"filled,rounded\", colorscheme=pastel19, fontname=sans];\n  \
         edge [color=gray70];"
    )?;
    for &transaction in &shown {
        let batch = batch_of.get(&transaction).copied().unwrap_or(0);
        let is_critical = figures
            .critical_path
            .iter()
            .any(|step| step.tx == transaction.0);
        writeln!(
            out,
            "  {0} [label=\"{0}\\n{1}\", tooltip=\"batch {batch}\", fillcolor={2}{3}];",
            transaction.0,
            table.cost(transaction),
            batch.checked_rem(9).unwrap_or(0).saturating_add(1),
            if is_critical { ", penwidth=3" } else { "" },
        )?;
    }
    for (one, other, account) in edges {
        let rank = hottest.iter().position(|&hot| hot == account);
        let colour = rank.map_or_else(String::new, |rank| {
            format!(
                ", colorscheme=paired12, color={}",
                rank.checked_rem(12).unwrap_or(0).saturating_add(1)
            )
        });
        writeln!(
            out,
            "  {} -- {} [tooltip=\"{}\"{colour}];",
            one.0,
            other.0,
            explained.address(account)
        )?;
    }
    writeln!(out, "}}")
}

type Edge = (TransactionIndex, TransactionIndex, AccountIndex);

/// The transactions to draw, in block order, and all conflicts between them.
fn choose(explained: &Explained<'_>) -> (Vec<TransactionIndex>, Vec<Edge>) {
    let table = explained.block.table();
    let mut candidates: Vec<TransactionIndex> = Vec::new();
    if table.transaction_count() <= TRANSACTIONS_MAX {
        candidates.extend(table.transactions());
    } else {
        let mut is_in = vec![false; table.transaction_count()];
        for heat in blocking_accounts(table, usize::MAX) {
            if candidates.len() >= TRANSACTIONS_MAX {
                break;
            }
            let mut users: Vec<TransactionIndex> = table.transactions().collect();
            users.retain(|&transaction| {
                let mut accounts = table.accesses(transaction).iter();
                accounts.any(|access| access.account() == heat.account)
            });
            users.sort_by_key(|&transaction| Reverse(table.cost(transaction)));
            users.retain(|user| !std::mem::replace(&mut is_in[user.index()], true));
            candidates.append(&mut users);
        }
    }
    let mut shown: Vec<TransactionIndex> = Vec::new();
    let mut edges: Vec<Edge> = Vec::new();
    for candidate in candidates.into_iter().take(TRANSACTIONS_MAX) {
        let more: Vec<Edge> = shown
            .iter()
            .filter_map(|&other| Some((other, candidate, common(explained, other, candidate)?)))
            .collect();
        if edges.len().saturating_add(more.len()) > EDGES_MAX {
            break;
        }
        edges.extend(more);
        shown.push(candidate);
    }
    shown.sort_unstable();
    (shown, edges)
}

/// An account on which two transactions conflict.
fn common(
    explained: &Explained<'_>,
    one: TransactionIndex,
    other: TransactionIndex,
) -> Option<AccountIndex> {
    let table = explained.block.table();
    let theirs = table.accesses(other);
    let mine = table.accesses(one).iter();
    let mut shared = mine.filter(|access| {
        theirs.iter().any(|its| {
            its.account() == access.account() && its.mode().conflicts_with(access.mode())
        })
    });
    shared.next().map(|access| access.account())
}

fn batches_by_transaction(explained: &Explained<'_>) -> BTreeMap<TransactionIndex, usize> {
    let slices = explained.schedule.slices.iter();
    slices
        .map(|slice| (slice.transaction, slice.batch))
        .collect()
}
