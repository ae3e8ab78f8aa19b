//! What receipts say about the use of accounts, and what an audit makes of it.

use std::num::NonZeroU32;
use std::sync::Arc;

use lockstep_interface::{
    AccountMeta, Address, Instruction, InstructionError, ProgramTable,
    address::sysvar_ids,
    context::AccountUse::{self, Read, Untouched, Written},
};
use lockstep_programs::system::instruction as system;
use lockstep_runtime::{
    audit::{AuditError, FindingKind, audit, costs, relieve, used_costs},
    bank::FrozenBank,
    block::Recording,
    engine::{Engine, FrozenBlock},
    limits::TRANSACTION_COST,
    verify::ParsedBlock,
    wire::WireBlock,
};
use lockstep_scheduler::{
    AccessMode, AccessTable, AccountIndex, CostModel, Layered, Mode, PlanRequest, TransactionIndex,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::common::{
    generate::{Shape, World},
    ledger::{Ledger, address, data_account, transaction},
    program::{ADDRESS, Behaviour, TestProgram, call},
    run::{Chain, Options, options, parse, process, run_parsed, serial, timestamp},
};

const OWNED: u64 = 100;
const SIZE: usize = 100;

const IGNORE: u8 = 0;
const READ: u8 = 1;
const BORROW: u8 = 2;
const SAME_BYTES: u8 = 3;
const SAME_LAMPORTS: u8 = 4;
const SAME_SIZE: u8 = 5;
const SAME_OWNER: u8 = 6;
const REFUSED: u8 = 7;
const HAND_ON: u8 = 8;
const WRITE_AND_FAIL: u8 = 9;

/// In the order of the numbers above.
const BEHAVIOURS: &[Behaviour] = &[
    |context| {
        // Addresses and rights are in the message.
        let _ = (context.address(0)?, context.is_writable(0)?);
        context.is_signer(0).map(|_| ())
    },
    |context| context.account(0).map(|_| ()),
    |context| context.account_mut(0).map(|_| ()),
    |context| context.account_mut(0)?.data_mut().map(|_| ()),
    |context| {
        let mut account = context.account_mut(0)?;
        let lamports = account.lamports;
        account.set_lamports(lamports)
    },
    |context| context.account_mut(0)?.resize(SIZE),
    |context| {
        let owner = *context.program();
        context.account_mut(0)?.set_owner(&owner)
    },
    |context| match context.account_mut(0)?.resize(usize::MAX) {
        Err(InstructionError::InvalidRealloc) => Ok(()),
        _ => Err(InstructionError::Immutable),
    },
    |context| {
        let account = AccountMeta::writable(*context.address(0)?, false);
        context.invoke(&call(IGNORE, vec![account], &[]))
    },
    |context| {
        context.account_mut(0)?.data_mut()?.fill(7);
        Err(InstructionError::Custom(1))
    },
];

fn ledger() -> Ledger {
    let mut ledger = Ledger::with_wallets(0..10).with_program(TestProgram::new(BEHAVIOURS));
    ledger.put(address(OWNED), data_account(ADDRESS, vec![0; SIZE]));
    ledger
}

fn on_owned(behaviour: u8) -> Instruction {
    let accounts = vec![
        AccountMeta::writable(address(OWNED), false),
        AccountMeta::readonly(ADDRESS, false),
    ];
    call(behaviour, accounts, &[])
}

/// The uses that a transaction's receipt shows, on two threads as serially.
fn uses(instruction: &Instruction) -> Vec<AccountUse> {
    let mut chain = Chain::new(ledger().open());
    let wire = transaction(
        address(0),
        chain.blockhash(),
        std::slice::from_ref(instruction),
    );
    let fate = chain.run(&[wire]).remove(0).expect("it is included");
    fate.details.expect("all is recorded").uses
}

#[test]
fn a_use_is_what_the_program_asked_for() {
    let expected = [
        (IGNORE, Untouched),
        (READ, Read),
        (BORROW, Read),
        (SAME_BYTES, Written),
        (SAME_LAMPORTS, Written),
        (SAME_SIZE, Written),
        (SAME_OWNER, Written),
        (REFUSED, Read),
        (HAND_ON, Untouched),
        (WRITE_AND_FAIL, Written),
    ];
    for (behaviour, used) in expected {
        // Payer, account, program.
        let found = uses(&on_owned(behaviour));
        assert_eq!(found, [Written, used, Read], "behaviour {behaviour}");
    }
    let transfer = system::transfer(&address(0), &address(1), 5);
    assert_eq!(uses(&transfer), [Written, Written, Read]);
}

/// Every account that a block changed was written by one of its transactions, and only accounts
/// that were declared as written were.
#[test]
fn changed_accounts_were_written() {
    let (mut written_count, mut untouched_count) = (0, 0);
    for seed in 700..712 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (world, parent) = World::new(Shape::FEW);
        let block: WireBlock = world.block(&mut random, &parent, 200).iter().collect();
        let mut engine = Engine::new(2).expect("threads can be started");
        let options = options(&Layered, Mode::Replay);
        let bank = parent.child(1, timestamp(1));
        let parsed = parse(&engine, &block, false);
        let processed = run_parsed(&mut engine, bank, &parsed, &options);
        let processed = processed.expect("nothing fails");
        let prepared = &processed.prepared;
        let receipts: Vec<_> = processed.receipts.iter().collect();
        let mut written: Vec<Address> = Vec::new();
        for (index, transaction) in prepared.table().transactions().zip(prepared.transactions()) {
            let Ok(receipt) = receipts[transaction.position as usize] else {
                continue;
            };
            let uses = &receipt.details.as_ref().expect("all is recorded").uses;
            let access_list: Vec<_> = prepared.access_list(index).collect();
            assert_eq!(uses.len(), access_list.len());
            assert_eq!(uses[0], Written, "the payer pays");
            for ((address, is_writable), used) in access_list.iter().zip(uses) {
                assert!(*is_writable || *used != Written, "SEED={seed} {address}");
                if *used == Written {
                    written.push(*address);
                }
                untouched_count += usize::from(*used == Untouched);
            }
        }
        for (address, account) in processed.bank.changes() {
            let is_sysvar = account.owner == sysvar_ids::OWNER;
            assert!(
                is_sysvar || written.contains(&address),
                "SEED={seed} {address}"
            );
        }
        written_count += written.len();
        let found = process(&mut engine, &parent, &block, &options).expect("nothing fails");
        assert_eq!(
            found.receipts,
            serial(&engine, &parent, &block, None).receipts
        );
    }
    assert!(
        written_count > 100 && untouched_count > 100,
        "the load uses accounts both ways"
    );
}

