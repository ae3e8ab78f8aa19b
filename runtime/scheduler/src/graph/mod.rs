//! The explicit conflict graph of a block, and what is found in it: colourings, a heavy clique, and
//! the strategies that plan by colouring.
//!
//! ```text
//! AccessTable -> ConflictGraph -> colours -> Plan
//! ```
//!
//! The feature `graph` turns it on. It is for study and for pictures: the graph has an edge for
//! every conflicting pair, which no validator has time for. petgraph holds it and colours it by
//! DSATUR; the greedy orders, tabu search and the search for a clique are not part of petgraph.

mod clique;
mod colouring;
mod conflict;
mod strategies;

pub use clique::{Clique, heavy_clique};
pub use colouring::{colour_count, dsatur, first_fit, improve, smallest_last, welsh_powell};
pub use conflict::{CONFLICT_COUNT_MAX, ConflictGraph};
pub use strategies::Colouring;
