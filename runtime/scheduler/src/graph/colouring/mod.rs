//! Colours the explicit conflict graph: conflicting nodes get different colours, and a colour
//! becomes a batch.
//!
//! All functions give each node a colour from 0 on, without gaps, and are deterministic. The
//! greedy ones differ in the order in which they visit the nodes:
//!
//! | function | next node | colours at most |
//! |---|---|---|
//! | [`first_fit`] | as numbered | largest degree + 1 |
//! | [`welsh_powell`] | largest degree | max over i of min(degree of i-th + 1, i) |
//! | [`smallest_last`] | least degree among the nodes left goes last | degeneracy + 1 |
//! | [`dsatur`] | most colours among the neighbours | exact on bipartite graphs |
#![expect(
    clippy::arithmetic_side_effects,
    reason = "degrees, colours and positions are bounded by the number of nodes"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::conflict::ConflictGraph;
use crate::ids::narrow;

mod tabu;

pub use tabu::improve;

const NONE: u32 = u32::MAX;

/// How many colours a colouring uses.
pub fn colour_count(colours: &[u32]) -> usize {
    colours.iter().max().map_or(0, |&last| last as usize + 1)
}

/// Greedy colouring in the order of the nodes' numbers. O(nodes + edges).
pub fn first_fit(graph: &ConflictGraph) -> Vec<u32> {
    greedy(graph, graph.nodes())
}

/// Greedy colouring by falling degree, ties by number. O(nodes log nodes + edges).
///
/// Source: D. J. A. Welsh and M. B. Powell, An upper bound for the chromatic number of a graph
/// and its application to timetabling problems, The Computer Journal 10 (1967).
pub fn welsh_powell(graph: &ConflictGraph) -> Vec<u32> {
    let mut order: Vec<u32> = graph.nodes().collect();
    order.sort_by_key(|&node| Reverse(graph.degree(node)));
    greedy(graph, order.into_iter())
}

/// Greedy colouring in smallest-last order: the node with the least degree is taken out of the
/// graph again and again, and the nodes are coloured in the reverse order. O(nodes + edges).
///
/// Source: D. W. Matula and L. L. Beck, Smallest-last ordering and clustering and graph
/// coloring algorithms, Journal of the ACM 30 (1983).
pub fn smallest_last(graph: &ConflictGraph) -> Vec<u32> {
    let mut degrees: Vec<usize> = graph.nodes().map(|node| graph.degree(node)).collect();
    let mut left: BinaryHeap<Reverse<(usize, u32)>> = graph
        .nodes()
        .map(|node| Reverse((degrees[node as usize], node)))
        .collect();
    let mut is_left = vec![true; graph.node_count()];
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse((degree, node))) = left.pop() {
        // Every change of a degree pushes an entry; only the last one counts.
        if !is_left[node as usize] || degree != degrees[node as usize] {
            continue;
        }
        is_left[node as usize] = false;
        order.push(node);
        for &neighbour in graph.neighbours(node) {
            if is_left[neighbour as usize] {
                let degree = &mut degrees[neighbour as usize];
                *degree -= 1;
                left.push(Reverse((*degree, neighbour)));
            }
        }
    }
    greedy(graph, order.into_iter().rev())
}

/// Colours the node whose neighbours have the most different colours next, ties by degree; with
/// petgraph. O((nodes + edges) log nodes).
///
/// Source: D. Brelaz, New methods to color the vertices of a graph, Communications of the ACM 22
/// (1979).
pub fn dsatur(graph: &ConflictGraph) -> Vec<u32> {
    let (by_node, _) = petgraph::algo::dsatur_coloring(graph.as_petgraph());
    // Only looked up in, node by node, so that no order of hashing shows.
    graph.nodes().map(|node| narrow(by_node[&node])).collect()
}

/// Gives each node the first colour that no neighbour has.
fn greedy(graph: &ConflictGraph, order: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut colours = vec![NONE; graph.node_count()];
    // By colour: the node for which it was found taken.
    let mut taken_for = vec![NONE; graph.node_count() + 1];
    for node in order {
        for &neighbour in graph.neighbours(node) {
            let colour = colours[neighbour as usize];
            if colour != NONE {
                taken_for[colour as usize] = node;
            }
        }
        let free = taken_for.iter().position(|&taken| taken != node);
        colours[node as usize] = narrow(free.expect("there are more colours than nodes"));
    }
    colours
}

#[cfg(test)]
mod tests {
    use super::*;

    type Colouring = fn(&ConflictGraph) -> Vec<u32>;

    const ALL: [Colouring; 4] = [first_fit, welsh_powell, smallest_last, dsatur];

    fn check(graph: &ConflictGraph, expected: [usize; 4]) {
        for (colouring, expected) in ALL.into_iter().zip(expected) {
            let colours = colouring(graph);
            assert!(graph.is_coloured_by(&colours));
            assert_eq!(colour_count(&colours), expected);
        }
    }

    #[test]
    fn small_graphs() {
        check(&ConflictGraph::from_edges(0, []), [0; 4]);
        check(&ConflictGraph::from_edges(3, []), [1; 4]);
        check(
            &ConflictGraph::from_edges(3, [(0, 1), (1, 2), (2, 0)]),
            [3; 4],
        );
        let cycle = (0..5).map(|node| (node, (node + 1) % 5));
        check(&ConflictGraph::from_edges(5, cycle), [3; 4]);
    }

    #[test]
    fn a_crown_misleads_those_that_go_by_number() {
        // Node 2i conflicts with 2j + 1 for all j other than i.
        let edges = (0..6_u32).flat_map(|i| {
            (0..6)
                .filter(move |&j| j != i)
                .map(move |j| (2 * i, 2 * j + 1))
        });
        let graph = ConflictGraph::from_edges(12, edges);
        let colours = ALL.map(|colouring| colour_count(&colouring(&graph)));
        assert_eq!(colours[0], 6);
        assert_eq!(colours[3], 2);
    }
}
