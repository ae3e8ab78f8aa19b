//! The loaders: native programs that make programs of accounts, and that people deploy, upgrade and
//! close programs with.
//!
//! - [`instruction`]: what the upgradeable loader can be asked to do, and the calls of clients;
//! - `state`: what its accounts hold;
//! - `deploy`, `authority`, `room`: how each instruction is carried out.
//!
//! Rules, costs and errors are those of Agave 4.2.2 (`programs/bpf_loader`).

mod authority;
mod deploy;
pub mod instruction;
mod room;
pub(crate) mod state;

use std::sync::Arc;

use lockstep_interface::{
    Account, AccountMeta, Address, Executable, Instruction, InstructionError, InvokeContext,
    Loader, Program, ProgramTable, address::program_ids,
};

use crate::cache::Cache;
use instruction::LoaderInstruction;
use state::{FILE_HEAD_SIZE, LoaderState};

/// What instructions of each loader cost (`UPGRADEABLE_LOADER_COMPUTE_UNITS`,
/// `DEFAULT_LOADER_COMPUTE_UNITS`, `DEPRECATED_LOADER_COMPUTE_UNITS`).
const UPGRADEABLE_UNITS: u64 = 2_370;
const SECOND_UNITS: u64 = 570;
const FIRST_UNITS: u64 = 1_140;

/// Adds the loaders to a chain's programs, so that programs can be deployed on it, and such as are
/// accounts of its genesis can be called. They are compiled to machine code where the feature `jit`
/// is on and the processor is an x86-64.
///
/// ```
/// use lockstep_interface::{ProgramTable, address::program_ids};
///
/// let programs = lockstep_sbf::with_loaders(ProgramTable::new());
/// assert!(programs.loader(&program_ids::UPGRADEABLE_LOADER).is_some());
/// ```
#[must_use]
pub fn with_loaders(programs: ProgramTable) -> ProgramTable {
    with(programs, true)
}

/// The same with programs that are interpreted: slower, and the same in all results.
#[must_use]
pub fn with_interpreting_loaders(programs: ProgramTable) -> ProgramTable {
    with(programs, false)
}

fn with(programs: ProgramTable, is_compiling: bool) -> ProgramTable {
    let cache = Arc::new(Cache::new(is_compiling));
    programs
        .with(UpgradeableLoader(Arc::clone(&cache)))
        .with(SecondLoader(cache))
        .with(FirstLoader)
}

/// The upgradeable loader, whose programs keep their files in accounts of their own.
#[derive(Clone, Debug)]
struct UpgradeableLoader(Arc<Cache>);

/// The loader before it: a program is an account that holds the file. It makes no new ones.
#[derive(Clone, Debug)]
struct SecondLoader(Arc<Cache>);

/// The first loader, none of whose programs run here.
#[derive(Clone, Copy, Debug)]
struct FirstLoader;

impl Program for UpgradeableLoader {
    fn address(&self) -> Address {
        program_ids::UPGRADEABLE_LOADER
    }

    fn name(&self) -> &'static str {
        "upgradeable-loader"
    }

    fn tag_size(&self, _: &[u8]) -> usize {
        4
    }

    fn loader(&self) -> Option<&dyn Loader> {
        Some(self)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(UPGRADEABLE_UNITS)?;
        let instruction = LoaderInstruction::decode(context.data());
        match instruction.ok_or(InstructionError::InvalidInstructionData)? {
            LoaderInstruction::InitializeBuffer => deploy::initialize(context),
            LoaderInstruction::Write { offset, bytes } => deploy::write(context, offset, bytes),
            LoaderInstruction::Deploy { size_max } => deploy::deploy(context, size_max),
            LoaderInstruction::Upgrade => deploy::upgrade(context),
            LoaderInstruction::SetAuthority => authority::set(context),
            LoaderInstruction::SetAuthorityChecked => authority::set_checked(context),
            LoaderInstruction::Close => room::close(context),
            LoaderInstruction::Extend { added } => room::extend(context, added),
        }
    }
}

impl Loader for UpgradeableLoader {
    fn file_address(&self, _: &Address, account: &Account) -> Option<Address> {
        match LoaderState::decode(&account.data) {
            Some(LoaderState::Program { file }) => Some(file),
            _ => None,
        }
    }

    fn load(&self, file: &Account) -> Option<Arc<dyn Executable>> {
        match LoaderState::decode(&file.data) {
            Some(LoaderState::File { .. }) => Some(self.0.get(&file.data, FILE_HEAD_SIZE)?),
            _ => None,
        }
    }
}

impl Program for SecondLoader {
    fn address(&self) -> Address {
        program_ids::LOADER_2
    }

    fn name(&self) -> &'static str {
        "loader-2"
    }

    fn loader(&self) -> Option<&dyn Loader> {
        Some(self)
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(SECOND_UNITS)?;
        context.log(|| "BPF loader management instructions are no longer supported".to_owned());
        Err(InstructionError::UnsupportedProgramId)
    }
}

impl Loader for SecondLoader {
    fn file_address(&self, program: &Address, account: &Account) -> Option<Address> {
        (!account.data.is_empty()).then_some(*program)
    }

    fn load(&self, file: &Account) -> Option<Arc<dyn Executable>> {
        Some(self.0.get(&file.data, 0)?)
    }
}

impl Program for FirstLoader {
    fn address(&self) -> Address {
        program_ids::LOADER_1
    }

    fn name(&self) -> &'static str {
        "loader-1"
    }

    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        context.consume(FIRST_UNITS)?;
        context.log(|| "Deprecated loader is no longer supported".to_owned());
        Err(InstructionError::UnsupportedProgramId)
    }
}

/// Logs why an instruction fails, and fails it.
fn refuse<T>(
    context: &mut InvokeContext<'_, '_>,
    error: InstructionError,
    why: &str,
) -> Result<T, InstructionError> {
    context.log(|| why.to_owned());
    Err(error)
}

/// The System program's instruction that creates an account of the upgradeable loader.
fn create_account(from: &Address, to: &Address, lamports: u64, size: usize) -> Instruction {
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    let mut data = vec![0; 4];
    data.extend_from_slice(&lamports.to_le_bytes());
    data.extend_from_slice(&size.to_le_bytes());
    data.extend_from_slice(program_ids::UPGRADEABLE_LOADER.as_array());
    Instruction {
        program: program_ids::SYSTEM,
        accounts: [from, to]
            .map(|address| AccountMeta::writable(*address, true))
            .to_vec(),
        data,
    }
}

/// The System program's transfer.
fn transfer(from: &Address, to: &Address, lamports: u64) -> Instruction {
    let mut data = vec![2, 0, 0, 0];
    data.extend_from_slice(&lamports.to_le_bytes());
    Instruction {
        program: program_ids::SYSTEM,
        accounts: vec![
            AccountMeta::writable(*from, true),
            AccountMeta::writable(*to, false),
        ],
        data,
    }
}
