//! Graphs in the DIMACS format into conflict graphs, and a list of best known colourings beside
//! them.
//!
//! ```text
//! c a comment
//! p edge 4 3        four nodes, three edges; `col` may stand for `edge`
//! e 1 2             an edge; nodes are numbered from 1
//! ```
//!
//! Files in use differ in whether they name each edge once or twice and in whether the `p` line
//! counts it once or twice, so the number of edges is read and not compared.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use lockstep_scheduler::ConflictGraph;

use crate::text_file::FileError;

/// Most nodes of a graph; the limit is ours and keeps a mistyped number from filling memory.
pub const NODE_COUNT_MAX: u32 = 10_000_000;

/// The file beside a graph that may list the best known numbers of colours.
pub const BEST_FILE: &str = "best.txt";

/// A file that is no graph, with the line where there is one.
pub type DimacsError = FileError<DimacsCause>;

/// What is wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DimacsCause {
    /// The file cannot be read.
    #[error("{0}")]
    Io(String),
    /// The file ends without having said how many nodes there are.
    #[error("no line `p edge NODES EDGES`")]
    NoProblemLine,
    /// The line begins with none of the letters of the format.
    #[error("unknown line {found:?}, expected one that begins with c, p, e or n")]
    UnknownLine {
        /// Its first word.
        found: String,
    },
    /// A `p` line that is not `p edge NODES EDGES`.
    #[error("expected `p edge NODES EDGES` with at most {NODE_COUNT_MAX} nodes")]
    BadProblem,
    /// A second `p` line.
    #[error("a second p line")]
    SecondProblem,
    /// An edge before the number of nodes is known.
    #[error("an edge before the p line")]
    EdgeBeforeProblem,
    /// An `e` line that is not `e NODE NODE`.
    #[error("expected `e NODE NODE`")]
    BadEdge,
    /// An edge that names no node.
    #[error("node {found} is not one of 1 to {node_count}")]
    NoSuchNode {
        /// The number.
        found: u64,
        /// How many nodes there are.
        node_count: u32,
    },
    /// A line of [`BEST_FILE`] that is not `NAME COLOURS` with `proven`, `best-known` or nothing
    /// behind it.
    #[error("expected `NAME COLOURS` and perhaps `proven` or `best-known`")]
    BadBest,
}

/// Reads a graph from a file.
///
/// # Errors
/// [`DimacsError`], which names the file, and the line where there is one.
pub fn read(path: &Path) -> Result<ConflictGraph, DimacsError> {
    let graph = parse(&read_text(path)?);
    graph
        .map_err(|(line, cause)| FileError::in_line(path, line, cause))?
        .ok_or_else(|| FileError::new(path, DimacsCause::NoProblemLine))
}

/// Bytes that are not UTF-8 occur in comments, where they do no harm.
fn read_text(path: &Path) -> Result<String, DimacsError> {
    let bytes = fs::read(path);
    let bytes = bytes.map_err(|error| FileError::new(path, DimacsCause::Io(error.to_string())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads a graph from text; `None` if no line says how many nodes there are.
///
/// # Errors
/// The line, from 1, and what is wrong with it.
///
/// ```
/// let graph = lockstep_benches::dimacs::parse("p edge 3 2\ne 1 2\ne 2 3\n").unwrap().unwrap();
/// assert_eq!((graph.node_count(), graph.conflict_count()), (3, 2));
/// ```
pub fn parse(text: &str) -> Result<Option<ConflictGraph>, (usize, DimacsCause)> {
    let mut node_count = None;
    let mut edges = Vec::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let parsed = match words.as_slice() {
            // Some generators say how nodes lie (n, d, v, x); colouring needs none of it.
            [] | ["c" | "n" | "d" | "v" | "x", ..] => Ok(()),
            [first, ..] if first.starts_with('c') => Ok(()),
            ["p", ..] if node_count.is_some() => Err(DimacsCause::SecondProblem),
            ["p", rest @ ..] => problem(rest).map(|count| node_count = Some(count)),
            ["e", rest @ ..] => edge(rest, node_count).map(|edge| edges.push(edge)),
            [first, ..] => Err(DimacsCause::UnknownLine {
                found: (*first).to_owned(),
            }),
        };
        parsed.map_err(|cause| (number, cause))?;
    }
    Ok(node_count.map(|count| {
        let count = usize::try_from(count).expect("the limit on nodes fits");
        ConflictGraph::from_edges(count, edges)
    }))
}

fn problem(words: &[&str]) -> Result<u32, DimacsCause> {
    let ["edge" | "edges" | "col", nodes, edges] = words else {
        return Err(DimacsCause::BadProblem);
    };
    match (nodes.parse(), edges.parse::<u64>()) {
        (Ok(count @ 0..=NODE_COUNT_MAX), Ok(_)) => Ok(count),
        _ => Err(DimacsCause::BadProblem),
    }
}

/// An edge with nodes counted from 0.
fn edge(words: &[&str], node_count: Option<u32>) -> Result<(u32, u32), DimacsCause> {
    let node_count = node_count.ok_or(DimacsCause::EdgeBeforeProblem)?;
    let [one, other] = words else {
        return Err(DimacsCause::BadEdge);
    };
    let node = |word: &str| {
        let found: u64 = word.parse().map_err(|_| DimacsCause::BadEdge)?;
        let number = u32::try_from(found).ok().filter(|n| *n <= node_count);
        let index = number.and_then(|number| number.checked_sub(1));
        index.ok_or(DimacsCause::NoSuchNode { found, node_count })
    };
    Ok((node(one)?, node(other)?))
}

/// The best known number of colours of a graph.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Best {
    /// The number.
    pub colours: usize,
    /// Whether fewer are known to be impossible.
    pub is_proven: bool,
}

/// Reads the list of best known numbers in a folder; an empty one if there is no such file.
///
/// # Errors
/// [`DimacsError`] if the file is there and cannot be read.
pub fn read_best(folder: &Path) -> Result<HashMap<String, Best>, DimacsError> {
    let path = folder.join(BEST_FILE);
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let text = read_text(&path)?;
    let lines = (1_usize..).zip(text.lines());
    let entries = lines.filter(|(_, line)| !line.trim().is_empty());
    let entries = entries.map(|(line, text)| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let colours = words.get(1).and_then(|word| word.parse().ok());
        match (words.as_slice(), colours) {
            ([name, _] | [name, _, "best-known"], Some(colours)) => {
                Ok(((*name).to_owned(), best(colours, false)))
            }
            ([name, _, "proven"], Some(colours)) => Ok(((*name).to_owned(), best(colours, true))),
            _ => Err(FileError::in_line(&path, line, DimacsCause::BadBest)),
        }
    });
    entries.collect()
}

fn best(colours: usize, is_proven: bool) -> Best {
    Best { colours, is_proven }
}

#[cfg(test)]
mod tests;
