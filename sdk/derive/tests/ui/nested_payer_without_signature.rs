//! A payer in a set of the set signs, too.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1)]
struct Number {
    value: u64,
}

#[derive(Accounts)]
struct Owned<'a> {
    owner: Mut<Wallet<'a>>,
}

#[derive(Accounts)]
struct Keep<'a> {
    owned: Owned<'a>,
    #[account(payer = owned.owner, seeds = [b"number"])]
    number: Init<'a, Number>,
    system: Program<'a, System>,
}

fn main() {}
