//! Numbers and tables for people.

use super::*;

#[test]
fn numbers_are_readable() {
    for (number, expected) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(thousands(number as u64), expected);
    }
    assert_eq!(rounded(1_999.6), "2,000");
    assert_eq!(seconds(0.000_012_34), "12.3 us");
    assert_eq!(seconds(0.012_34), "12.34 ms");
    assert_eq!(seconds(12.345), "12.35 s");
}

#[test]
fn columns_are_aligned() {
    let mut table = Table::new(1, &["name", "count"]);
    table.row(["a".to_owned(), "1,000,000".to_owned()]);
    table.row(["longer".to_owned(), "7".to_owned()]);
    assert_eq!(
        table.show(),
        "  name        count\n  a       1,000,000\n  longer          7\n"
    );
}
