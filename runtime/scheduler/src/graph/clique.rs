//! Finds a heavy set of transactions that all conflict with each other: in any order, nothing
//! can run them faster than one at a time, so their cost is a lower bound of the makespan.
//!
//! The writers of one account are such a set, but a heavier one may be made of several accounts.
//! Finding the heaviest is hard; this is a greedy search from every transaction, with exchanges,
//! within a number of steps. petgraph lists all maximal cliques, of which dense blocks have more
//! than can be listed.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "counts are bounded by the number of nodes; costs are added with saturation"
)]

use super::conflict::{CONFLICT_COUNT_MAX, ConflictGraph};
use crate::bounds::Bounds;
use crate::ids::{TransactionIndex, narrow};
use crate::table::AccessTable;

/// Transactions that all conflict with each other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clique {
    /// Their cost together, in cost units; saturating.
    pub cost: u64,
    /// In ascending order.
    pub transactions: Vec<TransactionIndex>,
}

/// Finds a heavy clique of a block's conflict graph.
///
/// # Arguments
/// `step_count_max`: how often a node or an edge is looked at; 100 million steps take well
/// under a second. The result is the same on every machine, and no lighter with more steps.
///
/// # Returns
/// At least the writers of the hottest account. Only these where the graph has more than
/// [`CONFLICT_COUNT_MAX`] pairs.
///
/// ```
/// use lockstep_scheduler::{Access, AccessTable, AccountIndex, Bounds, heavy_clique};
///
/// // Three transactions that meet two by two.
/// let mut table = AccessTable::new();
/// for (one, other) in [(0, 1), (1, 2), (2, 0)] {
///     let [one, other] = [one, other].map(AccountIndex);
///     table.push([Access::write(one), Access::write(other)], 10);
/// }
/// assert_eq!(Bounds::of(&table).hottest_account, 20);
/// assert_eq!(heavy_clique(&table, 1_000).cost, 30);
/// ```
pub fn heavy_clique(table: &AccessTable, step_count_max: u64) -> Clique {
    let mut best = hottest_writers(table);
    let Some(graph) = ConflictGraph::of(table, CONFLICT_COUNT_MAX) else {
        return best;
    };
    let mut search = Search::new(table, &graph);
    let mut starts: Vec<u32> = graph.nodes().collect();
    starts.sort_by_key(|&node| std::cmp::Reverse(search.weights[node as usize]));
    for start in starts {
        if search.step_count > step_count_max {
            break;
        }
        let cost = search.run(start);
        if cost > best.cost {
            let mut transactions: Vec<_> = search
                .members
                .iter()
                .map(|&node| TransactionIndex(node))
                .collect();
            transactions.sort_unstable();
            best = Clique { cost, transactions };
        }
    }
    best
}

fn hottest_writers(table: &AccessTable) -> Clique {
    let mut sums = vec![0_u64; table.account_count()];
    let writes = |transaction: TransactionIndex| {
        table
            .accesses(transaction)
            .iter()
            .filter(|access| access.is_write())
    };
    for transaction in table.transactions() {
        for access in writes(transaction) {
            let sum = &mut sums[access.account().index()];
            *sum = sum.saturating_add(table.cost(transaction));
        }
    }
    let hottest = (0..sums.len()).max_by_key(|&account| (sums[account], usize::MAX - account));
    let Some(hottest) = hottest else {
        return Clique::default();
    };
    let is_writer = |&transaction: &TransactionIndex| {
        writes(transaction).any(|access| access.account().index() == hottest)
    };
    Clique {
        cost: sums[hottest],
        transactions: table.transactions().filter(is_writer).collect(),
    }
}

struct Search<'a> {
    graph: &'a ConflictGraph,
    costs: Vec<u64>,
    /// By node: its cost and that of its neighbours.
    weights: Vec<u64>,
    members: Vec<u32>,
    is_member: Vec<bool>,
    /// By node: how many members it does not conflict with; itself counts for a member.
    missing: Vec<u32>,
    step_count: u64,
}

impl<'a> Search<'a> {
    fn new(table: &AccessTable, graph: &'a ConflictGraph) -> Self {
        let costs: Vec<u64> = table
            .transactions()
            .map(|transaction| table.cost(transaction))
            .collect();
        let weight = |node: u32| {
            let neighbours = graph
                .neighbours(node)
                .iter()
                .map(|&other| costs[other as usize]);
            neighbours.fold(costs[node as usize], u64::saturating_add)
        };
        let weights = graph.nodes().map(weight).collect();
        let count = graph.node_count();
        Self {
            graph,
            costs,
            weights,
            members: Vec::new(),
            is_member: vec![false; count],
            missing: vec![0; count],
            step_count: 0,
        }
    }

