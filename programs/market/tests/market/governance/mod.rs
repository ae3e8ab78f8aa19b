//! Realms on the real runtime: their way, storms of votes, what they refuse, and what random
//! members cannot change.

use std::cell::Cell;

use lockstep_market::vote::governance::*;
use lockstep_sdk::{
    interface::{Address, InstructionError, context::Rule},
    prelude::Mint,
};
use lockstep_testing::{Call, Chain, Scene, Sequences, explore};
use proptest::prelude::*;

use crate::{sequences, speedup_tenths};

mod calls;

const TOKENS: u64 = 1_000;
const TREASURY: u64 = 50_000;
const RULES: Rules = Rules {
    quorum: 300,
    proposal_power: 100,
    voting_slots: 10,
    delay_slots: 5,
    open_slots: 60,
};

/// A chain with a realm and its treasury.
struct Hall {
    chain: Chain,
    mint: Address,
    treasury_mint: Address,
    realm: Address,
    treasury: Address,
    /// Is paid by proposals.
    target: Address,
}

/// A wallet, its tokens, and what it has in the realm.
#[derive(Clone, Copy)]
struct Member {
    wallet: Address,
    purse: Address,
    record: Address,
    vault: Address,
}

impl Hall {
    fn new() -> Self {
        let mut chain = Chain::builder().program(GovernanceProgram).build();
        let (mint, treasury_mint) = (chain.mint("votes", 0), chain.mint("gold", 6));
        let founder = chain.wallet("founder");
        let found = FoundAddresses {
            founder,
            mint,
            treasury_mint,
        };
        chain.run(call::found(&found, 1, RULES)).access_is_minimal();
        let (realm, _) = Found::realm_address(&founder, 1);
        let (treasury, _) = Found::treasury_address(&realm);
        // The treasury gets its tokens as any account does.
        let purse = chain.tokens(&founder, &treasury_mint, TREASURY);
        use lockstep_programs::token::instruction::transfer;
        chain
            .run(transfer(&purse, &treasury, &founder, TREASURY))
            .all_ok();
        let builder = chain.wallet("builder");
        let target = chain.tokens(&builder, &treasury_mint, 0);
        Self {
            chain,
            mint,
            treasury_mint,
            realm,
            treasury,
            target,
        }
    }

    /// Addresses of a member, in the realm or not.
    fn known(&mut self, name: &str) -> Member {
        let wallet = self.chain.wallet(name);
        let (record, _) = Join::record_address(&self.realm, &wallet);
        Member {
            wallet,
            purse: self.chain.tokens(&wallet, &self.mint, TOKENS),
            record,
            vault: Join::vault_address(&record).0,
        }
    }

    fn join(&self, member: &Member) -> Call {
        let addresses = JoinAddresses {
            member: member.wallet,
            realm: self.realm,
            mint: self.mint,
        };
        call::join(&addresses).into()
    }

    /// Members with this power each.
    fn members<const N: usize>(&mut self, names: [&str; N], power: u64) -> [Member; N] {
        let members = names.map(|name| self.known(name));
        let joins: Vec<Call> = members.iter().map(|member| self.join(member)).collect();
        self.chain.run_block(joins).access_is_minimal();
        let deposits: Vec<Call> = members
            .iter()
            .map(|member| deposit(member, power))
            .collect();
        self.chain.run_block(deposits).access_is_minimal();
        members
    }

    fn propose(&self, author: &Member, number: u64, amount: u64) -> (Call, Address) {
        let addresses = ProposeAddresses {
            member: author.wallet,
            realm: self.realm,
            target: Some(self.target),
        };
        let (proposal, _) = Propose::proposal_address(&self.realm, &author.wallet, number);
        (call::propose(&addresses, number, amount).into(), proposal)
    }

    fn proposed(&mut self, author: &Member, number: u64, amount: u64) -> Address {
        let (propose, proposal) = self.propose(author, number, amount);
        self.chain.run(propose).access_is_minimal();
        proposal
    }

    fn vote(&self, member: &Member, proposal: Address, is_for: bool) -> Call {
        let addresses = VoteAddresses {
            voter: member.wallet,
            realm: self.realm,
            record: member.record,
            proposal,
        };
        call::vote(&addresses, is_for).into()
    }

    fn execution(&self, proposal: Address) -> ExecuteAddresses {
        ExecuteAddresses {
            realm: self.realm,
            proposal,
            treasury: self.treasury,
            target: self.target,
        }
    }

