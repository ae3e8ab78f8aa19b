//! The wire formats against Solana's own crates: same acceptance, same fields, same bytes.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "generators compute with small numbers"
)]

mod compile;
mod generate;
mod oracle;
mod parse;
mod rules;
