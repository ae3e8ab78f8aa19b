//! `governance`: realms whose members decide with their tokens what a treasury pays.
//!
//! A member joins a realm with a record and an account for tokens, and puts tokens in: its power.
//! Any member with enough power proposes a transfer from the treasury, or any instruction that the
//! realm is to sign. Members or their delegates vote, each record once and with all of its power,
//! until the proposal's last slot. A proposal that has reached the quorum and has more power for it
//! than against it is executed after the realm's delay, by any caller, unless it has expired.
//!
//! | Instruction | Writes | Adds to | Reads |
//! |---|---|---|---|
//! | `found` | founder, realm and treasury (both new) | | both mints |
//! | `join` | member, record and vault (both new) | | realm, its mint |
//! | `deposit`, `withdraw` | record, vault, purse of the member | | |
//! | `delegate` | record | | |
//! | `propose`, `propose_call` | member, record, proposal (new) | | realm, target |
//! | `vote` | voter, record, ballot (new) | proposal | realm |
//! | `execute` | proposal, treasury, target | | realm |
//! | `execute_call` | proposal, what the instruction writes | | realm |
//! | `reclaim` | voter, ballot (ends) | | proposal |
//!
//! # Contention
//!
//! Two members share nothing that either writes: records, ballots and vaults are each member's own.
//! The realm is settled when it is founded and only read from then on. A proposal is the hot
//! object, and voting only adds to its two counters: any number of votes on it run at the same
//! time. `execute` reads the counters, behind the votes before it; it writes the treasury, so a
//! realm's payments take turns. Authors number their proposals, so no counter joins those.
//!
//! # Each token counts once
//!
//! A ballot's address follows from the proposal and the record, so a second vote finds it in use,
//! whether the member cast the first one or its delegate. A vote holds the tokens until the
//! proposal's last slot, so they cannot be withdrawn, passed on and voted with again. Behind that
//! slot no vote is taken, so free tokens and ballots that have ended count for nothing.
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
//! let (voting_slots, delay_slots, open_slots) = (5, 2, 100);
//! let rules = Rules { quorum: 300, proposal_power: 100, voting_slots, delay_slots, open_slots };
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
//! let propose = ProposeAddresses { member, realm, target: Some(purse) };
//! chain.run(governance::call::propose(&propose, 0, 0)).all_ok();
//! let (proposal, _) = Propose::proposal_address(&realm, &member, 0);
//! let vote = VoteAddresses { voter: member, realm, record, proposal };
//! chain.run(governance::call::vote(&vote, true)).all_ok();
//! chain.warp_to_slot(chain.slot() + 7);
//! let execute = ExecuteAddresses { realm, proposal, treasury, target: purse };
//! chain.run(governance::call::execute(&execute)).all_ok();
//! ```

use lockstep_sdk::interface::Instruction;
use sha2::{Digest, Sha256};

/// What a proposal keeps of an instruction, of which the realm is the one signer: SHA-256 over
/// program, accounts and data.
pub fn call_digest(call: &Instruction) -> [u8; 32] {
    // The count keeps accounts and data from running into each other.
    let count = (call.accounts.len() as u64).to_le_bytes();
    let mut hasher = Sha256::new().chain_update(call.program.as_array());
    hasher.update(count);
    for meta in &call.accounts {
        hasher.update(meta.address.as_array());
        hasher.update([u8::from(meta.is_signer), u8::from(meta.is_writable)]);
    }
    hasher.chain_update(&call.data).finalize().into()
}

/// Members of a realm decide with their tokens what its treasury pays.
#[lockstep_sdk::program(id = "Gov1111111111111111111111111111111111111111")]
pub mod governance {
    use super::call_digest;
    use lockstep_sdk::{
        interface::{AccountMeta, Instruction},
        prelude::*,
        token,
    };