    fn execute(&self, proposal: Address) -> Call {
        call::execute(&self.execution(proposal)).into()
    }

    fn votes(&self, proposal: &Address) -> [u64; 2] {
        let state: Proposal = self.chain.state(proposal);
        [state.yes.get(), state.no.get()]
    }

    fn pass(&mut self, slots: u64) {
        self.chain.warp_to_slot(self.chain.slot() + slots);
    }
}

impl Scene for Hall {
    fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }
}

fn hold(member: &Member) -> HoldAddresses {
    HoldAddresses {
        member: member.wallet,
        record: member.record,
        vault: member.vault,
        purse: member.purse,
    }
}

fn deposit(member: &Member, amount: u64) -> Call {
    call::deposit(&hold(member), amount).into()
}

fn withdraw(member: &Member, amount: u64) -> Call {
    call::withdraw(&hold(member), amount).into()
}

fn reclaim(member: &Member, proposal: Address) -> Call {
    let (ballot, _) = Vote::ballot_address(&proposal, &member.record);
    let addresses = ReclaimAddresses {
        voter: member.wallet,
        proposal,
        ballot,
    };
    call::reclaim(&addresses).into()
}

fn delegate(member: &Member, to: Address) -> Call {
    let (member, record) = (member.wallet, member.record);
    call::delegate(&OwnAddresses { member, record }, to).into()
}

#[test]
fn a_proposal_goes_its_way() {
    let mut hall = Hall::new();
    let [ann, ben, cat] = hall.members(["ann", "ben", "cat"], 200);
    let proposal = hall.proposed(&ann, 7, 3_000);
    let votes = [
        hall.vote(&ann, proposal, true),
        hall.vote(&ben, proposal, true),
        hall.vote(&cat, proposal, false),
    ];
    let ballots = hall
        .chain
        .run_block(votes)
        .access_is_minimal()
        .events::<Voted>();
    assert_eq!(ballots.iter().map(|ballot| ballot.power).sum::<u64>(), 600);
    assert_eq!(hall.votes(&proposal), [400, 200]);
    let execute = hall.execute(proposal);
    hall.chain
        .run(&execute)
        .fails(0, GovernanceError::VoteGoesOn);
    hall.pass(RULES.voting_slots);
    hall.chain.run(&execute).fails(0, GovernanceError::TooEarly);
    hall.pass(RULES.delay_slots);
    let block = hall.chain.run(&execute);
    assert_eq!(
        block.access_is_minimal().events::<Executed>()[0].amount,
        3_000
    );
    assert_eq!(hall.chain.balance(&hall.target), 3_000);
    assert_eq!(hall.chain.balance(&hall.treasury), TREASURY - 3_000);
    let block = hall.chain.run(&execute);
    block
        .fails(0, GovernanceError::AlreadyExecuted)
        .at("proposal");
    hall.chain.run(reclaim(&ben, proposal)).access_is_minimal();
    hall.chain.run(withdraw(&ben, 200)).access_is_minimal();
    assert_eq!(hall.chain.balance(&ben.purse), TOKENS);
    assert_eq!(hall.chain.balance(&hall.target), 3_000);
}

#[test]
fn two_hundred_votes_on_one_proposal_are_one_batch() {
    let mut hall = Hall::new();
    let [author] = hall.members(["author"], 100);
    let members: Vec<Member> = (0..200)
        .map(|number| hall.known(&format!("{number}")))
        .collect();
    let joins: Vec<Call> = members.iter().map(|member| hall.join(member)).collect();
    let block = hall.chain.run_block(joins);
    block.access_is_minimal();
    assert_eq!(block.batches().len(), 1, "members join at the same time");
    let deposits = members
        .iter()
        .zip(1..)
        .map(|(member, power)| deposit(member, power));
    let deposits: Vec<Call> = deposits.collect();
    let block = hall.chain.run_block(deposits);
    block.access_is_minimal();
    assert_eq!(block.batches().len(), 1, "members deposit at the same time");
    let proposal = hall.proposed(&author, 0, 5);
    let votes = members.iter().enumerate();
    let votes: Vec<Call> = votes
        .map(|(number, member)| hall.vote(member, proposal, number % 4 > 0))
        .collect();
    let block = hall.chain.run_block(votes.clone());
    block.access_is_minimal();
    let [lanes] = block.batches() else {
        panic!("{} batches", block.batches().len())
    };
    assert_eq!(lanes.len(), 200, "each vote has a lane of its own");
    let speedup = speedup_tenths(&block, 16);
    assert!(speedup >= 120, "{speedup} tenths");
    let no: u64 = (1..=200).step_by(4).sum();
    assert_eq!(hall.votes(&proposal), [20_100 - no, no]);
    // Again: each is refused, and none counts.
    let block = hall.chain.run_block(votes.clone());
    for index in 0..200 {
        block.fails(index, InstructionError::AccountAlreadyInitialized);
    }
    assert_eq!(hall.votes(&proposal), [20_100 - no, no]);
    let other = hall.proposed(&author, 1, 5);
    let votes: Vec<Call> = members
        .iter()
        .map(|member| hall.vote(member, other, true))
        .collect();
    hall.chain.parallel_equals_serial(votes);
}

