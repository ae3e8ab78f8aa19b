//! What one instruction costs, from its bytes to changed accounts, in a context that is kept.
//!
//! Every iteration starts a transaction (`begin`), hands it its accounts, runs one instruction
//! and takes the accounts back, as an executing worker does; `operation=none` is the same without
//! the instruction, so the difference is the program and its call.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lockstep_interface::{
    Account, Address, Environment, Instruction, Rent, RuleSet, Sysvars,
    address::program_ids,
    context::{AccountSlot, TransactionContext},
};
use lockstep_programs::{builtin_programs, system, trace};

const SOURCE: Address = Address::new_from_array([1; 32]);
const TARGET: Address = Address::new_from_array([2; 32]);

fn environment() -> Environment {
    Environment {
        sysvars: Sysvars {
            rent: Some(Rent::MAINNET),
            ..Sysvars::default()
        },
        rules: RuleSet::Current,
        programs: builtin_programs(),
    }
}

/// Times an instruction on accounts 0 and 1, both writable, the first a signer.
fn bench(criterion: &mut Criterion, name: &str, owner: Address, call: Option<&Instruction>) {
    let environment = environment();
    let program = Account {
        lamports: 1,
        owner: program_ids::NATIVE_LOADER,
        executable: true,
        ..Account::default()
    };
    let account = |lamports| Account {
        lamports,
        data: if owner == program_ids::SYSTEM {
            Vec::new()
        } else {
            vec![1; 165]
        }
        .into(),
        owner,
        executable: false,
    };
    let program_address = call.map_or(program_ids::SYSTEM, |call| call.program);
    let mut context = TransactionContext::new(&environment);
    let mut accounts = Some((account(u64::MAX / 2), account(1)));
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let (source, target) = accounts.take().expect("each iteration gives them back");
            context.begin(1_400_000, false);
            context.push(AccountSlot::owned(&SOURCE, source, true));
            context.push(AccountSlot::owned(&TARGET, target, false));
            context.push(AccountSlot::shared(&program_address, &program, false));
            if let Some(call) = black_box(call) {
                let result = context.process_instruction(0, 2, &[0, 1], &call.data);
                assert_eq!(result, Ok(()));
            }
            let mut slots = context.drain().filter_map(AccountSlot::into_account);
            accounts = slots.next().zip(slots.next());
        });
    });
}

fn programs(criterion: &mut Criterion) {
    let transfer = system::instruction::transfer(&SOURCE, &TARGET, 1);
    let system = program_ids::SYSTEM;
    bench(
        criterion,
        "context::transaction/operation=none",
        system,
        None,
    );
    bench(
        criterion,
        "system::process/operation=transfer",
        system,
        Some(&transfer),
    );
    for cost in [0, 1_000, 100_000] {
        let name = format!("trace::process/cost={cost}");
        let replay = trace::instruction(Vec::new(), cost, None);
        bench(criterion, &name, trace::ADDRESS, Some(&replay));
    }
}

criterion_group!(benches, programs);
criterion_main!(benches);
