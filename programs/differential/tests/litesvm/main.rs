//! Compiled programs against LiteSVM 0.16, which executes by the crates of Agave 4.2.2: seeded
//! random transactions, right and wrong ones, run on both sides from the same bytes. Result, error,
//! compute units, log lines, return data, invoked instructions, fee and every byte of every account
//! that a transaction can write have to be equal.
//!
//! Both sides have the features of the main network and SIMD-0460, by which accounts are regions of
//! memory of their own. One class of difference is known and left out:
//!
//! - **Words.** A native program says in its own words why it fails. The rule: lines between the
//!   call of a native program and its failure are not compared. There is no other line that native
//!   programs of both sides log.
//!
//! 500 transactions a program, and 10,000 with `LOCKSTEP_FULL`.

mod associated;
mod both;
mod extension;
mod extensions;
mod load;
mod memo;
mod system;
mod token;

use associated::Associated;
use both::Beginning;
use extensions::Extended;
use load::hold;
use lockstep_differential::compiled::{Compiled, MEMO_4, TOKEN_2022};
use lockstep_interface::address::program_ids;
use memo::Memos;
use system::Wallets;
use token::Tokens;

#[test]
fn spl_token() {
    let token = Compiled::before_features(program_ids::TOKEN);
    let beginning = Beginning::new(&[token]);
    hold("SPL Token", &beginning, |seed| {
        Tokens::new(program_ids::TOKEN, seed)
    });
}

#[test]
fn p_token() {
    let token = Compiled::of_network(program_ids::TOKEN);
    let beginning = Beginning::new(&[token]);
    hold("p-token", &beginning, |seed| {
        Tokens::new(program_ids::TOKEN, seed)
    });
}

#[test]
fn token_2022() {
    let token = Compiled::of_network(TOKEN_2022);
    let beginning = Beginning::new(&[token]);
    hold("Token-2022", &beginning, |seed| {
        Tokens::new(TOKEN_2022, seed)
    });
}

#[test]
fn extensions_of_token_2022() {
    let token = Compiled::of_network(TOKEN_2022);
    let beginning = Beginning::new(&[token]);
    hold("Token-2022, extensions", &beginning, Extended::new);
}

#[test]
fn associated_token_accounts() {
    let programs = [
        program_ids::ASSOCIATED_TOKEN,
        program_ids::TOKEN,
        TOKEN_2022,
    ];
    let beginning = Beginning::new(&programs.map(Compiled::of_network));
    hold("Associated Token Account", &beginning, Associated::new);
}

#[test]
fn memos() {
    let beginning = Beginning::new(&[Compiled::of_network(MEMO_4)]);
    hold("memo", &beginning, Memos::new);
}

#[test]
fn system_program() {
    hold("System program", &Beginning::new(&[]), Wallets::new);
}
