//! Recorded instructions of the loaders, and of small programs that they run: each has to end as
//! Anza's runtime of December 2024 ended it. The file lies outside of the tree; `LOCKSTEP_DATA`
//! names its folder.

use std::{
    env,
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    str::FromStr,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lockstep_interface::{
    Account, Address, Environment, Executables, InstructionError, ProgramTable, Rent, RuleSet,
    Sysvars,
    address::{program_ids, sysvar_ids},
    context::{AccountSlot, InstructionAccount, TransactionContext},
    executable::ExecutableEntry,
    limits::HEAP_SIZE_MIN,
    sysvar::Clock,
};
use lockstep_programs::SystemProgram;
use lockstep_sbf::{with_interpreting_loaders, with_loaders};
use serde_json::Value;

/// A program of the first loader, whose accounts lie in memory unaligned: it cannot be called.
const UNALIGNED: &str = "a program of the first loader";
/// A fault of the machine takes all units since then (`deplete_cu_meter_on_vm_failure`).
const DEPLETES: &str = "a fault takes all units";
/// A program that is not there was an account with wrong data
/// (`remove_accounts_executable_flag_checks`).
const NO_PROGRAM: &str = "no program is an error of its own";

/// The cases that end otherwise today, by the start of their names, each with its reason.
const LISTED: [(&str, &str); 8] = [
    (
        "instr-117w383QZFivo3iBx8kmeMYeJHGQn4RZFz35wAdzRBQhPSAHTYhPcY7Vq6dwQKe5F",
        UNALIGNED,
    ),
    ("8754178cbd3309b4", UNALIGNED),
    ("ed05d51ff531d2c7", DEPLETES),
    ("42e6c12692bed64c", DEPLETES),
    ("4565acf8c6ffcb51", DEPLETES),
    ("fa5865f59d20632b", NO_PROGRAM),
    ("d46f91de43a8400a", NO_PROGRAM),
    ("33eab234782af247", NO_PROGRAM),
];

#[test]
fn instructions_of_loaders_end_as_recorded() {
    let Some(folder) = env::var_os("LOCKSTEP_DATA") else {
        eprintln!("SKIPPED: LOCKSTEP_DATA is not set to the folder of recorded data");
        return;
    };
    let path = PathBuf::from(folder).join("conformance/sbf/loaders.jsonl.zst");
    let Ok(file) = File::open(&path) else {
        eprintln!("SKIPPED: {} cannot be opened", path.display());
        return;
    };
    let lines = BufReader::new(zstd::Decoder::new(file).unwrap()).lines();
    let tables = [with_loaders, with_interpreting_loaders];
    let tables = tables.map(|with| with(ProgramTable::new().with(SystemProgram)));
    let [mut same, mut listed] = [0u32; 2];
    let mut wrong = Vec::new();
    for line in lines.skip(1) {
        let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        for table in &tables {
            let (expected, found) = (expected(&case), run(&case, table));
            let id = case["id"].as_str().unwrap();
            let is_listed = LISTED.iter().any(|(start, _)| id.starts_with(start));
            match (expected == found, is_listed) {
                (true, false) => same += 1,
                (false, true) => listed += 1,
                _ => {
                    let [expected, found] = [&expected, &found].map(Left::shown);
                    wrong.push(format!("{} {expected} -> {found}", case["id"]));
                }
            }
        }
    }
    eprintln!("loaders: {same} runs as recorded, {listed} listed with a reason");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same >= 2 * 240, "{same} runs");
}

/// What an instruction leaves: the number of its error, its units, and the accounts that it
/// changed.
#[derive(Debug, Eq, PartialEq)]
struct Left {
    result: u32,
    units: u64,
    modified: Vec<(Address, Account)>,
}

impl Left {
    /// In a line.
    fn shown(&self) -> String {
        let modified = self.modified.iter().map(|(address, account)| {
            let text = address.to_string();
            let Account { lamports, data, .. } = account;
            format!("{} {lamports} {}", &text[..6], data.len())
        });
        let modified: Vec<String> = modified.collect();
        format!("{} {} {modified:?}", self.result, self.units)
    }
}

fn expected(case: &Value) -> Left {
    let expect = &case["expect"];
    let modified = expect["modified"].as_array().unwrap().iter().map(account);
    let mut modified: Vec<_> = modified.collect();
    modified.sort_unstable_by_key(|(address, _)| *address);
    Left {
        result: u32::try_from(expect["result"].as_u64().unwrap()).unwrap(),
        units: expect["cu_left"].as_u64().unwrap(),
        modified,
    }
}

