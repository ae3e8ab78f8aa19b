//! A raffle that sells tickets for tokens: create, buy, draw, claim, refund, sweep, close.

/// Sells tickets for tokens and gives all of them to one ticket.
#[lockstep_sdk::program(id = "Raff1e1111111111111111111111111111111111111")]
pub mod raffle {
    use lockstep_sdk::{prelude::*, token};

    /// A sale that goes on.
    pub const SELLING: u8 = 0;
    /// A ticket has won.
    pub const DRAWN: u8 = 1;
    /// The pot was paid out.
    pub const PAID: u8 = 2;

    /// One raffle.
    #[state(1, pod)]
    pub struct Raffle {
        /// Decides when it ends.
        pub authority: Address,
        /// What tickets are paid with.
        pub mint: Address,
        /// Tokens for one ticket.
        pub price: U64,
        /// Nothing is sold from this second on.
        pub deadline: I64,
        /// Tickets that were sold.
        pub sold: U32,
        /// Tickets whose accounts are there.
        pub open: U32,
        /// The number of the ticket that won.
        pub winner: U32,
        /// One of the constants above.
        pub phase: u8,
    }

    /// One ticket.
    #[state(2)]
    pub struct Ticket {
        /// Of this raffle.
        pub raffle: Address,
        /// The holder.
        pub buyer: Address,
        /// From 0 on, in the order of the sale.
        pub number: u32,
        /// What the buyer wants to say.
        #[max(32)]
        pub note: String,
    }

