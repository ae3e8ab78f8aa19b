//! Compute budget, priority fee and loaded data.

use lockstep_interface::{Instruction, InstructionError, TransactionError, address::program_ids};
use lockstep_programs::{compute_budget::instruction as budget, system::instruction as system};
use lockstep_runtime::{
    limits::{COMPUTE_UNITS_MAX, LOADED_TABLE_SIZE},
    wire::{LookupTable, MessageBuilder, TransactionConfig},
};

use super::{CONSUME, chain, ledger, nothing, on, payer};
use crate::common::{
    ledger::{FEE, RICH, Table, address, unsigned},
    run::{Chain, Fate, SUCCEEDED, Verdict, failed, failed_at, refused, verdict},
};

/// A request of the Compute Budget program, well formed or not.
fn request(data: &[u8]) -> Instruction {
    Instruction {
        program: program_ids::COMPUTE_BUDGET,
        accounts: Vec::new(),
        data: data.to_vec(),
    }
}

fn send_v1(chain: &mut Chain, config: TransactionConfig, instructions: &[Instruction]) -> Fate {
    let builder = MessageBuilder::new(payer(), chain.blockhash().to_bytes(), instructions);
    let message = builder.v1(config).compile().expect("all can be counted");
    chain.run_one(unsigned(&message))
}

#[test]
fn requests_are_granted_inside_their_ranges() {
    let mut chain = chain();
    let invalid = || {
        let error = InstructionError::InvalidInstructionData;
        refused(TransactionError::InstructionError(0, error))
    };
    let heap = |size: u32| budget::request_heap_frame(size);
    let cases: Vec<(Instruction, Verdict)> = vec![
        (heap(32 * 1024), SUCCEEDED),
        (heap(33 * 1024), SUCCEEDED),
        (heap(256 * 1024), SUCCEEDED),
        (heap(31 * 1024), invalid()),
        (heap(32 * 1024 - 1), invalid()),
        (heap(32 * 1024 + 1), invalid()),
        (heap(257 * 1024), invalid()),
        (budget::set_compute_unit_limit(u32::MAX), SUCCEEDED),
        (budget::set_compute_unit_price(0), SUCCEEDED),
        (
            budget::set_loaded_accounts_data_size_limit(u32::MAX),
            SUCCEEDED,
        ),
        (
            budget::set_loaded_accounts_data_size_limit(0),
            refused(TransactionError::InvalidLoadedAccountsDataSizeLimit),
        ),
        (request(&[]), invalid()),
        (request(&[0, 0, 0, 0, 0, 0, 0, 0, 0]), invalid()),
        (request(&[5, 0, 0, 0, 0]), invalid()),
        (request(&[2, 255, 255, 255]), invalid()),
        (request(&[3, 0, 0, 0, 0, 0, 0, 0]), invalid()),
        (request(&[2, 255, 255, 0, 0, 1, 2, 3]), SUCCEEDED),
    ];
    for (instruction, expected) in cases {
        let data = instruction.data.clone();
        let fate = chain.send(payer(), &[instruction, nothing()]);
        assert_eq!(verdict(&fate), expected, "{data:?}");
    }
}

#[test]
fn a_request_made_twice_is_refused() {
    let mut chain = chain();
    let requests = [
        budget::request_heap_frame(64 * 1024),
        budget::set_compute_unit_limit(10_000),
        budget::set_compute_unit_price(5),
        budget::set_loaded_accounts_data_size_limit(100_000),
    ];
    assert_eq!(
        verdict(&chain.send(payer(), &requests)),
        SUCCEEDED,
        "one of each"
    );
    for request in requests {
        let fate = chain.send(payer(), &[request.clone(), nothing(), request]);
        assert_eq!(
            verdict(&fate),
            refused(TransactionError::DuplicateInstruction(2))
        );
    }
}

/// The limit that a transaction of these instructions gets by default, seen through its fee at a
/// price of one lamport a unit.
fn default_limit(chain: &mut Chain, instructions: &[Instruction]) -> u64 {
    let price = budget::set_compute_unit_price(1_000_000);
    let all = [&[price], instructions].concat();
    let receipt = chain.send(payer(), &all).expect("the payer is rich");
    receipt.priority_fee
}

