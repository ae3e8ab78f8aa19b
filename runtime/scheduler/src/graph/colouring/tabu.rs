//! Saves colours of a colouring by tabu search.
//!
//! One colour is taken away, and its nodes get the colours that hurt least. Then, step by step,
//! the conflicting node is recoloured whose move leaves the fewest conflicting pairs; the colour
//! that it had is tabu for it for a while, so that the search does not turn in circles. Without
//! conflicts left, the next colour is taken away.
//!
//! Source: A. Hertz and D. de Werra, Using tabu search techniques for graph coloring, Computing
//! 39 (1987); the length of a tabu follows P. Galinier and J.-K. Hao, Hybrid evolutionary
//! algorithms for graph coloring, Journal of Combinatorial Optimization 3 (1999).
#![expect(
    clippy::arithmetic_side_effects,
    reason = "counts are bounded by the numbers of nodes, colours and steps"
)]

use super::colour_count;
use crate::graph::conflict::ConflictGraph;
use crate::ids::narrow;

/// Improves a colouring until `stop` says so, or two colours are left.
///
/// # Arguments
/// `colours`: a valid colouring without gaps. `stop`: asked before each step; a step takes
/// about as many nanoseconds as there are conflicting nodes times colours. Give it a clock where
/// time matters, or a count where the result must be the same on every machine. `seed`: of the
/// search's own random numbers.
///
/// # Returns
/// A valid colouring without gaps and with no more colours.
///
/// # Panics
/// If `colours` is no colouring of the graph.
///
/// ```
/// use lockstep_scheduler::{ConflictGraph, colour_count, improve};
///
/// let path = ConflictGraph::from_edges(4, [(0, 1), (1, 2), (2, 3)]);
/// let mut steps = 0;
/// let better = improve(&path, vec![0, 1, 2, 0], 1, &mut || {
///     steps += 1;
///     steps > 1_000
/// });
/// assert!(path.is_coloured_by(&better));
/// assert_eq!(colour_count(&better), 2);
/// ```
pub fn improve(
    graph: &ConflictGraph,
    colours: Vec<u32>,
    seed: u64,
    stop: &mut dyn FnMut() -> bool,
) -> Vec<u32> {
    assert!(
        graph.is_coloured_by(&colours),
        "a valid colouring is improved"
    );
    let mut best = colours;
    let mut random = Random(seed | 1);
    loop {
        let count = colour_count(&best);
        if count <= 2 {
            return best;
        }
        let mut search = Search::new(graph, &best, narrow(count) - 1, &mut random);
        if !search.run(stop) {
            return best;
        }
        best = search.colours;
    }
}

/// Numbers that only have to differ: xorshift64* by G. Marsaglia and S. Vigna.
struct Random(u64);

impl Random {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let [_, _, _, _, a, b, c, d] = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
        u32::from_le_bytes([a, b, c, d]) % bound
    }
}

struct Search<'a> {
    graph: &'a ConflictGraph,
    random: &'a mut Random,
    colour_count: u32,
    colours: Vec<u32>,
    /// By node and colour: how many neighbours have the colour.
    counts: Vec<u32>,
    /// By node and colour: the step until which the node may not get the colour.
    tabu_until: Vec<u64>,
    /// Nodes with a neighbour of the same colour, and where each is in the list.
    conflicting: Vec<u32>,
    place: Vec<u32>,
    /// How many conflicting pairs have the same colour.
    bad_pair_count: u32,
    step: u64,
}

const ABSENT: u32 = u32::MAX;

impl<'a> Search<'a> {
    fn new(
        graph: &'a ConflictGraph,
        colours: &[u32],
        colour_count: u32,
        random: &'a mut Random,
    ) -> Self {
        let node_count = graph.node_count();
        let cell_count = node_count * colour_count as usize;
        let mut search = Self {
            graph,
            random,
            colour_count,
            colours: colours.to_vec(),
            counts: vec![0; cell_count],
            tabu_until: vec![0; cell_count],
            conflicting: Vec::new(),
            place: vec![ABSENT; node_count],
            bad_pair_count: 0,
            step: 0,
        };
        for node in graph.nodes() {
            for &neighbour in graph.neighbours(node) {
                let colour = search.colours[neighbour as usize];
                if colour < colour_count {
                    let cell = search.cell(node, colour);
                    search.counts[cell] += 1;
                }
            }
        }
        for node in graph.nodes() {
            if search.colours[node as usize] >= colour_count {
                let cells = search.cell(node, 0)..search.cell(node, colour_count);
                let counts = &search.counts[cells];
                let least = (0..colour_count).min_by_key(|&colour| counts[colour as usize]);
                let colour = least.expect("two colours are left at least");
                search.colours[node as usize] = colour;
                for &neighbour in graph.neighbours(node) {
                    let cell = search.cell(neighbour, colour);
                    search.counts[cell] += 1;
                }
            }
        }
        let mut bad_ends = 0;
        for node in graph.nodes() {
            bad_ends += search.count(node);
            search.note(node);
        }
        search.bad_pair_count = bad_ends / 2;
        search
    }

