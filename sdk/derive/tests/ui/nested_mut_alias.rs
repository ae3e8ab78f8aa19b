//! The same behind a name of the author's, where the compiler sees it.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

type Purse<'a> = Mut<Wallet<'a>>;

#[derive(Accounts)]
struct Twice<'a> {
    purse: Mut<Purse<'a>>,
}

fn main() {}
