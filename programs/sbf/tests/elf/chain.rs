//! Compiled programs on a chain: blocks of a thousand calls, planned by several strategies, on
//! several threads. The harness runs every block serially, too, and compares the results.

use lockstep_interface::address::program_ids;
use lockstep_programs::token::instruction::transfer;
use lockstep_sbf::SbfProgram;
use lockstep_scheduler::{Auto, Lanes, Layered, Strategy, Waits};
use lockstep_testing::{Chain, SOL};

use super::elf;

const WALLETS: usize = 24;
const CALLS: usize = 1_000;

/// Tokens go round among wallets, a part of them to one account; now and then one has too few.
fn run(file: &[u8], threads: usize, strategy: impl Strategy + 'static) -> Vec<u64> {
    let token = SbfProgram::load(program_ids::TOKEN, "token", file);
    let token = token.expect("the file is a program");
    let builder = Chain::builder().program(token).threads(threads);
    let mut chain = builder.strategy(strategy).build();
    let mint = chain.mint("gold", 6);
    let wallets: Vec<_> = (0..WALLETS)
        .map(|number| {
            let owner = chain.wallet(&format!("wallet {number}"));
            chain.airdrop(&owner, SOL);
            (owner, chain.tokens(&owner, &mint, 100))
        })
        .collect();
    for round in 0..2 {
        let calls = (0..CALLS).map(|number| {
            let from = (number * 7 + round) % WALLETS;
            let to = if number % 4 == 0 {
                0
            } else {
                (from + 1 + number % 5) % WALLETS
            };
            let amount = if number % 50 == 9 {
                10_000
            } else {
                number % 3 + 1
            };
            let [(owner, source), (_, target)] = [from, to].map(|place| wallets[place]);
            transfer(&source, &target, &owner, amount as u64)
        });
        let block = chain.run_block(calls);
        let failed = (0..CALLS).filter(|place| !block.call(*place).is_ok());
        assert!((20..CALLS / 2).contains(&failed.count()));
    }
    let held: Vec<u64> = wallets
        .iter()
        .map(|(_, purse)| chain.balance(purse))
        .collect();
    assert_eq!(
        held.iter().sum::<u64>(),
        WALLETS as u64 * 100,
        "tokens are conserved"
    );
    held
}

#[test]
fn blocks_equal_a_serial_run_on_any_threads_and_by_any_strategy() {
    for name in ["pinocchio_token_program.so", "spl_token-3.5.0.so"] {
        let Some(file) = elf(name) else {
            return;
        };
        let expected = run(&file, 1, Layered);
        assert_eq!(run(&file, 2, Layered), expected);
        assert_eq!(run(&file, 8, Waits), expected);
        run(&file, 2, Lanes);
        run(&file, 8, Auto);
    }
}
