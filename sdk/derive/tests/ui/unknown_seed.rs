//! A seed has to be something.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[derive(Accounts)]
#[args(number: u64)]
struct Open<'a> {
    owner: Signer<'a>,
    #[account(seeds = [b"vault", ownr])]
    vault: Mut<Wallet<'a>>,
}

fn main() {}