    fn cell(&self, node: u32, colour: u32) -> usize {
        node as usize * self.colour_count as usize + colour as usize
    }

    /// How many neighbours have the node's own colour.
    fn count(&self, node: u32) -> u32 {
        self.counts[self.cell(node, self.colours[node as usize])]
    }

    /// Whether all conflicts were removed before `stop`.
    fn run(&mut self, stop: &mut dyn FnMut() -> bool) -> bool {
        let mut fewest = self.bad_pair_count;
        while self.bad_pair_count > 0 {
            if stop() {
                return false;
            }
            self.step += 1;
            if let Some((node, colour)) = self.best_move(fewest) {
                self.apply(node, colour);
                fewest = fewest.min(self.bad_pair_count);
            }
        }
        true
    }

    /// The move that leaves the fewest bad pairs, by lot among several. A tabu move only if it
    /// leaves fewer than there ever were.
    fn best_move(&mut self, fewest: u32) -> Option<(u32, u32)> {
        let mut best = None;
        let mut best_left = u32::MAX;
        let mut tie_count = 0;
        for &node in &self.conflicting {
            let own = self.colours[node as usize];
            let start = self.cell(node, 0);
            let without = self.bad_pair_count - self.counts[start + own as usize];
            for colour in 0..self.colour_count {
                let cell = start + colour as usize;
                let left = without + self.counts[cell];
                if colour == own || left > best_left {
                    continue;
                }
                if self.tabu_until[cell] >= self.step && left >= fewest {
                    continue;
                }
                tie_count = if left < best_left { 1 } else { tie_count + 1 };
                if tie_count == 1 || self.random.below(tie_count) == 0 {
                    best = Some((node, colour));
                }
                best_left = left;
            }
        }
        best
    }

    fn apply(&mut self, node: u32, colour: u32) {
        let old = std::mem::replace(&mut self.colours[node as usize], colour);
        let (old_cell, new_cell) = (self.cell(node, old), self.cell(node, colour));
        self.bad_pair_count = self.bad_pair_count - self.counts[old_cell] + self.counts[new_cell];
        let graph = self.graph;
        for &neighbour in graph.neighbours(node) {
            let start = self.cell(neighbour, 0);
            self.counts[start + old as usize] -= 1;
            self.counts[start + colour as usize] += 1;
            let own = self.colours[neighbour as usize];
            if own == old || own == colour {
                self.note(neighbour);
            }
        }
        self.note(node);
        let length = u64::from(self.random.below(10)) + self.conflicting.len() as u64 * 6 / 10;
        self.tabu_until[old_cell] = self.step + length;
    }

    /// Puts a node on the list of conflicting ones, or takes it off.
    fn note(&mut self, node: u32) {
        let is_conflicting = self.count(node) > 0;
        let place = self.place[node as usize];
        if is_conflicting && place == ABSENT {
            self.place[node as usize] = narrow(self.conflicting.len());
            self.conflicting.push(node);
        } else if !is_conflicting && place != ABSENT {
            self.conflicting.swap_remove(place as usize);
            if let Some(&moved) = self.conflicting.get(place as usize) {
                self.place[moved as usize] = place;
            }
            self.place[node as usize] = ABSENT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Improves a colouring with a colour of its own for each node.
    fn check(graph: &ConflictGraph, step_count: u32, expected: usize) {
        let mut steps = 0;
        let start = graph.nodes().collect();
        let found = improve(graph, start, 7, &mut || {
            steps += 1;
            steps > step_count
        });
        assert!(graph.is_coloured_by(&found));
        assert_eq!(colour_count(&found), expected);
    }

    #[test]
    fn colours_are_saved_until_the_steps_are_used_up() {
        let cycle = |count: u32| (0..count).map(move |node| (node, (node + 1) % count));
        check(&ConflictGraph::from_edges(9, cycle(9)), 2_000, 3);
        check(&ConflictGraph::from_edges(10, cycle(10)), 2_000, 2);
        let complete = (0..6).flat_map(|one| (0..one).map(move |other| (one, other)));
        check(&ConflictGraph::from_edges(6, complete), 2_000, 6);
        check(&ConflictGraph::from_edges(0, []), 10, 0);
        check(&ConflictGraph::from_edges(3, []), 10, 2);
    }

    #[test]
    #[should_panic(expected = "valid colouring")]
    fn an_invalid_start_is_refused() {
        improve(
            &ConflictGraph::from_edges(2, [(0, 1)]),
            vec![0, 0],
            1,
            &mut || true,
        );
    }
}
