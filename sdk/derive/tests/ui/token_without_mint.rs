//! A token account is of a mint, and a state of one's own is none.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[derive(Accounts)]
struct Open<'a> {
    owner: Mut<Signer<'a>>,
    #[account(payer = owner, seeds = [b"a"], authority = owner)]
    purse: Init<'a, TokenAccount>,
    token: Program<'a, Token>,
    system: Program<'a, System>,
}

#[derive(Accounts)]
struct Plain<'a> {
    owner: Mut<Signer<'a>>,
    #[account(payer = owner, seeds = [b"b"])]
    purse: Init<'a, TokenAccount>,
    system: Program<'a, System>,
}

fn main() {}