    /// Grows a clique from a node and returns its cost.
    fn run(&mut self, start: u32) -> u64 {
        self.members.clear();
        self.is_member.fill(false);
        self.missing.fill(0);
        self.add(start);
        loop {
            if let Some(node) = self.best(|search, node| search.missing[node] == 0) {
                self.add(node);
            } else if let Some((node, member)) = self.exchange() {
                self.remove(member);
                self.add(node);
            } else {
                return self.members.iter().fold(0, |sum: u64, &node| {
                    sum.saturating_add(self.costs[node as usize])
                });
            }
        }
    }

    /// The node outside of the clique with the most weight of those wanted.
    fn best(&mut self, wanted: impl Fn(&Self, usize) -> bool) -> Option<u32> {
        self.step_count += self.costs.len() as u64;
        let fits =
            (0..self.costs.len()).filter(|&node| !self.is_member[node] && wanted(self, node));
        fits.max_by_key(|&node| (self.weights[node], usize::MAX - node))
            .map(narrow)
    }

    /// A node and the lighter member that keeps it out, if there are any.
    fn exchange(&mut self) -> Option<(u32, u32)> {
        self.step_count += self.costs.len() as u64;
        let candidates =
            (0..self.costs.len()).filter(|&node| !self.is_member[node] && self.missing[node] == 1);
        for node in candidates {
            let conflicts = self.graph.neighbours(narrow(node));
            let member = self
                .members
                .iter()
                .find(|member| conflicts.binary_search(member).is_err());
            let member = *member.expect("one member does not conflict with the node");
            // The clique's cost grows, so exchanges end.
            if self.costs[member as usize] < self.costs[node] {
                return Some((narrow(node), member));
            }
        }
        None
    }

    fn add(&mut self, node: u32) {
        self.members.push(node);
        self.is_member[node as usize] = true;
        self.note(node, 1);
    }

    fn remove(&mut self, node: u32) {
        self.members.retain(|&member| member != node);
        self.is_member[node as usize] = false;
        self.note(node, u32::MAX);
    }

    /// Adds `change`, 1 or -1, to what the nodes that do not conflict with `node` miss.
    fn note(&mut self, node: u32, change: u32) {
        self.step_count += self.costs.len() as u64;
        for missing in &mut self.missing {
            *missing = missing.wrapping_add(change);
        }
        for &neighbour in self.graph.neighbours(node) {
            let missing = &mut self.missing[neighbour as usize];
            *missing = missing.wrapping_sub(change);
        }
    }
}

impl Bounds {
    /// The same bounds with a clique as one more in produce mode.
    #[must_use]
    pub fn with_clique(self, clique: &Clique) -> Self {
        Self {
            heaviest_clique: self.heaviest_clique.max(clique.cost),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::ids::AccountIndex;

    /// Transactions by the accounts that they write, and their costs.
    fn table(transactions: &[(&[u32], u64)]) -> AccessTable {
        let mut table = AccessTable::new();
        for (accounts, cost) in transactions {
            table.push(
                accounts
                    .iter()
                    .map(|&account| Access::write(AccountIndex(account))),
                *cost,
            );
        }
        table
    }

    fn check(transactions: &[(&[u32], u64)], cost: u64, members: &[u32]) {
        let table = table(transactions);
        let clique = heavy_clique(&table, 100_000);
        let found: Vec<u32> = clique
            .transactions
            .iter()
            .map(|transaction| transaction.0)
            .collect();
        assert_eq!((clique.cost, &found[..]), (cost, members));
        for (position, &one) in clique.transactions.iter().enumerate() {
            for &other in &clique.transactions[position + 1..] {
                assert!(table.conflict(one, other));
            }
        }
    }

    #[test]
    fn a_clique_may_span_accounts() {
        check(&[], 0, &[]);
        check(&[(&[], 7), (&[], 9)], 9, &[1]);
        check(&[(&[0], 5), (&[0], 5), (&[1], 8)], 10, &[0, 1]);
        check(
            &[(&[0, 1], 5), (&[1, 2], 6), (&[2, 0], 7), (&[2], 3)],
            18,
            &[0, 1, 2],
        );
    }

    #[test]
    fn a_light_member_is_exchanged_for_a_heavy_one() {
        // The greedy start takes 1, which has many neighbours, and must give it up for 2.
        let transactions: [(&[u32], u64); 6] = [
            (&[0, 9], 50),
            (&[0, 1], 10),
            (&[0, 2], 40),
            (&[1], 30),
            (&[1], 30),
            (&[9, 2], 45),
        ];
        check(&transactions, 135, &[0, 2, 5]);
    }
}