    /// Why something has to wait, or never will be.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum RaffleError {
        /// the sale is over
        SaleOver = 1,
        /// the sale is not over
        SaleNotOver,
        /// with fewer than two tickets nothing is drawn: refund instead
        TooFewTickets,
        /// with two tickets or more nothing is refunded: draw instead
        EnoughTickets,
        /// the raffle is in another phase
        WrongPhase,
        /// the ticket did not win
        NotTheWinner,
        /// there are tickets left
        TicketsLeft,
    }

    /// A ticket was sold.
    #[event(1)]
    pub struct Sold {
        /// Of this raffle.
        pub raffle: Address,
        /// Which.
        pub number: u32,
    }

    /// Tokens left the pot.
    #[event(2)]
    pub struct Paid {
        /// To this ticket's holder.
        pub buyer: Address,
        /// That many.
        pub amount: u64,
    }

    /// A new raffle of an authority, with an empty pot.
    #[derive(Accounts, Debug)]
    #[args(id: u64)]
    pub struct Create<'a> {
        /// Pays for it and decides.
        pub authority: Mut<Signer<'a>>,
        /// What tickets are paid with.
        pub mint: State<'a, Mint>,
        /// The new raffle.
        #[account(payer = authority, seeds = [b"raffle", authority, id])]
        pub raffle: Init<'a, Raffle>,
        /// Keeps the tokens, and is its own authority: the program signs for it.
        #[account(payer = authority, seeds = [b"pot", raffle], mint = mint, authority = pot)]
        pub pot: Init<'a, TokenAccount>,
        /// Keeps tokens.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A sale.
    #[derive(Accounts, Debug)]
    pub struct Buy<'a> {
        /// Pays.
        pub buyer: Mut<Signer<'a>>,
        /// With these tokens.
        #[account(mint = raffle.mint, authority = buyer)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// Counts tickets.
        #[account(check(raffle.phase == SELLING, RaffleError::SaleOver))]
        pub raffle: Mut<State<'a, Raffle>>,
        /// Gets the tokens.
        #[account(seeds = [b"pot", raffle])]
        pub pot: Mut<State<'a, TokenAccount>>,
        /// One for each buyer.
        #[account(payer = buyer, seeds = [b"ticket", raffle, buyer])]
        pub ticket: Init<'a, Ticket>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// The end of a sale, for anyone to call.
    #[derive(Accounts, Debug)]
    pub struct Draw<'a> {
        /// Of this raffle.
        #[account(check(raffle.phase == SELLING, RaffleError::WrongPhase))]
        pub raffle: Mut<State<'a, Raffle>>,
    }

    /// A raffle and its pot, from which tokens are paid.
    #[derive(Accounts, Debug)]
    pub struct Desk<'a> {
        /// Which.
        pub raffle: Mut<State<'a, Raffle>>,
        /// Holds the tokens.
        #[account(seeds = [b"pot", raffle])]
        pub pot: Mut<State<'a, TokenAccount>>,
        /// Moves them.
        pub token: Program<'a, Token>,
    }

    /// A ticket that gets tokens and ends.
    #[derive(Accounts, Debug)]
    pub struct Settle<'a> {
        /// Gets them.
        pub buyer: Mut<Signer<'a>>,
        /// Here.
        #[account(authority = buyer)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// From there.
        pub desk: Desk<'a>,
        /// For this.
        #[account(
            has_one = buyer,
            has_one = desk.raffle,
            seeds = [b"ticket", desk.raffle, buyer],
            close = buyer,
        )]
        pub ticket: Mut<State<'a, Ticket>>,
    }

    /// Tickets that did not win, and end.
    #[derive(Accounts, Debug)]
    pub struct Sweep<'a> {
        /// Gets their rent.
        pub authority: Mut<Signer<'a>>,
        /// All of this raffle.
        #[account(has_one = authority, check(raffle.phase == PAID, RaffleError::WrongPhase))]
        pub raffle: Mut<State<'a, Raffle>>,
        /// Each once.
        #[account(has_one = raffle, close = authority)]
        pub tickets: Rest<'a, Mut<State<'a, Ticket>>, 16>,
    }

    /// A raffle that ends.
    #[derive(Accounts, Debug)]
    pub struct Close<'a> {
        /// Gets what is left.
        pub authority: Mut<Signer<'a>>,
        /// Without tickets.
        #[account(
            has_one = authority,
            check(raffle.open.get() == 0, RaffleError::TicketsLeft),
            close = authority,
        )]
        pub raffle: Mut<State<'a, Raffle>>,
        /// Empty.
        #[account(seeds = [b"pot", raffle])]
        pub pot: Mut<State<'a, TokenAccount>>,
        /// Closes it.
        pub token: Program<'a, Token>,
    }

    /// Opens a raffle.
    #[instruction(0)]
    pub fn create(
        accounts: &Create<'_>,
        context: &mut Context<'_, '_>,
        _id: u64,
        price: u64,
        deadline: i64,
    ) -> Result {
        let raffle = Raffle {
            authority: *accounts.authority.address(),
            mint: *accounts.mint.address(),
            price: price.into(),
            deadline: deadline.into(),
            sold: 0.into(),
            open: 0.into(),
            winner: 0.into(),
            phase: SELLING,
        };
        accounts.raffle.set(context, &raffle)
    }

    /// Sells a ticket; gives its number.
    #[instruction(1)]
    pub fn buy(accounts: &Buy<'_>, context: &mut Context<'_, '_>, note: String) -> Result<u32> {
        let Buy {
            buyer, purse, pot, ..
        } = accounts;
        let raffle = *accounts.raffle.read(context)?;
        require!(now(context)? < raffle.deadline.get(), RaffleError::SaleOver);
        token::transfer(purse, pot, buyer, raffle.price.get()).invoke(context)?;
        let ticket = Ticket {
            raffle: *accounts.raffle.address(),
            buyer: *buyer.address(),
            number: raffle.sold.get(),
            note,
        };
        accounts.ticket.set(context, &ticket)?;
        let mut counts = accounts.raffle.write(context)?;
        counts.sold.increase(1)?;
        counts.open.increase(1)?;
        drop(counts);
        let Ticket { raffle, number, .. } = ticket;
        Sold { raffle, number }.emit(context)?;
        Ok(number)
    }

    /// Picks the winner. A leader can pick the slot, so that this is for small pots.
    #[instruction(2)]
    pub fn draw(accounts: &Draw<'_>, context: &mut Context<'_, '_>) -> Result {
        let (now, slot) = (now(context)?, context.sysvars().clock()?.slot);
        let mut raffle = accounts.raffle.write(context)?;
        require!(now >= raffle.deadline.get(), RaffleError::SaleNotOver);
        let sold = raffle.sold.get();
        require!(sold >= 2, RaffleError::TooFewTickets);
        let winner = u32::try_from(slot.checked_rem(u64::from(sold)).unwrap_or(0));
        raffle.winner = winner
            .map_err(|_| InstructionError::ArithmeticOverflow)?
            .into();
        raffle.phase = DRAWN;
        Ok(())
    }

    /// Gives the pot to the winner.
    #[instruction(3)]
    pub fn claim(accounts: &Settle<'_>, context: &mut Context<'_, '_>) -> Result {
        let raffle = *accounts.desk.raffle.read(context)?;
        require!(raffle.phase == DRAWN, RaffleError::WrongPhase);
        let number = accounts.ticket.read(context)?.number;
        require!(number == raffle.winner.get(), RaffleError::NotTheWinner);
        pay(accounts, context)
    }

    /// Gives the price back where there are not enough tickets.
    #[instruction(4)]
    pub fn refund(accounts: &Settle<'_>, context: &mut Context<'_, '_>) -> Result {
        let raffle = *accounts.desk.raffle.read(context)?;
        require!(raffle.phase == SELLING, RaffleError::WrongPhase);
        require!(
            now(context)? >= raffle.deadline.get(),
            RaffleError::SaleNotOver
        );
        require!(raffle.sold.get() < 2, RaffleError::EnoughTickets);
        pay(accounts, context)
    }

    /// Ends tickets that did not win.
    #[instruction(5)]
    pub fn sweep(accounts: &Sweep<'_>, context: &mut Context<'_, '_>) -> Result {
        let count = u32::try_from(accounts.tickets.len());
        let count = count.map_err(|_| InstructionError::ArithmeticOverflow)?;
        accounts.raffle.write(context)?.open.decrease(count)
    }

    /// Ends a raffle.
    #[instruction(6)]
    pub fn close(accounts: &Close<'_>, context: &mut Context<'_, '_>) -> Result {
        let Close { authority, pot, .. } = accounts;
        let seeds = accounts.pot_seeds(context)?;
        token::close_account(pot, authority, pot).invoke_signed(context, &seeds)
    }

    /// Pays the whole pot to a ticket, which ends.
    fn pay(accounts: &Settle<'_>, context: &mut Context<'_, '_>) -> Result {
        let Settle {
            buyer, purse, desk, ..
        } = accounts;
        let amount = desk.pot.read(context)?.amount.get();
        let mut raffle = desk.raffle.write(context)?;
        raffle.open.decrease(1)?;
        raffle.phase = PAID;
        drop(raffle);
        let seeds = desk.pot_seeds(context)?;
        token::transfer(&desk.pot, purse, &desk.pot, amount).invoke_signed(context, &seeds)?;
        let buyer = *buyer.address();
        Paid { buyer, amount }.emit(context)
    }

    fn now(context: &Context<'_, '_>) -> Result<i64> {
        Ok(context.sysvars().clock()?.unix_timestamp)
    }
}