/// Tokens that have voted cannot vote again in other hands.
#[test]
fn moving_a_deposit_moves_no_vote() {
    let mut hall = Hall::new();
    let [ann, ben] = hall.members(["ann", "ben"], 200);
    let proposal = hall.proposed(&ben, 0, 9);
    let vote = hall.vote(&ann, proposal, true);
    hall.chain.run(&vote).all_ok();
    let block = hall.chain.run(withdraw(&ann, 1));
    block.fails(0, GovernanceError::Held);
    let block = hall.chain.run(withdraw(&ben, 1));
    block.fails(0, GovernanceError::Held);
    // More tokens give no second vote, and add nothing to the first.
    let more =
        Call::new([deposit(&ann, 50), vote.clone()].map(|call| call.instructions[0].clone()));
    let block = hall.chain.run(more);
    block
        .fails(0, InstructionError::AccountAlreadyInitialized)
        .at("ballot");
    hall.chain.run(deposit(&ann, 50)).all_ok();
    assert_eq!(hall.votes(&proposal), [200, 0]);
    // In the last slot votes count and tokens are held; in the next neither.
    let end = hall.chain.state::<Proposal>(&proposal).end.get();
    hall.chain.warp_to_slot(end);
    let block = hall.chain.run(withdraw(&ann, 1));
    block.fails(0, GovernanceError::Held);
    assert_eq!(hall.chain.slot(), end + 1);
    hall.chain.run(withdraw(&ann, 250)).all_ok();
    hall.chain.run(reclaim(&ann, proposal)).all_ok();
    let block = hall.chain.run(&vote);
    block.fails(0, GovernanceError::VoteOver);
    assert_eq!(hall.votes(&proposal), [200, 0]);
}

#[test]
fn votes_end_with_their_last_slot() {
    let mut hall = Hall::new();
    let [ann, ben, cat] = hall.members(["ann", "ben", "cat"], 200);
    let proposal = hall.proposed(&ann, 0, 9);
    let end = hall.chain.state::<Proposal>(&proposal).end.get();
    assert_eq!(end, hall.chain.slot() - 1 + RULES.voting_slots - 1);
    hall.chain.run(hall.vote(&ann, proposal, true)).all_ok();
    hall.chain
        .run(reclaim(&ann, proposal))
        .fails(0, GovernanceError::VoteGoesOn);
    hall.chain.warp_to_slot(end);
    hall.chain.run(hall.vote(&ben, proposal, true)).all_ok();
    let late = hall.vote(&cat, proposal, false);
    hall.chain.run(late).fails(0, GovernanceError::VoteOver);
    assert_eq!(hall.votes(&proposal), [400, 0]);
}

#[test]
fn a_proposal_needs_a_quorum_and_a_majority() {
    let mut hall = Hall::new();
    let [ann, ben] = hall.members(["ann", "ben"], 200);
    let [few, tie] = [0, 1].map(|number| hall.proposed(&ann, number, 9));
    let votes = [
        hall.vote(&ann, few, true),
        hall.vote(&ann, tie, true),
        hall.vote(&ben, tie, false),
    ];
    hall.chain.run_block(votes).all_ok();
    hall.pass(RULES.voting_slots + RULES.delay_slots);
    let [few, tie] = [few, tie].map(|proposal| hall.execute(proposal));
    hall.chain.run(few).fails(0, GovernanceError::NoQuorum);
    hall.chain.run(tie).fails(0, GovernanceError::Rejected);
    assert_eq!(hall.chain.balance(&hall.treasury), TREASURY);
}

