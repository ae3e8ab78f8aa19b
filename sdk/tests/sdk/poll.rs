//! States with counters that are only added to.

#[path = "../../examples/poll.rs"]
pub mod poll_example;

use lockstep_sdk::{
    account::Tallied,
    interface::{Address, Counters, InstructionError, Program, context::Rule},
};
use lockstep_testing::{Call, Chain};
use poll_example::poll::*;

/// A poll of "author" until a slot.
fn open(end: u64) -> (Chain, Address) {
    let mut chain = Chain::builder().program(PollProgram).build();
    let author = chain.wallet("author");
    let ask = call::ask(&AskAddresses { author }, end);
    chain.run(ask).access_is_minimal();
    (chain, Ask::poll_address(&author).0)
}

fn cast(chain: &mut Chain, poll: Address, name: &str, is_for: bool) -> Call {
    let voter = chain.wallet(name);
    call::cast(&CastAddresses { voter, poll }, is_for).into()
}

fn votes(chain: &Chain, poll: &Address) -> [u64; 2] {
    let state = chain.state::<Poll>(poll);
    [state.yes.get(), state.no.get()]
}

#[test]
fn voters_of_one_poll_do_not_wait_for_each_other() {
    let (mut chain, poll) = open(1_000);
    let voters: Vec<Call> = (0..30)
        .map(|voter| cast(&mut chain, poll, &format!("{voter}"), voter % 3 > 0))
        .collect();
    let block = chain.run_block(voters.clone());
    block.access_is_minimal();
    assert_eq!(block.batches().len(), 1);
    assert_eq!(votes(&chain, &poll), [20, 10]);
    let lead = chain.run(call::lead(&LookAddresses { poll }));
    assert_eq!(lead.returned::<i64>(0), 10);
    // No account votes twice, and what fails does not count.
    let again = chain.run_block(voters);
    again.fails(7, InstructionError::AccountAlreadyInitialized);
    assert_eq!(votes(&chain, &poll), [20, 10]);
}

#[test]
fn a_look_stands_between_votes() {
    let (mut chain, poll) = open(1_000);
    let mut calls: Vec<Call> = (0..20)
        .map(|voter| cast(&mut chain, poll, &format!("{voter}"), true))
        .collect();
    let look = call::lead(&LookAddresses { poll });
    calls.insert(12, look.into());
    let block = chain.run_block(calls.clone());
    assert_eq!(block.returned::<i64>(12), 12);
    assert_eq!(votes(&chain, &poll), [20, 0]);
}

#[test]
fn the_other_fields_are_read() {
    let (mut chain, poll) = open(5);
    let early = cast(&mut chain, poll, "early", false);
    chain.run(early).all_ok();
    chain.warp_to_slot(6);
    let late = cast(&mut chain, poll, "late", false);
    chain.run(late).fails(0, PollError::Over);
    assert_eq!(votes(&chain, &poll), [0, 1]);
}

#[test]
fn another_account_is_refused_by_its_field() {
    let (mut chain, poll) = open(1_000);
    let wallet = chain.wallet("other");
    let stray = cast(&mut chain, wallet, "voter", true);
    let block = chain.run(stray);
    let failure = block.fails(0, InstructionError::UninitializedAccount);
    failure.at("poll").at_address(&wallet).rule(Rule::Owner);
    let (vote, _) = {
        let voter = chain.wallet("first");
        let first = call::cast(&CastAddresses { voter, poll }, true);
        chain.run(first).all_ok();
        Cast::vote_address(&poll, &voter)
    };
    let stray = cast(&mut chain, vote, "second", true);
    let block = chain.run(stray);
    let failure = block.fails(0, InstructionError::InvalidAccountData);
    failure.at("poll").rule(Rule::Discriminator);
}

#[test]
fn counters_are_declared_and_described() {
    let expected = Counters::at(&[42, 50]);
    assert_eq!(Poll::COUNTERS, expected);
    let program = PollProgram;
    assert_eq!(program.counters(&[1], 1), expected);
    assert_eq!(program.counters(&[1], 0), Counters::NONE);
    assert_eq!(program.counters(&[2], 0), Counters::NONE);
    assert!(program.credit_only(&[1], 4).contains(1));
    assert!(program.credit_only(&[2], 1).is_empty());
    let description = PollProgram::DESCRIPTION.to_json();
    let tally = r#"{"name":"poll","docs":["What is voted on: only added to, so that voters need not wait for each other."],"writable":true,"credit":true,"tally":true}"#;
    assert!(description.contains(tally), "{description}");
}

/// A shop that takes tokens, and keeps a list of nothing.
#[lockstep_sdk::program(id = "Shop111111111111111111111111111111111111111")]
pub mod shop {
    use lockstep_sdk::{prelude::*, token};

    /// A payment.
    #[derive(Accounts, Debug)]
    pub struct Pay<'a> {
        /// Pays.
        pub buyer: Signer<'a>,
        /// With these.
        #[account(authority = buyer)]
        pub purse: Mut<State<'a, TokenAccount>>,
        /// Whose shop it is.
        pub owner: Unchecked<'a>,
        /// Gets them, as from any number of buyers at once.
        #[account(authority = owner)]
        pub till: Tally<'a, TokenAccount>,
        /// Moves them.
        pub token: Program<'a, Token>,
    }

    /// Pays.
    #[instruction(0)]
    pub fn pay(accounts: &Pay<'_>, context: &mut Context<'_, '_>, amount: u64) -> Result {
        let (purse, till) = (&accounts.purse, &accounts.till);
        token::transfer(purse, till, &accounts.buyer, amount).invoke(context)
    }
}

#[test]
fn buyers_of_one_shop_do_not_wait_for_each_other() {
    let mut chain = Chain::builder().program(shop::ShopProgram).build();
    let (owner, mint) = (chain.wallet("owner"), chain.mint("gold", 2));
    let till = chain.tokens(&owner, &mint, 5);
    let calls: Vec<Call> = (0..40)
        .map(|number| {
            let buyer = chain.wallet(&format!("{number}"));
            let purse = chain.tokens(&buyer, &mint, 100);
            let accounts = shop::PayAddresses {
                buyer,
                purse,
                owner,
                till,
            };
            shop::call::pay(&accounts, 3).into()
        })
        .collect();
    let block = chain.run_block(calls);
    block.all_ok();
    assert_eq!(block.batches().len(), 1);
    assert_eq!(chain.balance(&till), 5 + 40 * 3);
    // Another owner's till is refused by its field.
    let (buyer, thief) = (chain.wallet("0"), chain.wallet("thief"));
    let purse = chain.tokens(&buyer, &mint, 0);
    let stray = shop::PayAddresses {
        buyer,
        purse,
        owner: thief,
        till,
    };
    let block = chain.run(shop::call::pay(&stray, 3));
    let failure = block.fails(0, InstructionError::IncorrectAuthority);
    failure.at("till").saying("as `authority`");
}
