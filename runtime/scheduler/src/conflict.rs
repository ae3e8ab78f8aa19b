//! Turns an access table, or a list of edges, into the explicit conflict graph: one node a
//! transaction, one edge a conflicting pair.
//!
//! This is for people who look at it and for algorithms that want it. It grows with the square
//! of a hot account's users, so it is built only up to a limit, and no planner on the hot path
//! needs it. It must not be confused with the sparse dependency graph (last writer, readers
//! since), which may be layered but never coloured.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "counts and positions are bounded by the limits on nodes and edges"
)]

use petgraph::graph::UnGraph;

use crate::ids::{TransactionIndex, narrow};
use crate::table::AccessTable;

/// The most conflicting pairs for which the strategies on the explicit graph plan a block; the
/// limit is ours. It keeps such a graph below 200 MB.
pub const CONFLICT_COUNT_MAX: usize = 4 << 20;

/// An undirected graph without loops, nodes numbered from 0, neighbours in ascending order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConflictGraph {
    /// Where each node's neighbours end.
    ends: Vec<u32>,
    neighbours: Vec<u32>,
}

impl ConflictGraph {
    /// The conflict graph of a block, or `None` if it has more than `conflict_count_max` pairs.
    ///
    /// O(sum over accounts of writers x users).
    pub fn of(table: &AccessTable, conflict_count_max: usize) -> Option<Self> {
        let users = Users::of(table);
        let count = table.transaction_count();
        let mut graph = Self {
            ends: Vec::with_capacity(count),
            neighbours: Vec::new(),
        };
        let mut seen_by = vec![u32::MAX; count];
        for transaction in table.transactions() {
            let start = graph.neighbours.len();
            seen_by[transaction.index()] = transaction.0;
            for access in table.accesses(transaction) {
                let account = access.account().index();
                let readers: &[u32] = if access.is_write() {
                    users.readers(account)
                } else {
                    &[]
                };
                for &other in users.writers(account).iter().chain(readers) {
                    if seen_by[other as usize] != transaction.0 {
                        seen_by[other as usize] = transaction.0;
                        graph.neighbours.push(other);
                    }
                }
            }
            if graph.neighbours.len() / 2 > conflict_count_max {
                return None;
            }
            graph.neighbours[start..].sort_unstable();
            graph.ends.push(narrow(graph.neighbours.len()));
        }
        Some(graph)
    }

    /// A graph from pairs of nodes below `node_count`; loops are left out, and a pair counts
    /// once however often and in whichever direction it is named.
    ///
    /// # Panics
    /// If a pair names a node that is not below `node_count`.
    pub fn from_edges(node_count: usize, edges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut lists = vec![Vec::new(); node_count];
        for (one, other) in edges {
            if one != other {
                lists[one as usize].push(other);
                lists[other as usize].push(one);
            }
        }
        let mut graph = Self {
            ends: Vec::with_capacity(node_count),
            neighbours: Vec::new(),
        };
        for mut list in lists {
            list.sort_unstable();
            list.dedup();
            graph.neighbours.append(&mut list);
            graph.ends.push(narrow(graph.neighbours.len()));
        }
        graph
    }

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.ends.len()
    }

    /// The number of conflicting pairs.
    pub fn conflict_count(&self) -> usize {
        self.neighbours.len() / 2
    }

    /// The nodes that conflict with a node, in ascending order.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn neighbours(&self, node: u32) -> &[u32] {
        let end = self.ends[node as usize] as usize;
        let start = node
            .checked_sub(1)
            .map_or(0, |before| self.ends[before as usize] as usize);
        &self.neighbours[start..end]
    }

    /// How many nodes conflict with a node.
    pub fn degree(&self, node: u32) -> usize {
        self.neighbours(node).len()
    }

    /// All nodes.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = u32> + Clone + use<> {
        0..narrow(self.ends.len())
    }

    /// All conflicting pairs, each once with the lower node first, in ascending order.
    pub fn edges(&self) -> impl Iterator<Item = (u32, u32)> {
        self.nodes().flat_map(|node| {
            self.neighbours(node)
                .iter()
                .filter(move |&&n| n > node)
                .map(move |&n| (node, n))
        })
    }

    /// Whether no two conflicting nodes have the same colour.
    pub fn is_coloured_by(&self, colours: &[u32]) -> bool {
        colours.len() == self.node_count()
            && self
                .edges()
                .all(|(a, b)| colours[a as usize] != colours[b as usize])
    }

    /// The same graph for petgraph's algorithms and its DOT export.
    pub fn to_petgraph(&self) -> UnGraph<TransactionIndex, ()> {
        let mut graph = UnGraph::with_capacity(self.node_count(), self.conflict_count());
        for node in self.nodes() {
            graph.add_node(TransactionIndex(node));
        }
        for (one, other) in self.edges() {
            graph.add_edge(one.into(), other.into(), ());
        }
        graph
    }
}

