//! `governance`: realms whose members decide with their tokens what a treasury pays.
//!
//! A member joins a realm with a record and an account for tokens, and puts tokens in: its power.
//! Any member with enough power proposes a transfer from the treasury. Members vote, each once and
//! with all of its power, until the proposal's last slot. A proposal that has reached the quorum
//! and has more power for it than against it is executed after the realm's delay, by any caller.
//!
//! | Instruction | Writes | Adds to | Reads |
//! |---|---|---|---|
//! | `found` | founder, realm and treasury (both new) | | both mints |
//! | `join` | member, record and vault (both new) | | realm, its mint |
//! | `deposit`, `withdraw` | record, vault, purse of the member | | |
//! | `propose` | member, record, proposal (new) | | realm, target |
//! | `vote` | member, record, ballot (new) | proposal | realm |
//! | `execute` | proposal, treasury, target | | realm |
//! | `reclaim` | member, ballot (ends) | | proposal |
//!
//! # Contention
//!
//! Two members share nothing that either writes: records, ballots, and the accounts that hold the
//! tokens are each member's own. There is no common vault, because every deposit would write it.
//! The realm is settled when it is founded and only read from then on. A proposal is the hot
//! object, and voting only adds to its two counters: any number of votes on it run at the same
//! time. `execute` reads the counters, so it takes its turn behind the votes before it; it writes
//! the treasury, so a realm's payments run one after the other. Proposals are numbered by their
//! authors, so no counter joins those.
//!
//! # Each token counts once
//!
//! A ballot's address follows from the proposal and the member, so a second vote finds it in use. A
//! vote holds the member's tokens until the proposal's last slot, so they cannot be withdrawn,
//! passed on and voted with again. In the slots behind the last one no vote is taken, so tokens
//! that are free again, and ballots that have ended, count for nothing.
//!
//! # A client
//!
//! ```
//! use lockstep_market::vote::governance::{self, *};
//! use lockstep_testing::Chain;
//!
//! let mut chain = Chain::builder().program(GovernanceProgram).build();
//! let member = chain.wallet("member");
//! let mint = chain.mint("votes", 0);
//! let purse = chain.tokens(&member, &mint, 500);
//!
//! let rules = Rules { quorum: 300, proposal_power: 100, voting_slots: 5, delay_slots: 2 };
//! let found = FoundAddresses { founder: member, mint, treasury_mint: mint };
//! chain.run(governance::call::found(&found, 0, rules)).all_ok();
//! let (realm, _) = Found::realm_address(&member, 0);
//! let (treasury, _) = Found::treasury_address(&realm);
//!
//! chain.run(governance::call::join(&JoinAddresses { member, realm, mint })).all_ok();
//! let (record, _) = Join::record_address(&realm, &member);
//! let (vault, _) = Join::vault_address(&record);
//! let hold = HoldAddresses { member, record, vault, purse };
//! chain.run(governance::call::deposit(&hold, 400)).all_ok();
//!
//! let propose = ProposeAddresses { member, realm, target: purse };
//! chain.run(governance::call::propose(&propose, 0, 0)).all_ok();
//! let (proposal, _) = Propose::proposal_address(&realm, &member, 0);
//! chain.run(governance::call::vote(&VoteAddresses { member, realm, proposal }, true)).all_ok();
//! chain.warp_to_slot(chain.slot() + 7);
//! let execute = ExecuteAddresses { realm, proposal, treasury, target: purse };
//! chain.run(governance::call::execute(&execute)).all_ok();
//! ```

/// Members of a realm decide with their tokens what its treasury pays.
#[lockstep_sdk::program(id = "Gov1111111111111111111111111111111111111111")]
pub mod governance {
    use lockstep_sdk::{account::TallyField, prelude::*, token};

    /// The rules of a realm. They never change.
    #[derive(Clone, Copy, Debug, Data, Eq, PartialEq)]
    pub struct Rules {
        /// Power for and against that has to come together, at least 1.
        pub quorum: u64,
        /// Power that it takes to propose, at least 1.
        pub proposal_power: u64,
        /// Slots in which a proposal is voted on, the one of the proposal included; at least 1.
        pub voting_slots: u64,
        /// Slots between the last vote and the execution.
        pub delay_slots: u64,
    }

    /// A realm: it is the authority of its treasury.
    #[state(1, pod)]
    pub struct Realm {
        /// The founder, for the address; it has no rights.
        pub founder: Address,
        /// Tells the founder's realms apart.
        pub number: U64,
        /// The mint of the tokens that vote.
        pub mint: Address,
        /// The mint of the tokens that the treasury pays.
        pub treasury_mint: Address,
        /// Holds them.
        pub treasury: Address,
        /// See [`Rules::quorum`].
        pub quorum: U64,
        /// See [`Rules::proposal_power`].
        pub proposal_power: U64,
        /// See [`Rules::voting_slots`].
        pub voting_slots: U64,
        /// See [`Rules::delay_slots`].
        pub delay_slots: U64,
    }

