//! Two writable fields are two accounts.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[derive(Accounts)]
struct Move<'a> {
    owner: Signer<'a>,
    #[account(seeds = [b"vault", owner])]
    source: Mut<Wallet<'a>>,
    #[account(seeds = [b"vault", owner])]
    target: Mut<Wallet<'a>>,
}

fn main() {}
