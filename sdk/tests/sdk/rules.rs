//! Every rule about accounts, broken once: the code, and the explanation.

use lockstep_sdk::interface::{
    Account, Address, Instruction, InstructionError, address::program_ids, context::Rule,
};
use lockstep_sdk::prelude::{StateData, encode};
use lockstep_testing::{Chain, SOL, chain::WALLET_LAMPORTS, keys};

use crate::programs::club::*;

/// The wallets of these tests.
const NAMES: [&str; 3] = ["owner", "second", "third"];
/// An account without a key.
const STRANGE: Address = Address::new_from_array([9; 32]);

fn wallet(name: &str) -> Address {
    keys::address_of(&keys::key(name))
}

/// A chain with the wallets, and no club.
fn empty() -> (Chain, Address) {
    let mut chain = Chain::builder().program(ClubProgram).build();
    let [owner, ..] = NAMES.map(|name| chain.wallet(name));
    (chain, owner)
}

fn found(owner: Address, name: &str) -> Instruction {
    call::found(&FoundAddresses { owner }, name.to_owned())
}

/// A chain with the owner's club.
fn founded() -> (Chain, Address) {
    let (mut chain, owner) = empty();
    chain.run(found(owner, "chess")).all_ok();
    (chain, Found::club_address(&owner).0)
}

fn enter(club: Address) -> Instruction {
    let addresses = EnterAddresses {
        owned: OwnedAddresses {
            owner: wallet("owner"),
            club,
        },
        sponsor: None,
        fees: wallet("third"),
        witnesses: vec![],
    };
    call::enter(&addresses, Rank::Guest)
}

/// Runs `enter`, changed, and compares error and explanation, the latter behind the program.
#[track_caller]
fn check(change: impl FnOnce(&mut Chain, &mut Instruction), error: InstructionError, why: &str) {
    let (mut chain, club) = founded();
    let mut instruction = enter(club);
    change(&mut chain, &mut instruction);
    let block = chain.run(instruction);
    let text = block.fails(0, error).diagnostic().to_string();
    let prefix = format!("instruction 0, program {ID}: ");
    assert_eq!(text.strip_prefix(&prefix), Some(why));
}

#[test]
fn rights_are_checked_in_the_order_of_the_fields() {
    let owner = wallet("owner");
    check(
        |_, call| call.accounts[0].is_signer = false,
        InstructionError::MissingRequiredSignature,
        &format!(
            "account `owned.owner` ({owner}) breaks the rule `signer`: expected a signature, got none"
        ),
    );
    let (_, club) = founded();
    check(
        |_, call| call.accounts[1].is_writable = false,
        InstructionError::Immutable,
        &format!(
            "account `owned.club` ({club}) breaks the rule `writable`: expected a writable \
             account, got a read-only one"
        ),
    );
    check(
        |_, call| call.accounts.truncate(3),
        InstructionError::MissingAccount,
        "account `fees` breaks the rule `present`: expected an account, got 3 accounts",
    );
}

#[test]
fn content_is_checked() {
    let (_, club) = founded();
    let foreign = |owner| Account {
        lamports: SOL,
        data: vec![3; 100].into(),
        owner,
        executable: false,
    };
    check(
        |chain, _| chain.set_account(&club, foreign(STRANGE)),
        InstructionError::InvalidAccountOwner,
        &format!(
            "account `owned.club` ({club}) breaks the rule `owner`: expected {ID}, got {}",
            STRANGE
        ),
    );
    check(
        |chain, _| chain.set_account(&club, Account::wallet(SOL)),
        InstructionError::UninitializedAccount,
        &format!(
            "account `owned.club` ({club}) breaks the rule `owner`: expected {ID}, got {}",
            program_ids::SYSTEM
        ),
    );
    check(
        |chain, _| {
            let mut other = chain.account(&club).expect("it was founded");
            other.data.make_mut()[0] = 4;
            chain.set_account(&club, other);
        },
        InstructionError::InvalidAccountData,
        &format!(
            "account `owned.club` ({club}) breaks the rule `discriminator`: expected 3 of Club, got 4"
        ),
    );
    check(
        |chain, _| {
            let mut other = chain.account(&club).expect("it was founded");
            other.data.resize(20);
            chain.set_account(&club, other);
        },
        InstructionError::AccountDataTooSmall,
        &format!(
            "account `owned.club` ({club}) breaks the rule `size`: expected {} bytes, got 20",
            Club::SIZE
        ),
    );
    check(
        |chain, _| {
            let mut other = chain.account(&club).expect("it was founded");
            other.data.make_mut()[2 + 32..].fill(0xff);
            chain.set_account(&club, other);
        },
        InstructionError::InvalidAccountData,
        &format!(
            "account `owned.club` ({club}) breaks the rule `encoding`: expected Club, got bytes that are none"
        ),
    );
}

