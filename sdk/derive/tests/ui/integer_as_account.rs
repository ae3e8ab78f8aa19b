//! A value is no account.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[derive(Accounts)]
struct Pay<'a> {
    payer: Mut<Signer<'a>>,
    lamports: u64,
}

fn main() {}