    /// Accounts of an instruction that is proposed, at most.
    pub const CALL_ACCOUNTS_MAX: usize = 24;

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
        /// Slots after that in which it can be executed, at least 1.
        pub open_slots: u64,
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
        /// See [`Rules::open_slots`].
        pub open_slots: U64,
    }

    /// What a member has put in: the authority of the member's vault.
    #[state(2, pod)]
    pub struct Record {
        /// In this realm.
        pub realm: Address,
        /// Of this member.
        pub member: Address,
        /// May vote as well; the member itself if there is no delegate.
        pub delegate: Address,
        /// Holds the tokens.
        pub vault: Address,
        /// Tokens that vote. The vault holds at least that.
        pub power: U64,
        /// The last slot in which they are held.
        pub held_until: U64,
    }

    /// A transfer or an instruction that is decided on.
    #[state(3, pod)]
    pub struct Proposal {
        /// From this realm's treasury.
        pub realm: Address,
        /// Proposed by this member.
        pub author: Address,
        /// To this token account; of an instruction, its program.
        pub target: Address,
        /// Tokens that it pays.
        pub amount: U64,
        /// Of an instruction, see [`call_digest`]; zeros for a transfer.
        pub digest: [u8; 32],
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
        /// With this record.
        pub record: Address,
        /// By the member or its delegate, which gets the rent.
        pub voter: Address,
        /// With this power.
        pub power: U64,
        /// For it or against it.
        pub is_for: Bool,
    }

    /// Why a realm refuses.
    #[derive(Clone, Copy, Debug, ErrorCode)]
    pub enum GovernanceError {
        /// the rules need a quorum, a proposal power, voting slots and open slots above 0
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
        /// the voter is neither the member nor its delegate
        MayNotVote,
        /// the slots in which it can be executed are over
        Expired,
        /// the proposal is of another kind, or of another instruction
        WrongCall,
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
        /// With this record.
        pub record: Address,
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
        /// Tokens that the treasury paid; 0 for an instruction.
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

    /// A record in its member's hands.
    #[derive(Accounts, Debug)]
    pub struct Own<'a> {
        /// The owner of the record.
        pub member: Signer<'a>,
        /// The member's record.
        #[account(has_one = member)]
        pub record: Mut<State<'a, Record>>,
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
        /// Would be paid; absent if an instruction is proposed.
        #[account(mint = realm.treasury_mint)]
        pub target: Option<State<'a, TokenAccount>>,
        /// Creates accounts.
        pub system: Program<'a, System>,
    }

    /// A vote.
    #[derive(Accounts, Debug)]
    pub struct Vote<'a> {
        /// The member or its delegate; pays for the ballot.
        pub voter: Mut<Signer<'a>>,
        /// The realm.
        pub realm: State<'a, Realm>,
        /// The member's record.
        #[account(
            has_one = realm,
            check(
                [record.member, record.delegate].contains(voter.address()),
                GovernanceError::MayNotVote,
            ),
        )]
        pub record: Mut<State<'a, Record>>,
        /// Only added to, so that votes do not wait for each other.
        #[account(has_one = realm)]
        pub proposal: Tally<'a, Proposal>,
        /// One for each proposal and record.
        #[account(payer = voter, seeds = [b"ballot", proposal, record])]
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

    /// The execution of an instruction.
    #[derive(Accounts, Debug)]
    pub struct ExecuteCall<'a> {
        /// The realm: signs for what it owns.
        #[account(seeds = [b"realm", realm.founder, realm.number])]
        pub realm: State<'a, Realm>,
        /// The proposal, counters and all: behind the votes before it.
        #[account(
            has_one = realm,
            check(!proposal.is_executed.get(), GovernanceError::AlreadyExecuted),
        )]
        pub proposal: Mut<State<'a, Proposal>>,
        /// Is called.
        #[account(address = proposal.target)]
        pub program: Unchecked<'a>,
        /// The instruction's accounts; the realm may be among them.
        #[account(repeats)]
        pub rest: Rest<'a, Unchecked<'a>, CALL_ACCOUNTS_MAX>,
    }

    /// A ballot that has counted, and ends.
    #[derive(Accounts, Debug)]
    pub struct Reclaim<'a> {
        /// Gets the rent.
        pub voter: Mut<Signer<'a>>,
        /// The proposal, on which no vote is taken any more.
        pub proposal: State<'a, Proposal>,
        /// The voter's ballot.
        #[account(has_one = proposal, has_one = voter, close = voter)]
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
        let needed = [
            rules.quorum,
            rules.proposal_power,
            rules.voting_slots,
            rules.open_slots,
        ];
        require!(!needed.contains(&0), GovernanceError::BadRules);
        let realm = Realm {
            founder: *accounts.founder.address(),
            number: number.into(),
            mint: *accounts.mint.address(),
            treasury_mint: *accounts.treasury_mint.address(),
            treasury: *accounts.treasury.address(),
            quorum: rules.quorum.into(),
            proposal_power: rules.proposal_power.into(),
            voting_slots: rules.voting_slots.into(),
            delay_slots: rules.delay_slots.into(),
            open_slots: rules.open_slots.into(),
        };
        accounts.realm.set(context, &realm)
    }

    /// Joins a realm, without power.
    #[instruction(1)]
    pub fn join(accounts: &Join<'_>, context: &mut Context<'_, '_>) -> Result {
        let record = Record {
            realm: *accounts.realm.address(),
            member: *accounts.member.address(),
            delegate: *accounts.member.address(),
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
        let (record, vault, purse) = (&accounts.record, &accounts.vault, &accounts.purse);
        let Record {
            held_until, power, ..
        } = *record.read(context)?;
        require!(slot(context)? > held_until.get(), GovernanceError::Held);
        require!(amount <= power.get(), GovernanceError::TooLittlePower);
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
        let target = accounts.target.ok_or(GovernanceError::WrongCall)?;
        accounts.begin(context, *target.address(), amount, [0; 32])
    }

    impl Propose<'_> {
        /// Begins a vote.
        fn begin(
            &self,
            context: &mut Context<'_, '_>,
            target: Address,
            amount: u64,
            digest: [u8; 32],
        ) -> Result {
            let realm = *self.realm.read(context)?;
            let power = self.record.read(context)?.power.get();
            require!(
                power >= realm.proposal_power.get(),
                GovernanceError::TooLittlePower
            );
            // There is at least one voting slot, and this is one of them.
            let voting_slots = realm.voting_slots.get().saturating_sub(1);
            let end = slot(context)?.checked_add(voting_slots);
            let end = end.ok_or(GovernanceError::Overflow)?;
            let is_executable = realm.execution_slots(end).is_some();
            require!(is_executable, GovernanceError::Overflow);
            hold(&self.record, context, end)?;
            let state = Proposal {
                realm: *self.realm.address(),
                author: *self.member.address(),
                target,
                amount: amount.into(),
                digest,
                end: end.into(),
                is_executed: false.into(),
                yes: 0.into(),
                no: 0.into(),
            };
            self.proposal.set(context, &state)?;
            let proposal = *self.proposal.address();
            Proposed { proposal, end }.emit(context)
        }
    }

    impl Realm {
        /// The slots between which, both left out, a proposal is executed whose vote ends here.
        fn execution_slots(&self, end: u64) -> Option<(u64, u64)> {
            let first = end.checked_add(self.delay_slots.get())?;
            let open = first.checked_add(self.open_slots.get())?;
            Some((first, open.checked_add(1)?))
        }
    }

    /// Votes with all of a record's power.
    #[instruction(5)]
    pub fn vote(accounts: &Vote<'_>, context: &mut Context<'_, '_>, is_for: bool) -> Result {
        let end = accounts.proposal.read(context)?.end.get();
        require!(slot(context)? <= end, GovernanceError::VoteOver);
        let power = accounts.record.read(context)?.power.get();
        require!(power > 0, GovernanceError::TooLittlePower);
        hold(&accounts.record, context, end)?;
        let choice = if is_for { Proposal::YES } else { Proposal::NO };
        accounts.proposal.add(context, choice, power)?;
        let (proposal, record) = (*accounts.proposal.address(), *accounts.record.address());
        let ballot = Ballot {
            proposal,
            record,
            voter: *accounts.voter.address(),
            power: power.into(),
            is_for: is_for.into(),
        };
        accounts.ballot.set(context, &ballot)?;
        Voted {
            proposal,
            record,
            power,
            is_for,
        }
        .emit(context)
    }

    /// Pays what was decided, once.
    #[instruction(6)]
    pub fn execute(accounts: &Execute<'_>, context: &mut Context<'_, '_>) -> Result {
        let state = decide(&accounts.realm, &accounts.proposal, context)?;
        require!(state.digest == [0; 32], GovernanceError::WrongCall);
        let (treasury, target) = (&accounts.treasury, &accounts.target);
        let (amount, seeds) = (state.amount.get(), accounts.realm_seeds(context)?);
        token::transfer(treasury, target, &accounts.realm, amount)
            .invoke_signed(context, &seeds)?;
        let proposal = *accounts.proposal.address();
        Executed { proposal, amount }.emit(context)
    }

    /// Checks that a proposal has passed, and marks it as executed.
    fn decide(
        realm: &State<'_, Realm>,
        proposal: &Mut<State<'_, Proposal>>,
        context: &Context<'_, '_>,
    ) -> Result<Proposal> {
        let state = *proposal.read(context)?;
        let (slot, end) = (slot(context)?, state.end.get());
        require!(slot > end, GovernanceError::VoteGoesOn);
        let realm = *realm.read(context)?;
        let slots = realm.execution_slots(end);
        let (first, behind) = slots.ok_or(GovernanceError::Overflow)?;
        require!(slot > first, GovernanceError::TooEarly);
        require!(slot < behind, GovernanceError::Expired);
        let [yes, no] = [state.yes.get(), state.no.get()];
        // A sum beyond 64 bits is above any quorum.
        let has_quorum = yes.saturating_add(no) >= realm.quorum.get();
        require!(has_quorum, GovernanceError::NoQuorum);
        require!(yes > no, GovernanceError::Rejected);
        proposal.write(context)?.is_executed.set(true);
        Ok(state)
    }

    /// Ends a ballot after the vote.
    #[instruction(7)]
    pub fn reclaim(accounts: &Reclaim<'_>, context: &mut Context<'_, '_>) -> Result {
        let end = accounts.proposal.read(context)?.end.get();
        require!(slot(context)? > end, GovernanceError::VoteGoesOn);
        Ok(())
    }

    /// Lets another wallet vote with a record; the member itself takes that back.
    #[instruction(8)]
    pub fn delegate(accounts: &Own<'_>, context: &mut Context<'_, '_>, to: Address) -> Result {
        accounts.record.write(context)?.delegate = to;
        Ok(())
    }

    /// Proposes an instruction of `program`, by its [`call_digest`]. The realm is its one signer.
    #[instruction(9)]
    pub fn propose_call(
        accounts: &Propose<'_>,
        context: &mut Context<'_, '_>,
        _number: u64,
        program: Address,
        digest: [u8; 32],
    ) -> Result {
        accounts.begin(context, program, 0, digest)
    }

    /// Calls the instruction that was decided, once, with this data.
    #[instruction(10)]
    pub fn execute_call(
        accounts: &ExecuteCall<'_>,
        context: &mut Context<'_, '_>,
        data: Vec<u8>,
    ) -> Result {
        let state = decide(&accounts.realm, &accounts.proposal, context)?;
        let realm = *accounts.realm.address();
        let metas = accounts.rest.iter().map(|account| {
            let (address, position) = (*account.address(), account.position());
            Ok(AccountMeta {
                address,
                is_signer: address == realm,
                is_writable: context.is_writable(position)?,
            })
        });
        let metas = metas.collect::<Result<Vec<_>>>()?;
        let call = Instruction {
            program: state.target,
            accounts: metas,
            data,
        };
        let is_agreed = state.digest == call_digest(&call);
        require!(is_agreed, GovernanceError::WrongCall);
        let seeds = accounts.realm_seeds(context)?;
        context.invoke_signed(&call, &[&seeds.as_slices()])?;
        let (proposal, amount) = (*accounts.proposal.address(), 0);
        Executed { proposal, amount }.emit(context)
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
