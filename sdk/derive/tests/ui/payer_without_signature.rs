//! A payer signs.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1)]
struct Number {
    value: u64,
}

#[derive(Accounts)]
struct Keep<'a> {
    owner: Mut<Wallet<'a>>,
    #[account(payer = owner, seeds = [b"number", owner])]
    number: Init<'a, Number>,
    system: Program<'a, System>,
}

fn main() {}
