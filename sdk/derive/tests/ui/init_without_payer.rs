//! A payer is needed.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1)]
struct Counter {
    count: u64,
}

#[derive(Accounts)]
struct Create<'a> {
    owner: Mut<Signer<'a>>,
    #[account(seeds = [b"counter", owner])]
    counter: Init<'a, Counter>,
    system: Program<'a, System>,
}

fn main() {}