/// Processes a block of these calls, each with a payer of its own.
fn run<'b>(
    engine: &mut Engine,
    tip: &Arc<FrozenBank>,
    parsed: &'b mut ParsedBlock,
    calls: &[Instruction],
    recording: Recording,
) -> FrozenBlock<'b> {
    let mut block = WireBlock::default();
    for (payer, instruction) in (0..).zip(calls) {
        block.push(&transaction(
            address(payer),
            tip.block_hash(),
            std::slice::from_ref(instruction),
        ));
    }
    let options = Options {
        recording,
        ..options(&Layered, Mode::Replay)
    };
    *parsed = parse(engine, &block, false);
    let processed = run_parsed(engine, tip.child(1, timestamp(1)), parsed, &options);
    processed.expect("nothing fails")
}

fn programs() -> ProgramTable {
    ledger().programs
}

#[test]
fn findings_name_program_position_and_use_and_have_a_price() {
    let (mut engine, tip) = (
        Engine::new(2).expect("threads can be started"),
        ledger().open(),
    );
    let uses = Recording {
        uses: true,
        ..Recording::NONE
    };
    let mut block = ParsedBlock::default();
    let behaviours = [READ, READ, IGNORE, SAME_BYTES, WRITE_AND_FAIL].map(on_owned);
    let processed = run(&mut engine, &tip, &mut block, &behaviours, uses);
    let (prepared, receipts) = (&processed.prepared, &processed.receipts);
    let report = audit(&programs(), prepared, receipts).expect("uses are recorded");
    assert_eq!((report.audited_count, report.skipped_count), (4, 1));
    let owned = prepared
        .addresses()
        .iter()
        .position(|one| *one == address(OWNED));
    let owned = AccountIndex(u32::try_from(owned.expect("it is used")).expect("there are few"));
    let kind = |used| FindingKind {
        program: Some(ADDRESS),
        instruction: None,
        declared: AccessMode::Write,
        used,
    };
    let t = TransactionIndex;
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.kind, finding.accesses.as_slice()))
        .collect();
    assert_eq!(
        found,
        [
            (kind(Read), &[(t(0), owned), (t(1), owned)][..]),
            (kind(Untouched), &[(t(2), owned)][..]),
        ]
    );

    for finding in &report.findings {
        assert_eq!(finding.positions, [(0, finding.accesses.len())].into());
    }

    // Five writers of one account in turn; two readers together and three writers; two readers
    // and two writers beside one that needs nothing.
    let mut table = AccessTable::new();
    for transaction in prepared.table().transactions() {
        table.push(prepared.table().accesses(transaction).iter().copied(), 10);
    }
    let request = PlanRequest {
        costs: CostModel::FREE,
        ..PlanRequest::new(Mode::Replay, NonZeroU32::new(4).expect("four is not zero"))
    };
    let priced = costs(&report, &table, &Layered, &request).expect("it plans every block");
    assert_eq!(
        (priced.declared, priced.without_each, priced.without_all),
        (50, vec![40, 40], 30)
    );
    let relieved = relieve(&table, &report.findings);
    let left = |index| {
        relieved
            .accesses(t(index))
            .iter()
            .find(|access| access.account() == owned)
    };
    assert_eq!(left(0).map(|access| access.mode()), Some(AccessMode::Read));
    assert_eq!(left(2), None);
    assert_eq!(left(3).map(|access| access.mode()), Some(AccessMode::Write));
    let used = used_costs(prepared, receipts);
    assert_eq!(used.access_count(), prepared.table().access_count());
    // The test program meters nothing.
    let executed = used.transaction_count() as u64;
    assert_eq!(used.total_cost(), executed * TRANSACTION_COST);
}

#[test]
fn receipts_without_uses_and_those_of_another_block_are_refused() {
    let (mut engine, tip) = (
        Engine::new(1).expect("one thread needs no pool"),
        ledger().open(),
    );
    let calls = [READ, READ].map(on_owned);
    let [mut one, mut two, mut three] = [(); 3].map(|()| ParsedBlock::default());
    let silent = run(&mut engine, &tip, &mut one, &calls, Recording::NONE).receipts;
    let shorter = run(&mut engine, &tip, &mut two, &calls[..1], Recording::ALL).receipts;
    let processed = run(&mut engine, &tip, &mut three, &calls, Recording::ALL);
    let found = |receipts| audit(&programs(), &processed.prepared, receipts).map(|_| ());
    assert_eq!(found(&processed.receipts), Ok(()));
    assert_eq!(found(&silent), Err(AuditError::NotRecorded { position: 0 }));
    assert_eq!(found(&shorter), Err(AuditError::OtherBlock { position: 1 }));
}
