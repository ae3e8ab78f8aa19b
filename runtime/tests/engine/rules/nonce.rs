//! Durable nonces in place of a recent blockhash.

use lockstep_interface::{
    Account, Hash, Instruction, TransactionError,
    nonce::{NONCE_ACCOUNT_SIZE, NonceState, NonceVersion, durable_nonce},
};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::wire::{LookupTable, MessageBuilder};

use super::{ledger, nothing, payer};
use crate::common::{
    ledger::{FEE, RICH, Table, address, nonce_account, rent_exempt, transaction, unsigned},
    run::{Chain, SUCCEEDED, failed_at, refused, verdict},
};

const NONCE: u64 = 60;
const AUTHORITY: u64 = 1;
/// The blockhash from which the stored nonce was made.
const STORED: Hash = Hash::new_from_array([3; 32]);

fn nonce() -> Account {
    nonce_account(
        address(AUTHORITY),
        &STORED,
        rent_exempt(NONCE_ACCOUNT_SIZE) + FEE,
    )
}

fn chain_with(account: Account) -> Chain {
    let mut ledger = ledger();
    ledger.put(address(NONCE), account);
    Chain::new(ledger.open())
}

fn advance() -> Instruction {
    system::advance_nonce_account(&address(NONCE), &address(AUTHORITY))
}

fn value() -> Hash {
    durable_nonce(&STORED)
}

/// The durable nonce that the account holds.
fn held(chain: &Chain) -> Hash {
    let state = NonceState::decode(&chain.account(&address(NONCE)).data);
    let data = state.and_then(|state| state.data);
    data.expect("it is initialized").durable_nonce
}

const UNKNOWN: TransactionError = TransactionError::BlockhashNotFound;

#[test]
fn a_saved_transaction_advances_its_nonce_whether_or_not_it_succeeds() {
    let payment = |lamports| system::transfer(&payer(), &address(2), lamports);
    let too_much = lockstep_interface::InstructionError::Custom(1);
    for (lamports, expected) in [(1, SUCCEEDED), (u64::MAX, failed_at(1, too_much))] {
        let mut chain = chain_with(nonce());
        let next = durable_nonce(&chain.blockhash());
        let saved = transaction(payer(), value(), &[advance(), payment(lamports)]);
        assert_eq!(verdict(&chain.run_one(saved.clone())), expected);
        assert_eq!(held(&chain), next);
        let paid = if expected == SUCCEEDED { lamports } else { 0 };
        // Payer and authority both sign.
        assert_eq!(chain.lamports(&payer()), RICH - 2 * FEE - paid);
        assert_eq!(chain.lamports(&address(2)), RICH + paid);
        assert_eq!(
            verdict(&chain.run_one(saved)),
            refused(UNKNOWN),
            "a second time"
        );
        assert_eq!(held(&chain), next, "a refused transaction advances nothing");
        let saved = transaction(payer(), next, &[advance(), nothing()]);
        assert_eq!(
            verdict(&chain.run_one(saved)),
            SUCCEEDED,
            "with the next value"
        );
    }
}

#[test]
fn a_nonce_serves_once_in_a_block() {
    let mut chain = chain_with(nonce());
    let next = durable_nonce(&chain.blockhash());
    let saved = |number: u64, value| {
        let payment = system::transfer(&address(number), &address(5), 1);
        transaction(address(number), value, &[advance(), payment])
    };
    let block = [saved(2, value()), saved(3, value()), saved(4, next)];
    let fates = chain.run(&block);
    assert_eq!(verdict(&fates[0]), SUCCEEDED);
    assert_eq!(verdict(&fates[1]), refused(UNKNOWN), "the value is spent");
    assert_eq!(
        verdict(&fates[2]),
        refused(UNKNOWN),
        "the new value would stay the same"
    );
    assert_eq!(chain.lamports(&address(3)), RICH);
}

#[test]
fn the_payer_may_be_the_nonce_account() {
    let mut chain = chain_with(nonce());
    let saved = transaction(address(NONCE), value(), &[advance()]);
    // Nonce account and authority sign, which is one fee too many.
    let unfunded = refused(TransactionError::InsufficientFundsForFee);
    assert_eq!(verdict(&chain.run_one(saved)), unfunded);
    assert_eq!(held(&chain), value());

    for fails in [false, true] {
        let lamports = rent_exempt(NONCE_ACCOUNT_SIZE) + 2 * FEE;
        let mut chain = chain_with(nonce_account(address(AUTHORITY), &STORED, lamports));
        let next = durable_nonce(&chain.blockhash());
        let mut instructions = vec![advance()];
        let mut expected = SUCCEEDED;
        if fails {
            instructions.push(system::transfer(&address(NONCE), &address(2), 1));
            expected = failed_at(1, lockstep_interface::InstructionError::InvalidArgument);
        }
        let saved = transaction(address(NONCE), value(), &instructions);
        assert_eq!(verdict(&chain.run_one(saved)), expected);
        assert_eq!(held(&chain), next);
        assert_eq!(
            chain.lamports(&address(NONCE)),
            rent_exempt(NONCE_ACCOUNT_SIZE)
        );
    }
}