    /// What a member has put in: the authority of the member's vault.
    #[state(2, pod)]
    pub struct Record {
        /// In this realm.
        pub realm: Address,
        /// Of this member.
        pub member: Address,
        /// Holds the tokens.
        pub vault: Address,
        /// Tokens that vote. The vault holds at least that.
        pub power: U64,
        /// The last slot in which they are held.
        pub held_until: U64,
    }

    /// A transfer that is decided on.
    #[state(3, pod)]
    pub struct Proposal {
        /// From this realm's treasury.
        pub realm: Address,
        /// Proposed by this member.
        pub author: Address,
        /// To this token account.
        pub target: Address,
        /// Tokens that it pays.
        pub amount: U64,
        /// The last slot in which votes count.
        pub end: U64,
        /// True once it has been paid.
        pub is_executed: Bool,
        /// Power for it.
        #[tally]
        pub yes: U64,
        /// Power against it.
        #[tally]
        pub no: U64,
    }

    /// A vote that was cast.
    #[state(4, pod)]
    pub struct Ballot {
        /// On this proposal.
        pub proposal: Address,
        /// By this member.
        pub member: Address,
        /// With this power.
        pub power: U64,
        /// For it or against it.
        pub is_for: Bool,
    }

    /// Why a realm refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum GovernanceError {
        /// the rules need a quorum, a proposal power and voting slots above 0
        BadRules = 1,
        /// the member has too little power
        TooLittlePower,
        /// the tokens are held until the last slot of a proposal that they were used for
        Held,
        /// the vote is over
        VoteOver,
        /// the vote goes on
        VoteGoesOn,
        /// the delay after the vote is not over
        TooEarly,
        /// the votes do not reach the quorum
        NoQuorum,
        /// there is not more power for it than against it
        Rejected,
        /// the proposal has been executed
        AlreadyExecuted,
        /// a slot or an amount would exceed 64 bits
        Overflow,
    }

    /// A transfer was proposed.
    #[event(1)]
    pub struct Proposed {
        /// As this proposal.
        pub proposal: Address,
        /// The last slot in which votes count.
        pub end: u64,
    }

    /// A vote was cast.
    #[event(2)]
    pub struct Voted {
        /// On this proposal.
        pub proposal: Address,
        /// By this member.
        pub member: Address,
        /// With this power.
        pub power: u64,
        /// For it or against it.
        pub is_for: bool,
    }

    /// A proposal was executed.
    #[event(3)]
    pub struct Executed {
        /// Which.
        pub proposal: Address,
        /// Tokens that the treasury paid.
        pub amount: u64,
    }

    /// A new realm with an empty treasury.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Found<'a> {
        /// Pays for the accounts.
        pub founder: Mut<Signer<'a>>,
        /// The mint of the tokens that vote.
        pub mint: State<'a, Mint>,
        /// The mint of the tokens that the treasury pays; it may be the same.
        pub treasury_mint: State<'a, Mint>,
        /// The new realm.
        #[account(payer = founder, seeds = [b"realm", founder, number])]
        pub realm: Init<'a, Realm>,
        /// Its treasury: any token account pays in.
        #[account(payer = founder, seeds = [b"treasury", realm], mint = treasury_mint,
            authority = realm)]
        pub treasury: Init<'a, TokenAccount>,
        /// Keeps tokens.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A new member of a realm.
    #[derive(Accounts, Debug)]
    pub struct Join<'a> {
        /// Pays for the accounts.
        pub member: Mut<Signer<'a>>,
        /// The realm.
        pub realm: State<'a, Realm>,
        /// The mint of the tokens that vote.
        #[account(address = realm.mint)]
        pub mint: State<'a, Mint>,
        /// The member's record.
        #[account(payer = member, seeds = [b"record", realm, member])]
        pub record: Init<'a, Record>,
        /// Holds the member's tokens.
        #[account(payer = member, seeds = [b"vault", record], mint = mint, authority = record)]
        pub vault: Init<'a, TokenAccount>,
        /// Keeps tokens.
        pub token: Program<'a, Token>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A member's tokens on their way into the vault or out of it.
    #[derive(Accounts, Debug)]
    pub struct Hold<'a> {
        /// The owner of the purse and the record.
        pub member: Signer<'a>,
        /// The member's record.
        #[account(has_one = member, seeds = [b"record", record.realm, member])]
        pub record: Mut<State<'a, Record>>,
        /// Holds the member's tokens.
        #[account(address = record.vault)]
        pub vault: Mut<State<'a, TokenAccount>>,
        /// The other token account.
        #[account(authority = member)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// A new proposal.
    #[derive(Accounts, Debug)]
    #[args(number: u64)]
    pub struct Propose<'a> {
        /// Pays for the account.
        pub member: Mut<Signer<'a>>,
        /// The realm.
        pub realm: State<'a, Realm>,
        /// The member's record.
        #[account(seeds = [b"record", realm, member])]
        pub record: Mut<State<'a, Record>>,
        /// The new proposal.
        #[account(payer = member, seeds = [b"proposal", realm, member, number])]
        pub proposal: Init<'a, Proposal>,
        /// Would be paid.
        #[account(mint = realm.treasury_mint)]
        pub target: State<'a, TokenAccount>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A vote.
    #[derive(Accounts, Debug)]
    pub struct Vote<'a> {
        /// Pays for the ballot.
        pub member: Mut<Signer<'a>>,
        /// The realm.
        pub realm: State<'a, Realm>,
        /// The member's record.
        #[account(seeds = [b"record", realm, member])]
        pub record: Mut<State<'a, Record>>,
        /// Only added to, so that votes do not wait for each other.
        #[account(has_one = realm)]
        pub proposal: Tally<'a, Proposal>,
        /// One for each proposal and member.
        #[account(payer = member, seeds = [b"ballot", proposal, member])]
        pub ballot: Init<'a, Ballot>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// The execution of a proposal.
    #[derive(Accounts, Debug)]
    pub struct Execute<'a> {
        /// The realm: signs for the treasury.
        #[account(seeds = [b"realm", realm.founder, realm.number])]
        pub realm: State<'a, Realm>,
        /// The proposal, counters and all: behind the votes before it.
        #[account(
            has_one = realm,
            check(!proposal.is_executed.get(), GovernanceError::AlreadyExecuted),
        )]
        pub proposal: Mut<State<'a, Proposal>>,
        /// Pays.
        #[account(address = realm.treasury)]
        pub treasury: Mut<State<'a, TokenAccount>>,
        /// Is paid.
        #[account(address = proposal.target)]
        pub target: Mut<State<'a, TokenAccount>>,
        /// Moves tokens.
        pub token: Program<'a, Token>,
    }

    /// A ballot that has counted, and ends.
    #[derive(Accounts, Debug)]
    pub struct Reclaim<'a> {
        /// Gets the rent.
        pub member: Mut<Signer<'a>>,
        /// The proposal, on which no vote is taken any more.
        pub proposal: State<'a, Proposal>,
        /// The member's ballot.
        #[account(
            has_one = member,
            seeds = [b"ballot", proposal, member],
            close = member,
        )]
        pub ballot: Mut<State<'a, Ballot>>,
    }

    /// Founds a realm.
    #[instruction(0)]
    pub fn found(
        accounts: &Found<'_>,
        context: &mut Context<'_, '_>,
        number: u64,
        rules: Rules,
    ) -> Result {
        let Rules {
            quorum,
            proposal_power,
            voting_slots,
            delay_slots,
        } = rules;
        let is_sound = quorum > 0 && proposal_power > 0 && voting_slots > 0;
        require!(is_sound, GovernanceError::BadRules);
        let realm = Realm {
            founder: *accounts.founder.address(),
            number: number.into(),
            mint: *accounts.mint.address(),
            treasury_mint: *accounts.treasury_mint.address(),
            treasury: *accounts.treasury.address(),
            quorum: quorum.into(),
            proposal_power: proposal_power.into(),
            voting_slots: voting_slots.into(),
            delay_slots: delay_slots.into(),
        };
        accounts.realm.set(context, &realm)
    }

    /// Joins a realm, without power.
    #[instruction(1)]
    pub fn join(accounts: &Join<'_>, context: &mut Context<'_, '_>) -> Result {
        let record = Record {
            realm: *accounts.realm.address(),
            member: *accounts.member.address(),
            vault: *accounts.vault.address(),
            power: 0.into(),
            held_until: 0.into(),
        };
        accounts.record.set(context, &record)
    }

    /// Turns tokens into power. Ballots that were cast keep the power that they were cast with.
    #[instruction(2)]
    pub fn deposit(accounts: &Hold<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let Hold {
            member,
            record,
            vault,
            purse,
            ..
        } = accounts;
        token::transfer(purse, vault, member, amount).invoke(context)?;
        record.write(context)?.power.increase(amount)
    }

    /// Turns power into tokens, unless a vote or a proposal holds them.
    #[instruction(3)]
    pub fn withdraw(accounts: &Hold<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let Hold {
            record,
            vault,
            purse,
            ..
        } = accounts;
        let held_until = record.read(context)?.held_until.get();
        require!(slot(context)? > held_until, GovernanceError::Held);
        let power = record.read(context)?.power.get();
        require!(amount <= power, GovernanceError::TooLittlePower);
        let seeds = accounts.record_seeds(context)?;
        token::transfer(vault, purse, record, amount).invoke_signed(context, &seeds)?;
        record.write(context)?.power.decrease(amount)
    }

    /// Proposes a transfer of `amount` from the treasury. The author chooses a number that it has
    /// not used yet.
    #[instruction(4)]
    pub fn propose(
        accounts: &Propose<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        amount: u64,
    ) -> Result {
        let realm = *accounts.realm.read(context)?;
        let power = accounts.record.read(context)?.power.get();
        let is_able = power >= realm.proposal_power.get();
        require!(is_able, GovernanceError::TooLittlePower);
        let last = realm.voting_slots.get().checked_sub(1);
        let now = slot(context)?;
        let end = last.and_then(|last| last.checked_add(now));
        let end = end.ok_or(GovernanceError::Overflow)?;
        let is_executable = end.checked_add(realm.delay_slots.get()).is_some();
        require!(is_executable, GovernanceError::Overflow);
        hold(&accounts.record, context, end)?;
        let state = Proposal {
            realm: *accounts.realm.address(),
            author: *accounts.member.address(),
            target: *accounts.target.address(),
            amount: amount.into(),
            end: end.into(),
            is_executed: false.into(),
            yes: 0.into(),
            no: 0.into(),
        };
        accounts.proposal.set(context, &state)?;
        let proposal = *accounts.proposal.address();
        Proposed { proposal, end }.emit(context)
    }

    /// Votes with all of the member's power.
    #[instruction(5)]
    pub fn vote(accounts: &Vote<'_>, context: &mut Context<'_, '_>, is_for: bool) -> Result {
        let end = accounts.proposal.read(context)?.end.get();
        require!(slot(context)? <= end, GovernanceError::VoteOver);
        let power = accounts.record.read(context)?.power.get();
        require!(power > 0, GovernanceError::TooLittlePower);
        hold(&accounts.record, context, end)?;
        let choice: TallyField<Proposal> = match is_for {
            true => Proposal::YES,
            false => Proposal::NO,
        };
        accounts.proposal.add(context, choice, power)?;
        let (proposal, member) = (*accounts.proposal.address(), *accounts.member.address());
        let ballot = Ballot {
            proposal,
            member,
            power: power.into(),
            is_for: is_for.into(),
        };
        accounts.ballot.set(context, &ballot)?;
        Voted {
            proposal,
            member,
            power,
            is_for,
        }
        .emit(context)
    }

    /// Pays what was decided, once.
    #[instruction(6)]
    pub fn execute(accounts: &Execute<'_>, context: &mut Context<'_, '_>) -> Result {
        let (realm, state) = {
            let (realm, proposal) = (&accounts.realm, &accounts.proposal);
            (*realm.read(context)?, *proposal.read(context)?)
        };
        let (slot, end) = (slot(context)?, state.end.get());
        require!(slot > end, GovernanceError::VoteGoesOn);
        let first = end.checked_add(realm.delay_slots.get());
        let first = first.ok_or(GovernanceError::Overflow)?;
        require!(slot > first, GovernanceError::TooEarly);
        let [yes, no] = [state.yes.get(), state.no.get()];
        // A sum beyond 64 bits is above any quorum.
        let has_quorum = yes.saturating_add(no) >= realm.quorum.get();
        require!(has_quorum, GovernanceError::NoQuorum);
        require!(yes > no, GovernanceError::Rejected);
        accounts.proposal.write(context)?.is_executed.set(true);
        let (treasury, target) = (&accounts.treasury, &accounts.target);
        let (amount, seeds) = (state.amount.get(), accounts.realm_seeds(context)?);
        token::transfer(treasury, target, &accounts.realm, amount)
            .invoke_signed(context, &seeds)?;
        let proposal = *accounts.proposal.address();
        Executed { proposal, amount }.emit(context)
    }

    /// Ends a ballot after the vote.
    #[instruction(7)]
    pub fn reclaim(accounts: &Reclaim<'_>, context: &mut Context<'_, '_>) -> Result {
        let end = accounts.proposal.read(context)?.end.get();
        require!(slot(context)? > end, GovernanceError::VoteGoesOn);
        Ok(())
    }

    /// Holds a member's tokens up to a slot, or longer if they are held already.
    fn hold(record: &Mut<State<'_, Record>>, context: &Context<'_, '_>, end: u64) -> Result {
        let mut record = record.write(context)?;
        let held_until = record.held_until.get().max(end);
        record.held_until.set(held_until);
        Ok(())
    }

    fn slot(context: &Context<'_, '_>) -> Result<u64> {
        Ok(context.sysvars().clock()?.slot)
    }
}
