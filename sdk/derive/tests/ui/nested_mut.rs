//! A right is asked for once.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[derive(Accounts)]
struct Twice<'a> {
    owner: Mut<Mut<Signer<'a>>>,
    fees: Mut<Credit<'a>>,
    signed: Signed<Signer<'a>>,
    maybe: Mut<Option<Wallet<'a>>>,
}

fn main() {}
