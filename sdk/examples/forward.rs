//! Two programs: a turnstile lets visitors through and has a counter count them.

/// Counts for any signer.
#[lockstep_sdk::program(id = "Ta11y11111111111111111111111111111111111111")]
pub mod tally {
    use lockstep_sdk::prelude::*;

    /// A number.
    #[state(1, pod)]
    pub struct Tally {
        /// How many.
        pub count: U32,
    }

    /// A new tally.
    #[derive(Accounts, Debug)]
    pub struct Open<'a> {
        /// Pays for it.
        pub payer: Mut<Signer<'a>>,
        /// The new account.
        #[account(payer = payer, seeds = [b"tally"])]
        pub tally: Init<'a, Tally>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// The tally, and its signer.
    #[derive(Accounts, Debug)]
    pub struct Count<'a> {
        /// Whose count it is.
        pub visitor: Signer<'a>,
        /// Where it is counted.
        #[account(seeds = [b"tally"])]
        pub tally: Mut<State<'a, Tally>>,
    }

    /// Opens the tally.
    #[instruction(0)]
    pub fn open(accounts: &Open<'_>, context: &mut Context<'_, '_>) -> Result {
        accounts.tally.set(context, &Tally { count: 0.into() })
    }

    /// Counts.
    #[instruction(1)]
    pub fn count(accounts: &Count<'_>, context: &mut Context<'_, '_>, by: u32) -> Result {
        accounts.tally.write(context)?.count.increase(by)
    }
}

/// Lets groups of visitors through.
#[lockstep_sdk::program(id = "Turnst11e1111111111111111111111111111111111")]
pub mod turnstile {
    use super::tally::{self, Count};
    use lockstep_sdk::prelude::*;

    /// Why a caller does not get through.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum TurnstileError {
        /// a group has at most ten visitors
        TooMany = 1,
    }

    /// What it takes to be counted: the other program's accounts, named nowhere else.
    #[derive(Accounts, Debug)]
    pub struct Pass<'a> {
        /// The accounts of the tally's instruction.
        pub tally: Forward<Count<'a>>,
    }

    /// Lets a group through, and has it counted.
    #[instruction(0)]
    pub fn pass(accounts: &Pass<'_>, context: &mut Context<'_, '_>, group: u32) -> Result {
        require!(group <= 10, TurnstileError::TooMany);
        tally::invoke::count(context, &accounts.tally, group)
    }
}
