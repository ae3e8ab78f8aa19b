//! A vault for each owner, which puts lamports in and takes them out.

/// Keeps lamports.
#[lockstep_sdk::program(id = "Vau1t11111111111111111111111111111111111111")]
pub mod vault {
    use lockstep_sdk::{prelude::*, system};

    /// Lamports in. The vault is credited and nothing else, so that deposits do not wait for each
    /// other.
    #[derive(Accounts, Debug)]
    pub struct Deposit<'a> {
        /// Whose lamports.
        pub owner: Mut<Signer<'a>>,
        /// Where they go.
        #[account(seeds = [b"vault", owner])]
        pub vault: Credit<'a>,
        /// Moves them.
        pub system: Program<'a, System>,
    }

    /// Lamports out.
    #[derive(Accounts, Debug)]
    pub struct Withdraw<'a> {
        /// Where they go.
        pub owner: Mut<Signer<'a>>,
        /// Where they are.
        #[account(seeds = [b"vault", owner])]
        pub vault: Mut<Wallet<'a>>,
        /// Moves them.
        pub system: Program<'a, System>,
    }

    /// Puts lamports into the owner's vault.
    #[instruction(0)]
    pub fn deposit(accounts: &Deposit<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        system::transfer(&accounts.owner, &accounts.vault, amount).invoke(context)
    }

    /// Takes lamports out of the owner's vault.
    #[instruction(1)]
    pub fn withdraw(accounts: &Withdraw<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let seeds = accounts.vault_seeds(context)?;
        system::transfer(&accounts.vault, &accounts.owner, amount).invoke_signed(context, &seeds)
    }
}
