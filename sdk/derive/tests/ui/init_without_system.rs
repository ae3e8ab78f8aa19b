//! The System program creates accounts.
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
    #[account(payer = owner, seeds = [b"counter", owner])]
    counter: Init<'a, Counter>,
}

fn main() {}