fn run(case: &Value, programs: &ProgramTable) -> Left {
    let before: Vec<_> = case["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(account)
        .collect();
    let held = |address: &Address| {
        let found = before.iter().find(|(known, _)| known == address);
        found
            .map(|(_, account)| account)
            .filter(|account| account.exists())
    };
    let rent = held(&sysvar_ids::RENT).and_then(|account| Rent::decode(&account.data));
    let clock = held(&sysvar_ids::CLOCK).filter(|account| account.data.len() >= 40);
    let slot = clock.and_then(|account| account.data.first_chunk());
    let slot = slot.map(|slot| u64::from_le_bytes(*slot));
    let environment = Environment {
        sysvars: Sysvars {
            clock: Some(Clock {
                slot: slot.unwrap_or(case["slot"].as_u64().unwrap()),
                ..Clock::default()
            }),
            rent: Some(rent.unwrap_or(Rent::MAINNET)),
            ..Sysvars::default()
        },
        rules: RuleSet::December2024,
        programs: programs.clone(),
    };
    let executables = executables(programs, &before);
    let called = Address::from_str(case["program"].as_str().unwrap()).unwrap();
    let mut accounts: Vec<Account> = before.iter().map(|(_, account)| account.clone()).collect();
    let mut context = TransactionContext::new(&environment);
    context.begin(case["cu"].as_u64().unwrap(), false);
    context.set_executables(&executables, HEAP_SIZE_MIN);
    for ((address, _), account) in before.iter().zip(&mut accounts) {
        context.push(AccountSlot::owned(address, account, false));
    }
    let program = before.iter().position(|(address, _)| *address == called);
    let program = u8::try_from(program.expect("the case has its program")).unwrap();
    let metas = case["metas"].as_array().unwrap().iter();
    let metas: Vec<_> = metas
        .map(|meta| InstructionAccount {
            index: u8::try_from(meta[0].as_u64().unwrap()).unwrap(),
            is_writable: meta[1] == 1,
            is_signer: meta[2] == 1,
        })
        .collect();
    let data = hex::decode(case["data"].as_str().unwrap()).unwrap();
    let result = context.process_instruction_with_rights(program, &metas, &data);
    let units = context.compute_units_left();
    let mut modified: Vec<(Address, Account)> = Vec::new();
    // Recorded failures were not rolled back, so that they show how far the program had come.
    for (index, (address, account)) in before.iter().enumerate() {
        let now = context.slot(index).account();
        if now != account {
            modified.push((*address, now.clone()));
        }
    }
    modified.sort_unstable_by_key(|(address, _)| *address);
    Left {
        result: result.map_or_else(|error| number(&error), |()| 0),
        units,
        modified,
    }
}

/// The programs among accounts, as a block makes them ready.
fn executables(programs: &ProgramTable, accounts: &[(Address, Account)]) -> Executables {
    let entries = accounts.iter().filter_map(|(program, account)| {
        let loader = programs.loader(&account.owner)?;
        let file = loader.file_address(program, account)?;
        let found = accounts.iter().find(|(address, _)| *address == file);
        Some(ExecutableEntry {
            program: *program,
            file,
            file_size: None,
            executable: found.and_then(|(_, account)| loader.load(account)),
        })
    });
    Executables::new(entries.collect())
}

/// One more than the index of an error, as recordings have it.
#[expect(deprecated, reason = "the older rules report the older error")]
fn number(error: &InstructionError) -> u32 {
    match error {
        InstructionError::InvalidArgument => 2,
        InstructionError::InvalidInstructionData => 3,
        InstructionError::InvalidAccountData => 4,
        InstructionError::AccountDataTooSmall => 5,
        InstructionError::InsufficientFunds => 6,
        InstructionError::IncorrectProgramId => 7,
        InstructionError::MissingRequiredSignature => 8,
        InstructionError::AccountAlreadyInitialized => 9,
        InstructionError::ReadonlyDataModified => 16,
        InstructionError::NotEnoughAccountKeys => 20,
        InstructionError::ExecutableDataModified => 28,
        InstructionError::UnsupportedProgramId => 31,
        InstructionError::MissingAccount => 33,
        InstructionError::ComputationalBudgetExceeded => 38,
        InstructionError::PrivilegeEscalation => 39,
        InstructionError::ProgramFailedToComplete => 41,
        InstructionError::Immutable => 43,
        InstructionError::IncorrectAuthority => 44,
        other => panic!("no recorded case ends with {other:?}"),
    }
}

pub(crate) fn account(value: &Value) -> (Address, Account) {
    let text = |name: &str| value[name].as_str().unwrap();
    let data = match &value["data"] {
        Value::String(data) => STANDARD.decode(data).unwrap(),
        trimmed => {
            let mut data = STANDARD.decode(trimmed["b"].as_str().unwrap()).unwrap();
            let size = usize::try_from(trimmed["n"].as_u64().unwrap()).unwrap();
            data.resize(size, 0);
            data
        }
    };
    let account = Account {
        lamports: value["lamports"].as_u64().unwrap(),
        data: data.into(),
        owner: Address::from_str(text("owner")).unwrap(),
        executable: value["exec"] == 1,
    };
    (Address::from_str(text("key")).unwrap(), account)
}

#[test]
fn the_first_loader_only_refuses() {
    let programs = with_loaders(ProgramTable::new());
    let first = programs.get(&program_ids::LOADER_1).expect("it is there");
    assert!(first.loader().is_none());
}
