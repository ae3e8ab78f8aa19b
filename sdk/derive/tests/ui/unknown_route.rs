//! A route leads to a field of a state or of a set in the set, never through what may be absent.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[derive(Accounts)]
struct Open<'a> {
    owner: Signer<'a>,
    friend: Option<Signer<'a>>,
    #[account(seeds = [owner.name])]
    first: Wallet<'a>,
    #[account(seeds = [friend])]
    second: Wallet<'a>,
    #[account(has_one = owner)]
    third: Wallet<'a>,
}

fn main() {}
