//! The smallest program with state: it creates an account and greets.

/// Greets the payer of an account.
#[lockstep_sdk::program(id = "He11oWor1d111111111111111111111111111111111")]
pub mod helloworld {
    use lockstep_sdk::prelude::*;

    /// How many were greeted.
    #[state(1)]
    pub struct Greeting {
        /// That many.
        pub count: u64,
    }

    /// A new greeting, signed for with a key of its own.
    #[derive(Accounts, Debug)]
    pub struct Greet<'a> {
        /// Pays for the account.
        pub visitor: Mut<Signer<'a>>,
        /// The new account.
        #[account(payer = visitor)]
        pub greeting: Signed<Init<'a, Greeting>>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// Creates a greeting.
    #[instruction(0)]
    pub fn greet(accounts: &Greet<'_>, context: &mut Context<'_, '_>) -> Result {
        accounts.greeting.set(context, &Greeting { count: 1 })
    }
}
