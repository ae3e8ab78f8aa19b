//! Programs for the tests: one that uses every account type and relation, and one that signs.

/// Keeps lists of members.
#[lockstep_sdk::program(id = "C1ub111111111111111111111111111111111111111")]
pub mod club {
    use lockstep_sdk::prelude::*;

    /// May not be a member twice.
    #[derive(Clone, Copy, Data, Debug, PartialEq)]
    pub enum Rank {
        /// New.
        Guest,
        /// For some years.
        Member {
            /// How many.
            years: u16,
        },
    }

    /// A list of members.
    #[state(3)]
    pub struct Club {
        /// Decides.
        pub owner: Address,
        /// What it is called.
        #[max(8)]
        pub name: String,
        /// Its members.
        #[max(2)]
        pub ranks: Vec<Rank>,
    }

    /// Another state of the same program.
    #[state(untagged, pod)]
    pub struct Ledger {
        /// Of any kind.
        pub balance: U64,
    }

    /// Why a club refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum ClubError {
        /// the club "is" full
        Full = 40,
        /// no member has this rank
        Unknown,
    }

    /// A new club.
    #[derive(Accounts, Debug)]
    pub struct Found<'a> {
        /// Pays.
        pub owner: Mut<Signer<'a>>,
        /// The new account.
        #[account(payer = owner, seeds = ["club", owner])]
        pub club: Init<'a, Club>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A club and its owner.
    #[derive(Accounts, Debug)]
    pub struct Owned<'a> {
        /// Decides.
        pub owner: Mut<Signer<'a>>,
        /// About what.
        #[account(has_one = owner)]
        pub club: Mut<State<'a, Club>>,
    }

    /// A set in a set, an account that may be missing, and the rest.
    #[derive(Accounts, Debug)]
    pub struct Enter<'a> {
        /// Owner and club.
        pub owned: Owned<'a>,
        /// Recommends the new members.
        pub sponsor: Option<Signer<'a>>,
        /// Where the fee goes.
        pub fees: Credit<'a>,
        /// Signs as well.
        pub witnesses: Rest<'a, Signer<'a>, 2>,
    }

    /// The end of a club.
    #[derive(Accounts, Debug)]
    pub struct Dissolve<'a> {
        /// Gets what is left.
        pub owner: Mut<Signer<'a>>,
        /// What ends.
        #[account(has_one = owner, seeds = ["club", owner], close = owner)]
        pub club: Mut<State<'a, Club>>,
    }

    /// Two balances, which may be one.
    #[derive(Accounts, Debug)]
    pub struct Move<'a> {
        /// From here.
        #[account(may_repeat)]
        pub source: Mut<State<'a, Ledger>>,
        /// To there.
        #[account(may_repeat)]
        pub target: Mut<State<'a, Ledger>>,
        /// At a fixed place.
        #[account(address = Address::new_from_array([7; 32]))]
        pub log: Unchecked<'a>,
    }

    /// Two balances, which may not be one.
    #[derive(Accounts, Debug)]
    pub struct Swap<'a> {
        /// One.
        pub first: Mut<State<'a, Ledger>>,
        /// Another.
        pub second: Mut<State<'a, Ledger>>,
    }

    /// Founds a club.
    #[instruction(0)]
    pub fn found(accounts: &Found<'_>, context: &mut Context<'_, '_>, name: String) -> Result {
        let club = Club {
            owner: *accounts.owner.address(),
            name,
            ranks: Vec::new(),
        };
        accounts.club.set(context, &club)
    }

    /// Lets a member in; the number of witnesses becomes return data.
    #[instruction(b"in", compute_units = 500)]
    pub fn enter(accounts: &Enter<'_>, context: &mut Context<'_, '_>, rank: Rank) -> Result {
        let mut club = accounts.owned.club.write(context)?;
        require!(club.ranks.len() < 3, ClubError::Full);
        club.ranks.push(rank);
        drop(club);
        let sponsors = u8::from(accounts.sponsor.is_some());
        let witnesses = accounts
            .witnesses
            .iter()
            .map(|witness| witness.address().as_array()[0]);
        let data: Vec<u8> = std::iter::once(sponsors).chain(witnesses).collect();
        context.set_return_data(&data)
    }

    /// Ends a club.
    #[instruction(2)]
    pub fn dissolve(_accounts: &Dissolve<'_>) -> Result {
        Ok(())
    }

    /// Moves from one balance to another.
    #[instruction(3)]
    pub fn transfer(accounts: &Move<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        accounts.source.write(context)?.balance.decrease(amount)?;
        accounts.target.write(context)?.balance.increase(amount)
    }

    /// Exchanges two balances.
    #[instruction(4)]
    pub fn swap(accounts: &Swap<'_>, context: &mut Context<'_, '_>) -> Result {
        let mut first = accounts.first.write(context)?;
        let mut second = accounts.second.write(context)?;
        std::mem::swap(&mut first.balance, &mut second.balance);
        Ok(())
    }
}

/// Has a club entered by an owner that it signs for.
#[lockstep_sdk::program(id = "Proxy11111111111111111111111111111111111111")]
pub mod proxy {
    use super::club::{self, ClubProgram, FoundAddresses};
    use lockstep_sdk::prelude::*;

    /// What it takes to found a club for the proxy.
    #[derive(Accounts, Debug)]
    pub struct FoundFor<'a> {
        /// Owns the club and pays for it.
        #[account(seeds = [b"proxy"])]
        pub owner: Mut<Wallet<'a>>,
        /// The new club.
        pub club: Mut<Unchecked<'a>>,
        /// Creates it.
        pub system: Program<'a, System>,
        /// Founds it.
        pub clubs: Program<'a, ClubProgram>,
    }

    /// Founds a club; the program signs for its owner.
    #[instruction(0)]
    pub fn found(accounts: &FoundFor<'_>, context: &mut Context<'_, '_>, name: String) -> Result {
        let seeds = accounts.owner_seeds(context)?;
        let owner = *accounts.owner.address();
        let call = club::call::found(&FoundAddresses { owner }, name);
        context.invoke_signed(&call, &[&seeds.as_slices()])
    }
}