#[test]
fn rules_and_accounts_are_made_once() {
    let mut hall = Hall::new();
    let founder = hall.chain.wallet("founder");
    let found = FoundAddresses {
        founder,
        mint: hall.mint,
        treasury_mint: hall.treasury_mint,
    };
    let initialized = InstructionError::AccountAlreadyInitialized;
    let block = hall.chain.run(call::found(&found, 1, RULES));
    block.fails(0, initialized.clone()).at("realm");
    for rules in [
        Rules { quorum: 0, ..RULES },
        Rules {
            proposal_power: 0,
            ..RULES
        },
        Rules {
            voting_slots: 0,
            ..RULES
        },
        Rules {
            open_slots: 0,
            ..RULES
        },
    ] {
        let block = hall.chain.run(call::found(&found, 2, rules));
        block.fails(0, GovernanceError::BadRules);
    }
    let endless = Rules {
        delay_slots: u64::MAX,
        ..RULES
    };
    hall.chain.run(call::found(&found, 2, endless)).all_ok();
    let [ann] = hall.members(["ann"], 150);
    let again = hall.join(&ann);
    hall.chain
        .run(again)
        .fails(0, initialized.clone())
        .at("record");
    hall.proposed(&ann, 3, 1);
    let (again, _) = hall.propose(&ann, 3, 1);
    hall.chain.run(again).fails(0, initialized).at("proposal");
    hall.realm = Found::realm_address(&founder, 2).0;
    let [ann] = hall.members(["ann"], 150);
    let (endless, _) = hall.propose(&ann, 0, 1);
    hall.chain.run(endless).fails(0, GovernanceError::Overflow);
}

#[test]
fn thieves_get_nothing() {
    let mut hall = Hall::new();
    let [ann, thief] = hall.members(["ann", "thief"], 200);
    let seeds = InstructionError::InvalidSeeds;
    let authority = InstructionError::IncorrectAuthority;
    // The record of another member, and its vault behind an own record.
    let mut stolen = hold(&thief);
    (stolen.record, stolen.vault) = (ann.record, ann.vault);
    let block = hall.chain.run(call::withdraw(&stolen, 10));
    block.fails(0, seeds).at("record");
    let mut stolen = hold(&thief);
    stolen.vault = ann.vault;
    let block = hall.chain.run(call::withdraw(&stolen, 10));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("vault")
        .rule(Rule::Address);
    // Tokens of another owner.
    let mut stolen = hold(&thief);
    stolen.purse = ann.purse;
    let block = hall.chain.run(call::deposit(&stolen, 10));
    block
        .fails(0, authority.clone())
        .at("purse")
        .saying("as `authority`");
    // One account in two places.
    let mut stolen = hold(&thief);
    stolen.purse = stolen.vault;
    let block = hall.chain.run(call::withdraw(&stolen, 10));
    block
        .fails(0, InstructionError::InvalidArgument)
        .rule(Rule::Distinct);
    // More than there is.
    hall.chain
        .run(withdraw(&thief, 201))
        .fails(0, GovernanceError::TooLittlePower);
    // A vote with the power of another member, and one that was not signed.
    let proposal = hall.proposed(&ann, 0, 9);
    let mut vote = hall.vote(&thief, proposal, true);
    vote.instructions[0].accounts[2].address = ann.record;
    hall.chain
        .run(vote)
        .fails(0, GovernanceError::MayNotVote)
        .at("record");
    let mut vote = hall.vote(&ann, proposal, true);
    vote.instructions[0].accounts[0].is_signer = false;
    let block = hall.chain.run(vote);
    block
        .fails(0, InstructionError::MissingRequiredSignature)
        .at("voter");
    // A vote without power, and a proposal with too little.
    hall.chain.run(withdraw(&thief, 101)).all_ok();
    let (poor, _) = hall.propose(&thief, 0, 1);
    hall.chain
        .run(poor)
        .fails(0, GovernanceError::TooLittlePower);
    hall.chain.run(withdraw(&thief, 99)).all_ok();
    let empty = hall.vote(&thief, proposal, true);
    hall.chain
        .run(empty)
        .fails(0, GovernanceError::TooLittlePower);
    // Something else as a proposal: a record has another discriminator, a purse another owner.
    let vote = hall.vote(&ann, thief.record, true);
    let block = hall.chain.run(vote);
    block
        .fails(0, InstructionError::InvalidAccountData)
        .at("proposal");
    let vote = hall.vote(&ann, thief.purse, true);
    let block = hall.chain.run(vote);
    block
        .fails(0, InstructionError::InvalidAccountOwner)
        .at("proposal");
    assert_eq!(hall.votes(&proposal), [0, 0]);
}

