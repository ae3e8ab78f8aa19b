//! `repeats` is said of a rest, `args` of a set, and a check has something to say.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[derive(Accounts)]
#[args(id: u8)]
struct Open<'a> {
    #[account(repeats)]
    owner: Signer<'a>,
    #[account(args(id))]
    wallet: Wallet<'a>,
    #[account(check(true))]
    other: Wallet<'a>,
    #[account(address = ID)]
    rest: Rest<'a, Wallet<'a>, 3>,
}

fn main() {}
