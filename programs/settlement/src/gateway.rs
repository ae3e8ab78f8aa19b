//! `gateway`: the door of a rollup.
//!
//! All lamports of the base that are on the rollup come out of one reserve, which the genesis
//! funds. The sequencer credits a deposit by its number; the account that this leaves shows the
//! base that it was done. Lamports that leave go back to the reserve, and an account remains that
//! shows the base the receiver to pay.
//!
//! | Instruction | Writes | Adds to |
//! |---|---|---|
//! | `credit` | sequencer, reserve, credit (new) | receiver |
//! | `exit` | payer, exit (new) | reserve |
//!
//! # Contention
//!
//! Credits take from the one reserve and run one after the other; the sequencer signs them all
//! anyway. Exits of different payers share nothing that either writes.
//!
//! # Safety
//!
//! Credit and exit accounts stay for ever: a number is used once, and what was shown can be shown
//! again. The reserve is an account of this program, which nothing else takes from.

pub use gateway::*;

/// The door of a rollup.
#[lockstep_sdk::program(id = "Gateway111111111111111111111111111111111111")]
pub mod gateway {
    use lockstep_sdk::{prelude::*, system};

    /// Holds what is not on the rollup.
    #[state(1, pod)]
    pub struct Reserve {
        /// Credits deposits.
        pub sequencer: Address,
    }

    /// A deposit that was credited.
    #[state(2, pod)]
    pub struct Credited {
        /// Got it.
        pub receiver: Address,
        /// How much.
        pub lamports: U64,
    }

    /// Lamports that have left.
    #[state(3, pod)]
    pub struct Exited {
        /// Gets them on the base.
        pub receiver: Address,
        /// How much.
        pub lamports: U64,
    }

    /// A deposit of the base.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct CreditDeposit<'a> {
        /// Signs for it, and pays for the account that remains.
        pub sequencer: Mut<Signer<'a>>,
        /// Pays the deposit.
        #[account(seeds = [b"reserve"], has_one = sequencer)]
        pub reserve: Mut<State<'a, Reserve>>,
        /// Gets it.
        pub receiver: Credit<'a>,
        /// Shows that it was credited.
        #[account(payer = sequencer, seeds = [b"credit", number])]
        pub credit: Init<'a, Credited>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// Lamports that leave.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Leave<'a> {
        /// Gives them.
        pub payer: Mut<Signer<'a>>,
        /// Takes them.
        #[account(seeds = [b"reserve"])]
        pub reserve: Credit<'a>,
        /// Shows the receiver.
        #[account(payer = payer, seeds = [b"exit", payer, number])]
        pub exit: Init<'a, Exited>,
        /// Moves lamports and creates accounts.
        pub system: Program<'a, System>,
    }

    /// Credits the deposit of a number, once.
    #[instruction(0)]
    pub fn credit(
        accounts: &CreditDeposit<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        lamports: u64,
    ) -> Result {
        accounts.reserve.debit(context, lamports)?;
        accounts.receiver.credit(context, lamports)?;
        let receiver = *accounts.receiver.address();
        let lamports = lamports.into();
        accounts
            .credit
            .set(context, &Credited { receiver, lamports })
    }

    /// Takes lamports off the rollup, for a receiver on the base. The number is one that the payer
    /// has not used.
    #[instruction(1)]
    pub fn exit(
        accounts: &Leave<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        receiver: Address,
        lamports: u64,
    ) -> Result {
        system::transfer(&accounts.payer, &accounts.reserve, lamports).invoke(context)?;
        let lamports = lamports.into();
        accounts.exit.set(context, &Exited { receiver, lamports })
    }
}
