//! A list in a state has a limit.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1)]
struct Names {
    names: Vec<u64>,
}

fn main() {}
