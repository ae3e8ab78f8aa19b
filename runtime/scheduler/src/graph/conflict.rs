//! Turns an access table, or a list of edges, into the explicit conflict graph: one node a
//! transaction, one edge a conflicting pair.
//!
//! It grows with the square of a hot account's users, so it is built only up to a limit, and no
//! planner on the hot path needs it. It must not be confused with the sparse
//! [dependencies](crate::Dependencies), which may be layered but never coloured.

use petgraph::Directed;
use petgraph::csr::Csr;

use crate::ids::narrow;
use crate::table::AccessTable;

/// The most conflicting pairs for which the strategies on the explicit graph plan a block; the
/// limit is ours. It keeps such a graph below 200 MB.
pub const CONFLICT_COUNT_MAX: usize = 4 << 20;

/// An undirected graph without loops, nodes numbered from 0, neighbours in ascending order.
#[derive(Clone, Debug)]
pub struct ConflictGraph {
    /// Holds each pair in both directions.
    rows: Csr<(), (), Directed, u32>,
}

impl ConflictGraph {
    /// The conflict graph of a block, or `None` if it has more than `conflict_count_max` pairs.
    ///
    /// O(sum over accounts of writers x users).
    pub fn of(table: &AccessTable, conflict_count_max: usize) -> Option<Self> {
        // By account: its writers, and all its users.
        let mut users = vec![(Vec::new(), Vec::new()); table.account_count()];
        for transaction in table.transactions() {
            for access in table.accesses(transaction) {
                let (writers, all) = &mut users[access.account().index()];
                all.push(transaction.0);
                if access.is_write() {
                    writers.push(transaction.0);
                }
            }
        }
        let mut seen_by = vec![u32::MAX; table.transaction_count()];
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for transaction in table.transactions() {
            let start = edges.len();
            seen_by[transaction.index()] = transaction.0;
            for access in table.accesses(transaction) {
                let (writers, all) = &users[access.account().index()];
                for &other in if access.is_write() { all } else { writers } {
                    if std::mem::replace(&mut seen_by[other as usize], transaction.0)
                        != transaction.0
                    {
                        edges.push((transaction.0, other));
                    }
                }
            }
            if edges.len() / 2 > conflict_count_max {
                return None;
            }
            edges[start..].sort_unstable();
        }
        Some(Self::from_rows(table.transaction_count(), &edges))
    }

    /// A graph from pairs of nodes below `node_count`; loops are left out, and a pair counts
    /// once however often and in whichever direction it is named.
    ///
    /// # Panics
    /// If a pair names a node that is not below `node_count`.
    pub fn from_edges(node_count: usize, edges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let edges = edges.into_iter().filter(|(one, other)| one != other);
        let mut edges: Vec<_> = edges
            .flat_map(|(one, other)| [(one, other), (other, one)])
            .collect();
        edges.sort_unstable();
        edges.dedup();
        Self::from_rows(node_count, &edges)
    }

    /// A graph from sorted edges that are there once in each direction.
    fn from_rows(node_count: usize, edges: &[(u32, u32)]) -> Self {
        let mut rows = Csr::from_sorted_edges(edges).expect("the edges are sorted");
        assert!(
            rows.node_count() <= node_count,
            "a pair names node {} of a graph of {node_count}",
            rows.node_count().saturating_sub(1)
        );
        // Those at the end may have no neighbours.
        while rows.node_count() < node_count {
            rows.add_node(());
        }
        Self { rows }
    }

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.rows.node_count()
    }

    /// The number of conflicting pairs.
    pub fn conflict_count(&self) -> usize {
        self.rows.edge_count() / 2
    }

    /// The nodes that conflict with a node, in ascending order.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn neighbours(&self, node: u32) -> &[u32] {
        self.rows.neighbors_slice(node)
    }

    /// How many nodes conflict with a node.
    pub fn degree(&self, node: u32) -> usize {
        self.rows.out_degree(node)
    }

    /// All nodes.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = u32> + Clone + use<> {
        0..narrow(self.node_count())
    }

    /// All conflicting pairs, each once with the lower node first, in ascending order.
    pub fn edges(&self) -> impl Iterator<Item = (u32, u32)> {
        let pairs = |node| {
            self.neighbours(node)
                .iter()
                .map(move |&other| (node, other))
        };
        let pairs = self.nodes().flat_map(pairs);
        pairs.filter(|(one, other)| one < other)
    }

    /// Whether no two conflicting nodes have the same colour.
    pub fn is_coloured_by(&self, colours: &[u32]) -> bool {
        let differ = |(one, other)| colours[one as usize] != colours[other as usize];
        colours.len() == self.node_count() && self.edges().all(differ)
    }

    /// The graph for petgraph's algorithms, each pair in both directions.
    pub fn as_petgraph(&self) -> &Csr<(), (), Directed, u32> {
        &self.rows
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
        assert!(ConflictGraph::of(&table, 3).is_none());
        let turned = ConflictGraph::from_edges(5, edges.iter().map(|&(a, b)| (b, a)));
        assert_eq!(turned.edges().collect::<Vec<_>>(), edges);
        assert_eq!(turned.node_count(), 5);
        assert_eq!(
            (graph.node_count(), graph.conflict_count(), graph.degree(0)),
            (5, 4, 3)
        );
        assert!(graph.is_coloured_by(&[0, 1, 1, 0, 2]));
        assert!(!graph.is_coloured_by(&[0, 1, 1, 0, 1]));
    }

    #[test]
    fn loops_and_doubles_are_left_out() {
        let graph = ConflictGraph::from_edges(3, [(0, 0), (1, 2), (2, 1), (1, 2)]);
        assert_eq!(graph.edges().collect::<Vec<_>>(), [(1, 2)]);
    }
}
