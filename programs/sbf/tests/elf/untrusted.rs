//! Programs that mean harm, among honest calls in blocks on a chain: each costs its transaction,
//! which pays its fee and changes nothing, on any number of threads, compiled or interpreted.

use lockstep_interface::{
    AccountMeta, Address, Instruction, ProgramTable, Rent, address::program_ids,
};
use lockstep_programs::system::instruction::transfer;
use lockstep_sbf::{program_accounts, with_interpreting_loaders, with_loaders};
use lockstep_scheduler::Auto;
use lockstep_testing::{Block, Call, Chain};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_sbpf::ebpf;

use crate::{
    assembly::{FRAME, call as call_near, code, end, exit, file, load, system},
    elf,
    kit::{call, reads, run, writable},
};

const UNITS: u32 = 50_000;
/// What a signature costs.
const FEE: u64 = 5_000;
/// Where memory of a program begins: code, stack, heap, accounts.
const CODE: u64 = 1 << 32;
const STACK: u64 = 2 << 32;
const HEAP: u64 = 3 << 32;
const INPUT: u64 = 4 << 32;
/// Where the data of the accounts lies, of which each has 16 bytes.
const OWNED: u64 = INPUT + 8 + 88;
const FOREIGN: u64 = OWNED + TAKEN;
const READ_ONLY: u64 = FOREIGN + TAKEN;
const TAKEN: u64 = 16 + 10_240 + 8 + 88;

/// Stores a byte at an address.
fn store(address: u64) -> Vec<u64> {
    let store = code(ebpf::ST_B_IMM, [1, 0], 0, 9);
    [&load(1, address)[..], &[store], &end(0)].concat()
}

/// Puts numbers into the registers of arguments and makes a system call.
fn ask(name: &str, arguments: &[u64]) -> Vec<u64> {
    let loads = (1..).zip(arguments);
    let mut text: Vec<u64> = loads
        .flat_map(|(register, number)| load(register, *number))
        .collect();
    text.push(system(name));
    text.extend(end(0));
    text
}

/// A function that calls itself as often as its first register says, and its end.
fn recursion(depth: i32) -> Vec<u64> {
    let begin = [code(ebpf::MOV64_IMM, [1, 0], 0, depth), call_near(2)];
    let body = [
        code(ebpf::JEQ64_IMM, [1, 0], 2, 0),
        code(ebpf::SUB64_IMM, [1, 0], 0, 1),
        call_near(-3),
        exit(),
    ];
    [&begin[..], &end(0), &body].concat()
}

/// Programs that fail, each with what it does.
fn harmful() -> Vec<(&'static str, Vec<u64>)> {
    let jump_back = code(ebpf::JA, [0, 0], -1, 0);
    let divide = code(ebpf::DIV64_REG, [0, 1], 0, 0);
    let zero = code(ebpf::MOV64_IMM, [1, 0], 0, 0);
    let far = code(ebpf::CALL_REG, [2, 0], 0, 0);
    let below = code(ebpf::ST_DW_IMM, [FRAME, 0], i16::MAX - 7, 1);
    // A loop that logs, and one that fills its heap.
    let chatter = [load(1, CODE), load(2, 60)].concat();
    let chatter = [
        &chatter[..],
        &[system("sol_log_"), code(ebpf::JA, [0, 0], -6, 0)],
    ]
    .concat();
    let fill = [&load(1, HEAP)[..], &load(2, 0), &load(3, 32 * 1_024)].concat();
    let fill = [
        &fill[..],
        &[system("sol_memset_"), code(ebpf::JA, [0, 0], -8, 0)],
    ]
    .concat();
    let own = vec![
        ("an endless loop", vec![jump_back, exit()]),
        ("a loop that logs", chatter),
        ("a loop that fills the heap", fill),
        ("calls without an end", recursion(i32::MAX)),
        ("65 deep calls", recursion(65)),
        (
            "a division by zero",
            [&[zero, divide][..], &end(0)].concat(),
        ),
        (
            "a call of nowhere",
            [&load(2, u64::MAX)[..], &[far], &end(0)].concat(),
        ),
        (
            "a call of data",
            [&load(2, INPUT)[..], &[far], &end(0)].concat(),
        ),
        ("stores past the stack", {
            let deep = code(ebpf::ADD64_REG, [1, 2], 0, 0);
            let step = [&load(1, STACK)[..], &load(2, 4_096)].concat();
            let store = code(ebpf::ST_B_IMM, [1, 0], 0, 1);
            [&step[..], &[store, deep, code(ebpf::JA, [0, 0], -3, 0)]].concat()
        }),
        ("a store past the frame", vec![below, jump_back]),
        ("an end of its own", ask("abort", &[])),
        ("a panic", ask("sol_panic_", &[CODE, 8, 1, 1])),
        ("no system call", ask("sol_none", &[])),
        (
            "overlapping copies",
            ask("sol_memcpy_", &[HEAP, HEAP + 1, 8]),
        ),
        (
            "a copy of everything",
            ask("sol_memmove_", &[HEAP, CODE, u64::MAX]),
        ),
        (
            "a hash of everything",
            ask("sol_sha256", &[HEAP, u64::MAX, HEAP]),
        ),
        (
            "slices of everything",
            ask("sol_log_data", &[INPUT, u64::MAX / 16]),
        ),
        (
            "an invoke of nothing",
            ask("sol_invoke_signed_c", &[HEAP, 0, 0, 0, 0]),
        ),
        (
            "an invoke of noise",
            ask("sol_invoke_signed_rust", &[CODE, CODE, 9, CODE, 9]),
        ),
        (
            "too much returned",
            ask("sol_set_return_data", &[HEAP, 1_025]),
        ),
    ];
    let stores = [
        ("a store to nowhere", 0),
        ("a store to the end", u64::MAX),
        ("a store to the code", CODE),
        ("a store behind the stack", STACK + 64 * 4_096),
        ("a store before the stack", STACK - 1),
        ("a store behind the heap", HEAP + 32 * 1_024),
        ("a store to foreign data", FOREIGN),
        ("a store to what is read only", READ_ONLY),
        ("a store to foreign room", FOREIGN + 20),
        ("a false balance", OWNED - 16),
        ("a false owner of what is foreign", FOREIGN - 40),
        ("a store behind the input", INPUT + (1 << 31)),
    ];
    let stores = stores.map(|(name, address)| (name, store(address)));
    own.into_iter().chain(stores).collect()
}

