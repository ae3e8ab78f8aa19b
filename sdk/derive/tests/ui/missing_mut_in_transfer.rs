//! Lamports cannot be moved out of an account that is only read.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

fn pay(payer: &Signer<'_>, target: &Mut<Wallet<'_>>, context: &mut Context<'_, '_>) -> Result {
    lockstep_sdk::system::transfer(payer, target, 5).invoke(context)
}

fn main() {}
