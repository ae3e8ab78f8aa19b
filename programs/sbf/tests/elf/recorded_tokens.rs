//! Recorded instructions of the Token and Associated Token Account programs, run by the compiled
//! programs: each has to end as it ended on Anza's runtime, in result, returned data and accounts,
//! and in compute units where the recording is of the same file. The recordings lie outside of the
//! tree; `LOCKSTEP_DATA` names their folder.

use std::{env, fs::File, io::BufRead, io::BufReader, path::PathBuf, str::FromStr};

use lockstep_interface::{
    Account, Address, Environment, InstructionError, ProgramTable, Rent, RuleSet, Sysvars,
    address::program_ids,
    context::{AccountSlot, InstructionAccount, TransactionContext},
    sysvar::Clock,
};
use lockstep_programs::SystemProgram;
use lockstep_sbf::SbfProgram;
use serde_json::Value;

use crate::{elf, recorded::account, token_2022};

const SPL_TOKEN: (Address, &str) = (program_ids::TOKEN, "spl_token-3.5.0.so");
const P_TOKEN: (Address, &str) = (program_ids::TOKEN, "pinocchio_token_program.so");
const TOKEN_2022: (Address, &str) = (token_2022::TOKEN_2022, "spl_token_2022-11.0.0.so");
const ASSOCIATED: (Address, &str) = (
    program_ids::ASSOCIATED_TOKEN,
    "spl_associated_token_account-1.1.1.so",
);

/// The result of a program that did what the runtime refuses.
const REFUSED: u64 = u64::MAX;

/// A file of recordings, and what runs them.
struct Recording {
    path: &'static str,
    rules: RuleSet,
    programs: &'static [(Address, &'static str)],
    /// Whether the recording is of the same files, which take as many compute units.
    counts_units: bool,
    /// Cases that end otherwise, by the start of their names, each with its reason.
    listed: &'static [(&'static str, &'static str)],
}

const RECORDINGS: [Recording; 6] = [
    Recording {
        path: "token_instr.jsonl.zst",
        rules: RuleSet::December2024,
        programs: &[SPL_TOKEN],
        counts_units: false,
        listed: &[],
    },
    Recording {
        path: "token_instr.jsonl.zst",
        rules: RuleSet::December2024,
        programs: &[P_TOKEN],
        counts_units: false,
        listed: &[],
    },
    Recording {
        path: "ata_instr.jsonl.zst",
        rules: RuleSet::December2024,
        programs: &[ASSOCIATED, SPL_TOKEN, TOKEN_2022],
        counts_units: false,
        listed: &[],
    },
    Recording {
        path: "agave-4.2.2/token.jsonl.zst",
        rules: RuleSet::Current,
        programs: &[P_TOKEN],
        counts_units: true,
        listed: &[],
    },
    Recording {
        path: "agave-4.2.2/token.jsonl.zst",
        rules: RuleSet::Current,
        programs: &[SPL_TOKEN],
        counts_units: false,
        listed: &[],
    },
    Recording {
        path: "agave-4.2.2/ata.jsonl.zst",
        rules: RuleSet::Current,
        programs: &[ASSOCIATED, P_TOKEN, TOKEN_2022],
        counts_units: true,
        listed: &[],
    },
];

