//! A poll: each voter has a record of its own and votes once; any number vote at the same time.

/// Counts votes for and against something.
#[lockstep_sdk::program(id = "PoLL111111111111111111111111111111111111111")]
pub mod poll {
    use lockstep_sdk::prelude::*;

    /// What is asked, and what was answered so far.
    #[state(1, pod)]
    pub struct Poll {
        /// The author.
        pub author: Address,
        /// The last slot in which votes count.
        pub end: U64,
        /// Votes for it.
        #[tally]
        pub yes: U64,
        /// Votes against it.
        #[tally]
        pub no: U64,
    }

    /// A vote that was cast.
    #[state(2, pod)]
    pub struct Vote {
        /// 1 for it, 0 against it.
        pub is_for: Bool,
    }

    /// What can go wrong besides.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum PollError {
        /// the poll is over
        Over = 1,
    }

    /// A new poll.
    #[derive(Accounts, Debug)]
    pub struct Ask<'a> {
        /// Pays for it.
        pub author: Mut<Signer<'a>>,
        /// The new account.
        #[account(payer = author, seeds = [b"poll", author])]
        pub poll: Init<'a, Poll>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A vote.
    #[derive(Accounts, Debug)]
    pub struct Cast<'a> {
        /// Votes, and pays for the record.
        pub voter: Mut<Signer<'a>>,
        /// What is voted on: only added to, so that voters need not wait for each other.
        pub poll: Tally<'a, Poll>,
        /// The record, one for each poll and voter.
        #[account(payer = voter, seeds = [b"vote", poll, voter])]
        pub vote: Init<'a, Vote>,
        /// Creates it.
        pub system: Program<'a, System>,
    }

    /// A poll to be looked at.
    #[derive(Accounts, Debug)]
    pub struct Look<'a> {
        /// Read, counters and all: behind all votes before it.
        pub poll: State<'a, Poll>,
    }

    /// Asks something.
    #[instruction(0)]
    pub fn ask(accounts: &Ask<'_>, context: &mut Context<'_, '_>, end: u64) -> Result {
        let poll = Poll {
            author: *accounts.author.address(),
            end: end.into(),
            yes: 0.into(),
            no: 0.into(),
        };
        accounts.poll.set(context, &poll)
    }

    /// Votes.
    #[instruction(1)]
    pub fn cast(accounts: &Cast<'_>, context: &mut Context<'_, '_>, is_for: bool) -> Result {
        let end = accounts.poll.read(context)?.end;
        require!(
            context.sysvars().clock()?.slot <= end.get(),
            PollError::Over
        );
        let choice = if is_for { Poll::YES } else { Poll::NO };
        accounts.poll.add(context, choice, 1)?;
        let is_for = is_for.into();
        accounts.vote.set(context, &Vote { is_for })
    }

    /// Tells how many more are for it than against it.
    #[instruction(2)]
    pub fn lead(accounts: &Look<'_>, context: &mut Context<'_, '_>) -> Result<i64> {
        let poll = accounts.poll.read(context)?;
        let lead = i128::from(poll.yes.get()).checked_sub(poll.no.get().into());
        let lead = lead.and_then(|lead| i64::try_from(lead).ok());
        lead.ok_or(InstructionError::ArithmeticOverflow)
    }
}
