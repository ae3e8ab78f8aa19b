//! The tables of the page are those that the simulation prints.

#[path = "../examples/simulate/model.rs"]
mod model;

const PAGE: &str = include_str!("../../docs/sharded.md");

#[test]
fn the_page_has_the_tables_of_the_simulation() {
    let tables = model::tables();
    let found = PAGE.contains(&tables);
    assert!(
        found,
        "the page differs from what the simulation prints:\n{tables}"
    );
}
