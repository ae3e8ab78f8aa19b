//! Recorded system calls, one each, with what Anza's runtime of December 2024 made of them. They
//! lie outside of the tree; `LOCKSTEP_DATA` names their folder.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    sync::Arc,
};

use lockstep_interface::{
    Account, Address, Environment, InstructionError, InvokeContext, Program, ProgramTable, RuleSet,
    Sysvars,
    address::program_ids,
    context::{AccountSlot, TransactionContext},
};
use serde_json::Value;

use crate::{
    fault::Fault,
    limits::STACK_SIZE,
    recorded::{bytes, inputs, trimmed},
    sync::Turns,
    syscalls::{Call, call_named},
    vm::{Recorded, call_recorded},
};

/// Calls that there are not.
const MISSING: [&str; 1] = [
    // Not live on the main network.
    "sol_blake3",
];

/// Classes of cases that end otherwise today: the call, the kind of its end then and now (0 is a
/// result, 1 a fault of memory, 2 a misuse, 3 an error of the instruction), and the reason.
const LISTED: [(&str, u64, u64, &str); 18] = [
    ("sol_create_program_address", 2, 1, REGIONS),
    ("sol_curve_group_op", 0, 2, CURVES),
    ("sol_curve_multiscalar_mul", 0, 2, CURVES),
    ("sol_get_epoch_schedule_sysvar", 0, 2, RESULTS),
    ("sol_get_last_restart_slot", 0, 0, SYSVARS),
    (
        "sol_get_return_data",
        2,
        0,
        "nothing was returned before the call",
    ),
    ("sol_get_sysvar", 0, 0, SYSVARS),
    ("sol_get_sysvar", 0, 2, RESULTS),
    ("sol_get_sysvar", 1, 2, RESULTS),
    ("sol_get_sysvar", 3, 2, RESULTS),
    ("sol_keccak256", 1, 1, REGIONS),
    ("sol_sha256", 1, 1, REGIONS),
    ("sol_sha256", 1, 3, REGIONS),
    ("sol_memcmp_", 0, 1, REGIONS),
    ("sol_memcmp_", 1, 1, REGIONS),
    ("sol_memcpy_", 1, 1, REGIONS),
    ("sol_memmove_", 1, 1, REGIONS),
    ("sol_memset_", 1, 1, REGIONS),
];
/// Cases that end otherwise today, by their names, each with its reason.
const CASES: [(&str, &str); 7] = [
    (
        "a1_039f6034c9ca85ee",
        "the second group of BN254 is there (SIMD-0302)",
    ),
    (
        "m4_cbde4ab660fee324",
        "a multiplication takes 96 bytes (SIMD-0222)",
    ),
    (
        "p6_86e0247eb0e82241",
        "a pairing takes whole pairs (SIMD-0334)",
    ),
    ("h1_2e33cfcdfc89c18b", PADDING),
    ("h3_50f2649601f6e056", PADDING),
    ("h4_b2568d0188f5c6df", PADDING),
    ("p4_37e41c5e356dc4ed", PADDING),
];
/// `poseidon_enforce_padding`, SIMD-0359.
const PADDING: &str = "an element has 32 bytes";
/// Regions of memory are no longer accessed one behind the other, and an access that fails changes
/// nothing (SIMD-0460).
const REGIONS: &str = "an access lies in one region";
/// A curve or an operation that is unknown is a misuse since then (`abort_on_invalid_curve`).
const CURVES: &str = "an unknown curve ends the program";
/// Results are refused among the accounts since then (SIMD-0459).
const RESULTS: &str = "a result among the accounts is refused";
/// The recording has sysvars of its own, which it does not tell.
const SYSVARS: &str = "the sysvars of the recording are not known";

/// What a call leaves: the kind of its error, its result, units and memory.
#[derive(Debug, Eq, PartialEq)]
struct Left {
    kind: u64,
    result: u64,
    units: u64,
    memory: [Vec<u8>; 2],
    inputs: Vec<Vec<u8>>,
}

