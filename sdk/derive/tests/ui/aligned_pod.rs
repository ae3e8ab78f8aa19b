//! Plain old data has alignment 1.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1, pod)]
struct Counter {
    count: u64,
}

fn main() {}