#[test]
fn relations_are_checked() {
    let (_, club) = founded();
    check(
        |_, call| call.accounts[0].address = wallet("second"),
        InstructionError::IncorrectAuthority,
        &format!(
            "account `owned.club` ({club}) breaks the rule `has_one`: expected {} as `owner`, got {}",
            wallet("owner"),
            wallet("second")
        ),
    );
    check(
        |_, call| call.accounts[3].address = wallet("owner"),
        InstructionError::InvalidArgument,
        &format!(
            "account `fees` ({}) breaks the rule `distinct`: expected another account than every \
             other writable one, got that of `owned.owner`",
            wallet("owner")
        ),
    );
    check(
        |_, call| {
            let witness = call.accounts[0];
            call.accounts.extend([witness; 3]);
        },
        InstructionError::MaxAccountsExceeded,
        &format!(
            "account `witnesses[0]` ({}) breaks the rule `count`: expected at most 2 accounts from \
             here on, got 3",
            wallet("owner")
        ),
    );
    check(
        |_, call| {
            let mut witness = call.accounts[0];
            call.accounts.push(witness);
            witness.address = wallet("second");
            witness.is_signer = false;
            call.accounts.push(witness);
        },
        InstructionError::MissingRequiredSignature,
        &format!(
            "account `witnesses[1]` ({}) breaks the rule `signer`: expected a signature, got none",
            wallet("second")
        ),
    );
}

#[test]
fn data_is_checked() {
    check(
        |_, call| call.data.push(0),
        InstructionError::InvalidInstructionData,
        "the instruction's data breaks the rule `encoding`: expected the instruction's arguments, \
         got 2 bytes that are none",
    );
    check(
        |_, call| call.data = vec![9, 9],
        InstructionError::InvalidInstructionData,
        "the instruction's data breaks the rule `discriminator`: expected the discriminator of an \
         instruction, got data that begins with [9, 9]",
    );
}

#[test]
fn optional_accounts_and_the_rest_reach_the_program() {
    let (mut chain, club) = founded();
    let [owner, second, third] = NAMES.map(wallet);
    let addresses = EnterAddresses {
        owned: OwnedAddresses { owner, club },
        sponsor: Some(second),
        fees: STRANGE,
        witnesses: vec![second, third],
    };
    let rank = Rank::Member { years: 7 };
    let block = chain.run(call::enter(&addresses, rank));
    let firsts = [second, third].map(|witness| witness.as_array()[0]);
    assert_eq!(
        block.all_ok().call(0).return_data(),
        [1, firsts[0], firsts[1]]
    );
    let expected = [
        encode(&owner),
        encode(&"chess".to_owned()),
        encode(&vec![rank]),
    ];
    let expected = expected.concat();
    let data = chain.account(&club).expect("it was founded").data;
    assert_eq!(data[2..2 + expected.len()], expected);

    let block = chain.run(enter(club));
    assert_eq!(block.all_ok().call(0).return_data(), [0]);
}

