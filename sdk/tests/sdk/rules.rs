//! Every rule about accounts, broken once: the code, and the explanation.

use lockstep_sdk::interface::{
    Account, Address, Instruction, InstructionError, address::program_ids,
};
use lockstep_sdk::prelude::{StateData, encode};

use crate::{
    ledger::{Ledger as Accounts, SOL, address},
    programs::club::*,
};

/// A ledger with the club of wallet 1.
fn founded() -> (Accounts, Address) {
    let mut accounts = Accounts::new().with(ClubProgram);
    let owner = address(1);
    let found = call::found(&FoundAddresses { owner }, "chess".to_owned());
    accounts.run(&found).expect("a club can be founded");
    (accounts, Found::club_address(&owner).0)
}

fn enter(club: Address) -> Instruction {
    let addresses = EnterAddresses {
        owned: OwnedAddresses {
            owner: address(1),
            club,
        },
        sponsor: None,
        fees: address(3),
        witnesses: vec![],
    };
    call::enter(&addresses, Rank::Guest)
}

/// Runs `enter`, changed, and compares error and explanation, the latter behind the program.
#[track_caller]
fn check(change: impl FnOnce(&mut Accounts, &mut Instruction), error: InstructionError, why: &str) {
    let (mut accounts, club) = founded();
    let mut instruction = enter(club);
    change(&mut accounts, &mut instruction);
    let (got, text) = accounts.fail(&instruction);
    let prefix = format!("instruction 0, program {ID}: ");
    assert_eq!(text.strip_prefix(&prefix), Some(why));
    assert_eq!(got, error);
    // Explanations depend on recording, results do not.
    accounts.is_recording = false;
    assert_eq!(accounts.run(&instruction), Err(error));
    assert_eq!(accounts.diagnostic, None);
}