impl Left {
    /// Without its memory, of which two letters are shown.
    fn shown(&self) -> String {
        let mut sum = 0u64;
        for byte in self.memory.iter().chain(&self.inputs).flatten() {
            sum = sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
        let Self {
            kind,
            result,
            units,
            ..
        } = self;
        format!("{kind} {result} {units} {:02x}", sum % 251)
    }
}

#[test]
fn system_calls_end_as_recorded() {
    let Some(folder) = std::env::var_os("LOCKSTEP_DATA") else {
        eprintln!("SKIPPED: LOCKSTEP_DATA is not set to the folder of recorded data");
        return;
    };
    let path = PathBuf::from(folder).join("conformance/sbf/syscalls.jsonl.zst");
    let Ok(file) = File::open(&path) else {
        eprintln!("SKIPPED: {} cannot be opened", path.display());
        return;
    };
    let lines = BufReader::new(zstd::Decoder::new(file).unwrap()).lines();
    let mut same: BTreeMap<String, u32> = BTreeMap::new();
    let mut listed = 0u32;
    let mut wrong = Vec::new();
    for line in lines {
        let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let name = case["syscall"].as_str().unwrap();
        let Some(call) = call_named(name) else {
            assert!(MISSING.contains(&name), "{name} is listed");
            continue;
        };
        let (expected, found) = (expected(&case), run(&case, call));
        let class = (name, expected.kind, found.kind);
        let id = case["id"].as_str().unwrap();
        let is_listed = LISTED
            .iter()
            .any(|(name, then, now, _)| class == (*name, *then, *now))
            || CASES.iter().any(|(known, _)| *known == id);
        match expected == found {
            true => {
                let count = same.entry(name.to_owned()).or_default();
                *count = count.saturating_add(1);
            }
            false if is_listed => listed = listed.saturating_add(1),
            false => {
                let [expected, found] = [&expected, &found].map(Left::shown);
                wrong.push(format!("{name} {} {expected} -> {found}", case["id"]));
            }
        }
    }
    eprintln!("system calls as recorded: {same:?}; {listed} listed with a reason");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same.len() > 15, "the file has cases");
}

fn expected(case: &Value) -> Left {
    let expect = &case["expect"];
    let kind = expect["kind"].as_u64().unwrap();
    Left {
        kind,
        result: match kind {
            0 => expect["r"][0].as_u64().unwrap(),
            _ => 0,
        },
        units: expect["cu_left"].as_u64().unwrap(),
        memory: ["heap", "stack"].map(|name| trimmed(bytes(&expect[name]))),
        inputs: inputs(&expect["regions"])
            .map(|(bytes, _)| bytes)
            .filter(|bytes| !bytes.is_empty())
            .collect(),
    }
}

fn run(case: &Value, call: Call) -> Left {
    let sized = |name: &str, size: usize| {
        let mut memory = bytes(&case[name]);
        memory.resize(size, 0);
        memory
    };
    let heap_size = case["heap_max"].as_u64().unwrap();
    let memory = Recorded {
        stack: sized("stack", STACK_SIZE),
        gap: 4_096,
        heap: sized("heap", heap_size.try_into().unwrap()),
        inputs: inputs(&case["regions"])
            .filter(|(bytes, _)| !bytes.is_empty())
            .collect(),
    };
    let registers = [1, 2, 3, 4, 5].map(|register: usize| case["r"][register].as_u64().unwrap());
    let rodata = bytes(&case["rodata"]);
    let end = Arc::new(Turns::default());
    let kept = Arc::clone(&end);
    let work = move |context: &mut InvokeContext<'_, '_>| {
        let mut memory = memory.clone();
        let result = call_recorded(call, registers, context, &rodata, &mut memory);
        let kind = match &result {
            Ok(_) => 0,
            Err(Fault::Memory(_)) => 1,
            Err(Fault::Panic) => 9,
            Err(Fault::Refused(_)) => 2,
            Err(Fault::Instruction(_)) => 3,
        };
        kept.with(|end| *end = Some((kind, result.unwrap_or(0), memory)));
    };
    let units = within(work, case["cu"].as_u64().unwrap());
    let (kind, result, memory) = end.with(Option::take).unwrap();
    let inputs = memory.inputs.iter();
    Left {
        kind,
        result,
        units,
        memory: [trimmed(memory.heap), trimmed(memory.stack)],
        inputs: inputs.map(|(bytes, _)| bytes.clone()).collect(),
    }
}

const ADDRESS: Address = Address::new_from_array([9; 32]);

/// Does something with the context of a native program. Returns the units that are left.
pub(crate) fn within(
    work: impl Fn(&mut InvokeContext<'_, '_>) + Send + Sync + 'static,
    units: u64,
) -> u64 {
    let environment = Environment {
        sysvars: Sysvars::default(),
        rules: RuleSet::December2024,
        programs: ProgramTable::new().with(Within(work)),
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

struct Within<F>(F);

impl<F> fmt::Debug for Within<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a recorded call")
    }
}

impl<F: Fn(&mut InvokeContext<'_, '_>) + Send + Sync> Program for Within<F> {
    fn address(&self) -> Address {
        ADDRESS
    }

    fn name(&self) -> &'static str {
        "call"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        self.0(context);
        Ok(())
    }
}
