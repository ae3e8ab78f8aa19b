//! Account locks: how many, none twice, and none for writing on programs and sysvars.

use lockstep_interface::{
    AccountMeta, Address, InstructionError, TransactionError,
    address::{RESERVED, program_ids, sysvar_ids},
};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{
    limits::ACCOUNT_LOCKS_MAX,
    wire::{LookupTable, MessageBuilder, TransactionConfig},
};

use super::{ADDRESS, CREDIT, NOTHING, chain, ledger, nothing, payer};
use crate::common::{
    ledger::{RICH, Table, address, unsigned},
    program::{arguments, call},
    run::{Chain, SUCCEEDED, Verdict, failed, failed_at, refused, verdict},
};

const TOO_MANY: Verdict = Err(lockstep_runtime::verify::Refusal::Rule(
    TransactionError::TooManyAccountLocks,
));
const TABLE: u64 = 900;

/// A chain with a lookup table of 250 addresses, and the table.
fn with_table() -> (Chain, LookupTable) {
    let addresses: Vec<Address> = (1_000..1_250).map(address).collect();
    let mut ledger = ledger();
    ledger.put(address(TABLE), Table::of(addresses.clone()).account());
    let address = address(TABLE);
    (
        Chain::new(ledger.open()),
        LookupTable { address, addresses },
    )
}

/// An instruction on this number of accounts that are in the table.
fn on_tabled(count: u64) -> lockstep_interface::Instruction {
    let accounts = (1_000..1_000 + count).map(|number| AccountMeta {
        address: address(number),
        is_signer: false,
        is_writable: number % 2 == 0,
    });
    call(NOTHING, accounts.collect(), &[])
}

#[test]
fn sixty_four_locks_are_the_most() {
    // Payer and program are the other two.
    let most = ACCOUNT_LOCKS_MAX as u64 - 2;
    for (count, expected) in [(most, SUCCEEDED), (most + 1, TOO_MANY)] {
        let (mut chain, table) = with_table();
        let (blockhash, instructions) = (chain.blockhash().to_bytes(), [on_tabled(count)]);
        let builder = MessageBuilder::new(payer(), blockhash, &instructions);
        let tables = [table];
        let looked_up = builder.v0(&tables).compile().expect("all can be counted");
        let spelt_out = builder.v1(TransactionConfig::default());
        let spelt_out = spelt_out.compile().expect("all can be counted");
        assert_eq!(looked_up.static_keys.len(), 2);
        assert_eq!(
            verdict(&chain.run_one(unsigned(&looked_up))),
            expected,
            "{count}"
        );
        assert_eq!(
            verdict(&chain.run_one(unsigned(&spelt_out))),
            expected,
            "{count}"
        );
    }
}

#[test]
fn an_account_named_twice_is_refused() {
    let twice = refused(TransactionError::AccountLoadedTwice);
    let (mut chain, table) = with_table();
    let instructions = [on_tabled(4)];
    let tables = [table];

    let builder = MessageBuilder::new(payer(), chain.blockhash().to_bytes(), &instructions);
    let mut message = builder.compile().expect("all can be counted");
    message.static_keys[1] = message.static_keys[2];
    assert_eq!(
        verdict(&chain.run_one(unsigned(&message))),
        twice,
        "in the message"
    );

    let builder = MessageBuilder::new(payer(), chain.blockhash().to_bytes(), &instructions);
    let looked_up = builder.v0(&tables).compile().expect("all can be counted");
    let mut message = looked_up.clone();
    message.static_keys.push(address(1_000));
    message.header.readonly_unsigned += 1;
    assert_eq!(
        verdict(&chain.run_one(unsigned(&message))),
        twice,
        "message and table"
    );

    let mut message = looked_up.clone();
    message.lookups[0].readonly.push(0);
    assert_eq!(
        verdict(&chain.run_one(unsigned(&message))),
        twice,
        "twice in a table"
    );

    let mut message = looked_up;
    message.lookups.push(message.lookups[0].clone());
    assert_eq!(
        verdict(&chain.run_one(unsigned(&message))),
        twice,
        "a table twice"
    );
}

