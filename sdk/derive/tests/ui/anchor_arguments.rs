//! Anchor's way to name arguments, and to take accounts.
use lockstep_sdk::prelude::*;
const ID: Address = Address::new_from_array([9; 32]);

#[derive(Accounts)]
#[instruction(id: u64)]
struct Keep<'a> {
    owner: Signer<'a>,
}

#[lockstep_sdk::program(id = "Vau1t11111111111111111111111111111111111111")]
mod program {
    use lockstep_sdk::prelude::*;

    #[instruction(0)]
    pub fn keep(ctx: Context<'_, '_>) -> Result {
        Ok(())
    }
}

fn main() {}
