//! What one instruction costs, from its bytes to changed accounts, in a context that is kept.
//!
//! Every iteration starts a transaction (`begin`), hands it its accounts, runs one instruction
//! and takes the accounts back, as an executing worker does; `operation=none` is the same without
//! the instruction, so the difference is the program and its call. `sdk::process` and
//! `hand::process` are one program, a counter with an owner, once written with the SDK and once on
//! the bare interface with the same checks.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lockstep_interface::{
    Account, Address, Environment, InstructionError, InvokeContext, Program, Rent, RuleSet,
    Sysvars,
    address::program_ids,
    context::{AccountSlot, Scratch, TransactionContext},
};
use lockstep_programs::{
    builtin_programs, system,
    token::{self, Mint, TokenAccount},
    trace,
};
use tally::TallyProgram;

const SOURCE: Address = Address::new_from_array([1; 32]);
const TARGET: Address = Address::new_from_array([2; 32]);
const OWNER: Address = Address::new_from_array([3; 32]);
const MINT: Address = Address::new_from_array([4; 32]);
const HAND: Address = Address::new_from_array([5; 32]);
/// Discriminator, bump seed, owner, count.
const TALLY_SIZE: usize = 42;

/// A counter with an owner.
#[lockstep_sdk::program(id = "TaLLy11111111111111111111111111111111111111")]
pub mod tally {
    use lockstep_sdk::prelude::*;

    /// A count and its owner.
    #[state(1, pod)]
    pub struct Counter {
        /// The owner.
        pub owner: Address,
        /// The count.
        pub count: U64,
    }

    /// A counter and its owner.
    #[derive(Accounts, Debug)]
    pub struct Increment<'a> {
        /// What is counted.
        #[account(has_one = owner)]
        pub counter: Mut<State<'a, Counter>>,
        /// The account that counts.
        pub owner: Signer<'a>,
    }

    /// Adds to the counter.
    #[instruction(1)]
    pub fn increment(accounts: &Increment<'_>, context: &mut Context<'_, '_>, by: u64) -> Result {
        accounts.counter.write(context)?.count.increase(by)
    }
}

/// The same program on the interface alone.
#[derive(Debug)]
struct HandWritten;

impl Program for HandWritten {
    fn address(&self) -> Address {
        HAND
    }

    fn name(&self) -> &'static str {
        "hand"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let Some((1, by)) = context.data().split_first() else {
            return Err(InstructionError::InvalidInstructionData);
        };
        let by = <[u8; 8]>::try_from(by);
        let by = by.map_err(|_| InstructionError::InvalidInstructionData)?;
        context.require_accounts(2)?;
        if !context.is_writable(0)? {
            return Err(InstructionError::InvalidArgument);
        }
        if !context.is_signer(1)? {
            return Err(InstructionError::MissingRequiredSignature);
        }
        let mut counter = context.account_mut(0)?;
        if !counter.is_owned_by_program() {
            return Err(InstructionError::InvalidAccountOwner);
        }
        let data = counter.data_mut()?;
        if data.len() < TALLY_SIZE || data.first() != Some(&1) {
            return Err(InstructionError::InvalidAccountData);
        }
        if data[2..34] != *context.address(1)?.as_array() {
            return Err(InstructionError::InvalidArgument);
        }
        let count = data[34..].first_chunk_mut::<8>();
        let count = count.ok_or(InstructionError::AccountDataTooSmall)?;
        let sum = u64::from_le_bytes(*count).checked_add(u64::from_le_bytes(by));
        *count = sum
            .ok_or(InstructionError::ArithmeticOverflow)?
            .to_le_bytes();
        Ok(())
    }
}

fn environment() -> Environment {
    Environment {
        sysvars: Sysvars {
            rent: Some(Rent::MAINNET),
            ..Sysvars::default()
        },
        rules: RuleSet::Current,
        programs: builtin_programs().with(TallyProgram).with(HandWritten),
    }
}

/// An instruction, and its accounts in the order in which it names them.
struct Call {
    program: Address,
    data: Vec<u8>,
    /// Address, account, whether it signs, whether it is written.
    accounts: Vec<(Address, Account, bool, bool)>,
}