/// A chain with programs out of these files, and an instruction on three accounts of each.
struct World {
    chain: Chain,
    calls: Vec<Instruction>,
}

impl World {
    fn new(files: &[Vec<u8>], table: &ProgramTable) -> Self {
        let mut chain = Chain::builder()
            .programs(table)
            .threads(8)
            .strategy(Auto)
            .build();
        let mut calls = Vec::new();
        let mut accounts = Vec::new();
        for (number, file) in files.iter().enumerate() {
            let name = |what: &str| format!("{what} {number}");
            let program = chain.signer(&name("program"));
            let named = ["owned", "foreign", "read only"].map(|what| chain.signer(&name(what)));
            let owners = [program, program_ids::SYSTEM, program];
            accounts.extend(program_accounts(&program, file, None, &Rent::MAINNET));
            accounts.extend(
                named
                    .iter()
                    .zip(owners)
                    .map(|(address, owner)| (*address, crate::kit::account(&owner, vec![1; 16]))),
            );
            let [owned, foreign, read_only] = named;
            let metas: Vec<AccountMeta> =
                vec![writable(&owned), writable(&foreign), reads(&read_only)];
            calls.push(Instruction {
                program,
                accounts: metas,
                data: vec![7; 9],
            });
        }
        chain.set_accounts(accounts);
        Self { chain, calls }
    }

    /// Both worlds: machine code, and interpreted.
    fn both(files: &[Vec<u8>]) -> [Self; 2] {
        [with_loaders, with_interpreting_loaders]
            .map(|with| Self::new(files, &with(ProgramTable::new())))
    }

    /// Calls each program, paid by a wallet of its own, with an honest transfer behind each call.
    fn run(&mut self) -> Block {
        let receiver = self.chain.wallet("receiver");
        let mut calls = Vec::new();
        for (number, instruction) in self.calls.iter().enumerate() {
            let payer = self.chain.wallet(&format!("payer {number}"));
            calls.push(call(UNITS, std::slice::from_ref(instruction)).payer(payer));
            let pay = transfer(&payer, &receiver, 1);
            calls.push(Call::new([pay]).payer(payer));
        }
        run(&mut self.chain, calls)
    }
}

/// Runs both worlds and compares what they leave. Returns the blocks and the first world.
fn equal_runs(files: &[Vec<u8>]) -> (Block, World) {
    let [mut compiled, mut interpreted] = World::both(files);
    let block = compiled.run();
    let other = interpreted.run();
    for (index, (left, right)) in block.executed().iter().zip(other.executed()).enumerate() {
        assert_eq!(left.result, right.result, "call {index}");
    }
    for address in compiled.calls.iter().flat_map(|call| &call.accounts) {
        let [left, right] =
            [&compiled, &interpreted].map(|world| world.chain.account(&address.address));
        assert_eq!(left, right);
    }
    (block, compiled)
}

