//! State that is only read cannot be written.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1)]
struct Counter {
    count: u64,
}

fn increment(counter: &State<'_, Counter>, context: &mut Context<'_, '_>) -> Result {
    counter.write(context)
}

fn main() {}
