//! Words of other frameworks, and what stands for them here.

use syn::{Attribute, Result};

use crate::common::{error, is};

/// Attributes of Anchor's accounts, each with what to write instead.
const ATTRIBUTES: [(&str, &str); 25] = [
    (
        "mut",
        "an account that is changed is declared by its type: `Mut<..>`",
    ),
    (
        "signer",
        "an account that signs is declared by its type: `Signer<'a>` or `Signed<..>`",
    ),
    (
        "init",
        "an account that is created is declared by its type: `Init<'a, T>`",
    ),
    (
        "init_if_needed",
        "an account that is created unless it is there is declared by its type: \
         `InitIfNeeded<'a, T>`",
    ),
    (
        "constraint",
        "a condition of your own is `check(condition, \"message\")`",
    ),
    (
        "bump",
        "the bump seed is found and kept by itself: leave `bump` out",
    ),
    (
        "space",
        "the size follows from the state; of a state without limits it is `size = ..`",
    ),
    (
        "owner",
        "`State<'a, T>` checks the owner; any other is a `check(..)`",
    ),
    (
        "executable",
        "an account that is a program is declared by its type: `Program<'a, P>`",
    ),
    (
        "rent_exempt",
        "every account is rent-exempt: leave `rent_exempt` out",
    ),
    (
        "zero",
        "an account that is created is declared by its type: `Init<'a, T>`",
    ),
    (
        "dup",
        "an account that may stand twice says `may_repeat`, in a `Rest` `repeats`",
    ),
    (
        "signature",
        "an account that signs is declared by its type: `Signer<'a>`",
    ),
    ("realloc::payer", "the payer of a `realloc` is `payer = ..`"),
    (
        "realloc::zero",
        "new bytes are always zero: leave `realloc::zero` out",
    ),
    (
        "seeds::program",
        "addresses of other programs are checked with `address = ..`",
    ),
    ("token::mint", "the mint of a token account is `mint = ..`"),
    (
        "token::authority",
        "the owner of a token account is `authority = ..`",
    ),
    (
        "token::token_program",
        "there is one Token program: leave `token::token_program` out",
    ),
    (
        "associated_token::mint",
        "an associated token account is `associated, mint = .., authority = ..`",
    ),
    (
        "associated_token::authority",
        "an associated token account is `associated, mint = .., authority = ..`",
    ),
    (
        "associated_token::token_program",
        "there is one Token program: leave `associated_token::token_program` out",
    ),
    (
        "mint::authority",
        "the authority of a mint is `authority = ..`",
    ),
    (
        "mint::decimals",
        "the decimals of a mint are `decimals = ..`",
    ),
    (
        "mint::freeze_authority",
        "the freeze authority of a mint is `freeze = ..`",
    ),
];

/// Types of Anchor's accounts, each with what to write instead.
const TYPES: [(&str, &str); 12] = [
    ("Account", "`State<'a, T>`"),
    ("AccountLoader", "`State<'a, T>` of a state with `pod`"),
    ("InterfaceAccount", "`State<'a, T>`"),
    ("LazyAccount", "`State<'a, T>` of a state with `pod`"),
    ("SystemAccount", "`Wallet<'a>`"),
    ("UncheckedAccount", "`Unchecked<'a>`"),
    ("AccountInfo", "`Unchecked<'a>`"),
    ("Interface", "`Program<'a, P>`"),
    (
        "Migration",
        "`State<'a, T>`, and a `check(..)` of its version",
    ),
    (
        "Sysvar",
        "nothing: sysvars are in `context.sysvars()` and lock no account",
    ),
    ("Box", "the account type alone, which is small"),
    (
        "Context",
        "the set itself: `accounts: &Set<'_>, context: &mut Context<'_, '_>`",
    ),
];

/// What to say of an unknown word in `#[account(..)]`.
pub(super) fn unknown(word: &str) -> String {
    match ATTRIBUTES.iter().find(|(known, _)| *known == word) {
        Some((_, instead)) => format!("`{word}` is Anchor's: {instead}"),
        None => format!(
            "unknown relation `{word}`: there are `seeds`, `payer`, `has_one`, `address`, `close`, \
             `check`, `realloc`, `size`, `args`, `may_repeat`, `repeats`, and for tokens `mint`, \
             `authority`, `associated`, `decimals` and `freeze`"
        ),
    }
}

/// What to write instead of a type of Anchor's.
pub(super) fn type_instead(outer: &str) -> Option<String> {
    let known = TYPES.iter().find(|(known, _)| *known == outer);
    known.map(|(_, instead)| format!("`{outer}` is Anchor's: write {instead}"))
}

/// Refuses Anchor's `#[instruction(..)]` on a set.
pub(super) fn check_attributes(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|known| is(known, "instruction")) {
        Some(attribute) => error(
            attribute,
            "`#[instruction(..)]` on a set is Anchor's: the first arguments of its instructions \
             are `#[args(id: u64)]`",
        ),
        None => Ok(()),
    }
}
