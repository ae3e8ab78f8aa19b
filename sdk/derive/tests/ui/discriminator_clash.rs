//! Instructions are told apart by their discriminators.

#[lockstep_sdk::program(id = "Counter111111111111111111111111111111111111")]
mod counter {
    use lockstep_sdk::prelude::*;

    #[derive(Accounts)]
    struct Nobody<'a> {
        payer: Signer<'a>,
    }

    #[instruction(1)]
    fn first(_accounts: &Nobody<'_>) -> Result {
        Ok(())
    }

    #[instruction([1, 2])]
    fn second(_accounts: &Nobody<'_>) -> Result {
        Ok(())
    }
}

fn main() {}
