//! System instructions under today's rules: each error once, the life of a nonce account, and
//! what holds for any instruction at all. The rules of December 2024 are tested by the recorded
//! cases.

use lockstep_interface::{
    Account, AccountMeta, Address, Instruction, InstructionError, Program, Rent, RuleSet,
    address::{create_with_seed, program_ids},
    limits::ACCOUNT_DATA_SIZE_MAX,
    nonce::{NonceData, NonceState, NonceVersion, durable_nonce},
};
use proptest::prelude::*;

use super::{SystemError, SystemInstruction, SystemProgram, instruction};
use crate::testing::{Ledger, address};

const ALICE: Address = Address::new_from_array([1; 32]);
const BOB: Address = Address::new_from_array([2; 32]);
const OWNER: Address = Address::new_from_array([3; 32]);
const NONCE: Address = Address::new_from_array([4; 32]);

type Outcome = Result<(), InstructionError>;

fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.put(ALICE, Account::wallet(10_000_000));
    ledger
}

fn fails(error: SystemError) -> Outcome {
    Err(error.into())
}

/// The instruction, its signers no longer signing.
fn unsigned(mut instruction: Instruction) -> Instruction {
    for meta in &mut instruction.accounts {
        meta.is_signer = false;
    }
    instruction
}

/// The instruction, its accounts no longer writable.
fn readonly(mut instruction: Instruction) -> Instruction {
    for meta in &mut instruction.accounts {
        meta.is_writable = false;
    }
    instruction
}

#[test]
fn a_transfer_moves_what_the_source_has() {
    let mut ledger = ledger();
    let pay = |lamports| instruction::transfer(&ALICE, &BOB, lamports);
    assert_eq!(ledger.run(&pay(9_999_999)), Ok(()));
    assert_eq!(
        (ledger.lamports(&ALICE), ledger.lamports(&BOB)),
        (1, 9_999_999)
    );
    assert_eq!(ledger.compute_units_left, 1_400_000 - super::COMPUTE_UNITS);
    assert_eq!(
        ledger.run(&pay(2)),
        fails(SystemError::ResultWithNegativeLamports)
    );
    assert!(
        ledger
            .logs
            .iter()
            .any(|line| line.contains("2 lamports are needed, 1 are there"))
    );
    assert_eq!(ledger.run(&pay(1)), Ok(()));
    assert_eq!(ledger.run(&pay(0)), Ok(()));

    let to_self = instruction::transfer(&BOB, &BOB, 10_000_000);
    assert_eq!(ledger.run(&to_self), Ok(()));
    assert_eq!(ledger.lamports(&BOB), 10_000_000);
}

#[test]
fn only_transfers_declare_a_target() {
    let seeded = instruction::transfer_with_seed(&ALICE, &ALICE, "seed", &OWNER, &BOB, 5);
    for (instruction, target) in [
        (instruction::transfer(&ALICE, &BOB, 5), Some(1)),
        (seeded, Some(2)),
        (
            instruction::create_account(&ALICE, &BOB, 5, 0, &OWNER),
            None,
        ),
        (
            instruction::withdraw_nonce_account(&NONCE, &ALICE, &BOB, 5),
            None,
        ),
    ] {
        let count = instruction.accounts.len();
        let declared = SystemProgram.credit_only(&instruction.data, count);
        assert_eq!(declared.iter().next(), target);
        assert!(target.is_none_or(|target| instruction.accounts[target].address == BOB));
    }
    assert!(SystemProgram.credit_only(&[2, 0, 0], 2).is_empty());
}

#[test]
fn a_transfer_needs_signature_rights_and_an_empty_source() {
    let mut ledger = ledger();
    let pay = instruction::transfer(&ALICE, &BOB, 1);
    let missing_signature = Err(InstructionError::MissingRequiredSignature);
    assert_eq!(ledger.run(&unsigned(pay.clone())), missing_signature);
    let readonly_change = Err(InstructionError::ReadonlyLamportChange);
    assert_eq!(ledger.run(&readonly(pay.clone())), readonly_change);
    let mut alone = pay.clone();
    alone.accounts.pop();
    assert_eq!(ledger.run(&alone), Err(InstructionError::MissingAccount));

    let mut with_data = Account::wallet(5);
    with_data.data = vec![0].into();
    ledger.put(ALICE, with_data);
    assert_eq!(ledger.run(&pay), Err(InstructionError::InvalidArgument));
    let mut foreign = Account::wallet(5);
    foreign.owner = OWNER;
    ledger.put(ALICE, foreign);
    let spend = Err(InstructionError::ExternalAccountLamportSpend);
    assert_eq!(ledger.run(&pay), spend);

    ledger.put(ALICE, Account::wallet(5));
    ledger.put(BOB, Account::wallet(u64::MAX));
    assert_eq!(ledger.run(&pay), Err(InstructionError::ArithmeticOverflow));
    assert_eq!(ledger.lamports(&ALICE), 5);
}

