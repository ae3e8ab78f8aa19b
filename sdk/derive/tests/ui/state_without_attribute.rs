//! A state is declared as one.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

struct Counter {
    count: u64,
}

#[derive(Accounts)]
struct Increment<'a> {
    counter: Mut<State<'a, Counter>>,
}

fn main() {}
