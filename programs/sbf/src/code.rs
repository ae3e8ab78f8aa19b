//! A file that was loaded, verified and compiled, and how it runs an instruction.

use std::{
    fmt,
    panic::resume_unwind,
    sync::{Arc, LazyLock},
};

use lockstep_interface::{
    InstructionError, InvokeContext,
    context::{Cause, Rule, Subject},
    executable,
    limits::HEAP_SIZE_MIN,
};
use solana_sbpf::{
    ebpf::MM_INPUT_START,
    elf::{ElfError, Executable},
    error::EbpfError,
    memory_region::AccessType,
    program::{BuiltinProgram, SBPFVersion},
    verifier::RequisiteVerifier,
    vm::{Config, ExecutionMode},
};
use thiserror::Error;

use crate::{
    buffers::Buffers,
    fault::{Fault, error_of},
    image::Layout,
    limits::{CALL_DEPTH_MAX, FRAME_SIZE, HEAP_UNITS},
    syscalls::register,
    vm::{Guest, run},
};

/// What files are held against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Terms {
    /// A file that is to be deployed: each import is a system call that new programs may have.
    Deployment,
    /// The same of version 3 of SBPF alone.
    NewestDeployment,
    /// A file that a person names: each import is a system call.
    Named,
    /// A file that was deployed at some time: an import that is not there is found when it is
    /// called.
    Deployed,
}

impl Terms {
    /// True if they are those of a file that is to be deployed.
    pub(crate) fn are_of_new_programs(self) -> bool {
        matches!(self, Self::Deployment | Self::NewestDeployment)
    }
}

/// What the machine offers programs.
static DEPLOYMENT: LazyLock<Arc<BuiltinProgram<Guest>>> =
    LazyLock::new(|| surroundings(config(), Terms::Deployment));
static NEWEST_DEPLOYMENT: LazyLock<Arc<BuiltinProgram<Guest>>> = LazyLock::new(|| {
    let config = Config {
        enabled_sbpf_versions: SBPFVersion::V3..=SBPFVersion::V3,
        ..config()
    };
    surroundings(config, Terms::NewestDeployment)
});
static NAMED: LazyLock<Arc<BuiltinProgram<Guest>>> =
    LazyLock::new(|| surroundings(config(), Terms::Named));
static DEPLOYED: LazyLock<Arc<BuiltinProgram<Guest>>> = LazyLock::new(|| {
    let config = Config {
        reject_broken_elfs: false,
        ..config()
    };
    surroundings(config, Terms::Deployed)
});

fn surroundings(config: Config, terms: Terms) -> Arc<BuiltinProgram<Guest>> {
    let mut surroundings = BuiltinProgram::new_loader(config);
    register(&mut surroundings, terms).expect("no two system calls have names of one hash");
    Arc::new(surroundings)
}

/// How the machine runs programs, as Agave has it with SIMD-0460.
pub(crate) fn config() -> Config {
    Config {
        max_call_depth: CALL_DEPTH_MAX,
        stack_frame_size: FRAME_SIZE,
        enable_stack_frame_gaps: false,
        instruction_meter_checkpoint_distance: 10_000,
        reject_broken_elfs: true,
        optimize_rodata: false,
        aligned_memory_mapping: false,
        enabled_sbpf_versions: SBPFVersion::V0..=SBPFVersion::V3,
        ..Config::default()
    }
}

/// Why an ELF file is no program.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LoadError {
    /// The program calls what no system call and no function of its own is called.
    #[error(
        "the program imports `{name}`, which is none of the system calls that this crate has; its \
         README lists them"
    )]
    Import {
        /// The name.
        name: String,
    },
    /// The file is damaged, or is no ELF file for SBPF versions 0 to 3.
    #[error("expected an ELF file for SBPF, version 0 to 3: {0}")]
    Elf(String),
    /// An instruction of the program is not allowed.
    #[error("expected instructions that the machine allows: {0}")]
    Instruction(String),
    /// The program could not be compiled to machine code.
    #[error("the program cannot be compiled to machine code: {0}; run it by the interpreter")]
    Compile(String),
}

/// A program's file as the machine runs it.
pub(crate) struct Code {
    executable: Executable<Guest>,
    is_compiled: bool,
}

impl Code {
    /// Loads and verifies a file.
    pub(crate) fn load(elf: &[u8], terms: Terms) -> Result<Self, LoadError> {
        let surroundings = match terms {
            Terms::Deployment => &DEPLOYMENT,
            Terms::NewestDeployment => &NEWEST_DEPLOYMENT,
            Terms::Named => &NAMED,
            Terms::Deployed => &DEPLOYED,
        };
        let executable = Executable::load(elf, Arc::clone(surroundings));
        let executable = executable.map_err(|error| match error {
            ElfError::UnresolvedSymbol(name, ..) => LoadError::Import { name },
            error => LoadError::Elf(error.to_string()),
        })?;
        let verdict = executable.verify::<RequisiteVerifier>();
        verdict.map_err(|error| LoadError::Instruction(error.to_string()))?;
        Ok(Self {
            executable,
            is_compiled: false,
        })
    }

    pub(crate) fn is_compiled(&self) -> bool {
        self.is_compiled
    }

