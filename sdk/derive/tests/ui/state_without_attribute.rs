//! A state is declared as one: one error for each field, at the type that is none.
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

#[derive(Accounts)]
struct Show<'a> {
    counter: State<'a, Counter>,
}

#[derive(Accounts)]
struct Clear<'a> {
    counter: Mut<Counter>,
    owner: Signer<'a>,
}

fn main() {}
