//! Graph files, well written and badly.

use super::*;

#[test]
fn graphs_are_read_however_they_are_written() {
    let text = "c comment\nc\np col 4 99\n\ncomment\ne 1 2\ne 2 1\ne 3 3\nn 1 5\ne  2\t4 \n";
    let graph = parse(text).unwrap().unwrap();
    assert_eq!(graph.node_count(), 4);
    assert!(graph.edges().eq([(0, 1), (1, 3)]));
    assert_eq!(parse("p edge 0 0").unwrap().unwrap().node_count(), 0);
    assert!(matches!(parse("c nothing\n"), Ok(None)));
}

#[test]
fn bad_lines_are_named() {
    let unknown = DimacsCause::UnknownLine {
        found: "q".to_owned(),
    };
    let missing = |found| DimacsCause::NoSuchNode {
        found,
        node_count: 3,
    };
    for (text, line, cause) in [
        ("q 1 2", 1, unknown),
        ("p edge 3", 1, DimacsCause::BadProblem),
        ("p graph 3 3", 1, DimacsCause::BadProblem),
        ("p edge 10000001 3", 1, DimacsCause::BadProblem),
        ("p edge -3 3", 1, DimacsCause::BadProblem),
        ("c\np edge 3 3\np edge 3 3", 3, DimacsCause::SecondProblem),
        ("e 1 2\np edge 3 3", 1, DimacsCause::EdgeBeforeProblem),
        ("p edge 3 3\ne 1", 2, DimacsCause::BadEdge),
        ("p edge 3 3\ne 1 two", 2, DimacsCause::BadEdge),
        ("p edge 3 3\ne 1 2 3", 2, DimacsCause::BadEdge),
        ("p edge 3 3\ne 1 2\ne 0 1", 3, missing(0)),
        ("p edge 3 3\ne 1 4", 2, missing(4)),
        ("p edge 3 3\ne 5000000000 1", 2, missing(5_000_000_000)),
    ] {
        assert_eq!(parse(text).unwrap_err(), (line, cause), "{text}");
    }
}