/// A realm of a thief's own, with a mint of its own, decides nothing about another one's treasury.
#[test]
fn realms_do_not_vote_for_each_other() {
    let mut hall = Hall::new();
    let [ann, ben] = hall.members(["ann", "ben"], 300);
    let proposal = hall.proposed(&ann, 0, 9);
    hall.chain.run(hall.vote(&ben, proposal, true)).all_ok();
    let thief = hall.chain.wallet("thief");
    let own = hall.chain.mint("worthless", 0);
    let found = FoundAddresses {
        founder: thief,
        mint: own,
        treasury_mint: hall.treasury_mint,
    };
    hall.chain.run(call::found(&found, 0, RULES)).all_ok();
    let (realm, mint) = (hall.realm, hall.mint);
    (hall.realm, hall.mint) = (Found::realm_address(&thief, 0).0, own);
    let [thief] = hall.members(["thief"], 900);
    let vote = hall.vote(&thief, proposal, true);
    let block = hall.chain.run(vote);
    let failure = block.fails(0, InstructionError::IncorrectAuthority);
    failure.at("proposal").rule(Rule::HasOne);
    let robbery = hall.proposed(&thief, 0, TREASURY);
    hall.chain.run(hall.vote(&thief, robbery, true)).all_ok();
    // A target of another mint than the treasury's.
    let mut addresses = ProposeAddresses {
        member: thief.wallet,
        realm: hall.realm,
        target: Some(thief.purse),
    };
    let block = hall.chain.run(call::propose(&addresses, 1, 5));
    block
        .fails(0, InstructionError::IncorrectAuthority)
        .at("target")
        .saying("as `mint`");
    addresses.target = Some(thief.record);
    let block = hall.chain.run(call::propose(&addresses, 1, 5));
    block
        .fails(0, InstructionError::InvalidAccountOwner)
        .at("target");
    let theirs = hall.realm;
    (hall.realm, hall.mint) = (realm, mint);
    hall.pass(RULES.voting_slots + RULES.delay_slots);
    // A proposal of the thief's realm with the other's treasury, or with the other realm.
    let mut execution = hall.execution(robbery);
    let block = hall.chain.run(call::execute(&execution));
    block
        .fails(0, InstructionError::IncorrectAuthority)
        .at("proposal");
    execution.realm = theirs;
    let block = hall.chain.run(call::execute(&execution));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("treasury")
        .rule(Rule::Address);
    // A target that was not voted on.
    let mut execution = hall.execution(proposal);
    execution.target = hall.chain.tokens(&thief.wallet, &hall.treasury_mint, 0);
    let block = hall.chain.run(call::execute(&execution));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("target")
        .rule(Rule::Address);
    let honest = hall.execute(proposal);
    hall.chain.run(honest).all_ok();
    assert_eq!(hall.chain.balance(&hall.treasury), TREASURY - 9);
}

