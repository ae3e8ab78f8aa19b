//! Recorded cases of the machine: programs of a few instructions, with what Anza's runtime made of
//! them. They lie outside of the tree; `LOCKSTEP_DATA` names their folder.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers of cases and of their instructions are small"
)]

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use lockstep_interface::{
    Account, Address, Environment, InstructionError, InvokeContext, Program, ProgramTable, RuleSet,
    Sysvars,
    address::program_ids,
    context::{AccountSlot, TransactionContext},
};
use serde_json::Value;
use solana_sbpf::{
    ebpf::{self, MM_INPUT_START},
    elf::Executable,
    error::EbpfError,
    program::{BuiltinProgram, FunctionRegistry, SBPFVersion},
    verifier::RequisiteVerifier,
    vm::{Config, ExecutionMode},
};

use crate::{
    code::{Terms, config},
    limits::STACK_SIZE,
    syscalls::register,
    vm::{Guest, Recorded, run_recorded},
};

/// The verifier refused the program.
const REFUSED: i64 = -2;
/// One case in this many, unless `LOCKSTEP_FULL` is set.
const SAMPLE: usize = 40;

/// What a run leaves: its error, units and memory.
#[derive(Debug, Eq, PartialEq)]
struct Left {
    error: i64,
    units: u64,
    heap: Vec<u8>,
    stack: Vec<u8>,
    inputs: Vec<Vec<u8>>,
}

#[test]
fn recorded_programs_with_gaps_in_the_stack() {
    run_file("vm_v0.jsonl.zst", 4_096);
}

#[test]
fn recorded_programs_without_gaps() {
    run_file("vm_v1.jsonl.zst", 0);
}

fn run_file(name: &str, gap: u64) {
    let Some(folder) = std::env::var_os("LOCKSTEP_DATA") else {
        eprintln!("SKIPPED: {name}: LOCKSTEP_DATA is not set to the folder of recorded data");
        return;
    };
    let path = PathBuf::from(folder).join("conformance/sbf").join(name);
    let Ok(file) = File::open(&path) else {
        eprintln!("SKIPPED: {} cannot be opened", path.display());
        return;
    };
    let step = match std::env::var_os("LOCKSTEP_FULL") {
        Some(_) => 1,
        None => SAMPLE,
    };
    let loader = Arc::new(loader(gap));
    let lines = BufReader::new(zstd::Decoder::new(file).unwrap()).lines();
    let [mut same, mut renamed] = [0; 2];
    let mut wrong = Vec::new();
    for line in lines.step_by(step) {
        let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let expected = expected(&case);
        for is_compiled in [false, true] {
            let found = run_case(&case, &loader, gap, is_compiled);
            match (expected.error, found.error) {
                // The recording names a call behind the text otherwise than the machine.
                (8, 12) => renamed += 1,
                _ if is_same(&expected, &found) => same += 1,
                _ => wrong.push(format!("{}: {expected:?}, found {found:?}", case["id"])),
            }
        }
    }
    eprintln!("{name}: {same} runs as recorded, {renamed} calls behind the text");
    assert!(
        wrong.is_empty(),
        "{} of {name}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(5)]
    );
    assert!(same > 1_000 * 16 / SAMPLE, "the file has cases");
    assert!(renamed <= 2 * 116, "{renamed} calls behind the text");
}

/// A program that the verifier refuses leaves nothing.
fn is_same(expected: &Left, found: &Left) -> bool {
    match expected.error {
        REFUSED => found.error == REFUSED,
        _ => expected == found,
    }
}

fn loader(gap: u64) -> BuiltinProgram<Guest> {
    let mut loader = BuiltinProgram::new_loader(Config {
        enable_stack_frame_gaps: gap != 0,
        #[cfg(feature = "jit")]
        noop_instruction_rate: 0,
        reject_broken_elfs: false,
        aligned_memory_mapping: true,
        ..config()
    });
    register(&mut loader, Terms::Deployed).unwrap();
    loader
}

fn expected(case: &Value) -> Left {
    let expect = &case["expect"];
    Left {
        error: expect["error"].as_i64().unwrap(),
        units: expect["cu_left"].as_u64().unwrap(),
        heap: trimmed(bytes(&expect["heap"])),
        stack: trimmed(bytes(&expect["stack"])),
        inputs: inputs(&expect["regions"]).map(|(bytes, _)| bytes).collect(),
    }
}