#[test]
fn state_that_outgrew_its_account_fails_the_transaction() {
    let (mut chain, club) = founded();
    // Two members are the maximum, but "chess" leaves room for a third that takes one byte.
    for _ in 0..3 {
        chain.run(enter(club)).all_ok();
    }
    let block = chain.run(enter(club));
    let full = block.fails(0, InstructionError::Custom(40));
    full.saying("Full: the club \"is\" full");

    let (mut chain, owner) = empty();
    let block = chain.run(found(owner, &"x".repeat(40)));
    block
        .fails(0, InstructionError::AccountDataTooSmall)
        .at("club");
}

#[test]
fn a_guard_that_cannot_be_encoded_fails_the_transaction() {
    let (mut chain, owner) = empty();
    chain.run(found(owner, "12345678")).all_ok();
    let (club, _) = Found::club_address(&owner);
    let addresses = EnterAddresses {
        owned: OwnedAddresses { owner, club },
        sponsor: None,
        fees: STRANGE,
        witnesses: vec![],
    };
    let member = call::enter(&addresses, Rank::Member { years: 1 });
    for _ in 0..2 {
        chain.run(&member).all_ok();
    }
    let before = chain.account(&club);
    let block = chain.run(&member);
    block.fails(0, InstructionError::AccountDataTooSmall);
    assert_eq!(chain.account(&club), before);
}

#[test]
fn accounts_are_created_over_lamports_and_closed_to_their_receiver() {
    let (mut chain, owner) = empty();
    let (club, bump) = Found::club_address(&owner);
    chain.set_account(&club, Account::wallet(5));
    chain.run(found(owner, "go")).all_ok();
    let created = chain.account(&club).expect("it was founded");
    assert_eq!((created.data[0], created.data[1]), (3, bump));
    assert_eq!((created.owner, created.data.len()), (ID, Club::SIZE));
    let dissolve = call::dissolve(&DissolveAddresses { owner });
    chain.run(dissolve).all_ok();
    assert_eq!(chain.account(&club), None);
    assert_eq!(chain.lamports(&owner), WALLET_LAMPORTS + 5);
    // A closed account can be created again.
    chain.run(found(owner, "go")).all_ok();
}

#[test]
fn writable_accounts_repeat_only_where_that_is_allowed() {
    let (mut chain, _) = empty();
    let balance = |balance: u64| Account {
        lamports: SOL,
        data: balance.to_le_bytes().to_vec().into(),
        owner: ID,
        executable: false,
    };
    let [first, second] = [20, 21].map(|byte| Address::new_from_array([byte; 32]));
    chain.set_accounts([(first, balance(7)), (second, balance(9))]);
    let both = |source, target| MoveAddresses { source, target };
    let once = call::transfer(&both(first, first), 5);
    chain.run(&once).all_ok();
    assert_eq!(chain.account(&first), Some(balance(7)));
    chain.run(call::transfer(&both(first, second), 5)).all_ok();
    assert_eq!(chain.account(&second), Some(balance(14)));
    let swap = |first, second| call::swap(&SwapAddresses { first, second });
    chain.run(swap(first, second)).all_ok();
    assert_eq!(chain.account(&first), Some(balance(14)));
    let block = chain.run(swap(first, first));
    block
        .fails(0, InstructionError::InvalidArgument)
        .at("second");
    let mut elsewhere = once;
    elsewhere.accounts[2].address = STRANGE;
    let block = chain.run(elsewhere);
    let failure = block.fails(0, InstructionError::InvalidArgument);
    failure.at("log").rule(Rule::Address);
}

#[test]
fn a_program_signs_for_the_addresses_it_derives() {
    use crate::programs::proxy;
    let chain = Chain::builder().program(ClubProgram);
    let mut chain = chain.program(proxy::ProxyProgram).build();
    let (owner, _) = proxy::FoundFor::owner_address();
    chain.set_account(&owner, Account::wallet(SOL));
    let (club, _) = Found::club_address(&owner);
    let found = proxy::call::found(&proxy::FoundForAddresses { club }, "dice".to_owned());
    assert!(found.accounts.iter().all(|meta| !meta.is_signer));
    chain.run(found).all_ok();
    assert_eq!(chain.state::<Club>(&club).owner, owner);
}