#[test]
fn instructions_of_token_programs_end_as_recorded() {
    let Some(folder) = env::var_os("LOCKSTEP_DATA") else {
        eprintln!("SKIPPED: LOCKSTEP_DATA is not set to the folder of recorded data");
        return;
    };
    let folder = PathBuf::from(folder).join("conformance");
    let mut wrong = Vec::new();
    for recording in &RECORDINGS {
        let path = folder.join(recording.path);
        let Ok(file) = File::open(&path) else {
            eprintln!("SKIPPED: {} cannot be opened", path.display());
            continue;
        };
        let Some(table) = recording.table() else {
            return;
        };
        let lines = BufReader::new(zstd::Decoder::new(file).unwrap()).lines();
        let [mut same, mut listed] = [0u32; 2];
        for line in lines {
            let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let id = case["id"].as_str().unwrap();
            let difference = recording.difference(&case, &table);
            let reasons = &mut recording.listed.iter();
            let reason = reasons.find(|(start, _)| id.starts_with(start));
            match (difference, reason) {
                (None, None) => same += 1,
                (Some(_), Some(_)) => listed += 1,
                (difference, _) => {
                    let path = recording.path;
                    wrong.push(format!("{path} {id}: {difference:?}"));
                }
            }
        }
        let path = recording.path;
        eprintln!("{path}: {same} as recorded, {listed} listed with a reason");
        assert!(same > 200, "{path} has cases");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an instruction leaves.
#[derive(Debug, Eq, PartialEq)]
struct Left {
    result: Result<(), InstructionError>,
    returned: Vec<u8>,
    modified: Vec<(Address, Account)>,
    units: u64,
}

impl Left {
    /// What another left instead.
    fn against(&self, found: &Self) -> String {
        if (&self.result, self.units) != (&found.result, found.units) {
            let [expected, found] = [self, found].map(|left| (&left.result, left.units));
            return format!("{expected:?}, found {found:?}");
        }
        let unlike = self.modified.iter().zip(&found.modified);
        let mut unlike = unlike.filter(|(expected, found)| expected != found);
        let Some((expected, found)) = unlike.next() else {
            let [expected, found] = [self, found].map(|left| (left.modified.len(), &left.returned));
            return format!("{expected:?}, found {found:?}");
        };
        let [expected_data, found_data] = [expected, found].map(|(_, account)| &account.data);
        let bytes = expected_data.iter().zip(found_data.iter());
        let place = bytes.into_iter().position(|(left, right)| left != right);
        format!("{expected:?}, found {found:?}: byte {place:?}")
    }
}

impl Recording {
    /// The programs, ready to run; `None` if a file is missing.
    fn table(&self) -> Option<ProgramTable> {
        let mut table = ProgramTable::new().with(SystemProgram);
        for (address, name) in self.programs {
            let program = SbfProgram::load(*address, "recorded", &elf(name)?);
            table = table.with(program.expect("the file is a program"));
        }
        Some(table)
    }

    /// The first thing that is not as recorded.
    fn difference(&self, case: &Value, table: &ProgramTable) -> Option<String> {
        let found = self.run(case, table);
        let expect = &case["expect"];
        let result = expect["program_result"].as_u64().unwrap();
        if result == REFUSED {
            let passed = found.result.is_ok();
            return passed.then(|| "refused by the runtime, found success".to_owned());
        }
        let expected = Left {
            result: recorded_result(result, expect["instr_error"].as_u64()),
            returned: hex::decode(expect["ret"].as_str().unwrap()).unwrap(),
            modified: match &found.result {
                // What a failed instruction would have done is told by some recordings only.
                Err(_) if self.rules == RuleSet::Current => found.modified.clone(),
                _ => sorted(expect["modified"].as_array().unwrap().iter().map(account)),
            },
            units: match self.counts_units {
                true => expect["cu_used"].as_u64().unwrap(),
                false => found.units,
            },
        };
        (expected != found).then(|| expected.against(&found))
    }

    fn run(&self, case: &Value, table: &ProgramTable) -> Left {
        let number = |value: &Value| value.as_u64().unwrap();
        let rent = &case["rent"];
        let threshold = rent["exemption_threshold"].as_f64().unwrap();
        let environment = Environment {
            sysvars: Sysvars {
                clock: Some(Clock {
                    slot: number(&case["slot"]),
                    unix_timestamp: case["unix_timestamp"].as_i64().unwrap(),
                    ..Clock::default()
                }),
                rent: Some(Rent {
                    lamports_per_byte: number(&rent["lamports_per_byte_year"]),
                    exemption_threshold_bits: threshold.to_bits(),
                    ..Rent::MAINNET
                }),
                ..Sysvars::default()
            },
            rules: self.rules,
            programs: table.clone(),
        };
        let before = case["accounts"].as_array().unwrap().iter().map(account);
        let mut before: Vec<_> = before.collect();
        let called = Address::from_str(case["program"].as_str().unwrap()).unwrap();
        if before.iter().all(|(address, _)| *address != called) {
            let called_account = Account {
                lamports: 1,
                executable: true,
                ..Account::default()
            };
            before.push((called, called_account));
        }
        for (address, account) in &mut before {
            if table.get(address).is_some() {
                account.owner = program_ids::NATIVE_LOADER;
            }
        }
        let mut accounts: Vec<Account> =
            before.iter().map(|(_, account)| account.clone()).collect();
        let mut context = TransactionContext::new(&environment);
        let units = number(&case["cu"]);
        context.begin(units, false);
        for ((address, _), account) in before.iter().zip(&mut accounts) {
            context.push(AccountSlot::owned(address, account, false));
        }
        let program = before.iter().position(|(address, _)| *address == called);
        let program = u8::try_from(program.expect("it was added")).unwrap();
        let metas = case["metas"].as_array().unwrap().iter();
        let mut metas: Vec<_> = metas
            .map(|meta| InstructionAccount {
                index: u8::try_from(number(&meta[0])).unwrap(),
                is_writable: meta[1] == 1,
                is_signer: meta[2] == 1,
            })
            .collect();
        // As in a message, an account has its rights wherever it is named.
        for meta in metas.clone() {
            for same in metas.iter_mut().filter(|same| same.index == meta.index) {
                same.is_writable |= meta.is_writable;
                same.is_signer |= meta.is_signer;
            }
        }
        let data = hex::decode(case["data"].as_str().unwrap()).unwrap();
        let result = context.process_instruction_with_rights(program, &metas, &data);
        // Programs report the older error, and recordings without the runtime's tell theirs.
        #[expect(deprecated, reason = "programs report the older error")]
        let result = match result {
            Err(InstructionError::MissingAccount) if self.rules == RuleSet::December2024 => {
                Err(InstructionError::NotEnoughAccountKeys)
            }
            result => result,
        };
        let changed = before
            .iter()
            .enumerate()
            .filter_map(|(index, (address, account))| {
                let now = context.slot(index).account();
                (now != account).then(|| (*address, now.clone()))
            });
        let modified = sorted(changed);
        Left {
            result,
            returned: context.records().return_data().data.clone(),
            modified,
            units: units - context.compute_units_left(),
        }
    }
}

fn sorted(accounts: impl Iterator<Item = (Address, Account)>) -> Vec<(Address, Account)> {
    let mut accounts: Vec<_> = accounts.collect();
    accounts.sort_unstable_by_key(|(address, _)| *address);
    accounts
}

/// The result of a program by its number, or by that of the runtime's error where it is told, one
/// more than the index.
fn recorded_result(result: u64, error: Option<u64>) -> Result<(), InstructionError> {
    if result == 0 {
        return Ok(());
    }
    let custom = u32::try_from(result).ok().map(InstructionError::Custom);
    let Some(error) = error else {
        return Err(custom.unwrap_or_else(|| {
            let index = usize::try_from(result >> 32).unwrap() - 1;
            PROGRAM_ERRORS[index].clone()
        }));
    };
    let index = usize::try_from(error).unwrap().checked_sub(1).unwrap();
    match InstructionError::VARIANTS[index].clone() {
        // Zero is told by the number that stands for it.
        InstructionError::Custom(_) => Err(custom.unwrap_or(InstructionError::Custom(0))),
        error => Err(error),
    }
}

/// The errors that programs report by number, from 1 << 32 on (Solana: `ProgramError`).
#[expect(deprecated, reason = "programs report the older error")]
const PROGRAM_ERRORS: [InstructionError; 18] = [
    InstructionError::Custom(0),
    InstructionError::InvalidArgument,
    InstructionError::InvalidInstructionData,
    InstructionError::InvalidAccountData,
    InstructionError::AccountDataTooSmall,
    InstructionError::InsufficientFunds,
    InstructionError::IncorrectProgramId,
    InstructionError::MissingRequiredSignature,
    InstructionError::AccountAlreadyInitialized,
    InstructionError::UninitializedAccount,
    InstructionError::NotEnoughAccountKeys,
    InstructionError::AccountBorrowFailed,
    InstructionError::MaxSeedLengthExceeded,
    InstructionError::InvalidSeeds,
    InstructionError::BorshIoError,
    InstructionError::AccountNotRentExempt,
    InstructionError::UnsupportedSysvar,
    InstructionError::IllegalOwner,
];