#[test]
fn harm_costs_its_transaction_and_its_price_only() {
    let programs = harmful();
    let files: Vec<Vec<u8>> = programs.iter().map(|(_, text)| file(text)).collect();
    let [mut fresh, _] = World::both(&files);
    let payers: Vec<Address> = (0..files.len())
        .map(|number| fresh.chain.wallet(&format!("payer {number}")))
        .collect();
    let before = fresh.chain.lamports(&payers[0]);
    let (block, world) = equal_runs(&files);
    for (number, (name, _)) in programs.iter().enumerate() {
        assert!(!block.call(2 * number).is_ok(), "{name} passes");
        assert!(block.call(2 * number + 1).is_ok(), "behind {name}");
        let units = block.call(2 * number).compute_units();
        assert!(units <= u64::from(UNITS), "{name}: {units}");
        let paid = before - world.chain.lamports(&payers[number]);
        assert_eq!(paid, 2 * FEE + 1, "{name}");
        for meta in &world.calls[number].accounts {
            let account = world.chain.account(&meta.address).unwrap();
            assert_eq!(*account.data, [1; 16], "{name}");
        }
    }
}

#[test]
fn functions_wait_for_each_other_up_to_64_deep() {
    // The first function, the one that it calls, and those that this one calls.
    let files = [62, 63].map(|depth| file(&recursion(depth)));
    let (block, _) = equal_runs(&files);
    assert_eq!([0, 2].map(|call| block.call(call).is_ok()), [true, false]);
}

#[test]
fn damaged_files_cost_their_transactions() {
    let (rounds, count) = match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => (200, 100),
        None => (1, 60),
    };
    let names = [
        "spl_memo-4.0.0.so",
        "pinocchio_token_program.so",
        "spl_associated_token_account-1.1.1.so",
        "spl_token-3.5.0.so",
    ];
    let Some(whole) = names
        .iter()
        .map(|name| elf(name))
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut failed = 0;
    for _ in 0..rounds {
        let files = (0..count).map(|number| {
            let mut file = whole[number % whole.len()].clone();
            if number % 16 == 15 {
                // Noise with the head of a file.
                file.truncate(2_000);
                file[64..]
                    .iter_mut()
                    .for_each(|byte| *byte = random.random());
            }
            let reach = match number % 3 {
                0 => file.len(),
                _ => file.len().min(6_000),
            };
            for _ in 0..random.random_range(1..16) {
                let place = random.random_range(0..reach);
                file[place] = random.random();
            }
            if number % 10 == 9 {
                file.truncate(random.random_range(0..reach));
            }
            file
        });
        let files: Vec<Vec<u8>> = files.collect();
        let (block, _) = equal_runs(&files);
        for number in 0..count {
            failed += usize::from(!block.call(2 * number).is_ok());
            assert!(block.call(2 * number + 1).is_ok());
        }
    }
    eprintln!("{failed} of {} damaged files fail", rounds * count);
    assert!(failed > rounds * count / 4);
}

#[test]
fn each_block_has_a_large_file_of_its_own() {
    // Ten megabytes at most, all of it instructions.
    let (size, blocks) = match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => (10 * (1 << 20) - 1_000, 12),
        None => (1 << 20, 2),
    };
    let mut chain = Chain::builder()
        .programs(&with_loaders(ProgramTable::new()))
        .threads(2)
        .strategy(Auto)
        .build();
    let payer = chain.wallet("payer");
    for number in 0..blocks {
        let add = code(ebpf::ADD64_IMM, [3, 0], 0, number);
        let mut text = vec![add; size / 8];
        text[0] = code(ebpf::JA, [0, 0], i16::MAX, 0);
        text[usize::from(i16::MAX.unsigned_abs()) + 2] = exit();
        text[1 + usize::from(i16::MAX.unsigned_abs())] = end(0)[0];
        let program = chain.signer(&format!("large {number}"));
        let accounts = program_accounts(&program, &file(&text), None, &Rent::MAINNET);
        chain.set_accounts(accounts);
        let instruction = Instruction {
            program,
            accounts: Vec::new(),
            data: Vec::new(),
        };
        let block = chain.run_block([call(UNITS, &[instruction]).payer(payer)]);
        block.all_ok();
        // The jump, the result, the end, and the limit's own instruction.
        assert_eq!(block.call(0).compute_units(), 3 + 150);
    }
}
