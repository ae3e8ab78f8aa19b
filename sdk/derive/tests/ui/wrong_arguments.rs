//! An account set repeats the first arguments of its instruction.

#[lockstep_sdk::program(id = "Counter111111111111111111111111111111111111")]
mod counter {
    use lockstep_sdk::prelude::*;

    #[derive(Accounts)]
    #[args(number: u64)]
    struct Open<'a> {
        #[account(seeds = [b"vault", number])]
        vault: Mut<Wallet<'a>>,
    }

    #[instruction(1)]
    fn open(_accounts: &Open<'_>, _number: u32) -> Result {
        Ok(())
    }
}

fn main() {}