#[test]
fn the_older_rules_name_a_missing_account_differently() {
    let mut ledger = ledger();
    ledger.environment.rules = RuleSet::December2024;
    let mut pay = instruction::transfer(&ALICE, &BOB, 1);
    pay.accounts.pop();
    #[expect(deprecated, reason = "it is what the older rules report")]
    let error = InstructionError::NotEnoughAccountKeys;
    assert_eq!(ledger.run(&pay), Err(error));
}

#[test]
fn a_new_account_has_zeros_an_owner_and_its_lamports() {
    let mut ledger = ledger();
    let create = |space| instruction::create_account(&ALICE, &BOB, 7, space, &OWNER);
    assert_eq!(ledger.run(&create(3)), Ok(()));
    let created = ledger.get(&BOB);
    assert_eq!((created.lamports, created.owner), (7, OWNER));
    assert_eq!(&created.data[..], [0; 3]);
    assert_eq!(
        ledger.run(&create(3)),
        fails(SystemError::AccountAlreadyInUse)
    );

    ledger.put(BOB, Account::wallet(0));
    let size_max = u64::try_from(ACCOUNT_DATA_SIZE_MAX).unwrap();
    let too_long = fails(SystemError::InvalidAccountDataLength);
    assert_eq!(ledger.run(&create(size_max + 1)), too_long);
    assert_eq!(ledger.run(&create(u64::MAX)), too_long);
    let missing_signature = Err(InstructionError::MissingRequiredSignature);
    assert_eq!(ledger.run(&unsigned(create(3))), missing_signature);
    assert_eq!(ledger.run(&create(size_max)), Ok(()));

    let poor = instruction::create_account(&ALICE, &OWNER, u64::MAX, 3, &OWNER);
    let too_few = fails(SystemError::ResultWithNegativeLamports);
    assert_eq!(ledger.run(&poor), too_few);
    assert_eq!(ledger.get(&OWNER), Account::default());
}

#[test]
fn a_prefunded_account_keeps_what_it_holds() {
    let mut ledger = ledger();
    ledger.put(BOB, Account::wallet(40));
    let paid = instruction::create_account_allow_prefund(&BOB, Some((&ALICE, 2)), 8, &OWNER);
    ledger.environment.rules = RuleSet::December2024;
    let unknown = Err(InstructionError::InvalidInstructionData);
    assert_eq!(ledger.run(&paid), unknown);
    ledger.environment.rules = RuleSet::Current;

    let mut without_payer = paid.clone();
    without_payer.accounts.pop();
    assert_eq!(
        ledger.run(&without_payer),
        Err(InstructionError::MissingAccount)
    );
    assert_eq!(ledger.run(&paid), Ok(()));
    let created = ledger.get(&BOB);
    assert_eq!(
        (created.lamports, created.owner, created.data.len()),
        (42, OWNER, 8)
    );

    ledger.put(NONCE, Account::wallet(1));
    let free = instruction::create_account_allow_prefund(&NONCE, None, 8, &OWNER);
    assert_eq!(ledger.run(&free), Ok(()));
    assert_eq!(ledger.get(&NONCE).owner, OWNER);
}

#[test]
fn allocate_and_assign_need_a_wallet_that_signs() {
    let mut ledger = ledger();
    let assign = instruction::assign(&ALICE, &OWNER);
    let missing_signature = Err(InstructionError::MissingRequiredSignature);
    assert_eq!(ledger.run(&unsigned(assign.clone())), missing_signature);
    assert_eq!(
        ledger.run(&readonly(assign.clone())),
        Err(InstructionError::ModifiedProgramId)
    );
    let allocate = instruction::allocate(&ALICE, 2);
    assert_eq!(ledger.run(&unsigned(allocate.clone())), missing_signature);
    assert_eq!(ledger.run(&allocate), Ok(()));
    assert_eq!(
        ledger.run(&allocate),
        fails(SystemError::AccountAlreadyInUse)
    );
    assert_eq!(ledger.run(&assign), Ok(()));
    assert_eq!(ledger.get(&ALICE).owner, OWNER);
    // Nothing is to be done, so no account has to sign.
    assert_eq!(ledger.run(&unsigned(assign)), Ok(()));
    let back = instruction::assign(&ALICE, &program_ids::SYSTEM);
    assert_eq!(ledger.run(&back), Err(InstructionError::ModifiedProgramId));
}