#[test]
fn default_units_are_few_for_built_in_programs() {
    let mut chain = chain();
    let payment = system::transfer(&payer(), &address(1), 1);
    // The price itself is a built-in program's instruction.
    assert_eq!(default_limit(&mut chain, &[]), 3_000);
    assert_eq!(
        default_limit(&mut chain, std::slice::from_ref(&payment)),
        6_000
    );
    assert_eq!(default_limit(&mut chain, &[payment, nothing()]), 206_000);
    let six: Vec<_> = (0..6).map(|_| nothing()).collect();
    assert_eq!(default_limit(&mut chain, &six), 1_203_000);
    let seven: Vec<_> = (0..7).map(|_| nothing()).collect();
    assert_eq!(
        default_limit(&mut chain, &seven),
        u64::from(COMPUTE_UNITS_MAX)
    );
}

#[test]
fn the_priority_fee_is_rounded_up() {
    for (limit, price, fee) in [
        (1_000_000, 1, 1),
        (1_000_001, 1, 2),
        (1, 1, 1),
        (450, 0, 0),
        (0, 1_000_000, 0),
        (1_400_000, 1_000_000, 1_400_000),
        (2_000_000, 1_000_000, 1_400_000),
        (500_000, 3, 2),
    ] {
        let mut chain = chain();
        let requests = [
            budget::set_compute_unit_limit(limit),
            budget::set_compute_unit_price(price),
        ];
        let receipt = chain.send(payer(), &requests).expect("the payer is rich");
        assert_eq!(
            (receipt.signature_fee, receipt.priority_fee),
            (FEE, fee),
            "{limit} {price}"
        );
        assert_eq!(chain.lamports(&payer()), RICH - FEE - fee);
    }
    // A price that no payer can pay saturates.
    let mut chain = chain();
    let fate = chain.send(payer(), &[budget::set_compute_unit_price(u64::MAX)]);
    assert_eq!(
        verdict(&fate),
        refused(TransactionError::InsufficientFundsForFee)
    );
}

#[test]
fn units_run_out_at_the_limit() {
    // The limit's own instruction takes 150, the program the rest.
    let exceeded = failed_at(1, InstructionError::ComputationalBudgetExceeded);
    for (limit, takes, expected, used) in [
        (300, 150, SUCCEEDED, 300),
        (299, 150, exceeded.clone(), 299),
        (1_400_000, 1_399_850, SUCCEEDED, 1_400_000),
        (1_400_001, 1_399_851, exceeded, 1_400_000),
        (150, 0, SUCCEEDED, 150),
        (
            149,
            0,
            failed_at(0, InstructionError::ComputationalBudgetExceeded),
            149,
        ),
    ] {
        let mut chain = chain();
        let limit = budget::set_compute_unit_limit(limit);
        let fate = chain.send(payer(), &[limit, on(CONSUME, &[], &[takes])]);
        assert_eq!(verdict(&fate), expected, "{takes}");
        assert_eq!(fate.expect("it is included").compute_units, used);
        assert_eq!(chain.lamports(&payer()), RICH - FEE, "it pays in any case");
    }
}

#[test]
fn loaded_data_has_a_limit() {
    let exceeded = || failed(TransactionError::MaxLoadedAccountsDataSizeExceeded);
    // Four accounts that exist, 64 bytes each, and the programs' names; a fifth is missing.
    let size = 4 * 64 + "system".len() + "compute-budget".len();
    let size = u32::try_from(size).expect("it is small");
    for (limit, expected) in [(size, SUCCEEDED), (size - 1, exceeded()), (1, exceeded())] {
        let mut chain = chain();
        let limit = budget::set_loaded_accounts_data_size_limit(limit);
        let pay = |number| system::transfer(&payer(), &address(number), 0);
        let fate = chain.send(payer(), &[limit, pay(1), pay(666)]);
        assert_eq!(verdict(&fate), expected);
        let receipt = fate.expect("it is included");
        if receipt.status.is_err() {
            assert_eq!(receipt.compute_units, 0, "no instruction has run");
        }
        assert_eq!(chain.lamports(&payer()), RICH - FEE);
    }
}