/// What a random member does.
#[derive(Clone, Copy, Debug)]
enum Action {
    Deposit(u64),
    Withdraw(u64),
    Propose(u64),
    /// On one of the proposals that there can be.
    Vote(usize, bool),
    /// With the record of the next member, which may have delegated it to the last one.
    VoteAs(usize),
    Delegate(bool),
    Execute(usize),
    Reclaim(usize),
    /// Hands tokens to the next member.
    Pass(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let proposal = || 0..6_usize;
    prop_oneof![
        3 => (1..700_u64).prop_map(Action::Deposit),
        3 => (1..700_u64).prop_map(Action::Withdraw),
        2 => (0..2_u64).prop_map(Action::Propose),
        8 => (proposal(), any::<bool>()).prop_map(|(place, is_for)| Action::Vote(place, is_for)),
        2 => proposal().prop_map(Action::VoteAs),
        1 => any::<bool>().prop_map(Action::Delegate),
        6 => proposal().prop_map(Action::Execute),
        1 => proposal().prop_map(Action::Reclaim),
        2 => (1..700_u64).prop_map(Action::Pass),
    ]
}

/// Each member can have two proposals.
fn proposals(hall: &Hall, members: &[Member]) -> Vec<Address> {
    let of = |member: &Member| {
        [0, 1].map(|number| Propose::proposal_address(&hall.realm, &member.wallet, number).0)
    };
    members.iter().flat_map(of).collect()
}

fn taken(hall: &Hall, members: &[Member], index: usize, action: Action) -> Call {
    let (own, next) = (members[index], members[(index + 1) % members.len()]);
    let proposals = proposals(hall, members);
    match action {
        Action::Deposit(amount) => deposit(&own, amount),
        Action::Withdraw(amount) => withdraw(&own, amount),
        Action::Propose(number) => hall.propose(&own, number, 700).0,
        Action::Vote(place, is_for) => hall.vote(&own, proposals[place], is_for),
        Action::VoteAs(place) => {
            let mut vote = hall.vote(&own, proposals[place], true);
            vote.instructions[0].accounts[2].address = next.record;
            vote
        }
        Action::Delegate(is_on) => {
            let last = members[members.len() - 1];
            delegate(&own, if is_on { last.wallet } else { own.wallet })
        }
        Action::Execute(place) => hall.execute(proposals[place]),
        Action::Reclaim(place) => reclaim(&own, proposals[place]),
        Action::Pass(amount) => {
            use lockstep_programs::token::instruction::transfer;
            transfer(&own.purse, &next.purse, &own.wallet, amount).into()
        }
    }
}

/// Tokens are conserved, power is covered, a proposal has no more votes than there are tokens, and
/// the treasury pays each proposal that passed once and no other.
fn check_invariants(hall: &Hall, members: &[Member], supply: u64) {
    let mut sum = 0;
    for member in members {
        let record: Record = hall.chain.state(&member.record);
        let held = hall.chain.balance(&member.vault);
        assert_eq!(held, record.power.get());
        sum += held + hall.chain.balance(&member.purse);
    }
    assert_eq!(sum, supply, "tokens are conserved");
    let mut paid = 0;
    for proposal in proposals(hall, members) {
        if hall.chain.account(&proposal).is_none() {
            continue;
        }
        let state: Proposal = hall.chain.state(&proposal);
        let [yes, no] = hall.votes(&proposal);
        assert!(yes + no <= supply, "each token counts once");
        if hall.chain.slot() <= state.end.get() {
            let of = |member: &Member| Vote::ballot_address(&proposal, &member.record).0;
            let ballots = members.iter().map(of);
            let cast = ballots.filter(|ballot| hall.chain.account(ballot).is_some());
            let cast: u64 = cast
                .map(|ballot| hall.chain.state::<Ballot>(&ballot).power.get())
                .sum();
            assert_eq!(yes + no, cast, "counters and ballots agree");
        }
        if state.is_executed.get() {
            assert!(yes > no && yes + no >= RULES.quorum);
            assert!(hall.chain.slot() > state.end.get() + RULES.delay_slots);
            paid += state.amount.get();
        }
    }
    assert_eq!(hall.chain.balance(&hall.target), paid);
    assert_eq!(hall.chain.balance(&hall.treasury), TREASURY - paid);
}

#[test]
fn random_members_change_no_invariant() {
    let mut hall = Hall::new();
    let members = hall.members(["x", "y", "z"], 300);
    for author in &members[..2] {
        hall.proposed(author, 0, 700);
    }
    let supply = hall.chain.state::<Mint>(&hall.mint).supply.get();
    let (done, refused, executed) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_usize));
    explore(
        &mut hall,
        sequences(Sequences {
            seed: 16,
            count: 90,
            length_max: 24,
        }),
        (
            0..5_u64,
            prop::collection::vec((0..3_usize, action()), 1..8),
        ),
        |hall, (slots, actions)| {
            hall.pass(*slots);
            let calls = actions.iter();
            let calls: Vec<Call> = calls
                .map(|(index, action)| taken(hall, &members, *index, *action))
                .collect();
            let block = hall.chain.run_block(calls);
            for ((index, action), call) in actions.iter().zip(block.executed()) {
                let count = if call.is_ok() { &done } else { &refused };
                count.set(count.get() + 1);
                let is_theft = matches!(action, Action::VoteAs(_)) && *index != 2;
                assert!(!(is_theft && call.is_ok()));
            }
            executed.set(executed.get() + block.events::<Executed>().len());
        },
        |hall| check_invariants(hall, &members, supply),
    );
    println!(
        "governance: {} actions succeeded, {} were refused, {} proposals were executed",
        done.get(),
        refused.get(),
        executed.get()
    );
    assert!(done.get() > 100 && refused.get() > 20 && executed.get() > 20);
}