#[test]
fn rights_are_checked_in_the_order_of_the_fields() {
    let owner = address(1);
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
        |accounts, _| accounts.put(club, foreign(address(9))),
        InstructionError::InvalidAccountOwner,
        &format!(
            "account `owned.club` ({club}) breaks the rule `owner`: expected {ID}, got {}",
            address(9)
        ),
    );
    check(
        |accounts, _| accounts.put(club, Account::wallet(SOL)),
        InstructionError::UninitializedAccount,
        &format!(
            "account `owned.club` ({club}) breaks the rule `owner`: expected {ID}, got {}",
            program_ids::SYSTEM
        ),
    );
    check(
        |accounts, _| {
            let mut other = accounts.get(&club);
            other.data.make_mut()[0] = 4;
            accounts.put(club, other);
        },
        InstructionError::InvalidAccountData,
        &format!(
            "account `owned.club` ({club}) breaks the rule `discriminator`: expected 3 of Club, got 4"
        ),
    );
    check(
        |accounts, _| {
            let mut other = accounts.get(&club);
            other.data.resize(20);
            accounts.put(club, other);
        },
        InstructionError::AccountDataTooSmall,
        &format!(
            "account `owned.club` ({club}) breaks the rule `size`: expected {} bytes, got 20",
            Club::SIZE
        ),
    );
    check(
        |accounts, _| {
            let mut other = accounts.get(&club);
            other.data.make_mut()[2 + 32..].fill(0xff);
            accounts.put(club, other);
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
        |_, call| call.accounts[0].address = address(2),
        InstructionError::IncorrectAuthority,
        &format!(
            "account `owned.club` ({club}) breaks the rule `has_one`: expected {} as `owner`, got {}",
            address(1),
            address(2)
        ),
    );
    check(
        |_, call| call.accounts[3].address = address(1),
        InstructionError::InvalidArgument,
        &format!(
            "account `fees` ({}) breaks the rule `distinct`: expected another account than every \
             other writable one, got that of `owned.owner`",
            address(1)
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
            address(1)
        ),
    );
    check(
        |_, call| {
            let mut witness = call.accounts[0];
            call.accounts.push(witness);
            witness.address = address(2);
            witness.is_signer = false;
            call.accounts.push(witness);
        },
        InstructionError::MissingRequiredSignature,
        &format!(
            "account `witnesses[1]` ({}) breaks the rule `signer`: expected a signature, got none",
            address(2)
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
    let (mut accounts, club) = founded();
    let addresses = EnterAddresses {
        owned: OwnedAddresses {
            owner: address(1),
            club,
        },
        sponsor: Some(address(2)),
        fees: address(9),
        witnesses: vec![address(2), address(3)],
    };
    let rank = Rank::Member { years: 7 };
    accounts.run(&call::enter(&addresses, rank)).unwrap();
    assert_eq!(accounts.return_data, [1, 2, 3]);
    let data = accounts.get(&club).data;
    let expected = (address(1), "chess".to_owned(), vec![rank]);
    let expected = [
        encode(&expected.0),
        encode(&expected.1),
        encode(&expected.2),
    ]
    .concat();
    assert_eq!(data[2..2 + expected.len()], expected);

    accounts.run(&enter(club)).unwrap();
    assert_eq!(accounts.return_data, [0]);
}

#[test]
fn state_that_outgrew_its_account_fails_the_transaction() {
    let (mut accounts, club) = founded();
    for _ in 0..2 {
        accounts.run(&enter(club)).unwrap();
    }
    // Two members are the maximum, but "chess" leaves room for a third that takes one byte.
    accounts.run(&enter(club)).unwrap();
    let (error, text) = accounts.fail(&enter(club));
    assert_eq!(error, InstructionError::Custom(40));
    assert!(text.contains("Full: the club \"is\" full"), "{text}");

    let mut accounts = Accounts::new().with(ClubProgram);
    let owner = address(1);
    let long = call::found(&FoundAddresses { owner }, "x".repeat(40));
    let (error, text) = accounts.fail(&long);
    assert_eq!(error, InstructionError::AccountDataTooSmall);
    assert!(text.contains("account `club`"), "{text}");
}

#[test]
fn a_guard_that_cannot_be_encoded_fails_the_transaction() {
    let mut accounts = Accounts::new().with(ClubProgram);
    let owner = address(1);
    let name = "12345678".to_owned();
    accounts
        .run(&call::found(&FoundAddresses { owner }, name))
        .unwrap();
    let (club, _) = Found::club_address(&owner);
    let addresses = EnterAddresses {
        owned: OwnedAddresses { owner, club },
        sponsor: None,
        fees: address(9),
        witnesses: vec![],
    };
    let member = call::enter(&addresses, Rank::Member { years: 1 });
    accounts.run(&member).unwrap();
    accounts.run(&member).unwrap();
    let before = accounts.get(&club);
    let (error, _) = accounts.fail(&member);
    assert_eq!(error, InstructionError::AccountDataTooSmall);
    assert_eq!(accounts.get(&club), before);
}

#[test]
fn accounts_are_created_over_lamports_and_closed_to_their_receiver() {
    let mut accounts = Accounts::new().with(ClubProgram);
    let owner = address(1);
    let (club, bump) = Found::club_address(&owner);
    accounts.put(club, Account::wallet(5));
    let found = call::found(&FoundAddresses { owner }, "go".to_owned());
    accounts.run(&found).unwrap();
    let created = accounts.get(&club);
    assert_eq!((created.data[0], created.data[1]), (3, bump));
    assert_eq!((created.owner, created.data.len()), (ID, Club::SIZE));
    accounts
        .run(&call::dissolve(&DissolveAddresses { owner }))
        .unwrap();
    assert_eq!(accounts.get(&club), Account::wallet(0));
    assert_eq!(accounts.lamports(&owner), SOL + 5);
    accounts
        .run(&found)
        .expect("a closed account can be created again");
}

#[test]
fn writable_accounts_repeat_only_where_that_is_allowed() {
    let mut accounts = Accounts::new().with(ClubProgram);
    let balance = |balance: u64| Account {
        lamports: SOL,
        data: balance.to_le_bytes().to_vec().into(),
        owner: ID,
        executable: false,
    };
    accounts.put(address(20), balance(7));
    accounts.put(address(21), balance(9));
    let both = |source, target| MoveAddresses { source, target };
    let once = call::transfer(&both(address(20), address(20)), 5);
    accounts.run(&once).unwrap();
    assert_eq!(accounts.get(&address(20)), balance(7));
    accounts
        .run(&call::transfer(&both(address(20), address(21)), 5))
        .unwrap();
    assert_eq!(accounts.get(&address(21)), balance(14));
    let swap = |first, second| call::swap(&SwapAddresses { first, second });
    accounts.run(&swap(address(20), address(21))).unwrap();
    assert_eq!(accounts.get(&address(20)), balance(14));
    let (error, _) = accounts.fail(&swap(address(20), address(20)));
    assert_eq!(error, InstructionError::InvalidArgument);
    let mut elsewhere = once;
    elsewhere.accounts[2].address = address(8);
    let (_, text) = accounts.fail(&elsewhere);
    assert!(
        text.contains("account `log`") && text.contains("rule `address`"),
        "{text}"
    );
}

#[test]
fn a_program_signs_for_the_addresses_it_derives() {
    use crate::programs::proxy;
    let accounts = Accounts::new().with(ClubProgram);
    let mut accounts = accounts.with(proxy::ProxyProgram);
    let (owner, _) = proxy::FoundFor::owner_address();
    accounts.put(owner, Account::wallet(SOL));
    let (club, _) = Found::club_address(&owner);
    let found = proxy::call::found(&proxy::FoundForAddresses { club }, "dice".to_owned());
    assert!(found.accounts.iter().all(|meta| !meta.is_signer));
    accounts.run(&found).unwrap();
    assert_eq!(accounts.get(&club).data[2..34], *owner.as_array());
}
