//! A state that grows is told apart by its discriminator.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(untagged, growing)]
struct Board {
    lines: Vec<String>,
}

fn main() {}
