//! What must not compile, and what the compiler says, where the mistake is.

#[test]
fn mistakes_give_clear_errors() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
