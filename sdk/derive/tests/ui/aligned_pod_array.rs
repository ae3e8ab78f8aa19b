//! Plain old data holds no flags and no numbers of the language, alone or in arrays. One error, and
//! none about padding.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1, pod)]
struct Board {
    small: U32,
    cells: [[u16; 3]; 4],
}

#[state(2, pod)]
struct Flagged {
    is_set: bool,
    large: U64,
}

fn main() {}