#[test]
fn too_many_is_found_before_twice() {
    let (mut chain, table) = with_table();
    let (blockhash, instructions) = (chain.blockhash().to_bytes(), [on_tabled(62)]);
    let tables = [table];
    let message = MessageBuilder::new(payer(), blockhash, &instructions)
        .v0(&tables)
        .compile();
    let mut message = message.expect("all can be counted");
    message.lookups[0].readonly.push(0);
    assert_eq!(verdict(&chain.run_one(unsigned(&message))), TOO_MANY);
}

#[test]
fn built_in_programs_and_sysvars_cannot_be_written() {
    let mut chain = chain();
    for reserved in RESERVED {
        let before = chain.account(&reserved);
        let credit = AccountMeta::writable(reserved, false);
        let credit = call(CREDIT, vec![credit], &arguments(&[1]));
        let expected = failed_at(0, InstructionError::ReadonlyLamportChange);
        assert_eq!(
            verdict(&chain.send(payer(), &[credit])),
            expected,
            "{reserved}"
        );
        let payment = system::transfer(&payer(), &reserved, RICH / 10);
        assert_eq!(
            verdict(&chain.send(payer(), &[payment])),
            expected,
            "{reserved}"
        );
        let is_shown_anew = [
            sysvar_ids::CLOCK,
            sysvar_ids::RECENT_BLOCKHASHES,
            sysvar_ids::RENT,
        ];
        if !is_shown_anew.contains(&reserved) {
            assert_eq!(chain.account(&reserved), before, "{reserved}");
        }
    }
}

#[test]
fn invoked_programs_are_read_only_unless_the_loader_is_named() {
    let mut chain = chain();
    let payment = system::transfer(&payer(), &ADDRESS, RICH / 10);
    let readonly = failed_at(1, InstructionError::ReadonlyLamportChange);
    let fate = chain.send(payer(), &[nothing(), payment.clone()]);
    assert_eq!(verdict(&fate), readonly);

    // In a transaction that does not invoke it, it is an account like any other.
    assert_eq!(
        verdict(&chain.send(payer(), std::slice::from_ref(&payment))),
        SUCCEEDED
    );
    assert_eq!(chain.lamports(&ADDRESS), 1 + RICH / 10);

    let loader = AccountMeta::readonly(program_ids::UPGRADEABLE_LOADER, false);
    let with_loader = call(NOTHING, vec![loader], &[]);
    let fate = chain.send(payer(), &[with_loader, payment]);
    assert_eq!(verdict(&fate), SUCCEEDED);
    assert_eq!(chain.lamports(&ADDRESS), 1 + 2 * (RICH / 10));
}

#[test]
fn a_written_sysvar_shows_the_block_and_nothing_else() {
    let mut chain = chain();
    let before = chain.account(&sysvar_ids::CLOCK);
    let credit = AccountMeta::writable(sysvar_ids::CLOCK, false);
    let credit = call(CREDIT, vec![credit], &arguments(&[1]));
    assert!(chain.send(payer(), &[credit]).is_ok());
    let after = chain.account(&sysvar_ids::CLOCK);
    assert_eq!(after.data[..8], chain.tip.slot().to_le_bytes());
    assert_eq!(before.data.len(), 0, "the first bank has no clock");
}

#[test]
fn programs_must_exist_and_belong_to_the_loader() {
    let mut chain = chain();
    let mut unknown = nothing();
    unknown.program = address(777);
    let missing = failed(TransactionError::ProgramAccountNotFound);
    assert_eq!(
        verdict(&chain.send(payer(), &[nothing(), unknown.clone()])),
        missing
    );
    unknown.program = address(1);
    let no_program = failed(TransactionError::InvalidProgramForExecution);
    assert_eq!(verdict(&chain.send(payer(), &[unknown])), no_program);
}