/// Times an instruction; without data, only what surrounds it.
fn bench(criterion: &mut Criterion, name: &str, call: Call) {
    let environment = environment();
    let program = Account {
        lamports: 1,
        owner: program_ids::NATIVE_LOADER,
        executable: true,
        ..Account::default()
    };
    let mut scratch = Some(Scratch::default());
    let indices: Vec<u8> = (0u8..).take(call.accounts.len()).collect();
    let program_index = indices.last().map_or(0, |last| last.saturating_add(1));
    let accounts = call.accounts.iter();
    let mut held: Vec<Account> = accounts.map(|(_, account, _, _)| account.clone()).collect();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let used = scratch.take().unwrap_or_default();
            let mut context = TransactionContext::with_scratch(&environment, used);
            context.begin(1_400_000, false);
            for ((address, _, is_signer, is_writable), account) in
                call.accounts.iter().zip(&mut held)
            {
                context.push(match is_writable {
                    true => AccountSlot::owned(address, account, *is_signer),
                    false => AccountSlot::shared(address, account, *is_signer),
                });
            }
            context.push(AccountSlot::shared(&call.program, &program, false));
            if !call.data.is_empty() {
                let data = black_box(&call.data);
                let result = context.process_instruction(0, program_index, &indices, data);
                assert_eq!(result, Ok(()));
            }
            scratch = Some(context.into_scratch());
        });
    });
}

fn account(owner: Address, data: &[u8]) -> Account {
    Account {
        lamports: u64::MAX / 4,
        data: data.into(),
        owner,
        executable: false,
    }
}

fn system_calls(criterion: &mut Criterion) {
    let wallet = || account(program_ids::SYSTEM, &[]);
    let transfer = system::instruction::transfer(&SOURCE, &TARGET, 1).data;
    for (name, data) in [
        ("context::transaction/operation=none", Vec::new()),
        ("system::process/operation=transfer", transfer),
    ] {
        let call = Call {
            program: program_ids::SYSTEM,
            data,
            accounts: vec![
                (SOURCE, wallet(), true, true),
                (TARGET, wallet(), false, true),
            ],
        };
        bench(criterion, name, call);
    }
}

fn token_calls(criterion: &mut Criterion) {
    let holder = || {
        let state = TokenAccount::new(MINT, OWNER, u64::MAX / 4);
        account(program_ids::TOKEN, bytemuck::bytes_of(&state))
    };
    let mint = account(
        program_ids::TOKEN,
        bytemuck::bytes_of(&Mint::new(OWNER, 6, None)),
    );
    let source = (SOURCE, holder(), false, true);
    let target = (TARGET, holder(), false, true);
    let owner = (OWNER, account(program_ids::SYSTEM, &[]), true, false);
    let plain = Call {
        program: program_ids::TOKEN,
        data: token::instruction::transfer(&SOURCE, &TARGET, &OWNER, 1).data,
        accounts: vec![source.clone(), target.clone(), owner.clone()],
    };
    bench(criterion, "token::process/operation=transfer", plain);
    let accounts = [&SOURCE, &MINT, &TARGET];
    let checked = Call {
        program: program_ids::TOKEN,
        data: token::instruction::transfer_checked(accounts, &OWNER, 1, 6).data,
        accounts: vec![source, (MINT, mint, false, false), target, owner],
    };
    bench(
        criterion,
        "token::process/operation=transfer-checked",
        checked,
    );
}

fn written_programs(criterion: &mut Criterion) {
    for (name, program) in [
        (
            "sdk::process/operation=increment",
            Program::address(&TallyProgram),
        ),
        ("hand::process/operation=increment", HAND),
    ] {
        let mut state = vec![1, 0];
        state.extend(OWNER.to_bytes());
        state.resize(TALLY_SIZE, 0);
        let mut data = vec![1];
        data.extend(1u64.to_le_bytes());
        let call = Call {
            program,
            data,
            accounts: vec![
                (SOURCE, account(program, &state), false, true),
                (OWNER, account(program_ids::SYSTEM, &[]), true, false),
            ],
        };
        bench(criterion, name, call);
    }
}

fn trace_calls(criterion: &mut Criterion) {
    for cost in [0, 1_000, 100_000] {
        let name = format!("trace::process/cost={cost}");
        let call = Call {
            program: trace::ADDRESS,
            data: trace::instruction(Vec::new(), cost, None).data,
            accounts: vec![
                (SOURCE, account(trace::ADDRESS, &[1; 165]), true, true),
                (TARGET, account(trace::ADDRESS, &[1; 165]), false, true),
            ],
        };
        bench(criterion, &name, call);
    }
}

criterion_group!(
    benches,
    system_calls,
    token_calls,
    written_programs,
    trace_calls
);
criterion_main!(benches);