#[test]
fn the_base_signs_for_a_seed_address() {
    let mut ledger = ledger();
    let derived = create_with_seed(&ALICE, b"box", &OWNER).unwrap();
    let create = |seed: &str, base| {
        instruction::create_account_with_seed(&ALICE, &derived, base, seed, 9, 1, &OWNER)
    };
    let mismatch = fails(SystemError::AddressWithSeedMismatch);
    assert_eq!(ledger.run(&create("bag", &ALICE)), mismatch);
    assert_eq!(ledger.run(&create("box", &BOB)), mismatch);
    let too_long = "s".repeat(33);
    assert_eq!(
        ledger.run(&create(&too_long, &ALICE)),
        Err(InstructionError::Custom(0))
    );
    assert_eq!(ledger.run(&create("box", &ALICE)), Ok(()));
    assert_eq!(ledger.get(&derived).owner, OWNER);

    let wallet = create_with_seed(&ALICE, b"", &program_ids::SYSTEM).unwrap();
    ledger.put(wallet, Account::wallet(50));
    let pay = |owner| instruction::transfer_with_seed(&wallet, &ALICE, "", owner, &BOB, 50);
    assert_eq!(ledger.run(&pay(&OWNER)), mismatch);
    let signed = pay(&program_ids::SYSTEM);
    let missing_signature = Err(InstructionError::MissingRequiredSignature);
    assert_eq!(ledger.run(&unsigned(signed.clone())), missing_signature);
    assert_eq!(ledger.run(&signed), Ok(()));
    assert_eq!(ledger.lamports(&BOB), 50);
    let mut short = signed;
    short.accounts.truncate(2);
    assert_eq!(ledger.run(&short), Err(InstructionError::MissingAccount));
}

#[test]
fn a_seed_address_can_be_allocated_and_assigned() {
    let mut ledger = ledger();
    let allocated = create_with_seed(&ALICE, b"a", &OWNER).unwrap();
    let allocate = instruction::allocate_with_seed(&allocated, &ALICE, "a", 5, &OWNER);
    let missing_signature = Err(InstructionError::MissingRequiredSignature);
    assert_eq!(ledger.run(&unsigned(allocate.clone())), missing_signature);
    assert_eq!(ledger.run(&allocate), Ok(()));
    let account = ledger.get(&allocated);
    assert_eq!((account.owner, account.data.len()), (OWNER, 5));

    let assigned = create_with_seed(&ALICE, b"b", &OWNER).unwrap();
    let assign = instruction::assign_with_seed(&assigned, &ALICE, "b", &OWNER);
    assert_eq!(ledger.run(&unsigned(assign.clone())), missing_signature);
    assert_eq!(ledger.run(&assign), Ok(()));
    assert_eq!(ledger.get(&assigned).owner, OWNER);

    let mut forger = [9; 32];
    forger[11..].copy_from_slice(b"ProgramDerivedAddress");
    let forger = Address::new_from_array(forger);
    let assign = instruction::assign_with_seed(&assigned, &ALICE, "b", &forger);
    assert_eq!(ledger.run(&assign), Err(InstructionError::Custom(2)));
}

/// A ledger in which Alice's nonce account holds twice the rent-exempt minimum.
fn ledger_with_nonce() -> (Ledger, u64) {
    let mut ledger = ledger();
    let minimum = Rent::MAINNET.minimum_balance(80);
    let twice = minimum.saturating_mul(2);
    for step in instruction::create_nonce_account(&ALICE, &NONCE, &ALICE, twice) {
        assert_eq!(ledger.run(&step), Ok(()));
    }
    (ledger, minimum)
}

fn stored_nonce(ledger: &Ledger) -> NonceState {
    NonceState::decode(&ledger.get(&NONCE).data).unwrap()
}