#[test]
fn a_lookup_table_counts_as_loaded_data() {
    let exceeded = failed(TransactionError::MaxLoadedAccountsDataSizeExceeded);
    let size = 4 * 64 + "system".len() + "compute-budget".len();
    let size = u64::try_from(size).expect("it is small") + u64::from(LOADED_TABLE_SIZE);
    let size = u32::try_from(size).expect("it is small");
    for (limit, expected) in [(size, SUCCEEDED), (size - 1, exceeded)] {
        let mut ledger = ledger();
        let table = Table::of(vec![address(1)]);
        ledger.put(address(900), table.account());
        let mut chain = Chain::new(ledger.open());
        let tables = [LookupTable {
            address: address(900),
            addresses: vec![address(1)],
        }];
        let instructions = [
            budget::set_loaded_accounts_data_size_limit(limit),
            system::transfer(&payer(), &address(1), 0),
        ];
        let builder = MessageBuilder::new(payer(), chain.blockhash().to_bytes(), &instructions);
        let message = builder.v0(&tables).compile().expect("all can be counted");
        assert_eq!(verdict(&chain.run_one(unsigned(&message))), expected);
    }
}

#[test]
fn a_v1_message_carries_its_budget_itself() {
    let none = TransactionConfig::default();
    let cases = [
        (none, SUCCEEDED),
        (
            TransactionConfig {
                heap_size: Some(32 * 1024),
                ..none
            },
            SUCCEEDED,
        ),
        (
            TransactionConfig {
                heap_size: Some(32 * 1024 - 1),
                ..none
            },
            refused(TransactionError::SanitizeFailure),
        ),
        (
            TransactionConfig {
                loaded_accounts_data_size_limit: Some(0),
                ..none
            },
            refused(TransactionError::InvalidLoadedAccountsDataSizeLimit),
        ),
        (
            TransactionConfig {
                loaded_accounts_data_size_limit: Some(1),
                ..none
            },
            failed(TransactionError::MaxLoadedAccountsDataSizeExceeded),
        ),
        (
            TransactionConfig {
                compute_unit_limit: Some(99),
                ..none
            },
            failed_at(0, InstructionError::ComputationalBudgetExceeded),
        ),
        (
            TransactionConfig {
                compute_unit_limit: Some(100),
                ..none
            },
            SUCCEEDED,
        ),
        (
            TransactionConfig {
                priority_fee: Some(u64::MAX),
                ..none
            },
            refused(TransactionError::InsufficientFundsForFee),
        ),
    ];
    for (config, expected) in cases {
        let mut chain = chain();
        let fate = send_v1(&mut chain, config, &[on(CONSUME, &[], &[100])]);
        assert_eq!(verdict(&fate), expected, "{config:?}");
    }
    let mut chain = chain();
    let config = TransactionConfig {
        priority_fee: Some(77),
        ..none
    };
    // Its requests run as instructions and mean nothing.
    let ignored = budget::set_compute_unit_limit(1);
    let receipt = send_v1(&mut chain, config, &[ignored, nothing()]);
    let receipt = receipt.expect("the payer is rich");
    assert_eq!((receipt.status, receipt.priority_fee), (Ok(()), 77));
    assert_eq!(receipt.compute_units, 150);
}

/// Agave charges 5,000 lamports for each signature that a precompiled program verifies.
#[test]
fn signatures_of_precompiles_are_paid_for() {
    let mut chain = chain();
    let verify = |program, data: &[u8]| Instruction {
        program,
        accounts: Vec::new(),
        data: data.to_vec(),
    };
    let (ed25519, secp256k1) = (program_ids::ED25519, program_ids::SECP256K1);
    let cases: [(&[Instruction], u64); 6] = [
        (&[], 1),
        (&[verify(ed25519, &[0, 0])], 1),
        (&[verify(ed25519, &[7, 0])], 8),
        (&[verify(ed25519, &[255, 0]), verify(secp256k1, &[3])], 259),
        (&[verify(program_ids::SECP256R1, &[2, 0])], 3),
        (&[verify(ed25519, &[])], 1),
    ];
    for (instructions, signatures) in cases {
        let all = [&[nothing()], instructions].concat();
        let receipt = chain.send(payer(), &all).expect("the payer is rich");
        assert_eq!(receipt.signature_fee, signatures * FEE, "{instructions:?}");
    }
}
