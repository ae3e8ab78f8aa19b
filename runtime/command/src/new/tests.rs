//! Names of new crates.

use super::*;

#[test]
fn names_are_checked() {
    for name in ["vault", "my-vault", "a_1", "v"] {
        assert!(check_name(name).is_ok(), "{name}");
    }
    let too_long = "a".repeat(NAME_SIZE_MAX + 1);
    for name in [
        "",
        "Vault",
        "1st",
        "-a",
        "a b",
        "a/b",
        "..",
        "fn",
        "lockstep-sdk",
        &too_long,
    ] {
        assert!(check_name(name).is_err(), "{name}");
    }
}

#[test]
fn names_become_types() {
    assert_eq!(type_name("my_vault"), "MyVaultProgram");
    assert_eq!(type_name("a__1"), "A1Program");
}