#[test]
fn a_nonce_lives_through_advance_authorize_and_withdraw() {
    let (mut ledger, minimum) = ledger_with_nonce();
    let first = stored_nonce(&ledger).data.unwrap();
    assert_eq!((first.authority, first.lamports_per_signature), (ALICE, 1));
    assert_eq!(first.durable_nonce, durable_nonce(&[1; 32].into()));

    let advance = |authority| instruction::advance_nonce_account(&NONCE, authority);
    let not_expired = fails(SystemError::NonceBlockhashNotExpired);
    assert_eq!(ledger.run(&advance(&ALICE)), not_expired);
    ledger.set_blockhash(2);
    let missing_signature = Err(InstructionError::MissingRequiredSignature);
    assert_eq!(ledger.run(&advance(&BOB)), missing_signature);
    assert_eq!(ledger.run(&advance(&ALICE)), Ok(()));
    let second = stored_nonce(&ledger).data.unwrap();
    assert_eq!(second.durable_nonce, durable_nonce(&[2; 32].into()));
    assert_eq!(second.lamports_per_signature, 2);

    let authorize = instruction::authorize_nonce_account(&NONCE, &ALICE, &BOB);
    assert_eq!(ledger.run(&authorize), Ok(()));
    assert_eq!(ledger.run(&authorize), missing_signature);
    assert_eq!(
        stored_nonce(&ledger).data.unwrap().durable_nonce,
        second.durable_nonce
    );

    let withdraw = |lamports| instruction::withdraw_nonce_account(&NONCE, &BOB, &BOB, lamports);
    let too_few = Err(InstructionError::InsufficientFunds);
    assert_eq!(ledger.run(&withdraw(minimum + 1)), too_few);
    assert_eq!(ledger.run(&withdraw(u64::MAX)), too_few);
    assert_eq!(ledger.run(&withdraw(minimum)), Ok(()));
    assert_eq!(ledger.run(&withdraw(minimum)), not_expired);
    ledger.set_blockhash(3);
    assert_eq!(ledger.run(&unsigned(withdraw(minimum))), missing_signature);
    assert_eq!(ledger.run(&withdraw(minimum)), Ok(()));
    assert_eq!(ledger.lamports(&BOB), minimum * 2);
    assert_eq!(stored_nonce(&ledger).data, None);
    assert_eq!(
        ledger.run(&advance(&BOB)),
        Err(InstructionError::InvalidAccountData)
    );
    assert_eq!(
        ledger.run(&authorize),
        Err(InstructionError::InvalidAccountData)
    );
}

#[test]
fn an_uninitialized_nonce_pays_out_everything_on_its_own_signature() {
    let mut ledger = ledger();
    let mut closed = Account::wallet(30);
    closed.data = vec![0; 80].into();
    ledger.put(NONCE, closed);
    let withdraw = |lamports| instruction::withdraw_nonce_account(&NONCE, &NONCE, &BOB, lamports);
    assert_eq!(
        ledger.run(&withdraw(31)),
        Err(InstructionError::InsufficientFunds)
    );
    assert_eq!(ledger.run(&withdraw(30)), Ok(()));
    assert_eq!(ledger.lamports(&BOB), 30);
}

#[test]
fn initializing_needs_rent_and_a_fresh_account() {
    let (mut ledger, minimum) = ledger_with_nonce();
    let initialize = instruction::initialize_nonce_account(&NONCE, &ALICE);
    let wrong_state = Err(InstructionError::InvalidAccountData);
    assert_eq!(ledger.run(&initialize), wrong_state);

    let mut fresh = Account::wallet(minimum - 1);
    fresh.data = vec![0; 80].into();
    ledger.put(NONCE, fresh.clone());
    assert_eq!(
        ledger.run(&initialize),
        Err(InstructionError::InsufficientFunds)
    );
    assert_eq!(
        ledger.run(&readonly(initialize.clone())),
        Err(InstructionError::InvalidArgument)
    );
    fresh.lamports = minimum;
    ledger.put(NONCE, fresh.clone());
    assert_eq!(ledger.run(&initialize), Ok(()));

    // What is too short for the state can still be told to be fresh.
    fresh.data = vec![0; 79].into();
    ledger.put(NONCE, fresh.clone());
    assert_eq!(
        ledger.run(&initialize),
        Err(InstructionError::AccountDataTooSmall)
    );
    fresh.data = vec![0; 7].into();
    ledger.put(NONCE, fresh.clone());
    assert_eq!(ledger.run(&initialize), wrong_state);
    fresh.data = vec![0; 80].into();
    fresh.owner = OWNER;
    ledger.put(NONCE, fresh);
    let foreign = Err(InstructionError::ExternalAccountDataModified);
    assert_eq!(ledger.run(&initialize), foreign);
}

