//! A raffle that sells tickets for tokens: create, buy, draw, claim, refund, sweep, close.

/// Sells tickets for tokens and gives all of them to one ticket.
#[allow(missing_docs, reason = "most names say it")]
#[lockstep_sdk::program(id = "Raff1e1111111111111111111111111111111111111")]
pub mod raffle {
    use lockstep_sdk::{bytemuck, prelude::*, token};
    pub const SELLING: u8 = 0;
    pub const DRAWN: u8 = 1;
    pub const PAID: u8 = 2;

    #[state(1, pod)]
    pub struct Raffle {
        pub authority: Address,
        pub mint: Address,
        pub price: U64,
        pub deadline: I64,
        pub sold: U32,
        pub open: U32,
        pub winner: U32,
        pub phase: u8,
    }

    #[state(2)]
    pub struct Ticket {
        pub raffle: Address,
        pub buyer: Address,
        pub number: u32,
        #[max(32)]
        pub note: String,
    }

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

    #[event(1)]
    pub struct Sold {
        pub raffle: Address,
        pub number: u32,
    }

    #[event(2)]
    pub struct Paid {
        pub buyer: Address,
        pub amount: u64,
    }

    #[derive(Accounts, Debug)]
    #[args(id: u64)]
    pub struct Create<'a> {
        pub authority: Mut<Signer<'a>>,
        pub mint: State<'a, Mint>,
        #[account(payer = authority, seeds = [b"raffle", authority, id])]
        pub raffle: Init<'a, Raffle>,
        /// Keeps the tokens, and is its own authority: the program signs for it.
        #[account(payer = authority, seeds = [b"pot", raffle], mint = mint, authority = pot)]
        pub pot: Init<'a, TokenAccount>,
        pub token: Program<'a, Token>,
        pub system: Program<'a, System>,
    }

    #[derive(Accounts, Debug)]
    pub struct Buy<'a> {
        pub buyer: Mut<Signer<'a>>,
        #[account(mint = raffle.mint, authority = buyer)]
        pub purse: Mut<State<'a, TokenAccount>>,
        #[account(check(raffle.phase == SELLING, RaffleError::SaleOver))]
        pub raffle: Mut<State<'a, Raffle>>,
        #[account(seeds = [b"pot", raffle])]
        pub pot: Mut<State<'a, TokenAccount>>,
        #[account(payer = buyer, seeds = [b"ticket", raffle, buyer])]
        pub ticket: Init<'a, Ticket>,
        pub token: Program<'a, Token>,
        pub system: Program<'a, System>,
    }

    #[derive(Accounts, Debug)]
    pub struct Draw<'a> {
        #[account(check(raffle.phase == SELLING, RaffleError::WrongPhase))]
        pub raffle: Mut<State<'a, Raffle>>,
    }

    #[derive(Accounts, Debug)]
    pub struct Desk<'a> {
        pub raffle: Mut<State<'a, Raffle>>,
        #[account(seeds = [b"pot", raffle])]
        pub pot: Mut<State<'a, TokenAccount>>,
        pub token: Program<'a, Token>,
    }

    #[derive(Accounts, Debug)]
    pub struct Settle<'a> {
        pub buyer: Mut<Signer<'a>>,
        #[account(authority = buyer)]
        pub purse: Mut<State<'a, TokenAccount>>,
        pub desk: Desk<'a>,
        #[account(
            has_one = buyer,
            has_one = desk.raffle,
            seeds = [b"ticket", desk.raffle, buyer],
            close = buyer,
        )]
        pub ticket: Mut<State<'a, Ticket>>,
    }

    #[derive(Accounts, Debug)]
    pub struct Sweep<'a> {
        pub authority: Mut<Signer<'a>>,
        #[account(has_one = authority, check(raffle.phase == PAID, RaffleError::WrongPhase))]
        pub raffle: Mut<State<'a, Raffle>>,
        #[account(has_one = raffle, close = authority)]
        pub tickets: Rest<'a, Mut<State<'a, Ticket>>, 16>,
    }

    #[derive(Accounts, Debug)]
    pub struct Close<'a> {
        pub authority: Mut<Signer<'a>>,
        #[account(
            has_one = authority,
            check(raffle.open.get() == 0, RaffleError::TicketsLeft),
            close = authority,
        )]
        pub raffle: Mut<State<'a, Raffle>>,
        #[account(seeds = [b"pot", raffle])]
        pub pot: Mut<State<'a, TokenAccount>>,
        pub token: Program<'a, Token>,
    }

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
            phase: SELLING,
            ..bytemuck::Zeroable::zeroed()
        };
        accounts.raffle.set(context, &raffle)
    }

    /// Sells a ticket; gives its number.
    #[instruction(1)]
    pub fn buy(accounts: &Buy<'_>, context: &mut Context<'_, '_>, note: String) -> Result<u32> {
        let (buyer, purse, pot) = (&accounts.buyer, &accounts.purse, &accounts.pot);
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
        let Ticket { raffle, number, .. } = ticket;
        Sold { raffle, number }.emit(context)?;
        let mut counts = accounts.raffle.write(context)?;
        counts.sold.increase(1)?;
        counts.open.increase(1)?;
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
        let winner = slot.checked_rem(sold.into()).map(u32::try_from);
        let winner = winner.and_then(|winner| winner.ok());
        raffle.winner = winner.ok_or(InstructionError::ArithmeticOverflow)?.into();
        raffle.phase = DRAWN;
        Ok(())
    }

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
        let is_over = now(context)? >= raffle.deadline.get();
        require!(is_over, RaffleError::SaleNotOver);
        require!(raffle.sold.get() < 2, RaffleError::EnoughTickets);
        pay(accounts, context)
    }

    #[instruction(5)]
    pub fn sweep(accounts: &Sweep<'_>, context: &mut Context<'_, '_>) -> Result {
        let count = u32::try_from(accounts.tickets.len());
        let count = count.map_err(|_| InstructionError::ArithmeticOverflow)?;
        accounts.raffle.write(context)?.open.decrease(count)
    }

    #[instruction(6)]
    pub fn close(accounts: &Close<'_>, context: &mut Context<'_, '_>) -> Result {
        let Close { authority, pot, .. } = accounts;
        let seeds = accounts.pot_seeds(context)?;
        token::close_account(pot, authority, pot).invoke_signed(context, &seeds)
    }

    fn pay(accounts: &Settle<'_>, context: &mut Context<'_, '_>) -> Result {
        let (buyer, purse, desk) = (&accounts.buyer, &accounts.purse, &accounts.desk);
        let amount = desk.pot.read(context)?.amount.get();
        let seeds = desk.pot_seeds(context)?;
        token::transfer(&desk.pot, purse, &desk.pot, amount).invoke_signed(context, &seeds)?;
        let buyer = *buyer.address();
        Paid { buyer, amount }.emit(context)?;
        let mut raffle = desk.raffle.write(context)?;
        raffle.phase = PAID;
        raffle.open.decrease(1)
    }

    fn now(context: &Context<'_, '_>) -> Result<i64> {
        Ok(context.sysvars().clock()?.unix_timestamp)
    }
}
