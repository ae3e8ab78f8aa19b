//! Anchor's words are told what stands for them here, and nothing else is wrong.
#![allow(dead_code)]
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[state(1)]
struct Number {
    value: u64,
}

#[derive(Accounts)]
struct Keep<'a> {
    #[account(mut)]
    owner: Signer<'a>,
    #[account(init, payer = owner, space = 8)]
    number: State<'a, Number>,
    #[account(constraint = number.value > 0)]
    other: State<'a, Number>,
    #[account(has_one = owner @ Wrong)]
    third: State<'a, Number>,
    #[account(seeds = [b"x", owner.key().as_ref()])]
    fourth: State<'a, Number>,
    #[account(token::mint = number)]
    fifth: State<'a, Number>,
}

fn main() {}
