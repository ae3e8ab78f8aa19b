//! Examples stay as short as a newcomer hopes they are. Blank lines and comments do not count.

fn lines(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[test]
fn examples_are_short() {
    for (name, source, lines_max) in [
        (
            "helloworld",
            include_str!("../../examples/helloworld.rs"),
            20,
        ),
        ("counter", include_str!("../../examples/counter.rs"), 30),
        ("vault", include_str!("../../examples/vault.rs"), 30),
        ("raffle", include_str!("../../examples/raffle.rs"), 249),
        ("its tests", include_str!("raffle.rs"), 149),
    ] {
        let count = lines(source).count();
        assert!(
            count <= lines_max,
            "{name} has {count} lines, {lines_max} are allowed"
        );
    }
}

#[test]
fn tests_of_examples_are_short() {
    let source = include_str!("examples.rs");
    let tests: Vec<&str> = source.split("#[test]\n").skip(1).collect();
    assert!(!tests.is_empty());
    for test in tests {
        let (body, _) = test.split_once("\n}\n").expect("a test has an end");
        // The attribute and the brace that closes it count too.
        let count = lines(body).count().saturating_add(2);
        assert!(count <= 15, "{count} lines, 15 are allowed:\n{body}");
    }
}