#[test]
fn nonces_need_their_sysvars_named_and_present() {
    let (mut ledger, _) = ledger_with_nonce();
    ledger.set_blockhash(2);
    let advance = instruction::advance_nonce_account(&NONCE, &ALICE);
    let withdraw = instruction::withdraw_nonce_account(&NONCE, &ALICE, &BOB, 1);
    for (instruction, position) in [(&advance, 1), (&withdraw, 2), (&withdraw, 3)] {
        let mut other = instruction.clone();
        other.accounts[position] = AccountMeta::readonly(BOB, false);
        assert_eq!(ledger.run(&other), Err(InstructionError::InvalidArgument));
        other.accounts.truncate(position);
        assert_eq!(ledger.run(&other), Err(InstructionError::MissingAccount));
    }

    let sysvars = ledger.environment.sysvars.clone();
    ledger.environment.sysvars.recent_blockhashes = Some(Vec::new().into());
    assert_eq!(
        ledger.run(&advance),
        fails(SystemError::NonceNoRecentBlockhashes)
    );
    let initialize = instruction::initialize_nonce_account(&NONCE, &ALICE);
    assert_eq!(
        ledger.run(&initialize),
        fails(SystemError::NonceNoRecentBlockhashes)
    );
    assert_eq!(ledger.run(&withdraw), Ok(()));
    let unsupported = Err(InstructionError::UnsupportedSysvar);
    ledger.environment.sysvars.recent_blockhashes = None;
    assert_eq!(ledger.run(&advance), unsupported);
    ledger.environment.sysvars = sysvars;
    ledger.environment.sysvars.rent = None;
    assert_eq!(ledger.run(&withdraw), unsupported);
    assert_eq!(ledger.run(&advance), Ok(()));
}

#[test]
fn a_legacy_nonce_is_upgraded_once() {
    let (mut ledger, _) = ledger_with_nonce();
    let upgrade = instruction::upgrade_nonce_account(&NONCE);
    let refused = Err(InstructionError::InvalidArgument);
    assert_eq!(ledger.run(&upgrade), refused);

    let mut account = ledger.get(&NONCE);
    let mut state = stored_nonce(&ledger);
    state.version = NonceVersion::Legacy;
    state.encode_into(account.data.make_mut()).unwrap();
    ledger.put(NONCE, account.clone());
    let authorize = instruction::authorize_nonce_account(&NONCE, &ALICE, &BOB);
    assert_eq!(ledger.run(&authorize), Ok(()));
    assert_eq!(stored_nonce(&ledger).version, NonceVersion::Legacy);
    assert_eq!(ledger.run(&readonly(upgrade.clone())), refused);
    assert_eq!(ledger.run(&upgrade), Ok(()));
    let upgraded = stored_nonce(&ledger);
    assert_eq!(upgraded.version, NonceVersion::Current);
    let before = state.data.unwrap().durable_nonce;
    assert_eq!(upgraded.data.unwrap().durable_nonce, durable_nonce(&before));

    account.owner = OWNER;
    ledger.put(NONCE, account);
    assert_eq!(
        ledger.run(&upgrade),
        Err(InstructionError::InvalidAccountOwner)
    );
}

/// Calls of every kind among a few accounts, mostly as clients would make them: now and then a
/// meta is missing, or has other rights, or names another account.
fn any_call() -> impl Strategy<Value = Instruction> {
    let amount = prop_oneof![4 => 0..100u64, 1 => Just(u64::MAX / 16), 1 => any::<u64>()];
    let space = prop_oneof![2 => Just(0), 4 => 0..100u64, 1 => any::<u64>()];
    let known = || (1..9u8).prop_map(address);
    let owner = prop_oneof![2 => Just(program_ids::SYSTEM), 1 => Just(OWNER)];
    let addresses = (known(), known(), known(), owner);
    let call = (0..14u8, addresses, amount, space).prop_map(
        |(kind, (from, to, base, owner), amount, space)| {
            let derived = create_with_seed(&base, b"s", &owner).unwrap();
            match kind {
                0 => instruction::create_account(&from, &to, amount, space, &owner),
                1 => instruction::assign(&from, &owner),
                2 => instruction::transfer(&from, &to, amount),
                3 => instruction::create_account_with_seed(
                    &from, &derived, &base, "s", amount, space, &owner,
                ),
                4 => instruction::advance_nonce_account(&from, &base),
                5 => instruction::withdraw_nonce_account(&from, &base, &to, amount),
                6 => instruction::initialize_nonce_account(&from, &base),
                7 => instruction::authorize_nonce_account(&from, &base, &to),
                8 => instruction::allocate(&from, space),
                9 => instruction::allocate_with_seed(&derived, &base, "s", space, &owner),
                10 => instruction::assign_with_seed(&derived, &base, "s", &owner),
                11 => instruction::transfer_with_seed(&derived, &base, "s", &owner, &to, amount),
                12 => instruction::upgrade_nonce_account(&from),
                _ => instruction::create_account_allow_prefund(
                    &to,
                    Some((&from, amount)),
                    space,
                    &owner,
                ),
            }
        },
    );
    let fault = prop_oneof![6 => Just(None), 1 => (0..5usize, 0..4u8).prop_map(Some)];
    (call, fault).prop_map(|(mut call, fault)| {
        let Some((position, kind)) = fault else {
            return call;
        };
        if let Some(meta) = call.accounts.get_mut(position) {
            match kind {
                0 => meta.is_signer = !meta.is_signer,
                1 => meta.is_writable = !meta.is_writable,
                2 => meta.address = BOB,
                _ => call.accounts.truncate(position),
            }
        }
        call
    })
}

