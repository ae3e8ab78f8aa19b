//! An escrow: a maker puts lamports aside, and the first to pay the price gets them.
//!
//! The state is plain old data, used where it lies.

/// Sells lamports for lamports, to show how two parties trade.
#[lockstep_sdk::program(id = "Escrow1111111111111111111111111111111111111")]
pub mod escrow {
    use lockstep_sdk::{prelude::*, system};

    /// An offer that waits. Its lamports are in its own account.
    #[state(1, pod)]
    pub struct Offer {
        /// The maker.
        pub maker: Address,
        /// Lamports for the taker.
        pub lamports: U64,
        /// Lamports for the maker.
        pub price: U64,
    }

    /// Why a trade fails.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum EscrowError {
        /// the price is not what the taker agreed to
        PriceChanged = 1,
        /// an offer is of one lamport at least
        Empty,
    }

    /// An offer was taken.
    #[event(1)]
    pub struct Taken {
        /// Which.
        pub offer: Address,
        /// For how many lamports.
        pub price: u64,
    }

    /// A new offer. A maker has as many as there are numbers.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Make<'a> {
        /// Puts lamports aside.
        pub maker: Mut<Signer<'a>>,
        /// The new account.
        #[account(payer = maker, seeds = [b"offer", maker, number])]
        pub offer: Init<'a, Offer>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// Both parties and what they trade.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Take<'a> {
        /// Pays the price.
        pub taker: Mut<Signer<'a>>,
        /// Gets the price, and the rent back.
        pub maker: Mut<Wallet<'a>>,
        /// The offer, which ends here.
        #[account(has_one = maker, seeds = [b"offer", maker, number], close = maker)]
        pub offer: Mut<State<'a, Offer>>,
        /// Moves lamports.
        pub system: Program<'a, System>,
    }

    /// Puts lamports aside for the first to pay the price.
    #[instruction(0)]
    pub fn make(
        accounts: &Make<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        lamports: u64,
        price: u64,
    ) -> Result {
        require!(lamports > 0, EscrowError::Empty);
        let offer = Offer {
            maker: *accounts.maker.address(),
            lamports: lamports.into(),
            price: price.into(),
        };
        accounts.offer.set(context, &offer)?;
        system::transfer(&accounts.maker, &*accounts.offer, lamports).invoke(context)
    }

    /// Pays the price and gets the lamports.
    #[instruction(1)]
    pub fn take(
        accounts: &Take<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        price: u64,
    ) -> Result {
        let offer = *accounts.offer.read(context)?;
        require!(offer.price.get() == price, EscrowError::PriceChanged);
        system::transfer(&accounts.taker, &accounts.maker, price).invoke(context)?;
        accounts.offer.debit(context, offer.lamports.get())?;
        accounts.taker.credit(context, offer.lamports.get())?;
        let offer = *accounts.offer.address();
        Taken { offer, price }.emit(context)
    }
}
