//! What an instruction returns can be encoded.
#[lockstep_sdk::program(id = "Vau1t11111111111111111111111111111111111111")]
mod program {
    use lockstep_sdk::prelude::*;

    pub struct Opaque;

    #[derive(Accounts)]
    pub struct Get<'a> {
        pub owner: Signer<'a>,
    }

    #[instruction(0)]
    pub fn get(_: &Get<'_>) -> Result<Opaque> {
        Ok(Opaque)
    }
}

fn main() {}