fn any_account() -> impl Strategy<Value = Account> {
    let lamports = prop_oneof![4 => 0..200u64, 2 => Just(0), 1 => Just(u64::MAX / 16)];
    let size = prop_oneof![4 => Just(0), 3 => Just(80usize), 1 => 0..90usize];
    let owner = prop_oneof![6 => Just(program_ids::SYSTEM), 1 => Just(OWNER)];
    (lamports, size, owner).prop_map(|(lamports, size, owner)| Account {
        lamports,
        data: vec![0; size].into(),
        owner,
        executable: false,
    })
}

/// Eight accounts, one of which is a legacy nonce account whose authority is the first.
fn ledger_of(accounts: Vec<Account>) -> Ledger {
    let mut ledger = Ledger::new();
    ledger.environment.sysvars.rent = Some(Rent {
        lamports_per_byte: 0,
        ..Rent::MAINNET
    });
    for (number, account) in (1..).zip(accounts) {
        ledger.put(address(number), account);
    }
    let mut legacy = Account::wallet(100);
    legacy.data = vec![0; 80].into();
    let state = NonceState {
        version: NonceVersion::Legacy,
        data: Some(NonceData {
            authority: ALICE,
            durable_nonce: [1; 32].into(),
            lamports_per_signature: 5,
        }),
    };
    state.encode_into(legacy.data.make_mut()).unwrap();
    ledger.put(address(8), legacy);
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_call_keeps_lamports_and_a_failure_keeps_all(
        accounts in prop::collection::vec(any_account(), 7),
        calls in prop::collection::vec(any_call(), 1..20),
    ) {
        let mut ledger = ledger_of(accounts);
        let total = ledger.total();
        for (number, call) in (2..).zip(calls) {
            ledger.set_blockhash(number);
            let named: Vec<_> = call.accounts.iter().map(|meta| meta.address).collect();
            let before: Vec<_> = named.iter().map(|address| ledger.get(address)).collect();
            let result = ledger.run(&call);
            prop_assert_eq!(ledger.total(), total);
            for (address, before) in named.iter().zip(before) {
                let mut metas = call.accounts.iter();
                let may_change = result.is_ok()
                    && metas.any(|meta| meta.address == *address && meta.is_writable);
                prop_assert!(may_change || ledger.get(address) == before);
            }
        }
    }

    #[test]
    fn any_bytes_decode_to_what_encodes_to_them(bytes in prop::collection::vec(any::<u8>(), 0..140),
        kind in 0..15u8,
    ) {
        let mut bytes = bytes;
        if let Some(start) = bytes.get_mut(..4) {
            start.copy_from_slice(&[kind, 0, 0, 0]);
        }
        if let Some(length) = bytes.get_mut(36..44) {
            length[1..].fill(0);
        }
        if let Some(instruction) = SystemInstruction::decode(&bytes) {
            prop_assert!(bytes.starts_with(&instruction.encode()));
        }
        let mut ledger = ledger();
        let accounts = vec![AccountMeta::writable(ALICE, true); 3];
        let call = Instruction { program: program_ids::SYSTEM, accounts, data: bytes };
        let _outcome: Outcome = ledger.run(&call);
        prop_assert_eq!(ledger.lamports(&ALICE), 10_000_000);
    }
}
