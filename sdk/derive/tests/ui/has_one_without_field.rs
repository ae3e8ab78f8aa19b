//! A relation names a field of the set.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1)]
struct Counter {
    owner: Address,
}

#[derive(Accounts)]
struct Increment<'a> {
    #[account(has_one = owner)]
    counter: Mut<State<'a, Counter>>,
}

fn main() {}
