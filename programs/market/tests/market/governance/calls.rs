//! Delegates, proposals that expire, and proposals that carry an instruction.

use lockstep_market::vote::call_digest;
use lockstep_sdk::interface::Instruction;

use super::*;

/// A delegate votes once with each record that it is trusted with, besides its own.
#[test]
fn delegates_vote_once() {
    let mut hall = Hall::new();
    let [ann, ben, cat] = hall.members(["ann", "ben", "cat"], 200);
    let proposal = hall.proposed(&ann, 0, 9);
    let vote_with = |hall: &Hall, voter: &Member, record: &Member| {
        let mut vote = hall.vote(voter, proposal, true);
        vote.instructions[0] = call::vote(
            &VoteAddresses {
                voter: voter.wallet,
                realm: hall.realm,
                record: record.record,
                proposal,
            },
            true,
        );
        vote
    };
    let error = GovernanceError::MayNotVote;
    let call = vote_with(&hall, &ben, &ann);
    hall.chain.run(&call).fails(0, error).at("record");
    hall.chain
        .run(delegate(&ann, ben.wallet))
        .access_is_minimal();
    let mut theft = delegate(&ann, cat.wallet);
    theft.instructions[0].accounts[0].address = cat.wallet;
    let block = hall.chain.run(theft);
    let authority = InstructionError::IncorrectAuthority;
    block
        .fails(0, authority.clone())
        .at("record")
        .rule(Rule::HasOne);
    hall.chain.run(&call).access_is_minimal();
    // Neither again, nor by the member, nor by another delegate.
    hall.chain.run(delegate(&ann, cat.wallet)).all_ok();
    let calls = [
        call.clone(),
        hall.vote(&ann, proposal, false),
        vote_with(&hall, &cat, &ann),
    ];
    let block = hall.chain.run_block(calls);
    block.fails(0, error);
    let taken = InstructionError::AccountAlreadyInitialized;
    block.fails(1, taken.clone()).at("ballot");
    block.fails(2, taken).at("ballot");
    assert_eq!(hall.votes(&proposal), [200, 0]);
    // The tokens are held, also where a delegate voted with them, and the rent is the voter's.
    hall.chain
        .run(withdraw(&ann, 1))
        .fails(0, GovernanceError::Held);
    hall.pass(RULES.voting_slots);
    let (ballot, _) = Vote::ballot_address(&proposal, &ann.record);
    let mut reclaim = ReclaimAddresses {
        voter: ann.wallet,
        proposal,
        ballot,
    };
    let block = hall.chain.run(call::reclaim(&reclaim));
    block.fails(0, authority).at("ballot").rule(Rule::HasOne);
    reclaim.voter = ben.wallet;
    hall.chain.run(call::reclaim(&reclaim)).access_is_minimal();
}

#[test]
fn a_proposal_expires() {
    let mut hall = Hall::new();
    let [ann, ben] = hall.members(["ann", "ben"], 200);
    let proposal = hall.proposed(&ann, 0, 9);
    let votes = [
        hall.vote(&ann, proposal, true),
        hall.vote(&ben, proposal, true),
    ];
    hall.chain.run_block(votes).all_ok();
    let end = hall.chain.state::<Proposal>(&proposal).end.get();
    let last = end + RULES.delay_slots + RULES.open_slots;
    let before = hall.chain.snapshot();
    hall.chain.warp_to_slot(last + 1);
    let execute = hall.execute(proposal);
    hall.chain.run(&execute).fails(0, GovernanceError::Expired);
    hall.chain.restore(&before);
    hall.chain.warp_to_slot(last);
    hall.chain.run(&execute).all_ok();
}

/// An instruction that was voted on is called as it was proposed, with the realm's signature.
#[test]
fn a_proposal_carries_an_instruction() {
    use lockstep_programs::token::instruction::transfer;
    let mut hall = Hall::new();
    let [ann, ben] = hall.members(["ann", "ben"], 200);
    let pay = |amount: u64| transfer(&hall.treasury, &hall.target, &hall.realm, amount);
    let (agreed, greedy) = (pay(700), pay(7_000));
    let addresses = ProposeAddresses {
        member: ann.wallet,
        realm: hall.realm,
        target: None,
    };
    let block = hall.chain.run(call::propose(&addresses, 0, 5));
    block.fails(0, GovernanceError::WrongCall);
    let propose = call::propose_call(&addresses, 0, agreed.program, call_digest(&agreed));
    hall.chain.run(propose).access_is_minimal();
    let (proposal, _) = Propose::proposal_address(&hall.realm, &ann.wallet, 0);
    let votes = [
        hall.vote(&ann, proposal, true),
        hall.vote(&ben, proposal, true),
    ];
    hall.chain.run_block(votes).all_ok();
    let execution = |hall: &Hall, instruction: &Instruction| {
        let accounts = instruction.accounts.iter().map(|meta| meta.address);
        let addresses = ExecuteCallAddresses {
            realm: hall.realm,
            proposal,
            program: instruction.program,
            rest: accounts.collect(),
        };
        let mut call = call::execute_call(&addresses, instruction.data.clone());
        // What the instruction writes is writable; the realm's signature is the program's.
        for (meta, asked) in call.accounts[3..].iter_mut().zip(&instruction.accounts) {
            meta.is_writable = asked.is_writable;
        }
        call
    };
    let call = execution(&hall, &agreed);
    hall.chain.run(&call).fails(0, GovernanceError::VoteGoesOn);
    hall.pass(RULES.voting_slots + RULES.delay_slots);
    // Another amount, another receiver, other rights, another program; and not as a transfer.
    let error = GovernanceError::WrongCall;
    hall.chain.run(execution(&hall, &greedy)).fails(0, error);
    let mut diverted = agreed.clone();
    diverted.accounts[1].address = hall.chain.tokens(&ben.wallet, &hall.treasury_mint, 0);
    hall.chain.run(execution(&hall, &diverted)).fails(0, error);
    let mut weaker = agreed.clone();
    weaker.accounts[1].is_writable = false;
    hall.chain.run(execution(&hall, &weaker)).fails(0, error);
    let mut other = agreed.clone();
    other.program = ID;
    let block = hall.chain.run(execution(&hall, &other));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("program")
        .rule(Rule::Address);
    let execute = hall.execute(proposal);
    let block = hall.chain.run(execute);
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("target");
    hall.chain.run(&call).all_ok();
    assert_eq!(hall.chain.balance(&hall.target), 700);
    hall.chain
        .run(&call)
        .fails(0, GovernanceError::AlreadyExecuted)
        .at("proposal");
    assert_eq!(hall.chain.balance(&hall.treasury), TREASURY - 700);
}
