//! One mistake in a set is one error, whatever the program does with it.
#[lockstep_sdk::program(id = "Vau1t11111111111111111111111111111111111111")]
mod program {
    use lockstep_sdk::prelude::*;

    #[state(1)]
    pub struct Number {
        pub value: u64,
    }

    #[derive(Accounts)]
    #[args(id: u8)]
    pub struct Keep<'a> {
        pub owner: Mut<Signer<'a>>,
        #[account(payer = owner, seeds = [b"number", ownr, id])]
        pub number: Init<'a, Number>,
        pub system: Program<'a, System>,
    }

    #[derive(Accounts)]
    #[args(id: u8)]
    pub struct Outer<'a> {
        pub keep: Keep<'a>,
    }

    #[instruction(0)]
    pub fn keep(accounts: &Keep<'_>, context: &mut Context<'_, '_>, _id: u8) -> Result {
        accounts.number.set(context, &Number { value: 1 })
    }

    #[instruction(1)]
    pub fn outer(_: &Outer<'_>, _id: u8) -> Result {
        Ok(())
    }
}

fn main() {
    let owner = lockstep_sdk::prelude::Address::new_from_array([1; 32]);
    let _ = program::call::keep(&program::KeepAddresses { owner }, 1);
}