fn run_case(
    case: &Value,
    loader: &Arc<BuiltinProgram<Guest>>,
    gap: u64,
    is_compiled: bool,
) -> Left {
    let mut left = Left {
        error: REFUSED,
        units: 0,
        heap: Vec::new(),
        stack: Vec::new(),
        inputs: Vec::new(),
    };
    let Some(executable) = executable(case, loader) else {
        return left;
    };
    #[cfg(all(feature = "jit", target_arch = "x86_64", not(target_os = "windows")))]
    executable.jit_compile().unwrap();
    let mut registers: Vec<(usize, u64)> = case["r"].as_array().unwrap()[..10]
        .iter()
        .map(|register| register.as_u64().unwrap())
        .enumerate()
        .collect();
    registers[1].1 = MM_INPUT_START;
    let sized = |name: &str, size: usize| {
        let mut memory = bytes(&case[name]);
        memory.resize(size, 0);
        memory
    };
    let heap_size = case["heap_max"].as_u64().unwrap();
    let memory = Recorded {
        stack: sized("stack", STACK_SIZE),
        gap,
        heap: sized("heap", heap_size.try_into().unwrap()),
        inputs: inputs(&case["regions"]).collect(),
    };
    let staged = Arc::new(Staged {
        executable,
        is_compiled,
        registers,
        memory,
        end: OnceLock::new(),
    });
    left.units = staged.run(case["cu"].as_u64().unwrap());
    let (error, memory) = staged.end.get().unwrap();
    left.error = *error;
    left.heap = trimmed(memory.heap.clone());
    left.stack = trimmed(memory.stack.clone());
    let inputs = memory.inputs.iter();
    left.inputs = inputs.map(|(bytes, _)| bytes.clone()).collect();
    left
}

/// The program of a case, if the verifier allows it.
fn executable(case: &Value, loader: &Arc<BuiltinProgram<Guest>>) -> Option<Executable<Guest>> {
    let text = bytes(&case["rodata"]);
    let entry: usize = case["entry_pc"].as_u64().unwrap().try_into().unwrap();
    let mut functions = FunctionRegistry::default();
    for (index, byte) in bytes(&case["call_whitelist"]).into_iter().enumerate() {
        for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
            let pc = index * 8 + bit;
            if pc < text.len() / 8 {
                let key = ebpf::hash_symbol_name(&(pc as u64).to_le_bytes());
                functions.register_function(key, *b"function", pc).ok()?;
            }
        }
    }
    let key = ebpf::hash_symbol_name(b"entrypoint");
    functions.unregister_function(key);
    functions
        .register_function(key, *b"entrypoint", entry)
        .ok()?;
    let loader = Arc::clone(loader);
    let executable = Executable::from_text_bytes(&text, loader, SBPFVersion::V0, functions).ok()?;
    executable.verify::<RequisiteVerifier>().ok()?;
    Some(executable)
}

const ADDRESS: Address = Address::new_from_array([9; 32]);

/// A case that runs with the context of a native program.
struct Staged {
    executable: Executable<Guest>,
    is_compiled: bool,
    registers: Vec<(usize, u64)>,
    memory: Recorded,
    end: OnceLock<(i64, Recorded)>,
}

impl Staged {
    /// Runs the case. Returns the units that are left.
    fn run(self: &Arc<Self>, units: u64) -> u64 {
        let environment = Environment {
            sysvars: Sysvars::default(),
            rules: RuleSet::December2024,
            programs: ProgramTable::new().with(Stage(Arc::clone(self))),
        };
        let account = Account {
            lamports: 1,
            owner: program_ids::NATIVE_LOADER,
            executable: true,
            ..Account::default()
        };
        let mut context = TransactionContext::new(&environment);
        context.begin(units, false);
        context.push(AccountSlot::shared(&ADDRESS, &account, false));
        context.process_instruction(0, 0, &[], &[]).unwrap();
        context.compute_units_left()
    }
}

struct Stage(Arc<Staged>);

impl fmt::Debug for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a recorded case")
    }
}

impl Program for Stage {
    fn address(&self) -> Address {
        ADDRESS
    }

    fn name(&self) -> &'static str {
        "case"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let mode = match self.0.is_compiled {
            true => ExecutionMode::PreferJit,
            false => ExecutionMode::Interpreted,
        };
        let mut memory = self.0.memory.clone();
        let registers = &self.0.registers;
        let result = run_recorded(&self.0.executable, mode, context, registers, &mut memory);
        let error = result.as_ref().map_or_else(number_of, |_| 0);
        assert!(self.0.end.set((error, memory)).is_ok(), "a case runs once");
        Ok(())
    }
}

/// The recording's number of an error.
fn number_of(error: &EbpfError) -> i64 {
    match error {
        EbpfError::CallOutsideTextSegment | EbpfError::ExecutionOverrun => 8,
        EbpfError::CallDepthExceeded => 11,
        EbpfError::UnsupportedInstruction => 12,
        EbpfError::AccessViolation(..) | EbpfError::StackAccessViolation(..) => 13,
        EbpfError::ExceededMaxInstructions => 16,
        EbpfError::DivideByZero => 18,
        EbpfError::DivideOverflow => 19,
        _ => -1,
    }
}

pub(crate) fn bytes(text: &Value) -> Vec<u8> {
    hex::decode(text.as_str().unwrap()).unwrap()
}

pub(crate) fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte != 0);
    bytes.truncate(end.map_or(0, |end| end + 1));
    bytes
}

pub(crate) fn inputs(regions: &Value) -> impl Iterator<Item = (Vec<u8>, bool)> {
    let regions = regions.as_array().unwrap().iter();
    regions.map(|region| {
        let is_writable = region
            .get(2)
            .is_none_or(|writable| writable == true || *writable == 1);
        (bytes(&region[1]), is_writable)
    })
}