/// Who uses which account.
struct Users {
    writers: Lists,
    readers: Lists,
}

struct Lists {
    ends: Vec<u32>,
    items: Vec<u32>,
}

impl Users {
    fn of(table: &AccessTable) -> Self {
        Self {
            writers: Lists::of(table, true),
            readers: Lists::of(table, false),
        }
    }

    fn writers(&self, account: usize) -> &[u32] {
        self.writers.list(account)
    }

    fn readers(&self, account: usize) -> &[u32] {
        self.readers.list(account)
    }
}

impl Lists {
    fn of(table: &AccessTable, is_write: bool) -> Self {
        let uses = || {
            table.transactions().flat_map(move |transaction| {
                let accesses = table.accesses(transaction).iter();
                accesses
                    .filter(move |access| access.is_write() == is_write)
                    .map(move |access| (access.account().index(), transaction.0))
            })
        };
        let mut ends = vec![0_u32; table.account_count()];
        for (account, _) in uses() {
            ends[account] += 1;
        }
        let mut total = 0;
        for end in &mut ends {
            total += std::mem::replace(end, total);
        }
        let mut items = vec![0; total as usize];
        for (account, transaction) in uses() {
            items[ends[account] as usize] = transaction;
            ends[account] += 1;
        }
        Self { ends, items }
    }

    fn list(&self, account: usize) -> &[u32] {
        let start = account
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.items[start..self.ends[account] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::ids::AccountIndex;

    #[test]
    fn edges_are_the_conflicting_pairs() {
        let [a, b] = [0, 1].map(AccountIndex);
        let mut table = AccessTable::new();
        table.push([Access::write(a), Access::write(b)], 1);
        table.push([Access::write(a), Access::read(b)], 1);
        table.push([Access::read(b)], 1);
        table.push([], 1);
        table.push([Access::read(a)], 1);
        let graph = ConflictGraph::of(&table, 4).expect("there are four pairs");
        let edges: Vec<_> = graph.edges().collect();
        assert_eq!(edges, [(0, 1), (0, 2), (0, 4), (1, 4)]);
        for one in table.transactions() {
            for other in table.transactions() {
                let is_edge = graph.neighbours(one.0).contains(&other.0);
                assert_eq!(is_edge, table.conflict(one, other));
            }
        }
        assert_eq!(ConflictGraph::of(&table, 3), None);
        assert_eq!(
            ConflictGraph::from_edges(5, edges.iter().map(|&(a, b)| (b, a))),
            graph
        );
        assert_eq!(
            (graph.node_count(), graph.conflict_count(), graph.degree(0)),
            (5, 4, 3)
        );
        assert_eq!(graph.to_petgraph().edge_count(), 4);
        assert!(graph.is_coloured_by(&[0, 1, 1, 0, 2]));
        assert!(!graph.is_coloured_by(&[0, 1, 1, 0, 1]));
    }

    #[test]
    fn loops_and_doubles_are_left_out() {
        let graph = ConflictGraph::from_edges(3, [(0, 0), (1, 2), (2, 1), (1, 2)]);
        assert_eq!(graph.edges().collect::<Vec<_>>(), [(1, 2)]);
    }
}