#[test]
fn a_claim_to_a_nonce_must_hold() {
    let with_authority = |number| system::advance_nonce_account(&address(NONCE), &address(number));
    let mut unsigned_authority = advance();
    unsigned_authority.accounts[2].is_signer = false;
    let mut readonly = advance();
    readonly.accounts[0].is_writable = false;
    let mut other_account = advance();
    other_account.accounts[0].address = address(5);
    let mut no_account = advance();
    no_account.accounts.clear();
    let mut other_program = advance();
    other_program.program = super::ADDRESS;
    let cases: [(&str, Hash, Vec<Instruction>); 9] = [
        ("another authority", value(), vec![with_authority(2)]),
        ("no signature", value(), vec![unsigned_authority]),
        ("a read-only nonce account", value(), vec![readonly]),
        ("no nonce account", value(), vec![other_account]),
        ("no account", value(), vec![no_account]),
        ("another program", value(), vec![other_program]),
        (
            "not the first instruction",
            value(),
            vec![nothing(), advance()],
        ),
        ("no such instruction", value(), vec![nothing()]),
        ("another value", STORED, vec![advance()]),
    ];
    for (what, value, instructions) in cases {
        let mut chain = chain_with(nonce());
        let before = chain.account(&address(NONCE));
        let saved = transaction(payer(), value, &instructions);
        assert_eq!(verdict(&chain.run_one(saved)), refused(UNKNOWN), "{what}");
        assert_eq!(chain.account(&address(NONCE)), before, "{what}");
        assert_eq!(chain.lamports(&payer()), RICH, "{what}");
    }
}

#[test]
fn the_account_must_hold_a_nonce_of_today() {
    let state = |version, has_data: bool| {
        let mut account = nonce();
        let mut state = NonceState::decode(&account.data).expect("it is a nonce account");
        state.version = version;
        state.data = state.data.filter(|_| has_data);
        let data = account.data.make_mut();
        state.encode_into(data).expect("there is room");
        account
    };
    let mut foreign = nonce();
    foreign.owner = super::ADDRESS;
    let cases = [
        ("legacy", state(NonceVersion::Legacy, true)),
        ("uninitialized", state(NonceVersion::Current, false)),
        ("of another program", foreign),
        ("a wallet", Account::wallet(RICH)),
    ];
    for (what, account) in cases {
        let mut chain = chain_with(account);
        let saved = transaction(payer(), value(), &[advance()]);
        assert_eq!(verdict(&chain.run_one(saved)), refused(UNKNOWN), "{what}");
    }
}

#[test]
fn a_nonce_account_from_a_lookup_table_does_not_count() {
    let mut ledger = ledger();
    ledger.put(address(NONCE), nonce());
    ledger.put(address(900), Table::of(vec![address(NONCE)]).account());
    let mut chain = Chain::new(ledger.open());
    let instructions = [advance()];
    let builder = MessageBuilder::new(payer(), value().to_bytes(), &instructions);
    let tables = [LookupTable {
        address: address(900),
        addresses: vec![address(NONCE)],
    }];

    let message = builder.v0(&tables).compile().expect("all can be counted");
    assert!(
        message.lookups.is_empty(),
        "the builder keeps the nonce account in the message"
    );
    // Its place is taken by the table's entry by hand: static keys are payer, authority, nonce,
    // and two read-only ones.
    let mut looked_up = message.clone();
    let place = message
        .static_keys
        .iter()
        .position(|key| *key == address(NONCE));
    let place = place.expect("it is in the message");
    looked_up.static_keys.remove(place);
    let last = u8::try_from(looked_up.static_keys.len()).expect("few keys");
    let place = u8::try_from(place).expect("few keys");
    let moved = |index: u8| match index.cmp(&place) {
        std::cmp::Ordering::Less => index,
        std::cmp::Ordering::Equal => last,
        std::cmp::Ordering::Greater => index - 1,
    };
    for instruction in &mut looked_up.instructions {
        instruction.program_index = moved(instruction.program_index);
        instruction.accounts = instruction
            .accounts
            .iter()
            .map(|index| moved(*index))
            .collect();
    }
    looked_up.lookups.push(lockstep_runtime::wire::TableLookup {
        table: address(900),
        writable: vec![0],
        readonly: Vec::new(),
    });
    assert_eq!(
        verdict(&chain.run_one(unsigned(&looked_up))),
        refused(UNKNOWN)
    );
    looked_up.recent_blockhash = chain.blockhash().to_bytes();
    assert_eq!(
        verdict(&chain.run_one(unsigned(&looked_up))),
        SUCCEEDED,
        "under a blockhash"
    );
}

#[test]
fn a_recent_blockhash_needs_no_nonce() {
    let mut chain = chain_with(nonce());
    let next = durable_nonce(&chain.blockhash());
    let too_much = system::transfer(&payer(), &address(2), u64::MAX);
    let fate = chain.send(payer(), &[advance(), too_much]);
    assert!(matches!(verdict(&fate), Ok(Err(_))));
    assert_eq!(
        held(&chain),
        value(),
        "under a blockhash a failure takes the advance back"
    );
    assert_eq!(verdict(&chain.send(payer(), &[advance()])), SUCCEEDED);
    assert_ne!(held(&chain), next, "it advanced a block later");
}
