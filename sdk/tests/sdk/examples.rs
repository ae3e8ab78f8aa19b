//! The examples do what they say.

#[path = "../../examples/counter.rs"]
pub mod counter_example;
#[path = "../../examples/escrow.rs"]
pub mod escrow_example;
#[path = "../../examples/forward.rs"]
pub mod forward_example;
#[path = "../../examples/helloworld.rs"]
pub mod helloworld_example;
#[path = "../../examples/vault.rs"]
pub mod vault_example;

use forward_example::{tally, turnstile};
use lockstep_sdk::interface::{
    Address, Instruction, InstructionError, Program, Rent, context::Rule,
};
use lockstep_testing::{Chain, SOL};

/// A chain with a program, and the wallets of these names.
fn with<const N: usize>(
    program: impl Program + 'static,
    names: [&str; N],
) -> (Chain, [Address; N]) {
    let mut chain = Chain::builder().program(program).build();
    let wallets = names.map(|name| chain.wallet(name));
    (chain, wallets)
}

#[test]
fn helloworld_creates_a_greeting() {
    use helloworld_example::helloworld::*;
    let (mut chain, [visitor]) = with(HelloworldProgram, ["visitor"]);
    let greeting = chain.signer("greeting");
    let greet = call::greet(&GreetAddresses { visitor, greeting });
    chain.run(&greet).access_is_minimal();
    assert_eq!(chain.state::<Greeting>(&greeting).count, 1);
    assert_eq!(chain.lamports(&greeting), Rent::MAINNET.minimum_balance(10));
    let again = chain.run(&greet);
    let failure = again.fails(0, InstructionError::AccountAlreadyInitialized);
    failure.at("greeting").rule(Rule::Uninitialized);
}

#[test]
fn counter_counts() {
    use counter_example::counter::*;
    let (mut chain, [owner]) = with(CounterProgram, ["owner"]);
    let create = call::create(&CreateAddresses { owner });
    chain.run(create).access_is_minimal();
    let increment = |by| call::increment(&IncrementAddresses { owner }, by);
    let block = chain.run_block([increment(5), increment(6)]);
    block.access_is_minimal();
    let (counter, _) = Increment::counter_address(&owner);
    assert_eq!(chain.state::<Counter>(&counter).count.get(), 11);
    let overflown = chain.run(increment(u64::MAX));
    overflown.fails(0, InstructionError::ArithmeticOverflow);
}

#[test]
fn counter_refuses_strangers() {
    use counter_example::counter::*;
    let (mut chain, [owner, thief]) = with(CounterProgram, ["owner", "thief"]);
    let [create, other] = [owner, thief].map(|owner| call::create(&CreateAddresses { owner }));
    chain.run_block([create, other]).all_ok();
    let mut foreign = call::increment(&IncrementAddresses { owner }, 5);
    foreign.accounts[0].address = thief;
    let (counter, _) = Increment::counter_address(&owner);
    let (derived, _) = Increment::counter_address(&thief);
    let block = chain.run(foreign);
    let failure = block.fails(0, InstructionError::InvalidSeeds).path(&[0]);
    let failure = failure.at("counter").at_address(&counter).rule(Rule::Seeds);
    failure.expected_got(&derived.to_string(), &counter.to_string());
}

#[test]
fn vault_keeps_and_pays_out() {
    use vault_example::vault::*;
    let (mut chain, [owner]) = with(VaultProgram, ["owner"]);
    let deposit = call::deposit(&DepositAddresses { owner }, 7 * SOL);
    let withdraw = call::withdraw(&WithdrawAddresses { owner }, 3 * SOL);
    chain.run_block([deposit, withdraw]).access_is_minimal();
    let (vault, _) = Withdraw::vault_address(&owner);
    let balances = [owner, vault].map(|address| chain.lamports(&address));
    assert_eq!(balances, [996 * SOL, 4 * SOL]);
}

#[test]
fn vault_refuses_strangers() {
    use vault_example::vault::*;
    let (mut chain, [owner, thief]) = with(VaultProgram, ["owner", "thief"]);
    let withdraw = call::withdraw(&WithdrawAddresses { owner }, 3 * SOL);
    let [mut theft, mut unsigned] = [withdraw.clone(), withdraw];
    theft.accounts[0].address = thief;
    unsigned.accounts[0].is_signer = false;
    let block = chain.run_block([theft, unsigned]);
    block.fails(0, InstructionError::InvalidSeeds).at("vault");
    let failure = block.fails(1, InstructionError::MissingRequiredSignature);
    failure.at("owner").rule(Rule::Signer);
}

#[test]
fn escrow_trades() {
    use escrow_example::escrow::*;
    let (mut chain, [maker, taker]) = with(EscrowProgram, ["maker", "taker"]);
    let make = call::make(&MakeAddresses { maker }, 7, 5 * SOL, 2 * SOL);
    let take = call::take(&TakeAddresses { taker, maker }, 7, 2 * SOL);
    let traded = chain.run_block([make, take]);
    let taken: Vec<Taken> = traded.access_is_minimal().events();
    assert_eq!((taken.len(), taken[0].price), (1, 2 * SOL));
    let balances = [maker, taker].map(|address| chain.lamports(&address));
    assert_eq!(balances, [997 * SOL, 1_003 * SOL]);
    assert!(chain.account(&taken[0].offer).is_none());
}

#[test]
fn escrow_refuses_another_price_and_another_maker() {
    use escrow_example::escrow::*;
    let (mut chain, [maker, taker, thief]) = with(EscrowProgram, ["maker", "taker", "thief"]);
    let make = call::make(&MakeAddresses { maker }, 7, 5 * SOL, 2 * SOL);
    let take = TakeAddresses { taker, maker };
    let cheap = call::take(&take, 7, SOL);
    let mut theft = call::take(&take, 7, 2 * SOL);
    theft.accounts[1].address = thief;
    let block = chain.run_block([make, cheap, theft]);
    let failure = block.fails(1, EscrowError::PriceChanged);
    failure.saying("the price is not what the taker agreed to");
    block.fails(2, InstructionError::InvalidSeeds).at("offer");
}

/// A chain with tally and turnstile, a visitor's accounts, and the call that opens the tally.
fn turnstile() -> (Chain, turnstile::PassAddresses, Instruction) {
    let chain = Chain::builder().program(tally::TallyProgram);
    let mut chain = chain.program(turnstile::TurnstileProgram).build();
    let visitor = chain.wallet("visitor");
    let tally = tally::CountAddresses { visitor };
    let open = tally::call::open(&tally::OpenAddresses { payer: visitor });
    (chain, turnstile::PassAddresses { tally }, open)
}

#[test]
fn forward_counts_through_the_other_program() {
    let (mut chain, addresses, open) = turnstile();
    let pass = turnstile::call::pass(&addresses, 5);
    let count = tally::call::count(&addresses.tally, 2);
    chain.run_block([open, pass, count]).access_is_minimal();
    let tally: tally::Tally = chain.state(&tally::Count::tally_address().0);
    assert_eq!(tally.count.get(), 7);
}

#[test]
fn forward_refuses_crowds_and_a_tally_that_is_not_open() {
    let (mut chain, addresses, open) = turnstile();
    let pass = |group| turnstile::call::pass(&addresses, group);
    let block = chain.run_block([pass(4), open, pass(11)]);
    let early = block.fails(0, InstructionError::UninitializedAccount);
    early.at("tally").in_program(&tally::ID).path(&[0, 0]);
    block.fails(2, turnstile::TurnstileError::TooMany);
}