    /// Bytes of memory that it takes.
    pub(crate) fn size(&self) -> usize {
        self.executable.mem_size()
    }

    #[cfg(all(feature = "jit", target_arch = "x86_64", not(target_os = "windows")))]
    pub(crate) fn compiled(mut self) -> Result<Self, LoadError> {
        let compiled = self.executable.jit_compile();
        compiled.map_err(|error| LoadError::Compile(error.to_string()))?;
        self.is_compiled = true;
        Ok(self)
    }

    #[cfg(not(all(feature = "jit", target_arch = "x86_64", not(target_os = "windows"))))]
    pub(crate) fn compiled(self) -> Result<Self, LoadError> {
        Ok(self)
    }

    fn mode(&self) -> ExecutionMode {
        match self.is_compiled {
            true => ExecutionMode::Jit,
            false => ExecutionMode::Interpreted,
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("Code");
        text.field("is_compiled", &self.is_compiled);
        text.finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Code {
    /// A program of instructions as text, in the newest version of SBPF.
    pub(crate) fn assembled(text: &str, is_compiled: bool) -> Self {
        let executable = solana_sbpf::assembler::assemble(text, Arc::clone(&NAMED));
        let code = Self {
            executable: executable.unwrap_or_else(|error| panic!("{error} in {text}")),
            is_compiled: false,
        };
        let verdict = code.executable.verify::<RequisiteVerifier>();
        verdict.unwrap_or_else(|error| panic!("{error} in {text}"));
        match is_compiled {
            true => code.compiled().expect("the program can be compiled"),
            false => code,
        }
    }
}

impl executable::Executable for Code {
    fn process(&self, context: &mut InvokeContext<'_, '_>) -> Result<(), InstructionError> {
        let mut buffers = Buffers::take();
        buffers.layout.lay_out(context)?;
        buffers.make_room();
        buffers.layout.write(context, &mut buffers.image)?;
        let units = context.compute_units_left();
        let heap = context.consume(heap_units(context.heap_size()));
        heap.map_err(|error| {
            context.log_line(|| format!("Failed to create SBF VM: {error}"));
            InstructionError::ProgramEnvironmentSetupFailure
        })?;
        let units_of_run = context.compute_units_left();
        let end = run(&self.executable, self.mode(), context, &mut buffers)?;
        if let Some(panic) = end.panic {
            // Outside of compiled code, which has no tables to unwind it.
            resume_unwind(panic);
        }
        log_end(context, units, units_of_run);
        let result = match end.result {
            Ok(0) => buffers.layout.write_back(context, &buffers.image),
            Ok(result) => Err(error_of(result)),
            Err(error) => Err(failed(context, &buffers.layout, error)),
        };
        buffers.give_back();
        result
    }
}

/// What a heap of this many bytes costs.
fn heap_units(size: usize) -> u64 {
    let further = size.div_ceil(HEAP_SIZE_MIN).saturating_sub(1);
    let further = u64::try_from(further).unwrap_or(u64::MAX);
    further.saturating_mul(HEAP_UNITS)
}

/// Logs what a program has spent of the units that it had, its heap not counted, and what it leaves
/// for its caller.
fn log_end(context: &mut InvokeContext<'_, '_>, units: u64, units_of_run: u64) {
    let spent = units_of_run.saturating_sub(context.compute_units_left());
    let program = context.program();
    context.log_line(|| format!("Program {program} consumed {spent} of {units} compute units"));
    context.log_return_data();
}

/// The error of an instruction whose program did not come to its end.
///
/// A fault of the machine takes all compute units: how many the program had spent up to it depends
/// on how it is run.
fn failed(
    context: &mut InvokeContext<'_, '_>,
    layout: &Layout,
    error: EbpfError,
) -> InstructionError {
    let cause = match error {
        EbpfError::SyscallError(fault) => match fault.downcast::<Fault>() {
            Ok(fault) => *fault,
            Err(other) => Fault::Refused(other.to_string()),
        },
        error => {
            let left = context.compute_units_left();
            // What is left can be spent.
            let _ = context.consume(left);
            Fault::Memory(error)
        }
    };
    let error = match &cause {
        // Whatever reported it has said why.
        Fault::Instruction(error) => return error.clone(),
        Fault::Memory(EbpfError::AccessViolation(access, address, size, _)) => {
            let start = address.checked_sub(MM_INPUT_START);
            let start = start.and_then(|start| usize::try_from(start).ok());
            let size = usize::try_from(*size).unwrap_or(usize::MAX);
            let range = start.map(|start| start..start.saturating_add(size));
            let is_store = *access == AccessType::Store;
            range.and_then(|range| layout.access_error(context, &range, is_store))
        }
        Fault::Memory(_) | Fault::Refused(_) | Fault::Panic => None,
    };
    let error = error.unwrap_or_else(|| {
        context.explain_failure(|| cause.to_string());
        InstructionError::ProgramFailedToComplete
    });
    context.diagnose(&error, || Cause::Rule {
        subject: Subject::Transaction("compiled program"),
        rule: Rule::Check,
        expected: "a run to its end".to_owned(),
        got: cause.to_string(),
    });
    error
}
