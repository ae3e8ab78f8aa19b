//! A counter for each owner, at an address derived from the owner's.

/// Counts what its owner tells it to.
#[lockstep_sdk::program(id = "Counter111111111111111111111111111111111111")]
pub mod counter {
    use lockstep_sdk::prelude::*;

    /// What is counted. The address tells the owner.
    #[state(1, pod)]
    pub struct Counter {
        /// How far.
        pub count: U64,
    }

    /// A new counter.
    #[derive(Accounts, Debug)]
    pub struct Create<'a> {
        /// Pays for it and owns it.
        pub owner: Mut<Signer<'a>>,
        /// The new account.
        #[account(payer = owner, seeds = [b"counter", owner])]
        pub counter: Init<'a, Counter>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A counter and its owner.
    #[derive(Accounts, Debug)]
    pub struct Increment<'a> {
        /// The owner, which counts.
        pub owner: Signer<'a>,
        /// What is counted.
        #[account(seeds = [b"counter", owner])]
        pub counter: Mut<State<'a, Counter>>,
    }

    /// Creates the counter of an owner.
    #[instruction(0)]
    pub fn create(accounts: &Create<'_>, context: &mut Context<'_, '_>) -> Result {
        accounts.counter.set(context, &Counter { count: 0.into() })
    }

    /// Adds to the counter.
    #[instruction(1)]
    pub fn increment(accounts: &Increment<'_>, context: &mut Context<'_, '_>, by: u64) -> Result {
        accounts.counter.write(context)?.count.increase(by)
    }
}
